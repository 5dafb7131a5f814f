/* Documents of buckets, access keys, events. */
#include "contract/store/contract.h"
#include "fmt/json.h"
#include "store/access.h"
#include "store/bucket.h"
#include "store/event.h"

#include <pthread.h>
#include <stdlib.h>

static void make_bucket(lt_store *store, lt_versioning versioning)
{
    lt_err err = {0};
    CHECK_OK(lt_bucket_create(store, T("raw"), versioning, &err), err);
}

/* ---------------------------------------------------------------- documents */

static void check_documents_are_kept_replaced_and_removed(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_text body = {0};
    make_bucket(store, LT_UNVERSIONED);
    CHECK_STATUS(lt_bucket_doc_get(store, T("raw"), T("policy"), &arena, &body, &err), LT_NOT_FOUND,
                 err);
    CHECK_INT(err.reason, LT_WHY_NO_SUCH_DOCUMENT);
    CHECK_OK(lt_bucket_doc_set(store, T("raw"), T("policy"), T("{1}"), &err), err);
    CHECK_OK(lt_bucket_doc_set(store, T("raw"), T("policy"), T("{2\0}"), &err), err);
    CHECK_OK(lt_bucket_doc_set(store, T("raw"), T("cors"), T("<c/>"), &err), err);
    CHECK_OK(lt_bucket_doc_get(store, T("raw"), T("policy"), &arena, &body, &err), err);
    CHECK(lt_text_eq(body, T("{2\0}")));
    CHECK_OK(lt_bucket_doc_remove(store, T("raw"), T("policy"), &err), err);
    CHECK_OK(lt_bucket_doc_remove(store, T("raw"), T("policy"), &err), err);
    CHECK(lt_bucket_doc_get(store, T("raw"), T("policy"), &arena, &body, &err) == LT_NOT_FOUND);
    CHECK(lt_bucket_doc_set(store, T("raw"), T("../x"), T("x"), &err) == LT_INVALID);
    CHECK(lt_bucket_doc_set(store, T("none"), T("cors"), T("x"), &err) == LT_NOT_FOUND);
    CHECK_INT(err.reason, LT_WHY_NO_SUCH_BUCKET);
    CHECK_OK(lt_bucket_delete(store, T("raw"), &err), err);
    make_bucket(store, LT_UNVERSIONED);
    CHECK(lt_bucket_doc_get(store, T("raw"), T("cors"), &arena, &body, &err) == LT_NOT_FOUND);
}
LT_CONTRACT_INDEX(documents_are_kept_replaced_and_removed)

static void check_rules_come_back_as_they_were(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_pair tags[1] = {{T("k"), T("v")}};
    lt_lifecycle_rule rules[2] = {{.id = T("one"),
                                   .enabled = true,
                                   .prefix = T("logs/"),
                                   .tags = {.items = tags, .len = 1},
                                   .larger_than = 5,
                                   .smaller_than = -1,
                                   .expire_days = 30,
                                   .old_days = 7,
                                   .old_kept = 3,
                                   .abort_days = 2},
                                  {.id = T("two"),
                                   .larger_than = -1,
                                   .smaller_than = 9,
                                   .expire_at_us = 5,
                                   .expire_markers = true,
                                   .legacy_prefix = true}};
    lt_lifecycle all = {.items = rules, .len = 2}, got = {0};
    make_bucket(store, LT_UNVERSIONED);
    CHECK(lt_bucket_lifecycle_get(store, T("raw"), &arena, &got, &err) == LT_NOT_FOUND);
    CHECK_INT(err.reason, LT_WHY_NO_SUCH_DOCUMENT);
    CHECK_OK(lt_bucket_lifecycle_set(store, T("raw"), &all, &err), err);
    CHECK_OK(lt_bucket_lifecycle_get(store, T("raw"), &arena, &got, &err), err);
    CHECK_INT(got.len, 2);
    CHECK(lt_text_eq(got.items[0].id, T("one")) && got.items[0].enabled);
    CHECK_TEXT(got.items[0].prefix, "logs/");
    CHECK_TEXT(got.items[0].tags.items[0].value, "v");
    CHECK(got.items[0].larger_than == 5 && got.items[0].smaller_than == -1);
    CHECK(got.items[0].expire_days == 30 && got.items[0].old_days == 7);
    CHECK(got.items[0].old_kept == 3 && got.items[0].abort_days == 2);
    CHECK(got.items[1].expire_at_us == 5 && got.items[1].expire_markers);
    CHECK(got.items[1].legacy_prefix && !got.items[1].enabled && got.items[1].smaller_than == 9);
    rules[1].id = T("one");
    CHECK(lt_bucket_lifecycle_set(store, T("raw"), &all, &err) == LT_INVALID);
    rules[1] = (lt_lifecycle_rule){.id = T("nothing"), .larger_than = -1, .smaller_than = -1};
    CHECK(lt_bucket_lifecycle_set(store, T("raw"), &all, &err) == LT_INVALID);
    CHECK_OK(lt_bucket_lifecycle_remove(store, T("raw"), &err), err);
    CHECK(lt_bucket_lifecycle_get(store, T("raw"), &arena, &got, &err) == LT_NOT_FOUND);
}
LT_CONTRACT_INDEX(rules_come_back_as_they_were)

/* ---------------------------------------------------------------- access keys */

static void check_access_keys_are_made_found_and_revoked(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_right rights[1] = {{LT_ACCESS_READ | LT_ACCESS_LIST, T("raw"), T("a/")}};
    lt_access_key wanted = {.name = T("team"), .rights = {.items = rights, .len = 1}};
    lt_access_key made = {0}, got = {0};
    lt_access_keys all = {0};
    int64_t before = 0, after = 0;
    lt_test_master_key(true);
    CHECK_OK(lt_access_generation(store, &before, &err), err);
    CHECK_OK(lt_access_create(store, &wanted, &arena, &made, &err), err);
    CHECK(made.id.len == 20 && made.secret.len == 40);
    CHECK_OK(lt_access_generation(store, &after, &err), err);
    CHECK(after != before);
    CHECK_OK(lt_access_get(store, made.id, &arena, &got, &err), err);
    CHECK(lt_text_eq(got.secret, made.secret));
    CHECK_TEXT(got.name, "team");
    CHECK(got.rights.len == 1 && got.rights.items[0].access == rights[0].access);
    CHECK_TEXT(got.rights.items[0].prefix, "a/");
    CHECK(!got.revoked_at_us && !got.last_used_at_us && got.created_at_us);
    CHECK_OK(lt_access_used(store, made.id, &err), err);
    CHECK_OK(lt_access_revoke(store, made.id, &err), err);
    CHECK_OK(lt_access_get(store, made.id, &arena, &got, &err), err);
    CHECK(got.revoked_at_us && got.last_used_at_us);
    CHECK_OK(lt_access_list(store, &arena, &all, &err), err);
    CHECK(all.len == 1 && !all.items[0].secret.len);
    CHECK(lt_access_get(store, T("none"), &arena, &got, &err) == LT_NOT_FOUND);
    CHECK_INT(err.reason, LT_WHY_NO_SUCH_ACCESS_KEY);
    wanted.id = made.id;
    CHECK(lt_access_create(store, &wanted, &arena, &made, &err) == LT_CONFLICT);
    lt_test_master_key(false);
}
LT_CONTRACT_INDEX(access_keys_are_made_found_and_revoked)

Test(store_access, rights_reach_their_bucket_and_prefix_only)
{
    lt_right items[] = {{LT_ACCESS_READ | LT_ACCESS_LIST, T("raw"), T("a/")},
                        {LT_ACCESS_WRITE, T("raw"), T("a/b/")},
                        {LT_ACCESS_ALL, T("own"), T("")}};
    lt_rights rights = {.items = items, .len = LT_COUNT(items)}, none = {0};
    CHECK(lt_access_allows(&rights, LT_ACCESS_READ, T("raw"), T("a/x")));
    CHECK(!lt_access_allows(&rights, LT_ACCESS_READ, T("raw"), T("ab")));
    CHECK(!lt_access_allows(&rights, LT_ACCESS_READ, T("other"), T("a/x")));
    CHECK(!lt_access_allows(&rights, LT_ACCESS_DELETE, T("raw"), T("a/x")));
    CHECK(!lt_access_allows(&rights, LT_ACCESS_WRITE, T("raw"), T("a/x")));
    CHECK(lt_access_allows(&rights, LT_ACCESS_READ | LT_ACCESS_WRITE, T("raw"), T("a/b/x")));
    CHECK(!lt_access_allows(&rights, LT_ACCESS_LIST, T("raw"), T("")));
    CHECK(lt_access_allows(&rights, LT_ACCESS_LIST, T("raw"), T("a/b")));
    CHECK(lt_access_allows(&rights, LT_ACCESS_ADMIN, T("own"), T("")));
    CHECK(!lt_access_allows(&rights, 0, T("own"), T("")));
    CHECK(!lt_access_allows(&none, LT_ACCESS_READ, T("own"), T("")));
}

/* ---------------------------------------------------------------- events */

static char *tell(lt_store *store, int64_t after, const char *prefix)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) out = {0};
    lt_event_request request = {.after = after, .prefix = lt_text_of(prefix), .limit = 3};
    lt_events page = {0};
    int64_t last = 0;
    do {
        CHECK_OK(lt_events_read(store, &request, &arena, &page, &err), err);
        for (size_t i = 0; i < page.items.len; i++) {
            const lt_event *event = &page.items.items[i];
            CHECK(event->number > last);
            last = event->number;
            lt_buf_printf(&out, "%s%.*s:%d:%.*s", out.len ? " " : "", LT_ARG(event->key),
                          (int)event->kind, LT_ARG(event->reason));
        }
        request.after = page.next;
    } while (page.more);
    return out.data ? lt_buf_take(&out) : lt_xstrdup("");
}

static void check_every_change_has_its_event_in_order(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_when absent = {.absent = true};
    lt_put_options failing = {.when = &absent};
    lt_origin origin = {
        .requester = T("me"), .source_ip = T("127.0.0.1"), .reason = T("POST Object")};
    lt_put_options posted = {.origin = &origin};
    lt_text_body body;
    lt_object_info marker = {0};
    make_bucket(store, LT_VERSIONING_ENABLED);
    lt_test_put(store, "raw", T("a"), T("1"), NULL);
    CHECK_OK(lt_store_put(store, T("raw"), T("b"), lt_body_from_text(&body, T("2")), &posted, NULL,
                          NULL, &err),
             err);
    CHECK(lt_store_put(store, T("raw"), T("a"), lt_body_from_text(&body, T("2")), &failing, NULL,
                       NULL, &err) == LT_CONFLICT);
    CHECK_OK(lt_store_delete(store, T("raw"), T("a"), T(""), NULL, &arena, &marker, &err), err);
    CHECK_OK(lt_store_delete(store, T("raw"), T("a"), marker.version_id, NULL, NULL, NULL, &err),
             err);
    lt_object_name name = {T("raw"), T("a"), {0}};
    CHECK_OK(lt_store_copy(store, name, T("raw"), T("c"), NULL, &arena, NULL, NULL, &err), err);
    LT_AUTO(lt_chars) all = tell(store, 0, "");
    CHECK_STR(all,
              "a:0:PutObject b:0:POST Object a:2:DeleteObject a:1:DeleteObject c:0:CopyObject");
    LT_AUTO(lt_chars) some = tell(store, 0, "b");
    CHECK_STR(some, "b:0:POST Object");
    int64_t last = 0;
    CHECK_OK(lt_events_last(store, &last, &err), err);
    LT_AUTO(lt_chars) none = tell(store, last, "");
    CHECK_STR(none, "");
}
LT_CONTRACT_INDEX(every_change_has_its_event_in_order)

static void check_an_event_reads_like_one_of_eventbridge(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) out = {0};
    lt_events page = {0};
    lt_event_request request = {0};
    make_bucket(store, LT_VERSIONING_ENABLED);
    lt_test_put(store, "raw", T("a \"b\"/é"), T("12345"), NULL);
    CHECK_OK(lt_events_read(store, &request, &arena, &page, &err), err);
    lt_event_write_json(&page.items.items[0], T("eu-west-2"), &out);
    CHECK_OK(lt_json_check(lt_buf_text(&out), "event", &err), err);
    CHECK_HAS(out.data, "\"source\":\"aws.s3\"");
    CHECK_HAS(out.data, "\"detail-type\":\"Object Created\"");
    CHECK_HAS(out.data, "\"key\":\"a \\\"b\\\"/é\"");
    CHECK_HAS(out.data, "\"size\":5");
    CHECK_HAS(out.data, "\"reason\":\"PutObject\"");
    CHECK_HAS(out.data, "\"resources\":[\"arn:aws:s3:::raw\"]");
    CHECK_HAS(out.data, "\"etag\":\"827ccb0eea8a706c4c34a16891f84e7b\"");
    CHECK(!lt_has(out.data, "deletion-type"));
}
LT_CONTRACT_INDEX(an_event_reads_like_one_of_eventbridge)

static void check_forgotten_events_are_told(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_events page = {0};
    make_bucket(store, LT_VERSIONING_ENABLED);
    for (int i = 0; i < 10; i++)
        lt_test_put(store, "raw", T("k"), T("v"), NULL);
    CHECK_OK(lt_events_keep(store, (int64_t)3600 * 1000000, 4, &err), err);
    lt_event_request request = {.after = 2};
    CHECK_STATUS(lt_events_read(store, &request, &arena, &page, &err), LT_NOT_FOUND, err);
    CHECK_INT(err.reason, LT_WHY_EVENTS_GONE);
    request.after = 6;
    CHECK_OK(lt_events_read(store, &request, &arena, &page, &err), err);
    CHECK_INT(page.items.len, 4);
    request.after = 0;
    page = (lt_events){0};
    CHECK_OK(lt_events_read(store, &request, &arena, &page, &err), err);
    CHECK_INT(page.items.len, 4);
}
LT_CONTRACT_INDEX(forgotten_events_are_told)

static void *put_later(void *context)
{
    lt_test_put(context, "raw", T("k"), T("v"), NULL);
    return NULL;
}

static void check_who_waits_for_events_is_woken(lt_store *store)
{
    lt_err err = {0};
    pthread_t thread;
    bool any = true;
    make_bucket(store, LT_UNVERSIONED);
    CHECK_OK(lt_events_wait(store, 0, 1000, &any, &err), err);
    CHECK(!any);
    CHECK_INT(pthread_create(&thread, NULL, put_later, store), 0);
    CHECK_OK(lt_events_wait(store, 0, (int64_t)30 * 1000000, &any, &err), err);
    CHECK(any);
    (void)pthread_join(thread, NULL);
}
LT_CONTRACT_INDEX(who_waits_for_events_is_woken)
