/* The live line of a transfer, redrawn five times a second by a thread of its own. */
#include "cli/transfer_show.h"

#include "base/fs.h"
#include "base/size.h"
#include "base/time.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

static const int64_t FRAME_NS = 200 * 1000000;
static const int64_t SETTLED_US = 1000000; /* before that a rate means nothing */

struct lt_transfer_show {
    const lt_transfer_counts *counts;
    int64_t started_us;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stop;
};

void lt_transfer_line(const lt_transfer_counts *counts, int64_t elapsed_us, lt_buf *out)
{
    char a[LT_SIZE_CHARS], b[LT_SIZE_CHARS], rate[LT_SIZE_CHARS], left[LT_TIME_CHARS];
    int64_t bytes = atomic_load(&counts->bytes), all = atomic_load(&counts->found_bytes);
    int64_t copied = atomic_load(&counts->copied), found = atomic_load(&counts->found);
    lt_buf_printf(out, "%lld of %lld object%s", (long long)copied, (long long)found,
                  found == 1 ? "" : "s");
    if (all > 0)
        lt_buf_printf(out, ", %s of %s", lt_size_write(LT_MIN(bytes, all), a),
                      lt_size_write(all, b));
    else
        lt_buf_printf(out, ", %s", lt_size_write(bytes, a));
    if (elapsed_us < SETTLED_US || bytes <= 0)
        return;
    int64_t per_s = (int64_t)((double)bytes * 1e6 / (double)elapsed_us);
    lt_buf_printf(out, ", %s/s", lt_size_write(per_s, rate));
    if (per_s > 0 && all > bytes)
        lt_buf_printf(out, ", %s left",
                      lt_length_write((all - bytes) / per_s * 1000000 + 1000000, left));
}

static void draw(const lt_transfer_show *show)
{
    LT_AUTO(lt_buf) line = {.limit = 4 * LT_KIB};
    lt_err ignored;
    lt_buf_add_str(&line, "\r");
    lt_transfer_line(show->counts, lt_mono_us() - show->started_us, &line);
    lt_buf_add_str(&line, "\x1b[K");
    lt_ignore(lt_fd_write(STDERR_FILENO, lt_buf_text(&line), "standard error", &ignored));
}

static void *redraw(void *context)
{
    lt_transfer_show *show = context;
    (void)pthread_mutex_lock(&show->lock);
    while (!show->stop) {
        struct timespec until;
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += FRAME_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        (void)pthread_cond_timedwait(&show->changed, &show->lock, &until);
        if (!show->stop)
            draw(show);
    }
    (void)pthread_mutex_unlock(&show->lock);
    return NULL;
}

lt_transfer_show *lt_transfer_show_start(const lt_transfer_counts *counts)
{
    if (!isatty(STDERR_FILENO))
        return NULL;
    lt_transfer_show *show = lt_xcalloc(1, sizeof(*show));
    show->counts = counts;
    show->started_us = lt_mono_us();
    (void)pthread_mutex_init(&show->lock, NULL);
    (void)pthread_cond_init(&show->changed, NULL);
    if (pthread_create(&show->thread, NULL, redraw, show) == 0)
        return show;
    lt_free(show);
    return NULL;
}

void lt_transfer_show_stop(lt_transfer_show *show)
{
    lt_err ignored;
    if (!show)
        return;
    (void)pthread_mutex_lock(&show->lock);
    show->stop = true;
    (void)pthread_cond_broadcast(&show->changed);
    (void)pthread_mutex_unlock(&show->lock);
    (void)pthread_join(show->thread, NULL);
    lt_ignore(lt_fd_write(STDERR_FILENO, T("\r\x1b[K"), "standard error", &ignored));
    (void)pthread_cond_destroy(&show->changed);
    (void)pthread_mutex_destroy(&show->lock);
    lt_free(show);
}
