-- What the relation is: 'table', 'view', 'other', or no row. $1 database (its own), $2 schema ('' is the search path), $3 name.
SELECT CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view' ELSE 'other' END AS kind
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relname = $3::text
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  AND CASE WHEN $2::text = '' THEN pg_catalog.pg_table_is_visible(c.oid) ELSE n.nspname = $2::text END
  AND ($1::text = '' OR $1::text = current_database())
