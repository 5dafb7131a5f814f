{{ config(materialized='ledger', colour='blue', meta={'any': [1, {'x': none}]}) }}
select 1 as id
