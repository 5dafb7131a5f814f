{% snapshot by_time %}
{{ config(target_schema='history', unique_key='id', strategy='timestamp', updated_at='updated_at') }}
select * from {{ source('raw', 'src') }}
{% endsnapshot %}
{% snapshot by_time_gone %}
{{ config(target_schema='history', unique_key='id', strategy='timestamp', updated_at='updated_at', invalidate_hard_deletes=true) }}
select id, name, amount, updated_at from {{ source('raw', 'src') }}
{% endsnapshot %}
