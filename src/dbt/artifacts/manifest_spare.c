/* The spare of a manifest.json that is written from its beginning: a thread copies what is there already, so that the next change can be patched in. */
#include "dbt/artifacts/manifest_inner.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

struct lt_manifest_spare {
    char *path; /* owned: the name until it is whole */
    int from, to;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    uint64_t there; /* bytes that may be copied */
    bool ended;     /* no more will come */
    bool failed;    /* it is of no use */
};

/* Waits until there is more than `done`. */
static uint64_t next_end(lt_manifest_spare *s, uint64_t done, bool *goes_on)
{
    (void)pthread_mutex_lock(&s->lock);
    while (s->there == done && !s->ended)
        (void)pthread_cond_wait(&s->more, &s->lock);
    uint64_t end = s->there;
    *goes_on = !s->failed && end > done;
    (void)pthread_mutex_unlock(&s->lock);
    return end;
}

static void *copy_what_comes(void *context)
{
    lt_manifest_spare *s = context;
    uint64_t done = 0;
    for (bool goes_on = true; goes_on;) {
        uint64_t end = next_end(s, done, &goes_on);
        if (goes_on && !lt_manifest_copy(s->from, done, s->to, end - done)) {
            (void)pthread_mutex_lock(&s->lock);
            s->failed = true;
            (void)pthread_mutex_unlock(&s->lock);
            return NULL;
        }
        done = end;
    }
    return NULL;
}

static void spare_free(lt_manifest_spare *s)
{
    lt_fd_close(s->to);
    lt_free(s->path);
    (void)pthread_mutex_destroy(&s->lock);
    (void)pthread_cond_destroy(&s->more);
    lt_free(s);
}

/* NULL: there will be none. The spare that is there is of another parse cache, and only takes room. */
static lt_manifest_spare *begin(const lt_manifest *m)
{
    lt_manifest_spare *s = lt_xcalloc(1, sizeof(*s));
    s->path = lt_format("%s.new", m->place->spare);
    s->from = m->fd;
    (void)unlink(m->place->spare);
    (void)unlink(s->path); /* a process that was killed may have left one */
    s->to = open(s->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->more, NULL);
    if (s->to >= 0 && pthread_create(&s->thread, NULL, copy_what_comes, s) == 0)
        return s;
    if (s->to >= 0)
        (void)unlink(s->path);
    spare_free(s);
    return NULL;
}

static void say(lt_manifest_spare *s, uint64_t there, bool ended, bool failed)
{
    (void)pthread_mutex_lock(&s->lock);
    s->there = there;
    s->ended = ended;
    s->failed |= failed;
    (void)pthread_cond_signal(&s->more);
    (void)pthread_mutex_unlock(&s->lock);
}

void lt_manifest_spare_grow(lt_manifest *m)
{
    const lt_manifest_pieces *p = &m->pieces;
    bool wanted = p->stamp && !p->old && p->way != LT_MANIFEST_PATCHED && m->place->lock >= 0;
    if (!m->spare && wanted && !m->has_no_spare) {
        m->spare = begin(m);
        m->has_no_spare = !m->spare;
    }
    if (m->spare)
        say(m->spare, m->written, false, m->status != LT_OK);
}

bool lt_manifest_spare_end(lt_manifest *m)
{
    lt_manifest_spare *s = m->spare;
    if (!s)
        return false;
    m->spare = NULL;
    (void)unlink(m->place->spare_index);
    say(s, m->written, true, m->status != LT_OK);
    (void)pthread_join(s->thread, NULL);
    bool made = !s->failed && rename(s->path, m->place->spare) == 0 &&
                lt_manifest_pieces_write(m, s->to, m->place->spare_index);
    if (!made) {
        (void)unlink(s->path);
        (void)unlink(m->place->spare);
    }
    spare_free(s);
    return made;
}
