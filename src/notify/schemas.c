/* Columns of datasets, by namespace and name. */
#include "notify/schemas.h"

#include "base/map.h"

#include <pthread.h>

typedef struct known {
    lt_text version;
    lt_lineage_fields fields;
} known;

struct lt_schemas {
    pthread_mutex_t lock;
    lt_arena arena;
    lt_map by_name; /* of known */
};

lt_schemas *lt_schemas_new(void)
{
    lt_schemas *self = lt_xcalloc(1, sizeof(*self));
    (void)pthread_mutex_init(&self->lock, NULL);
    return self;
}

void lt_schemas_free(lt_schemas *self)
{
    if (!self)
        return;
    lt_map_cleanup(&self->by_name);
    lt_arena_cleanup(&self->arena);
    (void)pthread_mutex_destroy(&self->lock);
    lt_free(self);
}

static void key_of(const lt_lineage_dataset *dataset, lt_buf *out)
{
    lt_buf_add(out, dataset->namespace_);
    lt_buf_add_byte(out, '\n');
    lt_buf_add(out, dataset->name);
}

void lt_schemas_put(lt_schemas *self, const lt_lineage_dataset *dataset)
{
    LT_AUTO(lt_buf) key = {0};
    key_of(dataset, &key);
    (void)pthread_mutex_lock(&self->lock);
    known *made = LT_NEW(&self->arena, known);
    made->version = lt_arena_text(&self->arena, dataset->version);
    for (size_t i = 0; i < dataset->fields.len; i++) {
        const lt_lineage_field *field = &dataset->fields.items[i];
        lt_push_in(&self->arena, &made->fields,
                   ((lt_lineage_field){lt_arena_text(&self->arena, field->name),
                                       lt_arena_text(&self->arena, field->type)}));
    }
    lt_map_put(&self->by_name, lt_arena_text(&self->arena, lt_buf_text(&key)), made);
    (void)pthread_mutex_unlock(&self->lock);
}

static const known *find(lt_schemas *self, const lt_lineage_dataset *dataset)
{
    LT_AUTO(lt_buf) key = {0};
    key_of(dataset, &key);
    (void)pthread_mutex_lock(&self->lock);
    const known *found = lt_map_find(&self->by_name, lt_buf_text(&key));
    (void)pthread_mutex_unlock(&self->lock);
    return found;
}

bool lt_schemas_has(lt_schemas *self, const lt_lineage_dataset *dataset)
{
    return find(self, dataset) != NULL;
}

void lt_schemas_fill(lt_schemas *self, lt_lineage_dataset *dataset)
{
    const known *found = find(self, dataset);
    if (!found)
        return;
    dataset->fields = found->fields;
    dataset->version = found->version;
}
