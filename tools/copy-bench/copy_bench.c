/* Measures lt_copy() between DuckDB and PostgreSQL: usage: copy-bench URL ROWS
 *
 * Makes a table of ROWS x 6 columns in a DuckDB file and as bench_rows in the server, and prints {"ready": true}. Then, for each
 * line "to-postgres" or "to-duckdb" of standard input, copies it into an empty table and prints one line of JSON: {"rows",
 * "seconds", "cpu_seconds", "peak_bytes"}. So who measures can have a peer take turns with it. */
#include "base/proc.h"
#include "base/time.h"
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char make_rows[] =
    "CREATE TABLE bench_rows AS SELECT i::BIGINT AS id, (i %% 1000)::INTEGER AS kind, "
    "'customer ' || (i * 7919 %% 1000003) AS name, (i %% 100000 / 100)::DECIMAL(12,2) AS amount, "
    "TIMESTAMP '2020-01-01' + INTERVAL (i) SECOND AS at, i * 0.5::DOUBLE AS score FROM range(%lld) "
    "r(i)";
static const char make_table[] =
    "DROP TABLE IF EXISTS %s; CREATE UNLOGGED TABLE %s (id bigint, kind integer, name text, "
    "amount numeric(12,2), at timestamp, score double precision)";

typedef struct side {
    lt_target target;
    lt_engine *engine;
    lt_session *session;
} side;

static int complain(const lt_err *err)
{
    (void)fprintf(stderr, "copy-bench: %s\n", err->message);
    return 1;
}

static lt_status open_side(side *self, lt_err *err)
{
    LT_TRY(lt_engine_open(&self->target, &self->engine, err));
    return lt_session_open(self->engine, &self->session, err);
}

/* Of this process, all threads: what does not change when others use the machine too. */
static double cpu_seconds(void)
{
    struct timespec used = {0};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/* Into a table that `empty` makes. */
static lt_status copy_once(side *from, side *to, const char *empty, const char *table, lt_err *err)
{
    lt_relation relation = {.name = lt_text_of(table)};
    int64_t rows = 0;
    LT_TRY(lt_exec(to->session, lt_text_of(empty), NULL, err));
    double cpu = cpu_seconds();
    int64_t start_us = lt_mono_us();
    LT_TRY(
        lt_copy(from->session, T("SELECT * FROM bench_rows"), to->session, &relation, &rows, err));
    (void)printf("{\"rows\": %lld, \"seconds\": %.4f, \"cpu_seconds\": %.4f, "
                 "\"peak_bytes\": %zu}\n",
                 (long long)rows, (double)(lt_mono_us() - start_us) / 1e6, cpu_seconds() - cpu,
                 lt_proc_peak_bytes());
    return LT_OK;
}

static lt_status obey(const char *line, side *duck, side *pg, lt_err *err)
{
    static const char to_duckdb[] = "CREATE OR REPLACE TABLE bench_copy AS FROM bench_rows LIMIT 0";
    LT_AUTO(lt_chars) to_postgres = lt_format(make_table, "bench_copy", "bench_copy");
    if (strcmp(line, "to-postgres\n") == 0)
        return copy_once(duck, pg, to_postgres, "bench_copy", err);
    if (strcmp(line, "to-duckdb\n") == 0)
        return copy_once(pg, duck, to_duckdb, "bench_copy", err);
    return lt_fail(err, LT_INVALID, "no such measurement: %s", line);
}

static lt_status prepare(side *duck, side *pg, int64_t rows, lt_err *err)
{
    LT_AUTO(lt_chars) make = lt_format(make_rows, (long long)rows);
    LT_AUTO(lt_chars) source = lt_format(make_table, "bench_rows", "bench_rows");
    lt_relation relation = {.name = T("bench_rows")};
    LT_TRY(open_side(duck, err));
    LT_TRY(open_side(pg, err));
    LT_TRY(lt_exec(duck->session, lt_text_of(make), NULL, err));
    LT_TRY(lt_exec(pg->session, lt_text_of(source), NULL, err));
    LT_TRY(lt_copy(duck->session, T("FROM bench_rows"), pg->session, &relation, NULL, err));
    return lt_exec(pg->session, T("VACUUM ANALYZE bench_rows"), NULL,
                   err); /* not while we measure */
}

static lt_status bench(side *duck, side *pg, int64_t rows, lt_err *err)
{
    char line[64];
    LT_TRY(prepare(duck, pg, rows, err));
    (void)puts("{\"ready\": true}");
    (void)fflush(stdout);
    while (fgets(line, sizeof(line), stdin)) {
        LT_TRY(obey(line, duck, pg, err));
        (void)fflush(stdout);
    }
    return LT_OK;
}

int main(int argc, char **argv)
{
    lt_err err = {0};
    int64_t rows = 0;
    if (argc != 3 || !lt_text_to_i64(lt_text_of(argv[2]), &rows) || rows < 1) {
        (void)fprintf(stderr, "usage: copy-bench URL ROWS\n");
        return 2;
    }
    LT_AUTO(lt_chars) path = lt_format("/tmp/leat-copy-bench-%08x.duckdb", arc4random());
    side duck = {
        .target = {.name = "duckdb", .kind = "duckdb", .path = path, .memory_bytes = 256 * LT_MIB}};
    side pg = {.target = {.name = "postgres", .kind = "postgres", .url = argv[1]}};
    lt_status status = bench(&duck, &pg, rows, &err);
    lt_session_close(duck.session);
    lt_session_close(pg.session);
    lt_engine_close(duck.engine);
    lt_engine_close(pg.engine);
    (void)remove(path);
    return status == LT_OK ? 0 : complain(&err);
}
