/* Multipart uploads keep S3's rules in every back end. */
#include "contract/store/contract.h"
#include "store/checksum.h"
#include "store/upload.h"

#include <stdlib.h>

enum { FULL = 5 * 1024 * 1024, LAST = 70000 };

static void make_bucket(lt_store *store, lt_versioning versioning)
{
    lt_err err = {0};
    CHECK_OK(lt_bucket_create(store, T("raw"), versioning, &err), err);
}

static lt_upload_name begin(lt_store *store, lt_text key, const lt_upload_options *options,
                            lt_arena *arena)
{
    lt_err err = {0};
    lt_upload_name upload = {.bucket = T("raw"), .key = key};
    CHECK_OK(lt_upload_create(store, T("raw"), key, options, arena, &upload.upload_id, &err), err);
    return upload;
}

static lt_part_named part(lt_store *store, lt_upload_name upload, int32_t number, lt_text value,
                          lt_arena *arena)
{
    lt_err err = {0};
    lt_text_body body;
    lt_part_info info = {0};
    CHECK_OK(lt_upload_part(store, upload, number, lt_body_from_text(&body, value), NULL, arena,
                            &info, &err),
             err);
    CHECK_INT(info.number, number);
    CHECK_INT(info.size_bytes, value.len);
    return (lt_part_named){.number = number, .etag = info.etag};
}

static lt_status complete(lt_store *store, lt_upload_name upload, const lt_part_named *parts,
                          size_t count, lt_arena *arena, lt_object_info *info, lt_err *err)
{
    return lt_upload_complete(store, upload, parts, count, NULL, arena, info, err);
}

static lt_text bytes_in(lt_arena *arena, size_t size, uint32_t seed)
{
    LT_AUTO(lt_chars) bytes = lt_test_bytes(size, seed);
    return lt_arena_text(arena, lt_text_at(bytes, size));
}

static void check_parts_become_one_object(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) whole = {0};
    lt_pair user[1] = {{T("a"), T("b")}};
    lt_upload_options options = {
        .meta = {.content_type = T("text/csv"), .user = {.items = user, .len = 1}}};
    lt_text first = bytes_in(&arena, FULL, 1), second = bytes_in(&arena, LAST, 2);
    make_bucket(store, LT_VERSIONING_ENABLED);
    lt_upload_name upload = begin(store, T("k"), &options, &arena);
    lt_part_named parts[2] = {{0}};
    parts[1] = part(store, upload, 7, second, &arena); /* in any order, with gaps */
    (void)part(store, upload, 3, second, &arena);
    parts[0] = part(store, upload, 3, first, &arena); /* instead of the one before */
    (void)part(store, upload, 9, T("not wanted"), &arena);
    lt_test_has_not(store, "raw", T("k"), T(""));
    lt_object_info made = {0}, again = {0};
    CHECK_OK(complete(store, upload, parts, 2, &arena, &made, &err), err);
    CHECK_INT(made.size_bytes, FULL + LAST);
    CHECK(lt_text_ends(made.etag, T("-2")) && made.etag.len == 34);
    lt_buf_add(&whole, first);
    lt_buf_add(&whole, second);
    lt_test_has(store, "raw", T("k"), T(""), lt_buf_text(&whole));
    CHECK_OK(lt_store_head(store, T("raw"), T("k"), T(""), &arena, &again, &err), err);
    CHECK_TEXT(again.meta.content_type, "text/csv");
    CHECK_INT(again.meta.user.len, 1);
    CHECK_INT(again.part_count, 2);
    CHECK_OK(complete(store, upload, parts, 2, &arena, &again, &err), err); /* the same answer */
    CHECK(lt_text_eq(again.version_id, made.version_id) && lt_text_eq(again.etag, made.etag));
    lt_test_check(store);
    CHECK_OK(lt_store_delete(store, T("raw"), T("k"), made.version_id, NULL, NULL, NULL, &err),
             err);
    CHECK_STATUS(complete(store, upload, parts, 2, &arena, &again, &err), LT_NOT_FOUND, err);
    CHECK_INT(err.reason, LT_WHY_NO_SUCH_UPLOAD);
    lt_test_check(store);
}
LT_CONTRACT(parts_become_one_object)

static void check_wrong_completions_are_refused(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    make_bucket(store, LT_UNVERSIONED);
    lt_upload_name upload = begin(store, T("k"), NULL, &arena);
    lt_part_named parts[2] = {part(store, upload, 1, T("small"), &arena),
                              part(store, upload, 2, T("last"), &arena)};
    lt_part_named turned[2] = {parts[1], parts[0]}, missing[1] = {{.number = 5, .etag = T("x")}};
    lt_part_named other[1] = {{.number = 1, .etag = parts[1].etag}};
    const struct {
        lt_part_named *parts;
        size_t count;
        lt_store_reason reason;
    } wrong[] = {{parts, 2, LT_WHY_TOO_SMALL},
                 {turned, 2, LT_WHY_PART_ORDER},
                 {missing, 1, LT_WHY_BAD_PART},
                 {other, 1, LT_WHY_BAD_PART},
                 {parts, 0, LT_WHY_BAD_ARGUMENT}};
    for (size_t i = 0; i < LT_COUNT(wrong); i++) {
        CHECK(complete(store, upload, wrong[i].parts, wrong[i].count, NULL, NULL, &err) != LT_OK);
        CHECK_INT(err.reason, wrong[i].reason);
    }
    lt_test_has_not(store, "raw", T("k"), T(""));
    lt_when absent = {.absent = true};
    lt_complete_options when = {.when = &absent, .size_bytes = 5};
    lt_test_put(store, "raw", T("k"), T("there"), NULL);
    CHECK_STATUS(lt_upload_complete(store, upload, parts, 1, &when, NULL, NULL, &err), LT_CONFLICT,
                 err);
    CHECK_INT(err.reason, LT_WHY_PRECONDITION);
    when = (lt_complete_options){.size_bytes = 4};
    CHECK(lt_upload_complete(store, upload, parts, 1, &when, NULL, NULL, &err) == LT_INVALID);
    CHECK_OK(complete(store, upload, parts, 1, NULL, NULL, &err), err); /* none of it did harm */
    lt_test_has(store, "raw", T("k"), T(""), T("small"));
    lt_text_body body;
    CHECK(lt_upload_part(store, upload, 0, lt_body_from_text(&body, T("x")), NULL, NULL, NULL,
                         &err) == LT_INVALID);
    CHECK(lt_upload_part(store, upload, 10001, lt_body_from_text(&body, T("x")), NULL, NULL, NULL,
                         &err) == LT_INVALID);
    CHECK(lt_upload_part(store, upload, 1, lt_body_from_text(&body, T("x")), NULL, NULL, NULL,
                         &err) == LT_NOT_FOUND);
    lt_test_check(store);
}
LT_CONTRACT(wrong_completions_are_refused)

static void check_an_aborted_upload_is_gone(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_upload_info info = {0};
    lt_part_list list = {0};
    make_bucket(store, LT_UNVERSIONED);
    lt_upload_name upload = begin(store, T("k"), NULL, &arena);
    lt_part_named one = part(store, upload, 1, bytes_in(&arena, LAST, 3), &arena);
    CHECK_OK(lt_upload_abort(store, upload, &err), err);
    CHECK_STATUS(lt_upload_abort(store, upload, &err), LT_NOT_FOUND, err);
    CHECK_INT(err.reason, LT_WHY_NO_SUCH_UPLOAD);
    CHECK_STATUS(complete(store, upload, &one, 1, NULL, NULL, &err), LT_NOT_FOUND, err);
    CHECK_STATUS(lt_upload_parts(store, upload, 0, 0, &arena, &info, &list, &err), LT_NOT_FOUND,
                 err);
    lt_test_check(store);
    upload = begin(store, T("k"), NULL, &arena);
    (void)part(store, upload, 1, T("x"), &arena);
    CHECK_OK(lt_bucket_delete(store, T("raw"), &err), err); /* takes uploads with it */
}
LT_CONTRACT(an_aborted_upload_is_gone)

static void check_uploads_and_parts_are_listed_in_pages(lt_store *store)
{
    static const char *const keys[] = {"a/1", "a/2", "b", "b", "c/1", "d"};
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    make_bucket(store, LT_UNVERSIONED);
    lt_upload_name last = {0};
    for (size_t i = 0; i < LT_COUNT(keys); i++)
        last = begin(store, lt_text_of(keys[i]), NULL, &arena);
    for (size_t limit = 1; limit <= 6; limit++) {
        lt_upload_request request = {.delimiter = T("/"), .limit = limit};
        lt_upload_list page = {0};
        LT_AUTO(lt_buf) all = {0};
        do {
            CHECK_OK(lt_upload_list_page(store, T("raw"), &request, &arena, &page, &err), err);
            CHECK(page.items.len + page.prefixes.len <= limit);
            for (size_t i = 0; i < page.prefixes.len; i++)
                lt_buf_printf(&all, "%.*s ", LT_ARG(page.prefixes.items[i]));
            for (size_t i = 0; i < page.items.len; i++)
                lt_buf_printf(&all, "%.*s ", LT_ARG(page.items.items[i].key));
            request.after_key = page.next_key;
            request.after_upload = page.next_upload;
        } while (page.more);
        if (limit == 1)
            CHECK_STR(lt_buf_chars(&all), "a/ b b c/ d ");
        CHECK_INT(all.len, strlen("a/ b b c/ d "));
    }
    for (int32_t i = 1; i <= 5; i++)
        (void)part(store, last, i * 2, T("x"), &arena);
    lt_upload_info info = {0};
    lt_part_list list = {0};
    CHECK_OK(lt_upload_parts(store, last, 2, 2, &arena, &info, &list, &err), err);
    CHECK_INT(list.items.len, 2);
    CHECK(list.more && list.items.items[0].number == 4 && list.items.items[1].number == 6);
    CHECK_OK(lt_upload_parts(store, last, 6, 2, &arena, &info, &list, &err), err);
    CHECK(!list.more && list.items.len == 2);
}
LT_CONTRACT(uploads_and_parts_are_listed_in_pages)

static void check_parts_are_read_alone_and_across(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) whole = {0};
    make_bucket(store, LT_UNVERSIONED);
    lt_upload_name upload = begin(store, T("k"), NULL, &arena);
    lt_part_named parts[3];
    lt_text values[3] = {bytes_in(&arena, FULL, 1), bytes_in(&arena, FULL + 5, 2), T("the last")};
    for (int32_t i = 0; i < 3; i++) {
        parts[i] = part(store, upload, i + 1, values[i], &arena);
        lt_buf_add(&whole, values[i]);
    }
    CHECK_OK(complete(store, upload, parts, 3, NULL, NULL, &err), err);
    lt_object_name name = {T("raw"), T("k"), {0}};
    lt_object_info info = {0};
    int64_t start = 0;
    for (int32_t i = 0; i < 3; i++) {
        LT_AUTO(lt_reading_ref) reading = NULL;
        char got[8];
        size_t len = 0;
        CHECK_OK(lt_reading_open(store, name, i + 1, &arena, &info, &reading, &err), err);
        CHECK_INT(lt_reading_size(reading), values[i].len);
        CHECK_INT(lt_reading_start(reading), start);
        CHECK_INT(info.size_bytes, whole.len);
        CHECK_OK(lt_reading_pread(reading, 0, got, sizeof(got), &len, &err), err);
        CHECK(lt_text_eq(lt_text_at(got, len), lt_text_sub(values[i], 0, sizeof(got))));
        start += (int64_t)values[i].len;
    }
    lt_reading *none = NULL;
    CHECK_STATUS(lt_reading_open(store, name, 4, &arena, &info, &none, &err), LT_INVALID, err);
    CHECK_INT(err.reason, LT_WHY_BAD_PART);
    for (size_t at = FULL - 3; at < whole.len; at += FULL) {
        LT_AUTO(lt_buf) got = {0};
        CHECK_OK(lt_store_get(store, T("raw"), T("k"), T(""), at, FULL + 100, &got, &err), err);
        CHECK(lt_text_eq(lt_buf_text(&got), lt_text_sub(lt_buf_text(&whole), at, FULL + 100)));
    }
    lt_part_list list = {0};
    CHECK_OK(lt_object_parts(store, name, 1, 1, &arena, &list, &err), err);
    CHECK(list.more && list.items.len == 1 && list.items.items[0].number == 2);
    CHECK_INT(list.items.items[0].size_bytes, FULL + 5);
}
LT_CONTRACT(parts_are_read_alone_and_across)

static void check_checksums_of_parts_make_one_of_the_whole(lt_store *store)
{
    static const struct {
        lt_sum_kind kind;
        bool composite;
    } cases[] = {{LT_SUM_CRC32, false}, {LT_SUM_CRC32C, false}, {LT_SUM_CRC64NVME, false},
                 {LT_SUM_CRC32, true},  {LT_SUM_SHA1, true},    {LT_SUM_SHA256, true}};
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) whole = {0};
    lt_text values[2] = {bytes_in(&arena, FULL, 1), bytes_in(&arena, LAST, 2)};
    make_bucket(store, LT_UNVERSIONED);
    lt_buf_add(&whole, values[0]);
    lt_buf_add(&whole, values[1]);
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        lt_upload_options options = {.checksum = cases[i].kind, .composite = cases[i].composite};
        lt_upload_name upload = begin(store, T("k"), &options, &arena);
        lt_part_named parts[2] = {part(store, upload, 1, values[0], &arena),
                                  part(store, upload, 2, values[1], &arena)};
        lt_complete_options wrong = {.checksum = T("AAAAAA=="), .size_bytes = -1};
        lt_object_info made = {0}, put = {0};
        CHECK(lt_upload_complete(store, upload, parts, 2, &wrong, NULL, NULL, &err) == LT_INVALID);
        CHECK_INT(err.reason, LT_WHY_BAD_DIGEST);
        CHECK_OK(complete(store, upload, parts, 2, &arena, &made, &err), err);
        CHECK(made.checksum.composite == cases[i].composite);
        CHECK(lt_text_ends(made.checksum.value, T("-2")) == cases[i].composite);
        if (cases[i].composite)
            continue;
        lt_put_options at_once = {.checksum = cases[i].kind};
        lt_text_body body;
        CHECK_OK(lt_store_put(store, T("raw"), T("at once"),
                              lt_body_from_text(&body, lt_buf_text(&whole)), &at_once, &arena, &put,
                              &err),
                 err);
        CHECK(lt_text_eq(put.checksum.value, made.checksum.value));
    }
    lt_upload_options bad = {.checksum = LT_SUM_SHA256};
    lt_text id = {0};
    CHECK(lt_upload_create(store, T("raw"), T("k"), &bad, &arena, &id, &err) == LT_INVALID);
    CHECK_INT(err.reason, LT_WHY_BAD_REQUEST);
}
LT_CONTRACT(checksums_of_parts_make_one_of_the_whole)

static void check_parts_are_copied_from_other_objects(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_text value = bytes_in(&arena, FULL + 1000, 5), version = {0};
    make_bucket(store, LT_VERSIONING_ENABLED);
    lt_test_put(store, "raw", T("source"), value, NULL);
    lt_upload_options options = {.checksum = LT_SUM_CRC32};
    for (int with_sum = 0; with_sum < 2; with_sum++) {
        lt_upload_name upload = begin(store, T("k"), with_sum ? &options : NULL, &arena);
        lt_part_source all = {.name = {T("raw"), T("source"), {0}}, .len = -1};
        lt_part_source range = {.name = all.name, .offset = 10, .len = 90};
        lt_part_source beyond = {.name = all.name, .offset = FULL, .len = 1001};
        lt_part_info first = {0}, second = {0};
        CHECK_OK(lt_upload_part_copy(store, upload, 1, &all, &arena, &first, &version, &err), err);
        CHECK(version.len > 0);
        CHECK_OK(lt_upload_part_copy(store, upload, 2, &range, &arena, &second, NULL, &err), err);
        CHECK_STATUS(lt_upload_part_copy(store, upload, 3, &beyond, &arena, &second, NULL, &err),
                     LT_INVALID, err);
        CHECK_INT(err.reason, LT_WHY_BAD_RANGE);
        lt_part_named parts[2] = {{1, first.etag, {0}}, {2, second.etag, {0}}};
        CHECK_OK(complete(store, upload, parts, 2, NULL, NULL, &err), err);
        LT_AUTO(lt_buf) whole = {0};
        lt_buf_add(&whole, value);
        lt_buf_add(&whole, lt_text_sub(value, 10, 90));
        lt_test_has(store, "raw", T("k"), T(""), lt_buf_text(&whole));
    }
    lt_test_check(store);
}
LT_CONTRACT(parts_are_copied_from_other_objects)

static void check_a_multipart_object_lives_on_in_its_copies(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_text value = bytes_in(&arena, FULL, 6);
    lt_object_info made = {0}, copied = {0};
    make_bucket(store, LT_VERSIONING_ENABLED);
    lt_upload_name upload = begin(store, T("k"), NULL, &arena);
    lt_part_named parts[2] = {part(store, upload, 1, value, &arena),
                              part(store, upload, 2, T("end"), &arena)};
    CHECK_OK(complete(store, upload, parts, 2, &arena, &made, &err), err);
    lt_object_name name = {T("raw"), T("k"), {0}};
    CHECK_OK(lt_store_copy(store, name, T("raw"), T("c"), NULL, &arena, &copied, NULL, &err), err);
    CHECK(lt_text_ends(made.etag, T("-2")) && copied.etag.len == 32); /* one content, as on S3 */
    CHECK_OK(lt_store_delete(store, T("raw"), T("k"), made.version_id, NULL, NULL, NULL, &err),
             err);
    LT_AUTO(lt_buf) whole = {0};
    lt_buf_add(&whole, value);
    lt_buf_add_str(&whole, "end");
    lt_test_has(store, "raw", T("c"), T(""), lt_buf_text(&whole));
    lt_test_put(store, "raw", T("c"), T("newer"), NULL);
    CHECK_OK(lt_store_restore(store, T("raw"), T("c"), copied.version_id, NULL, NULL, &err), err);
    CHECK_OK(lt_store_delete(store, T("raw"), T("c"), copied.version_id, NULL, NULL, NULL, &err),
             err);
    lt_test_has(store, "raw", T("c"), T(""), lt_buf_text(&whole));
    lt_test_check(store);
}
LT_CONTRACT(a_multipart_object_lives_on_in_its_copies)

static void check_a_copy_outlives_the_bucket_of_its_upload(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    make_bucket(store, LT_UNVERSIONED);
    CHECK_OK(lt_bucket_create(store, T("other"), LT_UNVERSIONED, &err), err);
    lt_upload_name upload = begin(store, T("k"), NULL, &arena);
    lt_part_named only = part(store, upload, 1, bytes_in(&arena, LAST, 1), &arena);
    CHECK_OK(complete(store, upload, &only, 1, NULL, NULL, &err), err);
    lt_object_name name = {T("raw"), T("k"), {0}};
    CHECK_OK(lt_store_copy(store, name, T("other"), T("c"), NULL, &arena, NULL, NULL, &err), err);
    CHECK_OK(lt_store_delete(store, T("raw"), T("k"), T(""), NULL, NULL, NULL, &err), err);
    CHECK_OK(lt_bucket_delete(store, T("raw"), &err), err);
    lt_test_has(store, "other", T("c"), T(""), bytes_in(&arena, LAST, 1));
    lt_test_check(store);
    CHECK_OK(lt_store_delete(store, T("other"), T("c"), T(""), NULL, NULL, NULL, &err), err);
    lt_test_check(store);
}
LT_CONTRACT(a_copy_outlives_the_bucket_of_its_upload)

static void check_encrypted_uploads_read_as_they_were(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_upload_options options = {.sealed = true};
    lt_text value = bytes_in(&arena, FULL, 7);
    lt_object_info info = {0};
    lt_test_master_key(true);
    make_bucket(store, LT_UNVERSIONED);
    lt_upload_name upload = begin(store, T("k"), &options, &arena);
    lt_part_named parts[2] = {part(store, upload, 1, value, &arena),
                              part(store, upload, 2, T("end"), &arena)};
    CHECK_OK(complete(store, upload, parts, 2, &arena, &info, &err), err);
    CHECK(info.is_sealed);
    CHECK_OK(lt_store_head(store, T("raw"), T("k"), T(""), &arena, &info, &err), err);
    CHECK(info.is_sealed);
    LT_AUTO(lt_buf) whole = {0};
    lt_buf_add(&whole, value);
    lt_buf_add_str(&whole, "end");
    lt_test_has(store, "raw", T("k"), T(""), lt_buf_text(&whole));
    lt_test_check(store);
    lt_test_master_key(false);
}
LT_CONTRACT_INDEX(encrypted_uploads_read_as_they_were)
