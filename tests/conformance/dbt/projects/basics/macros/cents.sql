{% macro cents(amount, places=2) -%}
    ({{ amount }} * 100)
{%- endmacro %}

{% macro unused(a, b='x') %}{{ cents(a) }} {{ dbt.type_string() }}{% endmacro %}
