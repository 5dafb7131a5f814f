/* orphans.h - relations that lie where a project writes and that none of its nodes makes any more.
 *
 * Looked at are the schemas of the project's models, seeds, snapshots and kept failures. What another person put there is not the
 * project's: each relation comes with what is known of its maker, and one that need not be the project's is never dropped without being
 * named. Sources of the project, and what belongs to an extension, are not listed at all. */
#pragma once
#include "dbt/plan/builds.h"
#include "dbt/run/execute.h"

typedef enum lt_dbt_maker {
    LT_DBT_MADE_UNKNOWN,
    LT_DBT_MADE_HERE,     /* the record of `leat dbt` */
    LT_DBT_MADE_BY_RUN,   /* leat.writes: leat, perhaps for another project */
    LT_DBT_MADE_BEFORE,   /* the manifest of another run, or a node that is disabled now */
    LT_DBT_MADE_LEFTOVER, /* __dbt_tmp, __dbt_backup of a relation that is known */
    LT_DBT_MADE_SNAPSHOT, /* it has the columns that only snapshots have */
    LT_DBT_MAKERS
} lt_dbt_maker;
const char *lt_dbt_maker_name(lt_dbt_maker maker); /* "unknown", "record", "leat.writes", ... */

typedef struct lt_dbt_orphan {
    lt_relation relation;
    lt_relation_entry entry;
    lt_dbt_maker maker;
    lt_text node;        /* that made it; may be empty */
    int64_t built_at_us; /* 0: not known */
    bool is_ours;        /* of this project, as far as can be told */
    bool is_snapshot;
    bool is_dropped; /* by lt_dbt_orphans_drop() */
    lt_text kept;    /* why not, when it was to be dropped */
} lt_dbt_orphan;
typedef LT_VEC(lt_dbt_orphan) lt_dbt_orphans;

typedef struct lt_dbt_orphans_request {
    lt_dbt_run *run; /* with an engine */
    const lt_dbt_builds *builds;
    const lt_dbt_state *state; /* or NULL */
} lt_dbt_orphans_request;

/* All in `arena`, by schema and name. Writes nothing. */
LT_MUST_CHECK lt_status lt_dbt_orphans_find(const lt_dbt_orphans_request *request, lt_arena *arena,
                                            lt_dbt_orphans *out, lt_err *err);

typedef struct lt_dbt_drop {
    const char *const *names; /* "name" or "schema.name": only these, whoever made them */
    size_t name_count;        /* 0: all that are ours */
    bool include_snapshots;
    const char *folder; /* of the record, which forgets them */
} lt_dbt_drop;

/* Whether lt_dbt_orphans_drop() would try. */
bool lt_dbt_is_doomed(const lt_dbt_drop *drop, const lt_dbt_orphan *orphan);
/* LT_INVALID: a name is none of theirs. */
LT_MUST_CHECK lt_status lt_dbt_orphans_check(const lt_dbt_drop *drop, const lt_dbt_orphans *orphans,
                                             lt_err *err);
/* Drop them, each in a transaction under the lock on its relation, what others depend on last, and never with CASCADE. What could not be
 * dropped says why. */
LT_MUST_CHECK lt_status lt_dbt_orphans_drop(lt_dbt_run *run, const lt_dbt_drop *drop,
                                            lt_dbt_orphans *orphans, lt_arena *arena, lt_err *err);
