/* pg_types.h - names of PostgreSQL's types. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "engine/pg_wire.h"

/* Append the name as format_type(oid, modifier) gives it. False when only the server knows it. */
bool lt_pg_type_name(uint32_t oid, int modifier, lt_buf *out);
/* The numbers of numeric(p,s); false when it has none. */
bool lt_pg_numeric_modifier(int modifier, int *precision, int *scale);
/* The type of a column that shall hold what a DuckDB type holds. LT_INVALID. */
LT_MUST_CHECK lt_status lt_pg_type_from_duckdb(lt_text duckdb_type, lt_arena *arena, lt_text *out,
                                               lt_err *err);
