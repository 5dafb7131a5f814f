/* Measures the local store in a folder: usage: store-bench FOLDER; prints one line of JSON for each figure. */
#include "base/fs.h"
#include "base/time.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

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
    int64_t start_us = lt_mono_us(), done = 0;
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
    return LT_OK;
}

static lt_status large_object(lt_store *store, lt_err *err)
{
    enum { ROUNDS = 3 };
    LT_AUTO(lt_chars) bytes = lt_xcalloc(1, LARGE);
    LT_AUTO(lt_buf) got = {.limit = LARGE};
    int64_t put_us = 0, get_us = 0;
    for (int i = 0; i < ROUNDS; i++) {
        arc4random_buf(bytes, 64);
        lt_buf_clear(&got);
        int64_t start_us = lt_mono_us();
        LT_TRY(put(store, T("large"), lt_text_at(bytes, LARGE), err));
        put_us += lt_mono_us() - start_us;
        start_us = lt_mono_us();
        LT_TRY(lt_store_get(store, T("bench"), T("large"), (lt_text){0}, 0, SIZE_MAX, &got, err));
        get_us += lt_mono_us() - start_us;
    }
    double megabytes = (double)LARGE * ROUNDS / 1e6;
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
    return large_object(store, err);
}

int main(int argc, char **argv)
{
    lt_err err = {0};
    if (argc != 2 || lt_path_exists(argv[1])) {
        (void)fputs("usage: store-bench FOLDER   a new folder, on the disk to be measured\n",
                    stderr);
        return 2;
    }
    lt_status status = measure(argv[1], &err);
    if (status != LT_OK)
        (void)fprintf(stderr, "store-bench: %s\n", err.message);
    lt_err removing;
    lt_ignore(lt_path_remove(argv[1], &removing));
    return status == LT_OK ? 0 : 3;
}
