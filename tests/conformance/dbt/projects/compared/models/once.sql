{{ config(tags='a', materialized=env_var('MAT', 'view')) }}select 1 as id
