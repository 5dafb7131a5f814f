/* leat dbt docs generate, source freshness: what the database says of the project's relations. */
#include "cli/dbt/cmd.h"

#include "base/fs.h"
#include "cli/dbt/lines.h"

#include <limits.h>
#include <stdlib.h>

/* ---- docs generate ---- */

enum {
    COMPILED = 1 << LT_DBT_MODEL | 1 << LT_DBT_GENERIC_TEST | 1 << LT_DBT_SINGULAR_TEST |
               1 << LT_DBT_SNAPSHOT | 1 << LT_DBT_ANALYSIS | 1 << LT_DBT_UDF |
               1 << LT_DBT_OPERATION,
    DESCRIBED = COMPILED | 1 << LT_DBT_SEED | 1 << LT_DBT_SOURCE
};

/* What is chosen is compiled, but for seeds and sources, which have no SQL. */
static lt_status compile_chosen(dbt_work *work, const lt_node_set *chosen, lt_err *err)
{
    const lt_dbt_nodes *all = lt_dbt_all(work->dbt);
    LT_AUTO(lt_node_set) compiled = {0};
    bool has_seeds = false;
    lt_node_set_init(&compiled, all->len);
    for (size_t i = 0; i < all->len; i++) {
        if (!lt_node_set_has(chosen, i))
            continue;
        has_seeds = has_seeds || all->items[i]->kind == LT_DBT_SEED;
        if (COMPILED & (1u << all->items[i]->kind))
            lt_node_set_add(&compiled, i);
    }
    if (!lt_node_set_size(&compiled) && has_seeds)
        dbt_say_concurrency(work);
    else if (!lt_node_set_size(&compiled))
        LT_TRY(dbt_work_warn(work, LT_DBT_NOTHING_TO_DO, err,
                             "Nothing to do. Try checking your model configs and model "
                             "specification args"));
    return dbt_run_nodes(work, LT_DBT_DO_COMPILE, &compiled, err);
}

static lt_status copy_file(const char *from, const char *to, lt_err *err)
{
    LT_AUTO(lt_buf) content = {.limit = LT_GIB};
    LT_AUTO(lt_chars) folder = lt_xstrndup(to, (size_t)(strrchr(to, '/') - to));
    LT_TRY(lt_file_read(from, &content, err));
    LT_TRY(lt_folder_make(folder, 0755, err));
    return lt_file_write(to, lt_buf_text(&content), 0644, err);
}

/* `asset-paths:` are folders of pictures for descriptions: they go where the page is. */
static lt_status copy_assets(const dbt_work *work, lt_err *err)
{
    enum { MOST_ASSETS = 10000 };
    lt_jinja_value list = lt_dbt_at(lt_dbt_root(work->dbt)->project, "asset-paths");
    for (size_t i = 0; list.type == LT_JINJA_LIST && i < lt_jinja_len(list); i++) {
        LT_AUTO(lt_chars) name = lt_text_dup(lt_jinja_as_text(lt_jinja_at(list, i)));
        LT_AUTO(lt_chars) from = lt_path_join(work->root, name);
        LT_AUTO(lt_chars) to = lt_path_join(work->target_folder, name);
        LT_AUTO(lt_path_list) files = {0};
        if (!name[0] || name[0] == '/' || strstr(name, ".."))
            return lt_fail(err, LT_INVALID, "asset-paths: '%s' is no folder of the project", name);
        LT_TRY(lt_path_remove(to, err));
        if (!lt_path_is_folder(from))
            continue;
        LT_TRY(lt_files_below(from, "", MOST_ASSETS, &files, err));
        for (size_t k = 0; k < files.len; k++) {
            LT_AUTO(lt_chars) source = lt_path_join(from, files.items[k]);
            LT_AUTO(lt_chars) copy = lt_path_join(to, files.items[k]);
            LT_TRY(copy_file(source, copy, err));
        }
    }
    return LT_OK;
}

static lt_status write_catalog(dbt_work *work, const lt_node_set *chosen, lt_err *err)
{
    LT_AUTO(lt_dbt_run_ref) run = NULL;
    lt_texts failures = {0};
    const lt_dbt_catalog_request request = {.selected = chosen,
                                            .empty = work->flags->empty_catalog == 1,
                                            .folder = work->target_folder};
    int introspect = work->flags->introspect;
    if (request.empty)
        work->flags->introspect = 0; /* without a database */
    lt_status status = dbt_run_open(work, LT_DBT_DO_COMPILE, NULL, &run, err);
    work->flags->introspect = introspect;
    LT_TRY(status);
    if (!request.empty)
        dbt_say(&work->log, LT_LOG_INFO, "E044", "BuildingCatalog", "Building catalog");
    LT_TRY(lt_dbt_catalog_write(run, &request, &work->app->arena, &failures, err));
    for (size_t i = 0; i < failures.len; i++)
        LT_TRY(dbt_work_warn(work, LT_DBT_CATALOG_ERROR, err,
                             "Encountered an error while generating catalog: %.*s",
                             LT_ARG(failures.items[i])));
    if (failures.len)
        dbt_say(&work->log, LT_LOG_ERROR, "E041", "WriteCatalogFailure",
                "dbt encountered %zu failure%s while writing the catalog", failures.len,
                failures.len == 1 ? "" : "s");
    dbt_say(&work->log, LT_LOG_INFO, "E042", "CatalogWritten", "Catalog written to %s/catalog.json",
            work->target_folder);
    work->has_said = failures.len > 0;
    return failures.len ? lt_fail(err, LT_FAILED, "the catalog is not whole") : LT_OK;
}

lt_status dbt_run_docs(dbt_work *work, lt_err *err)
{
    LT_AUTO(lt_node_set) chosen = {0};
    bool compiles = work->flags->compile != 0;
    LT_TRY(dbt_work_load(work, err));
    dbt_say_found(work);
    LT_TRY(dbt_work_select(work, DESCRIBED, &chosen, err));
    if (compiles)
        LT_TRY(compile_chosen(work, &chosen, err));
    LT_TRY(copy_assets(work, err));
    LT_TRY(dbt_site_write(work->target_folder, false, err));
    LT_TRY(write_catalog(work, compiles ? &chosen : NULL, err));
    return work->flags->static_page == 1 ? dbt_site_write(work->target_folder, true, err) : LT_OK;
}

/* ---- source freshness ---- */

/* --output names a file; else it is sources.json of the target folder. */
static const char *place_of(const dbt_work *work)
{
    const char *said = work->flags->output;
    if (!said)
        return lt_arena_format(&work->app->arena, "%s/sources.json", work->target_folder);
    if (said[0] == '/')
        return said;
    return lt_arena_format(&work->app->arena, "%s/%s", work->root, said);
}

static lt_status warn_of_freshness(dbt_work *work, lt_err *err)
{
    if (work->flags->output)
        LT_TRY(dbt_work_warn(work, LT_DBT_FRESHNESS_OUTPUT, err,
                             "Custom output path usage `--output %s` usage detected in `dbt source "
                             "freshness` command.",
                             work->flags->output));
    if (lt_dbt_freshness_runs_hooks(work->dbt) || !lt_dbt_has_hooks(work->dbt))
        return LT_OK;
    return dbt_work_warn(work, LT_DBT_FRESHNESS_HOOKS, err,
                         "In a future version of dbt, the `source freshness` command will start "
                         "running `on-run-start` and `on-run-end` hooks by default. For more "
                         "information: "
                         "https://docs.getdbt.com/reference/global-configs/legacy-behaviors");
}

lt_status dbt_run_freshness(dbt_work *work, lt_err *err)
{
    LT_AUTO(lt_node_set) chosen = {0};
    LT_AUTO(lt_dbt_run_ref) run = NULL;
    const lt_dbt_fresh *all = NULL;
    size_t count = 0, wanted = 0;
    LT_TRY(dbt_work_load(work, err));
    dbt_say_found(work);
    LT_TRY(dbt_work_manifest(work, err));
    LT_TRY(warn_of_freshness(work, err));
    LT_TRY(dbt_work_select(work, 1u << LT_DBT_SOURCE, &chosen, err));
    for (size_t i = 0; i < lt_dbt_all(work->dbt)->len; i++)
        wanted += lt_node_set_has(&chosen, i) &&
                  lt_dbt_has_freshness(work->dbt, lt_dbt_all(work->dbt)->items[i]);
    if (!wanted)
        dbt_say(&work->log, LT_LOG_WARNING, "Q024", "NothingToDo",
                "Nothing to do. Try checking your model configs and model specification args");
    else
        dbt_say_concurrency(work);
    LT_TRY(dbt_run_open(work, LT_DBT_DO_COMPILE, NULL, &run, err));
    const lt_dbt_freshness_request request = {.selected = &chosen,
                                              .threads = dbt_threads(work),
                                              .path = work->flags->write_json == 0 ? NULL
                                                                                   : place_of(work),
                                              .started = dbt_line_fresh_started,
                                              .ended = dbt_line_fresh_ended,
                                              .user = work};
    lt_status status = lt_dbt_freshness(run, &request, &all, &count, err);
    if ((status == LT_OK && wanted) || (status == LT_FAILED && all))
        dbt_say_fresh_end(work, all, count, lt_dbt_elapsed_us(run));
    work->has_said = status == LT_FAILED && all;
    return status;
}
