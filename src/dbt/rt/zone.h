/* zone.h - time zones from the system's tzdata (RFC 8536). Inner to dbt/rt/. */
#pragma once
#include "dbt/rt/inner.h"

typedef struct zone_type {
    int32_t offset_s;
    bool is_dst;
    const char *name; /* "EST" */
} zone_type;

struct lt_dbt_zone {
    lt_jinja_object object; /* as a tzinfo */
    const char *name;       /* "America/New_York" */
    size_t count;           /* of transitions */
    const int64_t *at_s;    /* sorted */
    const uint8_t *type_of; /* index of types, after each */
    const zone_type *types;
    size_t type_count, first; /* the type before the first transition */
    bool is_fixed, is_std;    /* of datetime.timezone: prints UTC+01:00 */
};

extern const lt_jinja_class lt_dbt_zone_class;
/* LT_NOT_FOUND: tzdata has no such name. `name` must be a name, not a path out of the folder. */
lt_status lt_dbt_zone_read(lt_jinja_heap *heap, lt_text name, const lt_dbt_zone **out, lt_err *err);
/* The zone of this machine: TZ, else /etc/localtime, else UTC. */
const lt_dbt_zone *lt_dbt_zone_local(lt_jinja_heap *heap);
const lt_dbt_zone *lt_dbt_zone_fixed(lt_jinja_heap *heap, int32_t offset_s, const char *name);
const zone_type *lt_dbt_zone_at(const lt_dbt_zone *zone, int64_t utc_s);
/* Of a wall clock; of the two moments of an hour that comes twice the later one (as pytz's is_dst=False), of one that does
 * not exist the offset before. */
const zone_type *lt_dbt_zone_at_wall(const lt_dbt_zone *zone, int64_t wall_s);
