/* tzinfo objects: zones of tzdata, and fixed offsets. */
#include "dbt/rt/zone.h"

#include <stdlib.h>

static const lt_zone_type utc_type = {.name = "UTC"};
const lt_dbt_zone lt_dbt_utc = {
    .object.class = &lt_dbt_zone_class, .name = "UTC", .fixed = &utc_type};

static const lt_dbt_zone *of_zone(lt_jinja_heap *heap, const lt_zone *zone)
{
    lt_dbt_zone *made = LT_NEW(&heap->arena, lt_dbt_zone);
    *made =
        (lt_dbt_zone){.object.class = &lt_dbt_zone_class, .name = lt_zone_name(zone), .zone = zone};
    return made;
}

lt_status lt_dbt_zone_find(lt_jinja_heap *heap, lt_text name, const lt_dbt_zone **out, lt_err *err)
{
    const lt_zone *zone = NULL;
    if (lt_text_eq_nocase(name, T("utc"))) {
        *out = &lt_dbt_utc;
        return LT_OK;
    }
    LT_TRY(lt_zone_find(name, &zone, err));
    *out = of_zone(heap, zone);
    return LT_OK;
}

const lt_dbt_zone *lt_dbt_zone_local(lt_jinja_heap *heap)
{
    return of_zone(heap, lt_zone_local());
}

const lt_dbt_zone *lt_dbt_zone_fixed(lt_jinja_heap *heap, int32_t offset_s, const char *name)
{
    lt_dbt_zone *zone = LT_NEW(&heap->arena, lt_dbt_zone);
    lt_zone_type *type = LT_NEW(&heap->arena, lt_zone_type);
    int minutes = abs(offset_s) / 60;
    if (!name)
        name = offset_s ? lt_arena_format(&heap->arena, "UTC%c%02d:%02d", offset_s < 0 ? '-' : '+',
                                          minutes / 60, minutes % 60)
                        : "UTC";
    *type = (lt_zone_type){.offset_s = offset_s, .name = name};
    *zone = (lt_dbt_zone){.object.class = &lt_dbt_zone_class, .name = name, .fixed = type};
    return zone;
}

const lt_zone_type *lt_dbt_zone_at(const lt_dbt_zone *zone, int64_t utc_s)
{
    return zone->fixed ? zone->fixed : lt_zone_at(zone->zone, utc_s);
}

const lt_zone_type *lt_dbt_zone_at_wall(const lt_dbt_zone *zone, int64_t wall_s)
{
    int64_t first, second;
    if (zone->fixed)
        return zone->fixed;
    (void)lt_zone_moments(zone->zone, wall_s, &first, &second);
    return lt_zone_at(zone->zone, second);
}
