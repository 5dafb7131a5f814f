/* load.h - bring a landed dataset into a table of a target, so that running it again changes nothing.
 *
 * What has been loaded is recorded in the target itself, in the transaction of the load: leat.loads(table_name, bucket, prefix,
 * commit_sequence, commit_id, loaded_at, run_id). A load reads the commits behind the recorded one, from a pinned view. Modes:
 *   replace  the table holds exactly the dataset's files (full reads)
 *   merge    rows with the same key are replaced, unless the table's have a greater cursor
 *   append   the rows of each commit are added once
 * When the dataset was replaced meanwhile, or the record speaks of another dataset, the table is made anew. New columns are
 * added to the table, widened types change it. One transaction, with an advisory lock on the relation. */
#pragma once
#include "base/progress.h"
#include "conf/conf.h"
#include "engine/write.h"
#include "source/schema.h"
#include "store/store.h"

typedef enum lt_load_mode { LT_LOAD_REPLACE, LT_LOAD_MERGE, LT_LOAD_APPEND } lt_load_mode;

/* Everything is borrowed for the time of the call. */
typedef struct lt_load_job {
    lt_store *store;
    const lt_conf_resource *resource;
    lt_session *session;  /* of the target; idle, without a transaction */
    lt_relation relation; /* the table; name.len 0: load.table of the resource */
    lt_attempt attempt;
    int64_t sequence;         /* the pinned commit; 0: the last */
    const char *scratch;      /* an empty folder for this attempt */
    const char *cache_folder; /* for lt_view_paths() */
    int64_t now_us;           /* loaded_at */
    size_t memory_bytes; /* of the private DuckDB, for targets that do not read files; 0: 128 MiB */
    bool full_refresh;   /* make the table anew */
    bool take_over;      /* empty and fill a table that no load has made */
    lt_progress *progress; /* may be NULL */
} lt_load_job;

typedef struct lt_load_result {
    bool changed; /* false: the table had it all */
    lt_load_mode mode;
    int64_t rows;          /* written to the table */
    int64_t from_sequence; /* the commit that was loaded before; 0: none */
    int64_t sequence;      /* the one that is loaded now */
    lt_relation relation;  /* in the arena */
    size_t new_columns, changed_columns;
} lt_load_result;

/* LT_NOT_FOUND: nothing has landed yet. LT_INVALID: the table is there but was not made by a load (and take_over is
 * not set). LT_CONFLICT: a later attempt has written it. On failure the table is as before. */
LT_MUST_CHECK lt_status lt_load(const lt_load_job *job, lt_arena *arena, lt_load_result *result,
                                lt_err *err);

/* What a table of the target holds, as its last load recorded it: the dataset and its commit, in `arena`. sequence 0: nothing was
 * loaded into it. */
typedef struct lt_loaded {
    lt_text bucket, prefix, commit_id;
    int64_t sequence;
} lt_loaded;
LT_MUST_CHECK lt_status lt_load_find(lt_session *session, const lt_relation *table, lt_arena *arena,
                                     lt_loaded *out, lt_err *err);
