/* leat-task: runs one attempt of a command, sees to it that nothing of it outlives it, and leaves its result for whoever comes.
 *
 * Started by leat with a socket as descriptor 3, from which it reads its order. It is the subreaper of all that the command
 * starts. It goes on when leat dies: then its result waits in the attempt's folder. SIGTERM ends the command: SIGTERM to all its
 * processes, SIGKILL after the grace; a second SIGTERM does not wait. */
#include "base/fs.h"
#include "base/mask.h"
#include "base/proc.h"
#include "base/time.h"
#include "task/log.h"
#include "task/procs.h"
#include "task/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHUNK = 64 << 10, LOOK_MS = 100, MOST_SEEN = 100000 };

typedef struct attempt {
    lt_arena arena;
    lt_task_spec spec;
    lt_task_result result;
    lt_task_log log;
    int lock, output, signals; /* owned */
    pid_t child;               /* the command; leader of its own session */
    bool child_ended, parent_is_gone;
    bool has_cpu_share; /* the cgroup sees to it */
    bool ending;        /* we have asked it to end */
    int64_t kill_at_us, deadline_us, next_look_us;
    int64_t peak_seen_bytes;
    int64_t processes_seen; /* on the machine, at the last look */
} attempt;

/* ---- the order ---- */

static lt_status read_order(attempt *self, lt_err *err)
{
    uint32_t len = 0;
    LT_AUTO(lt_buf) text = {.limit = LT_TASK_SPEC_MAX};
    if (recv(LT_TASK_SOCKET, &len, sizeof(len), MSG_WAITALL) != (ssize_t)sizeof(len) ||
        len > LT_TASK_SPEC_MAX)
        return lt_fail(err, LT_INVALID, "descriptor 3 gave no order");
    char *room = lt_buf_room(&text, len);
    if (!room || recv(LT_TASK_SOCKET, room, len, MSG_WAITALL) != (ssize_t)len)
        return lt_fail(err, LT_INVALID, "the order is torn");
    lt_buf_grown(&text, len);
    LT_TRY(lt_task_spec_read(lt_buf_text(&text), &self->arena, &self->spec, err));
    for (size_t i = 0; i < self->spec.secrets.len; i++)
        lt_mask_add_form(self->spec.secrets.items[i]);
    return LT_OK;
}

/* ---- the lock ---- */

/* The wrapper that wrote its pid into the lock file, and whether it lives. */
static bool holder_lives(const char *path)
{
    lt_err err;
    LT_AUTO(lt_buf) text = {.limit = LT_KIB};
    if (lt_file_read(path, &text, &err) != LT_OK)
        return false;
    char *rest = NULL;
    long pid = strtol(lt_buf_chars(&text), &rest, 10);
    uint64_t started = rest ? strtoull(rest, NULL, 10) : 0;
    return pid > 0 && started && lt_proc_started((int)pid) == started;
}

/* Two attempts of a task never live together. What a wrapper that was killed has left behind still holds the lock: it is
 * ended; a wrapper that lives is not touched. */
static bool take_lock(attempt *self)
{
    static const int64_t PATIENCE_US = 10000000;
    char line[80];
    lt_err err;
    const char *path = self->spec.lock.ptr;
    lt_status status = lt_file_lock(path, 0, &self->lock, &err);
    if (status == LT_CONFLICT && !holder_lives(path)) {
        LT_AUTO(lt_chars) mark = lt_format("LEAT_TASK=%s", self->spec.task_mark.ptr);
        (void)lt_procs_end_marked(lt_text_of(mark), PATIENCE_US, NULL);
        status = lt_file_lock(path, PATIENCE_US, &self->lock, &err);
    }
    if (status != LT_OK)
        return false;
    int len = snprintf(line, sizeof(line), "%d %llu\n", (int)getpid(),
                       (unsigned long long)lt_proc_started(getpid()));
    return ftruncate(self->lock, 0) == 0 &&
           pwrite(self->lock, line, (size_t)len, 0) == (ssize_t)len;
}

/* ---- the command ---- */

static void limit(int what, int64_t value)
{
    struct rlimit now;
    if (value <= 0 || getrlimit((__rlimit_resource_t)what, &now) != 0)
        return;
    rlim_t wanted = LT_MIN((rlim_t)value, now.rlim_max);
    (void)setrlimit((__rlimit_resource_t)what,
                    &(struct rlimit){.rlim_cur = wanted, .rlim_max = wanted});
}

/* Without a cgroup a share of a core cannot be had: so many whole cores. */
static void limit_cores(int64_t thousandths)
{
    cpu_set_t have, kept;
    if (!thousandths || sched_getaffinity(0, sizeof(have), &have) != 0)
        return;
    int64_t cores = (thousandths + 999) / 1000;
    CPU_ZERO(&kept);
    for (size_t i = 0; i < CPU_SETSIZE && cores; i++)
        if (CPU_ISSET(i, &have)) {
            CPU_SET(i, &kept);
            cores--;
        }
    (void)sched_setaffinity(0, sizeof(kept), &kept);
}

static bool cgroup_write(const attempt *self, const char *file, const char *value)
{
    lt_err err;
    LT_AUTO(lt_chars) path = lt_format("%s/%s", self->spec.cgroup.ptr, file);
    LT_AUTO(lt_fd) fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && lt_fd_write(fd, lt_text_of(value), path, &err) == LT_OK;
}

/* A file of few bytes; NULL: it cannot be read. */
static char *cgroup_read(const attempt *self, const char *file)
{
    lt_err err;
    LT_AUTO(lt_buf) text = {.limit = 16 * LT_KIB};
    LT_AUTO(lt_chars) path = lt_format("%s/%s", self->spec.cgroup.ptr, file);
    return lt_file_read(path, &text, &err) == LT_OK ? lt_text_dup(lt_buf_text(&text)) : NULL;
}

static void cgroup_limit(const attempt *self, const char *file, int64_t value)
{
    LT_AUTO(lt_chars) text = lt_format("%lld", (long long)value);
    if (value)
        (void)cgroup_write(self, file, text);
}

static void make_cgroup(attempt *self)
{
    lt_err err;
    if (!self->spec.cgroup.len)
        return;
    if (lt_folder_make(self->spec.cgroup.ptr, 0755, &err) != LT_OK) {
        self->spec.cgroup = (lt_text){0};
        return;
    }
    LT_AUTO(lt_chars) cpu = lt_format("%lld 100000", (long long)self->spec.cpu_thousandths * 100);
    cgroup_limit(self, "memory.max", self->spec.memory_bytes);
    cgroup_limit(self, "pids.max", self->spec.process_limit);
    /* Where the controller is not enabled in the delegated group there is no such file. */
    self->has_cpu_share = self->spec.cpu_thousandths && cgroup_write(self, "cpu.max", cpu);
}

static char **strings_of(attempt *self, const lt_texts *texts)
{
    char **made = lt_alloc_array(&self->arena, texts->len + 1, sizeof(*made));
    for (size_t i = 0; i < texts->len; i++)
        made[i] = lt_arena_str(&self->arena, texts->items[i]);
    return made;
}

/* In the child. Only its own descriptors 0, 1, 2 and the lock go on: who holds the lock counts as living. */
LT_NORETURN static void become_command(attempt *self, int output, int trouble, char **argv,
                                       char **env)
{
    sigset_t none;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC); /* dup2() below makes ones that stay */
    (void)setsid();
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (self->spec.cgroup.len)
        (void)cgroup_write(self, "cgroup.procs", "0");
    if (!self->has_cpu_share)
        limit_cores(self->spec.cpu_thousandths);
    limit(RLIMIT_DATA, self->spec.memory_bytes);
    limit(RLIMIT_CORE, 1);
    if (dup2(null, 0) == 0 && dup2(output, 1) == 1 && dup2(output, 2) == 2 &&
        fcntl(self->lock, F_SETFD, 0) == 0 &&
        (!self->spec.cwd.len || chdir(self->spec.cwd.ptr) == 0))
        (void)execvpe(argv[0], argv, env);
    int code = errno;
    (void)!write(trouble, &code, sizeof(code));
    _exit(127);
}

/* The errno of what went wrong before the command was there, 0: it is. */
static int start(attempt *self)
{
    int output[2], trouble[2], code = 0;
    char **argv = strings_of(self, &self->spec.args), **env = strings_of(self, &self->spec.env);
    if (pipe2(output, O_CLOEXEC) != 0 || pipe2(trouble, O_CLOEXEC) != 0)
        return errno;
    make_cgroup(self);
    self->result.started_at_us = lt_now_us();
    environ = env; /* execvpe() looks for PATH there */
    self->child = fork();
    if (self->child == 0)
        become_command(self, output[1], trouble[1], argv, env);
    if (self->child < 0)
        code = errno;
    lt_fd_close(output[1]);
    lt_fd_close(trouble[1]);
    if (self->child > 0 && read(trouble[0], &code, sizeof(code)) != (ssize_t)sizeof(code))
        code = 0;
    lt_fd_close(trouble[0]);
    self->output = output[0];
    (void)fcntl(self->output, F_SETFL, O_NONBLOCK);
    return code;
}

/* ---- ending it ---- */

/* To the command's group first: that reaches most of a fork bomb at once. */
static size_t signal_all(attempt *self, int number)
{
    lt_pids pids = {0};
    if (number == SIGKILL && self->spec.cgroup.len)
        (void)cgroup_write(self, "cgroup.kill", "1");
    if (self->child > 0)
        (void)kill(-self->child, number);
    if (number == SIGKILL)
        return lt_procs_kill_below(getpid());
    lt_procs_below(getpid(), MOST_SEEN, &pids);
    for (size_t i = 0; i < pids.len; i++)
        (void)kill(pids.items[i], number);
    size_t count = pids.len;
    lt_vec_free(&pids);
    return count;
}

static void end_command(attempt *self, lt_task_end why)
{
    bool hurry = self->ending || why == LT_END_MEMORY || why == LT_END_PROCESSES;
    if (!self->ending)
        self->result.end = why;
    self->ending = true;
    (void)signal_all(self, hurry ? SIGKILL : SIGTERM);
    self->kill_at_us = hurry ? 0 : lt_mono_us() + self->spec.grace_us;
}

/* ---- looking after it ---- */

static void count_end(attempt *self, int how)
{
    self->child_ended = true;
    self->result.ended_at_us = lt_now_us();
    if (WIFSIGNALED(how)) {
        self->result.signal = WTERMSIG(how);
        if (!self->ending)
            self->result.end = LT_END_SIGNALLED;
    } else {
        self->result.code = WEXITSTATUS(how);
    }
}

/* True while a process of the task is there. */
static bool reap(attempt *self)
{
    int how;
    pid_t pid;
    while ((pid = waitpid(-1, &how, WNOHANG)) > 0)
        if (pid == self->child)
            count_end(self, how);
    return pid == 0 || (pid < 0 && errno == EINTR);
}

/* True at the end of the output. */
static bool read_output(attempt *self)
{
    char chunk[CHUNK];
    for (int i = 0; i < 16; i++) {
        ssize_t got = read(self->output, chunk, sizeof(chunk));
        if (got > 0)
            lt_task_log_write(&self->log, lt_text_at(chunk, (size_t)got));
        else if (got == 0)
            return true;
        else if (errno != EINTR)
            return errno != EAGAIN;
    }
    return false;
}

static void look_at_figures(attempt *self)
{
    lt_pids pids = {0};
    self->processes_seen = lt_procs_on_machine();
    lt_procs_below(getpid(), MOST_SEEN, &pids);
    int64_t resident = lt_procs_resident_bytes(&pids);
    self->peak_seen_bytes = LT_MAX(self->peak_seen_bytes, resident);
    if (self->spec.process_limit && (int64_t)pids.len > self->spec.process_limit)
        end_command(self, LT_END_PROCESSES);
    else if (self->spec.memory_bytes && resident > self->spec.memory_bytes)
        end_command(self, LT_END_MEMORY);
    lt_vec_free(&pids);
}

/* Are there so many more processes on the machine than at the last look that a fork bomb could be ours? Cheap to ask. */
static bool has_grown(attempt *self)
{
    if (!self->spec.process_limit || self->child_ended || self->ending)
        return false;
    int64_t now = lt_procs_on_machine(), grown = now - self->processes_seen;
    self->processes_seen = LT_MIN(now, self->processes_seen);
    return grown > self->spec.process_limit / 4;
}

static void look(attempt *self)
{
    int64_t now = lt_mono_us();
    if (self->deadline_us && now > self->deadline_us && !self->ending)
        end_command(self, LT_END_TIMEOUT);
    if (self->kill_at_us && now > self->kill_at_us) {
        (void)signal_all(self, SIGKILL);
        self->kill_at_us = now + LOOK_MS * 1000; /* again, if some are still there */
    }
    if (now < self->next_look_us && !has_grown(self))
        return;
    self->next_look_us = now + LOOK_MS * 1000;
    if (!self->child_ended)
        look_at_figures(self);
}

/* SIGTERM is the only way to ask; what else could end us is ignored. */
static void read_signals(attempt *self)
{
    struct signalfd_siginfo info;
    while (read(self->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
        if (info.ssi_signo == SIGTERM)
            end_command(self, LT_END_CANCELLED);
}

static void wait_for_events(attempt *self, bool output_open)
{
    struct pollfd fds[] = {
        {.fd = self->signals, .events = POLLIN},
        {.fd = output_open ? self->output : -1, .events = POLLIN},
        {.fd = self->parent_is_gone ? -1 : LT_TASK_SOCKET, .events = POLLIN},
    };
    (void)poll(fds, LT_COUNT(fds), LOOK_MS / 4);
    char byte;
    if (fds[2].revents && recv(LT_TASK_SOCKET, &byte, 1, MSG_DONTWAIT) == 0)
        self->parent_is_gone = true;
    if (fds[0].revents)
        read_signals(self);
}

static void run_command(attempt *self)
{
    bool output_open = true;
    while (!self->child_ended) {
        wait_for_events(self, output_open);
        if (output_open)
            output_open = !read_output(self);
        (void)reap(self);
        look(self);
    }
    while (output_open && poll(&(struct pollfd){.fd = self->output, .events = POLLIN}, 1, 0) > 0)
        output_open = !read_output(self);
}

/* What the command has left behind: asked to end, then ended. */
static void end_the_rest(attempt *self)
{
    static const int64_t POLITE_US = 500000, PATIENCE_US = 10000000;
    int64_t began = lt_mono_us();
    bool killed = false;
    if (!reap(self))
        return;
    self->result.left = (int64_t)signal_all(self, self->ending ? SIGKILL : SIGTERM);
    while (reap(self) && lt_mono_us() - began < PATIENCE_US) {
        (void)read_output(self);
        if (self->ending || lt_mono_us() - began > LT_MIN(POLITE_US, self->spec.grace_us) ||
            killed) {
            self->result.left = LT_MAX(self->result.left, (int64_t)signal_all(self, SIGKILL));
            killed = true;
        }
        lt_sleep_us(2000);
    }
    if (reap(self))
        self->result.stuck = (int64_t)signal_all(self, SIGKILL);
    while (poll(&(struct pollfd){.fd = self->output, .events = POLLIN}, 1, 0) > 0 &&
           !read_output(self))
        ;
}

/* ---- the result ---- */

static void count_usage(attempt *self)
{
    struct rusage usage;
    if (getrusage(RUSAGE_CHILDREN, &usage) == 0) {
        self->result.peak_bytes = LT_MAX((int64_t)usage.ru_maxrss * 1024, self->peak_seen_bytes);
        self->result.cpu_us = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL +
                              usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    }
    self->result.log_bytes = self->log.bytes;
    self->result.log_dropped = self->log.dropped;
    if (!self->result.ended_at_us)
        self->result.ended_at_us = lt_now_us();
}

/* Without the result the command would be done again: a disk that is full may have room later. Not when somebody asks us to end, or nobody wants
 * it any more. */
static void leave_durably(attempt *self, const char *path, lt_text text)
{
    enum { AGAIN_MS = 500 };
    lt_err err;
    LT_AUTO(lt_chars) folder = lt_xstrndup(path, (size_t)(lt_path_name(path) - path));
    struct signalfd_siginfo info = {0};
    while (lt_file_write_durably(path, text, 0640, &err) != LT_OK) {
        if (!lt_path_is_folder(folder))
            return;
        (void)poll(&(struct pollfd){.fd = self->signals, .events = POLLIN}, 1, AGAIN_MS);
        while (read(self->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
            if (info.ssi_signo == SIGTERM)
                return;
    }
}

/* The file is there before leat is told, so that no kill loses the result. leat, if it lives, makes it durable in its own records
 * and says so; else the file is synced here. */
static int leave_result(attempt *self)
{
    lt_err err;
    LT_AUTO(lt_buf) text = {0};
    LT_AUTO(lt_chars) path = lt_format("%s.result", self->spec.base.ptr);
    char answer = 0;
    lt_task_result_write(&self->result, &text);
    if (lt_file_write(path, lt_buf_text(&text), 0640, &err) != LT_OK)
        (void)fprintf(stderr, "leat-task: %s\n", err.message);
    bool told = send(LT_TASK_SOCKET, text.data, text.len, MSG_NOSIGNAL) == (ssize_t)text.len;
    if (told && recv(LT_TASK_SOCKET, &answer, 1, 0) == 1 && answer == 'A')
        return 0;
    leave_durably(self, path, lt_buf_text(&text));
    return 0;
}

static void block_signals(attempt *self)
{
    sigset_t all;
    (void)sigfillset(&all);
    for (int i = 0; i < 5; i++)
        (void)sigdelset(&all, (int[]){SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}[i]);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    self->signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Whom the kernel ended for its memory was ended by SIGKILL, which says nothing. */
static void leave_cgroup(attempt *self)
{
    LT_AUTO(lt_chars) events = cgroup_read(self, "memory.events");
    const char *kills = events ? strstr(events, "oom_kill ") : NULL;
    if (self->result.end == LT_END_SIGNALLED && kills &&
        strtoll(kills + strlen("oom_kill "), NULL, 10) > 0)
        self->result.end = LT_END_MEMORY;
    (void)rmdir(self->spec.cgroup.ptr);
}

static void perform(attempt *self)
{
    int code = start(self);
    if (code) {
        (void)reap(self); /* first: it notes the exit code of a child that is no command */
        self->result.end = LT_END_NOT_STARTED;
        self->result.code = code;
        return;
    }
    self->deadline_us = self->spec.timeout_us ? lt_mono_us() + self->spec.timeout_us : 0;
    self->next_look_us = lt_mono_us() + LOOK_MS * 1000;
    run_command(self);
    end_the_rest(self);
    if (self->spec.cgroup.len)
        leave_cgroup(self);
}

int main(void)
{
    attempt self = {.lock = -1, .output = -1, .signals = -1};
    lt_err err;
    block_signals(&self);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    (void)fcntl(LT_TASK_SOCKET, F_SETFD, FD_CLOEXEC);
    if (read_order(&self, &err) != LT_OK) {
        (void)fprintf(stderr, "leat-task: %s; leat starts this program, people do not\n",
                      err.message);
        return 2;
    }
    if (!take_lock(&self)) {
        self.result.end = LT_END_BUSY;
        return leave_result(&self);
    }
    if (lt_task_log_open(&self.log, self.spec.log.ptr, self.spec.log_limit_bytes, &err) != LT_OK) {
        self.result.end = LT_END_NOT_STARTED;
        self.result.code = EIO;
        return leave_result(&self);
    }
    perform(&self);
    lt_task_log_close(&self.log);
    count_usage(&self);
    int exit_code = leave_result(&self);
    lt_arena_cleanup(&self.arena);
    return exit_code;
}
