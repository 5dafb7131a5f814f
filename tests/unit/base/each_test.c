/* Work side by side: each thing once, and an end at the first failure. */
#include "base/each.h"

#include "support/test.h"

#include <stdatomic.h>

typedef struct tally {
    atomic_int done[1000];
    atomic_size_t calls;
    size_t fail_at; /* SIZE_MAX: never */
} tally;

static lt_status count(void *context, size_t i, lt_err *err)
{
    tally *self = context;
    atomic_fetch_add(&self->done[i], 1);
    atomic_fetch_add(&self->calls, 1);
    return i == self->fail_at ? lt_fail(err, LT_IO, "number %zu", i) : LT_OK;
}

Test(each, everything_is_done_once)
{
    static const unsigned jobs[] = {0, 1, 3, 64, 100000};
    for (size_t way = 0; way < LT_COUNT(jobs); way++) {
        lt_err err = {0};
        tally all = {.fail_at = SIZE_MAX};
        CHECK_OK(lt_each(jobs[way], 1000, count, &all, &err), err);
        for (size_t i = 0; i < 1000; i++)
            CHECK_INT(atomic_load(&all.done[i]), 1);
    }
}

Test(each, a_failure_is_given_and_ends_it)
{
    lt_err err = {0};
    tally all = {.fail_at = 10};
    CHECK_STATUS(lt_each(4, 1000, count, &all, &err), LT_IO, err);
    CHECK_STR(err.message, "number 10");
    tally alone = {.fail_at = 10};
    CHECK_STATUS(lt_each(1, 1000, count, &alone, &err), LT_IO, err);
    CHECK_INT(atomic_load(&alone.calls), 11);
}

Test(each, nothing_to_do_is_done)
{
    lt_err err = {0};
    tally all = {.fail_at = SIZE_MAX};
    CHECK_OK(lt_each(4, 0, count, &all, &err), err);
    CHECK_INT(atomic_load(&all.calls), 0);
}
