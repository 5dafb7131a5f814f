{{ config(materialized='incremental', incremental_strategy='merge', unique_key='id', merge_exclude_columns=['day']) }}
select id, val, day from {{ ref('src') }}
