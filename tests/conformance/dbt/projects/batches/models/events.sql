{{ config(materialized='table', event_time='happened') }}
select id, cast(happened as timestamp) as happened, kind from {{ ref('raw_events') }}
