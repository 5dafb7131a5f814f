/* out.h - what a command gives to people or to programs: text, tables, JSON, CSV.
 *
 * Output is gathered and written in pieces of 64 KiB; the first failed write is kept and told once, by lt_out_flush(). */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

typedef enum lt_style {
    LT_PLAIN,
    LT_BOLD,
    LT_DIM,
    LT_RED,
    LT_GREEN,
    LT_YELLOW,
    LT_CYAN,
} lt_style;

typedef struct lt_out {
    int fd;     /* borrowed; -1: everything stays in buf (tests, pages) */
    lt_buf buf; /* not yet written */
    bool is_terminal, has_color;
    size_t width; /* columns of the terminal; 0: lines are not cut */
    int error;    /* errno of the first write that failed; what comes later is dropped */
} lt_out;

/* Over a descriptor: finds out whether it is a terminal, how wide, and whether colour is wanted (NO_COLOR, TERM=dumb). */
void lt_out_open(lt_out *out, int fd, bool may_color);
void lt_out_cleanup(lt_out *out); /* what was not flushed is lost */

void lt_out_text(lt_out *out, lt_text text);
void lt_out_str(lt_out *out, const char *string);
void lt_out_printf(lt_out *out, const char *format, ...) LT_PRINTF(2, 3);
/* With colour, or plain where there is none. */
void lt_out_styled(lt_out *out, lt_style style, lt_text text);
const char *lt_style_on(const lt_out *out, lt_style style); /* "" without colour */
const char *lt_style_off(const lt_out *out);

/* Write everything. LT_IO: it could not be written; a reader that has gone (EPIPE) is LT_CANCELLED. */
LT_MUST_CHECK lt_status lt_out_flush(lt_out *out, lt_err *err);

/* How many columns a text takes on a terminal: 2 for wide East Asian characters and emoji, 0 for combining marks. */
size_t lt_text_columns(lt_text text);
/* The longest prefix that takes at most `columns`. */
lt_text lt_text_cut_columns(lt_text text, size_t columns);
/* Append with control characters and wrong bytes made visible ("\n", "\x1b"): what came from outside cannot move the cursor. */
void lt_buf_add_visible(lt_buf *out, lt_text text);

/* "2026-11-22T01:02:03Z"; empty for 0, which stands for never. */
lt_text lt_moment_cell(lt_arena *arena, int64_t at_us);

enum { LT_COUNT_CHARS = 32 };
const char *lt_count_write(int64_t count, char out[LT_COUNT_CHARS]); /* "1,234,567" */
const char *lt_count_short(double count,
                           char out[LT_COUNT_CHARS]); /* "999", "1.2k", "310k", "4.5M" */
