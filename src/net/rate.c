/* The requests-per-minute budget (GCRA). */
#include "net/rate.h"

#include "base/proc.h"
#include "base/time.h"

void lt_rate_init(lt_rate *rate, unsigned per_minute, unsigned burst)
{
    *rate = (lt_rate){.interval_us = per_minute ? 60 * 1000000LL / per_minute : 0};
    rate->burst_us = (int64_t)(burst > 0 ? burst - 1 : 0) * rate->interval_us;
    (void)pthread_mutex_init(&rate->lock, NULL);
}

void lt_rate_cleanup(lt_rate *rate)
{
    (void)pthread_mutex_destroy(&rate->lock);
}

/* When the next request may go; the lock is held. */
static int64_t next_slot(const lt_rate *rate, int64_t now_us)
{
    return LT_MAX(LT_MAX(now_us, rate->paused_until_us), rate->next_us - rate->burst_us);
}

static void use_slot(lt_rate *rate, int64_t slot_us)
{
    rate->next_us = LT_MAX(rate->next_us, slot_us) + rate->interval_us;
}

int64_t lt_rate_take(lt_rate *rate, int64_t now_us)
{
    (void)pthread_mutex_lock(&rate->lock);
    int64_t slot_us = next_slot(rate, now_us);
    use_slot(rate, slot_us);
    (void)pthread_mutex_unlock(&rate->lock);
    return slot_us - now_us;
}

bool lt_rate_try(lt_rate *rate, int64_t now_us, int64_t *wait_us)
{
    (void)pthread_mutex_lock(&rate->lock);
    int64_t slot_us = next_slot(rate, now_us);
    bool free_now = slot_us <= now_us;
    if (free_now)
        use_slot(rate, slot_us);
    (void)pthread_mutex_unlock(&rate->lock);
    *wait_us = slot_us - now_us;
    return free_now;
}

void lt_rate_pause(lt_rate *rate, int64_t until_us)
{
    (void)pthread_mutex_lock(&rate->lock);
    rate->paused_until_us = LT_MAX(rate->paused_until_us, until_us);
    (void)pthread_mutex_unlock(&rate->lock);
}

lt_status lt_wait_us(int64_t length_us, const atomic_bool *stop, lt_err *err)
{
    int64_t end_us = lt_mono_us() + length_us;
    for (;;) {
        if (lt_stop_asked() || (stop && atomic_load(stop)))
            return lt_fail(err, LT_CANCELLED, "stopped while waiting");
        int64_t left_us = end_us - lt_mono_us();
        if (left_us <= 0)
            return LT_OK;
        lt_sleep_us(LT_MIN(left_us, 50 * 1000));
    }
}

lt_status lt_rate_wait(lt_rate *rate, const atomic_bool *stop, lt_err *err)
{
    int64_t now_us = lt_mono_us();
    LT_TRY(lt_wait_us(lt_rate_take(rate, now_us), stop, err));
    for (;;) { /* a pause may have come while we slept */
        now_us = lt_mono_us();
        (void)pthread_mutex_lock(&rate->lock);
        int64_t until_us = rate->paused_until_us;
        (void)pthread_mutex_unlock(&rate->lock);
        if (until_us <= now_us)
            return LT_OK;
        LT_TRY(lt_wait_us(until_us - now_us, stop, err));
    }
}
