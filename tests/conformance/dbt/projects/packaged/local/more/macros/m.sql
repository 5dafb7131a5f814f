{% macro inner() %}inner of more{% endmacro %}
{% macro duckdb__greet() %}greeted by more on duckdb{% endmacro %}
