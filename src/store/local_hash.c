/* Sums of a body: MD5 for its ETag, SHA-256 for its name, and a checksum that the client wants; side by side when it is large. */
#include "store/local.h"

enum { SLOTS = 4, WORKERS = 2 };
enum {
    TEAMS = 16
}; /* of a store at a time; more only wait for processors, with a MiB of memory each */

struct lt_hash_team;

typedef struct worker {
    struct lt_hash_team *team; /* borrowed */
    int number;
    pthread_t thread;
    bool runs;
    size_t done; /* how many slots it is through with */
} worker;

/* A ring of buffers. The reader fills one while the workers still go over those before it; each worker goes over all of them. */
typedef struct lt_hash_team {
    lt_hashing *hashing; /* borrowed */
    atomic_int *teams;   /* borrowed: how many there are */
    pthread_mutex_t lock;
    pthread_cond_t moved;
    char *slots[SLOTS]; /* owned */
    size_t lens[SLOTS];
    size_t filled; /* how many were ever filled */
    bool ended;
    lt_err err; /* of the worker that failed */
    worker workers[WORKERS];
} lt_hash_team;

lt_status lt_hashing_begin(lt_hashing *hashing, lt_sum_kind kind, lt_err *err)
{
    LT_TRY(lt_digest_begin(&hashing->digest, true, err));
    /* a SHA-256 is computed in any case */
    return lt_sum_begin(&hashing->sum, kind == LT_SUM_SHA256 ? LT_SUM_NONE : kind, err);
}

/* ---------------------------------------------------------------- the workers */

/* The first does MD5, which is slowest; the second all else. */
static lt_status work_on(lt_hashing *hashing, int number, lt_text part, lt_err *err)
{
    if (number == 0)
        return lt_digest_add_md5(&hashing->digest, part, err);
    LT_TRY(lt_digest_add_sha256(&hashing->digest, part, err));
    return lt_sum_add(&hashing->sum, part, err);
}

/* False: there is nothing more to do. */
static bool next_slot(lt_hash_team *team, worker *self, lt_text *part)
{
    (void)pthread_mutex_lock(&team->lock);
    while (self->done == team->filled && !team->ended)
        (void)pthread_cond_wait(&team->moved, &team->lock);
    bool any = self->done < team->filled;
    size_t slot = self->done % SLOTS;
    if (any)
        *part = lt_text_at(team->slots[slot], team->lens[slot]);
    (void)pthread_mutex_unlock(&team->lock);
    return any;
}

static void *run_worker(void *context)
{
    worker *self = context;
    lt_hash_team *team = self->team;
    lt_text part;
    lt_err err;
    while (next_slot(team, self, &part)) {
        lt_status status = work_on(team->hashing, self->number, part, &err);
        (void)pthread_mutex_lock(&team->lock);
        self->done++;
        if (status != LT_OK && team->err.status == LT_OK)
            team->err = err;
        (void)pthread_cond_broadcast(&team->moved);
        (void)pthread_mutex_unlock(&team->lock);
    }
    return NULL;
}

static void end_workers(lt_hash_team *team)
{
    (void)pthread_mutex_lock(&team->lock);
    team->ended = true;
    (void)pthread_cond_broadcast(&team->moved);
    (void)pthread_mutex_unlock(&team->lock);
    for (int i = 0; i < WORKERS; i++) {
        if (team->workers[i].runs)
            (void)pthread_join(team->workers[i].thread, NULL);
        team->workers[i].runs = false;
    }
}

static void team_free(lt_hash_team *team)
{
    end_workers(team);
    atomic_fetch_sub(team->teams, 1);
    for (int i = 0; i < SLOTS; i++)
        lt_free(team->slots[i]);
    (void)pthread_cond_destroy(&team->moved);
    (void)pthread_mutex_destroy(&team->lock);
    lt_free(team);
}

void lt_hashing_spread(lt_hashing *hashing, atomic_int *teams)
{
    if (hashing->team)
        return;
    if (atomic_fetch_add(teams, 1) >= TEAMS) {
        atomic_fetch_sub(teams, 1);
        return;
    }
    lt_hash_team *team = lt_xcalloc(1, sizeof(*team));
    team->teams = teams;
    (void)pthread_mutex_init(&team->lock, NULL);
    (void)pthread_cond_init(&team->moved, NULL);
    team->hashing = hashing;
    for (int i = 0; i < WORKERS; i++) {
        worker *self = &team->workers[i];
        *self = (worker){.team = team, .number = i};
        self->runs = pthread_create(&self->thread, NULL, run_worker, self) == 0;
    }
    if (team->workers[0].runs && team->workers[1].runs)
        hashing->team = team;
    else
        team_free(team); /* nothing was given to it yet: this thread goes on alone */
}

/* ---------------------------------------------------------------- the reader */

static bool is_free(const lt_hash_team *team)
{
    for (int i = 0; i < WORKERS; i++)
        if (team->filled - team->workers[i].done >= SLOTS)
            return false;
    return true;
}

char *lt_hashing_buffer(lt_hashing *hashing, size_t size)
{
    lt_hash_team *team = hashing->team;
    if (!team) {
        if (!hashing->buffer)
            hashing->buffer = lt_xmalloc(size);
        return hashing->buffer;
    }
    (void)pthread_mutex_lock(&team->lock);
    while (!is_free(team))
        (void)pthread_cond_wait(&team->moved, &team->lock);
    size_t slot = team->filled % SLOTS;
    (void)pthread_mutex_unlock(&team->lock);
    if (!team->slots[slot])
        team->slots[slot] = lt_xmalloc(LT_HASH_CHUNK);
    return team->slots[slot];
}

lt_status lt_hashing_add(lt_hashing *hashing, size_t len, lt_err *err)
{
    lt_hash_team *team = hashing->team;
    if (!team) {
        lt_text part = lt_text_at(hashing->buffer, len);
        LT_TRY(lt_digest_add(&hashing->digest, part, err));
        return lt_sum_add(&hashing->sum, part, err);
    }
    (void)pthread_mutex_lock(&team->lock);
    team->lens[team->filled++ % SLOTS] = len;
    lt_status status = team->err.status;
    if (status != LT_OK)
        *err = team->err;
    (void)pthread_cond_broadcast(&team->moved);
    (void)pthread_mutex_unlock(&team->lock);
    return status;
}

lt_status lt_hashing_end(lt_hashing *hashing, lt_staged *staged, lt_err *err)
{
    size_t len;
    if (hashing->team)
        end_workers(hashing->team);
    if (hashing->team && hashing->team->err.status != LT_OK) {
        *err = hashing->team->err;
        return err->status;
    }
    LT_TRY(lt_digest_end(&hashing->digest, &staged->sums, err));
    if (staged->sum_kind == LT_SUM_SHA256)
        memcpy(staged->sum, staged->sums.sha256, LT_SHA256_BYTES);
    return lt_sum_end(&hashing->sum, staged->sum, &len, err);
}

void lt_hashing_cleanup(lt_hashing *hashing)
{
    if (hashing->team)
        team_free(hashing->team);
    lt_free(hashing->buffer);
    lt_digest_cleanup(&hashing->digest);
    lt_sum_cleanup(&hashing->sum);
    *hashing = (lt_hashing){0};
}
