-- Statements that take back what default privileges gave to a new relation, $1 by its whole name.
SELECT DISTINCT pg_catalog.format('REVOKE ALL ON %s FROM %s', $1::text,
       CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END) AS statement
FROM pg_catalog.pg_class AS c
CROSS JOIN pg_catalog.aclexplode(c.relacl) AS a
WHERE c.oid = $1::text::pg_catalog.regclass AND a.grantee <> c.relowner
