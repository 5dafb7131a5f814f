select 1 as id, 1 as customer_id, date '2024-01-01' as visited_at
