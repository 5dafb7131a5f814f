/* Days of lifecycle rules as S3 counts them: to the next midnight UTC after so many days. */
#include "store/lifecycle.h"

#include "base/time.h"

/* What happened at or before the result is `days` old at `now_us`. */
static int64_t before(int64_t now_us, int64_t day_us, int32_t days)
{
    if (days <= 0)
        return LT_NEVER_US;
    if (day_us)
        return now_us - days * day_us;
    return lt_divide_down(now_us, LT_DAY_US) * LT_DAY_US - days * LT_DAY_US;
}

lt_rule_now lt_rule_at(const lt_lifecycle_rule *rule, int64_t now_us, int64_t day_us)
{
    int64_t expire = before(now_us, day_us, rule->expire_days);
    if (rule->expire_at_us && now_us >= rule->expire_at_us)
        expire = INT64_MAX;
    return (lt_rule_now){.prefix = rule->prefix,
                         .tags = rule->tags,
                         .larger_than = rule->larger_than,
                         .smaller_than = rule->smaller_than,
                         .expire_before_us = expire,
                         .old_before_us = before(now_us, day_us, rule->old_days),
                         .old_kept = rule->old_kept,
                         .lone_markers = rule->expire_markers,
                         .lone_markers_before_us = expire,
                         .uploads_before_us = before(now_us, day_us, rule->abort_days)};
}

static bool has_tag(const lt_pairs *tags, const lt_pair *wanted)
{
    for (size_t i = 0; tags && i < tags->len; i++)
        if (lt_text_eq(tags->items[i].name, wanted->name) &&
            lt_text_eq(tags->items[i].value, wanted->value))
            return true;
    return false;
}

bool lt_rule_matches(const lt_rule_now *rule, lt_text key, int64_t size_bytes, const lt_pairs *tags)
{
    if (!lt_text_starts(key, rule->prefix) ||
        (rule->larger_than >= 0 && size_bytes <= rule->larger_than) ||
        (rule->smaller_than >= 0 && size_bytes >= rule->smaller_than))
        return false;
    for (size_t i = 0; i < rule->tags.len; i++)
        if (!has_tag(tags, &rule->tags.items[i]))
            return false;
    return true;
}

int64_t lt_rule_expires_at(const lt_lifecycle_rule *rule, int64_t written_at_us)
{
    if (!rule->enabled || (!rule->expire_days && !rule->expire_at_us))
        return LT_NEVER_US;
    if (rule->expire_at_us)
        return rule->expire_at_us;
    int64_t at_us = written_at_us + rule->expire_days * LT_DAY_US;
    return (lt_divide_down(at_us - 1, LT_DAY_US) + 1) * LT_DAY_US;
}
