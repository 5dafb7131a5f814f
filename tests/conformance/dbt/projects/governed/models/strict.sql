{{ config(materialized='table', contract={'enforced': true}) }}
select 'x' as name, 1 as id, cast(1.5 as numeric(10,2)) as amount, cast('2024-01-01' as date) as day
