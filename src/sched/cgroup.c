/* Moving aside in the group that systemd has given us. */
#include "sched/cgroup.h"

#include "base/buf.h"
#include "base/fs.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_MOVED = 100000 };

static lt_status write_file(const char *group, const char *name, lt_text value, lt_err *err)
{
    LT_AUTO(lt_chars) path = lt_path_join(group, name);
    LT_AUTO(lt_fd) fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return lt_fail_errno(err, errno, "cannot open '%s'", path);
    return lt_fd_write(fd, value, path, err);
}

/* Where cgroup v2 is mounted, from /proc/mounts: "cgroup2 /sys/fs/cgroup cgroup2 rw,... 0 0". */
static char *find_mount(void)
{
    lt_err err;
    lt_text line, words[3];
    LT_AUTO(lt_buf) mounts = {.limit = 8 * LT_MIB};
    if (lt_file_read("/proc/mounts", &mounts, &err) != LT_OK)
        return NULL;
    lt_text rest = lt_buf_text(&mounts);
    while (lt_text_cut(&rest, '\n', &line)) {
        bool whole = true;
        for (size_t i = 0; i < LT_COUNT(words); i++)
            whole = whole && lt_text_cut(&line, ' ', &words[i]);
        if (whole && lt_text_eq(words[2], T("cgroup2")))
            return lt_text_dup(words[1]);
    }
    return NULL;
}

/* "0::/system.slice/leat@srv-shop.service" of /proc/self/cgroup. */
static lt_status find_group(char **out, lt_err *err)
{
    lt_text line;
    LT_AUTO(lt_chars) mount = find_mount();
    LT_AUTO(lt_buf) groups = {.limit = LT_MIB};
    LT_TRY(lt_file_read("/proc/self/cgroup", &groups, err));
    lt_text rest = lt_buf_text(&groups);
    while (mount && lt_text_cut(&rest, '\n', &line)) {
        if (!lt_text_starts(line, T("0::/")))
            continue;
        *out = lt_format("%s%.*s", mount, LT_ARG(lt_text_sub(line, 3, line.len)));
        return LT_OK;
    }
    return lt_fail(err, LT_NOT_FOUND, "this machine has no cgroup v2");
}

/* All that is in the group: an ExecStartPre may have left something behind. */
static lt_status move_processes(const char *from, const char *to, lt_err *err)
{
    lt_text one;
    LT_AUTO(lt_buf) pids = {.limit = LT_MIB};
    LT_AUTO(lt_chars) path = lt_path_join(from, "cgroup.procs");
    LT_TRY(write_file(to, "cgroup.procs", T("0"), err));
    LT_TRY(lt_file_read(path, &pids, err));
    lt_text rest = lt_buf_text(&pids);
    for (size_t i = 0; i < MOST_MOVED && lt_text_cut(&rest, '\n', &one); i++)
        if (one.len && write_file(to, "cgroup.procs", one, err) != LT_OK && errno != ESRCH)
            return err->status;
    return LT_OK;
}

/* What is not there is not missed: leat-task looks after that itself. */
static void enable_controllers(const char *group, lt_buf *enabled)
{
    static const char *const names[] = {"cpu", "memory", "pids"};
    lt_err err;
    for (size_t i = 0; i < LT_COUNT(names); i++) {
        LT_AUTO(lt_chars) word = lt_format("+%s", names[i]);
        if (write_file(group, "cgroup.subtree_control", lt_text_of(word), &err) == LT_OK)
            lt_buf_printf(enabled, "%s%s", enabled->len ? ", " : "", names[i]);
    }
}

/* Only empty ones go. */
static void remove_empty(const char *group)
{
    DIR *dir = opendir(group);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (lt_text_starts(lt_text_of(entry->d_name), T("leat-")))
            (void)unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
    if (dir)
        (void)closedir(dir);
}

static lt_status settle(char **group, lt_buf *enabled, lt_err *err)
{
    LT_AUTO(lt_chars) found = NULL;
    LT_TRY(find_group(&found, err));
    LT_AUTO(lt_chars) aside = lt_path_join(found, "server");
    if (mkdir(aside, 0755) != 0 && errno != EEXIST)
        return lt_fail_errno(err, errno, "cannot make '%s'", aside);
    LT_TRY(move_processes(found, aside, err));
    enable_controllers(found, enabled);
    remove_empty(found);
    *group = LT_TAKE(found);
    return LT_OK;
}

void lt_cgroup_settle(void)
{
    lt_err err;
    const char *wanted = getenv("LEAT_CGROUP");
    LT_AUTO(lt_chars) group = NULL;
    LT_AUTO(lt_buf) enabled = {.limit = 100};
    if (!wanted || strcmp(wanted, "own") != 0)
        return;
    if (settle(&group, &enabled, &err) == LT_OK) {
        (void)setenv("LEAT_CGROUP", group, 1);
        lt_log(LT_LOG_INFO, "tasks have groups of their own below '%s', with %s", group,
               enabled.len ? lt_buf_chars(&enabled) : "no controllers");
        return;
    }
    (void)unsetenv("LEAT_CGROUP");
    lt_log(LT_LOG_WARNING, "LEAT_CGROUP=own: %s; tasks are limited without cgroups", err.message);
}
