{{ config(materialized='incremental', incremental_strategy='append') }}
select *, '{{ is_incremental() }}' as inc from {{ ref('src') }}
{% if is_incremental() %}where id > (select max(id) from {{ this }}){% endif %}
