/* The CSV writer. */
#include "fmt/csv.h"

static char separator_of(const lt_csv *csv)
{
    return csv->separator ? csv->separator : ',';
}

static bool needs_quotes(lt_text value, char separator)
{
    if (value.len == 0 || lt_is_space(value.ptr[0]) || lt_is_space(value.ptr[value.len - 1]))
        return true;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == separator || c == '"' || c == '\n' || c == '\r')
            return true;
    }
    return false;
}

static void begin_field(lt_csv *csv)
{
    if (csv->in_row)
        lt_buf_add_byte(csv->out, separator_of(csv));
    csv->in_row = true;
}

void lt_csv_field(lt_csv *csv, lt_text value)
{
    begin_field(csv);
    if (!needs_quotes(value, separator_of(csv))) {
        lt_buf_add(csv->out, value);
        return;
    }
    lt_buf_add_byte(csv->out, '"');
    for (size_t at = 0; at < value.len;) {
        size_t quote = LT_MIN(lt_text_find_byte(value, '"', at), value.len);
        lt_buf_add(csv->out, lt_text_sub(value, at, quote - at));
        if (quote < value.len)
            lt_buf_add_str(csv->out, "\"\"");
        at = quote + 1;
    }
    lt_buf_add_byte(csv->out, '"');
}

void lt_csv_null(lt_csv *csv)
{
    begin_field(csv);
}

void lt_csv_end_row(lt_csv *csv)
{
    lt_buf_add_str(csv->out, csv->crlf ? "\r\n" : "\n");
    csv->in_row = false;
}
