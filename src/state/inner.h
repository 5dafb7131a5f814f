/* inner.h - what the files of state/ share. */
#pragma once
#include "base/buf.h"
#include "db/db.h"
#include "state/state.h"

struct lt_state {
    lt_db *db;      /* owned */
    lt_arena arena; /* the home id */
    lt_text home_id;
    const char *home; /* the folder */
};

/* For functions that read. */
typedef struct reading {
    int64_t run_id;
    size_t limit;
    lt_text target, key;
    lt_arena *arena;
    void *out;
} reading;

extern const char *const lt_run_statuses[], *const lt_task_statuses[];
lt_run_status lt_run_status_from(lt_text name);
lt_task_status lt_task_status_from(lt_text name);

/* What people may read later must not hold a secret. */
lt_text lt_state_masked(lt_text text, lt_arena *arena);

#define WAIT_COLUMNS                                                                               \
    "wait_kind, wait_what, wait_detail, wait_run, wait_since_us, wait_next_us, wait_deadline_us"
lt_waiting lt_state_read_waiting(const lt_query *q, lt_arena *arena, int first);
lt_status lt_state_write_run_wait(lt_tx *tx, int64_t run_id, const lt_waiting *waiting,
                                  lt_err *err);

/* The indexes leave out runs without a key or a parent, and are used only where the question says that it does so, too. */
#define HAS_KEY "run_key = ? and run_key <> ''"
#define HAS_PARENT "parent_run = ? and parent_run <> 0"

/* Parameter number `n`, or whatever there is when that is empty, in a form that an index answers: a blob is greater than every text. */
#define IS_OR_ANY(column, n) column " between ?" n " and coalesce(nullif(?" n ", ''), x'')"

#define RUN_COLUMNS                                                                                \
    "id, command, pipeline, selection, exclusion, target, vars_json, clock_us, threads, "          \
    "full_refresh, retry_of, git_commit, git_branch, git_dirty, tree, engine, status, message, "   \
    "started_at_us, finished_at_us, pid, run_key, params_json, trigger_json, parent_run, "         \
    "parent_task, claim, asked_at_us, " WAIT_COLUMNS ", pid_started"
lt_run_record lt_state_read_run(const lt_query *q, lt_arena *arena);
/* The process of the run is gone. */
lt_status lt_state_mark_lost(lt_tx *tx, int64_t run_id, lt_err *err);
lt_status lt_state_insert_run(lt_tx *tx, lt_run_record *run, lt_err *err);
/* Queued for the server; one whose key is there already gets that run's id, and a `claim` of 0. */
lt_status lt_state_insert_supervised(lt_tx *tx, lt_run_record *run, lt_err *err);
lt_status lt_state_insert_tasks(lt_tx *tx, int64_t run_id, const lt_task_record *tasks,
                                size_t count, lt_err *err);
