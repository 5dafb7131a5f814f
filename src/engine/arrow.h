/* arrow.h - the Arrow C data and stream interfaces, and our own stream over them.
 *
 * Source of the two structs: https://arrow.apache.org/docs/format/CDataInterface.html (ABI-stable; names as there). */
#pragma once
#include "base/err.h"

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

#endif

/* A stream of record batches. `schema` is a struct ("+s") whose children are the columns. One thread at a time. */
typedef struct lt_stream {
    struct ArrowSchema schema; /* owned */
    /* The next batch into *out (the caller releases it); out->release is NULL at the end. */
    lt_status (*next)(struct lt_stream *stream, struct ArrowArray *out, lt_err *err);
    void (*release)(struct lt_stream *stream); /* frees `state`; NULL once released */
    void *state;                               /* owned by the producer */
    size_t batch_bytes; /* about the size of its largest batches; 0: small, some thousand rows */
} lt_stream;

void lt_stream_release(lt_stream *stream); /* schema and state; twice is fine */
static inline void lt_stream_cleanup(lt_stream *stream)
{
    lt_stream_release(stream);
}
