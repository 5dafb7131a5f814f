-- What hangs on a relation that is about to be replaced, as statements that bring it back. $1 database (its own), $2 schema, $3 name.
-- kind: 'own' must succeed; 'column' may fail; 'view' statements of the view `object`, in order; 'lost' is dropped and cannot be
-- brought back, `statement` says why. An empty statement: what default privileges give to `object` is to be taken back, since it
-- has an access list of its own. `quoted` is the view's name as leat.writes has it. The search path must be empty, so that the
-- names in the statements are whole.
WITH RECURSIVE old AS (
    SELECT c.oid, c.relkind, c.relacl, c.relowner, c.relrowsecurity, c.relforcerowsecurity,
           pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = $2::text AND c.relname = $3::text AND c.relkind IN ('r', 'p', 'v')
      AND ($1::text = '' OR $1::text = pg_catalog.current_database())
),
reads (oid, depth) AS (
    SELECT oid, 0 FROM old
    UNION
    SELECT r.ev_class, reads.depth + 1
    FROM reads
    JOIN pg_catalog.pg_depend AS d ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        AND d.refobjid = reads.oid AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
    JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid
    WHERE r.ev_class <> reads.oid AND reads.depth < 1000
),
readers AS (
    SELECT c.oid, pg_catalog.max(reads.depth) AS depth, c.relkind, c.relacl, c.relowner, c.reloptions,
           pg_catalog.format('%I.%I', n.nspname, c.relname) AS name,
           pg_catalog.format('"%s"."%s"', pg_catalog.replace(n.nspname, '"', '""'),
                             pg_catalog.replace(c.relname, '"', '""')) AS quoted
    FROM reads
    JOIN pg_catalog.pg_class AS c ON c.oid = reads.oid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE reads.depth > 0
    GROUP BY c.oid, c.relkind, c.relacl, c.relowner, c.reloptions, n.nspname, c.relname
),
views AS (
    SELECT readers.*,
           CASE WHEN readers.relkind = 'm' THEN 'it is materialized'
                WHEN readers.relkind <> 'v' THEN 'it is no plain view'
                WHEN NOT pg_catalog.pg_has_role(readers.relowner, 'MEMBER') THEN 'its owner is another role'
                WHEN EXISTS (SELECT FROM pg_catalog.pg_trigger AS g WHERE g.tgrelid = readers.oid AND NOT g.tgisinternal)
                    THEN 'it has triggers'
                WHEN (SELECT pg_catalog.count(*) FROM pg_catalog.pg_rewrite AS r WHERE r.ev_class = readers.oid) > 1
                    THEN 'it has rules'
                WHEN EXISTS (SELECT FROM pg_catalog.pg_attrdef AS a WHERE a.adrelid = readers.oid)
                    THEN 'its columns have defaults'
                WHEN EXISTS (SELECT FROM pg_catalog.pg_depend AS d WHERE d.objid = readers.oid AND d.deptype = 'e'
                             AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass) THEN 'it belongs to an extension'
           END AS reason
    FROM readers
),
holders AS (
    SELECT oid, relacl, relowner, name, 0 AS depth, 'own' AS kind FROM old
    UNION ALL
    SELECT oid, relacl, relowner, name, depth, 'view' FROM views WHERE reason IS NULL
),
touched AS (
    SELECT c.oid, c.reltype, t.typarray
    FROM reads JOIN pg_catalog.pg_class AS c ON c.oid = reads.oid
    LEFT JOIN pg_catalog.pg_type AS t ON t.oid = c.reltype
),
lost AS (
    SELECT DISTINCT d.classid, d.objid, d.objsubid
    FROM touched
    JOIN pg_catalog.pg_depend AS d ON d.deptype = 'n'
        AND ((d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = touched.oid)
          OR (d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.refobjid IN (touched.reltype, touched.typarray)))
    WHERE d.classid <> 'pg_catalog.pg_rewrite'::pg_catalog.regclass
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS k
                      WHERE d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.oid = d.objid AND k.conrelid = touched.oid)
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_policy AS p
                      WHERE d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND p.oid = d.objid AND p.polrelid = touched.oid)
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS g
                      WHERE d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND g.oid = d.objid AND g.tgrelid = touched.oid)
),
statements (depth, object, step, kind, statement) AS (
    SELECT depth, name, 2, kind, '' FROM holders WHERE relacl IS NOT NULL
    UNION ALL
    SELECT depth, name, 1, 'view',
           pg_catalog.format('CREATE VIEW %s%s AS %s', name,
                             CASE WHEN reloptions IS NOT NULL THEN ' WITH (' || pg_catalog.array_to_string(reloptions, ', ') || ')' ELSE '' END,
                             pg_catalog.pg_get_viewdef(oid))
    FROM views WHERE reason IS NULL
    UNION ALL
    SELECT depth, name, 3, 'view', pg_catalog.format('ALTER VIEW %s OWNER TO %I', name, pg_catalog.pg_get_userbyid(relowner))
    FROM views WHERE reason IS NULL AND pg_catalog.pg_get_userbyid(relowner) <> current_user
    UNION ALL
    SELECT holders.depth, holders.name, 4, holders.kind,
           pg_catalog.format('GRANT %s ON %s TO %s%s', a.privilege_type, holders.name,
                             CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END,
                             CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
    FROM holders, pg_catalog.aclexplode(holders.relacl) AS a
    WHERE a.grantee <> holders.relowner
    UNION ALL
    SELECT holders.depth, holders.name, 5, CASE WHEN holders.kind = 'own' THEN 'column' ELSE 'view' END,
           pg_catalog.format('GRANT %s (%I) ON %s TO %s%s', a.privilege_type, t.attname, holders.name,
                             CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END,
                             CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
    FROM holders
    JOIN pg_catalog.pg_attribute AS t ON t.attrelid = holders.oid AND t.attnum > 0 AND NOT t.attisdropped
    CROSS JOIN pg_catalog.aclexplode(t.attacl) AS a
    WHERE a.grantee <> holders.relowner
    UNION ALL
    SELECT depth, name, 6, 'view', pg_catalog.format('COMMENT ON %s %s IS %L',
               CASE WHEN d.objsubid = 0 THEN 'VIEW' ELSE 'COLUMN' END,
               CASE WHEN d.objsubid = 0 THEN name ELSE name || '.' || pg_catalog.quote_ident(t.attname) END, d.description)
    FROM views
    JOIN pg_catalog.pg_description AS d ON d.objoid = views.oid AND d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
    LEFT JOIN pg_catalog.pg_attribute AS t ON t.attrelid = views.oid AND t.attnum = d.objsubid
    WHERE reason IS NULL
    UNION ALL
    SELECT 0, old.name, 1, 'own',
           pg_catalog.format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s', p.polname, old.name,
               CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
               CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
               (SELECT pg_catalog.string_agg(CASE WHEN r = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(r)) END, ', ')
                FROM pg_catalog.unnest(p.polroles) AS r),
               ' USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')',
               ' WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')')
    FROM old JOIN pg_catalog.pg_policy AS p ON p.polrelid = old.oid
    UNION ALL
    SELECT 0, name, 1, 'own', pg_catalog.format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', name) FROM old WHERE relrowsecurity
    UNION ALL
    SELECT 0, name, 1, 'own', pg_catalog.format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', name) FROM old WHERE relforcerowsecurity
    UNION ALL
    SELECT 1000, (CASE relkind WHEN 'm' THEN 'materialized view ' ELSE 'view ' END) || name, 7, 'lost', reason FROM views WHERE reason IS NOT NULL
    UNION ALL
    SELECT 1001, pg_catalog.pg_describe_object(classid, objid, objsubid), 7, 'lost', 'it needs the relation that is replaced' FROM lost
)
SELECT s.kind, s.object, s.statement, v.quoted
FROM statements AS s
LEFT JOIN readers AS v ON v.name = s.object
ORDER BY s.depth, s.object, s.step, s.statement
