/* File and database extracts: what is in the files or tables is in the dataset, in its types, and again only when it changed. */
#include "base/fs.h"
#include "engine/engine.h"
#include "support/extract.h"
#include "support/postgres.h"

#include <stdio.h>
#include <zlib.h>

static lt_test_extract *begin(const char *resource)
{
    LT_AUTO(lt_chars)
    yaml = lt_format("name: disk\nkind: files\nresources:\n  - name: t\n%s", resource);
    return lt_test_extract_begin(yaml);
}

static void put(lt_test_extract *t, const char *name, const char *content)
{
    LT_AUTO(lt_chars) path = lt_path_join(t->folder, name);
    CHECK_OK(lt_file_write(path, lt_text_of(content), 0600, &t->err), t->err);
}

static void extracts(lt_test_extract *t, const char *run, int64_t rows)
{
    CHECK_OK(lt_test_extract_run(t, run), t->err);
    CHECK(t->result.committed);
    CHECK_INT(t->result.rows, rows);
}

Test(files, csv_behind_a_pattern_becomes_one_dataset)
{
    lt_test_extract *t = begin("    path: in*.csv");
    put(t, "in1.csv", "Id,User Name,when\n1,ann,2026-01-01\n2,bob,2026-01-02\n");
    put(t, "in2.csv", "Id,User Name,when,extra\n3,\"c,d\",2026-01-03,1.5\n");
    extracts(t, "r1", 3);
    CHECK_STR(lt_test_extract_types(t), "id BIGINT, user_name VARCHAR, when DATE, extra DOUBLE");
    CHECK_STR(lt_test_extract_ask(t, "SELECT user_name FROM {data} WHERE id = 3"), "c,d");
    lt_test_extract_end(t);
}

Test(files, unchanged_files_do_not_land_again)
{
    lt_test_extract *t = begin("    path: '*.csv'");
    put(t, "a.csv", "id\n1\n");
    extracts(t, "r1", 1);
    CHECK_OK(lt_test_extract_run(t, "r2"), t->err);
    CHECK(!t->result.committed);
    CHECK_TEXT(t->result.note, "no file has changed");
    put(t, "a.csv", "id\n1\n"); /* another time, the same bytes */
    CHECK_OK(lt_test_extract_run(t, "r3"), t->err);
    CHECK(!t->result.committed);
    put(t, "a.csv", "id\n1\n2\n");
    extracts(t, "r4", 2);
    put(t, "b.csv", "id\n7\n");
    extracts(t, "r5", 3);
    CHECK_STR(lt_test_extract_ask(t, "SELECT sum(id) FROM {data}"), "10");
    lt_test_extract_end(t);
}

Test(files, csv_options_count)
{
    lt_test_extract *t = begin(
        "    path: a.dat\n    format: csv\n    csv: {delimiter: ';', header: false, nullstr: '-'}");
    put(t, "a.dat", "1;x\n-;y\n");
    extracts(t, "r1", 2);
    CHECK_STR(lt_test_extract_ask(t, "SELECT count(column0) FROM {data}"), "1");
    lt_test_extract_end(t);
}

Test(files, ndjson_keeps_its_nested_values)
{
    lt_test_extract *t = begin("    path: a.ndjson");
    put(t, "a.ndjson",
        "{\"id\":1,\"tags\":[\"x\"],\"at\":{\"x\":1}}\n{\"id\":2,\"tags\":[],\"at\":{\"x\":2.5}}"
        "\n");
    extracts(t, "r1", 2);
    CHECK_STR(lt_test_extract_types(t), "id BIGINT, tags VARCHAR[], at STRUCT(x DOUBLE)");
    lt_test_extract_end(t);
}

Test(files, gzip_and_parquet_are_read)
{
    lt_test_extract *t = begin("    path: '*.csv.gz'");
    LT_AUTO(lt_chars) path = lt_path_join(t->folder, "a.csv.gz");
    gzFile file = gzopen(path, "wb");
    CHECK(gzputs(file, "id,n\n1,5\n2,6\n") > 0);
    CHECK_INT(gzclose(file), Z_OK);
    extracts(t, "r1", 2);
    CHECK_STR(lt_test_extract_ask(t, "SELECT sum(n) FROM {data}"), "11");
    lt_target target = {.name = "t", .kind = "duckdb", .path = ":memory:"};
    LT_AUTO(lt_engine_ref) engine = NULL;
    CHECK_OK(lt_engine_open(&target, &engine, &t->err), t->err);
    LT_AUTO(lt_session_ref) session = NULL;
    CHECK_OK(lt_session_open(engine, &session, &t->err), t->err);
    LT_AUTO(lt_chars)
    sql = lt_format(
        "COPY (SELECT 7::DECIMAL(9,2) AS \"Amount\", TIME '01:02:03' AS at) TO '%s/b.parquet'",
        t->folder);
    CHECK_OK(lt_exec(session, lt_text_of(sql), NULL, &t->err), t->err);
    lt_test_extract_conf(t,
                         "name: disk\nkind: files\nresources:\n  - name: p\n    path: b.parquet");
    extracts(t, "r2", 1);
    CHECK_STR(lt_test_extract_types(t), "amount DECIMAL(9,2), at TIME");
    lt_test_extract_end(t);
}

Test(files, keys_come_once)
{
    lt_test_extract *t = begin("    path: a.csv\n    key: [id]");
    put(t, "a.csv", "id,n\n1,1\n1,1\n2,2\n");
    CHECK_OK(lt_test_extract_run(t, "r1"), t->err);
    CHECK_INT(t->result.rows, 2);
    lt_test_extract_conf(
        t,
        "name: disk\nkind: files\nresources:\n  - name: other\n    path: a.csv\n    key: [nokey]");
    CHECK_STATUS(lt_test_extract_run(t, "r2"), LT_INVALID, t->err);
    CHECK_HAS(t->err.message, "no column 'nokey' to be a key");
    lt_test_extract_end(t);
}

Test(files, raw_files_land_as_they_are)
{
    lt_test_extract *t = begin("    path: in/*\n    land: {format: raw}");
    LT_AUTO(lt_chars) in = lt_path_join(t->folder, "in");
    CHECK_OK(lt_folder_make(in, 0700, &t->err), t->err);
    put(t, "in/a.xyz", "any bytes");
    CHECK_OK(lt_test_extract_run(t, "r1"), t->err);
    LT_AUTO(lt_buf) got = {0};
    CHECK_OK(lt_store_get(t->store, T("raw"),
                          T("domain=disk/dataset=t/import_date=2026-11-22/in/a.xyz"), T(""), 0,
                          SIZE_MAX, &got, &t->err),
             t->err);
    CHECK_TEXT(lt_buf_text(&got), "any bytes");
    lt_test_extract_end(t);
}

Test(files, errors_say_which_file)
{
    lt_test_extract *t = begin("    path: none*.csv");
    CHECK_STATUS(lt_test_extract_run(t, "r1"), LT_NOT_FOUND, t->err);
    CHECK_HAS(t->err.message, "disk.t: sources/test.yml:5:11: no file is there for 'none*.csv'");
    put(t, "none.csv", "id\n1\n");
    put(t, "none2.csv", "id\n\"unfinished\n");
    CHECK(lt_test_extract_run(t, "r1") != LT_OK || t->result.committed);
    lt_test_extract_conf(t, "name: disk\nkind: files\nresources:\n  - name: t\n    path: '*.odd'");
    put(t, "x.odd", "1");
    CHECK_STATUS(lt_test_extract_run(t, "r2"), LT_INVALID, t->err);
    CHECK_HAS(t->err.message, "does not say what it is");
    lt_test_extract_end(t);
}

static void contract(const char *rules, lt_status status, const char *types, int64_t discarded)
{
    LT_AUTO(lt_chars) resource = lt_format("    path: a.csv\n    contract: %s", rules);
    lt_test_extract *t = begin(resource);
    put(t, "a.csv", "id,n\n1,1\n");
    extracts(t, "r1", 1);
    put(t, "a.csv", "id,n,more\n1,x,5\n2,7,6\n");
    CHECK_STATUS(lt_test_extract_run(t, "r2"), status, t->err);
    CHECK_STR(lt_test_extract_types(t), types);
    if (status == LT_OK)
        CHECK_INT(t->result.discarded, discarded);
    lt_test_extract_end(t);
}

Test(files, contracts_evolve_freeze_or_discard)
{
    contract("{columns: evolve, types: evolve}", LT_OK, "id BIGINT, n VARCHAR, more BIGINT", 0);
    contract("{columns: freeze, types: evolve}", LT_FAILED, "id BIGINT, n BIGINT", 0);
    contract("{columns: evolve, types: freeze}", LT_FAILED, "id BIGINT, n BIGINT", 0);
    contract("{columns: discard, types: discard}", LT_OK, "id BIGINT, n BIGINT", 1);
}

/* ---- PostgreSQL ---- */

static void on_server(lt_test_extract *t, const char *sql)
{
    lt_target target = {.name = "s", .kind = "postgres", .url = lt_test_postgres()};
    LT_AUTO(lt_engine_ref) engine = NULL;
    CHECK_OK(lt_engine_open(&target, &engine, &t->err), t->err);
    LT_AUTO(lt_session_ref) session = NULL;
    CHECK_OK(lt_session_open(engine, &session, &t->err), t->err);
    CHECK_OK(lt_exec(session, lt_text_of(sql), NULL, &t->err), t->err);
}

static lt_test_extract *begin_database(const char *resource)
{
    LT_AUTO(lt_chars)
    yaml = lt_format("name: pg\nkind: postgres\nurl: \"%s\"\nresources:\n  - name: t\n%s",
                     lt_test_postgres(), resource);
    return lt_test_extract_begin(yaml);
}

Test(database, a_table_comes_with_its_types)
{
    lt_test_extract *t = begin_database("    table: src1.people");
    on_server(t, "create schema src1; create table src1.people (id int, name text, paid "
                 "numeric(9,2), seen timestamptz, doc jsonb, "
                 "tags text[], u uuid, ok bool); insert into src1.people values (1, 'a', 1.25, "
                 "'2026-01-01 12:00+02', '{\"x\": 1}', '{p,q}', "
                 "'00000000-0000-0000-0000-000000000001', true), (2, null, null, null, null, null, "
                 "null, null)");
    extracts(t, "r1", 2);
    CHECK_STR(
        lt_test_extract_types(t),
        "id INTEGER, name VARCHAR, paid DECIMAL(9,2), seen TIMESTAMP WITH TIME ZONE, doc JSON, "
        "tags VARCHAR[], u UUID, ok BOOLEAN");
    CHECK_STR(lt_test_extract_ask(t, "SELECT concat(paid, '|', epoch(seen), '|', doc->>'x', '|', "
                                     "tags[2]) FROM {data} WHERE id = 1"),
              "1.25|1767261600.0|1|q");
    lt_test_extract_end(t);
}

Test(database, a_query_reads_on_from_its_cursor)
{
    lt_test_extract *t =
        begin_database("    query: SELECT id, at FROM src2.log -- all\n    cursor: {field: id}");
    on_server(t, "create schema src2; create table src2.log as select i as id, now() as at from "
                 "generate_series(1, 10) i");
    extracts(t, "r1", 10);
    CHECK_TEXT(t->result.cursor, "10");
    CHECK_OK(lt_test_extract_run(t, "r2"), t->err);
    CHECK(!t->result.committed);
    on_server(t, "insert into src2.log select i, now() from generate_series(11, 13) i");
    extracts(t, "r3", 3);
    CHECK_STR(lt_test_extract_ask(t, "SELECT count(*) || '/' || sum(id) FROM {data}"), "13/91");
    lt_test_extract_end(t);
}

Test(database, errors_come_with_the_servers_words)
{
    lt_test_extract *t = begin_database("    table: nowhere.nothing");
    CHECK_STATUS(lt_test_extract_run(t, "r1"), LT_FAILED, t->err);
    CHECK_HAS(t->err.message, "pg.t: ");
    CHECK_HAS(t->err.message, "nowhere");
    lt_test_extract_end(t);
}
