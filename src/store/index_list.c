/* Listings: pages of keys or versions, with common prefixes found by seeking past each of them. */
#include "store/index.h"

enum { LIST_MOST = 1000 };

typedef struct lister {
    lt_tx *tx;
    const lt_index_bucket *bucket;
    const lt_list_request *request;
    size_t limit;
    lt_arena *arena;
    lt_listing *out;
    lt_text from; /* where the next scan starts */
    bool after;   /* behind `from`, not at it */
} lister;

static bool is_full(const lister *list)
{
    return list->out->objects.len + list->out->prefixes.len >= list->limit;
}

/* UTF-8 has no 0xff, so the last byte can grow. */
lt_text lt_index_text_behind(lt_arena *arena, lt_text text)
{
    char *copy = lt_arena_str(arena, text);
    copy[text.len - 1] = (char)((unsigned char)copy[text.len - 1] + 1);
    return lt_text_at(copy, text.len);
}

/* The part of `key` that it shares with its group: up to the first delimiter behind the prefix. Empty: it has no group. */
static lt_text common_prefix(const lister *list, lt_text key)
{
    const lt_list_request *request = list->request;
    if (!request->delimiter.len)
        return (lt_text){0};
    size_t at = lt_text_find(key, request->delimiter, request->prefix.len);
    return at == SIZE_MAX ? (lt_text){0} : lt_text_sub(key, 0, at + request->delimiter.len);
}

static void add_object(lister *list, const lt_index_version *version)
{
    lt_push_in(list->arena, &list->out->objects, version->info);
    list->out->next_key = version->info.key;
    list->out->next_version = list->request->versions ? version->info.version_id : (lt_text){0};
}

static void add_prefix(lister *list, lt_text prefix)
{
    lt_text copy = lt_arena_text(list->arena, prefix);
    lt_push_in(list->arena, &list->out->prefixes, copy);
    list->out->next_key = copy;
    list->out->next_version = (lt_text){0};
    list->from = lt_index_text_behind(list->arena, copy);
    list->after = false;
}

enum { COLUMN_KEY = 5 };

/* Take the rows of a query; true when a common prefix made it jump, so that a new query has to go on. */
static bool take_rows(lister *list, lt_query *query)
{
    while (lt_query_next(query)) {
        lt_text key = lt_query_text(query, COLUMN_KEY);
        if (!lt_text_starts(key, list->request->prefix))
            return false;
        if (is_full(list)) {
            list->out->more = true;
            return false;
        }
        lt_text group = common_prefix(list, key);
        if (group.len) {
            add_prefix(list, group);
            return true;
        }
        lt_index_version version;
        lt_index_version_read(query, list->arena, &version);
        add_object(list, &version);
    }
    return false;
}

#define FROM_ALL "SELECT " LT_INDEX_VERSION_COLUMNS " FROM versions v WHERE v.bucket_id = ? "
#define ANY_KEY "SELECT key FROM versions WHERE bucket_id = ? "
#define LIVE_KEY ANY_KEY "AND is_current = 1 AND blob_id IS NOT NULL "
/* The columns of LT_INDEX_VERSION_COLUMNS, out of the index versions_live alone. */
#define FROM_LIVE                                                                                  \
    "SELECT v.sequence, v.nonce, v.is_null, v.is_current, v.blob_id, v.key, v.etag, "              \
    "v.content_type, v.written_at_us, v.size_bytes, v.storage_class, v.sum_kind, v.part_count, "   \
    "0, NULL, NULL, NULL FROM versions v WHERE v.bucket_id = ? AND v.is_current = 1 "              \
    "AND v.blob_id IS NOT NULL "

/* With a delimiter most jumps go from one common prefix to the next, which the index alone can tell: true when it did. */
static bool jump(lister *list)
{
    static const char *const queries[2][2] = {
        {LIVE_KEY "AND key >= ? ORDER BY key LIMIT 1", LIVE_KEY "AND key > ? ORDER BY key LIMIT 1"},
        {ANY_KEY "AND key >= ? ORDER BY key LIMIT 1", ANY_KEY "AND key > ? ORDER BY key LIMIT 1"}};
    if (!list->request->delimiter.len || is_full(list))
        return false;
    LT_AUTO(lt_query)
    q = lt_tx_query(list->tx, queries[list->request->versions][list->after], V(list->bucket->id),
                    V(list->from));
    if (!lt_query_next(&q) || !lt_text_starts(lt_query_text(&q, 0), list->request->prefix))
        return false;
    lt_text group = common_prefix(list, lt_query_text(&q, 0));
    if (group.len)
        add_prefix(list, group);
    return group.len > 0;
}

static bool scan(lister *list)
{
    static const char *const queries[2][2] = {
        {FROM_LIVE "AND v.key >= ? ORDER BY v.key", FROM_LIVE "AND v.key > ? ORDER BY v.key"},
        {FROM_ALL "AND v.key >= ? ORDER BY v.key, v.sequence DESC",
         FROM_ALL "AND v.key > ? ORDER BY v.key, v.sequence DESC"}};
    LT_AUTO(lt_query)
    q = lt_tx_query(list->tx, queries[list->request->versions][list->after], V(list->bucket->id),
                    V(list->from));
    return take_rows(list, &q);
}

/* The versions of the marker's key that are older than the marker's version. */
static void scan_rest_of_key(lister *list, int64_t sequence)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(list->tx, FROM_ALL "AND v.key = ? AND v.sequence < ? ORDER BY v.sequence DESC",
                    V(list->bucket->id), V(list->request->after_key), V(sequence));
    (void)take_rows(list, &q);
}

/* Start in the middle of a key's versions. */
static void start_within_key(lister *list)
{
    const lt_list_request *request = list->request;
    lt_index_version marker;
    int64_t sequence, nonce;
    lt_index_version_find(list->tx, list->bucket, request->after_key, request->after_version,
                          list->arena, &marker);
    if (marker.sequence)
        scan_rest_of_key(list, marker.sequence);
    else if (lt_index_version_id_read(request->after_version, &sequence, &nonce))
        scan_rest_of_key(list, sequence); /* deleted meanwhile; its number still tells the place */
    else
        list->after =
            false; /* a null version that is gone: rather show the key again than lose some */
}

static void choose_start(lister *list)
{
    const lt_list_request *request = list->request;
    list->from = request->after_key;
    list->after = request->after_key.len > 0;
    if (lt_text_cmp(request->prefix, request->after_key) > 0) {
        list->from = request->prefix;
        list->after = false;
        return;
    }
    bool inside = lt_text_starts(request->after_key, request->prefix);
    lt_text group = inside ? common_prefix(list, request->after_key) : (lt_text){0};
    if (group.len && group.len == request->after_key.len) { /* the last page ended with it */
        list->from = lt_index_text_behind(list->arena, group);
        list->after = false;
    } else if (inside && request->versions && request->after_version.len) {
        start_within_key(list);
    }
}

lt_status lt_index_list(lt_tx *tx, const lt_index_bucket *bucket, const lt_list_request *request,
                        lt_arena *arena, lt_listing *out, lt_err *err)
{
    lister list = {.tx = tx,
                   .bucket = bucket,
                   .request = request,
                   .limit =
                       request->limit && request->limit < LIST_MOST ? request->limit : LIST_MOST,
                   .arena = arena,
                   .out = out};
    choose_start(&list);
    while (!out->more && (jump(&list) || scan(&list)))
        ;
    if (!out->more)
        out->next_key = out->next_version = (lt_text){0};
    return lt_tx_check(tx, err);
}
