select
    iata,
    name as airport_name,
    city,
    case when state in ('', 'NA') then null else state end as state,
    country,
    latitude,
    longitude
from {{ source('flights_api', 'airports') }}
