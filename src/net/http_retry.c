/* When to ask a server again, and how long to wait before. */
#include "net/http_retry.h"
#include "base/log.h"

#include "base/time.h"
#include "net/url.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const days[] = {"Thursday", "Friday",  "Saturday", "Sunday",
                                   "Monday",   "Tuesday", "Wednesday"}; /* day 0 of 1970 first */

bool lt_retry_helps(int status)
{
    return status == 408 || status == 425 || status == 429 ||
           (status >= 500 && status <= 599 && status != 501 && status != 505);
}

static lt_retry with_defaults(const lt_retry *policy)
{
    lt_retry p = policy ? *policy : (lt_retry){0};
    p.attempts = p.attempts ? p.attempts : 5;
    p.base_us = p.base_us > 0 ? p.base_us : 500 * 1000;
    p.cap_us = p.cap_us > 0 ? p.cap_us : 60 * 1000000LL;
    p.after_cap_us = p.after_cap_us > 0 ? p.after_cap_us : 300 * 1000000LL;
    return p;
}

int64_t lt_retry_delay_us(const lt_retry *policy, unsigned attempt, int64_t after_us,
                          uint64_t random)
{
    lt_retry p = with_defaults(policy);
    int64_t ceiling_us = LT_MIN(p.base_us, p.cap_us);
    for (unsigned i = 2; i < attempt && ceiling_us < p.cap_us; i++)
        ceiling_us = LT_MIN(ceiling_us > p.cap_us / 2 ? p.cap_us : ceiling_us * 2, p.cap_us);
    int64_t jitter_us = (int64_t)(random % ((uint64_t)ceiling_us + 1));
    if (after_us < 0)
        return jitter_us;
    /* Behind the moment that the server named, and not all clients at that very moment. */
    return LT_MIN(after_us, p.after_cap_us) + LT_MIN(jitter_us, p.base_us);
}

/* ---- dates ---- */

static bool take_word(lt_text *rest, const char *seps, lt_text *word)
{
    while (rest->len > 0 && strchr(seps, rest->ptr[0]))
        *rest = lt_text_sub(*rest, 1, rest->len);
    size_t i = 0;
    while (i < rest->len && !strchr(seps, rest->ptr[i]))
        i++;
    *word = lt_text_sub(*rest, 0, i);
    *rest = lt_text_sub(*rest, i, rest->len);
    return i > 0;
}

static bool read_month(lt_text word, unsigned *month)
{
    for (unsigned i = 0; i < LT_COUNT(months); i++)
        if (lt_text_eq(word, lt_text_of(months[i]))) {
            *month = i + 1;
            return true;
        }
    return false;
}

static bool read_clock(lt_text word, int64_t *seconds)
{
    uint64_t h, m, s;
    if (word.len != 8 || word.ptr[2] != ':' || word.ptr[5] != ':' ||
        !lt_text_to_u64(lt_text_sub(word, 0, 2), &h) ||
        !lt_text_to_u64(lt_text_sub(word, 3, 2), &m) ||
        !lt_text_to_u64(lt_text_sub(word, 6, 2), &s) || h > 23 || m > 59 || s > 60)
        return false;
    *seconds = (int64_t)(h * 3600 + m * 60 + s);
    return true;
}

static bool read_year(lt_text word, int64_t *year)
{
    uint64_t number;
    if ((word.len != 4 && word.len != 2) || !lt_text_to_u64(word, &number))
        return false;
    if (word.len ==
        2) /* RFC 850; "more than 50 years ahead" is past, for as long as this program lives */
        number += number < 76 ? 2000 : 1900;
    *year = (int64_t)number;
    return true;
}

static bool read_day(lt_text word, unsigned *day)
{
    uint64_t number;
    if (word.len > 2 || !lt_text_to_u64(word, &number))
        return false;
    *day = (unsigned)number;
    return true;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT" or "Sun Nov  6 08:49:37 1994". */
bool lt_http_date_read(lt_text text, int64_t *moment_us)
{
    lt_text word[6] = {0}, rest = text, more;
    size_t count = 0;
    if (text.len > 64 || lt_text_find_byte(text, 0, 0) != SIZE_MAX)
        return false;
    while (count < LT_COUNT(word) && take_word(&rest, " ,-", &word[count]))
        count++;
    if (take_word(&rest, " ,-", &more))
        return false;
    bool c_style = count == 5;
    if (!c_style && (count != 6 || !lt_text_eq(word[5], T("GMT"))))
        return false;
    lt_date date = {0};
    int64_t seconds;
    if (!read_day(word[c_style ? 2 : 1], &date.day) ||
        !read_month(word[c_style ? 1 : 2], &date.month) ||
        !read_clock(word[c_style ? 3 : 4], &seconds) ||
        !read_year(word[c_style ? 4 : 3], &date.year) || !lt_date_is_valid(date))
        return false;
    *moment_us = (lt_days_from_date(date) * 86400 + seconds) * 1000000;
    return true;
}

const char *lt_http_date_write(int64_t moment_us, char out[LT_HTTP_DATE_CHARS])
{
    int64_t last_us = 253402300799 * 1000000LL; /* the end of 9999 */
    int64_t s = LT_MIN(LT_MAX(moment_us, 0), last_us) / 1000000;
    lt_date date = lt_date_from_days(s / 86400);
    int clock = (int)(s % 86400);
    (void)snprintf(out, LT_HTTP_DATE_CHARS, "%.3s, %02u %s %04d %02d:%02d:%02d GMT",
                   days[(s / 86400) % 7], date.day % 100, months[(date.month - 1) % 12],
                   (int)(date.year % 10000), clock / 3600 % 24, clock / 60 % 60, clock % 60);
    return out;
}

bool lt_retry_after_read(lt_text value, int64_t now_us, int64_t *delay_us)
{
    lt_text text = lt_text_trim(value);
    uint64_t seconds;
    int64_t moment_us;
    if (text.len > 0 && text.len <= 12 && lt_text_to_u64(text, &seconds)) {
        *delay_us = (int64_t)seconds * 1000000;
        return true;
    }
    if (!lt_http_date_read(text, &moment_us))
        return false;
    *delay_us = LT_MAX(moment_us - now_us, 0);
    return true;
}

/* ---- sending ---- */

static uint64_t random_bits(void)
{
    return (uint64_t)arc4random() << 32 | arc4random();
}

static bool may_retry(const lt_retry *policy)
{
    return !policy->budget || atomic_fetch_sub(policy->budget, 1) > 0;
}

/* What the server wants us to wait, or -1. */
static int64_t wish_of(const lt_http_response *response)
{
    int64_t delay_us = -1;
    lt_text value = lt_http_header_find_last(response, T("Retry-After"));
    if (value.len > 0 && lt_retry_after_read(value, lt_now_us(), &delay_us))
        return delay_us;
    return -1;
}

static lt_status status_failed(const lt_http_request *request, const lt_http_response *response,
                               unsigned attempts, bool spent, lt_err *err)
{
    LT_AUTO(lt_buf) shown = {.limit = 2 * (size_t)LT_URL_BYTES};
    lt_url_show(lt_text_sub(request->url, 0, 400), &shown);
    lt_ignore(lt_fail(err, LT_IO, "%.*s %s: the server answered %d %s, %u time%s%s",
                      LT_ARG(request->method.len ? request->method : T("GET")),
                      lt_buf_chars(&shown), response->status, lt_http_status_name(response->status),
                      attempts, attempts == 1 ? "" : "s",
                      spent ? "; no retries are left for this extract" : ""));
    if (response->status == 429)
        return lt_hint(err, "ask less often (requests per minute), or try again later");
    return lt_hint(err, "the server has a problem: try again later");
}

/* Silence over a long wait looks like hanging. */
static void say_wait(const lt_http_request *request, int64_t delay_us)
{
    static const int64_t LONG_US = 10 * (int64_t)1000000;
    char length[LT_TIME_CHARS];
    LT_AUTO(lt_buf) shown = {.limit = LT_KIB};
    if (delay_us < LONG_US)
        return;
    lt_url_show(lt_text_sub(request->url, 0, 200), &shown);
    lt_log(LT_LOG_INFO, "waiting %s before asking %s again", lt_length_write(delay_us, length),
           lt_buf_chars(&shown));
}

lt_status lt_http_send_patiently(lt_http_client *client, const lt_http_request *request,
                                 const lt_retry *policy, lt_rate *rate, lt_http_response *response,
                                 int64_t *attempts, lt_err *err)
{
    lt_retry p = with_defaults(policy);
    const atomic_bool *stop = lt_http_client_options(client)->stop;
    for (unsigned attempt = 1;; attempt++) {
        if (rate)
            LT_TRY(lt_rate_wait(rate, stop, err));
        lt_status status = lt_http_send(client, request, response, err);
        if (attempts)
            ++*attempts;
        bool answered = status == LT_OK;
        if (answered ? !lt_retry_helps(response->status) : status != LT_IO)
            return status;
        bool spent = attempt < p.attempts && !may_retry(&p);
        if (attempt >= p.attempts || spent)
            return answered ? status_failed(request, response, attempt, spent, err)
                            : lt_wrap(err, "tried %u time%s", attempt, attempt == 1 ? "" : "s");
        int64_t after_us = answered ? wish_of(response) : -1;
        int64_t delay_us = lt_retry_delay_us(&p, attempt + 1, after_us, random_bits());
        if (rate && after_us > 0)
            lt_rate_pause(rate, lt_mono_us() + LT_MIN(after_us, p.after_cap_us));
        say_wait(request, delay_us);
        LT_TRY(lt_wait_us(delay_us, stop, err));
    }
}
