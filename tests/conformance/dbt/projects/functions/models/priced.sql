{{ config(materialized='table') }}
select v, {{ function('twice') }}(v) as two, {{ function('functions', 'tax') }}(v, 2) as taxed, {{ function('plus_one') }}(v) as more
from {{ ref('numbers') }} order by v
