/* The table of commands, in the order of help. */
#include "cli/cmd.h"

extern const lt_cmd lt_cmd_backup, lt_cmd_restore;
extern const lt_cmd lt_cmd_backfill, lt_cmd_pause, lt_cmd_resume, lt_cmd_trigger, lt_cmd_up;
extern const lt_cmd lt_cmd_approve, lt_cmd_cancel, lt_cmd_mark, lt_cmd_pipelines, lt_cmd_status,
    lt_cmd_why;
extern const lt_cmd lt_cmd_completion, lt_cmd_dbt, lt_cmd_doctor, lt_cmd_extract, lt_cmd_help,
    lt_cmd_init, lt_cmd_load, lt_cmd_logs, lt_cmd_man, lt_cmd_reproduce, lt_cmd_retry, lt_cmd_run,
    lt_cmd_runs, lt_cmd_schema, lt_cmd_secret, lt_cmd_sql, lt_cmd_store, lt_cmd_token, lt_cmd_user,
    lt_cmd_version;

const lt_cmd *const lt_commands[] = {
    &lt_cmd_init,   &lt_cmd_run,        &lt_cmd_extract,   &lt_cmd_load,   &lt_cmd_dbt,
    &lt_cmd_up,     &lt_cmd_trigger,    &lt_cmd_backfill,  &lt_cmd_pause,  &lt_cmd_resume,
    &lt_cmd_retry,  &lt_cmd_cancel,     &lt_cmd_approve,   &lt_cmd_mark,   &lt_cmd_pipelines,
    &lt_cmd_status, &lt_cmd_why,        &lt_cmd_reproduce, &lt_cmd_runs,   &lt_cmd_logs,
    &lt_cmd_sql,    &lt_cmd_store,      &lt_cmd_secret,    &lt_cmd_user,   &lt_cmd_token,
    &lt_cmd_schema, &lt_cmd_backup,     &lt_cmd_restore,   &lt_cmd_doctor, &lt_cmd_version,
    &lt_cmd_help,   &lt_cmd_completion, &lt_cmd_man,       NULL,
};
