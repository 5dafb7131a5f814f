/* Sizes as people write them. */
#include "base/size.h"

#include "support/test.h"

Test(size, reads_units_of_both_kinds)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } cases[] = {
        {"0", 0},
        {"4096", 4096},
        {"1B", 1},
        {"64k", 65536},
        {"1kB", 1000},
        {"1KiB", 1024},
        {"512 MiB", INT64_C(512) << 20},
        {"2GiB", INT64_C(2) << 30},
        {"2gib", INT64_C(2) << 30},
        {"1.5GB", 1500000000},
        {"0.5K", 512},
        {"3T", INT64_C(3) << 40},
        {"1tb", 1000000000000},
        {"9223372036854775807", INT64_MAX},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        int64_t bytes = -1;
        CHECK(lt_size_read(lt_text_of(cases[i].text), &bytes));
        CHECK_INT(bytes, cases[i].bytes);
    }
}

Test(size, refuses_what_is_none_and_leaves_the_value)
{
    static const char *const cases[] = {"",
                                        " ",
                                        "GiB",
                                        "-1",
                                        "1XB",
                                        "1.2.3",
                                        ".",
                                        "1 Gi",
                                        "1e3",
                                        "9e99",
                                        "1GG",
                                        "9223372036854775808",
                                        "9000000000T",
                                        "99999999999.5T"};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        int64_t bytes = 77;
        CHECK(!lt_size_read(lt_text_of(cases[i]), &bytes));
        CHECK_INT(bytes, 77);
    }
}

Test(size, writes_three_digits)
{
    static const struct {
        int64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},
        {999, "999 B"},
        {1000, "1.0 KiB"},
        {1024, "1.0 KiB"},
        {1536, "1.5 KiB"},
        {10240, "10 KiB"},
        {INT64_C(5) << 20, "5.0 MiB"},
        {INT64_C(2) << 30, "2.0 GiB"},
        {INT64_MAX, "8.0 EiB"},
    };
    char out[LT_SIZE_CHARS];
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        CHECK_STR(lt_size_write(cases[i].bytes, out), cases[i].text);
}
