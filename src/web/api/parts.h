/* parts.h - the handlers and shapes that the table of routes is made of. For web/api/ alone. */
#pragma once
#include "state/schedule.h"
#include "web/api/route.h"

/* system.c */
lt_api_handle lt_api_get_version, lt_api_get_openapi, lt_api_get_health, lt_api_get_alive,
    lt_api_get_schema;
extern const lt_api_shape lt_api_version_shape, lt_api_health_shape, lt_api_alive_shape,
    lt_api_document_shape;

/* errand.c */
lt_api_handle lt_api_get_doctor, lt_api_prune;
extern const lt_api_shape lt_api_doctor_shape, lt_api_prune_shape, lt_api_pruned_shape;

/* jobs.c */
lt_api_handle lt_api_list_jobs, lt_api_get_job, lt_api_reproduce_run, lt_api_start_backup;
extern const lt_api_shape lt_api_job_shape, lt_api_jobs_shape, lt_api_reproduce_shape,
    lt_api_backup_shape;
/* The error that a process of ours has said with --json, the last line of `said`; both live in the call's arena, the hint may be empty.
 * Gives whether it is the asker's fault. */
bool lt_api_said_error(lt_api_call *call, lt_text said, lt_text *message, lt_text *hint);

/* notebook.c */
lt_api_handle lt_api_get_notebook;
bool lt_api_has_notebook(lt_api_call *call, const lt_task_record *task);

/* session.c */
lt_api_handle lt_api_get_session, lt_api_sign_in, lt_api_sign_out, lt_api_set_password;
extern const lt_api_shape lt_api_sign_in_shape, lt_api_session_shape, lt_api_password_shape;

/* pipelines.c */
lt_api_handle lt_api_list_pipelines, lt_api_get_pipeline, lt_api_pause_pipeline,
    lt_api_resume_pipeline, lt_api_backfill;
extern const lt_api_shape lt_api_pipeline_shape, lt_api_pipelines_shape, lt_api_pausing_shape,
    lt_api_paused_shape, lt_api_backfill_shape, lt_api_filled_shape;

/* runs.c */
lt_api_handle lt_api_list_runs, lt_api_get_run, lt_api_list_tasks, lt_api_get_task, lt_api_get_why,
    lt_api_start_run, lt_api_start_selection, lt_api_cancel_run, lt_api_retry_run, lt_api_mark_task,
    lt_api_approve_task, lt_api_reject_task;
extern const lt_api_shape lt_api_run_shape, lt_api_runs_shape, lt_api_task_shape,
    lt_api_tasks_shape, lt_api_why_shape, lt_api_runs_query, lt_api_start_shape,
    lt_api_select_shape, lt_api_cancel_shape, lt_api_cancelled_shape, lt_api_retry_shape,
    lt_api_mark_shape, lt_api_decide_shape;
/* One run as an object of the answer. */
LT_MUST_CHECK lt_status lt_api_write_run(lt_api_call *call, const lt_run_record *run, lt_err *err);
/* The body's "params" as "name=value". */
LT_MUST_CHECK lt_status lt_api_read_params(lt_api_call *call, lt_texts *out, lt_err *err);

/* metrics.c, page.c */
lt_api_handle lt_api_get_metrics, lt_api_get_page;

/* live.c */
lt_api_handle lt_api_follow_changes, lt_api_get_log;
extern const lt_api_shape lt_api_log_query;

/* people.c */
lt_api_handle lt_api_list_users, lt_api_add_user, lt_api_change_user, lt_api_reset_user,
    lt_api_remove_user, lt_api_list_tokens, lt_api_add_token, lt_api_revoke_token,
    lt_api_list_audit;
extern const lt_api_shape lt_api_user_shape, lt_api_users_shape, lt_api_new_user_shape,
    lt_api_changed_user_shape, lt_api_reset_shape, lt_api_token_shape, lt_api_tokens_shape,
    lt_api_new_token_shape, lt_api_audits_shape, lt_api_page_query;

lt_api_handle lt_api_hook;
extern const lt_api_shape lt_api_hooked_shape;
