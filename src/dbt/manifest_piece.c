/* Pieces of manifest.json that are as they were are copied from the file that is there: an index beside it says where they lie. */
#include "dbt/manifest_inner.h"
#include "dbt/parse_cache.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INDEX_FORMAT = 2, MOST_INDEX_BYTES = 64 << 20, MOST_PIECES = 1 << 21 };

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
    bool same = ours && look_at(p->old_fd, &look) && memcmp(&look, &head->look, sizeof(look)) == 0;
    for (size_t i = 0; same && i < head->count; i++)
        same = pieces[i].offset <= (uint64_t)look.size_bytes &&
               pieces[i].len <= (uint64_t)look.size_bytes - pieces[i].offset;
    return same;
}

static void take_old(lt_manifest_pieces *p, const index_head *head)
{
    p->old = (const void *)(head + 1);
    for (uint32_t i = 0; i < head->count; i++)
        if (p->old[i].tag < p->tags)
            p->place_of[p->old[i].tag] = i + 1;
}

static void open_old(lt_manifest_pieces *p, const char *folder)
{
    lt_err none = {0};
    LT_AUTO(lt_chars) manifest = lt_path_join(folder, "manifest.json");
    LT_AUTO(lt_chars) index = lt_path_join(folder, LT_MANIFEST_INDEX);
    p->place_of = lt_alloc_array(&p->arena, p->tags, sizeof(*p->place_of));
    p->old_fd = open(manifest, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (p->old_fd < 0 || lt_file_read(index, &p->index, &none) != LT_OK ||
        p->index.len < sizeof(index_head))
        return;
    const index_head *head = (const void *)lt_buf_text(&p->index).ptr;
    if (fits(p, head, p->index.len))
        take_old(p, head);
}

void lt_manifest_pieces_open(lt_manifest_pieces *p, const lt_dbt *dbt, const char *folder)
{
    *p = (lt_manifest_pieces){
        .stamp = dbt->cache_stamp, .tags = dbt->place_count + LT_MANIFEST_SECTIONS, .old_fd = -1};
    p->index.limit = MOST_INDEX_BYTES;
    if (p->stamp && folder)
        open_old(p, folder);
}
void lt_manifest_pieces_close(lt_manifest_pieces *p)
{
    if (p->old_fd >= 0)
        (void)close(p->old_fd);
    lt_buf_cleanup(&p->index);
    lt_vec_free(&p->fresh);
    lt_arena_cleanup(&p->arena);
}

/* ---- copying ---- */

static bool copy_range(int from, uint64_t offset, int to, uint64_t len)
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

void lt_manifest_copy(lt_manifest *m)
{
    lt_manifest_pieces *p = &m->pieces;
    if (p->copy_len && m->status == LT_OK &&
        !copy_range(p->old_fd, p->copy_from, m->fd, p->copy_len)) {
        p->failed = true;
        m->status = lt_fail(m->err, LT_IO, "cannot copy a part of the manifest");
    }
    m->written += p->copy_len;
    p->copy_len = 0;
}

/* A range that continues the one before it becomes one with it. */
static void add_copy(lt_manifest *m, const lt_manifest_piece *old)
{
    lt_manifest_pieces *p = &m->pieces;
    if (p->copy_len && p->copy_from + p->copy_len == old->offset) {
        p->copy_len += old->len;
        return;
    }
    lt_manifest_flush_all(m);
    p->copy_from = old->offset;
    p->copy_len = old->len;
}

static void note(lt_manifest *m, uint32_t tag, uint64_t digest, uint64_t offset, uint64_t len)
{
    if (!m->pieces.stamp || len > UINT32_MAX || m->pieces.fresh.len == MOST_PIECES)
        return;
    const lt_manifest_piece piece = {
        .tag = tag, .len = (uint32_t)len, .offset = offset, .digest = digest};
    lt_push(&m->pieces.fresh, piece);
}

bool lt_manifest_piece_begin(lt_manifest *m, uint32_t tag, uint64_t digest)
{
    lt_manifest_pieces *p = &m->pieces;
    p->tag = tag;
    p->digest = digest ? lt_dbt_mix(digest, lt_json_has_items(&m->w)) : 0;
    uint32_t place = p->old && digest ? p->place_of[tag] : 0;
    uint64_t now = m->written + p->copy_len + m->buf.len;
    if (place && p->old[place - 1].digest == p->digest) {
        note(m, tag, p->digest, now, p->old[place - 1].len);
        add_copy(m, &p->old[place - 1]);
        lt_json_note_item(&m->w);
        return false;
    }
    if (p->copy_len)
        lt_manifest_flush_all(m);
    p->begun = now;
    return true;
}

void lt_manifest_piece_end(lt_manifest *m)
{
    if (m->pieces.digest)
        note(m, m->pieces.tag, m->pieces.digest, m->pieces.begun,
             m->written + m->buf.len - m->pieces.begun);
}

/* ---- the new index ---- */

void lt_manifest_pieces_keep(const lt_manifest *m, const char *folder)
{
    lt_err none = {0};
    const lt_manifest_pieces *p = &m->pieces;
    LT_AUTO(lt_chars) path = lt_path_join(folder, LT_MANIFEST_INDEX);
    index_head head = {.format = INDEX_FORMAT,
                       .count = (uint32_t)p->fresh.len,
                       .stamp = p->stamp,
                       .sum = sum_of(p->fresh.items, p->fresh.len)};
    LT_AUTO(lt_buf) text = {.limit = MOST_INDEX_BYTES};
    memcpy(head.magic, "leatmfix", sizeof(head.magic));
    read_boot_id(head.boot);
    if (!p->stamp || !head.boot[0] || !look_at(m->fd, &head.look)) {
        (void)unlink(path);
        return;
    }
    lt_buf_add(&text, lt_text_at((const char *)&head, sizeof(head)));
    if (p->fresh.len)
        lt_buf_add(&text, lt_text_at((const char *)p->fresh.items,
                                     p->fresh.len * sizeof(*p->fresh.items)));
    if (text.overflow || lt_file_write(path, lt_buf_text(&text), 0644, &none) != LT_OK)
        (void)unlink(path);
}
