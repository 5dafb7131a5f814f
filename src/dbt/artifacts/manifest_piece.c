/* Pieces of manifest.json that are as they were are taken from the file that is there, or stay in it: an index says where they lie. */
#include "dbt/artifacts/manifest_inner.h"
#include "dbt/parse_cache/cache.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    INDEX_FORMAT = 3,
    MOST_INDEX_BYTES = 64 << 20,
    MOST_PIECES = 1 << 21,
    BLANK_EVERY = 64 << 10, /* and as much as is moved when something does not fit */
    BLANK = 1 << 10,
    MOST_MOVED = 1 << 20
};
static const uint64_t MOST_OFFSET = (UINT64_C(1) << (64 - LT_MANIFEST_BLANK_BITS)) - 1;

typedef struct index_head {
    char magic[8];
    uint32_t format, count;
    uint64_t stamp;    /* of the parse cache whose nodes these are */
    uint64_t sum;      /* of the pieces */
    lt_file_look look; /* of manifest.json */
    char boot[40];     /* after a power cut, a file may hold less than it seems to */
} index_head;

static void read_boot_id(char out[40])
{
    memset(out, 0, 40);
    LT_AUTO(lt_fd) fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, out, 39) < 36)
        memset(out, 0, 40);
}

static bool look_at(int fd, lt_file_look *out)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        return false;
    *out = (lt_file_look){
        .size_bytes = info.st_size,
        .changed_ns = info.st_mtim.tv_sec * INT64_C(1000000000) + info.st_mtim.tv_nsec,
        .status_changed_ns = info.st_ctim.tv_sec * INT64_C(1000000000) + info.st_ctim.tv_nsec,
        .inode = info.st_ino};
    return true;
}

static uint64_t sum_of(const lt_manifest_piece *pieces, size_t count)
{
    lt_parse_summing sum = {0};
    lt_parse_sum_add(&sum, lt_text_at((const char *)pieces, count * sizeof(*pieces)));
    return lt_parse_sum_end(&sum);
}

/* ---- what is there ---- */

/* The spare has got another name since its index was written, which is a change of its status. */
static bool is_same_look(const lt_file_look *a, const lt_file_look *b, bool with_status)
{
    return a->inode == b->inode && a->size_bytes == b->size_bytes &&
           a->changed_ns == b->changed_ns &&
           (!with_status || a->status_changed_ns == b->status_changed_ns);
}

/* The index fits the project and the manifest, and nothing of it lies outside of that. */
static bool fits(const lt_manifest_pieces *p, const index_head *head, size_t size)
{
    lt_file_look look = {0};
    char boot[40];
    read_boot_id(boot);
    const lt_manifest_piece *pieces = (const void *)(head + 1);
    bool ours = memcmp(head->magic, "leatmfix", sizeof(head->magic)) == 0 &&
                head->format == INDEX_FORMAT && head->count <= MOST_PIECES &&
                size == sizeof(*head) + head->count * sizeof(*pieces) && head->stamp == p->stamp &&
                boot[0] && memcmp(head->boot, boot, sizeof(boot)) == 0 &&
                head->sum == sum_of(pieces, head->count);
    bool same = ours && look_at(p->old_fd, &look) &&
                is_same_look(&look, &head->look, p->way != LT_MANIFEST_PATCHED);
    for (size_t i = 0; same && i < head->count; i++)
        same = pieces[i].offset <= (uint64_t)look.size_bytes &&
               pieces[i].blank <= pieces[i].offset &&
               pieces[i].len <= (uint64_t)look.size_bytes - pieces[i].offset;
    return same;
}

static void take_old(lt_manifest_pieces *p, const char *path)
{
    lt_err none = {0};
    p->place_of = lt_alloc_array(&p->arena, p->tags, sizeof(*p->place_of));
    if (p->old_fd < 0 || lt_file_read(path, &p->index, &none) != LT_OK ||
        p->index.len < sizeof(index_head))
        return;
    const index_head *head = (const void *)lt_buf_text(&p->index).ptr;
    if (!fits(p, head, p->index.len))
        return;
    p->old = (const void *)(head + 1);
    for (uint32_t i = 0; i < head->count; i++)
        if (p->old[i].tag < p->tags)
            p->place_of[p->old[i].tag] = i + 1;
}

lt_status lt_manifest_pieces_open(lt_manifest *m, lt_manifest_way way)
{
    lt_manifest_pieces *p = &m->pieces;
    bool patches = way == LT_MANIFEST_PATCHED;
    *p = (lt_manifest_pieces){.way = way,
                              .stamp = m->dbt->cache_stamp,
                              .tags = m->dbt->place_count + LT_MANIFEST_SECTIONS,
                              .old_fd = -1};
    p->index.limit = MOST_INDEX_BYTES;
    if (way == LT_MANIFEST_COPIED && p->stamp)
        p->old_fd = open(m->place->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    else if (patches)
        p->old_fd = m->fd;
    if (p->old_fd >= 0)
        take_old(p, patches ? m->place->spare_index : m->place->index);
    return p->old || !patches ? LT_OK
                              : lt_fail(m->err, LT_NOT_FOUND, "the spare manifest is another's");
}

void lt_manifest_pieces_close(lt_manifest_pieces *p)
{
    if (p->way != LT_MANIFEST_PATCHED)
        lt_fd_close(p->old_fd);
    lt_buf_cleanup(&p->index);
    lt_vec_free(&p->fresh);
    lt_vec_free(&p->touched);
    lt_arena_cleanup(&p->arena);
}

static void fail(lt_manifest *m, const char *what)
{
    m->pieces.failed = true;
    if (m->status == LT_OK)
        m->status = lt_fail(m->err, LT_IO, "%s", what);
}

/* ---- copying ---- */

bool lt_manifest_copy(int from, uint64_t offset, int to, uint64_t len)
{
    off_t at = (off_t)offset;
    while (len) {
        ssize_t got = copy_file_range(from, &at, to, NULL, len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        len -= (uint64_t)got;
    }
    return true;
}

static void copy_run(lt_manifest *m)
{
    lt_manifest_pieces *p = &m->pieces;
    if (m->status == LT_OK && !lt_manifest_copy(p->old_fd, p->run.offset, m->fd, p->run.len))
        fail(m, "cannot copy a part of the manifest");
    m->written += p->run.len;
}

/* ---- patching ---- */

/* `blanks` behind it, up to where the next piece lies. On its way to the disk from now on. */
static void write_patch(lt_manifest *m, uint64_t blanks)
{
    char *room = lt_buf_room(&m->buf, blanks);
    if (room && blanks) {
        memset(room, ' ', blanks);
        lt_buf_grown(&m->buf, blanks);
    }
    lt_text text = lt_buf_text(&m->buf);
    const lt_manifest_span span = {m->written, text.len};
    if (m->buf.overflow)
        fail(m, "too much of the manifest is another");
    if (!text.len) /* a span of nothing would mean all of the file */
        return;
    while (text.len && m->status == LT_OK) {
        ssize_t wrote = pwrite(m->fd, text.ptr, text.len, (off_t)m->written);
        if (wrote < 0 && errno != EINTR)
            fail(m, "cannot patch the manifest");
        m->written += wrote > 0 ? (uint64_t)wrote : 0;
        text = lt_text_sub(text, wrote > 0 ? (size_t)wrote : 0, SIZE_MAX);
    }
    (void)sync_file_range(m->fd, (off_t)span.offset, (off_t)span.len, SYNC_FILE_RANGE_WRITE);
    lt_push(&m->pieces.touched, span);
    lt_buf_clear(&m->buf);
}

/* There is no room in front of the run: it moves, and what comes behind it has more. */
static void move_run(lt_manifest *m)
{
    lt_manifest_pieces *p = &m->pieces;
    uint64_t to = m->written + m->buf.len;
    char *room = p->run.len <= MOST_MOVED ? lt_buf_room(&m->buf, p->run.len) : NULL;
    for (size_t got = 0; room && got < p->run.len;) {
        ssize_t more = pread(m->fd, room + got, p->run.len - got, (off_t)(p->run.offset + got));
        if (more <= 0 && (more == 0 || errno != EINTR))
            room = NULL;
        got += more > 0 ? (size_t)more : 0;
    }
    if (!room) {
        fail(m, "there is no room in the manifest");
        return;
    }
    lt_buf_grown(&m->buf, p->run.len);
    for (size_t i = p->run_first; i < p->fresh.len; i++)
        p->fresh.items[i].offset = (p->fresh.items[i].offset - p->run.offset + to) & MOST_OFFSET;
    p->fresh.items[p->run_first].blank = 0;
}

static void patch_run(lt_manifest *m)
{
    lt_manifest_pieces *p = &m->pieces;
    lt_manifest_piece *first = &p->fresh.items[p->run_first];
    uint64_t gap = p->run.offset - m->written;
    if (m->status != LT_OK)
        return;
    if (m->buf.len > gap) {
        move_run(m);
        return;
    }
    uint64_t blanks = gap - m->buf.len;
    if (blanks > MOST_MOVED)
        fail(m, "there is too much room in the manifest");
    else if (m->buf.len || first->blank != blanks)
        write_patch(m, blanks);
    first->blank = (unsigned)blanks & ((1u << LT_MANIFEST_BLANK_BITS) - 1);
    m->written = p->run.offset + p->run.len;
}

/* What is in place before the name is given to it: a journal that has the name has had these pages written before. */
void lt_manifest_patch_end(lt_manifest *m)
{
    enum {
        WHOLLY = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER
    };
    lt_manifest_pieces *p = &m->pieces;
    write_patch(m, 0);
    if (m->status == LT_OK && ftruncate(m->fd, (off_t)m->written) != 0)
        fail(m, "cannot patch the manifest");
    for (size_t i = 0; i < p->touched.len && m->status == LT_OK; i++) {
        const lt_manifest_span *span = &p->touched.items[i];
        if (span->len && sync_file_range(m->fd, (off_t)span->offset, (off_t)span->len, WHOLLY) != 0)
            fail(m, "cannot patch the manifest");
    }
}

/* ---- pieces, one after the other ---- */

void lt_manifest_run_end(lt_manifest *m)
{
    lt_manifest_pieces *p = &m->pieces;
    if (p->run.len && p->way == LT_MANIFEST_PATCHED)
        patch_run(m);
    else if (p->run.len)
        copy_run(m);
    p->run.len = 0;
}

/* A piece that continues the run before it becomes one with it. */
static void add_to_run(lt_manifest *m, const lt_manifest_piece *old)
{
    lt_manifest_pieces *p = &m->pieces;
    if (p->run.len && p->run.offset + p->run.len == old->offset) {
        p->run.len += old->len;
        return;
    }
    lt_manifest_flush_all(m);
    p->run = (lt_manifest_span){old->offset, old->len};
    p->run_first = p->fresh.len;
}

static void note(lt_manifest *m, uint32_t tag, uint64_t digest, uint64_t offset, uint64_t len)
{
    lt_manifest_pieces *p = &m->pieces;
    if (!p->stamp || len > UINT32_MAX || offset > MOST_OFFSET || p->fresh.len == MOST_PIECES)
        return;
    const lt_manifest_piece piece = {.tag = tag,
                                     .len = (uint32_t)len,
                                     .offset = offset & MOST_OFFSET,
                                     .blank = p->blank & ((1u << LT_MANIFEST_BLANK_BITS) - 1),
                                     .digest = digest};
    lt_push(&p->fresh, piece);
}

/* Where the file is made, room is left from time to time, and in front of what is large. */
static void leave_room(lt_manifest *m, uint32_t tag)
{
    lt_manifest_pieces *p = &m->pieces;
    uint64_t since = m->written + p->run.len + m->buf.len - p->blank_end;
    bool due = since >= BLANK_EVERY || (tag < LT_MANIFEST_SECTIONS && since >= BLANK);
    p->blank = 0;
    if (!p->stamp || p->way == LT_MANIFEST_PATCHED || (p->blank_end && !due))
        return;
    if (p->run.len)
        lt_manifest_flush_all(m);
    lt_buf_printf(&m->buf, "%*s", BLANK, "");
    p->blank = BLANK;
    p->blank_end = m->written + m->buf.len;
}

static const lt_manifest_piece *find_old(const lt_manifest *m, uint32_t tag)
{
    const lt_manifest_pieces *p = &m->pieces;
    uint32_t place = p->old ? p->place_of[tag] : 0;
    const lt_manifest_piece *old = place ? &p->old[place - 1] : NULL;
    if (!old || !p->digest || old->digest != p->digest || p->fresh.len == MOST_PIECES)
        return NULL;
    /* What is patched goes from the beginning to the end. */
    return p->way == LT_MANIFEST_PATCHED && old->offset < m->written + p->run.len ? NULL : old;
}

bool lt_manifest_piece_begin(lt_manifest *m, uint32_t tag, uint64_t digest)
{
    lt_manifest_pieces *p = &m->pieces;
    leave_room(m, tag);
    p->tag = tag;
    p->digest = digest ? lt_dbt_mix(digest, lt_json_has_items(&m->w)) : 0;
    const lt_manifest_piece *old = find_old(m, tag);
    if (old) {
        add_to_run(m, old);
        bool stays = p->way == LT_MANIFEST_PATCHED;
        p->blank = stays ? old->blank : p->blank;
        note(m, tag, p->digest,
             stays ? old->offset : m->written + m->buf.len + p->run.len - old->len, old->len);
        lt_json_note_item(&m->w);
        return false;
    }
    if (p->run.len)
        lt_manifest_flush_all(m);
    p->begun = m->written + m->buf.len;
    return true;
}

void lt_manifest_piece_end(lt_manifest *m)
{
    if (m->pieces.digest)
        note(m, m->pieces.tag, m->pieces.digest, m->pieces.begun,
             m->written + m->buf.len - m->pieces.begun);
}

/* ---- the new index ---- */

bool lt_manifest_pieces_write(const lt_manifest *m, int fd, const char *path)
{
    lt_err none = {0};
    const lt_manifest_pieces *p = &m->pieces;
    index_head head = {.format = INDEX_FORMAT,
                       .count = (uint32_t)p->fresh.len,
                       .stamp = p->stamp,
                       .sum = sum_of(p->fresh.items, p->fresh.len)};
    LT_AUTO(lt_buf) text = {.limit = MOST_INDEX_BYTES};
    memcpy(head.magic, "leatmfix", sizeof(head.magic));
    read_boot_id(head.boot);
    if (!p->stamp || !head.boot[0] || !look_at(fd, &head.look))
        return false;
    lt_buf_add(&text, lt_text_at((const char *)&head, sizeof(head)));
    if (p->fresh.len)
        lt_buf_add(&text, lt_text_at((const char *)p->fresh.items,
                                     p->fresh.len * sizeof(*p->fresh.items)));
    return !text.overflow && lt_file_write(path, lt_buf_text(&text), 0644, &none) == LT_OK;
}

void lt_manifest_pieces_keep(const lt_manifest *m)
{
    if (!lt_manifest_pieces_write(m, m->fd, m->place->index))
        (void)unlink(m->place->index);
}
