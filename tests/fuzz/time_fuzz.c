/* Fuzz: any bytes as a moment and as a length of time. What is read is in range, and a moment reads back from its own text. */
#include "base/size.h"
#include "base/time.h"

#include <stdlib.h>

static void must(bool fact)
{
    if (!fact)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t day_us = 86400 * (int64_t)1000000;
    static const int64_t first_us = -62167219200 * (int64_t)1000000, last_us = 253402300799999999;
    lt_text text = lt_text_at((const char *)data, size);
    int64_t moment, again, length, bytes;
    char written[LT_TIME_CHARS], size_written[LT_SIZE_CHARS];
    if (lt_time_read(text, &moment)) {
        must(moment >= first_us - day_us && moment <= last_us + day_us);
        lt_text back = lt_text_of(lt_time_write(moment, written));
        must(lt_time_read(back, &again));
        must(again == moment || moment < first_us || moment > last_us);
    }
    if (lt_length_read(text, &length)) {
        must(length >= 0);
        must(strlen(lt_length_write(length, written)) < sizeof(written));
    }
    if (lt_size_read(text, &bytes)) {
        must(bytes >= 0);
        must(strlen(lt_size_write(bytes, size_written)) < sizeof(size_written));
    }
    return 0;
}
