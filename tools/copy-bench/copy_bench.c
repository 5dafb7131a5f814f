/* Measures lt_copy() between DuckDB and PostgreSQL: usage: copy-bench URL ROWS [RUNS]
 *
 * Makes a table of ROWS x 6 columns in a DuckDB file and as bench_rows in the server, and prints one JSON line for each
 * measurement: {"name", "rows", "seconds" (median), "cpu_seconds" (mean), "peak_bytes"}. */
#include "base/proc.h"
#include "base/time.h"
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { RUNS_LIMIT = 15 };

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

static int by_size(const void *a, const void *b)
{
    const double *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

/* Of this process, all threads: what does not change when others use the machine too. */
static double cpu_seconds(void)
{
    struct timespec used = {0};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static lt_status copy_once(side *from, side *to, const char *empty, const char *table,
                           double *seconds, int64_t *rows, lt_err *err)
{
    lt_relation relation = {.name = lt_text_of(table)};
    LT_TRY(lt_exec(to->session, lt_text_of(empty), NULL, err));
    int64_t start_us = lt_mono_us();
    LT_TRY(
        lt_copy(from->session, T("SELECT * FROM bench_rows"), to->session, &relation, rows, err));
    *seconds = (double)(lt_mono_us() - start_us) / 1e6;
    return LT_OK;
}

static lt_status measure(const char *name, side *from, side *to, const char *empty,
                         const char *table, int runs, lt_err *err)
{
    double seconds[RUNS_LIMIT];
    int64_t rows = 0;
    double cpu = cpu_seconds();
    for (int i = 0; i < runs; i++)
        LT_TRY(copy_once(from, to, empty, table, &seconds[i], &rows, err));
    qsort(seconds, (size_t)runs, sizeof(*seconds), by_size);
    (void)printf("{\"name\": \"%s\", \"rows\": %lld, \"seconds\": %.3f, "
                 "\"cpu_seconds\": %.3f, \"peak_bytes\": %zu}\n",
                 name, (long long)rows, seconds[runs / 2], (cpu_seconds() - cpu) / runs,
                 lt_proc_peak_bytes());
    (void)fflush(stdout);
    return LT_OK;
}

static lt_status bench(side *duck, side *pg, int64_t rows, int runs, lt_err *err)
{
    LT_AUTO(lt_chars) make = lt_format(make_rows, (long long)rows);
    LT_AUTO(lt_chars) source = lt_format(make_table, "bench_rows", "bench_rows");
    LT_AUTO(lt_chars) sink = lt_format(make_table, "bench_copy", "bench_copy");
    double seconds;
    int64_t count;
    LT_TRY(open_side(duck, err));
    LT_TRY(open_side(pg, err));
    LT_TRY(lt_exec(duck->session, lt_text_of(make), NULL, err));
    LT_TRY(copy_once(duck, pg, source, "bench_rows", &seconds, &count, err));
    LT_TRY(measure("copy duckdb to postgres", duck, pg, sink, "bench_copy", runs, err));
    return measure("copy postgres to duckdb", pg, duck,
                   "CREATE OR REPLACE TABLE bench_copy AS FROM bench_rows LIMIT 0", "bench_copy",
                   runs, err);
}

int main(int argc, char **argv)
{
    lt_err err = {0};
    int64_t rows = 0, runs = 3;
    if (argc < 3 || !lt_text_to_i64(lt_text_of(argv[2]), &rows) || rows < 1 ||
        (argc > 3 && !lt_text_to_i64(lt_text_of(argv[3]), &runs)) || runs < 1 ||
        runs > RUNS_LIMIT) {
        (void)fprintf(stderr, "usage: copy-bench URL ROWS [RUNS, up to %d]\n", RUNS_LIMIT);
        return 2;
    }
    LT_AUTO(lt_chars) path = lt_format("/tmp/leat-copy-bench-%08x.duckdb", arc4random());
    side duck = {
        .target = {.name = "duckdb", .kind = "duckdb", .path = path, .memory_bytes = 256 * LT_MIB}};
    side pg = {.target = {.name = "postgres", .kind = "postgres", .url = argv[1]}};
    lt_status status = bench(&duck, &pg, rows, (int)runs, &err);
    lt_session_close(duck.session);
    lt_session_close(pg.session);
    lt_engine_close(duck.engine);
    lt_engine_close(pg.engine);
    (void)remove(path);
    return status == LT_OK ? 0 : complain(&err);
}
