/* Looks for hashes that stand twice, a part of the range at a time. */
#include "source/unique.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SLOTS = 4 * 1024 * 1024, VALUES_A_PASS = 2 * 1024 * 1024, CHUNK = 8192 };

typedef struct pass {
    uint64_t *slots; /* 0 is free; the value 0 itself is kept apart */
    bool zero_seen;
    uint64_t number, count;
} pass;

/* True if the value was there already. */
static bool insert(pass *self, uint64_t value)
{
    if (value == 0) {
        bool seen = self->zero_seen;
        self->zero_seen = true;
        return seen;
    }
    size_t i = (size_t)(value & (SLOTS - 1));
    while (self->slots[i] != 0 && self->slots[i] != value)
        i = (i + 1) & (SLOTS - 1);
    bool seen = self->slots[i] == value;
    self->slots[i] = value;
    return seen;
}

static lt_status scan_file(pass *self, const char *path, bool *twice, lt_err *err)
{
    static const size_t size = CHUNK * sizeof(uint64_t);
    LT_AUTO(lt_fd) fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return lt_fail_errno(err, errno, "cannot open '%s'", path);
    uint64_t *chunk = lt_xmalloc(size);
    ssize_t got = 0;
    while (!*twice &&
           (got = read(fd, chunk, size)) > 0) /* whole values: regular files, sizes of 8 */
        for (size_t i = 0; i < (size_t)got / sizeof(*chunk) && !*twice; i++)
            if ((chunk[i] >> 40) % self->count == self->number)
                *twice = insert(self, chunk[i]);
    lt_free(chunk);
    return got < 0 ? lt_fail_errno(err, errno, "cannot read '%s'", path) : LT_OK;
}

lt_status lt_unique_check(const char *const *paths, size_t count, bool *twice, lt_err *err)
{
    uint64_t values = 0;
    struct stat info;
    *twice = false;
    for (size_t i = 0; i < count; i++) {
        if (stat(paths[i], &info) != 0)
            return lt_fail_errno(err, errno, "cannot look at '%s'", paths[i]);
        values += (uint64_t)info.st_size / sizeof(uint64_t);
    }
    pass self = {.count = values / VALUES_A_PASS + 1};
    lt_status status = LT_OK;
    for (; status == LT_OK && !*twice && self.number < self.count; self.number++) {
        self.slots = lt_xcalloc(SLOTS, sizeof(*self.slots));
        for (size_t i = 0; status == LT_OK && !*twice && i < count; i++)
            status = scan_file(&self, paths[i], twice, err);
        lt_free(self.slots);
    }
    return status;
}
