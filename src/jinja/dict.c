/* Dicts and sets: entries in insertion order, and a table of slots once there are more than eight. */
#include "jinja/inner.h"

#include <math.h>
#include <stdlib.h>

enum { SMALLEST = 2, SMALL = 8, HASH_BUDGET = 10000 };

static uint32_t mix(uint64_t bits)
{
    bits ^= bits >> 33;
    bits *= 0xff51afd7ed558ccdULL;
    bits ^= bits >> 33;
    bits *= 0xc4ceb9fe1a85ec53ULL;
    return (uint32_t)(bits ^ bits >> 33);
}

static bool hash_value(lt_jinja_value value, unsigned depth, uint32_t *budget, uint32_t *hash)
{
    uint32_t part;
    switch (value.type) {
    case LT_JINJA_STR:
        *hash = lt_jinja_name_hash(lt_jinja_as_text(value));
        return true;
    case LT_JINJA_FLOAT: /* 1.0 and 1 are the same key */
        if (value.as.f >= -9.2e18 && value.as.f <= 9.2e18 &&
            (double)(int64_t)value.as.f == value.as.f)
            *hash = mix((uint64_t)(int64_t)value.as.f);
        else
            *hash = mix((uint64_t)value.as.i);
        return true;
    case LT_JINJA_BOOL:
    case LT_JINJA_INT:
        *hash = mix((uint64_t)lt_jinja_intlike(value));
        return true;
    case LT_JINJA_LIST:
        if (value.as.list->kind != LIST_RANGE) {
            *hash = mix((uint64_t)(uintptr_t)value.as.list);
            return value.as.list->kind == LIST_GENERATOR;
        }
        __attribute__((fallthrough)); /* a range is what its numbers are */
    case LT_JINJA_TUPLE:
        *hash = 0x345678;
        for (size_t i = 0; i < value.as.list->len && depth < LT_JINJA_MAX_DEPTH && *budget; i++) {
            --*budget;
            if (!hash_value(value.as.list->items[i], depth + 1, budget, &part))
                return false;
            *hash = mix((uint64_t)*hash << 32 | part);
        }
        return true;
    case LT_JINJA_DICT:
    case LT_JINJA_SET:
        return false;
    case LT_JINJA_UNDEFINED:
    case LT_JINJA_NONE:
        *hash = value.type;
        return true;
    case LT_JINJA_OBJECT: /* objects that say what they equal cannot be told apart by address */
        *hash = value.as.object->class->equal ? mix((uint64_t)(uintptr_t)value.as.object->class)
                                              : mix((uint64_t)(uintptr_t)value.as.object);
        return true;
    default:
        *hash = mix((uint64_t)value.as.i);
        return true;
    }
}

bool lt_jinja_hash(lt_jinja_value value, uint32_t *hash)
{
    uint32_t budget = HASH_BUDGET;
    return hash_value(value, 0, &budget, hash);
}

/* Slots depend on a seed of the heap, so that keys from outside cannot be chosen to collide. */
static size_t slot_of(const lt_jinja_table *dict, uint32_t hash, lt_jinja_value key)
{
    uint64_t seed = dict->heap->seed;
    if (key.type == LT_JINJA_STR) {
        uint64_t salted = seed ^ hash;
        for (uint32_t i = 0; i < key.len; i++)
            salted = (salted ^ (unsigned char)key.as.s[i]) * 0x9e3779b97f4a7c15ULL,
            salted ^= salted >> 29;
        return mix(salted) & (dict->slot_count - 1);
    }
    return mix(seed ^ hash) & (dict->slot_count - 1);
}

static size_t find_entry(const lt_jinja_table *dict, lt_jinja_value key, uint32_t hash)
{
    if (!dict->slots) {
        for (size_t i = 0; i < dict->len; i++)
            if (dict->entries[i].live && dict->entries[i].hash == hash &&
                lt_jinja_eq(dict->entries[i].key, key))
                return i;
        return SIZE_MAX;
    }
    for (size_t slot = slot_of(dict, hash, key); dict->slots[slot];
         slot = (slot + 1) & (dict->slot_count - 1)) {
        const dict_entry *entry = &dict->entries[dict->slots[slot] - 1];
        if (entry->live && entry->hash == hash && lt_jinja_eq(entry->key, key))
            return dict->slots[slot] - 1;
    }
    return SIZE_MAX;
}

void lt_jinja_table_make(lt_jinja_table *dict)
{
    const lt_jinja_lazy *lazy = dict->lazy;
    lt_jinja_value made = lazy->make(lazy->user);
    dict->lazy = NULL;
    if (made.type == LT_JINJA_DICT)
        *dict = *lt_jinja_made(made.as.dict);
}

dict_entry *lt_jinja_dict_get(lt_jinja_table *dict, lt_jinja_value key)
{
    uint32_t hash;
    if (!lt_jinja_made(dict)->live || !lt_jinja_hash(key, &hash))
        return NULL;
    size_t found = find_entry(dict, key, hash);
    return found == SIZE_MAX ? NULL : &dict->entries[found];
}

static void place(lt_jinja_table *dict, size_t entry)
{
    size_t slot = slot_of(dict, dict->entries[entry].hash, dict->entries[entry].key);
    while (dict->slots[slot])
        slot = (slot + 1) & (dict->slot_count - 1);
    dict->slots[slot] = (uint32_t)entry + 1;
}

/* Room for one more: drop the dead entries, double if that is not enough. */
static void grow(lt_jinja_table *dict)
{
    size_t cap = LT_MAX(dict->live * 2, (size_t)SMALLEST);
    dict_entry *entries = lt_jinja_alloc(dict->heap, cap * sizeof(*entries));
    size_t len = 0;
    for (size_t i = 0; i < dict->len; i++)
        if (dict->entries[i].live)
            entries[len++] = dict->entries[i];
    dict->entries = entries;
    dict->len = len;
    dict->cap = cap;
    if (cap <= SMALL) {
        dict->slots = NULL;
        return;
    }
    for (dict->slot_count = 16; dict->slot_count < cap * 2;)
        dict->slot_count *= 2;
    dict->slots = lt_jinja_alloc(dict->heap, dict->slot_count * sizeof(*dict->slots));
    if (!dict->heap->seed)
        dict->heap->seed = (uint64_t)arc4random() << 32 | arc4random();
    for (size_t i = 0; i < len; i++)
        place(dict, i);
}

void lt_jinja_dict_set(lt_jinja_table *dict, lt_jinja_value key, lt_jinja_value value)
{
    uint32_t hash;
    if (!lt_jinja_hash(key, &hash))
        return;
    size_t found = find_entry(lt_jinja_made(dict), key, hash);
    if (found != SIZE_MAX) {
        dict->entries[found].value = value;
        return;
    }
    if (dict->len == dict->cap)
        grow(dict);
    dict->entries[dict->len] = (dict_entry){.key = key, .value = value, .hash = hash, .live = true};
    if (dict->slots)
        place(dict, dict->len);
    dict->len++;
    dict->live++;
}

bool lt_jinja_dict_remove(lt_jinja_table *dict, lt_jinja_value key, lt_jinja_value *value)
{
    dict_entry *entry = lt_jinja_dict_get(dict, key);
    if (!entry)
        return false;
    *value = entry->value;
    entry->live = false;
    dict->live--;
    return true;
}

void lt_jinja_dict_clear(lt_jinja_table *dict)
{
    lt_jinja_heap *heap = dict->heap;
    *dict = (lt_jinja_table){.heap = heap};
}
