select count(*) from {{ ref('totals') }} where who = '{{ var("who") }}'
