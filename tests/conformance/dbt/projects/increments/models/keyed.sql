{{ config(materialized='incremental', unique_key=['id', 'grp']) }}
select id, grp, val from {{ ref('src') }}
