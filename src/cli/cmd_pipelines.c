/* leat pipelines: the pipelines of the project, or the parameters of one. */
#include "cli/cmd.h"

#include "base/time.h"
#include "cli/grid.h"
#include "cli/work.h"

static const lt_run_record *last_run(const lt_run_records *runs, lt_text pipeline)
{
    for (size_t i = 0; i < runs->len; i++)
        if (lt_text_eq(runs->items[i].pipeline, pipeline))
            return &runs->items[i];
    return NULL;
}

static lt_text number(lt_app *app, int64_t value)
{
    return lt_text_of(lt_arena_format(&app->arena, "%lld", (long long)value));
}

static lt_text names_of_params(lt_app *app, const lt_conf_params *params)
{
    LT_AUTO(lt_buf) out = {0};
    for (size_t i = 0; i < params->len; i++)
        lt_buf_printf(&out, "%s%.*s", i ? ", " : "", LT_ARG(params->items[i].name));
    return lt_arena_text(&app->arena, lt_buf_text(&out));
}

/* What begins runs of it by itself: "schedule", and triggers as "name (kind)". */
static lt_text names_of_triggers(lt_app *app, const lt_conf_pipeline *pipeline)
{
    LT_AUTO(lt_buf) out = {0};
    lt_buf_add_str(&out, pipeline->schedule.place.line ? "schedule" : "");
    for (size_t i = 0; i < pipeline->triggers.len; i++)
        lt_buf_printf(&out, "%s%.*s (%s)", out.len ? ", " : "",
                      LT_ARG(pipeline->triggers.items[i].name),
                      lt_conf_trigger_kinds[pipeline->triggers.items[i].kind]);
    return lt_arena_text(&app->arena, lt_buf_text(&out));
}

static lt_status list_all(lt_app *app, lt_workspace *workspace, lt_err *err)
{
    enum { LOOK_BACK = 10000 };
    static const lt_grid_column columns[] = {
        {T("pipeline"), LT_CELL_TEXT},  {T("tasks"), LT_CELL_NUMBER},
        {T("params"), LT_CELL_TEXT},    {T("last_run"), LT_CELL_NUMBER},
        {T("status"), LT_CELL_TEXT},    {T("asked"), LT_CELL_TEXT},
        {T("begins_by"), LT_CELL_TEXT}, {T("description"), LT_CELL_TEXT},
    };
    lt_run_records runs = {0};
    LT_AUTO(lt_grid) grid = {0};
    LT_TRY(lt_state_runs(workspace->state, LOOK_BACK, &app->arena, &runs, err));
    lt_grid_begin(&grid, &app->out, lt_show_for(app->globals.json), columns, LT_COUNT(columns));
    grid.missing = T("-");
    for (size_t i = 0; i < workspace->project->pipelines.len; i++) {
        const lt_conf_pipeline *pipeline = &workspace->project->pipelines.items[i];
        const lt_run_record *run = last_run(&runs, pipeline->name);
        lt_text cells[] = {pipeline->name,
                           number(app, (int64_t)pipeline->tasks.len),
                           names_of_params(app, &pipeline->typed),
                           run ? number(app, run->id) : (lt_text){0},
                           run ? lt_text_of(lt_run_status_name(run->status)) : (lt_text){0},
                           run ? lt_moment_cell(&app->arena, run->asked_at_us) : (lt_text){0},
                           names_of_triggers(app, pipeline),
                           pipeline->description};
        lt_grid_row(&grid, cells);
    }
    lt_grid_end(&grid);
    return LT_OK;
}

static lt_status show_params(lt_app *app, const lt_conf_pipeline *pipeline)
{
    static const lt_grid_column columns[] = {
        {T("param"), LT_CELL_TEXT},
        {T("type"), LT_CELL_TEXT},
        {T("default"), LT_CELL_TEXT},
        {T("help"), LT_CELL_TEXT},
    };
    LT_AUTO(lt_grid) grid = {0};
    lt_grid_begin(&grid, &app->out, lt_show_for(app->globals.json), columns, LT_COUNT(columns));
    grid.missing = T("must be given");
    for (size_t i = 0; i < pipeline->typed.len; i++) {
        const lt_conf_param *param = &pipeline->typed.items[i];
        lt_text cells[] = {param->name, lt_text_of(lt_conf_param_type_name(param->type)),
                           param->fallback ? param->fallback->text : (lt_text){0},
                           param->help.ptr ? param->help : T("")};
        lt_grid_row(&grid, cells);
    }
    lt_grid_end(&grid);
    return LT_OK;
}

static lt_status pipelines(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    (void)opts;
    LT_AUTO(lt_workspace_ref) workspace = NULL;
    LT_TRY(lt_work_open_some(app, LT_FILES_GOOD, &workspace, err));
    if (!args->count)
        return list_all(app, workspace, err);
    const lt_conf_pipeline *one;
    LT_TRY(lt_work_pipeline(workspace, args->items[0], &one, err));
    return show_params(app, one);
}

const lt_cmd lt_cmd_pipelines = {
    .name = "pipelines",
    .help = "list pipelines, or the parameters of one",
    .args = "[PIPELINE]",
    .group = LT_GROUP_RUN,
    .run = pipelines,
};
