-- Each mart must add up to the number of flights; a row here is a mart that does not.
with flights as (select count(*) as n from {{ ref('stg_flights') }}),

sums as (
    select 'daily_flights' as mart, sum(flights) as n from {{ ref('daily_flights') }}
    union all
    select 'busiest_routes' as mart, sum(flights) as n from {{ ref('busiest_routes') }}
    union all
    select 'delays_by_airport' as mart, sum(flights) as n from {{ ref('delays_by_airport') }}
)

select sums.mart, sums.n as in_mart, flights.n as in_staging
from sums
cross join flights
where sums.n <> flights.n
