/* work.h - what the commands around runs share. */
#pragma once
#include "cli/cmd.h"
#include "fmt/json.h"
#include "run/workspace.h"

/* Open the project that the global options name. `vars`: --vars, or NULL. */
LT_MUST_CHECK lt_status lt_work_open(lt_app *app, const char *vars, lt_workspace **out,
                                     lt_err *err);
/* The same for commands that need only some of the files. With LT_FILES_GOOD, what is wrong is told as a warning, and what pipelines will miss. */
LT_MUST_CHECK lt_status lt_work_open_some(lt_app *app, lt_files files, lt_workspace **out,
                                          lt_err *err);
/* The same for a run: what is wrong and not needed for it is left out. Then check what it is to run, which tells of what was left out. */
LT_MUST_CHECK lt_status lt_work_open_run(lt_app *app, const char *vars, lt_workspace **out,
                                         lt_err *err);
/* LT_INVALID: a file is wrong without which the pipeline (empty: a selection) cannot run. */
LT_MUST_CHECK lt_status lt_work_check_run(const lt_workspace *workspace, lt_text pipeline,
                                          lt_err *err);
void lt_work_tell_wrong(const lt_workspace *workspace);
/* What a pipeline will need and is not there, as warnings. */
void lt_work_warn(const lt_conf_pipeline *pipeline);
/* The pipeline of that name; LT_NOT_FOUND with the nearest one, or with the files that could not be read. */
LT_MUST_CHECK lt_status lt_work_pipeline(const lt_workspace *workspace, const char *name,
                                         const lt_conf_pipeline **out, lt_err *err);
/* Does the word look like a run id? */
bool lt_work_is_run(const char *word);
/* A run id as people type it: a number, or "last" (0). */
LT_MUST_CHECK lt_status lt_work_run_id(const char *word, int64_t *run_id, lt_err *err);
/* The run that the word names; "last" is the newest that is not itself a reproduction. */
LT_MUST_CHECK lt_status lt_work_run_get(lt_workspace *workspace, const char *word, lt_arena *arena,
                                        lt_run_record *out, lt_err *err);
/* The task of a run that the word names: its id, or its name (of several, the first). LT_NOT_FOUND with the nearest name. */
LT_MUST_CHECK lt_status lt_work_task_get(lt_workspace *workspace, const lt_run_record *run,
                                         const char *word, lt_arena *arena, lt_task_record *out,
                                         lt_err *err);
/* Who types: the user of this machine. In app->arena. */
lt_text lt_work_who(lt_app *app);
/* What a recorded run, or the one that it retried, was limited to: "extract", "load", or NULL. */
LT_MUST_CHECK lt_status lt_work_only_kind(lt_workspace *workspace, const lt_run_record *run,
                                          lt_arena *arena, const char **only_kind, lt_err *err);
/* One task as a JSON object. */
void lt_work_task_json(lt_json_writer *writer, const lt_task_record *task, double seconds);
