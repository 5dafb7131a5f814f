/* Any bytes as an archive: what is given stays within it, and no path leads out. */
#include "fmt/tar.h"

#include <stdlib.h>

static lt_status take(void *context, const lt_tar_entry *entry, lt_err *err)
{
    const lt_text *archive = context;
    lt_text rest = entry->path, part;
    (void)err;
    if (!entry->path.len || entry->path.len > LT_TAR_PATH_BYTES || entry->path.ptr[0] == '/')
        abort();
    while (lt_text_cut(&rest, '/', &part))
        if (!part.len || lt_text_eq(part, T("..")))
            abort();
    if (entry->content.len > archive->len)
        abort();
    return LT_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lt_text all = lt_text_at((const char *)data, size);
    LT_AUTO(lt_buf) unpacked = {.limit = LT_MIB};
    lt_err err = {0};
    if (lt_gunzip(all, &unpacked, &err) != LT_OK)
        return 0;
    lt_text archive = lt_buf_text(&unpacked);
    lt_ignore(lt_tar_read(archive, 1000, take, &archive, &err));
    return 0;
}
