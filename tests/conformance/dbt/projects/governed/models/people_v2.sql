select 1 as id, 'ann' as name, 30 as age
