{% macro rate() %}2{% endmacro %}
