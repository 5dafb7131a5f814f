{#- Configuration that flags may answer for. -#}

{% macro set_sql_header(config) -%}
    {{ config.set('sql_header', caller()) }}
{%- endmacro %}

{% macro should_full_refresh() %}
    {% set own = config.get('full_refresh') %}
    {{ return(flags.FULL_REFRESH if own is none else own) }}
{% endmacro %}

{% macro should_store_failures() %}
    {% set own = config.get('store_failures') %}
    {{ return(flags.STORE_FAILURES if own is none else own) }}
{% endmacro %}

{% macro is_core_v2() %}{{ return((dbt_version.split('.') | first | int) == 2) }}{% endmacro %}
