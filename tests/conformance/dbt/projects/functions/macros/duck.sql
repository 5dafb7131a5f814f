{# dbt-duckdb has no SQL of its own for functions; a project says how #}
{% macro duckdb__scalar_function_sql(target_relation) %}
  create or replace macro {{ target_relation }}(
  {%- for a in model.arguments %}{{ a.name }}{{ ' := ' ~ a.default_value if a.get('default_value') is not none }}{{ ', ' if not loop.last }}{% endfor -%}
  ) as ({{ model.compiled_code }})
{% endmacro %}
