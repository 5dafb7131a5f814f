/* What is said about an object is kept with it; what is expected of it is checked. */
#include "contract/store/contract.h"
#include "store/bucket.h"
#include "store/upload.h"

#include <stdlib.h>

static void make_bucket(lt_store *store, lt_versioning versioning)
{
    lt_err err = {0};
    CHECK_OK(lt_bucket_create(store, T("raw"), versioning, &err), err);
}

static lt_status put_with(lt_store *store, lt_text key, lt_text value,
                          const lt_put_options *options, lt_arena *arena, lt_object_info *info,
                          lt_err *err)
{
    lt_text_body body;
    return lt_store_put(store, T("raw"), key, lt_body_from_text(&body, value), options, arena, info,
                        err);
}

static lt_object_info head(lt_store *store, lt_text key, lt_text version_id, lt_arena *arena)
{
    lt_err err = {0};
    lt_object_info info = {0};
    CHECK_OK(lt_store_head(store, T("raw"), key, version_id, arena, &info, &err), err);
    return info;
}

static lt_put_options full_options(lt_pair *user, lt_pair *tags)
{
    user[0] = (lt_pair){T("colour"), T("blue")};
    user[1] = (lt_pair){T("empty"), T("")};
    tags[0] = (lt_pair){T("team"), T("data")};
    return (lt_put_options){.meta = {.content_type = T("text/csv"),
                                     .cache_control = T("no-cache"),
                                     .content_disposition = T("attachment"),
                                     .content_encoding = T("gzip"),
                                     .content_language = T("en"),
                                     .expires = T("Wed, 21 Oct 2015 07:28:00 GMT"),
                                     .website_redirect = T("/other"),
                                     .storage_class = T("STANDARD_IA"),
                                     .user = {.items = user, .len = 2}},
                            .tags = {.items = tags, .len = 1}};
}

static void is_full(const lt_object_info *info)
{
    CHECK_TEXT(info->meta.content_type, "text/csv");
    CHECK_TEXT(info->meta.cache_control, "no-cache");
    CHECK_TEXT(info->meta.content_disposition, "attachment");
    CHECK_TEXT(info->meta.content_encoding, "gzip");
    CHECK_TEXT(info->meta.content_language, "en");
    CHECK_TEXT(info->meta.expires, "Wed, 21 Oct 2015 07:28:00 GMT");
    CHECK_TEXT(info->meta.website_redirect, "/other");
    CHECK_TEXT(info->meta.storage_class, "STANDARD_IA");
    CHECK_INT(info->meta.user.len, 2);
    CHECK_TEXT(info->meta.user.items[0].name, "colour");
    CHECK_TEXT(info->meta.user.items[0].value, "blue");
    CHECK_TEXT(info->meta.user.items[1].name, "empty");
    CHECK_TEXT(info->meta.user.items[1].value, "");
    CHECK_INT(info->tag_count, 1);
}

static void check_headers_and_tags_come_back_as_they_were(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_pair user[2], tags[1];
    lt_put_options options = full_options(user, tags);
    make_bucket(store, LT_VERSIONING_ENABLED);
    CHECK_OK(put_with(store, T("k"), T("v"), &options, &arena, NULL, &err), err);
    lt_object_info info = head(store, T("k"), T(""), &arena);
    is_full(&info);
    lt_pairs got = {0};
    lt_object_name name = {T("raw"), T("k"), {0}};
    CHECK_OK(lt_object_tags_get(store, name, &arena, &got, NULL, &err), err);
    CHECK_INT(got.len, 1);
    CHECK_TEXT(got.items[0].name, "team");
    CHECK_TEXT(got.items[0].value, "data");
}
LT_CONTRACT(headers_and_tags_come_back_as_they_were)

static void check_an_object_has_many_headers_of_its_own(lt_store *store)
{
    enum { MANY = 100 };
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_pair user[MANY];
    for (int i = 0; i < MANY; i++)
        user[i] = (lt_pair){lt_text_of(lt_arena_format(&arena, "m%03d", i)), T("v")};
    lt_put_options options = {.meta.user = {.items = user, .len = MANY}};
    make_bucket(store, LT_VERSIONING_ENABLED);
    CHECK_OK(put_with(store, T("k"), T("v"), &options, &arena, NULL, &err), err);
    lt_object_info info = head(store, T("k"), T(""), &arena);
    CHECK_INT(info.meta.user.len, MANY);
    CHECK_TEXT(info.meta.user.items[MANY - 1].name, "m099");
}
LT_CONTRACT(an_object_has_many_headers_of_its_own)

static void check_tags_are_set_as_a_whole_and_taken_away(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_pair tags[11];
    make_bucket(store, LT_VERSIONING_ENABLED);
    lt_test_put(store, "raw", T("k"), T("v"), NULL);
    lt_object_name name = {T("raw"), T("k"), {0}};
    for (size_t i = 0; i < LT_COUNT(tags); i++)
        tags[i] = (lt_pair){lt_text_of(lt_arena_format(&arena, "t%zu", i)), T("x")};
    lt_pairs ten = {.items = tags, .len = 10}, eleven = {.items = tags, .len = 11}, got = {0};
    CHECK_OK(lt_object_tags_set(store, name, &ten, &arena, NULL, &err), err);
    CHECK_INT(head(store, T("k"), T(""), &arena).tag_count, 10);
    CHECK_STATUS(lt_object_tags_set(store, name, &eleven, &arena, NULL, &err), LT_INVALID, err);
    CHECK_INT(err.reason, LT_WHY_BAD_TAG);
    tags[1].name = tags[0].name;
    CHECK_STATUS(lt_object_tags_set(store, name, &ten, &arena, NULL, &err), LT_INVALID, err);
    CHECK_OK(lt_object_tags_set(store, name, &(lt_pairs){0}, &arena, NULL, &err), err);
    CHECK_OK(lt_object_tags_get(store, name, &arena, &got, NULL, &err), err);
    CHECK_INT(got.len, 0);
    name.key = T("none");
    tags[1].name = T("t1");
    CHECK_STATUS(lt_object_tags_set(store, name, &ten, &arena, NULL, &err), LT_NOT_FOUND, err);
    CHECK_INT(err.reason, LT_WHY_NO_SUCH_KEY);
}
LT_CONTRACT(tags_are_set_as_a_whole_and_taken_away)

static void check_too_much_user_metadata_is_refused(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_chars) large = lt_test_bytes(LT_USER_META_BYTES, 1);
    memset(large, 'x', LT_USER_META_BYTES);
    lt_pair user[1] = {{T("n"), lt_text_at(large, LT_USER_META_BYTES)}};
    lt_put_options options = {.meta.user = {.items = user, .len = 1}};
    make_bucket(store, LT_UNVERSIONED);
    CHECK_STATUS(put_with(store, T("k"), T("v"), &options, NULL, NULL, &err), LT_INVALID, err);
    CHECK_INT(err.reason, LT_WHY_METADATA_TOO_LARGE);
    user[0].value.len--;
    CHECK_OK(put_with(store, T("k"), T("v"), &options, NULL, NULL, &err), err);
    user[0] = (lt_pair){T("a b"), T("x")};
    CHECK_STATUS(put_with(store, T("k"), T("v"), &options, NULL, NULL, &err), LT_INVALID, err);
    user[0] = (lt_pair){T("a"), T("x\r\ny: z")};
    CHECK_STATUS(put_with(store, T("k"), T("v"), &options, NULL, NULL, &err), LT_INVALID, err);
}
LT_CONTRACT(too_much_user_metadata_is_refused)

/* ---------------------------------------------------------------- checksums */

static const struct {
    lt_sum_kind kind;
    const char *value; /* of "123456789" */
} sums[] = {
    {LT_SUM_CRC32, "y/Q5Jg=="},
    {LT_SUM_CRC32C, "4waSgw=="},
    {LT_SUM_CRC64NVME, "rosUhgp5mIg="},
    {LT_SUM_SHA1, "98O8HYCOBHMq32eZZczDTKeuNEE="},
    {LT_SUM_SHA256, "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="},
};

static void check_every_kind_of_checksum_is_computed_and_compared(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    make_bucket(store, LT_VERSIONING_ENABLED);
    for (size_t i = 0; i < LT_COUNT(sums); i++) {
        lt_expected expected = {.checksum = lt_text_of(sums[i].value)};
        lt_put_options options = {.checksum = sums[i].kind};
        lt_object_info made = {0};
        CHECK_OK(put_with(store, T("k"), T("123456789"), &options, &arena, &made, &err), err);
        CHECK_TEXT(made.checksum.value, sums[i].value);
        options.expected = &expected;
        CHECK_OK(put_with(store, T("k"), T("123456789"), &options, &arena, NULL, &err), err);
        lt_object_info info = head(store, T("k"), T(""), &arena);
        CHECK_INT(info.checksum.kind, sums[i].kind);
        CHECK_TEXT(info.checksum.value, sums[i].value);
        CHECK(!info.checksum.composite);
        CHECK_STATUS(put_with(store, T("k"), T("123456780"), &options, &arena, NULL, &err),
                     LT_INVALID, err);
        CHECK_INT(err.reason, LT_WHY_BAD_DIGEST);
        lt_test_has(store, "raw", T("k"), T(""), T("123456789"));
    }
}
LT_CONTRACT(every_kind_of_checksum_is_computed_and_compared)

static void check_digests_of_the_body_are_compared(lt_store *store)
{
    lt_err err = {0};
    lt_expected wrong_md5 = {.md5 = T("0123456789abcdef")};
    lt_expected wrong_sha = {.sha256 = T("0123456789abcdef0123456789abcdef")};
    lt_put_options options = {.expected = &wrong_md5};
    make_bucket(store, LT_UNVERSIONED);
    CHECK_STATUS(put_with(store, T("k"), T("v"), &options, NULL, NULL, &err), LT_INVALID, err);
    CHECK_INT(err.reason, LT_WHY_BAD_DIGEST);
    options.expected = &wrong_sha;
    CHECK_STATUS(put_with(store, T("k"), T("v"), &options, NULL, NULL, &err), LT_INVALID, err);
    CHECK_INT(err.reason, LT_WHY_SHA256_MISMATCH);
    lt_test_has_not(store, "raw", T("k"), T(""));
}
LT_CONTRACT(digests_of_the_body_are_compared)

/* A body that tells its checksum only when it has ended, as trailers do. */
typedef struct trailer_body {
    lt_text_body text;
    lt_expected expected;
    lt_status (*read)(lt_body *body, char *out, size_t size, size_t *got, lt_err *err);
    lt_text told;
} trailer_body;

static lt_status read_then_tell(lt_body *body, char *out, size_t size, size_t *got, lt_err *err)
{
    trailer_body *self = (trailer_body *)body;
    LT_TRY(self->read(body, out, size, got, err));
    if (!*got)
        self->expected.checksum = self->told;
    return LT_OK;
}

static lt_status put_trailing(lt_store *store, const char *told, lt_err *err)
{
    trailer_body body = {.told = lt_text_of(told)};
    (void)lt_body_from_text(&body.text, T("123456789"));
    body.read = body.text.body.read;
    body.text.body.read = read_then_tell;
    body.text.body.size = -1;
    lt_put_options options = {.checksum = LT_SUM_CRC32C, .expected = &body.expected};
    return lt_store_put(store, T("raw"), T("k"), &body.text.body, &options, NULL, NULL, err);
}

static void check_a_checksum_may_come_at_the_end(lt_store *store)
{
    lt_err err = {0};
    make_bucket(store, LT_UNVERSIONED);
    CHECK_STATUS(put_trailing(store, "4waSgg==", &err), LT_INVALID, err);
    CHECK_INT(err.reason, LT_WHY_BAD_DIGEST);
    lt_test_has_not(store, "raw", T("k"), T(""));
    CHECK_OK(put_trailing(store, "4waSgw==", &err), err);
}
LT_CONTRACT(a_checksum_may_come_at_the_end)

static void check_a_body_of_another_length_is_refused(lt_store *store)
{
    lt_err err = {0};
    lt_text_body body;
    make_bucket(store, LT_UNVERSIONED);
    for (int64_t size = 2; size <= 4; size += 2) {
        (void)lt_body_from_text(&body, T("abc"));
        body.body.size = size;
        CHECK_STATUS(lt_store_put(store, T("raw"), T("k"), &body.body, NULL, NULL, NULL, &err),
                     LT_INVALID, err);
        CHECK_INT(err.reason, LT_WHY_INCOMPLETE_BODY);
    }
    lt_test_has_not(store, "raw", T("k"), T(""));
}
LT_CONTRACT(a_body_of_another_length_is_refused)

/* ---------------------------------------------------------------- copies */

static lt_status copy(lt_store *store, lt_object_name source, lt_text key,
                      const lt_copy_options *options, lt_arena *arena, lt_object_info *info,
                      lt_err *err)
{
    lt_text version = {0};
    return lt_store_copy(store, source, T("raw"), key, options, arena, info, &version, err);
}

static void check_a_copy_has_what_its_source_has(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_pair user[2], tags[1];
    lt_put_options options = full_options(user, tags);
    lt_object_info source = {0}, made = {0};
    lt_text version = {0};
    LT_AUTO(lt_chars) bytes = lt_test_bytes(100000, 1);
    lt_text value = lt_text_at(bytes, 100000);
    make_bucket(store, LT_VERSIONING_ENABLED);
    CHECK_OK(lt_bucket_create(store, T("other"), LT_UNVERSIONED, &err), err);
    options.checksum = LT_SUM_CRC32;
    CHECK_OK(put_with(store, T("k"), value, &options, &arena, &source, &err), err);
    lt_test_put(store, "raw", T("k"), T("newer"), NULL);
    lt_object_name name = {T("raw"), T("k"), source.version_id};
    CHECK_OK(lt_store_copy(store, name, T("other"), T("c"), NULL, &arena, &made, &version, &err),
             err);
    CHECK(lt_text_eq(version, source.version_id));
    CHECK(lt_text_eq(made.etag, source.etag));
    lt_object_info got = {0};
    CHECK_OK(lt_store_head(store, T("other"), T("c"), T(""), &arena, &got, &err), err);
    is_full(&got);
    CHECK(lt_text_eq(got.checksum.value, source.checksum.value));
    lt_test_has(store, "other", T("c"), T(""), value);
    lt_delete_item both[] = {{.key = T("k"), .version_id = source.version_id}};
    CHECK_OK(lt_store_delete_many(store, T("raw"), both, 1, NULL, &arena, &err), err);
    lt_test_has(store, "other", T("c"), T(""), value);
    lt_test_check(store);
}
LT_CONTRACT(a_copy_has_what_its_source_has)

static void check_a_copy_can_have_other_headers_and_tags(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_pair user[2], tags[1], other_tags[1] = {{T("new"), T("tag")}};
    lt_put_options options = full_options(user, tags);
    lt_copy_options with = {
        .put = {.meta.content_type = T("text/plain"), .tags = {.items = other_tags, .len = 1}},
        .replace_meta = true};
    lt_object_name name = {T("raw"), T("k"), {0}};
    lt_pairs got = {0};
    make_bucket(store, LT_VERSIONING_ENABLED);
    CHECK_OK(put_with(store, T("k"), T("v"), &options, NULL, NULL, &err), err);
    CHECK_OK(copy(store, name, T("k"), &with, &arena, NULL, &err), err); /* onto itself */
    lt_object_info info = head(store, T("k"), T(""), &arena);
    CHECK_TEXT(info.meta.content_type, "text/plain");
    CHECK_TEXT(info.meta.cache_control, "");
    CHECK_INT(info.meta.user.len, 0);
    CHECK_OK(lt_object_tags_get(store, name, &arena, &got, NULL, &err), err);
    CHECK_TEXT(got.items[0].name, "team");
    with.replace_tags = true;
    with.replace_meta = false;
    CHECK_OK(copy(store, name, T("d"), &with, &arena, NULL, &err), err);
    name.key = T("d");
    got = (lt_pairs){0};
    CHECK_OK(lt_object_tags_get(store, name, &arena, &got, NULL, &err), err);
    CHECK_TEXT(got.items[0].name, "new");
    CHECK_TEXT(head(store, T("d"), T(""), &arena).meta.content_type, "text/plain");
}
LT_CONTRACT(a_copy_can_have_other_headers_and_tags)

static void check_a_copy_may_ask_for_conditions(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_object_name name = {T("raw"), T("k"), {0}};
    lt_when absent = {.absent = true};
    make_bucket(store, LT_VERSIONING_ENABLED);
    lt_test_put(store, "raw", T("k"), T("v"), NULL);
    lt_text etag = head(store, T("k"), T(""), &arena).etag;
    lt_copy_options wrong = {.source.etag = T("0123")}, same = {.source.not_etag = etag};
    lt_copy_options right = {.source.etag = etag, .put.when = &absent};
    CHECK_STATUS(copy(store, name, T("c"), &wrong, &arena, NULL, &err), LT_CONFLICT, err);
    CHECK_INT(err.reason, LT_WHY_PRECONDITION);
    CHECK_STATUS(copy(store, name, T("c"), &same, &arena, NULL, &err), LT_CONFLICT, err);
    lt_copy_options old = {.source.unmodified_since_us = 1000000};
    CHECK_STATUS(copy(store, name, T("c"), &old, &arena, NULL, &err), LT_CONFLICT, err);
    lt_test_has_not(store, "raw", T("c"), T(""));
    CHECK_OK(copy(store, name, T("c"), &right, &arena, NULL, &err), err);
    CHECK_STATUS(copy(store, name, T("c"), &right, &arena, NULL, &err), LT_CONFLICT, err);
    name.key = T("none");
    CHECK_STATUS(copy(store, name, T("c"), NULL, &arena, NULL, &err), LT_NOT_FOUND, err);
    CHECK_INT(err.reason, LT_WHY_NO_SUCH_KEY);
}
LT_CONTRACT(a_copy_may_ask_for_conditions)

/* ---------------------------------------------------------------- conditions and many */

static void check_writes_keep_their_conditions(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_when absent = {.absent = true}, is = {.etag = T("none")}, is_not = {0};
    lt_put_options if_absent = {.when = &absent}, if_is = {.when = &is}, if_not = {.when = &is_not};
    make_bucket(store, LT_VERSIONING_ENABLED);
    CHECK_STATUS(put_with(store, T("k"), T("1"), &if_is, NULL, NULL, &err), LT_NOT_FOUND, err);
    CHECK_INT(err.reason, LT_WHY_NO_SUCH_KEY);
    CHECK_OK(put_with(store, T("k"), T("1"), &if_absent, NULL, NULL, &err), err);
    CHECK_STATUS(put_with(store, T("k"), T("2"), &if_absent, NULL, NULL, &err), LT_CONFLICT, err);
    CHECK_INT(err.reason, LT_WHY_PRECONDITION);
    CHECK_STATUS(put_with(store, T("k"), T("2"), &if_is, NULL, NULL, &err), LT_CONFLICT, err);
    is.etag = is_not.not_etag = head(store, T("k"), T(""), &arena).etag;
    CHECK_STATUS(put_with(store, T("k"), T("2"), &if_not, NULL, NULL, &err), LT_CONFLICT, err);
    CHECK_OK(put_with(store, T("k"), T("2"), &if_is, NULL, NULL, &err), err);
    CHECK_OK(put_with(store, T("k"), T("3"), &if_not, NULL, NULL, &err), err);
    lt_test_has(store, "raw", T("k"), T(""), T("3"));
}
LT_CONTRACT(writes_keep_their_conditions)

static void check_many_are_deleted_at_once(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    make_bucket(store, LT_VERSIONING_ENABLED);
    lt_test_put(store, "raw", T("a"), T("1"), NULL);
    lt_text version = lt_test_put(store, "raw", T("b"), T("1"), &arena);
    lt_test_put(store, "raw", T("c"), T("1"), NULL);
    lt_delete_item items[] = {{.key = T("a")},
                              {.key = T("b"), .version_id = version},
                              {.key = T("c"), .when.etag = T("wrong")},
                              {.key = T("")},
                              {.key = T("none")}};
    CHECK_OK(lt_store_delete_many(store, T("raw"), items, LT_COUNT(items), NULL, &arena, &err),
             err);
    CHECK_INT(items[0].status, LT_OK);
    CHECK(items[0].info.is_marker && items[0].info.version_id.len);
    CHECK(lt_text_eq(items[1].info.version_id, version) && !items[1].info.is_marker);
    CHECK_INT(items[2].status, LT_CONFLICT);
    CHECK_INT(items[2].err.reason, LT_WHY_PRECONDITION);
    CHECK_INT(items[3].status, LT_INVALID);
    CHECK(items[4].status == LT_OK && items[4].info.is_marker);
    LT_AUTO(lt_chars) left = lt_test_list(store, "raw", NULL);
    CHECK_STR(left, "c=1");
    CHECK_STATUS(lt_store_delete_many(store, T("none"), items, 1, NULL, &arena, &err), LT_NOT_FOUND,
                 err);
}
LT_CONTRACT(many_are_deleted_at_once)

static void check_reasons_tell_what_status_does_not(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_chars) long_key = lt_test_bytes(LT_KEY_BYTES + 1, 3);
    memset(long_key, 'k', LT_KEY_BYTES + 1);
    lt_object_info info = {0};
    make_bucket(store, LT_VERSIONING_ENABLED);
    CHECK(lt_bucket_create(store, T("raw"), LT_UNVERSIONED, &err) == LT_CONFLICT);
    CHECK_INT(err.reason, LT_WHY_BUCKET_EXISTS);
    CHECK(lt_bucket_create(store, T("R"), LT_UNVERSIONED, &err) == LT_INVALID);
    CHECK_INT(err.reason, LT_WHY_BAD_BUCKET_NAME);
    lt_test_put(store, "raw", T("k"), T("v"), NULL);
    CHECK(lt_bucket_delete(store, T("raw"), &err) == LT_CONFLICT);
    CHECK_INT(err.reason, LT_WHY_BUCKET_NOT_EMPTY);
    CHECK(lt_store_head(store, T("none"), T("k"), T(""), &arena, &info, &err) == LT_NOT_FOUND);
    CHECK_INT(err.reason, LT_WHY_NO_SUCH_BUCKET);
    CHECK(lt_store_head(store, T("raw"), T("k"), T("nosuch"), &arena, &info, &err) == LT_NOT_FOUND);
    CHECK_INT(err.reason, LT_WHY_NO_SUCH_VERSION);
    CHECK(put_with(store, lt_text_of(long_key), T("v"), NULL, NULL, NULL, &err) == LT_INVALID);
    CHECK_INT(err.reason, LT_WHY_KEY_TOO_LONG);
    CHECK_OK(lt_store_delete(store, T("raw"), T("k"), T(""), NULL, &arena, &info, &err), err);
    lt_object_name marker = {T("raw"), T("k"), info.version_id};
    lt_reading *reading = NULL;
    lt_object_info found = {0};
    CHECK(lt_reading_open(store, marker, 0, &arena, &found, &reading, &err) == LT_NOT_FOUND);
    CHECK_INT(err.reason, LT_WHY_IS_MARKER);
    CHECK(found.is_marker && lt_text_eq(found.version_id, info.version_id));
}
LT_CONTRACT(reasons_tell_what_status_does_not)

/* ---------------------------------------------------------------- encryption */

static void seal_one(lt_store *store, lt_text key, size_t size, lt_arena *arena)
{
    lt_err err = {0};
    LT_AUTO(lt_chars) bytes = lt_test_bytes(size, (uint32_t)size);
    lt_text value = lt_text_at(bytes, size);
    lt_put_options options = {.sealed = true, .checksum = LT_SUM_SHA256};
    lt_object_info made = {0};
    CHECK_OK(put_with(store, key, value, &options, arena, &made, &err), err);
    CHECK(made.is_sealed && made.size_bytes == (int64_t)size);
    CHECK(head(store, key, T(""), arena).is_sealed);
    lt_test_has(store, "raw", key, T(""), value);
    for (size_t at = 0; at < size; at += 33333) { /* any part of it */
        LT_AUTO(lt_buf) got = {0};
        CHECK_OK(lt_store_get(store, T("raw"), key, T(""), at, 70000, &got, &err), err);
        CHECK(lt_text_eq(lt_buf_text(&got), lt_text_sub(value, at, 70000)));
    }
}

static void check_encrypted_objects_read_as_they_were(lt_store *store)
{
    static const size_t sizes[] = {0, 1, 1000, 32768, 65535, 65536, 65537, 131072, 1500001};
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_test_master_key(true);
    make_bucket(store, LT_VERSIONING_ENABLED);
    for (size_t i = 0; i < LT_COUNT(sizes); i++)
        seal_one(store, lt_text_of(lt_arena_format(&arena, "k%zu", sizes[i])), sizes[i], &arena);
    lt_test_check(store);

    CHECK_OK(lt_bucket_create(store, T("plain"), LT_UNVERSIONED, &err), err);
    lt_object_name name = {T("raw"), T("k65537"), {0}};
    lt_object_info made = {0};
    CHECK_OK(lt_store_copy(store, name, T("plain"), T("c"), NULL, &arena, &made, NULL, &err), err);
    CHECK(!made.is_sealed);
    CHECK_OK(lt_bucket_set_sealed(store, T("plain"), true, &err), err);
    CHECK_OK(lt_store_copy(store, name, T("plain"), T("d"), NULL, &arena, &made, NULL, &err), err);
    CHECK(made.is_sealed);
    lt_test_put(store, "plain", T("e"), T("v"), NULL);
    CHECK_OK(lt_store_head(store, T("plain"), T("e"), T(""), &arena, &made, &err), err);
    CHECK(made.is_sealed);
    LT_AUTO(lt_chars) bytes = lt_test_bytes(65537, 65537);
    lt_test_has(store, "plain", T("c"), T(""), lt_text_at(bytes, 65537));
    lt_test_has(store, "plain", T("d"), T(""), lt_text_at(bytes, 65537));
    lt_test_check(store);
    lt_test_master_key(false);
}
LT_CONTRACT_INDEX(encrypted_objects_read_as_they_were)
