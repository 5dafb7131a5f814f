/* dbt_fuzz.h - for the fuzzers of dbt/: a small project on disk, read once, and views of it in which each input is tried.
 *
 * A view borrows packages and macros (and nodes, if it is told so) of the project; all that an input makes lives in the view. */
#pragma once
#include "base/fs.h"
#include "dbt/artifacts/manifest.h"
#include "dbt/parse_cache/cache.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct fuzz_project {
    char *root; /* kept to the end of the process */
    lt_jinja_heap heap;
    lt_scope scope;
    lt_dbt *dbt;
} fuzz_project;

static void fuzz_write(const char *root, const char *name, lt_text content)
{
    lt_err err = {0};
    LT_AUTO(lt_chars) path = lt_path_join(root, name);
    if (lt_file_write(path, content, 0644, &err) != LT_OK)
        abort();
}

static void fuzz_remove(void);

static fuzz_project *fuzz_project_get(void)
{
    static fuzz_project p;
    lt_err err = {0};
    if (p.dbt)
        return &p;
    const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm/leat-fuzz" : "/tmp/leat-fuzz";
    if (lt_folder_make_temp(place, &p.root, &err) !=
        LT_OK) /* memory: each input is a file or more */
        abort();
    (void)atexit(fuzz_remove);
    LT_AUTO(lt_chars) models = lt_path_join(p.root, "models");
    if (mkdir(models, 0755) != 0)
        abort();
    fuzz_write(p.root, "dbt_project.yml", T("name: shop\nvars: {colour: red}\n"));
    fuzz_write(p.root, "models/orders.sql",
               T("{{ config(tags=['a'], meta={'k': [1, 2.5, none]}) }}\nselect 1 as id\n"));
    fuzz_write(p.root, "models/totals.sql", T("select * from {{ ref('orders') }}\n"));
    fuzz_write(p.root, "models/schema.yml",
               T("models:\n  - name: orders\n    columns: [{name: id, data_tests: [unique, "
                 "{accepted_values: "
                 "{arguments: {values: [1]}}}]}]\nsources: [{name: raw, tables: [{name: "
                 "t}]}]\ngroups: [{name: g, "
                 "owner: {name: a}}]\nexposures: [{name: e, type: dashboard, owner: {name: a}, "
                 "depends_on: "
                 "[ref('totals')]}]\nmacros: [{name: m, description: d}]\n"));
    fuzz_write(p.root, "models/docs.md", T("{% docs d %}text{% enddocs %}\n"));
    p.scope = (lt_scope){.vars = lt_jinja_dict(&p.heap), .clock_us = 1000000};
    lt_dbt_settings settings = {.root = p.root,
                                .name = T("shop"),
                                .target_name = T("dev"),
                                .target_kind = T("duckdb"),
                                .target_schema = T("main"),
                                .scope = &p.scope};
    if (lt_dbt_load(&settings, &p.dbt, &err) != LT_OK)
        abort();
    return &p;
}

static void fuzz_remove(void)
{
    lt_err err = {0};
    fuzz_project *p = fuzz_project_get();
    lt_dbt_close(p->dbt);
    lt_jinja_heap_cleanup(&p->heap);
    lt_ignore(lt_path_remove(p->root, &err));
    lt_free(p->root);
}

/* With small limits, so that a template that loops ends soon. */
static inline void fuzz_view_init(lt_dbt *view)
{
    const lt_dbt *base = fuzz_project_get()->dbt;
    *view = (lt_dbt){.settings = base->settings,
                     .env = base->env,
                     .yaml_env = base->yaml_env,
                     .parse_env = base->parse_env,
                     .root = base->root,
                     .internal = base->internal,
                     .adapter = base->adapter,
                     .package_names = base->package_names,
                     .adapter_types = base->adapter_types,
                     .target = base->target,
                     .parse_rt = base->parse_rt,
                     .parse_note = ""};
    memcpy(&view->packages, &base->packages, sizeof(view->packages));
    memcpy(&view->macros, &base->macros, sizeof(view->macros));
    memcpy(view->defaults, base->defaults, sizeof(view->defaults));
    lt_jinja_env *const envs[] = {&view->env, &view->yaml_env, &view->parse_env};
    for (size_t i = 0; i < LT_COUNT(envs); i++) {
        envs[i]->max_steps = 20000;
        envs[i]->max_heap_bytes = 16 * LT_MIB;
        envs[i]->max_output_bytes = LT_MIB;
    }
    view->heap.limit = 64 * LT_MIB;
}

static inline void fuzz_view_cleanup(lt_dbt *view)
{
    lt_map *const maps[] = {&view->by_id,    &view->refable,   &view->sources, &view->levels,
                            &view->metrics,  &view->groups,    &view->docs,    &view->patches,
                            &view->versions, &view->env_reads, &view->udfs,    &view->measures};
    for (size_t i = 0; i < LT_COUNT(maps); i++)
        lt_map_cleanup(maps[i]);
    lt_dbt_trees_free(view);
    for (size_t i = 0; i < view->arenas.len; i++)
        lt_arena_cleanup(&view->arenas.items[i].texts);
    for (size_t i = 0; i < view->macros.len; i++) { /* what the input said of them is gone */
        lt_dbt_macro *macro = (lt_dbt_macro *)(uintptr_t)view->macros.items[i];
        macro->description = macro->patch_path = (lt_text){0};
        macro->patch = (lt_jinja_value){0};
        macro->patch_home = 0;
    }
    lt_jinja_heap_cleanup(&view->heap);
    lt_arena_cleanup(&view->file_names);
    lt_arena_cleanup(&view->names);
    lt_arena_cleanup(&view->arena);
}

/* All that a manifest would say of the nodes. */
static inline void fuzz_write_nodes(const lt_dbt *view)
{
    LT_AUTO(lt_buf) text = {.limit = 16 * LT_MIB};
    lt_json_writer w = {.out = &text};
    lt_json_begin(&w, '[');
    for (size_t i = 0; i < view->all.len && !text.overflow; i++)
        lt_dbt_write_node(view, view->all.items[i], &w);
    lt_json_end(&w);
}
