{{ config(materialized='ephemeral') }}
select distinct grp, upper(grp) as label from {{ ref('src') }}
