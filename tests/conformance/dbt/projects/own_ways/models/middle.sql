{{ config(materialized='ephemeral') }}
with base as (select * from {{ ref('base') }}) select *, 2 as two from base
