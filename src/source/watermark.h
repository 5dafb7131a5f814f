/* watermark.h - the greatest value of a cursor field, and how it is asked for again.
 *
 * Values are kept as the records write them. Numbers are compared as numbers, moments and dates as moments, other strings by
 * bytes; the first value decides, and a later one of another kind is an error. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "conf/conf.h"

typedef enum lt_mark_kind { LT_MARK_NONE, LT_MARK_NUMBER, LT_MARK_TIME, LT_MARK_TEXT } lt_mark_kind;

typedef struct lt_mark {
    lt_mark_kind kind;
    lt_buf raw; /* the JSON token, or a text for LT_MARK_TEXT and LT_MARK_TIME with its quotes */
    double number;
    int64_t moment_us;
} lt_mark;

void lt_mark_cleanup(lt_mark *mark);
/* Look at one value (a raw JSON token; null is stepped over). LT_FAILED: it cannot be compared with those before. */
LT_MUST_CHECK lt_status lt_mark_feed(lt_mark *mark, lt_text raw, lt_err *err);
LT_MUST_CHECK lt_status lt_mark_merge(lt_mark *into, const lt_mark *from, lt_err *err);

/* The text to ask from, for a stored raw value: `overlap_us` earlier, in the wanted format. */
LT_MUST_CHECK lt_status lt_mark_ask(lt_text raw, const lt_conf_cursor *cursor, lt_arena *arena,
                                    lt_text *out, lt_err *err);
