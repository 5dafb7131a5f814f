select coalesce(max(v), 0) from {{ ref('numbers') }}
