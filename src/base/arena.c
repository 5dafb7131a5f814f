/* Arenas: blocks that double, one free at the end. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
    ALIGNMENT = 16,
    FIRST_BLOCK = 4096,
    LARGEST_BLOCK = 1 << 20,
    HUGE_BLOCK = 8 << 20,
    PAGE = 4096
};

struct lt_arena_block {
    lt_arena_block *older; /* owned */
    size_t size, used;
    alignas(ALIGNMENT) char bytes[];
};

static lt_arena_block *block_new(lt_arena *arena, size_t least)
{
    size_t size =
        arena->newest ? LT_MIN(arena->newest->size * 2, (size_t)LARGEST_BLOCK) : FIRST_BLOCK;
    size = LT_MAX(size, least);
    lt_arena_block *block = lt_xcalloc(1, sizeof(*block) + size);
    if (size >= HUGE_BLOCK) { /* one fault for 2 MiB instead of 512; only a wish */
        uintptr_t start = ((uintptr_t)block + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
        (void)madvise((void *)start, ((uintptr_t)block + size - start) & ~(uintptr_t)(PAGE - 1),
                      MADV_HUGEPAGE);
    }
    block->size = size;
    block->older = arena->newest;
    arena->newest = block;
    return block;
}

void *lt_alloc(lt_arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2)
        return lt_xmalloc(SIZE_MAX); /* says so and ends the process */
    size_t rounded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    lt_arena_block *block = arena->newest;
    if (!block || block->size - block->used < rounded)
        block = block_new(arena, rounded);
    void *memory = block->bytes + block->used;
    block->used += rounded;
    arena->used_bytes += rounded;
    return memory;
}

void *lt_alloc_array(lt_arena *arena, size_t count, size_t size)
{
    size_t total;
    return lt_alloc(arena, __builtin_mul_overflow(count, size, &total) ? SIZE_MAX : total);
}

lt_text lt_arena_text(lt_arena *arena, lt_text text)
{
    return lt_text_at(lt_arena_str(arena, text), text.len);
}

char *lt_arena_str(lt_arena *arena, lt_text text)
{
    char *copy = lt_alloc(arena, text.len + 1);
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    return copy;
}

char *lt_arena_vformat(lt_arena *arena, const char *format, va_list args)
{
    char first[256]; /* most are short: then they are formatted once */
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(first, sizeof(first), format, again);
    va_end(again);
    size_t size = len < 0 ? 0 : (size_t)len;
    char *made = lt_alloc(arena, size + 1);
    if (size < sizeof(first))
        memcpy(made, first, size);
    else
        (void)vsnprintf(made, size + 1, format, args);
    return made;
}

char *lt_arena_format(lt_arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *made = lt_arena_vformat(arena, format, args);
    va_end(args);
    return made;
}

#if defined(__SANITIZE_ADDRESS__)
void lt_arena_reset(lt_arena *arena) /* who still uses the job's memory is caught */
{
    lt_arena_cleanup(arena);
}
#else
void lt_arena_reset(lt_arena *arena)
{
    lt_arena_block *kept = arena->newest;
    if (!kept || kept->size > LARGEST_BLOCK) {
        lt_arena_cleanup(arena);
        return;
    }
    arena->newest = kept->older;
    lt_arena_cleanup(arena);
    memset(kept->bytes, 0, kept->used);
    kept->used = 0;
    kept->older = NULL;
    arena->newest = kept;
}
#endif

void lt_arena_cleanup(lt_arena *arena)
{
    lt_arena_block *block = arena->newest;
    while (block) {
        lt_arena_block *older = block->older;
        lt_free(block);
        block = older;
    }
    *arena = (lt_arena){0};
}
