/* extract.h - extracts in tests: a source file as text, a store in memory, and SQL over what has landed. */
#pragma once
#include "source/source.h"
#include "support/test.h"

typedef struct lt_test_extract {
    lt_arena arena;
    lt_store *store;
    lt_conf_source source;
    const char *folder;
    lt_extract_result result;
    lt_err err;
    int64_t attempt;
    bool full_refresh;
    atomic_bool stop;
} lt_test_extract;

/* `yaml` is a whole source file; "{{ run_date }}" in it is 2026-11-22, "{{ secret }}" is "sesame". End with lt_test_extract_end(). */
lt_test_extract *lt_test_extract_begin(const char *yaml);
void lt_test_extract_conf(lt_test_extract *t,
                          const char *yaml); /* another source file, the same store */
lt_status lt_test_extract_run(lt_test_extract *t, const char *run_id);
void lt_test_extract_end(lt_test_extract *t);

/* One value of a SELECT in which {data} stands for the dataset's files, read by Parquet; "NULL" for null. */
const char *lt_test_extract_ask(lt_test_extract *t, const char *sql);
/* The types of the dataset's files, as DuckDB reads them: "id BIGINT, name VARCHAR". */
const char *lt_test_extract_types(lt_test_extract *t);
