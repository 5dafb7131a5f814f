{#- A relation of another environment under our name: a copy without a cost where the database can, else a view of it. -#}

{% macro can_clone_table() %}
    {{- return(adapter.dispatch('can_clone_table', 'dbt')()) -}}
{% endmacro %}

{% macro default__can_clone_table() %}{{ return(false) }}{% endmacro %}

{% macro create_or_replace_clone(this_relation, defer_relation) %}
    {{- return(adapter.dispatch('create_or_replace_clone', 'dbt')(this_relation, defer_relation)) -}}
{% endmacro %}

{% macro default__create_or_replace_clone(this_relation, defer_relation) -%}
    create or replace table {{ this_relation.render() }} clone {{ defer_relation.render() }}
{%- endmacro %}

{% materialization clone, default %}
    {% if not defer_relation %}
        {% do log('No relation found in state manifest for ' ~ model.unique_id, info=true) %}
        {{ return({'relations': []}) }}
    {% endif %}
    {% if this.render() == defer_relation.render() %}
        {% do log('It is the same relation here and in the state, skipping clone for relation ' ~ this.render(), info=true) %}
        {{ return({'relations': []}) }}
    {% endif %}
    {% set existing = load_cached_relation(this) %}
    {% if existing and not flags.FULL_REFRESH %}
        {% do log('Relation ' ~ existing ~ ' already exists', info=true) %}
        {{ return({'relations': []}) }}
    {% endif %}
    {% set other = load_cached_relation(defer_relation) %}
    {% if not (other and other.type == 'table' and can_clone_table()) %}
        {% set own = 'materialization_view_' ~ adapter.type() %}
        {% set view = context[own] if own in context else context['materialization_view_default'] %}
        {{ return(view()) }}
    {% endif %}
    {% set target_relation = this.incorporate(type='table') %}
    {% if existing is not none and not existing.is_table %}
        {{ drop_relation_if_exists(existing) }}
    {% endif %}
    {% if target_relation.render() != defer_relation.render() %}
        {% call statement('main') %}
            {{ create_or_replace_clone(target_relation, defer_relation) }}
        {% endcall %}
    {% endif %}
    {{ leat_grant_and_comment(target_relation, existing) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
