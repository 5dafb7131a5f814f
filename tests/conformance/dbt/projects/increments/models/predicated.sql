{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='id', incremental_predicates=["id < 3"]) }}
select id, val from {{ ref('src') }}
