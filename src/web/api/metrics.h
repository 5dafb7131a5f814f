/* metrics.h - what the face counts of itself. For web/api/ alone. */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

enum { LT_API_ROUTES_MOST = 64 };

typedef struct lt_api_counts {
    _Atomic int64_t
        requests[LT_API_ROUTES_MOST]
                [5]; /* by number of the route (behind the last: none) and class of status */
    _Atomic int64_t length_us;
} lt_api_counts;

typedef struct lt_api lt_api;
typedef struct lt_api_route lt_api_route;
/* One more answer; `route` NULL: there was none. */
void lt_api_count(lt_api *api, const lt_api_route *route, int status, int64_t length_us);
