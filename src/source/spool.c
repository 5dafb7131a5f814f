/* Appends to a scratch file through one large buffer. */
#include "source/spool.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

lt_status lt_spool_open(lt_spool *spool, const char *folder, const char *name, lt_err *err)
{
    *spool = (lt_spool){.fd = -1, .buf = {.limit = 64 * LT_MIB}};
    spool->path = lt_path_join(folder, name);
    spool->fd = open(spool->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (spool->fd < 0)
        return lt_fail_errno(err, errno, "cannot write '%s'", spool->path);
    return LT_OK;
}

lt_status lt_spool_flush(lt_spool *spool, lt_err *err)
{
    LT_TRY(lt_buf_check(&spool->buf, "a piece of the scratch file", err));
    LT_TRY(lt_fd_write(spool->fd, lt_buf_text(&spool->buf), spool->path, err));
    spool->bytes += (int64_t)spool->buf.len;
    lt_buf_clear(&spool->buf);
    return LT_OK;
}

void lt_spool_cleanup(lt_spool *spool)
{
    lt_fd_close(spool->fd);
    lt_free(spool->path);
    lt_buf_cleanup(&spool->buf);
    *spool = (lt_spool){.fd = -1};
}
