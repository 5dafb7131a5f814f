{#- DuckDB's tables (an index keeps a table from being renamed), files outside of the database, and table functions. -#}

{% materialization table, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {% set existing = load_cached_relation(this) %}
    {% set target_relation = this.incorporate(type='table') %}
    {% set beside = make_intermediate_relation(target_relation) %}
    {% set backup = make_backup_relation(target_relation, 'table' if existing is none else existing.type) %}
    {{ leat_clear([beside, backup]) }}
    {{ run_hooks(pre_hooks, inside_transaction=false) }}
    {{ run_hooks(pre_hooks, inside_transaction=true) }}
    {% do duckdb__get_partitioned_by(target_relation, false) %}
    {% do duckdb__get_sorted_by(target_relation, false) %}
    {% call statement('main', language=model.get('language', 'sql')) %}
        {{- create_table_as(false, beside, compiled_code, model.get('language', 'sql')) }}
    {% endcall %}
    {% if existing is not none %}
        {% do drop_indexes_on_relation(existing) %}
        {{ adapter.rename_relation(existing, backup) }}
    {% endif %}
    {{ adapter.rename_relation(beside, target_relation) }}
    {% do create_indexes(target_relation) %}
    {{ run_hooks(post_hooks, inside_transaction=true) }}
    {{ leat_grant_and_comment(target_relation, existing) }}
    {{ adapter.commit() }}
    {{ drop_relation_if_exists(backup) }}
    {{ run_hooks(post_hooks, inside_transaction=false) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% materialization incremental, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {% set language = model.get('language', 'sql') %}
    {% set existing = load_cached_relation(this) %}
    {% set target_relation = this.incorporate(type='table') %}
    {% set temp_relation = duckdb__dispatch_temporary_relation(target_relation, adapter.batch_id_for_model(model)).relation %}
    {% set beside = make_intermediate_relation(target_relation) %}
    {% set backup = make_backup_relation(target_relation, 'table' if existing is none else existing.type) %}
    {% set full_refresh_mode = should_full_refresh() or (existing is not none and existing.is_view) %}
    {{ leat_clear([beside, backup]) }}
    {{ run_hooks(pre_hooks, inside_transaction=false) }}
    {{ run_hooks(pre_hooks, inside_transaction=true) }}
    {% if existing is none %}
        {% set build_sql = create_table_as(false, target_relation, compiled_code, language) %}
    {% elif full_refresh_mode %}
        {% set build_sql = create_table_as(false, beside, compiled_code, language) %}
    {% else %}
        {% call statement('pre', language=language) %}
            {{- create_table_as(true, temp_relation, compiled_code, language) }}
        {% endcall %}
        {% set language = 'sql' %}
        {% set build_sql = leat_strategy_sql(target_relation, temp_relation, existing) %}
    {% endif %}
    {% call statement('main', language=language) %}
        {{- build_sql }}
    {% endcall %}
    {% if existing is not none and full_refresh_mode %}
        {% do drop_indexes_on_relation(existing) %}
        {% do adapter.rename_relation(existing, backup) %}
        {% do adapter.rename_relation(beside, target_relation) %}
    {% endif %}
    {% if existing is none or full_refresh_mode %}
        {% do create_indexes(target_relation) %}
    {% endif %}
    {{ leat_grant_and_comment(target_relation, existing, full_refresh_mode) }}
    {{ run_hooks(post_hooks, inside_transaction=true) }}
    {% do adapter.commit() %}
    {% if existing is not none and full_refresh_mode %}
        {% do adapter.drop_relation(backup) %}
    {% elif existing is not none %}
        {% do run_query('drop table if exists ' ~ temp_relation) %}
    {% endif %}
    {{ run_hooks(post_hooks, inside_transaction=false) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#- A model whose rows are a file: written from a table, which is dropped; a view reads the file. -#}
{% macro external_location(relation, config) -%}
    {{ adapter.external_root() }}/{{ relation.identifier }}
    {%- if (config.get('options') or {}).get('partition_by') is none %}.{{ config.get('format') or 'parquet' }}{% endif -%}
{%- endmacro %}

{% macro render_write_options(config) %}
    {% set given = config.get('options') or {} %}
    {% if given is not mapping %}
        {% do exceptions.raise_compiler_error('The options argument must be a dictionary') %}
    {% endif %}
    {% set made = {} %}
    {% for name, value in given.items() %}
        {% do made.update({name: render(value | string)}) %}
    {% endfor %}
    {% if config.get('format') %}
        {% do made.update({'format': render(config.get('format'))}) %}
    {% endif %}
    {% if config.get('delimiter') %}
        {% do made.update({'delimiter': render(config.get('delimiter'))}) %}
    {% endif %}
    {{ return(made) }}
{% endmacro %}

{% macro location_exists(location) %}{{ return(adapter.location_exists(location)) }}{% endmacro %}

{% macro write_to_file(relation, location, options) %}
    {% call statement('write_to_file') %}
        copy {{ relation }} to '{{ location }}' ({{ options }})
    {% endcall %}
{% endmacro %}

{% macro store_relation(plugin, relation, location, format, config) %}
    {% do adapter.store_relation(plugin, relation, adapter.get_columns_in_relation(relation), location, format, config) %}
{% endmacro %}

{% macro leat_read_options(options) -%}
    {%- for name, value in options.items() -%}
        , {{ name }} = {{ "'" ~ value ~ "'" if value is string else value }}
    {%- endfor -%}
{%- endmacro %}

{% materialization external, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {% set formats = ['csv', 'parquet', 'json'] %}
    {% set location = render(config.get('location', default=external_location(this, config))) %}
    {% set options = render_write_options(config) %}
    {% set ending = location.split('.')[-1].lower() if '.' in location else 'parquet' %}
    {% set format = config.get('format') or (ending if ending in formats else 'parquet') %}
    {% if format not in formats %}
        {{ exceptions.raise_compiler_error('Invalid format: ' ~ format ~ '. Allowed formats are: ' ~ formats | join(', ')) }}
    {% endif %}
    {% set write_options = adapter.external_write_options(location, options) %}
    {% set read_from = adapter.external_read_location(location, options) %}
    {% set defaults = {'parquet': {'union_by_name': false}, 'json': {'auto_detect': true}, 'csv': {'auto_detect': true}} %}
    {% set read_options = leat_read_options(config.get(format ~ '_read_options') or defaults[format]) %}
    {% set existing = load_cached_relation(this) %}
    {% set target_relation = this.incorporate(type='view') %}
    {% set table = make_intermediate_relation(this.incorporate(type='table'), suffix='__dbt_tmp') %}
    {% set beside = make_intermediate_relation(target_relation, suffix='__dbt_int') %}
    {% set backup = make_backup_relation(target_relation, 'view' if existing is none else existing.type) %}
    {{ leat_clear([beside, table, backup]) }}
    {{ run_hooks(pre_hooks, inside_transaction=false) }}
    {{ run_hooks(pre_hooks, inside_transaction=true) }}
    {% call statement('create_table', language=model.get('language', 'sql')) %}
        {{- create_table_as(false, table, compiled_code, model.get('language', 'sql')) }}
    {% endcall %}
    {#- A file of no rows would lose its columns in some formats: one row of NULLs is written, and never shown. -#}
    {% set is_empty = run_query('select count(*) from ' ~ table).rows[0][0] == 0 %}
    {% set columns = adapter.get_columns_in_relation(table) %}
    {% if is_empty %}
        {% call statement('fill') %}
            insert into {{ table }} values ({% for _ in columns %}null{{ ', ' if not loop.last }}{% endfor %})
        {% endcall %}
    {% endif %}
    {{ write_to_file(table, location, write_options) }}
    {% call statement('main') %}
        create or replace view {{ beside }} as (
            select * from read_{{ format }}('{{ read_from }}'{{ read_options }}){{ ' where false' if is_empty }}
        )
    {% endcall %}
    {% if existing is not none %}
        {{ adapter.rename_relation(existing, backup) }}
    {% endif %}
    {{ adapter.rename_relation(beside, target_relation) }}
    {{ run_hooks(post_hooks, inside_transaction=true) }}
    {{ leat_grant_and_comment(target_relation, existing) }}
    {{ adapter.commit() }}
    {{ drop_relation_if_exists(backup) }}
    {{ drop_relation_if_exists(table) }}
    {% if config.get('plugin') %}
        {% do store_relation(config.get('plugin'), target_relation, location, format, config) %}
    {% endif %}
    {{ run_hooks(post_hooks, inside_transaction=false) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% materialization table_function, adapter='duckdb' %}
    {% set target_relation = api.Relation.create(database=database, schema=schema, identifier=model['alias'], type='view') %}
    {% set parameters = config.get('parameters') or '' %}
    {{ run_hooks(pre_hooks, inside_transaction=false) }}
    {{ run_hooks(pre_hooks, inside_transaction=true) }}
    {% call statement('main') %}
        create or replace function {{ target_relation.render() }}({{ parameters if parameters is string or parameters is number else parameters | join(', ') }}) as table (
            {{ sql }}
        )
    {% endcall %}
    {{ run_hooks(post_hooks, inside_transaction=true) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=false) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#- Views over the files of external models that are read but not built now. -#}
{% macro register_upstream_external_models() %}
    {% if not execute %}
        {{ return('') }}
    {% endif %}
    {% set seen = {} %}
    {% for id in selected_resources if id in graph['nodes'] %}
        {% for parent_id in graph['nodes'][id]['depends_on']['nodes'] if parent_id not in selected_resources and parent_id not in seen %}
            {% do seen.update({parent_id: true}) %}
            {% set parent = graph['nodes'].get(parent_id) %}
            {% if parent and parent.resource_type in ['model', 'seed'] and parent.config.materialized == 'external' %}
                {% set relation = api.Relation.create(database=parent['database'], schema=parent['schema'], identifier=parent['alias']) %}
                {% set location = parent.config.get('location', external_location(relation, parent.config)) %}
                {% call statement('create_schema') %}
                    create schema if not exists {{ relation.without_identifier() }}
                {% endcall %}
                {% call statement('main') %}
                    create or replace view {{ relation }} as (
                        select * from '{{ adapter.external_read_location(location, render_write_options(parent.config)) }}'
                    )
                {% endcall %}
            {% endif %}
        {% endfor %}
    {% endfor %}
    {% if seen %}
        {% do adapter.commit() %}
    {% endif %}
{% endmacro %}
