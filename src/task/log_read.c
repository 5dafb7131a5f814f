/* Goes through the files of a rotated log as if they were one. */
#include "task/log_read.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PARTS = 3 };

/* The files, oldest first; those that are not there have the number 0. */
typedef struct parts {
    struct {
        uint64_t file;
        int64_t size;
    } part[PARTS];
} parts;

static char *path_of(const char *path, size_t part)
{
    static const char *const suffixes[PARTS] = {".head", ".1", ""};
    return lt_format("%s%s", path, suffixes[part]);
}

static parts look(const char *path)
{
    parts found = {0};
    for (size_t i = 0; i < PARTS; i++) {
        struct stat info;
        LT_AUTO(lt_chars) name = path_of(path, i);
        if (stat(name, &info) != 0)
            continue;
        found.part[i].file = (uint64_t)info.st_ino;
        found.part[i].size = info.st_size;
    }
    return found;
}

/* Files are renamed at any moment: what is open now must be what was looked at. */
static size_t read_part(const char *path, const parts *all, size_t part, int64_t offset, char *out,
                        size_t size)
{
    struct stat info;
    LT_AUTO(lt_chars) name = path_of(path, part);
    LT_AUTO(lt_fd) fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0 || (uint64_t)info.st_ino != all->part[part].file)
        return 0;
    ssize_t got = pread(fd, out, size, offset);
    return got > 0 ? (size_t)got : 0;
}

/* Where reading goes on: a part with bytes behind the place. PARTS: nowhere. A file that is gone, or is another by now, was rotated away: on
 * with the older half of the tail. */
static size_t next_part(const parts *all, const lt_log_place *place, int64_t *offset)
{
    size_t at = 0;
    while (at < PARTS && place->file && all->part[at].file != place->file)
        at++;
    bool is_lost = at == PARTS || (place->file && all->part[at].size < place->offset);
    *offset = is_lost || !place->file ? 0 : place->offset;
    if (is_lost)
        at = 1;
    for (; at < PARTS; at++, *offset = 0)
        if (all->part[at].file && all->part[at].size > *offset)
            return at;
    return PARTS;
}

size_t lt_log_read(const char *path, lt_log_place *place, char *out, size_t size)
{
    parts all = look(path);
    int64_t offset;
    size_t part = next_part(&all, place, &offset);
    if (part == PARTS)
        return 0;
    size_t got = read_part(path, &all, part, offset, out, size);
    if (got)
        *place = (lt_log_place){.file = all.part[part].file, .offset = offset + (int64_t)got};
    return got;
}

bool lt_log_has_more(const char *path, const lt_log_place *place)
{
    parts all = look(path);
    int64_t offset;
    return next_part(&all, place, &offset) < PARTS;
}

int64_t lt_log_size(const char *path)
{
    parts all = look(path);
    int64_t size = 0;
    for (size_t i = 0; i < PARTS; i++)
        size += all.part[i].size;
    return size;
}

int64_t lt_log_read_at(const char *path, int64_t offset, char *out, size_t size)
{
    parts all = look(path);
    for (size_t i = 0; i < PARTS; i++) {
        if (offset < all.part[i].size) {
            size_t most = LT_MIN(size, (size_t)(all.part[i].size - offset));
            size_t got = read_part(path, &all, i, offset, out, most);
            return got ? (int64_t)got : -1;
        }
        offset -= all.part[i].size;
    }
    return -1;
}
