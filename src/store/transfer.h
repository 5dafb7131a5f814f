/* transfer.h - copy between files of this machine and stores, one or many, several at once.
 *
 * Files and objects of more than 64 MiB go in parts: what is broken off goes on where it was when it is started again (an
 * unfinished multipart upload of the same key whose parts have the MD5 of the file's; a file NAME.leat-part beside the target). A
 * file appears whole or not at all. What is written is compared with a checksum of what was read, on the way up by the store, on
 * the way down here. Within one store objects are copied by the store itself.
 *
 * Keys become paths below the target folder only when they are clean: no empty part, no "." or "..". */
#pragma once
#include "store/store.h"

#include <stdatomic.h>

#define LT_TRANSFER_PARTS_FROM ((int64_t)(64 * LT_MIB))

/* One side. */
typedef struct lt_end {
    lt_store *store; /* borrowed; NULL: files of this machine */
    lt_text bucket;
    lt_text key; /* of a store: the object; of many: their prefix */
    const char *
        path; /* of this machine: the file; of many: their folder. "-" is standard input or output */
    lt_text version_id; /* of one object to read; empty: the current one */
} lt_end;

typedef enum lt_transfer_event_kind {
    LT_TRANSFER_COPIED,
    LT_TRANSFER_DELETED,
    LT_TRANSFER_SKIPPED, /* a key that cannot be a path */
    LT_TRANSFER_FAILED,
} lt_transfer_event_kind;

typedef struct lt_transfer_event {
    lt_transfer_event_kind kind;
    lt_text name; /* relative to both sides; of one object its key or path */
    int64_t bytes;
    const lt_err *err; /* of a failure */
} lt_transfer_event;

/* What has happened so far: any thread may read it. */
typedef struct lt_transfer_counts {
    _Atomic int64_t found, found_bytes; /* to be copied, as far as it is known */
    _Atomic int64_t copied, bytes;      /* `bytes` grows while a file is on its way */
    _Atomic int64_t same;               /* left, since the target has it already */
    _Atomic int64_t deleted, skipped, failed;
} lt_transfer_counts;

typedef struct lt_transfer {
    unsigned jobs;     /* files at once; parts of one file as well [8] */
    bool sync;         /* only what is missing or different at the target */
    bool delete_extra; /* with sync: what the source has not is deleted at the target */
    bool size_only;    /* with sync: the same size is the same */
    bool move;         /* delete at the source what has been copied */
    bool dry_run;      /* tell what would be done */
    const char *const *exclude,
        *const *
            include; /* patterns of relative names: what one of the first fits is left out, unless one
                                                    of the second fits too; * fits '/' as well */
    size_t exclude_count, include_count;
    void (*tell)(void *context,
                 const lt_transfer_event *event); /* may be NULL; one call at a time */
    void *context;
    lt_transfer_counts counts; /* zero at first */
} lt_transfer;

/* One object or file. LT_CANCELLED when lt_stop_asked(). */
LT_MUST_CHECK lt_status lt_transfer_one(lt_transfer *transfer, const lt_end *from, const lt_end *to,
                                        lt_err *err);
/* All below a prefix or folder. What fails is told and passed over: in the end the first failure is given, with their number;
 * LT_INVALID when nothing failed but keys were left that cannot be paths. */
LT_MUST_CHECK lt_status lt_transfer_all(lt_transfer *transfer, const lt_end *from, const lt_end *to,
                                        lt_err *err);
/* Delete all objects below a prefix that the patterns leave in. */
LT_MUST_CHECK lt_status lt_transfer_remove(lt_transfer *transfer, const lt_end *at, lt_err *err);
