{#- Tables and views: made beside the old one, renamed in one transaction, the old one dropped afterwards. -#}

{#- What this run or one that was killed has left beside the relation. -#}
{% macro leat_clear(relations) %}
    {% for relation in relations %}
        {{ drop_relation_if_exists(load_cached_relation(relation)) }}
    {% endfor %}
{% endmacro %}

{#- The old relation goes to `backup`, the new one takes its name. -#}
{% macro leat_swap(existing, beside, target_relation, backup) %}
    {% if existing is not none %}
        {% if load_cached_relation(existing) is not none %}
            {{ adapter.rename_relation(existing, backup) }}
        {% else %}{# another node is dropping it along with what it read: wait for that #}
            {{ adapter.drop_relation(existing) }}
        {% endif %}
    {% endif %}
    {{ adapter.rename_relation(beside, target_relation) }}
{% endmacro %}

{% macro leat_grant_and_comment(target_relation, existing, full_refresh_mode=true) %}
    {% set revoke = should_revoke(existing, full_refresh_mode=full_refresh_mode) %}
    {% do apply_grants(target_relation, config.get('grants'), should_revoke=revoke) %}
    {% do persist_docs(target_relation, model) %}
{% endmacro %}

{% materialization table, default %}
    {% set existing = load_cached_relation(this) %}
    {% set target_relation = this.incorporate(type='table') %}
    {% set beside = make_intermediate_relation(target_relation) %}
    {% set backup = make_backup_relation(target_relation, 'table' if existing is none else existing.type) %}
    {{ leat_clear([beside, backup]) }}
    {{ run_hooks(pre_hooks, inside_transaction=false) }}
    {{ run_hooks(pre_hooks, inside_transaction=true) }}
    {% call statement('main') %}
        {{- get_create_table_as_sql(false, beside, sql) }}
    {% endcall %}
    {% do create_indexes(beside) %}
    {{ leat_swap(existing, beside, target_relation, backup) }}
    {{ run_hooks(post_hooks, inside_transaction=true) }}
    {{ leat_grant_and_comment(target_relation, existing) }}
    {{ adapter.commit() }}
    {{ leat_clear([backup]) }}
    {{ run_hooks(post_hooks, inside_transaction=false) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% materialization view, default %}
    {% set existing = load_cached_relation(this) %}
    {% set target_relation = this.incorporate(type='view') %}
    {% set beside = make_intermediate_relation(target_relation) %}
    {% set backup = make_backup_relation(target_relation, 'view' if existing is none else existing.type) %}
    {{ run_hooks(pre_hooks, inside_transaction=false) }}
    {{ leat_clear([beside, backup]) }}
    {{ run_hooks(pre_hooks, inside_transaction=true) }}
    {% call statement('main') %}
        {{- get_create_view_as_sql(beside, sql) }}
    {% endcall %}
    {{ leat_swap(existing, beside, target_relation, backup) }}
    {{ leat_grant_and_comment(target_relation, existing) }}
    {{ run_hooks(post_hooks, inside_transaction=true) }}
    {{ adapter.commit() }}
    {{ leat_clear([backup]) }}
    {{ run_hooks(post_hooks, inside_transaction=false) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
