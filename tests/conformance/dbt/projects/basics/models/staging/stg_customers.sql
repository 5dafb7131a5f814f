{{ config(materialized='view', alias='clients', tags=['x', 'marts'], meta={'level': 2, 'owner': 'ann'}) }}

{#- a comment -#}
select id as customer_id, name, city from {{ ref('customers') }}

