select 1 as "Id", 2 as "select"
