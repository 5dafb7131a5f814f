/* Reading from S3: ranges side by side, given out in order, compared with what the server has recorded. */
#include "fmt/xml.h"
#include "net/url.h"
#include "store/checksum.h"
#include "store/s3.h"

#include <stdio.h>

enum { SLOTS = LT_REMOTE_JOBS + 2 };

/* ---------------------------------------------------------------- one range */

static lt_status wrong_range(const lt_remote_source *source, lt_err *err)
{
    return lt_fail(err, LT_IO, "S3 gave another range of '%.*s/%.*s' than was asked for",
                   LT_ARG(source->call.called.bucket), LT_ARG(source->call.called.key));
}

/* "bytes 0-9/100" begins where we wanted. */
static bool range_is(lt_text content_range, int64_t offset)
{
    int64_t first;
    size_t dash = lt_text_find_byte(content_range, '-', 0);
    return lt_text_starts(content_range, T("bytes ")) && dash != SIZE_MAX &&
           lt_text_to_i64(lt_text_sub(content_range, 6, dash - 6), &first) && first == offset;
}

/* The bytes into response->body; tried again when they are not as many as they should be. */
static lt_status fetch_range(lt_remote *self, const lt_remote_source *source, int64_t offset,
                             int64_t len, lt_http_response *response, lt_err *err)
{
    enum { TRIES = 3 };
    char range[64], match[LT_KEY_BYTES];
    lt_remote_call call = source->call;
    (void)snprintf(range, sizeof(range), "bytes=%lld-%lld", (long long)offset,
                   (long long)(offset + len - 1));
    lt_remote_add_header(&call, "range", lt_text_of(range));
    if (source->etag.len && source->etag.len < sizeof(match) - 2) {
        (void)snprintf(match, sizeof(match), "\"%.*s\"", LT_ARG(source->etag));
        lt_remote_add_header(&call, "if-match", lt_text_of(match));
    }
    for (unsigned i = 1;; i++) {
        LT_TRY(lt_remote_send(self->client, &call, response, err));
        bool whole = response->status == 200 && offset == 0;
        bool good = whole || (response->status == 206 &&
                              range_is(lt_http_header_find(response, T("Content-Range")), offset));
        if (good && (int64_t)response->body.len == len)
            return LT_OK;
        if (i == TRIES)
            return wrong_range(source, err);
    }
}

/* ---------------------------------------------------------------- many, in order */

/* A window of ranges: workers fill slots, the caller empties them in order. */
typedef struct window {
    lt_remote *self;
    const lt_remote_source *source;
    size_t count; /* ranges */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t next_fetch, next_give;
    bool stop;
    lt_status status;
    lt_err err;
    struct {
        lt_http_response response;
        bool full;
    } slots[SLOTS];
} window;

static int64_t range_len(const window *it, size_t i)
{
    int64_t from = (int64_t)(i * LT_REMOTE_PART_BYTES);
    return LT_MIN((int64_t)LT_REMOTE_PART_BYTES, it->source->len - from);
}

/* The next range that may be fetched; false: there is no more to do. Holds the lock. */
static bool take_range(window *it, size_t *i)
{
    while (!it->stop && it->next_fetch < it->count && it->next_fetch >= it->next_give + SLOTS)
        (void)pthread_cond_wait(&it->changed, &it->lock);
    if (it->stop || it->next_fetch >= it->count)
        return false;
    *i = it->next_fetch++;
    return true;
}

static void *fetch_ranges(void *context)
{
    window *it = context;
    size_t i;
    (void)pthread_mutex_lock(&it->lock);
    while (take_range(it, &i)) {
        (void)pthread_mutex_unlock(&it->lock);
        lt_err err = {0};
        lt_status status = fetch_range(it->self, it->source,
                                       it->source->offset + (int64_t)(i * LT_REMOTE_PART_BYTES),
                                       range_len(it, i), &it->slots[i % SLOTS].response, &err);
        (void)pthread_mutex_lock(&it->lock);
        it->slots[i % SLOTS].full = status == LT_OK;
        if (status != LT_OK && it->status == LT_OK) {
            it->status = status;
            it->err = err;
            it->stop = true;
        }
        (void)pthread_cond_broadcast(&it->changed);
    }
    (void)pthread_mutex_unlock(&it->lock);
    return NULL;
}

static lt_status give_in_order(window *it, lt_sink *sink, lt_err *err)
{
    lt_status status = LT_OK;
    (void)pthread_mutex_lock(&it->lock);
    for (size_t i = 0; i < it->count && status == LT_OK; i++) {
        while (!it->stop && !it->slots[i % SLOTS].full)
            (void)pthread_cond_wait(&it->changed, &it->lock);
        if (!it->slots[i % SLOTS].full)
            break;
        (void)pthread_mutex_unlock(&it->lock);
        status = sink->write(sink, lt_buf_text(&it->slots[i % SLOTS].response.body), err);
        (void)pthread_mutex_lock(&it->lock);
        it->slots[i % SLOTS].full = false;
        it->next_give = i + 1;
        (void)pthread_cond_broadcast(&it->changed);
    }
    it->stop = true;
    (void)pthread_cond_broadcast(&it->changed);
    (void)pthread_mutex_unlock(&it->lock);
    return status;
}

static lt_status fetch_many(lt_remote *self, const lt_remote_source *source, size_t count,
                            lt_sink *sink, lt_err *err)
{
    window *it = lt_xcalloc(1, sizeof(*it));
    pthread_t threads[LT_REMOTE_JOBS];
    size_t started = 0;
    it->self = self;
    it->source = source;
    it->count = count;
    (void)pthread_mutex_init(&it->lock, NULL);
    (void)pthread_cond_init(&it->changed, NULL);
    while (started < LT_MIN(count, (size_t)LT_REMOTE_JOBS) &&
           pthread_create(&threads[started], NULL, fetch_ranges, it) == 0)
        started++;
    lt_status status =
        started ? give_in_order(it, sink, err) : lt_fail(err, LT_IO, "cannot start a thread");
    for (size_t i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
    if (status == LT_OK && it->status != LT_OK) {
        *err = it->err;
        status = it->status;
    }
    for (size_t i = 0; i < SLOTS; i++)
        lt_http_response_cleanup(&it->slots[i].response);
    (void)pthread_cond_destroy(&it->changed);
    (void)pthread_mutex_destroy(&it->lock);
    lt_free(it);
    return status;
}

lt_status lt_remote_fetch(lt_remote *self, const lt_remote_source *source, lt_sink *sink,
                          lt_err *err)
{
    LT_AUTO(lt_http_response) response = {0};
    size_t count =
        (size_t)((source->len + (int64_t)LT_REMOTE_PART_BYTES - 1) / (int64_t)LT_REMOTE_PART_BYTES);
    if (count > 1)
        return fetch_many(self, source, count, sink, err);
    if (!count)
        return LT_OK;
    LT_TRY(fetch_range(self, source, source->offset, source->len, &response, err));
    return sink->write(sink, lt_buf_text(&response.body), err);
}

lt_status lt_remote_get_own(lt_remote *self, const char *key, lt_arena *arena, lt_text *out,
                            lt_err *err)
{
    LT_AUTO(lt_http_response) response = {0};
    LT_AUTO(lt_chars) whole = lt_format("%s.leat/%s", self->prefix, key);
    lt_remote_call call;
    lt_remote_begin_own(self, "GET", whole, &call);
    LT_TRY(lt_remote_send(self->client, &call, &response, err));
    *out = lt_arena_text(arena, lt_buf_text(&response.body));
    return LT_OK;
}

/* ---------------------------------------------------------------- whole objects */

/* Passes bytes on and sums them: by the server's own checksum, or as the MD5 that its ETag is. */
typedef struct summed_sink {
    lt_sink sink;
    lt_sink *next;
    lt_sum sum;       /* owned */
    lt_digest digest; /* owned */
    bool by_sum, by_etag;
} summed_sink;

static void summed_sink_cleanup(summed_sink *it)
{
    lt_sum_cleanup(&it->sum);
    lt_digest_cleanup(&it->digest);
}

static lt_status sum_and_pass(lt_sink *sink, lt_text part, lt_err *err)
{
    summed_sink *it = (summed_sink *)sink;
    if (it->by_sum)
        LT_TRY(lt_sum_add(&it->sum, part, err));
    if (it->by_etag)
        LT_TRY(lt_digest_add(&it->digest, part, err));
    return it->next->write(it->next, part, err);
}

/* What the face of the store compares by SHA-256 needs no second sum here. */
static lt_status begin_sums(summed_sink *it, const lt_remote_head *head, lt_err *err)
{
    const lt_checksum *sum = &head->info.checksum;
    if (head->info.sha256.len)
        return LT_OK;
    it->by_sum = sum->kind != LT_SUM_NONE && !sum->composite;
    it->by_etag = !it->by_sum && head->etag_is_md5;
    if (it->by_sum)
        LT_TRY(lt_sum_begin(&it->sum, sum->kind, err));
    return it->by_etag ? lt_digest_begin(&it->digest, true, err) : LT_OK;
}

static lt_status check_sums(summed_sink *it, lt_object_name name, const lt_remote_head *head,
                            lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    bool good = true;
    if (it->by_sum) {
        unsigned char raw[LT_SUM_BYTES];
        size_t len;
        LT_TRY(lt_sum_end(&it->sum, raw, &len, err));
        good = lt_text_eq(lt_sum_text(&arena, lt_text_at((const char *)raw, len), 0),
                          head->info.checksum.value);
    }
    if (it->by_etag) {
        lt_sums sums;
        char hex[2 * LT_MD5_BYTES + 1];
        LT_TRY(lt_digest_end(&it->digest, &sums, err));
        good = lt_text_eq(lt_text_of(lt_hex_write(lt_text_at(sums.md5, LT_MD5_BYTES), hex)),
                          head->info.etag);
    }
    if (good)
        return LT_OK;
    return lt_fail(err, LT_IO, "'%.*s/%.*s' is damaged: its checksum is wrong", LT_ARG(name.bucket),
                   LT_ARG(name.key));
}

static void add_version(lt_buf *query, lt_text version_id)
{
    if (version_id.len)
        lt_remote_add_param(query, "versionId", version_id);
}

/* What is wanted of an object. */
typedef struct wanted {
    size_t offset, len;
    bool checked; /* compare the sum, if that is all of it */
} wanted;

static lt_status read_found(lt_remote *self, lt_object_name name, const lt_remote_head *head,
                            wanted want, lt_sink *sink, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) query = {.limit = LT_URL_BYTES};
    LT_AUTO(summed_sink) summed = {.sink.write = sum_and_pass, .next = sink};
    size_t size = (size_t)head->info.size_bytes;
    lt_remote_source source = {.etag = head->info.etag};
    bool whole = want.checked && want.offset == 0 && want.len >= size;
    if (want.offset >= size)
        return LT_OK;
    source.offset = (int64_t)want.offset;
    source.len = (int64_t)LT_MIN(want.len, size - want.offset);
    lt_remote_begin(self, "GET", name, &arena, &source.call);
    if (name.version_id.len || !lt_text_eq(head->info.version_id, T("null")))
        add_version(&query, head->info.version_id);
    source.call.query = lt_buf_text(&query);
    if (whole)
        LT_TRY(begin_sums(&summed, head, err));
    lt_status status = lt_remote_fetch(self, &source, &summed.sink, err);
    if (status == LT_CONFLICT)
        return lt_fail(err, LT_IO, "'%.*s/%.*s' was changed while it was read", LT_ARG(name.bucket),
                       LT_ARG(name.key));
    LT_TRY(status);
    return whole ? check_sums(&summed, name, head, err) : LT_OK;
}

static lt_status find(lt_remote *self, lt_object_name name, lt_arena *arena, lt_remote_head *head,
                      lt_err *err)
{
    LT_TRY(lt_remote_head_object(self, name, arena, head, err));
    if (!head->info.is_marker)
        return LT_OK;
    return lt_store_fail(err, LT_WHY_IS_MARKER, "version '%.*s' of '%.*s/%.*s' is a delete marker",
                         LT_ARG(name.version_id), LT_ARG(name.bucket), LT_ARG(name.key));
}

lt_status lt_remote_read(lt_store *store, lt_object_name name, size_t offset, size_t len,
                         lt_sink *sink, lt_arena *arena, lt_object_info *info, lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    lt_remote_head head = {0};
    LT_TRY(find(self, name, arena, &head, err));
    *info = head.info;
    return read_found(self, name, &head, (wanted){offset, len, true}, sink, err);
}

/* ---------------------------------------------------------------- open versions */

typedef struct s3_reading {
    lt_reading base;
    lt_remote *self;
    lt_arena arena;
    lt_object_name name;
    lt_remote_head head;
} s3_reading;

typedef struct memory_sink {
    lt_sink sink;
    char *out;
    size_t got, size;
} memory_sink;

static lt_status to_memory(lt_sink *sink, lt_text part, lt_err *err)
{
    memory_sink *it = (memory_sink *)sink;
    if (part.len > it->size - it->got)
        return lt_fail(err, LT_IO, "S3 gave more bytes than were asked for");
    memcpy(it->out + it->got, part.ptr, part.len);
    it->got += part.len;
    return LT_OK;
}

static lt_status reading_pread(lt_reading *reading, int64_t offset, char *out, size_t size,
                               size_t *got, lt_err *err)
{
    s3_reading *it = (s3_reading *)reading;
    memory_sink sink = {.sink.write = to_memory, .out = out, .size = size};
    size_t left = (size_t)(reading->size - offset);
    wanted want = {(size_t)(reading->start + offset), LT_MIN(size, left), false};
    LT_TRY(read_found(it->self, it->name, &it->head, want, &sink.sink, err));
    *got = sink.got;
    return LT_OK;
}

static void reading_close(lt_reading *reading)
{
    s3_reading *it = (s3_reading *)reading;
    lt_arena_cleanup(&it->arena);
    lt_free(it);
}

static const lt_reading_ops reading_ops = {.pread = reading_pread, .close = reading_close};

/* "bytes 5-9/100" */
static bool read_content_range(lt_text text, int64_t *start, int64_t *size, int64_t *total)
{
    lt_text rest = lt_text_sub(text, strlen("bytes "), SIZE_MAX), first, last;
    int64_t end;
    if (!lt_text_starts(text, T("bytes ")) || !lt_text_cut(&rest, '-', &first) ||
        !lt_text_cut(&rest, '/', &last) || !lt_text_to_i64(first, start) ||
        !lt_text_to_i64(last, &end) || !lt_text_to_i64(rest, total) || end < *start)
        return false;
    *size = end - *start + 1;
    return true;
}

/* Where the part lies; an object that was not made of parts has one. */
static lt_status find_part(lt_remote *self, lt_object_name name, int32_t part, lt_remote_head *head,
                           lt_reading *out, lt_err *err)
{
    LT_AUTO(lt_http_response) response = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) query = {.limit = LT_URL_BYTES};
    lt_remote_call call;
    char number[16];
    int64_t total;
    (void)snprintf(number, sizeof(number), "%d", (int)part);
    lt_remote_begin(self, "HEAD", name, &arena, &call);
    lt_remote_add_param(&query, "partNumber", lt_text_of(number));
    add_version(&query, name.version_id);
    call.query = lt_buf_text(&query);
    lt_status status = lt_remote_send(self->client, &call, &response, err);
    bool missing = response.status == 400 || response.status == 416;
    if (missing || (status == LT_OK && part > LT_MAX(head->info.part_count, 1)))
        return lt_store_fail(err, LT_WHY_BAD_PART, "'%.*s/%.*s' has no part %d",
                             LT_ARG(name.bucket), LT_ARG(name.key), (int)part);
    LT_TRY(status);
    if (read_content_range(lt_http_header_find(&response, T("Content-Range")), &out->start,
                           &out->size, &total))
        return LT_OK;
    out->start = 0; /* all of it */
    out->size = head->info.size_bytes;
    return LT_OK;
}

lt_status lt_remote_reading_open(lt_store *store, lt_object_name name, int32_t part,
                                 lt_arena *arena, lt_object_info *info, lt_reading **out,
                                 lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    lt_remote_head head = {0};
    lt_status status = find(self, name, arena, &head, err);
    *info = head.info;
    LT_TRY(status);
    lt_reading opened = {.ops = &reading_ops, .size = head.info.size_bytes};
    if (part > 0)
        LT_TRY(find_part(self, name, part, &head, &opened, err));
    s3_reading *it = lt_xcalloc(1, sizeof(*it));
    it->base = opened;
    it->self = self;
    it->name = (lt_object_name){lt_arena_text(&it->arena, name.bucket),
                                lt_arena_text(&it->arena, name.key),
                                lt_arena_text(&it->arena, name.version_id)};
    it->head = head;
    it->head.info.etag = lt_arena_text(&it->arena, head.info.etag);
    it->head.info.version_id = lt_arena_text(&it->arena, head.info.version_id);
    *out = &it->base;
    return LT_OK;
}

/* ---------------------------------------------------------------- the parts of an object */

static bool read_part(const lt_xml *xml, lt_part_info *out)
{
    int64_t number;
    *out = (lt_part_info){0};
    if (!lt_text_to_i64(lt_xml_text(xml, T("PartNumber")), &number) || number < 1 ||
        number > LT_PARTS || !lt_text_to_i64(lt_xml_text(xml, T("Size")), &out->size_bytes))
        return false;
    out->number = (int32_t)number;
    for (lt_sum_kind kind = LT_SUM_CRC32; kind < LT_SUM_COUNT; kind++) {
        char name[32];
        int len = snprintf(name, sizeof(name), "Checksum%s", lt_sum_name(kind));
        lt_text value = lt_xml_text(xml, lt_text_at(name, (size_t)len));
        if (value.len)
            out->checksum = (lt_checksum){.kind = kind, .value = value};
    }
    return true;
}

/* GetObjectAttributes: of parts without checksums S3 says nothing but their number; they have no ETags here. */
lt_status lt_remote_object_parts(lt_store *store, lt_object_name name, lt_page page,
                                 lt_arena *arena, lt_part_list *out, lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    LT_AUTO(lt_http_response) response = {0};
    LT_AUTO(lt_buf) query = {.limit = LT_URL_BYTES};
    lt_remote_call call;
    lt_xml *root;
    lt_remote_begin(self, "GET", name, arena, &call);
    lt_buf_add_str(&query, "attributes=");
    add_version(&query, name.version_id);
    call.query = lt_buf_text(&query);
    size_t limit = page.limit && page.limit < 1000 ? page.limit : 1000;
    lt_remote_add_header(&call, "x-amz-object-attributes", T("ObjectParts"));
    lt_remote_add_header(&call, "x-amz-max-parts",
                         lt_text_of(lt_arena_format(arena, "%zu", limit)));
    lt_remote_add_header(&call, "x-amz-part-number-marker",
                         lt_text_of(lt_arena_format(arena, "%d", (int)page.after)));
    LT_TRY(lt_remote_send(self->client, &call, &response, err));
    LT_TRY(lt_xml_read(lt_buf_text(&response.body), NULL, arena, &root, err));
    const lt_xml *parts = lt_xml_find(root, T("ObjectParts"));
    for (const lt_xml *one = lt_xml_find(parts, T("Part")); one; one = lt_xml_again(one)) {
        lt_part_info part;
        if (!read_part(one, &part))
            return lt_fail(err, LT_IO, "S3 gave a list of parts that cannot be read");
        lt_push_in(arena, &out->items, part);
    }
    out->more = lt_text_eq(lt_xml_text(parts, T("IsTruncated")), T("true"));
    return LT_OK;
}
