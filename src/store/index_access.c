/* Access keys in the index. */
#include "store/index.h"

#include "base/time.h"

static lt_status bump(lt_tx *tx, lt_err *err)
{
    return lt_index_setting_set(tx, "access_generation",
                                lt_index_setting(tx, "access_generation", 0) + 1, err);
}

lt_status lt_index_access_add(lt_tx *tx, const lt_access_key *key, lt_err *err)
{
    lt_status status =
        lt_tx_exec(tx, err,
                   "INSERT INTO access_keys (id, name, secret, created_at_us, expires_at_us) "
                   "VALUES (?, ?, ?, ?, ?)",
                   V(key->id), V(key->name), LT_BLOB(key->secret), V(key->created_at_us),
                   V(key->expires_at_us));
    if (status == LT_CONFLICT)
        return lt_fail(err, LT_CONFLICT, "there is an access key '%.*s' already", LT_ARG(key->id));
    LT_TRY(status);
    int64_t number = lt_tx_last_id(tx);
    for (size_t i = 0; i < key->rights.len; i++) {
        const lt_right *right = &key->rights.items[i];
        LT_TRY(lt_tx_exec(tx, err,
                          "INSERT INTO access_rights (key_number, place, access, bucket, prefix) "
                          "VALUES (?, ?, ?, ?, ?)",
                          V(number), V(i), V(right->access), V(right->bucket), V(right->prefix)));
    }
    return bump(tx, err);
}

#define KEY_COLUMNS                                                                                \
    "number, id, name, secret, created_at_us, last_used_at_us, revoked_at_us, expires_at_us"

static void read_rights(lt_tx *tx, int64_t number, lt_arena *arena, lt_rights *out)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(
        tx, "SELECT access, bucket, prefix FROM access_rights WHERE key_number = ? ORDER BY place",
        V(number));
    while (lt_query_next(&q)) {
        lt_right right = {.access = (unsigned)lt_query_i64(&q, 0),
                          .bucket = lt_query_text_in(&q, arena, 1),
                          .prefix = lt_query_text_in(&q, arena, 2)};
        lt_push_in(arena, out, right);
    }
}

static void read_key(lt_tx *tx, const lt_query *q, lt_arena *arena, lt_access_key *out)
{
    *out = (lt_access_key){.id = lt_query_text_in(q, arena, 1),
                           .name = lt_query_text_in(q, arena, 2),
                           .secret = lt_query_text_in(q, arena, 3),
                           .created_at_us = lt_query_i64(q, 4),
                           .last_used_at_us = lt_query_i64(q, 5),
                           .revoked_at_us = lt_query_i64(q, 6),
                           .expires_at_us = lt_query_i64(q, 7)};
    read_rights(tx, lt_query_i64(q, 0), arena, &out->rights);
}

lt_status lt_index_access_get(lt_tx *tx, lt_text id, lt_arena *arena, lt_access_key *out,
                              lt_err *err)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "SELECT " KEY_COLUMNS " FROM access_keys WHERE id = ?", V(id));
    if (!lt_query_next(&q)) {
        lt_ignore(lt_store_fail(err, LT_WHY_NO_SUCH_ACCESS_KEY, "there is no access key '%.*s'",
                                LT_ARG(id)));
        return lt_hint(err, "'leat store key list' shows the ids");
    }
    read_key(tx, &q, arena, out);
    return lt_query_check(&q, err);
}

lt_status lt_index_access_list(lt_tx *tx, lt_arena *arena, lt_access_keys *out, lt_err *err)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "SELECT " KEY_COLUMNS " FROM access_keys ORDER BY number");
    while (lt_query_next(&q)) {
        lt_access_key key;
        read_key(tx, &q, arena, &key);
        key.secret = (lt_text){0};
        lt_push_in(arena, out, key);
    }
    return lt_query_check(&q, err);
}

lt_status lt_index_access_revoke(lt_tx *tx, lt_text id, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_access_key key;
    LT_TRY(lt_index_access_get(tx, id, &arena, &key, err));
    if (key.revoked_at_us)
        return LT_OK;
    LT_TRY(lt_tx_exec(tx, err, "UPDATE access_keys SET revoked_at_us = ? WHERE id = ?",
                      V(lt_now_us()), V(id)));
    return bump(tx, err);
}
