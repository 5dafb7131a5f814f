{{ config(materialized='incremental', unique_key='day') }}

select
    day,
    cast(sum(flights) as bigint) as flights,
    {{ share('sum(delay_minutes)', 'sum(flights)') }} as mean_delay
from {{ ref('int_route_days') }}
{% if is_incremental() %}
-- The newest days may have grown since the last run; older ones do not change.
where day >= (select max(day) from {{ this }}) - interval '31 days'
{% endif %}
group by day
