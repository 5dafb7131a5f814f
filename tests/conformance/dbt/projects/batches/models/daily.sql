{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='happened', batch_size='month', begin='2024-01-01', lookback=2, unique_key=('id' if target.type == 'postgres' else none)) }}
select id, happened, '{{ model.batch.id if model.batch else "none" }}' as batch from {{ ref('events') }}
{% if is_incremental() %}where id > 0{% endif %}
