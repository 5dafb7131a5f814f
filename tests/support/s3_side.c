/* Our own S3 face over a local store, as the other side of tests. */
#include "support/s3_side.h"

#include "net/http_client.h"
#include "store/s3.h"
#include "support/test.h"

#include <stdlib.h>

struct lt_s3_side {
    char *url; /* owned */
};

lt_s3_side *lt_s3_side_start(void)
{
    lt_err err = {0};
    lt_s3_side *side = lt_xcalloc(1, sizeof(*side));
    const char *url = getenv("LEAT_TEST_S3");
    if (!url)
        SKIP("no face yet");
    side->url = lt_xstrdup(url);
    (void)setenv("AWS_ACCESS_KEY_ID", "testtesttest", 1);
    (void)setenv("AWS_SECRET_ACCESS_KEY", "testtesttest-secret", 1);
    LT_AUTO(lt_http_client_ref) http = lt_http_client_new(NULL);
    LT_AUTO(lt_http_response) response = {0};
    LT_AUTO(lt_chars) reset = lt_format("%s/moto-api/reset", url);
    lt_http_request request = {.method = T("POST"), .url = lt_text_of(reset)};
    CHECK_OK(lt_http_send(http, &request, &response, &err), err);
    return side;
}

void lt_s3_side_stop(lt_s3_side *side)
{
    if (!side)
        return;
    lt_free(side->url);
    lt_free(side);
}

const char *lt_s3_side_url(const lt_s3_side *side)
{
    return side->url;
}

static void make_bucket(const lt_s3_side *side, lt_text place)
{
    lt_err err = {0};
    lt_text rest = lt_text_sub(place, strlen("s3://"), SIZE_MAX), bucket;
    if (!lt_text_cut(&rest, '/', &bucket) || !bucket.len)
        return;
    LT_AUTO(lt_store_ref) service = lt_s3_side_open(side, "s3://");
    lt_status status = lt_bucket_create(service, bucket, LT_VERSIONING_ENABLED, &err);
    CHECK(status == LT_OK || status == LT_CONFLICT);
}

lt_store *lt_s3_side_open(const lt_s3_side *side, const char *place)
{
    lt_err err = {0};
    lt_store *store = NULL;
    LT_AUTO(lt_chars) url = lt_format("%s?endpoint=%s", place, side->url);
    lt_retry quick = {.attempts = 6, .base_us = 1000, .cap_us = 10000};
    make_bucket(side, lt_text_of(place));
    CHECK_OK(lt_store_open(url, &store, &err), err);
    lt_store_s3_set_retry(store, &quick);
    return store;
}
