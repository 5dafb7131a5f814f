{#- PostgreSQL: what is in the database, and how relations are made there. -#}

{% macro postgres__create_schema(relation) %}
    {% if relation.database %}{{ adapter.verify_database(relation.database) }}{% endif %}
    {% call statement('create_schema') %}
        create schema if not exists {{ relation.without_identifier().include(database=false) }}
    {% endcall %}
{% endmacro %}

{% macro postgres__drop_schema(relation) %}
    {% if relation.database %}{{ adapter.verify_database(relation.database) }}{% endif %}
    {% call statement('drop_schema') %}
        drop schema if exists {{ relation.without_identifier().include(database=false) }} cascade
    {% endcall %}
{% endmacro %}

{% macro postgres__information_schema_name(database) -%}
    {%- if database %}{{ adapter.verify_database(database) }}{% endif -%}
    information_schema
{%- endmacro %}

{% macro postgres__list_schemas(database) %}
    {% if database %}{{ adapter.verify_database(database) }}{% endif %}
    {{ return(run_query('select distinct nspname from pg_namespace')) }}
{% endmacro %}

{% macro postgres__check_schema_exists(information_schema, schema) %}
    {% if information_schema.database %}{{ adapter.verify_database(information_schema.database) }}{% endif %}
    {{ return(run_query("select count(*) from pg_namespace where nspname = '" ~ schema ~ "'")) }}
{% endmacro %}

{% macro postgres__list_relations_without_caching(schema_relation) %}
    {{ return(run_query(
        "select '" ~ schema_relation.database ~ "' as database, c.relname as name, n.nspname as schema,"
        ~ " case c.relkind when 'v' then 'view' when 'm' then 'materialized_view' else 'table' end as type"
        ~ " from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        ~ " where c.relkind in ('r', 'p', 'f', 'v', 'm') and n.nspname ilike '" ~ schema_relation.schema ~ "'"
    )) }}
{% endmacro %}

{#- Temporary tables are in a schema of the session: the name alone finds them. -#}
{% macro postgres__get_columns_in_relation(relation) %}
    {% call statement('get_columns_in_relation', fetch_result=true) %}
        select
            column_name,
            data_type,
            character_maximum_length,
            numeric_precision,
            numeric_scale
        from {{ relation.information_schema('columns') }}
        where table_name = '{{ relation.identifier }}'
        {{ "and table_schema = '" ~ relation.schema ~ "'" if relation.schema }}
        order by ordinal_position
    {% endcall %}
    {{ return(sql_convert_columns_in_relation(load_result('get_columns_in_relation').table)) }}
{% endmacro %}

{#- names within PostgreSQL's 63 bytes -#}
{% macro postgres__make_relation_with_suffix(base_relation, suffix, dstring) %}
    {% if dstring %}
        {% set suffix = suffix ~ modules.datetime.datetime.now().strftime('%H%M%S%f') %}
    {% endif %}
    {% set room = base_relation.relation_max_name_length() - (suffix | length) %}
    {% if room < 0 %}
        {% do exceptions.raise_compiler_error('Relation suffix is too long (' ~ suffix | length ~ ' characters). Maximum length is ' ~ base_relation.relation_max_name_length() ~ ' characters.') %}
    {% endif %}
    {{ return(base_relation.incorporate(path={'identifier': (base_relation.identifier or '')[:room] ~ suffix})) }}
{% endmacro %}

{% macro postgres__make_intermediate_relation(base_relation, suffix) %}
    {{ return(postgres__make_relation_with_suffix(base_relation, suffix, dstring=false)) }}
{% endmacro %}

{% macro postgres__make_temp_relation(base_relation, suffix) %}
    {{ return(postgres__make_relation_with_suffix(base_relation, suffix, dstring=true).incorporate(path={'schema': none, 'database': none})) }}
{% endmacro %}

{% macro postgres__make_backup_relation(base_relation, backup_relation_type, suffix) %}
    {{ return(postgres__make_relation_with_suffix(base_relation, suffix, dstring=false).incorporate(type=backup_relation_type)) }}
{% endmacro %}

{% macro postgres__create_table_as(temporary, relation, sql) -%}
    {%- set kind = 'temporary ' if temporary else 'unlogged ' if config.get('unlogged') else '' -%}
    {{ leat_sql_header() }}
    {%- if leat_contract_is_enforced() -%}
        {{ get_assert_columns_equivalent(sql) }}
    {%- endif %}
    create {{ kind }}table {{ relation }}
    {%- if leat_contract_is_enforced() and not temporary %}
        {{ get_table_columns_and_constraints() }};
    insert into {{ relation }} ({{ adapter.dispatch('get_column_names', 'dbt')() }})
        {%- set sql = get_select_subquery(sql) %}
    {%- else %}
    as
    {%- endif %}
    (
        {{ sql }}
    );
{%- endmacro %}

{% macro postgres__drop_table(relation) %}drop table if exists {{ relation }} cascade{% endmacro %}
{% macro postgres__drop_view(relation) %}drop view if exists {{ relation }} cascade{% endmacro %}
{% macro postgres__drop_materialized_view(relation) %}drop materialized view if exists {{ relation }} cascade{% endmacro %}
{% macro postgres__get_rename_table_sql(relation, new_name) %}alter table {{ relation }} rename to {{ adapter.quote(new_name) }}{% endmacro %}
{% macro postgres__get_rename_view_sql(relation, new_name) %}alter view {{ relation }} rename to {{ adapter.quote(new_name) }}{% endmacro %}
{% macro postgres__get_rename_materialized_view_sql(relation, new_name) %}alter materialized view {{ relation }} rename to {{ adapter.quote(new_name) }}{% endmacro %}

{% macro postgres__get_replace_view_sql(relation, sql) -%}
    {{ leat_sql_header() }}
    {%- if leat_contract_is_enforced() -%}
        {{ get_assert_columns_equivalent(sql) }}
    {%- endif %}
    create or replace view {{ relation }} as (
        {{ sql }}
    );
{%- endmacro %}

{#- There is no CREATE OR REPLACE TABLE: dropped and made anew, in the caller's transaction. -#}
{% macro postgres__get_replace_table_sql(relation, sql) -%}
    {{ drop_table(relation) }};
    {{ get_create_table_as_sql(false, relation, sql) }}
{%- endmacro %}

{#- materialized views -#}
{% macro postgres__get_create_materialized_view_as_sql(relation, sql) -%}
    create materialized view if not exists {{ relation }} as {{ sql }};
    {%- for index in config.get('indexes', []) %}
    {{ get_create_index_sql(relation, index) }};
    {%- endfor %}
{%- endmacro %}

{% macro postgres__refresh_materialized_view(relation) %}refresh materialized view {{ relation }}{% endmacro %}

{% macro postgres__describe_materialized_view(relation) %}
    {{ return({'indexes': run_query(get_show_indexes_sql(relation))}) }}
{% endmacro %}

{% macro postgres__get_materialized_view_configuration_changes(existing_relation, new_config) %}
    {% set held = postgres__describe_materialized_view(existing_relation) %}
    {{ return(adapter.materialized_view_changes(held.indexes, new_config.get('indexes', []))) }}
{% endmacro %}

{% macro postgres__get_alter_materialized_view_as_sql(relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation) -%}
    {%- if configuration_changes.requires_full_refresh -%}
        {{ get_replace_sql(existing_relation, relation, sql) }}
    {%- else -%}
        {{ postgres__update_indexes_on_materialized_view(relation, configuration_changes.indexes) }}
    {%- endif -%}
{%- endmacro %}

{% macro postgres__update_indexes_on_materialized_view(relation, index_changes) -%}
    {%- for change in index_changes -%}
        {%- if change.action == 'drop' -%}
            {{ postgres__get_drop_index_sql(relation, change.context.name) }};
        {% else -%}
            {{ postgres__get_create_index_sql(relation, change.context.as_node_config) }};
        {% endif -%}
    {%- endfor -%}
{%- endmacro %}

{#- indexes, comments, grants -#}
{% macro postgres__get_create_index_sql(relation, index_dict) -%}
    {%- set index = adapter.parse_index(index_dict) -%}
    create {{ 'unique ' if index.unique }}index if not exists "{{ index.render(relation) }}"
    on {{ relation }} {{ 'using ' ~ index.type if index.type }}
    ({{ index.columns | join(', ') }})
{%- endmacro %}

{% macro postgres__get_drop_index_sql(relation, index_name) %}drop index if exists "{{ relation.schema }}"."{{ index_name }}"{% endmacro %}

{% macro postgres__get_show_indexes_sql(relation) -%}
    select
        index_class.relname as name,
        access.amname as method,
        held.indisunique as "unique",
        array_to_string(array_agg(part.attname), ',') as column_names
    from pg_index held
    join pg_class index_class on index_class.oid = held.indexrelid
    join pg_am access on access.oid = index_class.relam
    join pg_class owner on owner.oid = held.indrelid
    join pg_namespace space on space.oid = owner.relnamespace
    join pg_attribute part on part.attrelid = owner.oid and part.attnum = any(held.indkey)
    where owner.relname = '{{ relation.identifier }}'
        and space.nspname = '{{ relation.schema }}'
        and owner.relkind in ('r', 'm')
    group by 1, 2, 3
    order by 1, 2, 3
{%- endmacro %}

{#- Any text may stand between dollar quotes, but their own label. -#}
{% macro postgres_escape_comment(comment) -%}
    {%- set label = '$leat_comment$' -%}
    {%- if comment is not string -%}
        {%- do exceptions.raise_compiler_error('cannot escape a non-string: ' ~ comment) -%}
    {%- elif label in comment -%}
        {%- do exceptions.raise_compiler_error('The string ' ~ label ~ ' is not allowed in comments.') -%}
    {%- endif -%}
    {{ label }}{{ comment }}{{ label }}
{%- endmacro %}

{% macro postgres__alter_relation_comment(relation, comment) -%}
    comment on {{ relation.type | replace('_', ' ') }} {{ relation }} is {{ postgres_escape_comment(comment) }};
{%- endmacro %}

{% macro postgres__alter_column_comment(relation, column_dict) -%}
    {%- set held = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
    {%- for name in column_dict if name in held %}
    comment on column {{ relation }}.{{ adapter.quote(name) if column_dict[name]['quote'] else name }} is {{ postgres_escape_comment(column_dict[name]['description']) }};
    {%- endfor %}
{%- endmacro %}

{% macro postgres__get_show_grant_sql(relation) -%}
    select grantee, privilege_type
    from {{ relation.information_schema('role_table_grants') }}
    where grantor = current_role
        and grantee != current_role
        and table_schema = '{{ relation.schema }}'
        and table_name = '{{ relation.identifier }}'
{%- endmacro %}

{% macro postgres__copy_grants() %}{{ return(false) }}{% endmacro %}

{#- catalog -#}
{% macro postgres__get_catalog(information_schema, schemas) %}
    {% set relations = [] %}
    {% for schema in schemas %}
        {% do relations.append({'schema': schema}) %}
    {% endfor %}
    {{ return(postgres__get_catalog_relations(information_schema, relations)) }}
{% endmacro %}

{% macro postgres__get_catalog_relations(information_schema, relations) %}
    {% set database = information_schema.database %}
    {{ adapter.verify_database(database) }}
    {% set wanted = [] %}
    {% for one in relations %}
        {% do wanted.append("(upper(space.nspname) = upper('" ~ one.schema ~ "')" ~ (" and upper(held.relname) = upper('" ~ one.identifier ~ "')" if one.identifier else '') ~ ')') %}
    {% endfor %}
    {% call statement('catalog', fetch_result=true) %}
        select
            '{{ database }}' as table_database,
            space.nspname as table_schema,
            held.relname as table_name,
            case held.relkind when 'v' then 'VIEW' when 'm' then 'MATERIALIZED VIEW' else 'BASE TABLE' end as table_type,
            obj_description(held.oid, 'pg_class') as table_comment,
            part.attname as column_name,
            part.attnum as column_index,
            format_type(part.atttypid, part.atttypmod) as column_type,
            col_description(held.oid, part.attnum) as column_comment,
            pg_get_userbyid(held.relowner) as table_owner
        from pg_class held
        join pg_namespace space on space.oid = held.relnamespace
        join pg_attribute part on part.attrelid = held.oid
        where ({{ wanted | join(' or ') if wanted else 'false' }})
            and not pg_is_other_temp_schema(space.oid)
            and held.relpersistence in ('p', 'u')
            and held.relkind in ('r', 'v', 'f', 'p', 'm')
            and part.attnum > 0
            and not part.attisdropped
        order by 2, 3, 7
    {% endcall %}
    {{ return(load_result('catalog').table) }}
{% endmacro %}

{#- which views read what -#}
{% macro postgres__get_relations() %}
    {% call statement('relations', fetch_result=true) %}
        select distinct
            reader_space.nspname as dependent_schema,
            reader.relname as dependent_name,
            read_space.nspname as referenced_schema,
            read.relname as referenced_name
        from pg_rewrite rule
        join pg_class reader on reader.oid = rule.ev_class
        join pg_namespace reader_space on reader_space.oid = reader.relnamespace
        join pg_depend link on link.objid = rule.oid and link.classid = 'pg_rewrite'::regclass and link.refclassid = 'pg_class'::regclass
        join pg_class read on read.oid = link.refobjid and read.oid != reader.oid
        join pg_namespace read_space on read_space.oid = read.relnamespace
        where read_space.nspname != 'information_schema' and read_space.nspname not like 'pg\_%'
        order by 1, 2, 3, 4
    {% endcall %}
    {{ return(load_result('relations').table) }}
{% endmacro %}
{% macro postgres_get_relations() %}{{ return(postgres__get_relations()) }}{% endmacro %}
