/* Runs the lifecycle rules beside the requests. */
#include "base/log.h"
#include "base/time.h"
#include "store/retention.h"
#include "web/s3/lifecycle.h"

#include <pthread.h>
#include <time.h>

#define HOUR_US ((int64_t)3600 * 1000000)

struct lt_s3_lifecycle {
    lt_store *store; /* borrowed */
    int64_t day_us, every_us;
    pthread_mutex_t lock;
    pthread_cond_t stop;
    pthread_t thread;
    bool is_running, is_stopping;
};

static void run_rules(lt_s3_lifecycle *self)
{
    lt_err err = {0};
    lt_prune_report report = {0};
    lt_lifecycle_request request = {.day_us = self->day_us};
    if (lt_store_lifecycle(self->store, &request, &report, &err) != LT_OK)
        lt_log(LT_LOG_WARNING, "lifecycle rules could not be run: %s", err.message);
}

static void *run(void *context)
{
    lt_s3_lifecycle *self = context;
    (void)pthread_mutex_lock(&self->lock);
    while (!self->is_stopping) {
        struct timespec until;
        int64_t end_us = lt_now_us() + self->every_us;
        until.tv_sec = end_us / 1000000;
        until.tv_nsec = end_us % 1000000 * 1000;
        (void)pthread_cond_timedwait(&self->stop, &self->lock, &until);
        if (self->is_stopping)
            break;
        (void)pthread_mutex_unlock(&self->lock);
        run_rules(self);
        (void)pthread_mutex_lock(&self->lock);
    }
    (void)pthread_mutex_unlock(&self->lock);
    return NULL;
}

lt_s3_lifecycle *lt_s3_lifecycle_start(lt_store *store, int64_t day_us)
{
    lt_s3_lifecycle *self = lt_xcalloc(1, sizeof(*self));
    self->store = store;
    self->day_us = day_us;
    self->every_us = day_us ? LT_MIN(LT_MAX(day_us / 2, (int64_t)100000), HOUR_US) : HOUR_US;
    (void)pthread_mutex_init(&self->lock, NULL);
    (void)pthread_cond_init(&self->stop, NULL);
    self->is_running = pthread_create(&self->thread, NULL, run, self) == 0;
    return self;
}

void lt_s3_lifecycle_stop(lt_s3_lifecycle *self)
{
    if (!self)
        return;
    (void)pthread_mutex_lock(&self->lock);
    self->is_stopping = true;
    (void)pthread_cond_signal(&self->stop);
    (void)pthread_mutex_unlock(&self->lock);
    if (self->is_running)
        (void)pthread_join(self->thread, NULL);
    (void)pthread_cond_destroy(&self->stop);
    (void)pthread_mutex_destroy(&self->lock);
    lt_free(self);
}
