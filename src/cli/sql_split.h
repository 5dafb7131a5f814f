/* sql_split.h - where one SQL statement ends and the next begins. */
#pragma once
#include "base/text.h"

/* Take the first statement of *rest, without its ';' and without blanks and comments around it, and step over it. False when
 * nothing but blanks, comments and ';' is left. Knows '...' (and E'...' with \), "...", $tag$...$tag$, comments (nested too).
 * *ended says that a ';' was there; without one the statement may go on with more text (open quotes included). */
bool lt_sql_next(lt_text *rest, lt_text *statement, bool *ended);

typedef enum lt_sql_kind {
    LT_SQL_SELECT, /* SELECT, WITH, FROM, VALUES, TABLE, (: may stand in a FROM clause */
    LT_SQL_SHOWS, /* gives rows, but stands alone: SHOW, DESCRIBE, EXPLAIN, PRAGMA, ... or has RETURNING */
    LT_SQL_DOES, /* everything else */
} lt_sql_kind;
/* By its first word, and RETURNING. */
lt_sql_kind lt_sql_kind_of(lt_text statement);
