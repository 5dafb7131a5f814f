/* object.h - what is known of an object, and what a client may ask with it. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"
#include "store/reason.h"

enum {
    LT_VERSION_ID_CHARS = 40,
    LT_KEY_BYTES = 1024,
    LT_USER_META_BYTES = 2048, /* names and values together */
    LT_TAGS = 10,
    LT_TAG_NAME_CHARS = 128, /* characters, not bytes */
    LT_TAG_VALUE_CHARS = 256,
    LT_PARTS = 10000,
};
#define LT_PART_BYTES ((int64_t)5 << 30)       /* the most of one PUT or part */
#define LT_PART_LEAST_BYTES ((int64_t)5 << 20) /* the least of a part that is not the last */
#define LT_OBJECT_BYTES ((int64_t)5 << 40)     /* the most of a multipart object */

/* One key in a bucket, or one version of it. */
typedef struct lt_object_name {
    lt_text bucket, key, version_id; /* empty version_id: the current one */
} lt_object_name;

typedef struct lt_pair {
    lt_text name, value;
} lt_pair;
typedef LT_VEC(lt_pair) lt_pairs;

/* What a client said about an object; given back as it was. Header values of at most 2 KiB, without control characters. */
typedef struct lt_object_meta {
    lt_text content_type; /* empty when writing: application/octet-stream */
    lt_text cache_control, content_disposition, content_encoding, content_language, expires,
        website_redirect;
    lt_text storage_class; /* empty: STANDARD; kept, and changes nothing */
    lt_pairs user;         /* x-amz-meta-NAME: the NAMEs in lower case */
} lt_object_meta;

/* ---- checksums that clients ask for, beside the ETag ---- */

typedef enum lt_sum_kind {
    LT_SUM_NONE,
    LT_SUM_CRC32,
    LT_SUM_CRC32C,
    LT_SUM_CRC64NVME,
    LT_SUM_SHA1,
    LT_SUM_SHA256,
    LT_SUM_COUNT,
} lt_sum_kind;

const char *lt_sum_name(lt_sum_kind kind); /* "CRC32", ..., "" */
/* By its name in any case; false: no such kind. */
LT_MUST_CHECK bool lt_sum_find(lt_text name, lt_sum_kind *out);
size_t lt_sum_size(lt_sum_kind kind); /* of the raw sum in bytes */
bool lt_sum_is_crc(lt_sum_kind kind); /* these can be FULL_OBJECT over parts */

typedef struct lt_checksum {
    lt_sum_kind kind;
    bool composite; /* of the parts' checksums (COMPOSITE), not of all bytes (FULL_OBJECT) */
    lt_text value;  /* as on the wire: base64, with "-N" behind a composite one */
} lt_checksum;

/* ---- what is known of a version ---- */

typedef struct lt_object_info {
    lt_text key;
    lt_text version_id; /* "null" for the null version */
    lt_text etag;       /* without quotes: hex MD5, or MD5-N of a multipart upload */
    lt_text
        sha256; /* hex, of the content; empty for a marker, a multipart object, and in listings */
    lt_object_meta meta;  /* in listings: storage_class alone, and content_type */
    lt_checksum checksum; /* in listings without its value */
    int64_t size_bytes;
    int64_t written_at_us;
    int32_t part_count; /* 0: not made of parts */
    int32_t tag_count;  /* 0 in listings */
    bool is_marker, is_current;
    bool is_sealed; /* encrypted at rest; false in listings */
} lt_object_info;   /* texts live in the arena that the call was given */

/* ---- conditions ---- */

/* A condition on the current version, checked in the same transaction as the write. Empty texts are no condition. It does not
 * hold: LT_WHY_PRECONDITION (LT_CONFLICT); but LT_WHY_NO_SUCH_KEY (LT_NOT_FOUND) when an ETag is wanted and there is no object (or
 * a current marker). */
typedef struct lt_when {
    bool absent;      /* If-None-Match: * ; a current delete marker counts as absent */
    lt_text etag;     /* If-Match, without quotes; "*" is any */
    lt_text not_etag; /* If-None-Match with an ETag: must be absent or another one */
} lt_when;

/* A condition on the source of a copy; x-amz-copy-source-if-... . Not holding is LT_WHY_PRECONDITION. */
typedef struct lt_source_when {
    lt_text etag, not_etag;
    int64_t modified_since_us, unmodified_since_us; /* 0: no condition; compared by whole seconds */
} lt_source_when;

/* Who asks, for events. All may be empty. */
typedef struct lt_origin {
    lt_text request_id, requester, source_ip;
    lt_text reason; /* "PutObject", "POST Object", ...; empty: what the call is usually named */
} lt_origin;

/* What a body must have. Looked at when the body has ended, so its `read` may fill it in at the end (trailers). Empty texts
 * are not checked. */
typedef struct lt_expected {
    lt_text md5, sha256; /* raw: 16 and 32 bytes. LT_WHY_BAD_DIGEST, LT_WHY_SHA256_MISMATCH */
    lt_text checksum;    /* base64, of the kind that the options name. LT_WHY_BAD_DIGEST */
} lt_expected;

typedef struct lt_put_options {
    const lt_when *when; /* may be NULL */
    lt_object_meta meta;
    lt_pairs tags;
    lt_sum_kind checksum;        /* to be computed and kept */
    const lt_expected *expected; /* may be NULL */
    const lt_origin *origin;     /* may be NULL */
    bool sealed;                 /* encrypt at rest; a bucket may ask for it by itself */
} lt_put_options;

typedef struct lt_delete_options {
    const lt_when *when;     /* may be NULL; of the current version */
    const lt_origin *origin; /* may be NULL */
} lt_delete_options;

/* ---- bodies ---- */

/* Where the bytes of an object come from. `read` fills up to `size` bytes and gives their number, 0 at the end, in *got. */
typedef struct lt_body {
    lt_status (*read)(struct lt_body *body, char *out, size_t size, size_t *got, lt_err *err);
    void *state;
    int64_t size; /* bytes, or -1 when not known before */
} lt_body;
typedef struct lt_text_body {
    lt_body body;
    lt_text left;
} lt_text_body;
lt_body *lt_body_from_text(lt_text_body *body, lt_text text);
typedef struct lt_fd_body {
    lt_body body;
    int fd; /* borrowed; read from where it stands */
} lt_fd_body;
lt_body *lt_body_from_fd(lt_fd_body *body, int fd, int64_t size);
