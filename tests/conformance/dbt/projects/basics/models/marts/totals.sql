{{ config(tags=['sums']) }}
with o as (
    select * from {{ ref('stg_orders') }}
)
select
    c.customer_id,
    c.name,
    count(*) as orders,
    sum(o.amount) as amount
from o
join {{ ref('basics', 'stg_customers') }} c on c.customer_id = o.customer_id
group by 1, 2
