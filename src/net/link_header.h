/* link_header.h - the Link field of an HTTP response (RFC 8288): `<https://x/?page=2>; rel="next", <...>; rel=last`.
 *
 * Lenient as its readers must be: what cannot be read is stepped over, never an error. All borrowed; any thread. */
#pragma once
#include "base/text.h"

typedef struct lt_link {
    lt_text target; /* between '<' and '>', as written: may be relative */
    lt_text rel;    /* the first rel parameter, without quotes; relation types between spaces */
    bool anchored;  /* has an anchor parameter: a link from some other page */
} lt_link;

/* Take the next link out of the field's value. Start with *rest = value, call until false. */
bool lt_link_next(lt_text *rest, lt_link *out);
/* The target of the first link from this page with relation `rel` (ASCII case ignored). */
bool lt_link_find(lt_text value, lt_text rel, lt_text *target);
