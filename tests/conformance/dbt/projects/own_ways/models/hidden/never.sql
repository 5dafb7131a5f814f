select * from {{ ref('nothing_at_all') }}
