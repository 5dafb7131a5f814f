{{ config(materialized='table', tags=['x'], meta={'level': 1}) }}
select id from {{ ref('s') }}
