/* limit.h - how often somebody may ask: a number of requests a minute for each name, of very many names, in fixed memory.
 *
 * The algorithm of net/rate.h in a table of LT_LIMIT_SLOTS; when it is full, whoever has been quiet for longest is forgotten.
 * Threads: any. */
#pragma once
#include "base/text.h"

#include <pthread.h>

enum { LT_LIMIT_SLOTS = 4096 };

typedef struct lt_limits {
    pthread_mutex_t lock;
    int64_t interval_us, burst_us; /* interval 0: no limit */
    struct lt_limit_slot {
        uint64_t name;   /* its hash */
        int64_t next_us; /* the even spread's next moment, monotonic */
    } slots[LT_LIMIT_SLOTS];
} lt_limits;

/* `per_minute` 0 is no limit. A quarter of a minute's requests may come at once. */
void lt_limits_init(lt_limits *limits, unsigned per_minute);
void lt_limits_cleanup(lt_limits *limits);
/* One more request of this name. False: too many; *wait_us says how long until the next is taken. */
bool lt_limits_take(lt_limits *limits, lt_text name, int64_t now_us, int64_t *wait_us);
