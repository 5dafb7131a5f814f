{% macro macro_of_d() %}1{% endmacro %}
