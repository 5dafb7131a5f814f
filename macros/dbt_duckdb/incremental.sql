{#- DuckDB's strategies: delete+insert, merge with its many settings, microbatch by time. -#}

{% macro normalize_string_or_list(raw, field_name) %}
    {% set made = [] if raw is none else [raw] if raw is string else raw %}
    {% if made is mapping or made is string or made is not sequence %}
        {{ exceptions.raise_compiler_error(field_name ~ ' must be a list of strings or a string') }}
    {% endif %}
    {% for item in made if item is not string %}
        {% do exceptions.raise_compiler_error(field_name ~ ' list values must be non-empty strings') %}
    {% endfor %}
    {{ return(made | list) }}
{% endmacro %}

{% macro normalize_incremental_predicates(incremental_predicates) %}
    {{ return(normalize_string_or_list(incremental_predicates, 'incremental_predicates')) }}
{% endmacro %}

{% macro duckdb__get_incremental_default_sql(arg_dict) %}
    {{ return(get_incremental_delete_insert_sql(arg_dict) if arg_dict['unique_key'] else get_incremental_append_sql(arg_dict)) }}
{% endmacro %}

{% macro duckdb__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
    {%- if unique_key -%}
        {%- if unique_key is string -%} {#- may be an expression; predicates name the target's columns without an alias -#}
        delete from {{ target }}
        where ({{ unique_key }}) in (select ({{ unique_key }}) from {{ source }})
        {%- else -%}
        delete from {{ target }} as DBT_INCREMENTAL_TARGET
        using {{ source }} as DBT_INTERNAL_SOURCE
        where (
            {%- for key in unique_key %}DBT_INTERNAL_SOURCE.{{ key }} = DBT_INCREMENTAL_TARGET.{{ key }}{{ ' and ' if not loop.last }}{% endfor -%}
        )
        {%- endif -%}
        {%- for predicate in normalize_incremental_predicates(incremental_predicates) %}
            and ({{ predicate }})
        {%- endfor -%}
        ;
    {% endif -%}
    {{ get_insert_into_sql(target, source, dest_columns) }}
{%- endmacro %}

{#- The batch's span of time is emptied, then filled. -#}
{% macro duckdb__get_incremental_microbatch_sql(arg_dict) %}
    {% set event_time, batch = config.get('event_time'), model.get('batch') %}
    {% if not event_time %}
        {{ exceptions.raise_compiler_error("microbatch incremental strategy requires an 'event_time' model config") }}
    {% elif config.get('unique_key') %}
        {{ exceptions.raise_compiler_error("microbatch incremental strategy does not support 'unique_key': each batch replaces its span of 'event_time'. Remove 'unique_key' or use incremental_strategy='merge'.") }}
    {% elif not batch or not batch.get('event_time_start') or not batch.get('event_time_end') %}
        {{ exceptions.raise_compiler_error("microbatch incremental strategy requires 'batch.event_time_start' and 'batch.event_time_end' to be set in the context") }}
    {% endif %}
    {% set span = event_time ~ " >= '" ~ batch.get('event_time_start') ~ "' and " ~ event_time ~ " < '" ~ batch.get('event_time_end') ~ "'" %}
    {% set conditions = [span] + normalize_incremental_predicates(arg_dict.get('incremental_predicates')) %}
    {% set names = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) %}
    {% set sql -%}
        delete from {{ arg_dict['target_relation'] }}
        where ({{ conditions | join(') and (') }});
        insert into {{ arg_dict['target_relation'] }} ({{ names }})
        select {{ names }} from {{ arg_dict['temp_relation'] }}
        where {{ span }};
    {%- endset %}
    {{ return(sql) }}
{% endmacro %}

{#- merge: checks of its settings -#}
{% macro validate_string_field(field_value, field_name, errors) %}
    {% if field_value is not none and field_value is not string %}
        {% do errors.append(field_name ~ ' must be a string, found: ' ~ field_value) %}
    {% endif %}
{% endmacro %}

{% macro validate_string_list_field(field_value, field_name, errors) %}
    {% if field_value is not none and (field_value is string or field_value is mapping or field_value is not sequence) %}
        {% do errors.append(field_name ~ ' must be a list') %}
    {% elif field_value is not none %}
        {% for item in field_value if item is not string %}
            {% do errors.append(field_name ~ ' must contain only string values, found: ' ~ item) %}
        {% endfor %}
    {% endif %}
{% endmacro %}

{% macro validate_dict_field(field_value, field_name, errors) %}
    {% if field_value is not none and field_value is not mapping %}
        {% do errors.append(field_name ~ ' must be a dictionary, found: ' ~ field_value) %}
    {% endif %}
{% endmacro %}

{% macro leat_merge_fields() %}
    {{ return({
        'merge_update_condition': validate_string_field,
        'merge_insert_condition': validate_string_field,
        'merge_on_using_columns': validate_string_list_field,
        'merge_update_columns': validate_string_list_field,
        'merge_update_set_expressions': validate_dict_field,
        'merge_exclude_columns': validate_string_list_field,
        'merge_returning_columns': validate_string_list_field,
    }) }}
{% endmacro %}

{% macro validate_merge_config(config, target_relation=none) %}
    {% set errors = [] %}
    {% for name, check in leat_merge_fields().items() %}
        {% do check(config.get(name), name, errors) %}
    {% endfor %}
    {% do validate_merge_clauses(config, leat_merge_fields(), errors) %}
    {% if not errors %}
        {% do validate_ducklake_restrictions(config, target_relation, errors) %}
    {% endif %}
    {% if errors %}
        {{ exceptions.raise_compiler_error('MERGE configuration errors: ' ~ errors | join('; ')) }}
    {% endif %}
{% endmacro %}

{% macro validate_merge_clauses(config, base_configuration_fields, errors) %}
    {% set clauses = config.get('merge_clauses') %}
    {% if clauses is none %}
        {{ return(none) }}
    {% elif clauses is not mapping %}
        {% do errors.append('merge_clauses must be a dictionary, found: ' ~ clauses) %}
        {{ return(none) }}
    {% elif 'when_matched' not in clauses and 'when_not_matched' not in clauses %}
        {% do errors.append("merge_clauses must contain at least one of 'when_matched' or 'when_not_matched' keys") %}
    {% endif %}
    {% for kind in ['when_matched', 'when_not_matched'] if kind in clauses %}
        {% do validate_merge_clause_list(clauses, kind, errors) %}
    {% endfor %}
    {% set ignored = [] %}
    {% for name in base_configuration_fields if name not in ['merge_on_using_columns', 'merge_returning_columns'] and config.get(name) %}
        {% do ignored.append(name) %}
    {% endfor %}
    {% if ignored %}
        {% do errors.append('When merge_clauses is specified, the following basic merge configurations will be ignored and should be removed: ' ~ ignored | join(', ')) %}
    {% endif %}
{% endmacro %}

{% macro validate_merge_clause_list(merge_clauses, clause_type, errors) %}
    {% set list = merge_clauses.get(clause_type) %}
    {% if list is string or list is mapping or list is not sequence %}
        {% do errors.append('merge_clauses.' ~ clause_type ~ ' must be a list') %}
    {% elif not list %}
        {% do errors.append('merge_clauses.' ~ clause_type ~ ' must contain at least one element') %}
    {% else %}
        {% for clause in list if clause is not mapping %}
            {% do errors.append('merge_clauses.' ~ clause_type ~ ' elements must be dictionaries, found: ' ~ clause) %}
        {% endfor %}
    {% endif %}
{% endmacro %}

{% macro validate_ducklake_restrictions(config, target_relation, errors) %}{% endmacro %}

{% macro merge_clause_defaults(merge_update_condition, merge_insert_condition, merge_update_columns=[], merge_exclude_columns=[], merge_update_set_expressions={}) %}
    {{ return({
        'when_matched_update_by_name': {'action': 'update', 'condition': merge_update_condition, 'mode': 'by_name'},
        'when_not_matched_insert_by_name': {'action': 'insert', 'condition': merge_insert_condition, 'mode': 'by_name'},
        'when_matched_update_explicit': {
            'action': 'update', 'condition': merge_update_condition, 'mode': 'explicit',
            'update': {'include': merge_update_columns, 'exclude': merge_exclude_columns, 'set_expressions': merge_update_set_expressions},
        },
    }) }}
{% endmacro %}

{% macro duckdb__merge_join_clause(unique_key, merge_on_using_columns, incremental_predicates) -%}
    {%- set conditions = normalize_incremental_predicates(incremental_predicates) -%}
    {%- if merge_on_using_columns -%}
        using ({{ merge_on_using_columns | join(', ') }}){{ ' on (' ~ conditions | join(') and (') ~ ')' if conditions }}
    {%- else -%}
        {%- set keys = [] if not unique_key else [unique_key] if unique_key is string else unique_key -%}
        {%- set matches = [] if keys else ['false'] -%}
        {%- for key in keys -%}
            {%- do matches.append('DBT_INTERNAL_SOURCE.' ~ key ~ ' = DBT_INTERNAL_DEST.' ~ key) -%}
        {%- endfor -%}
        on ({{ (matches + conditions) | join(') and (') }})
    {%- endif -%}
{%- endmacro %}

{#- UPDATE SET of chosen columns, and of expressions for some. -#}
{% macro leat_merge_update_set(update, dest_columns) -%}
    {%- set expressions = update.get('set_expressions') or {} -%}
    {%- set left_out = (update.get('exclude') or []) | map('lower') | list -%}
    {%- set chosen = (update.get('include') or []) | map('lower') | list -%}
    {%- set parts = [] -%}
    {%- for column in dest_columns if column.name not in expressions and (column.name | lower) not in left_out and (not chosen or (column.name | lower) in chosen) -%}
        {%- do parts.append(column.quoted ~ ' = DBT_INTERNAL_SOURCE.' ~ column.quoted) -%}
    {%- endfor -%}
    {%- for name, expression in expressions.items() -%}
        {%- do parts.append(name ~ ' = ' ~ expression) -%}
    {%- endfor -%}
    update set {{ parts | join(', ') }}
{%- endmacro %}

{% macro leat_merge_insert(insert, dest_columns) -%}
    {%- set names, values = insert.get('columns') or [], insert.get('values') or [] -%}
    {%- if not names -%}
        {%- set names, values = dest_columns | map(attribute='quoted') | list, [] -%}
    {%- endif -%}
    insert ({{ names | join(', ') }}) values (
    {%- if values -%}
        {{ values | join(', ') }}
    {%- else -%}
        {%- for name in names %}DBT_INTERNAL_SOURCE.{{ name }}{{ ', ' if not loop.last }}{% endfor -%}
    {%- endif -%}
    )
{%- endmacro %}

{% macro leat_merge_clause(head, clause, dest_columns) -%}
    {%- set action, mode = clause.get('action'), clause.get('mode', 'by_name') -%}
    {{ head }}{{ ' and ' ~ clause.get('condition') if clause.get('condition') }} then
    {% if action == 'do_nothing' -%}
        do nothing
    {%- elif action == 'delete' -%}
        delete
    {%- elif action == 'error' -%}
        error{{ " '" ~ (clause.get('error_message') | replace("'", "''")) ~ "'" if clause.get('error_message') }}
    {%- elif action == 'update' -%}
        {{ {'by_name': 'update by name', 'by_position': 'update by position', 'star': 'update set *'}.get(mode) or leat_merge_update_set(clause.get('update') or {}, dest_columns) }}
    {%- elif action == 'insert' -%}
        {{ {'by_name': 'insert by name', 'by_position': 'insert by position', 'star': 'insert *'}.get(mode) or leat_merge_insert(clause.get('insert') or {}, dest_columns) }}
    {%- else -%}
        {{ exceptions.raise_compiler_error('merge_clauses: there is no action ' ~ action) }}
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__get_incremental_merge_sql(args_dict) %}
    {{ return(get_merge_sql(args_dict['target_relation'], args_dict['temp_relation'], args_dict['unique_key'], args_dict['dest_columns'], args_dict['incremental_predicates'])) }}
{% endmacro %}

{% macro duckdb__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
    {%- do validate_merge_config(config, target) -%}
    {%- set update = {'include': config.get('merge_update_columns'), 'exclude': config.get('merge_exclude_columns'), 'set_expressions': config.get('merge_update_set_expressions')} -%}
    {%- set defaults = {
        'when_matched': [{'action': 'update', 'mode': 'explicit', 'condition': config.get('merge_update_condition'), 'update': update}] if unique_key or config.get('merge_on_using_columns') else [],
        'when_not_matched': [{'action': 'insert', 'mode': 'by_name', 'condition': config.get('merge_insert_condition')}],
    } -%}
    {%- set clauses = config.get('merge_clauses') or defaults -%}
    {{ leat_sql_header() }}
    merge into {{ target }} as DBT_INTERNAL_DEST
    using {{ source }} as DBT_INTERNAL_SOURCE
    {{ duckdb__merge_join_clause(unique_key, config.get('merge_on_using_columns'), incremental_predicates) }}
    {%- for clause in clauses.get('when_matched') or [] %}
    {{ leat_merge_clause('when matched', clause, dest_columns) }}
    {%- endfor %}
    {%- for clause in clauses.get('when_not_matched') or [] %}
    {{ leat_merge_clause('when not matched' ~ (' by ' ~ clause.get('by') if clause.get('by') else ''), clause, dest_columns) }}
    {%- endfor %}
    {{ 'returning ' ~ config.get('merge_returning_columns') | join(', ') if config.get('merge_returning_columns') }}
{%- endmacro %}
