/* REST sources: workers fetch pages, check them, spool their records and learn the types; then all of it lands at once. */
#include "base/fs.h"
#include "base/log.h"
#include "base/time.h"
#include "net/link_header.h"
#include "net/url.h"
#include "source/pager.h"
#include "source/rest_auth.h"
#include "source/spool.h"
#include "source/unique.h"

#include <stdio.h>
#include <sys/stat.h>

enum {
    PAGE_BYTES = 64 * 1024 * 1024,
    SINGLE_BYTES = 256 * 1024 * 1024,
    RECORD_BYTES = 16 * 1024 * 1024, /* what DuckDB's reader takes */
    PARALLEL_MAX = 64,
    PAGE_TRIES = 4 /* of a page that is not whole or not JSON, or that should be there and is not */
};

/* All that the workers share. What is not marked is constant while they run. */
typedef struct rest {
    lt_extraction *self;
    lt_http_client *client;
    lt_retry retry;
    lt_rate own_rate, *rate;
    lt_rest_auth auth;
    lt_pager pager;
    lt_text url; /* of the resource, with all constant parameters */
    lt_http_headers headers;
    lt_type known; /* the record as the dataset has it */
    lt_infer_options infer;
    _Atomic int64_t requests, retries_left, bytes;
    pthread_mutex_t lock;
    lt_status status; /* under lock: the first failure */
    lt_err err;
} rest;

typedef struct worker {
    rest *rest;
    pthread_t thread;
    bool started;
    lt_spool records, hashes;
    lt_infer infer;
    lt_http_response response;
    lt_texts found; /* the records of the page in hand; heap */
    lt_buf url;
    lt_arena arena; /* for one page */
} worker;

/* ---- the request ---- */

static lt_status add_params(lt_extraction *self, const lt_conf_pairs *pairs, lt_buf *url,
                            lt_err *err)
{
    for (size_t i = 0; i < pairs->len; i++) {
        lt_text value;
        LT_TRY(lt_extraction_render(self, &pairs->items[i].value, &value, err));
        lt_url_set_param(url, pairs->items[i].name, value);
    }
    return LT_OK;
}

static bool has_header(const rest *r, lt_text name)
{
    for (size_t i = 0; i < r->headers.len; i++)
        if (lt_text_eq_nocase(r->headers.items[i].name, name))
            return true;
    return false;
}

/* The first of a name wins: the resource's before the source's before our own. */
static lt_status add_headers(rest *r, const lt_conf_pairs *pairs, lt_err *err)
{
    size_t before = r->headers.len;
    for (size_t i = 0; i < pairs->len; i++) {
        lt_http_header header = {.name = pairs->items[i].name, .secret = true};
        bool taken = before > 0 && has_header(r, header.name);
        LT_TRY(lt_extraction_render(r->self, &pairs->items[i].value, &header.value, err));
        if (!taken)
            lt_push_in(r->self->arena, &r->headers, header);
    }
    return LT_OK;
}

/* base_url and path become one, with one slash between; a path that is a URL stands alone. */
static lt_status make_url(rest *r, lt_err *err)
{
    lt_extraction *self = r->self;
    lt_text base, path;
    LT_AUTO(lt_buf) url = {.limit = LT_URL_BYTES};
    LT_TRY(lt_extraction_render(self, &self->source->base_url, &base, err));
    LT_TRY(lt_extraction_render(self, &self->resource->path, &path, err));
    if (!lt_text_starts(path, T("http://")) && !lt_text_starts(path, T("https://"))) {
        while (lt_text_ends(base, T("/")))
            base.len--;
        lt_buf_add(&url, base);
        if (path.len > 0 && !lt_text_starts(path, T("/")) && !lt_text_starts(path, T("?")))
            lt_buf_add_byte(&url, '/');
    }
    lt_buf_add(&url, path);
    LT_TRY(add_params(self, &self->source->params, &url, err));
    LT_TRY(add_params(self, &self->resource->params, &url, err));
    if (self->resource->cursor.param.len > 0 && self->from.ptr && self->from.len > 0)
        lt_url_set_param(&url, self->resource->cursor.param, self->from);
    LT_TRY(lt_buf_check(&url, "the URL", err));
    lt_url parts;
    if (lt_url_read(lt_buf_text(&url), &parts, err) != LT_OK) {
        lt_conf_place place = self->source->base_url.place;
        return lt_wrap(err, "%s:%u:%u: base_url", place.file ? place.file : "", place.line,
                       place.col);
    }
    r->url = lt_arena_text(self->arena, lt_buf_text(&url));
    return LT_OK;
}

static void set_int(lt_buf *url, lt_text name, int64_t value)
{
    char digits[24];
    (void)snprintf(digits, sizeof(digits), "%lld", (long long)value);
    if (name.len > 0)
        lt_url_set_param(url, name, lt_text_of(digits));
}

/* The next link must stay where the credentials belong. */
static lt_status next_link_url(const rest *r, lt_text link, lt_buf *url, lt_err *err)
{
    lt_url first, next;
    LT_TRY(lt_url_read(r->url, &first, err));
    if (lt_url_read(link, &next, err) != LT_OK) {
        (void)lt_wrap(err, "the link to the next page");
        (void)lt_hint(err, "the server gave it: tell the people who run it");
        return err->status = LT_FAILED;
    }
    if (!lt_url_same_origin(&first, &next)) {
        lt_ignore(lt_fail(err, LT_FAILED,
                          "the link to the next page leads to another server, %.*s://%.*s",
                          LT_ARG(next.scheme), LT_ARG(next.host)));
        return lt_hint(
            err, "credentials are not sent there; set base_url to that server, if it is right");
    }
    lt_buf_add(url, link);
    return LT_OK;
}

static lt_status page_url(const rest *r, const lt_page_request *page, lt_buf *url, lt_err *err)
{
    const lt_conf_paginate *conf = &r->self->resource->paginate;
    lt_buf_clear(url);
    url->limit = 2 * (size_t)LT_URL_BYTES;
    bool link = conf->type == LT_CONF_NEXT_LINK || conf->type == LT_CONF_LINK_HEADER;
    if (link && page->next.len > 0)
        LT_TRY(next_link_url(r, lt_buf_text(&page->next), url, err));
    else
        lt_buf_add(url, r->url);
    if (conf->type == LT_CONF_PAGE_NUMBER)
        set_int(url, conf->page_param, page->value);
    if (conf->type == LT_CONF_OFFSET)
        set_int(url, conf->offset_param, page->value);
    if (conf->size > 0 && !(link && page->next.len > 0))
        set_int(url, conf->type == LT_CONF_OFFSET ? conf->limit_param : conf->size_param,
                conf->size);
    if (conf->type == LT_CONF_CURSOR && page->next.len > 0)
        lt_url_set_param(url, conf->cursor_param, lt_buf_text(&page->next));
    if (r->auth.query_name.len > 0)
        lt_url_set_param(url, r->auth.query_name, r->auth.query_value);
    return lt_buf_check(url, "the URL", err);
}

/* ---- fetching ---- */

static lt_status send_once(worker *w, unsigned *generation, lt_err *err)
{
    rest *r = w->rest;
    lt_http_header *headers = lt_alloc_array(&w->arena, r->headers.len + 1, sizeof(*headers));
    size_t count = 0;
    LT_TRY(lt_rest_auth_header(&r->auth, r->client, &r->retry, &w->arena, &headers[count],
                               generation, err));
    count += headers[count].name.len > 0;
    for (size_t i = 0; i < r->headers.len; i++)
        headers[count++] = r->headers.items[i];
    lt_http_request request = {
        .url = lt_buf_text(&w->url), .headers = headers, .header_count = count};
    int64_t attempts = 0;
    lt_status status = lt_http_send_patiently(r->client, &request, &r->retry, r->rate, &w->response,
                                              &attempts, err);
    atomic_fetch_add(&r->requests, attempts);
    return status;
}

/* Send, and once more with a new token when the old one has expired. */
static lt_status send_page(worker *w, lt_err *err)
{
    unsigned generation = 0;
    lt_status status = send_once(w, &generation, err);
    if (status == LT_TOO_BIG) { /* what the source sent is the matter, not this machine */
        lt_ignore(lt_fail(err, LT_FAILED, "%s", err->message));
        return lt_hint(err, "ask for smaller pages with paginate.size");
    }
    LT_TRY(status);
    if (w->response.status == 401 && lt_rest_auth_renew(&w->rest->auth, generation))
        LT_TRY(send_once(w, &generation, err));
    if (w->response.status == 401 || w->response.status == 403)
        return lt_rest_auth_refused(&w->rest->auth, w->response.status, lt_buf_text(&w->url), err);
    return LT_OK;
}

/* "GET https://... (page 7)" for messages. */
static const char *page_name(worker *w, const lt_page_request *page)
{
    LT_AUTO(lt_buf) shown = {.limit = 64 * LT_KIB};
    lt_url_show(lt_text_sub(lt_buf_text(&w->url), 0, 300), &shown);
    return lt_arena_format(&w->arena, "GET %s (page %lld)", lt_buf_chars(&shown),
                           (long long)page->index + 1);
}

/* The first bytes of an answer, for people. */
static lt_status wrong_status(worker *w, const lt_page_request *page, lt_err *err)
{
    lt_text start = lt_text_sub(lt_buf_text(&w->response.body), 0, 120);
    start.len = lt_utf8_valid_len(start);
    int status = w->response.status;
    lt_ignore(lt_fail(err, LT_FAILED, "%s: the server answered %d %s: %.*s", page_name(w, page),
                      status, lt_http_status_name(status), LT_ARG(start)));
    if (status == 404)
        return lt_hint(err, "check base_url, path and params");
    return lt_hint(err, "check the request: path, params, paginate");
}

/* ---- reading a page ---- */

/* Find every record, and so check every byte of the page, before any of it is used. */
static lt_status find_records(worker *w, const char *name, lt_err *err)
{
    lt_json_walk walk;
    lt_json_token token;
    w->found.len = 0;
    lt_json_walk_open(&walk, &w->rest->self->resource->records, true,
                      lt_buf_text(&w->response.body), name);
    for (;;) {
        if (lt_json_walk_next(&walk, &token, err) != LT_OK)
            return lt_wrap(err, "broken JSON at byte %zu", walk.reader.at);
        if (token.kind == LT_JSON_END)
            break;
        lt_push(&w->found, token.raw);
        if (token.kind != LT_JSON_OBJECT && (token.raw.len == 0 || token.raw.ptr[0] != '{')) {
            lt_ignore(lt_fail(err, LT_FAILED, "%s: record %zu at '%.*s' is %s, not an object", name,
                              w->found.len, LT_ARG(walk.path->source),
                              lt_json_kind_name(token.kind)));
            return lt_hint(err, "point `records` at the objects inside");
        }
        if (token.raw.len > RECORD_BYTES)
            return lt_fail(err, LT_TOO_BIG, "%s: record %zu is larger than %d bytes", name,
                           w->found.len, RECORD_BYTES);
    }
    lt_status status = lt_json_walk_check(&walk, err);
    if (status != LT_OK)
        err->status = LT_FAILED; /* the data are wrong, not the files of the project */
    return status == LT_OK ? LT_OK : LT_FAILED;
}

/* The value at a path of the page: text of a string, digits of a number; empty for null, false, nothing. */
static lt_status find_text(worker *w, const lt_json_path *path, lt_text *out, lt_err *err)
{
    lt_json_token token;
    *out = (lt_text){0};
    if (path->source.len == 0)
        return LT_OK;
    LT_TRY(lt_json_path_find(path, lt_buf_text(&w->response.body), NULL, &token, err));
    if (token.kind == LT_JSON_STRING)
        *out = lt_json_string_in(&w->arena, token.raw);
    else if (token.kind == LT_JSON_NUMBER)
        *out = lt_arena_text(&w->arena, token.raw);
    return LT_OK;
}

static lt_status find_count(worker *w, const lt_json_path *path, const char *what, int64_t *out,
                            lt_err *err)
{
    lt_text text;
    *out = -1;
    LT_TRY(find_text(w, path, &text, err));
    if (path->source.len == 0 || (lt_text_to_i64(text, out) && *out >= 0))
        return LT_OK;
    lt_ignore(lt_conf_fail(w->rest->self->resource->paginate.place, err,
                           "the page holds no %s at '%.*s'", what, LT_ARG(path->source)));
    return lt_hint(err, "correct the path, or leave it out to read until a page is not full");
}

static lt_status absolute(worker *w, lt_text link, lt_text *out, lt_err *err)
{
    LT_AUTO(lt_buf) url = {.limit = 2 * (size_t)LT_URL_BYTES};
    if (link.len == 0)
        return LT_OK;
    if (!lt_url_resolve(w->response.url, link, &url) || url.overflow)
        return lt_fail(err, LT_FAILED, "the link to the next page is no URL: '%.*s'",
                       LT_ARG(lt_text_sub(link, 0, 200)));
    *out = lt_arena_text(&w->arena, lt_buf_text(&url));
    return LT_OK;
}

static lt_status find_next(worker *w, lt_page_info *info, lt_err *err)
{
    const lt_conf_paginate *conf = &w->rest->self->resource->paginate;
    lt_text link = {0};
    switch (conf->type) {
    case LT_CONF_CURSOR:
        return find_text(w, &conf->next, &info->next, err);
    case LT_CONF_NEXT_LINK:
        LT_TRY(find_text(w, &conf->next, &link, err));
        return absolute(w, link, &info->next, err);
    case LT_CONF_LINK_HEADER:
        for (size_t i = 0; i < w->response.headers.len && link.len == 0; i++)
            if (lt_text_eq_nocase(w->response.headers.items[i].name, T("Link")))
                (void)lt_link_find(w->response.headers.items[i].value, T("next"), &link);
        return absolute(w, link, &info->next, err);
    default:
        return LT_OK;
    }
}

static lt_status find_counts(worker *w, lt_page_info *info, lt_err *err)
{
    const lt_conf_paginate *conf = &w->rest->self->resource->paginate;
    LT_TRY(find_count(w, &conf->total, "number of records (paginate.total)", &info->total, err));
    return find_count(w, &conf->total_pages, "number of pages (paginate.total_pages)",
                      &info->total_pages, err);
}

/* Where it goes on from here. */
static lt_status find_info(worker *w, const lt_page_request *page, lt_page_info *info, lt_err *err)
{
    info->records = (int64_t)w->found.len;
    if (page->counts) /* a page of which nobody knows whether it is the last */
        info->hash = lt_text_hash(lt_buf_text(&w->response.body));
    if (page->index == 0)
        LT_TRY(find_counts(w, info, err));
    else if (page->counts)
        lt_ignore(find_counts(w, info, &(lt_err){0})); /* only the first page must say it */
    return find_next(w, info, err);
}

/* ---- one page ---- */

static lt_status wait_before(worker *w, unsigned attempt, lt_err *err)
{
    int64_t delay_us =
        lt_retry_delay_us(&w->rest->retry, attempt, -1, (uint64_t)lt_mono_us() * 2654435761U);
    return lt_wait_us(delay_us, w->rest->self->job->stop, err);
}

/* A page that should be there is asked for a few times before its 404 is believed; the first page's is believed at once. */
static bool may_appear(const worker *w, const lt_page_request *page, unsigned attempt)
{
    return w->response.status == 404 && page->index > 0 && !page->probe && attempt < PAGE_TRIES;
}

/* Fetch until the page is whole and is JSON, or was tried often enough. */
static lt_status fetch_page(worker *w, const lt_page_request *page, lt_page_info *info, lt_err *err)
{
    for (unsigned attempt = 1;; attempt++) {
        *info = (lt_page_info){.total = -1, .total_pages = -1};
        LT_TRY(page_url(w->rest, page, &w->url, err));
        LT_TRY(send_page(w, err));
        atomic_fetch_add(&w->rest->bytes, w->response.wire_bytes);
        int status = w->response.status;
        info->missing = page->probe && (status == 404 || status == 400 || status == 416);
        if (info->missing || status == 204) {
            w->found.len = 0;
            return LT_OK;
        }
        bool good = status >= 200 && status <= 299;
        if (!good && !may_appear(w, page, attempt))
            return wrong_status(w, page, err);
        if (good && find_records(w, page_name(w, page), err) == LT_OK)
            return find_info(w, page, info, err);
        if (good && err->status != LT_INVALID)
            return err->status; /* of another shape: asking again does not help */
        if (attempt == PAGE_TRIES) {
            (void)lt_wrap(err, "tried %d times", PAGE_TRIES);
            (void)lt_hint(err,
                          "the server sends broken pages: try again later, or tell its people");
            return err->status = LT_FAILED;
        }
        LT_TRY(wait_before(w, attempt + 1, err));
    }
}

static lt_status keep_records(worker *w, const lt_page_request *page, lt_err *err)
{
    for (size_t i = 0; i < w->found.len; i++) {
        if (lt_infer_record(&w->infer, w->found.items[i], page->index + 1, (int64_t)i + 1, err) !=
            LT_OK) {
            (void)lt_wrap(err, "%s, record %zu", page_name(w, page), i + 1);
            return err->status;
        }
        lt_infer_add_line(&w->infer, &w->records.buf);
        if (lt_spool_is_full(&w->records))
            LT_TRY(lt_spool_flush(&w->records, err));
    }
    lt_buf_add(&w->hashes.buf, lt_buf_text(&w->infer.hashes));
    lt_buf_clear(&w->infer.hashes);
    return lt_spool_is_full(&w->hashes) ? lt_spool_flush(&w->hashes, err) : LT_OK;
}

static void count_page(const worker *w, const lt_page_info *info)
{
    lt_progress *progress = w->rest->self->job->progress;
    if (!progress)
        return;
    lt_progress_add(&progress->rows_in, info->records);
    lt_progress_add(&progress->bytes, w->response.wire_bytes);
    if (info->total >= 0)
        atomic_store(&progress->rows_total, info->total);
}

/* The pager hears of the page before its records are taken in, so that the next one is fetched meanwhile. */
static lt_status do_page(worker *w, const lt_page_request *page, lt_err *err)
{
    lt_page_info info;
    lt_arena_cleanup(&w->arena);
    LT_TRY(fetch_page(w, page, &info, err));
    count_page(w, &info);
    if (lt_pager_landed(&w->rest->pager, page, &info, err) != LT_OK) {
        (void)lt_wrap(err, "%s", page_name(w, page));
        return err->status;
    }
    return keep_records(w, page, err);
}

/* ---- workers ---- */

static void report_failure(rest *r, lt_status status, const lt_err *err)
{
    (void)pthread_mutex_lock(&r->lock);
    if (r->status == LT_OK) {
        r->status = status;
        r->err = *err;
    }
    (void)pthread_mutex_unlock(&r->lock);
    lt_pager_stop(&r->pager);
}

static void *work(void *context)
{
    worker *w = context;
    lt_page_request page = {0};
    lt_err err = {0};
    lt_status status = LT_OK;
    while (status == LT_OK && lt_pager_take(&w->rest->pager, &page)) {
        status = do_page(w, &page, &err);
        if (status == LT_OK && lt_extraction_stopped(w->rest->self))
            status = lt_fail(&err, LT_CANCELLED, "stopped while reading pages");
    }
    if (status == LT_OK)
        status = lt_spool_flush(&w->records, &err);
    if (status == LT_OK)
        status = lt_spool_flush(&w->hashes, &err);
    if (status != LT_OK)
        report_failure(w->rest, status, &err);
    lt_buf_cleanup(&page.next);
    lt_http_response_cleanup(&w->response); /* the memory is wanted for what follows */
    lt_vec_free(&w->found);
    lt_arena_cleanup(&w->arena);
    lt_buf_cleanup(&w->url);
    return NULL;
}

static lt_status worker_start(worker *w, rest *r, size_t number, lt_err *err)
{
    char name[32];
    w->rest = r;
    lt_infer_init(&w->infer, &r->infer);
    (void)snprintf(name, sizeof(name), "records-%zu.ndjson", number);
    LT_TRY(lt_spool_open(&w->records, r->self->job->scratch, name, err));
    (void)snprintf(name, sizeof(name), "keys-%zu.bin", number);
    LT_TRY(lt_spool_open(&w->hashes, r->self->job->scratch, name, err));
    int code = pthread_create(&w->thread, NULL, work, w);
    if (code != 0)
        return lt_fail_errno(err, code, "cannot start a thread");
    w->started = true;
    return LT_OK;
}

static size_t worker_count(const rest *r)
{
    const lt_conf_resource *resource = r->self->resource;
    int64_t wanted = resource->parallel > 0 ? resource->parallel : r->self->source->parallel;
    if (resource->paginate.type == LT_CONF_SINGLE)
        return 1;
    if (!r->pager.numbered)
        return 2; /* one fetches while the other takes records in */
    return (size_t)LT_MIN(LT_MAX(wanted, 1), PARALLEL_MAX);
}

static lt_status run_workers(rest *r, worker *workers, size_t count, lt_err *err)
{
    lt_status status = LT_OK;
    for (size_t i = 0; status == LT_OK && i < count; i++)
        status = worker_start(&workers[i], r, i, err);
    if (status != LT_OK)
        lt_pager_stop(&r->pager);
    for (size_t i = 0; i < count; i++)
        if (workers[i].started)
            (void)pthread_join(workers[i].thread, NULL);
    if (status == LT_OK && r->status != LT_OK) {
        *err = r->err;
        status = r->status;
    }
    return status;
}

/* ---- landing ---- */

static bool has_lines(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && info.st_size > 0;
}

/* Put the records whose key stands twice into files of their own, small enough to be ranked in little memory. */
static lt_status split_twins(rest *r, worker *workers, size_t count, const lt_twins *twins,
                             lt_texts *kept, lt_texts *apart, lt_err *err)
{
    enum { TWINS_A_PART = 20000, PARTS_MAX = 64 };
    lt_arena *arena = r->self->arena;
    const char *parts[PARTS_MAX];
    size_t part_count = LT_MIN(twins->len / TWINS_A_PART + 1, (size_t)PARTS_MAX);
    for (size_t i = 0; i < part_count; i++)
        parts[i] = lt_arena_format(arena, "%s/twins-%zu.ndjson", r->self->job->scratch, i);
    for (size_t i = 0; i < count; i++) {
        const char *path = lt_arena_format(arena, "%s/kept-%zu.ndjson", r->self->job->scratch, i);
        LT_TRY(lt_twins_split(twins, workers[i].records.path, workers[i].hashes.path, path, parts,
                              part_count, err));
        LT_TRY(lt_path_remove(workers[i].records.path, err));
        if (has_lines(path))
            lt_push_in(arena, kept, lt_text_of(path));
    }
    for (size_t i = 0; i < part_count; i++)
        if (has_lines(parts[i]))
            lt_push_in(arena, apart, lt_text_of(parts[i]));
    return LT_OK;
}

/* The files with the records: `apart` those in which a key may stand twice. */
static lt_status sort_records(rest *r, worker *workers, size_t count, lt_texts *kept,
                              lt_texts *apart, lt_err *err)
{
    const char *hashes[PARALLEL_MAX];
    lt_twins twins = {0};
    lt_status status = LT_OK;
    for (size_t i = 0; i < count; i++)
        hashes[i] = workers[i].hashes.path;
    if (r->self->keys.len > 0)
        status = lt_twins_find(hashes, count, &twins, err);
    if (status == LT_OK && twins.len > 0)
        status = split_twins(r, workers, count, &twins, kept, apart, err);
    for (size_t i = 0; status == LT_OK && twins.len == 0 && i < count; i++)
        if (workers[i].records.bytes > 0)
            lt_push_in(r->self->arena, kept, lt_text_of(workers[i].records.path));
    lt_twins_cleanup(&twins);
    return status;
}

/* Nothing came: with a cursor there is nothing to do; a full read empties the dataset. */
static lt_status land_nothing(lt_extraction *self, lt_text mark, lt_err *err)
{
    bool appends = self->resource->cursor.field.len > 0 && !self->job->full_refresh;
    if (appends || !self->has_last) {
        self->result->note = T("no new records");
        return LT_OK;
    }
    return lt_extraction_commit(self, &self->before, NULL, 0, LT_COMMIT_OVERWRITE, mark,
                                (lt_text){0}, err);
}

static void note_total(const rest *r, int64_t fetched)
{
    int64_t total = r->pager.total;
    bool twins_go = r->self->keys.len > 0 && fetched > total; /* pages overlapped: removed by key */
    if (total < 0 || total == fetched || !r->pager.numbered || twins_go)
        return;
    r->self->result->note = lt_text_of(lt_arena_format(
        r->self->arena,
        "the first page spoke of %lld records, and %lld came: they changed while they were read",
        (long long)total, (long long)fetched));
}

static lt_text field_key(const void *context, size_t i)
{
    const lt_type *record = context;
    return record->fields.items[i]->key;
}

/* A cursor that no record has would be no cursor: every extract would read everything, and nobody be told. */
static lt_status check_cursor_field(const lt_extraction *self, const lt_type *record, lt_err *err)
{
    const lt_conf_cursor *cursor = &self->resource->cursor;
    lt_text nearest;
    if (!cursor->field.len || lt_type_field(record, cursor->field))
        return LT_OK;
    lt_ignore(lt_conf_fail(cursor->place, err, "no record has the field '%.*s' of the cursor",
                           LT_ARG(cursor->field)));
    if (lt_text_nearest(cursor->field, record->fields.len, field_key, record, &nearest))
        return lt_hint(err, "did you mean '%.*s'? Fields are named as the API writes them",
                       LT_ARG(nearest));
    return lt_hint(err, "name a field that grows, as the API writes it");
}

/* What happens to numbers that a DOUBLE cannot hold is said, with the first of them. */
static void say_numbers(const lt_extraction *self, const lt_type *record, const lt_schema *schema)
{
    for (size_t i = 0; i < record->fields.len; i++) {
        const lt_field *field = record->fields.items[i];
        const lt_number_notes *numbers = field->numbers;
        const lt_schema_column *column = numbers ? lt_schema_find_key(schema, field->key) : NULL;
        if (!column)
            continue;
        lt_type_kind kind = column->type.kind;
        if (kind == LT_TYPE_TEXT && field->type.kind == LT_TYPE_TEXT && numbers->settled_as_text)
            lt_log(
                LT_LOG_WARNING,
                "%.*s.%.*s: the column '%.*s' is text (VARCHAR), since no number type holds %.*s",
                LT_ARG(self->source->name), LT_ARG(self->resource->name), LT_ARG(column->name),
                LT_ARG(lt_text_sub(numbers->beyond, 0, 60)));
        else if (kind == LT_TYPE_DOUBLE && numbers->exact)
            lt_log(LT_LOG_WARNING,
                   "%.*s.%.*s: the column '%.*s' is DOUBLE, which rounds numbers such as %.*s",
                   LT_ARG(self->source->name), LT_ARG(self->resource->name), LT_ARG(column->name),
                   LT_ARG(lt_text_sub(numbers->example, 0, 60)));
        else if (kind == LT_TYPE_DECIMAL && column->type.scale > 0 && numbers->rough > 0)
            lt_log(LT_LOG_WARNING,
                   "%.*s.%.*s: %lld numbers of the column '%.*s' came before the first that needs "
                   "DECIMAL (%.*s), and may differ in their 16th digit",
                   LT_ARG(self->source->name), LT_ARG(self->resource->name),
                   (long long)numbers->rough, LT_ARG(column->name),
                   LT_ARG(lt_text_sub(numbers->example, 0, 60)));
    }
}

static lt_status land(rest *r, worker *workers, size_t count, lt_err *err)
{
    lt_extraction *self = r->self;
    lt_infer *all = &workers[0].infer;
    lt_texts kept = {0}, apart = {0};
    lt_schema schema;
    lt_landing landing = {.ndjson = &kept, .twins = &apart};
    int64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            LT_TRY(lt_infer_merge(all, &workers[i].infer, err));
        bytes += workers[i].records.bytes;
    }
    if (self->from_raw.len > 0)
        LT_TRY(lt_mark_feed(&all->mark, self->from_raw, err)); /* never back */
    self->result->fetched = all->records;
    self->result->requests = atomic_load(&r->requests);
    self->result->bytes = atomic_load(&r->bytes);
    note_total(r, all->records);
    if (all->records == 0)
        return land_nothing(self, lt_buf_text(&all->mark.raw), err);
    LT_TRY(check_cursor_field(self, &all->record, err));
    LT_TRY(sort_records(r, workers, count, &kept, &apart, err));
    lt_infer_order(all);
    landing.record_bytes = (size_t)(bytes / all->records);
    LT_TRY(lt_schema_plan(&self->before, &all->record, &self->resource->contract, self->arena,
                          &schema, err));
    self->result->discarded = schema.left_out_values;
    say_numbers(self, &all->record, &schema);
    return lt_extraction_land(self, &schema, &landing, lt_buf_text(&all->mark.raw), err);
}

/* ---- the whole ---- */

/* Where the file of certificates lies; NULL: none is set. */
static lt_status find_ca_file(rest *r, const char **out, lt_err *err)
{
    lt_extraction *self = r->self;
    lt_text path;
    LT_TRY(lt_extraction_render(self, &self->source->ca_file, &path, err));
    *out = NULL;
    if (!path.len)
        return LT_OK;
    *out = path.ptr[0] == '/'
               ? lt_arena_str(self->arena, path)
               : lt_arena_format(self->arena, "%s/%.*s", self->job->project_root, LT_ARG(path));
    if (lt_path_exists(*out))
        return LT_OK;
    return lt_conf_fail(self->source->ca_file.place, err, "the file '%s' is not there", *out);
}

static lt_status open_client(rest *r, lt_err *err)
{
    const char *ca_file;
    LT_TRY(find_ca_file(r, &ca_file, err));
    const lt_conf_source *source = r->self->source;
    bool single = r->self->resource->paginate.type == LT_CONF_SINGLE;
    lt_http_options options = {.total_timeout_ms = source->timeout_us / 1000,
                               .quiet_timeout_ms = source->timeout_us / 1000,
                               .ca_file = ca_file,
                               .body_limit = single ? SINGLE_BYTES : PAGE_BYTES,
                               .stop = r->self->job->stop};
    r->client = lt_http_client_new(&options);
    r->retry = (lt_retry){.attempts = (unsigned)LT_MIN(LT_MAX(source->retries, 0), 1000) + 1,
                          .base_us = 100 * 1000,
                          .cap_us = 30 * 1000000LL};
    r->rate = r->self->job->rate;
    if (!r->rate) {
        unsigned per_minute = (unsigned)LT_MIN(LT_MAX(source->requests_per_minute, 0), 100000000);
        lt_rate_init(&r->own_rate, per_minute, per_minute / 60);
        r->rate = &r->own_rate;
    }
    return LT_OK;
}

static lt_status open_rest(rest *r, lt_err *err)
{
    lt_extraction *self = r->self;
    const lt_conf_contract *contract = &self->resource->contract;
    LT_TRY(open_client(r, err));
    lt_pager_init(&r->pager, &self->resource->paginate);
    (void)pthread_mutex_init(&r->lock, NULL);
    LT_TRY(lt_rest_auth_open(&r->auth, self, err));
    LT_TRY(make_url(r, err));
    LT_TRY(add_headers(r, &self->resource->headers, err));
    LT_TRY(add_headers(r, &self->source->headers, err));
    if (!has_header(r, T("Accept"))) {
        lt_http_header accept = {.name = T("Accept"), .value = T("application/json")};
        lt_push_in(self->arena, &r->headers, accept);
    }
    lt_schema_record(&self->before, self->arena, &r->known);
    bool known = self->before.columns.len > 0;
    r->infer = (lt_infer_options){.keys = &self->keys,
                                  .cursor_field = self->resource->cursor.field,
                                  .known = known ? &r->known : NULL,
                                  .freeze_columns = contract->columns == LT_CONF_FREEZE,
                                  .freeze_types = contract->types == LT_CONF_FREEZE};
    return LT_OK;
}

static void close_rest(rest *r, worker *workers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        lt_infer_cleanup(&workers[i].infer);
        lt_spool_cleanup(&workers[i].records);
        lt_spool_cleanup(&workers[i].hashes);
    }
    if (r->rate == &r->own_rate)
        lt_rate_cleanup(&r->own_rate);
    lt_rest_auth_cleanup(&r->auth);
    lt_pager_cleanup(&r->pager);
    lt_http_client_free(r->client);
    (void)pthread_mutex_destroy(&r->lock);
}

static lt_status extract(lt_extraction *self, lt_err *err)
{
    rest r = {.self = self};
    size_t count = 0;
    worker *workers = NULL;
    lt_status status = open_rest(&r, err);
    if (status == LT_OK) {
        count = worker_count(&r);
        workers = lt_xcalloc(count, sizeof(*workers));
        for (size_t i = 0; i < count; i++)
            workers[i].records.fd = workers[i].hashes.fd = -1;
        status = run_workers(&r, workers, count, err);
    }
    if (status == LT_OK)
        status = land(&r, workers, count, err);
    close_rest(&r, workers, count);
    lt_free(workers);
    if (status == LT_OK || status == LT_CANCELLED)
        return status;
    return lt_wrap(err, "%.*s.%.*s", LT_ARG(self->source->name), LT_ARG(self->resource->name));
}

const lt_source_ops lt_rest_ops = {.kind = LT_CONF_REST, .name = "rest", .extract = extract};
