/* Access keys by their ids: read from the store, and remembered until one of them changes. */
#include "base/map.h"
#include "base/mask.h"
#include "web/s3/call.h"

#include <pthread.h>

enum { REMEMBERED = 1000 };

struct lt_s3_keys {
    pthread_mutex_t lock;
    int64_t generation;
    lt_arena arena; /* of what is remembered */
    lt_map by_id;   /* lt_access_key */
};

lt_s3_keys *lt_s3_keys_new(void)
{
    lt_s3_keys *made = lt_xcalloc(1, sizeof(*made));
    (void)pthread_mutex_init(&made->lock, NULL);
    made->generation = -1;
    return made;
}

void lt_s3_keys_free(lt_s3_keys *keys)
{
    if (!keys)
        return;
    lt_map_cleanup(&keys->by_id);
    lt_arena_cleanup(&keys->arena);
    (void)pthread_mutex_destroy(&keys->lock);
    lt_free(keys);
}

static lt_access_key copy_key(lt_arena *arena, const lt_access_key *key)
{
    lt_access_key copy = {.id = lt_arena_text(arena, key->id),
                          .name = lt_arena_text(arena, key->name),
                          .secret = lt_arena_text(arena, key->secret),
                          .revoked_at_us = key->revoked_at_us,
                          .expires_at_us = key->expires_at_us};
    for (size_t i = 0; i < key->rights.len; i++) {
        lt_right right = key->rights.items[i];
        right.bucket = lt_arena_text(arena, right.bucket);
        right.prefix = lt_arena_text(arena, right.prefix);
        lt_push_in(arena, &copy.rights, right);
    }
    return copy;
}

/* With the lock: the key, remembered now. */
static lt_status find_key(lt_s3_call *call, lt_s3_keys *keys, lt_text id, lt_access_key *out,
                          lt_err *err)
{
    int64_t generation = 0;
    LT_TRY(lt_access_generation(call->s3->options.store, &generation, err));
    if (generation != keys->generation || keys->by_id.entries.len > REMEMBERED) {
        lt_map_cleanup(&keys->by_id);
        lt_arena_cleanup(&keys->arena);
        keys->by_id = (lt_map){0};
        keys->generation = generation;
    }
    const lt_access_key *known = lt_map_find(&keys->by_id, id);
    if (!known) {
        lt_access_key read = {0};
        LT_TRY(lt_access_get(call->s3->options.store, id, call->arena, &read, err));
        lt_mask_register(read.secret);
        lt_access_key *kept = LT_NEW(&keys->arena, lt_access_key);
        *kept = copy_key(&keys->arena, &read);
        (void)lt_map_put(&keys->by_id, kept->id, kept);
        known = kept;
    }
    *out = copy_key(call->arena, known);
    return LT_OK;
}

void lt_s3_identify(lt_text principal, char id[LT_S3_ID_CHARS])
{
    LT_AUTO(lt_buf) text = {0};
    char hex[LT_AWS_HEX_CHARS];
    lt_buf_printf(&text, "leat:%.*s", LT_ARG(principal));
    (void)memcpy(id, lt_aws_sha256(lt_buf_text(&text), hex), LT_S3_ID_CHARS);
}

static lt_status get_root(lt_s3_call *call, lt_text *secret)
{
    call->who.is_root = true;
    call->who.key_id = call->s3->options.root_key_id;
    call->who.name = T("root");
    lt_s3_identify(T("root"), call->who.id);
    *secret = call->s3->options.root_secret;
    return LT_OK;
}

lt_status lt_s3_key_get(lt_s3_call *call, lt_text id, lt_text *secret, lt_err *err)
{
    lt_s3_keys *keys = call->s3->keys;
    lt_access_key key = {0};
    if (lt_text_eq(id, call->s3->options.root_key_id))
        return get_root(call, secret);
    if (!id.len || id.len > 128)
        return lt_s3_fail(call, err, LT_S3_CREDENTIALS_UNKNOWN, NULL);
    (void)pthread_mutex_lock(&keys->lock);
    lt_status status = find_key(call, keys, id, &key, err);
    (void)pthread_mutex_unlock(&keys->lock);
    if (status == LT_NOT_FOUND || err->reason == LT_WHY_NO_SUCH_ACCESS_KEY)
        return lt_s3_fail(call, err, LT_S3_CREDENTIALS_UNKNOWN, NULL);
    LT_TRY(status);
    bool is_over = key.expires_at_us && key.expires_at_us <= call->now_us;
    if (key.revoked_at_us || is_over)
        return lt_s3_fail(call, err, LT_S3_CREDENTIALS_UNKNOWN, NULL);
    call->who.key_id = key.id;
    call->who.name = key.name.len ? key.name : key.id;
    call->who.rights = key.rights;
    lt_s3_identify(key.id, call->who.id);
    *secret = key.secret;
    return LT_OK;
}
