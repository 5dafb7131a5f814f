/* Folders under inotify: which are watched, and which of the events mean something. */
#include "base/folder_watch.h"

#include "base/fs.h"
#include "base/map.h"

#include <dirent.h>
#include <errno.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    EVENTS = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ONLYDIR |
             IN_EXCL_UNLINK,
    MOST_FOLDERS = 100000
};

/* A watched folder, by the number that the kernel gave it. */
typedef struct folder {
    int number;
    char *path; /* owned */
    bool deep;
} folder;

struct lt_folder_watch {
    lt_folder_watch_options options;
    int fd;
    LT_VEC(folder) folders;
};

lt_status lt_folder_watch_open(const lt_folder_watch_options *options, lt_folder_watch **out,
                               lt_err *err)
{
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0)
        return lt_fail_errno(err, errno, "cannot watch files");
    lt_folder_watch *watch = lt_xcalloc(1, sizeof(*watch));
    watch->options = *options;
    watch->fd = fd;
    *out = watch;
    return LT_OK;
}

void lt_folder_watch_close(lt_folder_watch *watch)
{
    if (!watch)
        return;
    for (size_t i = 0; i < watch->folders.len; i++)
        lt_free(watch->folders.items[i].path);
    lt_vec_free(&watch->folders);
    lt_fd_close(watch->fd);
    lt_free(watch);
}

int lt_folder_watch_fd(const lt_folder_watch *watch)
{
    return watch->fd;
}

static folder *find(lt_folder_watch *watch, int number)
{
    for (size_t i = 0; i < watch->folders.len; i++)
        if (watch->folders.items[i].number == number)
            return &watch->folders.items[i];
    return NULL;
}

static bool enters(const lt_folder_watch *watch, const char *path, const char *name)
{
    if (watch->options.enters)
        return watch->options.enters(watch->options.user, path, name);
    return name[0] != '.';
}

/* What is gone by now, or was never a folder, is no error. *added: it is new here (a link may lead to one that is known). */
static lt_status add_one(lt_folder_watch *watch, const char *path, bool deep, bool *added,
                         lt_err *err)
{
    *added = false;
    if (watch->folders.len == MOST_FOLDERS)
        return lt_fail(err, LT_TOO_BIG, "more than %d folders are to be watched", MOST_FOLDERS);
    int number = inotify_add_watch(watch->fd, path, EVENTS);
    if (number < 0 && (errno == ENOSPC || errno == ENOMEM)) {
        lt_ignore(
            lt_fail(err, LT_TOO_BIG, "'%s': the machine allows no more watched folders", path));
        return lt_hint(err, "raise fs.inotify.max_user_watches with sysctl");
    }
    if (number < 0)
        return LT_OK;
    folder *known = find(watch, number);
    if (known) {
        *added = deep && !known->deep;
        known->deep |= deep;
        return LT_OK;
    }
    folder made = {.number = number, .path = lt_xstrdup(path), .deep = deep};
    lt_push(&watch->folders, made);
    *added = true;
    return LT_OK;
}

static bool is_folder(const char *path)
{
    struct stat look;
    return stat(path, &look) == 0 && S_ISDIR(look.st_mode);
}

/* Folders below, each put at the end of the list that `at` walks. */
static lt_status add_below(lt_folder_watch *watch, const char *path, lt_err *err)
{
    DIR *open = opendir(path);
    lt_status status = LT_OK;
    for (const struct dirent *entry; open && status == LT_OK && (entry = readdir(open));) {
        bool added, dots = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (dots ||
            (entry->d_type != DT_DIR && entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN))
            continue;
        LT_AUTO(lt_chars) below = lt_path_join(path, entry->d_name);
        if (enters(watch, below, entry->d_name) && is_folder(below))
            status = add_one(watch, below, true, &added, err);
    }
    if (open)
        (void)closedir(open);
    return status;
}

lt_status lt_folder_watch_add(lt_folder_watch *watch, const char *path, bool deep, lt_err *err)
{
    bool added = false;
    size_t at = watch->folders.len;
    LT_TRY(add_one(watch, path, deep, &added, err));
    if (!deep || !added)
        return LT_OK;
    LT_TRY(add_below(watch, path, err));
    for (; at < watch->folders.len; at++) {
        LT_AUTO(lt_chars) next = lt_xstrdup(watch->folders.items[at].path);
        if (strcmp(next, path) != 0)
            LT_TRY(add_below(watch, next, err));
    }
    return LT_OK;
}

static void forget(lt_folder_watch *watch, int number)
{
    folder *gone = find(watch, number);
    if (!gone)
        return;
    lt_free(gone->path);
    *gone = watch->folders.items[--watch->folders.len];
}

static bool is_own(const char *name)
{
    size_t len = strlen(name);
    return !len || (name[0] == '.' && strcmp(name, ".dbtignore") != 0) || name[0] == '#' ||
           name[len - 1] == '~';
}

static bool counts(const lt_folder_watch *watch, const char *name)
{
    return !is_own(name) &&
           (!watch->options.counts || watch->options.counts(watch->options.user, name));
}

static lt_status take_event(lt_folder_watch *watch, const struct inotify_event *event,
                            bool *changed, lt_err *err)
{
    const char *name = event->len ? event->name : "";
    if (event->mask & IN_Q_OVERFLOW) {
        *changed = true;
        return LT_OK;
    }
    if (event->mask & IN_IGNORED) {
        forget(watch, event->wd);
        return LT_OK;
    }
    const folder *home = find(watch, event->wd);
    if (!home)
        return LT_OK;
    if (!(event->mask & IN_ISDIR)) {
        *changed |= counts(watch, name); /* a file that was made by a link is never closed */
        return LT_OK;
    }
    LT_AUTO(lt_chars) path = lt_path_join(home->path, name);
    if (!home->deep || !enters(watch, path, name))
        return LT_OK;
    *changed = true;
    return event->mask & (IN_CREATE | IN_MOVED_TO) ? lt_folder_watch_add(watch, path, true, err)
                                                   : LT_OK;
}

lt_status lt_folder_watch_take(lt_folder_watch *watch, bool *changed, lt_err *err)
{
    _Alignas(struct inotify_event) char events[64 * 1024];
    *changed = false;
    for (;;) {
        ssize_t got = read(watch->fd, events, sizeof(events));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno != EAGAIN)
            return lt_fail_errno(err, errno, "cannot watch files");
        if (got <= 0)
            return LT_OK;
        for (const char *at = events; at < events + got;) {
            const struct inotify_event *event = (const void *)at;
            LT_TRY(take_event(watch, event, changed, err));
            at += sizeof(*event) + event->len;
        }
    }
}
