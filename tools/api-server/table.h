/* table.h - a file as records of JSON text, rendered once and kept in a mapped spool: a page is a slice of it.
 *
 * Every record has `id` (its row number from 1) and `updated_at` (a moment that grows with the id, spread over a period),
 * so that files without a key have one and a changes feed means something. A file's own `id` column is kept as it is.
 * Threads: after lt_api_table_open() any number may read. */
#pragma once
#include "engine/engine.h"

#include <stdatomic.h>

typedef struct lt_api_table {
    lt_text name;      /* borrowed */
    const char *spool; /* mapped: record,record,...,record, */
    size_t spool_size;
    const uint64_t *starts; /* mapped: total + 1 offsets into the spool */
    int64_t total;
    _Atomic int64_t visible; /* the first so many records are shown */
    int64_t start_us, period_us;
} lt_api_table;

typedef struct lt_api_render {
    const char *file;
    const char *folder; /* for the spool files, which are unlinked at once */
    int64_t row_limit;  /* 0: all */
    int64_t start_us, period_us;
} lt_api_render;

/* Render `file` (.parquet, .csv, .json, .ndjson; also .gz, .zst) into a spool. */
LT_MUST_CHECK lt_status lt_api_table_open(lt_session *session, lt_text name,
                                          const lt_api_render *how, lt_api_table *out, lt_err *err);
void lt_api_table_close(lt_api_table *table);

/* The records from index `first` (0-based), `count` of them, with commas between; borrowed. */
lt_text lt_api_table_slice(const lt_api_table *table, int64_t first, int64_t count);
/* The updated_at of the record with that index, and the first index whose updated_at is greater than `since_us`. */
int64_t lt_api_updated_us(const lt_api_table *table, int64_t index);
int64_t lt_api_first_after(const lt_api_table *table, int64_t since_us);
