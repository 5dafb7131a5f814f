/* The same work on many things, by threads that take the next one from a shared count. */
#include "base/each.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct gang {
    lt_each_work *work;
    void *context;
    size_t count;
    atomic_size_t next;
    atomic_bool stop;
    pthread_mutex_t lock;
    lt_status status; /* of the first failure */
    lt_err err;
} gang;

static void *work_on(void *context)
{
    gang *self = context;
    size_t i;
    while (!atomic_load(&self->stop) && (i = atomic_fetch_add(&self->next, 1)) < self->count) {
        lt_err err = {0};
        lt_status status = self->work(self->context, i, &err);
        if (status == LT_OK)
            continue;
        (void)pthread_mutex_lock(&self->lock);
        if (self->status == LT_OK) {
            self->status = status;
            self->err = err;
        }
        (void)pthread_mutex_unlock(&self->lock);
        atomic_store(&self->stop, true);
    }
    return NULL;
}

lt_status lt_each(unsigned jobs, size_t count, lt_each_work *work, void *context, lt_err *err)
{
    gang all = {.work = work, .context = context, .count = count};
    pthread_t threads[LT_EACH_JOBS_MOST];
    size_t started = 0, most = LT_MIN(jobs, (unsigned)LT_EACH_JOBS_MOST);
    size_t wanted = LT_MIN(count, most);
    (void)pthread_mutex_init(&all.lock, NULL);
    while (started + 1 < wanted && pthread_create(&threads[started], NULL, work_on, &all) == 0)
        started++;
    (void)work_on(&all); /* this thread is one of them */
    for (size_t i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
    (void)pthread_mutex_destroy(&all.lock);
    if (all.status != LT_OK)
        *err = all.err;
    return all.status;
}
