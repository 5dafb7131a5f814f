/* Archives of tar: headers of 512 bytes, each followed by its content; gzip around them. */
#include "fmt/tar.h"

#include <zlib.h>

enum { BLOCK = 512 };

/* A header, as its bytes lie (POSIX.1-1988 "ustar"). */
typedef struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], time[12], sum[8], type, link[100], magic[6],
        version[2], user[32], group[32], major[8], minor[8], prefix[155], pad[12];
} header;
_Static_assert(sizeof(header) == BLOCK, "a header is one block");

/* ---- gzip ---- */

lt_status lt_gunzip(lt_text packed, lt_buf *out, lt_err *err)
{
    enum { WITH_GZIP = 16 + MAX_WBITS };
    char piece[16 * LT_KIB];
    int code = Z_OK;
    if (packed.len < 2 || packed.ptr[0] != '\x1f' || packed.ptr[1] != '\x8b') {
        lt_buf_add(out, packed);
        return lt_buf_check(out, "the archive", err);
    }
    if (packed.len > UINT32_MAX)
        return lt_fail(err, LT_TOO_BIG, "the archive is too big");
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)packed.ptr, .avail_in = (uInt)packed.len};
    if (inflateInit2(&stream, WITH_GZIP) != Z_OK)
        return lt_fail(err, LT_IO, "cannot begin to unpack");
    while (code == Z_OK && !out->overflow) {
        stream.next_out = (Bytef *)piece;
        stream.avail_out = sizeof(piece);
        code = inflate(&stream, Z_NO_FLUSH);
        lt_buf_add(out, lt_text_at(piece, sizeof(piece) - stream.avail_out));
    }
    (void)inflateEnd(&stream);
    LT_TRY(lt_buf_check(out, "the unpacked archive", err));
    if (code != Z_STREAM_END)
        return lt_fail(err, LT_INVALID, "the archive is broken: it does not unpack");
    return LT_OK;
}

/* ---- headers ---- */

static lt_text field(const char *at, size_t size)
{
    return lt_text_at(at, strnlen(at, size));
}

/* Octal digits between blanks and NULs. */
static bool read_octal(const char *at, size_t size, uint64_t *out)
{
    lt_text text = lt_text_trim(field(at, size));
    *out = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '7')
            return false;
        *out = *out * 8 + (uint64_t)(text.ptr[i] - '0');
    }
    return true;
}

/* The sum of all bytes, those of the sum itself taken as blanks. */
static bool is_sum_right(const header *h)
{
    const unsigned char *bytes = (const unsigned char *)h;
    uint64_t said, sum = 8 * ' ';
    for (size_t i = 0; i < BLOCK; i++)
        if (i < offsetof(header, sum) || i >= offsetof(header, type))
            sum += bytes[i];
    return read_octal(h->sum, sizeof(h->sum), &said) && said == sum;
}

static bool is_empty(const header *h)
{
    const char *bytes = (const char *)h;
    for (size_t i = 0; i < BLOCK; i++)
        if (bytes[i])
            return false;
    return true;
}

/* ---- names ---- */

/* "./a//b/" is "a/b"; false for what leads out, or is no name. An empty result is the folder itself. */
static bool clean_path(lt_text path, lt_buf *out)
{
    lt_text part;
    lt_buf_clear(out);
    if (lt_text_starts(path, T("/")) || memchr(path.ptr, '\0', path.len))
        return false;
    while (lt_text_cut(&path, '/', &part)) {
        if (!part.len || lt_text_eq(part, T(".")))
            continue;
        if (lt_text_eq(part, T("..")) || lt_text_find_byte(part, '\\', 0) != SIZE_MAX)
            return false;
        if (out->len)
            lt_buf_add_byte(out, '/');
        lt_buf_add(out, part);
    }
    return out->len <= LT_TAR_PATH_BYTES && !out->overflow;
}

/* "27 path=some/name\n": the value of a key in a pax header; NULL ptr when it is not there. */
static lt_text pax_value(lt_text records, lt_text key)
{
    lt_text line, found = {0};
    while (records.len) {
        int64_t len;
        size_t blank = lt_text_find_byte(records, ' ', 0);
        if (blank == SIZE_MAX || !lt_text_to_i64(lt_text_sub(records, 0, blank), &len) ||
            len <= (int64_t)blank + 1 || (uint64_t)len > records.len)
            return found;
        line = lt_text_sub(records, blank + 1, (size_t)len - blank - 2);
        if (lt_text_starts(line, key) && line.len > key.len && line.ptr[key.len] == '=')
            found = lt_text_sub(line, key.len + 1, SIZE_MAX);
        records = lt_text_sub(records, (size_t)len, SIZE_MAX);
    }
    return found;
}

/* ---- reading ---- */

typedef struct reader {
    lt_text archive;
    size_t at, count, most;
    lt_text long_name; /* of the next entry */
    lt_buf path, joined;
} reader;

static lt_text name_of(reader *r, const header *h)
{
    lt_text name = field(h->name, sizeof(h->name)), prefix = field(h->prefix, sizeof(h->prefix));
    if (r->long_name.ptr)
        return r->long_name;
    if (!prefix.len || memcmp(h->magic, "ustar\0", sizeof(h->magic)) != 0)
        return name;
    lt_buf_clear(&r->joined);
    lt_buf_printf(&r->joined, "%.*s/%.*s", LT_ARG(prefix), LT_ARG(name));
    return lt_buf_text(&r->joined);
}

static lt_status take_entry(reader *r, const header *h, lt_text content, lt_tar_take *take,
                            void *context, lt_err *err)
{
    uint64_t mode;
    lt_text name = name_of(r, h);
    lt_tar_entry entry = {.kind = h->type == '0' || h->type == '\0' || h->type == '7' ? LT_TAR_FILE
                                  : h->type == '5' ? LT_TAR_FOLDER
                                                   : LT_TAR_OTHER,
                          .content = content};
    if (entry.kind == LT_TAR_FILE && lt_text_ends(name, T("/")))
        entry.kind = LT_TAR_FOLDER; /* of old archives */
    if (!clean_path(name, &r->path))
        return lt_fail(err, LT_INVALID, "the archive has the path '%.*s', which leads out of it",
                       LT_ARG(name));
    entry.path = lt_buf_text(&r->path);
    entry.is_executable = read_octal(h->mode, sizeof(h->mode), &mode) && (mode & 0100);
    r->long_name = (lt_text){0};
    if (!entry.path.len)
        return LT_OK;
    if (r->count++ == r->most)
        return lt_fail(err, LT_TOO_BIG, "the archive has more than %zu entries", r->most);
    return take(context, &entry, err);
}

static lt_status read_entry(reader *r, lt_tar_take *take, void *context, lt_err *err)
{
    header h;
    uint64_t size;
    memcpy(&h, r->archive.ptr + r->at, BLOCK);
    r->at += BLOCK;
    if (!is_sum_right(&h) || !read_octal(h.size, sizeof(h.size), &size))
        return lt_fail(err, LT_INVALID, "this is no archive of tar, or it is broken");
    if (size > r->archive.len - r->at)
        return lt_fail(err, LT_INVALID, "the archive ends before its files do");
    lt_text content = lt_text_sub(r->archive, r->at, (size_t)size);
    size_t padded = (size_t)(size + BLOCK - 1) / BLOCK * BLOCK;
    r->at += LT_MIN(padded, r->archive.len - r->at);
    if (h.type == 'g')
        return LT_OK;
    if (h.type == 'x') {
        lt_text path = pax_value(content, T("path"));
        if (pax_value(content, T("size")).ptr)
            return lt_fail(err, LT_TOO_BIG, "the archive has a file of 8 GiB or more");
        r->long_name = path.ptr ? path : r->long_name;
        return LT_OK;
    }
    if (h.type == 'L') {
        r->long_name = field(content.ptr, content.len);
        return LT_OK;
    }
    if (h.type == 'K')
        return LT_OK;
    return take_entry(r, &h, content, take, context, err);
}

lt_status lt_tar_read(lt_text archive, size_t most, lt_tar_take *take, void *context, lt_err *err)
{
    reader r = {.archive = archive,
                .most = most,
                .path = {.limit = 64 * LT_KIB},
                .joined = {.limit = LT_KIB}};
    lt_status status =
        archive.len < BLOCK ? lt_fail(err, LT_INVALID, "this is no archive of tar") : LT_OK;
    while (status == LT_OK && r.archive.len - r.at >= BLOCK &&
           !is_empty((const header *)(const void *)(r.archive.ptr + r.at)))
        status = read_entry(&r, take, context, err);
    lt_buf_cleanup(&r.path);
    lt_buf_cleanup(&r.joined);
    return status;
}
