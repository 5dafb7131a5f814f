select 1 as id, 2 as customer_id, 10.0 as amount, cast('2024-01-01' as date) as ordered_at, true as paid
