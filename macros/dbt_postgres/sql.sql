{#- PostgreSQL's own ways of saying things, its strategies, and its snapshots. -#}

{% macro postgres__current_timestamp() %}now(){% endmacro %}
{% macro postgres__snapshot_string_as_time(timestamp) %}{{ return("'" ~ timestamp ~ "'::timestamp without time zone") }}{% endmacro %}
{% macro postgres__snapshot_get_time() %}{{ current_timestamp() }}::timestamp without time zone{% endmacro %}
{% macro postgres__current_timestamp_backcompat() %}
    current_timestamp::{{ type_timestamp() }}
{% endmacro %}
{% macro postgres__current_timestamp_in_utc_backcompat() %}
    (current_timestamp at time zone 'utc')::{{ type_timestamp() }}
{% endmacro %}

{% macro postgres__any_value(expression) %}min({{ expression }}){% endmacro %}

{% macro postgres__dateadd(datepart, interval, from_date_or_timestamp) %}

    {{ from_date_or_timestamp }} + ((interval '1 {{ datepart }}') * ({{ interval }}))

{% endmacro %}

{#- Boundaries that lie between: years of the calendar, hours of the clock. -#}
{% macro postgres__datediff(first_date, second_date, datepart) -%}
    {%- set a, b = '(' ~ first_date ~ ')', '(' ~ second_date ~ ')' %}
        {% if datepart == 'year' -%}
        (date_part('year', {{ b }}::date) - date_part('year', {{ a }}::date))
        {%- elif datepart == 'quarter' -%}
        ({{ datediff(first_date, second_date, 'year') }} * 4 + date_part('quarter', {{ b }}::date) - date_part('quarter', {{ a }}::date))
        {%- elif datepart == 'month' -%}
        ({{ datediff(first_date, second_date, 'year') }} * 12 + date_part('month', {{ b }}::date) - date_part('month', {{ a }}::date))
        {%- elif datepart == 'day' -%}
        ({{ b }}::date - {{ a }}::date)
        {%- elif datepart == 'week' -%}
        ({{ datediff(first_date, second_date, 'day') }} / 7 + case
            when date_part('dow', {{ a }}::timestamp) <= date_part('dow', {{ b }}::timestamp) then
                case when {{ first_date }} <= {{ second_date }} then 0 else -1 end
            else
                case when {{ first_date }} <= {{ second_date }} then 1 else 0 end
        end)
        {%- elif datepart == 'hour' -%}
        ({{ datediff(first_date, second_date, 'day') }} * 24 + date_part('hour', {{ b }}::timestamp) - date_part('hour', {{ a }}::timestamp))
        {%- elif datepart == 'minute' -%}
        ({{ datediff(first_date, second_date, 'hour') }} * 60 + date_part('minute', {{ b }}::timestamp) - date_part('minute', {{ a }}::timestamp))
        {%- elif datepart in ['second', 'millisecond', 'microsecond'] -%}
        {%- set in_a_minute = {'second': 60, 'millisecond': 60000, 'microsecond': 60000000}[datepart] -%}
        ({{ datediff(first_date, second_date, 'minute') }} * {{ in_a_minute }} + floor(date_part('{{ datepart }}', {{ b }}::timestamp)) - floor(date_part('{{ datepart }}', {{ a }}::timestamp)))
        {%- else -%}
        {{ exceptions.raise_compiler_error("Unsupported datepart for macro datediff in postgres: '" ~ datepart ~ "'") }}
        {%- endif %}
    {% endmacro %}

{% macro postgres__last_day(date, datepart) -%}
    {%- if datepart == 'quarter' -%}
    -- postgres dateadd does not support quarter interval.
    cast(
        {{ dbt.dateadd('day', '-1', dbt.dateadd('month', '3', dbt.date_trunc(datepart, date))) }}
        as date)
    {%- else -%}
        {{ dbt.default_last_day(date, datepart) }}
    {%- endif -%}
{%- endmacro %}

{% macro postgres__equals(expr1, expr2) -%}
    {%- if adapter.behavior.enable_truthy_nulls_equals_macro.no_warn -%}
        ({{ expr1 }} is not distinct from {{ expr2 }})
    {%- else -%}
        ({{ expr1 }} = {{ expr2 }})
    {%- endif -%}
{%- endmacro %}

{% macro postgres__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
    {%- if limit_num -%}
    array_to_string(
        (array_agg(
            {{ measure }}{{ '\n            ' ~ order_by_clause if order_by_clause }}
        ))[1:{{ limit_num }}],
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

{% macro postgres__split_part(string_text, delimiter_text, part_number) %}

  {% if part_number >= 0 %}
    {{ dbt.default__split_part(string_text, delimiter_text, part_number) }}
  {% else %}
    {{ dbt._split_part_negative(string_text, delimiter_text, part_number) }}
  {% endif %}

{% endmacro %}

{% macro postgres__formatted_scalar_function_args_sql() %}{{ return(leat_function_args(true)) }}{% endmacro %}

{% macro postgres__get_incremental_default_sql(arg_dict) %}
    {{ return(get_incremental_delete_insert_sql(arg_dict) if arg_dict['unique_key'] else get_incremental_append_sql(arg_dict)) }}
{% endmacro %}

{% macro postgres__get_incremental_microbatch_sql(arg_dict) %}
    {% if not arg_dict['unique_key'] %}
        {{ exceptions.raise_compiler_error("dbt-postgres 'microbatch' requires a `unique_key` config") }}
    {% endif %}
    {{ return(adapter.dispatch('get_incremental_merge_sql', 'dbt')(arg_dict)) }}
{% endmacro %}

{% macro postgres__snapshot_merge_sql(target, source, insert_cols) %}
    {{- return(leat_snapshot_update_and_insert(target, source, insert_cols, 'DBT_INTERNAL_TARGET')) -}}
{% endmacro %}

{#- A contract compares what the driver calls a type: varchar and text are one, lengths and precision are not looked at. -#}
{% macro postgres__format_column(column) %}
    {% set same = {'smallint': 'integer', 'real': 'double precision', 'character varying': 'text', 'character': 'text', 'bpchar': 'text', 'name': 'text',
                   'time with time zone': 'time without time zone'} %}
    {% set bare = modules.re.sub('[(][^)]*[)]', '', column.dtype) %}
    {{ return({'name': column.name, 'data_type': column.dtype, 'formatted': column.column.lower() ~ ' ' ~ same.get(bare, bare)}) }}
{% endmacro %}
