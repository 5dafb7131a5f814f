select
    origin_iata as origin,
    destination_iata as destination,
    cast(sum(flights) as bigint) as flights,
    {{ share('sum(distance_miles)', 'sum(flights)') }} as mean_distance
from {{ ref('int_route_days') }}
group by origin_iata, destination_iata
