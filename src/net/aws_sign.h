/* aws_sign.h - the signatures of AWS requests, for who asks and for who checks. No network, no clock.
 *
 * Signature version 4 as S3 wants it ("Authenticating Requests (AWS Signature Version 4)" in the S3 API reference): paths are
 * encoded once and no dots are resolved; and version 2 for presigned URLs ("Signing and Authenticating REST Requests").
 * What is canonical is made from the request as it is on the wire, so both sides get the same bytes: a path or query that
 * somebody has escaped in his own way means the same. Borrowed texts everywhere; any thread. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

#define LT_AWS_ALGORITHM "AWS4-HMAC-SHA256"
#define LT_AWS_UNSIGNED_PAYLOAD "UNSIGNED-PAYLOAD"
#define LT_AWS_EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

enum {
    LT_AWS_KEY_BYTES = 32,
    LT_AWS_HEX_CHARS = 2 * LT_AWS_KEY_BYTES + 1, /* a signature or SHA-256 in hex, and a NUL */
    LT_AWS_TIME_CHARS = 17,                      /* "20130524T000000Z" */
    LT_AWS_PARAMS = 1000,                        /* more parameters in a query are refused */
    LT_AWS_SIG2_CHARS = 29,                      /* base64 of an HMAC-SHA1 */
};

/* Where and when a signing key counts. */
typedef struct lt_aws_scope {
    lt_text date; /* "20130524" */
    lt_text region, service;
} lt_aws_scope;

typedef struct lt_aws_header {
    lt_text name, value;
} lt_aws_header;

/* A request to be signed or checked. */
typedef struct lt_aws_request {
    lt_text method;
    lt_text path;                 /* as on the wire: "/bucket/a%20b" */
    lt_text query;                /* as on the wire, without '?' */
    const lt_aws_header *headers; /* the signed ones, host among them, in any order */
    size_t header_count;
    lt_text
        payload; /* SHA-256 in hex, or UNSIGNED-PAYLOAD, STREAMING-...; as x-amz-content-sha256 has it */
} lt_aws_request;

/* ---- texts ---- */

/* "20130524T000000Z", and back (false for anything else). Its first 8 characters are the scope's date. */
const char *lt_aws_time_write(int64_t moment_us, char out[LT_AWS_TIME_CHARS]);
LT_MUST_CHECK bool lt_aws_time_read(lt_text text, int64_t *moment_us);
/* SHA-256 of a text in lower-case hex. */
const char *lt_aws_sha256(lt_text text, char out[LT_AWS_HEX_CHARS]);
/* Append `text` with every byte but A-Z a-z 0-9 - . _ ~ (and '/', if `slashes`) as %XX: a key for a path. */
void lt_aws_encode(lt_text text, bool slashes, lt_buf *out);
/* In constant time; texts of different length differ. */
bool lt_aws_same(lt_text a, lt_text b);

/* ---- version 4, step by step ---- */

/* Append the canonical form. False: a broken %XX escape, or too many parameters. */
LT_MUST_CHECK bool lt_aws_canonical_path(lt_text path, lt_buf *out);
/* Parameters sorted by their encoded names, then values; "?versioning" is "versioning=". The parameter `without` is left out. */
LT_MUST_CHECK bool lt_aws_canonical_query(lt_text query, lt_text without, lt_buf *out);
/* Append "name:value\n" lines, and the names "host;range" to `names`: lower case, sorted, blanks shrunk, repeated ones joined. */
void lt_aws_canonical_headers(const lt_aws_header *headers, size_t count, lt_buf *lines,
                              lt_buf *names);
/* The whole canonical request. `without` as above: X-Amz-Signature for presigned URLs, else empty. */
LT_MUST_CHECK bool lt_aws_canonical_request(const lt_aws_request *request, lt_text without,
                                            lt_buf *out);
/* Append "20130524/us-east-1/s3/aws4_request". */
void lt_aws_scope_write(const lt_aws_scope *scope, lt_buf *out);
void lt_aws_string_to_sign(lt_text time, const lt_aws_scope *scope, lt_text canonical_request,
                           lt_buf *out);

void lt_aws_key_derive(lt_text secret, const lt_aws_scope *scope, char key[LT_AWS_KEY_BYTES]);
/* HMAC-SHA256 in hex: the signature of a string to sign, and of the policy of a browser's POST. */
const char *lt_aws_hmac(const char key[LT_AWS_KEY_BYTES], lt_text text, char out[LT_AWS_HEX_CHARS]);

/* Derived keys of a day, by secret and scope: four HMACs less for each request. Any thread. */
typedef struct lt_aws_key_cache lt_aws_key_cache;
lt_aws_key_cache *lt_aws_key_cache_new(void);
void lt_aws_key_cache_free(lt_aws_key_cache *cache); /* NULL is fine; forgets the keys' bytes */
LT_OWNED(lt_aws_key_cache_ref, lt_aws_key_cache *, lt_aws_key_cache_free)
void lt_aws_key_get(lt_aws_key_cache *cache, lt_text secret, const lt_aws_scope *scope,
                    char key[LT_AWS_KEY_BYTES]); /* `cache` may be NULL */

/* All of it: the signature of a request. False as in lt_aws_canonical_query(). */
LT_MUST_CHECK bool lt_aws_signature(const lt_aws_request *request, lt_text without, lt_text time,
                                    const lt_aws_scope *scope, const char key[LT_AWS_KEY_BYTES],
                                    char out[LT_AWS_HEX_CHARS]);
/* Append the value of the Authorization header. */
LT_MUST_CHECK bool lt_aws_authorize(const lt_aws_request *request, lt_text key_id, lt_text time,
                                    const lt_aws_scope *scope, const char key[LT_AWS_KEY_BYTES],
                                    lt_buf *out);

/* ---- presigned URLs ---- */

typedef struct lt_aws_presign {
    lt_text key_id;
    lt_text token; /* of temporary credentials; else empty */
    lt_text time;
    int64_t expires_s; /* 1 to 604800 */
} lt_aws_presign;
/* Append the query of the presigned URL: that of the request, what authorises it, and the signature. The payload is not looked at:
 * it is UNSIGNED-PAYLOAD. */
LT_MUST_CHECK bool lt_aws_presign_query(const lt_aws_request *request,
                                        const lt_aws_presign *presign, const lt_aws_scope *scope,
                                        const char key[LT_AWS_KEY_BYTES], lt_buf *out);

/* ---- bodies in signed chunks (x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD[-TRAILER]) ---- */

/* Each chunk's signature holds the one before; the request's own is the first. */
typedef struct lt_aws_chain {
    char key[LT_AWS_KEY_BYTES];
    lt_text time; /* borrowed, as the scope's texts */
    lt_aws_scope scope;
    char previous[LT_AWS_HEX_CHARS];
} lt_aws_chain;
/* The signature of the next chunk from the SHA-256 of its bytes, in hex; the chain goes on from it. */
const char *lt_aws_chain_chunk(lt_aws_chain *chain, lt_text sha256_hex, char out[LT_AWS_HEX_CHARS]);
/* The signature of the trailers, as "name:value\n" lines with lower-case names. */
const char *lt_aws_chain_trailer(lt_aws_chain *chain, lt_text lines, char out[LT_AWS_HEX_CHARS]);

/* ---- version 2, of presigned URLs ---- */

typedef struct lt_aws_request_v2 {
    lt_text method;
    lt_text bucket;      /* when it is in the host's name and not in the path; else empty */
    lt_text path, query; /* as on the wire */
    lt_text expires;     /* as in the query */
    const lt_aws_header
        *headers; /* all of the request; content-md5, content-type and x-amz-... are taken */
    size_t header_count;
} lt_aws_request_v2;
/* The signature in base64 (decoded from the query parameter `Signature`). False as in lt_aws_canonical_query(). */
LT_MUST_CHECK bool lt_aws_signature_v2(const lt_aws_request_v2 *request, lt_text secret,
                                       char out[LT_AWS_SIG2_CHARS]);
