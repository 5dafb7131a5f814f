/* manifest.json (schema v12): every node, macro and edge, as dbt writes them. */
#include "dbt/manifest.h"

#include "base/fs.h"
#include "base/time.h"
#include "dbt/inner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef lt_json_writer writer;

/* ---- values ---- */

static void write_key(writer *w, lt_jinja_value key)
{
    LT_AUTO(lt_buf) text = {.limit = 64 * LT_KIB};
    lt_jinja_str(key, &text);
    lt_json_key(w, lt_buf_text(&text));
}

/* Values of the project nest no deeper than YAML and Jinja allowed. */
void lt_dbt_write_value(lt_json_writer *w, lt_jinja_value value)
{
    lt_jinja_value key, item;
    LT_AUTO(lt_buf) text = {0};
    switch (value.type) {
    case LT_JINJA_UNDEFINED:
    case LT_JINJA_NONE:
        lt_json_null(w);
        return;
    case LT_JINJA_BOOL:
        lt_json_bool(w, value.as.b);
        return;
    case LT_JINJA_INT:
        lt_json_int(w, value.as.i);
        return;
    case LT_JINJA_FLOAT:
        lt_json_double(w, value.as.f);
        return;
    case LT_JINJA_STR:
        lt_json_string(w, lt_jinja_as_text(value));
        return;
    case LT_JINJA_LIST:
    case LT_JINJA_TUPLE:
        lt_json_begin(w, '[');
        for (size_t i = 0; i < lt_jinja_len(value); i++)
            lt_dbt_write_value(w, lt_jinja_at(value, i));
        lt_json_end(w);
        return;
    case LT_JINJA_DICT:
        lt_json_begin(w, '{');
        for (size_t at = 0; lt_jinja_next(value, &at, &key, &item);) {
            write_key(w, key);
            lt_dbt_write_value(w, item);
        }
        lt_json_end(w);
        return;
    default:
        lt_jinja_str(value, &text);
        lt_json_string(w, lt_buf_text(&text));
    }
}

static void set_value(writer *w, const char *key, lt_jinja_value value)
{
    lt_json_key(w, lt_text_of(key));
    lt_dbt_write_value(w, value);
}

static void set_null(writer *w, const char *key)
{
    lt_json_key(w, lt_text_of(key));
    lt_json_null(w);
}

static void set_text(writer *w, const char *key, lt_text text) /* empty: null */
{
    if (text.len)
        lt_json_set(w, key, text);
    else
        set_null(w, key);
}

static void set_texts(writer *w, const char *key, const lt_texts *texts)
{
    lt_json_key(w, lt_text_of(key));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < texts->len; i++)
        lt_json_string(w, texts->items[i]);
    lt_json_end(w);
}

static void set_or_empty(writer *w, const char *key, lt_jinja_value value, char bracket)
{
    lt_json_key(w, lt_text_of(key));
    bool fits = bracket == '{' ? value.type == LT_JINJA_DICT : value.type == LT_JINJA_LIST;
    if (fits) {
        lt_dbt_write_value(w, value);
        return;
    }
    lt_json_begin(w, bracket);
    if (bracket == '[' && value.type == LT_JINJA_STR)
        lt_dbt_write_value(w, value);
    lt_json_end(w);
}

/* ---- configuration ---- */

static bool is_filled_in(lt_text key)
{
    return lt_text_eq(key, T("docs")) || lt_text_eq(key, T("contract")) ||
           lt_text_eq(key, T("snapshot_meta_column_names"));
}

/* `value` over the keys of `usual`. */
static void write_over(writer *w, lt_jinja_value usual, lt_jinja_value value)
{
    lt_jinja_value key, item, own;
    lt_json_begin(w, '{');
    for (size_t at = 0; lt_jinja_next(usual, &at, &key, &item);) {
        write_key(w, key);
        bool said = value.type == LT_JINJA_DICT && lt_jinja_find_value(value, key, &own);
        lt_dbt_write_value(w, said ? own : item);
    }
    lt_json_end(w);
}

static void write_config(writer *w, const lt_dbt *dbt, const lt_dbt_node *node)
{
    lt_jinja_value usual = dbt->defaults[node->kind], key, value, own, known;
    lt_json_begin(w, '{');
    for (size_t at = 0; lt_jinja_next(usual, &at, &key, &value);) {
        bool said = lt_jinja_find_value(node->config.all, key, &own) && own.type != LT_JINJA_NONE;
        write_key(w, key);
        if (is_filled_in(lt_jinja_as_text(key)))
            write_over(w, value, said ? own : value);
        else
            lt_dbt_write_value(w, said ? own : value);
    }
    for (size_t at = 0; lt_jinja_next(node->config.all, &at, &key, &value);)
        if (!lt_jinja_find_value(usual, key, &known)) {
            write_key(w, key);
            lt_dbt_write_value(w, value);
        }
    lt_json_end(w);
}

static void set_docs(writer *w, const lt_dbt *dbt, const lt_dbt_node *node)
{
    lt_json_key(w, T("docs"));
    write_over(w, lt_dbt_at(dbt->defaults[LT_DBT_MODEL], "docs"),
               lt_dbt_config_get(dbt, node, T("docs")));
}

/* ---- columns and constraints ---- */

static void write_constraint(writer *w, lt_jinja_value constraint, bool of_model)
{
    static const char *const keys[] = {"type", "name", "expression"};
    lt_jinja_value unenforced = lt_dbt_at(constraint, "warn_unenforced");
    lt_jinja_value unsupported = lt_dbt_at(constraint, "warn_unsupported");
    lt_json_begin(w, '{');
    for (size_t i = 0; i < LT_COUNT(keys); i++)
        set_value(w, keys[i], lt_dbt_at(constraint, keys[i]));
    set_value(w, "warn_unenforced", lt_dbt_is_set(unenforced) ? unenforced : lt_jinja_bool(true));
    set_value(w, "warn_unsupported",
              lt_dbt_is_set(unsupported) ? unsupported : lt_jinja_bool(true));
    set_value(w, "to", lt_dbt_at(constraint, "to"));
    set_or_empty(w, "to_columns", lt_dbt_at(constraint, "to_columns"), '[');
    if (of_model)
        set_or_empty(w, "columns", lt_dbt_at(constraint, "columns"), '[');
    lt_json_end(w);
}

static void set_constraints(writer *w, lt_jinja_value list, bool of_model)
{
    lt_json_key(w, T("constraints"));
    lt_json_begin(w, '[');
    for (size_t i = 0; list.type == LT_JINJA_LIST && i < lt_jinja_len(list); i++)
        write_constraint(w, lt_jinja_at(list, i), of_model);
    lt_json_end(w);
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

static void write_column(writer *w, const lt_dbt_column *column)
{
    lt_jinja_value config = lt_dbt_at(column->raw, "config");
    lt_jinja_value meta = lt_dbt_at(config, "meta");
    if (!lt_dbt_is_set(meta))
        meta = lt_dbt_at(column->raw, "meta");
    lt_json_begin(w, '{');
    lt_json_set(w, "name", column->name);
    lt_json_set(w, "description", column->description);
    set_or_empty(w, "meta", meta, '{');
    set_value(w, "data_type", lt_dbt_at(column->raw, "data_type"));
    set_constraints(w, lt_dbt_at(column->raw, "constraints"), false);
    set_value(w, "quote", lt_dbt_at(column->raw, "quote"));
    lt_json_key(w, T("config"));
    lt_json_begin(w, '{');
    set_or_empty(w, "meta", meta, '{');
    lt_json_key(w, T("tags"));
    write_tags_of(w, lt_dbt_at(column->raw, "tags"), lt_dbt_at(config, "tags"));
    lt_json_end(w);
    lt_json_key(w, T("tags"));
    write_tags_of(w, lt_dbt_at(column->raw, "tags"), lt_dbt_at(config, "tags"));
    set_value(w, "granularity", lt_dbt_at(column->raw, "granularity"));
    set_texts(w, "doc_blocks", &column->doc_blocks);
    lt_json_end(w);
}

static void set_columns(writer *w, const lt_dbt_node *node)
{
    lt_json_key(w, T("columns"));
    lt_json_begin(w, '{');
    for (size_t i = 0; i < node->columns.len; i++) {
        lt_json_key(w, node->columns.items[i].name);
        write_column(w, &node->columns.items[i]);
    }
    lt_json_end(w);
}

/* ---- references ---- */

static void set_refs(writer *w, const lt_dbt_node *node)
{
    lt_json_key(w, T("refs"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < node->refs.len; i++) {
        const lt_dbt_ref *ref = &node->refs.items[i];
        lt_json_begin(w, '{');
        lt_json_set(w, "name", ref->name);
        set_text(w, "package", ref->package);
        set_value(w, "version", ref->version);
        lt_json_end(w);
    }
    lt_json_end(w);
}

static void set_source_refs(writer *w, const lt_dbt_node *node)
{
    lt_json_key(w, T("sources"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < node->source_refs.len; i++) {
        lt_json_begin(w, '[');
        lt_json_string(w, node->source_refs.items[i].package);
        lt_json_string(w, node->source_refs.items[i].name);
        lt_json_end(w);
    }
    lt_json_end(w);
}

static void set_metric_refs(writer *w, const lt_dbt_node *node)
{
    lt_json_key(w, T("metrics"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < node->metric_refs.len; i++) {
        const lt_dbt_ref *ref = &node->metric_refs.items[i];
        lt_json_begin(w, '[');
        if (ref->package.len)
            lt_json_string(w, ref->package);
        lt_json_string(w, ref->name);
        lt_json_end(w);
    }
    lt_json_end(w);
}

static void set_depends(writer *w, const lt_dbt_node *node, bool nodes)
{
    lt_json_key(w, T("depends_on"));
    lt_json_begin(w, '{');
    lt_json_key(w, T("macros"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < node->macros.len; i++)
        lt_json_string(w, node->macros.items[i]->id);
    lt_json_end(w);
    if (nodes) {
        lt_json_key(w, T("nodes"));
        lt_json_begin(w, '[');
        for (size_t i = 0; i < node->depends_on.len; i++)
            lt_json_string(w, node->depends_on.items[i]->id);
        lt_json_end(w);
    }
    lt_json_end(w);
}

static void set_relation_name(writer *w, const lt_dbt_node *node)
{
    LT_AUTO(lt_buf) text = {.limit = 64 * LT_KIB};
    if (!node->no_relation)
        lt_quote_relation(&node->relation, &text);
    set_text(w, "relation_name", lt_buf_text(&text));
}

static void set_created(writer *w, const lt_dbt *dbt)
{
    lt_json_key(w, T("created_at"));
    lt_json_double(w, (double)dbt->loaded_at_us / 1e6);
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

static void find_primary_key(lt_dbt *dbt, const lt_dbt_node *node, const lt_dbt_nodes *children,
                             lt_texts *out)
{
    lt_texts unique = {0}, not_null = {0};
    if (primary_constraint(node, dbt, out))
        return;
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
    if (!out->len)
        *out = unique;
}

/* ---- nodes ---- */

static void write_identity(writer *w, const lt_dbt_node *node)
{
    lt_json_set(w, "name", node->name);
    lt_json_set(w, "resource_type", lt_text_of(lt_dbt_kind_name(node->kind)));
    lt_json_set(w, "package_name", node->package->name);
    lt_json_set(w, "path", node->file);
    lt_json_set(w, "original_file_path", node->path);
    lt_json_set(w, "unique_id", node->id);
    set_texts(w, "fqn", &node->fqn);
}

static void set_contract(writer *w, const lt_dbt *dbt, const lt_dbt_node *node)
{
    lt_jinja_value contract = lt_dbt_config_get(dbt, node, T("contract"));
    lt_jinja_value types = lt_dbt_at(contract, "alias_types");
    lt_json_key(w, T("contract"));
    lt_json_begin(w, '{');
    lt_json_set_bool(w, "enforced", lt_jinja_truth(lt_dbt_at(contract, "enforced")));
    lt_json_set_bool(w, "alias_types", !lt_dbt_is_set(types) || lt_jinja_truth(types));
    set_text(w, "checksum", lt_text_of(node->contract_checksum));
    lt_json_end(w);
}

static void write_test_metadata(writer *w, const lt_dbt_node *node)
{
    set_text(w, "column_name", node->column);
    lt_json_set(w, "file_key_name", node->file_key);
    set_text(w, "attached_node", node->attached ? node->attached->id : (lt_text){0});
    lt_json_key(w, T("test_metadata"));
    lt_json_begin(w, '{');
    lt_json_set(w, "name", node->test_name);
    set_value(w, "kwargs", node->kwargs);
    set_text(w, "namespace", node->test_namespace);
    lt_json_end(w);
}

static void write_model_rest(writer *w, const lt_dbt *dbt, const lt_dbt_node *node,
                             const lt_texts *primary_key)
{
    (void)dbt;
    lt_json_set(w, "access", node->access);
    set_constraints(w, lt_dbt_at(node->raw, "constraints"), true);
    set_value(w, "version", node->version);
    set_value(w, "latest_version", node->latest_version);
    set_text(w, "deprecation_date", node->deprecation_date);
    set_texts(w, "primary_key", primary_key);
    set_value(w, "time_spine", lt_dbt_at(node->raw, "time_spine"));
}

static void write_compiled(writer *w, const lt_dbt_node *node)
{
    set_text(w, "compiled_path", node->compiled_path);
    if (!node->is_compiled)
        return;
    lt_json_set_bool(w, "compiled", true);
    lt_json_set(w, "compiled_code", node->compiled_code);
    lt_json_set_bool(w, "extra_ctes_injected", true);
    lt_json_key(w, T("extra_ctes"));
    lt_json_begin(w, '[');
    lt_json_end(w);
}

static void write_executable(writer *w, const lt_dbt *dbt, const lt_dbt_node *node,
                             const lt_texts *primary_key)
{
    bool seed = node->kind == LT_DBT_SEED;
    set_text(w, "database", node->relation.database);
    set_text(w, "schema", node->relation.schema);
    write_identity(w, node);
    lt_json_set(w, "alias", node->relation.name);
    lt_json_key(w, T("checksum"));
    lt_json_begin(w, '{');
    lt_json_set(w, "name", node->checksum[0] ? T("sha256") : T("none"));
    lt_json_set(w, "checksum", lt_text_of(node->checksum));
    lt_json_end(w);
    lt_json_key(w, T("config"));
    write_config(w, dbt, node);
    set_texts(w, "tags", &node->config.tags);
    lt_json_set(w, "description", node->description);
    set_columns(w, node);
    set_or_empty(w, "meta", lt_dbt_config_get(dbt, node, T("meta")), '{');
    set_text(w, "group", node->group);
    set_docs(w, dbt, node);
    set_text(w, "patch_path", node->patch_path);
    set_null(w, "build_path");
    set_value(w, "unrendered_config", node->config.unrendered);
    set_created(w, dbt);
    set_relation_name(w, node);
    lt_json_set(w, "raw_code", node->raw_code);
    set_texts(w, "doc_blocks", &node->doc_blocks);
    if (seed) {
        set_text(w, "root_path", lt_text_of(node->package->root));
        set_depends(w, node, false);
        return;
    }
    lt_json_set(w, "language", T("sql"));
    set_refs(w, node);
    set_source_refs(w, node);
    set_metric_refs(w, node);
    lt_json_key(w, T("functions"));
    lt_json_begin(w, '[');
    lt_json_end(w);
    set_depends(w, node, true);
    write_compiled(w, node);
    set_contract(w, dbt, node);
    if (node->kind == LT_DBT_MODEL)
        write_model_rest(w, dbt, node, primary_key);
    else if (node->kind == LT_DBT_GENERIC_TEST)
        write_test_metadata(w, node);
    else if (node->kind == LT_DBT_OPERATION)
        lt_json_set_int(w, "index", node->line);
}

static void write_source(writer *w, const lt_dbt *dbt, const lt_dbt_node *node)
{
    static const char *const quotes[] = {"database", "schema", "identifier", "column"};
    lt_jinja_value above = lt_dbt_at(node->source_raw, "quoting");
    lt_jinja_value own = lt_dbt_at(node->raw, "quoting");
    set_text(w, "database", node->relation.database);
    set_text(w, "schema", node->relation.schema);
    write_identity(w, node);
    lt_json_set(w, "source_name", node->source_name);
    lt_json_set(w, "source_description", node->source_description);
    lt_json_set(w, "loader", node->loader);
    lt_json_set(w, "identifier", node->identifier);
    lt_json_key(w, T("quoting"));
    lt_json_begin(w, '{');
    for (size_t i = 0; i < LT_COUNT(quotes); i++) {
        lt_jinja_value said = lt_dbt_at(own, quotes[i]);
        set_value(w, quotes[i], lt_dbt_is_set(said) ? said : lt_dbt_at(above, quotes[i]));
    }
    lt_json_end(w);
    set_value(w, "loaded_at_field", lt_dbt_config_get(dbt, node, T("loaded_at_field")));
    set_value(w, "loaded_at_query", lt_dbt_config_get(dbt, node, T("loaded_at_query")));
    set_value(w, "freshness", lt_dbt_config_get(dbt, node, T("freshness")));
    set_value(w, "external", lt_dbt_at(node->raw, "external"));
    lt_json_set(w, "description", node->description);
    set_columns(w, node);
    set_or_empty(w, "meta", lt_dbt_config_get(dbt, node, T("meta")), '{');
    set_or_empty(w, "source_meta", lt_dbt_at(node->source_raw, "meta"), '{');
    set_texts(w, "tags", &node->config.tags);
    lt_json_key(w, T("config"));
    write_config(w, dbt, node);
    set_null(w, "patch_path");
    set_value(w, "unrendered_config", node->config.unrendered);
    set_relation_name(w, node);
    set_created(w, dbt);
    set_value(w, "unrendered_database", lt_dbt_at(node->source_raw, "unrendered_database"));
    set_value(w, "unrendered_schema", lt_dbt_at(node->source_raw, "unrendered_schema"));
    set_texts(w, "doc_blocks", &node->doc_blocks);
}

static void write_owner(writer *w, const lt_dbt_node *node)
{
    lt_jinja_value owner = lt_dbt_at(node->raw, "owner"), key, value;
    lt_json_key(w, T("owner"));
    lt_json_begin(w, '{');
    set_value(w, "email", lt_dbt_at(owner, "email"));
    set_value(w, "name", lt_dbt_at(owner, "name"));
    for (size_t at = 0; owner.type == LT_JINJA_DICT && lt_jinja_next(owner, &at, &key, &value);) {
        lt_text name = lt_jinja_as_text(key);
        if (lt_text_eq(name, T("email")) || lt_text_eq(name, T("name")))
            continue;
        write_key(w, key);
        lt_dbt_write_value(w, value);
    }
    lt_json_end(w);
}

static void write_exposure(writer *w, const lt_dbt *dbt, const lt_dbt_node *node)
{
    write_identity(w, node);
    set_value(w, "type", lt_dbt_at(node->raw, "type"));
    write_owner(w, node);
    lt_json_set(w, "description", node->description);
    set_value(w, "label", lt_dbt_at(node->raw, "label"));
    set_value(w, "maturity", lt_dbt_at(node->raw, "maturity"));
    set_or_empty(w, "meta", lt_dbt_config_get(dbt, node, T("meta")), '{');
    set_texts(w, "tags", &node->config.tags);
    lt_json_key(w, T("config"));
    write_config(w, dbt, node);
    set_value(w, "unrendered_config", node->config.unrendered);
    set_value(w, "url", lt_dbt_at(node->raw, "url"));
    set_depends(w, node, true);
    set_refs(w, node);
    set_source_refs(w, node);
    set_metric_refs(w, node);
    set_created(w, dbt);
}

static void write_group(writer *w, const lt_dbt *dbt, const lt_dbt_node *node)
{
    lt_json_set(w, "name", node->name);
    lt_json_set(w, "resource_type", T("group"));
    lt_json_set(w, "package_name", node->package->name);
    lt_json_set(w, "path", node->file);
    lt_json_set(w, "original_file_path", node->path);
    lt_json_set(w, "unique_id", node->id);
    write_owner(w, node);
    set_text(w, "description", node->description);
    lt_json_key(w, T("config"));
    write_config(w, dbt, node);
}

static void write_rows(writer *w, lt_jinja_value side, bool given)
{
    lt_jinja_value format = lt_dbt_at(side, "format");
    lt_json_begin(w, '{');
    if (given)
        set_value(w, "input", lt_dbt_at(side, "input"));
    set_value(w, "rows", lt_dbt_at(side, "rows"));
    set_value(w, "format", lt_dbt_is_set(format) ? format : lt_jinja_text(T("dict")));
    set_value(w, "fixture", lt_dbt_at(side, "fixture"));
    lt_json_end(w);
}

static void write_unit_test(writer *w, const lt_dbt *dbt, const lt_dbt_node *node)
{
    lt_jinja_value given = lt_dbt_at(node->raw, "given");
    lt_json_set(w, "model", node->model);
    lt_json_key(w, T("given"));
    lt_json_begin(w, '[');
    for (size_t i = 0; given.type == LT_JINJA_LIST && i < lt_jinja_len(given); i++)
        write_rows(w, lt_jinja_at(given, i), true);
    lt_json_end(w);
    lt_json_key(w, T("expect"));
    write_rows(w, lt_dbt_at(node->raw, "expect"), false);
    write_identity(w, node);
    lt_json_set(w, "description", node->description);
    set_value(w, "overrides", lt_dbt_at(node->raw, "overrides"));
    set_depends(w, node, true);
    lt_json_key(w, T("config"));
    write_config(w, dbt, node);
    set_null(w, "checksum");
    set_text(w, "schema", node->relation.schema);
    set_created(w, dbt);
    set_value(w, "versions", lt_dbt_at(node->raw, "versions"));
    set_value(w, "version", node->version);
}

/* Metrics, semantic models and saved queries: what the file says, with the keys that every node has. */
static void write_semantic(writer *w, const lt_dbt *dbt, const lt_dbt_node *node)
{
    static const lt_text apart[] = {T("name"), T("description"), T("config"),
                                    T("tags"), T("meta"),        T("model")};
    lt_jinja_value key, value;
    write_identity(w, node);
    for (size_t at = 0; lt_jinja_next(node->raw, &at, &key, &value);) {
        bool skip = false;
        for (size_t i = 0; i < LT_COUNT(apart); i++)
            skip |= lt_text_eq(lt_jinja_as_text(key), apart[i]);
        if (skip)
            continue;
        write_key(w, key);
        lt_dbt_write_value(w, value);
    }
    lt_json_set(w, "description", node->description);
    if (node->kind == LT_DBT_SEMANTIC_MODEL)
        set_value(w, "model", lt_dbt_at(node->raw, "model"));
    lt_json_key(w, T("config"));
    write_config(w, dbt, node);
    if (node->kind != LT_DBT_SEMANTIC_MODEL) {
        set_or_empty(w, "meta", lt_dbt_config_get(dbt, node, T("meta")), '{');
        set_texts(w, "tags", &node->config.tags);
    }
    set_value(w, "unrendered_config", node->config.unrendered);
    set_depends(w, node, true);
    set_refs(w, node);
    set_created(w, dbt);
}

static void write_node(writer *w, const lt_dbt *dbt, const lt_dbt_node *node,
                       const lt_texts *primary_key)
{
    lt_json_begin(w, '{');
    switch (node->kind) {
    case LT_DBT_SOURCE:
        write_source(w, dbt, node);
        break;
    case LT_DBT_EXPOSURE:
        write_exposure(w, dbt, node);
        break;
    case LT_DBT_GROUP:
        write_group(w, dbt, node);
        break;
    case LT_DBT_UNIT_TEST:
        write_unit_test(w, dbt, node);
        break;
    case LT_DBT_METRIC:
    case LT_DBT_SEMANTIC_MODEL:
    case LT_DBT_SAVED_QUERY:
        write_semantic(w, dbt, node);
        break;
    default:
        write_executable(w, dbt, node, primary_key);
    }
    lt_json_end(w);
}

void lt_dbt_write_node(const lt_dbt *dbt, const lt_dbt_node *node, lt_json_writer *w)
{
    static const lt_texts none = {0};
    write_node(w, dbt, node, &none);
}

/* ---- the file ---- */

typedef struct file_writer {
    writer w;
    lt_buf buf;
    int fd;
    lt_status status;
    const char *path;
    lt_err *err;
} file_writer;

/* What is written so far goes to the file, so that memory does not grow with the project. */
static void flush(file_writer *f, size_t least)
{
    if (f->buf.len < least)
        return;
    if (f->status == LT_OK)
        f->status = lt_fd_write(f->fd, lt_buf_text(&f->buf), f->path, f->err);
    lt_buf_clear(&f->buf);
}

enum { FLUSH_BYTES = 1 << 20 };

typedef LT_VEC(lt_dbt_nodes) child_lists;

typedef struct manifest {
    file_writer f;
    lt_dbt *dbt;
    const lt_dbt_invocation *invocation;
    lt_dbt_nodes *children; /* by index in dbt->all */
} manifest;

static bool is_node_kind(lt_dbt_kind kind)
{
    return kind < LT_DBT_SOURCE;
}

static void write_kind(manifest *m, const char *key, lt_dbt_kind first, lt_dbt_kind last)
{
    const lt_dbt_nodes *all = &m->dbt->all;
    lt_json_key(&m->f.w, lt_text_of(key));
    lt_json_begin(&m->f.w, '{');
    for (size_t i = 0; i < all->len; i++) {
        lt_texts primary_key = {0};
        const lt_dbt_node *node = all->items[i];
        if (node->kind < first || node->kind > last)
            continue;
        if (node->kind == LT_DBT_MODEL)
            find_primary_key(m->dbt, node, &m->children[i], &primary_key);
        lt_json_key(&m->f.w, node->id);
        write_node(&m->f.w, m->dbt, node, &primary_key);
        flush(&m->f, FLUSH_BYTES);
    }
    lt_json_end(&m->f.w);
}

static void write_macro(manifest *m, const lt_dbt_macro *macro)
{
    writer *w = &m->f.w;
    lt_jinja_value config = lt_dbt_at(macro->patch, "config");
    lt_jinja_value meta = lt_dbt_at(config, "meta"), docs = lt_dbt_at(macro->patch, "docs");
    lt_jinja_value usual = lt_dbt_at(m->dbt->defaults[LT_DBT_MODEL], "docs");
    lt_texts needs = {0};
    if (!lt_dbt_is_set(meta))
        meta = lt_dbt_at(macro->patch, "meta");
    lt_dbt_macro_needs(m->dbt, macro, &needs);
    lt_json_key(w, macro->id);
    lt_json_begin(w, '{');
    lt_json_set(w, "name", macro->name);
    lt_json_set(w, "resource_type", T("macro"));
    lt_json_set(w, "package_name", macro->package->name);
    lt_json_set(w, "path", macro->path);
    lt_json_set(w, "original_file_path", macro->path);
    lt_json_set(w, "unique_id", macro->id);
    lt_json_set(w, "macro_sql", macro->sql);
    lt_json_key(w, T("depends_on"));
    lt_json_begin(w, '{');
    set_texts(w, "macros", &needs);
    lt_json_end(w);
    lt_json_set(w, "description", macro->description);
    set_or_empty(w, "meta", meta, '{');
    lt_json_key(w, T("docs"));
    write_over(w, usual, docs);
    lt_json_key(w, T("config"));
    lt_json_begin(w, '{');
    set_or_empty(w, "meta", meta, '{');
    lt_json_key(w, T("docs"));
    write_over(w, usual, docs);
    lt_json_end(w);
    set_text(w, "patch_path", macro->patch_path);
    set_or_empty(w, "arguments", lt_dbt_at(macro->patch, "arguments"), '[');
    set_created(w, m->dbt);
    set_value(w, "supported_languages", macro->supported_languages);
    lt_json_end(w);
}

static void write_macros(manifest *m)
{
    lt_json_key(&m->f.w, T("macros"));
    lt_json_begin(&m->f.w, '{');
    for (size_t i = 0; i < m->dbt->macros.len; i++) {
        write_macro(m, m->dbt->macros.items[i]);
        flush(&m->f, FLUSH_BYTES);
    }
    lt_json_end(&m->f.w);
}

static void write_doc(writer *w, const lt_dbt_doc *doc)
{
    lt_text below = doc->path;
    size_t slash = lt_text_find_byte(below, '/', 0);
    if (slash != SIZE_MAX)
        below = lt_text_sub(below, slash + 1, SIZE_MAX);
    lt_json_key(w, doc->id);
    lt_json_begin(w, '{');
    lt_json_set(w, "name", doc->name);
    lt_json_set(w, "resource_type", T("doc"));
    lt_json_set(w, "package_name", doc->package->name);
    lt_json_set(w, "path", below);
    lt_json_set(w, "original_file_path", doc->path);
    lt_json_set(w, "unique_id", doc->id);
    lt_json_set(w, "block_contents", doc->text);
    lt_json_end(w);
}

static void write_docs(manifest *m)
{
    const lt_dbt_doc overview = {
        .id = T("doc.dbt.__overview__"),
        .name = T("__overview__"),
        .path = T("docs/overview.md"),
        .package = m->dbt->internal,
        .text = T("### Welcome\n\nWhat this project builds: its sources, models and tests, and "
                  "how they hang together. Begin with the tree on the left.")};
    lt_json_key(&m->f.w, T("docs"));
    lt_json_begin(&m->f.w, '{');
    for (size_t i = 0; i < m->dbt->docs.entries.len; i++)
        write_doc(&m->f.w, m->dbt->docs.entries.items[i].value);
    write_doc(&m->f.w, &overview);
    lt_json_end(&m->f.w);
}

static void write_disabled(manifest *m)
{
    lt_map seen = {0};
    writer *w = &m->f.w;
    lt_json_key(w, T("disabled"));
    lt_json_begin(w, '{');
    for (size_t i = 0; i < m->dbt->disabled.len; i++) {
        const lt_dbt_node *node = m->dbt->disabled.items[i];
        if (lt_map_has(&seen, node->id))
            continue;
        lt_json_key(w, node->id);
        lt_json_begin(w, '[');
        for (size_t k = i; k < m->dbt->disabled.len; k++)
            if (lt_text_eq(m->dbt->disabled.items[k]->id, node->id))
                lt_dbt_write_node(m->dbt, m->dbt->disabled.items[k], w);
        lt_json_end(w);
        (void)lt_map_put(&seen, node->id, m);
        flush(&m->f, FLUSH_BYTES);
    }
    lt_json_end(w);
    lt_map_cleanup(&seen);
}

static int by_id(const void *a, const void *b)
{
    const lt_dbt_node *const *left = a, *const *right = b;
    return lt_text_cmp((*left)->id, (*right)->id);
}

static bool is_in_maps(const lt_dbt_node *node)
{
    return node->kind != LT_DBT_GROUP;
}

static void write_maps(manifest *m)
{
    const lt_dbt_nodes *all = &m->dbt->all;
    writer *w = &m->f.w;
    for (int child = 0; child < 2; child++) {
        lt_json_key(w, child ? T("child_map") : T("parent_map"));
        lt_json_begin(w, '{');
        for (size_t i = 0; i < all->len; i++) {
            const lt_dbt_nodes *list = child ? &m->children[i] : &all->items[i]->depends_on;
            if (!is_in_maps(all->items[i]))
                continue;
            lt_dbt_nodes sorted = {0};
            LT_AUTO(lt_arena) scratch = {0};
            for (size_t k = 0; k < list->len; k++)
                lt_push_in(&scratch, &sorted, list->items[k]);
            if (sorted.len)
                qsort(sorted.items, sorted.len, sizeof(*sorted.items), by_id);
            lt_json_key(w, all->items[i]->id);
            lt_json_begin(w, '[');
            for (size_t k = 0; k < sorted.len; k++)
                lt_json_string(w, sorted.items[k]->id);
            lt_json_end(w);
            flush(&m->f, FLUSH_BYTES);
        }
        lt_json_end(w);
    }
}

static void write_groups(manifest *m)
{
    const lt_dbt_nodes *all = &m->dbt->all;
    writer *w = &m->f.w;
    lt_json_key(w, T("group_map"));
    lt_json_begin(w, '{');
    for (size_t g = 0; g < m->dbt->groups.entries.len; g++) {
        lt_text name = m->dbt->groups.entries.items[g].key;
        bool any = false;
        for (size_t i = 0; i < all->len; i++) {
            if (!is_node_kind(all->items[i]->kind) || !lt_text_eq(all->items[i]->group, name))
                continue;
            if (!any) {
                lt_json_key(w, name);
                lt_json_begin(w, '[');
            }
            any = true;
            lt_json_string(w, all->items[i]->id);
        }
        if (any)
            lt_json_end(w);
    }
    lt_json_end(w);
}

void lt_dbt_write_metadata(const lt_dbt_invocation *invocation, const char *schema,
                           lt_json_writer *w)
{
    char now[LT_TIME_CHARS], started[LT_TIME_CHARS];
    lt_json_set(w, "dbt_schema_version", lt_text_of(schema));
    lt_json_set(w, "dbt_version", T(LT_DBT_VERSION));
    lt_json_set(w, "generated_at", lt_text_of(lt_time_write(lt_now_us(), now)));
    lt_json_set(w, "invocation_id", invocation->id);
    lt_json_set(w, "invocation_started_at",
                lt_text_of(lt_time_write(invocation->started_at_us, started)));
    lt_json_key(w, T("env"));
    lt_json_begin(w, '{');
    for (size_t i = 0; i < invocation->env_count; i++)
        lt_json_set(w, invocation->env_names[i], lt_text_of(invocation->env_values[i]));
    lt_json_end(w);
}

static void write_head(manifest *m)
{
    writer *w = &m->f.w;
    char sum[33], started[LT_TIME_CHARS];
    lt_dbt_md5_hex(m->dbt->root->name, sum);
    lt_json_key(w, T("metadata"));
    lt_json_begin(w, '{');
    lt_dbt_write_metadata(m->invocation, "https://schemas.getdbt.com/dbt/manifest/v12.json", w);
    lt_json_set(w, "project_name", m->dbt->root->name);
    lt_json_set(w, "project_id", lt_text_of(sum));
    set_null(w, "user_id");
    lt_json_set_bool(w, "send_anonymous_usage_stats", false);
    lt_json_set(w, "adapter_type", m->dbt->settings.target_kind);
    lt_json_key(w, T("quoting"));
    lt_json_begin(w, '{');
    lt_json_set_bool(w, "database", true);
    lt_json_set_bool(w, "schema", true);
    lt_json_set_bool(w, "identifier", true);
    set_null(w, "column");
    lt_json_end(w);
    lt_json_set(w, "run_started_at",
                lt_text_of(lt_time_write(m->invocation->started_at_us, started)));
    lt_json_end(w);
}

static void write_all(manifest *m)
{
    writer *w = &m->f.w;
    lt_json_begin(w, '{');
    write_head(m);
    write_kind(m, "nodes", LT_DBT_MODEL, LT_DBT_OPERATION);
    write_kind(m, "sources", LT_DBT_SOURCE, LT_DBT_SOURCE);
    write_macros(m);
    write_docs(m);
    write_kind(m, "exposures", LT_DBT_EXPOSURE, LT_DBT_EXPOSURE);
    write_kind(m, "metrics", LT_DBT_METRIC, LT_DBT_METRIC);
    write_kind(m, "groups", LT_DBT_GROUP, LT_DBT_GROUP);
    lt_json_key(w, T("selectors"));
    lt_dbt_write_value(w, m->dbt->selectors.type == LT_JINJA_DICT ? m->dbt->selectors
                                                                  : m->dbt->defaults[LT_DBT_KINDS]);
    write_disabled(m);
    write_maps(m);
    write_groups(m);
    write_kind(m, "saved_queries", LT_DBT_SAVED_QUERY, LT_DBT_SAVED_QUERY);
    write_kind(m, "semantic_models", LT_DBT_SEMANTIC_MODEL, LT_DBT_SEMANTIC_MODEL);
    write_kind(m, "unit_tests", LT_DBT_UNIT_TEST, LT_DBT_UNIT_TEST);
    lt_json_key(w, T("functions"));
    lt_json_begin(w, '{');
    lt_json_end(w);
    lt_json_end(w);
    flush(&m->f, 0);
}

lt_dbt_nodes *lt_dbt_children(const lt_dbt *dbt, lt_arena *arena)
{
    lt_dbt_nodes *children = lt_alloc_array(arena, dbt->all.len + 1, sizeof(*children));
    for (size_t i = 0; i < dbt->all.len; i++)
        for (size_t k = 0; k < dbt->all.items[i]->depends_on.len; k++) {
            const lt_dbt_node *parent = dbt->all.items[i]->depends_on.items[k];
            lt_push_in(arena, &children[parent->index], dbt->all.items[i]);
        }
    return children;
}

lt_status lt_dbt_manifest_write(lt_dbt *dbt, const lt_dbt_invocation *invocation,
                                const char *folder, lt_err *err)
{
    LT_AUTO(lt_arena) scratch = {0};
    LT_AUTO(lt_chars) path = lt_path_join(folder, "manifest.json");
    LT_AUTO(lt_chars) fresh = lt_format("%s.new", path);
    LT_TRY(lt_folder_make(folder, 0755, err));
    LT_AUTO(lt_fd) fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return lt_fail_errno(err, errno, "cannot create '%s'", fresh);
    manifest m = {.f = {.fd = fd, .path = fresh, .err = err},
                  .dbt = dbt,
                  .invocation = invocation,
                  .children = lt_dbt_children(dbt, &scratch)};
    m.f.buf.limit = LT_GIB;
    m.f.w.out = &m.f.buf;
    write_all(&m);
    lt_status status = m.f.status;
    if (status == LT_OK)
        status = lt_buf_check(&m.f.buf, "the manifest", err);
    lt_buf_cleanup(&m.f.buf);
    if (status == LT_OK && rename(fresh, path) != 0)
        status = lt_fail_errno(err, errno, "cannot rename '%s'", fresh);
    if (status != LT_OK)
        (void)unlink(fresh);
    return status;
}
