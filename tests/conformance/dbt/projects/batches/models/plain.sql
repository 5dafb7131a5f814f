{{ config(materialized='table') }}
select * from {{ ref('events') }} join {{ ref('raw_events') }} r using (id)
