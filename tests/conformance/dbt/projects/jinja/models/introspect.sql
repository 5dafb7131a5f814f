-- depends_on: {{ ref('numbers') }}
{% set columns = adapter.get_columns_in_relation(ref('numbers')) %}
{% set rows = run_query("select 1 as one, 'x' as two union all select 2, 'y' order by 1") %}
{% set relation = adapter.get_relation(database=target.database, schema=target.schema, identifier='numbers') %}
select '{{ columns | map(attribute="name") | join(",") }}' as columns,
    {% if execute %}'{{ rows.columns[1].values() | join("+") }}' as values_of, '{{ rows.rows | length }} {{ rows.column_names | join(".") }} {{ rows[0]["two"] }}' as counted,
    '{{ relation.type }} {{ relation.is_table }} {{ relation.is_view }}' as relation, {% endif %}
    {%- call statement('named', fetch_result=true) -%}select 42 as answer{%- endcall -%}
    {% if execute %}{{ load_result('named')['data'][0][0] }} as answer,{% endif %}
    {{ graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | list | length if execute else 0 }} as models,
    '{{ dbt_utils_like() }}' as dispatched, '{{ selected_resources | sort | first }}' as first_selected
