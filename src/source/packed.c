/* Looks through compressed files before they are read: a part of one must not pass for all of it. */
#include "source/packed.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { CHUNK = 256 * 1024 };

lt_conf_compression lt_packed_kind(lt_text name, lt_conf_compression set)
{
    if (set != LT_CONF_COMPRESSION_AUTO)
        return set;
    return lt_text_ends(name, T(".gz"))    ? LT_CONF_COMPRESSION_GZIP
           : lt_text_ends(name, T(".zst")) ? LT_CONF_COMPRESSION_ZSTD
                                           : LT_CONF_COMPRESSION_NONE;
}

/* A file that is being looked through. */
typedef struct looking {
    const char *path;
    int fd;
    char *in, *out; /* CHUNK bytes each */
    z_stream gzip;
    ZSTD_DStream *zstd;
    bool between; /* at the end of a member or frame: the file may end here */
} looking;

static lt_status damaged(const looking *self, const char *why, lt_err *err)
{
    lt_ignore(lt_fail(err, LT_FAILED, "the compressed file '%s' is damaged: %s", self->path, why));
    return lt_hint(err, "write or fetch it again");
}

/* Zeros behind the last member are padding of tapes and blocks. */
static bool is_padding(const looking *self)
{
    for (uInt i = 0; i < self->gzip.avail_in; i++)
        if (self->gzip.next_in[i])
            return false;
    return true;
}

static lt_status feed_gzip(looking *self, size_t len, lt_err *err)
{
    self->gzip.next_in = (Bytef *)self->in;
    self->gzip.avail_in = (uInt)len;
    while (self->gzip.avail_in > 0) {
        if (self->between && is_padding(self))
            return LT_OK;
        self->gzip.next_out = (Bytef *)self->out;
        self->gzip.avail_out = CHUNK;
        int code = inflate(&self->gzip, Z_NO_FLUSH);
        self->between = code == Z_STREAM_END;
        if (self->between)
            code = inflateReset(&self->gzip);
        if (code != Z_OK && code != Z_BUF_ERROR)
            return damaged(self, self->gzip.msg ? self->gzip.msg : "it is no gzip", err);
    }
    return LT_OK;
}

static lt_status feed_zstd(looking *self, size_t len, lt_err *err)
{
    ZSTD_inBuffer in = {.src = self->in, .size = len};
    bool full = false; /* the output was: there may be more of it without more input */
    while (in.pos < in.size || full) {
        ZSTD_outBuffer out = {.dst = self->out, .size = CHUNK};
        size_t code = ZSTD_decompressStream(self->zstd, &out, &in);
        if (ZSTD_isError(code))
            return damaged(self, ZSTD_getErrorName(code), err);
        self->between = code == 0;
        full = out.pos == out.size && code != 0;
    }
    return LT_OK;
}

static lt_status look_through(looking *self, lt_err *err)
{
    ssize_t got;
    while ((got = read(self->fd, self->in, CHUNK)) > 0)
        LT_TRY(self->zstd ? feed_zstd(self, (size_t)got, err) : feed_gzip(self, (size_t)got, err));
    if (got < 0)
        return lt_fail_errno(err, errno, "cannot read '%s'", self->path);
    return self->between ? LT_OK : damaged(self, "it ends early", err);
}

lt_status lt_packed_check(const char *path, lt_conf_compression kind, lt_err *err)
{
    enum { GZIP_WINDOW = 15 + 16 };
    if (kind != LT_CONF_COMPRESSION_GZIP && kind != LT_CONF_COMPRESSION_ZSTD)
        return LT_OK;
    LT_AUTO(lt_fd) fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return lt_fail_errno(err, errno, "cannot open '%s'", path);
    LT_AUTO(lt_chars) in = lt_xmalloc(CHUNK);
    LT_AUTO(lt_chars) out = lt_xmalloc(CHUNK);
    looking self = {.path = path, .fd = fd, .in = in, .out = out};
    if (kind == LT_CONF_COMPRESSION_ZSTD)
        self.zstd = ZSTD_createDStream();
    else if (inflateInit2(&self.gzip, GZIP_WINDOW) != Z_OK)
        return lt_fail(err, LT_IO, "zlib does not work");
    lt_status status = look_through(&self, err);
    if (self.zstd)
        (void)ZSTD_freeDStream(self.zstd);
    else
        (void)inflateEnd(&self.gzip);
    return status;
}
