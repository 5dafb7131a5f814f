/* Pruning, lifecycle rules and usage. */
#include "base/time.h"
#include "contract/store/contract.h"
#include "store/event.h"
#include "store/lifecycle.h"
#include "store/retention.h"
#include "store/upload.h"

#include <stdlib.h>

static void make_bucket(lt_store *store, lt_versioning versioning)
{
    lt_err err = {0};
    CHECK_OK(lt_bucket_create(store, T("raw"), versioning, &err), err);
}

static void put(lt_store *store, const char *key)
{
    lt_test_put(store, "raw", lt_text_of(key), T("12345"), NULL);
}

static void delete (lt_store *store, const char *key)
{
    lt_err err = {0};
    CHECK_OK(lt_store_delete(store, T("raw"), lt_text_of(key), T(""), NULL, NULL, NULL, &err), err);
}

static void lists(lt_store *store, const char *wanted)
{
    lt_list_request request = {.versions = true};
    LT_AUTO(lt_chars) got = lt_test_list(store, "raw", &request);
    CHECK_STR(got, wanted);
}

static lt_prune_report prune(lt_store *store, lt_prune_request request)
{
    lt_err err = {0};
    lt_prune_report report = {0};
    request.bucket = T("raw");
    CHECK_OK(lt_store_prune(store, &request, &report, &err), err);
    return report;
}

static void check_pruning_keeps_the_newest_and_the_young(lt_store *store)
{
    make_bucket(store, LT_VERSIONING_ENABLED);
    for (int i = 0; i < 4; i++)
        put(store, "a");
    put(store, "b");
    delete (store, "b");
    put(store, "c");
    lt_prune_request request = {.keep = 1, .uploads_older_than_us = -1, .dry_run = true};
    lt_prune_report report = prune(store, request);
    CHECK(report.versions == 2 && report.version_bytes == 10);
    lists(store, "a=5* a=5 a=5 a=5 b=marker* b=5 c=5*"); /* nothing was done */
    request.dry_run = false;
    request.older_than_us = (int64_t)3600 * 1000000;
    CHECK_INT(prune(store, request).versions, 0); /* all are young */
    request.older_than_us = 0;
    CHECK_INT(prune(store, request).versions, 2);
    lists(store, "a=5* a=5 b=marker* b=5 c=5*");
    request.keep = 0;
    request.prefix = T("a");
    CHECK_INT(prune(store, request).versions, 1);
    request.prefix = T("");
    request.expired_markers = request.dry_run = true;
    report = prune(store, request);
    CHECK(report.versions == 1 && report.markers == 1);
    request.dry_run = false;
    report = prune(store, request);
    CHECK(report.versions == 1 &&
          report.markers == 1); /* with what was behind it the marker goes */
    lists(store, "a=5* c=5*");
    lt_test_check(store);
}
LT_CONTRACT_INDEX(pruning_keeps_the_newest_and_the_young)

static void check_pruning_takes_many_in_parts(lt_store *store)
{
    make_bucket(store, LT_VERSIONING_ENABLED);
    for (int i = 0; i < 700; i++)
        put(store, i % 2 ? "many" : "k");
    lt_prune_request request = {.uploads_older_than_us = -1};
    CHECK_INT(prune(store, request).versions, 698);
    lists(store, "k=5* many=5*");
}
LT_CONTRACT_INDEX(pruning_takes_many_in_parts)

static void check_pruning_ends_uploads(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_text id = {0};
    lt_text_body body;
    make_bucket(store, LT_UNVERSIONED);
    CHECK_OK(lt_upload_create(store, T("raw"), T("k"), NULL, &arena, &id, &err), err);
    lt_upload_name upload = {T("raw"), T("k"), id};
    CHECK_OK(lt_upload_part(store, upload, 1, lt_body_from_text(&body, T("123")), NULL, NULL, NULL,
                            &err),
             err);
    lt_prune_request request = {.older_than_us = -1,
                                .uploads_older_than_us = (int64_t)3600 * 1000000};
    CHECK_INT(prune(store, request).uploads, 0);
    request.uploads_older_than_us = 0;
    lt_prune_report report = prune(store, request);
    CHECK(report.uploads == 1 && report.upload_bytes == 3);
    CHECK_STATUS(lt_upload_abort(store, upload, &err), LT_NOT_FOUND, err);
    lt_test_check(store);
}
LT_CONTRACT_INDEX(pruning_ends_uploads)

static lt_lifecycle_rule rule(const char *id, const char *prefix)
{
    return (lt_lifecycle_rule){.id = lt_text_of(id),
                               .prefix = lt_text_of(prefix),
                               .enabled = true,
                               .larger_than = -1,
                               .smaller_than = -1};
}

/* What the rules do `days` from now. */
static lt_prune_report after(lt_store *store, int days)
{
    lt_err err = {0};
    lt_prune_report report = {0};
    lt_lifecycle_request request = {.now_us = lt_now_us() + days * LT_DAY_US};
    CHECK_OK(lt_store_lifecycle(store, &request, &report, &err), err);
    return report;
}

static void check_rules_expire_what_they_name(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_pair tags[1] = {{T("keep"), T("no")}};
    lt_object_name tagged = {T("raw"), T("t/tagged"), {0}};
    lt_lifecycle_rule rules[4] = {rule("logs", "logs/"), rule("tags", "t/"), rule("off", ""),
                                  rule("size", "s/")};
    rules[0].expire_days = 3;
    rules[1].expire_days = 3;
    rules[1].tags = (lt_pairs){.items = tags, .len = 1};
    rules[2].expire_days = 1;
    rules[2].enabled = false;
    rules[3].expire_days = 3;
    rules[3].larger_than = 5;
    make_bucket(store, LT_VERSIONING_ENABLED);
    put(store, "logs/a");
    put(store, "other");
    put(store, "s/five");
    lt_test_put(store, "raw", T("s/six"), T("123456"), NULL);
    put(store, "t/plain");
    put(store, "t/tagged");
    CHECK_OK(lt_object_tags_set(store, tagged, &rules[1].tags, NULL, NULL, &err), err);
    lt_lifecycle all = {.items = rules, .len = 4};
    CHECK_OK(lt_bucket_lifecycle_set(store, T("raw"), &all, &err), err);
    CHECK_INT(after(store, 2).expired, 0);
    CHECK_INT(after(store, 4).expired, 3);
    lists(store, "logs/a=marker* logs/a=5 other=5* s/five=5* s/six=marker* s/six=6 t/plain=5* "
                 "t/tagged=marker* t/tagged=5");
    CHECK_INT(after(store, 4).expired, 0);
    lt_events events = {0};
    lt_event_request request = {.prefix = T("logs/")};
    CHECK_OK(lt_events_read(store, &request, &arena, &events, &err), err);
    CHECK_INT(events.items.len, 2);
    CHECK_TEXT(events.items.items[1].reason, "Lifecycle Expiration");
}
LT_CONTRACT_INDEX(rules_expire_what_they_name)

static void check_rules_remove_old_versions_and_lone_markers(lt_store *store)
{
    lt_err err = {0};
    lt_lifecycle_rule rules[1] = {rule("old", "")};
    rules[0].old_days = 2;
    rules[0].old_kept = 1;
    rules[0].expire_markers = true;
    make_bucket(store, LT_VERSIONING_ENABLED);
    for (int i = 0; i < 3; i++)
        put(store, "a");
    put(store, "b");
    delete (store, "b");
    delete (store, "lone");
    lt_lifecycle all = {.items = rules, .len = 1};
    CHECK_OK(lt_bucket_lifecycle_set(store, T("raw"), &all, &err), err);
    lt_prune_report report = after(store, 1);
    CHECK(report.versions == 0 && report.markers == 1);
    report = after(store, 4);
    CHECK_INT(report.versions, 1);
    lists(store, "a=5* a=5 b=marker* b=5");
    lt_test_check(store);
}
LT_CONTRACT_INDEX(rules_remove_old_versions_and_lone_markers)

static void check_rules_in_an_unversioned_bucket_delete_for_good(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_lifecycle_rule rules[1] = {rule("all", "")};
    rules[0].expire_days = 1;
    lt_lifecycle all = {.items = rules, .len = 1};
    lt_object_info info = {0};
    lt_text rule_id = {0};
    int64_t at_us = 0;
    make_bucket(store, LT_UNVERSIONED);
    put(store, "a");
    CHECK_OK(lt_bucket_lifecycle_set(store, T("raw"), &all, &err), err);
    CHECK_OK(lt_store_head(store, T("raw"), T("a"), T(""), &arena, &info, &err), err);
    CHECK_OK(lt_store_expiry(store, T("raw"), &info, NULL, &arena, &at_us, &rule_id, &err), err);
    CHECK_TEXT(rule_id, "all");
    CHECK(at_us % LT_DAY_US == 0 && at_us > info.written_at_us + LT_DAY_US &&
          at_us <= info.written_at_us + 2 * LT_DAY_US);
    CHECK_INT(after(store, 3).expired, 1);
    lists(store, "");
    lt_test_check(store);
}
LT_CONTRACT_INDEX(rules_in_an_unversioned_bucket_delete_for_good)

static void check_usage_counts_by_prefix(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_usage_report report = {0};
    lt_text id = {0};
    make_bucket(store, LT_VERSIONING_ENABLED);
    put(store, "a/1");
    put(store, "a/1");
    put(store, "a/2");
    put(store, "b/1");
    delete (store, "b/1");
    put(store, "top");
    CHECK_OK(lt_upload_create(store, T("raw"), T("a/u"), NULL, &arena, &id, &err), err);
    CHECK_OK(lt_store_usage(store, T("raw"), T(""), T("/"), &arena, &report, &err), err);
    CHECK(report.total.objects == 3 && report.total.object_bytes == 15);
    CHECK(report.total.old_versions == 2 && report.total.old_version_bytes == 10);
    CHECK(report.total.markers == 1 && report.uploads == 1);
    CHECK_INT(report.groups.len, 2);
    CHECK_TEXT(report.groups.items[0].prefix, "a/");
    CHECK(report.groups.items[0].objects == 2 && report.groups.items[0].old_versions == 1);
    CHECK(report.groups.items[1].objects == 0 && report.groups.items[1].markers == 1);
    CHECK_OK(lt_store_usage(store, T("raw"), T("a/"), T(""), &arena, &report, &err), err);
    CHECK(report.total.objects == 2 && report.groups.len == 0);
}
LT_CONTRACT_INDEX(usage_counts_by_prefix)
