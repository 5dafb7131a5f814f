/* csv.h - rows as comma-separated text, RFC 4180: what `leat sql --csv` prints.
 *
 *     lt_csv csv = {.out = &buf};
 *     lt_csv_field(&csv, T("a")); lt_csv_null(&csv); lt_csv_end_row(&csv);
 * Only what must be quoted is: a separator, a quote, a line break, blanks at an end; and an empty text, to be told from NULL,
 * which is nothing at all. Rows end with "\n" (most tools want it; RFC 4180 says CRLF: set .crlf). */
#pragma once
#include "base/buf.h"

typedef struct lt_csv {
    lt_buf *out;    /* borrowed */
    char separator; /* 0: a comma */
    bool crlf;
    bool in_row;
} lt_csv;

void lt_csv_field(lt_csv *csv, lt_text value);
void lt_csv_null(lt_csv *csv);
void lt_csv_end_row(lt_csv *csv);
