{% do exceptions.warn('be careful') if execute %}
select 1 as id
