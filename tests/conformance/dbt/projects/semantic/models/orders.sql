select 1 as id, 1 as customer_id, date '2024-01-01' as ordered_at, 10 as amount, true as is_paid, 'web' as channel
