-- What the relation is: 'table', 'view', 'other', or no row. $1 database (its own), $2 schema ('' is the search path), $3 name.
SELECT CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view' ELSE 'other' END AS kind
FROM pg_catalog.pg_class
WHERE relname = $3::name
  AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  AND CASE WHEN $2::text = '' THEN pg_catalog.pg_table_is_visible(oid)
           ELSE relnamespace = pg_catalog.to_regnamespace(pg_catalog.quote_ident($2::text)) END
  AND ($1::text = '' OR $1::text = pg_catalog.current_database())
