/* http_watch.h - deadlines of connections, for clients that keep one open by sending a byte now and then. For http_server.c alone.
 *
 * libmicrohttpd's own timeout begins anew with each byte. Here a connection has a moment by which it must have got further; a thread
 * looks every half second and shuts the sockets down that have not. When connections are scarce, those that wait for a client get little time,
 * and an address that has its share of connections loses the oldest one that has asked for nothing, or else has not said all, when it opens another. */
#pragma once
#include "base/base.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

typedef struct lt_watched {
    struct lt_watched *before, *after;
    int fd;                      /* borrowed */
    bool is_extra;               /* for its owner: it came when there were enough */
    bool is_cut;                 /* of the list's lock: it made room for another */
    struct in6_addr address;     /* of the client */
    atomic_bool is_head;         /* it waits for a head, as opposed to the rest of a body */
    _Atomic int64_t since_us;    /* when that began */
    _Atomic int64_t deadline_us; /* monotonic; 0: none */
    int64_t body_started_us, body_bytes;
} lt_watched;

typedef struct lt_watch {
    pthread_mutex_t lock; /* of the list */
    pthread_cond_t stop;
    pthread_t thread;
    lt_watched *first;
    bool is_running, is_stopping;
    atomic_bool is_scarce; /* set by its owner */
} lt_watch;

void lt_watch_begin(lt_watch *watch);
void lt_watch_end(lt_watch *watch);
/* A new connection, which has `seconds` for its first head. `most`: so many may its address have open; 0: any number. */
lt_watched *lt_watch_add(lt_watch *watch, int fd, const struct sockaddr *client, unsigned seconds,
                         unsigned most);
void lt_watch_remove(lt_watch *watch, lt_watched *watched); /* frees it; NULL is fine */
/* From now on it has `seconds` for the next head. */
void lt_watch_idle(lt_watched *watched, unsigned seconds);
void lt_watch_pause(lt_watched *watched); /* it is our turn */
/* So many bytes of a body have come: there is time for more, at a rate that is not too low. */
void lt_watch_body(lt_watched *watched, size_t bytes);
