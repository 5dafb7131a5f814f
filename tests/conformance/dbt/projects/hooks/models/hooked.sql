{{ config(materialized='table', pre_hook=["insert into audit values ('before {{ this }}')", {"sql": "insert into audit values ('outside')", "transaction": false}],
          post_hook={"sql": "insert into audit select 'rows ' || count(*) from {{ this }}"}) }}
select id from {{ ref('s') }}
