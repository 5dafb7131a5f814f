/* A run's engine: opened with what the profile says of it, its run time, the schemas that nodes need. */
#include "dbt/run/execute_inner.h"

static lt_status exec_text(lt_session *session, const lt_buf *sql, lt_err *err)
{
    return lt_exec(session, lt_buf_text(sql), NULL, err);
}

/* Where the run time is, and what it may write there. */
static lt_status look_around(lt_dbt_run *run, lt_err *err)
{
    LT_AUTO(lt_session_ref) session = NULL;
    lt_table found;
    LT_TRY(lt_session_open(run->engine, &session, err));
    LT_TRY(lt_query_table(session, T("select current_database()"), NULL, 0, 1, NULL, &run->arena,
                          &found, err));
    run->database = lt_table_cell(&found, 0, 0);
    run->is_server = strcmp(lt_engine_target(run->engine)->kind, "duckdb") != 0;
    return lt_dbt_builds_nothing(run->request.action)
               ? LT_OK
               : lt_write_has_records(session, &run->has_records, err);
}

lt_status lt_dbt_run_use(lt_dbt_run *run, lt_engine *engine, lt_err *err)
{
    lt_dbt_rt_close(run->rt);
    run->rt = NULL;
    run->engine = engine;
    if (engine)
        LT_TRY(lt_dbt_prepare_engine(engine, run->request.credentials, err));
    if (engine)
        LT_TRY(look_around(run, err));
    const lt_dbt_settings *set = &run->request.dbt->settings;
    const rt_request request = {
        .engine = engine,
        .database = run->database,
        .flags = set->flags,
        .args = set->args,
        .envs = set->metadata_envs,
        .credentials = run->request.credentials,
        .arena = &run->arena,
        .run_folder = run->request.target_folder
                          ? lt_arena_format(&run->arena, "%s/run", run->request.target_folder)
                          : NULL};
    return lt_dbt_rt_make(run->request.dbt, &request, &run->rt, err);
}

lt_status lt_dbt_run_connect(lt_dbt_run *run, lt_err *err)
{
    lt_engine *engine = run->request.engine;
    if (run->request.target) {
        LT_TRY(lt_engine_open(run->request.target, &engine, err));
        run->owns_engine = true;
    }
    run->engine = engine;
    return lt_dbt_run_use(run, engine, err);
}

/* ---- schemas ---- */

static lt_status make_schema(lt_dbt_run *run, lt_session *session, const lt_dbt_node *node,
                             lt_err *err)
{
    const lt_dbt *dbt = run->request.dbt;
    if (lt_text_eq(node->relation.database, dbt->settings.target_database))
        return lt_schema_create(session, node->relation.schema, err);
    LT_AUTO(lt_buf) sql = {.limit = 64 * LT_KIB};
    lt_buf_add_str(&sql, "create schema if not exists ");
    lt_quote_name(node->relation.database, &sql);
    lt_buf_add_byte(&sql, '.');
    lt_quote_name(node->relation.schema, &sql);
    return exec_text(session, &sql, err);
}

/* A query comment is in front of each statement: one that cannot be made ends the run before the first. */
static lt_status check_comment(lt_dbt_run *run, lt_session *session, lt_err *err)
{
    rendering r;
    lt_jinja_heap heap = {0};
    lt_dbt_rendering_init(&r, run->request.dbt, NULL);
    r.session = session;
    r.rt = run->rt;
    r.run = &run->settings;
    lt_status status = lt_dbt_exec_attach(&r, &heap, (lt_text){0}, err);
    if (status == LT_OK)
        lt_dbt_exec_close(r.exec);
    lt_jinja_heap_cleanup(&heap);
    return status;
}

lt_status lt_dbt_make_schemas(lt_dbt_run *run, lt_err *err)
{
    const lt_dbt_nodes *all = lt_dbt_all(run->request.dbt);
    LT_AUTO(lt_session_ref) session = NULL;
    LT_AUTO(lt_arena) scratch = {0};
    lt_map seen = {0};
    lt_status status = LT_OK;
    LT_TRY(lt_session_open(run->engine, &session, err));
    LT_TRY(check_comment(run, session, err));
    for (size_t i = 0; i < all->len && status == LT_OK; i++) {
        const lt_dbt_node *node = all->items[i];
        bool has_none =
            (node->no_relation && node->kind != LT_DBT_UDF) || lt_dbt_is_ephemeral(node);
        if (!run->tasks[i].takes_part || has_none || node->kind >= LT_DBT_SOURCE)
            continue;
        char *key = lt_arena_format(&scratch, "%.*s.%.*s", LT_ARG(node->relation.database),
                                    LT_ARG(node->relation.schema));
        if (!lt_map_put(&seen, lt_text_of(key), run))
            status = make_schema(run, session, node, err);
    }
    lt_map_cleanup(&seen);
    return status;
}
