/* local.h - the store in a folder: index.db, blobs/aa/bb/<sha256>, and tmp/<owner>/ for what is being written.
 *
 * Order of a write: the bytes to tmp/, fdatasync, the content registered in the index (with an intent that keeps it from being
 * collected), rename to its place, fsync of the folder, then one transaction makes it visible. So a crash leaves files
 * that nothing refers to, never a reference without its bytes. Inside of store/ and for its tests. */
#pragma once
#include "base/fs.h"
#include "store/index.h"
#include "store/os.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    LT_LOCAL_SMALL_BYTES = 32 * 1024, /* what is not larger lives in the index */
    LT_LOCAL_OWNER_CHARS = 17,
};

typedef struct lt_local {
    lt_store base;
    lt_db *db;       /* owned */
    const lt_os *os; /* borrowed */
    char *folder;    /* owned; NULL: all is in memory */
    int root;        /* owned; the folder */
    size_t small_bytes;
    int64_t grace_us; /* how long an unreferenced file stays, for who may be reading it */
    _Atomic int64_t collect_at_us; /* when to look for garbage again; monotonic */

    pthread_mutex_t lock; /* of what follows */
    char owner
        [LT_LOCAL_OWNER_CHARS]; /* this open store's name in tmp/ and intents; fixed once it is set */
    int owner_lock;             /* owned; says that the owner is alive */
    uint8_t known_folders[65536 / 8]; /* blobs/aa/bb that are known to be durable */
} lt_local;

/* For tests: use other calls, and collect at once. */
void lt_store_local_set_os(lt_store *store, const lt_os *os);
void lt_store_local_set_grace(lt_store *store, int64_t grace_us);

enum { LT_BLOB_PATH_CHARS = sizeof("blobs/aa/bb/") + 2 * LT_SHA256_BYTES };
const char *lt_local_blob_path(lt_text sha256, char out[LT_BLOB_PATH_CHARS]);

/* ---- local_blob.c ---- */

/* Read the body to its end. A large one is then durable under its name, and staged->intent_id holds it. */
LT_MUST_CHECK lt_status lt_local_receive(lt_local *self, lt_body *body, lt_staged *staged,
                                         lt_err *err);
/* In a transaction: a small content is stored and a large one's intent settled; staged->blob_id is ready to be referred to. */
LT_MUST_CHECK lt_status lt_local_settle(lt_tx *tx, lt_staged *staged, lt_err *err);
/* A content that is to be read: found in the transaction that named it, so that no writer comes between, and read after it.
 * LT_AUTO(lt_local_content) content = {.offset = 0, .len = SIZE_MAX}; */
typedef struct lt_local_content {
    size_t offset, len; /* what is wanted of it */
    char sha256[LT_SHA256_BYTES];
    bool is_known;
    lt_index_blob blob;
    lt_buf body; /* owned; what is wanted, of a small one */
} lt_local_content;
LT_MUST_CHECK lt_status lt_local_content_find(lt_tx *tx, lt_text sha256, lt_local_content *content,
                                              lt_err *err);
/* Its bytes into a sink. `what` names it in errors. */
LT_MUST_CHECK lt_status lt_local_content_read(lt_local *self, const lt_local_content *content,
                                              lt_sink *sink, const char *what, lt_err *err);
void lt_local_content_cleanup(lt_local_content *content);
/* Both at once, for a content that nobody can take away: all of it. */
LT_MUST_CHECK lt_status lt_local_blob_read(lt_local *self, lt_text sha256, lt_sink *sink,
                                           const char *what, lt_err *err);

/* ---- local_collect.c ---- */

/* This open store has a name from now on; asked for before the first intent or temporary file. */
LT_MUST_CHECK lt_status lt_local_owner_need(lt_local *self, lt_err *err);
void lt_local_owner_end(lt_local *self);
/* Clean up after owners that died, and remove files that nothing has referred to for the grace period. */
LT_MUST_CHECK lt_status lt_local_collect(lt_local *self, lt_err *err);
/* The same, if some time has passed; trouble is left for later. */
void lt_local_collect_sometimes(lt_local *self);

/* ---- local_check.c ---- */

LT_MUST_CHECK lt_status lt_local_check(lt_store *store, bool repair, lt_arena *arena,
                                       lt_check_report *out, lt_err *err);
