{% macro cents(col) %}({{ col }} / 100){% endmacro %}
{% test above_all(model, than) %}select * from {{ model }} where {{ than }} > 1{% endtest %}
