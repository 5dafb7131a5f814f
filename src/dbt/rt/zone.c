/* Time zones: reading the system's tzdata files, and asking which offset holds when. */
#include "dbt/rt/zone.h"

#include "base/fs.h"

#include <stdlib.h>

static const zone_type utc_types[] = {{.offset_s = 0, .name = "UTC"}};
const lt_dbt_zone lt_dbt_utc = {.object.class = &lt_dbt_zone_class,
                                .name = "UTC",
                                .types = utc_types,
                                .type_count = 1,
                                .is_fixed = true};

enum { HEADER = 44, MAX_FILE = 256 * 1024 };

typedef struct tz_counts {
    uint32_t utc, std, leap, times, types, chars;
} tz_counts;

static uint32_t u32(const char *at)
{
    const unsigned char *p = (const unsigned char *)at;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t i64(const char *at)
{
    return (int64_t)((uint64_t)u32(at) << 32 | u32(at + 4));
}

static bool read_header(lt_text file, tz_counts *c)
{
    if (file.len < HEADER || memcmp(file.ptr, "TZif", 4) != 0)
        return false;
    *c = (tz_counts){.utc = u32(file.ptr + 20),
                     .std = u32(file.ptr + 24),
                     .leap = u32(file.ptr + 28),
                     .times = u32(file.ptr + 32),
                     .types = u32(file.ptr + 36),
                     .chars = u32(file.ptr + 40)};
    return c->utc < MAX_FILE && c->std < MAX_FILE && c->leap < MAX_FILE && c->times < MAX_FILE &&
           c->types > 0 && c->types < 256 && c->chars < MAX_FILE;
}

static size_t block_size(const tz_counts *c, size_t time_size)
{
    return c->times * (time_size + 1) + c->types * 6 + c->chars + c->leap * (time_size + 4) +
           c->std + c->utc;
}

/* The block with 64-bit times, behind that with 32-bit ones. */
static bool parse(lt_jinja_heap *heap, lt_text file, lt_dbt_zone *zone)
{
    tz_counts c;
    if (!read_header(file, &c) || file.ptr[4] < '2')
        return false;
    size_t skip = HEADER + block_size(&c, 4);
    if (skip > file.len)
        return false;
    lt_text rest = lt_text_sub(file, skip, file.len);
    if (!read_header(rest, &c) || HEADER + block_size(&c, 8) > rest.len)
        return false;
    const char *times = rest.ptr + HEADER, *indexes = times + 8 * (size_t)c.times;
    const char *types = indexes + c.times, *chars = types + 6 * (size_t)c.types;
    int64_t *at_s = lt_alloc_array(&heap->arena, c.times + 1, sizeof(*at_s));
    uint8_t *type_of = lt_alloc_array(&heap->arena, c.times + 1, 1);
    zone_type *made = lt_alloc_array(&heap->arena, c.types, sizeof(*made));
    for (uint32_t i = 0; i < c.times; i++) {
        at_s[i] = i64(times + 8 * (size_t)i);
        type_of[i] = (uint8_t)indexes[i];
        if (type_of[i] >= c.types)
            return false;
    }
    for (uint32_t i = 0; i < c.types; i++) {
        uint8_t name = (uint8_t)types[6 * (size_t)i + 5];
        if (name >= c.chars)
            return false;
        made[i].offset_s = (int32_t)u32(types + 6 * (size_t)i);
        made[i].is_dst = types[6 * (size_t)i + 4] != 0;
        lt_text abbreviation = lt_text_at(chars + name, strnlen(chars + name, c.chars - name));
        made[i].name = lt_arena_str(&heap->arena, abbreviation);
    }
    zone->count = c.times;
    zone->at_s = at_s;
    zone->type_of = type_of;
    zone->types = made;
    zone->type_count = c.types;
    return true;
}

static bool read_file(lt_jinja_heap *heap, const char *path, lt_dbt_zone *zone)
{
    LT_AUTO(lt_buf) file = {.limit = MAX_FILE};
    lt_err ignored = {0};
    return lt_file_read(path, &file, &ignored) == LT_OK && parse(heap, lt_buf_text(&file), zone);
}

static bool is_name(lt_text name)
{
    if (!name.len || name.len > 64 || name.ptr[0] == '/' || lt_text_has(name, T("..")))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!lt_is_alpha(name.ptr[i]) && !lt_is_digit(name.ptr[i]) && !strchr("/_+-", name.ptr[i]))
            return false;
    return true;
}

lt_status lt_dbt_zone_read(lt_jinja_heap *heap, lt_text name, const lt_dbt_zone **out, lt_err *err)
{
    lt_dbt_zone *zone = LT_NEW(&heap->arena, lt_dbt_zone);
    *zone =
        (lt_dbt_zone){.object.class = &lt_dbt_zone_class, .name = lt_arena_str(&heap->arena, name)};
    if (lt_text_eq_nocase(name, T("utc"))) {
        *out = &lt_dbt_utc;
        return LT_OK;
    }
    const char *path = lt_arena_format(&heap->arena, "/usr/share/zoneinfo/%s", zone->name);
    if (!is_name(name) || !read_file(heap, path, zone))
        return lt_fail(err, LT_NOT_FOUND, "unknown time zone '%.*s'", LT_ARG(name));
    *out = zone;
    return LT_OK;
}

const lt_dbt_zone *lt_dbt_zone_local(lt_jinja_heap *heap)
{
    const char *name = getenv("TZ");
    const lt_dbt_zone *found = NULL;
    lt_err ignored = {0};
    if (name && *name)
        return lt_dbt_zone_read(heap, lt_text_of(name), &found, &ignored) == LT_OK ? found
                                                                                   : &lt_dbt_utc;
    lt_dbt_zone *zone = LT_NEW(&heap->arena, lt_dbt_zone);
    *zone = (lt_dbt_zone){.object.class = &lt_dbt_zone_class, .name = "local"};
    return read_file(heap, "/etc/localtime", zone) ? zone : &lt_dbt_utc;
}

const lt_dbt_zone *lt_dbt_zone_fixed(lt_jinja_heap *heap, int32_t offset_s, const char *name)
{
    lt_dbt_zone *zone = LT_NEW(&heap->arena, lt_dbt_zone);
    zone_type *type = LT_NEW(&heap->arena, zone_type);
    int minutes = abs(offset_s) / 60;
    if (!name)
        name = offset_s ? lt_arena_format(&heap->arena, "UTC%c%02d:%02d", offset_s < 0 ? '-' : '+',
                                          minutes / 60, minutes % 60)
                        : "UTC";
    *type = (zone_type){.offset_s = offset_s, .name = name};
    *zone = (lt_dbt_zone){.object.class = &lt_dbt_zone_class,
                          .name = name,
                          .types = type,
                          .type_count = 1,
                          .is_fixed = true};
    return zone;
}

const zone_type *lt_dbt_zone_at(const lt_dbt_zone *zone, int64_t utc_s)
{
    size_t low = 0, high = zone->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (zone->at_s[middle] <= utc_s)
            low = middle + 1;
        else
            high = middle;
    }
    return &zone->types[low ? zone->type_of[low - 1] : zone->first];
}

const zone_type *lt_dbt_zone_at_wall(const lt_dbt_zone *zone, int64_t wall_s)
{
    const zone_type *before = lt_dbt_zone_at(zone, wall_s - 86400);
    const zone_type *after = lt_dbt_zone_at(zone, wall_s + 86400);
    if (lt_dbt_zone_at(zone, wall_s - after->offset_s) == after)
        return after;
    const zone_type *found = lt_dbt_zone_at(zone, wall_s - before->offset_s);
    return found == before ? before : lt_dbt_zone_at(zone, wall_s - found->offset_s);
}
