/* Every case of tests/cases/jinja/ renders as it says there.
 *
 * A case: "=== name", the template, then "--- context" (a Jinja literal), "--- options" (words: trim_blocks lstrip_blocks
 * keep chainable strict absorbing), "--- template NAME" (for the loader), and last "--- expect" or "--- error" (a part of the
 * message). Each part loses its last line end. */
#include "base/fs.h"
#include "jinja/jinja.h"
#include "support/test.h"

#include <stdio.h>

enum { MAX_PARTS = 16 };

typedef struct part {
    lt_text head, body;
} part;

typedef struct test_case {
    lt_text name, template_text;
    part parts[MAX_PARTS];
    size_t part_count;
} test_case;

/* The lines up to the next one that starts with `stop` or "=== ". */
static lt_text take_body(lt_text *rest)
{
    lt_text body = lt_text_sub(*rest, 0, 0);
    while (rest->len && !lt_text_starts(*rest, T("--- ")) && !lt_text_starts(*rest, T("=== "))) {
        size_t end = lt_text_find_byte(*rest, '\n', 0);
        size_t len = end == SIZE_MAX ? rest->len : end + 1;
        body.len += len;
        *rest = lt_text_sub(*rest, len, SIZE_MAX);
    }
    return lt_text_ends(body, T("\n")) ? lt_text_sub(body, 0, body.len - 1) : body;
}

static lt_text take_line(lt_text *rest)
{
    size_t end = lt_text_find_byte(*rest, '\n', 0);
    lt_text line = lt_text_sub(*rest, 4, end == SIZE_MAX ? SIZE_MAX : end - 4);
    *rest = lt_text_sub(*rest, end == SIZE_MAX ? rest->len : end + 1, SIZE_MAX);
    return line;
}

static bool next_case(lt_text *rest, test_case *out)
{
    *out = (test_case){0};
    (void)take_body(rest);
    if (!rest->len)
        return false;
    out->name = take_line(rest);
    out->template_text = take_body(rest);
    while (lt_text_starts(*rest, T("--- ")) && out->part_count < MAX_PARTS) {
        part *p = &out->parts[out->part_count++];
        p->head = take_line(rest);
        p->body = take_body(rest);
    }
    return true;
}

static const part *part_of(const test_case *c, const char *head)
{
    for (size_t i = 0; i < c->part_count; i++)
        if (lt_text_eq(c->parts[i].head, lt_text_of(head)))
            return &c->parts[i];
    return NULL;
}

typedef struct loader {
    const test_case *c;
    const lt_jinja_env *env;
    lt_jinja_template *made[MAX_PARTS];
} loader;

static lt_status load(void *user, lt_text name, const lt_jinja_template **out, lt_err *err)
{
    loader *l = user;
    for (size_t i = 0; i < l->c->part_count; i++) {
        lt_text head = l->c->parts[i].head;
        if (!lt_text_starts(head, T("template ")) ||
            !lt_text_eq(lt_text_sub(head, 9, SIZE_MAX), name))
            continue;
        if (!l->made[i])
            LT_TRY(lt_jinja_compile(l->env, name, l->c->parts[i].body, &l->made[i], NULL, err));
        *out = l->made[i];
        return LT_OK;
    }
    *out = NULL;
    return LT_OK;
}

static lt_jinja_env env_of(const test_case *c, loader *l)
{
    lt_jinja_env env = {.load = load, .load_user = l};
    const part *options = part_of(c, "options");
    if (!options)
        return env;
    env.trim_blocks = lt_text_has(options->body, T("trim_blocks"));
    env.lstrip_blocks = lt_text_has(options->body, T("lstrip_blocks"));
    env.keep_trailing_newline = lt_text_has(options->body, T("keep"));
    if (lt_text_has(options->body, T("chainable")))
        env.undefined = LT_JINJA_CHAINABLE;
    if (lt_text_has(options->body, T("strict")))
        env.undefined = LT_JINJA_STRICT;
    if (lt_text_has(options->body, T("absorbing")))
        env.undefined = LT_JINJA_ABSORBING;
    return env;
}

static lt_status give_back(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    (void)result;
    return lt_jinja_return(call, call->arg_count ? call->args[0] : lt_jinja_none(), err);
}

static lt_status make_set(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    (void)err;
    *result = lt_jinja_set(call->heap);
    for (size_t i = 0; call->arg_count && i < lt_jinja_len(call->args[0]); i++)
        lt_jinja_add(*result, lt_jinja_at(call->args[0], i));
    return LT_OK;
}

static const lt_jinja_func return_func = {"return", give_back, NULL};
static const lt_jinja_func set_func = {"set", make_set, NULL};

static lt_status run(const test_case *c, const lt_jinja_env *env, lt_jinja_heap *heap, lt_buf *out,
                     lt_err *err)
{
    const part *context = part_of(c, "context");
    lt_jinja_value vars = lt_jinja_dict(heap);
    if (context)
        LT_TRY(lt_jinja_literal(heap, context->body, &vars, err));
    lt_jinja_put(vars, "return", lt_jinja_func_value(&return_func));
    lt_jinja_put(vars, "set", lt_jinja_func_value(&set_func));
    LT_AUTO(lt_jinja_template_ref) t = NULL;
    LT_TRY(lt_jinja_compile(env, T("case"), c->template_text, &t, NULL, err));
    return lt_jinja_render_text(t, &(lt_jinja_context){.vars = vars}, heap, out, NULL, err);
}

/* True when the case holds; prints what differs. */
static bool holds(const test_case *c, const char *file)
{
    lt_err err = {0};
    lt_jinja_heap heap = {0};
    LT_AUTO(lt_buf) out = {0};
    loader l = {.c = c};
    lt_jinja_env env = env_of(c, &l);
    l.env = &env;
    const part *expect = part_of(c, "expect"), *error = part_of(c, "error");
    lt_status status = run(c, &env, &heap, &out, &err);
    bool good = status == LT_OK ? expect && lt_text_eq(lt_buf_text(&out), expect->body)
                                : error && lt_text_has(lt_text_of(err.message), error->body);
    if (!good)
        print_message("%s: %.*s\n  wanted%s: %.*s\n  got%s: %s\n", file, LT_ARG(c->name),
                      error ? " error" : "",
                      LT_ARG(error    ? error->body
                             : expect ? expect->body
                                      : T("(nothing)")),
                      status == LT_OK ? "" : " error",
                      status == LT_OK ? lt_buf_chars(&out) : err.message);
    for (size_t i = 0; i < MAX_PARTS; i++)
        lt_jinja_template_free(l.made[i]);
    lt_jinja_heap_cleanup(&heap);
    return good;
}

Test(jinja_cases, all_render_as_they_say)
{
    lt_err err = {0};
    lt_path_list files = {0};
    const char *folder = LT_SOURCE_DIR "/tests/cases/jinja";
    size_t count = 0, failed = 0;
    CHECK_OK(lt_files_below(folder, ".txt", 1000, &files, &err), err);
    for (size_t i = 0; i < files.len; i++) {
        LT_AUTO(lt_buf) text = {0};
        LT_AUTO(lt_chars) path = lt_path_join(folder, files.items[i]);
        CHECK_OK(lt_file_read(path, &text, &err), err);
        lt_text rest = lt_buf_text(&text);
        for (test_case c; next_case(&rest, &c); count++)
            failed += !holds(&c, files.items[i]);
    }
    lt_path_list_cleanup(&files);
    CHECK_INT(failed, 0);
    CHECK(count > 300);
}
