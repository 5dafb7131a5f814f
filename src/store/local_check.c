/* Is the local store whole: every checksum, and index against blobs both ways. */
#include "store/local.h"

#include "base/time.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { THREADS = 2, PAGE = 512, PROBLEMS = 1000 };

typedef enum blob_state { BLOB_WHOLE, BLOB_DAMAGED, BLOB_MISSING } blob_state;

typedef struct blob_row {
    int64_t id, size_bytes;
    lt_blob_name name;
    bool is_file;
    blob_state state;
} blob_row;

typedef struct check {
    lt_local *self;
    bool repair;
    lt_arena *arena;
    lt_check_report *out;
    bool no_key; /* encrypted contents cannot be read: their size is all that can be looked at */
    int64_t after_id; /* of the page */
    LT_VEC(blob_row)
    page;
    _Atomic size_t next; /* of the page, for the threads */
} check;

static void add_problem(check *it, const char *text)
{
    if (it->out->problems.len < PROBLEMS)
        lt_push_in(it->arena, &it->out->problems, lt_text_of(text));
}

/* ---------------------------------------------------------------- the index itself */

/* Facts that stand in two places. */
static const struct {
    const char *sql, *what;
} doubled[] = {
    {"SELECT count(*) FROM versions v JOIN blobs b ON b.id = v.blob_id "
     "WHERE v.list_id IS NULL AND v.size_bytes <> b.size_bytes",
     "versions have another size than their contents"},
    {"SELECT count(*) FROM versions v WHERE v.list_id IS NOT NULL AND (v.part_count, v.size_bytes) "
     "<> (SELECT count(*), sum(size_bytes) FROM parts p WHERE p.list_id = v.list_id)",
     "versions are not the sum of their parts"},
    {"SELECT count(*) FROM parts p JOIN blobs b ON b.id = p.blob_id "
     "WHERE p.size_bytes <> b.size_bytes",
     "parts have another size than their contents"},
    {"SELECT count(*) FROM (SELECT 1 FROM versions GROUP BY bucket_id, key "
     "HAVING sum(is_current) <> 1 OR max(sequence) <> max(is_current * sequence))",
     "keys have not exactly their newest version as the current one"},
    {"SELECT count(DISTINCT list_id) FROM parts p WHERE NOT EXISTS (SELECT 1 FROM versions v "
     "WHERE v.list_id = p.list_id) AND NOT EXISTS (SELECT 1 FROM uploads u WHERE u.id = p.list_id)",
     "lists of parts belong to nobody"},
};

static void count_wrong(check *it, lt_tx *tx)
{
    for (size_t i = 0; i < LT_COUNT(doubled); i++) {
        LT_AUTO(lt_query) q = lt_tx_query(tx, doubled[i].sql);
        if (lt_query_next(&q) && lt_query_i64(&q, 0))
            add_problem(it, lt_arena_format(it->arena, "index: %lld %s",
                                            (long long)lt_query_i64(&q, 0), doubled[i].what));
    }
}

static lt_status do_count_sealed(lt_tx *tx, void *context, lt_err *err)
{
    int64_t *count = context;
    LT_AUTO(lt_query) q = lt_tx_query(tx, "SELECT count(*) FROM blobs WHERE seal IS NOT NULL");
    *count = lt_query_next(&q) ? lt_query_i64(&q, 0) : 0;
    return lt_tx_check(tx, err);
}

/* Without the key encrypted contents are not damaged, but nobody can say that they are whole. */
static lt_status look_for_key(check *it, lt_err *err)
{
    int64_t count = 0;
    lt_err why;
    LT_TRY(lt_db_read(it->self->db, do_count_sealed, &count, err));
    it->no_key = count > 0 && lt_local_key_need(it->self, false, &why) != LT_OK;
    if (it->no_key)
        add_problem(it,
                    lt_arena_format(it->arena, "%lld encrypted contents could not be verified: %s",
                                    (long long)count, why.message));
    return LT_OK;
}

static lt_status do_check_index(lt_tx *tx, void *context, lt_err *err)
{
    check *it = context;
    LT_AUTO(lt_query) pages = lt_tx_query(tx, "PRAGMA integrity_check");
    while (lt_query_next(&pages))
        if (!lt_text_eq(lt_query_text(&pages, 0), T("ok")))
            add_problem(
                it, lt_arena_format(it->arena, "index: %.*s", LT_ARG(lt_query_text(&pages, 0))));
    LT_AUTO(lt_query) keys = lt_tx_query(tx, "PRAGMA foreign_key_check");
    while (lt_query_next(&keys))
        add_problem(
            it, lt_arena_format(it->arena, "index: a row of %.*s refers to a missing row of %.*s",
                                LT_ARG(lt_query_text(&keys, 0)), LT_ARG(lt_query_text(&keys, 2))));
    LT_AUTO(lt_query)
    count = lt_tx_query(tx, "SELECT count(*) FROM versions WHERE blob_id IS NOT NULL");
    if (lt_query_next(&count))
        it->out->objects = lt_query_i64(&count, 0);
    count_wrong(it, tx);
    LT_AUTO(lt_query)
    lost = lt_tx_query(tx,
                       "SELECT count(*) FROM blobs b WHERE place = ? AND NOT EXISTS "
                       "(SELECT 1 FROM bodies WHERE blob_id = b.id)",
                       V(LT_PLACE_BODY));
    if (lt_query_next(&lost) && lt_query_i64(&lost, 0))
        add_problem(it, lt_arena_format(it->arena, "index: %lld contents have no body",
                                        (long long)lt_query_i64(&lost, 0)));
    return lt_tx_check(tx, err);
}

/* ---------------------------------------------------------------- contents */

typedef struct hashing {
    lt_sink sink;
    lt_digest digest;
} hashing;

static lt_status hash_part(lt_sink *sink, lt_text part, lt_err *err)
{
    hashing *it = (hashing *)sink;
    return lt_digest_add(&it->digest, part, err);
}

static bool has_right_sum(const check *it, const blob_row *row)
{
    hashing hash = {.sink.write = hash_part};
    lt_sums sums;
    lt_err err;
    bool right = lt_digest_begin(&hash.digest, false, &err) == LT_OK &&
                 lt_local_blob_read(it->self, lt_blob_name_text(&row->name), &hash.sink, "",
                                    &err) == LT_OK &&
                 lt_digest_end(&hash.digest, &sums, &err) == LT_OK &&
                 memcmp(sums.sha256, row->name.bytes, LT_SHA256_BYTES) == 0;
    lt_digest_cleanup(&hash.digest);
    return right;
}

static blob_state verify(const check *it, const blob_row *row)
{
    if (row->is_file) {
        char path[LT_BLOB_PATH_CHARS];
        struct stat info;
        lt_local_blob_path(lt_blob_name_text(&row->name), path);
        int64_t size =
            lt_blob_name_is_sealed(&row->name) ? lt_sealed_size(row->size_bytes) : row->size_bytes;
        if (fstatat(it->self->root, path, &info, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
            return BLOB_MISSING;
        if (!S_ISREG(info.st_mode) || info.st_size != size)
            return BLOB_DAMAGED;
    }
    if (it->no_key && lt_blob_name_is_sealed(&row->name))
        return BLOB_WHOLE;
    return has_right_sum(it, row) ? BLOB_WHOLE : BLOB_DAMAGED;
}

static void *verify_some(void *context)
{
    check *it = context;
    size_t i;
    while ((i = atomic_fetch_add(&it->next, 1)) < it->page.len)
        it->page.items[i].state = verify(it, &it->page.items[i]);
    return NULL;
}

static lt_status do_read_page(lt_tx *tx, void *context, lt_err *err)
{
    check *it = context;
    it->page.len = 0;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "SELECT id, size_bytes, sha256, place FROM blobs WHERE id > ? AND place <> ? "
                    "AND dead_at_us IS NULL ORDER BY id LIMIT ?",
                    V(it->after_id), V(LT_PLACE_EXPECTED), V(PAGE));
    while (lt_query_next(&q)) {
        blob_row row = {.id = lt_query_i64(&q, 0),
                        .size_bytes = lt_query_i64(&q, 1),
                        .is_file = lt_query_i64(&q, 3) == LT_PLACE_FILE};
        if (!lt_blob_name_read(lt_query_text(&q, 2), &row.name))
            return lt_fail(err, LT_IO, "'%s': content %lld has no SHA-256",
                           lt_db_path(it->self->db), (long long)row.id);
        lt_push(&it->page, row);
    }
    return lt_query_check(&q, err);
}

typedef struct victim {
    check *it;
    const blob_row *row;
} victim;

/* Name who suffers; nobody may by now, when the content was deleted while we looked. */
static lt_status do_report(lt_tx *tx, void *context, LT_UNUSED lt_err *err)
{
    const victim *found = context;
    check *it = found->it;
    bool missing = found->row->state == BLOB_MISSING;
    char path[LT_BLOB_PATH_CHARS];
    lt_local_blob_path(lt_blob_name_text(&found->row->name), path);
    LT_AUTO(lt_query)
    q = lt_tx_query(
        tx,
        "SELECT name || '/' || key FROM versions v JOIN buckets b ON b.id = v.bucket_id "
        "WHERE v.blob_id = ?1 UNION SELECT b.name || '/' || f.key FROM data_files f "
        "JOIN datasets d ON d.id = f.dataset_id JOIN buckets b ON b.id = d.bucket_id "
        "WHERE f.blob_id = ?1 UNION SELECT b.name || '/' || v.key FROM parts p "
        "JOIN versions v ON v.list_id = p.list_id JOIN buckets b ON b.id = v.bucket_id "
        "WHERE p.blob_id = ?1 UNION SELECT b.name || '/' || u.key || ' (an upload)' FROM parts p "
        "JOIN uploads u ON u.id = p.list_id AND u.finished_sequence IS NULL "
        "JOIN buckets b ON b.id = u.bucket_id WHERE p.blob_id = ?1",
        V(found->row->id));
    bool any = false;
    while (lt_query_next(&q)) {
        any = true;
        add_problem(it, lt_arena_format(it->arena, "%.*s is %s (%s)", LT_ARG(lt_query_text(&q, 0)),
                                        missing ? "missing" : "damaged",
                                        found->row->is_file ? path : "in the index"));
    }
    it->out->missing += any && missing;
    it->out->damaged += any && !missing;
    return LT_OK;
}

static lt_status check_page(check *it, lt_err *err)
{
    pthread_t threads[THREADS];
    int started = 0;
    atomic_store(&it->next, 0);
    while (started < THREADS - 1 && pthread_create(&threads[started], NULL, verify_some, it) == 0)
        started++;
    (void)verify_some(it);
    for (int i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
    for (size_t i = 0; i < it->page.len; i++) {
        const blob_row *row = &it->page.items[i];
        victim found = {.it = it, .row = row};
        it->out->blobs++;
        it->out->bytes += row->size_bytes;
        if (row->state != BLOB_WHOLE)
            LT_TRY(lt_db_read(it->self->db, do_report, &found, err));
        it->after_id = row->id;
    }
    return LT_OK;
}

static lt_status check_contents(check *it, lt_err *err)
{
    do {
        LT_TRY(lt_db_read(it->self->db, do_read_page, it, err));
        LT_TRY(check_page(it, err));
    } while (it->page.len == PAGE);
    return LT_OK;
}

/* ---------------------------------------------------------------- files that the index does not know */

typedef struct stray {
    check *it;
    const char *path;
    lt_text name;
    bool known;
} stray;

static lt_status do_ask_stray(lt_tx *tx, void *context, lt_err *err)
{
    stray *file = context;
    lt_index_blob blob;
    file->known = lt_index_blob_find(tx, file->name, &blob) && blob.place != LT_PLACE_BODY;
    return lt_tx_check(tx, err);
}

/* Under the writer's lock nobody can register the content between the look and the deed. */
static lt_status do_remove_stray(lt_tx *tx, void *context, lt_err *err)
{
    stray *file = context;
    lt_local *self = file->it->self;
    LT_TRY(do_ask_stray(tx, context, err));
    if (!file->known && self->os->unlinkat(self->root, file->path, 0) != 0 && errno != ENOENT)
        return lt_fail_errno(err, errno, "cannot remove '%s/%s'", self->folder, file->path);
    return LT_OK;
}

static lt_status look_at_file(check *it, const char *folder, const char *name, lt_err *err)
{
    char bytes[LT_BLOB_NAME_BYTES], path[LT_BLOB_PATH_CHARS];
    size_t len = strlen(name) / 2;
    LT_AUTO(lt_chars) found = lt_format("%s/%s", folder, name);
    if ((len != LT_SHA256_BYTES && len != LT_BLOB_NAME_BYTES) ||
        !lt_hex_read(lt_text_of(name), bytes, len) ||
        strcmp(found, lt_local_blob_path(lt_text_at(bytes, len), path)) != 0) {
        add_problem(it, lt_arena_format(it->arena, "%s is no file of this store", found));
        return LT_OK;
    }
    stray file = {.it = it, .path = path, .name = lt_text_at(bytes, len)};
    LT_TRY(lt_db_read(it->self->db, do_ask_stray, &file, err));
    struct stat info;
    if (file.known || fstatat(it->self->root, path, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return LT_OK;
    it->out->orphans++;
    bool is_old = (int64_t)info.st_mtime * 1000000 < lt_now_us() - it->self->grace_us;
    return it->repair && is_old ? lt_db_write(it->self->db, do_remove_stray, &file, err) : LT_OK;
}

/* Calls `each` for the names in a folder that can be opened; one that is missing has none. */
static lt_status each_name(check *it, const char *folder,
                           lt_status (*each)(check *it, const char *folder, const char *name,
                                             lt_err *err),
                           lt_err *err)
{
    int fd = openat(it->self->root, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *opened = fd < 0 ? NULL : fdopendir(fd);
    if (!opened) {
        lt_fd_close(fd);
        add_problem(it, lt_arena_format(it->arena, "%s is no readable folder", folder));
        return LT_OK;
    }
    struct dirent *entry;
    lt_status status = LT_OK;
    while (status == LT_OK && (entry = readdir(opened)))
        if (entry->d_name[0] != '.')
            status = each(it, folder, entry->d_name, err);
    (void)closedir(opened);
    return status;
}

static lt_status look_in_inner(check *it, const char *folder, const char *name, lt_err *err)
{
    LT_AUTO(lt_chars) inner = lt_format("%s/%s", folder, name);
    return each_name(it, inner, look_at_file, err);
}

static lt_status look_in_outer(check *it, const char *folder, const char *name, lt_err *err)
{
    LT_AUTO(lt_chars) outer = lt_format("%s/%s", folder, name);
    return each_name(it, outer, look_in_inner, err);
}

lt_status lt_local_check(lt_store *store, bool repair, lt_arena *arena, lt_check_report *out,
                         lt_err *err)
{
    check it = {.self = (lt_local *)store, .repair = repair, .arena = arena, .out = out};
    bool in_files = it.self->root >= 0;
    if (repair && in_files)
        LT_TRY(lt_local_collect(it.self, err));
    LT_TRY(lt_db_read(it.self->db, do_check_index, &it, err));
    LT_TRY(look_for_key(&it, err));
    lt_status status = check_contents(&it, err);
    lt_vec_free(&it.page);
    LT_TRY(status);
    return in_files ? each_name(&it, "blobs", look_in_outer, err) : LT_OK;
}
