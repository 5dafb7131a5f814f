/* What is asked of a bucket with every request (policy, owner, versioning, whether there are rules), remembered for a second. */
#include "base/map.h"
#include "base/time.h"
#include "store/reason.h"
#include "web/s3/call.h"

#include <pthread.h>
#include <stdatomic.h>

enum { MOST_BUCKETS = 1000 };
#define FRESH_US ((int64_t)1000000)

/* One bucket, as it was at a moment. */
typedef struct entry {
    lt_arena arena; /* of its texts */
    lt_s3_bucket bucket;
    uint64_t generation;
    int64_t until_us;
} entry;

struct lt_s3_known {
    pthread_mutex_t lock;
    lt_map by_name; /* entry; the keys live in their arenas */
    _Atomic uint64_t generation;
};

lt_s3_known *lt_s3_known_new(void)
{
    lt_s3_known *made = lt_xcalloc(1, sizeof(*made));
    (void)pthread_mutex_init(&made->lock, NULL);
    return made;
}

static void free_entry(entry *one)
{
    if (!one)
        return;
    lt_arena_cleanup(&one->arena);
    lt_free(one);
}

static void forget_all(lt_s3_known *known)
{
    for (size_t i = 0; i < known->by_name.entries.len; i++)
        free_entry(known->by_name.entries.items[i].value);
    lt_map_cleanup(&known->by_name);
    known->by_name = (lt_map){0};
}

void lt_s3_known_free(lt_s3_known *known)
{
    if (!known)
        return;
    forget_all(known);
    (void)pthread_mutex_destroy(&known->lock);
    lt_free(known);
}

void lt_s3_known_changed(lt_s3_known *known)
{
    atomic_fetch_add(&known->generation, 1);
}

static lt_status read_doc(lt_store *store, lt_text bucket, const char *kind, lt_arena *arena,
                          lt_text *out, lt_err *err)
{
    lt_err why = {0};
    lt_status status = lt_bucket_doc_get(store, bucket, lt_text_of(kind), arena, out, &why);
    if (status == LT_OK || why.reason == LT_WHY_NO_SUCH_DOCUMENT)
        return LT_OK;
    *err = why;
    return status;
}

static lt_status read_bucket(lt_store *store, lt_text name, lt_arena *arena, lt_s3_bucket *out,
                             lt_err *err)
{
    lt_lifecycle rules = {0};
    lt_err why = {0};
    LT_TRY(lt_bucket_find(store, name, &out->versioning, err));
    LT_TRY(read_doc(store, name, "policy", arena, &out->policy, err));
    LT_TRY(read_doc(store, name, "owner", arena, &out->owner, err));
    out->has_rules = lt_bucket_lifecycle_get(store, name, arena, &rules, &why) == LT_OK;
    return LT_OK;
}

static lt_s3_bucket copy_bucket(const lt_s3_bucket *from, lt_arena *arena)
{
    lt_s3_bucket copy = *from;
    copy.policy = from->policy.len ? lt_arena_text(arena, from->policy) : (lt_text){0};
    copy.owner = from->owner.len ? lt_arena_text(arena, from->owner) : (lt_text){0};
    return copy;
}

static bool find_fresh(lt_s3_known *known, lt_text name, lt_arena *arena, lt_s3_bucket *out)
{
    (void)pthread_mutex_lock(&known->lock);
    const entry *found = lt_map_find(&known->by_name, name);
    bool fresh = found && found->generation == atomic_load(&known->generation) &&
                 found->until_us > lt_mono_us();
    if (fresh)
        *out = copy_bucket(&found->bucket, arena);
    (void)pthread_mutex_unlock(&known->lock);
    return fresh;
}

static void remember(lt_s3_known *known, lt_text name, const lt_s3_bucket *bucket,
                     uint64_t generation)
{
    entry *made = lt_xcalloc(1, sizeof(*made));
    made->bucket = copy_bucket(bucket, &made->arena);
    made->generation = generation;
    made->until_us = lt_mono_us() + FRESH_US;
    lt_text key = lt_arena_text(&made->arena, name);
    (void)pthread_mutex_lock(&known->lock);
    if (known->by_name.entries.len >= MOST_BUCKETS)
        forget_all(known);
    entry *old = lt_map_remove(&known->by_name, name); /* its key lives with it */
    (void)lt_map_put(&known->by_name, key, made);
    free_entry(old);
    (void)pthread_mutex_unlock(&known->lock);
}

lt_status lt_s3_bucket_get(lt_s3_call *call, lt_text name, lt_s3_bucket *out, lt_err *err)
{
    lt_s3_known *known = call->s3->known;
    uint64_t generation = atomic_load(&known->generation); /* before it is read */
    *out = (lt_s3_bucket){0};
    if (find_fresh(known, name, call->arena, out))
        return LT_OK;
    LT_TRY(read_bucket(call->s3->options.store, name, call->arena, out, err));
    remember(known, name, out, generation);
    return LT_OK;
}
