-- A lock of the transaction on a name, $1. "create if not exists" is not safe against itself: two sessions may both find nothing.
SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended($1, 7340))
