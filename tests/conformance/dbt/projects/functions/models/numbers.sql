select 7 as v union all select 11 as v
