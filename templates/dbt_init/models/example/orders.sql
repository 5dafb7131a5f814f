{{ config(materialized='table') }}

select 1 as id, 'ann' as customer, 5 as amount
union all
select 2, 'bob', 70
