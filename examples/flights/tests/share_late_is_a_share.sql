select iata, share_late_15
from {{ ref('delays_by_airport') }}
where share_late_15 < 0 or share_late_15 > 1
