{{ config(materialized='table') }} select * from {{ ref('after_bad') }} union all select * from {{ ref('ok') }}
