/* AWS signatures: the canonical forms, the keys, the chains. */
#include "net/aws_sign.h"

#include "base/time.h"
#include "base/vec.h"
#include "net/url.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { CACHE_SLOTS = 64, CACHE_TEXT_BYTES = 320, CANONICAL_LIMIT = 512 * 1024 };

static const char *write_hex(const unsigned char *bytes, size_t count, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * count] = 0;
    return out;
}

static const unsigned char *bytes_of(lt_text text)
{
    return (const unsigned char *)(text.ptr ? text.ptr : "");
}

const char *lt_aws_sha256(lt_text text, char out[LT_AWS_HEX_CHARS])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    if (!SHA256(bytes_of(text), text.len, digest))
        abort(); /* out of memory */
    return write_hex(digest, sizeof(digest), out);
}

static void hmac(const char *key, size_t key_bytes, lt_text text, char out[LT_AWS_KEY_BYTES])
{
    unsigned int len = 0;
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (!HMAC(EVP_sha256(), key, (int)key_bytes, bytes_of(text), text.len, digest, &len))
        abort(); /* out of memory */
    memcpy(out, digest, LT_AWS_KEY_BYTES);
}

const char *lt_aws_hmac(const char key[LT_AWS_KEY_BYTES], lt_text text, char out[LT_AWS_HEX_CHARS])
{
    char digest[LT_AWS_KEY_BYTES];
    hmac(key, LT_AWS_KEY_BYTES, text, digest);
    return write_hex((const unsigned char *)digest, sizeof(digest), out);
}

bool lt_aws_same(lt_text a, lt_text b)
{
    return a.len == b.len && CRYPTO_memcmp(bytes_of(a), bytes_of(b), a.len) == 0;
}

/* ---- moments ---- */

const char *lt_aws_time_write(int64_t moment_us, char out[LT_AWS_TIME_CHARS])
{
    char iso[LT_TIME_CHARS]; /* 2013-05-24T00:00:00.000000Z */
    (void)lt_time_write(moment_us, iso);
    (void)snprintf(out, LT_AWS_TIME_CHARS, "%.4s%.2s%.2sT%.2s%.2s%.2sZ", iso, iso + 5, iso + 8,
                   iso + 11, iso + 14, iso + 17);
    return out;
}

bool lt_aws_time_read(lt_text text, int64_t *moment_us)
{
    char iso[LT_TIME_CHARS];
    if (text.len != LT_AWS_TIME_CHARS - 1 || text.ptr[8] != 'T' || text.ptr[15] != 'Z')
        return false;
    const char *t = text.ptr;
    int len = snprintf(iso, sizeof(iso), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", t, t + 4, t + 6, t + 9,
                       t + 11, t + 13);
    return lt_time_read(lt_text_at(iso, (size_t)len), moment_us);
}

/* ---- canonical forms ---- */

void lt_aws_encode(lt_text text, bool slashes, lt_buf *out)
{
    while (text.len > 0) {
        size_t slash = slashes ? lt_text_find_byte(text, '/', 0) : SIZE_MAX;
        lt_url_encode(lt_text_sub(text, 0, slash), out);
        if (slash == SIZE_MAX)
            return;
        lt_buf_add_byte(out, '/');
        text = lt_text_sub(text, slash + 1, SIZE_MAX);
    }
}

bool lt_aws_canonical_path(lt_text path, lt_buf *out)
{
    LT_AUTO(lt_buf) plain = {.limit = LT_URL_BYTES};
    if (!lt_url_decode(path, false, &plain) || plain.overflow)
        return false;
    lt_aws_encode(plain.len ? lt_buf_text(&plain) : T("/"), true, out);
    return true;
}

static int compare_pairs(const void *left, const void *right)
{
    const lt_aws_header *a = left, *b = right;
    int names = lt_text_cmp(a->name, b->name);
    return names ? names : lt_text_cmp(a->value, b->value);
}

/* qsort() is not stable: what is equal by name keeps its order by where it stood. */
typedef struct sortable {
    lt_text name, value;
    size_t place;
} sortable;

static int compare_names(const void *left, const void *right)
{
    const sortable *a = left, *b = right;
    int names = lt_text_cmp(a->name, b->name);
    return names ? names : (a->place > b->place) - (a->place < b->place);
}

/* One piece of the query, decoded and encoded again as everybody does it. */
static bool recode(lt_text raw, lt_arena *arena, lt_text *out)
{
    LT_AUTO(lt_buf) plain = {.limit = LT_URL_BYTES};
    LT_AUTO(lt_buf) coded = {.limit = 3 * (size_t)LT_URL_BYTES};
    if (!lt_url_decode(raw, true, &plain) || plain.overflow)
        return false;
    lt_url_encode(lt_buf_text(&plain), &coded);
    *out = lt_arena_text(arena, lt_buf_text(&coded));
    return !coded.overflow;
}

typedef LT_VEC(lt_aws_header) pairs;

static bool read_query(lt_text query, lt_text without, lt_arena *arena, pairs *out)
{
    lt_text rest = query, name, value;
    while (lt_url_next_param(&rest, &name, &value)) {
        lt_aws_header pair;
        if (!name.len && !value.len)
            continue;
        if (out->len == LT_AWS_PARAMS || !recode(name, arena, &pair.name) ||
            !recode(value, arena, &pair.value))
            return false;
        if (!without.len || !lt_text_eq(pair.name, without))
            lt_push_in(arena, out, pair);
    }
    return true;
}

bool lt_aws_canonical_query(lt_text query, lt_text without, lt_buf *out)
{
    LT_AUTO(lt_arena) arena = {0};
    pairs params = {0};
    if (!read_query(query, without, &arena, &params))
        return false;
    if (params.len > 1)
        qsort(params.items, params.len, sizeof(params.items[0]), compare_pairs);
    for (size_t i = 0; i < params.len; i++) {
        if (i > 0)
            lt_buf_add_byte(out, '&');
        lt_buf_add(out, params.items[i].name);
        lt_buf_add_byte(out, '=');
        lt_buf_add(out, params.items[i].value);
    }
    return true;
}

/* Without blanks at the ends, and one for several inside. */
static void add_shrunk(lt_text value, lt_buf *out)
{
    lt_text trimmed = lt_text_trim(value);
    bool blank = false;
    for (size_t i = 0; i < trimmed.len; i++) {
        bool is_blank = trimmed.ptr[i] == ' ';
        if (!is_blank || !blank)
            lt_buf_add_byte(out, trimmed.ptr[i]);
        blank = is_blank;
    }
}

static lt_text lowered(lt_arena *arena, lt_text text)
{
    char *made = lt_arena_str(arena, text);
    for (size_t i = 0; i < text.len; i++)
        made[i] = lt_lower(made[i]);
    return lt_text_at(made, text.len);
}

static sortable *sorted_headers(const lt_aws_header *headers, size_t count, lt_arena *arena)
{
    sortable *sorted = lt_alloc_array(arena, LT_MAX(count, (size_t)1), sizeof(*sorted));
    for (size_t i = 0; i < count; i++)
        sorted[i] = (sortable){lowered(arena, headers[i].name), headers[i].value, i};
    if (count > 1)
        qsort(sorted, count, sizeof(*sorted), compare_names);
    return sorted;
}

void lt_aws_canonical_headers(const lt_aws_header *headers, size_t count, lt_buf *lines,
                              lt_buf *names)
{
    LT_AUTO(lt_arena) arena = {0};
    const sortable *sorted = sorted_headers(headers, count, &arena);
    for (size_t i = 0; i < count; i++) {
        bool again = i > 0 && lt_text_eq(sorted[i].name, sorted[i - 1].name);
        bool more = i + 1 < count && lt_text_eq(sorted[i].name, sorted[i + 1].name);
        if (!again) {
            if (i > 0)
                lt_buf_add_byte(names, ';');
            lt_buf_add(names, sorted[i].name);
            lt_buf_add(lines, sorted[i].name);
            lt_buf_add_byte(lines, ':');
        }
        add_shrunk(sorted[i].value, lines);
        lt_buf_add_byte(lines, more ? ',' : '\n');
    }
}

bool lt_aws_canonical_request(const lt_aws_request *request, lt_text without, lt_buf *out)
{
    LT_AUTO(lt_buf) names = {.limit = CANONICAL_LIMIT};
    lt_buf_add(out, request->method);
    lt_buf_add_byte(out, '\n');
    if (!lt_aws_canonical_path(request->path, out))
        return false;
    lt_buf_add_byte(out, '\n');
    if (!lt_aws_canonical_query(request->query, without, out))
        return false;
    lt_buf_add_byte(out, '\n');
    lt_aws_canonical_headers(request->headers, request->header_count, out, &names);
    lt_buf_add_byte(out, '\n');
    lt_buf_add(out, lt_buf_text(&names));
    lt_buf_add_byte(out, '\n');
    lt_buf_add(out, request->payload);
    return !out->overflow && !names.overflow;
}

void lt_aws_scope_write(const lt_aws_scope *scope, lt_buf *out)
{
    lt_buf_printf(out, "%.*s/%.*s/%.*s/aws4_request", LT_ARG(scope->date), LT_ARG(scope->region),
                  LT_ARG(scope->service));
}

void lt_aws_string_to_sign(lt_text time, const lt_aws_scope *scope, lt_text canonical_request,
                           lt_buf *out)
{
    char digest[LT_AWS_HEX_CHARS];
    lt_buf_printf(out, LT_AWS_ALGORITHM "\n%.*s\n", LT_ARG(time));
    lt_aws_scope_write(scope, out);
    lt_buf_printf(out, "\n%s", lt_aws_sha256(canonical_request, digest));
}

/* ---- keys ---- */

void lt_aws_key_derive(lt_text secret, const lt_aws_scope *scope, char key[LT_AWS_KEY_BYTES])
{
    LT_AUTO(lt_buf) first = {0};
    lt_buf_add_str(&first, "AWS4");
    lt_buf_add(&first, secret);
    hmac(first.data, first.len, scope->date, key);
    hmac(key, LT_AWS_KEY_BYTES, scope->region, key);
    hmac(key, LT_AWS_KEY_BYTES, scope->service, key);
    hmac(key, LT_AWS_KEY_BYTES, T("aws4_request"), key);
    OPENSSL_cleanse(first.data, first.len);
}

/* What a key was derived from stands in one text with NULs between, so that one comparison finds it. */
typedef struct slot {
    char from[CACHE_TEXT_BYTES];
    size_t from_bytes; /* 0: free */
    char key[LT_AWS_KEY_BYTES];
} slot;

struct lt_aws_key_cache {
    pthread_mutex_t lock;
    slot slots[CACHE_SLOTS];
};

lt_aws_key_cache *lt_aws_key_cache_new(void)
{
    lt_aws_key_cache *cache = lt_xcalloc(1, sizeof(*cache));
    (void)pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

void lt_aws_key_cache_free(lt_aws_key_cache *cache)
{
    if (!cache)
        return;
    (void)pthread_mutex_destroy(&cache->lock);
    OPENSSL_cleanse(cache, sizeof(*cache));
    lt_free(cache);
}

static size_t write_origin(lt_text secret, const lt_aws_scope *scope, char out[CACHE_TEXT_BYTES])
{
    lt_text parts[] = {secret, scope->date, scope->region, scope->service};
    size_t at = 0;
    for (size_t i = 0; i < LT_COUNT(parts); i++) {
        if (parts[i].len >= CACHE_TEXT_BYTES - at - 1)
            return 0;
        memcpy(out + at, bytes_of(parts[i]), parts[i].len);
        at += parts[i].len;
        out[at++] = 0;
    }
    return at;
}

void lt_aws_key_get(lt_aws_key_cache *cache, lt_text secret, const lt_aws_scope *scope,
                    char key[LT_AWS_KEY_BYTES])
{
    char from[CACHE_TEXT_BYTES];
    size_t bytes = cache ? write_origin(secret, scope, from) : 0;
    if (!bytes) {
        lt_aws_key_derive(secret, scope, key);
        return;
    }
    lt_text origin = lt_text_at(from, bytes);
    slot *place = &cache->slots[lt_text_hash(origin) % CACHE_SLOTS];
    (void)pthread_mutex_lock(&cache->lock);
    bool known = lt_text_eq(lt_text_at(place->from, place->from_bytes), origin);
    if (known)
        memcpy(key, place->key, LT_AWS_KEY_BYTES);
    (void)pthread_mutex_unlock(&cache->lock);
    if (!known) {
        lt_aws_key_derive(secret, scope, key);
        (void)pthread_mutex_lock(&cache->lock);
        memcpy(place->from, from, bytes);
        memcpy(place->key, key, LT_AWS_KEY_BYTES);
        place->from_bytes = bytes;
        (void)pthread_mutex_unlock(&cache->lock);
    }
    OPENSSL_cleanse(from, sizeof(from));
}

/* ---- requests ---- */

bool lt_aws_signature(const lt_aws_request *request, lt_text without, lt_text time,
                      const lt_aws_scope *scope, const char key[LT_AWS_KEY_BYTES],
                      char out[LT_AWS_HEX_CHARS])
{
    LT_AUTO(lt_buf) canonical = {.limit = CANONICAL_LIMIT};
    LT_AUTO(lt_buf) to_sign = {.limit = CANONICAL_LIMIT};
    if (!lt_aws_canonical_request(request, without, &canonical))
        return false;
    lt_aws_string_to_sign(time, scope, lt_buf_text(&canonical), &to_sign);
    if (to_sign.overflow)
        return false;
    (void)lt_aws_hmac(key, lt_buf_text(&to_sign), out);
    return true;
}

bool lt_aws_authorize(const lt_aws_request *request, lt_text key_id, lt_text time,
                      const lt_aws_scope *scope, const char key[LT_AWS_KEY_BYTES], lt_buf *out)
{
    LT_AUTO(lt_buf) lines = {.limit = CANONICAL_LIMIT};
    LT_AUTO(lt_buf) names = {.limit = CANONICAL_LIMIT};
    char signature[LT_AWS_HEX_CHARS];
    if (!lt_aws_signature(request, T(""), time, scope, key, signature))
        return false;
    lt_aws_canonical_headers(request->headers, request->header_count, &lines, &names);
    lt_buf_printf(out, LT_AWS_ALGORITHM " Credential=%.*s/", LT_ARG(key_id));
    lt_aws_scope_write(scope, out);
    lt_buf_printf(out, ", SignedHeaders=%s, Signature=%s", lt_buf_chars(&names), signature);
    return true;
}

static void add_param(lt_buf *query, const char *name, lt_text value)
{
    if (query->len)
        lt_buf_add_byte(query, '&');
    lt_buf_printf(query, "%s=", name);
    lt_url_encode(value, query);
}

bool lt_aws_presign_query(const lt_aws_request *request, const lt_aws_presign *presign,
                          const lt_aws_scope *scope, const char key[LT_AWS_KEY_BYTES], lt_buf *out)
{
    LT_AUTO(lt_buf) query = {.limit = CANONICAL_LIMIT};
    LT_AUTO(lt_buf) credential = {.limit = CANONICAL_LIMIT};
    LT_AUTO(lt_buf) lines = {.limit = CANONICAL_LIMIT};
    LT_AUTO(lt_buf) names = {.limit = CANONICAL_LIMIT};
    char expires[24], signature[LT_AWS_HEX_CHARS];
    (void)snprintf(expires, sizeof(expires), "%lld", (long long)presign->expires_s);
    lt_buf_printf(&credential, "%.*s/", LT_ARG(presign->key_id));
    lt_aws_scope_write(scope, &credential);
    lt_aws_canonical_headers(request->headers, request->header_count, &lines, &names);
    lt_buf_add(&query, request->query);
    add_param(&query, "X-Amz-Algorithm", T(LT_AWS_ALGORITHM));
    add_param(&query, "X-Amz-Credential", lt_buf_text(&credential));
    add_param(&query, "X-Amz-Date", presign->time);
    add_param(&query, "X-Amz-Expires", lt_text_of(expires));
    if (presign->token.len)
        add_param(&query, "X-Amz-Security-Token", presign->token);
    add_param(&query, "X-Amz-SignedHeaders", lt_buf_text(&names));
    lt_aws_request signed_request = *request;
    signed_request.query = lt_buf_text(&query);
    signed_request.payload = T(LT_AWS_UNSIGNED_PAYLOAD);
    if (query.overflow ||
        !lt_aws_signature(&signed_request, T(""), presign->time, scope, key, signature))
        return false;
    add_param(&query, "X-Amz-Signature", lt_text_of(signature));
    lt_buf_add(out, lt_buf_text(&query));
    return !query.overflow;
}

/* ---- chunks ---- */

static const char *next_of_chain(lt_aws_chain *chain, lt_buf *to_sign, char out[LT_AWS_HEX_CHARS])
{
    (void)lt_aws_hmac(chain->key, lt_buf_text(to_sign), out);
    memcpy(chain->previous, out, LT_AWS_HEX_CHARS);
    return out;
}

static void begin_link(const lt_aws_chain *chain, const char *kind, lt_buf *to_sign)
{
    lt_buf_printf(to_sign, LT_AWS_ALGORITHM "-%s\n%.*s\n", kind, LT_ARG(chain->time));
    lt_aws_scope_write(&chain->scope, to_sign);
    lt_buf_printf(to_sign, "\n%s\n", chain->previous);
}

const char *lt_aws_chain_chunk(lt_aws_chain *chain, lt_text sha256_hex, char out[LT_AWS_HEX_CHARS])
{
    LT_AUTO(lt_buf) to_sign = {.limit = CANONICAL_LIMIT};
    begin_link(chain, "PAYLOAD", &to_sign);
    lt_buf_printf(&to_sign, LT_AWS_EMPTY_SHA256 "\n%.*s", LT_ARG(sha256_hex));
    return next_of_chain(chain, &to_sign, out);
}

const char *lt_aws_chain_trailer(lt_aws_chain *chain, lt_text lines, char out[LT_AWS_HEX_CHARS])
{
    LT_AUTO(lt_buf) to_sign = {.limit = CANONICAL_LIMIT};
    char digest[LT_AWS_HEX_CHARS];
    begin_link(chain, "TRAILER", &to_sign);
    lt_buf_add_str(&to_sign, lt_aws_sha256(lines, digest));
    return next_of_chain(chain, &to_sign, out);
}

/* ---- version 2 ---- */

/* What of the query is part of the resource; as boto signs it. */
static const char *const v2_params[] = {
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
};

static bool is_v2_param(lt_text name)
{
    for (size_t i = 0; i < LT_COUNT(v2_params); i++)
        if (lt_text_eq(name, lt_text_of(v2_params[i])))
            return true;
    return false;
}

static bool decoded(lt_text raw, lt_arena *arena, lt_text *out)
{
    LT_AUTO(lt_buf) plain = {.limit = LT_URL_BYTES};
    if (!lt_url_decode(raw, false, &plain) || plain.overflow)
        return false;
    *out = lt_arena_text(arena, lt_buf_text(&plain));
    return true;
}

/* Values are signed decoded, and "?acl" has no '='. */
static bool add_v2_query(lt_text query, lt_arena *arena, lt_buf *out)
{
    LT_VEC(sortable) params = {0};
    lt_text rest = query, part;
    while (lt_text_cut(&rest, '&', &part)) {
        size_t equals = lt_text_find_byte(part, '=', 0);
        sortable param = {.name = lt_text_sub(part, 0, equals), .place = params.len};
        if (!is_v2_param(param.name))
            continue;
        if (equals != SIZE_MAX &&
            !decoded(lt_text_sub(part, equals + 1, SIZE_MAX), arena, &param.value))
            return false;
        if (params.len == LT_AWS_PARAMS)
            return false;
        if (equals == SIZE_MAX)
            param.value = (lt_text){0};
        lt_push_in(arena, &params, param);
    }
    if (params.len > 1)
        qsort(params.items, params.len, sizeof(params.items[0]), compare_names);
    for (size_t i = 0; i < params.len; i++) {
        lt_buf_add_byte(out, i ? '&' : '?');
        lt_buf_add(out, params.items[i].name);
        if (params.items[i].value.ptr) {
            lt_buf_add_byte(out, '=');
            lt_buf_add(out, params.items[i].value);
        }
    }
    return true;
}

static lt_text header_of(const lt_aws_request_v2 *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (lt_text_eq_nocase(request->headers[i].name, lt_text_of(name)))
            return lt_text_trim(request->headers[i].value);
    return (lt_text){0};
}

static void add_v2_headers(const lt_aws_request_v2 *request, lt_arena *arena, lt_buf *out)
{
    LT_AUTO(lt_buf) names = {.limit = CANONICAL_LIMIT};
    LT_VEC(lt_aws_header) taken = {0};
    for (size_t i = 0; i < request->header_count; i++)
        if (request->headers[i].name.len > 6 &&
            lt_text_eq_nocase(lt_text_sub(request->headers[i].name, 0, 6), T("x-amz-")))
            lt_push_in(arena, &taken, request->headers[i]);
    lt_aws_canonical_headers(taken.items, taken.len, out, &names);
}

bool lt_aws_signature_v2(const lt_aws_request_v2 *request, lt_text secret,
                         char out[LT_AWS_SIG2_CHARS])
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) text = {.limit = CANONICAL_LIMIT};
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    lt_buf_printf(&text, "%.*s\n%.*s\n%.*s\n%.*s\n", LT_ARG(request->method),
                  LT_ARG(header_of(request, "content-md5")),
                  LT_ARG(header_of(request, "content-type")), LT_ARG(request->expires));
    add_v2_headers(request, &arena, &text);
    if (request->bucket.len) {
        lt_buf_add_byte(&text, '/');
        lt_buf_add(&text, request->bucket);
    }
    lt_buf_add(&text, request->path);
    if (!add_v2_query(request->query, &arena, &text) || text.overflow)
        return false;
    if (!HMAC(EVP_sha1(), secret.ptr ? secret.ptr : "", (int)LT_MIN(secret.len, (size_t)INT32_MAX),
              bytes_of(lt_buf_text(&text)), text.len, digest, &len))
        abort(); /* out of memory */
    (void)EVP_EncodeBlock((unsigned char *)out, digest, (int)len);
    return true;
}
