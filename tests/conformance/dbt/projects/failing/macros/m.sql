{% macro divide() %}{% do run_query('select * from nothere_at_all') %}{% endmacro %}
