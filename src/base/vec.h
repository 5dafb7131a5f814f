/* vec.h - a typed array that grows.
 *
 *     LT_VEC(lt_text) names = {0};        heap:   lt_push(&names, name);            lt_vec_free(&names);
 *                                         arena:  lt_push_in(arena, &names, name);  lives with the arena
 * Read with names.items[i], names.len. One vector uses one of the two, never both. */
#pragma once
#include "base/arena.h"

#define LT_VEC(type)                                                                               \
    struct {                                                                                       \
        type *items;                                                                               \
        size_t len, cap;                                                                           \
    }

#define lt_push(vec, item)                                                                         \
    do {                                                                                           \
        if ((vec)->len == (vec)->cap)                                                              \
            (vec)->items = lt_vec_grow((vec)->items, &(vec)->cap, sizeof(*(vec)->items));          \
        (vec)->items[(vec)->len++] = (item);                                                       \
    } while (0)

#define lt_push_in(arena, vec, item)                                                               \
    do {                                                                                           \
        if ((vec)->len == (vec)->cap)                                                              \
            (vec)->items =                                                                         \
                lt_vec_grow_in((arena), (vec)->items, &(vec)->cap, sizeof(*(vec)->items));         \
        (vec)->items[(vec)->len++] = (item);                                                       \
    } while (0)

#define lt_vec_free(vec)                                                                           \
    do {                                                                                           \
        lt_free((vec)->items);                                                                     \
        (vec)->items = NULL;                                                                       \
        (vec)->len = (vec)->cap = 0;                                                               \
    } while (0)

/* For the macros alone. */
void *lt_vec_grow(void *items, size_t *cap, size_t item_size);
void *lt_vec_grow_in(lt_arena *arena, const void *items, size_t *cap, size_t item_size);

typedef LT_VEC(lt_text) lt_texts;
/* An lt_name_at (base/text.h) whose context is an lt_texts. */
lt_text lt_texts_at(const void *texts, size_t i);
