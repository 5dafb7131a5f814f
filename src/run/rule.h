/* rule.h - when a task begins, seen from the tasks that it comes after. Pure. */
#pragma once
#include "conf/conf.h"

/* What became of the tasks before. */
typedef struct lt_rule_counts {
    size_t open;     /* have not ended */
    size_t good;     /* succeeded */
    size_t bad;      /* failed, were cancelled, or were skipped because of such a one */
    size_t left_out; /* were skipped on purpose: not chosen, or not needed */
} lt_rule_counts;

typedef enum lt_verdict_now {
    LT_NOW_WAIT,
    LT_NOW_BEGIN,
    LT_NOW_SKIP_FAILED,     /* skip it, because of a failure */
    LT_NOW_SKIP_LEFT_OUT,   /* skip it, since what it comes after was left out */
    LT_NOW_SKIP_NOT_NEEDED, /* skip it, since its rule does not ask for it */
} lt_verdict_now;

lt_verdict_now lt_rule_judge(lt_conf_rule_when when, lt_rule_counts counts);
