{{ config(materialized='table', meta={'level': 2}) }}
select 1 as id
