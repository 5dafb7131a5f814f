/* Looking at what does not tell of itself: web servers and queries. What they said last is the cursor. */
#include "sched/look.h"

#include "base/proc.h"
#include "base/time.h"
#include "net/aws_sign.h"
#include "net/http_client.h"

enum { ANSWER_BYTES = 16 << 20, VALUE_BYTES = 16 << 10 };

/* The event of a change; the number makes A, B, A three events. `json` is the body of an object. */
static void change(const lt_watched *watched, lt_look *look, lt_text cursor, lt_text json,
                   lt_text what)
{
    look->cursor = lt_arena_text(look->arena, cursor);
    if (lt_text_eq(cursor, lt_buf_text(&watched->cursor)))
        return;
    lt_sched_event made = {.id = lt_text_of(lt_arena_format(
                               look->arena, "%lld-%.*s", (long long)watched->events + 1,
                               LT_ARG(lt_text_sub(lt_look_id(cursor, T(""), look->arena), 0, 32)))),
                           .json = lt_arena_text(look->arena, json),
                           .what = lt_arena_text(look->arena, what),
                           .at_us = lt_now_us()};
    lt_push_in(look->arena, &look->events, made);
}

/* ---- http ---- */

typedef struct asking {
    lt_scope scope;
    lt_arena *arena;
    lt_http_headers headers;
    lt_http_request request;
} asking;

static lt_status render(asking *self, const lt_conf_text *text, lt_text *out, lt_err *err)
{
    *out = (lt_text){0};
    return text->raw.ptr
               ? lt_conf_render(text, lt_scope_render, &self->scope, self->arena, out, err)
               : LT_OK;
}

/* "etag:..." of the last answer: the server need not send it again. */
static void ask_if_changed(const lt_watched *watched, asking *self)
{
    lt_text cursor = lt_buf_text(&watched->cursor);
    lt_http_header header = {0};
    if (lt_text_starts(cursor, T("etag:")))
        header = (lt_http_header){T("If-None-Match"), lt_text_sub(cursor, 5, SIZE_MAX), false};
    else if (lt_text_starts(cursor, T("modified:")))
        header = (lt_http_header){T("If-Modified-Since"), lt_text_sub(cursor, 9, SIZE_MAX), false};
    else
        return;
    lt_push_in(self->arena, &self->headers, header);
}

static lt_status prepare(const lt_watched *watched, asking *self, lt_err *err)
{
    const lt_conf_http *http = &watched->trigger->http;
    LT_TRY(render(self, &http->url, &self->request.url, err));
    LT_TRY(render(self, &http->method, &self->request.method, err));
    LT_TRY(render(self, &http->body, &self->request.body, err));
    for (size_t i = 0; i < http->headers.len; i++) {
        lt_http_header header = {.name = http->headers.items[i].name};
        LT_TRY(render(self, &http->headers.items[i].value, &header.value, err));
        lt_push_in(self->arena, &self->headers, header);
    }
    ask_if_changed(watched, self);
    self->request.headers = self->headers.items;
    self->request.header_count = self->headers.len;
    return LT_OK;
}

/* What has to differ: the value that `watch` names, else what the server says of it, else the body. */
static lt_status fingerprint(const lt_watched *watched, const lt_http_response *response,
                             lt_buf *cursor, lt_text *value, lt_err *err)
{
    char hex[LT_AWS_HEX_CHARS];
    lt_json_token token;
    lt_text etag = lt_http_header_find(response, T("ETag"));
    lt_text modified = lt_http_header_find(response, T("Last-Modified"));
    *value = T("null");
    if (watched->trigger->watch.source.len) {
        LT_TRY(lt_json_path_find(&watched->trigger->watch, lt_buf_text(&response->body),
                                 "the answer", &token, err));
        if (token.kind == LT_JSON_END)
            return lt_fail(err, LT_FAILED, "the answer has no %.*s",
                           LT_ARG(watched->trigger->watch.source));
        if (token.raw.len > VALUE_BYTES)
            return lt_fail(err, LT_TOO_BIG, "%.*s of the answer has more than %d bytes",
                           LT_ARG(watched->trigger->watch.source), VALUE_BYTES);
        *value = token.raw;
        lt_buf_printf(cursor, "value:%.*s", LT_ARG(token.raw));
    } else if (etag.len) {
        lt_buf_printf(cursor, "etag:%.*s", LT_ARG(etag));
    } else if (modified.len) {
        lt_buf_printf(cursor, "modified:%.*s", LT_ARG(modified));
    } else {
        lt_buf_printf(cursor, "body:%s", lt_aws_sha256(lt_buf_text(&response->body), hex));
    }
    return LT_OK;
}

static lt_status judge(const lt_watched *watched, lt_look *look, lt_text url,
                       const lt_http_response *response, lt_err *err)
{
    LT_AUTO(lt_buf) cursor = {0};
    LT_AUTO(lt_buf) json = {0};
    lt_text value;
    lt_json_writer w = {.out = &json};
    if (response->status == 304)
        return LT_OK;
    if (response->status < 200 || response->status > 299)
        return lt_fail(err, LT_IO, "%.*s answered %d %s", LT_ARG(url), response->status,
                       lt_http_status_name(response->status));
    LT_TRY(fingerprint(watched, response, &cursor, &value, err));
    lt_json_begin(&w, '{');
    lt_json_set(&w, "url", url);
    lt_json_set(&w, "etag", lt_http_header_find(response, T("ETag")));
    lt_json_set(&w, "modified", lt_http_header_find(response, T("Last-Modified")));
    lt_json_key(&w, T("value"));
    lt_json_raw(&w, value);
    lt_json_end(&w);
    change(watched, look, lt_buf_text(&cursor), lt_buf_text(&json), url);
    return LT_OK;
}

lt_status lt_look_http(lt_watched *watched, lt_look *look, lt_err *err)
{
    lt_http_options options = {.body_limit = ANSWER_BYTES, .total_timeout_ms = 30000};
    LT_AUTO(lt_http_client_ref) client = lt_http_client_new(&options);
    LT_AUTO(lt_http_response) response = {0};
    asking self = {.scope = lt_workspace_scope(watched->workspace, lt_now_us(), T("")),
                   .arena = look->arena};
    LT_TRY(prepare(watched, &self, err));
    LT_TRY(lt_http_send(client, &self.request, &response, err));
    return judge(watched, look, watched->trigger->http.url.raw, &response, err);
}

/* ---- sql ---- */

/* What it said when it failed, asked for as JSON: the message and what to do next; else its first line. */
static lt_status fail_query(lt_text said, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_json *root = NULL;
    lt_text line = {0}, rest = said;
    size_t at = lt_text_find(said, T("{\"error\""), 0);
    if (at != SIZE_MAX && lt_json_read(lt_text_trim(lt_text_sub(said, at, SIZE_MAX)), "error", NULL,
                                       &arena, &root, err) == LT_OK) {
        const lt_json *error = lt_json_find(root, "error");
        lt_text message = lt_json_text_or(error, "message", T("it does not say why"));
        lt_ignore(lt_fail(err, LT_FAILED, "the query failed: %.*s",
                          LT_ARG(lt_text_sub(message, 0, 500))));
        return lt_hint(err, "%.*s", LT_ARG(lt_json_text_or(error, "hint", T(""))));
    }
    (void)lt_text_cut(&rest, '\n', &line);
    return lt_fail(err, LT_FAILED, "the query failed: %.*s", LT_ARG(lt_text_sub(line, 0, 500)));
}

/* A process of its own asks: the server never opens a warehouse. On success only the rows are printed, else also what was said. */
static lt_status ask(const lt_watched *watched, const char *query, lt_buf *rows, lt_err *err)
{
    static char script[] =
        "exec 3>&1; said=$(timeout -k 2 20 \"$@\" 2>&1 >&3 3>&-) || { code=$?; printf %s "
        "\"$said\"; exit $code; }";
    LT_AUTO(lt_chars) program = lt_proc_path();
    LT_AUTO(lt_chars) root = lt_xstrdup(watched->workspace->root);
    LT_AUTO(lt_chars) home = lt_xstrdup(watched->workspace->home);
    LT_AUTO(lt_chars) target = lt_text_dup(watched->trigger->target);
    LT_AUTO(lt_chars) sql = lt_xstrdup(query);
    LT_AUTO(lt_chars) none = lt_xstrdup("--json");
    bool named = watched->trigger->target.len != 0;
    char *words[] = {(char[]){"/bin/sh"},
                     (char[]){"-c"},
                     script,
                     (char[]){"sh"},
                     program,
                     (char[]){"--quiet"},
                     (char[]){"--project-dir"},
                     root,
                     (char[]){"--home"},
                     home,
                     named ? (char[]){"--target"} : none,
                     named ? target : none,
                     none,
                     (char[]){"sql"},
                     (char[]){"--"},
                     sql,
                     NULL};
    int code = 0;
    LT_TRY(lt_proc_run(words, rows, &code, err));
    if (code == 124 || code == 137)
        return lt_fail(err, LT_IO,
                       "the query had no answer within 20 s; a run may hold its target");
    return code == 0 ? LT_OK : fail_query(lt_buf_text(rows), err);
}

lt_status lt_look_sql(lt_watched *watched, lt_look *look, lt_err *err)
{
    LT_AUTO(lt_buf) rows = {.limit = VALUE_BYTES};
    asking self = {.scope = lt_workspace_scope(watched->workspace, lt_now_us(), T("")),
                   .arena = look->arena};
    lt_text query;
    LT_TRY(render(&self, &watched->trigger->sql, &query, err));
    LT_AUTO(lt_chars) sql = lt_text_dup(query);
    LT_TRY(ask(watched, sql, &rows, err));
    lt_text text = lt_text_trim(lt_buf_text(&rows));
    LT_TRY(lt_json_check(text, "the rows of the query", err));
    const char *json = lt_arena_format(look->arena, "{\"rows\":%.*s}", LT_ARG(text));
    LT_AUTO(lt_chars) cursor = lt_format("rows:%.*s", LT_ARG(text));
    change(watched, look, lt_text_of(cursor), lt_text_of(json), lt_text_sub(text, 0, 100));
    return LT_OK;
}
