/* call.h - one request on its way through the S3 face: what it asks, who asks, and the answer. For web/s3/ alone. */
#pragma once
#include "net/aws_sign.h"
#include "net/http_server.h"
#include "store/access.h"
#include "store/bucket.h"
#include "store/upload.h"
#include "web/s3/error.h"
#include "web/s3/s3.h"

typedef struct lt_s3_call lt_s3_call;
struct lt_xml;

/* ---- what is asked ---- */

typedef enum lt_s3_level { LT_S3_SERVICE, LT_S3_BUCKET, LT_S3_OBJECT } lt_s3_level;

typedef enum lt_s3_takes {
    LT_S3_NO_BODY,
    LT_S3_XML,    /* at most 2 MiB, read whole */
    LT_S3_JSON,   /* the same */
    LT_S3_STREAM, /* the bytes of an object */
    LT_S3_FORM,   /* a browser's POST */
} lt_s3_takes;

/* A line of the table of operations (ops.c). */
typedef struct lt_s3_op {
    const char *name; /* "PutObject": logs, events */
    const char *method;
    lt_s3_level level;
    const char *sub;    /* the parameter that makes it this one ("tagging"); NULL: none */
    const char *with;   /* a second parameter that must be there ("uploadId"), or NULL */
    const char *header; /* a header that must be there ("x-amz-copy-source"), or NULL */
    const char *action; /* of policies: "s3:PutObject"; of a version: action_version */
    const char *action_version;
    unsigned access; /* the right that a key needs; 0: the handler asks itself */
    lt_s3_takes takes;
    lt_status (*run)(lt_s3_call *call, lt_err *err);
} lt_s3_op;

extern const lt_s3_op lt_s3_ops[];
extern const size_t lt_s3_op_count;

/* ---- who asks ---- */

typedef enum lt_s3_way {
    LT_S3_ANONYMOUS,
    LT_S3_V4_HEADER,
    LT_S3_V4_QUERY,
    LT_S3_V2_HEADER,
    LT_S3_V2_QUERY,
    LT_S3_POST_FORM,
    LT_S3_WAYS,
} lt_s3_way;

/* How the body is signed. Every use is a switch over all of them. */
typedef enum lt_s3_payload {
    LT_S3_PAYLOAD_UNSIGNED,
    LT_S3_PAYLOAD_SHA256, /* x-amz-content-sha256 is its SHA-256 */
    LT_S3_PAYLOAD_SIGNED_CHUNKS,
    LT_S3_PAYLOAD_SIGNED_CHUNKS_TRAILER,
    LT_S3_PAYLOAD_UNSIGNED_TRAILER, /* chunks without signatures, a checksum behind them */
    LT_S3_PAYLOADS,
} lt_s3_payload;

enum { LT_S3_ID_CHARS = 65, LT_S3_REQUEST_ID_CHARS = 17 };

typedef struct lt_s3_who {
    lt_s3_way way;
    bool is_root;
    lt_text key_id; /* empty: anonymous */
    lt_text name;
    char id[LT_S3_ID_CHARS]; /* what S3 calls the canonical user id; "" for anonymous */
    lt_rights rights;
} lt_s3_who;

/* ---- the call ---- */

typedef LT_VEC(lt_aws_header) lt_aws_headers;

struct lt_s3_call {
    lt_s3 *s3;
    const lt_server_request *http;
    lt_server_reply *reply;
    lt_arena *arena; /* lives until the answer is gone */
    char request_id[LT_S3_REQUEST_ID_CHARS];
    int64_t now_us, started_us;

    lt_text bucket;   /* decoded; empty: none */
    lt_text key;      /* decoded once, every byte as it is; empty: none */
    lt_text query;    /* raw */
    lt_params params; /* decoded */
    lt_text version_id;
    bool is_vhost;      /* the bucket stood in the host's name */
    const lt_s3_op *op; /* NULL until it is known */

    lt_s3_who who;
    lt_s3_payload payload;
    lt_text payload_sha256; /* hex, with LT_S3_PAYLOAD_SHA256 */
    lt_aws_chain chain;     /* of signed chunks */
    lt_origin origin;       /* for events */

    lt_s3_code code;         /* set by lt_s3_fail() */
    const char *message;     /* NULL: the usual one */
    lt_pairs details;        /* more elements of the error's XML */
    struct lt_s3_body *body; /* of the request, once it was opened; closed with the call */
};

struct lt_s3 {
    lt_s3_options options;
    lt_arena arena; /* of the options' texts */
    lt_http_server *server;
    lt_aws_key_cache *signing_keys;
    struct lt_s3_keys *keys;   /* access keys that were read */
    struct lt_s3_known *known; /* buckets that were read */
    struct lt_s3_lifecycle *lifecycle;
    uint64_t boot; /* makes request ids differ between starts */
    _Atomic uint64_t counter;
};

/* Say which S3 error this is. `format` may be NULL: the usual message. Gives a status that is not LT_OK. */
LT_MUST_CHECK lt_status lt_s3_fail(lt_s3_call *call, lt_err *err, lt_s3_code code,
                                   const char *format, ...) LT_PRINTF(4, 5);
/* One more element in the error's XML. */
void lt_s3_detail(lt_s3_call *call, lt_text name, lt_text value);

lt_text lt_s3_header(const lt_s3_call *call, const char *name); /* NULL ptr: none */
lt_text lt_s3_param(const lt_s3_call *call, const char *name);  /* NULL ptr: none */
bool lt_s3_has_param(const lt_s3_call *call, const char *name);
void lt_s3_say(lt_s3_call *call, const char *name, lt_text value); /* a response header */
void lt_s3_say_int(lt_s3_call *call, const char *name, int64_t value);

/* ---- parse.c ---- */

/* Read the target, the host and the parameters, and find the operation. Needs no rights, asks nothing of the store. */
LT_MUST_CHECK lt_status lt_s3_parse(lt_s3_call *call, lt_err *err);
/* A target alone: for tests and fuzzing. `host` is the value of the header. */
LT_MUST_CHECK lt_status lt_s3_parse_target(lt_s3_call *call, lt_text target, lt_text host,
                                           const char *domain, lt_err *err);

/* ---- auth.c: who it is; the only function that decides that ---- */

LT_MUST_CHECK lt_status lt_s3_authenticate(lt_s3_call *call, lt_err *err);
/* The policy and signature of a browser's POST: the same decision, with fields of a form. */
LT_MUST_CHECK lt_status lt_s3_authenticate_form(lt_s3_call *call, const lt_params *fields,
                                                lt_err *err);

/* "AWS4-HMAC-SHA256 Credential=ID/DATE/REGION/SERVICE/aws4_request, SignedHeaders=a;b, Signature=hex" */
typedef struct lt_s3_credential {
    lt_text key_id;
    lt_aws_scope scope;
    lt_text signed_headers, signature; /* borrowed */
} lt_s3_credential;
LT_MUST_CHECK bool lt_s3_credential_read(lt_text header, lt_s3_credential *out);

/* ---- keys.c: secrets by access key id ---- */

typedef struct lt_s3_keys lt_s3_keys;
lt_s3_keys *lt_s3_keys_new(void);
void lt_s3_keys_free(lt_s3_keys *keys);
/* The key of that id, if it holds now: *secret and who's rights are copied into the call's arena. LT_S3_CREDENTIALS_UNKNOWN. */
LT_MUST_CHECK lt_status lt_s3_key_get(lt_s3_call *call, lt_text id, lt_text *secret, lt_err *err);
void lt_s3_identify(lt_text principal, char id[LT_S3_ID_CHARS]);

/* ---- known.c: what every request asks of its bucket ---- */

typedef struct lt_s3_bucket {
    lt_versioning versioning;
    lt_text policy, owner; /* documents; empty: none */
    bool has_rules;        /* of lifecycle */
} lt_s3_bucket;
typedef struct lt_s3_known lt_s3_known;
lt_s3_known *lt_s3_known_new(void);
void lt_s3_known_free(lt_s3_known *known);
/* A bucket was changed by this process: what is remembered no longer counts. What another process changes is seen within a second. */
void lt_s3_known_changed(lt_s3_known *known);
LT_MUST_CHECK lt_status lt_s3_bucket_get(lt_s3_call *call, lt_text name, lt_s3_bucket *out,
                                         lt_err *err);

/* ---- rights.c: may this one do that; default deny ---- */

/* The operation itself, on the call's bucket and key. */
LT_MUST_CHECK lt_status lt_s3_authorize(lt_s3_call *call, lt_err *err);
/* Another action that it needs: the source of a copy, each key of DeleteObjects. */
typedef struct lt_s3_wish {
    const char *action;
    unsigned access;
    lt_text bucket, key, version_id;
    lt_text under; /* without a key: the prefix that is listed */
} lt_s3_wish;
LT_MUST_CHECK lt_status lt_s3_allow(lt_s3_call *call, const lt_s3_wish *wish, lt_err *err);
/* May this one list where the call's key would stand? Changes nothing of the call. */
bool lt_s3_may_list(lt_s3_call *call);
/* Is the bucket this one's own? */
LT_MUST_CHECK lt_status lt_s3_is_owner(lt_s3_call *call, lt_text bucket, bool *out, lt_err *err);
/* Who owns it, in the arena: id and name. */
LT_MUST_CHECK lt_status lt_s3_owner(lt_s3_call *call, lt_text bucket, lt_text *id, lt_text *name,
                                    lt_err *err);

/* ---- policy.c: bucket policies ---- */

typedef enum lt_s3_verdict { LT_S3_SILENT, LT_S3_ALLOWED, LT_S3_DENIED } lt_s3_verdict;
/* A value of a condition's key ("aws:SourceIp"); NULL ptr: there is none. */
typedef lt_text lt_s3_condition_value(void *context, lt_text key);
typedef struct lt_s3_question {
    lt_text principal; /* the access key's id; empty: anonymous */
    lt_text principal_id, principal_name;
    lt_text action, bucket, key;
    lt_s3_condition_value *value;
    void *context;
} lt_s3_question;
/* LT_INVALID: no policy that is understood whole. `bucket` is where it is to stand. */
LT_MUST_CHECK lt_status lt_s3_policy_check(lt_text json, lt_text bucket, lt_arena *arena,
                                           lt_err *err);
LT_MUST_CHECK lt_status lt_s3_policy_ask(lt_text json, const lt_s3_question *question,
                                         lt_arena *arena, lt_s3_verdict *out, lt_err *err);
/* Does it allow something to everybody? */
LT_MUST_CHECK lt_status lt_s3_policy_is_public(lt_text json, lt_arena *arena, bool *out,
                                               lt_err *err);
/* '*' any text, '?' any byte. */
bool lt_s3_matches(lt_text pattern, lt_text text);

/* ---- body.c: what comes in ---- */

/* A body with its framing taken off and its checks ready for the store. */
typedef struct lt_s3_body lt_s3_body;
LT_MUST_CHECK lt_status lt_s3_body_open(lt_s3_call *call, lt_s3_body **out, lt_err *err);
void lt_s3_body_close(lt_s3_body *body); /* NULL is fine */
/* The same over another source of bytes than the client's connection: the file in a form. */
typedef lt_status lt_s3_source(void *context, char *out, size_t size, size_t *got, lt_err *err);
LT_MUST_CHECK lt_status lt_s3_body_from(lt_s3_call *call, lt_s3_source *read, void *context,
                                        lt_s3_body **out, lt_err *err);
lt_body *lt_s3_body_stream(lt_s3_body *body);
const lt_expected *lt_s3_body_expected(const lt_s3_body *body);
lt_sum_kind lt_s3_body_sum(const lt_s3_body *body);
/* All of a small body, checked against everything that was announced of it. */
LT_MUST_CHECK lt_status lt_s3_body_whole(lt_s3_call *call, size_t limit, lt_text *out, lt_err *err);
/* The same, as XML whose root must have that name. */
LT_MUST_CHECK lt_status lt_s3_body_xml(lt_s3_call *call, const char *root_name,
                                       const struct lt_xml **root, lt_err *err);
/* "x-amz-checksum-crc32" and so on. */
lt_text lt_s3_sum_header(lt_sum_kind kind);
/* The kind and value that headers name; LT_SUM_NONE: none. */
LT_MUST_CHECK lt_status lt_s3_sum_asked(lt_s3_call *call, lt_sum_kind *kind, lt_text *value,
                                        lt_err *err);

/* ---- headers.c: what goes out, and conditions ---- */

/* Headers of an object that a PUT brings. */
LT_MUST_CHECK lt_status lt_s3_meta_read(lt_s3_call *call, lt_object_meta *out, lt_err *err);
LT_MUST_CHECK lt_status lt_s3_tags_read(lt_s3_call *call, lt_text header, lt_pairs *out,
                                        lt_err *err);
LT_MUST_CHECK lt_status lt_s3_when_read(lt_s3_call *call, lt_when *out, lt_err *err);
/* x-amz-server-side-encryption and its relatives. */
LT_MUST_CHECK lt_status lt_s3_sealed_read(lt_s3_call *call, bool *out, lt_err *err);
/* Canned ACLs: those that change nothing are taken, others are refused. */
LT_MUST_CHECK lt_status lt_s3_acl_check(lt_s3_call *call, lt_err *err);
lt_text lt_s3_unquote(lt_text etag);
void lt_s3_say_etag(lt_s3_call *call, lt_text etag);
void lt_s3_say_version(lt_s3_call *call, const lt_object_info *info);
void lt_s3_say_sealed(lt_s3_call *call, bool sealed);
void lt_s3_say_sum(lt_s3_call *call, const lt_checksum *sum);
void lt_s3_say_expiry(lt_s3_call *call, const lt_object_info *info);
bool lt_s3_is_time(lt_text text, int64_t *moment_us);

/* "bytes=0-9", "bytes=5-", "bytes=-5" of `size` bytes. LT_S3_NO_RANGE: read all. */
typedef enum lt_s3_range {
    LT_S3_NO_RANGE,
    LT_S3_ONE_RANGE,
    LT_S3_BAD_RANGE,
} lt_s3_range;
lt_s3_range lt_s3_range_read(lt_text header, int64_t size, int64_t *offset, int64_t *len);
/* "/bucket/key%20x?versionId=v", decoded into the arena. False: it is none. */
LT_MUST_CHECK bool lt_s3_copy_source_read(lt_text header, lt_arena *arena, lt_object_name *out);

/* ---- object.c ---- */

/* The tags that x-amz-tagging asks for, if this one may set them. */
LT_MUST_CHECK lt_status lt_s3_new_tags(lt_s3_call *call, lt_pairs *out, lt_err *err);
LT_MUST_CHECK lt_status lt_s3_say_read_sum(lt_s3_call *call, const lt_object_info *info,
                                           int32_t part, int64_t len, lt_err *err);

/* ---- upload.c ---- */

/* What is said of the upload with each of its parts: whether it is encrypted. */
LT_MUST_CHECK lt_status lt_s3_say_upload(lt_s3_call *call, lt_upload_name upload, lt_err *err);
LT_MUST_CHECK lt_status lt_s3_part_number(lt_s3_call *call, int32_t *out, lt_err *err);

/* ---- form.c: a browser's POST, and its policy ---- */

typedef struct lt_s3_form lt_s3_form;
/* Read the fields in front of the file. */
LT_MUST_CHECK lt_status lt_s3_form_open(lt_s3_call *call, lt_s3_form **out, lt_err *err);
const lt_params *lt_s3_form_fields(const lt_s3_form *form);
lt_text lt_s3_form_field(const lt_s3_form *form, const char *name); /* NULL ptr: none; any case */
void lt_s3_form_set(lt_s3_form *form, const char *name, lt_text value);
lt_text lt_s3_form_filename(const lt_s3_form *form);
/* The bytes of the file, up to the next boundary: an lt_s3_source. */
LT_MUST_CHECK lt_status lt_s3_form_read(void *form, char *out, size_t size, size_t *got,
                                        lt_err *err);
/* The boundary that the header names; NULL ptr: none. */
lt_text lt_s3_boundary(lt_text content_type);

/* What a policy says of the size of the file. */
typedef struct lt_s3_post_limits {
    int64_t least, most;
} lt_s3_post_limits;
/* Does the form fit the policy (decoded JSON)? Fails with the call's error. */
LT_MUST_CHECK lt_status lt_s3_post_policy(lt_s3_call *call, lt_text json, const lt_params *fields,
                                          lt_s3_post_limits *limits, lt_err *err);

/* ---- tags.c ---- */

struct lt_xml;
LT_MUST_CHECK lt_status lt_s3_tags_from_xml(lt_s3_call *call, const struct lt_xml *root,
                                            size_t most, lt_pairs *out, lt_err *err);
void lt_s3_tags_to_xml(lt_buf *out, const lt_pairs *tags);

/* ---- answers ---- */

#define LT_S3_XMLNS " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""
/* Begin an XML answer: the declaration, and the root element. */
lt_buf *lt_s3_xml_begin(lt_s3_call *call, lt_text root);
/* "2026-11-22T01:02:03.000Z" */
void lt_s3_xml_time(lt_buf *out, lt_text name, int64_t at_us);
void lt_s3_xml_owner(lt_buf *out, lt_text name, lt_text id, lt_text display_name);
void lt_s3_xml_etag(lt_buf *out, lt_text etag);
void lt_s3_xml_sum(lt_buf *out, const lt_checksum *sum); /* <ChecksumCRC32>... */
/* A key or prefix, percent-encoded if the client asked for that. */
void lt_s3_xml_key(lt_buf *out, lt_text name, lt_text key, bool url);
/* The error of the call as its answer. */
void lt_s3_answer_error(lt_s3_call *call, const lt_err *err);

/* ---- cors.c ---- */

/* Headers for the browser, if the request has an Origin that a rule of the bucket knows. */
void lt_s3_cors_say(lt_s3_call *call);

/* ---- handlers, by the names of the operations ---- */

#define LT_S3_HANDLERS(X)                                                                          \
    X(list_buckets)                                                                                \
    X(create_bucket)                                                                               \
    X(head_bucket)                                                                                 \
    X(delete_bucket)                                                                               \
    X(get_location)                                                                                \
    X(get_versioning)                                                                              \
    X(put_versioning)                                                                              \
    X(get_policy)                                                                                  \
    X(put_policy)                                                                                  \
    X(delete_policy)                                                                               \
    X(get_policy_status)                                                                           \
    X(get_cors)                                                                                    \
    X(put_cors)                                                                                    \
    X(delete_cors)                                                                                 \
    X(preflight)                                                                                   \
    X(get_lifecycle)                                                                               \
    X(put_lifecycle)                                                                               \
    X(delete_lifecycle)                                                                            \
    X(get_notification)                                                                            \
    X(put_notification)                                                                            \
    X(get_bucket_tagging)                                                                          \
    X(put_bucket_tagging)                                                                          \
    X(delete_bucket_tagging)                                                                       \
    X(get_encryption)                                                                              \
    X(put_encryption)                                                                              \
    X(delete_encryption)                                                                           \
    X(get_bucket_acl)                                                                              \
    X(put_acl)                                                                                     \
    X(get_object_acl)                                                                              \
    X(list_objects)                                                                                \
    X(list_objects_v2)                                                                             \
    X(list_versions)                                                                               \
    X(list_uploads)                                                                                \
    X(delete_objects)                                                                              \
    X(post_object)                                                                                 \
    X(get_object)                                                                                  \
    X(head_object)                                                                                 \
    X(put_object)                                                                                  \
    X(copy_object)                                                                                 \
    X(delete_object)                                                                               \
    X(get_attributes)                                                                              \
    X(get_tagging)                                                                                 \
    X(put_tagging)                                                                                 \
    X(delete_tagging)                                                                              \
    X(create_upload)                                                                               \
    X(upload_part)                                                                                 \
    X(upload_part_copy)                                                                            \
    X(complete_upload)                                                                             \
    X(abort_upload)                                                                                \
    X(list_parts)

#define X(name) LT_MUST_CHECK lt_status lt_s3_##name(lt_s3_call *call, lt_err *err);
LT_S3_HANDLERS(X)
#undef X
