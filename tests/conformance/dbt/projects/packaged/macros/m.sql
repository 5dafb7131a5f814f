{% macro name() %}root{% endmacro %}
{% macro packaged__greet() %}never{% endmacro %}
{% macro default__greet() %}greeted by root{% endmacro %}
{% macro generate_schema_name(custom_schema_name, node) %}{{ target.schema if custom_schema_name is none else target.schema ~ '__' ~ custom_schema_name | trim }}{% endmacro %}
{% macro generate_alias_name(custom_alias_name=none, node=none) %}{{ custom_alias_name if custom_alias_name else node.name if node else 'nothing' }}{% endmacro %}
{% macro date_spine_like() %}x{% endmacro %}
{% macro who() %}{% do log(name() ~ ' ' ~ tools.name() ~ ' ' ~ var('who') ~ ' ' ~ more.inner(), info=true) %}{% endmacro %}
{% macro default__test_not_null(model, column_name) %}select {{ column_name }} from {{ model }} where {{ column_name }} is null and 1 = 1{% endmacro %}
