/* Processes: memory figures, start times, running a program, the stop flag. */
#include "base/proc.h"

#include "base/fs.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* A "VmHWM:   123 kB" line of /proc/self/status, in bytes. */
static size_t status_bytes(const char *field)
{
    lt_err err;
    LT_AUTO(lt_buf) status = {.limit = 64 * LT_KIB};
    if (lt_file_read("/proc/self/status", &status, &err) != LT_OK)
        return 0;
    const char *line = strstr(lt_buf_chars(&status), field);
    return line ? (size_t)strtoull(line + strlen(field), NULL, 10) * LT_KIB : 0;
}

size_t lt_proc_peak_bytes(void)
{
    return status_bytes("VmHWM:");
}

size_t lt_proc_resident_bytes(void)
{
    return status_bytes("VmRSS:");
}

/* Of this boot: a machine that begins the same way each time gives the same pids at the same ticks. */
static uint64_t boot_mark(void)
{
    enum { TICK_BITS = 44 }; /* more than five thousand years of hundredths of a second */
    lt_err err;
    LT_AUTO(lt_buf) id = {.limit = 100};
    if (lt_file_read("/proc/sys/kernel/random/boot_id", &id, &err) != LT_OK)
        return 0;
    return lt_text_hash(lt_text_trim(lt_buf_text(&id))) << TICK_BITS >> 1;
}

uint64_t lt_proc_started(int pid)
{
    enum { FIELDS_BEFORE = 20 }; /* between the ')' of the name and field 22 */
    char path[32];
    lt_err err;
    LT_AUTO(lt_buf) stat = {.limit = 4 * LT_KIB};
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    if (lt_file_read(path, &stat, &err) != LT_OK)
        return 0;
    const char *at = strrchr(lt_buf_chars(&stat), ')'); /* the name may hold anything */
    if (at && strlen(at) > 2 && (at[2] == 'Z' || at[2] == 'X'))
        return 0; /* dead, and its parent has not looked yet */
    for (int i = 0; at && i < FIELDS_BEFORE; i++)
        at = strchr(at + 1, ' ');
    uint64_t ticks = at ? strtoull(at, NULL, 10) : 0;
    return ticks ? ticks | boot_mark() : 0;
}

char *lt_proc_path(void)
{
    static const char gone[] =
        " (deleted)"; /* proc(5): what the link of a file ends in that has no name any more */
    char path[4096];
    ssize_t got = readlink("/proc/self/exe", path, sizeof(path));
    lt_text found = lt_text_at(path, got > 0 ? (size_t)got : 0);
    LT_AUTO(lt_chars) whole = lt_text_dup(found);
    if (lt_text_ends(found, lt_text_of(gone)) && access(whole, F_OK) != 0)
        found.len -= strlen(gone);
    return lt_text_dup(found);
}

static int give_fds(const lt_spawn *spawn, posix_spawn_file_actions_t *actions)
{
    int code = 0;
    for (size_t i = 0; i < spawn->fds_len && code == 0; i++) {
        const lt_spawn_fd *fd = &spawn->fds[i];
        if (fd->ours >= 0)
            code = posix_spawn_file_actions_adddup2(actions, fd->ours, fd->theirs);
        else
            code = posix_spawn_file_actions_addopen(actions, fd->theirs, "/dev/null", O_RDWR, 0);
    }
    return code;
}

lt_status lt_proc_spawn(const lt_spawn *spawn, int *pid, lt_err *err)
{
    static const short FLAGS[] = {
        [LT_APART_GROUP] = POSIX_SPAWN_SETPGROUP, [LT_APART_SESSION] = POSIX_SPAWN_SETSID};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t how;
    sigset_t all, none;
    (void)sigfillset(&all);
    (void)sigemptyset(&none);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&how);
    (void)posix_spawnattr_setsigdefault(&how, &all);
    (void)posix_spawnattr_setsigmask(&how, &none);
    (void)posix_spawnattr_setflags(
        &how, (short)(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | FLAGS[spawn->apart]));
    int code = spawn->folder ? posix_spawn_file_actions_addchdir_np(&actions, spawn->folder) : 0;
    if (code == 0)
        code = give_fds(spawn, &actions);
    if (code == 0)
        code = posix_spawnp(pid, spawn->program, &actions, &how, spawn->argv,
                            spawn->env ? spawn->env : environ);
    (void)posix_spawnattr_destroy(&how);
    (void)posix_spawn_file_actions_destroy(&actions);
    return code == 0 ? LT_OK : lt_fail_errno(err, code, "cannot start '%s'", spawn->program);
}

static lt_status drain(int fd, const char *name, lt_buf *out, lt_err *err)
{
    for (;;) {
        char chunk[4096];
        ssize_t got = read(fd, chunk, sizeof(chunk));
        if (got < 0 && errno != EINTR)
            return lt_fail_errno(err, errno, "cannot read the output of '%s'", name);
        if (got == 0)
            return lt_buf_check(out, "the output", err);
        if (got > 0)
            lt_buf_add(out, lt_text_at(chunk, (size_t)got));
    }
}

lt_status lt_proc_run(char *const argv[], lt_buf *out, int *exit_code, lt_err *err)
{
    int ends[2];
    pid_t pid;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return lt_fail_errno(err, errno, "cannot make a pipe");
    LT_AUTO(lt_fd) from = ends[0];
    const lt_spawn_fd fds[] = {{-1, STDIN_FILENO}, {ends[1], STDOUT_FILENO}, {-1, STDERR_FILENO}};
    const lt_spawn program = {
        .program = argv[0], .argv = argv, .fds = fds, .fds_len = LT_COUNT(fds)};
    lt_status status = lt_proc_spawn(&program, &pid, err);
    lt_fd_close(ends[1]);
    LT_TRY(status);
    status = drain(from, argv[0], out, err);
    int how;
    while (waitpid(pid, &how, 0) < 0 && errno == EINTR)
        ;
    *exit_code = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
    return status;
}

static _Atomic int stop_signal; /* without a lock, as handlers need it: other threads look, too */

static void on_signal(int number)
{
    int before = errno;
    if (stop_signal) {
        (void)signal(number, SIG_DFL);
        (void)raise(number);
    }
    stop_signal = number;
    errno = before;
}

/* The kernel and the shell may both tell of it: the second does not hurry. */
static void on_hangup(int number)
{
    if (!stop_signal)
        stop_signal = number;
}

void lt_hold_standard_fds(void)
{
    struct stat info;
    for (int fd = 0; fd <= 2;
         fd++) /* of the other direction: who uses it fails, as with a closed one */
        if (fstat(fd, &info) != 0)
            (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

void lt_stop_on_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);           /* a write says EFBIG instead */
    if (signal(SIGHUP, on_hangup) == SIG_IGN) /* under nohup */
        (void)signal(SIGHUP, SIG_IGN);
}

bool lt_stop_asked(void)
{
    return stop_signal != 0;
}

void lt_stop_ask(void)
{
    stop_signal = SIGINT;
}

void lt_stop_forget(void)
{
    stop_signal = 0;
}

int lt_stop_signal(void)
{
    return stop_signal;
}

/* ---- the service manager ---- */

void lt_service_tell(const char *state)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path ? strlen(path) : 0;
    if (len < 2 || len >= sizeof(at.sun_path) || (*path != '/' && *path != '@'))
        return;
    memcpy(at.sun_path, path, len);
    if (*path == '@') /* a name without a file */
        at.sun_path[0] = '\0';
    LT_AUTO(lt_fd) fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&at, size) < 0)
        lt_log(LT_LOG_WARNING, "the service manager cannot be told '%s': error %d", state, errno);
}
