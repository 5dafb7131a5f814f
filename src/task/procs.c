/* Reading /proc: who descends from whom, and who carries a mark. */
#include "task/procs.h"

#include "base/buf.h"
#include "base/fs.h"
#include "base/time.h"

#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct process {
    int pid, parent;
} process;
typedef LT_VEC(process) processes;

/* A bit for each pid that the kernel can give. */
enum { PIDS = 4 << 20 };
typedef struct pid_set {
    uint8_t *bits; /* owned */
} pid_set;

static bool has_pid(const pid_set *set, int pid)
{
    return pid > 0 && pid < PIDS && (set->bits[pid / 8] >> (pid % 8) & 1);
}

static void add_pid(pid_set *set, int pid)
{
    if (pid > 0 && pid < PIDS)
        set->bits[pid / 8] = (uint8_t)(set->bits[pid / 8] | 1U << (pid % 8));
}

/* The parent from /proc/PID/stat; false when it is gone, or a zombie. */
static bool look_at(process *one)
{
    char path[40];
    lt_err err;
    LT_AUTO(lt_buf) stat = {.limit = 4 * LT_KIB};
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", one->pid);
    if (lt_file_read(path, &stat, &err) != LT_OK)
        return false;
    const char *at = strrchr(lt_buf_chars(&stat), ')'); /* the name may hold anything */
    if (!at || strlen(at) < 4 || at[2] == 'Z' || at[2] == 'X')
        return false;
    one->parent = (int)strtol(at + 3, NULL, 10);
    return true;
}

static void list_all(processes *out)
{
    DIR *dir = opendir("/proc");
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        process one = {.pid = (int)strtol(entry->d_name, NULL, 10)};
        if (one.pid > 0 && look_at(&one))
            lt_push(out, one);
    }
    if (dir)
        (void)closedir(dir);
}

/* Children come behind their parents in /proc, but for those whose pids began anew: so once more as long as that finds any. */
void lt_procs_below(int root, size_t limit, lt_pids *out)
{
    processes all = {0};
    pid_set below = {.bits = lt_xcalloc(PIDS / 8, 1)};
    size_t first = out->len, before;
    list_all(&all);
    do {
        before = out->len;
        for (size_t i = 0; i < all.len && out->len - first < limit; i++) {
            const process *one = &all.items[i];
            if (has_pid(&below, one->pid) || (one->parent != root && !has_pid(&below, one->parent)))
                continue;
            add_pid(&below, one->pid);
            lt_push(out, one->pid);
        }
    } while (out->len != before);
    lt_free(below.bits);
    lt_vec_free(&all);
}

/* One way through /proc, which is in the order of pids: each one found is signalled at once, and so are the newest when we come to them. A
 * process with a signal makes no other. Gives how many were not there the last time. */
static size_t chase(int root, int number, const pid_set *last, pid_set *now, size_t *count)
{
    size_t fresh = 0;
    DIR *dir = opendir("/proc");
    *count = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        process one = {.pid = (int)strtol(entry->d_name, NULL, 10)};
        if (one.pid <= 0 || !look_at(&one))
            continue;
        bool below = one.parent == root || has_pid(now, one.parent) ||
                     (one.parent > one.pid && has_pid(last, one.parent));
        if (!below)
            continue;
        add_pid(now, one.pid);
        ++*count;
        fresh += !has_pid(last, one.pid);
        (void)kill(one.pid, number);
    }
    if (dir)
        (void)closedir(dir);
    return fresh;
}

/* Before what is to be ended, as far as we may. */
static void go_first(bool first)
{
    struct sched_param how = {.sched_priority = first ? 1 : 0};
    (void)sched_setscheduler(0, (first ? SCHED_FIFO : SCHED_OTHER) | SCHED_RESET_ON_FORK, &how);
}

size_t lt_procs_kill_below(int root)
{
    enum { MOST_US = 3000000 };
    int64_t until = lt_mono_us() + MOST_US;
    pid_set last = {.bits = lt_xcalloc(PIDS / 8, 1)}, now = {.bits = lt_xcalloc(PIDS / 8, 1)};
    size_t count = 0, most = 0, fresh = 1;
    go_first(true);
    while (fresh && lt_mono_us() < until) {
        fresh = chase(root, SIGSTOP, &last, &now, &count);
        most = LT_MAX(most, count);
        pid_set old = last;
        last = now;
        now = old;
        memset(now.bits, 0, PIDS / 8);
    }
    (void)chase(root, SIGKILL, &last, &now, &count);
    go_first(false);
    lt_free(last.bits);
    lt_free(now.bits);
    return LT_MAX(most, count);
}

int64_t lt_procs_on_machine(void)
{
    lt_err err;
    LT_AUTO(lt_buf) text = {.limit = LT_KIB};
    const char *slash = lt_file_read("/proc/loadavg", &text, &err) == LT_OK
                            ? strchr(lt_buf_chars(&text), '/')
                            : NULL;
    return slash ? strtoll(slash + 1, NULL, 10) : 0;
}

static bool has_mark(int pid, lt_text variable)
{
    char path[40];
    lt_err err;
    LT_AUTO(lt_buf) env = {.limit = 8 * LT_MIB};
    (void)snprintf(path, sizeof(path), "/proc/%d/environ", pid);
    if (lt_file_read(path, &env, &err) != LT_OK)
        return false;
    lt_text rest = lt_buf_text(&env), one;
    while (lt_text_cut(&rest, '\0', &one))
        if (lt_text_eq(one, variable))
            return true;
    return false;
}

void lt_procs_marked(lt_text variable, lt_pids *out)
{
    processes all = {0};
    list_all(&all);
    for (size_t i = 0; i < all.len; i++)
        if (all.items[i].pid != getpid() && has_mark(all.items[i].pid, variable))
            lt_push(out, all.items[i].pid);
    lt_vec_free(&all);
}

int64_t lt_procs_resident_bytes(const lt_pids *pids)
{
    int64_t total = 0;
    for (size_t i = 0; i < pids->len; i++) {
        char path[40];
        lt_err err;
        LT_AUTO(lt_buf) statm = {.limit = LT_KIB};
        (void)snprintf(path, sizeof(path), "/proc/%d/statm", pids->items[i]);
        const char *second =
            lt_file_read(path, &statm, &err) == LT_OK ? strchr(lt_buf_chars(&statm), ' ') : NULL;
        if (second)
            total += strtoll(second, NULL, 10) * (int64_t)sysconf(_SC_PAGESIZE);
    }
    return total;
}

size_t lt_procs_end_marked(lt_text variable, int64_t patience_us, size_t *stuck)
{
    int64_t until = lt_mono_us() + patience_us;
    size_t most = 0, now = 0;
    for (;;) {
        lt_pids pids = {0};
        lt_procs_marked(variable, &pids);
        now = pids.len;
        most = LT_MAX(most, now);
        for (size_t i = 0; i < pids.len; i++)
            (void)kill(pids.items[i], SIGKILL);
        lt_vec_free(&pids);
        if (!now || lt_mono_us() > until)
            break;
        lt_sleep_us(2000);
    }
    if (stuck)
        *stuck = now;
    return most;
}
