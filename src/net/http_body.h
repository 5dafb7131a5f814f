/* http_body.h - the body of a request on its way from the connection to its handler. For http_server.c alone.
 *
 * libmicrohttpd pushes pieces, a handler wants to pull. Small bodies are collected first and the handler runs in the thread of the
 * connection; for larger ones it runs in a thread of its own beside it and copies out of the transport's buffer, which is received into
 * again when it has all of that: a client that is faster than the handler has to wait, and one that sends slowly costs no buffer of ours. */
#pragma once
#include "base/buf.h"

#include <pthread.h>

typedef struct lt_body_pipe {
    void (*run)(void *context); /* the handler */
    void *context;
    lt_buf small; /* owned; a body that is collected */
    size_t small_at;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    pthread_t thread;
    lt_text piece; /* borrowed from the giver, who waits: what is left of it */
    bool is_large; /* not collected */
    bool is_begun, has_thread, is_whole, is_over, is_broken; /* is_over: the handler has returned */
} lt_body_pipe;

/* `size` is what the client announces, or -1. */
void lt_pipe_begin(lt_body_pipe *pipe, int64_t size, void (*run)(void *context), void *context);
/* A piece has come; waits until it is taken. After the handler has returned, pieces are dropped. */
void lt_pipe_give(lt_body_pipe *pipe, lt_text piece);
/* No more comes: `whole`, or the client has gone. Gives back when the handler has returned; a body that was collected is handled
 * here, a broken one too: the handler finds out, and says what the client is to be told. Later calls do nothing. */
void lt_pipe_end(lt_body_pipe *pipe, bool whole);
/* The reader's side: *got 0 at the end. False: the client has gone. */
bool lt_pipe_take(lt_body_pipe *pipe, char *out, size_t size, size_t *got);
void lt_pipe_cleanup(lt_body_pipe *pipe);
