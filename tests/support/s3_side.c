/* Our own S3 face over a local store, as the other side of tests. */
#include "support/s3_side.h"

#include "net/http_retry.h"
#include "store/store_ops.h"
#include "support/store_help.h"
#include "support/test.h"
#include "web/s3/s3.h"

#include <stdlib.h>

#define KEY_ID "LEATTESTTESTTESTTEST"
#define SECRET "test-secret-of-forty-characters-0123456789"

struct lt_s3_side {
    lt_store *store; /* owned; what is behind the face */
    lt_s3 *face;     /* owned */
};

lt_s3_side *lt_s3_side_start(void)
{
    lt_err err = {0};
    lt_s3_side *side = lt_xcalloc(1, sizeof(*side));
    (void)setenv("AWS_ACCESS_KEY_ID", KEY_ID, 1);
    (void)setenv("AWS_SECRET_ACCESS_KEY", SECRET, 1);
    (void)setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    side->store = lt_test_store(NULL);
    lt_s3_options options = {
        .store = side->store, .root_key_id = T(KEY_ID), .root_secret = T(SECRET)};
    CHECK_OK(lt_s3_start(&options, &side->face, &err), err);
    return side;
}

void lt_s3_side_stop(lt_s3_side *side)
{
    if (!side)
        return;
    lt_s3_stop(side->face);
    lt_store_close(side->store);
    lt_free(side);
}

const char *lt_s3_side_url(const lt_s3_side *side)
{
    return lt_s3_url(side->face);
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
    LT_AUTO(lt_chars) url = lt_format("%s?endpoint=%s", place, lt_s3_side_url(side));
    lt_retry quick = {.attempts = 6, .base_us = 1000, .cap_us = 10000};
    make_bucket(side, lt_text_of(place));
    CHECK_OK(lt_store_open(url, &store, &err), err);
    lt_store_s3_set_retry(store, &quick);
    return store;
}
