{#- DuckDB: what is in the database, and how relations are made there. -#}

{% macro duckdb__create_schema(relation) %}
    {% set others = run_query("select type from duckdb_databases() where lower(database_name) = lower('" ~ relation.database ~ "') and type != 'duckdb'") %}
    {% set type = others.rows[0][0] if others | length else 'duckdb' %}
    {% if type == 'sqlite' and relation.schema != 'main' %}
        {{ exceptions.raise_compiler_error("Schema must be 'main' when writing to sqlite instead got " ~ relation.schema) }}
    {% elif type not in ['sqlite', 'mysql'] %}
        {% call statement('create_schema') %}
            create schema if not exists {{ relation.without_identifier() }}
        {% endcall %}
    {% endif %}
{% endmacro %}

{% macro duckdb__drop_schema(relation) %}
    {% call statement('drop_schema') %}
        drop schema if exists {{ relation.without_identifier() }} cascade
    {% endcall %}
{% endmacro %}

{% macro duckdb__list_schemas(database) %}
    {{ return(run_query('select schema_name from system.information_schema.schemata' ~ (" where lower(catalog_name) = lower('" ~ database ~ "')" if database is not none else ''))) }}
{% endmacro %}

{% macro duckdb__check_schema_exists(information_schema, schema) %}
    {{ return(run_query("select count(*) from system.information_schema.schemata where lower(schema_name) = lower('" ~ schema ~ "') and lower(catalog_name) = lower('" ~ information_schema.database ~ "')")) }}
{% endmacro %}

{% macro duckdb__list_relations_without_caching(schema_relation) %}
    {{ return(run_query(
        "select '" ~ schema_relation.database ~ "' as database, table_name as name, table_schema as schema,"
        ~ " case table_type when 'VIEW' then 'view' else 'table' end as type"
        ~ " from system.information_schema.tables"
        ~ " where lower(table_schema) = lower('" ~ schema_relation.schema ~ "') and lower(table_catalog) = lower('" ~ schema_relation.database ~ "')"
    )) }}
{% endmacro %}

{#- No rows, and no error, for a relation that is not there. -#}
{% macro duckdb__get_columns_in_relation(relation) %}
    {% call statement('get_columns_in_relation', fetch_result=true) %}
        select column_name, data_type
        from duckdb_columns()
        where lower(table_name) = lower('{{ relation.identifier }}')
        {{ "and lower(schema_name) = lower('" ~ relation.schema ~ "')" if relation.schema else "and database_name = 'temp'" }}
        {{ "and lower(database_name) = lower('" ~ relation.database ~ "')" if relation.database }}
        order by column_index
    {% endcall %}
    {{ return(sql_convert_columns_in_relation(load_result('get_columns_in_relation').table)) }}
{% endmacro %}

{% macro get_column_names() %}({{ adapter.dispatch('get_column_names', 'dbt')() }}){% endmacro %}

{% macro create_table_as(temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none) %}
    {{- return(adapter.dispatch('create_table_as', 'dbt')(temporary, relation, compiled_code, language, partitioned_by=partitioned_by, sorted_by=sorted_by)) -}}
{% endmacro %}
{% macro duckdb__create_table_as(temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none) -%}
    {%- if language == 'python' -%}
        {{ return(py_write_table(temporary=temporary, relation=relation, compiled_code=compiled_code, partitioned_by=partitioned_by, sorted_by=sorted_by)) }}
    {%- elif language != 'sql' -%}
        {%- do exceptions.raise_compiler_error('models in ' ~ language ~ ' are not run here') -%}
    {%- elif partitioned_by or sorted_by -%}
        {%- do exceptions.raise_compiler_error('partitioned_by and sorted_by are only for DuckLake') -%}
    {%- endif -%}
    {{ leat_sql_header() }}
    {%- if leat_contract_is_enforced() -%}
        {{ get_assert_columns_equivalent(compiled_code) }}
    {%- endif %}
    create {{ 'temporary ' if temporary }}table {{ relation.include(database=(not temporary), schema=(not temporary)) }}
    {%- if leat_contract_is_enforced() and not temporary %}
        {{ get_table_columns_and_constraints() }};
    insert into {{ relation }} {{ get_column_names() }} (
        {{ get_select_subquery(compiled_code) }}
    );
    {%- else %}
    as (
        {{ compiled_code }}
    );
    {%- endif %}
{%- endmacro %}

{#- `make` is the runner's: it hands the table to us, who create the relation. -#}
{% macro py_write_table(temporary, relation, compiled_code, partitioned_by=none, sorted_by=none) -%}
{{ compiled_code }}

def materialize(df, make):
    make({{ relation.include(database=(not temporary), schema=(not temporary)) | string | tojson }}, {{ true if temporary else false }})
{% endmacro %}

{% macro duckdb__create_view_as(relation, sql) -%}
    {%- if leat_contract_is_enforced() -%}
        {{ get_assert_columns_equivalent(sql) }}
    {%- endif -%}
    {{ leat_sql_header() }}
    create view {{ relation }} as (
        {{ sql }}
    );
{%- endmacro %}

{#- Partitions and orders of tables are DuckLake's: a warning elsewhere. -#}
{% macro leat_ducklake_only(relation, names) %}
    {% for name in names %}
        {% if config.get(name) %}
            {% do adapter.warn_once(names | join('/') ~ ' is only supported for DuckLake relations; ignoring for ' ~ relation) %}
        {% endif %}
    {% endfor %}
    {{ return(none) }}
{% endmacro %}
{% macro duckdb__get_partitioned_by(relation, temporary) %}{{ return(leat_ducklake_only(relation, ['partitioned_by', 'partition_by'])) }}{% endmacro %}
{% macro duckdb__get_sorted_by(relation, temporary) %}{{ return(leat_ducklake_only(relation, ['sorted_by', 'sort_by'])) }}{% endmacro %}
{% macro duckdb__alter_table_set_partitioned_by(relation, partitioned_by) %}alter table {{ relation }} set partitioned by ({{ partitioned_by }});{% endmacro %}
{% macro duckdb__alter_table_set_sorted_by(relation, sorted_by) %}alter table {{ relation }} set sorted by ({{ sorted_by }});{% endmacro %}

{% macro duckdb__drop_relation(relation) %}
    {% call statement('drop_relation', auto_begin=false) %}
        drop {{ relation.type }} if exists {{ relation }} cascade
    {% endcall %}
{% endmacro %}

{% macro duckdb__rename_relation(from_relation, to_relation) %}
    {% call statement('rename_relation') %}
        alter {{ to_relation.type }} {{ from_relation }} rename to {{ adapter.quote_as_configured(to_relation.identifier, 'identifier') }}
    {% endcall %}
{% endmacro %}

{% macro duckdb__make_temp_relation(base_relation, suffix) %}
    {{ return(base_relation.incorporate(path={'identifier': base_relation.identifier ~ suffix ~ py_current_timestring(), 'schema': none, 'database': none})) }}
{% endmacro %}

{% macro duckdb__dispatch_temporary_relation(target_relation, batch_id='') %}
    {{ return({'relation': make_temp_relation(target_relation), 'temporary': true}) }}
{% endmacro %}

{% macro duckdb__apply_grants(relation, grant_config, should_revoke=true) %}
    {% if grant_config %}
        {% do adapter.warn_once('Grants for relations are not supported by DuckDB') %}
    {% endif %}
{% endmacro %}

{#- one ALTER for each column -#}
{% macro duckdb__alter_relation_add_remove_columns(relation, add_columns, remove_columns) %}
    {% for column in add_columns or [] %}
        {% do run_query('alter ' ~ relation.type ~ ' ' ~ relation ~ ' add column ' ~ column.quoted ~ ' ' ~ column.data_type) %}
    {% endfor %}
    {% for column in remove_columns or [] %}
        {% do run_query('alter ' ~ relation.type ~ ' ' ~ relation ~ ' drop column ' ~ column.quoted) %}
    {% endfor %}
{% endmacro %}

{#- indexes and comments -#}
{% macro duckdb__get_create_index_sql(relation, index_dict) -%}
    {%- set index = adapter.parse_index(index_dict) -%}
    create {{ 'unique ' if index.unique }}index "{{ index.render(relation) }}" on {{ relation }} ({{ index.columns | join(', ') }})
{%- endmacro %}

{#- A table that has indexes cannot be renamed. -#}
{% macro drop_indexes_on_relation(relation) %}
    {% call statement('get_indexes_on_relation', fetch_result=true, auto_begin=false) %}
        select index_name
        from duckdb_indexes()
        where database_name = '{{ relation.database }}' and schema_name = '{{ relation.schema }}' and table_name = '{{ relation.identifier }}'
    {% endcall %}
    {% for row in load_result('get_indexes_on_relation').table %}
        {% call statement('drop_index_' ~ loop.index, auto_begin=false) %}
            drop index "{{ relation.database }}"."{{ relation.schema }}"."{{ row[0] }}"
        {% endcall %}
    {% endfor %}
{% endmacro %}

{% macro duckdb_escape_comment(comment) -%}
    {%- if comment is not string -%}
        {%- do exceptions.raise_compiler_error('cannot escape a non-string: ' ~ comment) -%}
    {%- endif -%}
    '{{ comment | replace("'", "''") }}'
{%- endmacro %}

{% macro duckdb__alter_relation_comment(relation, comment) -%}
    comment on {{ relation.type }} {{ relation }} is {{ duckdb_escape_comment(comment) }};
{%- endmacro %}

{% macro duckdb__alter_column_comment(relation, column_dict) -%}
    {%- set held = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
    {%- for name in column_dict if name in held %}
    comment on column {{ relation }}.{{ adapter.quote(name) if column_dict[name]['quote'] else name }} is {{ duckdb_escape_comment(column_dict[name]['description']) }};
    {%- endfor %}
{%- endmacro %}

{#- catalog -#}
{% macro duckdb__get_catalog_tables_sql(information_schema) -%}
    select database_name as table_database, schema_name as table_schema, table_name, 'BASE TABLE' as table_type, comment as table_comment
    from duckdb_tables()
    where upper(database_name) = upper('{{ information_schema.database }}')
    union all
    select database_name, schema_name, view_name, 'VIEW', comment
    from duckdb_views()
    where upper(database_name) = upper('{{ information_schema.database }}')
{%- endmacro %}

{% macro duckdb__get_catalog_columns_sql(information_schema) -%}
    select database_name as table_database, schema_name as table_schema, table_name, column_name, column_index, data_type as column_type, comment as column_comment
    from duckdb_columns()
    where upper(database_name) = upper('{{ information_schema.database }}')
{%- endmacro %}

{% macro duckdb__get_catalog_results_sql() -%}
    select
        tables.table_database, tables.table_schema, tables.table_name, tables.table_type, tables.table_comment,
        columns.column_name, columns.column_index, columns.column_type, columns.column_comment, null as table_owner
    from tables
    join columns using (table_database, table_schema, table_name)
    order by table_schema, table_name, column_index
{%- endmacro %}

{% macro duckdb__get_catalog_schemas_where_clause_sql(schemas) -%}
    {%- if not schemas -%}where false{%- else -%}
    where
        {%- for schema in schemas %} upper(table_schema) = upper('{{ schema }}'){{ ' or' if not loop.last }}{% endfor -%}
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__get_catalog_relations_where_clause_sql(relations) -%}
    {%- if not relations -%}where false{%- else -%}
    where
        {%- for one in relations -%}
            {%- if not one.schema -%}
                {%- do exceptions.raise_compiler_error('`get_catalog_relations` requires a list of relations, each with a schema') -%}
            {%- endif %} (upper(table_schema) = upper('{{ one.schema }}'){{ " and upper(table_name) = upper('" ~ one.identifier ~ "')" if one.identifier }}){{ ' or' if not loop.last }}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{% macro leat_duckdb_catalog(information_schema, where) %}
    {{ return(run_query(
        'with tables as (select * from (' ~ duckdb__get_catalog_tables_sql(information_schema) ~ ') t ' ~ where ~ '), columns as (select * from ('
        ~ duckdb__get_catalog_columns_sql(information_schema) ~ ') c ' ~ where ~ ') ' ~ duckdb__get_catalog_results_sql()
    )) }}
{% endmacro %}

{% macro duckdb__get_catalog(information_schema, schemas) %}
    {{ return(leat_duckdb_catalog(information_schema, duckdb__get_catalog_schemas_where_clause_sql(schemas))) }}
{% endmacro %}

{% macro duckdb__get_catalog_relations(information_schema, relations) %}
    {{ return(leat_duckdb_catalog(information_schema, duckdb__get_catalog_relations_where_clause_sql(relations))) }}
{% endmacro %}
