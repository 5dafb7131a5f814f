/* source.h - bring a resource (an endpoint, a table, files) into the store as a dataset, in one atomic commit.
 *
 * Nothing is visible before everything is there. The commit's record carries the cursor, so that data and cursor move together:
 *     {"source": "shop", "resource": "orders", "kind": "rest", "run_id": "...", "attempt": 3, "mode": "append",
 *      "cursor": {"field": "updated_at", "value": "2026-11-22T01:02:03Z"}, "rows": 12, "fetched": 13, "requests": 4, ...}
 * The next extract reads on from there. With a cursor a dataset grows by appending and is de-duplicated by key when it is loaded;
 * without one each extract replaces what was there.
 *
 * The dataset's prefix are the folders of land.path in front of the first template; what stands behind is the partition folder
 * of this run. */
#pragma once
#include "base/progress.h"
#include "conf/conf.h"
#include "net/rate.h"
#include "source/schema.h"
#include "store/store.h"

/* Everything is borrowed for the time of the call. */
typedef struct lt_extract_job {
    lt_store *store;
    const lt_conf_resource *resource;
    const char *project_root;  /* file patterns are relative to it */
    const char *scratch;       /* an empty folder for this attempt alone; its owner removes it */
    lt_conf_render_fn *render; /* called from the calling thread only */
    void *render_context;
    lt_text run_id, task; /* may be empty: an extract by hand */
    int64_t attempt;
    int64_t run_started_at_us;
    size_t memory_bytes; /* for DuckDB; 0: 128 MiB, and more for records with very many columns: */
    size_t memory_most_bytes; /* at most so much; 0: 2 GiB */
    bool full_refresh;        /* read from the start, and replace */
    lt_rate *rate;         /* shared by extracts from the same source; NULL: one for this extract */
    lt_progress *progress; /* may be NULL */
    const atomic_bool *stop; /* may be NULL */
} lt_extract_job;

/* Texts live in the arena of the call. */
typedef struct lt_extract_result {
    bool committed; /* false: there was nothing new */
    bool was_done;  /* this run had committed it before; nothing was fetched */
    lt_text bucket, prefix;
    lt_commit_info commit; /* the one made, or the last one there */
    int64_t rows;          /* landed */
    int64_t fetched, requests, bytes;
    int64_t duplicates,
        discarded;    /* records with the same key; values that the contract left out */
    lt_text cursor;   /* where the next extract reads on; raw JSON, empty: none */
    lt_text note;     /* something to tell people; may be empty */
    lt_schema schema; /* of the dataset now */
} lt_extract_result;

/* LT_INVALID: the files of the project are wrong; LT_FAILED: the data are not as agreed; LT_DENIED: the source refused the
 * credentials; LT_IO: trying again may help; LT_CONFLICT: somebody else has committed to the dataset meanwhile;
 * LT_CANCELLED. On failure the dataset is as before. */
LT_MUST_CHECK lt_status lt_extract(const lt_extract_job *job, lt_arena *arena,
                                   lt_extract_result *result, lt_err *err);

/* Where a resource lands: bucket, the dataset's prefix and the template of the partition folder behind it. */
typedef struct lt_landing_place {
    lt_text bucket, prefix; /* prefix ends with '/' */
    lt_conf_text folder;    /* raw.len 0: none */
} lt_landing_place;
LT_MUST_CHECK lt_status lt_resource_place(const lt_conf_resource *resource, lt_arena *arena,
                                          lt_landing_place *out, lt_err *err);
