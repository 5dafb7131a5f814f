-- a view
select id as order_id, customer_id, amount, ordered_on
from {{ ref('orders') }}
where id >= {{ var('low') }} - 1
