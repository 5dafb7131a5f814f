/* Reading /proc: who descends from whom, and who carries a mark. */
#include "task/procs.h"

#include "base/buf.h"
#include "base/fs.h"
#include "base/time.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct process {
    int pid, parent;
} process;
typedef LT_VEC(process) processes;

/* State and parent from /proc/PID/stat; false when it is gone, or a zombie. */
static bool look_at(int pid, int *parent)
{
    char path[40];
    lt_err err;
    LT_AUTO(lt_buf) stat = {.limit = 4 * LT_KIB};
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    if (lt_file_read(path, &stat, &err) != LT_OK)
        return false;
    const char *at = strrchr(lt_buf_chars(&stat), ')'); /* the name may hold anything */
    if (!at || strlen(at) < 4 || at[2] == 'Z' || at[2] == 'X')
        return false;
    *parent = (int)strtol(at + 3, NULL, 10);
    return true;
}

static void list_all(processes *out)
{
    DIR *dir = opendir("/proc");
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        process one = {.pid = (int)strtol(entry->d_name, NULL, 10)};
        if (one.pid > 0 && look_at(one.pid, &one.parent))
            lt_push(out, one);
    }
    if (dir)
        (void)closedir(dir);
}

/* Level by level: what a level finds are the parents of the next. */
void lt_procs_below(int root, size_t limit, lt_pids *out)
{
    processes all = {0};
    list_all(&all);
    size_t from = out->len, first = from;
    for (size_t i = 0; i < all.len; i++)
        if (all.items[i].parent == root && out->len - first < limit)
            lt_push(out, all.items[i].pid);
    for (; from < out->len; from++)
        for (size_t i = 0; i < all.len && out->len - first < limit; i++)
            if (all.items[i].parent == out->items[from])
                lt_push(out, all.items[i].pid);
    lt_vec_free(&all);
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
