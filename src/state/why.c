/* Sentences from what is recorded about waiting. */
#include "state/why.h"

#include "state/inner.h"

#include "base/time.h"
#include "fmt/json.h"

/* ---- pieces ---- */

static void add_since(lt_buf *out, int64_t since_us)
{
    char length[LT_TIME_CHARS];
    if (since_us)
        lt_buf_printf(out, ", for %s by now",
                      lt_length_write(LT_MAX(lt_now_us() - since_us, (int64_t)0), length));
}

static void add_moment(lt_buf *out, const char *before, int64_t moment_us)
{
    char text[LT_TIME_CHARS], length[LT_TIME_CHARS];
    int64_t rest = moment_us - lt_now_us();
    lt_time_write(moment_us, text);
    if (rest > 0)
        lt_buf_printf(out, "%s%.19sZ (in %s)", before, text, lt_length_write(rest, length));
    else
        lt_buf_printf(out, "%s%.19sZ", before, text);
}

static void add_looks(lt_buf *out, const lt_waiting *w)
{
    if (w->next_us)
        add_moment(out, "; it looks again at ", w->next_us);
    if (w->deadline_us)
        add_moment(out, "; it gives up at ", w->deadline_us);
}

/* Who has the places: "run 3 (task.a.b), run 4 (...)". */
static lt_status add_holders(lt_state *state, lt_text pool, lt_buf *out, lt_err *err);

typedef struct holders {
    lt_text pool;
    lt_buf *out;
} holders;

static lt_status list_holders(lt_tx *tx, void *context, lt_err *err)
{
    enum { MOST = 5 };
    const holders *h = context;
    size_t count = 0;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "select run_id, task from pool_places join runs on runs.id = run_id where pool "
                    "= ? and granted_at_us <> 0 and status = 'running' order by granted_at_us",
                    V(h->pool));
    while (lt_query_next(&q)) {
        if (count++ < MOST)
            lt_buf_printf(h->out, "%srun %lld (%.*s)", count == 1 ? ", held by " : ", ",
                          (long long)lt_query_i64(&q, 0), LT_ARG(lt_query_text(&q, 1)));
    }
    if (count > MOST)
        lt_buf_printf(h->out, " and %zu more", count - MOST);
    return lt_query_check(&q, err);
}

static lt_status add_holders(lt_state *state, lt_text pool, lt_buf *out, lt_err *err)
{
    holders h = {.pool = pool, .out = out};
    return lt_db_read(state->db, list_holders, &h, err);
}

static lt_status say_called(lt_state *state, const lt_waiting *w, lt_buf *out, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_run_record called;
    LT_TRY(lt_state_run_get(state, w->run, &arena, &called, err));
    lt_buf_printf(out, "waits for run %lld of the pipeline %.*s, which is %s", (long long)w->run,
                  LT_ARG(w->what), lt_run_status_name(called.status));
    return LT_OK;
}

/* ---- what is waited for ---- */

/* The run in front may wait itself, and without a server for ever. */
static lt_status say_turn(lt_state *state, int64_t run_id, lt_buf *out, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_run_record before;
    lt_status status = lt_state_run_get(state, run_id, &arena, &before, err);
    if (status != LT_OK && status != LT_NOT_FOUND)
        return status;
    bool waits = status == LT_OK && before.status == LT_RUN_QUEUED;
    lt_buf_printf(out, "waits for its turn: run %lld of the pipeline %s", (long long)run_id,
                  waits ? "was asked for before it, and has not begun ('leat up' begins it, 'leat "
                          "cancel' takes it out)"
                        : "is under way");
    return LT_OK;
}

static lt_status say_waiting(lt_state *state, const lt_waiting *w, lt_buf *out, lt_err *err)
{
    if (lt_text_eq(w->kind, T("turn"))) {
        LT_TRY(say_turn(state, w->run, out, err));
    } else if (lt_text_eq(w->kind, T("target"))) {
        lt_buf_printf(out, "waits for the target '%.*s', held by %.*s", LT_ARG(w->what),
                      LT_ARG(w->detail));
    } else if (lt_text_eq(w->kind, T("pool"))) {
        lt_buf_printf(out, "waits for places in the pool '%.*s'", LT_ARG(w->what));
        LT_TRY(add_holders(state, w->what, out, err));
    } else if (lt_text_eq(w->kind, T("retry"))) {
        lt_buf_printf(out, "failed (%.*s)", LT_ARG(w->detail));
        add_moment(out, "; it is tried again at ", w->next_us);
        lt_buf_printf(out, ", %.*s", LT_ARG(w->what));
        return LT_OK;
    } else if (lt_text_eq(w->kind, T("time"))) {
        add_moment(out, "waits until ", w->next_us);
        return LT_OK;
    } else if (lt_text_eq(w->kind, T("object"))) {
        lt_buf_printf(out, "waits for the object %.*s", LT_ARG(w->what));
        if (w->detail.len && !lt_text_eq(w->detail, T("not there")))
            lt_buf_printf(out, " (%.*s)", LT_ARG(w->detail));
    } else if (lt_text_eq(w->kind, T("sql"))) {
        lt_buf_printf(out, "waits for its query to become true (%.*s)", LT_ARG(w->detail));
    } else if (lt_text_eq(w->kind, T("http"))) {
        lt_buf_printf(out, "waits for %.*s (%.*s)", LT_ARG(w->what), LT_ARG(w->detail));
    } else if (lt_text_eq(w->kind, T("approval"))) {
        lt_buf_printf(out,
                      "waits for the approval of %.*s, on the page, over the API or by 'leat "
                      "approve'",
                      LT_ARG(w->what));
        add_since(out, w->since_us);
        add_looks(out,
                  &(lt_waiting){.deadline_us = w->deadline_us}); /* a decision is told at once */
        return LT_OK;
    } else if (lt_text_eq(w->kind, T("files"))) {
        lt_buf_printf(out, "waits until the project's files are mended (%.*s)", LT_ARG(w->detail));
    } else if (lt_text_eq(w->kind, T("items"))) {
        lt_buf_printf(out, "waits for its items: %.*s", LT_ARG(w->detail));
    } else if (lt_text_eq(w->kind, T("run"))) {
        LT_TRY(say_called(state, w, out, err));
        add_since(out, w->since_us);
        return LT_OK; /* its end tells: the looks in between do not matter */
    }
    add_since(out, w->since_us);
    add_looks(out, w);
    return LT_OK;
}

/* ---- tasks ---- */

static const lt_task_record *find_task(const lt_task_records *tasks, lt_text id)
{
    for (size_t i = 0; i < tasks->len; i++)
        if (lt_text_eq(tasks->items[i].id, id))
            return &tasks->items[i];
    return NULL;
}

static bool is_open(const lt_task_record *task)
{
    return task->status == LT_TASK_PENDING || task->status == LT_TASK_RUNNING ||
           task->status == LT_TASK_WAITING;
}

/* Tasks for the end of a run wait for nothing that has a name. */
static bool say_handler(const lt_task_record *task, lt_buf *out)
{
    static const struct {
        const char *cause, *says;
    } handlers[] = {
        {"on_failure", "begins only if the run fails ('on_failure')"},
        {"on_success", "begins when all else has succeeded ('on_success')"},
        {"on_late", "begins only if the run is not over after 'late_after' ('on_late')"},
    };
    for (size_t i = 0; i < LT_COUNT(handlers); i++)
        if (lt_text_eq(task->cause, lt_text_of(handlers[i].cause))) {
            lt_buf_add_str(out, handlers[i].says);
            return true;
        }
    return false;
}

static lt_status say_pending(const lt_task_records *tasks, const lt_task_record *task, lt_buf *out,
                             lt_err *err)
{
    enum { MOST = 5 };
    size_t open = 0;
    LT_AUTO(lt_arena) arena = {0};
    lt_json *needs = NULL;
    LT_TRY(lt_json_read(task->needs_json, "needs", NULL, &arena, &needs, err));
    for (size_t i = 0; i < needs->count; i++) {
        const lt_task_record *before = find_task(tasks, needs->items[i].text);
        if (!before || !is_open(before))
            continue;
        if (open++ < MOST)
            lt_buf_printf(out, "%s%.*s (%s)", open == 1 ? "comes after " : ", ",
                          LT_ARG(before->name), lt_task_status_name(before->status));
    }
    if (open > MOST)
        lt_buf_printf(out, " and %zu more", open - MOST);
    if (open)
        return LT_OK;
    if (say_handler(task, out))
        return LT_OK;
    if (task->parent.len)
        lt_buf_add_str(out, "waits for the turn of its item: 'parallel' items are under way");
    else
        lt_buf_add_str(out, "is ready, and waits for a free thread ('threads'), or for what the "
                            "run itself has to end before");
    return LT_OK;
}

lt_status lt_why_task(lt_state *state, const lt_run_record *run, const lt_task_records *tasks,
                      const lt_task_record *task, lt_buf *out, lt_err *err)
{
    char length[LT_TIME_CHARS];
    bool alive = run->status == LT_RUN_RUNNING;
    switch (task->status) {
    case LT_TASK_WAITING:
        return say_waiting(state, &task->waiting, out, err);
    case LT_TASK_PENDING:
        if (alive && !run->waiting.kind.len)
            return say_pending(tasks, task, out, err);
        return lt_why_run(state, run, out, err);
    case LT_TASK_RUNNING:
        lt_buf_printf(out, "is running for %s",
                      lt_length_write(lt_now_us() - task->started_at_us, length));
        return LT_OK;
    case LT_TASK_SKIPPED:
        lt_buf_printf(out, "was skipped: %.*s", LT_ARG(task->message));
        return LT_OK;
    case LT_TASK_FAILED:
        lt_buf_printf(out, "failed: %.*s", LT_ARG(task->message));
        return LT_OK;
    case LT_TASK_CANCELLED:
        lt_buf_printf(out, "was cancelled%s%.*s", task->message.len ? ": " : "",
                      LT_ARG(task->message));
        return LT_OK;
    default:
        lt_buf_printf(out, "%s%s%.*s", lt_task_status_name(task->status),
                      task->message.len ? ": " : "", LT_ARG(task->message));
        return LT_OK;
    }
}

/* ---- runs ---- */

lt_status lt_why_run(lt_state *state, const lt_run_record *run, lt_buf *out, lt_err *err)
{
    if (run->waiting.kind.len && (run->status == LT_RUN_QUEUED || run->status == LT_RUN_RUNNING))
        return say_waiting(state, &run->waiting, out, err);
    if (run->status == LT_RUN_QUEUED && lt_state_has_server(state))
        lt_buf_add_str(out, "is queued, and about to begin");
    else if (run->status == LT_RUN_QUEUED)
        lt_buf_printf(out,
                      "is queued; no server works here: 'leat up' begins it, or 'leat run --resume "
                      "%lld'",
                      (long long)run->id);
    else if (run->status == LT_RUN_LOST)
        lt_buf_printf(out, "was lost with its process; 'leat run --resume %lld' goes on with it",
                      (long long)run->id);
    else if (run->status == LT_RUN_SKIPPED || run->status == LT_RUN_FAILED ||
             run->status == LT_RUN_CANCELLED)
        lt_buf_printf(out, "%s%s: %.*s", run->status == LT_RUN_FAILED ? "" : "was ",
                      lt_run_status_name(run->status), LT_ARG(run->message));
    return LT_OK;
}
