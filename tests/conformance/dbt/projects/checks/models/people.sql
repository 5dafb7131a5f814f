{{ config(materialized='table') }}
select 1 as id, 'ann' as name, 10 as age, 1 as friend union all select 2, 'bob', 20, 1 union all select 2, null, 200, 7
