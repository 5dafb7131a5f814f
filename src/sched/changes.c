/* Tells when the project's files were written, and nobody writes any more. */
#include "sched/changes.h"

#include "base/fs.h"
#include "base/time.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
    MOST_FOLDERS = 1000, /* that are watched */
    MOST_LINKS = 16,     /* that lead to each other */
    MOST_READS = 64,     /* at once: events may come faster than they are read */
};

static const int64_t PAUSE_US = 30000, MOST_PAUSE_US = 200000, ENDLESS_REST_US = 1000000;

lt_status lt_changes_open(lt_changes *self, const char *root, lt_err *err)
{
    *self = (lt_changes){.root = root, .fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
    return self->fd < 0 ? lt_fail_errno(err, errno, "cannot watch files") : LT_OK;
}

void lt_changes_close(lt_changes *self)
{
    lt_fd_close(self->fd);
    self->fd = -1;
}

/* ---- what is watched ---- */

static void watch_folder(const lt_changes *self, const char *path, size_t *left)
{
    const uint32_t what = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
    if (*left && inotify_add_watch(self->fd, path, what | IN_ONLYDIR) >= 0)
        --*left;
}

/* The folder of a path, in place: "/a/b/" becomes "/a", "/a" becomes "/". */
static void cut_name(char *path)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        path[--len] = '\0';
    char *slash = strrchr(path, '/');
    if (slash)
        slash[slash == path] = '\0';
}

/* Where links lead to, each step of it: what is there may be written, or the next link be another. */
static void watch_links(const lt_changes *self, const char *path, size_t *left)
{
    char target[PATH_MAX];
    LT_AUTO(lt_chars) at = lt_xstrdup(path);
    for (int i = 0; i < MOST_LINKS; i++) {
        ssize_t len = readlink(at, target, sizeof(target) - 1);
        if (len <= 0)
            return;
        target[len] = '\0';
        cut_name(at);
        char *next = lt_path_join(at, target);
        lt_free(at);
        at = next;
        LT_AUTO(lt_chars) folder = lt_xstrdup(at);
        cut_name(folder);
        watch_folder(self, folder, left);
    }
}

/* Empty ones as well: somebody may be about to put a file there. */
static void watch_below(const lt_changes *self, const char *top, size_t *left)
{
    LT_AUTO(lt_path_list) folders = {0};
    LT_AUTO(lt_path_list) files = {0};
    lt_err err;
    watch_links(self, top, left);
    if (lt_folders_linked_below(top, 10 * MOST_FOLDERS, &folders, &err) != LT_OK ||
        lt_files_linked_below(top, "", 10 * MOST_FOLDERS, &files, &err) != LT_OK)
        watch_folder(self, top, left);
    for (size_t i = 0; i < folders.len; i++) {
        LT_AUTO(lt_chars) inner = lt_path_join(top, folders.items[i]);
        watch_folder(self, inner, left);
        watch_links(self, inner, left);
    }
    for (size_t i = 0; i < files.len; i++) {
        LT_AUTO(lt_chars) file = lt_path_join(top, files.items[i]);
        watch_links(self, file, left);
    }
}

void lt_changes_watch(lt_changes *self)
{
    static const char *const names[] = {"pipelines", "calendars", "sources"};
    size_t left = MOST_FOLDERS;
    LT_AUTO(lt_chars) project = lt_path_join(self->root, "leat.yml");
    watch_folder(self, self->root, &left);
    watch_links(self, project, &left);
    for (size_t i = 0; i < LT_COUNT(names); i++) {
        LT_AUTO(lt_chars) top = lt_path_join(self->root, names[i]);
        watch_below(self, top, &left);
    }
}

/* ---- when ---- */

static bool has_events(const lt_changes *self)
{
    char events[16 * 1024];
    bool some = false;
    for (int i = 0; i < MOST_READS && read(self->fd, events, sizeof(events)) > 0; i++)
        some = true;
    return some;
}

bool lt_changes_are_due(lt_changes *self)
{
    int64_t now_us = lt_mono_us();
    bool some = has_events(self);
    self->is_dirty = self->is_dirty || some;
    if (!self->is_dirty || now_us < self->rest_us)
        return false;
    if (!self->first_us)
        self->first_us = self->last_us = now_us;
    else if (some)
        self->last_us = now_us;
    if (now_us < self->last_us + PAUSE_US && now_us < self->first_us + MOST_PAUSE_US)
        return false;
    self->is_endless = now_us < self->last_us + PAUSE_US;
    self->is_dirty = false;
    self->first_us = 0;
    return true;
}

void lt_changes_read(lt_changes *self, int64_t began_us)
{
    int64_t now_us = lt_mono_us(), spent_us = now_us - began_us;
    self->rest_us = now_us + (self->is_endless ? LT_MAX(ENDLESS_REST_US, 4 * spent_us) : spent_us);
    self->is_endless = false;
}

bool lt_changes_wait(const lt_changes *self)
{
    return self->is_dirty;
}

bool lt_changes_are_coming(const lt_changes *self)
{
    return self->first_us != 0;
}

int lt_changes_fd(const lt_changes *self)
{
    return self->is_dirty ? -1 : self->fd;
}
