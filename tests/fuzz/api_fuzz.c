/* Requests to the server's API: "METHOD /path?query\nbody", up to the call of the handler. */
#include "net/url.h"
#include "web/api/route.h"

#include <stdlib.h>

static void add_segments(lt_arena *arena, lt_text path, lt_texts *out)
{
    lt_text rest = lt_text_sub(path, lt_text_starts(path, T("/")), path.len);
    for (lt_text part; lt_text_cut(&rest, '/', &part);) {
        LT_AUTO(lt_buf) decoded = {.limit = 64 * LT_KIB};
        if (lt_url_decode(part, false, &decoded))
            lt_push_in(arena, out, lt_arena_text(arena, lt_buf_text(&decoded)));
    }
}

static void add_query(lt_arena *arena, lt_text query, lt_params *out)
{
    for (lt_text name, value; lt_url_next_param(&query, &name, &value);) {
        LT_AUTO(lt_buf) a = {.limit = 64 * LT_KIB};
        LT_AUTO(lt_buf) b = {.limit = 64 * LT_KIB};
        if (!lt_url_decode(name, true, &a) || !lt_url_decode(value, true, &b))
            continue;
        lt_param one = {lt_arena_text(arena, lt_buf_text(&a)),
                        lt_arena_text(arena, lt_buf_text(&b))};
        lt_push_in(arena, out, one);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_text rest = lt_text_at((const char *)data, size), line = {0}, method = {0}, path = {0};
    static lt_param json = {T("Content-Type"), T("application/json")};
    (void)lt_text_cut(&rest, '\n', &line);
    (void)lt_text_cut(&line, ' ', &method);
    (void)lt_text_cut(&line, '?', &path);
    lt_server_request request = {.arena = &arena, .method = method, .path = path, .body = rest};
    lt_server_reply reply = {.fd = -1};
    lt_api_call call = {.request = &request, .reply = &reply, .arena = &arena};
    lt_err err;
    LT_AUTO(lt_buf) allowed = {.limit = 200};
    lt_push_in(&arena, &request.headers, json);
    add_segments(&arena, path, &request.segments);
    add_query(&arena, line, &request.query);
    call.route = lt_api_find(method, &request.segments, call.path, &allowed);
    if (!call.route || lt_api_read(&call, &err) != LT_OK)
        return 0;
    /* What the handlers rely on: members and parameters have their types. */
    for (size_t i = 0; call.body && i < call.route->body->count; i++) {
        const lt_api_field *field = &call.route->body->fields[i];
        const lt_json *value = lt_json_find(call.body, field->name);
        if ((field->needed && !value) ||
            (value && field->is_list != (value->kind == LT_JSON_ARRAY)))
            abort();
    }
    return 0;
}
