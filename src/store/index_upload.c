/* Multipart uploads in the index: their parts, their lists, and how they become versions. */
#include "store/index.h"

#include "base/time.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

/* ---------------------------------------------------------------- one upload */

lt_status lt_index_upload_add(lt_tx *tx, lt_object_name name, const lt_upload_options *options,
                              lt_arena *arena, lt_text *upload_id, lt_err *err)
{
    lt_index_bucket bucket;
    int64_t nonce;
    LT_AUTO(lt_buf) meta = {0};
    LT_AUTO(lt_buf) tags = {0};
    lt_text requester = options->origin ? options->origin->requester : (lt_text){0};
    LT_TRY(lt_index_bucket_get(tx, name.bucket, &bucket, err));
    arc4random_buf(&nonce, sizeof(nonce));
    lt_meta_write(&options->meta, &meta);
    lt_pairs_write(&options->tags, &tags);
    LT_TRY(lt_tx_exec(
        tx, err,
        "INSERT INTO uploads (bucket_id, key, nonce, started_at_us, content_type, storage_class, "
        "meta, tags, sum_kind, sealed, requester) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        V(bucket.id), V(name.key), V(nonce), V(lt_now_us()), V(options->meta.content_type),
        V(options->meta.storage_class), LT_BLOB(lt_buf_text(&meta)), LT_BLOB(lt_buf_text(&tags)),
        V(options->checksum * 2 + options->composite), V(options->sealed || bucket.sealed),
        V(requester)));
    *upload_id = lt_index_version_id_write(arena, lt_tx_last_id(tx), nonce);
    return LT_OK;
}

#define UPLOAD_COLUMNS                                                                             \
    "id, nonce, bucket_id, key, started_at_us, storage_class, sum_kind, sealed, requester"

static void read_upload_info(const lt_query *q, lt_arena *arena, lt_upload_info *out)
{
    int64_t sum = lt_query_i64(q, 6);
    *out = (lt_upload_info){
        .key = lt_query_text_in(q, arena, 3),
        .upload_id = lt_index_version_id_write(arena, lt_query_i64(q, 0), lt_query_i64(q, 1)),
        .requester = lt_query_text_in(q, arena, 8),
        .storage_class = lt_query_text_in(q, arena, 5),
        .started_at_us = lt_query_i64(q, 4),
        .checksum = (lt_sum_kind)(sum >> 1),
        .composite = (sum & 1) != 0,
        .sealed = lt_query_i64(q, 7) != 0};
}

static lt_status fail_no_upload(lt_upload_name name, lt_err *err)
{
    return lt_store_fail(err, LT_WHY_NO_SUCH_UPLOAD, "there is no upload '%.*s' of '%.*s/%.*s'",
                         LT_ARG(name.upload_id), LT_ARG(name.bucket), LT_ARG(name.key));
}

lt_status lt_index_upload_get(lt_tx *tx, lt_upload_name name, bool finished_too, lt_arena *arena,
                              lt_index_upload *out, lt_err *err)
{
    lt_index_bucket bucket;
    int64_t id, nonce;
    LT_TRY(lt_index_bucket_get(tx, name.bucket, &bucket, err));
    if (!lt_index_version_id_read(name.upload_id, &id, &nonce))
        return fail_no_upload(name, err);
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "SELECT " UPLOAD_COLUMNS
                    ", content_type, meta, tags, finished_sequence, finished_digest FROM uploads "
                    "WHERE id = ? AND nonce = ? AND bucket_id = ? AND key = ?",
                    V(id), V(nonce), V(bucket.id), V(name.key));
    if (!lt_query_next(&q) || (!lt_query_is_null(&q, 12) && !finished_too))
        return fail_no_upload(name, err);
    *out = (lt_index_upload){.id = id,
                             .bucket_id = bucket.id,
                             .finished_sequence = lt_query_i64(&q, 12),
                             .finished_digest = lt_query_text_in(&q, arena, 13)};
    read_upload_info(&q, arena, &out->info);
    lt_meta_read(lt_query_text(&q, 10), arena, &out->meta);
    out->meta.content_type = lt_query_text_in(&q, arena, 9);
    out->meta.storage_class = out->info.storage_class;
    lt_pairs_read(lt_query_text(&q, 11), arena, &out->tags);
    return lt_query_check(&q, err);
}

lt_status lt_index_upload_drop(lt_tx *tx, int64_t id, lt_err *err)
{
    LT_TRY(lt_tx_exec(tx, err, "UPDATE uploads SET finished_sequence = 0 WHERE id = ?", V(id)));
    return lt_index_list_release(tx, id, err);
}

/* ---------------------------------------------------------------- parts */

static lt_text hex_in(lt_arena *arena, lt_text bytes)
{
    return lt_text_of(lt_hex_write(bytes, lt_alloc(arena, 2 * bytes.len + 1)));
}

static int64_t old_content(lt_tx *tx, int64_t list_id, int32_t number)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "SELECT blob_id FROM parts WHERE list_id = ? AND number = ?", V(list_id),
                    V(number));
    return lt_query_next(&q) ? lt_query_i64(&q, 0) : 0;
}

lt_status lt_index_part_set(lt_tx *tx, const lt_index_upload *upload, const lt_index_part *part,
                            lt_arena *arena, lt_part_info *info, lt_err *err)
{
    int64_t old = old_content(tx, upload->id, part->number), now_us = lt_now_us();
    lt_text md5 = lt_text_at(part->md5, LT_MD5_BYTES);
    LT_TRY(lt_tx_exec(tx, err,
                      "INSERT OR REPLACE INTO parts (list_id, number, blob_id, size_bytes, md5, "
                      "sum, written_at_us) VALUES (?, ?, ?, ?, ?, ?, ?)",
                      V(upload->id), V(part->number), V(part->blob_id), V(part->size_bytes),
                      LT_BLOB(md5), part->sum.len ? LT_BLOB(part->sum) : LT_NULL, V(now_us)));
    *info = (lt_part_info){
        .number = part->number,
        .size_bytes = part->size_bytes,
        .written_at_us = now_us,
        .etag = hex_in(arena, md5),
        .checksum = {.kind = upload->info.checksum, .value = lt_sum_text(arena, part->sum, 0)}};
    return old ? lt_index_blob_release(tx, old, err) : LT_OK;
}

lt_status lt_index_part_list(lt_tx *tx, int64_t list_id, lt_sum_kind kind, lt_page page,
                             lt_arena *arena, lt_part_list *out, lt_err *err)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "SELECT number, size_bytes, written_at_us, md5, sum FROM parts "
                    "WHERE list_id = ? AND number > ? ORDER BY number LIMIT ?",
                    V(list_id), V(page.after), V(page.limit + 1));
    while (lt_query_next(&q)) {
        if (out->items.len == page.limit) {
            out->more = true;
            break;
        }
        lt_text sum = lt_query_text(&q, 4);
        lt_part_info part = {.number = (int32_t)lt_query_i64(&q, 0),
                             .size_bytes = lt_query_i64(&q, 1),
                             .written_at_us = lt_query_i64(&q, 2),
                             .etag = hex_in(arena, lt_query_text(&q, 3)),
                             .checksum = {.kind = sum.len ? kind : LT_SUM_NONE,
                                          .value = lt_sum_text(arena, sum, 0)}};
        lt_push_in(arena, &out->items, part);
    }
    return lt_query_check(&q, err);
}

/* ---------------------------------------------------------------- lists of uploads */

typedef struct lister {
    lt_tx *tx;
    int64_t bucket_id;
    const lt_upload_request *request;
    lt_arena *arena;
    lt_upload_list *out;
    lt_text from_key; /* go on behind this key's upload `from_id` */
    int64_t from_id;
} lister;

static void add_prefix(lister *list, lt_text group)
{
    lt_text copy = lt_arena_text(list->arena, group);
    lt_push_in(list->arena, &list->out->prefixes, copy);
    list->out->next_key = copy;
    list->out->next_upload = (lt_text){0};
    list->from_key = lt_index_text_behind(list->arena, copy);
    list->from_id = -1;
}

static lt_text group_of(const lister *list, lt_text key)
{
    const lt_upload_request *request = list->request;
    if (!request->delimiter.len)
        return (lt_text){0};
    size_t at = lt_text_find(key, request->delimiter, request->prefix.len);
    return at == SIZE_MAX ? (lt_text){0} : lt_text_sub(key, 0, at + request->delimiter.len);
}

/* True when a common prefix made it jump, so that a new query has to go on. */
static bool scan(lister *list)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(list->tx,
                    "SELECT " UPLOAD_COLUMNS " FROM uploads WHERE bucket_id = ? AND "
                    "finished_sequence IS NULL AND (key, id) > (?, ?) ORDER BY key, id",
                    V(list->bucket_id), V(list->from_key), V(list->from_id));
    while (lt_query_next(&q)) {
        lt_text key = lt_query_text(&q, 3);
        if (!lt_text_starts(key, list->request->prefix))
            return false;
        if (list->out->items.len + list->out->prefixes.len >= list->request->limit) {
            list->out->more = true;
            return false;
        }
        lt_text group = group_of(list, key);
        if (group.len) {
            add_prefix(list, group);
            return true;
        }
        lt_upload_info info;
        read_upload_info(&q, list->arena, &info);
        lt_push_in(list->arena, &list->out->items, info);
        list->out->next_key = info.key;
        list->out->next_upload = info.upload_id;
    }
    return false;
}

static void choose_start(lister *list)
{
    const lt_upload_request *request = list->request;
    int64_t nonce, id;
    list->from_key = request->prefix;
    list->from_id = -1;
    if (lt_text_cmp(request->prefix, request->after_key) > 0)
        return;
    list->from_key = request->after_key;
    list->from_id = INT64_MAX;
    if (lt_index_version_id_read(request->after_upload, &id, &nonce)) {
        list->from_id = id;
        return;
    }
    lt_text group = lt_text_starts(request->after_key, request->prefix)
                        ? group_of(list, request->after_key)
                        : (lt_text){0};
    if (group.len && group.len == request->after_key.len) { /* the last page ended with it */
        list->from_key = lt_index_text_behind(list->arena, group);
        list->from_id = -1;
    } else if (!request->after_key.len) {
        list->from_id = -1;
    }
}

lt_status lt_index_upload_list(lt_tx *tx, lt_text bucket, const lt_upload_request *request,
                               lt_arena *arena, lt_upload_list *out, lt_err *err)
{
    lt_index_bucket found;
    LT_TRY(lt_index_bucket_get(tx, bucket, &found, err));
    lister list = {.tx = tx, .bucket_id = found.id, .request = request, .arena = arena, .out = out};
    choose_start(&list);
    while (!out->more && scan(&list))
        ;
    if (!out->more)
        out->next_key = out->next_upload = (lt_text){0};
    return lt_tx_check(tx, err);
}

/* ---------------------------------------------------------------- completing */

typedef struct assembly {
    lt_tx *tx;
    const lt_index_upload *upload;
    const lt_completion *completion;
    int64_t first_blob_id, size_bytes;
    int64_t last_size; /* of the part before */
    EVP_MD_CTX *md5;   /* owned; of the parts' MD5s */
    lt_sum sum;        /* owned; of the parts' sums, where composite */
    uint64_t crc;      /* of all so far, where not */
    size_t done;
} assembly;

static void assembly_cleanup(assembly *it)
{
    EVP_MD_CTX_free(it->md5);
    lt_sum_cleanup(&it->sum);
}

static lt_status fail_part(const lt_part_named *named, const char *why, lt_err *err)
{
    return lt_store_fail(err, LT_WHY_BAD_PART, "part %d %s", named->number, why);
}

static bool is_sum(lt_text base64, lt_text raw)
{
    unsigned char bytes[LT_SUM_BYTES];
    return raw.len <= sizeof(bytes) && lt_sum_read(base64, bytes, raw.len) &&
           memcmp(bytes, raw.ptr, raw.len) == 0;
}

static lt_status add_sums(assembly *it, lt_text md5, lt_text sum, int64_t size, lt_err *err)
{
    const lt_upload_info *info = &it->upload->info;
    if (EVP_DigestUpdate(it->md5, md5.ptr, md5.len) != 1)
        return lt_fail(err, LT_IO, "OpenSSL cannot compute a checksum");
    if (info->checksum == LT_SUM_NONE)
        return LT_OK;
    if (sum.len != lt_sum_size(info->checksum))
        return lt_fail(err, LT_IO, "a part of '%.*s' has no checksum in the index",
                       LT_ARG(info->key));
    if (info->composite)
        return lt_sum_add(&it->sum, sum, err);
    it->crc = it->done ? lt_crc_combine(info->checksum, it->crc, lt_crc_read(sum), (uint64_t)size)
                       : lt_crc_read(sum);
    return LT_OK;
}

static lt_status add_part(assembly *it, const lt_part_named *named, lt_err *err)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(it->tx,
                    "SELECT blob_id, size_bytes, md5, sum FROM parts WHERE list_id = ? AND number "
                    "= ?",
                    V(it->upload->id), V(named->number));
    if (!lt_query_next(&q))
        return fail_part(named, "was not uploaded", err);
    char hex[2 * LT_MD5_BYTES + 1];
    lt_text md5 = lt_query_text(&q, 2), sum = lt_query_text(&q, 3);
    int64_t size = lt_query_i64(&q, 1);
    if (md5.len != LT_MD5_BYTES ||
        !lt_text_eq_nocase(lt_text_of(lt_hex_write(md5, hex)), named->etag))
        return fail_part(named, "has another ETag", err);
    if (named->checksum.len && !is_sum(named->checksum, sum))
        return fail_part(named, "has another checksum", err);
    if (it->done && it->last_size < LT_PART_LEAST_BYTES)
        return lt_store_fail(err, LT_WHY_TOO_SMALL,
                             "part %d has %lld bytes; only the last may have less than %lld",
                             it->completion->parts[it->done - 1].number, (long long)it->last_size,
                             (long long)LT_PART_LEAST_BYTES);
    LT_TRY(add_sums(it, md5, sum, size, err));
    if (!it->done++)
        it->first_blob_id = lt_query_i64(&q, 0);
    it->last_size = size;
    it->size_bytes += size;
    return LT_OK;
}

static lt_status begin_assembly(assembly *it, lt_err *err)
{
    it->md5 = EVP_MD_CTX_new();
    if (!it->md5 || EVP_DigestInit_ex(it->md5, EVP_md5(), NULL) != 1)
        return lt_fail(err, LT_IO, "OpenSSL has no MD5 here");
    return it->upload->info.composite ? lt_sum_begin(&it->sum, it->upload->info.checksum, err)
                                      : LT_OK;
}

/* Parts that the client did not name. */
static lt_status drop_others(assembly *it, lt_err *err)
{
    LT_VEC(int64_t) blobs = {0};
    lt_status status = LT_OK;
    const lt_completion *completion = it->completion;
    LT_VEC(int32_t) numbers = {0};
    {
        size_t next = 0;
        LT_AUTO(lt_query)
        q = lt_tx_query(it->tx,
                        "SELECT number, blob_id FROM parts WHERE list_id = ? ORDER BY number",
                        V(it->upload->id));
        while (lt_query_next(&q)) {
            int32_t number = (int32_t)lt_query_i64(&q, 0);
            if (next < completion->count && completion->parts[next].number == number) {
                next++;
                continue;
            }
            lt_push(&numbers, number);
            lt_push(&blobs, lt_query_i64(&q, 1));
        }
    }
    for (size_t i = 0; status == LT_OK && i < blobs.len; i++) {
        status = lt_tx_exec(it->tx, err, "DELETE FROM parts WHERE list_id = ? AND number = ?",
                            V(it->upload->id), V(numbers.items[i]));
        if (status == LT_OK)
            status = lt_index_blob_release(it->tx, blobs.items[i], err);
    }
    lt_vec_free(&blobs);
    lt_vec_free(&numbers);
    return status;
}

/* What tells one list of parts from another. */
static lt_status digest_of(const lt_completion *completion, char out[LT_SHA256_BYTES], lt_err *err)
{
    LT_AUTO(lt_digest) digest = {0};
    lt_sums sums;
    LT_TRY(lt_digest_begin(&digest, false, err));
    for (size_t i = 0; i < completion->count; i++) {
        char number[16];
        (void)snprintf(number, sizeof(number), "%d=", completion->parts[i].number);
        LT_TRY(lt_digest_add(&digest, lt_text_of(number), err));
        LT_TRY(lt_digest_add(&digest, completion->parts[i].etag, err));
        LT_TRY(lt_digest_add(&digest, T("\n"), err));
    }
    LT_TRY(lt_digest_end(&digest, &sums, err));
    memcpy(out, sums.sha256, LT_SHA256_BYTES);
    return LT_OK;
}

/* A client that did not hear the answer asks again. */
static lt_status answer_again(lt_tx *tx, lt_upload_name name, const lt_index_upload *upload,
                              lt_text digest, lt_arena *arena, lt_index_version *made, lt_err *err)
{
    lt_index_bucket bucket;
    LT_TRY(lt_index_bucket_get(tx, name.bucket, &bucket, err));
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "SELECT nonce, is_null FROM versions WHERE sequence = ?",
                    V(upload->finished_sequence));
    if (!lt_text_eq(digest, upload->finished_digest) || !lt_query_next(&q))
        return fail_no_upload(name, err);
    lt_text id = lt_query_i64(&q, 1) ? T("null")
                                     : lt_index_version_id_write(arena, upload->finished_sequence,
                                                                 lt_query_i64(&q, 0));
    lt_query_cleanup(&q);
    return lt_index_version_get(tx, &bucket, name.key, id, arena, made, err);
}

static lt_status check_whole(const assembly *it, const lt_index_new *what, lt_err *err)
{
    const lt_complete_options *options = it->completion->options;
    lt_text wanted = options->checksum;
    size_t dash = lt_text_find_byte(wanted, '-', 0);
    if (it->size_bytes > LT_OBJECT_BYTES)
        return lt_store_fail(err, LT_WHY_TOO_LARGE, "an object has at most %lld bytes",
                             (long long)LT_OBJECT_BYTES);
    if (options->size_bytes >= 0 && options->size_bytes != it->size_bytes)
        return lt_store_fail(err, LT_WHY_BAD_REQUEST, "the parts have %lld bytes, not %lld",
                             (long long)it->size_bytes, (long long)options->size_bytes);
    if (what->sum_composite && dash != SIZE_MAX)
        wanted = lt_text_sub(wanted, 0, dash);
    if (wanted.len && (!what->sum.len || !is_sum(wanted, what->sum)))
        return lt_store_fail(err, LT_WHY_BAD_DIGEST, "the parts have another checksum together");
    return LT_OK;
}

static lt_status finish_sums(assembly *it, lt_arena *arena, lt_index_new *what, lt_err *err)
{
    const lt_upload_info *info = &it->upload->info;
    unsigned char md5[LT_MD5_BYTES], *sum = lt_alloc(arena, LT_SUM_BYTES);
    char hex[2 * LT_MD5_BYTES + 1];
    size_t len = lt_sum_size(info->checksum);
    if (EVP_DigestFinal_ex(it->md5, md5, NULL) != 1)
        return lt_fail(err, LT_IO, "OpenSSL cannot compute a checksum");
    lt_hex_write(lt_text_at((const char *)md5, sizeof(md5)), hex);
    what->etag = lt_text_of(lt_arena_format(arena, "%s-%zu", hex, it->completion->count));
    if (info->composite)
        LT_TRY(lt_sum_end(&it->sum, sum, &len, err));
    else if (info->checksum != LT_SUM_NONE)
        lt_crc_write(info->checksum, it->crc, sum);
    what->sum = lt_text_at((const char *)sum, len);
    return LT_OK;
}

static lt_status complete(assembly *it, lt_upload_name name, lt_text digest, lt_arena *arena,
                          lt_index_version *made, lt_err *err)
{
    const lt_completion *completion = it->completion;
    const lt_index_upload *upload = it->upload;
    lt_index_bucket bucket;
    LT_TRY(lt_index_bucket_get(it->tx, name.bucket, &bucket, err));
    LT_TRY(begin_assembly(it, err));
    for (size_t i = 0; i < completion->count; i++)
        LT_TRY(add_part(it, &completion->parts[i], err));
    lt_index_new what = {.key = name.key,
                         .blob_id = it->first_blob_id,
                         .list_id = upload->id,
                         .size_bytes = it->size_bytes,
                         .meta = &upload->meta,
                         .tags = &upload->tags,
                         .sum_kind = upload->info.checksum,
                         .sum_composite = upload->info.composite,
                         .part_count = (int32_t)completion->count,
                         .cause = {"CompleteMultipartUpload", completion->options->origin}};
    LT_TRY(finish_sums(it, arena, &what, err));
    LT_TRY(check_whole(it, &what, err));
    LT_TRY(drop_others(it, err));
    LT_TRY(lt_index_put(it->tx, &bucket, &what, completion->options->when, arena, made, err));
    made->info.is_sealed = upload->info.sealed;
    return lt_tx_exec(it->tx, err,
                      "UPDATE uploads SET finished_sequence = ?, finished_digest = ? WHERE id = ?",
                      V(made->sequence), LT_BLOB(digest), V(upload->id));
}

lt_status lt_index_upload_complete(lt_tx *tx, lt_upload_name name, const lt_completion *completion,
                                   lt_arena *arena, lt_index_version *made, lt_err *err)
{
    lt_index_upload upload;
    char digest[LT_SHA256_BYTES];
    lt_text digest_text = lt_text_at(digest, sizeof(digest));
    LT_TRY(lt_index_upload_get(tx, name, true, arena, &upload, err));
    LT_TRY(digest_of(completion, digest, err));
    if (upload.finished_sequence)
        return answer_again(tx, name, &upload, digest_text, arena, made, err);
    LT_AUTO(assembly) it = {.tx = tx, .upload = &upload, .completion = completion};
    return complete(&it, name, digest_text, arena, made, err);
}
