{#- Seeds: a table with the types that were found in the file, and its rows. -#}

{% macro create_csv_table(model, agate_table) %}
    {{- return(adapter.dispatch('create_csv_table', 'dbt')(model, agate_table)) -}}
{% endmacro %}

{% macro default__create_csv_table(model, agate_table) %}
    {% set given = model['config'].get('column_types', {}) %}
    {% set quoting = model['config'].get('quote_columns', none) %}
    {% set columns = [] %}
    {% for name in agate_table.column_names %}
        {% set type = given.get(name, adapter.convert_type(agate_table, loop.index0)) %}
        {% do columns.append(adapter.quote_seed_column(name | string, quoting) ~ ' ' ~ type) %}
    {% endfor %}
    {% set sql = 'create table ' ~ this.render() ~ ' (' ~ columns | join(', ') ~ ')' %}
    {% call statement('_') %}
        {{ sql }}
    {% endcall %}
    {{ return(sql) }}
{% endmacro %}

{% macro reset_csv_table(model, full_refresh, old_relation, agate_table) %}
    {{- return(adapter.dispatch('reset_csv_table', 'dbt')(model, full_refresh, old_relation, agate_table)) -}}
{% endmacro %}

{% macro default__reset_csv_table(model, full_refresh, old_relation, agate_table) %}
    {% if full_refresh %}
        {{ adapter.drop_relation(old_relation) }}
        {{ return(create_csv_table(model, agate_table)) }}
    {% endif %}
    {{ adapter.truncate_relation(old_relation) }}
    {{ return('truncate table ' ~ old_relation.render()) }}
{% endmacro %}

{% macro get_csv_sql(create_or_truncate_sql, insert_sql) %}
    {{- return(adapter.dispatch('get_csv_sql', 'dbt')(create_or_truncate_sql, insert_sql)) -}}
{% endmacro %}

{% macro default__get_csv_sql(create_or_truncate_sql, insert_sql) %}
    {{ create_or_truncate_sql }};
    -- dbt seed --
    {{ insert_sql }}
{% endmacro %}

{% macro get_binding_char() %}
    {{- return(adapter.dispatch('get_binding_char', 'dbt')()) -}}
{% endmacro %}

{% macro default__get_binding_char() %}{{ return('%s') }}{% endmacro %}

{% macro get_batch_size() %}
    {{- return(adapter.dispatch('get_batch_size', 'dbt')()) -}}
{% endmacro %}

{% macro default__get_batch_size() %}{{ return(10000) }}{% endmacro %}

{% macro get_seed_column_quoted_csv(model, column_names) %}
    {% set quoting = model['config'].get('quote_columns', none) %}
    {% set quoted = [] %}
    {% for name in column_names %}
        {% do quoted.append(adapter.quote_seed_column(name, quoting)) %}
    {% endfor %}
    {{ return(quoted | join(', ')) }}
{% endmacro %}

{% macro load_csv_rows(model, agate_table) %}
    {{- return(adapter.dispatch('load_csv_rows', 'dbt')(model, agate_table)) -}}
{% endmacro %}

{% macro default__load_csv_rows(model, agate_table) %}
    {% set columns = get_seed_column_quoted_csv(model, agate_table.column_names) %}
    {% do adapter.insert_rows(this.render(), columns, agate_table) %}
    {{ return('insert into ' ~ this.render() ~ ' (' ~ columns ~ ') values ...') }}
{% endmacro %}

{% materialization seed, default %}
    {% set full_refresh_mode = should_full_refresh() %}
    {% set existing = adapter.get_relation(database=database, schema=schema, identifier=model['alias']) %}
    {% set rows = load_agate_table() %}
    {% do store_result('agate_table', response='OK', agate_table=rows) %}
    {{ run_hooks(pre_hooks, inside_transaction=false) }}
    {{ run_hooks(pre_hooks, inside_transaction=true) }}
    {% if existing is none %}
        {% set table_sql = create_csv_table(model, rows) %}
    {% elif existing.is_view %}
        {{ exceptions.raise_compiler_error("Cannot seed to '" ~ existing.render() ~ "', it is a view") }}
    {% else %}
        {% set table_sql = reset_csv_table(model, full_refresh_mode, existing, rows) %}
    {% endif %}
    {% set count = rows.rows | length %}
    {% set insert_sql = load_csv_rows(model, rows) if count else '' %}
    {% set code = 'CREATE' if full_refresh_mode else 'INSERT' %}
    {% call noop_statement('main', code ~ ' ' ~ count, code, count) %}
        {{ get_csv_sql(table_sql, insert_sql) }};
    {% endcall %}
    {% set target_relation = this.incorporate(type='table') %}
    {{ leat_grant_and_comment(target_relation, existing, full_refresh_mode) }}
    {% if full_refresh_mode or existing is none %}
        {% do create_indexes(target_relation) %}
    {% endif %}
    {{ run_hooks(post_hooks, inside_transaction=true) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=false) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
