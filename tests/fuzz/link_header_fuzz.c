/* Any bytes as a Link header: it ends, and what it gives lies inside the input. */
#include "net/link_header.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lt_text all = lt_text_at((const char *)data, size), rest = all, target;
    for (lt_link link; lt_link_next(&rest, &link);)
        if (link.target.len > size || link.rel.len > size || rest.len >= size)
            abort();
    if (lt_link_find(all, T("next"), &target) && target.len > 0 &&
        (target.ptr < all.ptr || target.ptr + target.len > all.ptr + all.len))
        abort();
    return 0;
}
