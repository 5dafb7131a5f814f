{% macro twice() %}select {{ caller(1) }}, {{ caller(2) }}{% endmacro %}
{% macro dbt_utils_like() %}{{ return(adapter.dispatch('dbt_utils_like', 'jinja')()) }}{% endmacro %}
{% macro default__dbt_utils_like() %}default{% endmacro %}
{% macro postgres__dbt_utils_like() %}postgres{% endmacro %}
{% macro say(words, n=1) %}
  {% for word in words %}{% do log(word ~ ' ' ~ n, info=true) %}{% endfor %}
  {{ print('printed') }}
  {{ return(n) }}
{% endmacro %}
{% macro fails() %}{{ exceptions.raise_compiler_error('this one fails') }}{% endmacro %}
{% macro varied() %}{{ varargs | join(',') }} {{ kwargs.get('a') }}{% endmacro %}
