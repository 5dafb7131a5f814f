{#- Dates and times in SQL, and lists of dates for templates. -#}

{% macro date(year, month, day) %}
    {{- return(adapter.dispatch('date', 'dbt')(year, month, day)) -}}
{% endmacro %}

{% macro default__date(year, month, day) -%}
    to_date('{{ modules.datetime.date(year, month, day).strftime('%Y-%m-%d') }}', 'YYYY-MM-DD')
{%- endmacro %}

{% macro date_trunc(datepart, date) %}
    {{- return(adapter.dispatch('date_trunc', 'dbt')(datepart, date)) -}}
{% endmacro %}

{% macro default__date_trunc(datepart, date) %}date_trunc('{{ datepart }}', {{ date }}){% endmacro %}

{% macro dateadd(datepart, interval, from_date_or_timestamp) %}
    {{- return(adapter.dispatch('dateadd', 'dbt')(datepart, interval, from_date_or_timestamp)) -}}
{% endmacro %}

{% macro default__dateadd(datepart, interval, from_date_or_timestamp) -%}
    dateadd({{ datepart }}, {{ interval }}, {{ from_date_or_timestamp }})
{%- endmacro %}

{% macro datediff(first_date, second_date, datepart) %}
    {{- return(adapter.dispatch('datediff', 'dbt')(first_date, second_date, datepart)) -}}
{% endmacro %}

{% macro default__datediff(first_date, second_date, datepart) -%}
    datediff({{ datepart }}, {{ first_date }}, {{ second_date }})
{%- endmacro %}

{#- The day before the next period begins. -#}
{% macro last_day(date, datepart) %}
    {{- return(adapter.dispatch('last_day', 'dbt')(date, datepart)) -}}
{% endmacro %}

{% macro default_last_day(date, datepart) -%}
    {%- set next_period = dbt.dateadd(datepart, '1', dbt.date_trunc(datepart, date)) -%}
    cast(
        {{ dbt.dateadd('day', '-1', next_period) }}
        as date)
{%- endmacro %}
{% macro default__last_day(date, datepart) %}{{ dbt.default_last_day(date, datepart) }}{% endmacro %}

{% macro get_powers_of_two(upper_bound) %}
    {{- return(adapter.dispatch('get_powers_of_two', 'dbt')(upper_bound)) -}}
{% endmacro %}

{% macro default__get_powers_of_two(upper_bound) %}
    {% if upper_bound <= 0 %}
        {{ exceptions.raise_compiler_error('upper bound must be positive') }}
    {% endif %}
    {% for power in range(1, 100) %}
        {% if upper_bound <= 2 ** power %}{{ return(power) }}{% endif %}
    {% endfor %}
{% endmacro %}

{#- Numbers 1 to n: the bits of a number are a cross join of zeros and ones. -#}
{% macro generate_series(upper_bound) %}
    {{- return(adapter.dispatch('generate_series', 'dbt')(upper_bound)) -}}
{% endmacro %}

{% macro default__generate_series(upper_bound) %}
    {% set bits = dbt.get_powers_of_two(upper_bound) %}
    with bit as (
        select 0 as generated_number union all select 1
    ),
    numbers as (
        select
            {% for i in range(bits) -%}
            b{{ i }}.generated_number * power(2, {{ i }}) +
            {% endfor -%}
            1 as generated_number
        from
            {% for i in range(bits) -%}
            {{ 'cross join ' if not loop.first }}bit as b{{ i }}
            {% endfor %}
    )
    select *
    from numbers
    where generated_number <= {{ upper_bound }}
    order by generated_number
{% endmacro %}

{% macro get_intervals_between(start_date, end_date, datepart) %}
    {{- return(adapter.dispatch('get_intervals_between', 'dbt')(start_date, end_date, datepart)) -}}
{% endmacro %}

{% macro default__get_intervals_between(start_date, end_date, datepart) %}
    {% call statement('get_intervals_between', fetch_result=true) %}
        select {{ dbt.datediff(start_date, end_date, datepart) }}
    {% endcall %}
    {% set found = load_result('get_intervals_between') %}
    {% if found and found['data'] %}
        {{ return(found['data'][0][0]) }}
    {% endif %}
    {{ return(1) }}
{% endmacro %}

{% macro date_spine(datepart, start_date, end_date) %}
    {{- return(adapter.dispatch('date_spine', 'dbt')(datepart, start_date, end_date)) -}}
{% endmacro %}

{% macro default__date_spine(datepart, start_date, end_date) %}
    {% set periods = dbt.get_intervals_between(start_date, end_date, datepart) %}
    with counted as (
        {{ dbt.generate_series(periods) }}
    ),
    every_period as (
        select
            ({{ dbt.dateadd(datepart, '(row_number() over (order by generated_number) - 1)', start_date) }}) as date_{{ datepart }}
        from counted
    )
    select *
    from every_period
    where date_{{ datepart }} <= {{ end_date }}
{% endmacro %}

{% macro convert_datetime(date_str, date_fmt) %}
    {% set message = "The provided partition date '" ~ date_str ~ "' does not match the expected format '" ~ date_fmt ~ "'" %}
    {{ return(try_or_compiler_error(message, modules.datetime.datetime.strptime, date_str.strip(), date_fmt)) }}
{% endmacro %}

{% macro dates_in_range(start_date_str, end_date_str=none, in_fmt='%Y%m%d', out_fmt='%Y%m%d') %}
    {% set first = convert_datetime(start_date_str, in_fmt) %}
    {% set last = first if end_date_str is none else convert_datetime(end_date_str, in_fmt) %}
    {% if last < first %}
        {{ exceptions.raise_compiler_error('Partition start date is after the end date (' ~ first ~ ', ' ~ last ~ ')') }}
    {% endif %}
    {% set days = [] %}
    {% for i in range((last - first).days + 1) %}
        {% set day = first + modules.datetime.timedelta(days=i) %}
        {% do days.append(day.strftime(out_fmt) if out_fmt else day) %}
    {% endfor %}
    {{ return(days) }}
{% endmacro %}

{% macro partition_range(raw_partition_date, date_fmt='%Y%m%d') %}
    {% set ends = (raw_partition_date | string).split(',') %}
    {% if ends | length > 2 %}
        {{ exceptions.raise_compiler_error('Invalid partition time. Expected format: {Start Date}[,{End Date}]. Got: ' ~ raw_partition_date) }}
    {% endif %}
    {{ return(dates_in_range(ends[0], ends[1] if ends | length == 2 else none, in_fmt=date_fmt)) }}
{% endmacro %}

{% macro py_current_timestring() %}
    {{ return(modules.datetime.datetime.now().strftime('%Y%m%d%H%M%S%f')) }}
{% endmacro %}
