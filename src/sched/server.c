/* The scheduler's loop: files, ticks, processes. */
#include "sched/server.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/time.h"
#include "fmt/json.h"
#include "run/plan.h"
#include "run/run.h"
#include "run/workspace.h"
#include "sched/ask.h"
#include "sched/changes.h"
#include "sched/due.h"
#include "sched/watch.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LOOK_MS = 50, /* how often state.db is looked at for what others ask */
    MOST_CLAIMS =
        7, /* a run that is queued counts as one: when six processes have died, one more gives it up */
    MOST_BEGINS = 30, /* processes that end before they have taken their run: for two minutes */
    SAVING_US =
        150000, /* so long after a change a wrong file may be one that is just being saved, */
    DOUBT_US = 2000000, /* and so long at most, when changes do not end */
    AGAIN_US = 2000000, /* while they are wrong */
    SECOND_US = 1000000,
};

typedef struct child {
    int64_t run_id;
    int pid, pidfd;
    bool is_ours;
} child;

/* A run whose process ended before it had taken the run: tried again later. */
typedef struct trouble {
    int64_t run_id, next_mono_us;
    int times;
} trouble;

struct lt_sched {
    lt_sched_options options;
    lt_state *state; /* owned */
    int lock;
    lt_changes changes;
    pthread_rwlock_t files_lock; /* guards files and files_trouble against readers elsewhere */
    lt_sched_files *files;       /* held */
    lt_watch *watch;             /* owned */
    char *files_trouble;         /* owned; what is wrong with the files, a line for each; or NULL */
    bool holds_all;              /* leat.yml is wrong: these are the files of before */
    lt_arena told_arena;
    lt_texts told;    /* of those who are asked to approve and are not there */
    lt_due *due;      /* owned */
    int64_t clock_us; /* how far the clock is from that which nobody sets */
    LT_VEC(child) children;
    LT_VEC(trouble) troubles;
    int64_t doubt_mono_us;  /* the files looked wrong: when to look again and believe it; 0: no */
    int64_t doubt_since_us; /* the first time that they did */
    int64_t again_mono_us;  /* they are wrong: when to look again without being told; 0: no */
    lt_state_stamp stamp;
    pthread_mutex_t figures_lock;
    lt_sched_figures figures;
    int64_t begin_at_us; /* when the next run that waits for a moment may begin */
    bool look;           /* at what there is to begin */
    bool has_ended;      /* a run, since memory was given back */
    int64_t given_back_mono_us;
};

/* ---- the files ---- */

static lt_project *project_of(const lt_sched *self)
{
    return lt_sched_files_workspace(self->files)->project;
}

/* A line for each file that is wrong; NULL: none. `project` NULL: none could be read, because of `why`. A heap string. */
static char *trouble_of(const lt_project *project, const lt_err *why)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) out = {.limit = LT_MIB};
    if (!project)
        return lt_text_dup(lt_conf_say(why, &arena));
    for (size_t i = 0; i < project->wrong.len; i++)
        lt_buf_printf(&out, "%s%.*s", i ? "\n" : "", LT_ARG(project->wrong.items[i].said));
    return out.len ? lt_text_dup(lt_buf_text(&out)) : NULL;
}

static bool is_news(const lt_sched *self, const char *said)
{
    return said && (!self->files_trouble || strcmp(said, self->files_trouble) != 0);
}

static void tell_wrong(const lt_conf_wrong *wrong)
{
    if (wrong->kind == LT_CONF_PIPELINE_FILE)
        lt_log(LT_LOG_ERROR,
               "runs of '%.*s' wait until its file is mended, and no alert tells of it: %.*s",
               LT_ARG(wrong->name), LT_ARG(wrong->said));
    else if (wrong->kind == LT_CONF_SOURCE_FILE)
        lt_log(LT_LOG_ERROR, "runs that need sources or models wait until the file is mended: %.*s",
               LT_ARG(wrong->said));
    else
        lt_log(LT_LOG_ERROR, "what needs the calendar '%.*s' waits until its file is mended: %.*s",
               LT_ARG(wrong->name), LT_ARG(wrong->said));
}

/* Each thing once. `project` NULL: nothing can be read. */
static void tell_trouble(const lt_sched *self, const lt_project *project, const char *said)
{
    lt_text before = lt_text_of(self->files_trouble);
    if (!said && self->files_trouble)
        lt_log(LT_LOG_INFO, "the files are fine again");
    if (!project && is_news(self, said))
        lt_log(LT_LOG_ERROR, "runs wait until the files are mended: %s", said);
    for (size_t i = 0; project && i < project->wrong.len; i++)
        if (lt_text_find(before, project->wrong.items[i].said, 0) == SIZE_MAX)
            tell_wrong(&project->wrong.items[i]);
}

/* A file that is read while it is saved is half a file: what looks wrong is believed when it still is a moment later. */
static bool is_doubtful(lt_sched *self, bool changed)
{
    int64_t now_us = lt_mono_us();
    if (!self->doubt_mono_us)
        self->doubt_since_us = now_us;
    if (!self->doubt_mono_us || changed)
        self->doubt_mono_us = LT_MIN(now_us + SAVING_US, self->doubt_since_us + DOUBT_US);
    return now_us < self->doubt_mono_us;
}

static bool is_told(const lt_project *before, lt_text warning)
{
    for (size_t i = 0; before && i < before->pipelines.len; i++)
        for (size_t k = 0; k < before->pipelines.items[i].warnings.len; k++)
            if (lt_text_eq(before->pipelines.items[i].warnings.items[k], warning))
                return true;
    return false;
}

/* What pipelines will miss, once. */
static void tell_warnings(const lt_project *project, const lt_project *before)
{
    for (size_t i = 0; i < project->pipelines.len; i++) {
        const lt_texts *warnings = &project->pipelines.items[i].warnings;
        for (size_t k = 0; k < warnings->len; k++)
            if (!is_told(before, warnings->items[k]))
                lt_log(LT_LOG_WARNING, "%.*s", LT_ARG(warnings->items[k]));
    }
}

static bool is_among(const lt_texts *list, lt_text wanted)
{
    for (size_t i = 0; i < list->len; i++)
        if (lt_text_eq(list->items[i], wanted))
            return true;
    return false;
}

/* Who is asked to approve and is not there, once. */
static void tell_strangers(lt_sched *self)
{
    lt_arena arena = {0};
    lt_texts now;
    lt_err err;
    if (lt_sched_strangers(project_of(self), self->state, &arena, &now, &err) != LT_OK) {
        lt_arena_cleanup(&arena);
        return;
    }
    for (size_t i = 0; i < now.len; i++)
        if (!is_among(&self->told, now.items[i]))
            lt_log(LT_LOG_WARNING, "%.*s", LT_ARG(now.items[i]));
    lt_arena_cleanup(&self->told_arena);
    self->told_arena = arena;
    self->told = now;
}

/* How many pipelines cannot run, for whoever watches the server. */
static void count_held(lt_sched *self)
{
    const lt_project *project = project_of(self);
    size_t held = 0, wrong = project->wrong.len + (self->holds_all ? 1 : 0);
    for (size_t i = 0; i < project->pipelines.len; i++)
        held += self->holds_all || lt_project_held_by(project, project->pipelines.items[i].name);
    for (size_t i = 0; i < project->wrong.len; i++)
        held += project->wrong.items[i].kind == LT_CONF_PIPELINE_FILE &&
                !lt_project_pipeline(project, project->wrong.items[i].name);
    (void)pthread_mutex_lock(&self->figures_lock);
    self->figures.wrong_files = wrong;
    self->figures.held_pipelines = held;
    (void)pthread_mutex_unlock(&self->figures_lock);
}

static lt_status take_files(lt_sched *self, lt_workspace *made, lt_err *err)
{
    lt_sched_files *old = self->files;
    self->files = lt_sched_files_new(made);
    if (old)
        lt_sched_files_keep(self->files, old);
    lt_status status = lt_due_use(self->due, project_of(self), lt_now_us(), err);
    tell_warnings(project_of(self), old ? lt_sched_files_workspace(old)->project : NULL);
    tell_strangers(self);
    if (self->watch)
        lt_watch_use(self->watch, self->files);
    lt_sched_files_leave(old);
    return status;
}

/* Not all that mends a file is seen: rights, what a link leads to, files that could be opened again. */
static void look_again_later(lt_sched *self, int64_t began_us)
{
    int64_t now_us = lt_mono_us(), pause_us = LT_MAX(AGAIN_US, 20 * (now_us - began_us));
    self->again_mono_us = self->files_trouble ? now_us + pause_us : 0;
}

/* Without a right leat.yml the old files stay; of the others, wrong ones hold back only what needs them. */
static lt_status load_files(lt_sched *self, bool changed, lt_err *err)
{
    lt_workspace_options options = {
        .root = self->options.root, .home = self->options.home, .files = LT_FILES_RUN};
    LT_AUTO(lt_workspace_ref) made = NULL;
    lt_err why = {0};
    int64_t began_us = lt_mono_us();
    self->look = true;
    lt_status status = lt_workspace_open(&options, &made, &why);
    if (status != LT_OK && !self->files) {
        *err = why;
        return status;
    }
    LT_AUTO(lt_chars) said = trouble_of(made ? made->project : NULL, &why);
    if (self->files && is_news(self, said) && is_doubtful(self, changed))
        return LT_OK;
    self->doubt_mono_us = 0;
    if (made)
        lt_plan_foresee(made, false);
    (void)pthread_rwlock_wrlock(&self->files_lock);
    tell_trouble(self, made ? made->project : NULL, said);
    lt_free(self->files_trouble);
    self->files_trouble = LT_TAKE(said);
    self->holds_all = !made;
    status = made ? take_files(self, LT_TAKE(made), err) : LT_OK;
    count_held(self);
    look_again_later(self, began_us);
    (void)pthread_rwlock_unlock(&self->files_lock);
    return status;
}

const lt_project *lt_sched_project(lt_sched *self, lt_text *wrong)
{
    (void)pthread_rwlock_rdlock(&self->files_lock);
    *wrong = lt_text_of(self->files_trouble);
    return project_of(self);
}

lt_status lt_sched_hook(lt_sched *self, const lt_hook_message *message, lt_hook_taken *out,
                        lt_err *err)
{
    (void)pthread_rwlock_rdlock(&self->files_lock);
    lt_sched_files *files = lt_sched_files_hold(self->files);
    (void)pthread_rwlock_unlock(&self->files_lock);
    lt_status status =
        lt_hook_take(lt_sched_files_workspace(files), self->state, message, out, err);
    lt_sched_files_leave(files);
    return status;
}

void lt_sched_project_done(lt_sched *self)
{
    (void)pthread_rwlock_unlock(&self->files_lock);
}

/* ---- figures ---- */

const int64_t lt_lag_bounds_us[] = {10000, 50000, 100000, 500000, 1000000, 10000000, 60000000};

static void note_ticks(lt_sched *self, const lt_tick_runs *runs)
{
    int64_t now_us = lt_now_us();
    lt_sched_figures *f = &self->figures;
    (void)pthread_mutex_lock(&self->figures_lock);
    for (size_t i = 0; i < runs->len; i++) {
        size_t bucket = 0;
        int64_t lag_us = LT_MAX(now_us - runs->items[i].at_s * SECOND_US, (int64_t)0);
        while (bucket < LT_LAG_BUCKETS - 1 && lag_us > lt_lag_bounds_us[bucket])
            bucket++;
        f->lag_buckets[bucket]++;
        f->lag_sum_us += lag_us;
        f->ticks++;
    }
    (void)pthread_mutex_unlock(&self->figures_lock);
}

static void beat(lt_sched *self)
{
    (void)pthread_mutex_lock(&self->figures_lock);
    self->figures.beat_mono_us = lt_mono_us();
    self->figures.children = self->children.len;
    (void)pthread_mutex_unlock(&self->figures_lock);
}

void lt_sched_look(lt_sched *self, lt_sched_figures *out)
{
    (void)pthread_mutex_lock(&self->figures_lock);
    *out = self->figures;
    (void)pthread_mutex_unlock(&self->figures_lock);
}

/* When recording fails (a full disk), recover() goes on from what state.db says. */
static lt_status tick(lt_sched *self, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_tick_runs runs = {0};
    LT_TRY(lt_due_record(self->due, lt_now_us(), &arena, &runs, err));
    note_ticks(self, &runs);
    self->look = self->look || runs.len;
    return LT_OK;
}

/* A clock that was set, or a machine that has slept: all that waits for a moment is looked at again. */
static void look_at_clock(lt_sched *self)
{
    char text[LT_TIME_CHARS];
    int64_t clock_us = lt_now_us() - lt_mono_us(), leap_us = clock_us - self->clock_us;
    if (llabs(leap_us) < SECOND_US)
        return;
    self->clock_us = clock_us;
    self->look = true;
    lt_log(LT_LOG_WARNING, "the clock was set %s by %s", leap_us > 0 ? "forward" : "back",
           lt_length_write(llabs(leap_us), text));
}

/* ---- processes ---- */

static child *find_child(lt_sched *self, int64_t run_id)
{
    for (size_t i = 0; i < self->children.len; i++)
        if (self->children.items[i].run_id == run_id)
            return &self->children.items[i];
    return NULL;
}

static void add_child(lt_sched *self, int64_t run_id, int pid, bool is_ours)
{
    child made = {.run_id = run_id,
                  .pid = pid,
                  .pidfd = (int)syscall(SYS_pidfd_open, pid, 0),
                  .is_ours = is_ours};
    lt_push(&self->children, made);
}

static trouble *find_trouble(lt_sched *self, int64_t run_id)
{
    for (size_t i = 0; i < self->troubles.len; i++)
        if (self->troubles.items[i].run_id == run_id)
            return &self->troubles.items[i];
    return NULL;
}

static void forget_trouble(lt_sched *self, int64_t run_id)
{
    trouble *one = find_trouble(self, run_id);
    if (one)
        *one = self->troubles.items[--self->troubles.len];
}

static bool has_succeeded(const lt_task_records *tasks, lt_text name)
{
    for (size_t i = 0; i < tasks->len; i++)
        if (lt_text_eq(tasks->items[i].name, name))
            return tasks->items[i].status == LT_TASK_SUCCEEDED;
    return false;
}

/* Nobody is left who could tell that the run has failed. */
static lt_status tell_unsent(lt_sched *self, const lt_run_record *run, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_task_records tasks = {0};
    const lt_conf_pipeline *pipeline = lt_project_pipeline(project_of(self), run->pipeline);
    LT_TRY(lt_state_tasks(self->state, run->id, &arena, &tasks, err));
    for (size_t i = 0; pipeline && i < pipeline->on_failure.len; i++)
        if (!has_succeeded(&tasks, pipeline->on_failure.items[i].name))
            lt_log(LT_LOG_WARNING,
                   "run %lld of %.*s has failed, and '%.*s' of its on_failure was not done",
                   (long long)run->id, LT_ARG(run->pipeline),
                   LT_ARG(pipeline->on_failure.items[i].name));
    return LT_OK;
}

static lt_status give_up(lt_sched *self, const lt_run_record *run, const char *why, lt_err *err)
{
    forget_trouble(self, run->id);
    lt_log(LT_LOG_ERROR, "run %lld of %.*s: %s", (long long)run->id, LT_ARG(run->pipeline), why);
    LT_TRY(tell_unsent(self, run, err));
    return lt_state_run_finish(self->state, run->id, LT_RUN_FAILED, lt_text_of(why), T(""), err);
}

/* What lasts a moment (a busy file, no more processes) must hold no due run up for long, and a try costs little: 0.1 s, 0.2 s, 0.4 s,
 * ... 5 s. */
static int64_t begin_pause_us(int times)
{
    enum { MOST_DOUBLINGS = 6 };
    return LT_MIN((int64_t)SECOND_US / 10 << LT_MIN(times - 1, (int)MOST_DOUBLINGS),
                  (int64_t)5 * SECOND_US);
}

static lt_status note_trouble(lt_sched *self, const lt_run_record *run, lt_err *err)
{
    trouble *one = find_trouble(self, run->id);
    if (!one) {
        lt_push(&self->troubles, ((trouble){.run_id = run->id}));
        one = &self->troubles.items[self->troubles.len - 1];
    }
    if (++one->times >= MOST_BEGINS)
        return give_up(self, run,
                       "its process ended again and again before it could begin; "
                       "run.out among its logs says why",
                       err);
    int64_t pause_us = begin_pause_us(one->times);
    one->next_mono_us = lt_mono_us() + pause_us;
    lt_waiting waiting = {.kind = T("retry"),
                          .what = T("by the server"),
                          .detail = T("its process ended before it could begin; run.out among its "
                                      "logs says why"),
                          .next_us = lt_now_us() + pause_us};
    return lt_state_run_wait(self->state, run->id, &waiting, err);
}

/* After the end of a process: has it done its run? */
static lt_status look_after(lt_sched *self, int64_t run_id, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_run_record run;
    self->has_ended = true;
    LT_TRY(lt_state_reap(self->state, NULL, err));
    LT_TRY(lt_state_run_get(self->state, run_id, &arena, &run, err));
    self->look = true;
    if (run.status == LT_RUN_QUEUED && !run.pid)
        return note_trouble(self, &run, err);
    forget_trouble(self, run_id);
    return LT_OK;
}

static bool has_ended(const child *one)
{
    if (one->is_ours)
        return waitpid(one->pid, NULL, WNOHANG) != 0;
    return one->pidfd < 0 || poll(&(struct pollfd){.fd = one->pidfd, .events = POLLIN}, 1, 0) != 0;
}

static lt_status collect_children(lt_sched *self, lt_err *err)
{
    for (size_t i = 0; i < self->children.len;) {
        child one = self->children.items[i];
        if (!has_ended(&one)) {
            i++;
            continue;
        }
        lt_fd_close(one.pidfd);
        self->children.items[i] = self->children.items[--self->children.len];
        LT_TRY(look_after(self, one.run_id, err));
    }
    return LT_OK;
}

static bool is_backfill(const lt_run_record *run)
{
    return lt_text_starts(run->trigger_json, T("{\"kind\":\"backfill\""));
}

/* How many runs of its backfill may be under way at once; 0: nobody said. */
static int64_t parallel_of(const lt_run_record *run)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_json *root = NULL;
    lt_err err;
    if (!is_backfill(run) ||
        lt_json_read(run->trigger_json, "trigger", NULL, &arena, &root, &err) != LT_OK)
        return 0;
    return lt_json_i64_or(root, "parallel", 0);
}

/* Its moment has not come. */
static bool is_early(const lt_run_record *run)
{
    return lt_text_eq(run->waiting.kind, T("time")) && run->waiting.next_us > lt_now_us();
}

/* The first of the runs of its pipeline that were asked for before, if `most` of them (only backfills, with `fills`) have not ended;
 * those whose moment has not come are in nobody's way. */
static int64_t first_ahead(const lt_run_records *open, size_t index, int64_t most, bool fills)
{
    int64_t count = 0, first = 0;
    for (size_t i = 0; i < index && count < most; i++)
        if (lt_text_eq(open->items[i].pipeline, open->items[index].pipeline) &&
            (!fills || is_backfill(&open->items[i])) && !is_early(&open->items[i])) {
            first = first ? first : open->items[i].id;
            count++;
        }
    return count >= most ? first : 0;
}

/* The runs of a pipeline that queues, and those of a backfill, stay rows until it is their turn: no processes that only wait. 0: it is its turn. */
static int64_t in_front(const lt_sched *self, const lt_run_records *open, size_t index)
{
    const lt_run_record *run = &open->items[index];
    const lt_conf_pipeline *pipeline = lt_project_pipeline(project_of(self), run->pipeline);
    int64_t parallel = parallel_of(run), first = 0;
    if (pipeline && pipeline->overlap == LT_CONF_OVERLAP_QUEUE)
        first = first_ahead(open, index, pipeline->max_active, false);
    return first || !parallel ? first : first_ahead(open, index, parallel, true);
}

static bool is_open(const lt_run_records *open, int64_t id)
{
    size_t low = 0, high = open->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (open->items[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < open->len && open->items[low].id == id;
}

/* The one before it in the line: of its pipeline, or of all. */
static int64_t one_before(const lt_run_records *open, size_t index, bool same)
{
    for (size_t i = index; i-- > 0;)
        if (!same || lt_text_eq(open->items[i].pipeline, open->items[index].pipeline))
            return open->items[i].id;
    return 0;
}

/* Those in front are told for whom all wait. Further back a run is told of the one before it, because a long line would have to be told
 * anew whenever a run ends; and what has been told holds for as long as that one is open. */
static void hold_back(const lt_run_records *open, size_t index, int64_t behind, bool same,
                      lt_turns *turns)
{
    enum { NEAR = 20 };
    const lt_run_record *run = &open->items[index];
    int64_t before = index > NEAR ? one_before(open, index, same) : 0;
    if (lt_text_eq(run->waiting.kind, T("turn")) && is_open(open, run->waiting.run))
        return;
    lt_push(turns, ((lt_turn){.run_id = run->id, .behind = before ? before : behind}));
}

/* Its process works, or it is not its time yet. */
static bool is_not_now(lt_sched *self, const lt_run_record *run)
{
    const trouble *one = find_trouble(self, run->id);
    if (find_child(self, run->id))
        return true;
    if (one && one->next_mono_us > lt_mono_us()) {
        self->begin_at_us =
            LT_MIN(self->begin_at_us, lt_now_us() + one->next_mono_us - lt_mono_us());
        return true;
    }
    if (!is_early(run))
        return false;
    self->begin_at_us = LT_MIN(self->begin_at_us, run->waiting.next_us);
    return true;
}

/* A run reads the files itself, so with wrong ones it could not even begin. */
static lt_status wait_for_files(lt_sched *self, const lt_run_record *run, lt_text detail,
                                lt_err *err)
{
    lt_waiting waiting = {.kind = T("files"), .detail = detail};
    if (lt_text_eq(run->waiting.kind, waiting.kind) &&
        lt_text_eq(run->waiting.detail, waiting.detail))
        return LT_OK;
    return lt_state_run_wait(self->state, run->id, &waiting, err);
}

static lt_status begin_one(lt_sched *self, const lt_run_records *open, size_t index,
                           lt_turns *turns, lt_err *err)
{
    const lt_run_record *run = &open->items[index];
    int pid = 0;
    if (is_not_now(self, run))
        return LT_OK;
    if (run->status == LT_RUN_RUNNING || (run->status == LT_RUN_QUEUED && run->pid)) {
        add_child(self, run->id, (int)run->pid, false);
        return LT_OK;
    }
    if (run->claim > MOST_CLAIMS)
        return give_up(self, run, "its process has died again and again", err);
    if (self->holds_all)
        return wait_for_files(self, run, lt_text_of(self->files_trouble), err);
    const lt_conf_wrong *wrong = lt_project_held_by(project_of(self), run->pipeline);
    if (wrong)
        return wait_for_files(self, run, wrong->said, err);
    int64_t behind = in_front(self, open, index);
    bool same = behind != 0;
    if (!behind && (int64_t)self->children.len >= self->options.most_runs)
        behind = self->children.items[0].run_id;
    if (behind) {
        hold_back(open, index, behind, same, turns);
        return LT_OK;
    }
    lt_run_way way = run->claim == MOST_CLAIMS ? LT_RUN_GIVES_UP : LT_RUN_GOES_ON;
    LT_TRY(lt_run_spawn(self->options.root, self->options.home, run->id, way, &pid, err));
    add_child(self, run->id, pid, true);
    return LT_OK;
}

static lt_status begin_runs(lt_sched *self, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_run_records open = {0};
    self->begin_at_us = INT64_MAX;
    if (self->doubt_mono_us ||
        lt_changes_are_coming(
            &self->changes)) /* a run would read the same half file; step() looks again */
        return LT_OK;
    LT_TRY(lt_state_supervised(self->state, &arena, &open, err));
    lt_turns turns = {0};
    lt_status status = LT_OK;
    for (size_t i = 0; i < open.len && status == LT_OK; i++)
        status = begin_one(self, &open, i, &turns, err);
    if (status == LT_OK && turns.len)
        status = lt_state_turns(self->state, &turns, err);
    lt_vec_free(&turns);
    return status;
}

/* ---- the loop ---- */

/* Until something happens, at most LOOK_MS. A clock that is set meanwhile does no harm: it is asked anew each time. */
static void wait_for_news(lt_sched *self)
{
    size_t count = 0;
    struct pollfd *fds = lt_xcalloc(self->children.len + 1, sizeof(*fds));
    fds[count++] = (struct pollfd){.fd = lt_changes_fd(&self->changes), .events = POLLIN};
    for (size_t i = 0; i < self->children.len; i++)
        fds[count++] = (struct pollfd){.fd = self->children.items[i].pidfd, .events = POLLIN};
    int64_t rest_us = LT_MIN(self->begin_at_us, lt_due_next_us(self->due)) - lt_now_us();
    int timeout_ms = (int)LT_MAX(LT_MIN((rest_us + 999) / 1000, (int64_t)LOOK_MS), (int64_t)0);
    (void)poll(fds, count, timeout_ms);
    lt_free(fds);
}

static bool is_over(int64_t mono_us)
{
    return mono_us && lt_mono_us() >= mono_us;
}

static lt_status step(lt_sched *self, lt_err *err)
{
    bool changed_files = lt_changes_are_due(&self->changes);
    if (changed_files)
        lt_changes_watch(&self->changes);
    if (changed_files || is_over(self->doubt_mono_us) || is_over(self->again_mono_us)) {
        int64_t began_us = lt_mono_us();
        lt_status status = load_files(self, changed_files || lt_changes_wait(&self->changes), err);
        lt_changes_read(&self->changes, began_us);
        LT_TRY(status);
    }
    look_at_clock(self);
    LT_TRY(collect_children(self, err));
    bool changed = lt_state_changed(self->state, &self->stamp);
    if (changed)
        LT_TRY(lt_due_read_pauses(self->due, err));
    LT_TRY(tick(self, err));
    if (!self->look && !changed && lt_now_us() < self->begin_at_us)
        return LT_OK;
    self->look = false;
    return begin_runs(self, err);
}

/* A long line of runs, or a request for one, is large for a moment. glibc keeps what was freed below anything that is still in use, and a
 * server that works for months would stay as large as its largest moment. */
static void give_memory_back(lt_sched *self)
{
    static const int64_t IDLE_US = SECOND_US, BUSY_US = 10 * (int64_t)SECOND_US;
    int64_t now_us = lt_mono_us(), pause_us = self->children.len ? BUSY_US : IDLE_US;
    if (!self->has_ended || now_us < self->given_back_mono_us + pause_us)
        return;
    self->has_ended = false;
    self->given_back_mono_us = now_us;
    (void)malloc_trim(0);
}

/* What cannot be done now (a full disk, a busy file) is tried again: a scheduler does not end for it. */
static void recover(lt_sched *self, const lt_err *why)
{
    lt_err err;
    lt_log(LT_LOG_ERROR, "%s", why->message);
    self->look = true;
    lt_sleep_us(SECOND_US);
    (void)pthread_rwlock_wrlock(&self->files_lock);
    lt_ignore(lt_due_use(self->due, project_of(self), lt_now_us(), &err));
    (void)pthread_rwlock_unlock(&self->files_lock);
}

static void drain(lt_sched *self)
{
    lt_err err;
    int64_t until = lt_mono_us() + self->options.drain_us;
    lt_service_tell("STOPPING=1");
    if (self->children.len)
        lt_log(LT_LOG_INFO, "waiting for %zu run%s to end", self->children.len,
               self->children.len == 1 ? "" : "s");
    while (self->children.len && lt_mono_us() < until) {
        lt_ignore(collect_children(self, &err));
        lt_sleep_us(20000);
    }
    if (self->children.len)
        lt_log(LT_LOG_INFO, "%zu run%s on; the next server finds %s", self->children.len,
               self->children.len == 1 ? " goes" : "s go", self->children.len == 1 ? "it" : "them");
}

lt_status lt_sched_run(lt_sched *self, lt_err *err)
{
    lt_err why = {0};
    (void)err;
    self->look = true;
    while (!lt_stop_asked()) {
        beat(self);
        if (step(self, &why) != LT_OK)
            recover(self, &why);
        give_memory_back(self);
        wait_for_news(self);
    }
    drain(self);
    return LT_OK;
}

/* ---- opening ---- */

/* The process that the lock's file names. */
static bool holder_lives(lt_text said)
{
    lt_text word;
    int64_t pid = 0;
    return lt_text_cut(&said, ' ', &word) && lt_text_to_i64(said, &pid) &&
           lt_proc_started((int)pid) != 0;
}

/* What a server that was killed was just about to start still has the lock, until it is another program. */
static lt_status take_lock(lt_sched *self, lt_err *err)
{
    static const int64_t PATIENCE_US = 10 * SECOND_US;
    LT_AUTO(lt_chars) folder = lt_path_join(self->options.home, "leases");
    LT_AUTO(lt_chars) path = lt_path_join(folder, "server.lock");
    LT_AUTO(lt_buf) holder = {.limit = 200};
    LT_TRY(lt_folder_make(folder, 0750, err));
    lt_status status = lt_file_lock(path, 0, &self->lock, err);
    if (status == LT_CONFLICT && lt_file_read(path, &holder, err) == LT_OK &&
        !holder_lives(lt_buf_text(&holder)))
        status = lt_file_lock(path, PATIENCE_US, &self->lock, err);
    if (status == LT_CONFLICT) {
        lt_ignore(lt_fail(err, LT_CONFLICT, "a server works in this home already: %s",
                          lt_buf_chars(&holder)));
        return lt_hint(err, "one server for each home; stop that one first");
    }
    LT_TRY(status);
    LT_AUTO(lt_chars) text = lt_format("process %d", (int)getpid());
    if (ftruncate(self->lock, 0) != 0)
        return lt_fail_errno(err, errno, "cannot write '%s'", path);
    return lt_fd_write(self->lock, lt_text_of(text), path, err);
}

static lt_status open_all(lt_sched *self, lt_err *err)
{
    LT_TRY(take_lock(self, err));
    LT_TRY(lt_state_open(self->options.home, &self->state, err));
    LT_TRY(lt_state_reap(self->state, NULL, err));
    self->due = lt_due_new(self->state);
    LT_TRY(lt_changes_open(&self->changes, self->options.root, err));
    lt_changes_watch(&self->changes);
    LT_TRY(load_files(self, true, err));
    return lt_watch_start(self->state, self->files, &self->watch, err);
}

lt_status lt_sched_open(const lt_sched_options *options, lt_sched **out, lt_err *err)
{
    lt_sched *self = lt_xcalloc(1, sizeof(*self));
    self->options = *options;
    if (self->options.most_runs <= 0)
        self->options.most_runs = 16;
    self->lock = self->changes.fd = -1;
    self->begin_at_us = INT64_MAX;
    self->clock_us = lt_now_us() - lt_mono_us();
    (void)pthread_rwlock_init(&self->files_lock, NULL);
    (void)pthread_mutex_init(&self->figures_lock, NULL);
    beat(self);
    lt_status status = open_all(self, err);
    if (status == LT_OK)
        *out = self;
    else
        lt_sched_close(self);
    return status;
}

void lt_sched_close(lt_sched *self)
{
    if (!self)
        return;
    lt_watch_stop(self->watch);
    for (size_t i = 0; i < self->children.len; i++)
        lt_fd_close(self->children.items[i].pidfd);
    lt_vec_free(&self->children);
    lt_vec_free(&self->troubles);
    lt_due_free(self->due);
    lt_sched_files_leave(self->files);
    lt_arena_cleanup(&self->told_arena);
    lt_free(self->files_trouble);
    lt_changes_close(&self->changes);
    lt_state_close(self->state);
    lt_fd_close(self->lock);
    (void)pthread_rwlock_destroy(&self->files_lock);
    (void)pthread_mutex_destroy(&self->figures_lock);
    lt_free(self);
}

lt_state *lt_sched_state(lt_sched *self)
{
    return self->state;
}
