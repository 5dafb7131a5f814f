/* Threads put, upload, copy, encrypt, delete, prune and expire until they are killed: what was acknowledged is whole, all else is old
 * or new, and the store is clean. */
#include "store/local.h"

#include "base/time.h"
#include "store/bucket.h"
#include "store/lifecycle.h"
#include "store/retention.h"
#include "store/upload.h"
#include "support/store_help.h"
#include "support/test.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    WRITERS = 3,
    KEYS = 3,
    LARGE = 40000,
    SMALL = 60,
    SOURCES = 2,
    FIRST_PART = 5 * 1024 * 1024
};

/* What happens to a key in its n-th turn. */
typedef enum act { PUT_SMALL, PUT_LARGE, UPLOAD, COPY, REMOVE, PUT_SEALED, UPLOAD_TWO, ACTS } act;

/* In memory that outlives the writers. */
typedef struct ledger {
    volatile uint32_t begun[WRITERS][KEYS], done[WRITERS][KEYS];
    _Atomic uint32_t steps; /* of all writers */
    _Atomic bool trouble;
    char why[256];
} ledger;

static act act_of(uint32_t turn)
{
    return turn % 64 == 7 ? UPLOAD_TWO : (act)(turn % UPLOAD_TWO); /* 5 MiB are dear */
}

static char *content(int writer, uint32_t key, uint32_t turn, size_t *size)
{
    uint32_t seed = ((uint32_t)writer * KEYS + key) * 1000003 + turn;
    act what = act_of(turn);
    *size = what == PUT_SMALL    ? SMALL
            : what == UPLOAD_TWO ? FIRST_PART + SMALL
            : what == COPY       ? LARGE + turn % SOURCES
                                 : LARGE;
    return lt_test_bytes(*size, what == COPY ? turn % SOURCES : seed + SOURCES);
}

/* ---------------------------------------------------------------- the writers */

typedef struct worker {
    lt_store *store;
    ledger *book;
    int number;
} worker;

static lt_status put(const worker *it, lt_text key, lt_text value, bool sealed, lt_err *err)
{
    lt_text_body body;
    lt_put_options options = {.sealed = sealed};
    return lt_store_put(it->store, T("raw"), key, lt_body_from_text(&body, value), &options, NULL,
                        NULL, err);
}

static lt_status upload_parts(const worker *it, lt_upload_name upload, lt_text value,
                              lt_part_named parts[2], lt_arena *arena, lt_err *err)
{
    for (int32_t i = 0; i < 2; i++) {
        size_t first = LT_MIN(value.len, (size_t)FIRST_PART);
        lt_text_body body;
        lt_part_info info = {0};
        lt_text half = i ? lt_text_sub(value, first, SIZE_MAX) : lt_text_sub(value, 0, first);
        LT_TRY(lt_upload_part(it->store, upload, i + 1, lt_body_from_text(&body, half), NULL, arena,
                              &info, err));
        parts[i] = (lt_part_named){.number = i + 1, .etag = info.etag};
    }
    return LT_OK;
}

/* The second part is empty, or not named, when all fits into the first. */
static lt_status upload(const worker *it, lt_text key, lt_text value, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_upload_name name = {.bucket = T("raw"), .key = key};
    lt_part_named parts[2];
    LT_TRY(lt_upload_create(it->store, T("raw"), key, NULL, &arena, &name.upload_id, err));
    LT_TRY(upload_parts(it, name, value, parts, &arena, err));
    return lt_upload_complete(it->store, name, parts, value.len > FIRST_PART ? 2 : 1, NULL, NULL,
                              NULL, err);
}

static lt_status do_act(const worker *it, lt_text key, uint32_t turn, lt_text value, lt_err *err)
{
    lt_object_name source = {T("raw"), turn % SOURCES ? T("source/1") : T("source/0"), {0}};
    switch (act_of(turn)) {
    case PUT_SMALL:
    case PUT_LARGE:
        return put(it, key, value, false, err);
    case PUT_SEALED:
        return put(it, key, value, true, err);
    case UPLOAD:
    case UPLOAD_TWO:
        return upload(it, key, value, err);
    case COPY:
        return lt_store_copy(it->store, source, T("raw"), key, NULL, NULL, NULL, NULL, err);
    case REMOVE:
    case ACTS:
        break;
    }
    return lt_store_delete(it->store, T("raw"), key, T(""), NULL, NULL, NULL, err);
}

static void fail_writer(const worker *it, const lt_err *err)
{
    (void)snprintf(it->book->why, sizeof(it->book->why), "%.200s", err->message);
    it->book->trouble = true;
}

static void take_turn(const worker *it, uint32_t key)
{
    size_t size;
    lt_err err = {0};
    uint32_t turn = it->book->begun[it->number][key] + 1;
    LT_AUTO(lt_chars) bytes = content(it->number, key, turn, &size);
    LT_AUTO(lt_chars) name = lt_format("k/%d/%u", it->number, key);
    it->book->begun[it->number][key] = turn;
    lt_status status = do_act(it, lt_text_of(name), turn, lt_text_at(bytes, size), &err);
    if (status == LT_OK)
        it->book->done[it->number][key] = turn;
    else if (err.reason != LT_WHY_NO_SUCH_UPLOAD) /* pruning may end it before it is complete */
        fail_writer(it, &err);
}

/* Old versions, unfinished uploads and what rules expire go while the others write. */
static void clean_up(const worker *it)
{
    lt_err err = {0};
    lt_prune_report report;
    lt_prune_request prune = {.bucket = T("raw"), .keep = 1, .expired_markers = true};
    lt_lifecycle_request rules = {.now_us = lt_now_us() + 9 * LT_DAY_US};
    prune.uploads_older_than_us = arc4random_uniform(3) ? -1 : 0;
    if (put(it, T("expires/now"), T("x"), false, &err) != LT_OK ||
        lt_store_prune(it->store, &prune, &report, &err) != LT_OK ||
        lt_store_lifecycle(it->store, &rules, &report, &err) != LT_OK ||
        lt_store_collect(it->store, &err) != LT_OK)
        fail_writer(it, &err);
}

static void *write_on(void *context)
{
    const worker *it = context;
    for (uint32_t i = 0; !it->book->trouble; i++) {
        take_turn(it, i % KEYS);
        it->book->steps++;
        if (it->number == 0 && i % 7 == 6)
            clean_up(it);
    }
    return NULL;
}

LT_NORETURN static void work(const char *url, ledger *book)
{
    lt_err err = {0};
    lt_store *store = NULL;
    worker writers[WRITERS];
    pthread_t threads[WRITERS];
    if (lt_store_open(url, &store, &err) != LT_OK) {
        book->trouble = true;
        _exit(1);
    }
    lt_store_local_set_grace(store, 0); /* what nobody refers to goes at once */
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (worker){.store = store, .book = book, .number = i};
        if (pthread_create(&threads[i], NULL, write_on, &writers[i]) != 0)
            _exit(1);
    }
    for (int i = 0; i < WRITERS; i++)
        (void)pthread_join(threads[i], NULL);
    _exit(1); /* there was trouble */
}

/* ---------------------------------------------------------------- what is left */

static bool is_turn(int writer, uint32_t key, uint32_t turn, lt_status status, lt_text got)
{
    size_t size;
    if (turn == 0 || act_of(turn) == REMOVE)
        return status == LT_NOT_FOUND;
    if (status != LT_OK)
        return false;
    LT_AUTO(lt_chars) bytes = content(writer, key, turn, &size);
    return lt_text_eq(got, lt_text_at(bytes, size));
}

/* The key is as some turn left it that is no older than the last acknowledged one. */
static void check_key(lt_store *store, ledger *book, int writer, uint32_t key)
{
    lt_err err = {0};
    LT_AUTO(lt_chars) name = lt_format("k/%d/%u", writer, key);
    LT_AUTO(lt_buf) got = {0};
    lt_status status =
        lt_store_get(store, T("raw"), lt_text_of(name), (lt_text){0}, 0, SIZE_MAX, &got, &err);
    CHECK(status == LT_OK || status == LT_NOT_FOUND);
    bool known = false;
    for (uint32_t turn = book->done[writer][key]; !known && turn <= book->begun[writer][key];
         turn++)
        if ((known = is_turn(writer, key, turn, status, lt_buf_text(&got))))
            book->done[writer][key] = turn;
    CHECK(known);
}

static void make_store(const char *folder)
{
    lt_err err = {0};
    lt_lifecycle_rule rule = {.id = T("expires"),
                              .enabled = true,
                              .prefix = T("expires/"),
                              .larger_than = -1,
                              .smaller_than = -1,
                              .expire_days = 1};
    lt_lifecycle rules = {.items = &rule, .len = 1};
    LT_AUTO(lt_store_ref) store = lt_test_store(folder);
    CHECK_OK(lt_bucket_create(store, T("raw"), LT_VERSIONING_ENABLED, &err), err);
    CHECK_OK(lt_bucket_lifecycle_set(store, T("raw"), &rules, &err), err);
    for (uint32_t i = 0; i < SOURCES; i++) {
        LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE + i, i);
        LT_AUTO(lt_chars) name = lt_format("source/%u", i);
        lt_test_put(store, "raw", lt_text_of(name), lt_text_at(bytes, LARGE + i), NULL);
    }
}

/* Somewhere within the next steps of the writers. */
static void wait_for_a_moment(const ledger *book)
{
    uint32_t until = book->steps + arc4random_uniform(24);
    int64_t give_up_us = lt_mono_us() + (int64_t)10 * 1000000;
    while (book->steps < until && !book->trouble && lt_mono_us() < give_up_us)
        lt_sleep_us(100);
    lt_sleep_us(arc4random_uniform(3000));
}

static void kill_once(const char *url, ledger *book)
{
    int ended = 0;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0)
        work(url, book);
    wait_for_a_moment(book);
    CHECK_INT(kill(child, SIGKILL), 0);
    CHECK_INT(waitpid(child, &ended, 0), child);
    if (book->trouble)
        print_error("%s\n", book->why);
    CHECK(WIFSIGNALED(ended) && !book->trouble);
}

Test(fault_store, a_store_killed_under_mixed_load_is_whole)
{
    const char *folder = lt_test_memory_folder();
    int kills = lt_test_rounds(40);
    LT_AUTO(lt_chars) url = lt_format("local:%s/store", folder);
    ledger *book =
        mmap(NULL, sizeof(*book), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(book != MAP_FAILED);
    lt_test_master_key(true);
    make_store(folder);
    for (int i = 0; i < kills; i++) {
        kill_once(url, book);
        LT_AUTO(lt_store_ref) store = lt_test_store(folder);
        for (int writer = 0; writer < WRITERS; writer++)
            for (uint32_t key = 0; key < KEYS; key++)
                check_key(store, book, writer, key);
        if (i % 5 == 0 || i == kills - 1)
            CHECK_INT(lt_test_check(store), 0);
    }
    CHECK(book->steps > (uint32_t)kills);
    lt_test_master_key(false);
    CHECK_INT(munmap(book, sizeof(*book)), 0);
}
