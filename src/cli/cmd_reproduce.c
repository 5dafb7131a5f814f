/* leat reproduce: build again what a run built, and say whether it is the same. */
#include "cli/cmd.h"

#include "cli/grid.h"
#include "cli/progress.h"
#include "cli/work.h"
#include "run/reproduce.h"

#include <stdio.h>
#include <unistd.h>

typedef struct reproduce_opts {
    bool keep;
} reproduce_opts;

static const lt_opt table[] = {
    {.name = "keep",
     .type = LT_OPT_FLAG,
     LT_AT(reproduce_opts, keep),
     .help = "leave the scratch schemas to look at"},
};

static void write_models(lt_app *app, const lt_reproduction *found)
{
    static const lt_grid_column columns[] = {{T("model"), LT_CELL_TEXT},
                                             {T("verdict"), LT_CELL_TEXT},
                                             {T("rows"), LT_CELL_NUMBER},
                                             {T("why"), LT_CELL_TEXT}};
    LT_AUTO(lt_grid) grid = {0};
    lt_grid_begin(&grid, &app->out, lt_show_for(app->globals.json), columns, LT_COUNT(columns));
    grid.missing = T("-");
    for (size_t i = 0; i < found->models.len; i++) {
        const lt_comparison *model = &found->models.items[i];
        char rows[24];
        (void)snprintf(rows, sizeof(rows), "%lld", (long long)model->rows);
        bool plain = model->verdict == LT_VERDICT_IDENTICAL || model->verdict == LT_VERDICT_CLOSE;
        lt_text cells[] = {model->name, lt_text_of(lt_verdict_name(model->verdict)),
                           lt_text_of(rows), plain ? (lt_text){0} : model->why};
        lt_grid_row(&grid, cells);
    }
    lt_grid_end(&grid);
}

static void write_verdict(lt_app *app, const lt_reproduction *found)
{
    size_t same = found->models.len - found->different - found->not_comparable;
    if (!found->models.len)
        lt_out_printf(&app->out, "run %lld built no tables: there is nothing to compare\n",
                      (long long)found->original.id);
    else if (same == found->models.len)
        lt_out_printf(&app->out, "run %lld: identical, all %zu tables\n",
                      (long long)found->original.id, same);
    else
        lt_out_printf(&app->out, "run %lld: %zu identical, %zu different, %zu not comparable\n",
                      (long long)found->original.id, same, found->different, found->not_comparable);
}

static lt_status reproduce(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const reproduce_opts *given = opts;
    LT_AUTO(lt_workspace_ref) workspace = NULL;
    lt_reproduction found;
    lt_run_record run;
    LT_TRY(lt_work_open(app, NULL, &workspace, err));
    LT_TRY(lt_work_run_get(workspace, args->items[0], &app->arena, &run, err));
    lt_status status = lt_reproduce(workspace, run.id, given->keep, NULL, &app->arena, &found, err);
    if (status != LT_OK && !found.models.len)
        return status;
    write_models(app, &found);
    if (!app->globals.json)
        write_verdict(app, &found);
    return status;
}

const lt_cmd lt_cmd_reproduce = {
    .name = "reproduce",
    .help = "build again what a run built, and compare",
    .args = "RUN",
    .about = "The files, the inputs, the variables and the clock are those of the run; the tables "
             "are built in scratch schemas and "
             "compared with what the run recorded: the order of rows does not count, and floating "
             "point sums may differ in "
             "the last bits. An incremental model that was built on earlier state may be not "
             "comparable. Exit code 1 when a table "
             "differs.",
    .group = LT_GROUP_RUN,
    .opts = table,
    .opt_count = LT_COUNT(table),
    .opts_size = sizeof(reproduce_opts),
    .run = reproduce,
};
