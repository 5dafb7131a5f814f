{{ config(tags='a', materialized=env_var('MAT', 'view')) }}{{ config(tags='b', meta={'x':1}) }}{{ config(meta={'y':2}) }}select 1 as id
