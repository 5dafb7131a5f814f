/* local.h - the store in a folder: index.db, blobs/aa/bb/<name>, and tmp/<owner>/ for what is being written.
 *
 * Order of a write: the bytes to tmp/, fdatasync, the content registered in the index (with an intent that keeps it from being
 * collected), rename to its place, fsync of the folder, then one transaction makes it visible. So a crash leaves files
 * that nothing refers to, never a reference without its bytes. Inside of store/ and for its tests. */
#pragma once
#include "base/fs.h"
#include "store/index.h"
#include "store/os.h"
#include "store/seal.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    LT_LOCAL_SMALL_BYTES = 32 * 1024, /* what is not larger lives in the index */
    LT_LOCAL_OWNER_CHARS = 17,
    LT_LOCAL_USED_KEYS = 64,
};

typedef struct lt_local {
    lt_store base;
    lt_db *db;       /* owned */
    const lt_os *os; /* borrowed */
    char *folder;    /* owned; NULL: all is in memory */
    char *project;   /* owned; NULL: the current folder */
    int root;        /* owned; the folder */
    size_t small_bytes;
    int64_t grace_us; /* how long an unreferenced file stays, for who may be reading it */
    _Atomic int64_t collect_at_us; /* when to look for garbage again; monotonic */
    _Atomic int64_t need_at_us;    /* the same when the disk is nearly full */
    _Atomic int waiters;           /* threads that wait for events */

    pthread_mutex_t lock;   /* of what follows */
    pthread_cond_t changed; /* something was written, while somebody waits */
    char owner
        [LT_LOCAL_OWNER_CHARS]; /* this open store's name in tmp/ and intents; fixed once it is set */
    int owner_lock;             /* owned; says that the owner is alive */
    atomic_int hash_teams;      /* local_hash.c: bodies whose sums have threads of their own */
    bool known_outer[256];      /* blobs/aa that are known to be durable */
    uint8_t known_folders[65536 / 8]; /* blobs/aa/bb that are */
    struct lt_verified *verified;     /* owned */
    bool has_key;
    unsigned char key[LT_CONTENT_KEY]; /* that seals the keys of contents, and secrets */
    struct {
        uint64_t id_hash;
        int64_t at_us;               /* monotonic */
    } used_keys[LT_LOCAL_USED_KEYS]; /* whose use was written a moment ago */
} lt_local;

static inline lt_local *lt_local_of(lt_store *store)
{
    return (lt_local *)store;
}

/* For tests: use other calls, and collect at once. */
void lt_store_local_set_os(lt_store *store, const lt_os *os);
void lt_store_local_set_grace(lt_store *store, int64_t grace_us);

enum { LT_BLOB_PATH_CHARS = sizeof("blobs/aa/bb/") + 2 * LT_BLOB_NAME_BYTES };
const char *lt_local_blob_path(lt_text name, char out[LT_BLOB_PATH_CHARS]);

/* ---- local_key.c ---- */

/* The key of this store is in self->key from now on; `make`: one is made if the store has none yet. LT_WHY_NO_KEY. */
LT_MUST_CHECK lt_status lt_local_key_need(lt_local *self, bool make, lt_err *err);

/* ---- local_hash.c: sums of a body while it streams by, on threads of their own when it is large ---- */

typedef struct lt_hashing {
    lt_digest digest;          /* owned */
    lt_sum sum;                /* owned */
    struct lt_hash_team *team; /* owned; NULL: no threads */
    char *buffer;              /* owned; while there are none */
} lt_hashing;
LT_MUST_CHECK lt_status lt_hashing_begin(lt_hashing *hashing, lt_sum_kind kind, lt_err *err);
/* A buffer to fill, of `size` bytes (once there are threads: LT_HASH_CHUNK); waits until the sums have done with what was in it. */
enum { LT_HASH_CHUNK = 256 * 1024 };
char *lt_hashing_buffer(lt_hashing *hashing, size_t size);
/* The first `len` bytes of that buffer come next. They may be read, not changed, until it is given again. */
LT_MUST_CHECK lt_status lt_hashing_add(lt_hashing *hashing, size_t len, lt_err *err);
/* From here on threads do the work, if they can be started and not too many bodies have some: *teams counts. */
void lt_hashing_spread(lt_hashing *hashing, atomic_int *teams);
LT_MUST_CHECK lt_status lt_hashing_end(lt_hashing *hashing, lt_staged *staged, lt_err *err);
void lt_hashing_cleanup(lt_hashing *hashing);

/* ---- local_blob.c ---- */

/* Read the body to its end, and check it. A large one is then durable under its name, and staged->intent_id holds it. What is asked
 * for stands in staged->sum_kind and staged->sealed; `expected` may be NULL. */
LT_MUST_CHECK lt_status lt_local_receive(lt_local *self, lt_body *body, const lt_expected *expected,
                                         lt_staged *staged, lt_err *err);
/* In a transaction: a small content is stored and a large one's intent settled; staged->blob_id is ready to be referred to. */
LT_MUST_CHECK lt_status lt_local_settle(lt_tx *tx, lt_staged *staged, lt_err *err);
/* It failed: let go what was received. */
void lt_local_unstage_one(lt_local *self, lt_staged *staged);

/* ---- local_read.c ---- */

/* Contents that make one version, found in the transaction that named it, so that no writer comes between, and read after it. */
typedef struct lt_piece {
    int64_t start; /* in what is open */
    lt_index_blob blob;
    lt_text body; /* of one in the index, as it is stored; in the reading's arena */
} lt_piece;
typedef struct lt_local_reading {
    lt_reading base;
    lt_local *self;          /* borrowed */
    lt_arena arena;          /* owned; of the bodies */
    LT_VEC(lt_piece) pieces; /* owned */
    char *what;              /* owned; names it in errors */
    pthread_mutex_t lock;    /* of what follows */
    int fd;                  /* owned; of `fd_piece`; -1: none */
    size_t fd_piece, fd_users;
    int span_fd; /* owned; of `span_piece`; -1: none */
    size_t span_piece;
} lt_local_reading;

/* ---- local_verify.c: is a content what its SHA-256 says? Looked at when it is first read, once for each open store; of what is
 * larger than 64 MiB in a thread beside, so that its first readers may get damaged bytes and later ones do not. ---- */

typedef struct lt_verified lt_verified;
lt_verified *lt_verified_new(lt_local *self);
void lt_verified_free(lt_verified *verified); /* NULL is fine */
/* LT_IO: it is damaged. Any thread. */
LT_MUST_CHECK lt_status lt_local_verify(lt_local *self, const lt_piece *piece, const char *what,
                                        lt_err *err);

lt_local_reading *lt_local_reading_new(lt_local *self, char *what);
/* In a transaction: the contents of a version, or of its part. */
LT_MUST_CHECK lt_status lt_local_reading_find(lt_local_reading *reading, lt_tx *tx,
                                              const lt_index_version *version, int32_t part,
                                              lt_err *err);
/* In a transaction: one content. */
LT_MUST_CHECK lt_status lt_local_reading_add(lt_local_reading *reading, lt_tx *tx, int64_t blob_id,
                                             lt_err *err);
/* After it: what encrypted pieces need is at hand. */
LT_MUST_CHECK lt_status lt_local_reading_ready(lt_local_reading *reading, lt_err *err);
/* Bytes into a sink; with `verify` each whole content is checked against its SHA-256. */
LT_MUST_CHECK lt_status lt_local_reading_pour(lt_local_reading *reading, size_t offset, size_t len,
                                              bool verify, lt_sink *sink, lt_err *err);
/* A content, for a sink, all of it. LT_NOT_FOUND: it is not known. */
LT_MUST_CHECK lt_status lt_local_blob_read(lt_local *self, lt_text name, lt_sink *sink,
                                           const char *what, lt_err *err);
/* What is known by its SHA-256, in the clear or encrypted. */
bool lt_local_find_content(lt_tx *tx, lt_text sha256, lt_index_blob *out);
LT_MUST_CHECK lt_status lt_local_reading_open(lt_store *store, lt_object_name name, int32_t part,
                                              lt_arena *arena, lt_object_info *info,
                                              lt_reading **out, lt_err *err);
LT_MUST_CHECK lt_status lt_local_read(lt_store *store, lt_object_name name, size_t offset,
                                      size_t len, lt_sink *sink, lt_arena *arena,
                                      lt_object_info *info, lt_err *err);
/* A body that reads from a reading. */
typedef struct lt_reading_body {
    lt_body body;
    lt_reading *reading; /* borrowed */
    int64_t offset, end;
} lt_reading_body;
lt_body *lt_body_from_reading(lt_reading_body *body, lt_reading *reading, int64_t offset,
                              int64_t len);

/* ---- local_copy.c, local_upload.c, local_admin.c, local_retain.c: the back end's calls ---- */

LT_MUST_CHECK lt_status lt_local_put(lt_store *store, lt_object_name name, lt_body *body,
                                     const lt_put_options *options, lt_arena *arena,
                                     lt_object_info *info, lt_err *err);
/* Something was committed: wake who waits for events, and collect now and then. */
void lt_local_changed(lt_local *self);

LT_MUST_CHECK lt_status lt_local_copy(lt_store *store, lt_object_name source, lt_object_name name,
                                      const lt_copy_options *options, lt_arena *arena,
                                      lt_copied *out, lt_err *err);
LT_MUST_CHECK lt_status lt_local_check_source(const lt_source_when *when,
                                              const lt_object_info *info, lt_err *err);
LT_MUST_CHECK lt_status lt_local_object_parts(lt_store *store, lt_object_name name, lt_page page,
                                              lt_arena *arena, lt_part_list *out, lt_err *err);
LT_MUST_CHECK lt_status lt_local_tags_get(lt_store *store, lt_object_name name, lt_arena *arena,
                                          lt_pairs *out, lt_object_info *info, lt_err *err);
LT_MUST_CHECK lt_status lt_local_tags_set(lt_store *store, lt_object_name name,
                                          const lt_pairs *tags, lt_arena *arena,
                                          lt_object_info *info, lt_err *err);

LT_MUST_CHECK lt_status lt_local_upload_create(lt_store *store, lt_object_name name,
                                               const lt_upload_options *options, lt_arena *arena,
                                               lt_text *upload_id, lt_err *err);
LT_MUST_CHECK lt_status lt_local_upload_part(lt_store *store, lt_upload_name upload, int32_t number,
                                             lt_body *body, const lt_part_options *options,
                                             lt_arena *arena, lt_part_info *info, lt_err *err);
LT_MUST_CHECK lt_status lt_local_upload_part_copy(lt_store *store, lt_upload_name upload,
                                                  int32_t number, const lt_part_source *source,
                                                  lt_arena *arena, lt_part_copied *out,
                                                  lt_err *err);
LT_MUST_CHECK lt_status lt_local_upload_parts(lt_store *store, lt_upload_name upload, lt_page page,
                                              lt_arena *arena, lt_upload_info *info,
                                              lt_part_list *out, lt_err *err);
LT_MUST_CHECK lt_status lt_local_upload_list(lt_store *store, lt_text bucket,
                                             const lt_upload_request *request, lt_arena *arena,
                                             lt_upload_list *out, lt_err *err);
LT_MUST_CHECK lt_status lt_local_upload_complete(lt_store *store, lt_upload_name upload,
                                                 const lt_completion *completion, lt_arena *arena,
                                                 lt_object_info *info, lt_err *err);
LT_MUST_CHECK lt_status lt_local_upload_abort(lt_store *store, lt_upload_name upload, lt_err *err);

LT_MUST_CHECK lt_status lt_local_doc_set(lt_store *store, lt_text bucket, lt_text kind,
                                         lt_text body, lt_err *err);
LT_MUST_CHECK lt_status lt_local_doc_get(lt_store *store, lt_text bucket, lt_text kind,
                                         lt_arena *arena, lt_text *body, lt_err *err);
LT_MUST_CHECK lt_status lt_local_set_sealed(lt_store *store, lt_text bucket, bool sealed,
                                            lt_err *err);
LT_MUST_CHECK lt_status lt_local_rules_set(lt_store *store, lt_text bucket,
                                           const lt_lifecycle *rules, lt_err *err);
LT_MUST_CHECK lt_status lt_local_rules_get(lt_store *store, lt_text bucket, lt_arena *arena,
                                           lt_lifecycle *out, lt_err *err);
LT_MUST_CHECK lt_status lt_local_access_create(lt_store *store, const lt_access_key *key,
                                               lt_err *err);
LT_MUST_CHECK lt_status lt_local_access_get(lt_store *store, lt_text id, lt_arena *arena,
                                            lt_access_key *out, lt_err *err);
LT_MUST_CHECK lt_status lt_local_access_list(lt_store *store, lt_arena *arena, lt_access_keys *out,
                                             lt_err *err);
LT_MUST_CHECK lt_status lt_local_access_revoke(lt_store *store, lt_text id, lt_err *err);
LT_MUST_CHECK lt_status lt_local_access_used(lt_store *store, lt_text id, lt_err *err);
LT_MUST_CHECK lt_status lt_local_access_generation(lt_store *store, int64_t *out, lt_err *err);
LT_MUST_CHECK lt_status lt_local_events_read(lt_store *store, const lt_event_request *request,
                                             lt_arena *arena, lt_events *out, lt_err *err);
LT_MUST_CHECK lt_status lt_local_events_last(lt_store *store, int64_t *out, lt_err *err);
LT_MUST_CHECK lt_status lt_local_events_wait(lt_store *store, int64_t after, int64_t timeout_us,
                                             bool *any, lt_err *err);
LT_MUST_CHECK lt_status lt_local_events_keep(lt_store *store, int64_t age_us, int64_t most,
                                             lt_err *err);
LT_MUST_CHECK lt_status lt_local_usage(lt_store *store, lt_object_name name, lt_text delimiter,
                                       lt_arena *arena, lt_usage_report *out, lt_err *err);
LT_MUST_CHECK lt_status lt_local_prune(lt_store *store, const lt_prune_request *request,
                                       lt_prune_report *out, lt_err *err);
LT_MUST_CHECK lt_status lt_local_lifecycle(lt_store *store, const lt_lifecycle_request *request,
                                           lt_prune_report *out, lt_err *err);

/* ---- local_collect.c ---- */

/* This open store has a name from now on; asked for before the first intent or temporary file. */
LT_MUST_CHECK lt_status lt_local_owner_need(lt_local *self, lt_err *err);
void lt_local_owner_end(lt_local *self);
/* Clean up after owners that died, remove files that nothing has referred to for the grace period, and forget old events. */
LT_MUST_CHECK lt_status lt_local_collect(lt_local *self, lt_err *err);
/* The same, if some time has passed; trouble is left for later. */
void lt_local_collect_sometimes(lt_local *self);
/* The disk is nearly full: unreferenced files go after a minute already. At most once a second. */
void lt_local_collect_in_need(lt_local *self);

/* Held shared (LOCK_SH) by who needs files to stay whatever becomes of their objects, and by who removes them alone (LOCK_EX |
 * LOCK_NB: LT_CONFLICT, somebody needs them). Closed with lt_fd_close(). */
LT_MUST_CHECK lt_status lt_local_collect_pause(lt_local *self, int operation, int *lock,
                                               lt_err *err);

/* ---- local_backup.c ---- */

struct lt_backup_request;
LT_MUST_CHECK lt_status lt_local_backup(lt_store *store, const struct lt_backup_request *request,
                                        lt_err *err);

/* ---- local_check.c ---- */

LT_MUST_CHECK lt_status lt_local_check(lt_store *store, bool repair, lt_arena *arena,
                                       lt_check_report *out, lt_err *err);
