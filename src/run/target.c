/* The target of a run: taken when a task needs it, given to others while none does. */
#include "base/fs.h"
#include "base/time.h"
#include "run/inner.h"
#include "source/load.h"

/* A statement of a process that was killed may still be at work on the server: end it before anything is written again. */
static lt_status end_lost_backends(executor *run, lt_session *session, lt_err *err)
{
    lt_backends lost = {0};
    LT_TRY(lt_state_lost_backends(run->workspace->state, run->record->target, &run->plan->arena,
                                  &lost, err));
    for (size_t i = 0; i < lost.len; i++) {
        LT_TRY(lt_write_end_backend(session, lost.items[i].pid, lost.items[i].started, err));
        LT_TRY(lt_state_backend_ended(run->workspace->state, lost.items[i].token, err));
    }
    return LT_OK;
}

/* What leat recorded of the tables in a scratch schema goes with it. */
static lt_status forget_records(lt_session *session, lt_text schema, lt_err *err)
{
    static const struct {
        lt_text table, column;
    } records[] = {{T("loads"), T("table_name")}, {T("writes"), T("relation")}};
    for (size_t i = 0; i < LT_COUNT(records); i++) {
        const lt_relation table = {.schema = T("leat"), .name = records[i].table};
        lt_relation_kind kind = LT_RELATION_NONE;
        LT_AUTO(lt_buf) sql = {0};
        LT_AUTO(lt_buf) start = {0};
        lt_quote_name(schema, &start);
        lt_buf_add_byte(&start, '.');
        lt_buf_printf(&sql, "delete from leat.%.*s where starts_with(%.*s, ",
                      LT_ARG(records[i].table), LT_ARG(records[i].column));
        lt_quote_literal(lt_buf_text(&start), &sql);
        lt_buf_add_byte(&sql, ')');
        LT_TRY(lt_relation_find(session, &table, &kind, err));
        if (kind == LT_RELATION_TABLE)
            LT_TRY(lt_exec(session, lt_buf_text(&sql), NULL, err));
    }
    return LT_OK;
}

/* The schemas of a reproduction: before, in case an earlier one was killed, and after. */
static lt_status drop_scratch(executor *run, lt_session *session, lt_err *err)
{
    lt_texts schemas = {0};
    lt_plan_schemas(run->plan, &schemas);
    for (size_t i = 0; i < schemas.len; i++) {
        LT_AUTO(lt_buf) sql = {0};
        lt_buf_add_str(&sql, "drop schema if exists ");
        lt_quote_name(schemas.items[i], &sql);
        lt_buf_add_str(&sql, " cascade");
        LT_TRY(lt_exec(session, lt_buf_text(&sql), NULL, err));
        LT_TRY(forget_records(session, schemas.items[i], err));
    }
    return LT_OK;
}

lt_status lt_target_clean_up(executor *run, lt_err *err)
{
    LT_AUTO(lt_session_ref) session = NULL;
    if (!run->request->reproduces || run->request->keep_scratch || !run->engine)
        return LT_OK;
    LT_TRY(lt_session_open(run->engine, &session, err));
    return drop_scratch(run, session, err);
}

static bool needs_target(const executor *run)
{
    for (size_t i = 0; i < run->task_count; i++)
        if (run->tasks[i]->step->uses_target && !lt_task_has_ended(run->tasks[i]))
            return true;
    return false;
}

/* A load that is upstream but not part of the run: the run reads what the table holds now. */
static lt_status pin_one(executor *run, lt_session *session, const lt_step *step, lt_err *err)
{
    lt_loaded loaded;
    lt_workspace *workspace = run->workspace;
    LT_TRY(lt_load_find(session, &step->relation, &run->plan->arena, &loaded, err));
    if (!loaded.sequence)
        return LT_OK;
    lt_pin pin = {.bucket = loaded.bucket,
                  .prefix = loaded.prefix,
                  .commit_id = loaded.commit_id,
                  .sequence = loaded.sequence};
    LT_AUTO(lt_chars) owner = lt_format("run-%lld", (long long)run->record->id);
    LT_TRY(lt_store_keep(workspace->store, lt_text_of(owner), pin.bucket, pin.prefix, pin.sequence,
                         err));
    return lt_state_pin(workspace->state, run->record->id, &pin, err);
}

static lt_status pin_loaded(executor *run, lt_session *session, lt_err *err)
{
    const lt_plan *plan = run->plan;
    LT_AUTO(lt_node_set) upstream;
    lt_node_set_init(&upstream, plan->graph.nodes.len);
    for (size_t i = 0; i < plan->graph.nodes.len; i++)
        if (lt_node_set_has(&plan->selected, i))
            lt_node_set_add(&upstream, i);
    lt_graph_grow(&plan->graph, &upstream, true, SIZE_MAX);
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        const lt_step *step = plan->graph.nodes.items[i]->payload;
        if (step->kind == LT_STEP_LOAD && lt_node_set_has(&upstream, i) &&
            !lt_node_set_has(&plan->selected, i))
            LT_TRY(pin_one(run, session, step, err));
    }
    return LT_OK;
}

/* Before the tasks: two transactions that make the same schema would conflict. */
static lt_status make_schemas(executor *run, lt_session *session, lt_err *err)
{
    lt_texts schemas = {0};
    lt_plan_schemas(run->plan, &schemas);
    for (size_t i = 0; i < schemas.len; i++) {
        if (lt_schema_create(session, schemas.items[i], err) == LT_OK)
            continue;
        lt_wrap(err, "cannot make the schema '%.*s' in the target '%s'", LT_ARG(schemas.items[i]),
                run->plan->request.target.name);
        return lt_hint(
            err,
            "give the user of the target the right to make it, or let somebody make it for him");
    }
    return LT_OK;
}

/* What is done once in a run. */
static lt_status make_ready(executor *run, lt_err *err)
{
    LT_AUTO(lt_session_ref) session = NULL;
    LT_TRY(lt_session_open(run->engine, &session, err));
    LT_TRY(end_lost_backends(run, session, err));
    LT_TRY(lt_write_prepare(session, err));
    if (run->request->reproduces)
        LT_TRY(drop_scratch(run, session, err));
    LT_TRY(make_schemas(run, session, err));
    LT_TRY(run->request->reproduces ? LT_OK : pin_loaded(run, session, err));
    run->target_was_open = true;
    return LT_OK;
}

static bool takes_over(const void *context, const lt_relation *relation)
{
    return lt_plan_takes_over(context, relation);
}

static bool runs_dbt(const executor *run)
{
    for (size_t i = 0; i < run->task_count; i++)
        if (run->tasks[i]->step->node || run->tasks[i]->step->hook)
            return true;
    return false;
}

static lt_status open_dbt(executor *run, lt_err *err)
{
    if (run->dbt)
        return lt_dbt_run_use(run->dbt, run->engine, err);
    run->guard = (lt_dbt_guard){.takes_over = takes_over, .context = run->plan};
    lt_dbt_run_request request = {.dbt = run->plan->dbt,
                                  .engine = run->engine,
                                  .guard = &run->guard,
                                  .credentials = run->plan->profile.credentials,
                                  .action = LT_DBT_DO_RUN};
    return runs_dbt(run) ? lt_dbt_run_open(&request, &run->dbt, err) : LT_OK;
}

static lt_status open_target(executor *run, lt_err *err)
{
    LT_AUTO(lt_chars)
    what = lt_format("run %lld ('leat %.*s')", (long long)run->record->id,
                     LT_ARG(run->record->command));
    LT_TRY(lt_workspace_lease(run->workspace, &run->plan->request.target, what, run->record->id,
                              &run->lease, err));
    LT_TRY(lt_engine_open(&run->plan->request.target, &run->engine, err));
    if (!run->target_was_open)
        LT_TRY(make_ready(run, err));
    return open_dbt(run, err);
}

void lt_target_close(executor *run)
{
    lt_err none;
    if (run->dbt)
        lt_ignore(lt_dbt_run_use(run->dbt, NULL, &none));
    lt_engine_close(run->engine);
    lt_fd_close(run->lease); /* whoever waits for the target opens it at once */
    run->engine = NULL;
    run->lease = -1;
}

/* One at a time opens or closes it; others wait. Called with the lock held. */
static void begin_move(executor *run)
{
    while (run->target_moves)
        (void)pthread_cond_wait(&run->changed, &run->lock);
    run->target_moves = true;
}

static void end_move(executor *run)
{
    run->target_moves = false;
    (void)pthread_cond_broadcast(&run->changed);
}

static lt_status take_target(executor *run, lt_err *err)
{
    lt_status status = LT_OK;
    (void)pthread_mutex_lock(&run->lock);
    begin_move(run);
    bool is_open = run->engine != NULL;
    (void)pthread_mutex_unlock(&run->lock);
    if (!is_open)
        status = open_target(run, err);
    if (status != LT_OK)
        lt_target_close(run);
    (void)pthread_mutex_lock(&run->lock);
    end_move(run);
    (void)pthread_mutex_unlock(&run->lock);
    return status;
}

lt_status lt_target_prepare(executor *run, lt_err *err)
{
    return needs_target(run) ? take_target(run, err) : LT_OK;
}

static bool is_wanted(const executor *run)
{
    for (size_t i = 0; i < run->worker_count; i++)
        if (run->workers[i].task && run->workers[i].task->step->uses_target)
            return true;
    for (const lt_run_task *task = run->first_ready; task; task = task->next_ready)
        if (task->step->uses_target)
            return true;
    return false;
}

/* A run that only waits must not keep others from the target: neither those that it has called, nor anybody for days. */
void lt_target_yield(executor *run)
{
    lt_session *idle[256];
    size_t count = 0;
    if (!run->engine || !run->parked || run->target_moves || run->request->reproduces ||
        is_wanted(run))
        return;
    begin_move(run);
    for (size_t i = 0; i < run->worker_count && count < LT_COUNT(idle); i++) {
        idle[count++] = run->workers[i].session;
        run->workers[i].session = NULL;
    }
    (void)pthread_mutex_unlock(&run->lock);
    for (size_t i = 0; i < count; i++)
        lt_session_close(idle[i]);
    lt_target_close(run);
    (void)pthread_mutex_lock(&run->lock);
    end_move(run);
}

static void set_working(worker *self, lt_session *session)
{
    (void)pthread_mutex_lock(&self->run->lock);
    self->working = session;
    (void)pthread_mutex_unlock(&self->run->lock);
}

static lt_status session_of(worker *self, lt_session **out, lt_err *err)
{
    lt_session *made = NULL;
    LT_TRY(take_target(self->run, err));
    if (!self->session) {
        LT_TRY(lt_session_open(self->run->engine, &made, err));
        (void)pthread_mutex_lock(&self->run->lock);
        self->session = made;
        (void)pthread_mutex_unlock(&self->run->lock);
    }
    *out = self->session;
    return LT_OK;
}

lt_status lt_work_session(lt_work *work, lt_session **session, lt_err *err)
{
    char started[64];
    int pid;
    worker *self = work->worker;
    LT_TRY(session_of(self, &work->session, err));
    set_working(self, work->session);
    if (lt_session_backend(work->session, &pid, started))
        LT_TRY(lt_state_task_backend(work->run->workspace->state, work->attempt.token, pid,
                                     lt_text_of(started), err));
    *session = work->session;
    return LT_OK;
}
