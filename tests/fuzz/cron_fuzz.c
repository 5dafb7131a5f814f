/* Any bytes as a schedule: what is read has a next tick behind every tick, and they only go forward. */
#include "base/cron.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lt_cron cron;
    lt_err err = {0};
    const lt_zone *zone;
    if (lt_cron_read(lt_text_at((const char *)data, size), &cron, &err) != LT_OK)
        return 0;
    if (lt_zone_find(T("Europe/London"), &zone, &err) != LT_OK)
        zone = lt_zone_utc();
    lt_cron_tick tick = lt_cron_from(1774742400), next; /* the day before clocks go forward */
    for (int i = 0; i < 50 && lt_cron_next(&cron, zone, tick, &next); i++) {
        if (next.at_s < tick.at_s || (next.at_s == tick.at_s && next.wall_s <= tick.wall_s))
            abort();
        tick = next;
    }
    return 0;
}
