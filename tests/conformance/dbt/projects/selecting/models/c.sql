{{ config(tags=['z']) }}
select b.id from {{ ref('b') }} b join {{ ref('other') }} o using (id)
