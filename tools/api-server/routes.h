/* routes.h - the pages of the API server.
 *
 *   GET  /v1/NAME?page=1&pageSize=500      {"items":[...],"page":1,"pageSize":500,"totalPages":9,"total":4321}
 *   GET  /v1/NAME?offset=0&limit=500       {"items":[...],"offset":0,"limit":500,"total":4321}
 *   GET  /v1/NAME?cursor=&limit=500        {"items":[...],"next_cursor":"c1f4"}; null at the end
 *   GET  /v1/NAME/links?page=1             {"data":{"rows":[...]},"links":{"next":"http://..."}}; also a Link header
 *   GET  /v1/NAME/all                      [...]
 *   GET  /v1/NAME/7                        the record with that number
 *   All lists take since=MOMENT: only records with updated_at > since, in the same pages.
 *   POST /oauth/token
 *   GET  /admin/stats                      {"requests":3,"faults":{...}}
 *   POST /admin/faults?add=429:0.05        one more fault; DELETE takes all away
 *   POST /admin/visible?table=NAME&rows=N  only the first N records are there */
#pragma once
#include "fault.h"
#include "guard.h"
#include "table.h"

typedef struct lt_api {
    lt_api_table *tables;
    size_t table_count;
    lt_guard guard;
    lt_faults faults;
    int64_t page_size_max;
    int64_t latency_us, slow_us, retry_after_s;
    bool gzip;
    _Atomic int64_t requests; /* for records */
} lt_api;

void lt_api_handle(void *context, const lt_server_request *request, lt_server_reply *reply);
