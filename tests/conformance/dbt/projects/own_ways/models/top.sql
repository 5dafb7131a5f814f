with recursive_name as (select * from {{ ref('middle') }}), other as (select * from {{ ref('base') }})
select r.*, (select count(*) from {{ ref('base') }}) as n from recursive_name r join other using (id)
