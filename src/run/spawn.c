/* A run of its own process: `leat run --resume ID` of our own program. */
#include "run/run.h"

#include "base/fs.h"
#include "base/proc.h"
#include "conf/dotenv.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* It reads .env itself, and so has what the file says then, not what it said when we began. */
static lt_status spawn(const char *path, const char *out, char *const *words, int *pid, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_fd) log = open(out, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (log < 0)
        return lt_fail_errno(err, errno, "cannot open '%s'", out);
    const lt_spawn_fd fds[] = {{-1, STDIN_FILENO}, {log, STDOUT_FILENO}, {log, STDERR_FILENO}};
    const lt_spawn run = {.program = path,
                          .argv = words,
                          .env = lt_dotenv_outer(&arena),
                          .apart = LT_APART_SESSION,
                          .fds = fds,
                          .fds_len = LT_COUNT(fds)};
    return lt_proc_spawn(&run, pid, err);
}

lt_status lt_run_spawn(const char *root, const char *home, int64_t run_id, lt_run_way way, int *pid,
                       lt_err *err)
{
    LT_AUTO(lt_chars) path = lt_proc_path();
    LT_AUTO(lt_chars) id = lt_format("%lld", (long long)run_id);
    LT_AUTO(lt_chars) log = lt_format("%s/logs/%lld", home, (long long)run_id);
    LT_TRY(lt_folder_make(log, 0750, err));
    LT_AUTO(lt_chars) out = lt_path_join(log, "run.out");
    const char *const words[] = {
        path, "--quiet", "--project-dir", root, "--home",
        home, "run",     "--resume",      id,   way == LT_RUN_GIVES_UP ? "--give-up" : NULL,
        NULL};
    return spawn(path, out, (char *const *)(uintptr_t)words, pid, err);
}
