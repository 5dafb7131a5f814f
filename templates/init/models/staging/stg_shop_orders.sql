-- One row for each order, with clean names and types.
select
    cast(id as bigint) as order_id,
    cast(ordered_at as date) as ordered_on,
    customer,
    status,
    cast(amount as decimal(12, 2)) as amount
from {{ source('shop', 'orders') }}
