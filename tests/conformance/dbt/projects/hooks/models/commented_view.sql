select * from {{ ref('commented') }}
