/* leat backup and leat restore: a copy of the home beside its use, and back. */
#include "cli/cmd.h"

#include "base/proc.h"
#include "base/size.h"
#include "base/time.h"
#include "cli/transfer_show.h"
#include "cli/work.h"
#include "run/backup.h"

typedef struct backup_opts {
    int64_t keep;
    bool no_targets;
} backup_opts;

static const lt_opt backup_table[] = {
    {.name = "keep",
     .type = LT_OPT_INT,
     LT_AT(backup_opts, keep),
     .value = "N",
     .min = 1,
     .max = 1000000,
     .help = "remove all but the newest N backups of that folder afterwards"},
    {.name = "no-targets",
     .type = LT_OPT_FLAG,
     LT_AT(backup_opts, no_targets),
     .help = "leave DuckDB's files out; models can be built again, what only they hold cannot"},
};

static void show_made(lt_app *app, const lt_backup_made *made, const lt_transfer_counts *counts)
{
    char bytes[LT_SIZE_CHARS], targets[LT_SIZE_CHARS];
    int64_t copied = atomic_load(&counts->copied), same = atomic_load(&counts->same);
    if (app->globals.json) {
        LT_AUTO(lt_buf) out = {0};
        lt_json_writer w = {.out = &out};
        lt_json_begin(&w, '{');
        lt_json_set(&w, "backup", lt_text_of(made->path));
        lt_json_set_int(&w, "new_contents", copied);
        lt_json_set_int(&w, "new_bytes", atomic_load(&counts->bytes));
        lt_json_set_int(&w, "shared_contents", same);
        lt_json_set_int(&w, "damaged_contents", atomic_load(&counts->failed));
        lt_json_set_int(&w, "target_bytes", made->target_bytes);
        lt_json_end(&w);
        lt_out_text(&app->out, lt_buf_text(&out));
        lt_out_text(&app->out, T("\n"));
        return;
    }
    lt_out_printf(&app->out,
                  "backup %s: %lld new contents of the store (%s), %lld shared with the one "
                  "before, %s of targets\n",
                  made->path, (long long)copied, lt_size_write(atomic_load(&counts->bytes), bytes),
                  (long long)same, lt_size_write(made->target_bytes, targets));
    if (made->without_store)
        lt_out_text(&app->out, T("the store is not on this machine, and not in it\n"));
    lt_out_text(&app->out, T("the master key is not in it: keep it (LEAT_KEY, or the file that "
                             "'leat secret set' names) somewhere else\n"));
}

static lt_status backup(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const backup_opts *given = opts;
    lt_transfer_counts counts = {0};
    lt_backup_made made;
    LT_AUTO(lt_workspace_ref) workspace = NULL;
    lt_backup_plan plan = {.folder = args->items[0],
                           .keep = given->keep,
                           .no_targets = given->no_targets,
                           .counts = &counts};
    LT_TRY(lt_work_open_some(app, LT_FILES_LEAT, &workspace, err));
    lt_stop_on_signals();
    LT_AUTO(lt_transfer_show_ref)
    show = app->globals.quiet ? NULL : lt_transfer_show_start(&counts);
    lt_status status = lt_backup_make(workspace, &plan, &made, err);
    lt_transfer_show_stop(LT_TAKE(show));
    if (status == LT_OK || status == LT_FAILED)
        show_made(app, &made, &counts);
    return status;
}

const lt_cmd lt_cmd_backup = {
    .name = "backup",
    .help = "copy the home while it is in use",
    .args = "DIR",
    .about =
        "Makes DIR/<moment>, a copy of all that the home keeps: the memory of runs, schedules and "
        "users, logs, the store with all versions, and the DuckDB files of the targets. Runs and "
        "the server go on; only while a DuckDB file is copied, runs on that target wait, and it "
        "waits for the one that is under way. Contents of the store that the backup before has "
        "too are hard links to it. The project's own files are not in it (git has them), "
        "neither is a PostgreSQL target (pg_dump) or a store on S3 (it keeps versions), nor the "
        "master key.",
    .examples = "leat backup /mnt/backup/shop\ta new backup beside the earlier ones\n"
                "leat backup /mnt/backup/shop --keep 14\tand only the last fourteen stay\n",
    .group = LT_GROUP_MACHINE,
    .opts = backup_table,
    .opt_count = LT_COUNT(backup_table),
    .opts_size = sizeof(backup_opts),
    .run = backup,
};

/* ---- restore ---- */

static void show_restored(lt_app *app, const lt_restored *made, const char *home)
{
    char moment[LT_TIME_CHARS];
    lt_out_printf(&app->out, "restored '%s' from %.*s, made at %.19sZ: %lld objects, verified\n",
                  home, LT_ARG(made->from), lt_time_write(made->made_at_us, moment),
                  (long long)made->objects);
    for (size_t i = 0; i < made->targets.len; i++)
        lt_out_printf(&app->out, "target file %.*s\n", LT_ARG(made->targets.items[i]));
    for (size_t i = 0; i < made->other_targets.len; i++)
        lt_out_printf(&app->out,
                      "a target that lies outside of the project: copy it yourself: "
                      "%.*s\n",
                      LT_ARG(made->other_targets.items[i]));
}

static lt_status restore(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    (void)opts;
    lt_restored made;
    lt_restore_plan plan = {.from = args->items[0]};
    LT_TRY(lt_app_project(app, &plan.root, err));
    LT_TRY(lt_app_home(app, &plan.home, err));
    lt_stop_on_signals();
    LT_TRY(lt_backup_restore(&plan, &app->arena, &made, err));
    show_restored(app, &made, plan.home);
    return LT_OK;
}

const lt_cmd lt_cmd_restore = {
    .name = "restore",
    .help = "make a home from a backup",
    .args = "BACKUP",
    .about = "BACKUP is one that 'leat backup' has made, or the folder of them: then the newest. "
             "The home must be missing or empty, so that nothing is written over. Every checksum "
             "is verified before the home gets its name. Runs that were under way when the "
             "backup was made are treated as after a crash: 'leat up' goes on with them.",
    .examples = "leat restore /mnt/backup/shop\tthe newest\n"
                "leat restore /mnt/backup/shop/20261122T030000Z\tthat one\n",
    .group = LT_GROUP_MACHINE,
    .run = restore,
};
