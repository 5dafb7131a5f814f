{% snapshot orders_snap %}
{{ config(strategy='timestamp', unique_key='id', updated_at='ordered_at') }}
select * from {{ ref('stg_orders') }}
{% endsnapshot %}
