/* zone.h - time zones as templates see them: tzinfo objects over base/zone.h. Inner to dbt/rt/. */
#pragma once
#include "base/zone.h"
#include "dbt/rt/inner.h"

struct lt_dbt_zone {
    lt_jinja_object object;    /* as a tzinfo */
    const char *name;          /* "America/New_York" */
    const lt_zone *zone;       /* NULL: a fixed offset */
    const lt_zone_type *fixed; /* then this */
};

extern const lt_jinja_class lt_dbt_zone_class;
/* LT_NOT_FOUND: tzdata has no such name. */
lt_status lt_dbt_zone_find(lt_jinja_heap *heap, lt_text name, const lt_dbt_zone **out, lt_err *err);
const lt_dbt_zone *lt_dbt_zone_local(lt_jinja_heap *heap);
const lt_dbt_zone *lt_dbt_zone_fixed(lt_jinja_heap *heap, int32_t offset_s, const char *name);
const lt_zone_type *lt_dbt_zone_at(const lt_dbt_zone *zone, int64_t utc_s);
/* Of a wall clock: of the two moments of an hour that comes twice the later one, as pytz's is_dst=False. */
const lt_zone_type *lt_dbt_zone_at_wall(const lt_dbt_zone *zone, int64_t wall_s);
