/* A backfill in the foreground: which run is next, their processes, their ends. */
#include "sched/fill.h"

#include "base/proc.h"
#include "base/time.h"
#include "run/run.h"
#include "state/schedule.h"

#include <sys/wait.h>

enum { LOOK_US = 50000, MOST_BEGINS = 6 };

/* One that is under way. */
typedef struct active {
    lt_run_record *run;
    int pid; /* of our child; 0: none */
    int begins;
} active;

typedef struct filling {
    lt_fill *fill;
    LT_VEC(active) active;
    size_t next;
} filling;

static bool has_ended(lt_run_status status)
{
    return status != LT_RUN_QUEUED && status != LT_RUN_RUNNING && status != LT_RUN_LOST;
}

static lt_status begin(filling *self, active *one, lt_err *err)
{
    const lt_workspace *workspace = self->fill->workspace;
    one->begins++;
    return lt_run_spawn(workspace->root, workspace->home, one->run->id, LT_RUN_GOES_ON, &one->pid,
                        err);
}

static lt_status look_up(filling *self, int64_t run_id, lt_arena *arena, lt_run_record *out,
                         lt_err *err)
{
    lt_state *state = self->fill->workspace->state;
    LT_TRY(lt_state_reap(state, NULL, err));
    return lt_state_run_get(state, run_id, arena, out, err);
}

/* Record the run of the next tick, or find it: what an earlier backfill has begun is gone on with. */
static lt_status take_next(filling *self, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_run_record now, *run = &self->fill->runs[self->next++];
    LT_TRY(lt_state_supervise(self->fill->workspace->state, run, 1, err));
    LT_TRY(look_up(self, run->id, &arena, &now, err));
    if (has_ended(now.status)) {
        self->fill->known++;
        return LT_OK;
    }
    lt_push(&self->active, ((active){.run = run}));
    return LT_OK;
}

static void count_end(filling *self, const lt_run_record *run)
{
    lt_fill *fill = self->fill;
    bool good = run->status == LT_RUN_SUCCEEDED || run->status == LT_RUN_SKIPPED;
    fill->succeeded += good;
    fill->failed += !good;
    if (!good && !fill->first_failed)
        fill->first_failed = run->id;
    lt_fill_news news = {
        .run = run, .number = fill->succeeded + fill->failed + fill->known, .count = fill->count};
    if (fill->tell)
        fill->tell(fill->context, &news);
}

/* A process that has died leaves its run to the next one; somebody else's (a server's) is only watched. */
static lt_status look_at(filling *self, active *one, bool *ended, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_run_record now;
    *ended = false;
    if (one->pid && waitpid(one->pid, NULL, WNOHANG) == 0)
        return LT_OK;
    one->pid = 0;
    LT_TRY(look_up(self, one->run->id, &arena, &now, err));
    if (has_ended(now.status)) {
        *ended = true;
        count_end(self, &now);
        return LT_OK;
    }
    if (now.status == LT_RUN_RUNNING || (now.status == LT_RUN_QUEUED && now.pid))
        return LT_OK;
    if (one->begins < MOST_BEGINS)
        return begin(self, one, err);
    lt_ignore(
        lt_fail(err, LT_IO, "the process of run %lld ended again and again", (long long)now.id));
    return lt_hint(err, "run.out among its logs says why");
}

static lt_status step(filling *self, lt_err *err)
{
    while (!lt_stop_asked() && self->next < self->fill->count &&
           self->active.len < self->fill->parallel)
        LT_TRY(take_next(self, err));
    for (size_t i = 0; i < self->active.len;) {
        bool ended;
        LT_TRY(look_at(self, &self->active.items[i], &ended, err));
        if (!ended) {
            i++;
            continue;
        }
        self->active.len--;
        for (size_t k = i; k < self->active.len; k++)
            self->active.items[k] = self->active.items[k + 1];
    }
    return LT_OK;
}

lt_status lt_sched_fill(lt_fill *fill, lt_err *err)
{
    filling self = {.fill = fill};
    lt_status status = LT_OK;
    do {
        status = step(&self, err);
        if (status == LT_OK && self.active.len)
            lt_sleep_us(LOOK_US);
    } while (status == LT_OK && (self.active.len || (self.next < fill->count && !lt_stop_asked())));
    fill->left = fill->count - self.next;
    lt_vec_free(&self.active);
    return status;
}
