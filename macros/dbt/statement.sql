{#- Running SQL. What is named 'main' is a node's own result. -#}

{% macro statement(name=none, fetch_result=false, auto_begin=true, language='sql') -%}
    {%- if execute -%}
        {%- set code = caller() -%}
        {%- if name == 'main' -%}
            {%- do log('Writing runtime ' ~ language ~ ' for node "' ~ (leat_node_id if leat_node_id is defined else model["unique_id"]) ~ '"') -%}
            {%- do write(code) -%}
        {%- endif -%}
        {%- if language == 'sql' -%}
            {%- set response, rows = adapter.execute(code, auto_begin=auto_begin, fetch=fetch_result) -%}
        {%- elif language == 'python' -%}
            {%- set response, rows = submit_python_job(model, code), none -%}
        {%- else -%}
            {%- do exceptions.raise_compiler_error('statement(): there is no language ' ~ language) -%}
        {%- endif -%}
        {%- if name is not none -%}
            {%- do store_result(name, response=response, agate_table=rows) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{% macro noop_statement(name=none, message=none, code=none, rows_affected=none, res=none) -%}
    {%- set sql = caller() -%}
    {%- if name == 'main' -%}
        {%- do write(sql) -%}
    {%- endif -%}
    {%- if name is not none -%}
        {%- do store_raw_result(name, message=message, code=code, rows_affected=rows_affected, agate_table=res) -%}
    {%- endif -%}
{%- endmacro %}

{% macro run_query(sql) %}
    {% call statement('run_query_statement', fetch_result=true, auto_begin=false) %}
        {{ sql }}
    {% endcall %}
    {{ return(load_result('run_query_statement').table) }}
{% endmacro %}
