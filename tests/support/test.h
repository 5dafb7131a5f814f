/* test.h - how a test is written.
 *
 *     Test(buf, keeps_its_limit) { CHECK(...); }      a name states a fact; tests run in any order, alone or together
 *     CHECK_TEXT(got, "wanted"); CHECK_OK(call(&err), err); SKIP("PostgreSQL is not installed");
 *
 *
 * Run: leat-unit [PATTERN...]   a test runs when "suite.name" holds one of the patterns, or begins with one
 * that is written "^suite.". -l lists. */
#pragma once
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

typedef struct lt_test {
    const char *name; /* "suite.fact" */
    void (*run)(void **state);
} lt_test;

/* For the macros: `name` lives as long as the program. */
void lt_test_add(const char *name, void (*run)(void **state));

#define Test(suite_, name_)                                                                        \
    static void test_##suite_##_##name_(void **cmocka_state_);                                     \
    __attribute__((constructor)) static void add_##suite_##_##name_(void)                          \
    {                                                                                              \
        lt_test_add(#suite_ "." #name_, test_##suite_##_##name_);                                  \
    }                                                                                              \
    static void test_##suite_##_##name_(LT_UNUSED void **cmocka_state_)

#define CHECK(condition) assert_true(condition)
#define CHECK_INT(got, wanted)                                                                     \
    lt_check_int((int64_t)(got), (int64_t)(wanted), #got, __FILE__, __LINE__)
#define CHECK_STR(got, wanted)                                                                     \
    lt_check_text(lt_text_of(got), lt_text_of(wanted), #got, __FILE__, __LINE__)
#define CHECK_TEXT(got, wanted) lt_check_text((got), lt_text_of(wanted), #got, __FILE__, __LINE__)
#define CHECK_HAS(string, part) lt_check_has((string), (part), #string, __FILE__, __LINE__)
/* The call gave LT_OK; else the message of `err` is shown. */
#define CHECK_OK(call, err) lt_check_status((call), LT_OK, &(err), #call, __FILE__, __LINE__)
#define CHECK_STATUS(call, wanted, err)                                                            \
    lt_check_status((call), (wanted), &(err), #call, __FILE__, __LINE__)
/* Leave the test as skipped, with the reason in the list at the end. */
#define SKIP(reason) lt_test_skip(reason)

void lt_check_int(int64_t got, int64_t wanted, const char *what, const char *file, int line);
void lt_check_text(lt_text got, lt_text wanted, const char *what, const char *file, int line);
void lt_check_has(const char *string, const char *part, const char *what, const char *file,
                  int line);
void lt_check_status(lt_status got, lt_status wanted, const lt_err *err, const char *what,
                     const char *file, int line);
LT_NORETURN void lt_test_skip(const char *reason);

/* A new empty folder for this test, removed when the test ends. Borrowed. */
const char *lt_test_folder(void);

/* The same, in memory where the machine has room there: for tests that kill a process or fail its calls a hundred times. What
 * they look for outlives a process, not a power cut, so that waiting for a disk would prove nothing. */
const char *lt_test_memory_folder(void);

/* How often to repeat what depends on chance: `usual`, or what LT_TEST_ROUNDS in the environment says. */
int lt_test_rounds(int usual);
