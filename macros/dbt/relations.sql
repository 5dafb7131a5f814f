{#- Making, dropping, renaming and replacing relations. Each `get_..._sql` gives SQL; `drop_relation` and its like run it. -#}

{% macro load_cached_relation(relation) %}
    {{ return(adapter.get_relation(database=relation.database, schema=relation.schema, identifier=relation.identifier)) }}
{% endmacro %}
{% macro load_relation(relation) %}{{ return(load_cached_relation(relation)) }}{% endmacro %}

{% macro get_or_create_relation(database, schema, identifier, type) %}
    {{- return(adapter.dispatch('get_or_create_relation', 'dbt')(database, schema, identifier, type)) -}}
{% endmacro %}

{% macro default__get_or_create_relation(database, schema, identifier, type) %}
    {% set found = adapter.get_relation(database=database, schema=schema, identifier=identifier) %}
    {% if found %}
        {{ return([true, found]) }}
    {% endif %}
    {{ return([false, api.Relation.create(database=database, schema=schema, identifier=identifier, type=type)]) }}
{% endmacro %}

{#- Names beside a relation's own. -#}
{% macro make_intermediate_relation(base_relation, suffix='__dbt_tmp') %}
    {{- return(adapter.dispatch('make_intermediate_relation', 'dbt')(base_relation, suffix)) -}}
{% endmacro %}

{% macro default__make_intermediate_relation(base_relation, suffix) %}
    {{ return(default__make_temp_relation(base_relation, suffix)) }}
{% endmacro %}

{#- Batches of one model may run side by side: each has a table of its own. -#}
{% macro make_temp_relation(base_relation, suffix='__dbt_tmp') %}
    {% if suffix == '__dbt_tmp' and model.batch %}
        {% set suffix = suffix ~ '_' ~ model.batch.id %}
    {% endif %}
    {{ return(adapter.dispatch('make_temp_relation', 'dbt')(base_relation, suffix)) }}
{% endmacro %}
{% macro default__make_temp_relation(base_relation, suffix) %}
    {{ return(base_relation.incorporate(path={'identifier': base_relation.identifier ~ suffix})) }}
{% endmacro %}

{% macro make_backup_relation(base_relation, backup_relation_type, suffix='__dbt_backup') %}
    {{- return(adapter.dispatch('make_backup_relation', 'dbt')(base_relation, backup_relation_type, suffix)) -}}
{% endmacro %}

{% macro default__make_backup_relation(base_relation, backup_relation_type, suffix) %}
    {{ return(base_relation.incorporate(path={'identifier': base_relation.identifier ~ suffix}, type=backup_relation_type)) }}
{% endmacro %}

{% macro truncate_relation(relation) %}
    {{- return(adapter.dispatch('truncate_relation', 'dbt')(relation)) -}}
{% endmacro %}

{% macro default__truncate_relation(relation) %}
    {% call statement('truncate_relation') %}
        truncate table {{ relation.render() }}
    {% endcall %}
{% endmacro %}

{#- create -#}
{% macro get_create_sql(relation, sql) %}
    {{- return(adapter.dispatch('get_create_sql', 'dbt')(relation, sql)) -}}
{% endmacro %}

{% macro default__get_create_sql(relation, sql) -%}
    {%- if relation.is_view -%}
        {{ get_create_view_as_sql(relation, sql) }}
    {%- elif relation.is_table -%}
        {{ get_create_table_as_sql(false, relation, sql) }}
    {%- elif relation.is_materialized_view -%}
        {{ get_create_materialized_view_as_sql(relation, sql) }}
    {%- else -%}
        {{ exceptions.raise_compiler_error('`get_create_sql` has not been implemented for: ' ~ relation.type) }}
    {%- endif -%}
{%- endmacro %}

{% macro get_create_backup_sql(relation) %}
    {{- return(adapter.dispatch('get_create_backup_sql', 'dbt')(relation)) -}}
{% endmacro %}

{% macro default__get_create_backup_sql(relation) -%}
    {%- set backup = make_backup_relation(relation, relation.type) -%}
    {{ get_drop_sql(backup) }};
    {{ get_rename_sql(relation, backup.identifier) }}
{%- endmacro %}

{% macro get_create_intermediate_sql(relation, sql) %}
    {{- return(adapter.dispatch('get_create_intermediate_sql', 'dbt')(relation, sql)) -}}
{% endmacro %}

{% macro default__get_create_intermediate_sql(relation, sql) -%}
    {%- set beside = make_intermediate_relation(relation) -%}
    {{ get_drop_sql(beside) }};
    {{ get_create_sql(beside, sql) }}
{%- endmacro %}

{#- drop -#}
{% macro get_drop_sql(relation) %}
    {{- return(adapter.dispatch('get_drop_sql', 'dbt')(relation)) -}}
{% endmacro %}

{% macro default__get_drop_sql(relation) -%}
    {%- if relation.is_view -%}
        {{ drop_view(relation) }}
    {%- elif relation.is_table -%}
        {{ drop_table(relation) }}
    {%- elif relation.is_materialized_view -%}
        {{ drop_materialized_view(relation) }}
    {%- else -%}
        drop {{ relation.type }} if exists {{ relation.render() }} cascade
    {%- endif -%}
{%- endmacro %}

{% macro get_drop_backup_sql(relation) %}
    {{- return(adapter.dispatch('get_drop_backup_sql', 'dbt')(relation)) -}}
{% endmacro %}

{% macro default__get_drop_backup_sql(relation) -%}
    {{ get_drop_sql(make_backup_relation(relation, relation.type)) }}
{%- endmacro %}

{% macro drop_relation(relation) %}
    {{- return(adapter.dispatch('drop_relation', 'dbt')(relation)) -}}
{% endmacro %}

{% macro default__drop_relation(relation) %}
    {% call statement('drop_relation', auto_begin=false) %}
        {{ get_drop_sql(relation) }}
    {% endcall %}
{% endmacro %}

{% macro drop_relation_if_exists(relation) %}
    {% if relation is not none %}
        {{ adapter.drop_relation(relation) }}
    {% endif %}
{% endmacro %}

{% macro drop_table(relation) %}
    {{- return(adapter.dispatch('drop_table', 'dbt')(relation)) -}}
{% endmacro %}

{% macro default__drop_table(relation) %}drop table if exists {{ relation.render() }} cascade{% endmacro %}

{% macro drop_view(relation) %}
    {{- return(adapter.dispatch('drop_view', 'dbt')(relation)) -}}
{% endmacro %}

{% macro default__drop_view(relation) %}drop view if exists {{ relation.render() }} cascade{% endmacro %}

{% macro drop_materialized_view(relation) %}
    {{- return(adapter.dispatch('drop_materialized_view', 'dbt')(relation)) -}}
{% endmacro %}

{% macro default__drop_materialized_view(relation) %}drop materialized view if exists {{ relation.render() }} cascade{% endmacro %}

{% macro drop_schema_named(schema_name) %}
    {{- return(adapter.dispatch('drop_schema_named', 'dbt')(schema_name)) -}}
{% endmacro %}

{% macro default__drop_schema_named(schema_name) %}
    {{ adapter.drop_schema(api.Relation.create(database=target.database, schema=schema_name)) }}
{% endmacro %}

{#- rename -#}
{% macro get_rename_sql(relation, new_name) %}
    {{- return(adapter.dispatch('get_rename_sql', 'dbt')(relation, new_name)) -}}
{% endmacro %}

{% macro default__get_rename_sql(relation, new_name) -%}
    {%- if relation.is_view -%}
        {{ get_rename_view_sql(relation, new_name) }}
    {%- elif relation.is_table -%}
        {{ get_rename_table_sql(relation, new_name) }}
    {%- elif relation.is_materialized_view -%}
        {{ get_rename_materialized_view_sql(relation, new_name) }}
    {%- else -%}
        {{ exceptions.raise_compiler_error('`get_rename_sql` has not been implemented for: ' ~ relation.type) }}
    {%- endif -%}
{%- endmacro %}

{% macro get_rename_intermediate_sql(relation) %}
    {{- return(adapter.dispatch('get_rename_intermediate_sql', 'dbt')(relation)) -}}
{% endmacro %}

{% macro default__get_rename_intermediate_sql(relation) -%}
    {{ get_rename_sql(make_intermediate_relation(relation), relation.identifier) }}
{%- endmacro %}

{% macro rename_relation(from_relation, to_relation) %}
    {{- return(adapter.dispatch('rename_relation', 'dbt')(from_relation, to_relation)) -}}
{% endmacro %}

{% macro default__rename_relation(from_relation, to_relation) %}
    {% call statement('rename_relation') %}
        alter table {{ from_relation.render() }} rename to {{ adapter.quote_as_configured(to_relation.identifier, 'identifier') }}
    {% endcall %}
{% endmacro %}

{% macro leat_not_for_adapter(what) %}
    {{ exceptions.raise_compiler_error('`' ~ what ~ '` has not been implemented for this adapter.') }}
{% endmacro %}

{% macro get_rename_table_sql(relation, new_name) %}
    {{- return(adapter.dispatch('get_rename_table_sql', 'dbt')(relation, new_name)) -}}
{% endmacro %}

{% macro default__get_rename_table_sql(relation, new_name) %}{{ leat_not_for_adapter('get_rename_table_sql') }}{% endmacro %}

{% macro get_rename_view_sql(relation, new_name) %}
    {{- return(adapter.dispatch('get_rename_view_sql', 'dbt')(relation, new_name)) -}}
{% endmacro %}

{% macro default__get_rename_view_sql(relation, new_name) %}{{ leat_not_for_adapter('get_rename_view_sql') }}{% endmacro %}

{% macro get_rename_materialized_view_sql(relation, new_name) %}
    {{- return(adapter.dispatch('get_rename_materialized_view_sql', 'dbt')(relation, new_name)) -}}
{% endmacro %}

{% macro default__get_rename_materialized_view_sql(relation, new_name) %}{{ leat_not_for_adapter('get_rename_materialized_view_sql') }}{% endmacro %}

{#- replace: at once where the database can, else through a relation beside it, the old one kept until the new is there -#}
{% macro get_replace_sql(existing_relation, target_relation, sql) %}
    {{- return(adapter.dispatch('get_replace_sql', 'dbt')(existing_relation, target_relation, sql)) -}}
{% endmacro %}

{% macro default__get_replace_sql(existing_relation, target_relation, sql) -%}
    {%- set at_once = existing_relation.type == target_relation.type and existing_relation.can_be_replaced -%}
    {%- if at_once and existing_relation.is_view -%}
        {{ get_replace_view_sql(target_relation, sql) }}
    {%- elif at_once and existing_relation.is_table -%}
        {{ get_replace_table_sql(target_relation, sql) }}
    {%- elif at_once and existing_relation.is_materialized_view -%}
        {{ get_replace_materialized_view_sql(target_relation, sql) }}
    {%- else -%}
        {%- if target_relation.can_be_renamed -%}
            {{ get_create_intermediate_sql(target_relation, sql) }};
        {%- endif %}
        {% if existing_relation.can_be_renamed -%}
            {{ get_create_backup_sql(existing_relation) }};
        {%- else -%}
            {{ get_drop_sql(existing_relation) }};
        {%- endif %}
        {% if target_relation.can_be_renamed -%}
            {{ get_rename_intermediate_sql(target_relation) }}
        {%- else -%}
            {{ get_create_sql(target_relation, sql) }}
        {%- endif -%}
        {%- if existing_relation.can_be_renamed -%}
            ;
            {{ get_drop_backup_sql(existing_relation) }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{% macro get_replace_table_sql(relation, sql) %}
    {{- return(adapter.dispatch('get_replace_table_sql', 'dbt')(relation, sql)) -}}
{% endmacro %}

{% macro default__get_replace_table_sql(relation, sql) %}{{ leat_not_for_adapter('get_replace_table_sql') }}{% endmacro %}

{% macro get_replace_view_sql(relation, sql) %}
    {{- return(adapter.dispatch('get_replace_view_sql', 'dbt')(relation, sql)) -}}
{% endmacro %}

{% macro default__get_replace_view_sql(relation, sql) %}{{ leat_not_for_adapter('get_replace_view_sql') }}{% endmacro %}

{% macro get_replace_materialized_view_sql(relation, sql) %}
    {{- return(adapter.dispatch('get_replace_materialized_view_sql', 'dbt')(relation, sql)) -}}
{% endmacro %}

{% macro default__get_replace_materialized_view_sql(relation, sql) %}{{ leat_not_for_adapter('get_replace_materialized_view_sql') }}{% endmacro %}

{#- tables and views from a SELECT -#}
{% macro leat_sql_header() -%}
    {%- set header = config.get('sql_header') -%}
    {{ header if header is not none }}
{%- endmacro %}

{% macro leat_contract_is_enforced() %}
    {% set contract = config.get('contract') %}
    {{ return(true if contract and contract.enforced else false) }}
{% endmacro %}

{% macro get_create_table_as_sql(temporary, relation, sql) %}
    {{- return(adapter.dispatch('get_create_table_as_sql', 'dbt')(temporary, relation, sql)) -}}
{% endmacro %}

{% macro default__get_create_table_as_sql(temporary, relation, sql) %}{{ return(create_table_as(temporary, relation, sql)) }}{% endmacro %}

{% macro create_table_as(temporary, relation, compiled_code, language='sql') %}
    {% if language == 'sql' %}
        {{- return(adapter.dispatch('create_table_as', 'dbt')(temporary, relation, compiled_code)) -}}
    {% endif %}
    {{- return(adapter.dispatch('create_table_as', 'dbt')(temporary, relation, compiled_code, language)) -}}
{% endmacro %}
{% macro default__create_table_as(temporary, relation, sql) -%}
    {{ leat_sql_header() }}
    create {{ 'temporary ' if temporary }}table {{ relation.include(database=(not temporary), schema=(not temporary)) }}
    {%- if leat_contract_is_enforced() and not temporary %}
        {{ get_assert_columns_equivalent(sql) }}
        {{ get_table_columns_and_constraints() }}
        {%- set sql = get_select_subquery(sql) %}
    {%- endif %}
    as (
        {{ sql }}
    );
{%- endmacro %}

{% macro get_create_view_as_sql(relation, sql) %}
    {{- return(adapter.dispatch('get_create_view_as_sql', 'dbt')(relation, sql)) -}}
{% endmacro %}

{% macro default__get_create_view_as_sql(relation, sql) %}{{ return(create_view_as(relation, sql)) }}{% endmacro %}

{% macro create_view_as(relation, sql) %}
    {{- return(adapter.dispatch('create_view_as', 'dbt')(relation, sql)) -}}
{% endmacro %}

{% macro default__create_view_as(relation, sql) -%}
    {{ leat_sql_header() }}
    create view {{ relation.render() }}
    {%- if leat_contract_is_enforced() %}
        {{ get_assert_columns_equivalent(sql) }}
    {%- endif %}
    as (
        {{ sql }}
    );
{%- endmacro %}

{#- A view that is replaced in place, for adapters that can; the body of a materialization. -#}
{% macro create_or_replace_view() %}
    {% set existing = adapter.get_relation(database=database, schema=schema, identifier=model['alias']) %}
    {% set target_relation = api.Relation.create(database=database, schema=schema, identifier=model['alias'], type='view') %}
    {{ run_hooks(pre_hooks) }}
    {% if existing is not none and existing.is_table %}
        {{ handle_existing_table(should_full_refresh(), existing) }}
    {% endif %}
    {% call statement('main') %}
        {{ get_create_view_as_sql(target_relation, sql) }}
    {% endcall %}
    {% set revoke = should_revoke(existing is not none and existing.is_view, full_refresh_mode=true) %}
    {% do apply_grants(target_relation, config.get('grants'), should_revoke=revoke) %}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target_relation]}) }}
{% endmacro %}

{% macro handle_existing_table(full_refresh, old_relation) %}
    {{- return(adapter.dispatch('handle_existing_table', 'dbt')(full_refresh, old_relation)) -}}
{% endmacro %}

{% macro default__handle_existing_table(full_refresh, old_relation) %}
    {% do log('Dropping relation ' ~ old_relation.render() ~ ' because it is of type ' ~ old_relation.type) %}
    {{ adapter.drop_relation(old_relation) }}
{% endmacro %}
