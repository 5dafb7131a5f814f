/* The OpenAPI 3.1 document, from the table of routes. */
#include "web/api/route.h"

#include "base/version.h"

#include <stdio.h>

typedef LT_VEC(const lt_api_shape *) shapes;

/* ---- schemas ---- */

static void write_type(lt_json_writer *w, const lt_api_field *field)
{
    static const char *const types[] = {
        [LT_API_TEXT] = "string",   [LT_API_INT] = "integer",   [LT_API_NUMBER] = "number",
        [LT_API_BOOL] = "boolean",  [LT_API_MOMENT] = "string", [LT_API_CHOICE] = "string",
        [LT_API_OBJECT] = "object",
    };
    if (field->type == LT_API_NEXT) {
        lt_json_key(w, T("type"));
        lt_json_raw(w, T("[\"string\",\"null\"]"));
        return;
    }
    if (field->type == LT_API_SHAPE) {
        LT_AUTO(lt_buf) path = {0};
        lt_buf_printf(&path, "#/components/schemas/%s", field->shape->name);
        lt_json_set(w, "$ref", lt_buf_text(&path));
        return;
    }
    if (field->type != LT_API_ANY)
        lt_json_set(w, "type", lt_text_of(types[field->type]));
    if (field->type == LT_API_MOMENT)
        lt_json_set(w, "format", T("date-time"));
    if (field->type != LT_API_CHOICE)
        return;
    lt_json_key(w, T("enum"));
    lt_json_begin(w, '[');
    for (size_t i = 0; field->values[i]; i++)
        lt_json_string(w, lt_text_of(field->values[i]));
    lt_json_end(w);
}

/* What comes in has limits, which clients may want to know. */
static void write_limits(lt_json_writer *w, const lt_api_field *field)
{
    if (field->type == LT_API_INT) {
        lt_json_set_int(w, "minimum", field->min);
        if (field->max)
            lt_json_set_int(w, "maximum", field->max);
    }
    if (field->type == LT_API_TEXT) {
        lt_json_set_int(w, "maxLength", field->max ? field->max : (int64_t)LT_API_TEXT_MOST);
        if (field->min)
            lt_json_set_int(w, "minLength", field->min);
        lt_json_set(w, "pattern",
                    lt_text_of(field->pattern ? field->pattern : LT_API_TEXT_PATTERN));
    }
}

static void write_field(lt_json_writer *w, const lt_api_field *field, bool with_limits)
{
    lt_json_begin(w, '{');
    if (field->help)
        lt_json_set(w, "description", lt_text_of(field->help));
    if (field->is_list) {
        lt_json_set(w, "type", T("array"));
        if (with_limits)
            lt_json_set_int(w, "maxItems", LT_API_LIST_MOST);
        lt_json_key(w, T("items"));
        lt_json_begin(w, '{');
    }
    write_type(w, field);
    if (with_limits)
        write_limits(w, field);
    if (field->is_list)
        lt_json_end(w);
    lt_json_end(w);
}

static void write_shape(lt_json_writer *w, const lt_api_shape *shape, bool with_limits)
{
    bool any = false;
    lt_json_begin(w, '{');
    lt_json_set(w, "type", T("object"));
    if (shape->help)
        lt_json_set(w, "description", lt_text_of(shape->help));
    lt_json_key(w, T("properties"));
    lt_json_begin(w, '{');
    for (size_t i = 0; i < shape->count; i++) {
        lt_json_key(w, lt_text_of(shape->fields[i].name));
        write_field(w, &shape->fields[i], with_limits);
        any = any || shape->fields[i].needed;
    }
    lt_json_end(w);
    if (any) {
        lt_json_key(w, T("required"));
        lt_json_begin(w, '[');
        for (size_t i = 0; i < shape->count; i++)
            if (shape->fields[i].needed)
                lt_json_string(w, lt_text_of(shape->fields[i].name));
        lt_json_end(w);
    }
    if (shape->needs_one)
        lt_json_set_int(w, "minProperties", 1);
    lt_json_set_bool(w, "additionalProperties", shape->open);
    lt_json_end(w);
}

static bool has_shape(const shapes *all, const lt_api_shape *shape)
{
    for (size_t i = 0; i < all->len; i++)
        if (all->items[i] == shape)
            return true;
    return false;
}

/* Every shape that answers are made of; those that it holds come behind it in the list, and are looked at in their turn. */
static void gather_shapes(shapes *all)
{
    for (size_t i = 0; i < lt_api_route_count; i++)
        if (lt_api_routes[i].answer && !has_shape(all, lt_api_routes[i].answer))
            lt_push(all, lt_api_routes[i].answer);
    for (size_t i = 0; i < all->len; i++) {
        const lt_api_shape *shape = all->items[i];
        for (size_t k = 0; k < shape->count; k++)
            if (shape->fields[k].type == LT_API_SHAPE && !has_shape(all, shape->fields[k].shape))
                lt_push(all, shape->fields[k].shape);
    }
}

/* ---- operations ---- */

static void write_reference(lt_json_writer *w, const char *part, const char *name)
{
    LT_AUTO(lt_buf) path = {0};
    lt_buf_printf(&path, "#/components/%s/%s", part, name);
    lt_json_begin(w, '{');
    lt_json_set(w, "$ref", lt_buf_text(&path));
    lt_json_end(w);
}

static void write_path_values(lt_json_writer *w, const lt_api_route *route)
{
    lt_text rest = lt_text_of(route->path);
    for (lt_text part; lt_text_cut(&rest, '/', &part);) {
        if (!lt_text_starts(part, T("{")))
            continue;
        lt_text name = lt_text_sub(part, 1, part.len - 2);
        lt_json_begin(w, '{');
        lt_json_set(w, "name", name);
        lt_json_set(w, "in", T("path"));
        lt_json_key(w, T("required"));
        lt_json_bool(w, true);
        lt_json_key(w, T("schema"));
        lt_json_begin(w, '{');
        if (lt_text_eq(name, T("run"))) {
            lt_json_set(w, "type", T("integer"));
            lt_json_set_int(w, "minimum", 1);
        } else {
            lt_json_set(w, "type", T("string"));
            lt_json_set_int(w, "minLength", 1);
        }
        lt_json_end(w);
        lt_json_end(w);
    }
}

static void write_parameters(lt_json_writer *w, const lt_api_route *route)
{
    lt_json_key(w, T("parameters"));
    lt_json_begin(w, '[');
    write_path_values(w, route);
    for (size_t i = 0; route->query && i < route->query->count; i++) {
        const lt_api_field *field = &route->query->fields[i];
        lt_json_begin(w, '{');
        lt_json_set(w, "name", lt_text_of(field->name));
        lt_json_set(w, "in", T("query"));
        lt_json_set(w, "description", lt_text_of(field->help));
        lt_json_set_bool(w, "required", field->needed);
        lt_json_key(w, T("schema"));
        write_field(w,
                    &(lt_api_field){.type = field->type,
                                    .min = field->min,
                                    .max = field->max,
                                    .values = field->values,
                                    .pattern = field->pattern},
                    true);
        lt_json_end(w);
    }
    static const char *const signs[] = {"HookToken", "HookTimestamp", "HookSignature"};
    if (route->flags & (LT_API_KEYED | LT_API_RAW))
        write_reference(w, "parameters", "IdempotencyKey");
    for (size_t i = 0; i < LT_COUNT(signs) && (route->flags & LT_API_RAW); i++)
        write_reference(w, "parameters", signs[i]);
    lt_json_end(w);
}

static bool needs_any(const lt_api_shape *shape)
{
    bool any = shape->needs_one;
    for (size_t i = 0; i < shape->count; i++)
        any = any || shape->fields[i].needed;
    return any;
}

static void write_body(lt_json_writer *w, const lt_api_route *route)
{
    const char *media = route->flags & LT_API_RAW ? "*/*" : "application/json";
    if (!route->body && !(route->flags & LT_API_RAW))
        return;
    lt_json_key(w, T("requestBody"));
    lt_json_begin(w, '{');
    lt_json_set_bool(w, "required", route->body && needs_any(route->body));
    lt_json_key(w, T("content"));
    lt_json_begin(w, '{');
    lt_json_key(w, lt_text_of(media));
    lt_json_begin(w, '{');
    if (route->body) {
        lt_json_key(w, T("schema"));
        write_shape(w, route->body, true);
    }
    lt_json_end(w);
    lt_json_end(w);
    lt_json_end(w);
}

/* The media types of a route stand behind each other: "text/plain, text/event-stream". */
static void write_content(lt_json_writer *w, const lt_api_route *route)
{
    lt_text rest = route->media ? lt_text_of(route->media) : T("application/json");
    lt_json_key(w, T("content"));
    lt_json_begin(w, '{');
    for (lt_text media; lt_text_cut(&rest, ',', &media);) {
        lt_json_key(w, lt_text_trim(media));
        lt_json_begin(w, '{');
        if (route->answer) {
            lt_json_key(w, T("schema"));
            write_reference(w, "schemas", route->answer->name);
        }
        lt_json_end(w);
    }
    lt_json_end(w);
}

static void write_answer(lt_json_writer *w, const lt_api_route *route, int status,
                         const char *description)
{
    LT_AUTO(lt_buf) code = {0};
    lt_buf_printf(&code, "%d", status);
    lt_json_key(w, lt_buf_text(&code));
    lt_json_begin(w, '{');
    lt_json_set(w, "description", lt_text_of(description));
    if (status != 304 && (route->answer || route->media))
        write_content(w, route);
    lt_json_end(w);
}

static void write_answers(lt_json_writer *w, const lt_api_route *route)
{
    bool has_content = route->answer || route->media;
    write_answer(w, route, route->status ? route->status : has_content ? 200 : 204, "done");
    if (route->flags & LT_API_KEYED)
        write_answer(w, route, 200, "the key has it already");
    if (route->also)
        write_answer(w, route, route->also, route->also < 400 ? "done" : "not well");
    if (route->answer && strcmp(route->method, "GET") == 0)
        write_answer(w, route, 304, "as If-None-Match knows it");
    if (route->flags & LT_API_KEYED) {
        lt_json_key(w, T("422"));
        write_reference(w, "responses", "KeyOfAnother");
    }
    lt_json_key(w, T("default"));
    write_reference(w, "responses", "Problem");
}

static void write_operation(lt_json_writer *w, const lt_api_route *route)
{
    LT_AUTO(lt_buf) method = {0};
    for (const char *at = route->method; *at; at++)
        lt_buf_add_byte(&method, lt_lower(*at));
    lt_json_key(w, lt_buf_text(&method));
    lt_json_begin(w, '{');
    lt_json_set(w, "operationId", lt_text_of(route->id));
    lt_json_set(w, "summary", lt_text_of(route->summary));
    lt_json_key(w, T("tags"));
    lt_json_begin(w, '[');
    lt_json_string(w, lt_text_of(route->tag));
    lt_json_end(w);
    lt_json_set(w, "x-role", route->role ? lt_text_of(lt_role_name(route->role)) : T("everybody"));
    if (route->role == LT_ROLE_NONE) {
        lt_json_key(w, T("security"));
        lt_json_begin(w, '[');
        lt_json_end(w);
    }
    write_parameters(w, route);
    write_body(w, route);
    lt_json_key(w, T("responses"));
    lt_json_begin(w, '{');
    write_answers(w, route);
    lt_json_end(w);
    lt_json_end(w);
}

/* The methods of one path stand together. */
static void write_paths(lt_json_writer *w)
{
    lt_json_key(w, T("paths"));
    lt_json_begin(w, '{');
    for (size_t i = 0; i < lt_api_route_count; i++) {
        const char *path = lt_api_routes[i].path;
        bool seen = false;
        for (size_t k = 0; k < i; k++)
            seen = seen || strcmp(lt_api_routes[k].path, path) == 0;
        if (seen)
            continue;
        lt_json_key(w, lt_text_of(path));
        lt_json_begin(w, '{');
        for (size_t k = i; k < lt_api_route_count; k++)
            if (strcmp(lt_api_routes[k].path, path) == 0)
                write_operation(w, &lt_api_routes[k]);
        lt_json_end(w);
    }
    lt_json_end(w);
}

/* ---- what all share ---- */

static const char shared[] =
    "\"parameters\":{\"IdempotencyKey\":{\"name\":\"Idempotency-Key\",\"in\":\"header\","
    "\"description\":\"a user who asks again with the same key gets what the first asking made\","
    "\"schema\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":200}},"
    "\"HookToken\":{\"name\":\"X-Leat-Token\",\"in\":\"header\",\"description\":\"of a webhook "
    "that is not signed\",\"schema\":{\"type\":\"string\"}},"
    "\"HookTimestamp\":{\"name\":\"X-Leat-Timestamp\",\"in\":\"header\",\"description\":\"of one "
    "that is: seconds since 1970\",\"schema\":{\"type\":\"string\"}},"
    "\"HookSignature\":{\"name\":\"X-Leat-Signature\",\"in\":\"header\",\"description\":\"its "
    "signature, see docs/scheduling.md\",\"schema\":{\"type\":\"string\"}}},"
    "\"responses\":{\"KeyOfAnother\":{\"description\":\"the key has a run that was asked for with "
    "another body\",\"content\":{\"application/problem+json\":{\"schema\":{\"$ref\":"
    "\"#/components/schemas/Problem\"}}}},\"Problem\":{\"description\":\"not done, and "
    "why\",\"content\":{"
    "\"application/problem+json\":{\"schema\":{\"$ref\":\"#/components/schemas/Problem\"}}}}},"
    "\"securitySchemes\":{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"},"
    "\"session\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"leat_session\"}}";

static const lt_api_field problem_fields[] = {
    {"type", LT_API_TEXT, .needed = true},
    {"title", LT_API_TEXT, .needed = true},
    {"status", LT_API_INT, .needed = true, .help = "as the answer's own"},
    {"detail", LT_API_TEXT, .needed = true, .help = "what failed, and why"},
    {"place", LT_API_TEXT, .help = "what in the request is wrong: body.params, query.limit"},
    {"hint", LT_API_TEXT, .help = "what to do next"},
    {"code", LT_API_TEXT, .needed = true, .help = "one word for programs"},
    {"instance", LT_API_TEXT, .needed = true, .help = "the path that was asked for"},
};
static const lt_api_shape problem = {"Problem", "RFC 9457", LT_API_FIELDS(problem_fields)};

static void write_components(lt_json_writer *w)
{
    shapes all = {0};
    gather_shapes(&all);
    lt_json_key(w, T("components"));
    lt_json_begin(w, '{');
    lt_json_key(w, T("schemas"));
    lt_json_begin(w, '{');
    lt_json_key(w, lt_text_of(problem.name));
    write_shape(w, &problem, false);
    for (size_t i = 0; i < all.len; i++) {
        lt_json_key(w, lt_text_of(all.items[i]->name));
        write_shape(w, all.items[i], false);
    }
    lt_json_end(w);
    lt_buf_add_byte(w->out, ',');
    lt_buf_add_str(w->out, shared);
    lt_json_end(w);
    lt_vec_free(&all);
}

void lt_api_openapi(lt_buf *out)
{
    lt_json_writer w = {.out = out};
    lt_json_begin(&w, '{');
    lt_json_set(&w, "openapi", T("3.1.0"));
    lt_json_key(&w, T("info"));
    lt_json_begin(&w, '{');
    lt_json_set(&w, "title", T("leat"));
    lt_json_set(&w, "version", T(LT_VERSION));
    lt_json_end(&w);
    lt_json_key(&w, T("security"));
    lt_json_begin(&w, '[');
    static const char *const schemes[] = {"token", "session"};
    for (size_t i = 0; i < LT_COUNT(schemes); i++) {
        lt_json_begin(&w, '{');
        lt_json_key(&w, lt_text_of(schemes[i]));
        lt_json_begin(&w, '[');
        lt_json_end(&w);
        lt_json_end(&w);
    }
    lt_json_end(&w);
    write_paths(&w);
    write_components(&w);
    lt_json_end(&w);
}
