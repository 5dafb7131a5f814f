{{ config(tags=['tax'], alias='with_tax') }}
select {{ function('twice') }}(price) * rate
