/* Any bytes as URL and reference: splitting, resolving and rebuilding stay within bounds, and decoding undoes encoding. */
#include "net/url.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lt_text all = lt_text_at((const char *)data, size), rest = all, base = {0};
    LT_AUTO(lt_buf) out = {.limit = LT_MIB};
    LT_AUTO(lt_buf) back = {.limit = LT_MIB};
    lt_url url;
    lt_err err;
    (void)lt_text_cut(&rest, '\n', &base);
    if (lt_url_split(base, &url) && url.path.len + url.query.len > base.len)
        abort();
    lt_ignore(lt_url_read(rest, &url, &err));
    if (lt_url_resolve(base, rest, &out) && out.len <= LT_URL_BYTES &&
        !lt_url_split(lt_buf_text(&out), &url))
        abort();
    lt_buf_clear(&out);
    lt_url_show(all, &out);
    lt_url_set_param(&out, base, rest);
    lt_buf_clear(&out);
    lt_url_encode(all, &out);
    if (!out.overflow &&
        (!lt_url_decode(lt_buf_text(&out), true, &back) || !lt_text_eq(lt_buf_text(&back), all)))
        abort();
    return 0;
}
