{#- Materialized views: what an adapter must have for them, and how one is built, changed or refreshed. -#}

{% macro get_create_materialized_view_as_sql(relation, sql) %}
    {{- return(adapter.dispatch('get_create_materialized_view_as_sql', 'dbt')(relation, sql)) -}}
{% endmacro %}

{% macro default__get_create_materialized_view_as_sql(relation, sql) %}{{ leat_not_for_adapter('get_create_materialized_view_as_sql') }}{% endmacro %}

{% macro refresh_materialized_view(relation) %}
    {{- return(adapter.dispatch('refresh_materialized_view', 'dbt')(relation)) -}}
{% endmacro %}

{% macro default__refresh_materialized_view(relation) %}{{ leat_not_for_adapter('refresh_materialized_view') }}{% endmacro %}

{% macro get_alter_materialized_view_as_sql(relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation) %}
    {{- return(adapter.dispatch('get_alter_materialized_view_as_sql', 'dbt')(relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation)) -}}
{% endmacro %}

{% macro default__get_alter_materialized_view_as_sql(relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation) %}
    {{ exceptions.raise_compiler_error('Materialized views have not been implemented for this adapter.') }}
{% endmacro %}

{% macro get_materialized_view_configuration_changes(existing_relation, new_config) %}
    {{- return(adapter.dispatch('get_materialized_view_configuration_changes', 'dbt')(existing_relation, new_config)) -}}
{% endmacro %}

{% macro default__get_materialized_view_configuration_changes(existing_relation, new_config) %}
    {{ exceptions.raise_compiler_error('Materialized views have not been implemented for this adapter.') }}
{% endmacro %}

{% macro materialized_view_setup(backup_relation, intermediate_relation, pre_hooks) %}
    {{ drop_relation_if_exists(load_cached_relation(backup_relation)) }}
    {{ drop_relation_if_exists(load_cached_relation(intermediate_relation)) }}
    {{ run_hooks(pre_hooks, inside_transaction=false) }}
{% endmacro %}

{% macro materialized_view_teardown(backup_relation, intermediate_relation, post_hooks) %}
    {{ drop_relation_if_exists(backup_relation) }}
    {{ drop_relation_if_exists(intermediate_relation) }}
    {{ run_hooks(post_hooks, inside_transaction=false) }}
{% endmacro %}

{#- '' when nothing is to be done. -#}
{% macro materialized_view_get_build_sql(existing_relation, target_relation, backup_relation, intermediate_relation) %}
    {% if existing_relation is none %}
        {{ return(get_create_materialized_view_as_sql(target_relation, sql)) }}
    {% endif %}
    {% if should_full_refresh() or not existing_relation.is_materialized_view %}
        {% do log('Applying REPLACE to: ' ~ target_relation) %}
        {{ return(get_replace_sql(existing_relation, target_relation, sql)) }}
    {% endif %}
    {% set when_changed = config.get('on_configuration_change') or 'apply' %}
    {% set changes = get_materialized_view_configuration_changes(existing_relation, config) %}
    {% if changes is none %}
        {{ return(refresh_materialized_view(target_relation)) }}
    {% elif when_changed == 'apply' %}
        {{ return(get_alter_materialized_view_as_sql(target_relation, changes, sql, existing_relation, backup_relation, intermediate_relation)) }}
    {% elif when_changed == 'continue' %}
        {% do exceptions.warn('Configuration changes were identified and `on_configuration_change` was set to `continue` for `' ~ target_relation.render() ~ '`') %}
        {{ return('') }}
    {% elif when_changed == 'fail' %}
        {% do exceptions.raise_fail_fast_error('Configuration changes were identified and `on_configuration_change` was set to `fail` for `' ~ target_relation.render() ~ '`') %}
    {% endif %}
    {{ exceptions.raise_compiler_error('on_configuration_change must be apply, continue or fail, not ' ~ when_changed) }}
{% endmacro %}

{% macro materialized_view_execute_no_op(target_relation) %}
    {% do store_raw_result(name='main', message='skip ' ~ target_relation, code='skip', rows_affected='-1') %}
{% endmacro %}

{% macro materialized_view_execute_build_sql(build_sql, existing_relation, target_relation, post_hooks) %}
    {{ run_hooks(pre_hooks, inside_transaction=true) }}
    {% call statement('main') %}
        {{ build_sql }}
    {% endcall %}
    {% set revoke = should_revoke(existing_relation, full_refresh_mode=true) %}
    {% do apply_grants(target_relation, config.get('grants'), should_revoke=revoke) %}
    {% do persist_docs(target_relation, model) %}
    {{ run_hooks(post_hooks, inside_transaction=true) }}
    {{ adapter.commit() }}
{% endmacro %}

{% materialization materialized_view, default %}
    {% set existing = load_cached_relation(this) %}
    {% set target_relation = this.incorporate(type=this.MaterializedView) %}
    {% set beside = make_intermediate_relation(target_relation) %}
    {% set backup = make_backup_relation(target_relation, target_relation.MaterializedView if existing is none else existing.type) %}
    {{ materialized_view_setup(backup, beside, pre_hooks) }}
    {% set build_sql = materialized_view_get_build_sql(existing, target_relation, backup, beside) %}
    {% if build_sql | trim == '' %}
        {{ materialized_view_execute_no_op(target_relation) }}
    {% else %}
        {{ materialized_view_execute_build_sql(build_sql, existing, target_relation, post_hooks) }}
    {% endif %}
    {{ materialized_view_teardown(backup, beside, post_hooks) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
