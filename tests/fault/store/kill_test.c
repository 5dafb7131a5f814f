/* A writer is killed at random moments: what it acknowledged is whole, what it did not is old or new, never half. */
#include "store/local.h"

#include "base/time.h"
#include "support/store_help.h"
#include "support/test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KEYS = 3, LARGE = 40000, SMALL = 50 };

/* What the child says it has done, in memory that outlives it: key -> generation that was acknowledged, or being written. */
typedef struct ledger {
    volatile uint32_t begun[KEYS], done[KEYS];
    volatile int64_t commit_begun, commit_done; /* sequence */
    volatile uint32_t commit_generation_begun, commit_generation_done;
    volatile uint32_t steps; /* puts and commits so far */
    volatile bool trouble;
} ledger;

static char *content(uint32_t key, uint32_t generation, size_t *size)
{
    *size = (generation + key) % 2 ? LARGE : SMALL;
    return lt_test_bytes(*size, key * 100003 + generation);
}

static void put_once(lt_store *store, ledger *book, uint32_t key)
{
    lt_err err = {0};
    size_t size;
    uint32_t generation = book->begun[key] + 1;
    LT_AUTO(lt_chars) bytes = content(key, generation, &size);
    LT_AUTO(lt_chars) name = lt_format("k/%u", key);
    lt_text_body body;
    book->begun[key] = generation;
    if (lt_store_put(store, T("raw"), lt_text_of(name),
                     lt_body_from_text(&body, lt_text_at(bytes, size)), NULL, NULL, NULL,
                     &err) != LT_OK)
        book->trouble = true;
    book->done[key] = generation;
}

static void commit_once(lt_store *store, ledger *book)
{
    lt_err err = {0};
    LT_AUTO(lt_commit_ref) commit = NULL;
    LT_AUTO(lt_arena) arena = {0};
    lt_commit_info info = {0};
    uint32_t generation = book->commit_generation_begun + 1;
    book->commit_generation_begun = generation;
    bool good =
        lt_commit_begin(store, T("raw"), T("set/"), LT_COMMIT_OVERWRITE, &commit, &err) == LT_OK;
    for (uint32_t key = 0; good && key < KEYS; key++) {
        size_t size;
        LT_AUTO(lt_chars) bytes = content(key + 10, generation, &size);
        LT_AUTO(lt_chars) name = lt_format("%u", key);
        lt_text_body body;
        good = lt_commit_add(commit, lt_text_of(name),
                             lt_body_from_text(&body, lt_text_at(bytes, size)), generation,
                             &err) == LT_OK;
    }
    good = good && lt_commit_finish(commit, T(""), T(""), -1, &arena, &info, &err) == LT_OK;
    if (!good)
        book->trouble = true;
    book->commit_done = info.sequence;
    book->commit_generation_done = generation;
}

/* Writes until it is killed. */
LT_NORETURN static void work(const char *url, ledger *book)
{
    lt_err err = {0};
    lt_store *store = NULL;
    if (lt_store_open(url, &store, &err) != LT_OK) {
        book->trouble = true;
        _exit(1);
    }
    for (uint32_t i = 0;; i++) {
        put_once(store, book, i % KEYS);
        book->steps++;
        if (i % 4 == 3)
            commit_once(store, book);
    }
}

/* No older than what was acknowledged; and from now on no older than what was seen. */
static void check_key(lt_store *store, ledger *book, uint32_t key)
{
    lt_err err = {0};
    LT_AUTO(lt_chars) name = lt_format("k/%u", key);
    LT_AUTO(lt_buf) got = {0};
    lt_status status =
        lt_store_get(store, T("raw"), lt_text_of(name), (lt_text){0}, 0, SIZE_MAX, &got, &err);
    if (status == LT_NOT_FOUND && book->done[key] == 0)
        return;
    CHECK_STATUS(status, LT_OK, err);
    bool known = false;
    for (uint32_t generation = LT_MAX(book->done[key], 1U);
         !known && generation <= book->begun[key]; generation++) {
        size_t size;
        LT_AUTO(lt_chars) bytes = content(key, generation, &size);
        known = lt_text_eq(lt_buf_text(&got), lt_text_at(bytes, size));
        if (known)
            book->done[key] = generation;
    }
    CHECK(known);
}

/* Somewhere within one of the child's next steps; machines and sanitizers are too different for a length of time. */
static void wait_for_a_moment(const ledger *book)
{
    uint32_t until = book->steps + arc4random_uniform(8);
    int64_t give_up_us = lt_mono_us() + (int64_t)10 * 1000000;
    while (book->steps < until && !book->trouble && lt_mono_us() < give_up_us)
        lt_sleep_us(100);
    lt_sleep_us(arc4random_uniform(2500));
}

static void check_commits(lt_store *store, const ledger *book, const char *cache)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_view view = {0};
    lt_texts paths = {0};
    lt_status status = lt_dataset_pin(store, T("raw"), T("set/"), 0, &arena, &view, &err);
    if (status == LT_NOT_FOUND && book->commit_done == 0)
        return;
    CHECK_STATUS(status, LT_OK, err);
    CHECK(view.commit.sequence == book->commit_done ||
          view.commit.sequence == book->commit_done + 1);
    CHECK_INT(view.files.len, KEYS);
    CHECK_OK(lt_view_paths(store, T("raw"), &view, cache, &arena, &paths, &err), err);
    uint32_t generation = (uint32_t)view.files.items[0].rows;
    CHECK(generation >= book->commit_generation_done &&
          generation <= book->commit_generation_begun);
    for (uint32_t key = 0; key < KEYS; key++) {
        size_t size;
        LT_AUTO(lt_chars) bytes = content(key + 10, generation, &size);
        LT_AUTO(lt_buf) got = {0};
        CHECK_INT(view.files.items[key].rows, generation); /* all of one commit */
        CHECK_OK(lt_file_read(paths.items[key].ptr, &got, &err), err);
        CHECK(lt_text_eq(lt_buf_text(&got), lt_text_at(bytes, size)));
        LT_AUTO(lt_chars) name = lt_format("set/%u", key);
        lt_test_has(store, "raw", lt_text_of(name), (lt_text){0}, lt_text_at(bytes, size));
    }
}

Test(fault_store, a_killed_writer_loses_nothing_it_acknowledged)
{
    lt_err err = {0};
    const char *folder = lt_test_memory_folder();
    int kills = lt_test_rounds(60);
    LT_AUTO(lt_chars) url = lt_format("local:%s/store", folder);
    LT_AUTO(lt_chars) cache = lt_format("%s/cache", folder);
    ledger *book =
        mmap(NULL, sizeof(*book), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(book != MAP_FAILED);
    lt_store *first = lt_test_store(folder);
    CHECK_OK(lt_bucket_create(first, T("raw"), LT_UNVERSIONED, &err), err);
    lt_store_close(first);

    for (int i = 0; i < kills; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0)
            work(url, book);
        wait_for_a_moment(book);
        CHECK_INT(kill(child, SIGKILL), 0);
        int ended = 0;
        CHECK_INT(waitpid(child, &ended, 0), child);
        CHECK(WIFSIGNALED(ended) && !book->trouble);
        LT_AUTO(lt_store_ref) store = lt_test_store(folder);
        for (uint32_t key = 0; key < KEYS; key++)
            check_key(store, book, key);
        check_commits(store, book, cache);
        lt_commit_info info = {0};
        LT_AUTO(lt_arena) arena = {0};
        if (lt_dataset_commit(store, T("raw"), T("set/"), 0, &arena, &info, &err) == LT_OK)
            book->commit_done = info.sequence;
        if (i % 10 == 0 || i == kills - 1)
            CHECK_INT(lt_test_check(store), 0);
    }
    CHECK(book->begun[0] > (uint32_t)kills / 2 && book->commit_generation_done > 0);
    CHECK_INT(munmap(book, sizeof(*book)), 0);
}
