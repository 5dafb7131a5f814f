{{ config(alias='customers_stg') }}
select * from {{ ref('countries') }}
