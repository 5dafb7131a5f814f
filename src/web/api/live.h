/* live.h - what is told while it happens: server-sent events of changes and of logs. For web/api/ alone.
 *
 * A follower that has nothing to say costs no thread and no file: its connection rests (net/http_server.h). One thread of the face
 * looks 20 times a second whether there is news, and for whom. */
#pragma once
#include "state/changes.h"
#include "task/log_read.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct lt_api lt_api;

enum {
    LT_LIVE_MOST =
        700, /* followers at once; more are told to come later. The server takes 800 connections */
    LT_LIVE_LONGEST_S = 900, /* then a stream ends; clients come again with Last-Event-ID */
    LT_LIVE_QUIET_S = 15,    /* a comment is sent then, so that dead connections are found */
};

typedef struct lt_live {
    pthread_t thread;
    bool has_thread;
    atomic_bool stop;
    atomic_int followers;
    _Atomic int64_t newest; /* the sequence of the newest change */
} lt_live;

LT_MUST_CHECK lt_status lt_live_begin(lt_api *api, lt_err *err);
void lt_live_end(lt_api *api); /* before the server is stopped */
