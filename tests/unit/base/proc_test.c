/* This process, other programs, and the stop flag. */
#include "base/proc.h"

#include "base/time.h"
#include "support/child.h"
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

Test(proc, memory_figures_are_plausible)
{
    size_t peak = lt_proc_peak_bytes(), now = lt_proc_resident_bytes();
    CHECK(now > LT_MIB && peak >= now / 2 && peak < 1024 * LT_GIB);
}

Test(proc, start_time_names_a_process)
{
    uint64_t mine = lt_proc_started(getpid());
    CHECK(mine > 0);
    CHECK(mine == lt_proc_started(getpid()));
    CHECK(lt_proc_started(1) <= mine);
    CHECK(lt_proc_started(-1) == 0 && lt_proc_started(999999999) == 0);
}

Test(proc, knows_its_own_path)
{
    LT_AUTO(lt_chars) path = lt_proc_path();
    CHECK_HAS(path, "/leat-unit");
}

static lt_status run(const char *script, lt_buf *out, int *code, lt_err *err)
{
    char shell[] = "sh", flag[] = "-c";
    LT_AUTO(lt_chars) text = lt_xstrdup(script);
    char *argv[] = {shell, flag, text, NULL};
    return lt_proc_run(argv, out, code, err);
}

Test(proc, runs_a_program_to_its_end)
{
    lt_err err = {0};
    int code = -1;
    LT_AUTO(lt_buf) out = {0};
    CHECK_OK(run("echo out; echo err >&2; cat; exit 3", &out, &code, &err), err);
    CHECK_STR(out.data, "out\n");
    CHECK_INT(code, 3);
    CHECK_OK(run("kill -9 $$", &out, &code, &err), err);
    CHECK_INT(code, 128 + 9);
}

Test(proc, gives_children_the_usual_sigpipe)
{
    lt_err err = {0};
    int code = -1;
    LT_AUTO(lt_buf) out = {0};
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    lt_status status = run("grep SigIgn /proc/self/status", &out, &code, &err);
    (void)signal(SIGPIPE, before);
    CHECK_OK(status, err);
    uint64_t ignored = strtoull(strchr(out.data, ':') + 1, NULL, 16);
    CHECK(!(ignored & (uint64_t)1 << (SIGPIPE - 1)));
}

Test(proc, output_has_a_limit)
{
    lt_err err = {0};
    int code = -1;
    LT_AUTO(lt_buf) out = {.limit = 1000};
    CHECK_STATUS(run("head -c 100000 /dev/zero", &out, &code, &err), LT_TOO_BIG, err);
    CHECK_INT(code, 0);
}

Test(proc, says_which_program_is_missing)
{
    lt_err err = {0};
    int code = -1;
    char name[] = "leat-no-such-program";
    char *argv[] = {name, NULL};
    LT_AUTO(lt_buf) out = {0};
    CHECK_STATUS(lt_proc_run(argv, &out, &code, &err), LT_NOT_FOUND, err);
    CHECK_HAS(err.message, "cannot start 'leat-no-such-program'");
}

static int stop_by_signal(void *context)
{
    (void)signal(SIGHUP, SIG_DFL); /* the tests themselves may run under nohup */
    lt_stop_on_signals();
    if (lt_stop_asked())
        return 1;
    (void)raise(SIGPIPE); /* ignored */
    (void)raise(*(int *)context);
    if (!lt_stop_asked() || lt_stop_signal() != *(int *)context)
        return 2;
    (void)raise(SIGINT); /* the second one ends the process */
    return 3;
}

Test(proc, first_signal_asks_and_second_ends)
{
    int number = SIGTERM;
    CHECK_INT(lt_child_run(stop_by_signal, &number, NULL), 128 + SIGINT);
    number = SIGINT;
    CHECK_INT(lt_child_run(stop_by_signal, &number, NULL), 128 + SIGINT);
    number = SIGHUP;
    CHECK_INT(lt_child_run(stop_by_signal, &number, NULL), 128 + SIGINT);
}

static int hang_up(void *context)
{
    (void)signal(SIGHUP, *(bool *)context ? SIG_IGN : SIG_DFL); /* ignored, as nohup does */
    lt_stop_on_signals();
    (void)raise(SIGHUP);
    (void)raise(SIGHUP); /* the kernel and the shell both say so */
    return lt_stop_asked() ? 1 : 0;
}

Test(proc, a_terminal_that_goes_away_stops_unless_under_nohup)
{
    bool nohup = true;
    CHECK_INT(lt_child_run(hang_up, &nohup, NULL), 0);
    nohup = false;
    CHECK_INT(lt_child_run(hang_up, &nohup, NULL), 1);
}

static int open_after_closing(void *context)
{
    (void)context;
    (void)close(0);
    (void)close(1);
    (void)close(2);
    lt_hold_standard_fds();
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    return fd > 2 && write(1, "x", 1) < 0 && errno == EBADF ? 0 : 1;
}

Test(proc, no_file_of_ours_becomes_standard_output)
{
    CHECK_INT(lt_child_run(open_after_closing, NULL, NULL), 0);
}

static int stop_once(void *context)
{
    (void)context;
    lt_stop_on_signals();
    (void)raise(SIGTERM);
    return lt_stop_signal() == SIGTERM ? 0 : 1;
}

Test(proc, one_signal_only_asks)
{
    CHECK_INT(lt_child_run(stop_once, NULL, NULL), 0);
}

static int ask_to_stop(void *context)
{
    (void)context;
    lt_stop_ask();
    if (!lt_stop_asked() || lt_stop_signal() != SIGINT)
        return 1;
    lt_stop_forget();
    return lt_stop_asked() ? 2 : 0;
}

Test(proc, stop_may_be_asked_without_a_signal)
{
    CHECK_INT(lt_child_run(ask_to_stop, NULL, NULL), 0);
}

Test(proc, a_service_manager_is_told_at_its_socket)
{
    char got[32] = "";
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int len = snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, "leat-test-%d", (int)getpid());
    LT_AUTO(lt_chars) name = lt_format("@%s", at.sun_path + 1);
    LT_AUTO(lt_fd) fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
    CHECK(bind(fd, (struct sockaddr *)&at, size) == 0);
    CHECK(setenv("NOTIFY_SOCKET", name, 1) == 0);
    lt_service_tell("READY=1");
    CHECK_INT(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT), 7);
    CHECK(strcmp(got, "READY=1") == 0);
    (void)unsetenv("NOTIFY_SOCKET");
    lt_service_tell("READY=1"); /* nobody is there to be told */
    CHECK_INT(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT), -1);
}
