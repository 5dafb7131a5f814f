/* Contents in the index: registered, held, referred to, and let go. */
#include "store/index.h"

#include "base/time.h"

/* ---------------------------------------------------------------- names */

lt_blob_name lt_blob_name_of(const lt_staged *staged)
{
    lt_blob_name name = {.len = LT_SHA256_BYTES};
    memcpy(name.bytes, staged->sums.sha256, LT_SHA256_BYTES);
    if (!staged->sealed)
        return name;
    name.len = LT_BLOB_NAME_BYTES;
    memcpy(name.bytes + LT_SHA256_BYTES, staged->salt, LT_SEAL_SALT_BYTES);
    return name;
}

bool lt_blob_name_read(lt_text bytes, lt_blob_name *out)
{
    if (bytes.len != LT_SHA256_BYTES && bytes.len != LT_BLOB_NAME_BYTES)
        return false;
    *out = (lt_blob_name){.len = (uint8_t)bytes.len};
    memcpy(out->bytes, bytes.ptr, bytes.len);
    return true;
}

/* ---------------------------------------------------------------- finding */

#define BLOB_COLUMNS "id, place, size_bytes, sha256, seal"

static bool read_blob(lt_query *q, lt_index_blob *out)
{
    if (!lt_query_next(q))
        return false;
    *out = (lt_index_blob){.id = lt_query_i64(q, 0),
                           .place = (lt_place)lt_query_i64(q, 1),
                           .size_bytes = lt_query_i64(q, 2)};
    lt_text seal = lt_query_text(q, 4);
    if (seal.len == LT_SEAL_BYTES)
        memcpy(out->seal, seal.ptr, LT_SEAL_BYTES);
    return lt_blob_name_read(lt_query_text(q, 3), &out->name);
}

bool lt_index_blob_find(lt_tx *tx, lt_text name, lt_index_blob *out)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "SELECT " BLOB_COLUMNS " FROM blobs WHERE sha256 = ?", LT_BLOB(name));
    return read_blob(&q, out);
}

bool lt_index_blob_at(lt_tx *tx, int64_t id, lt_arena *arena, lt_index_blob *out, lt_text *body)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "SELECT " BLOB_COLUMNS ", body FROM blobs LEFT JOIN bodies ON blob_id = id "
                    "WHERE id = ?",
                    V(id));
    if (!read_blob(&q, out) || (out->place == LT_PLACE_BODY && lt_query_is_null(&q, 5)))
        return false;
    *body = lt_query_text_in(&q, arena, 5);
    return true;
}

/* ---------------------------------------------------------------- registering */

static lt_status body_add(lt_tx *tx, const lt_staged *staged, int64_t blob_id, lt_err *err)
{
    return lt_tx_exec(tx, err, "INSERT INTO bodies (blob_id, body) VALUES (?, ?)", V(blob_id),
                      LT_BLOB(lt_buf_text(&staged->body)));
}

static lt_value seal_of(const lt_staged *staged)
{
    return staged->sealed ? LT_BLOB(lt_text_at(staged->seal, LT_SEAL_BYTES)) : LT_NULL;
}

/* A known content is referred to again. One that was a file is no longer when its bytes are at hand: that file may be gone.
 * Never an encrypted one: these have names of their own each. */
static lt_status blob_revive(lt_tx *tx, const lt_staged *staged, lt_place place,
                             lt_index_blob *blob, lt_err *err)
{
    LT_TRY(lt_tx_exec(tx, err,
                      "UPDATE blobs SET dead_at_us = NULL WHERE id = ? AND dead_at_us IS NOT NULL",
                      V(blob->id)));
    if (place != LT_PLACE_BODY || blob->place == LT_PLACE_BODY)
        return LT_OK;
    blob->place = LT_PLACE_BODY;
    LT_TRY(lt_tx_exec(tx, err, "UPDATE blobs SET place = ? WHERE id = ?", V(LT_PLACE_BODY),
                      V(blob->id)));
    return body_add(tx, staged, blob->id, err);
}

lt_status lt_index_blob_add(lt_tx *tx, lt_staged *staged, lt_place place, lt_index_blob *out,
                            lt_err *err)
{
    lt_blob_name name = lt_blob_name_of(staged);
    if (lt_index_blob_find(tx, lt_blob_name_text(&name), out)) {
        staged->blob_id = out->id;
        return blob_revive(tx, staged, place, out, err);
    }
    LT_TRY(lt_tx_exec(
        tx, err, "INSERT INTO blobs (sha256, size_bytes, place, seal) VALUES (?, ?, ?, ?)",
        LT_BLOB(lt_blob_name_text(&name)), V(staged->size_bytes), V(place), seal_of(staged)));
    *out = (lt_index_blob){
        .id = lt_tx_last_id(tx), .place = place, .size_bytes = staged->size_bytes, .name = name};
    staged->blob_id = out->id;
    return place == LT_PLACE_BODY ? body_add(tx, staged, out->id, err) : LT_OK;
}

/* ---------------------------------------------------------------- intents */

lt_status lt_index_intent_add(lt_tx *tx, lt_text owner, lt_staged *staged, lt_err *err)
{
    LT_TRY(lt_tx_exec(tx, err, "INSERT INTO intents (owner, blob_id) VALUES (?, ?)", V(owner),
                      V(staged->blob_id)));
    staged->intent_id = lt_tx_last_id(tx);
    return LT_OK;
}

lt_status lt_index_intent_settle(lt_tx *tx, const lt_staged *staged, lt_err *err)
{
    LT_TRY(lt_tx_exec(tx, err, "DELETE FROM intents WHERE id = ? AND blob_id = ?",
                      V(staged->intent_id), V(staged->blob_id)));
    if (lt_tx_changes(tx) != 1)
        return lt_fail(err, LT_IO, "the content to be stored was collected meanwhile; try again");
    return lt_tx_exec(tx, err, "UPDATE blobs SET place = ? WHERE id = ? AND place = ?",
                      V(LT_PLACE_FILE), V(staged->blob_id), V(LT_PLACE_EXPECTED));
}

lt_status lt_index_intent_drop(lt_tx *tx, int64_t intent_id, lt_err *err)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "SELECT blob_id FROM intents WHERE id = ?", V(intent_id));
    if (!lt_query_next(&q))
        return lt_query_check(&q, err);
    int64_t blob_id = lt_query_i64(&q, 0);
    lt_query_cleanup(&q);
    LT_TRY(lt_tx_exec(tx, err, "DELETE FROM intents WHERE id = ?", V(intent_id)));
    return lt_index_blob_release(tx, blob_id, err);
}

/* ---------------------------------------------------------------- letting go */

lt_status lt_index_blob_release(lt_tx *tx, int64_t blob_id, lt_err *err)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "SELECT place FROM blobs b WHERE id = ? AND " LT_INDEX_BLOB_IS_FREE,
                    V(blob_id));
    if (!lt_query_next(&q))
        return lt_query_check(&q, err);
    lt_place place = (lt_place)lt_query_i64(&q, 0);
    lt_query_cleanup(&q);
    if (place != LT_PLACE_BODY)
        return lt_tx_exec(tx, err, "UPDATE blobs SET dead_at_us = ? WHERE id = ?", V(lt_now_us()),
                          V(blob_id));
    LT_TRY(lt_tx_exec(tx, err, "DELETE FROM bodies WHERE blob_id = ?", V(blob_id)));
    return lt_tx_exec(tx, err, "DELETE FROM blobs WHERE id = ?", V(blob_id));
}

static bool list_is_used(lt_tx *tx, int64_t list_id)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "SELECT 1 FROM versions WHERE list_id = ?1 UNION ALL "
                    "SELECT 1 FROM uploads WHERE id = ?1 AND finished_sequence IS NULL LIMIT 1",
                    V(list_id));
    return lt_query_next(&q);
}

lt_status lt_index_list_release(lt_tx *tx, int64_t list_id, lt_err *err)
{
    if (list_is_used(tx, list_id))
        return LT_OK;
    LT_VEC(int64_t) blobs = {0};
    {
        LT_AUTO(lt_query)
        q = lt_tx_query(tx, "DELETE FROM parts WHERE list_id = ? RETURNING blob_id", V(list_id));
        while (lt_query_next(&q))
            lt_push(&blobs, lt_query_i64(&q, 0));
    }
    lt_status status = lt_tx_exec(tx, err, "DELETE FROM uploads WHERE id = ?", V(list_id));
    for (size_t i = 0; status == LT_OK && i < blobs.len; i++)
        status = lt_index_blob_release(tx, blobs.items[i], err);
    lt_vec_free(&blobs);
    return status;
}
