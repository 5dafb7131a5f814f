{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='happened', batch_size='day', begin='2024-01-01', unique_key=('id' if target.type == 'postgres' else none)) }}
select id / (case when id = 3 then 0 else 1 end) as id, happened {{ ', nothere' if model.batch and '20240102' in model.batch.id else '' }} from {{ ref('events') }}
