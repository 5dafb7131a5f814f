{#- Comments and indexes. -#}

{% macro get_create_index_sql(relation, index_dict) %}
    {{- return(adapter.dispatch('get_create_index_sql', 'dbt')(relation, index_dict)) -}}
{% endmacro %}

{% macro default__get_create_index_sql(relation, index_dict) %}{{ return(none) }}{% endmacro %}

{% macro create_indexes(relation) %}
    {{- return(adapter.dispatch('create_indexes', 'dbt')(relation)) -}}
{% endmacro %}

{% macro default__create_indexes(relation) %}
    {% for index in config.get('indexes', default=[]) %}
        {% set sql = get_create_index_sql(relation, index) %}
        {% if sql %}
            {% do run_query(sql) %}
        {% endif %}
    {% endfor %}
{% endmacro %}

{% macro get_drop_index_sql(relation, index_name) %}
    {{- return(adapter.dispatch('get_drop_index_sql', 'dbt')(relation, index_name)) -}}
{% endmacro %}

{% macro default__get_drop_index_sql(relation, index_name) %}{{ leat_not_for_adapter('get_drop_index_sql') }}{% endmacro %}

{% macro get_show_indexes_sql(relation) %}
    {{- return(adapter.dispatch('get_show_indexes_sql', 'dbt')(relation)) -}}
{% endmacro %}

{% macro default__get_show_indexes_sql(relation) %}{{ leat_not_for_adapter('get_show_indexes_sql') }}{% endmacro %}

{% macro alter_column_comment(relation, column_dict) %}
    {{- return(adapter.dispatch('alter_column_comment', 'dbt')(relation, column_dict)) -}}
{% endmacro %}

{% macro default__alter_column_comment(relation, column_dict) %}{{ leat_not_implemented('alter_column_comment') }}{% endmacro %}

{% macro alter_relation_comment(relation, relation_comment) %}
    {{- return(adapter.dispatch('alter_relation_comment', 'dbt')(relation, relation_comment)) -}}
{% endmacro %}

{% macro default__alter_relation_comment(relation, relation_comment) %}{{ leat_not_implemented('alter_relation_comment') }}{% endmacro %}

{#- The documented columns that are there; the others get a warning. -#}
{% macro validate_doc_columns(relation, column_dict, existing_column_names) %}
    {% set lower_names = existing_column_names | map('lower') | list %}
    {% set known = {} %}
    {% set unknown = [] %}
    {% for name in column_dict %}
        {% set there = name in existing_column_names if column_dict[name]['quote'] else (name | lower) in lower_names %}
        {% if there %}
            {% do known.update({name: column_dict[name]}) %}
        {% else %}
            {% do unknown.append(name) %}
        {% endif %}
    {% endfor %}
    {% if unknown %}
        {% do exceptions.warn('In relation ' ~ relation.render() ~ ': The following columns are specified in the schema but are not present in the database: ' ~ unknown | join(', ')) %}
    {% endif %}
    {{ return(known) }}
{% endmacro %}

{% macro persist_docs(relation, model, for_relation=true, for_columns=true) %}
    {{- return(adapter.dispatch('persist_docs', 'dbt')(relation, model, for_relation, for_columns)) -}}
{% endmacro %}

{% macro default__persist_docs(relation, model, for_relation, for_columns) %}
    {% if for_relation and config.persist_relation_docs() and model.description %}
        {% do run_query(alter_relation_comment(relation, model.description)) %}
    {% endif %}
    {% if for_columns and config.persist_column_docs() and model.columns %}
        {% set names = adapter.get_columns_in_relation(relation) | map(attribute='name') | list %}
        {% set sql = alter_column_comment(relation, validate_doc_columns(relation, model.columns, names)) %}
        {% if sql and sql | trim %}
            {% do run_query(sql) %}
        {% endif %}
    {% endif %}
{% endmacro %}
