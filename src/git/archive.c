/* Tar files that are the same for the same files, and a reader that trusts nothing. */
#include "git/archive.h"

#include <stdio.h>

enum { BLOCK = 512, NAME_BYTES = 100, PATH_LIMIT = 4096 };

/* POSIX.1-2017, pax: "ustar Interchange Format". */
typedef struct tar_header {
    char name[NAME_BYTES];
    char mode[8], uid[8], gid[8];
    char size[12], mtime[12];
    char checksum[8];
    char kind;
    char link[NAME_BYTES];
    char magic[6], version[2];
    char owner[32], group[32], major[8], minor[8];
    char prefix[155];
    char rest[12];
} tar_header;
_Static_assert(sizeof(tar_header) == BLOCK, "a tar header is one block");

static void octal(char *field, size_t size, uint64_t value)
{
    for (size_t i = size - 1; i-- > 0; value >>= 3)
        field[i] = (char)('0' + (value & 7));
}

/* The sum of all bytes, those of the checksum counted as blanks. */
static uint64_t checksum_of(const tar_header *header)
{
    const unsigned char *bytes = (const unsigned char *)header;
    uint64_t sum = 0;
    for (size_t i = 0; i < sizeof(*header); i++) {
        bool in_field = i >= offsetof(tar_header, checksum) &&
                        i < offsetof(tar_header, checksum) + sizeof(header->checksum);
        sum += in_field ? ' ' : bytes[i];
    }
    return sum;
}

static void add_padding(lt_buf *archive, size_t len)
{
    static const char zeros[BLOCK];
    if (len % BLOCK)
        lt_buf_add(archive, lt_text_at(zeros, BLOCK - len % BLOCK));
}

static void add_header(lt_buf *archive, lt_text name, lt_text link, char kind, unsigned mode,
                       size_t size)
{
    tar_header header = {.kind = kind, .magic = "ustar", .version = {'0', '0'}};
    memcpy(header.name, name.ptr, LT_MIN(name.len, sizeof(header.name)));
    if (link.len)
        memcpy(header.link, link.ptr, LT_MIN(link.len, sizeof(header.link)));
    octal(header.mode, sizeof(header.mode), mode);
    octal(header.uid, sizeof(header.uid), 0);
    octal(header.gid, sizeof(header.gid), 0);
    octal(header.size, sizeof(header.size), size);
    octal(header.mtime, sizeof(header.mtime), 0);
    octal(header.checksum, sizeof(header.checksum) - 1, checksum_of(&header));
    header.checksum[7] = ' ';
    lt_buf_add(archive, lt_text_at((const char *)&header, sizeof(header)));
}

/* "LEN key=value\n", where LEN counts itself. */
static void add_record(lt_buf *records, const char *key, lt_text value)
{
    size_t rest = strlen(key) + value.len + 3; /* blank, '=', new line */
    size_t len = rest + 1;
    char digits[24];
    while ((size_t)snprintf(digits, sizeof(digits), "%zu", len) + rest != len)
        len++;
    lt_buf_printf(records, "%zu %s=", len, key);
    lt_buf_add(records, value);
    lt_buf_add_byte(records, '\n');
}

static void add_entry(lt_buf *archive, lt_text path, lt_text link, char kind, unsigned mode,
                      lt_text content)
{
    LT_AUTO(lt_buf) records = {0};
    if (path.len > NAME_BYTES)
        add_record(&records, "path", path);
    if (link.len > NAME_BYTES)
        add_record(&records, "linkpath", link);
    if (records.len) {
        add_header(archive, T("pax"), (lt_text){0}, 'x', 0644, records.len);
        lt_buf_add(archive, lt_buf_text(&records));
        add_padding(archive, records.len);
    }
    add_header(archive, path, link, kind, mode, content.len);
    lt_buf_add(archive, content);
    add_padding(archive, content.len);
}

void lt_archive_add_file(lt_buf *archive, lt_text path, lt_text content, bool is_program)
{
    add_entry(archive, path, (lt_text){0}, '0', is_program ? 0755 : 0644, content);
}

void lt_archive_add_link(lt_buf *archive, lt_text path, lt_text target)
{
    add_entry(archive, path, target, '2', 0777, (lt_text){0});
}

void lt_archive_end(lt_buf *archive)
{
    static const char zeros[2 * BLOCK];
    lt_buf_add(archive, lt_text_at(zeros, sizeof(zeros)));
}

/* ---- what is safe ---- */

bool lt_archive_path_is_safe(lt_text path)
{
    lt_text part;
    if (!path.len || path.len > PATH_LIMIT || memchr(path.ptr, 0, path.len))
        return false;
    while (lt_text_cut(&path, '/', &part))
        if (!part.len || lt_text_eq(part, T(".")) || lt_text_eq(part, T("..")) ||
            lt_text_eq_nocase(part, T(".git")))
            return false;
    return true;
}

static size_t depth_of(lt_text path)
{
    size_t depth = 0;
    for (size_t i = 0; i < path.len; i++)
        depth += path.ptr[i] == '/';
    return depth;
}

bool lt_archive_link_is_safe(lt_text path, lt_text target)
{
    size_t up = 0;
    bool went_down = false;
    lt_text part;
    if (!target.len || target.len > PATH_LIMIT || memchr(target.ptr, 0, target.len) ||
        target.ptr[0] == '/')
        return false;
    while (lt_text_cut(&target, '/', &part)) {
        bool is_up = lt_text_eq(part, T(".."));
        if (is_up && went_down)
            return false; /* where it leads depends on other links */
        up += is_up;
        went_down = went_down || (!is_up && part.len && !lt_text_eq(part, T(".")));
    }
    return up <= depth_of(path);
}

/* ---- reading ---- */

static lt_status damaged(const lt_archive_reader *reader, const char *why, lt_err *err)
{
    return lt_fail(err, LT_INVALID, "the archive is damaged at byte %zu: %s", reader->at, why);
}

static bool read_octal(const char *field, size_t size, uint64_t *value)
{
    uint64_t number = 0;
    size_t i = 0;
    while (i < size && field[i] >= '0' && field[i] <= '7')
        number = number << 3 | (uint64_t)(field[i++] - '0');
    *value = number;
    return i > 0 && (i == size || field[i] == '\0' || field[i] == ' ');
}

static lt_text field_text(const char *field, size_t size)
{
    return lt_text_at(field, strnlen(field, size));
}

/* The header at the reader's place and the content behind it; steps over both. */
static lt_status read_block(lt_archive_reader *reader, const tar_header **header, lt_text *content,
                            lt_err *err)
{
    lt_text rest = lt_text_sub(reader->archive, reader->at, SIZE_MAX);
    uint64_t size, sum;
    if (rest.len < BLOCK)
        return damaged(reader, "it ends too early", err);
    const tar_header *found = (const tar_header *)(const void *)rest.ptr; /* all fields are bytes */
    if (memcmp(found->magic, "ustar", 6) != 0 ||
        !read_octal(found->checksum, sizeof(found->checksum), &sum) || sum != checksum_of(found) ||
        !read_octal(found->size, sizeof(found->size), &size))
        return damaged(reader, "no entry begins there", err);
    size_t padded = size <= rest.len ? ((size_t)size + BLOCK - 1) / BLOCK * BLOCK : SIZE_MAX;
    if (padded > rest.len - BLOCK)
        return damaged(reader, "an entry is longer than the archive", err);
    *header = found;
    *content = lt_text_sub(rest, BLOCK, (size_t)size);
    reader->at += BLOCK + padded;
    return LT_OK;
}

/* The value of `key` in pax records, or what it was. False when the records are wrong. */
static bool read_records(lt_text records, lt_text *path, lt_text *link)
{
    while (records.len) {
        lt_text rest = records, number, key;
        uint64_t len;
        if (!lt_text_cut(&rest, ' ', &number) || !lt_text_to_u64(number, &len) ||
            len > records.len || len <= number.len + 2 || records.ptr[len - 1] != '\n')
            return false;
        lt_text value = lt_text_sub(records, number.len + 1, (size_t)len - number.len - 2);
        if (!lt_text_cut(&value, '=', &key) || !value.ptr)
            return false;
        if (lt_text_eq(key, T("path")))
            *path = value;
        else if (lt_text_eq(key, T("linkpath")))
            *link = value;
        records = lt_text_sub(records, (size_t)len, SIZE_MAX);
    }
    return true;
}

lt_status lt_archive_next(lt_archive_reader *reader, lt_archive_entry *entry, bool *more,
                          lt_err *err)
{
    static const char zeros[BLOCK];
    const tar_header *header;
    lt_text content, path = {0}, link = {0};
    uint64_t mode = 0;
    if (lt_text_starts(lt_text_sub(reader->archive, reader->at, SIZE_MAX),
                       lt_text_at(zeros, BLOCK))) {
        *more = false;
        return LT_OK;
    }
    LT_TRY(read_block(reader, &header, &content, err));
    if (header->kind == 'x') {
        if (!read_records(content, &path, &link))
            return damaged(reader, "wrong pax records", err);
        LT_TRY(read_block(reader, &header, &content, err));
    }
    path = path.ptr ? path : field_text(header->name, sizeof(header->name));
    link = link.ptr ? link : field_text(header->link, sizeof(header->link));
    if (header->kind != '0' && header->kind != '2')
        return damaged(reader, "an entry is neither file nor link", err);
    if (!lt_archive_path_is_safe(path))
        return lt_fail(err, LT_INVALID, "the archive holds the unsafe path '%.*s'", LT_ARG(path));
    if (header->kind == '2' && !lt_archive_link_is_safe(path, link))
        return lt_fail(err, LT_INVALID, "in the archive the link '%.*s' leads out of it: '%.*s'",
                       LT_ARG(path), LT_ARG(link));
    *entry = (lt_archive_entry){.kind = header->kind == '2' ? LT_ENTRY_LINK : LT_ENTRY_FILE,
                                .path = path,
                                .target = link,
                                .content = content};
    entry->is_program = read_octal(header->mode, sizeof(header->mode), &mode) && (mode & 0100);
    *more = true;
    return LT_OK;
}
