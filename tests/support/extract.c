/* Runs extracts for tests and reads what landed. */
#include "support/extract.h"

#include "base/fs.h"
#include "engine/engine.h"

#include <stdio.h>

static void replace_all(lt_text text, lt_text what, lt_text with, lt_buf *out)
{
    size_t from = 0;
    for (size_t at; (at = lt_text_find(text, what, from)) != SIZE_MAX; from = at + what.len) {
        lt_buf_add(out, lt_text_sub(text, from, at - from));
        lt_buf_add(out, with);
    }
    lt_buf_add(out, lt_text_sub(text, from, text.len));
}

static lt_status render(void *context, lt_conf_when when, const lt_conf_text *template,
                        lt_arena *arena, lt_text *out, lt_err *err)
{
    (void)context, (void)when, (void)err;
    LT_AUTO(lt_buf) once = {0};
    LT_AUTO(lt_buf) twice = {0};
    replace_all(template->raw, T("{{ run_date }}"), T("2026-11-22"), &once);
    replace_all(lt_buf_text(&once), T("{{ secret }}"), T("sesame"), &twice);
    *out = lt_arena_text(arena, lt_buf_text(&twice));
    return LT_OK;
}

void lt_test_extract_conf(lt_test_extract *t, const char *yaml)
{
    CHECK_OK(lt_conf_read_source(lt_text_of(yaml), "sources/test.yml", NULL, &t->arena, &t->source,
                                 &t->err),
             t->err);
}

lt_test_extract *lt_test_extract_begin(const char *yaml)
{
    lt_test_extract *t = lt_xcalloc(1, sizeof(*t));
    t->folder = lt_test_folder();
    lt_test_extract_conf(t, yaml);
    CHECK_OK(lt_store_open("mem:", &t->store, &t->err), t->err);
    return t;
}

lt_status lt_test_extract_run(lt_test_extract *t, const char *run_id)
{
    LT_AUTO(lt_chars) prefix = lt_format("%s/scratch-", t->folder);
    LT_AUTO(lt_chars) scratch = NULL;
    CHECK_OK(lt_folder_make_temp(prefix, &scratch, &t->err), t->err);
    lt_extract_job job = {.store = t->store,
                          .resource = &t->source.resources.items[0],
                          .project_root = t->folder,
                          .scratch = scratch,
                          .render = render,
                          .run_id = lt_text_of(run_id),
                          .task = T("extract"),
                          .attempt = ++t->attempt,
                          .full_refresh = t->full_refresh,
                          .stop = &t->stop};
    return lt_extract(&job, &t->arena, &t->result, &t->err);
}

void lt_test_extract_end(lt_test_extract *t)
{
    lt_store_close(t->store);
    lt_arena_cleanup(&t->arena);
    lt_free(t);
}

static lt_texts paths_of(lt_test_extract *t)
{
    lt_landing_place place;
    lt_view view;
    lt_texts paths = {0};
    LT_AUTO(lt_chars) cache = lt_format("%s/cache", t->folder);
    CHECK_OK(lt_resource_place(&t->source.resources.items[0], &t->arena, &place, &t->err), t->err);
    CHECK_OK(lt_dataset_pin(t->store, place.bucket, place.prefix, 0, &t->arena, &view, &t->err),
             t->err);
    CHECK_OK(lt_view_paths(t->store, place.bucket, &view, cache, &t->arena, &paths, &t->err),
             t->err);
    return paths;
}

static lt_table query(lt_test_extract *t, const char *sql)
{
    lt_texts paths = paths_of(t);
    lt_target target = {.name = "test",
                        .kind = "duckdb",
                        .path = ":memory:",
                        .threads = 1,
                        .memory_bytes = 256 * LT_MIB};
    lt_table table = {0};
    LT_AUTO(lt_buf) relation = {0};
    LT_AUTO(lt_buf) whole = {0};
    lt_file_set_sql(
        &(lt_file_set){.format = LT_FILE_PARQUET, .paths = &paths, .union_by_name = true},
        &relation);
    replace_all(lt_text_of(sql), T("{data}"), lt_buf_text(&relation), &whole);
    LT_AUTO(lt_engine_ref) engine = NULL;
    CHECK_OK(lt_engine_open(&target, &engine, &t->err), t->err);
    LT_AUTO(lt_session_ref) session = NULL;
    CHECK_OK(lt_session_open(engine, &session, &t->err), t->err);
    CHECK_OK(lt_query_table(session, lt_buf_text(&whole), NULL, 0, 1000, NULL, &t->arena, &table,
                            &t->err),
             t->err);
    return table;
}

const char *lt_test_extract_ask(lt_test_extract *t, const char *sql)
{
    lt_table table = query(t, sql);
    CHECK(table.row_count > 0);
    lt_text cell = lt_table_cell(&table, 0, 0);
    return cell.ptr ? lt_arena_str(&t->arena, cell) : "NULL";
}

const char *lt_test_extract_types(lt_test_extract *t)
{
    lt_table table = query(t, "DESCRIBE SELECT * FROM {data}");
    LT_AUTO(lt_buf) out = {0};
    for (size_t i = 0; i < table.row_count; i++)
        lt_buf_printf(&out, "%s%.*s %.*s", i ? ", " : "", LT_ARG(lt_table_cell(&table, i, 0)),
                      LT_ARG(lt_table_cell(&table, i, 1)));
    return lt_arena_str(&t->arena, lt_buf_text(&out));
}
