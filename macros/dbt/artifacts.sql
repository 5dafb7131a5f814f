{#- What `docs generate` and `source freshness` ask, in one call each. -#}

{#- The columns of some relations of one database: by their names, or by their schemas when they are too many for that. -#}
{% macro leat_catalog(relations, most=100) %}
    {% set asked = relations[0].information_schema() %}
    {% if relations | length <= most %}
        {{ return(get_catalog_relations(asked, relations)) }}
    {% endif %}
    {% set schemas = [] %}
    {% for relation in relations if relation.schema | lower not in schemas %}
        {% do schemas.append(relation.schema | lower) %}
    {% endfor %}
    {{ return(get_catalog(asked, schemas)) }}
{% endmacro %}

{#- [when the newest row was loaded, now, the adapter's response]; a macro of the project may give a bare table. -#}
{% macro leat_freshness(source, loaded_at_field, filter, loaded_at_query) %}
    {% if loaded_at_query is not none %}
        {% set name = 'collect_freshness_custom_sql' %}
        {% set got = collect_freshness_custom_sql(source, render(loaded_at_query)) %}
    {% else %}
        {% set name = 'collect_freshness' %}
        {% set got = collect_freshness(source, loaded_at_field, filter) %}
    {% endif %}
    {% set table = got.table if got is mapping else got %}
    {% if table.rows | length != 1 or table.columns | length != 2 %}
        {{ exceptions.raise_compiler_error('Got an invalid result from "' ~ name ~ '" macro: one row with max_loaded_at and snapshotted_at is expected') }}
    {% endif %}
    {{ return([table.rows[0][0], table.rows[0][1], got.response if got is mapping else none]) }}
{% endmacro %}
