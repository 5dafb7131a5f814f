{{ config(materialized='table') }}
select date '2024-01-01' as day, 1 as fiscal_week
