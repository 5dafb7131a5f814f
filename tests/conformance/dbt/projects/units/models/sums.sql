select grp, sum(amount) as total
from {{ ref('src') }} s join {{ ref('eph') }} e using (grp) group by 1
