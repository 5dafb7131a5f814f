/* What stands around the writes of a node: the lock on its relation, the token of its attempt, and what hangs on the relation. */
#include "dbt/run/execute_inner.h"

#include "base/log.h"

/* The relation as leat.writes names it: without the database when that is the target's own. */
static lt_relation relation_of(const lt_dbt_run *run, const lt_dbt_node *node)
{
    lt_relation relation = node->relation;
    if (lt_text_eq_nocase(relation.database, run->database))
        relation.database = (lt_text){0};
    return relation;
}

static lt_dbt_relation_type type_of(lt_relation_kind kind)
{
    return kind == LT_RELATION_TABLE  ? LT_DBT_TABLE
           : kind == LT_RELATION_VIEW ? LT_DBT_VIEW
                                      : LT_DBT_MATERIALIZED_VIEW;
}

static lt_relation_kind kind_of(lt_dbt_relation_type type)
{
    return type == LT_DBT_TABLE  ? LT_RELATION_TABLE
           : type == LT_DBT_VIEW ? LT_RELATION_VIEW
                                 : LT_RELATION_OTHER;
}

/* Others write to a server too: what was known may be old by the time that the lock is ours. */
static lt_status begin_on_server(node_fence *f, const lt_dbt_relation *own, lt_err *err)
{
    LT_TRY(lt_write_begin_look(f->transaction.session, &f->relation, &f->existing, err));
    if (f->existing != LT_RELATION_OTHER)
        lt_dbt_exec_learn(f->r->exec, own,
                          f->existing == LT_RELATION_NONE ? LT_DBT_UNTYPED : type_of(f->existing));
    return LT_OK;
}

/* Nobody else has the file open: what is known of it holds, and is found without a look at the whole catalogue. */
static lt_status begin_with_cache(node_fence *f, lt_jinja_value own, lt_err *err)
{
    lt_jinja_context context = {.lookup = lt_dbt_lookup, .user = f->r};
    lt_jinja_kwarg args[] = {{T("relation"), own}};
    lt_jinja_value found = {0};
    LT_TRY(lt_session_begin(f->transaction.session, err));
    LT_TRY(lt_write_lock(f->transaction.session, &f->relation, err));
    LT_TRY(lt_dbt_exec_call(f->r->exec, &f->run->request.dbt->env, &context,
                            T("load_cached_relation"), args, 1, &found, err));
    const lt_dbt_relation *relation = lt_dbt_relation_in(found);
    f->existing = relation ? kind_of(relation->type) : LT_RELATION_NONE;
    return LT_OK;
}

/* With the lock on the relation, and a look at what is there. */
static lt_status begin_locked(node_fence *f, lt_err *err)
{
    lt_jinja_value own = lt_dbt_node_relation(f->r, f->node, f->r->heap);
    const lt_dbt_relation *relation = lt_dbt_relation_in(own);
    f->existing = LT_RELATION_NONE;
    if (!relation) {
        LT_TRY(lt_session_begin(f->transaction.session, err));
        return lt_write_lock(f->transaction.session, &f->relation, err);
    }
    return f->run->is_server ? begin_on_server(f, relation, err) : begin_with_cache(f, own, err);
}

static bool may_replace(const node_fence *f)
{
    const lt_dbt_guard *guard = f->run->request.guard;
    return !guard || (guard->takes_over && guard->takes_over(guard->context, &f->relation));
}

static lt_status begin(void *user, lt_err *err)
{
    node_fence *f = user;
    lt_session *session = f->transaction.session;
    if (f->r->batch && f->r->batch->is_beside) { /* the model's first batch has done all of it */
        f->existing = f->found = LT_RELATION_TABLE;
        return lt_session_begin(session, err);
    }
    LT_TRY(begin_locked(f, err));
    if (!f->is_asked) /* what the node found when it began; later transactions find its own work */
        f->found = f->existing;
    f->is_asked = true;
    if (!f->run->has_records || f->relation.database.len) /* DuckDB writes to one file at a time */
        return LT_OK;
    if (!may_replace(f))
        LT_TRY(lt_write_check_own(session, &f->relation, f->existing, err));
    return lt_write_claim(session, &f->relation, &f->attempt, err);
}

static lt_status replaces(void *user, const lt_dbt_relation *relation, lt_err *err)
{
    node_fence *f = user;
    if (!f->run->request.guard || f->kept.rows.row_count)
        return LT_OK;
    LT_TRY(lt_keep_read(f->transaction.session, &f->relation, kind_of(relation->type), f->arena,
                        &f->kept, err));
    f->kept.leaves_grants =
        lt_jinja_len(lt_dbt_config_get(f->run->request.dbt, f->node, T("grants"))) > 0;
    return LT_OK;
}

static lt_status commits(void *user, lt_err *err)
{
    node_fence *f = user;
    lt_kept kept = f->kept;
    f->kept = (lt_kept){0};
    return lt_keep_restore(f->transaction.session, &kept, err);
}

static bool writes(const lt_dbt_node *node)
{
    switch (node->kind) {
    case LT_DBT_MODEL:
        return !lt_dbt_is_ephemeral(node);
    case LT_DBT_SEED:
    case LT_DBT_SNAPSHOT:
    case LT_DBT_UDF:
        return true;
    case LT_DBT_GENERIC_TEST:
    case LT_DBT_SINGULAR_TEST:
        return node->config.store_failures;
    default:
        return false;
    }
}

void lt_dbt_fence_init(node_fence *f, lt_dbt_run *run, rendering *r, const lt_attempt *attempt,
                       lt_arena *arena)
{
    *f = (node_fence){.run = run,
                      .node = r->node,
                      .r = r,
                      .arena = arena,
                      .transaction = {.session = r->session}};
    f->attempt = attempt ? *attempt
                         : (lt_attempt){.home = T("dbt"),
                                        .run_id = run->request.dbt->settings.scope->run_id,
                                        .task = r->node->id};
    f->relation = relation_of(run, r->node);
    f->is_closed = !lt_dbt_builds_nothing(run->request.action) && r->session && writes(r->node);
    lt_dbt_fence_close(f, f->is_closed);
    r->transaction = &f->transaction;
}

void lt_dbt_fence_close(node_fence *f, bool is_closed)
{
    f->is_closed = is_closed;
    f->transaction.fence = is_closed ? (lt_dbt_fence){begin, replaces, commits, f}
                                     : (lt_dbt_fence){NULL, NULL, NULL, NULL};
}
