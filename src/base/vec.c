/* Growth of vectors: by half. */
#include "base/vec.h"

static size_t next_cap(size_t cap)
{
    return cap < 4 ? 4 : cap + cap / 2;
}

void *lt_vec_grow(void *items, size_t *cap, size_t item_size)
{
    *cap = next_cap(*cap);
    return lt_xrealloc_array(items, *cap, item_size);
}

void *lt_vec_grow_in(lt_arena *arena, const void *items, size_t *cap, size_t item_size)
{
    size_t held = *cap;
    *cap =
        held < 2 ? held + 1 : next_cap(held); /* an arena keeps what was left behind: begin small */
    void *grown = lt_alloc_array(arena, *cap, item_size);
    if (held)
        memcpy(grown, items, held * item_size);
    return grown;
}

lt_text lt_texts_at(const void *texts, size_t i)
{
    return ((const lt_texts *)texts)->items[i];
}
