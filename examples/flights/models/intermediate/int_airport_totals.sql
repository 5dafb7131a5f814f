select
    origin_iata as iata,
    cast(sum(flights) as bigint) as flights,
    cast(sum(delay_minutes) as bigint) as delay_minutes,
    cast(sum(late_flights) as bigint) as late_flights
from {{ ref('int_route_days') }}
group by origin_iata
