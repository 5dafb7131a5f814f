{% macro name() %}tools{% endmacro %}
{% macro greet() %}{{ return(adapter.dispatch('greet', 'tools')()) }}{% endmacro %}
{% macro default__greet() %}greeted by tools{% endmacro %}
{% macro shout(x) %}{% do log('shout ' ~ x ~ name(), info=true) %}{% endmacro %}
{% test is_small(model, column_name, most=100) %}select * from {{ model }} where {{ column_name }} > {{ most }}{% endtest %}
