{% materialization ledger, default %}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set existing = load_cached_relation(this) -%}
  {{ run_hooks(pre_hooks) }}
  {% if existing is none or should_full_refresh() %}
    {% if existing is not none %}{% do adapter.drop_relation(existing) %}{% endif %}
    {% call statement('main') %}{{ create_table_as(false, target_relation, sql) }}{% endcall %}
  {% else %}
    {% call statement('main') %}insert into {{ target_relation }} {{ sql }}{% endcall %}
  {% endif %}
  {{ run_hooks(post_hooks) }}
  {% do adapter.commit() %}
  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
{% macro generate_schema_name(custom_schema_name, node) -%}
  {%- if custom_schema_name -%}{{ custom_schema_name }}_{{ node.resource_type }}{%- else -%}{{ target.schema }}{%- endif -%}
{%- endmacro %}
{% macro create_view_as(relation, sql) %}
  create view {{ relation }} as (select *, 'made here' as mark from ({{ sql }}) q)
{% endmacro %}
{% macro look() %}
  {% set made = api.Relation.create(database=target.database, schema=target.schema, identifier='own') %}
  {% set found = load_relation(made) %}
  {% do log(made ~ ' ' ~ found.type ~ ' ' ~ adapter.get_columns_in_relation(found) | map(attribute='dtype') | join(','), info=true) %}
  {% do adapter.drop_relation(found) %}
  {% do log(load_relation(made) is none, info=true) %}
  {% do adapter.create_schema(api.Relation.create(database=target.database, schema='made_here')) %}
  {% do log(adapter.check_schema_exists(target.database, 'made_here'), info=true) %}
{% endmacro %}
