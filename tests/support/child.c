/* Pieces of tests in forked processes. */
#include "support/child.h"

#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef LT_COVER
#include <gcov.h>
#else
#define __gcov_reset() ((void)0)
#define __gcov_dump() ((void)0)
#endif

/* In coverage builds a child writes its own counts: _exit() would lose them. */
LT_NORETURN static void child(int (*body)(void *context), void *context, int said_fd)
{
    struct rlimit no_core = {0};
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)dup2(said_fd, STDERR_FILENO);
    uid_t owner = geteuid();
    __gcov_reset();
    int code = body(context);
    if (geteuid() == owner) /* else its files are not ours to write */
        __gcov_dump();
    _exit(code);
}

static void read_all(int fd, lt_buf *said)
{
    char chunk[1024];
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof(chunk));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return;
        if (said)
            lt_buf_add(said, lt_text_at(chunk, (size_t)got));
    }
}

int lt_child_run(int (*body)(void *context), void *context, lt_buf *said)
{
    int ends[2], how = 0;
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0)
        child(body, context, ends[1]);
    lt_fd_close(ends[1]);
    read_all(ends[0], said);
    lt_fd_close(ends[0]);
    while (waitpid(pid, &how, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
}

bool lt_child_become_nobody(void)
{
    return geteuid() != 0 ||
           (setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0);
}
