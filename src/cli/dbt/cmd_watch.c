/* leat dbt watch: stay in front, and rebuild what each save of the project's files has changed. */
#include "cli/dbt/cmd.h"

#include "base/folder_watch.h"
#include "base/fs.h"
#include "base/proc.h"
#include "base/time.h"
#include "cli/dbt/lines.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { QUIET_MS = 60, MOST_QUIET_US = 1000000, CANCEL_AGAIN_MS = 100 };

/* One look at the files: read, compared, built. On a thread of its own, so that the next save is heard. */
typedef struct round {
    struct watching *w;
    dbt_flags flags;
    lt_app app;
    dbt_work work;
    bool is_open;
    pthread_t thread;
    pthread_mutex_t lock;
    lt_dbt_run *run; /* under the lock: what may be cancelled */
    bool is_cancelled;
    lt_status status; /* of what ends the watching, not of a build */
    lt_err err;
} round;

/* What was last built, or was there at the beginning. */
typedef struct built_node {
    char sum[65]; /* of its fingerprint; empty: none */
    uint64_t mark;
} built_node;

typedef struct watching {
    lt_app *app;
    const dbt_flags *said;
    const char *root, *target_folder, *log_folder;
    lt_folder_watch *files;
    int ended; /* eventfd: the round is over */
    lt_arena arena;
    lt_map built;   /* id of a node -> built_node */
    lt_text target; /* where builds go */
    bool has_begun;
    size_t nodes;
} watching;

/* ---- which files count ---- */

static bool is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && (path[len] == '/' || !path[len]);
}

static bool enters(void *user, const char *path, const char *name)
{
    static const char *const apart[] = {"node_modules", "__pycache__", "venv", "env"};
    const watching *w = user;
    for (size_t i = 0; i < LT_COUNT(apart); i++)
        if (strcmp(apart[i], name) == 0)
            return false;
    return name[0] != '.' && !is_below(path, w->target_folder) && !is_below(path, w->log_folder);
}

static bool counts(void *user, const char *name)
{
    static const lt_text ends[] = {T(".sql"), T(".yml"), T(".yaml"),     T(".md"),
                                   T(".csv"), T(".py"),  T(".dbtignore")};
    (void)user;
    for (size_t i = 0; i < LT_COUNT(ends); i++)
        if (lt_text_ends(lt_text_of(name), ends[i]))
            return true;
    return false;
}

/* ---- what has changed ---- */

/* SHA-256 in hex of the fingerprint and of where the relation lies. */
static void sum_of(lt_dbt_prints *prints, const lt_dbt_node *node, char out[65])
{
    const lt_dbt_print *print = lt_dbt_print_of(prints, node);
    LT_AUTO(lt_buf) text = {.limit = 64 * LT_MIB};
    for (int i = 0; i < LT_DBT_PRINT_PARTS; i++)
        lt_buf_printf(&text, "%.*s\n", LT_ARG(print->parts[i]));
    lt_quote_relation(&node->relation, &text);
    lt_dbt_sha256(lt_buf_text(&text), out);
}

static bool is_built_kind(const lt_dbt_node *node)
{
    bool ephemeral =
        node->kind == LT_DBT_MODEL && lt_text_eq(node->config.materialized, T("ephemeral"));
    return (node->kind <= LT_DBT_SNAPSHOT || node->kind == LT_DBT_UNIT_TEST ||
            node->kind == LT_DBT_UDF) &&
           !ephemeral;
}

static void remember(watching *w, lt_dbt_prints *prints, const lt_dbt_node *node)
{
    built_node *built = lt_map_find(&w->built, node->id);
    if (!built) {
        built = LT_NEW(&w->arena, built_node);
        (void)lt_map_put(&w->built, lt_arena_text(&w->arena, node->id), built);
    }
    built->mark = lt_dbt_print_mark(prints, node);
    sum_of(prints, node, built->sum);
}

/* The entry stays: taking one out moves all behind it. */
static void forget(const watching *w, lt_text id)
{
    built_node *built = lt_map_find(&w->built, id);
    if (built)
        *built = (built_node){0};
}

/* Fingerprints of thousands of nodes take time: what has the same mark has the same. */
static bool is_known(const watching *w, lt_dbt_prints *prints, const lt_dbt_node *node)
{
    built_node *built = lt_map_find(&w->built, node->id);
    uint64_t mark = lt_dbt_print_mark(prints, node);
    char sum[65];
    if (!built || !built->sum[0])
        return false;
    if (mark && mark == built->mark)
        return true;
    sum_of(prints, node, sum);
    if (strcmp(built->sum, sum) != 0)
        return false;
    built->mark = mark;
    return true;
}

/* Another target has none of what was built: nothing there is meant by a save. */
static bool has_moved(round *r)
{
    const lt_dbt_profile *p = &r->work.profile;
    watching *w = r->w;
    const char *now = lt_arena_format(&r->app.arena, "%.*s %.*s %.*s %s", LT_ARG(p->kind),
                                      LT_ARG(p->database), LT_ARG(p->schema),
                                      p->target.path  ? p->target.path
                                      : p->target.url ? p->target.url
                                                      : "");
    bool moved = w->has_begun && !lt_text_eq(w->target, lt_text_of(now));
    w->target = lt_arena_text(&w->arena, lt_text_of(now));
    return moved;
}

static void take_all(round *r, lt_dbt_prints *prints)
{
    const lt_dbt_nodes *all = lt_dbt_all(r->work.dbt);
    for (size_t i = 0; i < all->len; i++)
        if (is_built_kind(all->items[i]))
            remember(r->w, prints, all->items[i]);
}

static size_t forget_gone(round *r)
{
    size_t gone = 0;
    for (size_t i = r->w->built.entries.len; i-- > 0;) {
        lt_text id = r->w->built.entries.items[i].key;
        if (lt_dbt_find(r->work.dbt, id))
            continue;
        lt_out_printf(&r->app.out, "  %-8s %.*s%s\n", "GONE", LT_ARG(id),
                      lt_text_starts(id, T("model."))
                          ? ": what it built is still there ('leat dbt orphans')"
                          : "");
        (void)lt_map_remove(&r->w->built, id);
        gone++;
    }
    return gone;
}

/* Tests of what is rebuilt; with --children all that is below. */
static void add_what_follows(round *r, const lt_node_set *allowed, lt_node_set *chosen)
{
    const lt_dbt_nodes *all = lt_dbt_all(r->work.dbt);
    const lt_dbt_nodes *children = lt_dbt_children(r->work.dbt, &r->app.arena);
    LT_VEC(size_t) open = {0};
    for (size_t i = 0; i < all->len; i++)
        if (lt_node_set_has(chosen, i))
            lt_push_in(&r->app.arena, &open, i);
    for (size_t at = 0; at < open.len; at++)
        for (size_t k = 0; k < children[open.items[at]].len; k++) {
            const lt_dbt_node *child = children[open.items[at]].items[k];
            bool wanted = dbt_is_test(child) || r->flags.children == 1;
            if (!wanted || lt_node_set_has(chosen, child->index) ||
                !lt_node_set_has(allowed, child->index))
                continue;
            lt_node_set_add(chosen, child->index);
            if (!dbt_is_test(child))
                lt_push_in(&r->app.arena, &open, child->index);
        }
}

static lt_status choose(round *r, lt_dbt_prints *prints, lt_node_set *chosen, lt_err *err)
{
    const lt_dbt_nodes *all = lt_dbt_all(r->work.dbt);
    LT_AUTO(lt_node_set) allowed = {0};
    LT_TRY(dbt_choose(&r->work, &allowed, err));
    lt_node_set_init(chosen, all->len);
    for (size_t i = 0; i < all->len; i++) {
        const lt_dbt_node *node = all->items[i];
        if (lt_node_set_has(&allowed, i) && is_built_kind(node) && !is_known(r->w, prints, node))
            lt_node_set_add(chosen, i);
    }
    add_what_follows(r, &allowed, chosen);
    return LT_OK;
}

/* ---- telling ---- */

static void say_time(lt_out *out)
{
    char now[LT_TIME_CHARS];
    lt_out_printf(out, "%.8s  ", lt_time_write(lt_now_us(), now) + strlen("2026-11-22T"));
}

static void say_trouble(lt_out *out, const lt_err *err)
{
    lt_out_styled(out, LT_RED, T("ERROR"));
    lt_out_printf(out, " %s\n", err->message);
    if (err->hint[0])
        lt_out_printf(out, "  %s\n", err->hint);
}

static void say_result(lt_out *out, const lt_dbt_node_result *result)
{
    bool bad = result->outcome == LT_DBT_ERROR || result->outcome == LT_DBT_FAIL ||
               result->outcome == LT_DBT_PARTIAL_SUCCESS;
    bool meh = result->outcome == LT_DBT_SKIPPED || result->outcome == LT_DBT_WARN;
    char word[16];
    const char *name = lt_dbt_outcome_name(result->outcome);
    size_t len = LT_MIN(strlen(name), sizeof(word) - 1);
    for (size_t i = 0; i < len; i++)
        word[i] = lt_upper(name[i]);
    word[len] = '\0';
    double seconds = (double)(result->execute_ended_us - result->compile_started_us) / 1e6;
    lt_out_str(out, "  ");
    lt_out_styled(out, bad ? LT_RED : meh ? LT_YELLOW : LT_GREEN, lt_text_of(word));
    lt_out_printf(out, "%*s %.*s", (int)(8 - LT_MIN(len, (size_t)8)), "",
                  LT_ARG(result->node->name));
    if (result->outcome != LT_DBT_SKIPPED)
        lt_out_printf(out, "  %.2fs", seconds);
    lt_out_str(out, "\n");
    if ((bad || result->outcome == LT_DBT_WARN) && result->message.len) {
        lt_text rest = result->message, line;
        while (lt_text_cut(&rest, '\n', &line))
            lt_out_printf(out, "           %.*s\n", LT_ARG(line));
    }
    if (bad && dbt_is_test(result->node))
        lt_out_printf(out, "           %.*s\n", LT_ARG(result->node->path));
}

static bool is_fine(const lt_dbt_node_result *result)
{
    return result->outcome == LT_DBT_SUCCESS || result->outcome == LT_DBT_PASS ||
           result->outcome == LT_DBT_WARN || result->outcome == LT_DBT_NO_OP;
}

/* Of a build that was stopped only what it has done counts: the rest is begun anew. */
static void say_results(round *r, const lt_dbt_run *run, bool was_stopped)
{
    size_t good = 0, bad = 0, skipped = 0;
    const lt_dbt_node_result *result;
    for (size_t i = 0; (result = lt_dbt_result_at(run, i)); i++) {
        bool fine = is_fine(result);
        if (fine && result->node->kind == LT_DBT_OPERATION)
            continue;
        good += fine;
        skipped += result->outcome == LT_DBT_SKIPPED;
        bad += !fine && result->outcome != LT_DBT_SKIPPED;
        if (fine || !was_stopped)
            say_result(&r->app.out, result);
    }
    if (was_stopped)
        return;
    say_time(&r->app.out);
    lt_out_printf(&r->app.out, "%zu done, %zu failed, %zu skipped in %.2fs\n", good, bad, skipped,
                  (double)lt_dbt_elapsed_us(run) / 1e6);
}

/* ---- building ---- */

/* What went well is known from now on; the rest is tried again with the next save. */
static void take_results(round *r, lt_dbt_prints *prints, const lt_dbt_run *run)
{
    const lt_dbt_node_result *result;
    for (size_t i = 0; (result = lt_dbt_result_at(run, i)); i++) {
        if (result->node->kind == LT_DBT_OPERATION)
            continue;
        if (is_fine(result))
            remember(r->w, prints, result->node);
        else
            forget(r->w, result->node->id);
    }
}

static bool may_run(round *r, lt_dbt_run *run)
{
    (void)pthread_mutex_lock(&r->lock);
    bool may = !r->is_cancelled;
    r->run = may ? run : NULL;
    (void)pthread_mutex_unlock(&r->lock);
    return may;
}

static lt_status build(round *r, lt_dbt_prints *prints, const lt_node_set *chosen, lt_err *err)
{
    LT_AUTO(lt_dbt_run_ref) run = NULL;
    lt_err failed = {0};
    LT_TRY(dbt_run_open(&r->work, LT_DBT_DO_RUN, chosen, &run, err));
    if (!may_run(r, run))
        return LT_OK;
    lt_status status = dbt_run_opened(&r->work, LT_DBT_DO_RUN, run, &failed);
    (void)pthread_mutex_lock(&r->lock);
    r->run = NULL;
    bool cancelled = r->is_cancelled;
    (void)pthread_mutex_unlock(&r->lock);
    take_results(r, prints, run);
    bool was_stopped = cancelled || lt_stop_asked();
    say_results(r, run, was_stopped);
    if (was_stopped)
        return LT_OK;
    if (status != LT_OK && status != LT_FAILED)
        say_trouble(&r->app.out, &failed);
    return LT_OK;
}

static void begin(round *r, lt_dbt_prints *prints)
{
    take_all(r, prints);
    r->w->has_begun = true;
    say_time(&r->app.out);
    lt_out_printf(&r->app.out, "watching %zu nodes of %s; Ctrl-C ends\n",
                  lt_dbt_all(r->work.dbt)->len, r->w->root);
}

static lt_status react(round *r, lt_err *err)
{
    LT_AUTO(lt_node_set) chosen = {0};
    LT_TRY(dbt_work_load(&r->work, err));
    LT_AUTO(lt_dbt_prints_ref) prints = lt_dbt_prints_new(r->work.dbt);
    bool moved = has_moved(r);
    if (!r->w->has_begun) {
        begin(r, prints);
        return LT_OK;
    }
    (void)forget_gone(r);
    if (moved) {
        take_all(r, prints);
        say_time(&r->app.out);
        lt_out_printf(
            &r->app.out,
            "builds go to another target now, the schema %.*s of the database %.*s; 'leat "
            "dbt build' fills it\n",
            LT_ARG(r->work.profile.schema), LT_ARG(r->work.profile.database));
        return LT_OK;
    }
    LT_TRY(choose(r, prints, &chosen, err));
    if (!lt_node_set_size(&chosen)) {
        say_time(&r->app.out);
        lt_out_str(&r->app.out, "nothing to build\n");
        return LT_OK;
    }
    return build(r, prints, &chosen, err);
}

/* Each round has its own memory: a watcher may run for days. */
static void *round_main(void *context)
{
    round *r = context;
    lt_err why = {0};
    lt_status status = dbt_work_open(&r->app, &r->flags, &r->work, &why);
    r->is_open = status == LT_OK;
    if (status == LT_OK)
        status = react(r, &why);
    if (status != LT_OK && status != LT_CANCELLED) {
        say_time(&r->app.out);
        say_trouble(&r->app.out, &why);
    }
    if (r->is_open)
        dbt_work_close(&r->work);
    r->status = lt_out_flush(&r->app.out, &r->err);
    const uint64_t one = 1;
    (void)!write(r->w->ended, &one, sizeof(one));
    return NULL;
}

static lt_status round_start(watching *w, round **out, lt_err *err)
{
    round *r = lt_xcalloc(1, sizeof(*r));
    r->w = w;
    r->flags = *w->said;
    r->app = *w->app;
    r->app.arena = (lt_arena){0};
    lt_out_open(&r->app.out, STDOUT_FILENO, w->app->out.has_color);
    (void)pthread_mutex_init(&r->lock, NULL);
    int failed = pthread_create(&r->thread, NULL, round_main, r);
    if (failed) {
        lt_free(r);
        return lt_fail_errno(err, failed, "cannot start a thread");
    }
    *out = r;
    return LT_OK;
}

static void round_cancel(round *r)
{
    (void)pthread_mutex_lock(&r->lock);
    r->is_cancelled = true;
    if (r->run)
        lt_dbt_run_cancel(r->run);
    (void)pthread_mutex_unlock(&r->lock);
}

/* Its thread has written to `ended`. */
static lt_status round_end(round *r, lt_err *err)
{
    (void)pthread_join(r->thread, NULL);
    lt_status status = r->status;
    if (status != LT_OK)
        *err = r->err;
    lt_out_cleanup(&r->app.out);
    lt_arena_cleanup(&r->app.arena);
    (void)pthread_mutex_destroy(&r->lock);
    lt_free(r);
    return status;
}

/* ---- waiting ---- */

/* Until a file or the round has something to tell, or somebody stops us. `timeout_ms` < 0: for ever. */
static void wait_for(const watching *w, bool round_too, int timeout_ms, const sigset_t *open)
{
    struct pollfd fds[] = {{.fd = lt_folder_watch_fd(w->files), .events = POLLIN},
                           {.fd = round_too ? w->ended : -1, .events = POLLIN}};
    const struct timespec length = {.tv_sec = timeout_ms / 1000,
                                    .tv_nsec = (long)(timeout_ms % 1000) * 1000000};
    (void)ppoll(fds, LT_COUNT(fds), timeout_ms < 0 ? NULL : &length, open);
}

/* Editors save in several steps, and branches are switched file by file: until nothing more comes, but not for ever. */
static lt_status let_settle(const watching *w, const sigset_t *open, lt_err *err)
{
    int64_t end_us = lt_mono_us() + MOST_QUIET_US;
    bool changed = true;
    while (changed && lt_mono_us() < end_us && !lt_stop_asked()) {
        struct timespec length = {.tv_nsec = (long)QUIET_MS * 1000000};
        struct pollfd fd = {.fd = lt_folder_watch_fd(w->files), .events = POLLIN};
        if (ppoll(&fd, 1, &length, open) <= 0)
            return LT_OK;
        LT_TRY(lt_folder_watch_take(w->files, &changed, err));
        changed = true; /* also a temporary file means that a save is going on */
    }
    return LT_OK;
}

static bool has_ended(const watching *w)
{
    uint64_t count = 0;
    return read(w->ended, &count, sizeof(count)) == (ssize_t)sizeof(count);
}

/* Let the round end; when another save comes, or somebody stops us, at once. *again: a save has come. */
static lt_status sit_out(watching *w, round *r, const sigset_t *open, bool *again, lt_err *err)
{
    lt_status status = LT_OK;
    bool stops = false, changed = false;
    *again = false;
    while (!has_ended(w)) {
        wait_for(w, true, stops ? CANCEL_AGAIN_MS : -1, open);
        if (status == LT_OK)
            status = lt_folder_watch_take(w->files, &changed, err);
        if (changed && status == LT_OK) {
            *again = true;
            status = let_settle(w, open, err);
        }
        stops = stops || *again || lt_stop_asked() || status != LT_OK;
        if (stops)
            round_cancel(r);
    }
    lt_err ended = {0};
    lt_status last = round_end(r, status == LT_OK ? err : &ended);
    return status == LT_OK ? last : status;
}

static lt_status watch(watching *w, const sigset_t *open, lt_err *err)
{
    bool again = true, changed = false;
    while (!lt_stop_asked()) {
        round *r = NULL;
        if (!again) {
            wait_for(w, false, -1, open);
            LT_TRY(lt_folder_watch_take(w->files, &changed, err));
            if (!changed)
                continue;
            LT_TRY(let_settle(w, open, err));
        }
        if (lt_stop_asked())
            break;
        LT_TRY(round_start(w, &r, err));
        LT_TRY(sit_out(w, r, open, &again, err));
        if (again && !lt_stop_asked()) {
            say_time(&w->app->out);
            lt_out_str(&w->app->out, "a newer save: begun anew\n");
            LT_TRY(lt_out_flush(&w->app->out, err));
        }
    }
    return LT_OK;
}

/* The project's folder, and that of the profile. */
static lt_status watch_folders(watching *w, const dbt_work *work, lt_err *err)
{
    const lt_folder_watch_options options = {.enters = enters, .counts = counts, .user = w};
    LT_AUTO(lt_chars) home = lt_xstrdup(work->profile.path);
    char *slash = strrchr(home, '/');
    LT_TRY(lt_folder_watch_open(&options, &w->files, err));
    LT_TRY(lt_folder_watch_add(w->files, w->root, true, err));
    if (!slash || slash == home)
        return LT_OK;
    *slash = '\0';
    return lt_folder_watch_add(w->files, home, false, err);
}

lt_status dbt_run_watch(dbt_work *work, lt_err *err)
{
    const char *logs = work->flags->log_path ? work->flags->log_path : "logs";
    LT_AUTO(lt_chars) log_folder = lt_path_join(work->root, logs);
    watching w = {.app = work->app,
                  .said = work->said,
                  .root = work->root,
                  .target_folder = work->target_folder,
                  .log_folder = log_folder,
                  .ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    sigset_t stops, before;
    if (w.ended < 0)
        return lt_fail_errno(err, errno, "cannot watch files");
    (void)sigemptyset(&stops);
    (void)sigaddset(&stops, SIGINT);
    (void)sigaddset(&stops, SIGTERM);
    (void)sigaddset(&stops, SIGHUP);
    lt_status status = dbt_work_profile(work, err);
    if (status == LT_OK)
        status = watch_folders(&w, work, err);
    (void)pthread_sigmask(SIG_BLOCK, &stops, &before); /* they come while we wait, and only then */
    if (status == LT_OK)
        status = watch(&w, &before, err);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    lt_folder_watch_close(w.files);
    lt_fd_close(w.ended);
    lt_map_cleanup(&w.built);
    lt_arena_cleanup(&w.arena);
    if (status == LT_OK)
        lt_stop_forget(); /* Ctrl-C is how it ends */
    return status;
}
