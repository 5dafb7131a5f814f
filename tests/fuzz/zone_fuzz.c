/* Any bytes as a tzdata file: offsets can be asked for, and changes only go forward. */
#include "base/zone.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    LT_AUTO(lt_zone_ref) zone = NULL;
    lt_err err = {0};
    if (lt_zone_read(T("x"), lt_text_at((const char *)data, size), &zone, &err) != LT_OK)
        return 0;
    int64_t moment = -2000000000, change, first, second;
    for (int i = 0; i < 50; i++) {
        int64_t offset_s = lt_zone_at(zone, moment)->offset_s;
        (void)lt_zone_moments(zone, moment + offset_s, &first, &second);
        if (!lt_zone_next_change(zone, moment, &change) || change > 4000000000)
            break;
        if (change <= moment)
            abort();
        moment = change;
    }
    return 0;
}
