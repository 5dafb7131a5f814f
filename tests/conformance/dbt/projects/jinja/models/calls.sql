{% macro inner() %}never seen{% endmacro %}
{%- call(x) twice() -%}
{{ x }} as n{{ x }}
{%- endcall -%}
