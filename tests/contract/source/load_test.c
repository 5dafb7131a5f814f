/* Loads into DuckDB and PostgreSQL: what has landed is in the table once, and loading again changes nothing. */
#include "net/http_server.h"
#include "source/load.h"
#include "support/extract.h"
#include "support/postgres.h"

#include <stdio.h>

/* A server whose answer the test sets. */
typedef struct canned {
    lt_http_server *server;
    const char *body;
} canned;

typedef struct world {
    canned api;
    lt_test_extract *extract;
    lt_engine *engine;
    lt_session *session;
    lt_arena arena;
    lt_err err;
    lt_load_result result;
    char schema[40];
    int runs;
    bool full_refresh;
} world;

static void handle(void *context, const lt_server_request *request, lt_server_reply *reply)
{
    const canned *self = context;
    lt_server_reply_json(request, reply, 200, lt_text_of(self->body));
}

#define MERGED "    key: [id]\n    cursor: {field: changed, param: since}\n"
#define APPENDED "    cursor: {field: changed, param: since}\n"
#define REPLACED ""

static void use(world *w, const char *resource)
{
    LT_AUTO(lt_chars)
    yaml = lt_format("name: shop\nkind: rest\nbase_url: %s\nresources:\n  - name: t\n    path: "
                     "/t\n    load: {table: %s.things}\n%s",
                     lt_http_server_url(w->api.server), w->schema, resource);
    if (w->extract)
        lt_test_extract_conf(w->extract, yaml);
    else
        w->extract = lt_test_extract_begin(yaml);
}

static world *start(const char *kind, const char *resource)
{
    static int number;
    world *w = lt_xcalloc(1, sizeof(*w));
    lt_target target = {
        .name = "t", .kind = kind, .path = ":memory:", .threads = 1, .memory_bytes = 256 * LT_MIB};
    if (strcmp(kind, "postgres") == 0)
        target.url = lt_test_postgres();
    lt_target *kept = LT_NEW(&w->arena, lt_target);
    *kept = target;
    (void)snprintf(w->schema, sizeof(w->schema), "load_%d", number++);
    CHECK_OK(lt_http_server_start(&(lt_server_options){.handle = handle, .context = &w->api},
                                  &w->api.server, &w->err),
             w->err);
    CHECK_OK(lt_engine_open(kept, &w->engine, &w->err), w->err);
    CHECK_OK(lt_session_open(w->engine, &w->session, &w->err), w->err);
    use(w, resource);
    return w;
}

static void finish(world *w)
{
    lt_test_extract_end(w->extract);
    lt_http_server_stop(w->api.server);
    lt_session_close(w->session);
    lt_engine_close(w->engine);
    lt_arena_cleanup(&w->arena);
    lt_free(w);
}

static void land(world *w, const char *body)
{
    char run[16];
    w->api.body = body;
    (void)snprintf(run, sizeof(run), "r%d", ++w->runs);
    CHECK_OK(lt_test_extract_run(w->extract, run), w->extract->err);
}

static lt_status load(world *w)
{
    LT_AUTO(lt_chars) cache = lt_format("%s/cache", w->extract->folder);
    lt_load_job job = {
        .store = w->extract->store,
        .resource = &w->extract->source.resources.items[0],
        .session = w->session,
        .attempt = {.home = T("home"), .token = ++w->extract->attempt, .run_id = T("run")},
        .scratch = w->extract->folder,
        .cache_folder = cache,
        .now_us = 1000000,
        .full_refresh = w->full_refresh};
    return lt_load(&job, &w->arena, &w->result, &w->err);
}

static const char *ask(world *w, const char *format)
{
    lt_table table;
    LT_AUTO(lt_chars) sql = lt_format("%s FROM %s.things", format, w->schema);
    CHECK_OK(
        lt_query_table(w->session, lt_text_of(sql), NULL, 0, 10, NULL, &w->arena, &table, &w->err),
        w->err);
    lt_text cell = lt_table_cell(&table, 0, 0);
    return cell.ptr ? lt_arena_str(&w->arena, cell) : "NULL";
}

#define ALL "SELECT string_agg(concat(id, ':', name), ',' ORDER BY id, name)"

static void loads(world *w, int64_t rows)
{
    CHECK_OK(load(w), w->err);
    CHECK(w->result.changed);
    CHECK_INT(w->result.rows, rows);
    CHECK_OK(load(w), w->err); /* again: nothing */
    CHECK(!w->result.changed);
    CHECK_INT(w->result.rows, 0);
}

static void does_not_take_another_stores_commits_for_its_own(const char *kind)
{
    world *w = start(kind, MERGED);
    land(w, "[{\"id\":1,\"name\":\"a\",\"changed\":\"2026-01-01\"}]");
    loads(w, 1);
    lt_store_close(w->extract->store); /* as when its folder was deleted */
    w->extract->store = NULL;
    CHECK_OK(lt_store_open("mem:", &w->extract->store, &w->err), w->err);
    land(w, "[{\"id\":7,\"name\":\"z\",\"changed\":\"2025-01-01\"}]");
    loads(w, 1);
    CHECK_STR(ask(w, ALL), "7:z");
    finish(w);
}

static void merges_by_key(const char *kind)
{
    world *w = start(kind, MERGED);
    land(w, "[{\"id\":1,\"name\":\"a\",\"changed\":\"2026-01-01\"},{\"id\":2,\"name\":\"b\","
            "\"changed\":\"2026-01-02\"}]");
    loads(w, 2);
    land(w, "[{\"id\":2,\"name\":\"B\",\"changed\":\"2026-01-03\"},{\"id\":3,\"name\":\"c\","
            "\"changed\":\"2026-01-04\"},"
            "{\"id\":1,\"name\":\"old\",\"changed\":\"2025-01-01\"}]");
    loads(w, 2); /* the old one lost */
    CHECK_STR(ask(w, ALL), "1:a,2:B,3:c");
    /* Two commits at once, the same key in both: the greater cursor wins. */
    land(w, "[{\"id\":9,\"name\":\"x\",\"changed\":\"2026-02-02\"}]");
    land(w, "[{\"id\":9,\"name\":\"y\",\"changed\":\"2026-02-03\"}]");
    loads(w, 1);
    CHECK_STR(ask(w, ALL), "1:a,2:B,3:c,9:y");
    finish(w);
}

static void appends_each_commit_once(const char *kind)
{
    world *w = start(kind, APPENDED);
    land(w, "[{\"id\":1,\"name\":\"a\",\"changed\":\"2026-01-01\"}]");
    loads(w, 1);
    land(w, "[{\"id\":1,\"name\":\"a\",\"changed\":\"2026-01-01\"}]");
    loads(w, 1);
    CHECK_STR(ask(w, ALL), "1:a,1:a");
    finish(w);
}

static void replaces_after_full_reads(const char *kind)
{
    world *w = start(kind, REPLACED);
    land(w, "[{\"id\":1,\"name\":\"a\"},{\"id\":2,\"name\":\"b\"}]");
    loads(w, 2);
    land(w, "[{\"id\":3,\"name\":\"c\"}]");
    loads(w, 1);
    CHECK_STR(ask(w, ALL), "3:c");
    land(w, "[]");
    loads(w, 0);
    CHECK_STR(ask(w, "SELECT count(*)"), "0");
    finish(w);
}

static void grows_with_the_schema(const char *kind)
{
    world *w = start(kind, MERGED);
    land(w, "[{\"id\":1,\"name\":\"a\",\"n\":1,\"later\":null,\"changed\":\"2026-01-01\"}]");
    loads(w, 1);
    land(w, "[{\"id\":2,\"name\":\"b\",\"n\":1.5,\"later\":7,\"more\":{\"x\":[1,2]},\"changed\":"
            "\"2026-01-02\"}]");
    CHECK_OK(load(w), w->err);
    CHECK_INT(w->result.new_columns, 1);
    CHECK_INT(w->result.changed_columns, 2);
    CHECK_STR(ask(w, "SELECT sum(n)"), "2.5");
    CHECK_STR(ask(w, "SELECT sum(later)"), "7");
    CHECK_STR(ask(w, "SELECT count(more)"), "1");
    /* All of it anew gives the same. */
    w->full_refresh = true;
    CHECK_OK(load(w), w->err);
    CHECK_INT(w->result.rows, 2);
    CHECK_STR(ask(w, "SELECT sum(n) + sum(later)"), "9.5");
    finish(w);
}

static void leaves_tables_of_others_alone(const char *kind)
{
    world *w = start(kind, REPLACED);
    LT_AUTO(lt_chars)
    sql = lt_format("CREATE SCHEMA %s; CREATE TABLE %s.things (id int)", w->schema, w->schema);
    CHECK_OK(lt_exec(w->session, lt_text_of(sql), NULL, &w->err), w->err);
    CHECK_STATUS(load(w), LT_NOT_FOUND, w->err);
    CHECK_HAS(w->err.hint, "leat extract shop.t");
    land(w, "[{\"id\":1}]");
    CHECK_STATUS(load(w), LT_INVALID, w->err);
    CHECK_HAS(w->err.message, "leat did not load it");
    finish(w);
}

static void fails_whole(const char *kind)
{
    world *w = start(kind, MERGED);
    land(w, "[{\"id\":1,\"name\":\"a\",\"changed\":\"2026-01-01\"}]");
    loads(w, 1);
    w->extract->attempt = -100; /* an older attempt comes late */
    land(w, "[{\"id\":2,\"name\":\"b\",\"changed\":\"2026-01-02\"}]");
    CHECK_STATUS(load(w), LT_CONFLICT, w->err);
    CHECK_STR(ask(w, ALL), "1:a");
    w->extract->attempt = 100;
    loads(w, 1);
    finish(w);
}

#define ON_BOTH(name_)                                                                             \
    Test(load_duckdb, name_)                                                                       \
    {                                                                                              \
        name_("duckdb");                                                                           \
    }                                                                                              \
    Test(load_postgres, name_)                                                                     \
    {                                                                                              \
        name_("postgres");                                                                         \
    }

ON_BOTH(does_not_take_another_stores_commits_for_its_own)
ON_BOTH(merges_by_key)
ON_BOTH(appends_each_commit_once)
ON_BOTH(replaces_after_full_reads)
ON_BOTH(grows_with_the_schema)
ON_BOTH(leaves_tables_of_others_alone)
ON_BOTH(fails_whole)
