{{ config(materialized='ephemeral') }}
select id, name, updated_at from {{ source('raw', 'src') }}
