/* Any bytes as Retry-After and HTTP date: never negative, and what was read is written and read again as the same. */
#include "net/http_retry.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lt_text text = lt_text_at((const char *)data, size);
    int64_t delay_us, moment_us, again_us;
    char written[LT_HTTP_DATE_CHARS];
    if (lt_retry_after_read(text, 0, &delay_us) && delay_us < 0)
        abort();
    if (lt_http_date_read(text, &moment_us) && moment_us >= 0 &&
        (!lt_http_date_read(lt_text_of(lt_http_date_write(moment_us, written)), &again_us) ||
         again_us != moment_us))
        abort();
    return 0;
}
