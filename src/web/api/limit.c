/* Counts requests by name, in a table that does not grow. */
#include "web/api/limit.h"

enum { PROBES = 8 };

void lt_limits_init(lt_limits *limits, unsigned per_minute)
{
    *limits = (lt_limits){0};
    (void)pthread_mutex_init(&limits->lock, NULL);
    limits->interval_us = per_minute ? 60000000 / (int64_t)per_minute : 0;
    limits->burst_us = limits->interval_us * LT_MAX((int64_t)per_minute / 4, (int64_t)1);
}

void lt_limits_cleanup(lt_limits *limits)
{
    (void)pthread_mutex_destroy(&limits->lock);
}

/* The slot of the name, else the quietest of those where it may stand. */
static struct lt_limit_slot *find(lt_limits *limits, uint64_t name)
{
    struct lt_limit_slot *quiet = NULL;
    for (size_t i = 0; i < PROBES; i++) {
        struct lt_limit_slot *slot = &limits->slots[(name + i) % LT_LIMIT_SLOTS];
        if (slot->name == name)
            return slot;
        if (!quiet || slot->next_us < quiet->next_us)
            quiet = slot;
    }
    *quiet = (struct lt_limit_slot){.name = name};
    return quiet;
}

bool lt_limits_take(lt_limits *limits, lt_text name, int64_t now_us, int64_t *wait_us)
{
    if (!limits->interval_us)
        return true;
    (void)pthread_mutex_lock(&limits->lock);
    struct lt_limit_slot *slot = find(limits, lt_text_hash(name));
    int64_t next_us = LT_MAX(slot->next_us, now_us);
    *wait_us = next_us - now_us - (limits->burst_us - limits->interval_us);
    bool free = *wait_us <= 0;
    if (free)
        slot->next_us = next_us + limits->interval_us;
    (void)pthread_mutex_unlock(&limits->lock);
    return free;
}
