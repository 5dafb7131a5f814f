/* Looks for hashes that stand twice, a part of the range at a time, and puts their lines apart. */
#include "source/unique.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SLOTS = 4 * 1024 * 1024,
    VALUES_A_PASS = 2 * 1024 * 1024,
    CHUNK = 8192,
    TWINS_MAX = 4 * 1024 * 1024
};

void lt_twins_cleanup(lt_twins *twins)
{
    lt_free(twins->items);
    *twins = (lt_twins){0};
}

/* ---- finding ---- */

typedef struct pass {
    uint64_t *slots; /* 0 is free; the value 0 itself is kept apart */
    bool zero_seen;
    uint64_t number, count;
    lt_twins *twins; /* unsorted, with repeats, until the end */
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

static int by_value(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static void sort_and_thin(lt_twins *twins)
{
    size_t kept = 0;
    if (twins->len > 0)
        qsort(twins->items, twins->len, sizeof(*twins->items), by_value);
    for (size_t i = 0; i < twins->len; i++)
        if (kept == 0 || twins->items[kept - 1] != twins->items[i])
            twins->items[kept++] = twins->items[i];
    twins->len = kept;
}

static lt_status keep_twin(pass *self, uint64_t value, lt_err *err)
{
    lt_push(self->twins, value);
    if (self->twins->len < TWINS_MAX)
        return LT_OK;
    sort_and_thin(self->twins);
    if (self->twins->len < TWINS_MAX / 2)
        return LT_OK;
    lt_ignore(
        lt_fail(err, LT_TOO_BIG, "more than %d keys stand twice in one extract", TWINS_MAX / 2));
    return lt_hint(err, "is `key` really what names one record?");
}

static lt_status scan_file(pass *self, const char *path, lt_err *err)
{
    static const size_t size = CHUNK * sizeof(uint64_t);
    LT_AUTO(lt_fd) fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return lt_fail_errno(err, errno, "cannot open '%s'", path);
    uint64_t *chunk = lt_xmalloc(size);
    lt_status status = LT_OK;
    ssize_t got = 0;
    while (status == LT_OK && (got = read(fd, chunk, size)) > 0) /* whole values: regular files */
        for (size_t i = 0; i < (size_t)got / sizeof(*chunk) && status == LT_OK; i++)
            if ((chunk[i] >> 40) % self->count == self->number && insert(self, chunk[i]))
                status = keep_twin(self, chunk[i], err);
    lt_free(chunk);
    return got < 0 ? lt_fail_errno(err, errno, "cannot read '%s'", path) : status;
}

lt_status lt_twins_find(const char *const *paths, size_t count, lt_twins *twins, lt_err *err)
{
    uint64_t values = 0;
    struct stat info;
    for (size_t i = 0; i < count; i++) {
        if (stat(paths[i], &info) != 0)
            return lt_fail_errno(err, errno, "cannot look at '%s'", paths[i]);
        values += (uint64_t)info.st_size / sizeof(uint64_t);
    }
    pass self = {.count = values / VALUES_A_PASS + 1, .twins = twins};
    lt_status status = LT_OK;
    for (; status == LT_OK && self.number < self.count; self.number++) {
        self.slots = lt_xcalloc(SLOTS, sizeof(*self.slots));
        for (size_t i = 0; status == LT_OK && i < count; i++)
            status = scan_file(&self, paths[i], err);
        lt_free(self.slots);
    }
    sort_and_thin(twins);
    return status;
}

/* ---- splitting ---- */

/* Streams of one split. */
typedef struct split {
    FILE *lines, *hashes, *kept;
    FILE **parts;
    size_t part_count;
} split;

static FILE *open_stream(const char *path, const char *mode)
{
    FILE *stream = fopen(path, mode);
    if (stream)
        (void)setvbuf(stream, NULL, _IOFBF, 256 * 1024);
    return stream;
}

static bool open_split(split *self, const char *lines, const char *hashes, const char *kept,
                       const char *const *parts)
{
    self->lines = open_stream(lines, "rbe");
    self->hashes = open_stream(hashes, "rbe");
    self->kept = open_stream(kept, "wbe");
    bool ok = self->lines && self->hashes && self->kept;
    for (size_t i = 0; i < self->part_count; i++) {
        self->parts[i] = fopen(parts[i], "abe");
        ok = ok && self->parts[i];
    }
    return ok;
}

/* False if anything could not be written. */
static bool close_split(split *self)
{
    bool ok = !self->kept || fclose(self->kept) == 0;
    for (size_t i = 0; i < self->part_count; i++)
        ok = (!self->parts[i] || fclose(self->parts[i]) == 0) && ok;
    if (self->lines)
        (void)fclose(self->lines);
    if (self->hashes)
        (void)fclose(self->hashes);
    return ok;
}

/* False at a failed write, or when lines and hashes are not of the same number. */
static bool split_lines(const lt_twins *twins, split *self)
{
    char *line = NULL;
    size_t room = 0;
    uint64_t hash;
    bool ok = true;
    ssize_t len;
    while (ok && (len = getline(&line, &room, self->lines)) > 0) {
        ok = fread(&hash, sizeof(hash), 1, self->hashes) == 1;
        FILE *to = self->kept;
        if (ok && bsearch(&hash, twins->items, twins->len, sizeof(hash), by_value))
            to = self->parts[(hash >> 20) % self->part_count];
        ok = ok && fwrite(line, 1, (size_t)len, to) == (size_t)len;
    }
    free(line); /* getline's */
    return ok && !ferror(self->lines) && fgetc(self->hashes) == EOF;
}

lt_status lt_twins_split(const lt_twins *twins, const char *lines, const char *hashes,
                         const char *kept_path, const char *const *part_paths, size_t part_count,
                         lt_err *err)
{
    split self = {.part_count = part_count};
    self.parts = lt_xcalloc(part_count, sizeof(*self.parts));
    errno = 0;
    bool ok = open_split(&self, lines, hashes, kept_path, part_paths) && split_lines(twins, &self);
    int code = errno;
    ok = close_split(&self) && ok;
    lt_free(self.parts);
    return ok ? LT_OK : lt_fail_errno(err, code ? code : EIO, "cannot split '%s'", lines);
}
