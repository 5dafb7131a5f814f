/* The live line of a transfer. */
#include "cli/transfer_show.h"

#include "support/test.h"

static void line_is(const lt_transfer_counts *counts, int64_t elapsed_us, const char *wanted)
{
    LT_AUTO(lt_buf) line = {0};
    lt_transfer_line(counts, elapsed_us, &line);
    CHECK_STR(lt_buf_chars(&line), wanted);
}

Test(transfer_show, says_how_far_how_fast_and_how_long)
{
    lt_transfer_counts counts = {
        .found = 12, .found_bytes = 64 * LT_MIB, .copied = 3, .bytes = 16 * LT_MIB};
    line_is(&counts, 500000, "3 of 12 objects, 16 MiB of 64 MiB"); /* too early for a rate */
    line_is(&counts, 2000000, "3 of 12 objects, 16 MiB of 64 MiB, 8.0 MiB/s, 7.0 s left");
}

Test(transfer_show, says_what_it_knows_of_a_pipe)
{
    lt_transfer_counts counts = {.found = 1, .bytes = 2048};
    line_is(&counts, 0, "0 of 1 object, 2.0 KiB");
}
