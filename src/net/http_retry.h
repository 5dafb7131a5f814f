/* http_retry.h - try again when that may help: 408, 425, 429, 5xx, timeouts and broken connections.
 *
 * Waits follow "full jitter" (AWS Architecture Blog, "Exponential Backoff And Jitter"): a random time between 0 and
 * min(cap, base * 2^attempt); a Retry-After (RFC 9110 section 10.2.3) is the least that is waited, up to its own cap. */
#pragma once
#include "net/http_client.h"
#include "net/rate.h"

/* Zero means the default in brackets. */
typedef struct lt_retry {
    unsigned attempts;       /* of one request, the first included [5] */
    int64_t base_us, cap_us; /* [500 ms], [60 s] */
    int64_t after_cap_us;    /* longer Retry-Afters are cut to this [5 min] */
    _Atomic int64_t *budget; /* borrowed, may be NULL: retries left for all requests together */
} lt_retry;

/* Would sending the request again possibly help? */
bool lt_retry_helps(int http_status);
/* How long to wait before attempt `attempt` (2, 3, ...). `after_us` is the server's wish, negative when it has none;
 * `random` any 64 random bits. Pure. */
int64_t lt_retry_delay_us(const lt_retry *policy, unsigned attempt, int64_t after_us,
                          uint64_t random);

/* Read Retry-After: seconds or an HTTP date, as a length from `now_us` (UTC). Never negative. */
LT_MUST_CHECK bool lt_retry_after_read(lt_text value, int64_t now_us, int64_t *delay_us);
/* Read a date in any of HTTP's three formats (RFC 9110 section 5.6.7). */
LT_MUST_CHECK bool lt_http_date_read(lt_text text, int64_t *moment_us);
enum { LT_HTTP_DATE_CHARS = 32 };
const char *lt_http_date_write(int64_t moment_us,
                               char out[LT_HTTP_DATE_CHARS]); /* the preferred one */

/* Send, wait, send again. LT_OK with any status but those of lt_retry_helps(): when these do not go away, LT_IO says
 * how often it was tried. `rate` (may be NULL) is asked before each attempt, and paused when the server says wait.
 * *attempts (may be NULL) is increased by the requests that were sent. */
LT_MUST_CHECK lt_status lt_http_send_patiently(lt_http_client *client,
                                               const lt_http_request *request,
                                               const lt_retry *policy, lt_rate *rate,
                                               lt_http_response *response, int64_t *attempts,
                                               lt_err *err);
