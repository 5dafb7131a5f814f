{{ config(tags=['mart', 'daily'], meta={'owner': 'ann'}, pre_hook="select 1", post_hook=["select 2", {"sql": "select 3", "transaction": False}]) }}
{%- set cols = ['id', 'amount'] %}
select {% for c in cols %}{{ cents(c) }} as {{ c }}_cents,{% endfor %} c.*
from {{ ref('stg_customers') }} c
join {{ ref('stg_orders') }} o on true
join {{ ref('tools', 'numbers') }} n on true
