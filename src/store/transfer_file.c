/* One file up, one object down, one object across: whole, or in parts that can be gone on with. */
#include "base/fs.h"
#include "base/proc.h"
#include "store/checksum.h"
#include "store/digest.h"
#include "store/transfer_ops.h"
#include "store/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---------------------------------------------------------------- bodies that are counted */

typedef struct counted_body {
    lt_body body;
    lt_body *inner;
    lt_transfer *transfer;
} counted_body;

static lt_status read_counted(lt_body *body, char *out, size_t size, size_t *got, lt_err *err)
{
    counted_body *it = (counted_body *)body;
    if (lt_stop_asked())
        return lt_fail(err, LT_CANCELLED, "stopped");
    LT_TRY(it->inner->read(it->inner, out, size, got, err));
    atomic_fetch_add(&it->transfer->counts.bytes, (int64_t)*got);
    return LT_OK;
}

static lt_body *counted(counted_body *it, lt_transfer *transfer, lt_body *inner)
{
    *it = (counted_body){
        .body = {.read = read_counted, .size = inner->size}, .inner = inner, .transfer = transfer};
    return &it->body;
}

static lt_status pread_all(int fd, int64_t offset, char *out, size_t size, const char *path,
                           lt_err *err)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(fd, out + done, size - done, offset + (int64_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return lt_fail_errno(err, errno, "cannot read '%s'", path);
        if (got == 0)
            return lt_fail(err, LT_IO, "'%s' became shorter while it was read", path);
        done += (size_t)got;
    }
    return LT_OK;
}

static lt_status pwrite_all(int fd, int64_t offset, lt_text bytes, const char *path, lt_err *err)
{
    for (size_t done = 0; done < bytes.len;) {
        ssize_t got = pwrite(fd, bytes.ptr + done, bytes.len - done, offset + (int64_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return lt_fail_errno(err, errno, "cannot write '%s'", path);
        done += (size_t)got;
    }
    return LT_OK;
}

static int64_t part_bytes_for(int64_t size)
{
    int64_t least = size / (LT_PARTS - 1) + 1;
    int64_t part = (int64_t)LT_TRANSFER_PART_BYTES;
    while (part < least)
        part *= 2;
    return part;
}

static lt_status md5_of(lt_text bytes, char hex[2 * LT_MD5_BYTES + 1], lt_err *err)
{
    lt_digest digest = {0};
    lt_sums sums;
    lt_status status = lt_digest_begin(&digest, true, err);
    if (status == LT_OK)
        status = lt_digest_add(&digest, bytes, err);
    if (status == LT_OK)
        status = lt_digest_end(&digest, &sums, err);
    lt_digest_cleanup(&digest);
    if (status == LT_OK)
        (void)lt_hex_write(lt_text_at(sums.md5, LT_MD5_BYTES), hex);
    return status;
}

/* ---------------------------------------------------------------- up, in parts */

typedef struct rising {
    lt_transfer *transfer;
    const lt_end *to;
    const char *path;
    int fd;
    int64_t size, part_bytes;
    lt_upload_name upload;
    pthread_mutex_t lock; /* of what follows */
    lt_arena arena;
    lt_part_named *parts;    /* to be named at the end */
    lt_part_info *old_parts; /* number 0: not there */
    uint64_t *crcs;
    size_t count;
} rising;

static void rising_cleanup(rising *it)
{
    lt_arena_cleanup(&it->arena);
    (void)pthread_mutex_destroy(&it->lock);
}

static int64_t part_len(const rising *it, size_t i)
{
    int64_t from = (int64_t)i * it->part_bytes;
    return LT_MIN(it->part_bytes, it->size - from);
}

/* The parts that an upload of this key has; nothing when it was made with other parts. */
static lt_status take_old_parts(rising *it, lt_err *err)
{
    lt_part_list list = {.more = true};
    lt_upload_info info = {0};
    for (int32_t after = 0; list.more;) {
        list.items.len = 0;
        LT_TRY(
            lt_upload_parts(it->to->store, it->upload, after, 1000, &it->arena, &info, &list, err));
        for (size_t i = 0; i < list.items.len; i++) {
            const lt_part_info *part = &list.items.items[i];
            after = part->number;
            if ((size_t)part->number <= it->count &&
                part->size_bytes == part_len(it, (size_t)part->number - 1))
                it->old_parts[part->number - 1] = *part;
        }
        if (!list.items.len)
            break;
    }
    if (info.checksum == LT_SUM_CRC64NVME)
        return LT_OK;
    memset(it->old_parts, 0, it->count * sizeof(*it->old_parts)); /* somebody else's upload */
    it->upload.upload_id = (lt_text){0};
    return LT_OK;
}

/* The newest unfinished upload of this key. A store that cannot say has none. */
static lt_status find_upload(rising *it, lt_err *err)
{
    lt_upload_request request = {.prefix = it->to->key};
    lt_upload_list list = {0};
    int64_t newest_us = 0;
    LT_TRY(lt_upload_list_page(it->to->store, it->to->bucket, &request, &it->arena, &list, err));
    for (size_t i = 0; i < list.items.len; i++)
        if (lt_text_eq(list.items.items[i].key, it->to->key) &&
            list.items.items[i].started_at_us >= newest_us) {
            newest_us = list.items.items[i].started_at_us;
            it->upload.upload_id = list.items.items[i].upload_id;
        }
    return it->upload.upload_id.len ? take_old_parts(it, err) : LT_OK;
}

static lt_status begin_upload(rising *it, lt_err *err)
{
    lt_upload_options options = {.checksum = LT_SUM_CRC64NVME};
    it->upload = (lt_upload_name){.bucket = it->to->bucket, .key = it->to->key};
    LT_TRY(find_upload(it, err));
    if (it->upload.upload_id.len)
        return LT_OK;
    return lt_upload_create(it->to->store, it->to->bucket, it->to->key, &options, &it->arena,
                            &it->upload.upload_id, err);
}

static lt_status send_bytes(rising *it, size_t i, lt_text bytes, lt_part_info *made,
                            lt_arena *arena, lt_err *err)
{
    lt_text_body body;
    lt_part_options options = {.checksum = LT_SUM_CRC64NVME};
    return lt_upload_part(it->to->store, it->upload, (int32_t)i + 1,
                          lt_body_from_text(&body, bytes), &options, arena, made, err);
}

static lt_status crc_of(lt_text bytes, lt_sum_kind kind, uint64_t *crc, lt_err *err)
{
    lt_sum sum = {0};
    unsigned char raw[LT_SUM_BYTES];
    size_t len = 0;
    lt_status status = lt_sum_begin(&sum, kind, err);
    if (status == LT_OK)
        status = lt_sum_add(&sum, bytes, err);
    if (status == LT_OK)
        status = lt_sum_end(&sum, raw, &len, err);
    lt_sum_cleanup(&sum);
    if (status == LT_OK)
        *crc = lt_crc_read(lt_text_at((const char *)raw, len));
    return status;
}

static lt_status send_part(void *context, size_t i, lt_err *err)
{
    rising *it = context;
    LT_AUTO(lt_arena) arena = {0};
    size_t len = (size_t)part_len(it, i);
    LT_AUTO(lt_chars) bytes = lt_xmalloc(len);
    lt_text part = lt_text_at(bytes, len);
    lt_part_info made = it->old_parts[i];
    char md5[2 * LT_MD5_BYTES + 1] = "";
    LT_TRY(pread_all(it->fd, (int64_t)i * it->part_bytes, bytes, len, it->path, err));
    LT_TRY(crc_of(part, LT_SUM_CRC64NVME, &it->crcs[i], err));
    if (made.number)
        LT_TRY(md5_of(part, md5, err));
    if (!made.number || !lt_text_eq(made.etag, lt_text_of(md5)))
        LT_TRY(send_bytes(it, i, part, &made, &arena, err));
    (void)pthread_mutex_lock(&it->lock);
    it->parts[i] = (lt_part_named){.number = (int32_t)i + 1,
                                   .etag = lt_arena_text(&it->arena, made.etag),
                                   .checksum = lt_arena_text(&it->arena, made.checksum.value)};
    (void)pthread_mutex_unlock(&it->lock);
    atomic_fetch_add(&it->transfer->counts.bytes, (int64_t)len);
    return LT_OK;
}

static lt_status finish_upload(rising *it, lt_err *err)
{
    unsigned char raw[LT_SUM_BYTES];
    uint64_t crc = it->crcs[0];
    lt_object_info made;
    for (size_t i = 1; i < it->count; i++)
        crc = lt_crc_combine(LT_SUM_CRC64NVME, crc, it->crcs[i], (uint64_t)part_len(it, i));
    lt_crc_write(LT_SUM_CRC64NVME, crc, raw);
    lt_text sum =
        lt_sum_text(&it->arena, lt_text_at((const char *)raw, lt_sum_size(LT_SUM_CRC64NVME)), 0);
    lt_complete_options options = {.checksum = sum, .size_bytes = it->size};
    return lt_upload_complete(it->to->store, it->upload, it->parts, it->count, &options, &it->arena,
                              &made, err);
}

static lt_status up_in_parts(lt_transfer *transfer, const char *path, int fd, int64_t size,
                             const lt_end *to, lt_err *err)
{
    LT_AUTO(rising)
    it = {.transfer = transfer,
          .to = to,
          .path = path,
          .fd = fd,
          .size = size,
          .part_bytes = part_bytes_for(size)};
    (void)pthread_mutex_init(&it.lock, NULL);
    it.count = (size_t)((size + it.part_bytes - 1) / it.part_bytes);
    it.parts = lt_alloc_array(&it.arena, it.count, sizeof(*it.parts));
    it.old_parts = lt_alloc_array(&it.arena, it.count, sizeof(*it.old_parts));
    it.crcs = lt_alloc_array(&it.arena, it.count, sizeof(*it.crcs));
    LT_TRY(begin_upload(&it, err));
    lt_status status = lt_transfer_each(lt_transfer_jobs(transfer), it.count, send_part, &it, err);
    if (status == LT_OK)
        status = finish_upload(&it, err);
    if (status != LT_OK && !err->hint[0])
        lt_ignore(
            lt_hint(err, "the parts that were sent are kept: the same command goes on there"));
    return status;
}

/* ---------------------------------------------------------------- up */

static lt_status put_fd(lt_transfer *transfer, int fd, int64_t size, const lt_end *to, lt_err *err)
{
    lt_fd_body file;
    counted_body body;
    return lt_store_put(to->store, to->bucket, to->key,
                        counted(&body, transfer, lt_body_from_fd(&file, fd, size)), NULL, NULL,
                        NULL, err);
}

lt_status lt_transfer_up(lt_transfer *transfer, const char *path, const lt_end *to, lt_err *err)
{
    struct stat info;
    if (strcmp(path, "-") == 0)
        return put_fd(transfer, STDIN_FILENO, -1, to, err);
    LT_AUTO(lt_fd) fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return lt_fail_errno(err, errno, "cannot read '%s'", path);
    if (fstat(fd, &info) != 0)
        return lt_fail_errno(err, errno, "cannot read '%s'", path);
    if (S_ISDIR(info.st_mode)) {
        lt_ignore(lt_fail(err, LT_INVALID, "'%s' is a folder", path));
        return lt_hint(err, "copy what is in it with --recursive");
    }
    if (S_ISREG(info.st_mode) && info.st_size >= LT_TRANSFER_PARTS_FROM)
        return up_in_parts(transfer, path, fd, info.st_size, to, err);
    return put_fd(transfer, fd, S_ISREG(info.st_mode) ? info.st_size : -1, to, err);
}

/* ---------------------------------------------------------------- down, in parts */

/* The file NAME.leat-part is as long as the object, and then has a table: what object it is, and a byte for each part that
 * is there. Nothing is synced on the way: after a power cut the checksum of the whole finds what is missing. */
enum { TABLE_HEAD = 256 };

typedef struct sinking {
    lt_transfer *transfer;
    lt_reading *reading; /* owned */
    const lt_object_info *info;
    const char *path;
    int fd;
    int64_t size, part_bytes;
    size_t count;
    char *there;    /* owned; of each part: 1 when it is in the file */
    uint64_t *crcs; /* owned */
    bool by_crc;
} sinking;

static void sinking_cleanup(sinking *it)
{
    lt_reading_close(it->reading);
    lt_free(it->there);
    lt_free(it->crcs);
}

static int64_t piece_len(const sinking *it, size_t i)
{
    int64_t from = (int64_t)i * it->part_bytes;
    return LT_MIN(it->part_bytes, it->size - from);
}

static void write_head(const sinking *it, char head[TABLE_HEAD])
{
    memset(head, 0, TABLE_HEAD);
    (void)snprintf(head, TABLE_HEAD, "leat-part 1 %lld %lld %.*s %.*s\n", (long long)it->size,
                   (long long)it->part_bytes, LT_ARG(it->info->etag), LT_ARG(it->info->version_id));
}

/* Go on with the file that is there, if it is of the same object. */
static lt_status open_table(sinking *it, lt_err *err)
{
    char wanted[TABLE_HEAD], found[TABLE_HEAD];
    struct stat info;
    int64_t whole = it->size + TABLE_HEAD + (int64_t)it->count;
    write_head(it, wanted);
    if (fstat(it->fd, &info) == 0 && info.st_size == whole &&
        pread_all(it->fd, it->size, found, sizeof(found), it->path, err) == LT_OK &&
        memcmp(found, wanted, sizeof(found)) == 0)
        return pread_all(it->fd, it->size + TABLE_HEAD, it->there, it->count, it->path, err);
    if (ftruncate(it->fd, 0) != 0 || ftruncate(it->fd, whole) != 0)
        return lt_fail_errno(err, errno, "cannot write '%s'", it->path);
    return pwrite_all(it->fd, it->size, lt_text_at(wanted, sizeof(wanted)), it->path, err);
}

static lt_status read_piece(const sinking *it, size_t i, char *out, size_t len, lt_err *err)
{
    int64_t offset = (int64_t)i * it->part_bytes;
    for (size_t done = 0; done < len;) {
        size_t got = 0;
        LT_TRY(lt_reading_pread(it->reading, offset + (int64_t)done, out + done, len - done, &got,
                                err));
        if (got == 0)
            return lt_fail(err, LT_IO, "the object ended early");
        done += got;
    }
    return LT_OK;
}

static lt_status fetch_piece(void *context, size_t i, lt_err *err)
{
    sinking *it = context;
    size_t len = (size_t)piece_len(it, i);
    int64_t offset = (int64_t)i * it->part_bytes;
    LT_AUTO(lt_chars) bytes = lt_xmalloc(len);
    bool old = it->there[i] == 1;
    if (old && it->by_crc)
        LT_TRY(pread_all(it->fd, offset, bytes, len, it->path, err));
    if (!old) {
        LT_TRY(read_piece(it, i, bytes, len, err));
        LT_TRY(pwrite_all(it->fd, offset, lt_text_at(bytes, len), it->path, err));
    }
    if (it->by_crc)
        LT_TRY(crc_of(lt_text_at(bytes, len), it->info->checksum.kind, &it->crcs[i], err));
    if (!old) {
        it->there[i] = 1;
        LT_TRY(pwrite_all(it->fd, it->size + TABLE_HEAD + (int64_t)i, T("\1"), it->path, err));
    }
    atomic_fetch_add(&it->transfer->counts.bytes, (int64_t)len);
    return LT_OK;
}

static lt_status damaged(const sinking *it, lt_err *err)
{
    return lt_fail(err, LT_IO, "'%.*s' is damaged: its checksum is wrong", LT_ARG(it->info->key));
}

static lt_status check_crc(const sinking *it, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_sum_kind kind = it->info->checksum.kind;
    unsigned char raw[LT_SUM_BYTES];
    uint64_t crc = it->crcs[0];
    for (size_t i = 1; i < it->count; i++)
        crc = lt_crc_combine(kind, crc, it->crcs[i], (uint64_t)piece_len(it, i));
    lt_crc_write(kind, crc, raw);
    lt_text sum = lt_sum_text(&arena, lt_text_at((const char *)raw, lt_sum_size(kind)), 0);
    return lt_text_eq(sum, it->info->checksum.value) ? LT_OK : damaged(it, err);
}

/* By the SHA-256 that is known, or by the ETag; an object that has neither has been checked by TCP and TLS alone. */
static lt_status check_digest(const sinking *it, lt_err *err)
{
    lt_digest digest = {0};
    lt_sums sums;
    char sha256[2 * LT_SHA256_BYTES + 1], md5[2 * LT_MD5_BYTES + 1], raw[LT_MD5_BYTES];
    bool by_md5 = !it->info->sha256.len;
    if (by_md5 && (it->info->is_sealed || !lt_hex_read(it->info->etag, raw, sizeof(raw))))
        return LT_OK;
    LT_AUTO(lt_chars) bytes = lt_xmalloc(LT_MIB);
    lt_status status = lt_digest_begin(&digest, by_md5, err);
    for (int64_t at = 0; status == LT_OK && at < it->size; at += (int64_t)LT_MIB) {
        size_t len = (size_t)LT_MIN((int64_t)LT_MIB, it->size - at);
        status = pread_all(it->fd, at, bytes, len, it->path, err);
        if (status == LT_OK)
            status = lt_digest_add(&digest, lt_text_at(bytes, len), err);
    }
    if (status == LT_OK)
        status = lt_digest_end(&digest, &sums, err);
    lt_digest_cleanup(&digest);
    LT_TRY(status);
    (void)lt_hex_write(lt_text_at(sums.sha256, LT_SHA256_BYTES), sha256);
    if (by_md5)
        (void)lt_hex_write(lt_text_at(sums.md5, LT_MD5_BYTES), md5);
    bool good = by_md5 ? lt_text_eq(lt_text_of(md5), it->info->etag)
                       : lt_text_eq(lt_text_of(sha256), it->info->sha256);
    return good ? LT_OK : damaged(it, err);
}

static lt_status down_in_parts(lt_transfer *transfer, lt_reading **reading,
                               const lt_object_info *info, const char *path, lt_err *err)
{
    LT_AUTO(lt_chars) temp = lt_format("%s.leat-part", path);
    LT_AUTO(lt_fd) fd = open(temp, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return lt_fail_errno(err, errno, "cannot create '%s'", temp);
    LT_AUTO(sinking)
    it = {.transfer = transfer,
          .reading = LT_TAKE(*reading),
          .info = info,
          .path = temp,
          .fd = fd,
          .size = info->size_bytes,
          .part_bytes = part_bytes_for(info->size_bytes),
          .by_crc = lt_sum_is_crc(info->checksum.kind) && !info->checksum.composite &&
                    info->checksum.value.len};
    it.count = (size_t)((it.size + it.part_bytes - 1) / it.part_bytes);
    it.there = lt_xcalloc(it.count, 1);
    it.crcs = lt_xcalloc(it.count, sizeof(*it.crcs));
    LT_TRY(open_table(&it, err));
    lt_status status =
        lt_transfer_each(lt_transfer_jobs(transfer), it.count, fetch_piece, &it, err);
    if (status != LT_OK) {
        if (!err->hint[0])
            lt_ignore(
                lt_hint(err, "what has come is in '%s': the same command goes on there", temp));
        return status;
    }
    status = it.by_crc ? check_crc(&it, err) : check_digest(&it, err);
    if (status != LT_OK) {
        (void)unlink(temp);
        return status;
    }
    if (ftruncate(fd, it.size) != 0 || rename(temp, path) != 0)
        return lt_fail_errno(err, errno, "cannot write '%s'", path);
    return LT_OK;
}

/* ---------------------------------------------------------------- down */

static lt_status get_fd(lt_transfer *transfer, const lt_end *from, int64_t size, int fd,
                        lt_err *err)
{
    LT_TRY(lt_store_get_to_fd(from->store, from->bucket, from->key, from->version_id, fd, err));
    atomic_fetch_add(&transfer->counts.bytes, size);
    return LT_OK;
}

static lt_status down_whole(lt_transfer *transfer, const lt_end *from, int64_t size,
                            const char *path, lt_err *err)
{
    LT_AUTO(lt_chars) temp = lt_format("%s.%08x.tmp", path, arc4random());
    LT_AUTO(lt_fd) fd = open(temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0)
        return lt_fail_errno(err, errno, "cannot create '%s'", path);
    lt_status status = get_fd(transfer, from, size, fd, err);
    if (status == LT_OK && rename(temp, path) != 0)
        status = lt_fail_errno(err, errno, "cannot write '%s'", path);
    if (status != LT_OK)
        (void)unlink(temp);
    return status;
}

lt_status lt_transfer_down(lt_transfer *transfer, const lt_end *from, const char *path, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_reading_ref) reading = NULL;
    lt_object_info info = {0};
    lt_object_name name = {from->bucket, from->key, from->version_id};
    if (strcmp(path, "-") == 0)
        return get_fd(transfer, from, 0, STDOUT_FILENO, err);
    LT_TRY(
        lt_store_head(from->store, from->bucket, from->key, from->version_id, &arena, &info, err));
    if (info.size_bytes < LT_TRANSFER_PARTS_FROM)
        return down_whole(transfer, from, info.size_bytes, path, err);
    LT_TRY(lt_reading_open(from->store, name, 0, &arena, &info, &reading, err));
    return down_in_parts(transfer, &reading, &info, path, err);
}

/* ---------------------------------------------------------------- across */

/* An open version as a body. */
typedef struct reading_body {
    lt_body body;
    lt_reading *reading;
    int64_t at;
} reading_body;

static lt_status read_version(lt_body *body, char *out, size_t size, size_t *got, lt_err *err)
{
    reading_body *it = (reading_body *)body;
    *got = 0;
    if (it->at >= lt_reading_size(it->reading))
        return LT_OK;
    LT_TRY(lt_reading_pread(it->reading, it->at, out, size, got, err));
    it->at += (int64_t)*got;
    return LT_OK;
}

lt_status lt_transfer_across(lt_transfer *transfer, const lt_end *from, const lt_end *to,
                             lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_reading_ref) reading = NULL;
    lt_object_info info = {0};
    lt_object_name name = {from->bucket, from->key, from->version_id};
    counted_body body;
    if (from->store == to->store) {
        LT_TRY(
            lt_store_copy(from->store, name, to->bucket, to->key, NULL, &arena, &info, NULL, err));
        atomic_fetch_add(&transfer->counts.bytes, info.size_bytes);
        return LT_OK;
    }
    LT_TRY(lt_reading_open(from->store, name, 0, &arena, &info, &reading, err));
    reading_body source = {.body = {.read = read_version, .size = info.size_bytes},
                           .reading = reading};
    lt_put_options options = {.meta = info.meta};
    return lt_store_put(to->store, to->bucket, to->key, counted(&body, transfer, &source.body),
                        &options, NULL, NULL, err);
}

/* ---------------------------------------------------------------- the same? */

/* The ETag of the file when it is uploaded in parts of this size: MD5 of the parts' MD5s, "-" and their number. */
static lt_status etag_of(int fd, int64_t size, int64_t part_bytes, const char *path,
                         char out[2 * LT_MD5_BYTES + 16], lt_err *err)
{
    LT_AUTO(lt_buf) all = {.limit = LT_MIB};
    LT_AUTO(lt_chars) bytes = lt_xmalloc((size_t)LT_MIN(part_bytes, LT_MAX(size, (int64_t)1)));
    char hex[2 * LT_MD5_BYTES + 1], raw[LT_MD5_BYTES];
    size_t count = 0;
    for (int64_t at = 0; at < size; at += part_bytes, count++) {
        size_t len = (size_t)LT_MIN(part_bytes, size - at);
        LT_TRY(pread_all(fd, at, bytes, len, path, err));
        LT_TRY(md5_of(lt_text_at(bytes, len), hex, err));
        if (!lt_hex_read(lt_text_of(hex), raw, sizeof(raw)))
            return lt_fail(err, LT_IO, "cannot compute a checksum");
        lt_buf_add(&all, lt_text_at(raw, sizeof(raw)));
    }
    LT_TRY(md5_of(lt_buf_text(&all), hex, err));
    (void)snprintf(out, 2 * LT_MD5_BYTES + 16, "%s-%zu", hex, count);
    return LT_OK;
}

static lt_status plain_md5(int fd, int64_t size, const char *path, char hex[2 * LT_MD5_BYTES + 1],
                           lt_err *err)
{
    lt_digest digest = {0};
    lt_sums sums;
    LT_AUTO(lt_chars) bytes = lt_xmalloc(LT_MIB);
    lt_status status = lt_digest_begin(&digest, true, err);
    for (int64_t at = 0; status == LT_OK && at < size; at += (int64_t)LT_MIB) {
        size_t len = (size_t)LT_MIN((int64_t)LT_MIB, size - at);
        status = pread_all(fd, at, bytes, len, path, err);
        if (status == LT_OK)
            status = lt_digest_add(&digest, lt_text_at(bytes, len), err);
    }
    if (status == LT_OK)
        status = lt_digest_end(&digest, &sums, err);
    lt_digest_cleanup(&digest);
    if (status == LT_OK)
        (void)lt_hex_write(lt_text_at(sums.md5, LT_MD5_BYTES), hex);
    return status;
}

lt_status lt_transfer_same(const char *path, const lt_object_info *info, bool *same, lt_err *err)
{
    static const int64_t usual[] = {5, 8, 15, 16, 32, 50, 64, 100, 128};
    char etag[2 * LT_MD5_BYTES + 16];
    struct stat file;
    int64_t parts;
    *same = false;
    LT_AUTO(lt_fd) fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &file) != 0)
        return lt_fail_errno(err, errno, "cannot read '%s'", path);
    if (file.st_size != info->size_bytes)
        return LT_OK;
    size_t dash = lt_text_find_byte(info->etag, '-', 0);
    if (dash == SIZE_MAX) {
        LT_TRY(plain_md5(fd, file.st_size, path, etag, err));
        *same = lt_text_eq(lt_text_of(etag), info->etag);
        return LT_OK;
    }
    if (!lt_text_to_i64(lt_text_sub(info->etag, dash + 1, SIZE_MAX), &parts) || parts < 1)
        return LT_OK;
    int64_t ours = part_bytes_for(file.st_size);
    for (size_t i = 0; i <= LT_COUNT(usual) && !*same; i++) {
        int64_t size = i < LT_COUNT(usual) ? usual[i] * (int64_t)LT_MIB : ours;
        if ((file.st_size + size - 1) / size != parts)
            continue;
        LT_TRY(etag_of(fd, file.st_size, size, path, etag, err));
        *same = lt_text_eq(lt_text_of(etag), info->etag);
    }
    return LT_OK;
}
