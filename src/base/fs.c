/* Files and folders. */
#include "base/fs.h"

#include "base/proc.h"
#include "base/time.h"
#include "base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { READ_CHUNK = 64 * 1024 };

/* Until there is something to read: `patience_ms` at most, -1 for ever. */
static lt_status wait_for_bytes(int fd, int patience_ms, const char *what, lt_err *err)
{
    enum { LOOK_MS = 200 }; /* whether we are to stop: a signal may come to another thread */
    struct pollfd one = {.fd = fd, .events = POLLIN};
    for (int waited_ms = 0; patience_ms < 0 || waited_ms < patience_ms; waited_ms += LOOK_MS) {
        int ready = poll(&one, 1, LOOK_MS);
        if (lt_stop_asked())
            return lt_fail(err, LT_CANCELLED, "stopped while reading '%s'", what);
        if (ready > 0)
            return LT_OK;
    }
    return lt_fail(err, LT_INVALID, "cannot read '%s': it is a pipe into which nobody writes",
                   what);
}

static lt_status read_to_end(int fd, int patience_ms, lt_buf *out, const char *what, lt_err *err)
{
    for (;;) {
        size_t limit = out->limit ? out->limit : LT_BUF_LIMIT;
        if (out->len > limit)
            return lt_fail(err, LT_TOO_BIG, "'%s' is larger than %zu bytes", what, limit);
        size_t want = LT_MIN((size_t)READ_CHUNK, limit - out->len);
        char last;
        char *room =
            want ? lt_buf_room(out, want) : &last; /* one byte more tells "full" from "too big" */
        if (patience_ms != 0)
            LT_TRY(wait_for_bytes(fd, patience_ms, what, err));
        ssize_t got = read(fd, room, want ? want : 1);
        if (got < 0 && (errno == EINTR || (errno == EAGAIN && patience_ms != 0)))
            continue;
        if (got < 0)
            return lt_fail_errno(err, errno, "cannot read '%s'", what);
        if (got == 0)
            return LT_OK;
        if (!want)
            return lt_fail(err, LT_TOO_BIG, "'%s' is larger than %zu bytes", what, limit);
        lt_buf_grown(out, (size_t)got);
    }
}

lt_status lt_fd_read(int fd, lt_buf *out, const char *what, lt_err *err)
{
    return read_to_end(fd, 0, out, what, err);
}

/* A pipe without a name, which somebody has given to us: `<(command)`, /dev/stdin. */
static bool is_given(int fd)
{
    struct statfs info;
    return fstatfs(fd, &info) == 0 && info.f_type == PIPEFS_MAGIC;
}

/* How long the file may keep us waiting for bytes; a device has no end, or does something when it is read. */
static lt_status patience_for(int fd, const struct stat *info, int *patience_ms, const char *path,
                              lt_err *err)
{
    enum { SILENCE_MS = 10000 };
    bool is_null = S_ISCHR(info->st_mode) && info->st_rdev == makedev(1, 3);
    *patience_ms = 0;
    if (S_ISREG(info->st_mode) || is_null)
        return LT_OK;
    *patience_ms = -1;
    if (S_ISFIFO(info->st_mode)) {
        *patience_ms = is_given(fd) ? -1 : SILENCE_MS;
        return LT_OK;
    }
    if (S_ISCHR(info->st_mode) && isatty(fd))
        return LT_OK;
    return lt_fail(err, LT_INVALID, "cannot read '%s': it is a %s", path,
                   S_ISDIR(info->st_mode) ? "folder" : "device");
}

/* Opening a pipe waits for who writes, so nothing waits here; but that also refuses a file on which somebody has a lease. */
static int open_to_read(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat info;
    if (fd < 0 && errno == EWOULDBLOCK && stat(path, &info) == 0 && S_ISREG(info.st_mode))
        return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    return fd;
}

lt_status lt_file_read(const char *path, lt_buf *out, lt_err *err)
{
    struct stat info;
    int patience_ms;
    LT_AUTO(lt_fd) fd = open_to_read(path);
    if (fd < 0 || fstat(fd, &info) != 0)
        return lt_fail_errno(err, errno, "cannot read '%s'", path);
    LT_TRY(patience_for(fd, &info, &patience_ms, path, err));
    size_t limit = out->limit ? out->limit : LT_BUF_LIMIT;
    if (info.st_size > 0 && (uint64_t)info.st_size + READ_CHUNK < limit - LT_MIN(out->len, limit))
        (void)lt_buf_room(out, (size_t)info.st_size + READ_CHUNK); /* at once: growing copies */
    return read_to_end(fd, patience_ms, out, path, err);
}

lt_status lt_fd_write(int fd, lt_text text, const char *what, lt_err *err)
{
    while (text.len) {
        ssize_t wrote = write(fd, text.ptr, text.len);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return lt_fail_errno(err, errno, "cannot write '%s'", what);
        text = lt_text_sub(text, (size_t)wrote, SIZE_MAX);
    }
    return LT_OK;
}

/* The other one now has the name of the fresh one, and goes. False: `path` is no file, or names cannot be exchanged here. */
static bool exchange(const char *fresh, const char *path)
{
    struct stat info;
    if (lstat(path, &info) != 0 || S_ISDIR(info.st_mode) ||
        renameat2(AT_FDCWD, fresh, AT_FDCWD, path, RENAME_EXCHANGE) != 0)
        return false;
    if (unlink(fresh) == 0)
        return true;
    (void)renameat2(AT_FDCWD, fresh, AT_FDCWD, path, RENAME_EXCHANGE);
    return false;
}

lt_status lt_file_name(const char *fresh, const char *path, lt_err *err)
{
    if (exchange(fresh, path) || rename(fresh, path) == 0)
        return LT_OK;
    return lt_fail_errno(err, errno, "cannot rename '%s'", fresh);
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return lt_xstrdup(".");
    return slash == path ? lt_xstrdup("/") : lt_xstrndup(path, (size_t)(slash - path));
}

static lt_status write_new(const char *temp, lt_text content, unsigned mode, bool durably,
                           lt_err *err)
{
    LT_AUTO(lt_fd) fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return lt_fail_errno(err, errno, "cannot create '%s'", temp);
    LT_TRY(lt_fd_write(fd, content, temp, err));
    if (durably && fdatasync(fd) != 0)
        return lt_fail_errno(err, errno, "cannot sync '%s'", temp);
    return LT_OK;
}

static lt_status replace(const char *path, lt_text content, unsigned mode, bool durably,
                         lt_err *err)
{
    LT_AUTO(lt_chars) temp = lt_format("%s.%08x.tmp", path, arc4random());
    lt_status status = write_new(temp, content, mode, durably, err);
    if (status == LT_OK && rename(temp, path) != 0)
        status = lt_fail_errno(err, errno, "cannot write '%s'", path);
    if (status != LT_OK) {
        (void)unlink(temp);
        return status;
    }
    LT_AUTO(lt_chars) folder = folder_of(path);
    return durably ? lt_folder_sync(folder, err) : LT_OK;
}

lt_status lt_file_write(const char *path, lt_text content, unsigned mode, lt_err *err)
{
    return replace(path, content, mode, false, err);
}

lt_status lt_file_write_durably(const char *path, lt_text content, unsigned mode, lt_err *err)
{
    return replace(path, content, mode, true, err);
}

static bool fd_holds(int fd, lt_text content)
{
    char piece[16 * 1024];
    for (size_t at = 0; at < content.len;) {
        ssize_t got = pread(fd, piece, sizeof(piece), (off_t)at);
        if (got <= 0 || (size_t)got > content.len - at ||
            memcmp(piece, content.ptr + at, (size_t)got) != 0)
            return false;
        at += (size_t)got;
    }
    return true;
}

static bool holds(const char *path, lt_text content)
{
    struct stat info;
    LT_AUTO(lt_fd) fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
    return fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
           (uint64_t)info.st_size == content.len && fd_holds(fd, content);
}

bool lt_path_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool lt_path_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* One folder; one that is there is fine. */
static lt_status make_one(const char *path, unsigned mode, lt_err *err)
{
    if (mkdir(path, mode) == 0)
        return LT_OK;
    int code = errno;
    if (lt_path_is_folder(path)) /* also where making one is refused: "/", a read-only disk */
        return LT_OK;
    return lt_fail_errno(err, code, "cannot create the folder '%s'", path);
}

lt_status lt_folder_make(const char *path, unsigned mode, lt_err *err)
{
    if (lt_path_is_folder(path)) /* most often: then those above it need no look */
        return LT_OK;
    LT_AUTO(lt_chars) part = lt_xstrdup(path);
    for (char *slash = part + (part[0] == '/'); (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        LT_TRY(make_one(part, mode, err));
        *slash = '/';
    }
    return make_one(part, mode, err);
}

/* A temporary file beside `path`, whose folders are made when there are none. */
static lt_status write_beside(const char *path, const char *temp, lt_text content, unsigned mode,
                              lt_err *err)
{
    lt_status status = write_new(temp, content, mode, false, err);
    if (status != LT_NOT_FOUND)
        return status;
    LT_AUTO(lt_chars) folder = folder_of(path);
    LT_TRY(lt_folder_make(folder, 0755, err));
    return write_new(temp, content, mode, false, err);
}

lt_status lt_file_update(const char *path, lt_text content, unsigned mode, lt_err *err)
{
    if (holds(path, content))
        return LT_OK;
    LT_AUTO(lt_chars) temp = lt_format("%s.%08x.tmp", path, arc4random());
    lt_status status = write_beside(path, temp, content, mode, err);
    if (status == LT_OK)
        status = lt_file_name(temp, path, err);
    if (status != LT_OK)
        (void)unlink(temp);
    return status;
}

lt_status lt_folder_sync(const char *path, lt_err *err)
{
    LT_AUTO(lt_fd) fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        return lt_fail_errno(err, errno, "cannot sync the folder '%s'", path);
    return LT_OK;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path) == 0 || errno == ENOENT ? 0 : errno;
}

lt_status lt_path_remove(const char *path, lt_err *err)
{
    struct stat info;
    if (lstat(path, &info) != 0)
        return errno == ENOENT ? LT_OK : lt_fail_errno(err, errno, "cannot remove '%s'", path);
    int code = nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    if (code != 0)
        return lt_fail_errno(err, code > 0 ? code : errno, "cannot remove '%s'", path);
    return LT_OK;
}

/* ---- copies ---- */

/* By the kernel where it can, which shares the blocks on file systems that know how. */
static lt_status copy_bytes(int from, int to, const char *what, int64_t *bytes, lt_err *err)
{
    enum { PIECE = 1 << 30, BUFFER = 256 * 1024 };
    ssize_t got;
    *bytes = 0;
    while ((got = copy_file_range(from, NULL, to, NULL, PIECE, 0)) > 0)
        *bytes += got;
    if (got == 0)
        return LT_OK;
    LT_AUTO(lt_chars) buffer = lt_xmalloc(BUFFER);
    while ((got = read(from, buffer, BUFFER)) > 0) {
        LT_TRY(lt_fd_write(to, lt_text_at(buffer, (size_t)got), what, err));
        *bytes += got;
    }
    return got == 0 ? LT_OK : lt_fail_errno(err, errno, "cannot read what becomes '%s'", what);
}

lt_status lt_file_copy(const char *from, const char *to, int64_t *bytes, lt_err *err)
{
    struct stat info;
    int64_t copied = 0;
    LT_AUTO(lt_fd) in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (in < 0 || fstat(in, &info) != 0)
        return lt_fail_errno(err, errno, "cannot open '%s'", from);
    if (!S_ISREG(info.st_mode))
        return lt_fail(err, LT_INVALID, "'%s' is no regular file", from);
    LT_AUTO(lt_fd) out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, info.st_mode & 0777);
    if (out < 0)
        return lt_fail_errno(err, errno, "cannot create '%s'", to);
    LT_TRY(copy_bytes(in, out, to, &copied, err));
    if (futimens(out, (struct timespec[]){info.st_atim, info.st_mtim}) != 0)
        return lt_fail_errno(err, errno, "cannot set the time of '%s'", to);
    if (bytes)
        *bytes = copied;
    return LT_OK;
}

bool lt_file_link_same(const char *from, const char *copy, const char *to, int64_t *bytes)
{
    struct stat now, then;
    bool same = lstat(from, &now) == 0 && lstat(copy, &then) == 0 && S_ISREG(now.st_mode) &&
                S_ISREG(then.st_mode) && now.st_size == then.st_size &&
                now.st_mtim.tv_sec == then.st_mtim.tv_sec &&
                now.st_mtim.tv_nsec == then.st_mtim.tv_nsec && link(copy, to) == 0;
    if (same && bytes)
        *bytes = now.st_size;
    return same;
}

lt_status lt_folder_make_temp(const char *prefix, char **path, lt_err *err)
{
    LT_AUTO(lt_chars) name = lt_format("%sXXXXXX", prefix);
    if (!mkdtemp(name))
        return lt_fail_errno(err, errno, "cannot create a folder '%s'", name);
    *path = LT_TAKE(name);
    return LT_OK;
}

static int by_bytes(const void *a, const void *b)
{
    char *const *left = a, *const *right = b;
    return strcmp(*left, *right);
}

typedef struct listing {
    const char *root, *suffix;
    bool follows; /* links */
    lt_path_list files, folders;
} listing;

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* A link to a folder that it stands in would be followed without end. */
static bool is_above(const listing *l, const char *folder, const struct stat *target)
{
    LT_AUTO(lt_chars) path = lt_path_join(l->root, folder);
    size_t least = strlen(l->root);
    struct stat info;
    for (;;) {
        if (stat(path, &info) == 0 && is_same_file(&info, target))
            return true;
        char *slash = strrchr(path, '/');
        if (!slash || (size_t)(slash - path) < least)
            return false;
        *slash = '\0';
    }
}

/* DT_REG, DT_DIR, or something else; some file systems do not tell unasked. */
static unsigned char type_of(const listing *l, const char *folder, int fd,
                             const struct dirent *entry)
{
    struct stat info;
    unsigned char type = entry->d_type;
    if (type == DT_UNKNOWN && fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0)
        type = (unsigned char)IFTODT(info.st_mode);
    if (type != DT_LNK || !l->follows || fstatat(fd, entry->d_name, &info, 0) != 0)
        return type;
    return S_ISDIR(info.st_mode) && is_above(l, folder, &info)
               ? DT_LNK
               : (unsigned char)IFTODT(info.st_mode);
}

/* The names in root/folder: files that fit go to `files`, folders (relative) to `folders`. */
static lt_status list_folder(listing *l, const char *folder, lt_err *err)
{
    LT_AUTO(lt_chars) path = lt_path_join(l->root, folder);
    DIR *opened = opendir(path);
    if (!opened)
        return lt_fail_errno(err, errno, "cannot read the folder '%s'", path);
    struct dirent *entry;
    while ((entry = readdir(opened))) {
        if (entry->d_name[0] == '.')
            continue;
        char *name = folder[0] ? lt_path_join(folder, entry->d_name) : lt_xstrdup(entry->d_name);
        unsigned char type = type_of(l, folder, dirfd(opened), entry);
        if (type == DT_DIR)
            lt_push(&l->folders, name);
        else if (type == DT_REG && lt_text_ends(lt_text_of(name), lt_text_of(l->suffix)))
            lt_push(&l->files, name);
        else
            lt_free(name);
    }
    (void)closedir(opened);
    return LT_OK;
}

static lt_status list_all(listing *l, size_t limit, lt_path_list *out, lt_err *err)
{
    lt_push(&l->folders, lt_xstrdup(""));
    for (size_t i = 0; i < l->folders.len; i++) {
        LT_TRY(list_folder(l, l->folders.items[i], err));
        if (l->files.len > limit || l->folders.len > limit)
            return lt_fail(err, LT_TOO_BIG, "'%s' holds more than %zu files or folders", l->root,
                           limit);
    }
    if (l->files.len)
        qsort(l->files.items, l->files.len, sizeof(*l->files.items), by_bytes);
    for (size_t i = 0; i < l->files.len; i++)
        lt_push(out, LT_TAKE(l->files.items[i]));
    return LT_OK;
}

static lt_status list_below(const char *root, const char *suffix, bool follows, size_t limit,
                            lt_path_list *out, lt_err *err)
{
    listing l = {.root = root, .suffix = suffix, .follows = follows};
    lt_status status = list_all(&l, limit, out, err);
    lt_path_list_cleanup(&l.files);
    lt_path_list_cleanup(&l.folders);
    return status;
}

lt_status lt_files_below(const char *root, const char *suffix, size_t limit, lt_path_list *out,
                         lt_err *err)
{
    return list_below(root, suffix, false, limit, out, err);
}

lt_status lt_files_linked_below(const char *root, const char *suffix, size_t limit,
                                lt_path_list *out, lt_err *err)
{
    return list_below(root, suffix, true, limit, out, err);
}

lt_status lt_folders_linked_below(const char *root, size_t limit, lt_path_list *out, lt_err *err)
{
    listing l = {.root = root, .suffix = "/", .follows = true}; /* no file's name ends so */
    lt_status status = list_all(&l, limit, out, err);
    for (size_t i = 0; i < l.folders.len && status == LT_OK; i++)
        lt_push(out, LT_TAKE(l.folders.items[i]));
    lt_path_list_cleanup(&l.files);
    lt_path_list_cleanup(&l.folders);
    return status;
}

void lt_path_list_cleanup(lt_path_list *list)
{
    for (size_t i = 0; i < list->len; i++)
        lt_free(list->items[i]);
    lt_vec_free(list);
}

char *lt_path_join(const char *folder, const char *name)
{
    if (name[0] == '/')
        return lt_xstrdup(name);
    if (!name[0])
        return lt_xstrdup(folder);
    size_t len = strlen(folder), more = strlen(name) + 1;
    bool slash = !len || folder[len - 1] != '/';
    char *made = lt_xmalloc(len + slash + more);
    memcpy(made, folder, len);
    if (slash)
        made[len] = '/';
    memcpy(made + len + slash, name, more);
    return made;
}

const char *lt_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

lt_status lt_file_lock(const char *path, int64_t wait_us, int *fd, lt_err *err)
{
    enum { FIRST_PAUSE_US = 1000, LAST_PAUSE_US = 50000 };
    LT_AUTO(lt_fd) locked = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (locked < 0)
        return lt_fail_errno(err, errno, "cannot open the lock file '%s'", path);
    int64_t until_us = lt_mono_us() + wait_us;
    for (int64_t pause_us = FIRST_PAUSE_US;;
         pause_us = LT_MIN(pause_us * 2, (int64_t)LAST_PAUSE_US)) {
        if (flock(locked, wait_us < 0 ? LOCK_EX : LOCK_EX | LOCK_NB) == 0)
            break;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return lt_fail_errno(err, errno, "cannot lock '%s'", path);
        if (wait_us >= 0 && lt_mono_us() >= until_us)
            return lt_fail(err, LT_CONFLICT, "'%s' is locked by another process", path);
        if (wait_us >= 0)
            lt_sleep_us(pause_us);
    }
    *fd = locked;
    locked = -1;
    return LT_OK;
}
