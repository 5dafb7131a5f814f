/* Finds what was left wrong in a home, and puts right what is safe. */
#include "run/mend.h"

#include "base/fs.h"
#include "base/proc.h"
#include "base/time.h"
#include "db/check.h"
#include "run/run.h"
#include "task/procs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { OLD_S = 3600 /* what is younger may be somebody's work */ };

typedef struct mend {
    const lt_mend_request *request;
    lt_arena *arena;
    lt_mend_findings *out;
    lt_state *state; /* owned; NULL: there is none, or it is damaged */
} mend;

static void mend_cleanup(mend *it)
{
    lt_state_close(it->state);
}

LT_PRINTF(4, 5)
static void find(mend *it, lt_mend_state state, const char *next, const char *format, ...)
{
    va_list args;
    LT_AUTO(lt_buf) text = {.limit = 2000};
    va_start(args, format);
    lt_buf_vprintf(&text, format, args);
    va_end(args);
    lt_mend_finding made = {.state = state,
                            .what = lt_arena_text(it->arena, lt_buf_text(&text)),
                            .next = lt_arena_text(it->arena, lt_text_of(next))};
    lt_push_in(it->arena, it->out, made);
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

/* ---- the databases ---- */

static bool check_database(mend *it, const char *name)
{
    lt_err err = {0};
    bool mended = false;
    LT_AUTO(lt_chars) path = lt_path_join(it->request->home, name);
    if (!lt_path_exists(path))
        return false;
    lt_status status = lt_db_check_file(path, it->request->repair, &mended, &err);
    if (status == LT_OK && mended)
        find(it, LT_MEND_DONE, "its indexes were made anew from its tables", "'%s' was damaged",
             path);
    else if (status == LT_OK)
        find(it, LT_MEND_FINE, "", "%s is whole", name);
    else if (status == LT_CONFLICT)
        find(it, LT_MEND_CAN, "'leat doctor --repair' makes its indexes anew from its tables", "%s",
             err.message);
    else
        find(it, LT_MEND_LOST,
             "keep a copy of the file, then put back the last backup: leat restore", "%s",
             err.message);
    return status == LT_OK || status == LT_CONFLICT;
}

static void check_databases(mend *it)
{
    lt_err err = {0};
    (void)check_database(it, "store/index.db");
    if (check_database(it, "state.db") &&
        lt_state_open(it->request->home, &it->state, &err) != LT_OK)
        find(it, LT_MEND_LOST, err.hint, "%s", err.message);
}

/* ---- runs ---- */

/* Whoever opens the home does so. */
static void check_runs(mend *it)
{
    lt_err err = {0};
    int64_t lost = 0;
    if (lt_state_reap(it->state, &lost, &err) != LT_OK)
        find(it, LT_MEND_LOST, err.hint, "%s", err.message);
    else if (!lost)
        find(it, LT_MEND_FINE, "", "every run that is said to run has a process");
    else
        find(it, LT_MEND_DONE,
             "marked as lost; 'leat up' or 'leat run --resume RUN' goes on from what had ended",
             "%lld run%s said to run and had no process", (long long)lost,
             lost == 1 ? " was" : "s were");
}

typedef struct leftover {
    size_t folders, processes, stuck, at_work;
} leftover;

static bool has_ended(lt_run_status status)
{
    return status == LT_RUN_SUCCEEDED || status == LT_RUN_FAILED || status == LT_RUN_CANCELLED ||
           status == LT_RUN_SKIPPED;
}

static size_t count_processes(mend *it, const char *folder, int64_t run_id)
{
    lt_err err;
    size_t count = 0;
    LT_AUTO(lt_path_list) locks = {0};
    if (lt_files_below(folder, ".lock", 100000, &locks, &err) != LT_OK)
        return 0;
    for (size_t i = 0; i < locks.len; i++) {
        lt_pids pids = {0};
        LT_AUTO(lt_chars)
        mark = lt_format("LEAT_TASK=%.*s-%lld-%.16s", LT_ARG(lt_state_home_id(it->state)),
                         (long long)run_id, lt_path_name(locks.items[i]));
        lt_procs_marked(lt_text_of(mark), &pids);
        count += pids.len;
        lt_vec_free(&pids);
    }
    return count;
}

/* A lost run can be resumed, and takes over what its commands do meanwhile: that is not touched. */
static void look_at_attempts(mend *it, const char *name, leftover *left)
{
    lt_err err = {0};
    lt_run_record run;
    int64_t id = 0;
    size_t stuck = 0;
    LT_AUTO(lt_chars) folder = lt_format("%s/attempts/%s", it->request->home, name);
    if (!lt_text_to_i64(lt_text_of(name), &id) || id <= 0)
        return;
    lt_status status = lt_state_run_get(it->state, id, it->arena, &run, &err);
    if (status != LT_OK && status != LT_NOT_FOUND)
        return;
    size_t processes = count_processes(it, folder, id);
    if (status == LT_OK && !has_ended(run.status)) {
        left->at_work += run.status == LT_RUN_LOST ? processes : 0;
        return;
    }
    left->folders++;
    left->processes += processes;
    if (!it->request->repair)
        return;
    (void)lt_run_end_orphans(it->request->home, it->state, id, &stuck);
    left->stuck += stuck;
    if (!stuck)
        lt_ignore(lt_path_remove(folder, &err));
}

static void tell_attempts(mend *it, const leftover *left)
{
    bool repair = it->request->repair;
    if (left->folders)
        find(it,
             left->stuck ? LT_MEND_MUST
             : repair    ? LT_MEND_DONE
                         : LT_MEND_CAN,
             left->stuck ? "some of them do not end: look at them with ps"
             : repair    ? "the processes were ended, the files removed"
                         : "'leat doctor --repair' ends the processes and removes the files",
             "%zu run%s that ended left %zu process%s and working files behind", left->folders,
             plural(left->folders), left->processes, left->processes == 1 ? "" : "es");
    else
        find(it, LT_MEND_FINE, "", "no run that ended has left anything behind");
    if (left->at_work)
        find(it, LT_MEND_MUST,
             "'leat run --resume RUN' takes them over, 'leat cancel RUN' ends them",
             "%zu process%s of lost runs go%s on by %s", left->at_work,
             left->at_work == 1 ? "" : "es", left->at_work == 1 ? "es" : "",
             left->at_work == 1 ? "itself" : "themselves");
}

static void check_attempts(mend *it)
{
    leftover left = {0};
    LT_AUTO(lt_chars) folder = lt_path_join(it->request->home, "attempts");
    DIR *opened = opendir(folder);
    for (struct dirent *entry; opened && (entry = readdir(opened));)
        look_at_attempts(it, entry->d_name, &left);
    if (opened)
        (void)closedir(opened);
    tell_attempts(it, &left);
}

/* ---- files ---- */

/* "NAME.0123abcd.tmp" of lt_file_write(), and ".doctor-123". */
static bool is_half_written(const char *name)
{
    lt_text text = lt_text_of(name);
    if (lt_text_starts(text, T(".doctor-")))
        return true;
    if (text.len < strlen(".0123abcd.tmp") || !lt_text_ends(text, T(".tmp")))
        return false;
    lt_text hex = lt_text_sub(text, text.len - strlen(".0123abcd.tmp"), strlen(".0123abcd"));
    return hex.ptr[0] == '.' && strspn(hex.ptr + 1, "0123456789abcdef") == 8;
}

static bool is_old(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 && S_ISREG(info.st_mode) &&
           lt_now_us() / 1000000 - info.st_mtime > OLD_S;
}

typedef struct halves {
    size_t count, failed;
} halves;

static void sweep(mend *it, const char *folder, bool (*is_one)(const char *name, const void *with),
                  const void *with, halves *found)
{
    DIR *opened = opendir(folder);
    for (struct dirent *entry; opened && (entry = readdir(opened));) {
        LT_AUTO(lt_chars) path = lt_path_join(folder, entry->d_name);
        if (!is_one(entry->d_name, with) || !is_old(path))
            continue;
        found->count++;
        if (it->request->repair && unlink(path) != 0)
            found->failed++;
    }
    if (opened)
        (void)closedir(opened);
}

static bool is_half(const char *name, const void *with)
{
    (void)with;
    return is_half_written(name);
}

/* "warehouse.duckdb.restoring-0123abcd" beside the file that it was to become. */
static bool is_torn_restore(const char *name, const void *with)
{
    size_t len = strlen(with);
    return strncmp(name, with, len) == 0 &&
           strncmp(name + len, ".restoring-", strlen(".restoring-")) == 0;
}

static void check_files(mend *it)
{
    static const char *const folders[] = {"", "attempts", "leases", "store"};
    halves found = {0};
    for (size_t i = 0; i < LT_COUNT(folders); i++) {
        LT_AUTO(lt_chars) folder = lt_path_join(it->request->home, folders[i]);
        sweep(it, folder, is_half, NULL, &found);
    }
    for (size_t i = 0; i < it->request->targets.len; i++) {
        LT_AUTO(lt_chars) path = lt_text_dup(it->request->targets.items[i]);
        const char *name = lt_path_name(path);
        LT_AUTO(lt_chars) beside = lt_xstrndup(path, (size_t)(name - path));
        sweep(it, name > path ? beside : ".", is_torn_restore, name, &found);
    }
    if (found.failed)
        find(it, LT_MEND_MUST, "may this user write there?",
             "%zu half-written file%s cannot be removed", found.failed, plural(found.failed));
    else if (found.count)
        find(it, it->request->repair ? LT_MEND_DONE : LT_MEND_CAN,
             it->request->repair ? "removed: the whole ones have other names"
                                 : "'leat doctor --repair' removes them",
             "%zu half-written file%s", found.count, plural(found.count));
    else
        find(it, LT_MEND_FINE, "", "no half-written files");
}

/* ---- rights ---- */

/* Nobody else may do `wrong` to what the path names. */
static void check_rights(mend *it, const char *path, mode_t wrong)
{
    struct stat info;
    if (stat(path, &info) != 0 || !(info.st_mode & wrong))
        return;
    if (!it->request->repair)
        find(it, LT_MEND_CAN, "'leat doctor --repair' takes these rights away",
             "others may read or change '%s' (mode %03o)", path, (unsigned)info.st_mode & 0777);
    else if (chmod(path, info.st_mode & 07777 & ~wrong) == 0)
        find(it, LT_MEND_DONE, "these rights are taken away; what they may have read, they know",
             "others might read or change '%s' (mode %03o)", path, (unsigned)info.st_mode & 0777);
    else
        find(it, LT_MEND_MUST, "it belongs to somebody else: ask them",
             "cannot change the mode of '%s': %s", path, strerror(errno));
}

static void check_all_rights(mend *it)
{
    static const char *const names[] = {
        "state.db",       "state.db-wal",       "state.db-shm",       "store",
        "store/index.db", "store/index.db-wal", "store/index.db-shm", "logs"};
    size_t before = it->out->len;
    check_rights(it, it->request->home, 07);
    for (size_t i = 0; i < LT_COUNT(names); i++) {
        LT_AUTO(lt_chars) path = lt_path_join(it->request->home, names[i]);
        check_rights(it, path, 07);
    }
    LT_AUTO(lt_chars) key = lt_secret_key_file();
    if (key)
        check_rights(it, key, 077);
    if (it->out->len == before)
        find(it, LT_MEND_FINE, "", "home and key are closed to others");
}

/* ---- logs ---- */

/* They may be all that is left of a state.db that was deleted: never removed here. */
static void check_logs(mend *it)
{
    size_t unknown = 0;
    LT_AUTO(lt_chars) folder = lt_path_join(it->request->home, "logs");
    DIR *opened = opendir(folder);
    for (struct dirent *entry; opened && (entry = readdir(opened));) {
        lt_err err;
        lt_run_record run;
        LT_AUTO(lt_arena) arena = {0};
        int64_t id = 0;
        unknown += lt_text_to_i64(lt_text_of(entry->d_name), &id) && id > 0 &&
                   lt_state_run_get(it->state, id, &arena, &run, &err) == LT_NOT_FOUND;
    }
    if (opened)
        (void)closedir(opened);
    if (unknown)
        find(it, LT_MEND_MUST, "remove them if nobody needs them: nothing else refers to them",
             "logs of %zu run%s that state.db does not know lie in '%s'", unknown, plural(unknown),
             folder);
}

lt_status lt_mend(const lt_mend_request *request, lt_arena *arena, lt_mend_findings *out,
                  lt_err *err)
{
    LT_AUTO(mend) it = {.request = request, .arena = arena, .out = out};
    *out = (lt_mend_findings){0};
    if (access(request->home, R_OK | X_OK) != 0)
        return lt_fail_errno(err, errno, "cannot look into '%s'", request->home);
    check_databases(&it);
    if (it.state) {
        check_runs(&it);
        check_attempts(&it);
        check_logs(&it);
    }
    check_files(&it);
    check_all_rights(&it);
    return LT_OK;
}
