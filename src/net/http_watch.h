/* http_watch.h - deadlines of connections, for clients that keep one open by sending a byte now and then. For http_server.c alone.
 *
 * libmicrohttpd's own timeout begins anew with each byte. Here a connection has a moment by which it must have got further; a thread
 * looks every half second and shuts the sockets down that have not. */
#pragma once
#include "base/base.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct lt_watched {
    struct lt_watched *before, *after;
    int fd;                      /* borrowed */
    bool is_extra;               /* for its owner: it came when there were enough */
    _Atomic int64_t deadline_us; /* monotonic; 0: none */
    int64_t body_started_us, body_bytes;
} lt_watched;

typedef struct lt_watch {
    pthread_mutex_t lock; /* of the list */
    pthread_cond_t stop;
    pthread_t thread;
    lt_watched *first;
    bool is_running, is_stopping;
} lt_watch;

void lt_watch_begin(lt_watch *watch);
void lt_watch_end(lt_watch *watch);
/* A new connection, which has `seconds` for its first head. */
lt_watched *lt_watch_add(lt_watch *watch, int fd, unsigned seconds);
void lt_watch_remove(lt_watch *watch, lt_watched *watched); /* frees it; NULL is fine */
/* From now on it has `seconds` for the next head. */
void lt_watch_idle(lt_watched *watched, unsigned seconds);
void lt_watch_pause(lt_watched *watched); /* it is our turn */
/* So many bytes of a body have come: there is time for more, at a rate that is not too low. */
void lt_watch_body(lt_watched *watched, size_t bytes);
