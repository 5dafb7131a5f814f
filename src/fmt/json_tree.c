/* JSON trees: read into an arena, asked by key. */
#include "fmt/json.h"

#include "base/vec.h"

#include <stdlib.h>

enum { NODE_LIMIT = 4000000, SORT_FROM = 9 };

/* What is being read. Finished values wait in `waiting` until their container ends and takes them together. */
typedef struct builder {
    lt_json_reader reader;
    lt_arena *arena;
    size_t nodes, node_limit;
    bool last_key_wins;
    lt_text key; /* of the next value */
    LT_VEC(lt_json) waiting;
    struct open_list {
        size_t *items, len, cap;
    } open; /* where the items of each open container begin in `waiting`; the container itself is just before */
} builder;

static void builder_cleanup(builder *self)
{
    lt_vec_free(&self->waiting);
    lt_vec_free(&self->open);
}

static int by_key(const void *a, const void *b, void *context)
{
    const lt_json *items = context;
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    int order = lt_text_cmp(items[left].key, items[right].key);
    return order ? order : (left < right ? -1 : 1);
}

static lt_status fail_twice(const builder *self, const lt_json *first, const lt_json *second,
                            lt_err *err)
{
    size_t line, col;
    lt_json_place(self->reader.text, first->offset, &line, &col);
    return lt_json_fail(&self->reader, second->offset, err,
                        "the key '%.*s' stands twice (first at %zu:%zu)", LT_ARG(first->key), line,
                        col);
}

/* Keep the last of each key. */
static void drop_earlier(lt_json *object, const bool *dropped)
{
    size_t kept = 0;
    for (size_t i = 0; i < object->count; i++)
        if (!dropped[i])
            object->items[kept++] = object->items[i];
    object->count = kept;
}

static void sort_members(lt_json *object, uint32_t *order)
{
    for (size_t i = 0; i < object->count; i++)
        order[i] = (uint32_t)i;
    qsort_r(order, object->count, sizeof(*order), by_key, object->items);
}

/* Few members: compare each with each, without a sort. */
static bool all_differ(const lt_json *object)
{
    for (size_t i = 1; i < object->count; i++)
        for (size_t j = 0; j < i; j++)
            if (lt_text_eq(object->items[i].key, object->items[j].key))
                return false;
    return true;
}

static lt_status index_members(builder *self, lt_json *object, lt_err *err)
{
    if (object->count < SORT_FROM && all_differ(object))
        return LT_OK;
    uint32_t *order = lt_alloc_array(self->arena, object->count, sizeof(*order));
    bool *dropped = NULL;
    sort_members(object, order);
    for (size_t i = 1; i < object->count; i++) {
        lt_json *first = &object->items[order[i - 1]], *second = &object->items[order[i]];
        if (!lt_text_eq(first->key, second->key))
            continue;
        if (!self->last_key_wins)
            return fail_twice(self, first, second, err);
        if (!dropped)
            dropped = lt_alloc_array(self->arena, object->count, sizeof(*dropped));
        dropped[order[i - 1]] = true;
    }
    if (dropped) {
        drop_earlier(object, dropped);
        sort_members(object, order);
    }
    if (object->count >= SORT_FROM)
        object->order = order;
    return LT_OK;
}

static lt_status close_container(builder *self, lt_err *err)
{
    size_t start = self->open.items[--self->open.len];
    size_t count = self->waiting.len - start;
    lt_json *container = &self->waiting.items[start - 1];
    container->count = count;
    self->waiting.len = start;
    if (count == 0)
        return LT_OK;
    container->items = lt_alloc_array(self->arena, count, sizeof(lt_json));
    memcpy(container->items, self->waiting.items + start, count * sizeof(lt_json));
    return container->kind == LT_JSON_OBJECT && count > 1 ? index_members(self, container, err)
                                                          : LT_OK;
}

static lt_status add_value(builder *self, const lt_json_token *token, lt_err *err)
{
    lt_json node = {.kind = token->kind, .offset = token->offset, .key = self->key};
    self->key = (lt_text){0};
    if (++self->nodes > self->node_limit) {
        lt_ignore(lt_json_fail(&self->reader, token->offset, err, "more than %zu values",
                               self->node_limit));
        return err->status = LT_TOO_BIG;
    }
    if (token->kind == LT_JSON_STRING)
        node.text = lt_json_string_in(self->arena, token->raw);
    else if (token->kind == LT_JSON_NUMBER)
        node.text = lt_arena_text(self->arena, token->raw);
    else if (token->kind == LT_JSON_BOOL)
        node.truth = token->raw.ptr[0] == 't';
    lt_push(&self->waiting, node);
    if (token->kind == LT_JSON_ARRAY || token->kind == LT_JSON_OBJECT)
        lt_push(&self->open, self->waiting.len);
    return LT_OK;
}

lt_status lt_json_read(lt_text text, const char *name, const lt_json_options *options,
                       lt_arena *arena, lt_json **root, lt_err *err)
{
    static const lt_json_options defaults;
    const lt_json_options *use = options ? options : &defaults;
    LT_AUTO(builder)
    self = {.arena = arena,
            .node_limit = use->node_limit ? use->node_limit : NODE_LIMIT,
            .last_key_wins = use->last_key_wins};
    self.node_limit = LT_MIN(self.node_limit, (size_t)UINT32_MAX);
    lt_json_open(&self.reader, text, name);
    if (use->depth)
        self.reader.depth_limit = LT_MIN(use->depth, (unsigned)LT_JSON_DEPTH_MAX);
    for (;;) {
        lt_json_token token;
        LT_TRY(lt_json_next(&self.reader, &token, err));
        if (token.kind == LT_JSON_END)
            break;
        if (token.kind == LT_JSON_KEY)
            self.key = lt_json_string_in(arena, token.raw);
        else if (token.kind == LT_JSON_CLOSE)
            LT_TRY(close_container(&self, err));
        else
            LT_TRY(add_value(&self, &token, err));
    }
    *root = LT_NEW(arena, lt_json);
    **root = self.waiting.items[0];
    return LT_OK;
}

/* ---- asking ---- */

static lt_json *find_sorted(const lt_json *object, lt_text key)
{
    size_t low = 0, high = object->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        lt_json *item = &object->items[object->order[middle]];
        int order = lt_text_cmp(key, item->key);
        if (order == 0)
            return item;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

lt_json *lt_json_find_text(const lt_json *object, lt_text key)
{
    if (!object || object->kind != LT_JSON_OBJECT)
        return NULL;
    if (object->order)
        return find_sorted(object, key);
    for (size_t i = 0; i < object->count; i++)
        if (lt_text_eq(object->items[i].key, key))
            return &object->items[i];
    return NULL;
}

lt_json *lt_json_find(const lt_json *object, const char *key)
{
    return lt_json_find_text(object, lt_text_of(key));
}

lt_text lt_json_text_or(const lt_json *object, const char *key, lt_text otherwise)
{
    const lt_json *found = lt_json_find(object, key);
    return found && found->kind == LT_JSON_STRING ? found->text : otherwise;
}

int64_t lt_json_i64_or(const lt_json *object, const char *key, int64_t otherwise)
{
    const lt_json *found = lt_json_find(object, key);
    int64_t value;
    return found && found->kind == LT_JSON_NUMBER && lt_json_to_i64(found->text, &value)
               ? value
               : otherwise;
}

double lt_json_double_or(const lt_json *object, const char *key, double otherwise)
{
    const lt_json *found = lt_json_find(object, key);
    double value;
    return found && found->kind == LT_JSON_NUMBER && lt_json_to_double(found->text, &value)
               ? value
               : otherwise;
}

bool lt_json_bool_or(const lt_json *object, const char *key, bool otherwise)
{
    const lt_json *found = lt_json_find(object, key);
    return found && found->kind == LT_JSON_BOOL ? found->truth : otherwise;
}
