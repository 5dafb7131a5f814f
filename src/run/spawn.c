/* A run of its own process: `leat run --resume ID` of our own program. */
#include "run/run.h"

#include "base/fs.h"
#include "base/proc.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

static int spawn(const char *path, const char *out, const char *const *words, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t how;
    sigset_t all, none;
    (void)sigfillset(&all);
    (void)sigemptyset(&none);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&how);
    (void)posix_spawnattr_setsigdefault(&how, &all);
    (void)posix_spawnattr_setsigmask(&how, &none);
    (void)posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                             POSIX_SPAWN_SETSID);
    int code = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (code == 0)
        code =
            posix_spawn_file_actions_addopen(&actions, 1, out, O_WRONLY | O_CREAT | O_APPEND, 0640);
    if (code == 0)
        code = posix_spawn_file_actions_adddup2(&actions, 1, 2);
    if (code == 0)
        code = posix_spawn(pid, path, &actions, &how, (char *const *)(uintptr_t)words, environ);
    (void)posix_spawnattr_destroy(&how);
    (void)posix_spawn_file_actions_destroy(&actions);
    return code;
}

lt_status lt_run_spawn(const char *root, const char *home, int64_t run_id, int *pid, lt_err *err)
{
    LT_AUTO(lt_chars) path = lt_proc_path();
    LT_AUTO(lt_chars) id = lt_format("%lld", (long long)run_id);
    LT_AUTO(lt_chars) log = lt_format("%s/logs/%lld", home, (long long)run_id);
    LT_TRY(lt_folder_make(log, 0750, err));
    LT_AUTO(lt_chars) out = lt_path_join(log, "run.out");
    const char *const words[] = {path, "--quiet", "--project-dir", root, "--home",
                                 home, "run",     "--resume",      id,   NULL};
    pid_t made = 0;
    int code = spawn(path, out, words, &made);
    if (code != 0)
        return lt_fail_errno(err, code, "cannot start '%s'", path);
    *pid = made;
    return LT_OK;
}
