/* Many threads share one store. */
#define LT_CONTRACT_PLACE "s3://contract/some/prefix"
#include "contract/store/contract.h"

#include <pthread.h>

enum { THREADS = 8, ROUNDS = 12, LARGE = 40000 };

typedef struct worker {
    lt_store *store;
    lt_commit *commit;
    int number, wins, wrong;
} worker;

static void run(lt_store *store, lt_commit *commit, void *(*work)(void *), worker workers[THREADS])
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){.store = store, .commit = commit, .number = i};
        CHECK_INT(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        CHECK_INT(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_INT(workers[i].wrong, 0);
}

static lt_status put(lt_store *store, lt_text key, lt_text value, const lt_when *when)
{
    lt_err err = {0};
    lt_text_body body;
    lt_put_options options = {.when = when};
    return lt_store_put(store, T("raw"), key, lt_body_from_text(&body, value), &options, NULL, NULL,
                        &err);
}

static void *race(void *context)
{
    worker *it = context;
    LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, (uint32_t)it->number);
    lt_when absent = {.absent = true};
    for (int i = 0; i < ROUNDS; i++) {
        LT_AUTO(lt_chars) key = lt_format("race/%d", i);
        lt_status status =
            put(it->store, lt_text_of(key), lt_text_at(bytes, i % 2 ? LARGE : 100), &absent);
        it->wins += status == LT_OK;
        it->wrong += status != LT_OK && status != LT_CONFLICT;
    }
    return NULL;
}

static void check_a_race_to_be_first_has_one_winner(lt_store *store)
{
    lt_err err = {0};
    worker workers[THREADS];
    CHECK_OK(lt_bucket_create(store, T("raw"), LT_VERSIONING_ENABLED, &err), err);
    run(store, NULL, race, workers);
    int wins = 0;
    for (int i = 0; i < THREADS; i++)
        wins += workers[i].wins;
    CHECK_INT(wins, ROUNDS);
    LT_AUTO(lt_arena) arena = {0};
    lt_listing all = {0};
    lt_list_request versions = {.versions = true};
    CHECK_OK(lt_store_list(store, T("raw"), &versions, &arena, &all, &err), err);
    CHECK_INT(all.objects.len, ROUNDS);
    CHECK_INT(lt_test_check(store), 0);
}
LT_CONTRACT(a_race_to_be_first_has_one_winner)

/* Shared keys and own ones; equal contents from all; what a thread alone writes it must read back. */
static void *mix(void *context)
{
    worker *it = context;
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_chars) own = lt_format("own/%d", it->number);
    for (int i = 0; i < ROUNDS; i++) {
        LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, (uint32_t)i); /* the same in every thread */
        lt_text value = lt_text_at(bytes, i % 3 ? (size_t)LARGE : 64);
        LT_AUTO(lt_buf) got = {0};
        lt_listing list = {0};
        lt_list_request all = {.delimiter = T("/")};
        it->wrong += put(it->store, T("shared"), value, NULL) != LT_OK;
        it->wrong += put(it->store, lt_text_of(own), value, NULL) != LT_OK;
        it->wrong += lt_store_get(it->store, T("raw"), lt_text_of(own), (lt_text){0}, 0, SIZE_MAX,
                                  &got, &err) != LT_OK;
        it->wrong += !lt_text_eq(lt_buf_text(&got), value);
        it->wrong += lt_store_list(it->store, T("raw"), &all, &arena, &list, &err) != LT_OK;
        it->wrong += list.prefixes.len != 1;
        it->wrong += lt_store_delete(it->store, T("raw"), T("shared"), (lt_text){0}, NULL, NULL,
                                     NULL, &err) != LT_OK;
    }
    return NULL;
}

static void check_threads_put_get_list_and_delete(lt_store *store)
{
    lt_err err = {0};
    worker workers[THREADS];
    CHECK_OK(lt_bucket_create(store, T("raw"), LT_UNVERSIONED, &err), err);
    run(store, NULL, mix, workers);
    LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, ROUNDS - 1);
    for (int i = 0; i < THREADS; i++) {
        LT_AUTO(lt_chars) own = lt_format("own/%d", i);
        lt_test_has(store, "raw", lt_text_of(own), (lt_text){0}, lt_text_at(bytes, LARGE));
    }
    CHECK_INT(lt_test_check(store), 0);
}
LT_CONTRACT(threads_put_get_list_and_delete)

/* Some write one key, the others read it: always all of a value that was written, never a gap. */
static void *overwrite_or_read(void *context)
{
    worker *it = context;
    lt_err err = {0};
    for (int i = 0; i < ROUNDS * 8; i++) {
        char value[100];
        memset(value, 'a' + i % 26, sizeof(value));
        LT_AUTO(lt_buf) got = {0};
        if (it->number < 2) {
            it->wrong += put(it->store, T("k"), lt_text_at(value, sizeof(value)), NULL) != LT_OK;
            continue;
        }
        it->wrong += lt_store_get(it->store, T("raw"), T("k"), (lt_text){0}, 0, SIZE_MAX, &got,
                                  &err) != LT_OK;
        it->wrong += got.len != sizeof(value) || got.data[0] != got.data[sizeof(value) - 1];
    }
    return NULL;
}

static void check_readers_see_the_old_or_the_new(lt_store *store)
{
    lt_err err = {0};
    worker workers[THREADS];
    char value[100] = {0};
    CHECK_OK(lt_bucket_create(store, T("raw"), LT_UNVERSIONED, &err), err);
    CHECK_INT(put(store, T("k"), lt_text_at(value, sizeof(value)), NULL), LT_OK);
    run(store, NULL, overwrite_or_read, workers);
}
LT_CONTRACT(readers_see_the_old_or_the_new)

static void *add_files(void *context)
{
    worker *it = context;
    LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, (uint32_t)it->number);
    for (int i = 0; i < ROUNDS; i++) {
        lt_err err = {0};
        lt_text_body body;
        LT_AUTO(lt_chars) name = lt_format("n=%d/%d", it->number, i);
        lt_body *content = lt_body_from_text(&body, lt_text_at(bytes, i % 2 ? LARGE : 10));
        it->wrong += lt_commit_add(it->commit, lt_text_of(name), content, 1, &err) != LT_OK;
    }
    return NULL;
}

static void check_threads_add_to_one_commit(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_view view = {0};
    lt_commit_info info = {0};
    worker workers[THREADS];
    LT_AUTO(lt_commit_ref) commit = NULL;
    CHECK_OK(lt_commit_begin(store, T("raw"), T("set/"), LT_COMMIT_APPEND, &commit, &err), err);
    run(store, commit, add_files, workers);
    CHECK_OK(lt_commit_finish(commit, T(""), T(""), 0, &arena, &info, &err), err);
    CHECK_INT(info.rows, THREADS * ROUNDS);
    CHECK_OK(lt_dataset_pin(store, T("raw"), T("set/"), 0, &arena, &view, &err), err);
    CHECK_INT(view.files.len, THREADS * ROUNDS);
    CHECK_INT(lt_test_check(store), 0);
}
LT_CONTRACT(threads_add_to_one_commit)
