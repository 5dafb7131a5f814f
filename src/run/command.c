/* Commands: shell, python and notebooks, each attempt behind a leat-task of its own; taking over those that outlived their run's process. */
#include "base/fs.h"
#include "base/log.h"
#include "base/mask.h"
#include "base/proc.h"
#include "base/time.h"
#include "run/inner.h"
#include "task/procs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct lt_command {
    int socket;    /* owned; -1: it was begun by another process */
    pid_t wrapper; /* our child, to be waited for; 0: none */
    char *base;    /* owned; BASE.result, BASE.output */
};

/* ---- where things are ---- */

static char *folder_of_run(const char *home, int64_t run_id)
{
    return lt_format("%s/attempts/%lld", home, (long long)run_id);
}

static char *base_of_attempt(const lt_work *work)
{
    return lt_format("%s/attempts/%lld/%lld", work->run->workspace->home,
                     (long long)work->run->record->id, (long long)work->attempt.token);
}

static char *lock_of_task(const lt_work *work)
{
    return lt_format("%s/attempts/%lld/%016llx.lock", work->run->workspace->home,
                     (long long)work->run->record->id,
                     (unsigned long long)lt_text_hash(work->task->node->id));
}

/* Beside the program, or where it is installed. */
static char *find_wrapper(void)
{
    static const char *const places[] = {"leat-task", "../lib/leat/leat-task", "../leat-task"};
    LT_AUTO(lt_chars) self = lt_proc_path();
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    for (size_t i = 0; slash && i < LT_COUNT(places); i++) {
        char *path = lt_path_join(self, places[i]);
        if (access(path, X_OK) == 0)
            return path;
        lt_free(path);
    }
    return NULL;
}

/* ---- the order ---- */

static void add_env(lt_work *work, lt_texts *env, const char *name, lt_text value)
{
    lt_push_in(work->arena, env,
               lt_text_of(lt_arena_format(work->arena, "%s=%.*s", name, LT_ARG(value))));
}

static bool is_ours(const char *variable)
{
    static const char *const ours[] = {
        "LEAT_KEY=",    "LEAT_ATTEMPT=",  "LEAT_TASK=",    "LEAT_OUTPUT=",
        "LEAT_RUN_ID=", "LEAT_RUN_DATE=", "LEAT_PARAM_",   "LEAT_ITEM=",
        "LEAT_HOME=",   "LEAT_NOTEBOOK=", "NOTIFY_SOCKET="};
    for (size_t i = 0; i < LT_COUNT(ours); i++)
        if (strncmp(variable, ours[i], strlen(ours[i])) == 0)
            return true;
    return false;
}

static void add_params(lt_work *work, lt_texts *env)
{
    lt_jinja_value key, value;
    for (size_t at = 0; work->run->params.type == LT_JINJA_DICT &&
                        lt_jinja_next(work->run->params, &at, &key, &value);) {
        LT_AUTO(lt_buf) text = {0};
        LT_AUTO(lt_buf) name = {0};
        lt_jinja_str(value, &text);
        lt_buf_printf(&name, "LEAT_PARAM_%.*s", LT_ARG(lt_jinja_as_text(key)));
        for (size_t i = strlen("LEAT_PARAM_"); i < name.len; i++)
            name.data[i] = lt_upper(name.data[i]);
        add_env(work, env, lt_buf_chars(&name), lt_buf_text(&text));
    }
}

/* What leat was started with, but for its master key; what the run is; what the file says. */
static lt_status make_env(lt_work *work, const char *base, const lt_task_spec *spec, lt_texts *env,
                          lt_err *err)
{
    char now[LT_TIME_CHARS];
    const lt_conf_pairs *own = &work->step->task->env;
    for (char **at = environ; *at; at++)
        if (!is_ours(*at))
            lt_push_in(work->arena, env, lt_text_of(*at));
    add_params(work, env);
    add_env(work, env, "LEAT_RUN_ID", work->attempt.run_id);
    lt_time_write(work->run->record->clock_us, now);
    add_env(work, env, "LEAT_RUN_DATE", lt_text_at(now, strlen("2026-11-22")));
    add_env(work, env, "LEAT_HOME", lt_text_of(work->run->workspace->home));
    add_env(work, env, "LEAT_OUTPUT", lt_text_of(lt_arena_format(work->arena, "%s.output", base)));
    add_env(work, env, "LEAT_ITEM", work->task->record.item_json);
    add_env(work, env, "LEAT_ATTEMPT", spec->mark);
    add_env(work, env, "LEAT_TASK", spec->task_mark);
    lt_text trace = lt_telemetry_traceparent(work->run, work->task, work->arena);
    if (trace.len)
        add_env(work, env, "TRACEPARENT", trace);
    for (size_t i = 0; i < own->len; i++) {
        lt_text value;
        LT_AUTO(lt_chars) name = lt_text_dup(own->items[i].name);
        LT_TRY(lt_work_render(work, &own->items[i].value, &value, err));
        add_env(work, env, name, value);
    }
    return LT_OK;
}

/* A word is looked for on the PATH; a path is below the project, whatever 'cwd' says. */
static lt_status add_interpreter(lt_work *work, lt_texts *args, lt_err *err)
{
    lt_text word;
    LT_TRY(lt_work_render(work, &work->step->task->interpreter, &word, err));
    if (lt_text_find_byte(word, '/', 0) != SIZE_MAX) {
        LT_AUTO(lt_chars) given = lt_text_dup(word);
        LT_AUTO(lt_chars) path = lt_path_join(work->run->workspace->root, given);
        word = lt_arena_text(work->arena, lt_text_of(path));
    }
    lt_push_in(work->arena, args, word.len ? word : T("python3"));
    return LT_OK;
}

static lt_status make_args(lt_work *work, const char *base, lt_texts *args, lt_texts *env,
                           lt_err *err)
{
    const lt_conf_task *task = work->step->task;
    lt_text command = {0};
    LT_TRY(lt_work_render(work, &task->command, &command, err));
    if (memchr(command.ptr, '\0', command.len))
        return lt_conf_fail(task->command.place, err, "a command cannot hold a NUL");
    lt_work_log(work, "%s: %.*s", lt_conf_task_kinds[task->kind], LT_ARG(command));
    if (task->kind == LT_DO_SHELL) {
        lt_push_in(work->arena, args, T("/bin/sh"));
        lt_push_in(work->arena, args, T("-c"));
        lt_push_in(work->arena, args, command);
        return LT_OK;
    }
    LT_TRY(add_interpreter(work, args, err));
    if (task->kind == LT_DO_NOTEBOOK)
        return lt_notebook_order(work, base, command, args, env, err);
    if (lt_text_find_byte(lt_text_trim(command), '\n', 0) != SIZE_MAX)
        lt_push_in(work->arena, args, T("-c"));
    lt_push_in(work->arena, args, command);
    for (size_t i = 0; i < task->args.len; i++) {
        lt_text arg;
        LT_TRY(lt_work_render(work, &task->args.items[i], &arg, err));
        lt_push_in(work->arena, args, arg);
    }
    return LT_OK;
}

static int64_t limit_of(int64_t own, int64_t otherwise)
{
    return own >= 0 ? own : otherwise;
}

/* A cgroup of ours below the one that systemd (Delegate=yes) or somebody else has given us; empty where there is none. Several homes may have
 * been given the same, so the home is in its name. */
static lt_text cgroup_for(lt_work *work)
{
    const char *parent = getenv("LEAT_CGROUP");
    if (!parent || *parent != '/')
        return (lt_text){0};
    return lt_text_of(lt_arena_format(work->arena, "%s/leat-%.*s-%lld-%lld", parent,
                                      LT_ARG(work->attempt.home), (long long)work->run->record->id,
                                      (long long)work->attempt.token));
}

static lt_status make_order(lt_work *work, const char *base, lt_task_spec *spec, lt_err *err)
{
    const lt_conf_task *task = work->step->task;
    const lt_conf_defaults *defaults = &work->run->plan->request.pipeline->defaults;
    lt_text cwd;
    LT_AUTO(lt_chars) lock = lock_of_task(work);
    LT_AUTO(lt_chars)
    log = lt_run_log_path(work->run->workspace->home, work->run->record->id, work->task->node->id);
    LT_TRY(lt_work_render(work, &task->cwd, &cwd, err));
    LT_AUTO(lt_chars) given = lt_text_dup(cwd.len ? cwd : T("."));
    LT_AUTO(lt_chars) joined = lt_path_join(work->run->workspace->root, given);
    *spec = (lt_task_spec){
        .base = lt_arena_text(work->arena, lt_text_of(base)),
        .lock = lt_arena_text(work->arena, lt_text_of(lock)),
        .log = lt_arena_text(work->arena, lt_text_of(log)),
        .cwd = lt_arena_text(work->arena, lt_text_of(joined)),
        .log_limit_bytes = limit_of(task->log_bytes, defaults->log_bytes),
        .timeout_us = limit_of(task->timeout_us, defaults->timeout_us),
        .grace_us = limit_of(task->grace_us, defaults->grace_us),
        .memory_bytes = LT_MAX(task->memory_bytes, (int64_t)0),
        .cpu_thousandths = task->cpu_thousandths,
        .process_limit = limit_of(task->processes, defaults->processes),
        .cgroup = cgroup_for(work),
        .mark = lt_text_of(lt_arena_format(work->arena, "%.*s-%lld", LT_ARG(work->attempt.home),
                                           (long long)work->attempt.token)),
        .task_mark =
            lt_text_of(lt_arena_format(work->arena, "%.*s-%lld-%016llx", LT_ARG(work->attempt.home),
                                       (long long)work->run->record->id,
                                       (unsigned long long)lt_text_hash(work->task->node->id)))};
    LT_TRY(make_env(work, base, spec, &spec->env, err));
    LT_TRY(make_args(work, base, &spec->args, &spec->env, err));
    lt_mask_list(work->arena, &spec->secrets);
    return LT_OK;
}

/* ---- the wrapper ---- */

static lt_status spawn(const char *path, int socket, pid_t *pid, lt_err *err)
{
    char *const argv[] = {(char[]){"leat-task"}, NULL};
    const lt_spawn_fd fds[] = {{-1, STDIN_FILENO}, {socket, LT_TASK_SOCKET}};
    const lt_spawn wrapper = {.program = path,
                              .argv = argv,
                              .apart = LT_APART_SESSION,
                              .fds = fds,
                              .fds_len = LT_COUNT(fds)};
    return lt_proc_spawn(&wrapper, pid, err);
}

static lt_status send_order(const lt_command *command, const lt_task_spec *spec, lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = LT_TASK_SPEC_MAX};
    lt_task_spec_write(spec, &text);
    LT_TRY(lt_buf_check(&text, "the command with its environment", err));
    uint32_t len = (uint32_t)text.len;
    LT_TRY(lt_fd_write(command->socket, lt_text_at((const char *)&len, sizeof(len)), "leat-task",
                       err));
    return lt_fd_write(command->socket, lt_buf_text(&text), "leat-task", err);
}

static lt_status start(lt_work *work, lt_command *command, lt_err *err)
{
    int ends[2];
    lt_task_spec spec;
    LT_AUTO(lt_chars) path = find_wrapper();
    if (!path) {
        lt_ignore(lt_fail(err, LT_INVALID, "'leat-task' is not there"));
        return lt_hint(err, "it belongs beside leat, or into ../lib/leat: install leat again");
    }
    LT_TRY(make_order(work, command->base, &spec, err));
    LT_AUTO(lt_chars) folder = folder_of_run(work->run->workspace->home, work->run->record->id);
    LT_TRY(lt_folder_make(folder, 0750, err));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return lt_fail_errno(err, errno, "cannot make a socket");
    command->socket = ends[0];
    LT_AUTO(lt_fd) theirs = ends[1];
    LT_TRY(spawn(path, theirs, &command->wrapper, err));
    return send_order(command, &spec, err);
}

static bool ask_to_end(lt_work *work, pid_t wrapper, bool *asked)
{
    if (!*work->cancelled || *asked)
        return false;
    *asked = true;
    return kill(wrapper, SIGTERM) == 0;
}

/* Wait for the result; LT_NOT_FOUND: the wrapper ended without one. */
static lt_status await(lt_work *work, lt_command *command, lt_task_result *result, lt_err *err)
{
    enum { LOOK_MS = 20 };
    bool asked = false;
    LT_AUTO(lt_buf) text = {.limit = LT_TASK_RESULT_MAX};
    for (;;) {
        char chunk[LT_TASK_RESULT_MAX];
        struct pollfd fd = {.fd = command->socket, .events = POLLIN};
        (void)ask_to_end(work, command->wrapper, &asked);
        if (poll(&fd, 1, LOOK_MS) <= 0)
            continue;
        ssize_t got = recv(command->socket, chunk, sizeof(chunk), 0);
        if (got > 0)
            lt_buf_add(&text, lt_text_at(chunk, (size_t)got));
        if (lt_text_ends(lt_buf_text(&text), T("\nend\n")))
            return lt_task_result_read(lt_buf_text(&text), result, err);
        if (got == 0 || (got < 0 && errno != EINTR))
            return lt_fail(err, LT_NOT_FOUND, "the wrapper of the command was killed");
    }
}

/* ---- one that was begun by a process that has died ---- */

static lt_status read_result(const lt_command *command, lt_task_result *result, lt_err *err)
{
    LT_AUTO(lt_chars) path = lt_format("%s.result", command->base);
    LT_AUTO(lt_buf) text = {.limit = LT_TASK_RESULT_MAX};
    LT_TRY(lt_file_read(path, &text, err));
    return lt_task_result_read(lt_buf_text(&text), result, err);
}

/* The wrapper that holds the lock, 0: none that lives. */
static int holder_of(const char *lock)
{
    lt_err err;
    LT_AUTO(lt_buf) text = {.limit = LT_KIB};
    char *rest = NULL;
    if (lt_file_read(lock, &text, &err) != LT_OK)
        return 0;
    long pid = strtol(lt_buf_chars(&text), &rest, 10);
    uint64_t started = strtoull(rest, NULL, 10);
    return pid > 0 && started && lt_proc_started((int)pid) == started ? (int)pid : 0;
}

static lt_status adopt(lt_work *work, lt_command *command, lt_task_result *result, lt_err *err)
{
    static const int64_t LOOK_US = 20000;
    LT_AUTO(lt_chars) lock = lock_of_task(work);
    bool asked = false, told = false;
    for (int holder; (holder = holder_of(lock));) {
        if (!told)
            lt_work_log(work, "attempt %lld is still at work: it goes on",
                        (long long)work->task->record.attempts);
        told = true;
        (void)ask_to_end(work, holder, &asked);
        lt_sleep_us(LOOK_US);
    }
    return read_result(command, result, err);
}

/* ---- what came of it ---- */

/* The last line that it wrote, for the message. */
static void last_line(lt_work *work, lt_buf *out)
{
    char tail[2048];
    LT_AUTO(lt_chars)
    path = lt_run_log_path(work->run->workspace->home, work->run->record->id, work->task->node->id);
    LT_AUTO(lt_fd) fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    ssize_t got = fd < 0 ? 0
                         : pread(fd, tail, sizeof(tail),
                                 size > (off_t)sizeof(tail) ? size - (off_t)sizeof(tail) : 0);
    lt_text text = lt_text_trim(lt_text_at(tail, got > 0 ? (size_t)got : 0));
    for (size_t i = text.len; i-- > 0;)
        if (text.ptr[i] == '\n') {
            text = lt_text_sub(text, i + 1, SIZE_MAX);
            break;
        }
    lt_buf_add(out, lt_text_sub(text, 0, 300));
}

static lt_status fail_exit(lt_work *work, const lt_task_result *result, lt_err *err)
{
    LT_AUTO(lt_buf) line = {.limit = 400};
    work->exit_code = result->code;
    if (result->log_bytes)
        last_line(work, &line);
    if (work->step->task->kind == LT_DO_NOTEBOOK)
        return lt_notebook_fail(result->code, lt_buf_text(&line), err);
    return lt_fail(err, LT_FAILED, "the command ended with exit code %lld%s%s",
                   (long long)result->code, line.len ? ": " : "", lt_buf_chars(&line));
}

static lt_status fail_start(lt_work *work, const lt_task_result *result, lt_err *err)
{
    lt_text command = {0};
    if (work->step->task->interpreter.raw.ptr)
        LT_TRY(lt_work_render(work, &work->step->task->interpreter, &command, err));
    if (!command.len)
        command = work->step->task->kind == LT_DO_SHELL ? T("/bin/sh") : T("python3");
    lt_ignore(lt_fail_errno(err, (int)result->code, "cannot start '%.*s'", LT_ARG(command)));
    err->status = LT_INVALID;
    return lt_hint(err, "is it on the PATH, and does 'cwd' name a folder?");
}

static lt_status fail_limit(lt_work *work, const lt_task_result *result, lt_err *err)
{
    const lt_conf_task *task = work->step->task;
    bool memory = result->end == LT_END_MEMORY;
    work->error_kind = memory ? "memory" : "failed";
    if (memory)
        return lt_fail(err, LT_FAILED, "the command took more than its %lld MiB of memory",
                       (long long)(task->memory_bytes / (int64_t)LT_MIB));
    return lt_fail(err, LT_FAILED, "the command made more processes than 'processes' allows");
}

static lt_status judge(lt_work *work, const lt_task_result *result, lt_err *err)
{
    switch (result->end) {
    case LT_END_EXITED:
        return result->code ? fail_exit(work, result, err) : LT_OK;
    case LT_END_SIGNALLED:
        return lt_fail(err, LT_FAILED, "the command was ended by signal %lld (%s)",
                       (long long)result->signal, strsignal((int)result->signal));
    case LT_END_TIMEOUT:
        work->error_kind = "timeout";
        return lt_fail(err, LT_IO, "the command took longer than its timeout");
    case LT_END_CANCELLED:
        return lt_fail(err, LT_CANCELLED, "the command was cancelled");
    case LT_END_NOT_STARTED:
        return fail_start(work, result, err);
    case LT_END_BUSY:
        return lt_fail(err, LT_CONFLICT, "another attempt of the task is still at work");
    default:
        return fail_limit(work, result, err);
    }
}

/* A command may have put anything there: nobody will ever write to a pipe that it has left behind. */
static lt_status check_is_file(const char *path, lt_err *err)
{
    struct stat info;
    if (stat(path, &info) != 0 || S_ISREG(info.st_mode))
        return LT_OK;
    lt_ignore(lt_fail(err, LT_FAILED, "$LEAT_OUTPUT is not a file any more"));
    return lt_hint(err,
                   "write into the file that is there; do not put something else in its place");
}

static lt_status take_output(lt_work *work, const lt_command *command, lt_err *err)
{
    LT_AUTO(lt_chars) path = lt_format("%s.output", command->base);
    lt_json *root = NULL;
    LT_AUTO(lt_buf) text = {.limit = LT_OUTPUT_MAX};
    LT_TRY(check_is_file(path, err));
    lt_status status = lt_file_read(path, &text, err);
    if (status == LT_NOT_FOUND)
        return LT_OK;
    if (status == LT_TOO_BIG)
        return lt_fail(err, LT_FAILED, "$LEAT_OUTPUT holds more than %d KiB", LT_OUTPUT_MAX >> 10);
    LT_TRY(status);
    if (!lt_text_trim(lt_buf_text(&text)).len)
        return LT_OK;
    status = lt_json_read(lt_buf_text(&text), "$LEAT_OUTPUT", &(lt_json_options){.depth = 64},
                          work->arena, &root, err);
    if (status == LT_OK && root->kind != LT_JSON_OBJECT)
        status = lt_fail(err, LT_FAILED, "$LEAT_OUTPUT must hold a JSON object, not %s",
                         lt_json_kind_name(root->kind));
    if (status != LT_OK) {
        err->status = LT_FAILED;
        return lt_hint(err, "write one object: echo '{\"rows\": 3}' > \"$LEAT_OUTPUT\"");
    }
    lt_json_writer writer = {.out = &work->output};
    lt_json_tree(&writer, root);
    return lt_buf_check(&work->output, "the output", err);
}

static void keep_figures(lt_work *work, const lt_task_result *result)
{
    work->task->peak_bytes = LT_MAX((int64_t)work->task->peak_bytes, result->peak_bytes);
    lt_buf_printf(&work->result,
                  "\"exit_code\":%lld,\"signal\":%lld,\"cpu_us\":%lld,\"peak_bytes\":%lld,"
                  "\"left\":%lld,\"stuck\":%lld,\"log_bytes\":%lld,\"log_dropped\":%lld",
                  (long long)result->code, (long long)result->signal, (long long)result->cpu_us,
                  (long long)result->peak_bytes, (long long)result->left, (long long)result->stuck,
                  (long long)result->log_bytes, (long long)result->log_dropped);
    if (result->left)
        lt_work_log(work, "%lld process%s that it had left behind %s ended%s",
                    (long long)result->left, result->left == 1 ? "" : "es",
                    result->left == 1 ? "was" : "were", result->stuck ? "; some did not go" : "");
    (void)pthread_mutex_lock(&work->run->lock);
    work->run->processes_ended += (size_t)result->left;
    work->run->processes_stuck += (size_t)result->stuck;
    (void)pthread_mutex_unlock(&work->run->lock);
}

/* The wrapper is gone: so must be what it looked after. */
static lt_status end_lost(lt_work *work, const lt_task_spec *spec, lt_err *err)
{
    static const int64_t PATIENCE_US = 10000000;
    LT_AUTO(lt_chars) mark = lt_format("LEAT_TASK=%.*s", LT_ARG(spec->task_mark));
    size_t stuck = 0, count = lt_procs_end_marked(lt_text_of(mark), PATIENCE_US, &stuck);
    work->error_kind = "lost";
    lt_ignore(lt_fail(err, LT_IO, "the command was lost: its wrapper was killed%s",
                      count ? " (what was left of it is ended)" : ""));
    return stuck ? lt_fail(err, LT_FAILED, "processes of the lost command do not end") : LT_IO;
}

/* The result of the attempt, begun now or found. */
static lt_status attempt(lt_work *work, lt_command *command, lt_task_result *result, lt_err *err)
{
    bool found = work->task->has_lost;
    work->task->has_lost = false;
    if (!found)
        LT_TRY(start(work, command, err));
    lt_status status =
        found ? adopt(work, command, result, err) : await(work, command, result, err);
    if (status != LT_NOT_FOUND && status != LT_INVALID)
        return status;
    if (!found && read_result(command, result, err) == LT_OK)
        return LT_OK; /* killed behind the last line */
    lt_task_spec spec = {.task_mark = lt_text_of(lt_arena_format(
                             work->arena, "%.*s-%lld-%016llx", LT_ARG(work->attempt.home),
                             (long long)work->run->record->id,
                             (unsigned long long)lt_text_hash(work->task->node->id)))};
    return end_lost(work, &spec, err);
}

lt_status lt_step_command(lt_work *work, lt_err *err)
{
    lt_task_result result = {0};
    work->command = lt_xcalloc(1, sizeof(*work->command));
    work->command->socket = -1;
    work->command->base = base_of_attempt(work);
    LT_TRY(attempt(work, work->command, &result, err));
    lt_fd_close(work->log_fd); /* the log may have been rotated */
    work->log_fd = -1;
    LT_TRY(lt_work_log_open(work, err));
    keep_figures(work, &result);
    lt_status status = judge(work, &result, err);
    if (work->step->task->kind == LT_DO_NOTEBOOK)
        lt_notebook_keep(work, work->command->base);
    LT_TRY(status);
    return take_output(work, work->command, err);
}

void lt_command_close(lt_work *work, bool recorded)
{
    lt_command *command = work->command;
    if (!command)
        return;
    if (command->socket >= 0 && recorded)
        (void)send(command->socket, "A", 1, MSG_NOSIGNAL);
    lt_fd_close(command->socket);
    while (command->wrapper && waitpid(command->wrapper, NULL, 0) < 0 && errno == EINTR)
        ;
    lt_free(command->base);
    lt_free(command);
    work->command = NULL;
}

/* ---- what a run has left ---- */

/* Wrappers first, politely: they end what they look after. */
static void end_wrappers(const char *folder)
{
    static const int64_t PATIENCE_US = 15000000;
    lt_err err;
    LT_AUTO(lt_path_list) locks = {0};
    if (lt_files_below(folder, ".lock", 100000, &locks, &err) != LT_OK)
        return;
    for (size_t i = 0; i < locks.len; i++) {
        LT_AUTO(lt_chars) lock = lt_path_join(folder, locks.items[i]);
        int holder = holder_of(lock);
        if (holder)
            (void)kill(holder, SIGTERM);
    }
    int64_t until = lt_mono_us() + PATIENCE_US;
    for (size_t i = 0; i < locks.len; i++) {
        LT_AUTO(lt_chars) lock = lt_path_join(folder, locks.items[i]);
        while (holder_of(lock) && lt_mono_us() < until)
            lt_sleep_us(10000);
    }
}

size_t lt_run_end_orphans(const char *home, const lt_state *state, int64_t run_id, size_t *stuck)
{
    LT_AUTO(lt_chars) folder = folder_of_run(home, run_id);
    lt_err err;
    LT_AUTO(lt_path_list) locks = {0};
    size_t count = 0;
    *stuck = 0;
    if (!lt_path_is_folder(folder))
        return 0;
    end_wrappers(folder);
    if (lt_files_below(folder, ".lock", 100000, &locks, &err) != LT_OK)
        return 0;
    for (size_t i = 0; i < locks.len; i++) {
        size_t left = 0;
        LT_AUTO(lt_chars)
        mark = lt_format("LEAT_TASK=%.*s-%lld-%.16s", LT_ARG(lt_state_home_id(state)),
                         (long long)run_id, lt_path_name(locks.items[i]));
        count += lt_procs_end_marked(lt_text_of(mark), 5000000, &left);
        *stuck += left;
    }
    return count;
}
