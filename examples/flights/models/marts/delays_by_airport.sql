select
    airports.iata,
    airports.airport_name as name,
    airports.state,
    totals.flights,
    {{ share('totals.delay_minutes', 'totals.flights') }} as mean_delay,
    {{ share('totals.late_flights', 'totals.flights') }} as share_late_{{ var('late_minutes') }}
from {{ ref('int_airport_totals') }} as totals
inner join {{ ref('stg_airports') }} as airports on airports.iata = totals.iata
