{#- Tests of data, and unit tests. -#}

{% macro get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) %}
    {{- return(adapter.dispatch('get_test_sql', 'dbt')(main_sql, fail_calc, warn_if, error_if, limit)) -}}
{% endmacro %}

{% macro default__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
    select
        {{ fail_calc }} as failures,
        {{ fail_calc }} {{ warn_if }} as should_warn,
        {{ fail_calc }} {{ error_if }} as should_error
    from (
        {{ main_sql }}
        {{ 'limit ' ~ limit if limit is not none }}
    ) dbt_internal_test
{%- endmacro %}

{% macro leat_test_header() -%}
    {%- set header = config.get('sql_header') if flags.REQUIRE_SQL_HEADER_IN_TEST_CONFIGS else none -%}
    {{ header if header }}
{%- endmacro %}

{#- The rows that fail are kept in a relation first, where that is wanted. -#}
{% macro leat_store_failures(rows_sql) %}
    {% set kind = config.get('store_failures_as') or 'table' %}
    {% if kind not in ['table', 'view'] %}
        {{ exceptions.raise_compiler_error("'" ~ kind ~ "' is not a valid value for `store_failures_as`. Accepted values are: ['ephemeral', 'table', 'view']") }}
    {% endif %}
    {% set existing = adapter.get_relation(database=database, schema=schema, identifier=model['alias']) %}
    {% if existing %}
        {% do adapter.drop_relation(existing) %}
    {% endif %}
    {% set kept = api.Relation.create(database=database, schema=schema, identifier=model['alias'], type=kind) %}
    {% call statement(auto_begin=true) %}
        {{ leat_test_header() }}
        {{ get_create_sql(kept, rows_sql) }}
    {% endcall %}
    {{ adapter.commit() }}
    {{ return(kept) }}
{% endmacro %}

{#- After a test of which nobody said that its rows be stored: they are kept all the same, and gone when there are none. -#}
{% macro leat_keep_failures(rows_sql, any) %}
    {% set existing = adapter.get_relation(database=database, schema=schema, identifier=model['alias']) %}
    {% if any %}
        {% do adapter.begin() %}
        {% do adapter.cache_added(leat_store_failures(get_limit_subquery_sql(rows_sql, config.get('limit')))) %}
    {% elif existing %}
        {% do adapter.begin() %}
        {% do adapter.drop_relation(existing) %}
        {{ adapter.commit() }}
    {% endif %}
{% endmacro %}

{% materialization test, default %}
    {% set rows_sql = get_limit_subquery_sql(sql, config.get('limit')) %}
    {% set relations = [] %}
    {% if should_store_failures() %}
        {% do relations.append(leat_store_failures(rows_sql)) %}
        {% set rows_sql = 'select * from ' ~ relations[0] %}
    {% endif %}
    {% call statement('main', fetch_result=true) %}
        {{- leat_test_header() }}
        {{ get_test_sql(rows_sql, config.get('fail_calc'), config.get('warn_if'), config.get('error_if'), limit=none) }}
    {% endcall %}
    {{ return({'relations': relations}) }}
{% endmaterialization %}

{% macro get_unit_test_sql(main_sql, expected_fixture_sql, expected_column_names) %}
    {{- return(adapter.dispatch('get_unit_test_sql', 'dbt')(main_sql, expected_fixture_sql, expected_column_names)) -}}
{% endmacro %}

{% macro default__get_unit_test_sql(main_sql, expected_fixture_sql, expected_column_names) -%}
    {%- set names = expected_column_names | join(', ') -%}
    with dbt_internal_unit_test_actual as (
        select {{ names }}, {{ dbt.string_literal('actual') }} as {{ adapter.quote('actual_or_expected') }}
        from (
            {{ main_sql }}
        ) _dbt_internal_unit_test_actual
    ),
    dbt_internal_unit_test_expected as (
        select {{ names }}, {{ dbt.string_literal('expected') }} as {{ adapter.quote('actual_or_expected') }}
        from (
            {{ expected_fixture_sql }}
        ) _dbt_internal_unit_test_expected
    )
    select * from dbt_internal_unit_test_actual
    union all
    select * from dbt_internal_unit_test_expected
{%- endmacro %}

{% materialization unit, default %}
    {% set expected_rows = config.get('expected_rows') %}
    {% set expected_sql = config.get('expected_sql') %}
    {% set names = expected_rows[0].keys() if expected_rows else get_columns_in_query(sql) %}
    {% set temp_relation = make_temp_relation(this.incorporate(type='table')) %}
    {% do run_query(get_create_table_as_sql(true, temp_relation, get_empty_subquery_sql(sql))) %}
    {% set types, quoted = {}, {} %}
    {% for column in get_columns_for_unit_tests(temp_relation) %}
        {% do types.update({column.name | lower: column.data_type}) %}
        {% do quoted.update({column.name | lower: column.quoted}) %}
    {% endfor %}
    {% set tested = [] %}
    {% for name in names %}
        {% do tested.append(quoted[name | lower]) %}
    {% endfor %}
    {% if not expected_sql %}
        {% set expected_sql = get_expected_sql(expected_rows, types, quoted) %}
    {% endif %}
    {% call statement('main', fetch_result=true) %}
        {{- leat_test_header() }}
        {{ get_unit_test_sql(sql, expected_sql, tested) }}
    {% endcall %}
    {% do adapter.drop_relation(temp_relation) %}
    {{ return({'relations': []}) }}
{% endmaterialization %}

{#- Rows of a fixture as SQL: every column of the relation, NULL where the row has none. -#}
{% macro get_fixture_sql(rows, column_name_to_data_types) %}
    {% set types, quoted = column_name_to_data_types or {}, {} %}
    {% if not types %}
        {% set where_from = defer_relation if (defer_relation and not load_relation(this)) else this %}
        {% for column in get_columns_for_unit_tests(where_from) %}
            {% do types.update({column.name | lower: column.data_type}) %}
            {% do quoted.update({column.name | lower: column.quoted}) %}
        {% endfor %}
    {% endif %}
    {% if not types %}
        {{ exceptions.raise_compiler_error("Not able to get columns for unit test '" ~ model.name ~ "' from relation " ~ this ~ " because the relation doesn't exist: build it first" ~ (" ('leat dbt run --empty --select " ~ model.name ~ "' makes it without rows)" if model.resource_type == 'model' else "")) }}
    {% endif %}
    {% set blank = {} %}
    {% for name, type in types.items() %}
        {% do blank.update({name: safe_cast('null', type) | trim}) %}
    {% endfor %}
    {{- validate_fixture_rows(rows, row_number) -}}
    {% set selects = [] %}
    {% for row in rows %}
        {% set filled = blank.copy() %}
        {% do filled.update(format_row(row, types)) %}
        {% do selects.append(leat_fixture_select(filled, quoted)) %}
    {% endfor %}
    {% if selects %}
        {{- selects | join('\nunion all\n') -}}
    {% else %}
        {{- leat_fixture_select(blank, quoted) }} limit 0
    {%- endif %}
{% endmacro %}

{% macro leat_fixture_select(row, quoted) -%}
    select
    {%- for name, value in row.items() %} {{ value }} as {{ quoted.get(name, name) }}{{ ',' if not loop.last }}{% endfor -%}
{%- endmacro %}

{% macro get_expected_sql(rows, column_name_to_data_types, column_name_to_quoted) %}
    {%- if not rows -%}
        select * from dbt_internal_unit_test_actual limit 0
    {%- else -%}
        {%- for row in rows -%}
            {{ leat_fixture_select(format_row(row, column_name_to_data_types), column_name_to_quoted) }}
            {{ 'union all' if not loop.last }}
        {% endfor -%}
    {%- endif -%}
{% endmacro %}

{% macro format_row(row, column_name_to_data_types) %}
    {% set made = {} %}
    {% for given, value in row.items() %}
        {% set name = given | lower %}
        {% if name not in column_name_to_data_types %}
            {% set fixture = 'expected output' if model.resource_type == 'unit_test' else "'" ~ model.name ~ "'" %}
            {{ exceptions.raise_compiler_error("Invalid column name: '" ~ name ~ "' in unit test fixture for " ~ fixture ~ '. Accepted columns for ' ~ fixture ~ ' are: ' ~ (column_name_to_data_types.keys() | list)) }}
        {% endif %}
        {% set type = column_name_to_data_types[name] %}
        {% if value is string and 'varying' in type %}
            {% set type = type.split('(')[0] %}
        {% endif %}
        {% set literal = value %}
        {% if value is string %}
            {% set literal = dbt.string_literal(dbt.escape_single_quotes(value)) %}
        {% elif value is none %}
            {% set literal = 'null' %}
        {% endif %}
        {% do made.update({name: safe_cast(literal, type)}) %}
    {% endfor %}
    {{ return(made) }}
{% endmacro %}

{% macro validate_fixture_rows(rows, row_number) %}
    {{- return(adapter.dispatch('validate_fixture_rows', 'dbt')(rows, row_number)) -}}
{% endmacro %}

{% macro default__validate_fixture_rows(rows, row_number) %}{% endmacro %}
