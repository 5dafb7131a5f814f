select id, name from {{ ref('by_columns') }} where dbt_valid_to is null
