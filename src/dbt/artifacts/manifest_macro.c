/* Macros and docs blocks of the manifest. */
#include "dbt/artifacts/manifest_inner.h"

typedef lt_json_writer writer;

/* An argument that nobody described has an empty description. */
static void write_arguments(writer *w, lt_jinja_value list)
{
    lt_json_key(w, T("arguments"));
    lt_json_begin(w, '[');
    for (size_t i = 0; list.type == LT_JINJA_LIST && i < lt_jinja_len(list); i++) {
        lt_jinja_value one = lt_jinja_at(list, i), text = lt_dbt_at(one, "description");
        lt_json_begin(w, '{');
        lt_manifest_value(w, "name", lt_dbt_at(one, "name"));
        lt_manifest_value(w, "type", lt_dbt_at(one, "type"));
        lt_json_set(w, "description", lt_jinja_as_text(text));
        lt_json_end(w);
    }
    lt_json_end(w);
}

/* Of a materialization, which is for SQL unless it says otherwise. */
static void write_languages(writer *w, const lt_dbt_macro *macro)
{
    bool is_silent = macro->supported_languages.type == LT_JINJA_UNDEFINED;
    if (!is_silent || !lt_text_starts(macro->name, T("materialization_"))) {
        lt_manifest_value(w, "supported_languages", macro->supported_languages);
        return;
    }
    lt_json_key(w, T("supported_languages"));
    lt_json_begin(w, '[');
    lt_json_string(w, T("sql"));
    lt_json_end(w);
}

/* What stands beside `config`, and over it what stands below. */
static lt_jinja_value joined(lt_jinja_heap *heap, lt_jinja_value beside, lt_jinja_value config,
                             const char *name)
{
    lt_jinja_value sides[] = {lt_dbt_at(beside, name), lt_dbt_at(config, name)};
    lt_jinja_value made = lt_jinja_dict(heap), key, value;
    for (size_t i = 0; i < LT_COUNT(sides); i++)
        for (size_t at = 0;
             sides[i].type == LT_JINJA_DICT && lt_jinja_next(sides[i], &at, &key, &value);)
            lt_jinja_put_value(made, key, value);
    return made;
}

static void write_macro(lt_manifest *m, const lt_dbt_macro *macro)
{
    writer *w = &m->w;
    lt_jinja_value config = lt_dbt_at(macro->patch, "config");
    lt_jinja_heap heap = {0};
    lt_jinja_value meta = joined(&heap, macro->patch, config, "meta");
    lt_jinja_value docs = joined(&heap, macro->patch, config, "docs");
    lt_jinja_value usual = lt_dbt_at(m->dbt->defaults[LT_DBT_MODEL], "docs");
    lt_texts needs = {0};
    (void)lt_dbt_macro_ready(macro);
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
    lt_manifest_texts(w, "macros", &needs);
    lt_json_end(w);
    lt_json_set(w, "description", macro->description);
    lt_manifest_container(w, "meta", meta, '{');
    lt_json_key(w, T("docs"));
    lt_manifest_over(w, usual, docs);
    lt_json_key(w, T("config"));
    lt_json_begin(w, '{');
    lt_manifest_container(w, "meta", meta, '{');
    lt_json_key(w, T("docs"));
    lt_manifest_over(w, usual, docs);
    lt_json_end(w);
    lt_manifest_text(w, "patch_path", macro->patch_path);
    write_arguments(w, lt_dbt_at(macro->patch, "arguments"));
    lt_manifest_created(w, m->dbt);
    write_languages(w, macro);
    lt_json_end(w);
    lt_jinja_heap_cleanup(&heap);
}

void lt_manifest_macros(lt_manifest *m)
{
    lt_json_key(&m->w, T("macros"));
    lt_json_begin(&m->w, '{');
    for (size_t i = 0; i < m->dbt->macros.len; i++) {
        write_macro(m, m->dbt->macros.items[i]);
        lt_manifest_flush(m);
    }
    lt_json_end(&m->w);
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

void lt_manifest_docs(lt_manifest *m)
{
    const lt_dbt_doc overview = {
        .id = T("doc.dbt.__overview__"),
        .name = T("__overview__"),
        .path = T("docs/overview.md"),
        .package = m->dbt->internal,
        .text = T("### Welcome\n\nWhat this project builds: its sources, models and tests, and "
                  "how they hang together. Begin with the tree on the left.")};
    lt_json_key(&m->w, T("docs"));
    lt_json_begin(&m->w, '{');
    for (size_t i = 0; i < m->dbt->docs.entries.len; i++)
        write_doc(&m->w, m->dbt->docs.entries.items[i].value);
    write_doc(&m->w, &overview);
    lt_json_end(&m->w);
}
