/* Retries wait as long as they should, without a test that sleeps. */
#include "net/http_retry.h"

#include "base/time.h"
#include "support/test.h"

Test(http_retry, waits_grow_up_to_the_cap)
{
    lt_retry policy = {.base_us = 100, .cap_us = 1000};
    static const int64_t ceilings[] = {100, 200, 400, 800, 1000, 1000};
    for (unsigned i = 0; i < LT_COUNT(ceilings); i++) {
        CHECK_INT(lt_retry_delay_us(&policy, i + 2, -1, (uint64_t)ceilings[i]), ceilings[i]);
        CHECK_INT(lt_retry_delay_us(&policy, i + 2, -1, (uint64_t)ceilings[i] + 1), 0);
    }
    CHECK_INT(lt_retry_delay_us(&policy, 4000000000U, -1, 1000), 1000);
}

Test(http_retry, never_comes_before_retry_after)
{
    lt_retry policy = {.base_us = 100, .cap_us = 1000, .after_cap_us = 5000};
    CHECK_INT(lt_retry_delay_us(&policy, 2, 3000, 0), 3000);
    CHECK_INT(lt_retry_delay_us(&policy, 5, 3000, 800), 3100);
    CHECK_INT(lt_retry_delay_us(&policy, 2, 60000000, 7), 5007);
}

Test(http_retry, knows_what_may_go_away)
{
    CHECK(lt_retry_helps(429) && lt_retry_helps(500) && lt_retry_helps(503) && lt_retry_helps(408));
    CHECK(!lt_retry_helps(200) && !lt_retry_helps(404) && !lt_retry_helps(401) &&
          !lt_retry_helps(501));
}

Test(http_retry, reads_the_three_http_dates)
{
    static const char *const dates[] = {"Sun, 06 Nov 1994 08:49:37 GMT",
                                        "Sunday, 06-Nov-94 08:49:37 GMT",
                                        "Sun Nov  6 08:49:37 1994"};
    for (size_t i = 0; i < LT_COUNT(dates); i++) {
        int64_t moment = 0;
        CHECK(lt_http_date_read(lt_text_of(dates[i]), &moment));
        CHECK_INT(moment, 784111777000000);
    }
    static const char *const bad[] = {"",
                                      "Sun, 31 Feb 1994 08:49:37 GMT",
                                      "Sun, 06 Nov 1994 24:49:37 GMT",
                                      "Sun, 06 Nov 1994 08:49:37 CET",
                                      "Sun, 06 Nov 1994 08:49:37 GMT x",
                                      "06 Nov"};
    int64_t moment = 0;
    for (size_t i = 0; i < LT_COUNT(bad); i++)
        CHECK(!lt_http_date_read(lt_text_of(bad[i]), &moment));
    char out[LT_HTTP_DATE_CHARS];
    CHECK_STR(lt_http_date_write(784111777000000, out), dates[0]);
}

Test(http_retry, reads_retry_after)
{
    int64_t delay = 0;
    CHECK(lt_retry_after_read(T(" 120 "), 0, &delay));
    CHECK_INT(delay, 120000000);
    CHECK(lt_retry_after_read(T("Sun, 06 Nov 1994 08:49:37 GMT"), 784111770000000, &delay));
    CHECK_INT(delay, 7000000);
    CHECK(lt_retry_after_read(T("Sun, 06 Nov 1994 08:49:37 GMT"), 784111790000000, &delay));
    CHECK_INT(delay, 0);
    CHECK(!lt_retry_after_read(T("-5"), 0, &delay) && !lt_retry_after_read(T("soon"), 0, &delay) &&
          !lt_retry_after_read(T("99999999999999999999"), 0, &delay));
}

Test(rate, spreads_requests_after_a_burst)
{
    lt_rate rate;
    lt_rate_init(&rate, 60, 3);
    CHECK_INT(lt_rate_take(&rate, 1000), 0);
    CHECK_INT(lt_rate_take(&rate, 1000), 0);
    CHECK_INT(lt_rate_take(&rate, 1000), 0);
    CHECK_INT(lt_rate_take(&rate, 1000), 1000000);
    CHECK_INT(lt_rate_take(&rate, 1000), 2000000);
    lt_rate_cleanup(&rate);
}

Test(rate, refuses_for_servers_and_pauses_all)
{
    lt_rate rate;
    int64_t wait = 0;
    lt_rate_init(&rate, 60, 1);
    CHECK(lt_rate_try(&rate, 0, &wait));
    CHECK(!lt_rate_try(&rate, 400000, &wait));
    CHECK_INT(wait, 600000);
    CHECK(lt_rate_try(&rate, 1000000, &wait));
    lt_rate_pause(&rate, 9000000);
    CHECK(!lt_rate_try(&rate, 3000000, &wait));
    CHECK_INT(wait, 6000000);
    CHECK_INT(lt_rate_take(&rate, 9500000), 0);
    lt_rate_cleanup(&rate);
}

Test(rate, without_a_limit_lets_everybody_through)
{
    lt_rate rate;
    lt_rate_init(&rate, 0, 0);
    for (int i = 0; i < 100; i++)
        CHECK_INT(lt_rate_take(&rate, 5), 0);
    lt_rate_cleanup(&rate);
}
