/* Columns of the manifest: their constraints, tags and meta, and which of them make a row unique. */
#include "dbt/artifacts/manifest_inner.h"
#include "dbt/select/select.h"

#include <stdlib.h>

typedef lt_json_writer writer;

/* Of a node that is compiled a foreign key's target is the relation. */
static void write_target(writer *w, const lt_dbt *dbt, const lt_dbt_node *node, lt_jinja_value to)
{
    LT_AUTO(lt_buf) name = {.limit = 64 * LT_KIB};
    const lt_dbt_node *found =
        node->is_compiled ? lt_dbt_reference_find(dbt, node, lt_jinja_as_text(to)) : NULL;
    const lt_json *there = found && dbt->defer ? lt_dbt_state_node(dbt->defer, found->id) : NULL;
    lt_text deferred = there ? lt_json_text_or(there, "relation_name", (lt_text){0}) : (lt_text){0};
    if (deferred.len && found->kind != LT_DBT_SOURCE) {
        lt_json_set(w, "to", deferred); /* as dbt, whether or not it is here too */
    } else if (found) {
        lt_dbt_relation_name(dbt, found, &name);
        lt_json_set(w, "to", lt_buf_text(&name));
    } else {
        lt_manifest_value(w, "to", to);
    }
}

static void write_constraint(writer *w, const lt_dbt *dbt, const lt_dbt_node *node,
                             lt_jinja_value constraint, bool of_model)
{
    static const char *const keys[] = {"type", "name", "expression"};
    lt_jinja_value unenforced = lt_dbt_at(constraint, "warn_unenforced");
    lt_jinja_value unsupported = lt_dbt_at(constraint, "warn_unsupported");
    lt_json_begin(w, '{');
    for (size_t i = 0; i < LT_COUNT(keys); i++)
        lt_manifest_value(w, keys[i], lt_dbt_at(constraint, keys[i]));
    lt_manifest_value(w, "warn_unenforced",
                      lt_dbt_is_set(unenforced) ? unenforced : lt_jinja_bool(true));
    lt_manifest_value(w, "warn_unsupported",
                      lt_dbt_is_set(unsupported) ? unsupported : lt_jinja_bool(true));
    write_target(w, dbt, node, lt_dbt_at(constraint, "to"));
    lt_manifest_container(w, "to_columns", lt_dbt_at(constraint, "to_columns"), '[');
    if (of_model)
        lt_manifest_container(w, "columns", lt_dbt_at(constraint, "columns"), '[');
    lt_json_end(w);
}

void lt_manifest_constraints(writer *w, const lt_dbt *dbt, const lt_dbt_node *node,
                             lt_jinja_value list, bool of_model)
{
    lt_json_key(w, T("constraints"));
    lt_json_begin(w, '[');
    for (size_t i = 0; list.type == LT_JINJA_LIST && i < lt_jinja_len(list); i++)
        write_constraint(w, dbt, node, lt_jinja_at(list, i), of_model);
    lt_json_end(w);
}

/* ---- the checksum of a contract: of Python's words for the constraints ---- */

static void add_repr(lt_buf *out, const char *name, lt_jinja_value value, lt_jinja_value usual)
{
    lt_buf_printf(out, ", %s=", name);
    lt_jinja_repr(lt_dbt_is_set(value) ? value : usual, out);
}

static void add_list(lt_buf *out, const char *name, lt_jinja_value list)
{
    if (list.type == LT_JINJA_LIST)
        add_repr(out, name, list, list);
    else
        lt_buf_printf(out, ", %s=[]", name);
}

static void add_constraint(lt_jinja_value said, bool of_model, lt_buf *out)
{
    lt_text type = lt_jinja_as_text(lt_dbt_at(said, "type"));
    lt_jinja_value none = lt_jinja_none(), yes = lt_jinja_bool(true);
    lt_buf_printf(out, "%sLevelConstraint(type=<ConstraintType.%.*s: '%.*s'>",
                  of_model ? "Model" : "Column", LT_ARG(type), LT_ARG(type));
    add_repr(out, "name", lt_dbt_at(said, "name"), none);
    add_repr(out, "expression", lt_dbt_at(said, "expression"), none);
    add_repr(out, "warn_unenforced", lt_dbt_at(said, "warn_unenforced"), yes);
    add_repr(out, "warn_unsupported", lt_dbt_at(said, "warn_unsupported"), yes);
    add_repr(out, "to", lt_dbt_at(said, "to"), none);
    add_list(out, "to_columns", lt_dbt_at(said, "to_columns"));
    if (of_model)
        add_list(out, "columns", lt_dbt_at(said, "columns"));
    lt_buf_add_byte(out, ')');
}

static void add_constraints(lt_jinja_value list, bool of_model, lt_buf *out)
{
    lt_buf_add_byte(out, '[');
    for (size_t i = 0; list.type == LT_JINJA_LIST && i < lt_jinja_len(list); i++) {
        lt_buf_add_str(out, i ? ", " : "");
        add_constraint(lt_jinja_at(list, i), of_model, out);
    }
    lt_buf_add_byte(out, ']');
}

static int by_name(const void *a, const void *b)
{
    const lt_dbt_column *const *left = a, *const *right = b;
    return lt_text_cmp((*left)->name, (*right)->name);
}

void lt_manifest_contract_sum(const lt_dbt_node *node, char out[65])
{
    LT_AUTO(lt_arena) scratch = {0};
    LT_AUTO(lt_buf) text = {.limit = 64 * LT_MIB};
    LT_VEC(const lt_dbt_column *) sorted = {0};
    lt_text made = node->config.materialized;
    for (size_t i = 0; i < node->columns.len; i++)
        lt_push_in(&scratch, &sorted, &node->columns.items[i]);
    if (sorted.len)
        qsort(sorted.items, sorted.len, sizeof(*sorted.items), by_name);
    for (size_t i = 0; i < sorted.len; i++) {
        lt_jinja_value raw = sorted.items[i]->raw, type = lt_dbt_at(raw, "data_type");
        lt_buf_printf(&text, "|%.*s", LT_ARG(sorted.items[i]->name));
        lt_jinja_str(lt_dbt_is_set(type) ? type : lt_jinja_none(), &text);
        add_constraints(lt_dbt_at(raw, "constraints"), false, &text);
    }
    if (lt_text_eq(made, T("table")) || lt_text_eq(made, T("incremental"))) {
        lt_buf_add(&text, made);
        add_constraints(lt_dbt_at(node->raw, "constraints"), true, &text);
    }
    lt_dbt_sha256(lt_buf_text(&text), out);
}

static void write_tags_of(writer *w, lt_jinja_value loose, lt_jinja_value inside)
{
    lt_jinja_value lists[] = {loose, inside};
    lt_json_begin(w, '[');
    for (size_t k = 0; k < LT_COUNT(lists); k++) {
        if (lists[k].type == LT_JINJA_STR)
            lt_dbt_write_value(w, lists[k]);
        for (size_t i = 0; lists[k].type == LT_JINJA_LIST && i < lt_jinja_len(lists[k]); i++)
            lt_dbt_write_value(w, lt_jinja_at(lists[k], i));
    }
    lt_json_end(w);
}

/* Keys that dbt does not know stay: macros read them. */
static void write_others(writer *w, lt_jinja_value raw)
{
    static const lt_text known[] = {T("name"),  T("description"), T("meta"),      T("data_type"),
                                    T("docs"),  T("constraints"), T("config"),    T("granularity"),
                                    T("quote"), T("tags"),        T("doc_blocks")};
    lt_jinja_value key, value;
    for (size_t at = 0; lt_jinja_next(raw, &at, &key, &value);) {
        bool is_other = true;
        for (size_t i = 0; is_other && i < LT_COUNT(known); i++)
            is_other = !lt_text_eq(lt_jinja_as_text(key), known[i]);
        if (!is_other)
            continue;
        lt_json_key(w, lt_jinja_as_text(key));
        lt_dbt_write_value(w, value);
    }
}

static void write_column(writer *w, const lt_dbt *dbt, const lt_dbt_node *node,
                         const lt_dbt_column *column)
{
    lt_jinja_value config = lt_dbt_at(column->raw, "config");
    lt_jinja_value meta = lt_dbt_at(config, "meta");
    if (!lt_dbt_is_set(meta))
        meta = lt_dbt_at(column->raw, "meta");
    lt_json_begin(w, '{');
    lt_json_set(w, "name", column->name);
    lt_json_set(w, "description", column->description);
    lt_manifest_container(w, "meta", meta, '{');
    lt_manifest_value(w, "data_type", lt_dbt_at(column->raw, "data_type"));
    lt_manifest_constraints(w, dbt, node, lt_dbt_at(column->raw, "constraints"), false);
    lt_manifest_value(w, "quote", lt_dbt_at(column->raw, "quote"));
    lt_json_key(w, T("config"));
    lt_json_begin(w, '{');
    lt_manifest_container(w, "meta", meta, '{');
    lt_json_key(w, T("tags"));
    write_tags_of(w, lt_dbt_at(column->raw, "tags"), lt_dbt_at(config, "tags"));
    lt_json_end(w);
    lt_json_key(w, T("tags"));
    write_tags_of(w, lt_dbt_at(column->raw, "tags"), lt_dbt_at(config, "tags"));
    lt_manifest_value(w, "granularity", lt_dbt_at(column->raw, "granularity"));
    lt_manifest_texts(w, "doc_blocks", &column->doc_blocks);
    write_others(w, column->raw);
    lt_json_end(w);
}

void lt_manifest_columns(writer *w, const lt_dbt *dbt, const lt_dbt_node *node)
{
    lt_json_key(w, T("columns"));
    lt_json_begin(w, '{');
    for (size_t i = 0; i < node->columns.len; i++) {
        lt_json_key(w, node->columns.items[i].name);
        write_column(w, dbt, node, &node->columns.items[i]);
    }
    lt_json_end(w);
}

/* ---- keys of models, as tests tell them ---- */

static bool is_listed(const lt_texts *list, lt_text text)
{
    return lt_dbt_texts_have(list, text);
}

static bool primary_constraint(const lt_dbt_node *node, lt_dbt *dbt, lt_texts *out)
{
    lt_jinja_value list = lt_dbt_at(node->raw, "constraints");
    for (size_t i = 0; list.type == LT_JINJA_LIST && i < lt_jinja_len(list); i++)
        if (lt_text_eq(lt_jinja_as_text(lt_dbt_at(lt_jinja_at(list, i), "type")),
                       T("primary_key"))) {
            lt_dbt_texts_of(dbt, lt_dbt_at(lt_jinja_at(list, i), "columns"), out);
            return true;
        }
    for (size_t c = 0; c < node->columns.len; c++) {
        list = lt_dbt_at(node->columns.items[c].raw, "constraints");
        for (size_t i = 0; list.type == LT_JINJA_LIST && i < lt_jinja_len(list); i++)
            if (lt_text_eq(lt_jinja_as_text(lt_dbt_at(lt_jinja_at(list, i), "type")),
                           T("primary_key"))) {
                lt_push_in(&dbt->arena, out, node->columns.items[c].name);
                return true;
            }
    }
    return false;
}

static void tested_columns(lt_dbt *dbt, const lt_dbt_node *test, lt_texts *out)
{
    lt_jinja_value one = lt_dbt_at(test->kwargs, "column_name");
    lt_dbt_texts_of(
        dbt, lt_dbt_is_set(one) ? one : lt_dbt_at(test->kwargs, "combination_of_columns"), out);
}

/* Columns with tests of both, else those that are unique. */
static void tested_key(lt_dbt *dbt, const lt_dbt_node *node, const lt_dbt_nodes *children,
                       lt_texts *out)
{
    lt_texts unique = {0}, not_null = {0};
    for (size_t i = 0; i < children->len; i++) {
        const lt_dbt_node *test = children->items[i];
        if (test->kind != LT_DBT_GENERIC_TEST || test->attached != node)
            continue;
        if (lt_text_eq(test->test_name, T("unique")) ||
            lt_text_eq(test->test_name, T("unique_combination_of_columns")))
            tested_columns(dbt, test, &unique);
        else if (lt_text_eq(test->test_name, T("not_null")))
            tested_columns(dbt, test, &not_null);
    }
    for (size_t i = 0; i < not_null.len; i++)
        if (is_listed(&unique, not_null.items[i]) && !is_listed(out, not_null.items[i]))
            lt_push_in(&dbt->arena, out, not_null.items[i]);
    bool has_both = out->len > 0;
    for (size_t i = 0; !has_both && i < unique.len; i++)
        if (!is_listed(out, unique.items[i]))
            lt_push_in(&dbt->arena, out, unique.items[i]);
}

static int by_text(const void *a, const void *b)
{
    return lt_text_cmp(*(const lt_text *)a, *(const lt_text *)b);
}

void lt_manifest_primary_key(lt_dbt *dbt, const lt_dbt_node *node, const lt_dbt_nodes *children,
                             lt_texts *out)
{
    if (!primary_constraint(node, dbt, out))
        tested_key(dbt, node, children, out);
    if (out->len > 1)
        qsort(out->items, out->len, sizeof(*out->items), by_text);
}
