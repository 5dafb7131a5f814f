-- The store's index: the only truth about buckets, objects and datasets. Files in blobs/ are nothing but bytes.

CREATE TABLE buckets (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    versioning INTEGER NOT NULL,            -- enum lt_versioning
    created_at_us INTEGER NOT NULL
) STRICT;

-- Distinct contents. A row is here before its file is; collected when nothing refers to it.
CREATE TABLE blobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sha256 BLOB NOT NULL UNIQUE,
    size_bytes INTEGER NOT NULL,
    place INTEGER NOT NULL,                 -- enum lt_place: 0 expected (perhaps no file yet), 1 a file, 2 in bodies
    dead_at_us INTEGER                      -- since when nothing refers to it; NULL: something does
) STRICT;
CREATE INDEX blobs_dead ON blobs (dead_at_us) WHERE dead_at_us IS NOT NULL;

-- Small contents, apart, so that listings read small rows only.
CREATE TABLE bodies (
    blob_id INTEGER PRIMARY KEY REFERENCES blobs,
    body BLOB NOT NULL
) STRICT;

-- Contents on their way to a version or commit. An owner is an open store; it is alive as long as it holds the lock of
-- its folder in tmp/.
CREATE TABLE intents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    blob_id INTEGER NOT NULL REFERENCES blobs
) STRICT;
CREATE INDEX intents_blob ON intents (blob_id);
CREATE INDEX intents_owner ON intents (owner);

CREATE TABLE versions (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of versions, never the clock
    bucket_id INTEGER NOT NULL REFERENCES buckets,
    key TEXT NOT NULL,
    nonce INTEGER NOT NULL,                 -- makes the version id unguessable
    is_null INTEGER NOT NULL,               -- its id is "null"
    is_current INTEGER NOT NULL,            -- the newest of its key
    blob_id INTEGER REFERENCES blobs,       -- NULL: a delete marker
    etag TEXT NOT NULL,
    content_type TEXT NOT NULL,
    written_at_us INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX versions_key ON versions (bucket_id, key, sequence DESC);
CREATE UNIQUE INDEX versions_null ON versions (bucket_id, key) WHERE is_null = 1;
CREATE UNIQUE INDEX versions_live ON versions (bucket_id, key) WHERE is_current = 1 AND blob_id IS NOT NULL;
CREATE INDEX versions_blob ON versions (blob_id) WHERE blob_id IS NOT NULL;

CREATE TABLE datasets (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket_id INTEGER NOT NULL REFERENCES buckets,
    prefix TEXT NOT NULL,
    last_sequence INTEGER NOT NULL,
    UNIQUE (bucket_id, prefix)
) STRICT;

CREATE TABLE commits (
    dataset_id INTEGER NOT NULL REFERENCES datasets ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    commit_id TEXT NOT NULL UNIQUE,
    mode INTEGER NOT NULL,                  -- enum lt_commit_mode
    removed_files INTEGER NOT NULL,         -- how many files it took out
    rows INTEGER NOT NULL,
    schema_json TEXT NOT NULL,
    record_json TEXT NOT NULL,
    committed_at_us INTEGER NOT NULL,
    PRIMARY KEY (dataset_id, sequence)
) STRICT;

-- A file is part of the commits from `added` up to, not including, `removed`. It holds its content itself: a view stays
-- readable whatever happens to the object of that key.
CREATE TABLE data_files (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    dataset_id INTEGER NOT NULL REFERENCES datasets ON DELETE CASCADE,
    key TEXT NOT NULL,
    added INTEGER NOT NULL,
    removed INTEGER NOT NULL DEFAULT 9223372036854775807,
    blob_id INTEGER NOT NULL REFERENCES blobs,
    version_id TEXT NOT NULL,
    version_sequence INTEGER NOT NULL,      -- not a reference: the version may be deleted
    rows INTEGER NOT NULL
) STRICT;
CREATE INDEX data_files_view ON data_files (dataset_id, removed, added);
CREATE UNIQUE INDEX data_files_live ON data_files (dataset_id, key) WHERE removed = 9223372036854775807;
CREATE INDEX data_files_blob ON data_files (blob_id);

-- Which commits runs have pinned.
CREATE TABLE keeps (
    owner TEXT NOT NULL,
    dataset_id INTEGER NOT NULL REFERENCES datasets,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (owner, dataset_id, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX keeps_dataset ON keeps (dataset_id, sequence);
