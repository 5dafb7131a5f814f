/* fingerprint.h - what a table holds, in a few numbers, so that a later run can be compared with it.
 *
 * The order of rows does not count. `whole` is the sum of a hash of each row; `exact` the same without the floating point
 * columns, for which count, sum, sum of absolute values, least and largest are kept instead: two tables are close when `exact`
 * is equal and those sums differ by at most 1e-12 of the sum of absolute values (adding in another order moves the last bits). */
#pragma once
#include "base/arena.h"
#include "engine/engine.h"

typedef struct lt_fingerprint_column {
    lt_text name;
    int64_t count;
    double sum, sum_abs, least, most;
} lt_fingerprint_column;

typedef struct lt_fingerprint {
    int64_t rows;
    lt_text whole, exact; /* decimal numbers */
    LT_VEC(lt_fingerprint_column) floats;
} lt_fingerprint;

LT_MUST_CHECK lt_status lt_fingerprint_take(lt_session *session, const lt_relation *table,
                                            lt_arena *arena, lt_fingerprint *out, lt_err *err);
/* As one JSON object, appended; and back. */
void lt_fingerprint_write(const lt_fingerprint *fingerprint, lt_buf *out);
LT_MUST_CHECK lt_status lt_fingerprint_read(lt_text json, lt_arena *arena, lt_fingerprint *out,
                                            lt_err *err);

typedef enum lt_sameness { LT_SAME, LT_CLOSE, LT_DIFFERENT } lt_sameness;
/* `why` (at least 160 bytes) says what differs. */
lt_sameness lt_fingerprint_compare(const lt_fingerprint *then, const lt_fingerprint *now,
                                   char why[160]);
