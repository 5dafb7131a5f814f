/* dataset.h - a pinned dataset as a SELECT for DuckDB, with exactly the columns of its schema. */
#pragma once
#include "engine/engine.h"
#include "source/schema.h"

/* Append a SELECT over the Parquet files that gives every column of `schema` in its type and order, whatever the single files
 * hold: columns that came later are NULL in older files, types that were widened are cast. `session` is a DuckDB session, only
 * asked for the columns of the files. No files: a SELECT without rows. */
LT_MUST_CHECK lt_status lt_dataset_select(lt_session *session, const lt_texts *paths,
                                          const lt_schema *schema, lt_buf *sql, lt_err *err);
