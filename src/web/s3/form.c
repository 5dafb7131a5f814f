/* Reads multipart/form-data (RFC 7578) as it comes in: small fields first, then a file of any size. */
#include "web/s3/call.h"

enum { FORM_BYTES = 64 * 1024, FIELDS = 200, FIELDS_BYTES = 48 * 1024, BOUNDARY_BYTES = 200 };

struct lt_s3_form {
    lt_s3_call *call;
    const lt_server_request *http; /* the request itself, whatever stands in the call meanwhile */
    lt_params fields;
    lt_text filename;
    lt_text delimiter; /* CRLF "--" boundary */
    char *in;          /* FORM_BYTES; in the arena */
    size_t at, len;
    bool is_over;  /* the client has sent all */
    bool at_file;  /* the fields are read */
    bool file_end; /* the boundary behind the file was seen */
};

const lt_params *lt_s3_form_fields(const lt_s3_form *form)
{
    return &form->fields;
}

lt_text lt_s3_form_filename(const lt_s3_form *form)
{
    return form->filename;
}

lt_text lt_s3_form_field(const lt_s3_form *form, const char *name)
{
    for (size_t i = 0; i < form->fields.len; i++)
        if (lt_text_eq_nocase(form->fields.items[i].name, lt_text_of(name)))
            return form->fields.items[i].value;
    return (lt_text){0};
}

void lt_s3_form_set(lt_s3_form *form, const char *name, lt_text value)
{
    for (size_t i = 0; i < form->fields.len; i++)
        if (lt_text_eq_nocase(form->fields.items[i].name, lt_text_of(name)))
            form->fields.items[i].value = value;
}

static lt_status malformed(lt_s3_form *form, lt_err *err)
{
    return lt_s3_fail(form->call, err, LT_S3_MALFORMED_POST, NULL);
}

/* `name="value"` or `name=value` among the parameters of a header's value. */
static lt_text parameter(lt_text header, lt_text name)
{
    lt_text rest = header, part;
    (void)lt_text_cut(&rest, ';', &part);
    while (rest.len) {
        rest = lt_text_trim(rest);
        size_t equals = lt_text_find_byte(rest, '=', 0);
        if (equals == SIZE_MAX)
            break;
        lt_text key = lt_text_trim(lt_text_sub(rest, 0, equals));
        rest = lt_text_sub(rest, equals + 1, rest.len);
        bool quoted = lt_text_starts(rest, T("\""));
        size_t end = lt_text_find_byte(rest, quoted ? '"' : ';', quoted);
        lt_text value = lt_text_sub(rest, quoted, (end == SIZE_MAX ? rest.len : end) - quoted);
        if (lt_text_eq_nocase(key, name))
            return quoted ? value : lt_text_trim(value);
        rest = end == SIZE_MAX ? T("") : lt_text_sub(rest, end + 1, rest.len);
        if (quoted && lt_text_starts(lt_text_trim(rest), T(";")))
            rest = lt_text_sub(lt_text_trim(rest), 1, rest.len);
    }
    return (lt_text){0};
}

lt_text lt_s3_boundary(lt_text content_type)
{
    lt_text kind =
        lt_text_trim(lt_text_sub(content_type, 0, lt_text_find_byte(content_type, ';', 0)));
    lt_text boundary = parameter(content_type, T("boundary"));
    bool ok = lt_text_eq_nocase(kind, T("multipart/form-data")) && boundary.len > 0 &&
              boundary.len <= BOUNDARY_BYTES;
    return ok ? boundary : (lt_text){0};
}

/* ---- bytes ---- */

static lt_text window(const lt_s3_form *form)
{
    return lt_text_at(form->in + form->at, form->len - form->at);
}

/* More bytes behind those that are here. At the end of the body `is_over` is set. */
static lt_status fill(lt_s3_form *form, lt_err *err)
{
    size_t got = 0;
    memmove(form->in, form->in + form->at, form->len - form->at);
    form->len -= form->at;
    form->at = 0;
    if (form->len == FORM_BYTES)
        return malformed(form, err); /* a field or head that does not end */
    LT_TRY(lt_server_read(form->http, form->in + form->len, FORM_BYTES - form->len, &got, err));
    form->len += got;
    form->is_over = got == 0;
    return LT_OK;
}

/* Where `part` begins in the bytes to come, which are read as far as needed. */
static lt_status wait_for(lt_s3_form *form, lt_text part, size_t *at, lt_err *err)
{
    while ((*at = lt_text_find(window(form), part, 0)) == SIZE_MAX) {
        if (form->is_over)
            return malformed(form, err);
        LT_TRY(fill(form, err));
    }
    return LT_OK;
}

/* ---- fields ---- */

static lt_text header_of(lt_text head, lt_text name)
{
    for (lt_text rest = head, line, key; lt_text_cut(&rest, '\n', &line);)
        if (lt_text_cut(&line, ':', &key) && lt_text_eq_nocase(lt_text_trim(key), name))
            return lt_text_trim(line);
    return (lt_text){0};
}

/* One field, or the head of the file. Stands behind a delimiter. */
static lt_status read_field(lt_s3_form *form, size_t *bytes, lt_err *err)
{
    size_t end;
    lt_arena *arena = form->call->arena;
    LT_TRY(wait_for(form, T("\r\n\r\n"), &end, err));
    lt_text head = lt_arena_text(arena, lt_text_sub(window(form), 0, end));
    form->at += end + 2; /* the second line break may begin the delimiter of an empty value */
    lt_text disposition = header_of(head, T("Content-Disposition"));
    lt_text name = parameter(disposition, T("name"));
    if (!lt_text_starts(disposition, T("form-data")) || !name.ptr)
        return malformed(form, err);
    if (lt_text_eq_nocase(name, T("file"))) {
        form->at += 2;
        form->at_file = true;
        form->filename = parameter(disposition, T("filename"));
        return LT_OK;
    }
    LT_TRY(wait_for(form, form->delimiter, &end, err));
    lt_text value = lt_text_sub(window(form), 2, end < 2 ? 0 : end - 2);
    *bytes += name.len + value.len;
    if (*bytes > FIELDS_BYTES || form->fields.len >= FIELDS)
        return lt_s3_fail(form->call, err, LT_S3_MAX_MESSAGE,
                          "The fields of the form are too large");
    lt_param field = {name, lt_arena_text(arena, value)};
    lt_push_in(arena, &form->fields, field);
    form->at += end + form->delimiter.len;
    return LT_OK;
}

lt_status lt_s3_form_open(lt_s3_call *call, lt_s3_form **out, lt_err *err)
{
    lt_s3_form *form = LT_NEW(call->arena, lt_s3_form);
    lt_text boundary = lt_s3_boundary(lt_s3_header(call, "Content-Type"));
    size_t end, bytes = 0;
    form->call = call;
    form->http = call->http;
    if (!boundary.ptr)
        return lt_s3_fail(call, err, LT_S3_MALFORMED_POST,
                          "The body of a POST to a bucket is multipart/form-data");
    form->delimiter = lt_text_of(lt_arena_format(call->arena, "\r\n--%.*s", LT_ARG(boundary)));
    form->in = lt_alloc(call->arena, FORM_BYTES);
    memcpy(form->in, "\r\n", 2); /* so that the first delimiter is like the others */
    form->len = 2;
    LT_TRY(wait_for(form, form->delimiter, &end, err));
    form->at += end + form->delimiter.len;
    while (!form->at_file) {
        while (window(form).len < 2 && !form->is_over)
            LT_TRY(fill(form, err));
        if (lt_text_starts(window(form), T("--")))
            return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT,
                              "POST requires exactly one file upload per request.");
        LT_TRY(read_field(form, &bytes, err));
    }
    *out = form;
    return LT_OK;
}

lt_status lt_s3_form_read(void *context, char *out, size_t size, size_t *got, lt_err *err)
{
    lt_s3_form *form = context;
    *got = 0;
    while (!form->file_end && size > 0) {
        lt_text here = window(form);
        size_t at = lt_text_find(here, form->delimiter, 0);
        size_t safe = at != SIZE_MAX ? at : here.len - LT_MIN(here.len, form->delimiter.len - 1);
        if (at == 0) {
            form->file_end = true;
            break;
        }
        if (safe > 0) {
            *got = LT_MIN(safe, size);
            memcpy(out, here.ptr, *got);
            form->at += *got;
            return LT_OK;
        }
        if (form->is_over)
            return malformed(form, err);
        LT_TRY(fill(form, err));
    }
    return LT_OK;
}
