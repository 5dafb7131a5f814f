/* backup.h - copies of a home that is in use, and how one becomes a home again.
 *
 * Backups of a home lie side by side in one folder, each named by its moment ("20261122T071400Z"), each whole in itself. Contents of
 * the store that the one before has too are shared with it by hard links, so a backup takes the room of what is new. In each:
 *     backup.json            what it is; written last
 *     state.db               the memory of runs, schedules and users, as it was at one moment
 *     logs/                  of runs
 *     store/                 index and contents, as they were at a later moment: all that state.db speaks of is there
 *     targets/NAME.duckdb    DuckDB's files of the targets, each between two runs
 * Secrets are in it as they are in the home: sealed. The master key is not.
 *
 * What is not: the project's own files (git has them), caches, and what lies on other machines (a PostgreSQL target, a store on S3).
 * Killed at any moment, a backup leaves a hidden folder that the next one removes; a restore leaves HOME.restoring, and the next one
 * removes it. The last by name is the newest, even when the clock was set back between two. */
#pragma once
#include "run/workspace.h"
#include "store/backup.h"

typedef struct lt_backup_made {
    char path[4096];
    int64_t target_bytes;
    bool without_store; /* it is not on this machine */
} lt_backup_made;

typedef struct lt_backup_plan {
    const char *folder; /* made if missing */
    int64_t keep;       /* so many of the newest stay; 0: all */
    bool no_targets;
    lt_transfer_counts *counts; /* of the store's contents, while it goes on */
} lt_backup_plan;

/* Waits for runs that hold a DuckDB target, and holds it while its file is copied. LT_CONFLICT: another backup into that folder is
 * under way, or another program has the target's file open. LT_FAILED: it is made, but contents of the store were damaged. */
LT_MUST_CHECK lt_status lt_backup_make(lt_workspace *workspace, const lt_backup_plan *plan,
                                       lt_backup_made *out, lt_err *err);

typedef struct lt_restore_plan {
    const char *from; /* a backup, or a folder of them: then the newest */
    const char *home; /* missing or empty */
    const char *root; /* the project */
} lt_restore_plan;

typedef struct lt_restored {
    lt_text from;                       /* the backup that was taken */
    int64_t made_at_us, objects, blobs; /* of the store */
    LT_VEC(lt_text) targets,
        other_targets; /* files put back; "NAME: file" that have no place below the project */
} lt_restored;

/* Everything in *out lives in the arena. All or nothing, for the home and for targets below the project; every content's checksum and both databases are verified before it
 * gets its name. LT_CONFLICT: something is there already, or another restore is under way. LT_NOT_FOUND, LT_INVALID: it is no backup. */
LT_MUST_CHECK lt_status lt_backup_restore(const lt_restore_plan *plan, lt_arena *arena,
                                          lt_restored *out, lt_err *err);
