{{ config(materialized='incremental') }}
select id, val from {{ ref('src') }}
