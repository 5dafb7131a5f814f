/* Cyclic sums against the published check values, and joining against the sum of the whole. */
#include "base/crc.h"
#include "support/test.h"

static const char text[] =
    "The quick brown fox jumps over the lazy dog, again and again, until the "
    "evening comes and the miller closes the sluice.";

Test(crc, sums_have_the_published_check_values)
{
    CHECK_INT(lt_crc32(0, T("123456789")), 0xcbf43926);
    CHECK_INT(lt_crc32c(0, T("123456789")), 0xe3069283);
    CHECK(lt_crc64nvme(0, T("123456789")) == 0xae8b14860a799888ULL);
}

Test(crc, castagnoli_has_the_values_of_rfc_3720)
{
    char bytes[32] = {0};
    CHECK_INT(lt_crc32c(0, lt_text_at(bytes, 32)), 0x8a9136aa);
    memset(bytes, 0xff, sizeof(bytes));
    CHECK_INT(lt_crc32c(0, lt_text_at(bytes, 32)), 0x62a8ab43);
    for (int i = 0; i < 32; i++)
        bytes[i] = (char)i;
    CHECK_INT(lt_crc32c(0, lt_text_at(bytes, 32)), 0x46dd794e);
}

Test(crc, nothing_sums_to_nothing)
{
    CHECK_INT(lt_crc32(0, (lt_text){0}), 0);
    CHECK_INT(lt_crc32c(0, (lt_text){0}), 0);
    CHECK(lt_crc64nvme(0, (lt_text){0}) == 0);
    CHECK_INT(lt_crc32(7, (lt_text){0}), 7);
}

Test(crc, parts_in_any_cut_give_the_sum_of_the_whole)
{
    lt_text whole = lt_text_of(text);
    for (size_t cut = 0; cut <= whole.len; cut++) {
        lt_text a = lt_text_sub(whole, 0, cut), b = lt_text_sub(whole, cut, SIZE_MAX);
        CHECK_INT(lt_crc32(lt_crc32(0, a), b), lt_crc32(0, whole));
        CHECK_INT(lt_crc32c(lt_crc32c(0, a), b), lt_crc32c(0, whole));
        CHECK_INT(lt_crc32c_by_table(lt_crc32c_by_table(0, a), b), lt_crc32c(0, whole));
        CHECK(lt_crc64nvme(lt_crc64nvme(0, a), b) == lt_crc64nvme(0, whole));
    }
}

Test(crc, joined_sums_of_neighbours_are_the_sum_of_both)
{
    lt_text whole = lt_text_of(text);
    for (size_t cut = 0; cut <= whole.len; cut++) {
        lt_text a = lt_text_sub(whole, 0, cut), b = lt_text_sub(whole, cut, SIZE_MAX);
        CHECK_INT(lt_crc32_join(lt_crc32(0, a), lt_crc32(0, b), b.len), lt_crc32(0, whole));
        CHECK_INT(lt_crc32c_join(lt_crc32c(0, a), lt_crc32c(0, b), b.len), lt_crc32c(0, whole));
        CHECK(lt_crc64nvme_join(lt_crc64nvme(0, a), lt_crc64nvme(0, b), b.len) ==
              lt_crc64nvme(0, whole));
    }
}

Test(crc, joining_takes_lengths_of_gigabytes)
{
    uint32_t twice = lt_crc32_join(1234567, lt_crc32_join(7, 99, 3ULL << 30), (3ULL << 30) + 5);
    uint32_t other = lt_crc32_join(lt_crc32_join(1234567, 7, 5), 99, 3ULL << 30);
    CHECK_INT(twice, other);
}
