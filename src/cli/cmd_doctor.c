/* leat doctor: looks at everything that leat needs, says what to do about what is wrong, and does what is safe. */
#include "cli/cmd.h"

#include "base/fs.h"
#include "base/size.h"
#include "base/time.h"
#include "base/version.h"
#include "cli/grid.h"
#include "cli/store_address.h"
#include "cli/target.h"
#include "cli/work.h"
#include "git/git.h"
#include "run/mend.h"
#include "run/plan.h"
#include "sched/ask.h"
#include "sched/watch.h"
#include "state/trigger.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

typedef enum grade { GOOD, WARN, FAIL, DONE } grade;

typedef struct doctor_opts {
    bool repair;
} doctor_opts;

static const lt_opt doctor_table[] = {
    {.name = "repair",
     .type = LT_OPT_FLAG,
     LT_AT(doctor_opts, repair),
     .help = "put right what is safe to put right, and say what was done; no data is ever removed"},
};

typedef struct finding {
    grade grade;
    lt_status status; /* of a failure: LT_INVALID the project's files, else the machine */
    char what[512];
    char next[512]; /* the next step; empty when good */
} finding;

typedef struct examination {
    lt_app *app;
    const char *root, *home;   /* NULL: there is none */
    const lt_project *project; /* NULL: it could not be read */
    lt_grid grid;
    size_t counts[4];
    bool machine_failed; /* not only the project's files are wrong */
    bool repair, no_duckdb;
    bool home_lost; /* its memory is damaged: what needs it is not looked at */
} examination;

LT_PRINTF(3, 4)
static finding *say(finding *f, grade how, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(f->what, sizeof(f->what), format, args);
    va_end(args);
    f->grade = how;
    f->status = LT_IO;
    f->next[0] = '\0';
    return f;
}

static void then(finding *f, const char *next)
{
    (void)snprintf(f->next, sizeof(f->next), "%s", next);
}

static void bad(finding *f, grade how, const lt_err *err)
{
    (void)say(f, how, "%s", err->message);
    then(f, err->hint);
    f->status = err->status;
}

static void show(examination *e, const finding *f)
{
    static const char *const words[] = {"OK", "WARN", "FAIL", "DONE"};
    static const lt_style styles[] = {LT_GREEN, LT_YELLOW, LT_RED, LT_GREEN};
    LT_AUTO(lt_buf) safe = {0};
    e->counts[f->grade]++;
    e->machine_failed = e->machine_failed ||
                        (f->grade == FAIL && f->status != LT_INVALID && f->status != LT_NOT_FOUND);
    if (e->app->globals.json) {
        lt_text cells[] = {lt_text_of(words[f->grade]), lt_text_of(f->what), lt_text_of(f->next)};
        lt_grid_row(&e->grid, cells);
        return;
    }
    lt_out_styled(&e->app->out, styles[f->grade], lt_text_of(words[f->grade]));
    lt_out_printf(&e->app->out, "%*s", (int)(6 - strlen(words[f->grade])), "");
    lt_buf_add_visible(&safe, lt_text_of(f->what));
    lt_buf_add_byte(&safe, '\n');
    if (f->next[0])
        lt_buf_printf(&safe, "      %s: %s\n", f->grade == DONE ? "done" : "next", f->next);
    lt_out_text(&e->app->out, lt_buf_text(&safe));
}

/* ---- the checks ---- */

static void check_program(examination *e, finding *f)
{
    (void)e;
    (void)say(f, GOOD, "leat %s (%s), SQLite %s", LT_VERSION, LT_COMMIT, sqlite3_libversion());
}

static void check_duckdb(examination *e, finding *f)
{
    lt_text version;
    lt_err err = {0};
    if (lt_duckdb_version(&e->app->arena, &version, &err) == LT_OK) {
        (void)say(f, GOOD, "DuckDB %.*s", LT_ARG(version));
        return;
    }
    bad(f, FAIL, &err);
    e->no_duckdb = true;
    if (!f->next[0])
        then(f, "install leat again (make install), or name the library with LEAT_DUCKDB");
}

static void check_git(examination *e, finding *f)
{
    lt_git_state now;
    lt_git_look(e->root ? e->root : ".", &now);
    if (now.is_known) {
        (void)say(f, GOOD, "git: branch %s, commit %.12s%s", now.branch[0] ? now.branch : "-",
                  now.commit[0] ? now.commit : "-", now.is_dirty ? ", with changes" : "");
        return;
    }
    (void)say(f, WARN, "git: %s", now.why);
    then(f, "runs will not know their commit; 'git init' begins a repository");
}

static void check_project(examination *e, finding *f)
{
    lt_err err = {0};
    lt_project *project = NULL;
    if (lt_app_project(e->app, &e->root, &err) != LT_OK) {
        bad(f, e->app->globals.project_dir ? FAIL : WARN, &err);
        return;
    }
    if (lt_app_load(e->app, &project, &err) != LT_OK) {
        bad(f, FAIL, &err);
        return;
    }
    e->project = project;
    for (size_t i = 0; i < project->wrong.len; i++) {
        finding wrong = {0};
        lt_ignore(lt_conf_wrong_fail(&project->wrong.items[i], &err));
        bad(&wrong, FAIL, &err);
        show(e, &wrong);
    }
    (void)say(f, GOOD, "project '%.*s': %zu sources, %zu pipelines, %zu targets",
              LT_ARG(project->name), project->sources.len, project->pipelines.len,
              project->targets.len);
}

static void check_home(examination *e, finding *f)
{
    lt_err err = {0};
    int first = -1, second = -1;
    if (!e->root && !e->app->globals.home) {
        (void)say(f, WARN, "there is no home folder outside of a project");
        then(f, "go into a project, or name a folder with --home DIR");
        return;
    }
    if (lt_app_home(e->app, &e->home, &err) != LT_OK) {
        bad(f, FAIL, &err);
        return;
    }
    LT_AUTO(lt_chars) path = lt_format("%s/.doctor-%d", e->home, (int)getpid());
    lt_status made = lt_file_write_durably(path, T("x"), 0600, &err);
    lt_status locked = made == LT_OK ? lt_file_lock(path, 0, &first, &err) : made;
    if (locked != LT_OK) {
        bad(f, FAIL, &err);
    } else if (lt_file_lock(path, 0, &second, &err) != LT_CONFLICT) {
        (void)say(f, FAIL, "'%s' lies on a file system without working locks", e->home);
        then(f, "choose a local disk with --home DIR");
    } else {
        (void)say(f, GOOD, "home '%s' can be written, synced and locked", e->home);
    }
    lt_fd_close(first);
    lt_fd_close(second);
    lt_ignore(lt_path_remove(path, &err));
}

static void check_file_system(examination *e, finding *f)
{
    static const struct {
        long kind;
        const char *name;
    } remote[] = {{0x6969, "NFS"}, {0x517b, "SMB"}, {0xfe534d42, "SMB"}, {0xff534d42, "CIFS"}};
    struct statfs info;
    const char *path = e->home ? e->home : ".";
    (void)say(f, GOOD, "file system of '%s' is local", path);
    if (statfs(path, &info) != 0)
        return;
    for (size_t i = 0; i < LT_COUNT(remote); i++) {
        if ((long)info.f_type != remote[i].kind)
            continue;
        (void)say(f, WARN, "'%s' lies on %s, where SQLite's WAL and locks are not safe", path,
                  remote[i].name);
        then(f, "choose a local disk with --home DIR");
    }
}

static void check_space(examination *e, finding *f)
{
    struct statvfs info;
    char free_text[LT_SIZE_CHARS];
    const char *path = e->home ? e->home : ".";
    if (statvfs(path, &info) != 0) {
        (void)say(f, WARN, "cannot see how much disk space is free at '%s'", path);
        return;
    }
    uint64_t bytes = (uint64_t)info.f_bavail * info.f_frsize;
    grade how = bytes < 100 * LT_MIB ? FAIL : bytes < 2 * LT_GIB ? WARN : GOOD;
    (void)say(f, how, "%s of disk space free at '%s'",
              lt_size_write((int64_t)LT_MIN(bytes, (uint64_t)INT64_MAX), free_text), path);
    if (how != GOOD)
        then(f, "free some disk space, or choose another disk with --home DIR");
}

static void check_open_files(examination *e, finding *f)
{
    enum { FEW = 1024 };
    struct rlimit limit = {0};
    (void)e;
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    bool few = limit.rlim_cur < FEW;
    (void)say(f, few ? WARN : GOOD, "%llu files may be open at once",
              (unsigned long long)limit.rlim_cur);
    if (few)
        then(f, "raise the limit: ulimit -n 4096");
}

static void check_clock(examination *e, finding *f)
{
    static const int64_t BUILT_US = 1763000000 * (int64_t)1000000; /* November 2025 */
    char now[LT_TIME_CHARS];
    bool past = lt_now_us() < BUILT_US;
    (void)e;
    (void)say(f, past ? FAIL : GOOD, "the clock says %.19sZ", lt_time_write(lt_now_us(), now));
    if (past)
        then(
            f,
            "set the clock: signed requests and schedules depend on it (timedatectl set-ntp true)");
}

static void check_dotenv(examination *e, finding *f)
{
    struct stat info;
    LT_AUTO(lt_chars) path = lt_path_join(e->root ? e->root : ".", ".env");
    if (stat(path, &info) != 0) {
        (void)say(f, GOOD, "no .env file");
    } else if (e->root && lt_git_tracks(e->root, ".env")) {
        (void)say(f, FAIL, "git tracks .env");
        then(f, "git rm --cached .env; then change the secrets in it, they are in the history");
    } else if ((info.st_mode & 077) && e->repair && chmod(path, 0600) == 0) {
        (void)say(f, DONE, "others could read .env (mode %03o)", (unsigned)info.st_mode & 0777);
        then(f, "it is private now; change the secrets in it if others may have read them");
    } else if (info.st_mode & 077) {
        (void)say(f, WARN, "others can read .env (mode %03o)", (unsigned)info.st_mode & 0777);
        then(f, "chmod 600 .env");
    } else {
        (void)say(f, GOOD, ".env is private");
    }
}

/* Quick: the index answers, every bucket lists. 'leat store check' reads everything. */
static void check_store(examination *e, finding *f)
{
    lt_err err = {0};
    lt_bucket_infos buckets = {0};
    LT_AUTO(lt_store_ref) store = NULL;
    if (e->root && !e->project) {
        (void)say(f, WARN, "the store was not looked at");
        then(f, "mend leat.yml first: it says where it is");
        return;
    }
    lt_status status = e->home ? lt_app_store(e->app, &store, &err) : LT_OK;
    if (status == LT_OK && store)
        status = lt_bucket_list(store, &e->app->arena, &buckets, &err);
    for (size_t i = 0; i < buckets.len && status == LT_OK; i++) {
        lt_listing page = {0};
        lt_list_request one = {.limit = 1};
        status = lt_store_list(store, buckets.items[i].name, &one, &e->app->arena, &page, &err);
    }
    if (status != LT_OK)
        bad(f, FAIL, &err);
    else if (!store)
        (void)say(f, GOOD, "no store without a home folder");
    else
        (void)say(f, GOOD, "store: %zu buckets ('leat store check' verifies every byte)",
                  buckets.len);
}

/* Whether it answers, and what tools that build outside of transactions have left when they were killed. */
static lt_status ping(examination *e, const char *name, lt_target *target, lt_table *left,
                      lt_err *err)
{
    static const char temporary[] =
        "select table_schema || '.' || table_name from information_schema.tables where "
        "right(table_name, 9) = '__dbt_tmp' or right(table_name, 12) = '__dbt_backup' order by 1";
    LT_AUTO(lt_workspace_ref) workspace = NULL;
    LT_AUTO(lt_engine_ref) engine = NULL;
    LT_AUTO(lt_session_ref) session = NULL;
    LT_TRY(lt_work_open_some(e->app, LT_FILES_LEAT, &workspace, err));
    LT_TRY(lt_workspace_target(workspace, lt_text_of(name), target, err));
    if (strcmp(target->kind, "duckdb") == 0 && (e->no_duckdb || !lt_path_exists(target->path)))
        return LT_OK; /* it is made by the first run */
    LT_TRY(lt_engine_open(target, &engine, err));
    LT_TRY(lt_session_open(engine, &session, err));
    return lt_query_table(session, lt_text_of(temporary), NULL, 0, 1000, NULL, &e->app->arena, left,
                          err);
}

static void tell_left(const lt_target *target, const lt_table *left, finding *f)
{
    (void)say(f, WARN, "target '%s' has %zu temporary table%s that a build left: %.*s%s",
              target->name, left->row_count, left->row_count == 1 ? "" : "s",
              LT_ARG(lt_table_cell(left, 0, 0)), left->row_count > 1 ? ", ..." : "");
    then(f, "drop them when nothing builds there: nobody knows here whether they are still needed");
}

static void check_target(examination *e, const lt_conf_target *conf, finding *f)
{
    lt_err err = {0};
    lt_target target = {0};
    const char *name = lt_arena_str(&e->app->arena, conf->name);
    int64_t start = lt_mono_us();
    char took[LT_TIME_CHARS];
    lt_table left = {0};
    lt_status status = ping(e, name, &target, &left, &err);
    if (status == LT_OK && e->no_duckdb && strcmp(target.kind, "duckdb") == 0) {
        (void)say(f, e->project->target == conf ? FAIL : WARN,
                  "target '%s' (duckdb) was not looked at: DuckDB's library cannot be loaded",
                  name);
        then(f, "see what stands above about DuckDB");
        return;
    }
    if (status == LT_OK && left.row_count) {
        tell_left(&target, &left, f);
        return;
    }
    if (status == LT_OK) {
        (void)say(f, GOOD, "target '%s' (%s) answers, %s", name, target.kind,
                  lt_length_write(lt_mono_us() - start, took));
        return;
    }
    bad(f, e->project->target == conf ? FAIL : WARN, &err);
    LT_AUTO(lt_chars) what = lt_format("target '%s': %s", name, err.message);
    (void)snprintf(f->what, sizeof(f->what), "%s", what);
    if (!f->next[0])
        then(f, "check its settings in leat.yml, and that the server runs");
}

/* ---- triggers ---- */

static lt_status check_trigger(lt_workspace *workspace, const lt_conf_pipeline *pipeline,
                               const lt_conf_trigger *trigger, lt_arena *arena, lt_err *err)
{
    lt_trigger_record record;
    LT_TRY(lt_watch_try(workspace, trigger, err));
    LT_TRY(
        lt_state_trigger_get(workspace->state, pipeline->name, trigger->name, arena, &record, err));
    return record.trouble.len ? lt_fail(err, LT_FAILED, "%.*s", LT_ARG(record.trouble)) : LT_OK;
}

static void check_triggers_of(examination *e, lt_workspace *workspace,
                              const lt_conf_pipeline *pipeline, size_t *good)
{
    for (size_t i = 0; i < pipeline->triggers.len; i++) {
        const lt_conf_trigger *trigger = &pipeline->triggers.items[i];
        lt_err err = {0};
        finding f = {0};
        if (check_trigger(workspace, pipeline, trigger, &e->app->arena, &err) == LT_OK) {
            ++*good;
            continue;
        }
        lt_ignore(lt_wrap(&err, "%s:%u:%u: the trigger '%.*s' of '%.*s'", trigger->place.file,
                          trigger->place.line, trigger->place.col, LT_ARG(trigger->name),
                          LT_ARG(pipeline->name)));
        bad(&f, WARN, &err);
        show(e, &f);
    }
}

/* Also of what only the plan of a run would stumble over. */
static void check_warnings(examination *e)
{
    lt_err err = {0};
    LT_AUTO(lt_workspace_ref) workspace = NULL;
    const lt_project *project = e->project;
    if (project && lt_work_open_run(e->app, NULL, &workspace, &err) == LT_OK) {
        lt_plan_foresee(workspace, true);
        project = workspace->project;
    }
    for (size_t i = 0; project && i < project->pipelines.len; i++) {
        const lt_conf_pipeline *pipeline = &project->pipelines.items[i];
        for (size_t k = 0; k < pipeline->warnings.len; k++) {
            finding f = {0};
            (void)say(&f, WARN, "%.*s", LT_ARG(pipeline->warnings.items[k]));
            show(e, &f);
        }
    }
}

/* Pauses that may be forgotten, and people who are asked and are not there. */
static void check_state(examination *e, lt_workspace *workspace)
{
    lt_err err = {0};
    lt_arena *arena = &e->app->arena;
    lt_schedule_records paused = {0};
    lt_texts strangers = {0};
    lt_ignore(lt_sched_paused(workspace->project, workspace->state, arena, &paused, &err));
    lt_ignore(lt_sched_strangers(workspace->project, workspace->state, arena, &strangers, &err));
    for (size_t i = 0; i < paused.len; i++) {
        finding f = {0};
        LT_AUTO(lt_buf) how = {0};
        lt_sched_say_paused(&paused.items[i], &how);
        (void)say(&f, WARN, "'%.*s' is %s", LT_ARG(paused.items[i].pipeline), lt_buf_chars(&how));
        then(&f, lt_arena_format(arena, "leat resume %.*s", LT_ARG(paused.items[i].pipeline)));
        show(e, &f);
    }
    for (size_t i = 0; i < strangers.len; i++) {
        finding f = {0};
        (void)say(&f, WARN, "%.*s", LT_ARG(strangers.items[i]));
        show(e, &f);
    }
}

static void check_triggers(examination *e)
{
    lt_err err = {0};
    finding f = {0};
    size_t good = 0;
    LT_AUTO(lt_workspace_ref) workspace = NULL;
    if (!e->project || lt_work_open_run(e->app, NULL, &workspace, &err) != LT_OK)
        return; /* what is wrong was told by the checks before */
    check_state(e, workspace);
    for (size_t i = 0; i < workspace->project->pipelines.len; i++)
        check_triggers_of(e, workspace, &workspace->project->pipelines.items[i], &good);
    if (good) {
        (void)say(&f, GOOD, "%zu trigger%s can do %s work", good, good == 1 ? "" : "s",
                  good == 1 ? "its" : "their");
        show(e, &f);
    }
}

/* ---- what was left in the home ---- */

static void add_target_files(examination *e, lt_texts *out)
{
    for (size_t i = 0; e->project && i < e->project->targets.len; i++) {
        const lt_conf_target *conf = &e->project->targets.items[i];
        if (conf->path.raw.len && lt_text_find_byte(conf->path.raw, '{', 0) == SIZE_MAX) {
            LT_AUTO(lt_chars) given = lt_text_dup(conf->path.raw);
            LT_AUTO(lt_chars) path = lt_path_join(e->root, given);
            lt_push_in(&e->app->arena, out, lt_arena_text(&e->app->arena, lt_text_of(path)));
        }
    }
    LT_AUTO(lt_chars) usual = lt_path_join(e->home, "warehouse.duckdb");
    if (!e->project)
        lt_push_in(&e->app->arena, out, lt_arena_text(&e->app->arena, lt_text_of(usual)));
}

static void check_leavings(examination *e)
{
    static const grade grades[] = {[LT_MEND_FINE] = GOOD,
                                   [LT_MEND_CAN] = WARN,
                                   [LT_MEND_DONE] = DONE,
                                   [LT_MEND_MUST] = WARN,
                                   [LT_MEND_LOST] = FAIL};
    lt_err err = {0};
    finding f = {0};
    lt_mend_findings found = {0};
    lt_mend_request request = {.home = e->home, .repair = e->repair};
    add_target_files(e, &request.targets);
    if (lt_mend(&request, &e->app->arena, &found, &err) != LT_OK) {
        bad(&f, FAIL, &err);
        show(e, &f);
    }
    for (size_t i = 0; i < found.len; i++) {
        const lt_mend_finding *one = &found.items[i];
        (void)say(&f, grades[one->state], "%.*s", LT_ARG(one->what));
        (void)snprintf(f.next, sizeof(f.next), "%.*s", LT_ARG(one->next));
        e->home_lost = e->home_lost || one->state == LT_MEND_LOST;
        show(e, &f);
    }
}

/* ---- all of them ---- */

typedef void check_fn(examination *, finding *);

static void examine_with(examination *e, check_fn *const *checks, size_t count)
{
    finding f = {0};
    for (size_t i = 0; i < count; i++) {
        checks[i](e, &f);
        show(e, &f);
    }
}

static void examine(examination *e)
{
    static check_fn *const checks[] = {check_program,    check_duckdb,      check_project,
                                       check_home,       check_file_system, check_space,
                                       check_open_files, check_clock};
    static check_fn *const later[] = {check_dotenv, check_git, check_store};
    finding f = {0};
    examine_with(e, checks, LT_COUNT(checks));
    if (e->home) /* before anything opens it, and puts right by itself what it finds */
        check_leavings(e);
    if (e->home_lost)
        return;
    examine_with(e, later, LT_COUNT(later));
    for (size_t i = 0; e->project && i < e->project->targets.len; i++) {
        check_target(e, &e->project->targets.items[i], &f);
        show(e, &f);
    }
    check_warnings(e);
    check_triggers(e);
}

static lt_status doctor(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    static const lt_grid_column columns[] = {
        {T("grade"), LT_CELL_TEXT}, {T("what"), LT_CELL_TEXT}, {T("next"), LT_CELL_TEXT}};
    (void)args;
    examination e = {.app = app, .repair = ((const doctor_opts *)opts)->repair};
    if (app->globals.json)
        lt_grid_begin(&e.grid, &app->out, LT_SHOW_JSON, columns, LT_COUNT(columns));
    examine(&e);
    if (app->globals.json)
        lt_grid_end(&e.grid);
    lt_grid_cleanup(&e.grid);
    if (!e.counts[FAIL])
        return LT_OK;
    return lt_fail(err, e.machine_failed ? LT_IO : LT_INVALID, "%zu of %zu checks failed",
                   e.counts[FAIL],
                   e.counts[GOOD] + e.counts[WARN] + e.counts[FAIL] + e.counts[DONE]);
}

const lt_cmd lt_cmd_doctor = {
    .name = "doctor",
    .help = "check this machine and this project, and say what to do",
    .opts = doctor_table,
    .opt_count = LT_COUNT(doctor_table),
    .opts_size = sizeof(doctor_opts),
    .group = LT_GROUP_MACHINE,
    .run = doctor,
};
