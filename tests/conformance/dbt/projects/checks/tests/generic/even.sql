{% test even_sum(model, column, by=2) %}
    {{ config(severity='warn') }}
    select sum({{ column }}) as total from {{ model }} having sum({{ column }}) % {{ by }} <> 0
{% endtest %}
