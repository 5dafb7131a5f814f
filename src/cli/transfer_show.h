/* transfer_show.h - one live line of a transfer on a terminal: objects, bytes, rate, time left. */
#pragma once
#include "cli/out.h"
#include "store/transfer.h"

typedef struct lt_transfer_show lt_transfer_show;

/* Begin to show on standard error, if that is a terminal. The counts must stay until lt_transfer_show_stop(). */
lt_transfer_show *lt_transfer_show_start(const lt_transfer_counts *counts);
void lt_transfer_show_stop(lt_transfer_show *show); /* takes the line away; NULL is fine */
LT_OWNED(lt_transfer_show_ref, lt_transfer_show *, lt_transfer_show_stop)

/* The line, without its end: "3 of 12 objects, 10.0 MiB of 64.0 MiB, 31 MiB/s, 2 s left". */
void lt_transfer_line(const lt_transfer_counts *counts, int64_t elapsed_us, lt_buf *out);
