{#- DuckDB's own ways of saying things, its seeds and its snapshots. -#}

{% macro duckdb__current_timestamp() %}now(){% endmacro %}
{% macro duckdb__snapshot_string_as_time(timestamp) %}{{ return("'" ~ timestamp ~ "'::timestamp") }}{% endmacro %}
{% macro duckdb__snapshot_get_time() %}{{ current_timestamp() }}::timestamp{% endmacro %}

{% macro duckdb__any_value(expression) %}arbitrary({{ expression }}){% endmacro %}
{% macro duckdb__date(year, month, day) %}make_date({{ year }}, {{ month }}, {{ day }}){% endmacro %}

{% macro duckdb__dateadd(datepart, interval, from_date_or_timestamp) %}
    {%- set times, unit = {'quarter': (3, 'month'), 'week': (7, 'day')}.get(datepart | lower, (1, datepart | lower)) -%}
    {%- set count = 'cast(' ~ interval ~ ' as bigint)' %}

    ({{ from_date_or_timestamp }} + {{ count if times == 1 else '(' ~ count ~ ' * ' ~ times ~ ')' }} * interval 1 {{ unit }})

{%- endmacro %}

{#- Weeks begin on Sunday here; DuckDB's own begin on Monday. -#}
{% macro duckdb__datediff(first_date, second_date, datepart) -%}
    {%- if datepart == 'week' %}
            ({{ datediff(first_date, second_date, 'day') }} // 7 + case
            when date_part('dow', ({{ first_date }})::timestamp) <= date_part('dow', ({{ second_date }})::timestamp) then
                case when {{ first_date }} <= {{ second_date }} then 0 else -1 end
            else
                case when {{ first_date }} <= {{ second_date }} then 1 else 0 end
        end)
    {%- else %}
        (date_diff('{{ datepart }}', {{ first_date }}::timestamp, {{ second_date }}::timestamp ))
    {%- endif %}
    {% endmacro %}

{% macro duckdb__last_day(date, datepart) -%}
    {%- if datepart == 'quarter' -%}
    -- duckdb dateadd does not support quarter interval.
    cast(
        {{ dbt.dateadd('day', '-1', dbt.dateadd('month', '3', dbt.date_trunc(datepart, date))) }}
        as date)
    {%- else -%}
        {{ dbt.default_last_day(date, datepart) }}
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__generate_series(upper_bound) %}
    select
        generate_series as generated_number
    from generate_series(1, {{ upper_bound }})
{% endmacro %}

{% macro duckdb__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
    {%- if limit_num -%}
    list_aggr(
        (array_agg(
            {{ measure }}{{ '\n            ' ~ order_by_clause if order_by_clause }}
        ))[1:{{ limit_num }}],
        'string_agg',
        {{ delimiter_text }}
        )
    {%- else %}
    string_agg(
        {{ measure }},
        {{ delimiter_text }}
        {{ order_by_clause if order_by_clause }}
        )
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__split_part(string_text, delimiter_text, part_number) %}
    string_split({{ string_text }}, {{ delimiter_text }})[ {{ part_number }} ]
{% endmacro %}

{#- seeds: DuckDB reads the file itself -#}
{% macro duckdb__get_binding_char() %}{{ return(adapter.get_binding_char()) }}{% endmacro %}
{% macro duckdb__get_batch_size() %}{{ return(10000) }}{% endmacro %}

{% macro duckdb__load_csv_rows(model, agate_table) %}
    {% if not config.get('fast', true) %}
        {{ return(default__load_csv_rows(model, agate_table)) }}
    {% endif %}
    {% set path = adapter.get_seed_file_path(model) | replace("'", "''") %}
    {% set sql = 'copy ' ~ this.render() ~ " from '" ~ path ~ "' (format csv, header true, delimiter '" ~ config.get('delimiter', ',') ~ "')" %}
    {% do adapter.add_query(sql, abridge_sql_log=true) %}
    {{ return(sql) }}
{% endmacro %}

{% macro duckdb__snapshot_merge_sql(target, source, insert_cols) %}
    {{- return(leat_snapshot_update_and_insert(target, source, insert_cols, 'DBT_INTERNAL_TARGET')) -}}
{% endmacro %}

{% macro duckdb__post_snapshot(temporary_relation) %}{{ return(drop_relation(temporary_relation)) }}{% endmacro %}

{#- Functions: DuckDB's are macros, whose arguments have no types (in files of the usual storage version) and no volatility. -#}

{% macro duckdb__scalar_function_sql(target_relation) %}
    {%- if model.config.get('volatility') is not none -%}
        {%- do unsupported_volatility_warning(model.config.get('volatility')) -%}
    {%- endif -%}
    CREATE OR REPLACE FUNCTION {{ target_relation.render() }} ({{ formatted_scalar_function_args_sql() }})
    AS ({{ scalar_function_body_sql() }})
{% endmacro %}

{% macro duckdb__formatted_scalar_function_args_sql() %}
    {%- set made = [] -%}
    {%- for arg in model.arguments -%}
        {%- set default = arg.get('default_value') -%}
        {%- do made.append(arg.name ~ (' := ' ~ default if default is not none else '')) -%}
    {%- endfor -%}
    {{ return(made | join(', ')) }}
{% endmacro %}

{% macro duckdb__scalar_function_body_sql() -%}
    cast((
        {{ model.compiled_code }}
    ) as {{ model.returns.data_type }})
{%- endmacro %}
