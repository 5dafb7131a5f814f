/* The store on S3 when requests are refused, lost, cut, or changed on the way. */
#include "base/fs.h"
#include "base/time.h"
#include "net/http_retry.h"
#include "net/http_server.h"
#include "store/presign.h"
#include "store/store_ops.h"
#include "support/fault_proxy.h"
#include "support/s3_side.h"
#include "support/store_help.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

#define SET T("domain=x/dataset=y/")
enum { LARGE = 9 * 1024 * 1024 }; /* two parts */

/* A server, a proxy before it, and stores through the proxy. */
typedef struct scene {
    lt_s3_side *side;
    lt_fault_proxy *proxy;
    lt_store *store;
} scene;

static void scene_cleanup(scene *s)
{
    lt_store_close(s->store);
    lt_fault_proxy_stop(s->proxy);
    lt_s3_side_stop(s->side);
}

static lt_store *open_at(const char *place, const char *url)
{
    lt_err err = {0};
    lt_store *store = NULL;
    LT_AUTO(lt_chars) whole = lt_format("%s?endpoint=%s", place, url);
    lt_retry quick = {.attempts = 4, .base_us = 500, .cap_us = 2000};
    CHECK_OK(lt_store_open(whole, &store, &err), err);
    lt_store_s3_set_retry(store, &quick);
    return store;
}

static void begin(scene *s)
{
    s->side = lt_s3_side_start();
    lt_store_close(lt_s3_side_open(s->side, "s3://lake/p")); /* makes the bucket */
    s->proxy = lt_fault_proxy_start(lt_s3_side_url(s->side));
    s->store = open_at("s3://lake/p", lt_fault_proxy_url(s->proxy));
}

/* ---- what is done, again and again ---- */

static lt_status put(lt_store *store, const char *key, lt_text value, bool absent, lt_err *err)
{
    lt_text_body body;
    lt_when when = {.absent = true};
    lt_put_options options = {.when = absent ? &when : NULL};
    return lt_store_put(store, T("raw"), lt_text_of(key), lt_body_from_text(&body, value), &options,
                        NULL, NULL, err);
}

static lt_status commit(lt_store *store, const char *name, lt_text value, int64_t expected,
                        lt_err *err)
{
    LT_AUTO(lt_commit_ref) it = NULL;
    lt_text_body body;
    LT_TRY(lt_commit_begin(store, T("raw"), SET, LT_COMMIT_APPEND, &it, err));
    LT_TRY(lt_commit_add(it, lt_text_of(name), lt_body_from_text(&body, value), 1, err));
    return lt_commit_finish(it, T("[]"), T("{}"), expected, NULL, NULL, err);
}

typedef lt_status job(lt_store *store, int round, lt_err *err);

/* Many requests about small things. */
static lt_status many_small(lt_store *store, int round, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) got = {.limit = LT_MIB};
    const char *key = lt_arena_format(&arena, "small-%d", round);
    const char *name = lt_arena_format(&arena, "part-%d", round);
    LT_TRY(put(store, key, T("value"), true, err));
    LT_TRY(lt_store_get(store, T("raw"), lt_text_of(key), T(""), 0, SIZE_MAX, &got, err));
    if (!lt_text_eq(lt_buf_text(&got), T("value")))
        return lt_fail(err, LT_FAILED, "other bytes came back");
    LT_TRY(commit(store, name, T("rows"), round - 1, err));
    LT_TRY(lt_store_keep(store, T("run"), T("raw"), SET, round, err));
    lt_view view = {0};
    LT_TRY(lt_dataset_pin(store, T("raw"), SET, 0, &arena, &view, err));
    if (view.commit.sequence != round || view.files.len != (size_t)round)
        return lt_fail(err, LT_FAILED, "there are other commits than were made");
    return lt_store_copy(store, (lt_object_name){T("raw"), lt_text_of(key), {0}}, T("raw"),
                         T("copy"), NULL, &arena, NULL, NULL, err);
}

/* One thing in parts, there and back. */
static lt_status one_large(lt_store *store, int round, lt_err *err)
{
    LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, (uint32_t)round);
    LT_AUTO(lt_buf) got = {.limit = 2 * LARGE};
    LT_TRY(put(store, "large", lt_text_at(bytes, LARGE), false, err));
    LT_TRY(lt_store_get(store, T("raw"), T("large"), T(""), 0, SIZE_MAX, &got, err));
    if (lt_text_eq(lt_buf_text(&got), lt_text_at(bytes, LARGE)))
        return LT_OK;
    return lt_fail(err, LT_FAILED, "other bytes came back");
}

/* ---- one request goes wrong, each in turn ---- */

static void one_request_goes_wrong(lt_fault fault, job *work)
{
    LT_AUTO(scene) s = {0};
    lt_err err = {0};
    begin(&s);
    CHECK_OK(lt_bucket_create(s.store, T("raw"), LT_VERSIONING_ENABLED, &err), err);
    bool hit = true;
    int round = 1;
    for (; hit; round++) {
        lt_fault_proxy_plan(s.proxy, fault, round, false);
        lt_status status = work(s.store, round, &err);
        if (status != LT_OK)
            print_error("request %d: %s\n", round, err.message);
        CHECK(status == LT_OK);
        hit = lt_fault_proxy_spoilt(s.proxy) > 0;
    }
    CHECK(round > 2);
    lt_fault_proxy_plan(s.proxy, LT_FAULT_NONE, 0, false);
    CHECK_INT(lt_test_check(s.store), 0);
}

Test(fault_s3, a_connection_that_is_reset_is_tried_again)
{
    one_request_goes_wrong(LT_FAULT_RESET, many_small);
}

Test(fault_s3, what_was_done_and_not_heard_of_is_not_done_twice)
{
    one_request_goes_wrong(LT_FAULT_LOST, many_small);
    one_request_goes_wrong(LT_FAULT_LOST, one_large);
}

Test(fault_s3, an_internal_error_is_tried_again)
{
    one_request_goes_wrong(LT_FAULT_500, many_small);
}

Test(fault_s3, slow_down_is_tried_again)
{
    one_request_goes_wrong(LT_FAULT_SLOW_DOWN, many_small);
}

Test(fault_s3, an_answer_that_is_cut_is_asked_for_again)
{
    one_request_goes_wrong(LT_FAULT_CUT, many_small);
    one_request_goes_wrong(LT_FAULT_CUT, one_large);
}

Test(fault_s3, an_error_inside_of_200_is_tried_again)
{
    one_request_goes_wrong(LT_FAULT_HIDDEN, many_small);
    one_request_goes_wrong(LT_FAULT_HIDDEN, one_large);
}

Test(fault_s3, keys_that_expired_are_asked_for_again)
{
    (void)setenv("AWS_SESSION_TOKEN", "a-session", 1); /* only those of a session expire */
    one_request_goes_wrong(LT_FAULT_EXPIRED, many_small);
    (void)unsetenv("AWS_SESSION_TOKEN");
}

/* ---- all requests go wrong from one on: nothing is half done ---- */

static void the_server_goes_away(lt_fault fault, int rounds)
{
    LT_AUTO(scene) s = {0};
    lt_err err = {0};
    begin(&s);
    LT_AUTO(lt_store_ref) healthy = open_at("s3://lake/p", lt_s3_side_url(s.side));
    CHECK_OK(commit(healthy, "first", T("1"), 0, &err), err);
    int64_t last = 1;
    for (int nth = 1; nth <= rounds; nth++) {
        LT_AUTO(lt_arena) arena = {0};
        LT_AUTO(lt_chars) name = lt_format("part-%d", nth);
        lt_view view = {0};
        lt_fault_proxy_plan(s.proxy, fault, nth, true);
        lt_status status = commit(s.store, name, T("22"), last, &err);
        lt_fault_proxy_plan(s.proxy, LT_FAULT_NONE, 0, false);
        CHECK_OK(lt_dataset_pin(healthy, T("raw"), SET, 0, &arena, &view, &err), err);
        CHECK(view.commit.sequence == last || view.commit.sequence == last + 1);
        CHECK(status != LT_OK || view.commit.sequence == last + 1); /* said to be done is done */
        CHECK_INT(view.files.len, view.commit.sequence);
        last = view.commit.sequence;
    }
    CHECK(last > 1);
    CHECK_OK(commit(healthy, "end", T("3"), last, &err), err); /* finishes what was begun */
    (void)lt_test_check(healthy);                              /* orphans are fine, damage is not */
    lt_test_has(healthy, "raw", T("domain=x/dataset=y/end"), T(""), T("3"));
    LT_AUTO(lt_arena) arena = {0};
    lt_view view = {0};
    CHECK_OK(lt_dataset_pin(healthy, T("raw"), SET, 0, &arena, &view, &err), err);
    for (size_t i = 0; i < view.files.len; i++) /* all objects follow the commits by now */
        lt_test_has(healthy, "raw", view.files.items[i].key, T(""),
                    view.files.items[i].size_bytes == 2               ? T("22")
                    : lt_text_ends(view.files.items[i].key, T("end")) ? T("3")
                                                                      : T("1"));
}

Test(fault_s3, a_server_that_goes_away_leaves_the_old_set_or_the_new)
{
    the_server_goes_away(LT_FAULT_RESET, 16);
}

Test(fault_s3, a_server_whose_answers_are_lost_leaves_the_old_set_or_the_new)
{
    the_server_goes_away(LT_FAULT_LOST, 16);
}

/* ---- bytes that change on the way ---- */

Test(fault_s3, bytes_that_changed_on_the_way_are_found)
{
    LT_AUTO(scene) s = {0};
    LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, 3);
    LT_AUTO(lt_buf) got = {.limit = 2 * LARGE};
    lt_err err = {0};
    begin(&s);
    CHECK_OK(lt_bucket_create(s.store, T("raw"), LT_VERSIONING_ENABLED, &err), err);
    CHECK_OK(put(s.store, "large", lt_text_at(bytes, LARGE), false, &err), err);
    CHECK_OK(put(s.store, "small", T("hello"), false, &err), err);
    CHECK_OK(commit(s.store, "file", T("rows of a file"), 0, &err), err);
    for (int nth = 1; nth <= 2; nth++) {
        lt_fault_proxy_plan(s.proxy, LT_FAULT_FLIPPED, nth, false);
        CHECK_STATUS(lt_store_get(s.store, T("raw"), T("large"), T(""), 0, SIZE_MAX, &got, &err),
                     LT_IO, err);
        CHECK_HAS(err.message, "'raw/large' is damaged");
        CHECK_INT(lt_fault_proxy_spoilt(s.proxy), 1);
    }
    lt_fault_proxy_plan(s.proxy, LT_FAULT_FLIPPED, 1, false);
    CHECK_STATUS(lt_store_get(s.store, T("raw"), T("small"), T(""), 0, SIZE_MAX, &got, &err), LT_IO,
                 err);
    LT_AUTO(lt_arena) arena = {0};
    lt_view view = {0};
    lt_texts paths = {0};
    CHECK_OK(lt_dataset_pin(s.store, T("raw"), SET, 0, &arena, &view, &err), err);
    lt_fault_proxy_plan(s.proxy, LT_FAULT_FLIPPED, 1, false);
    CHECK_STATUS(lt_view_paths(s.store, T("raw"), &view, lt_test_folder(), &arena, &paths, &err),
                 LT_IO, err);
    CHECK_HAS(err.message, "damaged");
    lt_check_report report = {0};
    lt_fault_proxy_plan(s.proxy, LT_FAULT_FLIPPED, 1, false);
    CHECK_OK(lt_store_check(s.store, false, &arena, &report, &err), err);
    CHECK_INT(report.damaged, 1);
}

/* ---- what is set right once ---- */

Test(fault_s3, a_clock_that_is_wrong_is_corrected)
{
    LT_AUTO(scene) s = {0};
    lt_err err = {0};
    begin(&s);
    lt_fault_proxy_plan(s.proxy, LT_FAULT_SKEWED, 1, false);
    /* the proxy said "an hour later" and the server knows better: the second answer mends it for good */
    lt_status status = lt_bucket_create(s.store, T("raw"), LT_VERSIONING_ENABLED, &err);
    CHECK(status == LT_OK || status == LT_DENIED);
    CHECK_INT(lt_fault_proxy_spoilt(s.proxy), 1);
    if (status == LT_DENIED)
        CHECK_HAS(err.message, "RequestTimeTooSkewed");
    status = lt_bucket_create(s.store, T("new"), LT_VERSIONING_ENABLED, &err);
    CHECK_OK(status, err);
}

Test(fault_s3, a_bucket_elsewhere_is_asked_for_there)
{
    LT_AUTO(scene) s = {0};
    LT_AUTO(lt_buf) url = {.limit = LT_MIB};
    lt_err err = {0};
    begin(&s);
    lt_fault_proxy_plan(s.proxy, LT_FAULT_ELSEWHERE, 1, false);
    lt_ignore(put(s.store, "k", T("v"), false, &err)); /* our server does not know that region */
    CHECK_INT(lt_fault_proxy_spoilt(s.proxy), 1);
    lt_object_name name = {T("raw"), T("k"), {0}};
    CHECK_OK(lt_store_presign(s.store, name, "GET", 60, &url, &err), err);
    CHECK_HAS(url.data, "eu-test-1");
}

Test(fault_s3, a_server_that_stays_broken_is_told_with_the_number_of_tries)
{
    LT_AUTO(scene) s = {0};
    lt_err err = {0};
    begin(&s);
    CHECK_OK(lt_bucket_create(s.store, T("raw"), LT_VERSIONING_ENABLED, &err), err);
    CHECK_OK(put(s.store, "k", T("v"), false, &err), err);
    lt_fault_proxy_plan(s.proxy, LT_FAULT_SLOW_DOWN, 1, true);
    CHECK_STATUS(put(s.store, "k", T("v"), false, &err), LT_IO, err);
    CHECK_HAS(err.message, "503 SlowDown: by the proxy");
    CHECK_INT(lt_fault_proxy_requests(s.proxy), 4); /* attempts */
    lt_fault_proxy_plan(s.proxy, LT_FAULT_EXPIRED, 1, true);
    CHECK_STATUS(put(s.store, "k", T("v"), false, &err), LT_INVALID, err);
    CHECK_INT(lt_fault_proxy_requests(s.proxy), 2); /* asked for new keys once */
}

/* ---- keys that end in the middle ---- */

typedef struct agent {
    _Atomic int answers;
} agent;

static void give_keys(void *context, const lt_server_request *r, lt_server_reply *reply)
{
    agent *self = context;
    int number = atomic_fetch_add(&self->answers, 1);
    lt_server_reply_json(
        r, reply, 200,
        lt_text_of(lt_arena_format(r->arena,
                                   "{\"AccessKeyId\": \"%s\", \"SecretAccessKey\": \"%s\", "
                                   "\"Expiration\": \"2100-01-01T00:00:00Z\"}",
                                   number ? getenv("TEST_KEY_ID") : "LEATEXPIREDEXPIREDEX",
                                   getenv("TEST_SECRET"))));
}

Test(fault_s3, keys_that_end_in_the_middle_are_made_anew)
{
    LT_AUTO(scene) s = {0};
    LT_AUTO(lt_http_server_ref) server = NULL;
    lt_err err = {0};
    agent keys = {0};
    begin(&s);
    (void)setenv("TEST_KEY_ID", getenv("AWS_ACCESS_KEY_ID"), 1);
    (void)setenv("TEST_SECRET", getenv("AWS_SECRET_ACCESS_KEY"), 1);
    lt_server_options options = {.handle = give_keys, .context = &keys, .threads = 1};
    CHECK_OK(lt_http_server_start(&options, &server, &err), err);
    (void)unsetenv("AWS_ACCESS_KEY_ID");
    (void)unsetenv("AWS_SECRET_ACCESS_KEY");
    (void)setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", lt_http_server_url(server), 1);
    LT_AUTO(lt_store_ref) store = open_at("s3://lake/p", lt_fault_proxy_url(s.proxy));
    lt_fault_proxy_plan(s.proxy, LT_FAULT_EXPIRED, 1, false); /* the first keys are no good */
    lt_status status = lt_bucket_create(store, T("raw"), LT_VERSIONING_ENABLED, &err);
    (void)unsetenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    (void)setenv("AWS_ACCESS_KEY_ID", getenv("TEST_KEY_ID"), 1);
    (void)setenv("AWS_SECRET_ACCESS_KEY", getenv("TEST_SECRET"), 1);
    CHECK_OK(status, err);
    CHECK_INT(keys.answers, 2);
}

/* ---- what S3 does in its own way ---- */

Test(fault_s3, a_bucket_in_one_bucket_goes_with_its_datasets)
{
    LT_AUTO(lt_s3_side_ref) side = lt_s3_side_start();
    LT_AUTO(lt_store_ref) service = open_at("s3://", lt_s3_side_url(side));
    LT_AUTO(lt_arena) arena = {0};
    lt_err err = {0};
    lt_dataset_infos sets = {0};
    CHECK_OK(lt_bucket_create(service, T("lake"), LT_UNVERSIONED, &err), err);
    LT_AUTO(lt_store_ref) store = open_at("s3://lake/p", lt_s3_side_url(side));
    CHECK_OK(commit(store, "a", T("1"), 0, &err), err);
    CHECK_STATUS(lt_bucket_delete(store, T("raw"), &err), LT_CONFLICT, err);
    LT_AUTO(lt_commit_ref) empty = NULL;
    CHECK_OK(lt_commit_begin(store, T("raw"), SET, LT_COMMIT_OVERWRITE, &empty, &err), err);
    CHECK_OK(lt_commit_finish(empty, T("[]"), T("{}"), -1, NULL, NULL, &err), err);
    CHECK_OK(lt_store_keep(store, T("run-1"), T("raw"), SET, 2, &err), err);
    CHECK_STATUS(lt_bucket_delete(store, T("raw"), &err), LT_CONFLICT, err);
    CHECK_HAS(err.message, "run-1");
    CHECK_OK(lt_store_keep(store, T("run-1"), T(""), T(""), 0, &err), err);
    CHECK_OK(lt_bucket_delete(store, T("raw"), &err), err);
    CHECK_OK(lt_dataset_list(store, &arena, &sets, &err), err);
    CHECK_INT(sets.len, 0);
    LT_AUTO(lt_chars) left = lt_test_list(service, "lake", NULL);
    CHECK_STR(left, ""); /* not a byte */
}

Test(fault_s3, urls_of_stores_are_read_strictly)
{
    static const char *const bad[] = {"s3:lake",
                                      "s3://UPPER/x",
                                      "s3:///x",
                                      "s3://lake?a=b",
                                      "s3://lake?region=a&region=b",
                                      "s3://lake?endpoint=ftp://x",
                                      "s3://lake?endpoint=http://h/path",
                                      "s3://lake?profile=no-such-profile-here"};
    lt_err err = {0};
    lt_store *store = NULL;
    for (size_t i = 0; i < LT_COUNT(bad); i++)
        CHECK_STATUS(lt_store_open(bad[i], &store, &err), LT_INVALID, err);
}
