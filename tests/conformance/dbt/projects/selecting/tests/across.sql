select 1 as x from {{ ref('b') }} join {{ ref('other') }} using (id) where false
