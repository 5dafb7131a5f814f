/* What a request brings: its query and body, checked against the route's tables. */
#include "web/api/route.h"

#include "base/time.h"
#include "net/aws_sign.h"

enum { BODY_DEPTH = 32, BODY_NODES = 20000 };

lt_status lt_api_at(lt_api_call *call, lt_status status, const char *format, ...)
{
    va_list args;
    if (status == LT_OK)
        return status;
    va_start(args, format);
    call->place = lt_arena_vformat(call->arena, format, args);
    va_end(args);
    return status;
}

static const lt_api_field *find_field(const lt_api_shape *shape, lt_text name)
{
    for (size_t i = 0; shape && i < shape->count; i++)
        if (lt_text_eq(name, lt_text_of(shape->fields[i].name)))
            return &shape->fields[i];
    return NULL;
}

static lt_text field_name_at(const void *context, size_t i)
{
    return lt_text_of(((const lt_api_shape *)context)->fields[i].name);
}

static lt_status unknown(const lt_api_shape *shape, lt_text name, const char *what, lt_err *err)
{
    lt_text nearest;
    lt_text shown = lt_text_sub(name, 0, 100);
    lt_ignore(lt_fail(err, LT_INVALID, "there is no %s '%.*s'", what, LT_ARG(shown)));
    if (!shape || !shape->count)
        return lt_hint(err, "this takes none");
    if (lt_text_nearest(name, shape->count, field_name_at, shape, &nearest))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    LT_AUTO(lt_buf) names = {.limit = 400};
    for (size_t i = 0; i < shape->count; i++)
        lt_buf_printf(&names, "%s%s", i ? ", " : "", shape->fields[i].name);
    return lt_hint(err, "there are %s", lt_buf_chars(&names));
}

/* ---- one value ---- */

static lt_status check_choice(const lt_api_field *field, lt_text value, lt_err *err)
{
    LT_AUTO(lt_buf) names = {.limit = 400};
    for (size_t i = 0; field->values[i]; i++) {
        if (lt_text_eq(value, lt_text_of(field->values[i])))
            return LT_OK;
        lt_buf_printf(&names, "%s%s", i ? ", " : "", field->values[i]);
    }
    lt_ignore(
        lt_fail(err, LT_INVALID, "'%.*s' is not one of them", LT_ARG(lt_text_sub(value, 0, 100))));
    return lt_hint(err, "one of %s", lt_buf_chars(&names));
}

static size_t count_characters(lt_text text)
{
    size_t count = 0, at = 0;
    for (uint32_t point; lt_utf8_next(text, &at, &point);)
        count++;
    return count;
}

static lt_status check_text(const lt_api_field *field, lt_text value, lt_err *err)
{
    size_t most = field->max ? (size_t)field->max : (size_t)LT_API_TEXT_MOST;
    if (lt_utf8_valid_len(value) != value.len || (value.len && memchr(value.ptr, '\0', value.len)))
        return lt_fail(err, LT_INVALID, "the text is not UTF-8, or holds a NUL");
    size_t count = count_characters(value);
    if (count > most)
        return lt_fail(err, LT_INVALID, "the text has %zu characters; %zu are taken", count, most);
    if (count < (size_t)field->min)
        return count ? lt_fail(err, LT_INVALID,
                               "the text has %zu characters; at least %lld are wanted", count,
                               (long long)field->min)
                     : lt_fail(err, LT_INVALID, "the text is empty");
    return LT_OK;
}

static lt_status check_int(const lt_api_field *field, lt_text value, lt_err *err)
{
    int64_t number = 0;
    if (!lt_text_to_i64(value, &number))
        return lt_fail(err, LT_INVALID, "'%.*s' is not a whole number",
                       LT_ARG(lt_text_sub(value, 0, 100)));
    if (number < field->min || (field->max && number > field->max))
        return lt_fail(err, LT_INVALID, "%lld is not from %lld to %lld", (long long)number,
                       (long long)field->min, (long long)(field->max ? field->max : INT64_MAX));
    return LT_OK;
}

/* A value that came as a text: of the query, or a string of the body. */
static lt_status check_value(const lt_api_field *field, lt_text value, lt_err *err)
{
    int64_t moment;
    switch (field->type) {
    case LT_API_CHOICE:
        return check_choice(field, value, err);
    case LT_API_INT:
        return check_int(field, value, err);
    case LT_API_BOOL:
        if (lt_text_eq(value, T("true")) || lt_text_eq(value, T("false")))
            return LT_OK;
        return lt_fail(err, LT_INVALID, "neither true nor false");
    case LT_API_MOMENT:
        if (value.len <= 64 && lt_time_read(value, &moment))
            return LT_OK;
        lt_ignore(
            lt_fail(err, LT_INVALID, "'%.*s' is no moment", LT_ARG(lt_text_sub(value, 0, 100))));
        return lt_hint(err, "write 2026-11-22T06:00:00Z");
    default:
        return check_text(field, value, err);
    }
}

/* ---- the query ---- */

static lt_status check_query(lt_api_call *call, lt_err *err)
{
    const lt_params *query = &call->request->query;
    const lt_api_shape *shape = call->route->query;
    for (size_t i = 0; i < query->len; i++) {
        const lt_param *one = &query->items[i];
        const lt_api_field *field = find_field(shape, one->name);
        lt_text shown = lt_text_sub(one->name, 0, 100);
        lt_status status = field ? check_value(field, one->value, err)
                                 : unknown(shape, one->name, "parameter", err);
        for (size_t k = 0; k < i && status == LT_OK; k++)
            if (lt_text_eq(query->items[k].name, one->name))
                status = lt_fail(err, LT_INVALID, "the parameter stands twice");
        if (status != LT_OK)
            return lt_api_at(call, status, "query.%.*s", LT_ARG(shown));
    }
    for (size_t i = 0; shape && i < shape->count; i++)
        if (shape->fields[i].needed &&
            !lt_server_query(call->request, lt_text_of(shape->fields[i].name)).ptr)
            return lt_api_at(call, lt_fail(err, LT_INVALID, "a parameter is missing"), "query.%s",
                             shape->fields[i].name);
    return LT_OK;
}

lt_text lt_api_query(const lt_api_call *call, const char *name)
{
    return lt_server_query(call->request, lt_text_of(name));
}

int64_t lt_api_query_int(const lt_api_call *call, const char *name, int64_t otherwise)
{
    int64_t value;
    return lt_text_to_i64(lt_api_query(call, name), &value) ? value : otherwise;
}

int64_t lt_api_query_moment(const lt_api_call *call, const char *name)
{
    int64_t value;
    lt_text text = lt_api_query(call, name);
    return text.ptr && lt_time_read(text, &value) ? value : 0;
}

bool lt_api_query_bool(const lt_api_call *call, const char *name)
{
    return lt_text_eq(lt_api_query(call, name), T("true"));
}

/* ---- the body ---- */

static bool is_kind(const lt_api_field *field, const lt_json *value)
{
    static const struct {
        lt_json_kind kind;
        lt_api_type type;
    } kinds[] = {
        {LT_JSON_NUMBER, LT_API_INT},    {LT_JSON_NUMBER, LT_API_NUMBER},
        {LT_JSON_BOOL, LT_API_BOOL},     {LT_JSON_STRING, LT_API_TEXT},
        {LT_JSON_STRING, LT_API_MOMENT}, {LT_JSON_STRING, LT_API_CHOICE},
        {LT_JSON_OBJECT, LT_API_OBJECT},
    };
    for (size_t i = 0; i < LT_COUNT(kinds); i++)
        if (kinds[i].kind == value->kind && kinds[i].type == field->type)
            return true;
    return field->type == LT_API_ANY;
}

static lt_status check_json(const lt_api_field *field, const lt_json *value, lt_err *err)
{
    static const char *const wanted[] = {
        [LT_API_TEXT] = "a string",    [LT_API_INT] = "a whole number",
        [LT_API_NUMBER] = "a number",  [LT_API_BOOL] = "true or false",
        [LT_API_MOMENT] = "a moment",  [LT_API_CHOICE] = "a string",
        [LT_API_OBJECT] = "an object", [LT_API_ANY] = "a value",
        [LT_API_SHAPE] = "an object",  [LT_API_NEXT] = "a cursor",
    };
    if (!is_kind(field, value))
        return lt_fail(err, LT_INVALID, "must be %s, not %s", wanted[field->type],
                       lt_json_kind_name(value->kind));
    if (value->kind == LT_JSON_STRING || field->type == LT_API_INT)
        return check_value(field, value->text, err);
    return LT_OK;
}

static lt_status check_member(lt_api_call *call, const lt_api_field *field, const lt_json *value,
                              lt_err *err)
{
    if (!field->is_list)
        return lt_api_at(call, check_json(field, value, err), "body.%s", field->name);
    if (value->kind != LT_JSON_ARRAY)
        return lt_api_at(
            call,
            lt_fail(err, LT_INVALID, "must be a list, not %s", lt_json_kind_name(value->kind)),
            "body.%s", field->name);
    if (value->count > LT_API_LIST_MOST)
        return lt_api_at(call, lt_fail(err, LT_INVALID, "more than %d elements", LT_API_LIST_MOST),
                         "body.%s", field->name);
    for (size_t i = 0; i < value->count; i++)
        LT_TRY(lt_api_at(call, check_json(field, &value->items[i], err), "body.%s[%zu]",
                         field->name, i));
    return LT_OK;
}

static lt_status check_object(lt_api_call *call, const lt_json *body, lt_err *err)
{
    const lt_api_shape *shape = call->route->body;
    if (shape->needs_one && !body->count)
        return lt_api_at(call, lt_fail(err, LT_INVALID, "nothing is asked for"), "body");
    for (size_t i = 0; i < body->count; i++) {
        const lt_json *value = &body->items[i];
        const lt_api_field *field = find_field(shape, value->key);
        if (!field)
            return lt_api_at(call, unknown(shape, value->key, "member", err), "body.%.*s",
                             LT_ARG(lt_text_sub(value->key, 0, 100)));
        LT_TRY(check_member(call, field, value, err));
    }
    for (size_t i = 0; i < shape->count; i++)
        if (shape->fields[i].needed && !lt_json_find(body, shape->fields[i].name))
            return lt_api_at(call, lt_fail(err, LT_INVALID, "a member is missing"), "body.%s",
                             shape->fields[i].name);
    return LT_OK;
}

/* A form cannot say this type, so that a page elsewhere cannot send us one unasked. */
static lt_status check_type(lt_api_call *call, lt_err *err)
{
    lt_text rest = lt_server_header(call->request, T("Content-Type")), type = {0};
    if (lt_text_cut(&rest, ';', &type) &&
        lt_text_eq_nocase(lt_text_trim(type), T("application/json")))
        return LT_OK;
    call->status = 415;
    lt_ignore(lt_fail(err, LT_INVALID, "the body is not said to be JSON"));
    return lt_hint(err, "send 'Content-Type: application/json'");
}

static lt_status read_body(lt_api_call *call, lt_err *err)
{
    static const lt_json_options options = {.depth = BODY_DEPTH, .node_limit = BODY_NODES};
    lt_json *root = NULL;
    lt_text text = call->request->body;
    if (!text.len)
        text = T("{}");
    else
        LT_TRY(check_type(call, err));
    LT_TRY(lt_api_at(call, lt_json_read(text, NULL, &options, call->arena, &root, err), "body"));
    if (root->kind != LT_JSON_OBJECT)
        return lt_fail(err, LT_INVALID, "must be an object, not %s", lt_json_kind_name(root->kind));
    LT_TRY(check_object(call, root, err));
    call->body = root;
    return LT_OK;
}

/* Of each user their own: another's key is neither found out nor taken. No name of a user has a colon. */
static void set_key(lt_api_call *call, lt_text text)
{
    char sum[LT_AWS_HEX_CHARS];
    LT_AUTO(lt_buf) body = {0};
    lt_json_writer w = {.out = &body};
    call->idempotency_key = lt_text_of(
        lt_arena_format(call->arena, "%.*s:%.*s", LT_ARG(call->user.name), LT_ARG(text)));
    lt_json_tree(&w, call->body);
    call->request_sum =
        lt_arena_text(call->arena, lt_text_of(lt_aws_sha256(lt_buf_text(&body), sum)));
}

static lt_status read_key(lt_api_call *call, lt_err *err)
{
    static const lt_api_field key = {.min = 1, .max = 200};
    lt_text text = lt_server_header(call->request, T("Idempotency-Key"));
    if (!text.ptr || !(call->route->flags & LT_API_KEYED))
        return LT_OK;
    LT_TRY(lt_api_at(call, check_text(&key, text, err), "header.Idempotency-Key"));
    set_key(call, text);
    return LT_OK;
}

lt_status lt_api_read(lt_api_call *call, lt_err *err)
{
    LT_TRY(check_query(call, err));
    if (call->route->flags & LT_API_RAW)
        return LT_OK;
    if (call->route->body)
        LT_TRY(read_body(call, err));
    LT_TRY(read_key(call, err));
    if (call->route->body)
        return LT_OK;
    if (!call->request->body.len)
        return LT_OK;
    return lt_api_at(call, lt_fail(err, LT_INVALID, "this takes no body"), "body");
}

lt_text lt_api_body(const lt_api_call *call, const char *name)
{
    return lt_json_text_or(call->body, name, (lt_text){0});
}

int64_t lt_api_body_int(const lt_api_call *call, const char *name, int64_t otherwise)
{
    int64_t value;
    const lt_json *number = lt_json_find(call->body, name);
    return number && lt_text_to_i64(number->text, &value) ? value : otherwise;
}

int64_t lt_api_body_moment(const lt_api_call *call, const char *name)
{
    int64_t value;
    lt_text text = lt_api_body(call, name);
    return text.ptr && lt_time_read(text, &value) ? value : 0;
}

/* ---- pages ---- */

lt_status lt_api_cursor(lt_api_call *call, int64_t *before, size_t *limit, lt_err *err)
{
    lt_text cursor = lt_api_query(call, "cursor");
    *before = 0;
    *limit = (size_t)lt_api_query_int(call, "limit", LT_API_PAGE);
    if (!cursor.len || (lt_text_to_i64(cursor, before) && *before > 0))
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID, "this is no cursor"));
    lt_ignore(lt_hint(err, "take what stands in 'next' of the page before"));
    return lt_api_at(call, LT_INVALID, "query.cursor");
}

void lt_api_set_next(lt_json_writer *w, int64_t last, bool more)
{
    LT_AUTO(lt_buf) cursor = {.limit = 32};
    lt_json_key(w, T("next"));
    lt_buf_printf(&cursor, "%lld", (long long)last);
    if (more)
        lt_json_string(w, lt_buf_text(&cursor));
    else
        lt_json_null(w);
}

/* ---- answers ---- */

void lt_api_set_moment(lt_json_writer *w, const char *key, int64_t at_us)
{
    char text[LT_TIME_CHARS];
    if (at_us)
        lt_json_set(w, key, lt_text_of(lt_time_write(at_us, text)));
}

void lt_api_set_text(lt_json_writer *w, const char *key, lt_text value)
{
    if (value.len)
        lt_json_set(w, key, value);
}

void lt_api_set_raw(lt_json_writer *w, const char *key, lt_text json)
{
    if (!json.len)
        return;
    lt_json_key(w, lt_text_of(key));
    lt_json_raw(w, json);
}
