/* The runner of the unit tests: registers, selects, runs under cmocka, adds up. */
#include "support/test.h"

#include "base/buf.h"
#include "base/fs.h"
#include "base/time.h"
#include "base/vec.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

static LT_VEC(lt_test) tests;
static const char *test_name, *skip_reason; /* of the test that runs */
static LT_VEC(char *) skips;                /* "name: reason"; owned */
static LT_VEC(char *) folders;              /* of the test that runs; owned */
static int64_t begun_at_us;

#define SLOW_US 1000000 /* a test that takes longer is named */

void lt_test_add(const char *name, void (*run)(void **state))
{
    lt_test test = {.name = name, .run = run};
    lt_push(&tests, test);
}

static int by_name(const void *a, const void *b)
{
    const lt_test *left = a, *right = b;
    return strcmp(left->name, right->name);
}

void lt_check_int(int64_t got, int64_t wanted, const char *what, const char *file, int line)
{
    if (got == wanted)
        return;
    print_error("%s is %lld, not %lld\n", what, (long long)got, (long long)wanted);
    _fail(file, line);
}

void lt_check_text(lt_text got, lt_text wanted, const char *what, const char *file, int line)
{
    if (lt_text_eq(got, wanted))
        return;
    print_error("%s is\n  %.*s\nnot\n  %.*s\n", what, LT_ARG(got), LT_ARG(wanted));
    _fail(file, line);
}

void lt_check_has(const char *string, const char *part, const char *what, const char *file,
                  int line)
{
    if (lt_has(string, part))
        return;
    print_error("%s is\n  %s\nand has no\n  %s\n", what, string, part);
    _fail(file, line);
}

void lt_check_status(lt_status got, lt_status wanted, const lt_err *err, const char *what,
                     const char *file, int line)
{
    if (got == wanted)
        return;
    print_error("%s gave %s, not %s: %s\n", what, lt_status_name(got), lt_status_name(wanted),
                got == LT_OK ? "" : err->message);
    _fail(file, line);
}

void lt_test_skip(const char *reason)
{
    skip_reason = reason;
    skip();
    abort(); /* skip() does not come back */
}

static const char *folder_in(const char *parent)
{
    lt_err err = {0};
    char *path = NULL;
    LT_AUTO(lt_chars) prefix = lt_format("%s/leat-test-", parent);
    CHECK_OK(lt_folder_make_temp(prefix, &path, &err), err);
    lt_push(&folders, path);
    return path;
}

const char *lt_test_folder(void)
{
    const char *parent = getenv("TMPDIR");
    return folder_in(parent ? parent : "/tmp");
}

const char *lt_test_memory_folder(void)
{
    static const char shared_memory[] = "/dev/shm";
    struct statvfs room;
    bool fits = statvfs(shared_memory, &room) == 0 && access(shared_memory, W_OK) == 0 &&
                (uint64_t)room.f_bavail * room.f_bsize > 256 * LT_MIB;
    return fits ? folder_in(shared_memory) : lt_test_folder();
}

int lt_test_rounds(int usual)
{
    int64_t rounds = 0;
    const char *wanted = getenv("LT_TEST_ROUNDS");
    return wanted && lt_text_to_i64(lt_text_of(wanted), &rounds) && rounds > 0 && rounds <= INT_MAX
               ? (int)rounds
               : usual;
}

static int begin(void **state)
{
    test_name = *state;
    begun_at_us = lt_mono_us();
    return 0;
}

static int end(void **state)
{
    (void)state;
    int64_t took_us = lt_mono_us() - begun_at_us;
    if (took_us > SLOW_US)
        print_message("[     SLOW ] %.1f s\n", (double)took_us / 1e6);
    lt_err err;
    for (size_t i = 0; i < folders.len; i++) {
        lt_ignore(lt_path_remove(folders.items[i], &err));
        lt_free(folders.items[i]);
    }
    folders.len = 0;
    if (skip_reason)
        lt_push(&skips, lt_format("%s: %s", test_name, skip_reason));
    skip_reason = NULL;
    return 0;
}

static bool selected(const char *name, int count, char **patterns)
{
    for (int i = 0; i < count; i++) {
        bool from_start = patterns[i][0] == '^';
        if (from_start ? lt_text_starts(lt_text_of(name), lt_text_of(patterns[i] + 1))
                       : lt_has(name, patterns[i]))
            return true;
    }
    return count == 0;
}

static int run_all(struct CMUnitTest *chosen, size_t count)
{
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    cmocka_set_message_output(CM_OUTPUT_STDOUT);
    size_t failed = (size_t)_cmocka_run_group_tests("leat", chosen, count, NULL, NULL);
    for (size_t i = 0; i < skips.len; i++) {
        (void)printf("skipped: %s\n", skips.items[i]);
        lt_free(skips.items[i]);
    }
    (void)printf("%zu passed, %zu failed, %zu skipped\n", count - failed - skips.len, failed,
                 skips.len);
    lt_vec_free(&skips);
    return failed != 0;
}

int main(int argc, char **argv)
{
    bool list = argc > 1 && strcmp(argv[1], "-l") == 0;
    qsort(tests.items, tests.len, sizeof(*tests.items), by_name);
    struct CMUnitTest *chosen = lt_xcalloc(tests.len, sizeof(*chosen));
    size_t count = 0;
    for (size_t i = 0; i < tests.len; i++) {
        if (!selected(tests.items[i].name, argc - 1 - list, argv + 1 + list))
            continue;
        chosen[count++] =
            (struct CMUnitTest){.name = tests.items[i].name,
                                .test_func = tests.items[i].run,
                                .setup_func = begin,
                                .teardown_func = end,
                                .initial_state = (void *)(uintptr_t)tests.items[i].name};
        if (list)
            (void)puts(tests.items[i].name);
    }
    int code = list ? 0 : run_all(chosen, count);
    lt_free(chosen);
    lt_vec_free(&folders);
    lt_vec_free(&tests);
    return code;
}
