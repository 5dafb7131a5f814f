/* Takes the framing "aws-chunked" off a body, and checks the signatures in it. */
#include "web/s3/chunks.h"

#include <openssl/evp.h>
#include <stdlib.h>

static lt_status broken(lt_s3_chunks *self, lt_err *err)
{
    self->fault = LT_S3_CHUNKS_BROKEN;
    return lt_fail(err, LT_INVALID, "the body is not framed as aws-chunked");
}

static lt_status wrong_signature(lt_s3_chunks *self, lt_err *err)
{
    self->fault = LT_S3_CHUNKS_SIGNATURE;
    return lt_fail(err, LT_INVALID, "the signature of a chunk is wrong");
}

/* ---- bytes in ---- */

static lt_status fill(lt_s3_chunks *self, lt_err *err)
{
    self->in_at = self->in_len = 0;
    lt_status status = self->read(self->context, self->in, sizeof(self->in), &self->in_len, err);
    if (status != LT_OK)
        self->fault = LT_S3_CHUNKS_SOURCE;
    return status;
}

/* A line without its CRLF. An end of the body in front of it is an error. */
static lt_status read_line(lt_s3_chunks *self, lt_buf *out, lt_err *err)
{
    lt_buf_clear(out);
    for (;;) {
        if (self->in_at == self->in_len)
            LT_TRY(fill(self, err));
        if (self->in_len == 0)
            return broken(self, err);
        char c = self->in[self->in_at++];
        if (c == '\n')
            break;
        lt_buf_add_byte(out, c);
    }
    if (out->overflow || !out->len || out->data[out->len - 1] != '\r')
        return broken(self, err);
    lt_buf_cut(out, out->len - 1);
    return LT_OK;
}

static lt_status read_crlf(lt_s3_chunks *self, lt_err *err)
{
    LT_AUTO(lt_buf) line = {.limit = 4};
    LT_TRY(read_line(self, &line, err));
    return line.len ? broken(self, err) : LT_OK;
}

/* ---- signatures ---- */

static void begin_sum(lt_s3_chunks *self)
{
    if (!self->chain)
        return;
    if (!self->sha256)
        self->sha256 = EVP_MD_CTX_new();
    if (!self->sha256 || !EVP_DigestInit_ex(self->sha256, EVP_sha256(), NULL))
        abort(); /* out of memory */
}

static lt_status check_chunk(lt_s3_chunks *self, lt_err *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    char hex[LT_AWS_HEX_CHARS], wanted[LT_AWS_HEX_CHARS];
    if (!self->chain)
        return LT_OK;
    if (!EVP_DigestFinal_ex(self->sha256, digest, &len))
        abort();
    for (unsigned i = 0; i < len; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    lt_text sum = lt_text_at(hex, 2 * len);
    if (!lt_aws_same(lt_text_of(self->signature),
                     lt_text_of(lt_aws_chain_chunk(self->chain, sum, wanted))))
        return wrong_signature(self, err);
    return LT_OK;
}

/* ---- frames ---- */

static bool read_size(lt_text hex, uint64_t *out)
{
    uint64_t size = 0;
    if (!hex.len || hex.len > 12)
        return false;
    for (size_t i = 0; i < hex.len; i++) {
        int digit = lt_hex_value(hex.ptr[i]);
        if (digit < 0)
            return false;
        size = size * 16 + (uint64_t)digit;
    }
    *out = size;
    return true;
}

static lt_status read_head(lt_s3_chunks *self, lt_err *err)
{
    LT_AUTO(lt_buf) line = {.limit = LT_S3_LINE_BYTES};
    LT_TRY(read_line(self, &line, err));
    lt_text rest = lt_buf_text(&line), hex, signature = {0};
    if (!lt_text_cut(&rest, ';', &hex) || !read_size(hex, &self->left))
        return broken(self, err);
    if (lt_text_starts(rest, T("chunk-signature=")))
        signature = lt_text_sub(rest, strlen("chunk-signature="), rest.len);
    if (self->chain) {
        if (signature.len != LT_AWS_HEX_CHARS - 1)
            return wrong_signature(self, err);
        memcpy(self->signature, signature.ptr, signature.len);
        self->signature[signature.len] = '\0';
    }
    begin_sum(self);
    self->state = LT_S3_IN_DATA;
    return LT_OK;
}

/* "name:value" lines; the signature of signed ones stands behind them, and is not among them. */
static lt_status read_trailer(lt_s3_chunks *self, lt_err *err)
{
    static const lt_text signature_name = {"x-amz-trailer-signature", 23};
    LT_AUTO(lt_buf) line = {.limit = LT_S3_LINE_BYTES};
    char signature[LT_AWS_HEX_CHARS] = "", wanted[LT_AWS_HEX_CHARS];
    self->trailer.limit = LT_S3_TRAILER_BYTES;
    for (;;) {
        LT_TRY(read_line(self, &line, err));
        lt_text rest = lt_buf_text(&line), name;
        if (!rest.len)
            break;
        if (lt_text_find_byte(rest, ':', 0) == SIZE_MAX || !lt_text_cut(&rest, ':', &name) ||
            !name.len || signature[0])
            return broken(self, err);
        rest = lt_text_trim(rest);
        if (lt_text_eq_nocase(name, signature_name)) {
            if (rest.len != sizeof(signature) - 1)
                return wrong_signature(self, err);
            memcpy(signature, rest.ptr, rest.len);
            signature[rest.len] = '\0';
            continue;
        }
        for (size_t i = 0; i < name.len; i++)
            lt_buf_add_byte(&self->trailer, lt_lower(name.ptr[i]));
        lt_buf_printf(&self->trailer, ":%.*s\n", LT_ARG(rest));
    }
    if (self->trailer.overflow)
        return broken(self, err);
    if (self->chain &&
        !lt_aws_same(lt_text_of(signature), lt_text_of(lt_aws_chain_trailer(
                                                self->chain, lt_buf_text(&self->trailer), wanted))))
        return wrong_signature(self, err);
    return LT_OK;
}

/* Behind the last chunk nothing may follow. */
static lt_status read_end(lt_s3_chunks *self, lt_err *err)
{
    LT_TRY(check_chunk(self, err));
    LT_TRY(self->has_trailer ? read_trailer(self, err) : read_crlf(self, err));
    if (self->in_at == self->in_len)
        LT_TRY(fill(self, err));
    if (self->in_len > self->in_at)
        return broken(self, err);
    self->state = LT_S3_AT_END;
    return LT_OK;
}

static lt_status read_data(lt_s3_chunks *self, char *out, size_t size, size_t *got, lt_err *err)
{
    size = (size_t)LT_MIN((uint64_t)size, self->left);
    size_t part = LT_MIN(size, self->in_len - self->in_at);
    if (part > 0) {
        memcpy(out, self->in + self->in_at, part);
        self->in_at += part;
    } else if (self->read(self->context, out, size, &part, err) != LT_OK) {
        self->fault = LT_S3_CHUNKS_SOURCE;
        return err->status;
    }
    if (part == 0)
        return broken(self, err);
    if (self->chain && !EVP_DigestUpdate(self->sha256, out, part))
        abort();
    self->left -= part;
    *got = part;
    return LT_OK;
}

lt_status lt_s3_chunks_read(lt_s3_chunks *self, char *out, size_t size, size_t *got, lt_err *err)
{
    *got = 0;
    while (self->state != LT_S3_AT_END && size > 0) {
        if (self->state == LT_S3_AT_HEAD) {
            LT_TRY(read_head(self, err));
            if (self->left == 0)
                return read_end(self, err);
            continue;
        }
        LT_TRY(read_data(self, out, size, got, err));
        if (self->left == 0) {
            LT_TRY(check_chunk(self, err));
            LT_TRY(read_crlf(self, err));
            self->state = LT_S3_AT_HEAD;
        }
        return LT_OK;
    }
    return LT_OK;
}

void lt_s3_chunks_cleanup(lt_s3_chunks *chunks)
{
    EVP_MD_CTX_free(chunks->sha256);
    chunks->sha256 = NULL;
    lt_buf_cleanup(&chunks->trailer);
}
