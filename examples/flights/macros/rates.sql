{# A part of a whole as a number from 0 to 1; NULL when the whole is nothing. #}
{% macro share(part, whole) -%}
cast({{ part }} as double precision) / nullif({{ whole }}, 0)
{%- endmacro %}
