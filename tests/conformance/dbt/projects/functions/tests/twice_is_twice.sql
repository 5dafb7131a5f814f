select * from {{ ref('priced') }} where two <> {{ function('twice') }}(v)
