/* trace.h - what took how long, as OpenTelemetry spans in OTLP/JSON (opentelemetry-proto 1.x, "JSON Protobuf Encoding").
 *
 * Pure: structs in, the body of a POST to /v1/traces out. */
#pragma once
#include "base/buf.h"
#include "base/vec.h"

enum { LT_TRACE_ID_CHARS = 33, LT_SPAN_ID_CHARS = 17, LT_SPAN_ATTRIBUTES = 10 };

/* Ids in hex that always come from the same words; never all zeros. */
const char *lt_trace_id_from(lt_text words, char out[LT_TRACE_ID_CHARS]);
const char *lt_span_id_from(lt_text words, char out[LT_SPAN_ID_CHARS]);

typedef struct lt_span_attribute {
    const char *key;
    lt_text text; /* used when its ptr is not NULL */
    int64_t number;
} lt_span_attribute;

typedef struct lt_span {
    char trace_id[LT_TRACE_ID_CHARS];
    char span_id[LT_SPAN_ID_CHARS], parent_id[LT_SPAN_ID_CHARS]; /* empty parent: a root */
    lt_text name;
    int64_t start_us, end_us;
    bool failed, is_unset; /* is_unset: neither well nor badly, as a task that was skipped */
    lt_text message;       /* of a failure */
    lt_span_attribute attributes[LT_SPAN_ATTRIBUTES];
    size_t attribute_count;
} lt_span;
/* One more attribute: a text, or a number. Beyond LT_SPAN_ATTRIBUTES they are left out. */
void lt_span_set_text(lt_span *span, const char *key, lt_text value);
void lt_span_set_number(lt_span *span, const char *key, int64_t value);

/* Append one span as JSON, without a comma. */
void lt_span_write(const lt_span *span, lt_buf *out);
/* Append the request that carries them: `spans` are lt_span_write()s with commas between. `resource`: "a=b,c=d" as
 * OTEL_RESOURCE_ATTRIBUTES has it; may be empty. */
void lt_trace_write(lt_text service, lt_text resource, lt_text spans, lt_buf *out);
