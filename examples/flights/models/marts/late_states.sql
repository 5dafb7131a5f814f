-- Where one waits the longest: airports added up by state.
select
    state,
    cast(sum(flights) as bigint) as flights,
    {{ share('sum(mean_delay * flights)', 'sum(flights)') }} as mean_delay
from {{ ref('delays_by_airport') }}
where state is not null
group by state
