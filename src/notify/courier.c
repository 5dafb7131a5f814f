/* One thread, one queue, one address. */
#include "notify/courier.h"

#include "base/log.h"
#include "base/time.h"
#include "net/http_retry.h"

#include <pthread.h>
#include <stdlib.h>

enum { REQUEST_MS = 10000 };

typedef struct message {
    struct message *next;
    size_t len;
    char body[];
} message;

struct lt_courier {
    const char *what;
    lt_arena arena; /* of url and headers */
    lt_text url;
    lt_http_headers headers;
    lt_http_client *client; /* owned */
    atomic_bool hurry;      /* give up requests under way */
    bool has_thread;
    pthread_t thread;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    message *first, **last; /* owned */
    size_t waiting_bytes;
    bool ending;
    int64_t end_at_us; /* monotonic; when ending */
    size_t carried, left_out;
    lt_err why; /* of the first that was left out, or of the last that could not be carried */
};

/* ---- carrying ---- */

static void wait_until(lt_courier *self, int64_t at_us)
{
    struct timespec until = {.tv_sec = at_us / 1000000, .tv_nsec = at_us % 1000000 * 1000};
    (void)pthread_cond_timedwait(&self->changed, &self->lock, &until);
}

static bool is_over(const lt_courier *self)
{
    return self->ending && lt_mono_us() >= self->end_at_us;
}

/* The last tries follow closely. */
static void pause_before(lt_courier *self, unsigned attempt)
{
    static const lt_retry policy = {.base_us = 500000, .cap_us = 30000000};
    static const int64_t SHORT_US = 100000;
    uint64_t random = (uint64_t)arc4random() << 32 | arc4random();
    int64_t from = lt_mono_us(), at = from + lt_retry_delay_us(&policy, attempt, -1, random);
    while (!is_over(self) && lt_mono_us() < (self->ending ? LT_MIN(at, from + SHORT_US) : at))
        wait_until(self, self->ending ? LT_MIN(at, from + SHORT_US) : at);
}

static lt_status post(lt_courier *self, const message *one, lt_http_response *response, lt_err *err)
{
    lt_http_request request = {.method = T("POST"),
                               .url = self->url,
                               .headers = self->headers.items,
                               .header_count = self->headers.len,
                               .body = lt_text_at(one->body, one->len)};
    LT_TRY(lt_http_send(self->client, &request, response, err));
    if (response->status / 100 == 2)
        return LT_OK;
    return lt_fail(err, lt_retry_helps(response->status) ? LT_IO : LT_FAILED,
                   "%.*s answered %d %s: %.*s", LT_ARG(self->url), response->status,
                   lt_http_status_name(response->status),
                   (int)LT_MIN(response->body.len, (size_t)200), lt_buf_chars(&response->body));
}

typedef enum outcome { CARRIED, REFUSED, AGAIN } outcome;

/* Called with the lock held, which is given up meanwhile. */
static outcome try_once(lt_courier *self, const message *one)
{
    LT_AUTO(lt_http_response) response = {0};
    lt_err err = {0};
    (void)pthread_mutex_unlock(&self->lock);
    lt_status status = post(self, one, &response, &err);
    (void)pthread_mutex_lock(&self->lock);
    if (status == LT_OK)
        return CARRIED;
    if (!self->left_out && status != LT_CANCELLED)
        self->why = err;
    return status == LT_IO || status == LT_CANCELLED ? AGAIN : REFUSED;
}

static void drop_first(lt_courier *self)
{
    message *one = self->first;
    self->first = one->next;
    if (!self->first)
        self->last = &self->first;
    self->waiting_bytes -= one->len;
    lt_free(one);
}

static void *carry(void *context)
{
    lt_courier *self = context;
    (void)pthread_mutex_lock(&self->lock);
    while (self->first || !self->ending) {
        if (!self->first) {
            (void)pthread_cond_wait(&self->changed, &self->lock);
            continue;
        }
        outcome was = try_once(self, self->first);
        for (unsigned attempt = 2; was == AGAIN && !is_over(self); attempt++) {
            pause_before(self, attempt);
            was = is_over(self) ? AGAIN : try_once(self, self->first);
        }
        if (was == AGAIN)
            break;
        *(was == CARRIED ? &self->carried : &self->left_out) += 1;
        drop_first(self);
    }
    (void)pthread_cond_broadcast(&self->changed);
    (void)pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* ---- the face ---- */

lt_courier *lt_courier_new(const lt_courier_options *options)
{
    lt_courier *self = lt_xcalloc(1, sizeof(*self));
    lt_http_header json = {.name = T("Content-Type"), .value = T("application/json")};
    pthread_condattr_t monotonic;
    lt_http_options how = {.total_timeout_ms = REQUEST_MS,
                           .body_limit = LT_MIB,
                           .outlives_stop = true,
                           .stop = &self->hurry};
    self->what = options->what;
    self->url = lt_arena_text(&self->arena, options->url);
    self->last = &self->first;
    lt_push_in(&self->arena, &self->headers, json);
    for (size_t i = 0; i < options->header_count; i++) {
        lt_http_header header = options->headers[i];
        header.name = lt_arena_text(&self->arena, header.name);
        header.value = lt_arena_text(&self->arena, header.value);
        lt_push_in(&self->arena, &self->headers, header);
    }
    self->client = lt_http_client_new(&how);
    (void)pthread_mutex_init(&self->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&self->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    self->has_thread = pthread_create(&self->thread, NULL, carry, self) == 0;
    return self;
}

void lt_courier_send(lt_courier *self, lt_text body)
{
    (void)pthread_mutex_lock(&self->lock);
    bool fits = self->has_thread && self->waiting_bytes + body.len <= LT_COURIER_BYTES;
    if (fits) {
        message *one = lt_xmalloc(sizeof(*one) + body.len);
        one->next = NULL;
        one->len = body.len;
        if (body.len)
            memcpy(one->body, body.ptr, body.len);
        *self->last = one;
        self->last = &one->next;
        self->waiting_bytes += body.len;
        (void)pthread_cond_signal(&self->changed);
    } else {
        self->left_out++;
    }
    (void)pthread_mutex_unlock(&self->lock);
}

static void tell(lt_courier *self)
{
    size_t lost = self->left_out;
    for (const message *one = self->first; one; one = one->next)
        lost++;
    if (lost)
        lt_log(LT_LOG_WARNING, "%zu of %zu messages with %s were not delivered: %s", lost,
               lost + self->carried, self->what,
               self->why.message[0] ? self->why.message : "too many of them waited");
}

void lt_courier_end(lt_courier *self, int64_t grace_us)
{
    if (!self)
        return;
    (void)pthread_mutex_lock(&self->lock);
    self->ending = true;
    self->end_at_us = lt_mono_us() + grace_us;
    (void)pthread_cond_broadcast(&self->changed);
    while (self->has_thread && self->first && !is_over(self))
        wait_until(self, self->end_at_us);
    self->hurry = true;
    (void)pthread_mutex_unlock(&self->lock);
    if (self->has_thread)
        (void)pthread_join(self->thread, NULL);
    tell(self);
    while (self->first)
        drop_first(self);
    lt_http_client_free(self->client);
    (void)pthread_mutex_destroy(&self->lock);
    (void)pthread_cond_destroy(&self->changed);
    lt_arena_cleanup(&self->arena);
    lt_free(self);
}
