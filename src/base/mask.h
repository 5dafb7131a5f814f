/* mask.h - secrets that must never be shown.
 *
 * One process-wide list, grow-only: a secret is registered once where it is first read, and everything that leaves the
 * process as text for people (log lines, errors, records of runs) goes through lt_mask(). It is global on purpose: a place
 * that could print must not need to be told what not to print. Any thread may call. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"

/* From now on `secret` is shown as "***". Values shorter than 4 bytes are not masked (they would eat common text). Its
 * percent-encoded, JSON-escaped and one-line forms are masked too, and base64 of it or of a text that holds it ("user:secret"),
 * in both alphabets: all digits that only the secret decides. */
void lt_mask_register(lt_text secret);

/* Append `text` to `out` with every registered secret replaced. Secrets that overlap are replaced together. */
void lt_mask(lt_text text, lt_buf *out);
void lt_mask_in_place(char *line, size_t size); /* a C string in a buffer of `size` bytes */

/* For output that comes in pieces: how much of `text` can be masked and written now; the rest may be the beginning of a
 * secret and waits for the next piece (or the end). */
size_t lt_mask_safe_len(lt_text text);

/* For another process of ours that shows texts: all forms that are masked here, in `arena`; there each is added as it is. */
void lt_mask_list(lt_arena *arena, lt_texts *out);
void lt_mask_add_form(lt_text form);

void lt_mask_forget_all(void); /* for tests */
