/* Shuts down connections that do not get further. */
#include "net/http_watch.h"

#include "base/time.h"

#include <sys/socket.h>
#include <time.h>

enum { BODY_GRACE_S = 60, BODY_BYTES_PER_S = 1024, LAST_WORDS_S = 5 };

/* First nothing more is read, so that the server ends the request and may still answer; whose connection is there long after that is
 * cut off. */
static void shut_late(lt_watch *watch)
{
    int64_t now_us = lt_mono_us();
    for (lt_watched *w = watch->first; w; w = w->after) {
        int64_t deadline_us = atomic_load(&w->deadline_us);
        if (deadline_us && deadline_us < now_us)
            (void)shutdown(w->fd, deadline_us + LAST_WORDS_S * (int64_t)1000000 < now_us ? SHUT_RDWR
                                                                                         : SHUT_RD);
    }
}

static void *look(void *context)
{
    lt_watch *watch = context;
    (void)pthread_mutex_lock(&watch->lock);
    while (!watch->is_stopping) {
        struct timespec until;
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 500 * 1000 * 1000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        (void)pthread_cond_timedwait(&watch->stop, &watch->lock, &until);
        shut_late(watch);
    }
    (void)pthread_mutex_unlock(&watch->lock);
    return NULL;
}

void lt_watch_begin(lt_watch *watch)
{
    (void)pthread_mutex_init(&watch->lock, NULL);
    (void)pthread_cond_init(&watch->stop, NULL);
    watch->is_running = pthread_create(&watch->thread, NULL, look, watch) == 0;
}

void lt_watch_end(lt_watch *watch)
{
    (void)pthread_mutex_lock(&watch->lock);
    watch->is_stopping = true;
    (void)pthread_cond_signal(&watch->stop);
    (void)pthread_mutex_unlock(&watch->lock);
    if (watch->is_running)
        (void)pthread_join(watch->thread, NULL);
    (void)pthread_cond_destroy(&watch->stop);
    (void)pthread_mutex_destroy(&watch->lock);
}

lt_watched *lt_watch_add(lt_watch *watch, int fd, unsigned seconds)
{
    lt_watched *made = lt_xcalloc(1, sizeof(*made));
    made->fd = fd;
    lt_watch_idle(made, seconds);
    (void)pthread_mutex_lock(&watch->lock);
    made->after = watch->first;
    if (watch->first)
        watch->first->before = made;
    watch->first = made;
    (void)pthread_mutex_unlock(&watch->lock);
    return made;
}

void lt_watch_remove(lt_watch *watch, lt_watched *watched)
{
    if (!watched)
        return;
    (void)pthread_mutex_lock(&watch->lock);
    if (watched->before)
        watched->before->after = watched->after;
    else
        watch->first = watched->after;
    if (watched->after)
        watched->after->before = watched->before;
    (void)pthread_mutex_unlock(&watch->lock);
    lt_free(watched);
}

void lt_watch_idle(lt_watched *watched, unsigned seconds)
{
    if (!watched)
        return;
    watched->body_started_us = lt_mono_us();
    watched->body_bytes = 0;
    atomic_store(&watched->deadline_us, watched->body_started_us + seconds * (int64_t)1000000);
}

void lt_watch_pause(lt_watched *watched)
{
    if (watched)
        atomic_store(&watched->deadline_us, 0);
}

void lt_watch_body(lt_watched *watched, size_t bytes)
{
    if (!watched)
        return;
    if (watched->body_bytes == 0)
        watched->body_started_us = lt_mono_us();
    watched->body_bytes += (int64_t)bytes;
    atomic_store(&watched->deadline_us, watched->body_started_us + BODY_GRACE_S * (int64_t)1000000 +
                                            watched->body_bytes / BODY_BYTES_PER_S * 1000000);
}
