{#- Snapshots: each version of a row is kept, with the time from when and until when it held. -#}

{% macro get_snapshot_table_column_names() %}
    {{ return({'dbt_valid_to': 'dbt_valid_to', 'dbt_valid_from': 'dbt_valid_from', 'dbt_scd_id': 'dbt_scd_id', 'dbt_updated_at': 'dbt_updated_at', 'dbt_is_deleted': 'dbt_is_deleted'}) }}
{% endmacro %}

{% macro leat_snapshot_columns() %}
    {% set columns = get_snapshot_table_column_names() %}
    {% for key, name in (config.get('snapshot_meta_column_names') or {}).items() if name %}
        {% do columns.update({key: name}) %}
    {% endfor %}
    {{ return(columns) }}
{% endmacro %}

{% macro create_columns(relation, columns) %}
    {{- return(adapter.dispatch('create_columns', 'dbt')(relation, columns)) -}}
{% endmacro %}

{% macro default__create_columns(relation, columns) %}
    {% for column in columns %}
        {% call statement() %}
            alter table {{ relation.render() }} add column {{ adapter.quote(column.name) }} {{ column.expanded_data_type }}
        {% endcall %}
    {% endfor %}
{% endmacro %}

{% macro post_snapshot(staging_relation) %}
    {{- return(adapter.dispatch('post_snapshot', 'dbt')(staging_relation)) -}}
{% endmacro %}

{% macro default__post_snapshot(staging_relation) %}{% endmacro %}

{% macro get_true_sql() %}
    {{- return(adapter.dispatch('get_true_sql', 'dbt')()) -}}
{% endmacro %}

{% macro default__get_true_sql() %}{{ return('TRUE') }}{% endmacro %}

{#- keys of one or several columns -#}
{% macro leat_snapshot_key_count(unique_key) %}{{ return(unique_key | length if unique_key | is_list else 0) }}{% endmacro %}

{% macro unique_key_fields(unique_key) -%}
    {%- if unique_key | is_list -%}
        {%- for key in unique_key -%}
            {{ key }} as dbt_unique_key_{{ loop.index }}{{ ', ' if not loop.last }}
        {%- endfor -%}
    {%- else -%}
        {{ unique_key }} as dbt_unique_key
    {%- endif -%}
{%- endmacro %}

{% macro unique_key_join_on(unique_key, identifier, from_identifier) -%}
    {%- if unique_key | is_list -%}
        {%- for key in unique_key -%}
            {{ equals(identifier ~ '.dbt_unique_key_' ~ loop.index, from_identifier ~ '.dbt_unique_key_' ~ loop.index) }}{{ ' and ' if not loop.last }}
        {%- endfor -%}
    {%- else -%}
        {{ identifier }}.dbt_unique_key = {{ from_identifier }}.dbt_unique_key
    {%- endif -%}
{%- endmacro %}

{% macro unique_key_is_null(unique_key, identifier) -%}
    {{ identifier }}.dbt_unique_key{{ '_1' if unique_key | is_list }} is null
{%- endmacro %}

{% macro unique_key_is_not_null(unique_key, identifier) -%}
    {{ identifier }}.dbt_unique_key{{ '_1' if unique_key | is_list }} is not null
{%- endmacro %}

{% macro get_dbt_valid_to_current(strategy, columns) -%}
    coalesce(nullif({{ strategy.updated_at }}, {{ strategy.updated_at }}), {{ config.get('dbt_valid_to_current') or 'null' }}) as {{ columns.dbt_valid_to }}
{%- endmacro %}

{#- Does a version of a row still hold? -#}
{% macro leat_snapshot_is_current(column) -%}
    {%- set open_end = config.get('dbt_valid_to_current') -%}
    {%- if open_end -%}
        ({{ equals(column, open_end | trim) }} or {{ column }} is null)
    {%- else -%}
        {{ column }} is null
    {%- endif -%}
{%- endmacro %}

{#- strategies -#}
{% macro strategy_dispatch(name) %}
    {% set where_from, wanted = context, name %}
    {% if '.' in name %}
        {% set package, wanted = name.split('.', 1) %}
        {% if package not in context %}
            {{ exceptions.raise_compiler_error("Could not find package '" ~ package ~ "', called with '" ~ name ~ "'") }}
        {% endif %}
        {% set where_from = context[package] %}
    {% endif %}
    {% set macro_name = 'snapshot_' ~ wanted ~ '_strategy' %}
    {% if macro_name not in where_from %}
        {{ exceptions.raise_compiler_error("The specified strategy macro '" ~ wanted ~ "' was not found") }}
    {% endif %}
    {{ return(where_from[macro_name]) }}
{% endmacro %}

{% macro snapshot_hash_arguments(args) %}
    {{- return(adapter.dispatch('snapshot_hash_arguments', 'dbt')(args)) -}}
{% endmacro %}

{% macro default__snapshot_hash_arguments(args) -%}
    md5(
    {%- for arg in args -%}
        coalesce(cast({{ arg }} as varchar), ''){{ " || '|' || " if not loop.last }}
    {%- endfor -%}
    )
{%- endmacro %}

{% macro snapshot_string_as_time(timestamp) %}
    {{- return(adapter.dispatch('snapshot_string_as_time', 'dbt')(timestamp)) -}}
{% endmacro %}

{% macro default__snapshot_string_as_time(timestamp) %}{{ leat_not_implemented('snapshot_string_as_time') }}{% endmacro %}

{% macro leat_snapshot_strategy(updated_at, row_changed) %}
    {% set key = config.get('unique_key') %}
    {% set deletes = adapter.get_hard_deletes_behavior(config) %}
    {{ return({
        'unique_key': key,
        'updated_at': updated_at,
        'row_changed': row_changed,
        'scd_id': snapshot_hash_arguments(api.Relation.scd_args(key, updated_at)),
        'invalidate_hard_deletes': deletes == 'invalidate',
        'hard_deletes': deletes,
    }) }}
{% endmacro %}

{#- A row is new when its time is later than that of the version that holds. -#}
{% macro snapshot_timestamp_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) %}
    {% set updated_at = config.get('updated_at') %}
    {% set changed = '(' ~ snapshotted_rel ~ '.' ~ leat_snapshot_columns().dbt_valid_from ~ ' < ' ~ current_rel ~ '.' ~ updated_at ~ ')' %}
    {{ return(leat_snapshot_strategy(updated_at, changed)) }}
{% endmacro %}

{#- (a checked column is not in the snapshot yet, the checked columns that are) -#}
{% macro snapshot_check_all_get_existing_columns(node, target_exists, check_cols_config) %}
    {% if not target_exists %}
        {{ return((false, query_columns)) }}
    {% endif %}
    {% if check_cols_config == 'all' %}
        {% set names = get_columns_in_query(node['compiled_code']) %}
    {% elif check_cols_config is iterable and check_cols_config | length > 0 %}
        {% set names = get_columns_in_query('select ' ~ check_cols_config | join(', ') ~ ' from (\n' ~ node['compiled_code'] ~ '\n) subq') %}
    {% else %}
        {% do exceptions.raise_compiler_error("Invalid value for 'check_cols': " ~ check_cols_config) %}
    {% endif %}
    {% set snapshot = adapter.get_relation(database=node.database, schema=node.schema, identifier=node.alias) %}
    {% set held = adapter.get_columns_in_relation(snapshot) | map(attribute='name') | list %}
    {% set both = [] %}
    {% for name in names if name in held %}
        {% do both.append(adapter.quote(name)) %}
    {% endfor %}
    {{ return((both | length < names | length, both)) }}
{% endmacro %}

{% macro snapshot_check_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) %}
    {% set updated_at = config.get('updated_at') or (snapshot_get_time() | trim) %}
    {% set has_new, names = snapshot_check_all_get_existing_columns(node, target_exists, config.get('check_cols')) %}
    {% set differences = [] %}
    {% for name in names %}
        {% set held, fresh = snapshotted_rel ~ '.' ~ name, current_rel ~ '.' ~ name %}
        {% do differences.append(held ~ ' != ' ~ fresh ~ ' or (' ~ held ~ ' is null) != (' ~ fresh ~ ' is null)') %}
    {% endfor %}
    {% set changed = get_true_sql() if has_new else differences | join(' or ') %}
    {{ return(leat_snapshot_strategy(updated_at, '(' ~ changed ~ ')')) }}
{% endmacro %}

{#- the first time: all rows hold from their time on -#}
{% macro build_snapshot_table(strategy, sql) %}
    {{- return(adapter.dispatch('build_snapshot_table', 'dbt')(strategy, sql)) -}}
{% endmacro %}

{% macro default__build_snapshot_table(strategy, sql) -%}
    {%- set columns = leat_snapshot_columns() -%}
    select *,
        {{ strategy.scd_id }} as {{ columns.dbt_scd_id }},
        {{ strategy.updated_at }} as {{ columns.dbt_updated_at }},
        {{ strategy.updated_at }} as {{ columns.dbt_valid_from }},
        {{ get_dbt_valid_to_current(strategy, columns) }}
        {%- if strategy.hard_deletes == 'new_record' %},
        'False' as {{ columns.dbt_is_deleted }}
        {%- endif %}
    from (
        {{ sql }}
    ) sbq
{%- endmacro %}

{#- Later: what is to be inserted, ended, and marked as deleted, with dbt_change_type saying which. Source and snapshot meet on
    the key; the columns of all branches stand in one order. -#}
{% macro snapshot_staging_table(strategy, source_sql, target_relation) %}
    {{- return(adapter.dispatch('snapshot_staging_table', 'dbt')(strategy, source_sql, target_relation)) -}}
{% endmacro %}

{% macro default__snapshot_staging_table(strategy, source_sql, target_relation) -%}
    {%- set columns = leat_snapshot_columns() -%}
    {%- set key = strategy.unique_key -%}
    {%- set deleted = 'snapshotted_data.' ~ columns.dbt_is_deleted -%}
    {%- set marks = strategy.hard_deletes == 'new_record' -%}
    {%- set watches = strategy.hard_deletes in ['invalidate', 'new_record'] -%}
    {%- set now = snapshot_get_time() | trim -%}
    {%- set joined = unique_key_join_on(key, 'snapshotted_data', 'source_data') -%}
    with snapshot_query as (
        {{ source_sql }}
    ),
    snapshotted_data as (
        select *, {{ unique_key_fields(key) }}
        from {{ target_relation }}
        where {{ leat_snapshot_is_current(columns.dbt_valid_to) }}
    ),
    insertions_source_data as (
        select *, {{ unique_key_fields(key) }},
            {{ strategy.updated_at }} as {{ columns.dbt_updated_at }},
            {{ strategy.updated_at }} as {{ columns.dbt_valid_from }},
            {{ get_dbt_valid_to_current(strategy, columns) }},
            {{ strategy.scd_id }} as {{ columns.dbt_scd_id }}
        from snapshot_query
    ),
    updates_source_data as (
        select *, {{ unique_key_fields(key) }},
            {{ strategy.updated_at }} as {{ columns.dbt_updated_at }},
            {{ strategy.updated_at }} as {{ columns.dbt_valid_from }},
            {{ strategy.updated_at }} as {{ columns.dbt_valid_to }}
        from snapshot_query
    ),
    {%- if watches %}
    deletes_source_data as (
        select *, {{ unique_key_fields(key) }}
        from snapshot_query
    ),
    {%- endif %}
    insertions as (
        select 'insert' as dbt_change_type, source_data.*{{ ", 'False' as " ~ columns.dbt_is_deleted if marks }}
        from insertions_source_data as source_data
        left outer join snapshotted_data on {{ joined }}
        where {{ unique_key_is_null(key, 'snapshotted_data') }}
            or ({{ unique_key_is_not_null(key, 'snapshotted_data') }} and ({{ strategy.row_changed }}{{ ' or ' ~ deleted ~ " = 'True'" if marks }}))
    ),
    updates as (
        select 'update' as dbt_change_type, source_data.*, snapshotted_data.{{ columns.dbt_scd_id }}{{ ', ' ~ deleted if marks }}
        from updates_source_data as source_data
        join snapshotted_data on {{ joined }}
        where {{ strategy.row_changed }}{{ ' or ' ~ deleted ~ " = 'True'" if marks }}
    )
    {%- if watches %},
    deletes as (
        select 'delete' as dbt_change_type, source_data.*,
            {{ now }} as {{ columns.dbt_valid_from }},
            {{ now }} as {{ columns.dbt_updated_at }},
            {{ now }} as {{ columns.dbt_valid_to }},
            snapshotted_data.{{ columns.dbt_scd_id }}{{ ', ' ~ deleted if marks }}
        from snapshotted_data
        left join deletes_source_data as source_data on {{ joined }}
        where {{ unique_key_is_null(key, 'source_data') }}
        {%- if marks %} and not ({{ deleted }} = 'True'){% endif %}
    )
    {%- endif %}
    {%- if marks %}
        {%- set held = get_list_of_column_names(adapter.get_columns_in_relation(target_relation)) %},
    deletion_records as (
        select 'insert' as dbt_change_type,
            {%- for name in get_columns_in_query(source_sql) %}
            {{ 'snapshotted_data' if name in held else 'source_data' }}.{{ adapter.quote(name) }},
            {%- endfor %}
            {%- if key | is_list %}
            {%- for _ in key %}
            snapshotted_data.dbt_unique_key_{{ loop.index }},
            {%- endfor %}
            {%- else %}
            snapshotted_data.dbt_unique_key,
            {%- endif %}
            {{ now }} as {{ columns.dbt_valid_from }},
            {{ now }} as {{ columns.dbt_updated_at }},
            snapshotted_data.{{ columns.dbt_valid_to }} as {{ columns.dbt_valid_to }},
            {{ snapshot_hash_arguments(['snapshotted_data.' ~ columns.dbt_scd_id, now]) }} as {{ columns.dbt_scd_id }},
            'True' as {{ columns.dbt_is_deleted }}
        from snapshotted_data
        left join deletes_source_data as source_data on {{ joined }}
        where {{ unique_key_is_null(key, 'source_data') }} and not ({{ deleted }} = 'True')
    )
    {%- endif %}
    select * from insertions
    union all
    select * from updates
    {%- if watches %}
    union all
    select * from deletes
    {%- endif %}
    {%- if marks %}
    union all
    select * from deletion_records
    {%- endif %}
{%- endmacro %}

{% macro build_snapshot_staging_table(strategy, sql, target_relation) %}
    {% set staging = make_temp_relation(target_relation) %}
    {% set select_sql = snapshot_staging_table(strategy, sql, target_relation) %}
    {% call statement('build_snapshot_staging_relation') %}
        {{ create_table_as(true, staging, select_sql) }}
    {% endcall %}
    {{ return(staging) }}
{% endmacro %}

{% macro snapshot_merge_sql(target, source, insert_cols) %}
    {{- return(adapter.dispatch('snapshot_merge_sql', 'dbt')(target, source, insert_cols)) -}}
{% endmacro %}

{% macro default__snapshot_merge_sql(target, source, insert_cols) -%}
    {%- set columns = leat_snapshot_columns() -%}
    merge into {{ target.render() }} as DBT_INTERNAL_DEST
    using {{ source }} as DBT_INTERNAL_SOURCE
    on DBT_INTERNAL_SOURCE.{{ columns.dbt_scd_id }} = DBT_INTERNAL_DEST.{{ columns.dbt_scd_id }}
    when matched
        and {{ leat_snapshot_is_current('DBT_INTERNAL_DEST.' ~ columns.dbt_valid_to) }}
        and DBT_INTERNAL_SOURCE.dbt_change_type in ('update', 'delete')
        then update set {{ columns.dbt_valid_to }} = DBT_INTERNAL_SOURCE.{{ columns.dbt_valid_to }}
    when not matched and DBT_INTERNAL_SOURCE.dbt_change_type = 'insert'
        then insert ({{ insert_cols | join(', ') }}) values ({{ insert_cols | join(', ') }})
{%- endmacro %}

{#- An UPDATE that ends what ended, then an INSERT: for databases whose MERGE is young. -#}
{% macro leat_snapshot_update_and_insert(target, source, insert_cols, alias) -%}
    {%- set columns = leat_snapshot_columns() -%}
    update {{ target }} as {{ alias }}
    set {{ columns.dbt_valid_to }} = DBT_INTERNAL_SOURCE.{{ columns.dbt_valid_to }}
    from {{ source }} as DBT_INTERNAL_SOURCE
    where DBT_INTERNAL_SOURCE.{{ columns.dbt_scd_id }}::text = {{ alias }}.{{ columns.dbt_scd_id }}::text
        and DBT_INTERNAL_SOURCE.dbt_change_type::text in ('update'::text, 'delete'::text)
        and {{ leat_snapshot_is_current(alias ~ '.' ~ columns.dbt_valid_to) }};

    insert into {{ target }} ({{ insert_cols | join(', ') }})
    select
        {%- for name in insert_cols %} DBT_INTERNAL_SOURCE.{{ name }}{{ ',' if not loop.last }}{% endfor %}
    from {{ source }} as DBT_INTERNAL_SOURCE
    where DBT_INTERNAL_SOURCE.dbt_change_type::text = 'insert'::text;
{%- endmacro %}

{#- a warning when the time of the rows and that of the database are of two types -#}
{% macro get_updated_at_column_data_type(snapshot_sql) %}
    {% for column in get_column_schema_from_query(snapshot_sql) if column.column | lower == 'dbt_updated_at' %}
        {{ return(column.dtype or none) }}
    {% endfor %}
    {{ return(none) }}
{% endmacro %}

{% macro check_time_data_types(sql) %}
    {% set of_rows = get_updated_at_column_data_type(sql) %}
    {% set of_database = get_snapshot_get_time_data_type() %}
    {% if of_rows is not none and of_database is not none and of_rows != of_database %}
        {% do exceptions.warn_snapshot_timestamp_data_types(of_database, of_rows) %}
    {% endif %}
{% endmacro %}

{% macro leat_snapshot_merge(strategy, staging, target_relation) %}
    {% set ours = ['dbt_change_type', 'dbt_unique_key'] %}
    {% if strategy.unique_key | is_list %}
        {% for _ in strategy.unique_key %}
            {% do ours.append('dbt_unique_key_' ~ loop.index) %}
        {% endfor %}
    {% endif %}
    {% do adapter.expand_target_column_types(from_relation=staging, to_relation=target_relation) %}
    {% set fresh = [] %}
    {% for column in adapter.get_missing_columns(staging, target_relation) if column.name | lower not in ours %}
        {% do fresh.append(column) %}
    {% endfor %}
    {% do create_columns(target_relation, fresh) %}
    {% set names = [] %}
    {% for column in adapter.get_columns_in_relation(staging) if column.name | lower not in ours %}
        {% do names.append(adapter.quote(column.name)) %}
    {% endfor %}
    {{ return(snapshot_merge_sql(target=target_relation, source=staging, insert_cols=names)) }}
{% endmacro %}

{% materialization snapshot, default %}
    {% set exists, target_relation = get_or_create_relation(database=model.database, schema=model.schema, identifier=model.get('alias', model.get('name')), type='table') %}
    {% if not target_relation.is_table %}
        {% do exceptions.relation_wrong_type(target_relation, 'table') %}
    {% endif %}
    {{ run_hooks(pre_hooks, inside_transaction=false) }}
    {{ run_hooks(pre_hooks, inside_transaction=true) }}
    {% set make_strategy = strategy_dispatch(config.get('strategy')) %}
    {% set strategy = make_strategy(model, 'snapshotted_data', 'source_data', model['config'], exists) %}
    {% if exists %}
        {{ adapter.assert_valid_snapshot_target_given_strategy(target_relation, leat_snapshot_columns(), strategy) }}
        {% set rows_sql = snapshot_staging_table(strategy, sql, target_relation) %}
        {% set staging = build_snapshot_staging_table(strategy, sql, target_relation) %}
        {% set final_sql = leat_snapshot_merge(strategy, staging, target_relation) %}
    {% else %}
        {% set rows_sql = build_snapshot_table(strategy, model['compiled_code']) %}
        {% set final_sql = create_table_as(false, target_relation, rows_sql) %}
    {% endif %}
    {{ check_time_data_types(rows_sql) }}
    {% call statement('main') %}
        {{- final_sql }}
    {% endcall %}
    {{ leat_grant_and_comment(target_relation, exists, false) }}
    {% if not exists %}
        {% do create_indexes(target_relation) %}
    {% endif %}
    {{ run_hooks(post_hooks, inside_transaction=true) }}
    {{ adapter.commit() }}
    {% if staging is defined %}
        {% do post_snapshot(staging) %}
    {% endif %}
    {{ run_hooks(post_hooks, inside_transaction=false) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
