{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='id') }}
select id, val from {{ ref('src') }}
