-- The columns of a relation in order; one row of NULLs when it has none. $1 database, $2 schema, $3 name, as above.
SELECT a.attname::text AS column_name,
       pg_catalog.format_type(a.atttypid, a.atttypmod) AS data_type,
       a.attnotnull::text AS not_null
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relname = $3::text
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND CASE WHEN $2::text = '' THEN pg_catalog.pg_table_is_visible(c.oid) ELSE n.nspname = $2::text END
  AND ($1::text = '' OR $1::text = current_database())
ORDER BY a.attnum
