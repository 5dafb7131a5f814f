/* Functions that need no warehouse: JSON, YAML, sets, zip, hashes, messages, return(). */
#include "dbt/rt/adapter_kinds.h"

#include "base/log.h"
#include "conf/scope.h"
#include "fmt/json.h"
#include "fmt/yaml.h"

#include <stdio.h>
#include <stdlib.h>

#define FUNC(name_) static lt_status name_(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)

lt_status lt_dbt_say(lt_dbt_exec *exec, lt_dbt_said how, lt_text message, lt_err *err)
{
    const lt_dbt_rt_settings *settings = &exec->rt->settings;
    return settings->host->say ? settings->host->say(settings->user, exec, how, message, err)
                               : LT_OK;
}

void lt_dbt_log_sql(lt_dbt_exec *exec, lt_text sql)
{
    lt_err ignored = {0};
    lt_ignore(lt_dbt_say(exec, LT_DBT_LOGGED, sql, &ignored));
}

static lt_jinja_value otherwise(lt_jinja_value value)
{
    return lt_jinja_is_absent(value) ? lt_jinja_none() : value;
}

/* ---- return, log, print ---- */

FUNC(return_value)
{
    lt_jinja_value args[1];
    (void)out;
    LT_TRY(lt_jinja_bind(call, "data?", args, err));
    return lt_jinja_return(call, otherwise(args[0]), err);
}

FUNC(log_message)
{
    lt_dbt_exec *exec = call->user;
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "msg info?", args, err));
    bool info = !lt_jinja_is_absent(args[1]) && lt_jinja_truth(args[1]);
    LT_TRY(
        lt_dbt_say(exec, info ? LT_DBT_TOLD : LT_DBT_LOGGED, lt_dbt_str(call->heap, args[0]), err));
    *out = lt_jinja_text(T(""));
    return LT_OK;
}

FUNC(print_message)
{
    lt_dbt_exec *exec = call->user;
    lt_jinja_value args[1], flag = {0};
    LT_TRY(lt_jinja_bind(call, "msg", args, err));
    bool set = exec->rt->settings.flags.type == LT_JINJA_DICT &&
               lt_jinja_find(exec->rt->settings.flags, T("print"), &flag);
    if (!set || lt_jinja_truth(flag))
        LT_TRY(lt_dbt_say(exec, LT_DBT_PRINTED, lt_dbt_str(call->heap, args[0]), err));
    *out = lt_jinja_text(T(""));
    return LT_OK;
}

/* ---- JSON and YAML ---- */

FUNC(to_json)
{
    lt_jinja_value args[3];
    lt_err ignored = {0};
    LT_AUTO(lt_buf) text = {.limit = 64 * LT_MIB};
    LT_TRY(lt_jinja_bind(call, "value default? sort_keys?", args, err));
    lt_jinja_json how = {.sort_keys = !lt_jinja_is_absent(args[2]) && lt_jinja_truth(args[2])};
    if (lt_jinja_to_json(args[0], &how, &text, &ignored) == LT_OK)
        *out = lt_jinja_text_copy(call->heap, lt_buf_text(&text));
    else
        *out = otherwise(args[1]);
    return LT_OK;
}

/* JSON is YAML but for what YAML forbids in places where JSON does not (tabs); json.h has no tree of ours to give. */
static lt_status json_value(lt_jinja_heap *heap, lt_text text, lt_jinja_value *out, lt_err *err);

FUNC(from_json)
{
    lt_jinja_value args[2];
    lt_err ignored = {0};
    lt_text text = {0};
    LT_TRY(lt_jinja_bind(call, "string default?", args, err));
    LT_TRY(lt_jinja_need_text(call, args[0], "string", &text, err));
    if (json_value(call->heap, text, out, &ignored) != LT_OK)
        *out = otherwise(args[1]);
    return LT_OK;
}

typedef struct json_level {
    lt_jinja_value made;
    lt_jinja_value key;
} json_level;

static lt_status json_scalar(lt_jinja_heap *heap, const lt_json_token *token, lt_jinja_value *out,
                             lt_err *err)
{
    double real;
    LT_AUTO(lt_buf) text = {0};
    switch (token->kind) {
    case LT_JSON_NULL:
        *out = lt_jinja_none();
        return LT_OK;
    case LT_JSON_BOOL:
        *out = lt_jinja_bool(token->raw.ptr[0] == 't');
        return LT_OK;
    case LT_JSON_NUMBER:
        if (lt_jinja_whole(heap, token->raw, out))
            return LT_OK;
        if (lt_text_to_double(token->raw, &real))
            *out = lt_jinja_float(real);
        else
            return lt_fail(err, LT_INVALID, "a number that does not fit");
        return LT_OK;
    default:
        lt_json_unescape(token->raw, &text);
        *out = lt_jinja_text_copy(heap, lt_buf_text(&text));
        return LT_OK;
    }
}

static void json_put(json_level *level, lt_jinja_value value)
{
    if (level->made.type == LT_JINJA_DICT)
        lt_jinja_put_value(level->made, level->key, value);
    else
        lt_jinja_add(level->made, value);
}

static lt_status json_value(lt_jinja_heap *heap, lt_text text, lt_jinja_value *out, lt_err *err)
{
    enum { DEPTH = 200 };
    json_level levels[DEPTH] = {0};
    lt_json_reader reader;
    lt_json_token token;
    size_t depth = 0;
    lt_json_open(&reader, text, NULL);
    reader.depth_limit = DEPTH - 1;
    for (;;) {
        lt_jinja_value value = {0};
        LT_TRY(lt_json_next(&reader, &token, err));
        if (token.kind == LT_JSON_END)
            return LT_OK;
        if (token.kind == LT_JSON_KEY) {
            token.kind = LT_JSON_STRING;
            LT_TRY(json_scalar(heap, &token, &levels[depth - 1].key, err));
            continue;
        }
        if (token.kind == LT_JSON_CLOSE) {
            value = levels[--depth].made;
        } else if (token.kind == LT_JSON_ARRAY || token.kind == LT_JSON_OBJECT) {
            levels[depth++] = (json_level){
                .made = token.kind == LT_JSON_ARRAY ? lt_jinja_list(heap) : lt_jinja_dict(heap)};
            continue;
        } else {
            LT_TRY(json_scalar(heap, &token, &value, err));
        }
        if (depth)
            json_put(&levels[depth - 1], value);
        else
            *out = value;
    }
}

FUNC(from_yaml)
{
    lt_jinja_value args[2];
    lt_text text = {0};
    lt_err ignored = {0};
    lt_yaml *root = NULL;
    lt_yaml_options options = {.yaml11 = true};
    LT_TRY(lt_jinja_bind(call, "value default?", args, err));
    LT_TRY(lt_jinja_need_text(call, args[0], "value", &text, err));
    if (lt_yaml_read(text, NULL, &options, &call->heap->arena, &root, &ignored) == LT_OK)
        *out = lt_scope_value(call->heap, root);
    else
        *out = otherwise(args[1]);
    return LT_OK;
}

/* ---- YAML out, as PyYAML's safe_dump writes it ---- */

static bool is_plain_yaml(lt_text text)
{
    lt_err ignored = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_yaml *root = NULL;
    lt_yaml_options options = {.yaml11 = true};
    if (!text.len || lt_is_space(text.ptr[0]) || lt_is_space(text.ptr[text.len - 1]) ||
        lt_text_has(text, T("\n")) || lt_text_has(text, T(": ")) || lt_text_has(text, T(" #")))
        return false;
    return lt_yaml_read(text, NULL, &options, &arena, &root, &ignored) == LT_OK &&
           root->kind == LT_YAML_SCALAR && root->type == LT_YAML_STRING &&
           root->style == LT_YAML_PLAIN && lt_text_eq(root->text, text);
}

static void add_yaml_text(lt_text text, lt_buf *out)
{
    bool simple = !lt_text_has(text, T("\n"));
    if (is_plain_yaml(text)) {
        lt_buf_add(out, text);
        return;
    }
    lt_buf_add_byte(out, simple ? '\'' : '"');
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (simple)
            lt_buf_add_str(out, c == '\'' ? "'" : "");
        else if (c == '"' || c == '\\')
            lt_buf_add_byte(out, '\\');
        if (c == '\n')
            lt_buf_add_str(out, "\\n");
        else
            lt_buf_add_byte(out, c);
    }
    lt_buf_add_byte(out, simple ? '\'' : '"');
}

static bool add_yaml_scalar(lt_jinja_value value, lt_buf *out)
{
    switch (value.type) {
    case LT_JINJA_NONE:
        lt_buf_add_str(out, "null");
        return true;
    case LT_JINJA_BOOL:
        lt_buf_add_str(out, value.as.b ? "true" : "false");
        return true;
    case LT_JINJA_INT:
    case LT_JINJA_FLOAT:
        lt_jinja_str(value, out);
        return true;
    case LT_JINJA_STR:
        add_yaml_text(lt_jinja_as_text(value), out);
        return true;
    default:
        return false;
    }
}

static void indent(unsigned depth, lt_buf *out)
{
    for (unsigned i = 0; i < 2 * depth; i++)
        lt_buf_add_byte(out, ' ');
}

enum { YAML_DEPTH = 100 };

/* A block; `inline_first`: the first line stands behind "- " already. */
static lt_status add_yaml(lt_jinja_value value, unsigned depth, bool inline_first, lt_buf *out,
                          lt_err *err)
{
    lt_jinja_value key, item;
    bool is_dict = value.type == LT_JINJA_DICT;
    bool first = inline_first;
    if (depth > YAML_DEPTH)
        return lt_fail(err, LT_TOO_BIG, "toyaml(): more than %d levels", YAML_DEPTH);
    if (!is_dict && value.type != LT_JINJA_LIST && value.type != LT_JINJA_TUPLE)
        return lt_fail(err, LT_INVALID, "cannot represent an object of type %s",
                       lt_jinja_type_name(value));
    size_t count = lt_jinja_len(value), at = 0;
    for (size_t i = 0; i < count; i++) {
        if (!first)
            indent(depth, out);
        first = false;
        if (is_dict) {
            (void)lt_jinja_next(value, &at, &key, &item);
            if (!add_yaml_scalar(key, out))
                return lt_fail(err, LT_INVALID, "toyaml(): a key of type %s",
                               lt_jinja_type_name(key));
            lt_buf_add_byte(out, ':');
        } else {
            item = lt_jinja_at(value, i);
            lt_buf_add_byte(out, '-');
        }
        bool nested =
            item.type == LT_JINJA_DICT || item.type == LT_JINJA_LIST || item.type == LT_JINJA_TUPLE;
        if (nested && lt_jinja_len(item) == 0) {
            lt_buf_add_str(out, item.type == LT_JINJA_DICT ? " {}\n" : " []\n");
        } else if (nested) {
            /* lists below a key stand at the key's own column, as PyYAML has them */
            bool same = is_dict && item.type != LT_JINJA_DICT;
            lt_buf_add_byte(out, is_dict ? '\n' : ' ');
            LT_TRY(add_yaml(item, same ? depth : depth + 1, !is_dict, out, err));
        } else {
            lt_buf_add_byte(out, ' ');
            if (!add_yaml_scalar(item, out))
                return lt_fail(err, LT_INVALID, "cannot represent an object of type %s",
                               lt_jinja_type_name(item));
            lt_buf_add_byte(out, '\n');
        }
    }
    return LT_OK;
}

static int by_name(const void *a, const void *b)
{
    return lt_text_cmp(lt_jinja_as_text(*(const lt_jinja_value *)a),
                       lt_jinja_as_text(*(const lt_jinja_value *)b));
}

static lt_jinja_value sorted_dict(lt_jinja_heap *heap, lt_jinja_value dict)
{
    size_t count = lt_jinja_len(dict), at = 0, used = 0;
    lt_jinja_value *keys = lt_alloc_array(&heap->arena, count + 1, sizeof(*keys)), key, value;
    while (lt_jinja_next(dict, &at, &key, &value))
        keys[used++] = key;
    qsort(keys, used, sizeof(*keys), by_name);
    lt_jinja_value made = lt_jinja_dict(heap);
    for (size_t i = 0; i < used; i++)
        if (lt_jinja_find_value(dict, keys[i], &value))
            lt_jinja_put_value(made, keys[i], value);
    return made;
}

FUNC(to_yaml)
{
    lt_jinja_value args[3];
    lt_err ignored = {0};
    LT_AUTO(lt_buf) text = {.limit = 64 * LT_MIB};
    LT_TRY(lt_jinja_bind(call, "value default? sort_keys?", args, err));
    bool sort = !lt_jinja_is_absent(args[2]) && lt_jinja_truth(args[2]);
    lt_jinja_value value = args[0];
    if (sort && value.type == LT_JINJA_DICT)
        value = sorted_dict(call->heap, value);
    bool ok = true;
    if (add_yaml_scalar(value, &text))
        lt_buf_add_str(&text, "\n...\n");
    else if (lt_jinja_len(value) == 0 && value.type != LT_JINJA_OBJECT)
        lt_buf_add_str(&text, value.type == LT_JINJA_DICT ? "{}\n" : "[]\n");
    else
        ok = add_yaml(value, 0, false, &text, &ignored) == LT_OK;
    *out = ok ? lt_jinja_text_copy(call->heap, lt_buf_text(&text)) : otherwise(args[1]);
    return LT_OK;
}

/* ---- set and zip ---- */

static lt_status make_set(lt_jinja_call *call, bool strict, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2], list;
    lt_err reason = {0};
    LT_TRY(lt_jinja_bind(call, strict ? "value" : "value default?", args, err));
    if (lt_jinja_items(call->render, args[0], &list, strict ? err : &reason) != LT_OK) {
        if (strict)
            return err->status;
        *out = otherwise(args[1]);
        return LT_OK;
    }
    *out = lt_jinja_set(call->heap);
    for (size_t i = 0; i < lt_jinja_len(list); i++)
        lt_jinja_add(*out, lt_jinja_at(list, i));
    return LT_OK;
}

FUNC(set_lenient)
{
    return make_set(call, false, out, err);
}
FUNC(set_strict)
{
    return make_set(call, true, out, err);
}

static lt_status zip_lists(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    size_t shortest = SIZE_MAX;
    lt_jinja_value *lists = lt_alloc_array(&call->heap->arena, call->arg_count + 1, sizeof(*lists));
    lt_jinja_value *row = lt_alloc_array(&call->heap->arena, call->arg_count + 1, sizeof(*row));
    for (size_t i = 0; i < call->arg_count; i++) {
        LT_TRY(lt_jinja_items(call->render, call->args[i], &lists[i], err));
        shortest = LT_MIN(shortest, lt_jinja_len(lists[i]));
    }
    *out = lt_jinja_list(call->heap);
    for (size_t k = 0; call->arg_count && k < shortest; k++) {
        for (size_t i = 0; i < call->arg_count; i++)
            row[i] = lt_jinja_at(lists[i], k);
        lt_jinja_add(*out, lt_jinja_tuple(call->heap, row, call->arg_count));
    }
    return LT_OK;
}

FUNC(zip_strict)
{
    return zip_lists(call, out, err);
}
FUNC(zip_lenient)
{
    lt_err ignored = {0};
    lt_jinja_value fallback = lt_jinja_none();
    (void)err;
    for (size_t i = 0; i < call->kwarg_count; i++)
        if (lt_text_eq(call->kwargs[i].name, T("default")))
            fallback = call->kwargs[i].value;
    if (zip_lists(call, out, &ignored) != LT_OK)
        *out = fallback;
    return LT_OK;
}

/* ---- the rest ---- */

FUNC(local_md5)
{
    lt_jinja_value args[1];
    lt_text text = {0};
    char hash[33];
    LT_TRY(lt_jinja_bind(call, "value", args, err));
    LT_TRY(lt_jinja_need_text(call, args[0], "value", &text, err));
    lt_dbt_rt_md5(text, hash);
    *out = lt_jinja_text_copy(call->heap, lt_text_of(hash));
    return LT_OK;
}

static bool in_list_nocase(lt_jinja_heap *heap, lt_jinja_value list, lt_text wanted)
{
    for (size_t i = 0; i < lt_jinja_len(list); i++)
        if (lt_text_eq_nocase(lt_dbt_str(heap, lt_jinja_at(list, i)), wanted))
            return true;
    return false;
}

static bool find_nocase(lt_jinja_heap *heap, lt_jinja_value dict, lt_text wanted,
                        lt_jinja_value *out)
{
    lt_jinja_value key;
    for (size_t at = 0; lt_jinja_next(dict, &at, &key, out);)
        if (lt_text_eq_nocase(lt_dbt_str(heap, key), wanted))
            return true;
    return false;
}

/* {k: [values of a that b has not]}, without regard to case: for grants. */
FUNC(diff_of_two_dicts)
{
    lt_jinja_value args[2], key, list, other;
    LT_TRY(lt_jinja_bind(call, "dict_a dict_b", args, err));
    if (args[0].type != LT_JINJA_DICT || args[1].type != LT_JINJA_DICT)
        return lt_fail(err, LT_INVALID, "diff_of_two_dicts() wants two dictionaries of lists");
    *out = lt_jinja_dict(call->heap);
    for (size_t at = 0; lt_jinja_next(args[0], &at, &key, &list);) {
        bool both = find_nocase(call->heap, args[1], lt_dbt_str(call->heap, key), &other);
        lt_jinja_value rest = lt_jinja_list(call->heap);
        for (size_t i = 0; i < lt_jinja_len(list); i++) {
            lt_jinja_value item = lt_jinja_at(list, i);
            if (!both || !in_list_nocase(call->heap, other, lt_dbt_str(call->heap, item)))
                lt_jinja_add(rest, item);
        }
        if (lt_jinja_len(rest))
            lt_jinja_put_value(*out, key, rest);
    }
    return LT_OK;
}

FUNC(debug)
{
    (void)call;
    (void)err;
    *out = lt_jinja_text(T("")); /* there is no Python debugger to break into */
    return LT_OK;
}

FUNC(render_text)
{
    lt_dbt_exec *exec = call->user;
    const lt_dbt_rt_settings *settings = &exec->rt->settings;
    lt_jinja_value args[1];
    LT_AUTO(lt_buf) text = {.limit = 64 * LT_MIB};
    LT_TRY(lt_jinja_bind(call, "string", args, err));
    LT_TRY(settings->host->render(settings->user, exec, call->render,
                                  lt_dbt_str(call->heap, args[0]), &text, err));
    LT_TRY(lt_buf_check(&text, "the result of render()", err));
    *out = lt_jinja_text_copy(call->heap, lt_buf_text(&text));
    return LT_OK;
}

FUNC(try_or_compiler_error)
{
    if (call->arg_count < 2)
        return lt_fail(err, LT_INVALID,
                       "try_or_compiler_error() wants a message, a function and its arguments");
    lt_err reason = {0};
    if (lt_jinja_invoke(call->render, call->args[1], call->args + 2, call->arg_count - 2,
                        call->kwargs, call->kwarg_count, out, &reason) == LT_OK)
        return LT_OK;
    return lt_fail(err, LT_INVALID, "%.*s", LT_ARG(lt_dbt_str(call->heap, call->args[0])));
}

FUNC(adapter_macro)
{
    (void)call;
    (void)out;
    return lt_fail(err, LT_INVALID,
                   "The \"adapter_macro\" macro has been deprecated. Instead, use "
                   "the `adapter.dispatch` method to find a macro and call the "
                   "result.");
}

/* otel_trace_id(), otel_span_id(): nothing is traced here. */
FUNC(no_trace)
{
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    *out = lt_jinja_none();
    return LT_OK;
}

const lt_jinja_func lt_dbt_builtin_functions[] = {
    {"return", return_value, NULL},
    {"log", log_message, NULL},
    {"print", print_message, NULL},
    {"tojson", to_json, NULL},
    {"fromjson", from_json, NULL},
    {"toyaml", to_yaml, NULL},
    {"fromyaml", from_yaml, NULL},
    {"set", set_lenient, NULL},
    {"set_strict", set_strict, NULL},
    {"zip", zip_lenient, NULL},
    {"zip_strict", zip_strict, NULL},
    {"local_md5", local_md5, NULL},
    {"diff_of_two_dicts", diff_of_two_dicts, NULL},
    {"debug", debug, NULL},
    {"render", render_text, NULL},
    {"try_or_compiler_error", try_or_compiler_error, NULL},
    {"adapter_macro", adapter_macro, NULL},
    {"otel_trace_id", no_trace, NULL},
    {"otel_span_id", no_trace, NULL},
    {NULL, NULL, NULL},
};

/* ---- filters that dbt adds ---- */

/* In text that is rendered, as_bool and its like leave the value alone: they are for YAML. */
FUNC(identity)
{
    LT_TRY(lt_jinja_bind(call, "value", out, err));
    return LT_OK;
}

FUNC(is_list)
{
    lt_jinja_value value;
    LT_TRY(lt_jinja_bind(call, "value", &value, err));
    *out = lt_jinja_bool(value.type == LT_JINJA_LIST);
    return LT_OK;
}

/* In a value of YAML they only mark the text: what it becomes is decided when it is the whole value (lt_dbt_marked), so that
 * `target.type == 'duckdb' | as_bool` compares texts. The mark stands in `kind`, which texts have no other use for. */
enum { MARK_TEXT = 1, MARK_NATIVE, MARK_BOOL, MARK_NUMBER };

static lt_status mark(lt_jinja_call *call, uint8_t kind, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value value;
    LT_TRY(lt_jinja_bind(call, "value", &value, err));
    *out = lt_jinja_text(lt_dbt_str(call->heap, value));
    out->kind = kind;
    return LT_OK;
}

FUNC(as_text)
{
    return mark(call, MARK_TEXT, out, err);
}

FUNC(as_native)
{
    return mark(call, MARK_NATIVE, out, err);
}

FUNC(as_bool)
{
    return mark(call, MARK_BOOL, out, err);
}

FUNC(as_number)
{
    return mark(call, MARK_NUMBER, out, err);
}

static bool read_bool(lt_text text, lt_jinja_value *out)
{
    bool yes = lt_text_eq_nocase(text, T("true"));
    *out = lt_jinja_bool(yes);
    return yes || lt_text_eq_nocase(text, T("false"));
}

lt_status lt_dbt_marked(lt_jinja_heap *heap, lt_jinja_value *value, lt_err *err)
{
    lt_err ignored = {0};
    uint8_t kind = value->type == LT_JINJA_STR ? value->kind : 0;
    lt_text text = lt_jinja_as_text(*value);
    if (!kind)
        return LT_OK;
    value->kind = 0;
    if (kind == MARK_BOOL && !read_bool(text, value))
        return lt_fail(err, LT_INVALID, "Could not convert value '%.*s' into type 'bool'",
                       LT_ARG(text));
    if (kind == MARK_NATIVE || kind == MARK_NUMBER)
        lt_ignore(lt_jinja_literal(heap, text, value, &ignored));
    if (kind == MARK_NUMBER && value->type != LT_JINJA_INT && value->type != LT_JINJA_FLOAT)
        return lt_fail(err, LT_INVALID, "Could not convert value '%.*s' into type 'number'",
                       LT_ARG(text));
    return LT_OK;
}

const lt_jinja_func lt_dbt_text_filters[] = {
    {"as_text", identity, NULL},   {"as_bool", identity, NULL}, {"as_native", identity, NULL},
    {"as_number", identity, NULL}, {"is_list", is_list, NULL},
};
const lt_jinja_func lt_dbt_native_filters[] = {
    {"as_text", as_text, NULL},     {"as_bool", as_bool, NULL}, {"as_native", as_native, NULL},
    {"as_number", as_number, NULL}, {"is_list", is_list, NULL},
};
