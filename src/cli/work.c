/* Opening the project for a command, and the words that commands share. */
#include "cli/work.h"

#include "run/ask.h"
#include "run/plan.h"
#include "sched/ask.h"

#include "base/log.h"

#include <pwd.h>
#include <unistd.h>

/* What is wrong is told; what does not need it goes on. */
void lt_work_tell_wrong(const lt_workspace *workspace)
{
    const lt_project *project = workspace->project;
    for (size_t i = 0; i < project->wrong.len; i++)
        lt_log(LT_LOG_WARNING, "left out, since it is wrong: %.*s",
               LT_ARG(project->wrong.items[i].said));
}

lt_status lt_work_open_run(lt_app *app, const char *vars, lt_workspace **out, lt_err *err)
{
    lt_workspace_options options = {.vars = lt_text_of(vars), .files = LT_FILES_RUN};
    LT_TRY(lt_app_project(app, &options.root, err));
    LT_TRY(lt_app_home(app, &options.home, err));
    return lt_workspace_open(&options, out, err);
}

lt_status lt_work_check_run(const lt_workspace *workspace, lt_text pipeline, lt_err *err)
{
    const lt_conf_wrong *wrong = lt_project_held_by(workspace->project, pipeline);
    if (wrong)
        return lt_conf_wrong_fail(wrong, err);
    lt_work_tell_wrong(workspace);
    return LT_OK;
}

lt_status lt_work_open(lt_app *app, const char *vars, lt_workspace **out, lt_err *err)
{
    lt_workspace_options options = {.vars = lt_text_of(vars)};
    LT_TRY(lt_app_project(app, &options.root, err));
    LT_TRY(lt_app_home(app, &options.home, err));
    return lt_workspace_open(&options, out, err);
}

lt_status lt_work_open_some(lt_app *app, lt_files files, lt_workspace **out, lt_err *err)
{
    lt_workspace_options options = {.files = files};
    LT_TRY(lt_app_project(app, &options.root, err));
    LT_TRY(lt_app_home(app, &options.home, err));
    LT_TRY(lt_workspace_open(&options, out, err));
    lt_work_tell_wrong(*out);
    if (files == LT_FILES_GOOD)
        lt_plan_foresee(*out, false);
    for (size_t i = 0; i < (*out)->project->pipelines.len; i++)
        lt_work_warn(&(*out)->project->pipelines.items[i]);
    return LT_OK;
}

void lt_work_warn(const lt_conf_pipeline *pipeline)
{
    for (size_t i = 0; i < pipeline->warnings.len; i++)
        lt_log(LT_LOG_WARNING, "%.*s", LT_ARG(pipeline->warnings.items[i]));
}

lt_status lt_work_pipeline(const lt_workspace *workspace, const char *name,
                           const lt_conf_pipeline **out, lt_err *err)
{
    return lt_sched_pipeline(workspace->project, lt_text_of(name), out, err);
}

bool lt_work_is_run(const char *word)
{
    return strcmp(word, "last") == 0 || (*word && strspn(word, "-0123456789") == strlen(word));
}

lt_status lt_work_run_id(const char *word, int64_t *run_id, lt_err *err)
{
    if (strcmp(word, "last") == 0) {
        *run_id = 0;
        return LT_OK;
    }
    if (lt_text_to_i64(lt_text_of(word), run_id) && *run_id > 0)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID, "'%s' is not a run", word));
    return lt_hint(err, "give the number that 'leat runs' shows, or 'last'");
}

lt_status lt_work_run_get(lt_workspace *workspace, const char *word, lt_arena *arena,
                          lt_run_record *out, lt_err *err)
{
    enum { LOOK_BACK = 1000 };
    int64_t run_id = 0;
    lt_run_records newest = {0};
    LT_TRY(lt_work_run_id(word, &run_id, err));
    if (!run_id)
        LT_TRY(lt_state_runs(workspace->state, LOOK_BACK, arena, &newest, err));
    for (size_t i = 0; i < newest.len && !run_id; i++)
        if (!lt_text_eq(newest.items[i].command, T("reproduce")))
            run_id = newest.items[i].id;
    return lt_state_run_get(workspace->state, run_id, arena, out, err);
}

lt_status lt_work_task_get(lt_workspace *workspace, const lt_run_record *run, const char *word,
                           lt_arena *arena, lt_task_record *out, lt_err *err)
{
    return lt_run_find_task(workspace->state, run, lt_text_of(word), arena, out, err);
}

lt_text lt_work_who(lt_app *app)
{
    const struct passwd *user = getpwuid(geteuid());
    if (user && user->pw_name && *user->pw_name)
        return lt_arena_text(&app->arena, lt_text_of(user->pw_name));
    return lt_text_of(lt_arena_format(&app->arena, "user %u", (unsigned)geteuid()));
}

lt_status lt_work_only_kind(lt_workspace *workspace, const lt_run_record *run, lt_arena *arena,
                            const char **only_kind, lt_err *err)
{
    static const char *const kinds[] = {"extract", "load"};
    lt_run_record first = *run;
    while (first.retry_of)
        LT_TRY(lt_state_run_get(workspace->state, first.retry_of, arena, &first, err));
    *only_kind = NULL;
    for (size_t i = 0; i < LT_COUNT(kinds); i++)
        if (lt_text_eq(first.command, lt_text_of(kinds[i])))
            *only_kind = kinds[i];
    return LT_OK;
}

void lt_work_task_json(lt_json_writer *writer, const lt_task_record *task, double seconds)
{
    lt_json_begin(writer, '{');
    lt_json_set(writer, "id", task->id);
    lt_json_set(writer, "kind", task->kind);
    lt_json_set(writer, "name", task->name);
    lt_json_set(writer, "status", lt_text_of(lt_task_status_name(task->status)));
    lt_json_set_int(writer, "attempts", task->attempts);
    if (task->rows_in >= 0)
        lt_json_set_int(writer, "rows_in", task->rows_in);
    if (task->rows_out >= 0)
        lt_json_set_int(writer, "rows_out", task->rows_out);
    lt_json_key(writer, T("seconds"));
    lt_json_double(writer, seconds);
    lt_json_set_int(writer, "peak_bytes", task->peak_bytes);
    if (task->message.len)
        lt_json_set(writer, "message", task->message);
    if (task->hint.len)
        lt_json_set(writer, "hint", task->hint);
    if (task->result_json.len > 2) {
        lt_json_key(writer, T("result"));
        lt_json_raw(writer, task->result_json);
    }
    lt_json_end(writer);
}
