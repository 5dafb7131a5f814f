/* What surrounds objects in the local store: documents, rules, access keys, events. */
#include "store/local.h"

#include "base/time.h"

#include <errno.h>
#include <sodium.h>
#include <time.h>

typedef struct admin_call {
    lt_text bucket, kind, body, id;
    bool sealed;
    const lt_lifecycle *rules;
    const lt_access_key *key;
    const lt_event_request *request;
    lt_arena *arena;
    /* results */
    lt_text *text;
    lt_lifecycle *found_rules;
    lt_access_key *found_key;
    lt_access_keys *keys;
    lt_events *events;
    int64_t number, most;
} admin_call;

/* ---------------------------------------------------------------- documents and rules */

static lt_status do_doc_set(lt_tx *tx, void *context, lt_err *err)
{
    const admin_call *it = context;
    return lt_index_doc_set(tx, it->bucket, it->kind, it->body, err);
}

lt_status lt_local_doc_set(lt_store *store, lt_text bucket, lt_text kind, lt_text body, lt_err *err)
{
    admin_call it = {.bucket = bucket, .kind = kind, .body = body};
    return lt_db_write(lt_local_of(store)->db, do_doc_set, &it, err);
}

static lt_status do_doc_get(lt_tx *tx, void *context, lt_err *err)
{
    const admin_call *it = context;
    return lt_index_doc_get(tx, it->bucket, it->kind, it->arena, it->text, err);
}

lt_status lt_local_doc_get(lt_store *store, lt_text bucket, lt_text kind, lt_arena *arena,
                           lt_text *body, lt_err *err)
{
    admin_call it = {.bucket = bucket, .kind = kind, .arena = arena, .text = body};
    return lt_db_read(lt_local_of(store)->db, do_doc_get, &it, err);
}

static lt_status do_set_sealed(lt_tx *tx, void *context, lt_err *err)
{
    const admin_call *it = context;
    return lt_index_bucket_set_sealed(tx, it->bucket, it->sealed, err);
}

lt_status lt_local_set_sealed(lt_store *store, lt_text bucket, bool sealed, lt_err *err)
{
    admin_call it = {.bucket = bucket, .sealed = sealed};
    if (sealed) /* better said now than at the first object */
        LT_TRY(lt_local_key_need(lt_local_of(store), true, err));
    return lt_db_write(lt_local_of(store)->db, do_set_sealed, &it, err);
}

static lt_status do_rules_set(lt_tx *tx, void *context, lt_err *err)
{
    const admin_call *it = context;
    return lt_index_rules_set(tx, it->bucket, it->rules, err);
}

lt_status lt_local_rules_set(lt_store *store, lt_text bucket, const lt_lifecycle *rules,
                             lt_err *err)
{
    admin_call it = {.bucket = bucket, .rules = rules};
    return lt_db_write(lt_local_of(store)->db, do_rules_set, &it, err);
}

static lt_status do_rules_get(lt_tx *tx, void *context, lt_err *err)
{
    const admin_call *it = context;
    return lt_index_rules_get(tx, it->bucket, it->arena, it->found_rules, err);
}

lt_status lt_local_rules_get(lt_store *store, lt_text bucket, lt_arena *arena, lt_lifecycle *out,
                             lt_err *err)
{
    admin_call it = {.bucket = bucket, .arena = arena, .found_rules = out};
    return lt_db_read(lt_local_of(store)->db, do_rules_get, &it, err);
}

/* ---------------------------------------------------------------- access keys */

enum { BOX = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES };

static lt_text seal_secret(const lt_local *self, lt_text secret, lt_arena *arena)
{
    unsigned char *out = lt_alloc(arena, secret.len + BOX);
    randombytes_buf(out, crypto_secretbox_NONCEBYTES);
    (void)crypto_secretbox_easy(out + crypto_secretbox_NONCEBYTES,
                                (const unsigned char *)secret.ptr, secret.len, out, self->key);
    return lt_text_at((const char *)out, secret.len + BOX);
}

static lt_status open_secret(const lt_local *self, lt_arena *arena, lt_access_key *key, lt_err *err)
{
    const unsigned char *in = (const unsigned char *)key->secret.ptr;
    size_t len = key->secret.len;
    unsigned char *out = lt_alloc(arena, len + 1);
    if (len < BOX ||
        crypto_secretbox_open_easy(out, in + crypto_secretbox_NONCEBYTES,
                                   len - crypto_secretbox_NONCEBYTES, in, self->key) != 0)
        return lt_fail(err, LT_IO, "the secret of the access key '%.*s' is damaged",
                       LT_ARG(key->id));
    key->secret = lt_text_at((const char *)out, len - BOX);
    return LT_OK;
}

static lt_status do_access_create(lt_tx *tx, void *context, lt_err *err)
{
    const admin_call *it = context;
    return lt_index_access_add(tx, it->key, err);
}

lt_status lt_local_access_create(lt_store *store, const lt_access_key *key, lt_err *err)
{
    lt_local *self = lt_local_of(store);
    LT_AUTO(lt_arena) arena = {0};
    LT_TRY(lt_local_key_need(self, true, err));
    lt_access_key sealed = *key;
    sealed.secret = seal_secret(self, key->secret, &arena);
    admin_call it = {.key = &sealed};
    return lt_db_write(self->db, do_access_create, &it, err);
}

static lt_status do_access_get(lt_tx *tx, void *context, lt_err *err)
{
    const admin_call *it = context;
    return lt_index_access_get(tx, it->id, it->arena, it->found_key, err);
}

lt_status lt_local_access_get(lt_store *store, lt_text id, lt_arena *arena, lt_access_key *out,
                              lt_err *err)
{
    lt_local *self = lt_local_of(store);
    admin_call it = {.id = id, .arena = arena, .found_key = out};
    LT_TRY(lt_db_read(self->db, do_access_get, &it, err));
    LT_TRY(lt_local_key_need(self, false, err));
    return open_secret(self, arena, out, err);
}

static lt_status do_access_list(lt_tx *tx, void *context, lt_err *err)
{
    const admin_call *it = context;
    return lt_index_access_list(tx, it->arena, it->keys, err);
}

lt_status lt_local_access_list(lt_store *store, lt_arena *arena, lt_access_keys *out, lt_err *err)
{
    admin_call it = {.arena = arena, .keys = out};
    return lt_db_read(lt_local_of(store)->db, do_access_list, &it, err);
}

static lt_status do_access_revoke(lt_tx *tx, void *context, lt_err *err)
{
    const admin_call *it = context;
    return lt_index_access_revoke(tx, it->id, err);
}

lt_status lt_local_access_revoke(lt_store *store, lt_text id, lt_err *err)
{
    admin_call it = {.id = id};
    return lt_db_write(lt_local_of(store)->db, do_access_revoke, &it, err);
}

/* Whether a use of this key was written a moment ago; if not, it is taken to be written now. */
static bool was_written(lt_local *self, lt_text id)
{
    enum { EVERY_S = 60 };
    uint64_t hash = lt_text_hash(id);
    int64_t now_us = lt_mono_us();
    (void)pthread_mutex_lock(&self->lock);
    bool written =
        self->used_keys[hash % LT_LOCAL_USED_KEYS].id_hash == hash &&
        now_us - self->used_keys[hash % LT_LOCAL_USED_KEYS].at_us < (int64_t)EVERY_S * 1000000;
    if (!written) {
        self->used_keys[hash % LT_LOCAL_USED_KEYS].id_hash = hash;
        self->used_keys[hash % LT_LOCAL_USED_KEYS].at_us = now_us;
    }
    (void)pthread_mutex_unlock(&self->lock);
    return written;
}

lt_status lt_local_access_used(lt_store *store, lt_text id, lt_err *err)
{
    lt_local *self = lt_local_of(store);
    if (was_written(self, id))
        return LT_OK;
    return lt_db_exec(self->db, err, "UPDATE access_keys SET last_used_at_us = ? WHERE id = ?",
                      V(lt_now_us()), V(id));
}

static lt_status do_generation(lt_tx *tx, void *context, lt_err *err)
{
    admin_call *it = context;
    it->number = lt_index_setting(tx, "access_generation", 0);
    return lt_tx_check(tx, err);
}

lt_status lt_local_access_generation(lt_store *store, int64_t *out, lt_err *err)
{
    admin_call it = {0};
    LT_TRY(lt_db_read(lt_local_of(store)->db, do_generation, &it, err));
    *out = it.number;
    return LT_OK;
}

/* ---------------------------------------------------------------- events */

static lt_status do_events_read(lt_tx *tx, void *context, lt_err *err)
{
    const admin_call *it = context;
    return lt_index_event_list(tx, it->request, it->arena, it->events, err);
}

lt_status lt_local_events_read(lt_store *store, const lt_event_request *request, lt_arena *arena,
                               lt_events *out, lt_err *err)
{
    admin_call it = {.request = request, .arena = arena, .events = out};
    return lt_db_read(lt_local_of(store)->db, do_events_read, &it, err);
}

static lt_status do_events_last(lt_tx *tx, void *context, lt_err *err)
{
    admin_call *it = context;
    it->number = lt_index_event_last(tx);
    return lt_tx_check(tx, err);
}

lt_status lt_local_events_last(lt_store *store, int64_t *out, lt_err *err)
{
    admin_call it = {0};
    LT_TRY(lt_db_read(lt_local_of(store)->db, do_events_last, &it, err));
    *out = it.number;
    return LT_OK;
}

/* Until this process writes, or it is time to look what others wrote. */
static void wait_a_little(lt_local *self, int64_t most_us)
{
    enum { LOOK_EVERY_US = 50 * 1000 };
    int64_t until_us = lt_now_us() + LT_MIN(most_us, (int64_t)LOOK_EVERY_US);
    struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
    (void)pthread_mutex_lock(&self->lock);
    (void)pthread_cond_timedwait(&self->changed, &self->lock, &until);
    (void)pthread_mutex_unlock(&self->lock);
}

lt_status lt_local_events_wait(lt_store *store, int64_t after, int64_t timeout_us, bool *any,
                               lt_err *err)
{
    lt_local *self = lt_local_of(store);
    int64_t until_us = lt_mono_us() + LT_MAX(timeout_us, 0), left_us, last = 0;
    lt_status status = LT_OK;
    (void)atomic_fetch_add(&self->waiters, 1);
    while ((status = lt_local_events_last(store, &last, err)) == LT_OK && last <= after &&
           (left_us = until_us - lt_mono_us()) > 0)
        wait_a_little(self, left_us);
    (void)atomic_fetch_sub(&self->waiters, 1);
    *any = last > after;
    return status;
}

static lt_status do_events_keep(lt_tx *tx, void *context, lt_err *err)
{
    const admin_call *it = context;
    LT_TRY(lt_index_setting_set(tx, "events_age_us", it->number, err));
    return lt_index_setting_set(tx, "events_most", it->most, err);
}

lt_status lt_local_events_keep(lt_store *store, int64_t age_us, int64_t most, lt_err *err)
{
    admin_call it = {.number = age_us, .most = most};
    LT_TRY(lt_db_write(lt_local_of(store)->db, do_events_keep, &it, err));
    return lt_local_collect(lt_local_of(store), err);
}
