/* s3_client.h - one request to an S3 endpoint: signed, sent, sent again when that may help, its failure in the store's words.
 *
 * Sent again, after a wait with full jitter: broken connections, timeouts, 408, 429, 5xx, SlowDown, RequestTimeout, conflicts of
 * conditional writes (OperationAborted, ConditionalRequestConflict), and 200 with an <Error> inside. Once each: with new
 * credentials when the server calls the old ones expired; with a corrected clock when it says that ours is wrong; to another region
 * when the bucket is there. 100-continue is never used. Inside of store/ only; any thread. */
#pragma once
#include "base/vec.h"
#include "net/aws_credentials.h"
#include "net/aws_sign.h"
#include "net/http_retry.h"
#include "store/object.h"

enum { LT_REMOTE_HEADERS = 512, LT_REMOTE_REGION_CHARS = 64 };

typedef struct lt_remote_settings {
    const char *endpoint, *region, *profile; /* NULL: as the environment and the profile say */
    int path_style;                          /* 1, 0, -1: with an endpoint of one's own */
} lt_remote_settings;

typedef struct lt_remote_client lt_remote_client;
LT_MUST_CHECK lt_status lt_remote_client_open(const lt_remote_settings *settings,
                                              lt_remote_client **out, lt_err *err);
void lt_remote_client_close(lt_remote_client *self); /* NULL is fine */
/* The region that requests are signed for right now. */
void lt_remote_client_region(lt_remote_client *self, char out[LT_REMOTE_REGION_CHARS]);
void lt_remote_client_set_retry(lt_remote_client *self,
                                const lt_retry *policy); /* for tests; before use */

typedef struct lt_remote_call {
    const char *method;
    lt_text bucket, key;                      /* as they are at the endpoint; both may be empty */
    lt_text query;                            /* encoded, without '?' */
    lt_aws_header headers[LT_REMOTE_HEADERS]; /* all of them are signed */
    size_t header_count;
    bool too_many; /* headers: sending it fails */
    lt_text body;
    lt_object_name called; /* the names for messages */
    unsigned attempts; /* out: how often it was sent. Above 1, an earlier one may have been done */
} lt_remote_call;

/* Values with an empty text are left out. */
void lt_remote_add_header(lt_remote_call *call, const char *name, lt_text value);
void lt_remote_add_header_as_is(lt_remote_call *call, const char *name, lt_text value);
/* Append "name=value", encoded, with '&' in front when it is not the first. */
void lt_remote_add_param(lt_buf *query, const char *name, lt_text value);

/* LT_OK: the answer is 2xx (or 304). Else `response` has what came last; response->status is 0 if nothing did. */
LT_MUST_CHECK lt_status lt_remote_send(lt_remote_client *client, lt_remote_call *call,
                                       lt_http_response *response, lt_err *err);

/* A URL that lets whoever has it make this one request until then. */
LT_MUST_CHECK lt_status lt_remote_presign(lt_remote_client *client, const lt_remote_call *call,
                                          int64_t expires_s, lt_buf *url, lt_err *err);
