/* Turns pieces of a body that are pushed into a stream that is pulled, with a thread between when the body is large. */
#include "net/http_body.h"

enum {
    SMALL_BYTES = 64 * 1024,
    STACK_BYTES = 1024 * 1024,
};

static void *run_handler(void *context)
{
    lt_body_pipe *pipe = context;
    pipe->run(pipe->context);
    (void)pthread_mutex_lock(&pipe->lock);
    pipe->is_over = true;
    (void)pthread_cond_broadcast(&pipe->changed);
    (void)pthread_mutex_unlock(&pipe->lock);
    return NULL;
}

void lt_pipe_begin(lt_body_pipe *pipe, int64_t size, void (*run)(void *context), void *context)
{
    pipe->run = run;
    pipe->context = context;
    pipe->is_begun = true;
    pipe->small.limit = SMALL_BYTES;
    if (size >= 0 && size <= (int64_t)SMALL_BYTES)
        return;
    (void)pthread_mutex_init(&pipe->lock, NULL);
    (void)pthread_cond_init(&pipe->changed, NULL);
    pipe->is_large = true;
}

/* With the first piece: a client that never sends one costs no thread. */
static void start_handler(lt_body_pipe *pipe)
{
    pthread_attr_t attr;
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, STACK_BYTES);
    pipe->has_thread = pthread_create(&pipe->thread, &attr, run_handler, pipe) == 0;
    (void)pthread_attr_destroy(&attr);
    if (!pipe->has_thread) { /* no thread to be had: the client is cut off, and may try again */
        pipe->is_broken = true;
        pipe->is_over = true;
    }
}

void lt_pipe_give(lt_body_pipe *pipe, lt_text piece)
{
    if (!pipe->is_large) {
        lt_buf_add(&pipe->small, piece);
        return;
    }
    if (!pipe->has_thread && !pipe->is_over)
        start_handler(pipe);
    (void)pthread_mutex_lock(&pipe->lock);
    pipe->piece = piece;
    (void)pthread_cond_broadcast(&pipe->changed);
    while (pipe->piece.len > 0 && !pipe->is_over)
        (void)pthread_cond_wait(&pipe->changed, &pipe->lock);
    pipe->piece = (lt_text){0};
    (void)pthread_mutex_unlock(&pipe->lock);
}

void lt_pipe_end(lt_body_pipe *pipe, bool whole)
{
    if (!pipe->is_begun)
        return;
    pipe->is_begun = false;
    if (pipe->has_thread)
        (void)pthread_mutex_lock(&pipe->lock);
    pipe->is_whole = whole;
    pipe->is_broken = pipe->is_broken || !whole;
    if (!pipe->has_thread) { /* all that came is there, or there was nothing */
        if (!pipe->is_over)
            pipe->run(pipe->context);
        return;
    }
    (void)pthread_cond_broadcast(&pipe->changed);
    (void)pthread_mutex_unlock(&pipe->lock);
    (void)pthread_join(pipe->thread, NULL);
    pipe->has_thread = false;
}

static bool take_small(lt_body_pipe *pipe, char *out, size_t size, size_t *got)
{
    lt_text part = lt_text_sub(lt_buf_text(&pipe->small), pipe->small_at, size);
    if (part.len)
        memcpy(out, part.ptr, part.len);
    pipe->small_at += part.len;
    *got = part.len;
    return part.len > 0 || !pipe->is_broken;
}

bool lt_pipe_take(lt_body_pipe *pipe, char *out, size_t size, size_t *got)
{
    if (!pipe->is_large)
        return take_small(pipe, out, size, got);
    (void)pthread_mutex_lock(&pipe->lock);
    while (pipe->piece.len == 0 && !pipe->is_whole && !pipe->is_broken)
        (void)pthread_cond_wait(&pipe->changed, &pipe->lock);
    lt_text part = lt_text_sub(pipe->piece, 0, size);
    bool ok = part.len > 0 || !pipe->is_broken;
    if (part.len)
        memcpy(out, part.ptr, part.len);
    pipe->piece = lt_text_sub(pipe->piece, part.len, SIZE_MAX);
    if (part.len && pipe->piece.len == 0)
        (void)pthread_cond_broadcast(&pipe->changed);
    (void)pthread_mutex_unlock(&pipe->lock);
    *got = part.len;
    return ok;
}

void lt_pipe_cleanup(lt_body_pipe *pipe)
{
    lt_buf_cleanup(&pipe->small);
    if (!pipe->is_large)
        return;
    pipe->is_large = false;
    (void)pthread_cond_destroy(&pipe->changed);
    (void)pthread_mutex_destroy(&pipe->lock);
}
