/* Vectors grow, on the heap and in an arena. */
#include "base/vec.h"

#include "support/test.h"

Test(vec, heap_vectors_grow_and_are_freed)
{
    LT_VEC(int) numbers = {0};
    for (int i = 0; i < 1000; i++)
        lt_push(&numbers, i * 3);
    for (int i = 0; i < 1000; i++)
        CHECK_INT(numbers.items[i], i * 3);
    CHECK(numbers.cap >= 1000 && numbers.cap < 2000);
    lt_vec_free(&numbers);
    CHECK(!numbers.items && numbers.len == 0 && numbers.cap == 0);
}

Test(vec, arena_vectors_live_with_the_arena)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_texts texts = {0};
    for (int i = 0; i < 100; i++)
        lt_push_in(&arena, &texts, lt_text_of(lt_arena_format(&arena, "%d", i)));
    CHECK_INT(texts.len, 100);
    CHECK_TEXT(texts.items[0], "0");
    CHECK_TEXT(texts.items[99], "99");
}
