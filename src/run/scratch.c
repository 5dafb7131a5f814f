/* Makes scratch folders, locks each, and removes those that nobody holds any more. */
#include "run/scratch.h"

#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

/* Making and sweeping exclude one another, so that no folder is seen before it is locked. */
static lt_status lock_parent(const char *parent, int64_t wait_us, int *fd, lt_err *err)
{
    LT_AUTO(lt_chars) path = lt_path_join(parent, ".lock");
    return lt_file_lock(path, wait_us, fd, err);
}

/* -1: it is held, or is no folder. The folder itself is locked: nothing of ours lies in it. */
static int lock_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    lt_fd_close(fd);
    return -1;
}

lt_status lt_scratch_open(const char *home, const char *name, lt_scratch *out, lt_err *err)
{
    static const int64_t PATIENCE_US = 30 * 1000000;
    LT_AUTO(lt_chars) parent = lt_path_join(home, "cache/scratch");
    LT_AUTO(lt_chars) prefix = lt_format("%s/%s-", parent, name);
    LT_AUTO(lt_fd) making = -1;
    LT_TRY(lt_folder_make(parent, 0750, err));
    LT_TRY(lock_parent(parent, PATIENCE_US, &making, err));
    LT_TRY(lt_folder_make_temp(prefix, &out->folder, err));
    out->lock = lock_folder(out->folder);
    return out->lock >= 0 ? LT_OK : lt_fail_errno(err, errno, "cannot lock '%s'", out->folder);
}

void lt_scratch_drop(lt_scratch *scratch)
{
    lt_err err;
    if (scratch->folder)
        lt_ignore(lt_path_remove(scratch->folder, &err)); /* else the next sweep does it */
    lt_free(scratch->folder);
    lt_fd_close(scratch->lock);
    *scratch = (lt_scratch)LT_SCRATCH_NONE;
}

static void sweep_one(const char *folder)
{
    lt_err err;
    LT_AUTO(lt_fd) held = lock_folder(folder);
    if (held >= 0)
        lt_ignore(lt_path_remove(folder, &err));
}

void lt_scratch_sweep(const char *home)
{
    lt_err err;
    LT_AUTO(lt_fd) sweeping = -1;
    LT_AUTO(lt_chars) parent = lt_path_join(home, "cache/scratch");
    DIR *opened = opendir(parent);
    if (!opened)
        return;
    struct dirent *entry = NULL;
    if (lock_parent(parent, 0, &sweeping, &err) == LT_OK)
        while ((entry = readdir(opened))) {
            LT_AUTO(lt_chars) folder = lt_path_join(parent, entry->d_name);
            if (entry->d_name[0] != '.')
                sweep_one(folder);
        }
    (void)closedir(opened);
}
