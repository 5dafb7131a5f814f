-- relation_kind.sql for a schema of the session's own database, as a letter of pg_class.relkind: $1 schema, $2 name. It is asked for each
-- node of a build, and most of its cost is reading it: half of what the other one takes.
SELECT relkind FROM pg_catalog.pg_class WHERE relname = $2 AND relnamespace = pg_catalog.to_regnamespace(pg_catalog.quote_ident($1))
AND relkind = ANY ('{r,p,v,m,f,S}')
