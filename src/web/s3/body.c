/* The body of a request: framing off, announced checks ready, and small ones read whole. */
#include "fmt/xml.h"
#include "store/checksum.h"
#include "store/digest.h"
#include "web/s3/call.h"
#include "web/s3/chunks.h"

#include <openssl/evp.h>
#include <stdlib.h>

enum { XML_BYTES = 2 * 1024 * 1024 };

struct lt_s3_body {
    lt_body stream; /* first: what the store gets */
    lt_s3_call *call;
    lt_s3_chunks *chunks; /* NULL: no framing */
    lt_s3_source *source; /* without framing */
    void *source_context;
    int64_t size, got; /* size -1: not announced */
    lt_sum_kind sum;
    lt_text trailer; /* the name of the header behind the body that holds the sum; empty: none */
    lt_expected expected;
    unsigned char md5[LT_MD5_BYTES], sha256[LT_SHA256_BYTES];
};

lt_body *lt_s3_body_stream(lt_s3_body *body)
{
    return &body->stream;
}

const lt_expected *lt_s3_body_expected(const lt_s3_body *body)
{
    return &body->expected;
}

lt_sum_kind lt_s3_body_sum(const lt_s3_body *body)
{
    return body->sum;
}

void lt_s3_body_close(lt_s3_body *body)
{
    if (body && body->chunks)
        lt_s3_chunks_cleanup(body->chunks);
}

/* ---- checksums that are announced ---- */

static const char *const sum_headers[LT_SUM_COUNT] = {
    [LT_SUM_CRC32] = "x-amz-checksum-crc32",         [LT_SUM_CRC32C] = "x-amz-checksum-crc32c",
    [LT_SUM_CRC64NVME] = "x-amz-checksum-crc64nvme", [LT_SUM_SHA1] = "x-amz-checksum-sha1",
    [LT_SUM_SHA256] = "x-amz-checksum-sha256",
};

lt_text lt_s3_sum_header(lt_sum_kind kind)
{
    return lt_text_of(sum_headers[kind]);
}

static lt_sum_kind sum_of_header(lt_text name)
{
    for (lt_sum_kind kind = LT_SUM_NONE + 1; kind < LT_SUM_COUNT; kind++)
        if (lt_text_eq_nocase(name, lt_text_of(sum_headers[kind])))
            return kind;
    return LT_SUM_NONE;
}

static bool is_sum_value(lt_sum_kind kind, lt_text value)
{
    unsigned char raw[LT_SUM_BYTES];
    return lt_sum_read(value, raw, lt_sum_size(kind));
}

/* Headers that begin so and are no sums. */
static bool is_about_sums(lt_text name)
{
    return lt_text_eq_nocase(name, T("x-amz-checksum-algorithm")) ||
           lt_text_eq_nocase(name, T("x-amz-checksum-type")) ||
           lt_text_eq_nocase(name, T("x-amz-checksum-mode"));
}

static lt_status find_sum_header(lt_s3_call *call, lt_sum_kind *kind, lt_text *value, lt_err *err)
{
    for (size_t i = 0; i < call->http->headers.len; i++) {
        const lt_param *header = &call->http->headers.items[i];
        if (!lt_text_eq_nocase(lt_text_sub(header->name, 0, 15), T("x-amz-checksum-")) ||
            is_about_sums(header->name))
            continue;
        lt_sum_kind found = sum_of_header(header->name);
        if (found == LT_SUM_NONE)
            return lt_s3_fail(call, err, LT_S3_INVALID_REQUEST,
                              "%.*s is not a checksum that is supported", LT_ARG(header->name));
        if (*kind != LT_SUM_NONE)
            return lt_s3_fail(call, err, LT_S3_INVALID_REQUEST,
                              "Expecting a single x-amz-checksum- header. Multiple checksum types "
                              "are not allowed.");
        *kind = found;
        *value = header->value;
    }
    return LT_OK;
}

lt_status lt_s3_sum_asked(lt_s3_call *call, lt_sum_kind *kind, lt_text *value, lt_err *err)
{
    lt_text named = lt_s3_header(call, "x-amz-sdk-checksum-algorithm");
    lt_sum_kind wanted = LT_SUM_NONE;
    *kind = LT_SUM_NONE;
    *value = (lt_text){0};
    if (!named.ptr)
        named = lt_s3_header(call, "x-amz-checksum-algorithm");
    if (named.ptr && !lt_sum_find(named, &wanted))
        return lt_s3_fail(call, err, LT_S3_INVALID_REQUEST,
                          "Checksum algorithm provided is unsupported. Please try again with any "
                          "of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]");
    LT_TRY(find_sum_header(call, kind, value, err));
    if (*kind != LT_SUM_NONE && wanted != LT_SUM_NONE && *kind != wanted)
        return lt_s3_fail(call, err, LT_S3_INVALID_REQUEST,
                          "Value for x-amz-sdk-checksum-algorithm header is invalid.");
    if (*kind == LT_SUM_NONE)
        *kind = wanted;
    return LT_OK;
}

/* What stands in x-amz-trailer: the one header behind the body that we know. */
static lt_status read_trailer_name(lt_s3_body *self, lt_err *err)
{
    lt_s3_call *call = self->call;
    lt_text named = lt_text_trim(lt_s3_header(call, "x-amz-trailer"));
    lt_sum_kind kind = sum_of_header(named);
    if (!named.len)
        return LT_OK;
    if (kind == LT_SUM_NONE || (self->expected.checksum.len && self->sum != kind))
        return lt_s3_fail(call, err, LT_S3_INVALID_REQUEST,
                          "The value specified in the x-amz-trailer header is not supported");
    self->trailer = named;
    self->sum = kind;
    return LT_OK;
}

static lt_status read_checks(lt_s3_body *self, lt_err *err)
{
    lt_s3_call *call = self->call;
    lt_text md5 = lt_s3_header(call, "Content-MD5");
    if (md5.ptr) {
        if (!lt_sum_read(md5, self->md5, sizeof(self->md5)))
            return lt_s3_fail(call, err, LT_S3_DIGEST_INVALID, NULL);
        self->expected.md5 = lt_text_at((const char *)self->md5, sizeof(self->md5));
    }
    if (call->payload == LT_S3_PAYLOAD_SHA256) {
        if (!lt_hex_read(call->payload_sha256, (char *)self->sha256, sizeof(self->sha256)))
            return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT, NULL);
        self->expected.sha256 = lt_text_at((const char *)self->sha256, sizeof(self->sha256));
    }
    if (call->op->run ==
        lt_s3_complete_upload) /* there the header is of the object, not of this body */
        return LT_OK;
    LT_TRY(lt_s3_sum_asked(call, &self->sum, &self->expected.checksum, err));
    if (self->expected.checksum.ptr && !is_sum_value(self->sum, self->expected.checksum))
        return lt_s3_fail(call, err, LT_S3_BAD_DIGEST, "Value for %s header is invalid.",
                          sum_headers[self->sum]);
    return LT_OK;
}

/* ---- the stream ---- */

static lt_status read_client(void *context, char *out, size_t size, size_t *got, lt_err *err)
{
    const lt_s3_body *self = context;
    if (lt_server_read(self->call->http, out, size, got, err) == LT_OK)
        return LT_OK;
    return lt_s3_fail(self->call, err, LT_S3_INCOMPLETE_BODY, NULL);
}

static lt_status chunk_failed(lt_s3_body *self, lt_err *err)
{
    switch (self->chunks->fault) {
    case LT_S3_CHUNKS_SIGNATURE:
        return lt_s3_fail(self->call, err, LT_S3_SIGNATURE,
                          "The signature of a chunk does not match");
    case LT_S3_CHUNKS_BROKEN:
        return lt_s3_fail(self->call, err, LT_S3_INCOMPLETE_BODY,
                          "The request body is not framed as aws-chunked, or was cut off");
    case LT_S3_CHUNKS_SOURCE:
    case LT_S3_CHUNKS_FINE:
        break;
    }
    return err->status;
}

/* The body is over: the trailer that was announced must be there, and is what the store compares with. */
static lt_status take_trailer(lt_s3_body *self, lt_err *err)
{
    lt_text rest = lt_buf_text(&self->chunks->trailer), line, name;
    while (self->trailer.len && lt_text_cut(&rest, '\n', &line)) {
        if (!lt_text_cut(&line, ':', &name) || !lt_text_eq_nocase(name, self->trailer))
            continue;
        if (!is_sum_value(self->sum, line))
            return lt_s3_fail(self->call, err, LT_S3_INVALID_REQUEST,
                              "Value for %s trailing header is invalid.", sum_headers[self->sum]);
        if (self->expected.checksum.len && !lt_text_eq(self->expected.checksum, line))
            return lt_s3_fail(self->call, err, LT_S3_BAD_DIGEST, NULL);
        self->expected.checksum = lt_arena_text(self->call->arena, line);
        return LT_OK;
    }
    if (self->trailer.len)
        return lt_s3_fail(self->call, err, LT_S3_INVALID_REQUEST,
                          "The trailer %.*s was announced and did not come", LT_ARG(self->trailer));
    return LT_OK;
}

static lt_status at_end(lt_s3_body *self, lt_err *err)
{
    if (self->size >= 0 && self->got != self->size)
        return lt_s3_fail(self->call, err, LT_S3_INCOMPLETE_BODY, NULL);
    return self->chunks ? take_trailer(self, err) : LT_OK;
}

static lt_status read_stream(lt_body *body, char *out, size_t size, size_t *got, lt_err *err)
{
    lt_s3_body *self = body->state;
    if (!self->chunks) {
        LT_TRY(self->source(self->source_context, out, size, got, err));
    } else if (lt_s3_chunks_read(self->chunks, out, size, got, err) != LT_OK) {
        return chunk_failed(self, err);
    }
    self->got += (int64_t)*got;
    if (self->got > LT_PART_BYTES)
        return lt_s3_fail(self->call, err, LT_S3_ENTITY_TOO_LARGE, NULL);
    if (self->size >= 0 && self->got > self->size)
        return lt_s3_fail(self->call, err, LT_S3_INCOMPLETE_BODY, NULL);
    return *got ? LT_OK : at_end(self, err);
}

/* Which framing the payload mode means: exhaustive, so that a new one cannot fall through. */
static void take_framing(lt_s3_body *self)
{
    lt_s3_call *call = self->call;
    bool is_signed = false, has_trailer = false;
    switch (call->payload) {
    case LT_S3_PAYLOAD_UNSIGNED:
    case LT_S3_PAYLOAD_SHA256:
    case LT_S3_PAYLOADS:
        return;
    case LT_S3_PAYLOAD_SIGNED_CHUNKS:
        is_signed = true;
        break;
    case LT_S3_PAYLOAD_SIGNED_CHUNKS_TRAILER:
        is_signed = has_trailer = true;
        break;
    case LT_S3_PAYLOAD_UNSIGNED_TRAILER:
        has_trailer = true;
        break;
    }
    self->chunks = LT_NEW(call->arena, lt_s3_chunks);
    self->chunks->read = read_client;
    self->chunks->context = self;
    self->chunks->chain = is_signed ? &call->chain : NULL;
    self->chunks->has_trailer = has_trailer;
}

static lt_status take_size(lt_s3_body *self, lt_err *err)
{
    lt_s3_call *call = self->call;
    lt_text decoded = lt_s3_header(call, "x-amz-decoded-content-length");
    self->size = call->http->body_size;
    if (self->chunks && (!lt_text_to_i64(decoded, &self->size) || self->size < 0))
        return lt_s3_fail(call, err, LT_S3_MISSING_LENGTH, NULL);
    if (self->size > LT_PART_BYTES)
        return lt_s3_fail(call, err, LT_S3_ENTITY_TOO_LARGE, NULL);
    return LT_OK;
}

static lt_s3_body *new_body(lt_s3_call *call)
{
    lt_s3_body *self = LT_NEW(call->arena, lt_s3_body);
    self->call = call;
    self->stream = (lt_body){.read = read_stream, .state = self, .size = -1};
    self->source = read_client;
    self->source_context = self;
    call->body = self;
    return self;
}

lt_status lt_s3_body_open(lt_s3_call *call, lt_s3_body **out, lt_err *err)
{
    lt_s3_body *self = new_body(call);
    take_framing(self);
    LT_TRY(take_size(self, err));
    LT_TRY(read_checks(self, err));
    if (self->chunks && self->chunks->has_trailer)
        LT_TRY(read_trailer_name(self, err));
    self->stream.size = self->size;
    *out = self;
    return LT_OK;
}

lt_status lt_s3_body_from(lt_s3_call *call, lt_s3_source *read, void *context, lt_s3_body **out,
                          lt_err *err)
{
    lt_s3_body *self = new_body(call);
    self->source = read;
    self->source_context = context;
    self->size = -1;
    LT_TRY(read_checks(self, err));
    *out = self;
    return LT_OK;
}

/* ---- small bodies ---- */

static lt_status check_md5(lt_s3_body *self, lt_text bytes, lt_err *err)
{
    unsigned char made[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (!self->expected.md5.len)
        return LT_OK;
    if (!EVP_Digest(bytes.ptr ? bytes.ptr : "", bytes.len, made, &len, EVP_md5(), NULL))
        abort(); /* out of memory */
    if (!lt_text_eq(self->expected.md5, lt_text_at((const char *)made, len)))
        return lt_s3_fail(self->call, err, LT_S3_BAD_DIGEST, NULL);
    return LT_OK;
}

static lt_status check_sum(lt_s3_body *self, lt_text bytes, lt_err *err)
{
    LT_AUTO(lt_sum) sum = {0};
    unsigned char made[LT_SUM_BYTES];
    size_t len = 0;
    if (!self->expected.checksum.len)
        return LT_OK;
    LT_TRY(lt_sum_begin(&sum, self->sum, err));
    LT_TRY(lt_sum_add(&sum, bytes, err));
    LT_TRY(lt_sum_end(&sum, made, &len, err));
    lt_text text = lt_sum_text(self->call->arena, lt_text_at((const char *)made, len), 0);
    if (!lt_text_eq(text, self->expected.checksum))
        return lt_s3_fail(self->call, err, LT_S3_BAD_DIGEST, NULL);
    return LT_OK;
}

static lt_status check_sha256(lt_s3_body *self, lt_text bytes, lt_err *err)
{
    char hex[LT_AWS_HEX_CHARS];
    if (self->expected.sha256.len &&
        !lt_text_eq(lt_text_of(lt_aws_sha256(bytes, hex)), self->call->payload_sha256))
        return lt_s3_fail(self->call, err, LT_S3_SHA256_MISMATCH, NULL);
    return LT_OK;
}

lt_status lt_s3_body_whole(lt_s3_call *call, size_t limit, lt_text *out, lt_err *err)
{
    LT_AUTO(lt_buf) bytes = {.limit = limit};
    char block[8192];
    lt_s3_body *self = NULL;
    LT_TRY(lt_s3_body_open(call, &self, err));
    if (self->size > (int64_t)limit)
        return lt_s3_fail(call, err, LT_S3_MAX_MESSAGE, NULL);
    for (size_t got = 1; got > 0;) {
        LT_TRY(read_stream(&self->stream, block, sizeof(block), &got, err));
        lt_buf_add(&bytes, lt_text_at(block, got));
        if (bytes.overflow)
            return lt_s3_fail(call, err, LT_S3_MAX_MESSAGE, NULL);
    }
    lt_text all = lt_arena_text(call->arena, lt_buf_text(&bytes));
    LT_TRY(check_sha256(self, all, err));
    LT_TRY(check_md5(self, all, err));
    LT_TRY(check_sum(self, all, err));
    *out = all;
    return LT_OK;
}

lt_status lt_s3_body_xml(lt_s3_call *call, const char *root_name, const lt_xml **root, lt_err *err)
{
    lt_text text = {0};
    lt_xml *read = NULL;
    LT_TRY(lt_s3_body_whole(call, XML_BYTES, &text, err));
    if (lt_xml_read(text, NULL, call->arena, &read, err) != LT_OK ||
        !lt_text_eq(read->name, lt_text_of(root_name)))
        return lt_s3_fail(call, err, LT_S3_MALFORMED_XML, NULL);
    *root = read;
    return LT_OK;
}
