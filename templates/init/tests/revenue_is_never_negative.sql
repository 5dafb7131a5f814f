-- A test passes when it finds no row.
select *
from {{ ref('revenue_by_day') }}
where revenue < 0
