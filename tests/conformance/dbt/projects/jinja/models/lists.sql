{%- set items = ['b', 'a', 'c'] -%}
{%- set d = {'z': 1, 'y': [1, 2], "x": none} -%}
{%- do items.append('d') -%}
select
{% for item in items | sort %}
    '{{ item }}' as {{ item }}{{ "," if not loop.last }} -- {{ loop.index }}/{{ loop.length }} {{ loop.cycle('odd', 'even') }}
{%- endfor %}
{%- for k, v in d.items() %}, '{{ k }}={{ v }}' as {{ k }}_v
{%- endfor %}
{% raw -%} -- {{ not rendered }}{% endraw %}
{% if items is iterable and items is not string %}, {{ items | length }} as n{% endif %}
{#- gone -#}
