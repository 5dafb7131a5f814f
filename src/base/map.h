/* map.h - text to pointer, in the order of insertion, so that everything written from a map is byte-stable.
 *
 * Keys are borrowed: they must live as long as the map (put them into an arena). Values are never freed. Collisions cannot be
 * forced from outside: the hash is seeded by the process. */
#pragma once
#include "base/vec.h"

typedef struct lt_map_entry {
    lt_text key; /* borrowed */
    void *value;
    uint32_t hash;
} lt_map_entry;

typedef struct lt_map {
    LT_VEC(lt_map_entry)
    entries;         /* in order; read freely: entries.items[i].key, .value */
    uint32_t *slots; /* owned; entry index + 1, or 0 */
    size_t slot_count;
} lt_map;

void *lt_map_find(const lt_map *map, lt_text key); /* NULL when not there */
bool lt_map_has(const lt_map *map, lt_text key);
/* Set the value; gives the one that was there before (the entry keeps its place), or NULL. */
void *lt_map_put(lt_map *map, lt_text key, void *value);
/* Take the entry out; later entries move up. Costs the number of entries. Gives its value, or NULL. */
void *lt_map_remove(lt_map *map, lt_text key);
void lt_map_cleanup(lt_map *map);
