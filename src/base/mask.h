/* mask.h - secrets that must never be shown.
 *
 * One process-wide list, grow-only: a secret is registered once where it is first read, and everything that leaves the
 * process as text for people (log lines, errors, records of runs) goes through lt_mask(). It is global on purpose: a place
 * that could print must not need to be told what not to print. Any thread may call. */
#pragma once
#include "base/buf.h"

/* From now on `secret` is shown as "***". Values shorter than 4 bytes are not masked (they would eat common text). Its
 * percent-encoded and base64 forms, and JSON-escaped form, are masked too where they differ. */
void lt_mask_register(lt_text secret);

/* Append `text` to `out` with every registered secret replaced. The longest secret that starts at a place wins. */
void lt_mask(lt_text text, lt_buf *out);
void lt_mask_in_place(char *line, size_t size); /* a C string in a buffer of `size` bytes */

void lt_mask_forget_all(void); /* for tests */
