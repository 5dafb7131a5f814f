-- The columns of a relation in order. $1 database, $2 schema ('' is the current one), $3 name.
SELECT column_name, data_type, NOT is_nullable AS not_null
FROM duckdb_columns()
WHERE lower(table_name) = lower($3)
  AND CASE WHEN $2 = '' THEN schema_name = current_schema() OR database_name = 'temp'
           ELSE lower(schema_name) = lower($2) END
  AND CASE WHEN $1 = '' THEN database_name IN (current_database(), 'temp')
           ELSE lower(database_name) = lower($1) END
QUALIFY database_name = first_value(database_name) OVER (ORDER BY database_name = 'temp' DESC)
ORDER BY column_index
