/* Fingerprints of nodes: what their relations follow from but data. */
#include "dbt/plan/print.h"

#include "dbt/inner.h"

#include <stdlib.h>

enum { DIGEST_CHARS = 16, MOST_TEXT = 16 << 20 };

static const char *const part_names[LT_DBT_PRINT_PARTS] = {[LT_DBT_PART_CODE] = "code",
                                                           [LT_DBT_PART_CONFIG] = "config",
                                                           [LT_DBT_PART_MACROS] = "macro",
                                                           [LT_DBT_PART_VARS] = "variable",
                                                           [LT_DBT_PART_UPSTREAM] = "upstream"};

const char *lt_dbt_part_name(lt_dbt_part part)
{
    return part_names[part];
}

typedef LT_VEC(const lt_dbt_macro *) macro_list;

struct lt_dbt_prints {
    lt_dbt *dbt;
    lt_arena arena;
    lt_dbt_print **made; /* by the index of the node */
    lt_map needs;        /* id of a macro -> lt_texts: what it calls */
    lt_map reached;      /* id of a macro -> macro_list: see reached_from() */
    uint64_t around;     /* of what any node may look at; 0: not known yet */
    uint32_t *met;       /* by the index of a node: for whose mark it was looked at, index + 1 */
    lt_dbt_nodes open;
};

lt_dbt_prints *lt_dbt_prints_new(lt_dbt *dbt)
{
    lt_dbt_prints *prints = lt_xcalloc(1, sizeof(*prints));
    prints->dbt = dbt;
    size_t count = lt_dbt_all(dbt)->len + 1;
    prints->made = lt_alloc_array(&prints->arena, count, sizeof(*prints->made));
    prints->met = lt_alloc_array(&prints->arena, count, sizeof(*prints->met));
    return prints;
}

void lt_dbt_prints_free(lt_dbt_prints *prints)
{
    if (!prints)
        return;
    lt_map_cleanup(&prints->needs);
    lt_map_cleanup(&prints->reached);
    lt_vec_free(&prints->open);
    lt_arena_cleanup(&prints->arena);
    lt_free(prints);
}

/* ---- lists of names and digests ---- */

typedef struct item {
    lt_text name, digest;
} item;
typedef LT_VEC(item) items;

static int by_name(const void *a, const void *b)
{
    const item *left = a, *right = b;
    return lt_text_cmp(left->name, right->name);
}

static void add_item(lt_dbt_prints *prints, items *list, lt_text name, lt_text content)
{
    char sum[65];
    lt_dbt_sha256(content, sum);
    item one = {.name = name,
                .digest = lt_arena_text(&prints->arena, lt_text_at(sum, DIGEST_CHARS))};
    lt_push_in(&prints->arena, list, one);
}

static lt_text written(lt_dbt_prints *prints, items *list)
{
    LT_AUTO(lt_buf) out = {.limit = MOST_TEXT};
    if (list->len)
        qsort(list->items, list->len, sizeof(*list->items), by_name);
    for (size_t i = 0; i < list->len; i++)
        lt_buf_printf(&out, "%.*s=%.*s;", LT_ARG(list->items[i].name),
                      LT_ARG(list->items[i].digest));
    return lt_arena_text(&prints->arena, lt_buf_text(&out));
}

static void add_value(lt_jinja_value value, lt_buf *out)
{
    static const lt_jinja_json how = {.sort_keys = true};
    lt_err err = {0};
    size_t before = out->len;
    if (lt_jinja_to_json(value, &how, out, &err) == LT_OK)
        return;
    lt_buf_cut(out, before);
    lt_jinja_str(value, out);
}

/* ---- code ---- */

static lt_text code_of(lt_dbt_prints *prints, const lt_dbt_node *node)
{
    LT_AUTO(lt_buf) text = {.limit = MOST_TEXT};
    items list = {0};
    if (node->kind == LT_DBT_GENERIC_TEST) {
        lt_buf_printf(&text, "%.*s.%.*s(", LT_ARG(node->test_namespace), LT_ARG(node->test_name));
        add_value(node->kwargs, &text);
    } else if (node->kind == LT_DBT_UNIT_TEST) {
        add_value(node->raw, &text);
    } else {
        if (node->kind == LT_DBT_UDF)
            add_value(node->raw, &text); /* what it takes and gives */
        lt_buf_add(&text, node->kind == LT_DBT_SEED ? node->checksum : node->raw_code);
    }
    add_item(prints, &list, node->kind == LT_DBT_SEED ? T("file") : T("text"), lt_buf_text(&text));
    return written(prints, &list);
}

/* ---- configuration ---- */

/* What changes no relation, or shows in the relation's name. */
static bool counts(lt_text key)
{
    static const lt_text apart[] = {T("tags"),    T("meta"),      T("docs"),     T("group"),
                                    T("access"),  T("alias"),     T("schema"),   T("database"),
                                    T("enabled"), T("freshness"), T("severity"), T("packages")};
    for (size_t i = 0; i < LT_COUNT(apart); i++)
        if (lt_text_eq(apart[i], key))
            return false;
    return true;
}

static void add_columns(lt_dbt_prints *prints, const lt_dbt_node *node, items *list)
{
    LT_AUTO(lt_buf) text = {.limit = MOST_TEXT};
    lt_jinja_value persist = lt_dbt_config_get(prints->dbt, node, T("persist_docs"));
    lt_jinja_value contract = lt_dbt_config_get(prints->dbt, node, T("contract"));
    bool of_columns = lt_jinja_truth(lt_dbt_at(persist, "columns"));
    bool enforced = lt_jinja_truth(lt_dbt_at(contract, "enforced"));
    if (lt_jinja_truth(lt_dbt_at(persist, "relation")))
        add_item(prints, list, T("description"), node->description);
    for (size_t i = 0; i < node->columns.len && (enforced || of_columns); i++) {
        const lt_dbt_column *column = &node->columns.items[i];
        lt_buf_printf(&text, "%.*s:", LT_ARG(column->name));
        if (enforced)
            add_value(column->raw, &text);
        if (of_columns)
            lt_buf_add(&text, column->description);
        lt_buf_add_byte(&text, '\n');
    }
    if (text.len)
        add_item(prints, list, T("columns"), lt_buf_text(&text));
}

static lt_text config_of(lt_dbt_prints *prints, const lt_dbt_node *node)
{
    lt_jinja_value key, value;
    items list = {0};
    for (size_t at = 0; node->config.all.type == LT_JINJA_DICT &&
                        lt_jinja_next(node->config.all, &at, &key, &value);) {
        LT_AUTO(lt_buf) text = {.limit = MOST_TEXT};
        lt_text name = lt_jinja_as_text(key);
        if (!counts(name) || value.type == LT_JINJA_NONE)
            continue;
        add_value(value, &text);
        if (text.len && !lt_text_eq(lt_buf_text(&text), T("[]")) &&
            !lt_text_eq(lt_buf_text(&text), T("{}")))
            add_item(prints, &list, name, lt_buf_text(&text));
    }
    add_columns(prints, node, &list);
    return written(prints, &list);
}

/* ---- macros ---- */

static const lt_texts *needs_of(lt_dbt_prints *prints, const lt_dbt_macro *macro)
{
    lt_texts *needs = lt_map_find(&prints->needs, macro->id);
    if (needs)
        return needs;
    needs = LT_NEW(&prints->arena, lt_texts);
    lt_dbt_macro_needs(prints->dbt, macro, needs);
    (void)lt_map_put(&prints->needs, macro->id, needs);
    return needs;
}

static const lt_dbt_macro *macro_of_id(const lt_dbt *dbt, lt_text id)
{
    lt_text rest = lt_text_sub(id, strlen("macro."), SIZE_MAX);
    size_t dot = lt_text_find_byte(rest, '.', 0);
    const lt_dbt_package *package = lt_dbt_package_find(dbt, lt_text_sub(rest, 0, dot));
    return package ? lt_map_find(&package->macros, lt_text_sub(rest, dot + 1, SIZE_MAX)) : NULL;
}

static const lt_dbt_macro *materialization_of(const lt_dbt *dbt, const lt_dbt_node *node)
{
    lt_text name = node->kind == LT_DBT_SEED       ? T("seed")
                   : node->kind == LT_DBT_SNAPSHOT ? T("snapshot")
                   : node->kind == LT_DBT_MODEL || node->kind == LT_DBT_UDF
                       ? node->config.materialized
                       : (lt_text){0};
    return name.len ? lt_dbt_materialization_find(dbt, name) : NULL;
}

static void visit(lt_dbt_prints *prints, lt_map *seen, macro_list *open, const lt_dbt_macro *macro)
{
    if (macro && !lt_map_put(seen, macro->id, prints))
        lt_push_in(&prints->arena, open, macro);
}

/* It and all that it calls, ours left out: another version of leat is no change of the project. */
static const macro_list *reached_from(lt_dbt_prints *prints, const lt_dbt_macro *start)
{
    lt_map seen = {0};
    macro_list open = {0}, *out = lt_map_find(&prints->reached, start->id);
    if (out)
        return out;
    out = LT_NEW(&prints->arena, macro_list);
    visit(prints, &seen, &open, start);
    for (size_t at = 0; at < open.len; at++) {
        const lt_dbt_macro *macro = open.items[at];
        const lt_texts *needs = needs_of(prints, macro);
        for (size_t i = 0; i < needs->len; i++)
            visit(prints, &seen, &open, macro_of_id(prints->dbt, needs->items[i]));
        if (!macro->package->is_built_in)
            lt_push_in(&prints->arena, out, macro);
    }
    lt_map_cleanup(&seen);
    (void)lt_map_put(&prints->reached, start->id, out);
    return out;
}

/* What a node calls: its own macros and its materialization, each once. */
static void list_macros(lt_dbt_prints *prints, const lt_dbt_node *node, macro_list *out)
{
    lt_map seen = {0};
    const lt_dbt_macro *last = materialization_of(prints->dbt, node);
    for (size_t i = 0; i <= node->macros.len; i++) {
        const lt_dbt_macro *start = i < node->macros.len ? node->macros.items[i] : last;
        const macro_list *reached = start ? reached_from(prints, start) : NULL;
        for (size_t k = 0; reached && k < reached->len; k++)
            visit(prints, &seen, out, reached->items[k]);
    }
    lt_map_cleanup(&seen);
}

static lt_text macros_of(lt_dbt_prints *prints, const macro_list *macros)
{
    items list = {0};
    for (size_t i = 0; i < macros->len; i++)
        add_item(prints, &list, macros->items[i]->id, macros->items[i]->sql);
    return written(prints, &list);
}

/* ---- variables ---- */

static bool names(lt_text text, lt_text name)
{
    for (size_t at = 0; (at = lt_text_find(text, name, at)) != SIZE_MAX; at++) {
        char before = at ? text.ptr[at - 1] : ' ';
        char after = at + name.len < text.len ? text.ptr[at + name.len] : ' ';
        if ((before == '\'' || before == '"') && after == before)
            return true;
    }
    return false;
}

static bool is_named(const lt_dbt_node *node, const macro_list *macros, lt_text name)
{
    if (names(node->raw_code, name))
        return true;
    for (size_t i = 0; i < macros->len; i++)
        if (names(macros->items[i]->sql, name))
            return true;
    return false;
}

/* A name in quotes is enough: which calls of var() run cannot be known without running them. */
static lt_text vars_of(lt_dbt_prints *prints, const lt_dbt_node *node, const macro_list *macros)
{
    items list = {0};
    lt_jinja_value key, value, vars = node->package->vars;
    const lt_map *env = &prints->dbt->env_reads;
    for (size_t at = 0; vars.type == LT_JINJA_DICT && lt_jinja_next(vars, &at, &key, &value);) {
        LT_AUTO(lt_buf) text = {.limit = MOST_TEXT};
        if (key.type != LT_JINJA_STR || !is_named(node, macros, lt_jinja_as_text(key)))
            continue;
        add_value(value, &text);
        add_item(prints, &list, lt_jinja_as_text(key), lt_buf_text(&text));
    }
    for (size_t i = 0; i < env->entries.len; i++) {
        const lt_text *digest = env->entries.items[i].value;
        if (is_named(node, macros, env->entries.items[i].key))
            add_item(prints, &list, env->entries.items[i].key, *digest);
    }
    return written(prints, &list);
}

/* ---- ephemeral models ---- */

static void make_own(lt_dbt_prints *prints, const lt_dbt_node *node, lt_dbt_print *out)
{
    macro_list macros = {0};
    list_macros(prints, node, &macros);
    out->parts[LT_DBT_PART_CODE] = code_of(prints, node);
    out->parts[LT_DBT_PART_CONFIG] = config_of(prints, node);
    out->parts[LT_DBT_PART_MACROS] = macros_of(prints, &macros);
    out->parts[LT_DBT_PART_VARS] = vars_of(prints, node, &macros);
}

static lt_dbt_print *own_of(lt_dbt_prints *prints, const lt_dbt_node *node)
{
    lt_dbt_print *print = prints->made[node->index];
    if (print)
        return print;
    print = LT_NEW(&prints->arena, lt_dbt_print);
    make_own(prints, node, print);
    prints->made[node->index] = print;
    return print;
}

static lt_text upstream_of(lt_dbt_prints *prints, const lt_dbt_node *node)
{
    items list = {0};
    lt_map seen = {0};
    LT_VEC(const lt_dbt_node *) open = {0};
    lt_push_in(&prints->arena, &open, node);
    for (size_t at = 0; at < open.len; at++)
        for (size_t i = 0; i < open.items[at]->depends_on.len; i++) {
            const lt_dbt_node *above = open.items[at]->depends_on.items[i];
            LT_AUTO(lt_buf) text = {.limit = MOST_TEXT};
            if (lt_map_put(&seen, above->id, prints))
                continue;
            if (lt_dbt_is_ephemeral(above)) {
                lt_push_in(&prints->arena, &open, above);
                const lt_dbt_print *own = own_of(prints, above);
                for (int part = 0; part < LT_DBT_PART_UPSTREAM; part++)
                    lt_buf_printf(&text, "%.*s\n", LT_ARG(own->parts[part]));
            } else {
                lt_quote_relation(&above->relation, &text);
            }
            add_item(prints, &list, above->id, lt_buf_text(&text));
        }
    lt_map_cleanup(&seen);
    return written(prints, &list);
}

const lt_dbt_print *lt_dbt_print_of(lt_dbt_prints *prints, const lt_dbt_node *node)
{
    lt_dbt_print *print = own_of(prints, node);
    if (!print->parts[LT_DBT_PART_UPSTREAM].ptr)
        print->parts[LT_DBT_PART_UPSTREAM] = upstream_of(prints, node);
    return print;
}

/* ---- without making it ---- */

/* Variables are part of the parse cache's key. */
static uint64_t around_of(const lt_dbt *dbt)
{
    uint64_t mark = dbt->cache_stamp;
    for (size_t i = 0; i < dbt->env_reads.entries.len; i++) {
        mark = lt_dbt_mix_text(mark, dbt->env_reads.entries.items[i].key);
        mark = lt_dbt_mix_text(mark, *(const lt_text *)dbt->env_reads.entries.items[i].value);
    }
    for (size_t i = 0; i < dbt->macros.len; i++)
        if (!dbt->macros.items[i]->package->is_built_in)
            mark = lt_dbt_mix_text(mark, dbt->macros.items[i]->sql);
    return mark | 1;
}

/* Another node: its name, and where it lies; one that is part of the SQL is looked at too. */
static uint64_t mix_above(lt_dbt_prints *prints, uint64_t mark, lt_dbt_node *above)
{
    const lt_relation *relation = &above->relation;
    mark = lt_dbt_mix_text(mark, above->id);
    mark = lt_dbt_mix_text(mark, relation->database);
    mark = lt_dbt_mix_text(mark, relation->schema);
    mark = lt_dbt_mix_text(mark, relation->name);
    if (lt_dbt_is_ephemeral(above))
        lt_push(&prints->open, above);
    return mark;
}

uint64_t lt_dbt_print_mark(lt_dbt_prints *prints, const lt_dbt_node *node)
{
    const lt_dbt *dbt = prints->dbt;
    uint32_t self = (uint32_t)node->index + 1;
    if (!dbt->cache_stamp)
        return 0;
    if (!prints->around)
        prints->around = around_of(dbt);
    uint64_t mark = prints->around;
    prints->open.len = 0;
    const lt_dbt_node *at = node;
    for (size_t next = 0;; at = prints->open.items[next++]) {
        if (at->is_again)
            return 0;
        mark = lt_dbt_mix(mark, at->place);
        for (size_t i = 0; i < at->depends_on.len; i++) {
            lt_dbt_node *above = at->depends_on.items[i];
            if (prints->met[above->index] == self)
                continue;
            prints->met[above->index] = self;
            mark = mix_above(prints, mark, above);
        }
        if (next == prints->open.len)
            return mark | 1;
    }
}

/* ---- comparing ---- */

bool lt_dbt_part_same(const lt_dbt_print *a, const lt_dbt_print *b, lt_dbt_part part)
{
    return lt_text_eq(a->parts[part], b->parts[part]);
}

static bool has_item(lt_text list, lt_text wanted)
{
    lt_text one;
    while (lt_text_cut(&list, ';', &one))
        if (lt_text_eq(one, wanted))
            return true;
    return false;
}

static bool has_name(lt_text list, lt_text name)
{
    lt_text one;
    while (lt_text_cut(&list, ';', &one))
        if (one.len > name.len && lt_text_starts(one, name) && one.ptr[name.len] == '=')
            return true;
    return false;
}

static void add_differing(lt_text from, lt_text other, bool only_missing, size_t most,
                          size_t *count, lt_buf *out)
{
    lt_text one;
    while (lt_text_cut(&from, ';', &one)) {
        lt_text name = lt_text_sub(one, 0, lt_text_find_byte(one, '=', 0));
        if (!one.len || has_item(other, one) || (only_missing && has_name(other, name)))
            continue;
        if ((*count)++ < most)
            lt_buf_printf(out, "%s%.*s", *count > 1 ? ", " : "", LT_ARG(name));
    }
}

void lt_dbt_part_diff(lt_text then, lt_text now, size_t most, lt_buf *out)
{
    size_t count = 0;
    add_differing(now, then, false, most, &count, out);
    add_differing(then, now, true, most, &count, out);
    if (count > most)
        lt_buf_printf(out, " and %zu more", count - most);
}
