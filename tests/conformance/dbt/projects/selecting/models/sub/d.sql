select id, {{ macro_of_d() }} as m from {{ ref('c') }}
