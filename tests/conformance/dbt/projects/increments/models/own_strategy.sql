{{ config(materialized='incremental', incremental_strategy='twice') }}
select id from {{ ref('src') }}
