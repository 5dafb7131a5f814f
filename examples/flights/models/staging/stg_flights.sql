-- One row for each flight, named and typed as the rest of the project expects.
select
    id as flight_id,
    cast(date as timestamp) as departed_at,
    cast(delay as integer) as delay_minutes,
    cast(distance as integer) as distance_miles,
    origin as origin_iata,
    destination as destination_iata,
    updated_at
from {{ source('flights_api', 'flights') }}
