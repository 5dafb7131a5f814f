-- Tables and views of a schema with what is known of their size. $1 database ('' is the current one), $2 schema, $3 name ('' is all).
SELECT name, kind, row_count, NULL AS byte_count
FROM (
  SELECT database_name, schema_name, table_name AS name, 'table' AS kind, estimated_size AS row_count
  FROM duckdb_tables()
  WHERE NOT internal AND NOT temporary
  UNION ALL
  SELECT database_name, schema_name, view_name, 'view', NULL
  FROM duckdb_views()
  WHERE NOT internal AND NOT temporary
)
WHERE lower(schema_name) = lower($2)
  AND lower(database_name) = CASE WHEN $1 = '' THEN lower(current_database()) ELSE lower($1) END
  AND ($3 = '' OR lower(name) = lower($3))
ORDER BY name
