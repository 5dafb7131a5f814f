-- Flights with what the marts ask about each of them.
select
    flight_id,
    cast(departed_at as date) as day,
    origin_iata,
    destination_iata,
    delay_minutes,
    distance_miles,
    case when delay_minutes >= {{ var('late_minutes') }} then 1 else 0 end as is_late
from {{ ref('stg_flights') }}
