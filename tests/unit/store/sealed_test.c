/* Encryption at rest, readings and migration of the store in a folder. */
#include "store/local.h"

#include "store/bucket.h"
#include "support/store_help.h"
#include "support/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { LARGE = 300000 };

static char *only_blob(const char *folder)
{
    lt_err err = {0};
    LT_AUTO(lt_path_list) files = {0};
    LT_AUTO(lt_chars) blobs = lt_format("%s/store/blobs", folder);
    CHECK_OK(lt_files_below(blobs, "", 100000, &files, &err), err);
    CHECK_INT(files.len, 1);
    return lt_path_join(blobs, files.items[0]);
}

/* A store with one encrypted object, `size` bytes; closed again. */
static void make_sealed(const char *folder, size_t size)
{
    lt_err err = {0};
    lt_text_body body;
    lt_put_options options = {.sealed = true};
    LT_AUTO(lt_chars) bytes = lt_test_bytes(size, 9);
    lt_test_master_key(true);
    LT_AUTO(lt_store_ref) store = lt_test_store(folder);
    CHECK_OK(lt_bucket_create(store, T("raw"), LT_VERSIONING_ENABLED, &err), err);
    CHECK_OK(lt_store_put(store, T("raw"), T("k"),
                          lt_body_from_text(&body, lt_text_at(bytes, size)), &options, NULL, NULL,
                          &err),
             err);
}

static lt_status read_all(lt_store *store, lt_err *err)
{
    LT_AUTO(lt_buf) got = {0};
    return lt_store_get(store, T("raw"), T("k"), T(""), 0, SIZE_MAX, &got, err);
}

Test(store_sealed, nothing_of_it_lies_in_the_clear)
{
    lt_err err = {0};
    const char *folder = lt_test_folder();
    LT_AUTO(lt_buf) file = {0};
    LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, 9);
    make_sealed(folder, LARGE);
    LT_AUTO(lt_chars) path = only_blob(folder);
    CHECK_OK(lt_file_read(path, &file, &err), err);
    CHECK_INT(file.len, lt_sealed_size(LARGE));
    for (size_t at = 0; at + 100 < LARGE; at += 10000)
        CHECK(!lt_text_has(lt_buf_text(&file), lt_text_at(bytes + at, 16)));
    LT_AUTO(lt_store_ref) store = lt_test_store(folder);
    CHECK_OK(read_all(store, &err), err);
    lt_test_check(store);
    lt_test_master_key(false);
}

Test(store_sealed, a_changed_or_cut_file_is_refused)
{
    lt_err err = {0};
    const char *folder = lt_test_folder();
    make_sealed(folder, LARGE);
    LT_AUTO(lt_chars) path = only_blob(folder);
    LT_AUTO(lt_store_ref) store = lt_test_store(folder);
    LT_AUTO(lt_fd) fd = open(path, O_RDWR | O_CLOEXEC);
    off_t end = (off_t)lt_sealed_size(LARGE);
    for (off_t at = 0; at < end; at += 40001) {
        char byte, other;
        CHECK_INT(pread(fd, &byte, 1, at), 1);
        other = (char)(byte ^ 1);
        CHECK_INT(pwrite(fd, &other, 1, at), 1);
        CHECK_STATUS(read_all(store, &err), LT_IO, err);
        CHECK_HAS(err.message, "damaged");
        CHECK_INT(pwrite(fd, &byte, 1, at), 1);
    }
    CHECK_OK(read_all(store, &err), err);
    CHECK_INT(ftruncate(fd, end - 1), 0);
    CHECK_STATUS(read_all(store, &err), LT_IO, err);
    lt_test_master_key(false);
}

Test(store_sealed, segments_cannot_be_moved_nor_the_end_cut_off)
{
    lt_err err = {0};
    unsigned char store_key[LT_CONTENT_KEY] = {1}, key[LT_CONTENT_KEY], again[LT_CONTENT_KEY];
    char sealed[LT_SEALED_KEY], one[64], plain[64];
    LT_AUTO(lt_cipher) in = {0};
    LT_AUTO(lt_cipher) out = {0};
    lt_content_key_new(store_key, key, sealed);
    CHECK(lt_content_key_open(store_key, sealed, again));
    CHECK(memcmp(key, again, sizeof(key)) == 0);
    CHECK_OK(lt_cipher_begin(&in, key, true, &err), err);
    CHECK_OK(lt_cipher_begin(&out, key, false, &err), err);
    CHECK_OK(lt_cipher_segment(&in, 3, false, T("hello"), one, &err), err);
    lt_text text = lt_text_at(one, 5 + LT_SEGMENT_TAG);
    CHECK_OK(lt_cipher_segment(&out, 3, false, text, plain, &err), err);
    CHECK(memcmp(plain, "hello", 5) == 0);
    CHECK(lt_cipher_segment(&out, 4, false, text, plain, &err) == LT_IO);
    CHECK(lt_cipher_segment(&out, 3, true, text, plain, &err) == LT_IO);
    store_key[0] = 2;
    CHECK(!lt_content_key_open(store_key, sealed, again));
}

Test(store_sealed, another_master_key_is_told)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    const char *folder = lt_test_folder();
    make_sealed(folder, LARGE);
    CHECK_INT(setenv("LEAT_KEY", "another passphrase", 1), 0);
    lt_store *store = lt_test_store(folder);
    CHECK_STATUS(read_all(store, &err), LT_DENIED, err);
    CHECK_INT(err.reason, LT_WHY_NO_KEY);
    CHECK_HAS(err.message, "another master key");
    lt_check_report report = {0};
    CHECK_OK(lt_store_check(store, false, &arena, &report, &err), err);
    CHECK(report.damaged == 0 && report.missing == 0 && report.problems.len == 1);
    CHECK_HAS(report.problems.items[0].ptr, "could not be verified");
    lt_store_close(store);
    lt_test_master_key(true);
    store = lt_test_store(folder);
    CHECK_OK(read_all(store, &err), err);
    lt_store_close(store);
    lt_test_master_key(false);
}

Test(store_sealed, a_dataset_in_an_encrypted_bucket_is_encrypted_and_readable)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    const char *folder = lt_test_folder();
    LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, 4);
    LT_AUTO(lt_chars) cache = lt_format("%s/cache", folder);
    lt_text value = lt_text_at(bytes, LARGE);
    lt_text_body body;
    lt_view view = {0};
    lt_texts paths = {0};
    LT_AUTO(lt_buf) got = {0};
    LT_AUTO(lt_buf) stored = {0};
    lt_test_master_key(true);
    LT_AUTO(lt_store_ref) store = lt_test_store(folder);
    CHECK_OK(lt_bucket_create(store, T("raw"), LT_VERSIONING_ENABLED, &err), err);
    CHECK_OK(lt_bucket_set_sealed(store, T("raw"), true, &err), err);
    LT_AUTO(lt_commit_ref) commit = NULL;
    CHECK_OK(lt_commit_begin(store, T("raw"), T("set/"), LT_COMMIT_APPEND, &commit, &err), err);
    CHECK_OK(lt_commit_add(commit, T("f"), lt_body_from_text(&body, value), 1, &err), err);
    CHECK_OK(lt_commit_finish(commit, T(""), T(""), -1, NULL, NULL, &err), err);
    CHECK_OK(lt_dataset_pin(store, T("raw"), T("set/"), 0, &arena, &view, &err), err);
    CHECK_OK(lt_view_paths(store, T("raw"), &view, cache, &arena, &paths, &err), err);
    CHECK_OK(lt_file_read(paths.items[0].ptr, &got, &err), err);
    CHECK(lt_text_eq(lt_buf_text(&got), value));
    LT_AUTO(lt_chars) path = only_blob(folder);
    CHECK_OK(lt_file_read(path, &stored, &err), err);
    CHECK(!lt_text_has(lt_buf_text(&stored), lt_text_at(bytes, 16)));
    lt_test_has(store, "raw", T("set/f"), T(""), value);
    lt_test_check(store);
    lt_test_master_key(false);
}

/* ---------------------------------------------------------------- readings */

Test(store_reading, a_large_content_is_one_span_of_a_file)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, 1);
    LT_AUTO(lt_store_ref) store = lt_test_store(lt_test_folder());
    CHECK_OK(lt_bucket_create(store, T("raw"), LT_UNVERSIONED, &err), err);
    lt_test_put(store, "raw", T("k"), lt_text_at(bytes, LARGE), NULL);
    lt_test_put(store, "raw", T("small"), T("v"), NULL);
    LT_AUTO(lt_reading_ref) reading = NULL;
    LT_AUTO(lt_reading_ref) small = NULL;
    lt_object_info info = {0};
    lt_span span = {0};
    char got[100];
    CHECK_OK(lt_reading_open(store, (lt_object_name){T("raw"), T("k"), {0}}, 0, &arena, &info,
                             &reading, &err),
             err);
    CHECK(lt_reading_span(reading, 1000, &span));
    CHECK(span.offset == 1000 && span.len == LARGE - 1000);
    CHECK_INT(pread(span.fd, got, sizeof(got), span.offset), sizeof(got));
    CHECK(memcmp(got, bytes + 1000, sizeof(got)) == 0);
    CHECK(!lt_reading_span(reading, LARGE, &span));
    CHECK_OK(lt_reading_open(store, (lt_object_name){T("raw"), T("small"), {0}}, 0, &arena, &info,
                             &small, &err),
             err);
    CHECK(!lt_reading_span(small, 0, &span));
}

Test(store_reading, what_is_open_stays_readable_when_its_key_goes)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, 1);
    LT_AUTO(lt_store_ref) store = lt_test_store(lt_test_folder());
    LT_AUTO(lt_reading_ref) reading = NULL;
    lt_object_info info = {0};
    char got[10];
    size_t len;
    CHECK_OK(lt_bucket_create(store, T("raw"), LT_UNVERSIONED, &err), err);
    lt_test_put(store, "raw", T("k"), lt_text_at(bytes, LARGE), NULL);
    CHECK_OK(lt_reading_open(store, (lt_object_name){T("raw"), T("k"), {0}}, 0, &arena, &info,
                             &reading, &err),
             err);
    CHECK_OK(lt_store_delete(store, T("raw"), T("k"), T(""), NULL, NULL, NULL, &err), err);
    CHECK_OK(lt_store_collect(store, &err), err);
    CHECK_OK(lt_reading_pread(reading, 5, got, sizeof(got), &len, &err), err);
    CHECK(len == sizeof(got) && memcmp(got, bytes + 5, len) == 0);
}

typedef struct reader {
    lt_reading *reading;
    const char *bytes;
    int number;
    bool wrong;
} reader;

static void *read_everywhere(void *context)
{
    reader *it = context;
    char got[5000];
    lt_err err;
    for (int64_t at = it->number * 1000; at < LARGE; at += 7001) {
        size_t len = 0;
        if (lt_reading_pread(it->reading, at, got, sizeof(got), &len, &err) != LT_OK || !len ||
            memcmp(got, it->bytes + at, len) != 0)
            it->wrong = true;
    }
    return NULL;
}

static void read_in_parallel(lt_store *store, bool sealed)
{
    enum { THREADS = 4 };
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, 1);
    LT_AUTO(lt_reading_ref) reading = NULL;
    lt_text_body body;
    lt_object_info info = {0};
    lt_put_options options = {.sealed = sealed};
    pthread_t threads[THREADS];
    reader readers[THREADS];
    CHECK_OK(lt_store_put(store, T("raw"), T("k"),
                          lt_body_from_text(&body, lt_text_at(bytes, LARGE)), &options, NULL, NULL,
                          &err),
             err);
    CHECK_OK(lt_reading_open(store, (lt_object_name){T("raw"), T("k"), {0}}, 0, &arena, &info,
                             &reading, &err),
             err);
    for (int i = 0; i < THREADS; i++) {
        readers[i] = (reader){.reading = reading, .bytes = bytes, .number = i};
        CHECK_INT(pthread_create(&threads[i], NULL, read_everywhere, &readers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
        CHECK(!readers[i].wrong);
    }
}

Test(store_reading, many_threads_read_from_one)
{
    lt_err err = {0};
    lt_test_master_key(true);
    LT_AUTO(lt_store_ref) store = lt_test_store(lt_test_folder());
    CHECK_OK(lt_bucket_create(store, T("raw"), LT_UNVERSIONED, &err), err);
    read_in_parallel(store, false);
    read_in_parallel(store, true);
    lt_test_master_key(false);
}

/* ---------------------------------------------------------------- an older index */

static const char *old_steps[2];

static const char *first_step(void)
{
    static char text[16384];
    lt_err err = {0};
    LT_AUTO(lt_buf) file = {0};
    CHECK_OK(lt_file_read(LT_SOURCE_DIR "/sql/store/001_store.sql", &file, &err), err);
    CHECK(file.len < sizeof(text));
    memcpy(text, file.data, file.len);
    return text;
}

Test(store_local, an_index_of_the_first_form_is_brought_up_to_date)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    const char *folder = lt_test_folder();
    lt_db *db = NULL;
    LT_AUTO(lt_chars) store_folder = lt_format("%s/store", folder);
    LT_AUTO(lt_chars) index = lt_format("%s/index.db", store_folder);
    old_steps[0] = first_step();
    CHECK_OK(lt_folder_make(store_folder, 0750, &err), err);
    CHECK_OK(lt_db_open(index, &(lt_db_schema){.name = "store", .steps = old_steps}, &db, &err),
             err);
    static const char *const rows[] = {
        "INSERT INTO buckets VALUES (1, 'raw', 1, 5)",
        "INSERT INTO blobs VALUES (1, x'2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e7304336293"
        "8b9824', 5, 2, NULL)",
        "INSERT INTO bodies VALUES (1, x'68656c6c6f')",
        "INSERT INTO versions VALUES (1, 1, 'k', 7, 0, 0, 1, '5d41402abc4b2a76b9719d911017c592', "
        "'text/plain', 100)",
        "INSERT INTO versions VALUES (2, 1, 'k', 8, 0, 1, NULL, '', '', 200)"};
    for (size_t i = 0; i < LT_COUNT(rows); i++)
        CHECK_OK(lt_db_exec(db, &err, rows[i]), err);
    lt_db_close(db);
    LT_AUTO(lt_store_ref) store = lt_test_store(folder);
    lt_object_info info = {0};
    CHECK_OK(lt_store_restore(store, T("raw"), T("k"), T(""), &arena, &info, &err), err);
    CHECK_INT(info.size_bytes, 5);
    lt_test_has(store, "raw", T("k"), T(""), T("hello"));
    lt_list_request request = {.versions = true};
    LT_AUTO(lt_chars) all = lt_test_list(store, "raw", &request);
    CHECK_STR(all, "k=5* k=marker k=5");
    lt_test_check(store);
}
