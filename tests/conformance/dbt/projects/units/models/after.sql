select * from {{ ref('sums') }}
