/* Answers requests with slices of the spools, and with what was ordered to go wrong. */
#include "routes.h"

#include "base/time.h"
#include "net/url.h"

#include <stdio.h>

/* One list request: which records, and what stands around them. */
typedef struct page {
    const lt_server_request *request;
    lt_server_reply *reply;
    lt_api *api;
    lt_api_table *table;
    int64_t first, count; /* of the records that are asked for */
    int64_t base, total;  /* the records that pass `since`: from index base, so many */
    int64_t number, size; /* page number from 1, and its size */
    lt_buf head, tail;    /* what stands before and behind the records */
    unsigned faults;
} page;

/* ---- parameters ---- */

/* A whole number >= `least`, or `otherwise` when it is not given. False: 400 is in the reply. */
static bool int_param(page *p, lt_text name, int64_t least, int64_t otherwise, int64_t *out)
{
    lt_text value = lt_server_query(p->request, name);
    *out = otherwise;
    if (!value.ptr)
        return true;
    if (lt_text_to_i64(value, out) && *out >= least && *out < INT64_C(1) << 40)
        return true;
    lt_server_reply_error(p->request, p->reply, 400, "%.*s must be a whole number from %lld",
                          LT_ARG(name), (long long)least);
    return false;
}

static bool read_since(page *p)
{
    lt_text since = lt_server_query(p->request, T("since"));
    int64_t visible = atomic_load(&p->table->visible);
    p->base = 0;
    if (since.len > 0) {
        int64_t moment_us;
        if (!lt_time_read(since, &moment_us)) {
            lt_server_reply_error(p->request, p->reply, 400, "since must be a moment");
            return false;
        }
        p->base = LT_MIN(lt_api_first_after(p->table, moment_us), visible);
    }
    p->total = visible - p->base;
    return true;
}

/* Cut what is asked for to what is there. */
static void clamp(page *p)
{
    p->first = LT_MIN(p->first, p->total);
    p->count = LT_MIN(p->count, p->total - p->first);
}

/* ---- the ways to page ---- */

static int64_t pages_of(const page *p)
{
    return (p->total + p->size - 1) / p->size;
}

static bool read_page(page *p)
{
    if (!int_param(p, T("page"), 1, 1, &p->number) ||
        !int_param(p, T("pageSize"), 1, 100, &p->size))
        return false;
    p->size = LT_MIN(p->size, p->api->page_size_max);
    p->first = (p->number - 1) * p->size;
    p->count = p->size;
    clamp(p);
    return true;
}

static bool by_page(page *p)
{
    if (!read_page(p))
        return false;
    lt_buf_add(&p->head, T("{\"items\":["));
    lt_buf_printf(&p->tail, "],\"page\":%lld,\"pageSize\":%lld,\"totalPages\":%lld,\"total\":%lld}",
                  (long long)p->number, (long long)p->size, (long long)pages_of(p),
                  (long long)p->total);
    return true;
}

static bool by_offset(page *p)
{
    if (!int_param(p, T("offset"), 0, 0, &p->first) || !int_param(p, T("limit"), 1, 100, &p->size))
        return false;
    p->size = LT_MIN(p->size, p->api->page_size_max);
    p->number = p->first / p->size + 1;
    p->count = p->size;
    lt_buf_add(&p->head, T("{\"items\":["));
    lt_buf_printf(&p->tail, "],\"offset\":%lld,\"limit\":%lld,\"total\":%lld}", (long long)p->first,
                  (long long)p->size, (long long)p->total);
    clamp(p);
    return true;
}

/* A cursor is "c" and the hex index of the next record. */
static bool read_cursor(lt_text cursor, int64_t *index)
{
    *index = 0;
    if (cursor.len == 0)
        return true;
    if (cursor.ptr[0] != 'c' || cursor.len < 2 || cursor.len > 11)
        return false;
    for (size_t i = 1; i < cursor.len; i++) {
        char c = lt_lower(cursor.ptr[i]);
        if (!lt_is_digit(c) && !(c >= 'a' && c <= 'f'))
            return false;
        *index = *index * 16 + (lt_is_digit(c) ? c - '0' : c - 'a' + 10);
    }
    return true;
}

static bool by_cursor(page *p)
{
    if (!read_cursor(lt_server_query(p->request, T("cursor")), &p->first)) {
        lt_server_reply_error(p->request, p->reply, 400, "the cursor is not one of ours");
        return false;
    }
    if (!int_param(p, T("limit"), 1, 100, &p->size))
        return false;
    p->size = LT_MIN(p->size, p->api->page_size_max);
    p->number = p->first / p->size + 1;
    p->count = p->size;
    clamp(p);
    lt_buf_add(&p->head, T("{\"items\":["));
    int64_t next = p->first + p->count;
    if (next < p->total)
        lt_buf_printf(&p->tail, "],\"next_cursor\":\"c%llx\"}", (unsigned long long)next);
    else
        lt_buf_add(&p->tail, T("],\"next_cursor\":null}"));
    return true;
}

/* The URL of another page of this list. */
static void add_link(const page *p, int64_t number, lt_buf *out)
{
    char digits[24];
    LT_AUTO(lt_buf) url = {.limit = 64 * LT_KIB};
    lt_buf_printf(&url, "%s%.*s", lt_http_server_url(p->request->server),
                  LT_ARG(p->request->target));
    (void)snprintf(digits, sizeof(digits), "%lld", (long long)number);
    lt_url_set_param(&url, T("page"), lt_text_of(digits));
    lt_buf_add(out, lt_buf_text(&url));
}

static bool by_links(page *p)
{
    if (!read_page(p))
        return false;
    LT_AUTO(lt_buf) link = {.limit = 256 * LT_KIB};
    lt_buf_add(&p->head, T("{\"data\":{\"rows\":["));
    lt_buf_add(&p->tail, T("]},\"links\":{\"next\":"));
    bool more = p->first + p->count < p->total;
    if (more) {
        lt_buf_add_byte(&p->tail, '"'); /* a URL holds no quote: ours are encoded */
        add_link(p, p->number + 1, &p->tail);
        lt_buf_add_byte(&p->tail, '"');
        lt_buf_add_byte(&link, '<');
        add_link(p, p->number + 1, &link);
        lt_buf_add(&link, T(">; rel=\"next\", "));
    }
    lt_buf_add(&p->tail, more ? T("}}") : T("null}}"));
    lt_buf_add_byte(&link, '<');
    add_link(p, 1, &link);
    lt_buf_add(&link, T(">; rel=\"first\""));
    lt_server_reply_header(p->request, p->reply, T("Link"), lt_buf_text(&link));
    return true;
}

static bool by_nothing(page *p)
{
    p->number = 1;
    p->size = p->count = p->total;
    lt_buf_add_byte(&p->head, '[');
    lt_buf_add_byte(&p->tail, ']');
    return true;
}

static bool one_record(page *p)
{
    int64_t number;
    if (!lt_text_to_i64(p->request->segments.items[2], &number) || number < 1 ||
        number > p->total) {
        lt_server_reply_error(p->request, p->reply, 404, "no such record");
        return false;
    }
    p->first = number - 1;
    p->count = p->number = p->size = 1;
    return true;
}

/* ---- faults ---- */

static const struct {
    lt_fault_kind kind;
    int status;
    const char *message;
} refusals[] = {
    {LT_FAULT_429, 429, "too many requests"},     {LT_FAULT_500, 500, "ordered to fail"},
    {LT_FAULT_502, 502, "ordered to fail"},       {LT_FAULT_503, 503, "ordered to fail"},
    {LT_FAULT_404, 404, "there is no such page"}, {LT_FAULT_REFUSE, 401, "the token is refused"},
};

static bool has_fault(const page *p, lt_fault_kind kind)
{
    return (p->faults & 1U << kind) != 0;
}

/* True: the request ends here. */
static bool refuse(page *p)
{
    char seconds[24];
    for (size_t i = 0; i < LT_COUNT(refusals); i++) {
        if (!has_fault(p, refusals[i].kind))
            continue;
        (void)snprintf(seconds, sizeof(seconds), "%lld", (long long)p->api->retry_after_s);
        if (refusals[i].status == 429)
            lt_server_reply_header(p->request, p->reply, T("Retry-After"), lt_text_of(seconds));
        lt_server_reply_error(p->request, p->reply, refusals[i].status, "%s", refusals[i].message);
        return true;
    }
    if (has_fault(p, LT_FAULT_NEVER))
        (void)lt_http_server_wait(p->request->server, INT64_C(86400) * 1000000);
    p->reply->hang_up = has_fault(p, LT_FAULT_NEVER) || has_fault(p, LT_FAULT_HANGUP);
    return p->reply->hang_up;
}

/* The first number behind a ':' in the body turns into an object. */
static void change_type(lt_buf *body, size_t from)
{
    for (size_t i = from; i + 1 < body->len; i++) {
        if (body->data[i] != ':' || !lt_is_digit(body->data[i + 1]))
            continue;
        LT_AUTO(lt_buf) rest = {.limit = body->limit};
        size_t end = i + 1;
        while (end < body->len && (lt_is_digit(body->data[end]) || body->data[end] == '.'))
            end++;
        lt_buf_add(&rest, lt_text_sub(lt_buf_text(body), end, body->len));
        lt_buf_cut(body, i + 1);
        lt_buf_add(body, T("{\"odd\":1}"));
        lt_buf_add(body, lt_buf_text(&rest));
        return;
    }
}

/* Sends all but the last bytes, then breaks the connection off. */
static int64_t cut_short(void *state, char *out, size_t size)
{
    lt_text *left = state;
    if (left->len == 0)
        return -1;
    size_t len = LT_MIN(size, left->len);
    memcpy(out, left->ptr, len);
    *left = lt_text_sub(*left, len, left->len);
    return (int64_t)len;
}

static void damage(page *p)
{
    lt_buf *body = &p->reply->body;
    if (has_fault(p, LT_FAULT_TYPE))
        change_type(body, p->head.len);
    if (has_fault(p, LT_FAULT_BROKEN) && body->len > 0)
        body->data[body->len / 2] = '\x01';
    if (has_fault(p, LT_FAULT_TRUNCATE)) {
        lt_text *left = LT_NEW(p->request->arena, lt_text);
        *left = lt_arena_text(p->request->arena, lt_text_sub(lt_buf_text(body), 0, body->len / 2));
        p->reply->state = left;
        p->reply->stream = cut_short;
    }
}

/* Records come and go while somebody pages through them. */
static void move_end(page *p)
{
    if (has_fault(p, LT_FAULT_GROW))
        atomic_store(&p->table->visible, p->table->total);
    if (has_fault(p, LT_FAULT_SHRINK))
        atomic_store(&p->table->visible, p->table->total - p->table->total / 10);
}

/* ---- sending ---- */

static bool wants_gzip(const page *p)
{
    return p->api->gzip &&
           lt_text_has(lt_server_header(p->request, T("Accept-Encoding")), T("gzip"));
}

static void send_page(page *p)
{
    int64_t first = p->base + p->first, count = p->count;
    if (has_fault(p, LT_FAULT_TWICE) && p->first > 0 && count > 0) {
        first--;
        count++;
    }
    if (has_fault(p, LT_FAULT_SHAPE)) {
        lt_buf_clear(&p->head);
        lt_buf_add(&p->head, T("{\"result\":[1,2],\"was\":["));
        lt_buf_clear(&p->tail);
        lt_buf_add(&p->tail, T("]}"));
    }
    lt_text records = lt_api_table_slice(p->table, first, count);
    lt_text head = lt_arena_text(p->request->arena, lt_buf_text(&p->head));
    lt_text tail = lt_arena_text(p->request->arena, lt_buf_text(&p->tail));
    lt_server_reply_header(p->request, p->reply, T("Content-Type"), T("application/json"));
    unsigned damages = 1U << LT_FAULT_TYPE | 1U << LT_FAULT_BROKEN | 1U << LT_FAULT_TRUNCATE;
    if (!wants_gzip(p) && !(p->faults & damages)) {
        lt_texts *parts = &p->reply->parts;
        lt_push_in(p->request->arena, parts, head);
        lt_push_in(p->request->arena, parts, records);
        lt_push_in(p->request->arena, parts, tail);
        return;
    }
    p->reply->body.limit = head.len + records.len + tail.len + 64;
    lt_buf_add(&p->reply->body, head);
    lt_buf_add(&p->reply->body, records);
    lt_buf_add(&p->reply->body, tail);
    p->reply->compress = p->api->gzip && !has_fault(p, LT_FAULT_TRUNCATE);
    damage(p);
}

static bool plan_page(page *p)
{
    const lt_texts *path = &p->request->segments;
    if (path->len == 3 && lt_text_eq(path->items[2], T("links")))
        return by_links(p);
    if (path->len == 3 && lt_text_eq(path->items[2], T("all")))
        return by_nothing(p);
    if (path->len == 3)
        return one_record(p);
    if (lt_server_query(p->request, T("cursor")).ptr)
        return by_cursor(p);
    if (lt_server_query(p->request, T("offset")).ptr)
        return by_offset(p);
    return by_page(p);
}

static void list(page *p)
{
    int64_t request = atomic_fetch_add(&p->api->requests, 1) + 1;
    if (p->api->latency_us > 0)
        (void)lt_http_server_wait(p->request->server, p->api->latency_us);
    if (!lt_guard_admits(&p->api->guard, p->request, p->reply) || !read_since(p) || !plan_page(p))
        return;
    p->faults = lt_faults_draw(&p->api->faults, request, p->number);
    move_end(p);
    if (has_fault(p, LT_FAULT_SLOW))
        (void)lt_http_server_wait(p->request->server, p->api->slow_us);
    if (!refuse(p))
        send_page(p);
}

/* ---- routes ---- */

static lt_api_table *find_table(lt_api *api, lt_text name)
{
    for (size_t i = 0; i < api->table_count; i++)
        if (lt_text_eq(api->tables[i].name, name))
            return &api->tables[i];
    return NULL;
}

static void stats(lt_api *api, const lt_server_request *r, lt_server_reply *reply)
{
    LT_AUTO(lt_buf) json = {.limit = LT_MIB};
    lt_buf_printf(&json, "{\"requests\":%lld,\"faults\":", (long long)atomic_load(&api->requests));
    lt_faults_json(&api->faults, &json);
    lt_buf_add(&json, T(",\"tables\":{"));
    for (size_t i = 0; i < api->table_count; i++)
        lt_buf_printf(&json, "%s\"%.*s\":%lld", i ? "," : "", LT_ARG(api->tables[i].name),
                      (long long)atomic_load(&api->tables[i].visible));
    lt_buf_add(&json, T("}}"));
    lt_server_reply_json(r, reply, 200, lt_buf_text(&json));
}

static void change_faults(lt_api *api, const lt_server_request *r, lt_server_reply *reply)
{
    lt_err err;
    if (lt_text_eq(r->method, T("DELETE")))
        lt_faults_clear(&api->faults);
    else if (lt_faults_add(&api->faults, lt_server_query(r, T("add")), &err) != LT_OK) {
        lt_server_reply_error(r, reply, 400, "%s", err.message);
        return;
    }
    lt_server_reply_json(r, reply, 200, T("{}"));
}

static void change_visible(lt_api *api, const lt_server_request *r, lt_server_reply *reply)
{
    lt_api_table *table = find_table(api, lt_server_query(r, T("table")));
    int64_t rows = 0;
    if (!table || !lt_text_to_i64(lt_server_query(r, T("rows")), &rows) || rows < 0) {
        lt_server_reply_error(r, reply, 400, "give table=NAME&rows=N");
        return;
    }
    atomic_store(&table->visible, LT_MIN(rows, table->total));
    lt_server_reply_json(r, reply, 200, T("{}"));
}

static void admin(lt_api *api, const lt_server_request *r, lt_server_reply *reply)
{
    lt_text what = r->segments.items[1];
    bool get = lt_text_eq(r->method, T("GET"));
    if (lt_text_eq(what, T("stats")) && get)
        stats(api, r, reply);
    else if (lt_text_eq(what, T("faults")) && !get)
        change_faults(api, r, reply);
    else if (lt_text_eq(what, T("visible")) && !get)
        change_visible(api, r, reply);
    else
        lt_server_reply_error(r, reply, 404, "no such page");
}

void lt_api_handle(void *context, const lt_server_request *request, lt_server_reply *reply)
{
    lt_api *api = context;
    const lt_texts *path = &request->segments;
    if (path->len == 2 && lt_text_eq(path->items[0], T("admin"))) {
        admin(api, request, reply);
        return;
    }
    if (path->len == 2 && lt_text_eq(path->items[0], T("oauth")) &&
        lt_text_eq(path->items[1], T("token"))) {
        lt_guard_issue(&api->guard, request, reply);
        return;
    }
    page p = {.request = request, .reply = reply, .api = api};
    if ((path->len == 2 || path->len == 3) && lt_text_eq(path->items[0], T("v1")))
        p.table = find_table(api, path->items[1]);
    if (!p.table)
        lt_server_reply_error(request, reply, 404, "no such page");
    else if (!lt_text_eq(request->method, T("GET")))
        lt_server_reply_error(request, reply, 405, "only GET is answered here");
    else
        list(&p);
    lt_buf_cleanup(&p.head);
    lt_buf_cleanup(&p.tail);
}
