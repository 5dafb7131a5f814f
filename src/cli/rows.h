/* rows.h - what a SQL statement gives, as text, into a grid: in bounded memory. */
#pragma once
#include "cli/grid.h"
#include "engine/engine.h"

/* Run one statement and show what it gives: rows streamed for what can stand in a FROM clause (sql_split.h), at most
 * LT_ROWS_HELD rows for SHOW, EXPLAIN and the like, else nothing but *changed (-1 when it gave rows). Place and statement
 * are in the error. LT_CANCELLED after lt_session_cancel(). */
enum { LT_ROWS_HELD = 100000 };
LT_MUST_CHECK lt_status lt_rows_show(lt_session *session, lt_text statement, lt_out *out,
                                     lt_show show, int64_t *changed, lt_err *err);
