/* A thread that reads a stream into a short queue. */
#include "engine/pump.h"

#include <pthread.h>

enum { QUEUE = 32, QUEUE_BYTES = 48 << 20 };

typedef struct pump {
    lt_stream source; /* the thread's alone until it has ended */
    lt_session *session;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t limit;                   /* of batches that wait */
    struct ArrowArray queue[QUEUE]; /* guarded, as what follows */
    size_t first, count;
    bool ended, abandoned;
    lt_status status; /* of the source, once ended */
    lt_err err;
} pump;

/* Wait for room and put the batch there; false when nobody wants it any more. */
static bool push(pump *self, struct ArrowArray *batch)
{
    (void)pthread_mutex_lock(&self->lock);
    while (self->count == self->limit && !self->abandoned)
        (void)pthread_cond_wait(&self->changed, &self->lock);
    bool wanted = !self->abandoned;
    if (wanted)
        self->queue[(self->first + self->count++) % QUEUE] = *batch;
    (void)pthread_cond_signal(&self->changed);
    (void)pthread_mutex_unlock(&self->lock);
    return wanted;
}

static void *read_ahead(void *argument)
{
    pump *self = argument;
    lt_err err = {0};
    lt_status status;
    for (;;) {
        struct ArrowArray batch = {0};
        status = self->source.next(&self->source, &batch, &err);
        if (status != LT_OK || !batch.release)
            break;
        if (!push(self, &batch)) {
            batch.release(&batch);
            break;
        }
    }
    (void)pthread_mutex_lock(&self->lock);
    self->ended = true;
    self->status = status;
    self->err = err;
    (void)pthread_cond_signal(&self->changed);
    (void)pthread_mutex_unlock(&self->lock);
    return NULL;
}

static lt_status pump_next(lt_stream *stream, struct ArrowArray *out, lt_err *err)
{
    pump *self = stream->state;
    struct ArrowArray batch = {0};
    (void)pthread_mutex_lock(&self->lock);
    while (self->count == 0 && !self->ended)
        (void)pthread_cond_wait(&self->changed, &self->lock);
    lt_status status = LT_OK;
    if (self->count) {
        batch = self->queue[self->first];
        self->first = (self->first + 1) % QUEUE;
        self->count--;
    } else {
        status = self->status;
    }
    (void)pthread_cond_signal(&self->changed);
    (void)pthread_mutex_unlock(&self->lock);
    if (status != LT_OK) {
        *err = self->err;
        return status;
    }
    *out = batch;
    return LT_OK;
}

static void pump_release(lt_stream *stream)
{
    pump *self = stream->state;
    (void)pthread_mutex_lock(&self->lock);
    self->abandoned = true;
    bool running = !self->ended;
    (void)pthread_cond_signal(&self->changed);
    (void)pthread_mutex_unlock(&self->lock);
    if (running)
        lt_session_cancel(self->session);
    (void)pthread_join(self->thread, NULL);
    for (size_t i = 0; i < self->count; i++) {
        struct ArrowArray *batch = &self->queue[(self->first + i) % QUEUE];
        batch->release(batch);
    }
    lt_stream_release(&self->source);
    (void)pthread_cond_destroy(&self->changed);
    (void)pthread_mutex_destroy(&self->lock);
    lt_free(self);
}

/* The consumer sees the schema; the source keeps its memory until the end. */
static void borrowed_schema_release(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

lt_status lt_pump_start(lt_stream *source, lt_session *session, lt_stream *out, lt_err *err)
{
    pump *self = lt_xcalloc(1, sizeof(*self));
    self->source = *source;
    self->session = session;
    self->limit =
        source->batch_bytes ? LT_MAX(QUEUE_BYTES / source->batch_bytes, (size_t)1) : QUEUE;
    self->limit = LT_MIN(self->limit, (size_t)QUEUE);
    (void)pthread_mutex_init(&self->lock, NULL);
    (void)pthread_cond_init(&self->changed, NULL);
    int code = pthread_create(&self->thread, NULL, read_ahead, self);
    if (code != 0) {
        (void)pthread_cond_destroy(&self->changed);
        (void)pthread_mutex_destroy(&self->lock);
        lt_free(self);
        return lt_fail_errno(err, code, "cannot start a thread");
    }
    *out = (lt_stream){.schema = self->source.schema,
                       .next = pump_next,
                       .release = pump_release,
                       .state = self,
                       .batch_bytes = self->source.batch_bytes};
    out->schema.release = borrowed_schema_release;
    *source = (lt_stream){0};
    return LT_OK;
}
