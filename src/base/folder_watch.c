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
             IN_EXCL_UNLINK | IN_DELETE_SELF | IN_MOVE_SELF,
    MOST_FOLDERS = 100000
};

/* A watched folder, by the number that the kernel gave it. */
typedef struct folder {
    int number;
    char *path; /* owned */
    bool deep, is_root;
    struct stat seen; /* of a root */
    unsigned walk;    /* the last one that has been here: links make circles */
} folder;

typedef LT_VEC(char *) paths; /* each owned */

struct lt_folder_watch {
    lt_folder_watch_options options;
    int fd;
    LT_VEC(folder) folders;
    unsigned walk;
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

/* What is gone by now, or was never a folder, is no error. *walks: what lies below is to be looked at (a link may lead to one that
 * this walk knows). */
static lt_status add_one(lt_folder_watch *watch, const char *path, bool deep, bool *walks,
                         lt_err *err)
{
    *walks = false;
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
    folder *one = find(watch, number);
    if (!one) {
        folder made = {.number = number, .path = lt_xstrdup(path)};
        lt_push(&watch->folders, made);
        one = &watch->folders.items[watch->folders.len - 1];
    }
    *walks = deep && one->walk != watch->walk;
    one->deep |= deep;
    if (*walks)
        one->walk = watch->walk;
    return LT_OK;
}

static bool is_folder(const char *path)
{
    struct stat look;
    return stat(path, &look) == 0 && S_ISDIR(look.st_mode);
}

/* Folders below; those that are to be walked are put at the end. */
static lt_status add_below(lt_folder_watch *watch, const char *path, paths *walked, lt_err *err)
{
    DIR *open = opendir(path);
    lt_status status = LT_OK;
    for (const struct dirent *entry; open && status == LT_OK && (entry = readdir(open));) {
        bool walks, dots = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (dots ||
            (entry->d_type != DT_DIR && entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN))
            continue;
        LT_AUTO(lt_chars) below = lt_path_join(path, entry->d_name);
        if (!enters(watch, below, entry->d_name) || !is_folder(below))
            continue;
        status = add_one(watch, below, true, &walks, err);
        if (status == LT_OK && walks)
            lt_push(walked, LT_TAKE(below));
    }
    if (open)
        (void)closedir(open);
    return status;
}

static lt_status add(lt_folder_watch *watch, const char *path, bool deep, lt_err *err)
{
    bool walks = false;
    paths walked = {0};
    lt_status status = add_one(watch, path, deep, &walks, err);
    if (status == LT_OK && walks)
        lt_push(&walked, lt_xstrdup(path));
    for (size_t i = 0; i < walked.len && status == LT_OK; i++)
        status = add_below(watch, walked.items[i], &walked, err);
    for (size_t i = 0; i < walked.len; i++)
        lt_free(walked.items[i]);
    lt_vec_free(&walked);
    return status;
}

lt_status lt_folder_watch_add(lt_folder_watch *watch, const char *path, bool deep, lt_err *err)
{
    watch->walk++;
    LT_TRY(add(watch, path, deep, err));
    for (size_t i = 0; i < watch->folders.len; i++) {
        folder *one = &watch->folders.items[i];
        if (strcmp(one->path, path) == 0)
            one->is_root = stat(path, &one->seen) == 0;
    }
    return LT_OK;
}

/* All once more: where events were lost, or a link went that may have stood for a folder with another name. */
static lt_status add_again(lt_folder_watch *watch, lt_err *err)
{
    watch->walk++;
    for (size_t i = 0; i < watch->folders.len; i++) {
        const folder *one = &watch->folders.items[i];
        if (!one->is_root)
            continue;
        LT_AUTO(lt_chars) path = lt_xstrdup(one->path);
        LT_TRY(add(watch, path, one->deep, err));
    }
    return LT_OK;
}

static void forget(lt_folder_watch *watch, folder *gone)
{
    lt_free(gone->path);
    *gone = watch->folders.items[--watch->folders.len];
}

static bool is_at_or_below(const char *path, const char *top)
{
    size_t len = strlen(top);
    return strncmp(path, top, len) == 0 && (path[len] == '/' || !path[len]);
}

/* What had this name lies elsewhere now, if it lies anywhere: the kernel would go on to tell of it, under names that are wrong. */
static bool drop(lt_folder_watch *watch, const char *top)
{
    bool any = false;
    for (size_t i = watch->folders.len; i-- > 0;) {
        folder *one = &watch->folders.items[i];
        if (one->is_root || !is_at_or_below(one->path, top))
            continue;
        (void)inotify_rm_watch(watch->fd, one->number);
        forget(watch, one);
        any = true;
    }
    return any;
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

/* A folder, or a link to one, has come, gone, or taken the place of another. */
static lt_status take_folder(lt_folder_watch *watch, const char *path, bool has_come, bool is_link,
                             bool *changed, lt_err *err)
{
    bool dropped = drop(watch, path);
    *changed |= dropped || has_come || !is_link;
    if (dropped && is_link)
        return add_again(watch, err);
    watch->walk++;
    return has_come ? add(watch, path, true, err) : LT_OK;
}

/* Of an entry of a watched folder. A link to a folder is told of as a file. */
static lt_status take_entry(lt_folder_watch *watch, const folder *home,
                            const struct inotify_event *event, bool *changed, lt_err *err)
{
    const char *name = event->len ? event->name : "";
    bool has_come = event->mask & (IN_CREATE | IN_MOVED_TO), is_link = !(event->mask & IN_ISDIR);
    if (is_link && counts(watch, name)) {
        *changed = true; /* a file that was made by a link is never closed */
        return LT_OK;
    }
    LT_AUTO(lt_chars) path = lt_path_join(home->path, name);
    if (!home->deep || event->mask & IN_CLOSE_WRITE || !enters(watch, path, name))
        return LT_OK;
    if (is_link && has_come)
        has_come = is_folder(path);
    return take_folder(watch, path, has_come, is_link, changed, err);
}

static lt_status take_event(lt_folder_watch *watch, const struct inotify_event *event,
                            bool *changed, lt_err *err)
{
    if (event->mask & IN_Q_OVERFLOW) {
        *changed = true;
        return add_again(watch, err);
    }
    folder *home = find(watch, event->wd);
    if (!home)
        return LT_OK;
    if (event->mask & IN_IGNORED && !home->is_root)
        forget(watch, home);
    if (event->mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF))
        return LT_OK;
    return take_entry(watch, home, event, changed, err);
}

/* The kernel does not tell of a folder that is removed while it is somebody's working directory, ours for one. */
static lt_status look_at_roots(const lt_folder_watch *watch, lt_err *err)
{
    for (size_t i = 0; i < watch->folders.len; i++) {
        const folder *one = &watch->folders.items[i];
        struct stat now;
        if (one->is_root && (stat(one->path, &now) != 0 || now.st_ino != one->seen.st_ino ||
                             now.st_dev != one->seen.st_dev))
            return lt_fail(err, LT_NOT_FOUND, "'%s' was moved or removed while it was watched",
                           one->path);
    }
    return LT_OK;
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
            return look_at_roots(watch, err);
        for (const char *at = events; at < events + got;) {
            const struct inotify_event *event = (const void *)at;
            LT_TRY(take_event(watch, event, changed, err));
            at += sizeof(*event) + event->len;
        }
    }
}
