/* Maps: entries in order, and an open-addressed index of 32-bit slots beside them. */
#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>

static uint64_t seed;

static void seed_once(void)
{
    arc4random_buf(&seed, sizeof(seed));
}

/* Eight bytes at a time into a seeded state, then a finaliser (from MurmurHash3) so that low bits are good. */
static uint32_t hash_of(lt_text key)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, seed_once);
    uint64_t hash = seed ^ key.len, word = 0;
    for (; key.len >= sizeof(word); key = lt_text_sub(key, sizeof(word), SIZE_MAX)) {
        memcpy(&word, key.ptr, sizeof(word));
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    word = 0;
    if (key.len)
        memcpy(&word, key.ptr, key.len);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 33;
    hash *= 0xff51afd7ed558ccdu;
    return (uint32_t)(hash >> 32 ^ hash);
}

/* The slot that holds `key`, or the free one where it belongs. */
static size_t slot_of(const lt_map *map, lt_text key, uint32_t hash)
{
    size_t slot = hash & (map->slot_count - 1);
    while (map->slots[slot]) {
        const lt_map_entry *entry = &map->entries.items[map->slots[slot] - 1];
        if (entry->hash == hash && lt_text_eq(entry->key, key))
            break;
        slot = (slot + 1) & (map->slot_count - 1);
    }
    return slot;
}

static void index_again(lt_map *map, size_t slot_count)
{
    lt_free(map->slots);
    map->slots = lt_xcalloc(slot_count, sizeof(*map->slots));
    map->slot_count = slot_count;
    for (size_t i = 0; i < map->entries.len; i++) {
        const lt_map_entry *entry = &map->entries.items[i];
        map->slots[slot_of(map, entry->key, entry->hash)] = (uint32_t)i + 1;
    }
}

static lt_map_entry *find_hashed(const lt_map *map, lt_text key, uint32_t hash)
{
    if (!map->slot_count)
        return NULL;
    uint32_t index = map->slots[slot_of(map, key, hash)];
    return index ? &map->entries.items[index - 1] : NULL;
}

static lt_map_entry *find_entry(const lt_map *map, lt_text key)
{
    return map->slot_count ? find_hashed(map, key, hash_of(key)) : NULL;
}

void *lt_map_find(const lt_map *map, lt_text key)
{
    lt_map_entry *entry = find_entry(map, key);
    return entry ? entry->value : NULL;
}

bool lt_map_has(const lt_map *map, lt_text key)
{
    return find_entry(map, key) != NULL;
}

void *lt_map_put(lt_map *map, lt_text key, void *value)
{
    uint32_t hash = hash_of(key);
    lt_map_entry *entry = find_hashed(map, key, hash);
    if (entry) {
        void *before = entry->value;
        entry->value = value;
        return before;
    }
    if (map->entries.len * 2 >= map->slot_count)
        index_again(map, map->slot_count ? map->slot_count * 2 : 16);
    lt_map_entry added = {.key = key, .value = value, .hash = hash};
    size_t slot = slot_of(map, key, added.hash);
    lt_push(&map->entries, added);
    map->slots[slot] = (uint32_t)map->entries.len;
    return NULL;
}

void *lt_map_remove(lt_map *map, lt_text key)
{
    lt_map_entry *entry = find_entry(map, key);
    if (!entry)
        return NULL;
    void *value = entry->value;
    size_t after = map->entries.len - 1 - (size_t)(entry - map->entries.items);
    memmove(entry, entry + 1, after * sizeof(*entry));
    map->entries.len--;
    index_again(map, map->slot_count);
    return value;
}

void lt_map_cleanup(lt_map *map)
{
    lt_vec_free(&map->entries);
    lt_free(map->slots);
    *map = (lt_map){0};
}
