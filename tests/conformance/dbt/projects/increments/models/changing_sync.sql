{{ config(materialized='incremental', on_schema_change='sync_all_columns') }}
select 1 as id, 'a' as old, 1 as more
