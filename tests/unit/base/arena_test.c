/* Arenas hand out aligned, zeroed memory that stays where it is. */
#include "base/arena.h"

#include "support/test.h"

static bool is_zero(const char *memory, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (memory[i])
            return false;
    return true;
}

Test(arena, memory_is_zeroed_aligned_and_its_own)
{
    LT_AUTO(lt_arena) arena = {0};
    char *parts[300];
    size_t sum = 0;
    for (size_t i = 0; i < LT_COUNT(parts); i++) {
        size_t size = i * 37 % 5000;
        parts[i] = lt_alloc(&arena, size);
        CHECK((uintptr_t)parts[i] % 16 == 0);
        CHECK(is_zero(parts[i], size));
        memset(parts[i], (int)i, size);
        sum += size;
    }
    for (size_t i = 0; i < LT_COUNT(parts); i++)
        for (size_t k = 0; k < i * 37 % 5000; k++)
            CHECK((unsigned char)parts[i][k] == (unsigned char)i);
    CHECK(arena.used_bytes >= sum);
}

Test(arena, one_piece_may_be_larger_than_any_block)
{
    LT_AUTO(lt_arena) arena = {0};
    char *large = lt_alloc(&arena, 3 * LT_MIB);
    char *array = lt_alloc_array(&arena, 3, 5);
    CHECK(is_zero(large, 3 * LT_MIB) && is_zero(array, 15));
    int *number = LT_NEW(&arena, int);
    CHECK_INT(*number, 0);
}

Test(arena, copies_end_with_nul)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_text copy = lt_arena_text(&arena, T("a\0b"));
    CHECK_TEXT(lt_text_sub(copy, 2, 1), "b");
    CHECK_INT(copy.ptr[3], 0);
    CHECK_STR(lt_arena_str(&arena, (lt_text){0}), "");
    CHECK_STR(lt_arena_format(&arena, "%s-%d", "x", 7), "x-7");
}

Test(arena, can_be_used_again_after_its_end)
{
    lt_arena arena = {0};
    (void)lt_alloc(&arena, 10);
    lt_arena_cleanup(&arena);
    CHECK_INT(arena.used_bytes, 0);
    CHECK_STR(lt_arena_str(&arena, T("again")), "again");
    lt_arena_cleanup(&arena);
    lt_arena_cleanup(&arena);
}

Test(arena, is_empty_and_zeroed_for_the_next_job)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_arena_reset(&arena);
    for (size_t job = 0; job < 3; job++) {
        for (size_t i = 0; i < 50; i++) {
            char *piece = lt_alloc(&arena, 1000);
            CHECK(is_zero(piece, 1000));
            memset(piece, 'x', 1000);
        }
        if (job == 1)
            memset(lt_alloc(&arena, 3 * LT_MIB), 'x', 3 * LT_MIB); /* too large to be kept */
        lt_arena_reset(&arena);
        CHECK_INT(arena.used_bytes, 0);
    }
}
