{{ config(tags=['x', 'y']) }}
select id from {{ ref('a') }}
