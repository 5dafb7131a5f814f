{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='happened', batch_size='year', begin='2024-01-01', concurrent_batches=false, unique_key=('id' if target.type == 'postgres' else none)) }}
select e.id, e.happened from {{ ref('events') }} e join {{ ref('events').render() }} f on e.id = f.id
