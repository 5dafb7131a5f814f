/* The rules of `when:`. */
#include "run/rule.h"

static lt_verdict_now judge_success(lt_rule_counts c)
{
    if (c.bad)
        return LT_NOW_SKIP_FAILED;
    if (c.left_out)
        return LT_NOW_SKIP_LEFT_OUT;
    return c.open ? LT_NOW_WAIT : LT_NOW_BEGIN;
}

static lt_verdict_now judge_any(lt_rule_counts c)
{
    if (c.good)
        return LT_NOW_BEGIN;
    if (c.open)
        return LT_NOW_WAIT;
    return c.bad ? LT_NOW_SKIP_FAILED : c.left_out ? LT_NOW_SKIP_LEFT_OUT : LT_NOW_BEGIN;
}

static lt_verdict_now judge_all_failed(lt_rule_counts c)
{
    if (c.good || c.left_out)
        return LT_NOW_SKIP_NOT_NEEDED;
    if (c.open)
        return LT_NOW_WAIT;
    return c.bad ? LT_NOW_BEGIN : LT_NOW_SKIP_NOT_NEEDED;
}

lt_verdict_now lt_rule_judge(lt_conf_rule_when when, lt_rule_counts c)
{
    switch (when) {
    case LT_WHEN_SUCCESS:
        return judge_success(c);
    case LT_WHEN_ANY:
        return judge_any(c);
    case LT_WHEN_ALL_FAILED:
        return judge_all_failed(c);
    case LT_WHEN_FAILED:
        return c.open ? LT_NOW_WAIT : c.bad ? LT_NOW_BEGIN : LT_NOW_SKIP_NOT_NEEDED;
    case LT_WHEN_NONE_FAILED:
        return c.bad ? LT_NOW_SKIP_FAILED : c.open ? LT_NOW_WAIT : LT_NOW_BEGIN;
    case LT_WHEN_SOME_SUCCESS:
        if (c.bad || c.open)
            return c.bad ? LT_NOW_SKIP_FAILED : LT_NOW_WAIT;
        return c.left_out && !c.good ? LT_NOW_SKIP_LEFT_OUT : LT_NOW_BEGIN;
    default: /* always */
        return c.open ? LT_NOW_WAIT : LT_NOW_BEGIN;
    }
}
