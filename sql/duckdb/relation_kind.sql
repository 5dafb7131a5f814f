-- What the relation is: 'table', 'view', or no row. $1 database, $2 schema ('' is the current one), $3 name.
SELECT CASE table_type
         WHEN 'BASE TABLE' THEN 'table'
         WHEN 'LOCAL TEMPORARY' THEN 'table'
         WHEN 'VIEW' THEN 'view'
         ELSE 'other'
       END AS kind
FROM information_schema.tables
WHERE lower(table_name) = lower($3)
  AND CASE WHEN $2 = '' THEN table_schema = current_schema() OR table_catalog = 'temp'
           ELSE lower(table_schema) = lower($2) END
  AND CASE WHEN $1 = '' THEN table_catalog IN (current_database(), 'temp')
           ELSE lower(table_catalog) = lower($1) END
ORDER BY table_catalog = 'temp' DESC
LIMIT 1
