{#- Incremental models: the new rows go into a temporary table, from which the strategy takes them. -#}

{% macro is_incremental() %}
    {% if not execute %}
        {{ return(false) }}
    {% endif %}
    {% set held = adapter.get_relation(this.database, this.schema, this.table) %}
    {{ return(held is not none and held.type == 'table' and model.config.materialized == 'incremental' and not should_full_refresh()) }}
{% endmacro %}

{% macro incremental_validate_on_schema_change(on_schema_change, default='ignore') %}
    {% if on_schema_change in ['sync_all_columns', 'append_new_columns', 'fail', 'ignore'] %}
        {{ return(on_schema_change) }}
    {% endif %}
    {% do log('Invalid value for on_schema_change (%s) specified. Setting default value of %s.' % (on_schema_change, default)) %}
    {{ return(default) }}
{% endmacro %}

{% macro leat_strategy_sql(target_relation, temp_relation, existing) %}
    {% if not leat_contract_is_enforced() %}
        {% do adapter.expand_target_column_types(from_relation=temp_relation, to_relation=target_relation) %}
    {% endif %}
    {% set when_changed = incremental_validate_on_schema_change(config.get('on_schema_change'), default='ignore') %}
    {% set columns = process_schema_changes(when_changed, temp_relation, existing) %}
    {% set make_sql = adapter.get_incremental_strategy_macro(context, config.get('incremental_strategy') or 'default') %}
    {{ return(make_sql({
        'target_relation': target_relation,
        'temp_relation': temp_relation,
        'unique_key': config.get('unique_key'),
        'dest_columns': columns or adapter.get_columns_in_relation(existing),
        'incremental_predicates': config.get('predicates') or config.get('incremental_predicates'),
    })) }}
{% endmacro %}

{% materialization incremental, default %}
    {% set existing = load_cached_relation(this) %}
    {% set target_relation = this.incorporate(type='table') %}
    {% set temp_relation = make_temp_relation(target_relation) %}
    {% set beside = make_intermediate_relation(target_relation) %}
    {% set backup = make_backup_relation(target_relation, 'table' if existing is none else existing.type) %}
    {% set full_refresh_mode = should_full_refresh() or (existing is not none and existing.is_view) %}
    {{ leat_clear([beside, backup]) }}
    {% do adapter.get_incremental_strategy_macro(context, config.get('incremental_strategy') or 'default') %}
    {{ run_hooks(pre_hooks, inside_transaction=false) }}
    {{ run_hooks(pre_hooks, inside_transaction=true) }}
    {% if existing is none %}
        {% set build_sql = get_create_table_as_sql(false, target_relation, sql) %}
    {% elif full_refresh_mode %}
        {% set build_sql = get_create_table_as_sql(false, beside, sql) %}
    {% else %}
        {% do run_query(get_create_table_as_sql(true, temp_relation, sql)) %}
        {% set build_sql = leat_strategy_sql(target_relation, temp_relation, existing) %}
    {% endif %}
    {% call statement('main') %}
        {{- build_sql }}
    {% endcall %}
    {% if existing is none %}
        {% do create_indexes(target_relation) %}
    {% elif full_refresh_mode %}
        {% do create_indexes(beside) %}
        {{ leat_swap(existing, beside, target_relation, backup) }}
    {% endif %}
    {{ leat_grant_and_comment(target_relation, existing, full_refresh_mode) }}
    {{ run_hooks(post_hooks, inside_transaction=true) }}
    {% do adapter.commit() %}
    {% if existing is not none and full_refresh_mode %}
        {% do adapter.drop_relation(backup) %}
    {% endif %}
    {{ run_hooks(post_hooks, inside_transaction=false) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#- changes of columns -#}
{% macro diff_columns(source_columns, target_columns) %}
    {% set held = target_columns | map(attribute='column') | list %}
    {% set made = [] %}
    {% for column in source_columns if column.name not in held %}
        {% do made.append(column) %}
    {% endfor %}
    {{ return(made) }}
{% endmacro %}

{% macro diff_column_data_types(source_columns, target_columns) %}
    {{- return(adapter.dispatch('diff_column_data_types', 'dbt')(source_columns, target_columns)) -}}
{% endmacro %}

{% macro default__diff_column_data_types(source_columns, target_columns) %}
    {% set made = [] %}
    {% for column in source_columns %}
        {% set held = target_columns | selectattr('name', 'equalto', column.name) | list | first %}
        {% if held and column.expanded_data_type != held.expanded_data_type and not column.can_expand_to(other_column=held) %}
            {% do made.append({'column_name': held.name, 'new_type': column.expanded_data_type}) %}
        {% endif %}
    {% endfor %}
    {{ return(made) }}
{% endmacro %}

{% macro check_for_schema_changes(source_relation, target_relation) %}
    {{- return(adapter.dispatch('check_for_schema_changes', 'dbt')(source_relation, target_relation)) -}}
{% endmacro %}

{% macro default__check_for_schema_changes(source_relation, target_relation) %}
    {% set fresh = adapter.get_columns_in_relation(source_relation) %}
    {% set held = adapter.get_columns_in_relation(target_relation) %}
    {% set added = diff_columns(fresh, held) %}
    {% set removed = diff_columns(held, fresh) %}
    {% set retyped = diff_column_data_types(fresh, held) %}
    {% set changes = {
        'schema_changed': added != [] or removed != [] or retyped != [],
        'source_not_in_target': added,
        'target_not_in_source': removed,
        'source_columns': fresh,
        'target_columns': held,
        'new_target_types': retyped,
    } %}
    {% do log('In ' ~ target_relation ~ ': Schema changed: ' ~ changes.schema_changed ~ '; source columns not in target: ' ~ added ~ '; target columns not in source: ' ~ removed ~ '; new column types: ' ~ retyped) %}
    {{ return(changes) }}
{% endmacro %}

{% macro sync_column_schemas(on_schema_change, target_relation, schema_changes_dict) %}
    {{- return(adapter.dispatch('sync_column_schemas', 'dbt')(on_schema_change, target_relation, schema_changes_dict)) -}}
{% endmacro %}

{% macro default__sync_column_schemas(on_schema_change, target_relation, schema_changes_dict) %}
    {% set added = schema_changes_dict['source_not_in_target'] %}
    {% set removed = schema_changes_dict['target_not_in_source'] if on_schema_change == 'sync_all_columns' else [] %}
    {% if added or removed %}
        {% do alter_relation_add_remove_columns(target_relation, added, removed or none) %}
    {% endif %}
    {% if on_schema_change == 'sync_all_columns' %}
        {% for change in schema_changes_dict['new_target_types'] %}
            {% do alter_column_type(target_relation, change['column_name'], change['new_type']) %}
        {% endfor %}
    {% endif %}
{% endmacro %}

{#- The columns to fill; {} when that is left to the caller. -#}
{% macro process_schema_changes(on_schema_change, source_relation, target_relation) %}
    {{- return(adapter.dispatch('process_schema_changes', 'dbt')(on_schema_change, source_relation, target_relation)) -}}
{% endmacro %}

{% macro default__process_schema_changes(on_schema_change, source_relation, target_relation) %}
    {% if on_schema_change == 'ignore' %}
        {{ return({}) }}
    {% endif %}
    {% set changes = check_for_schema_changes(source_relation, target_relation) %}
    {% if not changes['source_columns'] and on_schema_change != 'append_new_columns' %}
        {% do exceptions.raise_compiler_error('Could not read any columns for ' ~ source_relation ~ ' while checking for schema changes on incremental model ' ~ target_relation ~ " (on_schema_change='" ~ on_schema_change ~ "')") %}
    {% endif %}
    {% if changes['schema_changed'] and on_schema_change == 'fail' %}
        {% set message -%}
The source and target schemas on this incremental model are out of sync! They can be reconciled in several ways: set the `on_schema_change` config to either append_new_columns or sync_all_columns, re-run the incremental model with `full_refresh: True`, or update the schema manually. Source columns not in target: {{ changes['source_not_in_target'] }}; target columns not in source: {{ changes['target_not_in_source'] }}; new column types: {{ changes['new_target_types'] }}
        {%- endset %}
        {% do exceptions.raise_compiler_error(message) %}
    {% elif changes['schema_changed'] %}
        {% do sync_column_schemas(on_schema_change, target_relation, changes) %}
    {% endif %}
    {{ return(changes['source_columns']) }}
{% endmacro %}
