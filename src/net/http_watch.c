/* Shuts down connections that do not get further. */
#include "net/http_watch.h"

#include "base/time.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
    BODY_GRACE_S = 60,
    BODY_BYTES_PER_S = 1024,
    LAST_WORDS_S = 5,
    SCARCE_HEAD_S = 2, /* when connections are scarce: for a head, */
    SCARCE_BODY_S = 5, /* and instead of BODY_GRACE_S */
};

static const int64_t SECOND_US = 1000000;

/* By when it must have got further; 0: it is our turn. */
static int64_t deadline_of(const lt_watched *w, bool is_scarce)
{
    int64_t deadline_us = atomic_load(&w->deadline_us);
    if (!deadline_us || !is_scarce)
        return deadline_us;
    if (atomic_load(&w->is_head))
        return LT_MIN(deadline_us, atomic_load(&w->since_us) + SCARCE_HEAD_S * SECOND_US);
    return deadline_us - (BODY_GRACE_S - SCARCE_BODY_S) * SECOND_US;
}

/* First nothing more is read, so that the server ends the request and may still answer; whose connection is there long after that is
 * cut off. */
static void shut_late(lt_watch *watch)
{
    int64_t now_us = lt_mono_us();
    for (lt_watched *w = watch->first; w; w = w->after) {
        int64_t deadline_us = deadline_of(w, atomic_load(&watch->is_scarce));
        if (deadline_us && deadline_us < now_us)
            (void)shutdown(w->fd,
                           deadline_us + LAST_WORDS_S * SECOND_US < now_us ? SHUT_RDWR : SHUT_RD);
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

static struct in6_addr address_of(const struct sockaddr *client)
{
    struct in6_addr made = {0};
    if (client && client->sa_family == AF_INET6)
        made = ((const struct sockaddr_in6 *)client)->sin6_addr;
    else if (client && client->sa_family == AF_INET)
        memcpy(&made, &((const struct sockaddr_in *)client)->sin_addr, sizeof(struct in_addr));
    return made;
}

/* It waits for its client: first those go that have asked for nothing, then those that have not said all; of these the oldest. */
static bool goes_before(const lt_watched *w, const lt_watched *other)
{
    if (!atomic_load(&w->deadline_us))
        return false;
    if (!other || atomic_load(&w->is_head) != atomic_load(&other->is_head))
        return !other || atomic_load(&w->is_head);
    return atomic_load(&w->since_us) < atomic_load(&other->since_us);
}

/* With the lock held. Beyond its share an address makes room by itself; where all are at work the new one goes. */
static void make_room(lt_watch *watch, lt_watched *made, unsigned most)
{
    unsigned count = 0;
    lt_watched *least = NULL;
    for (lt_watched *w = watch->first; w && most; w = w->after) {
        if (w->is_cut || memcmp(&w->address, &made->address, sizeof(w->address)) != 0)
            continue;
        count++;
        if (goes_before(w, least))
            least = w;
    }
    if (count < most || !most)
        return;
    least = least ? least : made;
    least->is_cut = true;
    (void)shutdown(least->fd, SHUT_RDWR);
}

lt_watched *lt_watch_add(lt_watch *watch, int fd, const struct sockaddr *client, unsigned seconds,
                         unsigned most)
{
    lt_watched *made = lt_xcalloc(1, sizeof(*made));
    made->fd = fd;
    made->address = address_of(client);
    lt_watch_idle(made, seconds);
    (void)pthread_mutex_lock(&watch->lock);
    make_room(watch, made, most);
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
    atomic_store(&watched->since_us, watched->body_started_us);
    atomic_store(&watched->is_head, true);
    atomic_store(&watched->deadline_us, watched->body_started_us + seconds * SECOND_US);
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
    atomic_store(&watched->is_head, false);
    atomic_store(&watched->deadline_us, watched->body_started_us + BODY_GRACE_S * SECOND_US +
                                            watched->body_bytes / BODY_BYTES_PER_S * SECOND_US);
}
