/* The rows behind schedules: ticks that have become runs, pauses, and what the server has to begin. */
#include "state/schedule.h"

#include "state/inner.h"

#include "base/time.h"

#define SCHEDULE_COLUMNS "pipeline, schedule, at_s, wall_s, paused_at_us, paused_by, paused_why"

static lt_schedule_record read_schedule(const lt_query *q, lt_arena *arena)
{
    return (lt_schedule_record){.pipeline = lt_query_text_in(q, arena, 0),
                                .schedule = lt_query_text_in(q, arena, 1),
                                .at_s = lt_query_i64(q, 2),
                                .wall_s = lt_query_i64(q, 3),
                                .paused_at_us = lt_query_i64(q, 4),
                                .paused_by = lt_query_text_in(q, arena, 5),
                                .paused_why = lt_query_text_in(q, arena, 6)};
}

static lt_status list_schedules(lt_tx *tx, void *context, lt_err *err)
{
    const reading *r = context;
    lt_schedule_records *out = r->out;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "select " SCHEDULE_COLUMNS
                    " from schedules where " IS_OR_ANY("pipeline", "1") " order by pipeline",
                    V(r->key));
    while (lt_query_next(&q))
        lt_push_in(r->arena, out, read_schedule(&q, r->arena));
    return lt_query_check(&q, err);
}

lt_status lt_state_schedules(lt_state *state, lt_arena *arena, lt_schedule_records *out,
                             lt_err *err)
{
    reading r = {.arena = arena, .out = out};
    *out = (lt_schedule_records){0};
    return lt_db_read(state->db, list_schedules, &r, err);
}

lt_status lt_state_schedule_get(lt_state *state, lt_text pipeline, lt_arena *arena,
                                lt_schedule_record *out, lt_err *err)
{
    lt_schedule_records found = {0};
    reading r = {.arena = arena, .key = pipeline, .out = &found};
    LT_TRY(lt_db_read(state->db, list_schedules, &r, err));
    *out = found.len ? found.items[0] : (lt_schedule_record){.pipeline = pipeline};
    return LT_OK;
}

typedef struct seeing {
    const lt_schedule_seen *list;
    size_t count;
} seeing;

static lt_status see_schedules(lt_tx *tx, void *context, lt_err *err)
{
    const seeing *it = context;
    for (size_t i = 0; i < it->count; i++)
        LT_TRY(lt_tx_exec(tx, err,
                          "insert into schedules (pipeline, schedule, at_s, wall_s) values (?, ?, "
                          "?, ?) on conflict (pipeline) do update set schedule = "
                          "excluded.schedule, at_s = excluded.at_s, wall_s = excluded.wall_s",
                          V(it->list[i].pipeline), V(it->list[i].schedule), V(it->list[i].at_s),
                          V(it->list[i].wall_s)));
    return LT_OK;
}

lt_status lt_state_schedules_seen(lt_state *state, const lt_schedule_seen *list, size_t count,
                                  lt_err *err)
{
    seeing it = {.list = list, .count = count};
    return count ? lt_db_write(state->db, see_schedules, &it, err) : LT_OK;
}

/* ---- runs for the server ---- */

typedef struct supervising {
    lt_run_record *runs; /* or: */
    lt_tick_run *ticks;
    size_t count;
} supervising;

static int64_t find_key(lt_tx *tx, lt_text key)
{
    LT_AUTO(lt_query) q = lt_tx_query(tx, "select id from runs where " HAS_KEY, V(key));
    return key.len && lt_query_next(&q) ? lt_query_i64(&q, 0) : 0;
}

lt_status lt_state_insert_supervised(lt_tx *tx, lt_run_record *run, lt_err *err)
{
    lt_waiting waiting = run->waiting;
    int64_t known = find_key(tx, run->run_key);
    LT_TRY(lt_tx_check(tx, err));
    run->status = LT_RUN_QUEUED;
    run->pid = run->claim = 0;
    run->id = known;
    if (known)
        return LT_OK;
    LT_TRY(lt_state_insert_run(tx, run, err));
    LT_TRY(lt_tx_exec(tx, err, "update runs set supervised = 1 where id = ?", V(run->id)));
    return waiting.kind.len ? lt_state_write_run_wait(tx, run->id, &waiting, err) : LT_OK;
}

static bool is_paused(lt_tx *tx, lt_text pipeline)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "select 1 from schedules where pipeline = ? and paused_at_us <> 0",
                    V(pipeline));
    return lt_query_next(&q);
}

static lt_status record_ticks(lt_tx *tx, void *context, lt_err *err)
{
    const supervising *s = context;
    for (size_t i = 0; i < s->count; i++) {
        lt_tick_run *one = &s->ticks[i];
        one->is_paused = is_paused(tx, one->run.pipeline);
        LT_TRY(lt_tx_check(tx, err));
        if (one->is_paused)
            continue;
        LT_TRY(lt_state_insert_supervised(tx, &one->run, err));
        LT_TRY(lt_tx_exec(tx, err, "update schedules set at_s = ?, wall_s = ? where pipeline = ?",
                          V(one->at_s), V(one->wall_s), V(one->run.pipeline)));
    }
    return LT_OK;
}

lt_status lt_state_ticks(lt_state *state, lt_tick_run *ticks, size_t count, lt_err *err)
{
    supervising s = {.ticks = ticks, .count = count};
    return lt_db_write(state->db, record_ticks, &s, err);
}

static lt_status supervise(lt_tx *tx, void *context, lt_err *err)
{
    const supervising *s = context;
    for (size_t i = 0; i < s->count; i++)
        LT_TRY(lt_state_insert_supervised(tx, &s->runs[i], err));
    return LT_OK;
}

lt_status lt_state_supervise(lt_state *state, lt_run_record *runs, size_t count, lt_err *err)
{
    supervising s = {.runs = runs, .count = count};
    return lt_db_write(state->db, supervise, &s, err);
}

static lt_status list_supervised(lt_tx *tx, void *context, lt_err *err)
{
    const reading *r = context;
    lt_run_records *out = r->out;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "select " RUN_COLUMNS
                        " from runs where supervised = 1 and status in ('queued', 'running', "
                        "'lost') order by id");
    while (lt_query_next(&q))
        lt_push_in(r->arena, out, lt_state_read_run(&q, r->arena));
    return lt_query_check(&q, err);
}

lt_status lt_state_supervised(lt_state *state, lt_arena *arena, lt_run_records *out, lt_err *err)
{
    reading r = {.arena = arena, .out = out};
    *out = (lt_run_records){0};
    return lt_db_read(state->db, list_supervised, &r, err);
}

static lt_status write_turns(lt_tx *tx, void *context, lt_err *err)
{
    const lt_turns *turns = context;
    for (size_t i = 0; i < turns->len; i++) {
        lt_waiting waiting = {.kind = T("turn"), .run = turns->items[i].behind};
        LT_TRY(lt_state_write_run_wait(tx, turns->items[i].run_id, &waiting, err));
    }
    return LT_OK;
}

lt_status lt_state_turns(lt_state *state, const lt_turns *turns, lt_err *err)
{
    return lt_db_write(state->db, write_turns, (void *)(uintptr_t)turns, err);
}

/* ---- pauses ---- */

typedef struct pausing {
    lt_text pipeline, by, why;
    bool *changed;
} pausing;

static lt_status pause_pipeline(lt_tx *tx, void *context, lt_err *err)
{
    const pausing *p = context;
    int64_t now_us = p->by.len ? lt_now_us() : 0;
    LT_TRY(lt_tx_exec(tx, err, "insert or ignore into schedules (pipeline) values (?)",
                      V(p->pipeline)));
    LT_TRY(lt_tx_exec(tx, err,
                      "update schedules set paused_at_us = ?, paused_by = ?, paused_why = ? where "
                      "pipeline = ? and (paused_at_us = 0) = ?",
                      V(now_us), V(p->by), V(p->why), V(p->pipeline), V(p->by.len != 0)));
    *p->changed = lt_tx_changes(tx) > 0;
    return LT_OK;
}

lt_status lt_state_pause(lt_state *state, lt_text pipeline, lt_text by, lt_text why, bool *changed,
                         lt_err *err)
{
    pausing p = {.pipeline = pipeline, .by = by, .why = why, .changed = changed};
    return lt_db_write(state->db, pause_pipeline, &p, err);
}

/* ---- lists ---- */

typedef struct paging {
    const lt_run_filter *filter;
    lt_arena *arena;
    lt_run_records *out;
} paging;

/* The status stands in the text, so that indexes of some statuses are found; it is one of ours. */
static void write_filter(const lt_run_filter *f, lt_buf *sql)
{
    lt_buf_add_str(sql, "select " RUN_COLUMNS " from runs where id < ?1");
    if (f->pipeline.len)
        lt_buf_add_str(sql, " and pipeline = ?2");
    if (f->status && strcmp(f->status, "open") == 0)
        lt_buf_add_str(sql, " and status in ('queued', 'running')");
    else if (f->status)
        lt_buf_printf(sql, " and status = '%s'",
                      lt_run_status_name(lt_run_status_from(lt_text_of(f->status))));
    if (f->since_us)
        lt_buf_add_str(sql, " and asked_at_us >= ?3 and id >= ifnull((select id from runs where "
                            "asked_at_us >= ?3 order by asked_at_us limit 1), 0)");
    lt_buf_add_str(sql, " order by id desc limit ?4");
}

static lt_status list_page(lt_tx *tx, void *context, lt_err *err)
{
    const paging *p = context;
    const lt_run_filter *f = p->filter;
    LT_AUTO(lt_buf) sql = {.limit = 4 * LT_KIB};
    write_filter(f, &sql);
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, lt_buf_chars(&sql), V(f->before ? f->before : INT64_MAX), V(f->pipeline),
                    V(f->since_us), V(f->limit));
    while (lt_query_next(&q))
        lt_push_in(p->arena, p->out, lt_state_read_run(&q, p->arena));
    return lt_query_check(&q, err);
}

lt_status lt_state_runs_find(lt_state *state, const lt_run_filter *filter, lt_arena *arena,
                             lt_run_records *out, lt_err *err)
{
    paging p = {filter, arena, out};
    *out = (lt_run_records){0};
    return lt_db_read(state->db, list_page, &p, err);
}

lt_status lt_state_run_files(lt_state *state, const lt_run_record *run, lt_err *err)
{
    return lt_db_exec(state->db, err,
                      "update runs set git_commit = ?, git_branch = ?, git_dirty = ?, tree = ?, "
                      "engine = ?, target = ?, threads = ? where id = ?",
                      V(run->git_commit), V(run->git_branch), V(run->git_dirty), V(run->tree),
                      V(run->engine), V(run->target), V(run->threads), V(run->id));
}
