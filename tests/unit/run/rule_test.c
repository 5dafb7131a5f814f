/* When a task begins, for every rule and every count of what came before. */
#include "run/rule.h"
#include "support/test.h"

static lt_verdict_now judge(lt_conf_rule_when when, size_t open, size_t good, size_t bad,
                            size_t left_out)
{
    return lt_rule_judge(
        when, (lt_rule_counts){.open = open, .good = good, .bad = bad, .left_out = left_out});
}

Test(rule, success_waits_for_all_and_gives_up_at_the_first_failure)
{
    CHECK_INT(judge(LT_WHEN_SUCCESS, 0, 0, 0, 0), LT_NOW_BEGIN);
    CHECK_INT(judge(LT_WHEN_SUCCESS, 1, 1, 0, 0), LT_NOW_WAIT);
    CHECK_INT(judge(LT_WHEN_SUCCESS, 0, 2, 0, 0), LT_NOW_BEGIN);
    CHECK_INT(judge(LT_WHEN_SUCCESS, 1, 0, 1, 0), LT_NOW_SKIP_FAILED);
    CHECK_INT(judge(LT_WHEN_SUCCESS, 1, 0, 0, 1), LT_NOW_SKIP_LEFT_OUT);
    CHECK_INT(judge(LT_WHEN_SUCCESS, 0, 0, 1, 1), LT_NOW_SKIP_FAILED);
}

Test(rule, failed_waits_for_all_and_wants_a_failure)
{
    CHECK_INT(judge(LT_WHEN_FAILED, 1, 0, 1, 0), LT_NOW_WAIT);
    CHECK_INT(judge(LT_WHEN_FAILED, 0, 1, 1, 0), LT_NOW_BEGIN);
    CHECK_INT(judge(LT_WHEN_FAILED, 0, 2, 0, 0), LT_NOW_SKIP_NOT_NEEDED);
    CHECK_INT(judge(LT_WHEN_FAILED, 0, 1, 0, 1), LT_NOW_SKIP_NOT_NEEDED);
}

Test(rule, any_begins_with_the_first_success)
{
    CHECK_INT(judge(LT_WHEN_ANY, 5, 1, 1, 0), LT_NOW_BEGIN);
    CHECK_INT(judge(LT_WHEN_ANY, 5, 0, 1, 0), LT_NOW_WAIT);
    CHECK_INT(judge(LT_WHEN_ANY, 0, 0, 1, 1), LT_NOW_SKIP_FAILED);
    CHECK_INT(judge(LT_WHEN_ANY, 0, 0, 0, 1), LT_NOW_SKIP_LEFT_OUT);
}

Test(rule, what_was_left_out_on_purpose_is_no_failure)
{
    CHECK_INT(judge(LT_WHEN_NONE_FAILED, 0, 0, 0, 2), LT_NOW_BEGIN);
    CHECK_INT(judge(LT_WHEN_NONE_FAILED, 1, 0, 1, 0), LT_NOW_SKIP_FAILED);
    CHECK_INT(judge(LT_WHEN_NONE_FAILED, 1, 1, 0, 1), LT_NOW_WAIT);
    CHECK_INT(judge(LT_WHEN_SOME_SUCCESS, 0, 0, 0, 2), LT_NOW_SKIP_LEFT_OUT);
    CHECK_INT(judge(LT_WHEN_SOME_SUCCESS, 0, 1, 0, 2), LT_NOW_BEGIN);
    CHECK_INT(judge(LT_WHEN_SOME_SUCCESS, 1, 1, 0, 2), LT_NOW_WAIT);
    CHECK_INT(judge(LT_WHEN_SOME_SUCCESS, 0, 1, 1, 0), LT_NOW_SKIP_FAILED);
}

Test(rule, always_and_all_failed)
{
    CHECK_INT(judge(LT_WHEN_ALWAYS, 1, 0, 3, 0), LT_NOW_WAIT);
    CHECK_INT(judge(LT_WHEN_ALWAYS, 0, 0, 3, 1), LT_NOW_BEGIN);
    CHECK_INT(judge(LT_WHEN_ALL_FAILED, 0, 0, 3, 0), LT_NOW_BEGIN);
    CHECK_INT(judge(LT_WHEN_ALL_FAILED, 1, 0, 3, 0), LT_NOW_WAIT);
    CHECK_INT(judge(LT_WHEN_ALL_FAILED, 1, 1, 3, 0), LT_NOW_SKIP_NOT_NEEDED);
}
