{#- Columns of relations and of queries; contracts. -#}

{% macro get_columns_in_relation(relation) %}
    {{- return(adapter.dispatch('get_columns_in_relation', 'dbt')(relation)) -}}
{% endmacro %}

{% macro default__get_columns_in_relation(relation) %}
    {{ exceptions.raise_not_implemented('get_columns_in_relation macro not implemented for adapter ' ~ adapter.type()) }}
{% endmacro %}

{% macro sql_convert_columns_in_relation(table) %}
    {% set columns = [] %}
    {% for row in table %}
        {% do columns.append(api.Column(*row)) %}
    {% endfor %}
    {{ return(columns) }}
{% endmacro %}

{% macro get_columns_for_unit_tests(relation) %}
    {{- return(adapter.dispatch('get_columns_for_unit_tests', 'dbt')(relation)) -}}
{% endmacro %}

{% macro default__get_columns_for_unit_tests(relation) %}
    {{ return(adapter.get_columns_in_relation(relation) + adapter.get_pseudocolumns_for_relation(relation)) }}
{% endmacro %}

{% macro get_list_of_column_names(columns) %}{{ return(columns | map(attribute='name') | list) }}{% endmacro %}

{#- The shape of a query, without its rows. -#}
{% macro get_empty_subquery_sql(select_sql, select_sql_header=none) %}
    {{- return(adapter.dispatch('get_empty_subquery_sql', 'dbt')(select_sql, select_sql_header)) -}}
{% endmacro %}

{% macro default__get_empty_subquery_sql(select_sql, select_sql_header=none) -%}
    {{ select_sql_header if select_sql_header is not none }}
    select * from (
        {{ select_sql }}
    ) as __dbt_sbq
    where false
    limit 0
{%- endmacro %}

{#- The shape that a contract promises. -#}
{% macro get_empty_schema_sql(columns) %}
    {{- return(adapter.dispatch('get_empty_schema_sql', 'dbt')(columns)) -}}
{% endmacro %}

{% macro default__get_empty_schema_sql(columns) -%}
    {%- set untyped = [] -%}
    {%- set bare_numbers = [] -%}
    select
    {%- for key in columns %}
        {%- set column = columns[key] -%}
        {%- if column['data_type'] is not defined or column['data_type'] is none -%}
            {%- do untyped.append(column['name']) -%}
        {%- else -%}
            {%- if column['data_type'].strip().lower() in ('numeric', 'decimal', 'number') -%}
                {%- do bare_numbers.append(column['name']) -%}
            {%- endif %}
        {{ cast('null', column['data_type']) }} as {{ adapter.quote(column['name']) if column.get('quote') else column['name'] }}{{ ',' if not loop.last }}
        {%- endif -%}
    {%- endfor -%}
    {%- if untyped -%}
        {{ exceptions.column_type_missing(column_names=untyped) }}
    {%- elif bare_numbers -%}
        {{ exceptions.warn('Detected columns with numeric type and unspecified precision/scale, this can lead to unintended rounding: ' ~ bare_numbers) }}
    {%- endif -%}
{%- endmacro %}

{% macro get_column_schema_from_query(select_sql, select_sql_header=none) %}
    {{ return(adapter.get_column_schema_from_query(get_empty_subquery_sql(select_sql, select_sql_header))) }}
{% endmacro %}

{% macro get_columns_in_query(select_sql) %}
    {{- return(adapter.dispatch('get_columns_in_query', 'dbt')(select_sql)) -}}
{% endmacro %}

{% macro default__get_columns_in_query(select_sql) %}
    {% call statement('get_columns_in_query', fetch_result=true, auto_begin=false) %}
        {{ get_empty_subquery_sql(select_sql) }}
    {% endcall %}
    {{ return(load_result('get_columns_in_query').table.columns | map(attribute='name') | list) }}
{% endmacro %}

{#- Through a second column, which then takes the name of the first. -#}
{% macro alter_column_type(relation, column_name, new_column_type) %}
    {{- return(adapter.dispatch('alter_column_type', 'dbt')(relation, column_name, new_column_type)) -}}
{% endmacro %}

{% macro default__alter_column_type(relation, column_name, new_column_type) %}
    {% set fresh = adapter.quote(column_name ~ '__dbt_alter') %}
    {% set held = adapter.quote(column_name) %}
    {% call statement('alter_column_type') %}
        alter table {{ relation.render() }} add column {{ fresh }} {{ new_column_type }};
        update {{ relation.render() }} set {{ fresh }} = {{ held }};
        alter table {{ relation.render() }} drop column {{ held }} cascade;
        alter table {{ relation.render() }} rename column {{ fresh }} to {{ held }}
    {% endcall %}
{% endmacro %}

{% macro alter_relation_add_remove_columns(relation, add_columns=none, remove_columns=none) %}
    {{- return(adapter.dispatch('alter_relation_add_remove_columns', 'dbt')(relation, add_columns, remove_columns)) -}}
{% endmacro %}

{% macro default__alter_relation_add_remove_columns(relation, add_columns, remove_columns) %}
    {% set changes = [] %}
    {% for column in add_columns or [] %}
        {% do changes.append('add column ' ~ column.quoted ~ ' ' ~ column.expanded_data_type) %}
    {% endfor %}
    {% for column in remove_columns or [] %}
        {% do changes.append('drop column ' ~ column.quoted) %}
    {% endfor %}
    {% if changes %}
        {% do run_query('alter ' ~ relation.type ~ ' ' ~ relation.render() ~ ' ' ~ changes | join(', ')) %}
    {% endif %}
{% endmacro %}

{#- contracts -#}
{% macro get_table_columns_and_constraints() %}
    {{- return(adapter.dispatch('get_table_columns_and_constraints', 'dbt')()) -}}
{% endmacro %}

{% macro default__get_table_columns_and_constraints() %}{{ return(table_columns_and_constraints()) }}{% endmacro %}
{% macro table_columns_and_constraints() -%}
    {%- set lines = adapter.render_raw_columns_constraints(raw_columns=model['columns']) + adapter.render_raw_model_constraints(raw_constraints=model['constraints']) -%}
    (
        {{ lines | join(',\n        ') }}
    )
{%- endmacro %}

{% macro get_column_names() %}
    {{- return(adapter.dispatch('get_column_names', 'dbt')()) -}}
{% endmacro %}

{% macro default__get_column_names() -%}
    {%- for key in model['columns'] -%}
        {%- set column = model['columns'][key] -%}
        {{ adapter.quote(column['name']) if column.get('quote') else column['name'] }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{% macro get_select_subquery(sql) %}
    {{- return(adapter.dispatch('get_select_subquery', 'dbt')(sql)) -}}
{% endmacro %}

{% macro default__get_select_subquery(sql) -%}
    select {{ adapter.dispatch('get_column_names', 'dbt')() }}
    from (
        {{ sql }}
    ) as model_subq
{%- endmacro %}

{% macro get_assert_columns_equivalent(sql) %}
    {{- return(adapter.dispatch('get_assert_columns_equivalent', 'dbt')(sql)) -}}
{% endmacro %}

{% macro default__get_assert_columns_equivalent(sql) %}{{ return(assert_columns_equivalent(sql)) }}{% endmacro %}
{% macro assert_columns_equivalent(sql) %}
    {% if not model['columns'] %}
        {{ exceptions.raise_contract_error([], []) }}
    {% endif %}
    {% set given = format_columns(get_column_schema_from_query(sql, config.get('sql_header'))) %}
    {% set promised = format_columns(get_column_schema_from_query(get_empty_schema_sql(model['columns']))) %}
    {% if (given | map(attribute='formatted') | sort) != (promised | map(attribute='formatted') | sort) %}
        {% do exceptions.raise_contract_error(promised, given) %}
    {% endif %}
{% endmacro %}

{% macro format_columns(columns) %}
    {% set made = [] %}
    {% for column in columns %}
        {% do made.append(adapter.dispatch('format_column', 'dbt')(column)) %}
    {% endfor %}
    {{ return(made) }}
{% endmacro %}
{% macro default__format_column(column) %}
    {{ return({'name': column.name, 'data_type': column.dtype, 'formatted': column.column.lower() ~ ' ' ~ column.dtype}) }}
{% endmacro %}
