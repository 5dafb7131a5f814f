/* Measures the local store in a folder: usage: store-bench FOLDER [KEYS [seed]]; prints one line of JSON for each figure. With KEYS: of a
 * bucket with so many of them, which are put straight into the index. With "seed" the bucket is made and left there, for a server. */
#include "base/fs.h"
#include "base/time.h"
#include "db/db.h"
#include "store/retention.h"
#include "store/store.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { SMALL = 4096, LARGE = 64 * 1024 * 1024, MOST_THREADS = 16 };

typedef struct bench {
    lt_store *store;
    int64_t until_us;
    int number, of;
    int64_t done;
    lt_status status;
    lt_err err;
} bench;

static lt_status put(lt_store *store, lt_text key, lt_text value, lt_err *err)
{
    lt_text_body body;
    return lt_store_put(store, T("bench"), key, lt_body_from_text(&body, value), NULL, NULL, NULL,
                        err);
}

static void *put_small(void *context)
{
    bench *it = context;
    LT_AUTO(lt_chars) bytes = lt_xcalloc(1, SMALL);
    while (it->status == LT_OK && lt_mono_us() < it->until_us) {
        char key[64];
        (void)snprintf(key, sizeof(key), "put-%02d-%d/%08lld", it->of, it->number,
                       (long long)it->done);
        arc4random_buf(bytes, 64);
        it->status = put(it->store, lt_text_of(key), lt_text_at(bytes, SMALL), &it->err);
        it->done++;
    }
    return NULL;
}

static void *get_small(void *context)
{
    bench *it = context;
    LT_AUTO(lt_buf) got = {.limit = SMALL};
    while (it->status == LT_OK && lt_mono_us() < it->until_us) {
        char key[64];
        (void)snprintf(key, sizeof(key), "put-01-0/%08u", arc4random_uniform(500));
        lt_buf_clear(&got);
        it->status = lt_store_get(it->store, T("bench"), lt_text_of(key), (lt_text){0}, 0, SIZE_MAX,
                                  &got, &it->err);
        it->done++;
    }
    return NULL;
}

static void *list_page(void *context)
{
    bench *it = context;
    while (it->status == LT_OK && lt_mono_us() < it->until_us) {
        LT_AUTO(lt_arena) arena = {0};
        lt_listing page = {0};
        lt_list_request request = {0};
        it->status = lt_store_list(it->store, T("bench"), &request, &arena, &page, &it->err);
        if (it->status == LT_OK && page.objects.len != 1000)
            it->status = lt_fail(&it->err, LT_IO, "a page has %zu keys", page.objects.len);
        it->done++;
    }
    return NULL;
}

/* What the process has used: on a busy machine it tells more than the clock. */
static int64_t process_us(void)
{
    struct timespec used;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec * 1000000 + used.tv_nsec / 1000;
}

static void say(const char *name, const char *unit, double value)
{
    (void)printf("{\"name\": \"%s\", \"unit\": \"%s\", \"ours\": %.1f}\n", name, unit, value);
}

static lt_status run(lt_store *store, const char *name, void *(*work)(void *), int count,
                     lt_err *err)
{
    enum { SECONDS = 3 };
    bench workers[MOST_THREADS];
    pthread_t threads[MOST_THREADS];
    int64_t start_us = lt_mono_us(), done = 0, cpu_us = process_us();
    for (int i = 0; i < count; i++) {
        workers[i] = (bench){.store = store,
                             .until_us = start_us + (int64_t)SECONDS * 1000000,
                             .number = i,
                             .of = count};
        if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
            return lt_fail(err, LT_IO, "cannot start a thread");
    }
    for (int i = 0; i < count; i++)
        (void)pthread_join(threads[i], NULL);
    for (int i = 0; i < count; i++) {
        done += workers[i].done;
        if (workers[i].status == LT_OK)
            continue;
        *err = workers[i].err;
        return err->status;
    }
    say(name, "per second", (double)done * 1e6 / (double)(lt_mono_us() - start_us));
    LT_AUTO(lt_chars) of_each = lt_format("%s: CPU of each", name);
    say(of_each, "us", (double)(process_us() - cpu_us) / (double)LT_MAX(done, 1));
    return LT_OK;
}

/* What the disk gives at best: the same bytes written and synced, and nothing else. */
static lt_status bare_write(const char *folder, const char *bytes, int64_t *took_us, lt_err *err)
{
    LT_AUTO(lt_chars) path = lt_format("%s/bare", folder);
    int64_t start_us = lt_mono_us();
    LT_AUTO(lt_fd) fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return lt_fail(err, LT_IO, "cannot create '%s'", path);
    for (size_t at = 0; at < LARGE; at += LARGE / 256)
        LT_TRY(lt_fd_write(fd, lt_text_at(bytes + at, LARGE / 256), path, err));
    if (fdatasync(fd) != 0)
        return lt_fail(err, LT_IO, "cannot sync '%s'", path);
    *took_us += lt_mono_us() - start_us;
    return LT_OK;
}

static lt_status large_object(const char *folder, lt_store *store, lt_err *err)
{
    enum { ROUNDS = 3 };
    LT_AUTO(lt_chars) bytes = lt_xcalloc(1, LARGE);
    LT_AUTO(lt_buf) got = {.limit = LARGE};
    int64_t put_us = 0, get_us = 0, bare_us = 0;
    for (int i = 0; i < ROUNDS; i++) {
        arc4random_buf(bytes, 64);
        lt_buf_clear(&got);
        LT_TRY(bare_write(folder, bytes, &bare_us, err));
        int64_t start_us = lt_mono_us();
        LT_TRY(put(store, T("large"), lt_text_at(bytes, LARGE), err));
        put_us += lt_mono_us() - start_us;
        start_us = lt_mono_us();
        LT_TRY(lt_store_get(store, T("bench"), T("large"), (lt_text){0}, 0, SIZE_MAX, &got, err));
        get_us += lt_mono_us() - start_us;
    }
    double megabytes = (double)LARGE * ROUNDS / 1e6;
    say("store: bare write and sync of 64 MiB", "MB/s", megabytes * 1e6 / (double)bare_us);
    say("store: put of 64 MiB", "MB/s", megabytes * 1e6 / (double)put_us);
    say("store: get of 64 MiB", "MB/s", megabytes * 1e6 / (double)get_us);
    return LT_OK;
}

static lt_status measure(const char *folder, lt_err *err)
{
    LT_AUTO(lt_store_ref) store = NULL;
    LT_AUTO(lt_chars) url = lt_format("local:%s", folder);
    LT_TRY(lt_store_open(url, &store, err));
    LT_TRY(lt_bucket_create(store, T("bench"), LT_UNVERSIONED, err));
    LT_TRY(run(store, "store: durable puts of 4 KiB, 1 thread", put_small, 1, err));
    LT_TRY(run(store, "store: durable puts of 4 KiB, 16 threads", put_small, 16, err));
    LT_TRY(run(store, "store: gets of 4 KiB, 1 thread", get_small, 1, err));
    LT_TRY(run(store, "store: gets of 4 KiB, 2 threads", get_small, 2, err));
    LT_TRY(run(store, "store: listings of 1,000 keys, 1 thread", list_page, 1, err));
    return large_object(folder, store, err);
}

/* ---------------------------------------------------------------- many keys */

static int64_t keys; /* in the bucket */

enum { PER_PREFIX = 1000 };

/* As if they had been put in random order: neighbours in the listing are far apart in the table. */
static lt_status seed(const char *folder, int64_t count, lt_err *err)
{
    static const char *const steps[] = {
        "DROP INDEX versions_key", "DROP INDEX versions_null", "DROP INDEX versions_live",
        "DROP INDEX versions_blob",
        "INSERT INTO buckets (id, name, versioning, created_at_us) VALUES (1, 'bench', 1, 0)",
        /* 4 KiB of zeros, under their SHA-256 and MD5 */
        ("INSERT INTO blobs (id, sha256, size_bytes, place) VALUES (1, "
         "x'ad7facb2586fc6e966c004d7d1d16b024f5805ff7cb47c7a85dabd8b48892ca7', 4096, 2)"),
        "INSERT INTO bodies VALUES (1, zeroblob(4096))"};
    static const char *const later[] = {
        ("CREATE UNIQUE INDEX versions_key ON versions (bucket_id, key, sequence DESC, is_current, "
         "blob_id, size_bytes)"),
        "CREATE UNIQUE INDEX versions_null ON versions (bucket_id, key) WHERE is_null = 1",
        ("CREATE INDEX versions_live ON versions (bucket_id, key, is_current, blob_id, nonce, "
         "is_null, etag, content_type, written_at_us, size_bytes, storage_class, sum_kind, "
         "part_count) WHERE is_current = 1 AND blob_id IS NOT NULL"),
        "CREATE INDEX versions_blob ON versions (blob_id) WHERE blob_id IS NOT NULL"};
    LT_AUTO(lt_chars) path = lt_format("%s/index.db", folder);
    LT_AUTO(lt_db_ref) db = NULL;
    LT_TRY(lt_db_open(path, &(lt_db_schema){.name = "store"}, &db, err));
    for (size_t i = 0; i < LT_COUNT(steps); i++)
        LT_TRY(lt_db_exec(db, err, steps[i]));
    for (int64_t from = 0; from < count; from += 500000)
        LT_TRY(lt_db_exec(
            db, err,
            "WITH RECURSIVE n(i) AS (VALUES(?1) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2) "
            "INSERT INTO versions (bucket_id, key, nonce, is_null, is_current, blob_id, etag, "
            "content_type, written_at_us, size_bytes) SELECT 1, printf('p%06d/k%09d', "
            "(i * 2654435761 % ?3) / 1000, i * 2654435761 % ?3), 7, 0, 1, 1, "
            "'620f0b67a91f7f74151bc5be745b7110', 'application/octet-stream', 1, 4096 FROM n",
            V(from), V(LT_MIN(from + 500000, count)), V(count)));
    for (size_t i = 0; i < LT_COUNT(later); i++)
        LT_TRY(lt_db_exec(db, err, later[i]));
    return LT_OK;
}

static void *list_many(void *context, const char *delimiter, size_t wanted)
{
    bench *it = context;
    while (it->status == LT_OK && lt_mono_us() < it->until_us) {
        LT_AUTO(lt_arena) arena = {0};
        lt_listing page = {0};
        uint32_t most = (uint32_t)LT_MAX(keys / PER_PREFIX / 2, 1);
        char after[64];
        (void)snprintf(after, sizeof(after), "p%06u/", arc4random_uniform(most));
        lt_list_request request = {.after_key = lt_text_of(after),
                                   .delimiter = lt_text_of(delimiter)};
        it->status = lt_store_list(it->store, T("bench"), &request, &arena, &page, &it->err);
        if (it->status == LT_OK && page.objects.len + page.prefixes.len < wanted)
            it->status = lt_fail(&it->err, LT_IO, "a page has %zu", page.objects.len);
        it->done++;
    }
    return NULL;
}

static void *list_at_random(void *context)
{
    return list_many(context, "", 1000);
}

static void *list_prefixes(void *context)
{
    return list_many(context, "/", LT_MIN((size_t)1000, (size_t)(keys / PER_PREFIX / 2)));
}

static void *get_at_random(void *context)
{
    bench *it = context;
    while (it->status == LT_OK && lt_mono_us() < it->until_us) {
        LT_AUTO(lt_buf) got = {.limit = SMALL};
        char key[64];
        uint32_t at = arc4random_uniform((uint32_t)keys);
        (void)snprintf(key, sizeof(key), "p%06u/k%09u", at / PER_PREFIX, at);
        it->status =
            lt_store_get(it->store, T("bench"), lt_text_of(key), T(""), 0, 10, &got, &it->err);
        it->done++;
    }
    return NULL;
}

static lt_status scan_all(lt_store *store, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_usage_report report = {0};
    int64_t start_us = lt_mono_us();
    LT_TRY(lt_store_usage(store, T("bench"), T(""), T("/"), &arena, &report, err));
    say("store: usage of all keys", "million keys per second",
        (double)report.total.objects / (double)(lt_mono_us() - start_us));
    return LT_OK;
}

static lt_status make_keys(const char *folder, int64_t count, lt_err *err)
{
    LT_TRY(lt_folder_make(folder, 0750, err));
    return seed(folder, count, err);
}

static lt_status measure_keys(const char *folder, int64_t count, lt_err *err)
{
    LT_AUTO(lt_store_ref) store = NULL;
    LT_AUTO(lt_chars) url = lt_format("local:%s", folder);
    int64_t start_us = lt_mono_us();
    keys = count;
    LT_TRY(make_keys(folder, count, err));
    LT_TRY(lt_store_open(url, &store, err));
    (void)printf("{\"name\": \"store: %lld keys\", \"unit\": \"s to make\", \"ours\": %.1f}\n",
                 (long long)count, (double)(lt_mono_us() - start_us) / 1e6);
    LT_TRY(run(store, "store: many keys, listings of 1,000", list_at_random, 1, err));
    LT_TRY(run(store, "store: many keys, listings of 1,000 prefixes", list_prefixes, 1, err));
    LT_TRY(run(store, "store: many keys, gets", get_at_random, 1, err));
    LT_TRY(run(store, "store: many keys, durable puts, 1 thread", put_small, 1, err));
    LT_TRY(run(store, "store: many keys, durable puts, 16 threads", put_small, 16, err));
    return scan_all(store, err);
}

int main(int argc, char **argv)
{
    lt_err err = {0}, removing;
    int64_t count = 0;
    bool keep = argc == 4 && strcmp(argv[3], "seed") == 0;
    if (argc < 2 || argc > (keep ? 4 : 3) || lt_path_exists(argv[1]) ||
        (argc > 2 && (!lt_text_to_i64(lt_text_of(argv[2]), &count) || count < PER_PREFIX))) {
        (void)fputs("usage: store-bench FOLDER [KEYS [seed]]   a new folder, on the disk to be "
                    "measured\n",
                    stderr);
        return 2;
    }
    lt_status status = keep    ? make_keys(argv[1], count, &err)
                       : count ? measure_keys(argv[1], count, &err)
                               : measure(argv[1], &err);
    if (status != LT_OK)
        (void)fprintf(stderr, "store-bench: %s\n", err.message);
    if (!keep)
        lt_ignore(lt_path_remove(argv[1], &removing));
    return status == LT_OK ? 0 : 3;
}
