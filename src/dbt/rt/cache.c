/* Which relations are in which schema: asked of the database once for each schema, then kept up to date by what is done. */
#include "dbt/rt/inner.h"

void lt_dbt_cache_init(relation_cache *cache)
{
    *cache = (relation_cache){0};
    (void)pthread_mutex_init(&cache->mutex, NULL);
}

static void free_relation(cached_relation *relation)
{
    lt_free((void *)(uintptr_t)relation->schema.ptr);
    lt_free((void *)(uintptr_t)relation->name.ptr);
    lt_free((void *)(uintptr_t)relation->database.ptr);
    lt_free(relation);
}

static void free_relations(cached_schema *schema)
{
    for (size_t i = 0; i < CACHE_BUCKETS; i++)
        while (schema->buckets[i]) {
            cached_relation *next = schema->buckets[i]->next;
            free_relation(schema->buckets[i]);
            schema->buckets[i] = next;
        }
}

/* Names that differ only in case share a bucket: FNV-1a of the lower case. */
static cached_relation **bucket_of(cached_schema *schema, lt_text name)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)lt_lower(name.ptr[i])) * 16777619u;
    return &schema->buckets[hash % CACHE_BUCKETS];
}

void lt_dbt_cache_cleanup(relation_cache *cache)
{
    while (cache->schemas) {
        cached_schema *next = cache->schemas->next;
        free_relations(cache->schemas);
        lt_free((void *)(uintptr_t)cache->schemas->database.ptr);
        lt_free((void *)(uintptr_t)cache->schemas->schema.ptr);
        lt_free(cache->schemas);
        cache->schemas = next;
    }
    (void)pthread_mutex_destroy(&cache->mutex);
}

static lt_text own(lt_text text)
{
    return text.ptr ? lt_text_at(lt_text_dup(text), text.len) : (lt_text){0};
}

/* Schemas and databases are compared without case: two that differ only in it share an entry, which costs nothing. */
static cached_schema *find_schema(relation_cache *cache, lt_text database, lt_text schema)
{
    for (cached_schema *s = cache->schemas; s; s = s->next)
        if (lt_text_eq_nocase(s->schema, schema) &&
            (!database.ptr || !s->database.ptr || lt_text_eq_nocase(s->database, database)))
            return s;
    return NULL;
}

static cached_schema *need_schema(relation_cache *cache, lt_text database, lt_text schema)
{
    cached_schema *found = find_schema(cache, database, schema);
    if (found)
        return found;
    found = lt_xcalloc(1, sizeof(*found));
    *found =
        (cached_schema){.database = own(database), .schema = own(schema), .next = cache->schemas};
    cache->schemas = found;
    return found;
}

bool lt_dbt_cache_has_schema(relation_cache *cache, lt_text database, lt_text schema)
{
    (void)pthread_mutex_lock(&cache->mutex);
    const cached_schema *found = find_schema(cache, database, schema);
    bool listed = found && found->listed;
    (void)pthread_mutex_unlock(&cache->mutex);
    return listed;
}

void lt_dbt_cache_mark(relation_cache *cache, lt_text database, lt_text schema)
{
    (void)pthread_mutex_lock(&cache->mutex);
    need_schema(cache, database, schema)->listed = true;
    (void)pthread_mutex_unlock(&cache->mutex);
}

static cached_relation **find_slot(cached_schema *schema, lt_text name, bool any_case)
{
    for (cached_relation **at = bucket_of(schema, name); *at; at = &(*at)->next)
        if (any_case ? lt_text_eq_nocase((*at)->name, name) : lt_text_eq((*at)->name, name))
            return at;
    return NULL;
}

static void put(relation_cache *cache, const lt_dbt_relation *relation)
{
    cached_schema *schema =
        need_schema(cache, relation->parts[LT_DBT_DATABASE], relation->parts[LT_DBT_SCHEMA]);
    cached_relation **slot = find_slot(schema, relation->parts[LT_DBT_IDENTIFIER], false);
    if (slot) {
        (*slot)->type = relation->type;
        return;
    }
    cached_relation **bucket = bucket_of(schema, relation->parts[LT_DBT_IDENTIFIER]);
    cached_relation *made = lt_xcalloc(1, sizeof(*made));
    *made = (cached_relation){.schema = own(relation->parts[LT_DBT_SCHEMA]),
                              .name = own(relation->parts[LT_DBT_IDENTIFIER]),
                              .database = own(relation->parts[LT_DBT_DATABASE]),
                              .type = relation->type,
                              .next = *bucket};
    *bucket = made;
}

/* As the database would find the name: as it is written, else in another case. */
static cached_relation **find(relation_cache *cache, const lt_dbt_relation *relation)
{
    cached_schema *schema =
        find_schema(cache, relation->parts[LT_DBT_DATABASE], relation->parts[LT_DBT_SCHEMA]);
    lt_text name = relation->parts[LT_DBT_IDENTIFIER];
    if (!schema || !name.ptr)
        return NULL;
    cached_relation **slot = find_slot(schema, name, false);
    bool any_case = !relation->quote[LT_DBT_IDENTIFIER] ||
                    !lt_dbt_adapter_at(relation->kind)->is_case_sensitive;
    return slot || !any_case ? slot : find_slot(schema, name, true);
}

static void drop(relation_cache *cache, const lt_dbt_relation *relation)
{
    cached_relation **slot = find(cache, relation);
    if (!slot)
        return;
    cached_relation *gone = *slot;
    *slot = gone->next;
    free_relation(gone);
}

void lt_dbt_cache_put(relation_cache *cache, const lt_dbt_relation *relation)
{
    if (!relation->parts[LT_DBT_SCHEMA].ptr || !relation->parts[LT_DBT_IDENTIFIER].ptr)
        return; /* a temporary table is in no schema of ours */
    (void)pthread_mutex_lock(&cache->mutex);
    put(cache, relation);
    (void)pthread_mutex_unlock(&cache->mutex);
}

void lt_dbt_cache_drop(relation_cache *cache, const lt_dbt_relation *relation)
{
    (void)pthread_mutex_lock(&cache->mutex);
    drop(cache, relation);
    (void)pthread_mutex_unlock(&cache->mutex);
}

void lt_dbt_cache_rename(relation_cache *cache, const lt_dbt_relation *from,
                         const lt_dbt_relation *to)
{
    lt_dbt_relation renamed = *to;
    (void)pthread_mutex_lock(&cache->mutex);
    cached_relation **slot = find(cache, from);
    renamed.type = slot ? (*slot)->type : from->type;
    drop(cache, from);
    put(cache, &renamed);
    (void)pthread_mutex_unlock(&cache->mutex);
}

void lt_dbt_cache_drop_schema(relation_cache *cache, lt_text database, lt_text schema)
{
    (void)pthread_mutex_lock(&cache->mutex);
    cached_schema *found = find_schema(cache, database, schema);
    if (found) {
        free_relations(found);
        found->listed = false;
    }
    (void)pthread_mutex_unlock(&cache->mutex);
}

void lt_dbt_cache_forget(relation_cache *cache)
{
    (void)pthread_mutex_lock(&cache->mutex);
    for (cached_schema *schema = cache->schemas; schema; schema = schema->next) {
        free_relations(schema);
        schema->listed = false;
    }
    (void)pthread_mutex_unlock(&cache->mutex);
}

bool lt_dbt_cache_find(relation_cache *cache, const lt_dbt_relation *wanted, lt_arena *arena,
                       lt_dbt_relation *found)
{
    (void)pthread_mutex_lock(&cache->mutex);
    cached_relation **slot = find(cache, wanted);
    if (slot) {
        *found = *wanted;
        found->type = (*slot)->type;
        found->parts[LT_DBT_IDENTIFIER] = lt_arena_text(arena, (*slot)->name);
        found->limit = -1;
    }
    (void)pthread_mutex_unlock(&cache->mutex);
    return slot != NULL;
}

void lt_dbt_cache_list(relation_cache *cache, lt_text database, lt_text schema, lt_arena *arena,
                       lt_dbt_relations *out)
{
    (void)pthread_mutex_lock(&cache->mutex);
    const cached_schema *found = find_schema(cache, database, schema);
    for (size_t i = 0; found && i < CACHE_BUCKETS; i++)
        for (const cached_relation *r = found->buckets[i]; r; r = r->next) {
            lt_dbt_relation item = {.type = r->type, .limit = -1};
            item.parts[LT_DBT_DATABASE] = lt_arena_text(arena, r->database);
            item.parts[LT_DBT_SCHEMA] = lt_arena_text(arena, r->schema);
            item.parts[LT_DBT_IDENTIFIER] = lt_arena_text(arena, r->name);
            lt_push_in(arena, out, item);
        }
    (void)pthread_mutex_unlock(&cache->mutex);
}
