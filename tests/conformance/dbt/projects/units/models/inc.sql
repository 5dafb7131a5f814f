{{ config(materialized='incremental') }}
select grp, amount, day, {{ rate() }} * {{ var('factor', 1) }} as rate, '{{ env_var("CONFORM_RATE", "none") }}' as env from {{ ref('src') }}
{% if is_incremental() %}where day > (select max(day) from {{ this }}){% endif %}
