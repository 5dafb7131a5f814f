select 1 as one
-- {{ source('elsewhere', 'one') }}
