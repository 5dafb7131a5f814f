/* builds.h - what the relations of a project were last built from, as `leat dbt` keeps it in FOLDER/leat_builds.json.
 *
 * A record for each relation that a run has begun to build (of a test: for the test), by the relation's name: so it stays when the
 * node is gone or writes elsewhere. Before nodes are built their records are opened, afterwards they are closed: one that is open
 * belongs to a run that was killed, and says nothing. Several processes may read and write at once. */
#pragma once
#include "dbt/plan/print.h"
#include "dbt/run/execute.h"

typedef struct lt_dbt_build {
    lt_text key;  /* "db"."schema"."name" */
    lt_text node; /* its id */
    lt_text kind; /* "table", "view", "incremental", "seed", "snapshot", "test", "unit_test" */
    lt_text invocation;
    int64_t started_at_us, ended_at_us; /* of the last build that went well; 0: there was none */
    lt_dbt_print print;                 /* of that build */
    lt_text part; /* not all rows are meant to be there: "empty", "sample", "clone"; else empty */
    bool is_open; /* a run began to build it, and has not said how that ended */
    bool has_failed; /* the last one failed; the relation is as it was before */
    /* Of a microbatch model, in order, not touching: what is built, up to the moment of building; and what failed. */
    lt_dbt_spans spans, failed;
} lt_dbt_build;

typedef struct lt_dbt_builds {
    lt_arena arena;
    lt_map by_key; /* -> lt_dbt_build */
} lt_dbt_builds;

/* A file that is not there, or damaged, is an empty record. */
LT_MUST_CHECK lt_status lt_dbt_builds_read(const char *folder, lt_dbt_builds *out, lt_err *err);
void lt_dbt_builds_cleanup(lt_dbt_builds *builds);
/* NULL: no run here has ever begun to build it. */
const lt_dbt_build *lt_dbt_builds_find(const lt_dbt_builds *builds, const lt_dbt_node *node);
const lt_dbt_build *lt_dbt_builds_of(const lt_dbt_builds *builds, const lt_relation *relation);

/* Open the records of all nodes that the run will build. */
LT_MUST_CHECK lt_status lt_dbt_builds_begin(const lt_dbt_run *run, const char *folder, lt_err *err);
/* Close them, by the results of the run. */
LT_MUST_CHECK lt_status lt_dbt_builds_end(const lt_dbt_run *run, const char *folder, lt_err *err);
/* The relation is gone. */
LT_MUST_CHECK lt_status lt_dbt_builds_forget(const char *folder, const lt_relation *relation,
                                             lt_err *err);

/* Spans as a set: in order, none touches another. All in `arena`. */
void lt_dbt_spans_add(lt_arena *arena, lt_dbt_spans *set, const lt_dbt_spans *more);
void lt_dbt_spans_remove(lt_arena *arena, lt_dbt_spans *set, const lt_dbt_spans *gone);
bool lt_dbt_spans_touch(const lt_dbt_spans *set, const lt_dbt_span *span); /* a part of it */
bool lt_dbt_spans_have(const lt_dbt_spans *set, const lt_dbt_span *span);  /* all of it */
