select count(*) as n from {{ ref('numbers') }} where '{{ generate_alias_name("a", none) }}' <> ''
