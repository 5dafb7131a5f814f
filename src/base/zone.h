/* zone.h - time zones: which offset from UTC holds when. The rules are those of the system's tzdata (RFC 8536), also beyond the
 * years that its files list.
 *
 * Zones are read once and live as long as the process, so any thread may keep a pointer. A wall time is seconds since
 * 1970-01-01T00:00:00 as a clock on the wall there shows it. */
#pragma once
#include "base/err.h"

typedef struct lt_zone lt_zone;

typedef struct lt_zone_type {
    int32_t offset_s; /* east of UTC */
    bool is_dst;
    const char *name; /* "GMT", "BST", "+08" */
} lt_zone_type;

/* "Europe/London". LT_NOT_FOUND: tzdata has no such zone. LT_INVALID: its file is damaged, or `name` is no zone's name. */
LT_MUST_CHECK lt_status lt_zone_find(lt_text name, const lt_zone **out, lt_err *err);
const lt_zone *lt_zone_utc(void);
/* That of this machine: TZ, else /etc/localtime, else UTC. */
const lt_zone *lt_zone_local(void);

const char *lt_zone_name(
    const lt_zone *zone); /* of the local zone: "local" where nothing tells it */
/* What holds at a moment. */
const lt_zone_type *lt_zone_at(const lt_zone *zone, int64_t utc_s);
/* The first moment after `utc_s` from which another type holds; false: none. */
bool lt_zone_next_change(const lt_zone *zone, int64_t utc_s, int64_t *at_s);
static inline int64_t lt_zone_wall(const lt_zone *zone, int64_t utc_s)
{
    return utc_s + lt_zone_at(zone, utc_s)->offset_s;
}

typedef enum lt_wall_kind {
    LT_WALL_ONCE,
    LT_WALL_TWICE,   /* clocks went back over it */
    LT_WALL_SKIPPED, /* clocks went forward over it */
} lt_wall_kind;
/* When a clock there shows `wall_s`: *first, and *second when it does so twice (else the same). For a time that clocks skip, both
 * are the moment in which they went forward. */
lt_wall_kind lt_zone_moments(const lt_zone *zone, int64_t wall_s, int64_t *first, int64_t *second);

/* Read the bytes of a tzdata file; the caller owns *out and ends it with lt_zone_free(). For tests and fuzzers. */
LT_MUST_CHECK lt_status lt_zone_read(lt_text name, lt_text file, lt_zone **out, lt_err *err);
void lt_zone_free(lt_zone *zone); /* never of a zone that lt_zone_find() gave; NULL is fine */
LT_OWNED(lt_zone_ref, lt_zone *, lt_zone_free)
