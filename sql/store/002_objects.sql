-- What S3 knows of objects beside their bytes: metadata, tags, checksums, parts; what belongs to buckets; keys; events.

ALTER TABLE buckets ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;   -- new objects are encrypted at rest

-- The content's own key, sealed with the store's; NULL: the content lies as it is. The name of an encrypted content (sha256) has a
-- salt behind the SHA-256 of its bytes: each is other bytes, under its own key.
ALTER TABLE blobs ADD COLUMN seal BLOB;

ALTER TABLE versions ADD COLUMN size_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE versions ADD COLUMN list_id INTEGER;                    -- made of the parts of this list; blob_id is then the first of them
ALTER TABLE versions ADD COLUMN part_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE versions ADD COLUMN storage_class TEXT NOT NULL DEFAULT '';
ALTER TABLE versions ADD COLUMN sum_kind INTEGER NOT NULL DEFAULT 0; -- enum lt_sum_kind * 2, + 1 for a composite one
ALTER TABLE versions ADD COLUMN sum BLOB;
ALTER TABLE versions ADD COLUMN tag_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE versions ADD COLUMN replaced_at_us INTEGER;             -- since when it is not current
UPDATE versions SET size_bytes = (SELECT size_bytes FROM blobs b WHERE b.id = blob_id) WHERE blob_id IS NOT NULL;
UPDATE versions SET replaced_at_us = (SELECT n.written_at_us FROM versions n WHERE n.bucket_id = versions.bucket_id
    AND n.key = versions.key AND n.sequence > versions.sequence ORDER BY n.sequence LIMIT 1) WHERE is_current = 0;
-- Usage and retention look at these alone, without a look at the row for each.
DROP INDEX versions_key;
CREATE UNIQUE INDEX versions_key ON versions (bucket_id, key, sequence DESC, is_current, blob_id, size_bytes);
-- A listing of current objects is a piece of this index and nothing else: neighbours in it were put at any time, so their rows lie
-- anywhere in the table.
DROP INDEX versions_live;
CREATE INDEX versions_live ON versions (bucket_id, key, is_current, blob_id, nonce, is_null, etag, content_type,
    written_at_us, size_bytes, storage_class, sum_kind, part_count) WHERE is_current = 1 AND blob_id IS NOT NULL;
CREATE INDEX versions_list ON versions (list_id) WHERE list_id IS NOT NULL;

-- Headers and tags of the versions that have some: names and values, each with a NUL behind.
CREATE TABLE details (
    sequence INTEGER PRIMARY KEY REFERENCES versions ON DELETE CASCADE,
    meta BLOB NOT NULL,
    tags BLOB NOT NULL
) STRICT;

-- Multipart uploads, and those that became versions (finished_sequence), for a client that asks again.
CREATE TABLE uploads (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket_id INTEGER NOT NULL REFERENCES buckets,
    key TEXT NOT NULL,
    nonce INTEGER NOT NULL,
    started_at_us INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    storage_class TEXT NOT NULL,
    meta BLOB NOT NULL,
    tags BLOB NOT NULL,
    sum_kind INTEGER NOT NULL,
    sealed INTEGER NOT NULL,
    requester TEXT NOT NULL,
    finished_sequence INTEGER,
    finished_digest BLOB                    -- SHA-256 of the list of parts that it was completed with
) STRICT;
CREATE INDEX uploads_open ON uploads (bucket_id, key, id) WHERE finished_sequence IS NULL;
CREATE INDEX uploads_bucket ON uploads (bucket_id);

-- The parts of an upload; then, under the same number, of the versions that were made of it.
CREATE TABLE parts (
    list_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    blob_id INTEGER NOT NULL REFERENCES blobs,
    size_bytes INTEGER NOT NULL,
    md5 BLOB NOT NULL,
    sum BLOB,
    written_at_us INTEGER NOT NULL,
    PRIMARY KEY (list_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX parts_blob ON parts (blob_id);

CREATE TABLE bucket_docs (
    bucket_id INTEGER NOT NULL REFERENCES buckets ON DELETE CASCADE,
    kind TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (bucket_id, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE lifecycle_rules (
    bucket_id INTEGER NOT NULL REFERENCES buckets ON DELETE CASCADE,
    place INTEGER NOT NULL,
    rule_id TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    prefix TEXT NOT NULL,
    tags BLOB NOT NULL,
    larger_than INTEGER NOT NULL,           -- -1: any
    smaller_than INTEGER NOT NULL,
    expire_days INTEGER NOT NULL,
    expire_at_us INTEGER NOT NULL,
    expire_markers INTEGER NOT NULL,
    old_days INTEGER NOT NULL,
    old_kept INTEGER NOT NULL,
    abort_days INTEGER NOT NULL,
    legacy_prefix INTEGER NOT NULL,
    PRIMARY KEY (bucket_id, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE access_keys (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    secret BLOB NOT NULL,                   -- sealed with the store's key
    created_at_us INTEGER NOT NULL,
    last_used_at_us INTEGER NOT NULL DEFAULT 0,
    revoked_at_us INTEGER NOT NULL DEFAULT 0,
    expires_at_us INTEGER NOT NULL
) STRICT;
CREATE TABLE access_rights (
    key_number INTEGER NOT NULL REFERENCES access_keys ON DELETE CASCADE,
    place INTEGER NOT NULL,
    access INTEGER NOT NULL,                -- bits of enum lt_access
    bucket TEXT NOT NULL,                   -- '': all
    prefix TEXT NOT NULL,
    PRIMARY KEY (key_number, place)
) STRICT, WITHOUT ROWID;

-- What happened to objects. Names, not references: it outlives what it tells of.
CREATE TABLE events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at_us INTEGER NOT NULL,
    kind INTEGER NOT NULL,                  -- enum lt_event_kind
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    version_id TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    etag TEXT NOT NULL,
    reason TEXT NOT NULL,
    request_id TEXT NOT NULL,
    requester TEXT NOT NULL,
    source_ip TEXT NOT NULL
) STRICT;

-- Small facts of the store itself.
CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;
