/* lifecycle.h - what rules mean at a moment; pure. Inside of store/ only. */
#pragma once
#include "store/bucket.h"

#define LT_DAY_US ((int64_t)86400 * 1000000)
#define LT_NEVER_US INT64_MIN

/* One rule with its days counted: what came to be at or before a moment goes. LT_NEVER_US: nothing does. */
typedef struct lt_rule_now {
    lt_text prefix;
    lt_pairs tags;
    int64_t larger_than, smaller_than;
    int64_t expire_before_us; /* current versions, by when they were written */
    int64_t old_before_us;    /* non-current ones, by when they were replaced */
    int32_t old_kept;
    bool lone_markers; /* whatever their age */
    int64_t lone_markers_before_us;
    int64_t uploads_before_us;
} lt_rule_now;

/* `day_us` 0: real days, which end at midnight UTC. */
lt_rule_now lt_rule_at(const lt_lifecycle_rule *rule, int64_t now_us, int64_t day_us);
/* Whether prefix, size and tags are as the rule wants them. */
bool lt_rule_matches(const lt_rule_now *rule, lt_text key, int64_t size_bytes,
                     const lt_pairs *tags);
/* When a version that was written then will expire, by this rule; LT_NEVER_US. */
int64_t lt_rule_expires_at(const lt_lifecycle_rule *rule, int64_t written_at_us);
