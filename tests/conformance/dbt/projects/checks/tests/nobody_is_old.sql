{{ config(tags=['single']) }}
select * from {{ ref('people') }} where age > 100
