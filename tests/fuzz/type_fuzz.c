/* Any bytes as a DuckDB type: what is read is written, and read again as the same. */
#include "source/type.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) once = {.limit = LT_MIB};
    LT_AUTO(lt_buf) twice = {.limit = LT_MIB};
    lt_type type, again;
    if (!lt_type_read(&arena, lt_text_at((const char *)data, size), &type))
        return 0;
    lt_type_write(&type, &once);
    if (!lt_type_read(&arena, lt_buf_text(&once), &again))
        abort();
    lt_type_write(&again, &twice);
    if (!lt_text_eq(lt_buf_text(&once), lt_buf_text(&twice)))
        abort();
    (void)lt_type_merge(&arena, &again, &type);
    return 0;
}
