/* rate.h - so many requests a minute, shared by all threads that ask.
 *
 * The generic cell rate algorithm (a token bucket without a clock of its own): a short burst passes at once, then requests
 * are spread evenly. A server's "wait" stops everybody until then. */
#pragma once
#include "base/err.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct lt_rate {
    pthread_mutex_t lock;
    int64_t interval_us; /* between requests; 0: no limit */
    int64_t burst_us;    /* how far requests may run ahead of the even spread */
    int64_t next_us;     /* the even spread's next slot, on the monotonic clock */
    int64_t paused_until_us;
} lt_rate;

/* `per_minute` 0 is no limit (pauses still count). `burst`: requests that may go at once, at least 1. */
void lt_rate_init(lt_rate *rate, unsigned per_minute, unsigned burst);
void lt_rate_cleanup(lt_rate *rate);

/* Take the next slot: how long to wait from `now_us` before using it (0: at once). */
int64_t lt_rate_take(lt_rate *rate, int64_t now_us);
/* Take a slot only if it is free now; else false and how long until one is. For servers. */
bool lt_rate_try(lt_rate *rate, int64_t now_us, int64_t *wait_us);
/* Nobody goes before `until_us`. */
void lt_rate_pause(lt_rate *rate, int64_t until_us);

/* Take a slot and sleep until it comes. LT_CANCELLED when lt_stop_asked() or *stop (may be NULL) says so. */
LT_MUST_CHECK lt_status lt_rate_wait(lt_rate *rate, const atomic_bool *stop, lt_err *err);
/* Sleep in slices that notice the stop flags. */
LT_MUST_CHECK lt_status lt_wait_us(int64_t length_us, const atomic_bool *stop, lt_err *err);
