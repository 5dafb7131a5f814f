/* Where manifest.json is written, and which file takes its name: the one before it stays as a spare that the next one is made of. */
#include "dbt/artifacts/manifest_inner.h"

#include "base/fs.h"
#include "base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_WAIT_US = 10000000, PAUSE_US = 2000 };

/* The folder itself is locked: no file more, and none that somebody could take away. */
static int lock_folder(const char *folder)
{
    int64_t until_us = lt_mono_us() + MOST_WAIT_US;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || lt_mono_us() >= until_us) {
            lt_fd_close(fd);
            return -1;
        }
        lt_sleep_us(PAUSE_US);
    }
    return fd;
}

void lt_manifest_place_open(lt_manifest_place *place, const char *folder)
{
    *place = (lt_manifest_place){.lock = lock_folder(folder)};
    place->path = lt_path_join(folder, "manifest.json");
    place->fresh = place->lock >= 0 ? lt_format("%s.new", place->path)
                                    : lt_format("%s.%08x", place->path, arc4random());
    place->index = lt_path_join(folder, "leat_manifest.index");
    place->spare = lt_path_join(folder, "leat_manifest.spare");
    place->spare_index = lt_path_join(folder, "leat_manifest.spare_index");
}

void lt_manifest_place_close(lt_manifest_place *place)
{
    lt_free(place->path);
    lt_free(place->fresh);
    lt_free(place->index);
    lt_free(place->spare);
    lt_free(place->spare_index);
    lt_fd_close(place->lock);
}

/* It was manifest.json: who opened it then may read it still, and it may have other names. The system gives the lease when no other
 * descriptor or mapping of the file is there; whoever opens it a moment later under this name sends us a signal, one that is ignored. */
static bool is_seen_by_nobody(int fd)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_nlink != 1 ||
        fcntl(fd, F_SETSIG, SIGURG) != 0 || fcntl(fd, F_SETLEASE, F_WRLCK) != 0)
        return false;
    return fcntl(fd, F_SETLEASE, F_UNLCK) == 0;
}

int lt_manifest_place_take(const lt_manifest_place *place)
{
    struct stat info;
    if (place->lock < 0 || lstat(place->spare, &info) != 0 || !S_ISREG(info.st_mode) ||
        rename(place->spare, place->fresh) != 0)
        return -1;
    int fd = open(place->fresh, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
    if (fd >= 0 && is_seen_by_nobody(fd))
        return fd;
    lt_fd_close(fd);
    (void)unlink(place->fresh);
    return -1;
}

lt_status lt_manifest_place_new(const lt_manifest_place *place, int *fd, lt_err *err)
{
    (void)unlink(place->fresh); /* a process that was killed may have left one */
    *fd = open(place->fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    return *fd >= 0 ? LT_OK : lt_fail_errno(err, errno, "cannot create '%s'", place->fresh);
}

/* A name that is free: file systems begin to write what takes the place of another, and wait for it. */
static bool rename_anew(const char *from, const char *to)
{
    (void)unlink(to);
    return rename(from, to) == 0;
}

/* The file that was manifest.json is kept, with its index. */
static bool exchange(const lt_manifest_place *place)
{
    struct stat info;
    if (lstat(place->path, &info) != 0 || !S_ISREG(info.st_mode) ||
        renameat2(AT_FDCWD, place->fresh, AT_FDCWD, place->path, RENAME_EXCHANGE) != 0)
        return false;
    if (!rename_anew(place->fresh, place->spare))
        (void)unlink(place->fresh);
    if (!rename_anew(place->index, place->spare_index))
        (void)unlink(place->spare);
    return true;
}

lt_status lt_manifest_place_name(const lt_manifest_place *place, bool keeps, lt_err *err)
{
    if (keeps && place->lock >= 0 && exchange(place))
        return LT_OK;
    return lt_file_name(place->fresh, place->path, err);
}
