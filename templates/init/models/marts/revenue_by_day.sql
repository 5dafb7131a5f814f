{{ config(materialized='table') }}

-- What was sold each day; returned orders do not count.
select
    ordered_on as day,
    count(*) as orders,
    sum(amount) as revenue
from {{ ref('stg_shop_orders') }}
where status <> 'returned'
group by ordered_on
