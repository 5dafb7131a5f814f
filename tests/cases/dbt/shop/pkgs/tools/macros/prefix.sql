{% macro prefix() %}{{ return(adapter.dispatch('prefix', 'tools')()) }}{% endmacro %}
{% macro default__prefix() %}'{{ var("prefix") }}'{% endmacro %}
{% macro duckdb__prefix() %}'d{{ var("prefix") }}'{% endmacro %}
{% test above(model, column_name, least=0) %}select * from {{ model }} where {{ column_name }} <= {{ least }}{% endtest %}
