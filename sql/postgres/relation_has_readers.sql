-- A row when views or rules of others read the relation $2 of the schema $1: when DROP ... CASCADE would take something along. A view is in
-- the rule that it is made of itself.
SELECT 1 FROM pg_catalog.pg_depend WHERE refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
AND refobjid = pg_catalog.to_regclass(pg_catalog.quote_ident($1) || '.' || pg_catalog.quote_ident($2))
AND classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND objid NOT IN (SELECT oid FROM pg_catalog.pg_rewrite
WHERE ev_class = pg_catalog.to_regclass(pg_catalog.quote_ident($1) || '.' || pg_catalog.quote_ident($2))) LIMIT 1
