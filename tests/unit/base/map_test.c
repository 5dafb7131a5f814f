/* Maps agree with a naive model, and keep the order of insertion. */
#include "base/map.h"

#include "support/test.h"

#include <stdio.h>

enum { KEYS = 40, STEPS = 20000 };

typedef struct model {
    int keys[KEYS], values[KEYS];
    size_t len;
} model;

static size_t model_find(const model *m, int key)
{
    size_t i = 0;
    while (i < m->len && m->keys[i] != key)
        i++;
    return i;
}

static int numbers[STEPS + 1];
static char names[KEYS][8];

static lt_text name_of(int key)
{
    (void)snprintf(names[key], sizeof(names[key]), "key %d", key);
    return lt_text_of(names[key]);
}

static int value_of(const void *value)
{
    return value ? *(const int *)value : 0;
}

static void put(lt_map *map, model *m, int key, int value)
{
    size_t i = model_find(m, key);
    numbers[value] = value;
    CHECK_INT(value_of(lt_map_put(map, name_of(key), &numbers[value])),
              i < m->len ? m->values[i] : 0);
    m->keys[i] = key;
    m->values[i] = value;
    m->len += i == m->len;
}

static void take_out(lt_map *map, model *m, int key)
{
    size_t i = model_find(m, key);
    CHECK_INT(value_of(lt_map_remove(map, name_of(key))), i < m->len ? m->values[i] : 0);
    if (i == m->len)
        return;
    m->len--;
    for (; i < m->len; i++) {
        m->keys[i] = m->keys[i + 1];
        m->values[i] = m->values[i + 1];
    }
}

static void check_same(const lt_map *map, const model *m)
{
    CHECK_INT(map->entries.len, m->len);
    for (size_t i = 0; i < m->len; i++) {
        CHECK(lt_text_eq(map->entries.items[i].key, name_of(m->keys[i])));
        CHECK_INT(value_of(map->entries.items[i].value), m->values[i]);
    }
    for (int key = 0; key < KEYS; key++) {
        size_t i = model_find(m, key);
        CHECK(lt_map_has(map, name_of(key)) == (i < m->len));
        CHECK_INT(value_of(lt_map_find(map, name_of(key))), i < m->len ? m->values[i] : 0);
    }
}

Test(map, agrees_with_a_naive_model)
{
    LT_AUTO(lt_map) map = {0};
    model m = {0};
    uint32_t seed = 7;
    for (int step = 1; step <= STEPS; step++) {
        seed = seed * 1664525 + 1013904223;
        int key = (int)(seed >> 8) % KEYS;
        if (seed >> 30)
            put(&map, &m, key, step);
        else
            take_out(&map, &m, key);
        if (step % 97 == 0)
            check_same(&map, &m);
    }
}

Test(map, holds_many_keys)
{
    LT_AUTO(lt_map) map = {0};
    LT_AUTO(lt_arena) arena = {0};
    enum { MANY = 100000 };
    for (int i = 0; i < MANY; i++)
        CHECK(!lt_map_put(&map, lt_text_of(lt_arena_format(&arena, "%d", i)), &arena));
    CHECK(lt_map_has(&map, T("99999")) && !lt_map_has(&map, T("100000")));
    CHECK_INT(map.entries.len, MANY);
    CHECK_TEXT(map.entries.items[4321].key, "4321");
}

Test(map, knows_nothing_when_empty_and_keys_may_be_any_bytes)
{
    LT_AUTO(lt_map) map = {0};
    int one = 1;
    CHECK(!lt_map_find(&map, T("x")) && !lt_map_has(&map, T("")) && !lt_map_remove(&map, T("x")));
    CHECK(!lt_map_put(&map, T(""), &one) && !lt_map_put(&map, T("a\0b"), NULL));
    CHECK(lt_map_has(&map, (lt_text){0}) && lt_map_has(&map, T("a\0b")) &&
          !lt_map_has(&map, T("a")));
}
