/* What texts must look like: names of buckets, tables, headers, and the like. */
#include "conf/tables.h"

static bool all_in(lt_text text, const char *marks)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!lt_is_alpha(c) && !lt_is_digit(c) && !memchr(marks, c, strlen(marks)))
            return false;
    }
    return text.len > 0;
}

bool lt_fits_identifier(lt_text text)
{
    return all_in(text, "_") && !lt_is_digit(text.ptr[0]) && text.len <= 63;
}

bool lt_fits_table(lt_text text)
{
    size_t point = lt_text_find_byte(text, '.', 0);
    if (point == SIZE_MAX)
        return lt_fits_identifier(text);
    return lt_fits_identifier(lt_text_sub(text, 0, point)) &&
           lt_fits_identifier(lt_text_sub(text, point + 1, text.len));
}

bool lt_fits_bucket(lt_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] >= 'A' && text.ptr[i] <= 'Z')
            return false;
    return text.len >= 3 && text.len <= 63 && all_in(text, ".-") && text.ptr[0] != '.' &&
           text.ptr[0] != '-' && text.ptr[text.len - 1] != '.' && text.ptr[text.len - 1] != '-' &&
           !lt_text_has(text, T(".."));
}

bool lt_fits_header_name(lt_text text)
{
    return all_in(text, "!#$%&'*+-.^_`|~");
}

bool lt_fits_param_name(lt_text text)
{
    return text.len > 0 && text.len <= 255;
}

bool lt_fits_http_url(lt_text text)
{
    return (lt_text_starts(text, T("http://")) && text.len > 7) ||
           (lt_text_starts(text, T("https://")) && text.len > 8);
}

bool lt_fits_sns_topic(lt_text text)
{
    size_t colons = 0;
    for (size_t i = 0; i < text.len; i++)
        colons += text.ptr[i] == ':';
    return colons == 5 && lt_text_starts(text, T("arn:")) && lt_text_has(text, T(":sns:"));
}

bool lt_fits_prefix(lt_text text)
{
    lt_text part;
    if (text.len == 0 || text.len > 900 || text.ptr[text.len - 1] != '/')
        return false;
    lt_text rest = lt_text_sub(text, 0, text.len - 1);
    while (lt_text_cut(&rest, '/', &part))
        if (part.len == 0 || lt_text_eq(part, T(".")) || lt_text_eq(part, T("..")))
            return false;
    return true;
}

bool lt_fits_one_byte(lt_text text)
{
    return text.len == 1;
}

bool lt_fits_at_most_one_byte(lt_text text)
{
    return text.len <= 1;
}

bool lt_fits_set(lt_text text)
{
    return text.len > 0;
}

bool lt_fits_any(lt_text text)
{
    (void)text;
    return true;
}

bool lt_fits_store_url(lt_text text)
{
    return lt_text_eq(text, T("local")) || lt_text_starts(text, T("local:/")) ||
           lt_text_starts(text, T("s3://"));
}
