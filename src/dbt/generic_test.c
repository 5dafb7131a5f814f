/* Generic tests: from an entry of a .yml file to a node with dbt's name, arguments and configuration. */
#include "dbt/inner.h"

#include <stdlib.h>

/* Arguments that configure, in dbt's order. */
static const lt_text config_args[] = {
    T("severity"), T("tags"),     T("enabled"),   T("where"),          T("limit"),
    T("warn_if"),  T("error_if"), T("fail_calc"), T("store_failures"), T("store_failures_as"),
    T("meta"),     T("database"), T("schema"),    T("alias")};

enum { LONGEST_NAME = 63, KEPT_OF_NAME = 30, HASH_CHARS = 10 };

static bool is_config_arg(lt_text key)
{
    for (size_t i = 0; i < LT_COUNT(config_args); i++)
        if (lt_text_eq(config_args[i], key))
            return true;
    return false;
}

/* ---- the entry ---- */

typedef struct test_entry {
    const test_subject *on;
    const lt_yaml *place;
    lt_text name, own_name; /* of the test; of this one */
    const lt_yaml *body;    /* a mapping, or NULL */
    lt_text column;
    lt_jinja_value args, config; /* dicts */
    lt_jinja_value description;
} test_entry;

static lt_status read_form(test_entry *t, const lt_yaml *entry, lt_err *err)
{
    const char *path = t->on->source->path;
    const lt_yaml *named = lt_yaml_find(entry, T("test_name"));
    t->place = entry;
    if (entry->kind == LT_YAML_SCALAR && entry->text.len) {
        t->name = entry->text;
        return LT_OK;
    }
    if (named && named->kind == LT_YAML_SCALAR) {
        t->name = named->text;
        t->body = entry;
        return LT_OK;
    }
    if (entry->kind != LT_YAML_MAPPING || entry->count != 1)
        return lt_yaml_fail(entry, path, err,
                            "a test is a name, or one name with its arguments below it");
    t->name = entry->keys[0]->text;
    const lt_yaml *body = entry->items[0];
    if (body->kind == LT_YAML_MAPPING)
        t->body = body;
    else if (!lt_dbt_is_null(body))
        return lt_yaml_fail(body, path, err, "the arguments of '%.*s' must be a mapping, not %s",
                            LT_ARG(t->name), lt_yaml_name(body));
    return LT_OK;
}

static lt_status put_config(test_entry *t, lt_text key, const lt_yaml *value, lt_err *err)
{
    lt_jinja_value rendered;
    LT_TRY(lt_dbt_value(t->on->source, value, &rendered, err));
    if (rendered.type != LT_JINJA_NONE)
        lt_jinja_put_value(t->config, lt_jinja_text(key), rendered);
    return LT_OK;
}

/* What stands below `arguments` is as if it stood beside it, as in dbt: `config` too. */
static const lt_yaml *beside(const lt_yaml *body, lt_text key)
{
    const lt_yaml *named = lt_yaml_find(lt_yaml_find(body, T("arguments")), key);
    return lt_dbt_is_null(named) ? lt_yaml_find(body, key) : named;
}

/* Configuration: dbt's own keys first, then what else stands below `config`. */
static lt_status read_config(test_entry *t, lt_err *err)
{
    const value_source *source = t->on->source;
    const lt_yaml *config = beside(t->body, T("config"));
    if (lt_dbt_is_null(config))
        config = NULL;
    if (config)
        LT_TRY(lt_dbt_config_check_yaml(source, NULL, config, err));
    for (size_t i = 0; i < LT_COUNT(config_args); i++) {
        const lt_yaml *loose = beside(t->body, config_args[i]);
        const lt_yaml *inside = lt_yaml_find(config, config_args[i]);
        if (!lt_dbt_is_null(loose) && !lt_dbt_is_null(inside))
            return lt_yaml_fail(loose, source->path, err,
                                "'%.*s' is here and below config: one place is enough",
                                LT_ARG(config_args[i]));
        if (loose && source->dbt->is_strict &&
            lt_dbt_config_check(source->dbt, NULL, config_args[i],
                                lt_scope_value(&source->dbt->heap, loose), err) != LT_OK)
            return lt_wrap(err, "%s:%u:%u", source->path, loose->line, loose->col);
        if (!lt_dbt_is_null(loose) || !lt_dbt_is_null(inside))
            LT_TRY(put_config(t, config_args[i], lt_dbt_is_null(loose) ? inside : loose, err));
    }
    for (size_t i = 0; config && i < config->count; i++)
        if (!is_config_arg(config->keys[i]->text))
            LT_TRY(put_config(t, config->keys[i]->text, config->items[i], err));
    return LT_OK;
}

static lt_status read_arguments(test_entry *t, lt_err *err)
{
    static const lt_text apart[] = {T("config"), T("arguments"), T("description"),
                                    T("name"),   T("test_name"), T("column_name")};
    const value_source *source = t->on->source;
    lt_jinja_heap *heap = &source->dbt->heap;
    const lt_yaml *named = lt_yaml_find(t->body, T("arguments"));
    const lt_yaml *column = lt_yaml_find(t->body, T("column_name"));
    for (size_t i = 0; t->body && i < t->body->count; i++) {
        lt_text key = t->body->keys[i]->text;
        bool skip = is_config_arg(key);
        for (size_t a = 0; a < LT_COUNT(apart); a++)
            skip |= lt_text_eq(apart[a], key);
        if (!skip)
            lt_jinja_put_value(t->args, lt_jinja_text(key),
                               lt_scope_value(heap, t->body->items[i]));
    }
    if (t->column.len)
        lt_jinja_put(t->args, "column_name", lt_jinja_text(t->column));
    else if (!lt_dbt_is_null(column))
        lt_jinja_put(t->args, "column_name", lt_jinja_text(column->text));
    if (!lt_dbt_is_null(named) && named->kind != LT_YAML_MAPPING)
        return lt_yaml_fail(named, source->path, err, "arguments must be a mapping, not %s",
                            lt_yaml_name(named));
    for (size_t i = 0; named && i < named->count; i++) {
        lt_text key = named->keys[i]->text;
        if (!is_config_arg(key) && !lt_text_eq(key, T("config")))
            lt_jinja_put_value(t->args, lt_jinja_text(key), lt_scope_value(heap, named->items[i]));
    }
    if (lt_dbt_is_set(lt_dbt_at(t->args, "model")))
        return lt_yaml_fail(t->place, source->path, err,
                            "'model' is given by where the test stands: take the argument out");
    return LT_OK;
}

/* ---- names, as dbt makes them ---- */

static void add_clean(lt_jinja_value value, lt_buf *out)
{
    LT_AUTO(lt_buf) text = {.limit = 64 * LT_KIB};
    bool in_run = false;
    lt_jinja_str(value, &text);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool good = lt_is_alpha(c) || lt_is_digit(c) || c == '_';
        if (good || !in_run)
            lt_buf_add_byte(out, good ? c : '_');
        in_run = !good;
    }
}

static void add_part(lt_jinja_value value, lt_buf *out, bool *first)
{
    if (!*first)
        lt_buf_add_str(out, "__");
    *first = false;
    add_clean(value, out);
}

static void add_argument(lt_jinja_value value, lt_buf *out, bool *first)
{
    lt_jinja_value key, item;
    if (value.type == LT_JINJA_DICT) {
        for (size_t at = 0; lt_jinja_next(value, &at, &key, &item);)
            add_part(item, out, first);
        return;
    }
    if (value.type != LT_JINJA_LIST && value.type != LT_JINJA_TUPLE) {
        add_part(value, out, first);
        return;
    }
    for (size_t i = 0; i < lt_jinja_len(value); i++)
        add_part(lt_jinja_at(value, i), out, first);
}

typedef struct named_value {
    lt_text name;
    lt_jinja_value value;
} named_value;

static int by_name(const void *a, const void *b)
{
    return lt_text_cmp(((const named_value *)a)->name, ((const named_value *)b)->name);
}

static named_value *sorted(lt_arena *arena, lt_jinja_value dict, size_t *count)
{
    lt_jinja_value key, value;
    named_value *made = lt_alloc_array(arena, lt_jinja_len(dict) + 1, sizeof(*made));
    *count = 0;
    for (size_t at = 0; lt_jinja_next(dict, &at, &key, &value);)
        made[(*count)++] = (named_value){.name = lt_jinja_as_text(key), .value = value};
    if (*count)
        qsort(made, *count, sizeof(*made), by_name);
    return made;
}

/* "unique_orders_id": full; short is the same, or cut with an MD5 when a table could not have it as name. */
static void synthesize(const test_entry *t, lt_text namespace, lt_text test, lt_text *full,
                       lt_text *shortened)
{
    lt_dbt *dbt = t->on->source->dbt;
    size_t count;
    bool first = true;
    LT_AUTO(lt_buf) name = {0};
    LT_AUTO(lt_arena) scratch = {0};
    named_value *args = sorted(&scratch, t->args, &count);
    lt_buf_printf(&name, "%.*s%s%s%.*s_%.*s", LT_ARG(namespace), namespace.len ? "_" : "",
                  t->on->node->kind == LT_DBT_SOURCE ? "source_" : "", LT_ARG(test),
                  LT_ARG(t->on->name));
    if (lt_dbt_is_set(t->on->version))
        lt_buf_printf(&name, "_v%.*s", LT_ARG(lt_dbt_text_of(dbt, t->on->version)));
    size_t identifier = name.len;
    lt_buf_add_byte(&name, '_');
    for (size_t i = 0; i < count; i++)
        add_argument(args[i].value, &name, &first);
    *full = *shortened = lt_arena_text(&dbt->arena, lt_buf_text(&name));
    if (full->len <= LONGEST_NAME)
        return;
    char sum[33];
    lt_dbt_md5_hex(*full, sum);
    *shortened = lt_text_of(lt_arena_format(
        &dbt->arena, "%.*s_%s", (int)LT_MIN(identifier, (size_t)KEPT_OF_NAME), full->ptr, sum));
}

/* str() of every leaf and keys in order: what dbt hashes. */
static lt_jinja_value hashable(lt_jinja_heap *heap, lt_jinja_value value)
{
    if (value.type == LT_JINJA_DICT) {
        size_t count;
        lt_jinja_value made = lt_jinja_dict(heap);
        named_value *items = sorted(&heap->arena, value, &count);
        for (size_t i = 0; i < count; i++)
            lt_jinja_put_value(made, lt_jinja_text(items[i].name), hashable(heap, items[i].value));
        return made;
    }
    if (value.type == LT_JINJA_LIST) {
        lt_jinja_value made = lt_jinja_list(heap);
        for (size_t i = 0; i < lt_jinja_len(value); i++)
            lt_jinja_add(made, hashable(heap, lt_jinja_at(value, i)));
        return made;
    }
    LT_AUTO(lt_buf) text = {0};
    lt_jinja_str(value, &text);
    return lt_jinja_text_copy(heap, lt_buf_text(&text));
}

static void make_id(lt_dbt *dbt, lt_dbt_node *node)
{
    char sum[33];
    lt_jinja_heap heap = {0};
    LT_AUTO(lt_buf) text = {0};
    lt_jinja_value data = lt_jinja_dict(&heap);
    lt_jinja_put(data, "kwargs", node->kwargs);
    lt_jinja_put(data, "name", lt_jinja_text(node->test_name));
    lt_jinja_put(data, "namespace",
                 node->test_namespace.len ? lt_jinja_text(node->test_namespace) : lt_jinja_none());
    lt_buf_add(&text, node->name);
    lt_jinja_repr(hashable(&heap, data), &text);
    lt_dbt_md5_hex(lt_buf_text(&text), sum);
    lt_jinja_heap_cleanup(&heap);
    node->id =
        lt_text_of(lt_arena_format(&dbt->arena, "test.%.*s.%.*s.%s", LT_ARG(node->package->name),
                                   LT_ARG(node->name), sum + 32 - HASH_CHARS));
}

/* ---- the text that dbt shows ---- */

static lt_text model_text(lt_dbt *dbt, const test_subject *on)
{
    const lt_dbt_node *node = on->node;
    if (node->kind == LT_DBT_SOURCE)
        return lt_text_of(lt_arena_format(&dbt->arena,
                                          "{{ get_where_subquery(source('%.*s', '%.*s')) }}",
                                          LT_ARG(node->source_name), LT_ARG(node->name)));
    if (lt_dbt_is_set(on->version))
        return lt_text_of(
            lt_arena_format(&dbt->arena, "{{ get_where_subquery(ref('%.*s', version='%.*s')) }}",
                            LT_ARG(node->name), LT_ARG(lt_dbt_text_of(dbt, on->version))));
    return lt_text_of(
        lt_arena_format(&dbt->arena, "{{ get_where_subquery(ref('%.*s')) }}", LT_ARG(node->name)));
}

static void add_escaped(lt_text text, lt_buf *out)
{
    lt_buf_add_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"')
            lt_buf_add_byte(out, '\\');
        lt_buf_add_byte(out, text.ptr[i]);
    }
    lt_buf_add_byte(out, '"');
}

static lt_text raw_code(lt_dbt *dbt, const lt_dbt_node *node, lt_jinja_value config)
{
    LT_AUTO(lt_buf) text = {0};
    lt_jinja_value key, value;
    bool first = true;
    lt_buf_printf(&text, "{{ %.*s%stest_%.*s(**_dbt_generic_test_kwargs) }}",
                  LT_ARG(node->test_namespace), node->test_namespace.len ? "." : "",
                  LT_ARG(node->test_name));
    for (size_t at = 0; lt_jinja_next(config, &at, &key, &value); first = false) {
        lt_buf_printf(&text, "%s%.*s=", first ? "{{ config(" : ",", LT_ARG(lt_jinja_as_text(key)));
        if (value.type == LT_JINJA_STR)
            add_escaped(lt_jinja_as_text(value), &text);
        else
            lt_jinja_str(value, &text);
    }
    if (!first)
        lt_buf_add_str(&text, ") }}");
    return lt_arena_text(&dbt->arena, lt_buf_text(&text));
}

/* ---- the node ---- */

static void split_name(lt_text whole, lt_text *namespace, lt_text *name)
{
    size_t dot = lt_text_find_byte(whole, '.', 0);
    *namespace = dot == SIZE_MAX ? (lt_text){0} : lt_text_sub(whole, 0, dot);
    *name = dot == SIZE_MAX ? whole : lt_text_sub(whole, dot + 1, SIZE_MAX);
}

static int by_text(const void *a, const void *b)
{
    return lt_text_cmp(*(const lt_text *)a, *(const lt_text *)b);
}

/* Tags of the column and of the test itself come before those of folders, sorted. */
static void put_tags(lt_dbt *dbt, lt_dbt_node *node, const lt_texts *tags, lt_jinja_value config)
{
    lt_texts own = {0}, all = {0};
    lt_dbt_texts_of(dbt, lt_dbt_at(config, "tags"), &own);
    for (size_t i = 0; i < tags->len; i++)
        if (!lt_dbt_texts_have(&all, tags->items[i]))
            lt_push_in(&dbt->arena, &all, tags->items[i]);
    for (size_t i = 0; i < own.len; i++)
        if (!lt_dbt_texts_have(&all, own.items[i]))
            lt_push_in(&dbt->arena, &all, own.items[i]);
    if (all.len)
        qsort(all.items, all.len, sizeof(*all.items), by_text);
    for (size_t i = 0; i < node->config.tags.len; i++)
        if (!lt_dbt_texts_have(&all, node->config.tags.items[i]))
            lt_push_in(&dbt->arena, &all, node->config.tags.items[i]);
    node->config.tags = all;
}

static lt_dbt_node *make_node(const test_entry *t, lt_text *shortened)
{
    const test_subject *on = t->on;
    lt_dbt *dbt = on->source->dbt;
    lt_text namespace, name, full;
    split_name(t->name, &namespace, &name);
    synthesize(t, namespace, name, &full, shortened);
    if (t->own_name.len)
        full = *shortened = t->own_name;
    lt_dbt_package *package = on->source->package /* whose file asks for it */
                                  ? (lt_dbt_package *)(uintptr_t)on->source->package
                                  : on->node->package;
    lt_dbt_node *node =
        lt_dbt_node_new(dbt, package, LT_DBT_GENERIC_TEST, full, lt_text_of(on->source->path));
    node->test_name = name;
    node->test_namespace = namespace;
    node->column = t->column;
    node->kwargs = t->args;
    node->subject = &on->node->relation;
    node->attached = on->node->kind == LT_DBT_SOURCE ? NULL : on->node;
    node->file_key = lt_text_of(lt_arena_format(
        &dbt->arena, "%s.%.*s", on->yaml_key,
        LT_ARG(on->node->kind == LT_DBT_SOURCE ? on->node->source_name : on->node->name)));
    node->line = t->place->line;
    node->col = t->place->col;
    node->file = lt_text_of(lt_arena_format(&dbt->arena, "%.*s.sql", LT_ARG(*shortened)));
    const char *below = strchr(on->source->path, '/');
    lt_dbt_fqn(dbt, node, lt_text_of(below ? below + 1 : on->source->path), full);
    if (node->attached)
        node->group = node->attached->group;
    return node;
}

const lt_dbt_macro *lt_dbt_test_macro(const lt_dbt *dbt, const lt_dbt_node *node)
{
    LT_AUTO(lt_chars) name = lt_format("test_%.*s", LT_ARG(node->test_name));
    if (!node->test_namespace.len)
        return lt_dbt_macro_find(dbt, node->package, lt_text_of(name));
    const lt_dbt_package *package = lt_dbt_package_find(dbt, node->test_namespace);
    if (!package)
        return NULL;
    return package == dbt->internal ? lt_dbt_macro_find(dbt, package, lt_text_of(name))
                                    : lt_map_find(&package->macros, lt_text_of(name));
}

/* The tests that dbt does not render: their configuration stays as it is. */
static bool is_simple(const lt_dbt_macro *macro, const lt_dbt_node *node)
{
    return macro && macro->package->is_built_in &&
           (lt_text_eq(node->test_name, T("unique")) || lt_text_eq(node->test_name, T("not_null")));
}

/* What dbt keeps of a test's configuration to compare it with another run: the test is a template that calls config(). */
static lt_status put_written(lt_dbt *dbt, const lt_dbt_node *node, config_calls *call, lt_err *err)
{
    LT_AUTO(lt_jinja_template_ref) compiled = NULL;
    lt_jinja_value written;
    call->written = call->merged;
    if (is_simple(lt_dbt_test_macro(dbt, node), node) ||
        !lt_dbt_flag_read(dbt, LT_DBT_COMPARES_WRITTEN))
        return LT_OK;
    LT_TRY(lt_jinja_compile(&dbt->test_env, node->path, node->raw_code, &compiled, NULL, err));
    if (lt_jinja_keywords_of(compiled, T("config"), &dbt->heap, &written))
        call->written = written;
    return LT_OK;
}

static lt_status add_test(const test_subject *on, lt_text column, const lt_texts *tags,
                          const lt_yaml *entry, lt_err *err)
{
    lt_dbt *dbt = on->source->dbt;
    config_calls call = {0};
    lt_text shortened;
    test_entry t = {.on = on,
                    .column = column,
                    .args = lt_jinja_dict(&dbt->heap),
                    .config = lt_jinja_dict(&dbt->heap)};
    LT_TRY(read_form(&t, entry, err));
    const lt_yaml *own = lt_yaml_find(t.body, T("name"));
    t.own_name = lt_dbt_is_null(own) ? (lt_text){0} : own->text;
    const old_test written = {t.name, t.body, config_args, LT_COUNT(config_args)};
    lt_dbt_old_test(on, &written);
    LT_TRY(read_config(&t, err));
    LT_TRY(read_arguments(&t, err));
    lt_dbt_node *node = make_node(&t, &shortened);
    if (!lt_text_eq(shortened, node->name) && !lt_dbt_is_set(lt_dbt_at(t.config, "alias")))
        lt_jinja_put(t.config, "alias", lt_jinja_text(shortened));
    lt_jinja_put(t.args, "model", lt_jinja_text(model_text(dbt, on)));
    node->raw_code = raw_code(dbt, node, t.config);
    make_id(dbt, node);
    LT_TRY(lt_dbt_test_record(dbt, node, &call, err));
    /* What the macro itself configures is weaker than what the entry says. */
    if (call.merged.type == LT_JINJA_DICT)
        lt_dbt_config_merge(dbt, call.merged, t.config);
    else
        call.merged = t.config;
    LT_TRY(put_written(dbt, node, &call, err));
    LT_TRY(lt_dbt_config_make(dbt, node, (lt_jinja_value){0}, (lt_jinja_value){0}, &call, err));
    put_tags(dbt, node, tags, t.config);
    LT_TRY(lt_dbt_describe(on->source, node, t.body, err));
    return lt_dbt_config_finish(dbt, node, err);
}

lt_status lt_dbt_tests_add(lt_dbt *dbt, const test_subject *on, lt_text column,
                           const lt_texts *tags, const lt_yaml *holder, lt_err *err)
{
    static const lt_text keys[] = {T("tests"), T("data_tests")};
    const lt_yaml *older = lt_yaml_find(holder, keys[0]), *now = lt_yaml_find(holder, keys[1]);
    if (older && now && !dbt->is_strict)
        return lt_yaml_fail(older, on->source->path, err,
                            "Invalid test config: cannot have both 'tests' and 'data_tests' "
                            "defined");
    for (size_t k = 0; k < LT_COUNT(keys); k++) {
        const lt_yaml *list = lt_yaml_find(holder, keys[k]);
        if (lt_dbt_is_null(list))
            continue;
        LT_TRY(lt_dbt_need_list(on->source->path, list, "tests", err));
        for (size_t i = 0; i < list->count; i++)
            LT_TRY(add_test(on, column, tags, list->items[i], err));
    }
    return LT_OK;
}

/* ---- what it refers to ---- */

/* ^\s*(env_var|ref|var|source|doc)\s*\(.+\)\s*$ */
static bool is_call_text(lt_text text)
{
    static const lt_text names[] = {T("env_var"), T("ref"), T("var"), T("source"), T("doc")};
    text = lt_text_trim(text);
    if (!lt_text_ends(text, T(")")))
        return false;
    for (size_t i = 0; i < LT_COUNT(names); i++) {
        if (!lt_text_starts(text, names[i]))
            continue;
        lt_text rest = lt_text_trim(lt_text_sub(text, names[i].len, SIZE_MAX));
        if (rest.len > 2 && rest.ptr[0] == '(')
            return true;
    }
    return false;
}

static lt_status render_text(const lt_dbt *dbt, const lt_dbt_node *node,
                             const lt_jinja_context *context, lt_jinja_heap *heap,
                             lt_jinja_value *value, lt_err *err)
{
    LT_AUTO(lt_buf) text = {0};
    lt_text raw = lt_jinja_as_text(*value);
    LT_AUTO(lt_jinja_template_ref) compiled = NULL;
    lt_jinja_value made = {0};
    lt_buf_printf(&text, is_call_text(raw) ? "{{ %.*s }}" : "%.*s", LT_ARG(raw));
    const rendering *r = context->user;
    LT_TRY(lt_jinja_compile(r->loading ? &dbt->test_env : &dbt->env, node->path, lt_buf_text(&text),
                            &compiled, NULL, err));
    LT_TRY(lt_jinja_render_value(compiled, context, heap, &made, NULL, err));
    return lt_jinja_copy(heap, made, value, err); /* the template goes, its constants with it */
}

/* The depth of a tree is limited by its reader (64). */
static lt_status render_deeply(const lt_dbt *dbt, const lt_dbt_node *node,
                               const lt_jinja_context *context, lt_jinja_heap *heap,
                               lt_jinja_value *value, lt_err *err)
{
    lt_jinja_value key, item;
    if (value->type == LT_JINJA_STR) {
        lt_text text = lt_jinja_as_text(*value);
        return is_call_text(text) || lt_dbt_is_template(text)
                   ? render_text(dbt, node, context, heap, value, err)
                   : LT_OK;
    }
    if (value->type == LT_JINJA_LIST) {
        lt_jinja_value made = lt_jinja_list(heap);
        for (size_t i = 0; i < lt_jinja_len(*value); i++) {
            item = lt_jinja_at(*value, i);
            LT_TRY(render_deeply(dbt, node, context, heap, &item, err));
            lt_jinja_add(made, item);
        }
        *value = made;
    } else if (value->type == LT_JINJA_DICT) {
        lt_jinja_value made = lt_jinja_dict(heap);
        for (size_t at = 0; lt_jinja_next(*value, &at, &key, &item);) {
            LT_TRY(render_deeply(dbt, node, context, heap, &item, err));
            lt_jinja_put_value(made, key, item);
        }
        *value = made;
    }
    return LT_OK;
}

lt_status lt_dbt_test_kwargs(const lt_dbt *dbt, const lt_dbt_node *node,
                             const lt_jinja_context *context, lt_jinja_heap *heap,
                             lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value made = lt_jinja_dict(heap), key, value;
    for (size_t at = 0; lt_jinja_next(node->kwargs, &at, &key, &value);) {
        if (!lt_text_eq(lt_jinja_as_text(key), T("column_name")))
            LT_TRY(render_deeply(dbt, node, context, heap, &value, err));
        lt_jinja_put_value(made, key, value);
    }
    *out = made;
    return LT_OK;
}

static lt_text test_macro_name(const void *context, size_t i)
{
    const lt_dbt *dbt = context;
    lt_text name = dbt->macros.items[i]->name;
    return lt_text_starts(name, T("test_")) ? lt_text_sub(name, 5, SIZE_MAX) : T("");
}

static lt_status unknown_test(lt_dbt *dbt, const lt_dbt_node *node, lt_err *err)
{
    lt_text nearest;
    bool found =
        lt_text_nearest(node->test_name, dbt->macros.len, test_macro_name, dbt, &nearest) &&
        nearest.len;
    if (!dbt->is_strict) { /* dbt says so when the test runs */
        lt_dbt_warn(dbt, LT_DBT_NOT_FOUND, "%.*s:%u:%u: there is no test '%.*s'%s%.*s%s",
                    LT_ARG(node->path), node->line, node->col, LT_ARG(node->test_name),
                    found ? ", did you mean '" : "", found ? (int)nearest.len : 0,
                    found ? nearest.ptr : "", found ? "'?" : "");
        return LT_OK;
    }
    lt_ignore(lt_fail(err, LT_INVALID, "%.*s:%u:%u: there is no test '%.*s'", LT_ARG(node->path),
                      node->line, node->col, LT_ARG(node->test_name)));
    if (found)
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    return lt_hint(err, "tests are unique, not_null, accepted_values, relationships, and {%% "
                        "test %%} blocks in macros/");
}

static void need_macro(lt_dbt *dbt, lt_dbt_node *node, const lt_dbt_macro *macro)
{
    for (size_t i = 0; i < node->macros.len; i++)
        if (node->macros.items[i] == macro)
            return;
    if (macro)
        lt_push_in(&dbt->arena, &node->macros, macro);
}

static void need_subject(lt_dbt *dbt, lt_dbt_node *node)
{
    lt_dbt_ref self = {.version = lt_jinja_none()};
    if (node->attached) {
        self.name = node->attached->name;
        self.version = node->attached->version;
        /* A text, as in the test's own SQL; dbt does not render that of these two. */
        if (lt_dbt_is_set(node->attached->version) && !lt_text_eq(node->test_name, T("unique")) &&
            !lt_text_eq(node->test_name, T("not_null")))
            self.version = lt_jinja_text(lt_dbt_text_of(dbt, node->attached->version));
        lt_push_in(&dbt->arena, &node->refs, self);
        return;
    }
    size_t dot = lt_text_find_byte(node->file_key, '.', 0);
    self.package = lt_text_sub(node->file_key, dot + 1, SIZE_MAX);
    const lt_dbt_node *source =
        (const void *)((const char *)node->subject - offsetof(lt_dbt_node, relation));
    self.name = source->name;
    lt_push_in(&dbt->arena, &node->source_refs, self);
}

/* Arguments of our own tests are texts, lists and calls of ref(): nothing else needs to be evaluated. */
static lt_status record_arguments(lt_dbt *dbt, lt_dbt_node *node, rendering *r, lt_err *err)
{
    lt_jinja_heap heap = {0};
    lt_jinja_value key, value;
    lt_status status = LT_OK;
    lt_jinja_context context = {.lookup = lt_dbt_lookup, .user = r};
    for (size_t at = 0; status == LT_OK && lt_jinja_next(node->kwargs, &at, &key, &value);) {
        lt_text name = lt_jinja_as_text(key);
        if (lt_text_eq(name, T("model")))
            need_subject(dbt, node);
        else if (!lt_text_eq(name, T("column_name")))
            status = render_deeply(dbt, node, &context, &heap, &value, err);
    }
    lt_jinja_heap_cleanup(&heap);
    return status;
}

static lt_status record_macro(lt_dbt *dbt, lt_dbt_node *node, rendering *r, lt_err *err)
{
    lt_jinja_heap heap = {0};
    LT_AUTO(lt_buf) text = {0};
    LT_AUTO(lt_jinja_template_ref) compiled = NULL;
    lt_jinja_context context = {.lookup = lt_dbt_lookup, .user = r};
    size_t end = lt_text_find(node->raw_code, T("}}"), 0) + 2;
    LT_TRY(lt_jinja_compile(&dbt->test_env, node->path, lt_text_sub(node->raw_code, 0, end),
                            &compiled, NULL, err));
    lt_status status = lt_dbt_test_kwargs(dbt, node, &context, &heap, &r->kwargs, err);
    if (status == LT_OK)
        status = lt_jinja_render_text(compiled, &context, &heap, &text, NULL, err);
    lt_jinja_heap_cleanup(&heap);
    return status;
}

/* dbt looks for the macro of a test by its name alone, first in the package of the file that asks for the test, then in the project,
 * and shows the template only what that macro calls. So a test "other.name" whose name one of the two has as well is not rendered
 * while the project is read, unless the one calls the other. NULL: it is rendered. */
static const lt_dbt_macro *in_front_of(lt_dbt *dbt, const lt_dbt_node *node,
                                       const lt_dbt_macro *macro)
{
    LT_AUTO(lt_chars) name = lt_format("test_%.*s", LT_ARG(node->test_name));
    if (!node->test_namespace.len || !macro)
        return NULL;
    const lt_dbt_macro *own = lt_map_find(&node->package->macros, lt_text_of(name));
    if (!own)
        own = lt_map_find(&dbt->root->macros, lt_text_of(name));
    if (!own || own == macro)
        return NULL;
    lt_texts needs = {0};
    lt_dbt_macro_needs(dbt, own, &needs);
    for (size_t i = 0; i < needs.len; i++)
        if (lt_text_eq(needs.items[i], macro->id))
            return NULL;
    return own;
}

lt_status lt_dbt_test_record(lt_dbt *dbt, lt_dbt_node *node, config_calls *config_call, lt_err *err)
{
    rendering r;
    const lt_dbt_macro *macro = lt_dbt_test_macro(dbt, node);
    if (!macro)
        LT_TRY(unknown_test(dbt, node, err));
    const lt_dbt_macro *front = in_front_of(dbt, node, macro);
    need_macro(dbt, node, front ? front : macro);
    lt_dbt_rendering_init(&r, dbt, node);
    r.loading = dbt;
    r.recorded = node;
    bool plain = !macro || macro->package->is_built_in || front;
    if (!is_simple(macro, node))
        need_macro(dbt, node, lt_dbt_macro_find(dbt, node->package, T("get_where_subquery")));
    lt_status status =
        plain ? record_arguments(dbt, node, &r, err) : record_macro(dbt, node, &r, err);
    *config_call = r.config_call;
    if (status != LT_OK)
        return lt_wrap(err, "%.*s:%u:%u: test %.*s", LT_ARG(node->path), node->line, node->col,
                       LT_ARG(node->test_name));
    return LT_OK;
}
