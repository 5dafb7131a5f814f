/* OTLP/JSON: ids are hex, moments are nanoseconds as texts, 64-bit numbers are texts. */
#include "notify/trace.h"

#include "base/version.h"
#include "fmt/json.h"
#include "net/url.h"

#include <openssl/sha.h>
#include <stdio.h>

enum { KIND_INTERNAL = 1, STATUS_OK = 1, STATUS_ERROR = 2 };

static const char *id_from(const char *what, lt_text words, size_t bytes, char *out)
{
    unsigned char sum[SHA256_DIGEST_LENGTH];
    LT_AUTO(lt_chars) text = lt_format("%s:%.*s", what, LT_ARG(words));
    (void)SHA256((const unsigned char *)text, strlen(text), sum);
    sum[0] |= 1; /* zeros are no id */
    for (size_t i = 0; i < bytes; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", sum[i]);
    return out;
}

const char *lt_trace_id_from(lt_text words, char out[LT_TRACE_ID_CHARS])
{
    return id_from("trace", words, (LT_TRACE_ID_CHARS - 1) / 2, out);
}

const char *lt_span_id_from(lt_text words, char out[LT_SPAN_ID_CHARS])
{
    return id_from("span", words, (LT_SPAN_ID_CHARS - 1) / 2, out);
}

void lt_span_set_text(lt_span *span, const char *key, lt_text value)
{
    if (span->attribute_count < LT_SPAN_ATTRIBUTES)
        span->attributes[span->attribute_count++] =
            (lt_span_attribute){.key = key, .text = value.ptr ? value : T("")};
}

void lt_span_set_number(lt_span *span, const char *key, int64_t value)
{
    if (span->attribute_count < LT_SPAN_ATTRIBUTES)
        span->attributes[span->attribute_count++] =
            (lt_span_attribute){.key = key, .number = value};
}

static void set_number_text(lt_json_writer *w, const char *key, int64_t value, const char *zeros)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%lld%s", (long long)value, zeros);
    lt_json_set(w, key, lt_text_of(text));
}

static void write_attribute(lt_json_writer *w, lt_text key, const lt_text *text, int64_t number)
{
    lt_json_begin(w, '{');
    lt_json_set(w, "key", key);
    lt_json_key(w, T("value"));
    lt_json_begin(w, '{');
    if (text)
        lt_json_set(w, "stringValue", *text);
    else
        set_number_text(w, "intValue", number, "");
    lt_json_end(w);
    lt_json_end(w);
}

static void write_status(lt_json_writer *w, const lt_span *span)
{
    lt_json_key(w, T("status"));
    lt_json_begin(w, '{');
    if (!span->is_unset)
        lt_json_set_int(w, "code", span->failed ? STATUS_ERROR : STATUS_OK);
    if (span->failed && span->message.len)
        lt_json_set(w, "message", span->message);
    lt_json_end(w);
}

void lt_span_write(const lt_span *span, lt_buf *out)
{
    lt_json_writer w = {.out = out};
    lt_json_begin(&w, '{');
    lt_json_set(&w, "traceId", lt_text_of(span->trace_id));
    lt_json_set(&w, "spanId", lt_text_of(span->span_id));
    if (span->parent_id[0])
        lt_json_set(&w, "parentSpanId", lt_text_of(span->parent_id));
    lt_json_set(&w, "name", span->name);
    lt_json_set_int(&w, "kind", KIND_INTERNAL);
    set_number_text(&w, "startTimeUnixNano", span->start_us, "000");
    set_number_text(&w, "endTimeUnixNano", span->end_us, "000");
    lt_json_key(&w, T("attributes"));
    lt_json_begin(&w, '[');
    for (size_t i = 0; i < span->attribute_count; i++) {
        const lt_span_attribute *one = &span->attributes[i];
        write_attribute(&w, lt_text_of(one->key), one->text.ptr ? &one->text : NULL, one->number);
    }
    lt_json_end(&w);
    write_status(&w, span);
    lt_json_end(&w);
}

/* Values are percent-encoded (W3C Baggage); a pair that is broken is left out. */
static void write_resource(lt_json_writer *w, lt_text resource)
{
    lt_text pair;
    while (lt_text_cut(&resource, ',', &pair)) {
        LT_AUTO(lt_buf) value = {0};
        size_t at = lt_text_find_byte(pair, '=', 0);
        if (at == SIZE_MAX || !at ||
            !lt_url_decode(lt_text_trim(lt_text_sub(pair, at + 1, SIZE_MAX)), false, &value))
            continue;
        lt_text text = lt_buf_text(&value);
        write_attribute(w, lt_text_trim(lt_text_sub(pair, 0, at)), &text, 0);
    }
}

void lt_trace_write(lt_text service, lt_text resource, lt_text spans, lt_buf *out)
{
    lt_text version = T(LT_VERSION);
    lt_json_writer w = {.out = out};
    lt_json_begin(&w, '{');
    lt_json_key(&w, T("resourceSpans"));
    lt_json_begin(&w, '[');
    lt_json_begin(&w, '{');
    lt_json_key(&w, T("resource"));
    lt_json_begin(&w, '{');
    lt_json_key(&w, T("attributes"));
    lt_json_begin(&w, '[');
    write_attribute(&w, T("service.name"), &service, 0);
    write_attribute(&w, T("service.version"), &version, 0);
    write_resource(&w, resource);
    lt_json_end(&w);
    lt_json_end(&w);
    lt_json_key(&w, T("scopeSpans"));
    lt_json_begin(&w, '[');
    lt_json_begin(&w, '{');
    lt_json_key(&w, T("scope"));
    lt_json_begin(&w, '{');
    lt_json_set(&w, "name", T("leat"));
    lt_json_set(&w, "version", version);
    lt_json_end(&w);
    lt_json_key(&w, T("spans"));
    lt_json_begin(&w, '[');
    if (spans.len)
        lt_json_raw(&w, spans);
    lt_json_end(&w);
    lt_json_end(&w);
    lt_json_end(&w);
    lt_json_end(&w);
    lt_json_end(&w);
    lt_json_end(&w);
}
