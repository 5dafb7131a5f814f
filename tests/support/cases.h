/* cases.h - tests that are text: a file of lines "input => expected", so that no C is needed to add one.
 *
 * Empty lines and lines that begin with '#' are not cases. "<hh>" (two hex digits) stands for that byte, "<nl>" for a line
 * break, in both halves. The last " => " parts them; both halves are trimmed of blanks at the outside only. */
#pragma once
#include "base/buf.h"

typedef struct lt_case {
    const char *file; /* under tests/cases */
    size_t line;
    lt_text input, expected; /* borrowed for the time of the call */
} lt_case;

/* Gives what came out, in `out`; the runner compares it with `expected`. */
typedef void lt_case_run(const lt_case *one, lt_buf *out);

/* Run each case of tests/cases/<file>; all are tried before the test fails. Fails if there is none. */
void lt_cases_run(const char *file, lt_case_run *run);

/* Append all of tests/cases/<file>. Fails the test if that does not work. */
void lt_cases_read(const char *file, lt_buf *out);
