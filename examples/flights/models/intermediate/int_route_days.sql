{{ config(materialized='table') }}

-- The only pass over all flights: sums for each route and day, which every mart adds up further.
select
    day,
    origin_iata,
    destination_iata,
    count(*) as flights,
    cast(sum(delay_minutes) as bigint) as delay_minutes,
    cast(sum(distance_miles) as bigint) as distance_miles,
    cast(sum(is_late) as bigint) as late_flights
from {{ ref('int_flights') }}
group by day, origin_iata, destination_iata
