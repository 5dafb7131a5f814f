/* The built-in macros: they all compile, and the materialisations make the tables that dbt makes, on both engines. */
#include "base/embed.h"
#include "base/fs.h"
#include "base/map.h"
#include "dbt/rt/rt.h"

#include "support/files.h"
#include "support/postgres.h"
#include "support/test.h"

#include <stdio.h>

static const lt_jinja_tag tags[] = {
    {.name = "test", .kind = LT_JINJA_TAG_MACRO, .prefix = "test_"},
    {.name = "materialization", .kind = LT_JINJA_TAG_NAMED, .prefix = "materialization_"},
};

/* A project with the built-in macros and one node, as far as the run time asks for one. */
typedef struct project {
    lt_jinja_env env;
    lt_jinja_heap heap;
    lt_arena arena;
    LT_VEC(lt_jinja_template *) templates;
    lt_map macros;
    lt_dbt_rt *rt;
    lt_dbt_exec *exec;
    lt_engine *engine;
    lt_session *session;
    const char *kind, *root;
    lt_text database;
    lt_jinja_value model, config, flags;
    lt_jinja_object config_object, dbt_namespace;
} project;

static bool is_ours(const project *p, const char *path)
{
    LT_AUTO(lt_chars) own = lt_format("macros/dbt_%s/", p->kind);
    return (lt_text_starts(lt_text_of(path), T("macros/dbt/")) &&
            !lt_text_eq(lt_text_of(path), T("macros/dbt/tests.sql"))) ||
           lt_text_starts(lt_text_of(path), lt_text_of(own));
}

static void add_block(project *p, const lt_jinja_block *block)
{
    lt_text adapter = T("default"), name = block->name, arg;
    lt_jinja_value value, *kept = LT_NEW(&p->arena, lt_jinja_value);
    bool literal;
    if (block->tag && block->tag->kind == LT_JINJA_TAG_NAMED) {
        for (size_t i = 0; lt_jinja_block_arg(block, &p->heap, i, &arg, &value, &literal); i++)
            if (lt_text_eq(arg, T("adapter")))
                adapter = lt_jinja_as_text(value);
        name = lt_text_of(
            lt_arena_format(&p->arena, "%.*s_%.*s", LT_ARG(block->name), LT_ARG(adapter)));
    }
    *kept = block->macro;
    (void)lt_map_put(&p->macros, lt_arena_text(&p->arena, name), kept);
}

/* "macros/dbt/" comes before "macros/dbt_duckdb/", so the adapter's stay. */
static void load_macros(project *p)
{
    const lt_embedded *file;
    lt_err err = {0};
    for (size_t i = 0; (file = lt_embedded_at(i)); i++) {
        lt_jinja_template *compiled = NULL;
        lt_jinja_block block;
        if (!is_ours(p, file->path))
            continue;
        CHECK_OK(lt_jinja_compile(&p->env, lt_text_of(file->path),
                                  lt_text_at((const char *)file->data, file->len), &compiled, NULL,
                                  &err),
                 err);
        lt_push_in(&p->arena, &p->templates, compiled);
        for (size_t k = 0; lt_jinja_block_at(compiled, k, &block); k++)
            add_block(p, &block);
    }
}

static bool find(project *p, lt_text name, lt_jinja_value *out)
{
    const lt_jinja_value *found = lt_map_find(&p->macros, name);
    if (found)
        *out = *found;
    return found != NULL;
}

static lt_status find_macro(void *user, lt_dbt_exec *exec, lt_text name, lt_jinja_value *macro,
                            lt_err *err)
{
    (void)exec;
    (void)err;
    *macro = (lt_jinja_value){0};
    (void)find(user, name, macro);
    return LT_OK;
}

static lt_status dispatch(void *user, lt_dbt_exec *exec, lt_text name, lt_text package,
                          lt_jinja_value *macro, lt_buf *tried, lt_err *err)
{
    project *p = user;
    (void)exec;
    (void)package;
    (void)err;
    *macro = (lt_jinja_value){0};
    const char *prefixes[] = {p->kind, "default"};
    for (size_t i = 0; i < 2; i++) {
        LT_AUTO(lt_chars) full = lt_format("%s__%.*s", prefixes[i], LT_ARG(name));
        lt_buf_printf(tried, "%s ", full);
        if (find(p, lt_text_of(full), macro))
            return LT_OK;
    }
    return LT_OK;
}

static lt_status find_materialization(void *user, lt_dbt_exec *exec, lt_text name,
                                      lt_jinja_value *macro, lt_err *err)
{
    project *p = user;
    (void)exec;
    (void)err;
    LT_AUTO(lt_chars) own = lt_format("materialization_%.*s_%s", LT_ARG(name), p->kind);
    LT_AUTO(lt_chars) common = lt_format("materialization_%.*s_default", LT_ARG(name));
    *macro = (lt_jinja_value){0};
    if (!find(p, lt_text_of(own), macro))
        (void)find(p, lt_text_of(common), macro);
    return LT_OK;
}

/* config.get() and its like, over the node's dictionary. */
static lt_status config_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                               lt_err *err)
{
    project *p = lt_jinja_user(call->render);
    lt_jinja_value args[2], docs = {0};
    *found = true;
    (void)lt_jinja_find(p->config, T("persist_docs"), &docs);
    if (lt_text_starts(name, T("persist_"))) {
        *out = lt_jinja_bool(docs.type == LT_JINJA_BOOL && docs.as.b);
        return LT_OK;
    }
    LT_TRY(lt_jinja_bind(call, "name default?", args, err));
    if (!lt_jinja_find(p->config, lt_jinja_as_text(args[0]), out))
        *out = lt_jinja_is_absent(args[1]) ? lt_jinja_none() : args[1];
    return LT_OK;
}

static const lt_jinja_class config_class = {.name = "config", .method = config_method};

static lt_status namespace_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                                lt_jinja_value *out, bool *found, lt_err *err)
{
    (void)self;
    (void)err;
    *found = find(lt_jinja_user(render), name, out);
    return LT_OK;
}

static const lt_jinja_class namespace_class = {.name = "dbt", .attr = namespace_attr};

static lt_jinja_value hooks_of(project *p, const char *key)
{
    lt_jinja_value list = {0};
    bool has_any = lt_jinja_find(p->config, lt_text_of(key), &list);
    return has_any ? list : lt_jinja_list(&p->heap);
}

static lt_status find_name(void *user, lt_dbt_exec *exec, lt_text name, lt_jinja_value *value,
                           bool *found, lt_err *err)
{
    project *p = user;
    (void)err;
    *found = true;
    if (find(p, name, value))
        return LT_OK;
    if (lt_text_eq(name, T("model")))
        *value = p->model;
    else if (lt_text_eq(name, T("config")))
        *value = lt_jinja_object_value(&p->config_object);
    else if (lt_text_eq(name, T("pre_hooks")))
        *value = hooks_of(p, "pre-hook");
    else if (lt_text_eq(name, T("post_hooks")))
        *value = hooks_of(p, "post-hook");
    else if (lt_text_eq(name, T("dbt")))
        *value = lt_jinja_object_value(&p->dbt_namespace);
    else if (lt_text_eq(name, T("this"))) {
        lt_dbt_relation relation =
            lt_dbt_relation_init(p->rt, p->database, T("shop"),
                                 lt_jinja_as_text(lt_jinja_at(p->model, 0)), LT_DBT_UNTYPED);
        lt_jinja_value alias = {0};
        (void)lt_jinja_find(p->model, T("alias"), &alias);
        relation.parts[LT_DBT_IDENTIFIER] = lt_jinja_as_text(alias);
        *value = lt_dbt_relation_value_of(&p->heap, &relation);
    } else {
        *found = lt_dbt_exec_find(exec, name, value);
    }
    return LT_OK;
}

static lt_status lookup(void *user, lt_jinja_render *render, const lt_jinja_template *from,
                        lt_text name, lt_jinja_value *out, bool *found, lt_err *err)
{
    project *p = user;
    (void)render;
    (void)from;
    return find_name(user, p->exec, name, out, found, err);
}

static lt_status render_source(void *user, lt_dbt_exec *exec, lt_jinja_render *inside,
                               lt_text source, lt_buf *out, lt_err *err)
{
    project *p = user;
    (void)exec;
    lt_jinja_context context = {.lookup = lookup, .user = p, .inside = inside};
    LT_AUTO(lt_jinja_template_ref) compiled = NULL;
    LT_TRY(lt_jinja_compile(&p->env, T("inner"), source, &compiled, NULL, err));
    return lt_jinja_render_text(compiled, &context, &p->heap, out, NULL, err);
}

static const lt_dbt_host host = {.dispatch = dispatch,
                                 .find_macro = find_macro,
                                 .find_materialization = find_materialization,
                                 .find_name = find_name,
                                 .render = render_source};

static void begin(project *p, const char *kind)
{
    lt_err err = {0};
    bool postgres = strcmp(kind, "postgres") == 0;
    lt_target target = {.name = "dev", .kind = kind, .path = ":memory:", .threads = 1};
    *p = (project){.kind = kind,
                   .env = {.tags = tags,
                           .tag_count = LT_COUNT(tags),
                           .filters = lt_dbt_text_filters,
                           .filter_count = LT_DBT_FILTERS},
                   .config_object.class = &config_class,
                   .dbt_namespace.class = &namespace_class,
                   .root = lt_test_folder(),
                   .database = T("memory")};
    if (postgres) {
        target.url = lt_test_postgres();
        if (!target.url)
            SKIP("PostgreSQL is not installed");
    }
    CHECK_OK(lt_engine_open(&target, &p->engine, &err), err);
    CHECK_OK(lt_session_open(p->engine, &p->session, &err), err);
    lt_table table;
    CHECK_OK(lt_query_table(p->session, T("select current_database()"), NULL, 0, 1, NULL, &p->arena,
                            &table, &err),
             err);
    p->database = lt_table_cell(&table, 0, 0);
    CHECK_OK(lt_exec(p->session, T("drop schema if exists shop cascade; create schema shop"), NULL,
                     &err),
             err);
    load_macros(p);
    p->flags = lt_jinja_dict(&p->heap);
    lt_dbt_rt_settings settings = {.engine = p->engine,
                                   .kind = lt_text_of(kind),
                                   .database = p->database,
                                   .schema = T("shop"),
                                   .quote = {true, true, true},
                                   .flags = p->flags,
                                   .project_root = p->root,
                                   .host = &host,
                                   .user = p};
    CHECK_OK(lt_dbt_rt_open(&settings, &p->rt, &err), err);
}

static void end(project *p)
{
    lt_dbt_exec_close(p->exec);
    lt_dbt_rt_close(p->rt);
    for (size_t i = 0; i < p->templates.len; i++)
        lt_jinja_template_free(p->templates.items[i]);
    lt_map_cleanup(&p->macros);
    lt_session_close(p->session);
    lt_engine_close(p->engine);
    lt_jinja_heap_cleanup(&p->heap);
    lt_arena_cleanup(&p->arena);
}

/* Build a node: `config` is a template that gives its configuration as a dictionary. */
static lt_status build(project *p, const char *materialization, const char *name,
                       const char *config, const char *sql, lt_dbt_run_result *result, lt_err *err)
{
    LT_AUTO(lt_jinja_template_ref) compiled = NULL;
    lt_jinja_context context = {.lookup = lookup, .user = p};
    p->model = lt_jinja_dict(&p->heap);
    LT_AUTO(lt_chars) seed = lt_format("%s.csv", name);
    lt_dbt_exec_settings settings = {.rt = p->rt,
                                     .heap = &p->heap,
                                     .session = p->session,
                                     .compiled = lt_text_of(sql),
                                     .seed_path = lt_text_of(seed)};
    lt_dbt_exec_close(p->exec);
    CHECK_OK(lt_dbt_exec_open(&settings, &p->exec, err), *err);
    CHECK_OK(lt_jinja_compile(&p->env, T("config"), lt_text_of(config), &compiled, NULL, err),
             *err);
    CHECK_OK(lt_jinja_render_value(compiled, &context, &p->heap, &p->config, NULL, err), *err);
    CHECK_OK(lt_jinja_copy(&p->heap, p->config, &p->config, err), *err);
    lt_jinja_put(p->config, "materialized", lt_jinja_text(lt_text_of(materialization)));
    lt_jinja_put(p->model, "alias", lt_jinja_text(lt_text_of(name)));
    lt_jinja_put(p->model, "name", lt_jinja_text(lt_text_of(name)));
    lt_jinja_put(p->model, "unique_id", lt_jinja_text(lt_text_of(name)));
    lt_jinja_put(p->model, "database", lt_jinja_text(p->database));
    lt_jinja_put(p->model, "schema", lt_jinja_text(T("shop")));
    lt_jinja_put(p->model, "compiled_code", lt_jinja_text(lt_text_of(sql)));
    lt_jinja_put(p->model, "config", p->config);
    lt_jinja_value extra;
    if (lt_jinja_find(p->config, T("columns"), &extra))
        lt_jinja_put(p->model, "columns", extra);
    if (lt_jinja_find(p->config, T("description"), &extra))
        lt_jinja_put(p->model, "description", extra);
    lt_jinja_put(p->model, "constraints", lt_jinja_list(&p->heap));
    return lt_dbt_exec_run(p->exec, &p->env, &context, lt_text_of(materialization), result, err);
}

static void must(project *p, const char *materialization, const char *name, const char *config,
                 const char *sql)
{
    lt_err err = {0};
    lt_dbt_run_result result = {0};
    lt_status status = build(p, materialization, name, config, sql, &result, &err);
    if (status != LT_OK)
        fprintf(stderr, "%s %s on %s: %s\n%.*s\n", materialization, name, p->kind, err.message,
                LT_ARG(p->exec ? lt_dbt_exec_failed_sql(p->exec) : (lt_text){0}));
    CHECK(status == LT_OK);
}

/* What a query gives: cells joined by ',', rows by ' '. */
static void check_rows(project *p, const char *sql, const char *expected)
{
    lt_err err = {0};
    lt_table table;
    LT_AUTO(lt_buf) got = {0};
    CHECK_OK(
        lt_query_table(p->session, lt_text_of(sql), NULL, 0, 1000, NULL, &p->arena, &table, &err),
        err);
    for (size_t row = 0; row < table.row_count; row++)
        for (size_t i = 0; i < table.column_count; i++) {
            lt_text cell = lt_table_cell(&table, row, i);
            lt_buf_add_str(&got, i ? "," : row ? " " : "");
            lt_buf_add(&got, cell.ptr ? cell : T("null"));
        }
    CHECK_STR(lt_buf_chars(&got), expected);
}

static void flag(project *p, const char *name, bool on)
{
    lt_jinja_put(p->flags, name, lt_jinja_bool(on));
}

#define ON_BOTH(suite_, name_)                                                                     \
    static void on_##name_(project *p);                                                            \
    Test(suite_, name_##_on_duckdb)                                                                \
    {                                                                                              \
        project p;                                                                                 \
        begin(&p, "duckdb");                                                                       \
        on_##name_(&p);                                                                            \
        end(&p);                                                                                   \
    }                                                                                              \
    Test(suite_, name_##_on_postgres)                                                              \
    {                                                                                              \
        project p;                                                                                 \
        begin(&p, "postgres");                                                                     \
        on_##name_(&p);                                                                            \
        end(&p);                                                                                   \
    }                                                                                              \
    static void on_##name_(project *p)

ON_BOTH(dbt_macros, tables_and_views_replace_each_other)
{
    must(p, "table", "t", "{{ {} }}", "select 1 as a");
    check_rows(p, "select a from shop.t", "1");
    must(p, "table", "t", "{{ {} }}", "select 2 as a, 'x' as b");
    check_rows(p, "select a, b from shop.t", "2,x");
    must(p, "view", "t", "{{ {} }}", "select 3 as a");
    check_rows(p, "select a from shop.t", "3");
    must(p, "table", "t", "{{ {'indexes': [{'columns': ['a'], 'unique': true}]} }}",
         "select 4 as a");
    must(p, "table", "t", "{{ {'indexes': [{'columns': ['a']}]} }}", "select 5 as a");
    check_rows(p, "select a from shop.t", "5");
    check_rows(p, "select table_name from information_schema.tables where table_schema = 'shop'",
               "t");
}

ON_BOTH(dbt_macros, a_view_on_a_table_that_is_replaced_is_made_again)
{
    must(p, "table", "base", "{{ {} }}", "select 1 as a");
    must(p, "view", "top", "{{ {} }}", "select a from shop.base");
    must(p, "table", "base", "{{ {} }}", "select 2 as a");
    must(p, "view", "top", "{{ {} }}", "select a from shop.base");
    check_rows(p, "select a from shop.top", "2");
}

ON_BOTH(dbt_macros, a_failure_leaves_the_old_table)
{
    lt_err err = {0};
    lt_dbt_run_result result = {0};
    must(p, "table", "t", "{{ {} }}", "select 1 as a");
    CHECK(build(p, "table", "t", "{{ {} }}", "select nothing", &result, &err) == LT_FAILED);
    CHECK(lt_text_has(lt_dbt_exec_failed_sql(p->exec), T("select nothing")));
    CHECK(!lt_has(err.message, "macros/dbt"));
    lt_text at_place = lt_text_sub(lt_dbt_exec_failed_sql(p->exec),
                                   (size_t)LT_MAX(lt_session_error_at(p->session), (int64_t)0), 7);
    CHECK_TEXT(at_place, "nothing");
    check_rows(p, "select a from shop.t", "1");
    must(p, "table", "t", "{{ {} }}", "select 2 as a");
    check_rows(p, "select a from shop.t", "2");
}

static const char increment[] = "select 2 as id, 'new' as v union all select 3, 'new'";

ON_BOTH(dbt_macros, strategies_add_replace_and_merge)
{
    static const struct {
        const char *config, *expected;
    } strategies[] = {
        {"{{ {'incremental_strategy': 'append'} }}", "1,old 2,new 2,old 3,new"},
        {"{{ {} }}", "1,old 2,new 2,old 3,new"},
        {"{{ {'unique_key': 'id'} }}", "1,old 2,new 3,new"},
        {"{{ {'unique_key': ['id'], 'incremental_strategy': 'delete+insert'} }}",
         "1,old 2,new 3,new"},
        {"{{ {'unique_key': 'id', 'incremental_strategy': 'merge'} }}", "1,old 2,new 3,new"},
        {"{{ {'unique_key': ['id'], 'incremental_strategy': 'merge', 'merge_exclude_columns': "
         "['v']} "
         "}}",
         "1,old 2,old 3,new"},
        {"{{ {'unique_key': 'id', 'incremental_strategy': 'delete+insert', "
         "'incremental_predicates': "
         "['1 = 0']} }}",
         "1,old 2,new 2,old 3,new"},
    };
    for (size_t i = 0; i < LT_COUNT(strategies); i++) {
        flag(p, "full_refresh", true);
        must(p, "incremental", "inc", strategies[i].config,
             "select 1 as id, 'old' as v union all select 2, 'old'");
        flag(p, "full_refresh", false);
        must(p, "incremental", "inc", strategies[i].config, increment);
        check_rows(p, "select id, v from shop.inc order by 1, 2", strategies[i].expected);
    }
}

ON_BOTH(dbt_macros, changed_columns_are_ignored_refused_added_or_synchronised)
{
    lt_err err = {0};
    lt_dbt_run_result result = {0};
    const char *wider = "select 2 as id, 'b' as w";
    must(p, "incremental", "inc", "{{ {} }}", "select 1 as id, 'a' as v");
    CHECK(build(p, "incremental", "inc", "{{ {'on_schema_change': 'fail'} }}", wider, &result,
                &err) == LT_INVALID);
    CHECK_HAS(err.message, "out of sync");
    must(p, "incremental", "inc", "{{ {'on_schema_change': 'append_new_columns'} }}",
         "select 2 as id, 'b' as v, 'c' as w");
    check_rows(p, "select id, v, w from shop.inc order by 1", "1,a,null 2,b,c");
    must(p, "incremental", "inc", "{{ {'on_schema_change': 'sync_all_columns'} }}",
         "select 3 as id, 'd' as w");
    check_rows(p, "select * from shop.inc order by 1", "1,null 2,c 3,d");
}

ON_BOTH(dbt_macros, a_contract_is_kept_or_the_model_refused)
{
    lt_err err = {0};
    lt_dbt_run_result result = {0};
    const char *config = "{{ {'contract': {'enforced': true}, 'columns': {'id': {'name': 'id', "
                         "'data_type': 'integer', 'constraints': [{'type': 'not_null'}]}, 'v': "
                         "{'name': 'v', 'data_type': 'text', 'constraints': []}}} }}";
    must(p, "table", "c", config, "select cast('x' as text) as v, cast(1 as integer) as id");
    check_rows(p, "select id, v from shop.c", "1,x");
    CHECK(build(p, "table", "c", config, "select 1.5 as id, cast('x' as text) as v", &result,
                &err) == LT_INVALID);
    CHECK_HAS(err.message, "the contract says");
    CHECK(build(p, "table", "c", config,
                "select cast(null as integer) as id, cast('x' as text) as v", &result,
                &err) == LT_FAILED);
    check_rows(p, "select id, v from shop.c", "1,x");
}

ON_BOTH(dbt_macros, seeds_are_loaded_with_their_types)
{
    lt_test_write(p->root, "s.csv",
                  "id,name,price,day,ok,code\n1,\"O'Hara, B\",1.50,2024-01-02,true,007\n"
                  "2,,2,,false,\n");
    must(p, "seed", "s", "{{ {'column_types': {'code': 'varchar(5)'}} }}", "");
    check_rows(
        p, "select id + 1, name, price * 2 = 3, day + 1 > day, ok, code from shop.s order by id",
        "2,O'Hara, B,true,true,true,007 3,null,false,null,false,null");
    lt_test_write(p->root, "s.csv", "id,name,price,day,ok,code\n9,z,3.25,2024-01-02,true,1\n");
    must(p, "seed", "s", "{{ {} }}", "");
    check_rows(p, "select id, name from shop.s", "9,z");
    flag(p, "full_refresh", true);
    lt_test_write(p->root, "s.csv", "other\nx\n");
    must(p, "seed", "s", "{{ {} }}", "");
    check_rows(p, "select other from shop.s", "x");
}

ON_BOTH(dbt_macros, each_kind_of_line_end_ends_a_row_of_a_seed)
{
    lt_test_write(p->root, "s.csv", "a,b\r1,x\r2,y\r");
    must(p, "seed", "s", "{{ {} }}", "");
    check_rows(p, "select a, b from shop.s order by a", "1,x 2,y");
    lt_test_write(p->root, "s.csv", "a,b\r\n1,x\r\n2,y");
    must(p, "seed", "s", "{{ {} }}", "");
    check_rows(p, "select a, b from shop.s order by a", "1,x 2,y");
}

ON_BOTH(dbt_macros, a_nul_byte_in_a_seed_is_kept_or_refused_and_cuts_nothing)
{
    lt_err err = {0};
    lt_dbt_run_result result;
    LT_AUTO(lt_chars) path = lt_path_join(p->root, "s.csv");
    CHECK_OK(lt_file_write(path, T("a,b\n1,x\0y\n"), 0644, &err), err);
    if (build(p, "seed", "s", "{{ {} }}", "", &result, &err) == LT_OK)
        check_rows(p, "select length(b) from shop.s", "3");
    else
        CHECK_HAS(err.message, "holds a NUL byte");
}

static void snap(project *p, const char *config, const char *sql)
{
    must(p, "snapshot", "sn", config, sql);
}

static const char current[] =
    "select id, v, dbt_valid_to is null from shop.sn order by id, dbt_valid_from, v";

ON_BOTH(dbt_macros, snapshots_by_time_keep_every_version)
{
    const char *config = "{{ {'strategy': 'timestamp', 'unique_key': 'id', 'updated_at': 'seen', "
                         "'hard_deletes': 'invalidate'} }}";
    snap(p, config,
         "select 1 as id, 'a' as v, timestamp '2024-01-01' as seen union all select 2, 'b', "
         "timestamp "
         "'2024-01-01'");
    check_rows(p, current, "1,a,true 2,b,true");
    snap(p, config, "select 1 as id, 'c' as v, timestamp '2024-02-01' as seen");
    check_rows(p, current, "1,a,false 1,c,true 2,b,false");
    snap(p, config, "select 1 as id, 'c' as v, timestamp '2024-02-01' as seen");
    check_rows(p, current, "1,a,false 1,c,true 2,b,false");
    check_rows(p, "select dbt_valid_to = timestamp '2024-02-01' from shop.sn where v = 'a'",
               "true");
}

ON_BOTH(dbt_macros, snapshots_by_columns_see_changes_and_deletes)
{
    const char *config = "{{ {'strategy': 'check', 'unique_key': ['id'], 'check_cols': ['v'], "
                         "'hard_deletes': 'new_record'} }}";
    snap(p, config, "select 1 as id, 'a' as v union all select 2, null");
    snap(p, config, "select 1 as id, 'b' as v union all select 2, null");
    check_rows(p, current, "1,a,false 1,b,true 2,null,true");
    snap(p, config, "select 1 as id, 'b' as v");
    check_rows(p,
               "select id, dbt_is_deleted, dbt_valid_to is null from shop.sn where id = 2 order by "
               "2",
               "2,False,false 2,True,true");
    snap(p, config, "select 1 as id, 'b' as v");
    check_rows(p, "select count(*) from shop.sn", "4");
    snap(p, config, "select 1 as id, 'b' as v union all select 2, 'back'");
    check_rows(p, "select v, dbt_is_deleted from shop.sn where id = 2 and dbt_valid_to is null",
               "back,False");
}

ON_BOTH(dbt_macros, snapshots_of_all_columns_take_a_new_one)
{
    const char *config = "{{ {'strategy': 'check', 'unique_key': 'id', 'check_cols': 'all', "
                         "'dbt_valid_to_current': \"cast('9999-12-31' as timestamp)\"} }}";
    snap(p, config, "select 1 as id, 'a' as v");
    snap(p, config, "select 1 as id, 'a' as v, 5 as w");
    check_rows(
        p, "select v, w, dbt_valid_to = timestamp '9999-12-31' from shop.sn order by w nulls first",
        "a,null,false a,5,true");
}

ON_BOTH(dbt_macros, tests_count_and_keep_what_fails)
{
    lt_err err = {0};
    lt_dbt_run_result result = {0};
    const char *config = "{{ {'fail_calc': 'count(*)', 'warn_if': '!= 0', 'error_if': '> 5', "
                         "'store_failures': true} }}";
    CHECK_OK(build(p, "test", "t1", config, "select 1 as a union all select 2", &result, &err),
             err);
    CHECK(result.failures == 2 && result.should_warn && !result.should_error);
    check_rows(p, "select a from shop.t1 order by 1", "1 2");
    CHECK_OK(
        build(p, "test", "t2",
              "{{ {'fail_calc': 'count(*)', 'warn_if': '!= 0', 'error_if': '!= 0', 'limit': 1} "
              "}}",
              "select 1 as a union all select 2", &result, &err),
        err);
    CHECK(result.failures == 1 && result.should_error);
}

ON_BOTH(dbt_macros, unit_tests_give_both_sides)
{
    lt_err err = {0};
    lt_dbt_run_result result = {0};
    lt_dbt_table_view view;
    CHECK_OK(build(p, "unit", "u",
                   "{{ {'expected_rows': [{'a': 1, 'b': \"it's\"}, {'a': none, 'b': 'y'}]} }}",
                   "select 1 as a, cast('it''s' as text) as b", &result, &err),
             err);
    CHECK(lt_dbt_table_look(result.table, &view) && view.row_count == 3 && view.column_count == 3);
    CHECK_TEXT(lt_jinja_as_text(lt_dbt_table_cell(result.table, 0, 2)), "actual");
    CHECK_TEXT(lt_jinja_as_text(lt_dbt_table_cell(result.table, 1, 1)), "it's");
    bool same = true;
    LT_AUTO(lt_buf) diff = {0};
    CHECK_OK(lt_dbt_unit_diff(result.table, &same, &diff, &err), err);
    CHECK(!same);
    CHECK_HAS(lt_buf_chars(&diff), "| --- | None | y |\n");
    CHECK(!lt_has(lt_buf_chars(&diff), "it's"));
    CHECK(build(p, "unit", "u", "{{ {'expected_rows': [{'zzz': 1}]} }}", "select 1 as a", &result,
                &err) != LT_OK);
}

ON_BOTH(dbt_macros, hooks_run_around_the_model)
{
    lt_err err = {0};
    CHECK_OK(lt_exec(p->session, T("create table shop.log (what varchar)"), NULL, &err), err);
    must(p, "table", "t",
         "{{ {'pre-hook': [{'sql': \"insert into shop.log values ('before')\", 'transaction': "
         "true}], 'post-hook': [{'sql': \"insert into shop.log select 'after ' || a from {{ this "
         "}}\", 'transaction': true}, {'sql': \"insert into shop.log values ('outside')\", "
         "'transaction': false}]} }}",
         "select 7 as a");
    check_rows(p, "select what from shop.log", "before after 7 outside");
}

ON_BOTH(dbt_macros, comments_reach_the_database)
{
    must(
        p, "table", "t",
        "{{ {'persist_docs': true, 'description': \"It's a table\", 'columns': {'a': {'name': 'a', "
        "'description': 'a $1 column', 'quote': none}}} }}",
        "select 1 as a");
    if (strcmp(p->kind, "postgres") == 0)
        check_rows(
            p,
            "select obj_description('shop.t'::regclass), col_description('shop.t'::regclass, "
            "1)",
            "It's a table,a $1 column");
    else
        check_rows(
            p,
            "select t.comment, c.comment from duckdb_tables() t join duckdb_columns() c using "
            "(table_oid) where t.table_name = 't'",
            "It's a table,a $1 column");
}

static const struct {
    const char *sql, *expected;
} expressions[] = {
    {"select {{ dbt.dateadd('day', 3, \"cast('2024-02-27' as timestamp)\") }} = timestamp "
     "'2024-03-01'",
     "true"},
    {"select {{ dbt.datediff(\"'2024-01-31'\", \"'2024-03-01'\", 'month') }}, {{ "
     "dbt.datediff(\"'2024-01-01'\", \"'2024-01-31'\", 'day') }}, {{ "
     "dbt.datediff(\"'2024-01-01'\", "
     "\"'2024-01-15'\", 'week') }}",
     "2,30,2"},
    {"select {{ dbt.last_day(\"cast('2024-02-03' as date)\", 'month') }}", "2024-02-29"},
    {"select {{ dbt.split_part(\"'a|b|c'\", \"'|'\", 2) }}", "b"},
    {"select {{ dbt.split_part(\"'a|b|c'\", \"'|'\", -1) }}", "c"},
    {"select {{ dbt.concat([\"'a'\", \"'b'\"]) }}, {{ dbt.length(\"'abc'\") }}, {{ "
     "dbt.right(\"'abc'\", 2) }}, {{ dbt.position(\"'b'\", \"'abc'\") }}, {{ "
     "dbt.replace(\"'abc'\", "
     "\"'b'\", \"'x'\") }}",
     "ab,3,bc,2,axc"},
    {"select {{ dbt.hash(\"'x'\") }}", "9dd4e461268c8034f5c8564e155c67a6"},
    {"select {{ dbt.listagg('v', \"','\", 'order by v') }}, {{ dbt.listagg('v', \"'-'\", 'order by "
     "v', 2) }}, {{ dbt.any_value('1') }}, {{ dbt.bool_or('v > 1') }} from (select 1 as k, '1' as "
     "s, "
     "2 as n) x cross join (select 'a' as v union all select 'b' union all select 'c') y",
     NULL},
    {"select {{ dbt.cast_bool_to_text('1 = 1') }}, {{ dbt.safe_cast(\"'1'\", dbt.type_int()) }}, "
     "cast(1 as {{ dbt.type_numeric() }}) = 1, cast('2024-01-01' as {{ dbt.type_timestamp() }}) = "
     "timestamp '2024-01-01'",
     "true,1,true,true"},
    {"select count(*), max(generated_number) from ({{ dbt.generate_series(10) }}) x", "10,10"},
    {"select count(*) from ({{ dbt.date_spine('day', \"cast('2024-01-01' as timestamp)\", "
     "\"cast('2024-01-10' as timestamp)\") }}) x",
     NULL},
    {"select {{ dbt.array_construct([1, 2]) }} = {{ dbt.array_append(dbt.array_construct([1]), 2) "
     "}}",
     "true"},
    {"select 1 {{ dbt.except() }} select 2", "1"},
    {"select '{{ dbt.escape_single_quotes(\"it's\") }}', {{ dbt.string_literal('q') }}, {{ "
     "dbt.date(2024, 1, 2) }}",
     "it's,q,2024-01-02"},
    {"{{ dates_in_range('20240101', '20240103') | join(' ') and '' }}select '{{ "
     "dates_in_range('20240130', '20240201') | join('+') }}'",
     "20240130+20240131+20240201"},
};

ON_BOTH(dbt_macros, expressions_mean_the_same)
{
    lt_err err = {0};
    must(p, "table", "t", "{{ {} }}", "select 1 as a");
    for (size_t i = 0; i < LT_COUNT(expressions); i++) {
        LT_AUTO(lt_buf) sql = {0};
        if (!expressions[i].expected)
            continue;
        lt_status status =
            render_source(p, p->exec, NULL, lt_text_of(expressions[i].sql), &sql, &err);
        if (status != LT_OK)
            fprintf(stderr, "%s: %s\n", expressions[i].sql, err.message);
        CHECK(status == LT_OK);
        check_rows(p, lt_buf_chars(&sql), expressions[i].expected);
    }
}

ON_BOTH(dbt_macros, catalog_and_freshness_are_read)
{
    lt_err err = {0};
    lt_jinja_value out;
    lt_dbt_table_view view;
    must(p, "table", "t", "{{ {} }}", "select 1 as a, timestamp '2024-01-01' as seen");
    lt_jinja_context context = {.lookup = lookup, .user = p};
    lt_jinja_value schemas = lt_jinja_list(&p->heap);
    lt_jinja_add(schemas, lt_jinja_text(T("shop")));
    lt_dbt_relation info =
        lt_dbt_relation_init(p->rt, p->database, T("shop"), T("INFORMATION_SCHEMA"), LT_DBT_VIEW);
    lt_jinja_kwarg args[] = {{T("information_schema"), lt_dbt_relation_value_of(&p->heap, &info)},
                             {T("schemas"), schemas}};
    CHECK_OK(lt_dbt_exec_call(p->exec, &p->env, &context, T("get_catalog"), args, 2, &out, &err),
             err);
    CHECK(lt_dbt_table_look(out, &view) && view.row_count == 2 && view.column_count == 10);
    CHECK_TEXT(lt_jinja_as_text(lt_dbt_table_cell(out, 0, 3)), "BASE TABLE");
    lt_jinja_kwarg fresh[] = {{T("source"), lt_jinja_text(T("shop.t"))},
                              {T("loaded_at_field"), lt_jinja_text(T("seen"))},
                              {T("filter"), lt_jinja_none()}};
    CHECK_OK(
        lt_dbt_exec_call(p->exec, &p->env, &context, T("collect_freshness"), fresh, 3, &out, &err),
        err);
    CHECK(lt_dbt_exec_call(p->exec, &p->env, &context, T("no_such"), NULL, 0, &out, &err) ==
          LT_NOT_FOUND);
}

Test(dbt_macros, external_models_are_files_behind_a_view)
{
    project p;
    begin(&p, "duckdb");
    LT_AUTO(lt_chars) config = lt_format("{{ {'location': '%s/out.parquet'} }}", p.root);
    must(&p, "external", "e", config, "select 1 as a, 'x' as b");
    check_rows(&p, "select a, b from shop.e", "1,x");
    must(&p, "external", "e", config, "select 2 as a, 'y' as b where 1 = 0");
    check_rows(&p, "select count(*) from shop.e", "0");
    LT_AUTO(lt_chars) csv = lt_format("{{ {'location': '%s/out.csv', 'delimiter': '|'} }}", p.root);
    must(&p, "external", "f", csv, "select 1 as a, 'x' as b");
    check_rows(&p, "select a, b from shop.f", "1,x");
    end(&p);
}

Test(dbt_macros, materialized_views_are_refreshed_and_reindexed)
{
    project p;
    lt_err err = {0};
    begin(&p, "postgres");
    CHECK_OK(lt_exec(p.session, T("create table shop.src as select 1 as a"), NULL, &err), err);
    must(&p, "materialized_view", "mv", "{{ {} }}", "select a from shop.src");
    CHECK_OK(lt_exec(p.session, T("insert into shop.src values (2)"), NULL, &err), err);
    check_rows(&p, "select a from shop.mv order by 1", "1");
    must(&p, "materialized_view", "mv", "{{ {} }}", "select a from shop.src");
    check_rows(&p, "select a from shop.mv order by 1", "1 2");
    must(&p, "materialized_view", "mv", "{{ {'indexes': [{'columns': ['a']}]} }}",
         "select a from shop.src");
    check_rows(&p, "select count(*) from pg_indexes where tablename = 'mv'", "1");
    must(&p, "table", "mv", "{{ {} }}", "select 9 as a");
    check_rows(&p, "select a from shop.mv", "9");
    end(&p);
}

Test(dbt_macros, microbatches_replace_their_span)
{
    project p;
    lt_err err = {0};
    begin(&p, "duckdb");
    must(&p, "incremental", "b", "{{ {} }}",
         "select timestamp '2024-01-01 10:00' as seen, 'old' as v union all select timestamp "
         "'2024-01-02 10:00', 'old'");
    lt_dbt_run_result result = {0};
    const char *config = "{{ {'incremental_strategy': 'microbatch', 'event_time': 'seen'} }}";
    CHECK(build(&p, "incremental", "b", config,
                "select timestamp '2024-01-02 11:00' as seen, 'x' as v", &result,
                &err) == LT_INVALID);
    CHECK_HAS(err.message, "batch.event_time_start");
    end(&p);
}
