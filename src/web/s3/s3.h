/* s3.h - the S3 face of a store: buckets and objects over HTTP, as S3's clients expect them.
 *
 * A request is read once into {bucket, key, operation}; it is authorised and carried out on that same struct, and a key never becomes a
 * path. What is not in the table of operations (ops.c) is answered with NotImplemented. */
#pragma once
#include "store/store.h"

typedef struct lt_s3 lt_s3;

typedef struct lt_s3_options {
    lt_store *store;  /* borrowed: stays open until the face has stopped */
    const char *host; /* an address; NULL: 127.0.0.1 */
    unsigned port;    /* 0: a free one */
    const char *
        domain; /* "s3.example.org": then "bucket.s3.example.org" names a bucket; NULL: paths only */
    const char *region;  /* NULL: us-east-1 */
    lt_text root_key_id; /* who may do everything */
    lt_text root_secret;
    const char *tls_cert, *tls_key; /* PEM texts; both or none */
    bool own_buckets;               /* every access key may make buckets, which it then owns */
    lt_texts versioned_prefixes; /* buckets whose names begin so are made with versioning enabled */
    unsigned connections;        /* [1000] at a time */
    unsigned idle_s;             /* [60] */
    int64_t
        day_us; /* the length of a day for lifecycle rules: 0 is a day; tests want shorter ones */
    bool log_requests; /* one line each through lt_log() */
} lt_s3_options;

/* Serve in threads of its own until lt_s3_stop(). Texts of `options` are copied. LT_CONFLICT: the port is in use. */
LT_MUST_CHECK lt_status lt_s3_start(const lt_s3_options *options, lt_s3 **out, lt_err *err);
/* Let requests that run finish (at most ten seconds), then close everything. NULL is fine. */
void lt_s3_stop(lt_s3 *s3);
LT_OWNED(lt_s3_ref, lt_s3 *, lt_s3_stop)
const char *lt_s3_url(const lt_s3 *s3); /* "http://127.0.0.1:9000", borrowed */
