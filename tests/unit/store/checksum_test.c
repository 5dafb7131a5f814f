/* Checksums, their combination, and sums that threads compute. */
#include "store/checksum.h"
#include "store/lifecycle.h"
#include "store/store_ops.h"

#include "support/store_help.h"
#include "support/test.h"

#include <stdlib.h>

enum { SIZE = 70001 };

static void sum_of(lt_sum_kind kind, lt_text bytes, size_t step, unsigned char out[LT_SUM_BYTES])
{
    lt_err err = {0};
    LT_AUTO(lt_sum) sum = {0};
    size_t len = 0;
    CHECK_OK(lt_sum_begin(&sum, kind, &err), err);
    for (size_t at = 0; at < bytes.len; at += step)
        CHECK_OK(lt_sum_add(&sum, lt_text_sub(bytes, at, step), &err), err);
    CHECK_OK(lt_sum_end(&sum, out, &len, &err), err);
    CHECK_INT(len, lt_sum_size(kind));
}

Test(checksum, pieces_of_any_length_give_the_same)
{
    static const size_t steps[] = {1, 3, 7, 8, 9, 4096, SIZE};
    LT_AUTO(lt_chars) bytes = lt_test_bytes(SIZE, 1);
    for (lt_sum_kind kind = LT_SUM_CRC32; kind < LT_SUM_COUNT; kind++) {
        unsigned char whole[LT_SUM_BYTES], pieces[LT_SUM_BYTES];
        sum_of(kind, lt_text_at(bytes, SIZE), SIZE, whole);
        for (size_t i = 0; i < LT_COUNT(steps); i++) {
            sum_of(kind, lt_text_at(bytes, SIZE), steps[i], pieces);
            CHECK(memcmp(whole, pieces, lt_sum_size(kind)) == 0);
        }
    }
}

Test(checksum, crcs_of_parts_combine_to_that_of_the_whole)
{
    static const size_t cuts[] = {0, 1, 8, 1000, 65536, SIZE - 1, SIZE};
    LT_AUTO(lt_chars) bytes = lt_test_bytes(SIZE, 2);
    for (lt_sum_kind kind = LT_SUM_CRC32; lt_sum_is_crc(kind); kind++) {
        unsigned char whole[LT_SUM_BYTES], first[LT_SUM_BYTES], second[LT_SUM_BYTES];
        unsigned char made[LT_SUM_BYTES];
        size_t size = lt_sum_size(kind);
        sum_of(kind, lt_text_at(bytes, SIZE), SIZE, whole);
        for (size_t i = 0; i < LT_COUNT(cuts); i++) {
            sum_of(kind, lt_text_at(bytes, cuts[i]), SIZE, first);
            sum_of(kind, lt_text_at(bytes + cuts[i], SIZE - cuts[i]), SIZE, second);
            uint64_t crc =
                lt_crc_combine(kind, lt_crc_read(lt_text_at((const char *)first, size)),
                               lt_crc_read(lt_text_at((const char *)second, size)), SIZE - cuts[i]);
            lt_crc_write(kind, crc, made);
            CHECK(memcmp(made, whole, size) == 0);
        }
    }
}

Test(checksum, base64_is_read_strictly)
{
    static const char *const wrong[] = {"",         "y/Q5Jg=",  "y/Q5Jg==\n", "y/Q5J===",
                                        "y/Q=Jg==", "y Q5Jg==", "y/Q5Jgg=",   "y/Q5Jg==AAAA"};
    unsigned char out[4];
    CHECK(lt_sum_read(T("y/Q5Jg=="), out, 4));
    for (size_t i = 0; i < LT_COUNT(wrong); i++)
        CHECK(!lt_sum_read(lt_text_of(wrong[i]), out, 4));
}

Test(checksum, kinds_are_found_by_name)
{
    lt_sum_kind kind = LT_SUM_NONE;
    CHECK(lt_sum_find(T("crc64nvme"), &kind) && kind == LT_SUM_CRC64NVME);
    CHECK(!lt_sum_find(T("MD5"), &kind) && !lt_sum_find(T(""), &kind));
}

/* Threads take over beyond a MiB; buffers have 256 KiB. */
Test(checksum, bodies_of_every_size_have_their_md5_and_sha256)
{
    static const size_t sizes[] = {0,       1,       262143,  262144,  262145,
                                   1048575, 1048576, 1048577, 3145728, 5000001};
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_store_ref) store = lt_test_store(lt_test_folder());
    CHECK_OK(lt_bucket_create(store, T("raw"), LT_UNVERSIONED, &err), err);
    for (size_t i = 0; i < LT_COUNT(sizes); i++) {
        LT_AUTO(lt_chars) bytes = lt_test_bytes(sizes[i], (uint32_t)i);
        lt_text value = lt_text_at(bytes, sizes[i]);
        LT_AUTO(lt_digest) digest = {0};
        unsigned char crc[LT_SUM_BYTES];
        lt_sums sums;
        char md5[2 * LT_MD5_BYTES + 1], sha256[2 * LT_SHA256_BYTES + 1];
        CHECK_OK(lt_digest_begin(&digest, true, &err), err);
        CHECK_OK(lt_digest_add(&digest, value, &err), err);
        CHECK_OK(lt_digest_end(&digest, &sums, &err), err);
        sum_of(LT_SUM_CRC64NVME, value, SIZE, crc);
        for (int sized = 0; sized < 2; sized++) {
            lt_text_body body;
            lt_object_info info = {0};
            lt_put_options options = {.checksum = LT_SUM_CRC64NVME};
            lt_body *from = lt_body_from_text(&body, value);
            from->size = sized ? from->size : -1;
            CHECK_OK(lt_store_put(store, T("raw"), T("k"), from, &options, &arena, &info, &err),
                     err);
            CHECK_TEXT(info.etag, lt_hex_write(lt_text_at(sums.md5, LT_MD5_BYTES), md5));
            CHECK_TEXT(info.sha256, lt_hex_write(lt_text_at(sums.sha256, LT_SHA256_BYTES), sha256));
            CHECK(lt_text_eq(info.checksum.value,
                             lt_sum_text(&arena, lt_text_at((const char *)crc, 8), 0)));
            lt_test_has(store, "raw", T("k"), T(""), value);
        }
    }
}

/* ---------------------------------------------------------------- days of lifecycle rules */

Test(lifecycle, days_end_at_the_next_midnight)
{
    lt_lifecycle_rule rule = {
        .enabled = true, .expire_days = 2, .larger_than = -1, .smaller_than = -1};
    int64_t noon = 100 * LT_DAY_US + LT_DAY_US / 2;
    CHECK_INT(lt_rule_expires_at(&rule, noon), 103 * LT_DAY_US);
    CHECK_INT(lt_rule_expires_at(&rule, 100 * LT_DAY_US), 102 * LT_DAY_US);
    CHECK(lt_rule_at(&rule, 103 * LT_DAY_US - 1, 0).expire_before_us < noon);
    CHECK(lt_rule_at(&rule, 103 * LT_DAY_US, 0).expire_before_us >= noon);
    CHECK_INT(lt_rule_at(&rule, 1000, 10).expire_before_us, 980);
    CHECK(lt_rule_at(&rule, 1000, 10).old_before_us == LT_NEVER_US);
    rule = (lt_lifecycle_rule){.enabled = true, .expire_at_us = 500};
    CHECK(lt_rule_at(&rule, 499, 0).expire_before_us == LT_NEVER_US);
    CHECK(lt_rule_at(&rule, 500, 0).expire_before_us == INT64_MAX);
    rule.enabled = false;
    CHECK(lt_rule_expires_at(&rule, 1) == LT_NEVER_US);
}
