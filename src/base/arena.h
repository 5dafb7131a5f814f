/* arena.h - memory that lives as long as one job (a compile, a request, a project) and ends at once.
 *
 * Zero-initialise, use, lt_arena_cleanup(). Not for several threads at once. Alignment is 16. */
#pragma once
#include "base/text.h"

#include <stdarg.h>

typedef struct lt_arena_block lt_arena_block;

typedef struct lt_arena {
    lt_arena_block *newest; /* owned chain */
    size_t used_bytes;      /* all that was handed out: for limits and reports */
} lt_arena;

void *lt_alloc(lt_arena *arena, size_t size); /* zeroed, never NULL */
void *lt_alloc_array(lt_arena *arena, size_t count,
                     size_t size); /* zeroed; ends the process on overflow */
#define LT_NEW(arena, type) ((type *)lt_alloc((arena), sizeof(type)))

/* Copies with a NUL behind, so that .ptr is a C string too. */
lt_text lt_arena_text(lt_arena *arena, lt_text text);
char *lt_arena_str(lt_arena *arena, lt_text text);
char *lt_arena_format(lt_arena *arena, const char *format, ...) LT_PRINTF(2, 3);
char *lt_arena_vformat(lt_arena *arena, const char *format, va_list args) LT_PRINTF(2, 0);

void lt_arena_cleanup(lt_arena *arena); /* frees all; the arena can be used again */
/* The same for the next of many jobs: its largest block stays, if that is at most 1 MiB. */
void lt_arena_reset(lt_arena *arena);
