/* Which files and objects are copied, left or deleted; several at once. */
#include "store/transfer_ops.h"

#include "base/fs.h"
#include "base/proc.h"

#include <errno.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 10 * 1000 * 1000, QUEUE = 256, JOBS = 8, JOBS_MOST = 256, DELETES = 1000 };

unsigned lt_transfer_jobs(const lt_transfer *transfer)
{
    return transfer->jobs ? LT_MIN(transfer->jobs, (unsigned)JOBS_MOST) : JOBS;
}

/* ---------------------------------------------------------------- work side by side */

typedef struct stoppable {
    lt_each_work *work;
    void *context;
} stoppable;

static lt_status work_unless_stopped(void *context, size_t i, lt_err *err)
{
    const stoppable *it = context;
    return lt_stop_asked() ? lt_fail(err, LT_CANCELLED, "stopped") : it->work(it->context, i, err);
}

lt_status lt_transfer_each(unsigned jobs, size_t count, lt_each_work *work, void *context,
                           lt_err *err)
{
    stoppable all = {work, context};
    return lt_each(jobs, count, work_unless_stopped, &all, err);
}

/* ---------------------------------------------------------------- telling */

typedef struct many {
    lt_transfer *transfer;
    const lt_end *from, *to;
    pthread_mutex_t lock; /* of what follows */
    lt_status status;     /* of the first failure */
    lt_err err;
} many;

static void tell(many *it, lt_transfer_event_kind kind, lt_text name, int64_t bytes,
                 const lt_err *err)
{
    lt_transfer_counts *counts = &it->transfer->counts;
    _Atomic int64_t *counters[] = {[LT_TRANSFER_COPIED] = &counts->copied,
                                   [LT_TRANSFER_DELETED] = &counts->deleted,
                                   [LT_TRANSFER_SKIPPED] = &counts->skipped,
                                   [LT_TRANSFER_FAILED] = &counts->failed};
    lt_transfer_event event = {.kind = kind, .name = name, .bytes = bytes, .err = err};
    atomic_fetch_add(counters[kind], 1);
    (void)pthread_mutex_lock(&it->lock);
    if (kind == LT_TRANSFER_FAILED && it->status == LT_OK) {
        it->status = err->status;
        it->err = *err;
    }
    if (it->transfer->tell)
        it->transfer->tell(it->transfer->context, &event);
    (void)pthread_mutex_unlock(&it->lock);
}

/* ---------------------------------------------------------------- names */

static bool fits(lt_text name, const char *const *patterns, size_t count)
{
    LT_AUTO(lt_chars) text = lt_text_dup(name);
    for (size_t i = 0; i < count; i++)
        if (fnmatch(patterns[i], text, 0) == 0)
            return true;
    return false;
}

static bool is_left_out(const lt_transfer *transfer, lt_text name)
{
    return fits(name, transfer->exclude, transfer->exclude_count) &&
           !fits(name, transfer->include, transfer->include_count);
}

/* Can the name be a path below a folder? */
static bool is_clean(lt_text name)
{
    lt_text rest = name, part;
    if (!name.len || name.ptr[0] == '/' || name.ptr[name.len - 1] == '/')
        return false;
    while (lt_text_cut(&rest, '/', &part))
        if (!part.len || lt_text_eq(part, T(".")) || lt_text_eq(part, T("..")))
            return false;
    return true;
}

/* A prefix as a folder: "a" means "a/". */
static char *folder_prefix(lt_text key)
{
    bool slash = key.len && key.ptr[key.len - 1] != '/';
    return lt_format("%.*s%s", LT_ARG(key), slash ? "/" : "");
}

/* ---------------------------------------------------------------- what is there, in order */

/* One file or object; name relative to its side. */
typedef struct item {
    lt_text name; /* borrowed until the next one */
    lt_object_info info;
} item;

/* Gives the items of one side, sorted by the bytes of their names. */
typedef struct walk {
    const lt_end *end;
    char *prefix; /* owned; of a store */
    lt_listing page;
    lt_arena arenas[2]; /* the place to go on from lives in the page before */
    size_t turn, at;
    bool more;
    lt_path_list files; /* of this machine */
    item now;
    bool has; /* `now` is there */
} walk;

static void walk_cleanup(walk *it)
{
    lt_arena_cleanup(&it->arenas[0]);
    lt_arena_cleanup(&it->arenas[1]);
    lt_path_list_cleanup(&it->files);
    lt_free(it->prefix);
}

static lt_status next_page(walk *it, lt_err *err)
{
    lt_list_request request = {.prefix = lt_text_of(it->prefix), .after_key = it->page.next_key};
    it->turn ^= 1;
    it->at = 0;
    lt_arena_cleanup(&it->arenas[it->turn]);
    lt_listing page = {0};
    LT_TRY(lt_store_list(it->end->store, it->end->bucket, &request, &it->arenas[it->turn], &page,
                         err));
    it->page = page;
    it->more = page.more;
    return LT_OK;
}

static lt_status next_object(walk *it, lt_err *err)
{
    while (it->at >= it->page.objects.len && it->more)
        LT_TRY(next_page(it, err));
    it->has = it->at < it->page.objects.len;
    if (!it->has)
        return LT_OK;
    it->now.info = it->page.objects.items[it->at++];
    it->now.name = lt_text_sub(it->now.info.key, strlen(it->prefix), SIZE_MAX);
    return LT_OK;
}

/* A file that has gone meanwhile is passed over. */
static lt_status next_file(walk *it, lt_err *err)
{
    struct stat info;
    it->has = false;
    while (!it->has && it->at < it->files.len) {
        const char *name = it->files.items[it->at++];
        LT_AUTO(lt_chars) path = lt_path_join(it->end->path, name);
        if (stat(path, &info) != 0 && errno != ENOENT)
            return lt_fail_errno(err, errno, "cannot read '%s'", path);
        it->has = S_ISREG(info.st_mode) && lt_path_exists(path) &&
                  !lt_text_ends(lt_text_of(name), T(".leat-part"));
        it->now = (item){.name = lt_text_of(name), .info = {.size_bytes = info.st_size}};
    }
    return LT_OK;
}

static lt_status next(walk *it, lt_err *err)
{
    return it->end->store ? next_object(it, err) : next_file(it, err);
}

static lt_status begin(walk *it, const lt_end *end, bool may_be_missing, lt_err *err)
{
    it->end = end;
    if (end->store) {
        it->prefix = folder_prefix(end->key);
        it->more = true;
        return next(it, err);
    }
    if (may_be_missing && !lt_path_exists(end->path))
        return LT_OK;
    if (!lt_path_is_folder(end->path))
        return lt_fail(err, LT_NOT_FOUND, "there is no folder '%s'", end->path);
    LT_TRY(lt_files_below(end->path, "", FILES, &it->files, err));
    return next(it, err);
}

/* ---------------------------------------------------------------- one item */

/* The object or file of that name on a side; texts in the arena. */
static lt_end one_of(const lt_end *end, lt_text name, lt_arena *arena)
{
    lt_end one = *end;
    LT_AUTO(lt_chars) prefix = folder_prefix(end->key);
    LT_AUTO(lt_chars) below = lt_text_dup(name);
    if (end->store) {
        one.key = lt_text_of(lt_arena_format(arena, "%s%.*s", prefix, LT_ARG(name)));
        return one;
    }
    LT_AUTO(lt_chars) path = lt_path_join(end->path, below);
    one.path = lt_arena_str(arena, lt_text_of(path));
    return one;
}

static lt_status make_folder_of(const char *path, lt_err *err)
{
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path)
        return LT_OK;
    LT_AUTO(lt_chars) folder = lt_xstrndup(path, (size_t)(slash - path));
    return lt_folder_make(folder, 0750, err);
}

static lt_status copy(lt_transfer *transfer, const lt_end *from, const lt_end *to, lt_err *err)
{
    if (!from->store && !to->store)
        return lt_fail(err, LT_INVALID, "neither '%s' nor '%s' is in a store", from->path,
                       to->path);
    if (!from->store)
        return lt_transfer_up(transfer, from->path, to, err);
    if (!to->store)
        return lt_transfer_down(transfer, from, to->path, err);
    return lt_transfer_across(transfer, from, to, err);
}

static lt_status remove_source(const lt_end *from, lt_err *err)
{
    if (from->store)
        return lt_store_delete(from->store, from->bucket, from->key, from->version_id, NULL, NULL,
                               NULL, err);
    if (strcmp(from->path, "-") != 0 && unlink(from->path) != 0)
        return lt_fail_errno(err, errno, "cannot remove '%s'", from->path);
    return LT_OK;
}

static bool is_itself(const lt_end *from, const lt_end *to)
{
    return from->store && from->store == to->store && lt_text_eq(from->bucket, to->bucket) &&
           lt_text_eq(from->key, to->key);
}

lt_status lt_transfer_one(lt_transfer *transfer, const lt_end *from, const lt_end *to, lt_err *err)
{
    many it = {.transfer = transfer};
    lt_text name = to->store ? to->key : lt_text_of(to->path);
    if (transfer->move && is_itself(from, to))
        return lt_fail(err, LT_INVALID, "'%.*s' cannot be moved onto itself", LT_ARG(from->key));
    (void)pthread_mutex_init(&it.lock, NULL);
    atomic_fetch_add(&transfer->counts.found, 1);
    lt_status status = transfer->dry_run ? LT_OK : copy(transfer, from, to, err);
    if (status == LT_OK && transfer->move && !transfer->dry_run)
        status = remove_source(from, err);
    if (status == LT_OK)
        tell(&it, LT_TRANSFER_COPIED, name, atomic_load(&transfer->counts.bytes), NULL);
    (void)pthread_mutex_destroy(&it.lock);
    return status;
}

/* ---------------------------------------------------------------- the queue */

typedef struct job {
    char *name; /* owned */
    int64_t size_bytes;
    lt_object_info
        there;  /* what the target has of that name and size: to be compared; its etag is owned */
    char *etag; /* owned; of `there`; NULL: nothing to compare */
    char *source_etag; /* owned; of an object */
} job;

typedef struct queue {
    many *all;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    job jobs[QUEUE];
    size_t first, count;
    bool over;
} queue;

static void job_end(job *one)
{
    lt_free(one->name);
    lt_free(one->etag);
    lt_free(one->source_etag);
}

static lt_status is_same(const many *it, const job *one, bool *same, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_object_info there = {.etag = lt_text_of(one->etag), .size_bytes = one->size_bytes};
    *same = false;
    if (!one->etag)
        return LT_OK;
    if (it->transfer->size_only) {
        *same = true;
        return LT_OK;
    }
    if (it->from->store && it->to->store) {
        *same = lt_text_eq(lt_text_of(one->etag), lt_text_of(one->source_etag));
        return LT_OK;
    }
    lt_end file = one_of(it->from->store ? it->to : it->from, lt_text_of(one->name), &arena);
    if (it->from->store)
        there.etag = lt_text_of(one->source_etag);
    return lt_transfer_same(file.path, &there, same, err);
}

static lt_status do_job(many *it, const job *one, bool *same, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_text name = lt_text_of(one->name);
    lt_end from = one_of(it->from, name, &arena), to = one_of(it->to, name, &arena);
    LT_TRY(is_same(it, one, same, err));
    if (*same || it->transfer->dry_run)
        return LT_OK;
    if (!to.store)
        LT_TRY(make_folder_of(to.path, err));
    LT_TRY(copy(it->transfer, &from, &to, err));
    return it->transfer->move ? remove_source(&from, err) : LT_OK;
}

static void run_job(many *it, const job *one)
{
    lt_err err = {0};
    bool same = false;
    lt_status status = do_job(it, one, &same, &err);
    if (status != LT_OK) {
        tell(it, LT_TRANSFER_FAILED, lt_text_of(one->name), 0, &err);
    } else if (same) {
        atomic_fetch_add(&it->transfer->counts.same, 1);
        atomic_fetch_sub(&it->transfer->counts.found, 1);
        atomic_fetch_sub(&it->transfer->counts.found_bytes, one->size_bytes);
    } else {
        tell(it, LT_TRANSFER_COPIED, lt_text_of(one->name), one->size_bytes, NULL);
    }
}

static void *work_queue(void *context)
{
    queue *q = context;
    (void)pthread_mutex_lock(&q->lock);
    for (;;) {
        while (!q->count && !q->over)
            (void)pthread_cond_wait(&q->changed, &q->lock);
        if (!q->count)
            break;
        job one = q->jobs[q->first];
        q->first = (q->first + 1) % QUEUE;
        q->count--;
        (void)pthread_cond_broadcast(&q->changed);
        (void)pthread_mutex_unlock(&q->lock);
        if (!lt_stop_asked())
            run_job(q->all, &one);
        job_end(&one);
        (void)pthread_mutex_lock(&q->lock);
    }
    (void)pthread_mutex_unlock(&q->lock);
    return NULL;
}

static void put_job(queue *q, const job *one)
{
    (void)pthread_mutex_lock(&q->lock);
    while (q->count == QUEUE)
        (void)pthread_cond_wait(&q->changed, &q->lock);
    q->jobs[(q->first + q->count++) % QUEUE] = *one;
    (void)pthread_cond_broadcast(&q->changed);
    (void)pthread_mutex_unlock(&q->lock);
}

/* ---------------------------------------------------------------- the plan */

static void plan_copy(queue *q, const walk *from, const item *there)
{
    many *it = q->all;
    job one = {.name = lt_text_dup(from->now.name), .size_bytes = from->now.info.size_bytes};
    atomic_fetch_add(&it->transfer->counts.found, 1);
    atomic_fetch_add(&it->transfer->counts.found_bytes, one.size_bytes);
    if (there && there->info.size_bytes == one.size_bytes)
        one.etag = lt_text_dup(there->info.etag);
    if (it->from->store)
        one.source_etag = lt_text_dup(from->now.info.etag);
    put_job(q, &one);
}

/* What has a name that cannot be a path is told; folder marks ("a/") are nothing to copy. */
static bool may_go(many *it, const item *now)
{
    if (is_left_out(it->transfer, now->name))
        return false;
    if (it->to->store && it->from->store)
        return now->name.len > 0;
    if (is_clean(now->name))
        return true;
    bool mark = lt_text_ends(now->name, T("/")) && now->info.size_bytes == 0;
    if (now->name.len && !mark)
        tell(it, LT_TRANSFER_SKIPPED, now->name, 0, NULL);
    return false;
}

/* What is to be deleted, until there are enough for one request. */
typedef struct doomed {
    const lt_end *at;
    many *all;
    lt_arena arena;
    lt_delete_item items[DELETES];
    lt_text names[DELETES];
    size_t count;
} doomed;

static lt_status delete_now(doomed *it, lt_err *err)
{
    if (it->count && it->at->store && !it->all->transfer->dry_run)
        LT_TRY(lt_store_delete_many(it->at->store, it->at->bucket, it->items, it->count, NULL,
                                    &it->arena, err));
    for (size_t i = 0; i < it->count; i++) {
        bool good = it->items[i].status == LT_OK;
        tell(it->all, good ? LT_TRANSFER_DELETED : LT_TRANSFER_FAILED, it->names[i], 0,
             good ? NULL : &it->items[i].err);
    }
    it->count = 0;
    lt_arena_cleanup(&it->arena);
    return LT_OK;
}

static lt_status doom(doomed *it, lt_text name, lt_err *err)
{
    if (it->count == DELETES)
        LT_TRY(delete_now(it, err));
    lt_end one = one_of(it->at, name, &it->arena);
    lt_delete_item *next_one = &it->items[it->count];
    *next_one = (lt_delete_item){.key = lt_arena_text(&it->arena, one.key)};
    it->names[it->count++] = lt_arena_text(&it->arena, name);
    if (!one.store && !it->all->transfer->dry_run && unlink(one.path) != 0)
        next_one->status = lt_fail_errno(&next_one->err, errno, "cannot remove '%s'", one.path);
    return LT_OK;
}

/* Go through both sides in the order of names. */
static lt_status plan_sync(many *it, queue *q, walk *from, walk *to, doomed *gone, lt_err *err)
{
    while ((from->has || to->has) && !lt_stop_asked()) {
        int order = !from->has ? 1 : !to->has ? -1 : lt_text_cmp(from->now.name, to->now.name);
        if (order <= 0 && may_go(it, &from->now))
            plan_copy(q, from, order == 0 ? &to->now : NULL);
        if (order > 0 && it->transfer->delete_extra && !is_left_out(it->transfer, to->now.name) &&
            (to->end->store || is_clean(to->now.name)) && to->now.name.len)
            LT_TRY(doom(gone, to->now.name, err));
        if (order <= 0)
            LT_TRY(next(from, err));
        if (order >= 0)
            LT_TRY(next(to, err));
    }
    return LT_OK;
}

static lt_status plan_copies(many *it, queue *q, walk *from, lt_err *err)
{
    while (from->has && !lt_stop_asked()) {
        if (may_go(it, &from->now))
            plan_copy(q, from, NULL);
        LT_TRY(next(from, err));
    }
    return LT_OK;
}

static lt_status plan(many *it, queue *q, doomed *gone, lt_err *err)
{
    LT_AUTO(walk) from = {0};
    LT_AUTO(walk) to = {0};
    LT_TRY(begin(&from, it->from, false, err));
    if (!it->transfer->sync)
        return plan_copies(it, q, &from, err);
    LT_TRY(begin(&to, it->to, true, err));
    return plan_sync(it, q, &from, &to, gone, err);
}

static bool is_inside(const lt_end *from, const lt_end *to)
{
    LT_AUTO(lt_chars) a = folder_prefix(from->key);
    LT_AUTO(lt_chars) b = folder_prefix(to->key);
    return from->store && from->store == to->store && lt_text_eq(from->bucket, to->bucket) &&
           lt_text_starts(lt_text_of(b), lt_text_of(a));
}

static lt_status run_all(many *it, lt_err *err)
{
    queue *q = lt_xcalloc(1, sizeof(*q));
    doomed *gone = lt_xcalloc(1, sizeof(*gone));
    pthread_t threads[JOBS_MOST];
    size_t started = 0;
    q->all = gone->all = it;
    gone->at = it->to;
    (void)pthread_mutex_init(&q->lock, NULL);
    (void)pthread_cond_init(&q->changed, NULL);
    while (started < lt_transfer_jobs(it->transfer) &&
           pthread_create(&threads[started], NULL, work_queue, q) == 0)
        started++;
    lt_status status =
        started ? plan(it, q, gone, err) : lt_fail(err, LT_IO, "cannot start a thread");
    (void)pthread_mutex_lock(&q->lock);
    q->over = true;
    (void)pthread_cond_broadcast(&q->changed);
    (void)pthread_mutex_unlock(&q->lock);
    for (size_t i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
    if (status == LT_OK && !lt_stop_asked())
        status = delete_now(gone, err);
    lt_arena_cleanup(&gone->arena);
    lt_free(gone);
    (void)pthread_cond_destroy(&q->changed);
    (void)pthread_mutex_destroy(&q->lock);
    lt_free(q);
    return status;
}

/* The first failure, and how many there were. */
static lt_status outcome(many *it, const char *what, lt_status status, lt_err *err)
{
    int64_t count = atomic_load(&it->transfer->counts.failed);
    if (lt_stop_asked())
        return lt_fail(err, LT_CANCELLED, "stopped after %lld objects",
                       (long long)atomic_load(&it->transfer->counts.copied));
    int64_t skipped = atomic_load(&it->transfer->counts.skipped);
    if (status == LT_OK && it->status == LT_OK && skipped) {
        lt_ignore(lt_fail(err, LT_INVALID, "%lld key%s cannot be a path here and %s left",
                          (long long)skipped, skipped == 1 ? "" : "s",
                          skipped == 1 ? "was" : "were"));
        return lt_hint(err, "copy such an object alone, to a name of your own");
    }
    if (status != LT_OK || it->status == LT_OK)
        return status;
    *err = it->err;
    if (count > 1)
        return lt_wrap(err, "%lld objects could not be %s; the first", (long long)count, what);
    return err->status;
}

lt_status lt_transfer_all(lt_transfer *transfer, const lt_end *from, const lt_end *to, lt_err *err)
{
    many it = {.transfer = transfer, .from = from, .to = to};
    if (!from->store && !to->store)
        return lt_fail(err, LT_INVALID, "neither '%s' nor '%s' is in a store", from->path,
                       to->path);
    if (is_inside(from, to))
        return lt_fail(err, LT_INVALID, "the target lies inside of what is copied");
    (void)pthread_mutex_init(&it.lock, NULL);
    lt_status status = run_all(&it, err);
    status = outcome(&it, transfer->move ? "moved" : "copied", status, err);
    (void)pthread_mutex_destroy(&it.lock);
    return status;
}

lt_status lt_transfer_remove(lt_transfer *transfer, const lt_end *at, lt_err *err)
{
    many it = {.transfer = transfer, .from = at, .to = at};
    LT_AUTO(walk) from = {.end = at, .prefix = lt_text_dup(at->key), .more = true};
    doomed *gone = lt_xcalloc(1, sizeof(*gone));
    (void)pthread_mutex_init(&it.lock, NULL);
    lt_end root = *at;
    root.key = (lt_text){0};
    gone->all = &it;
    gone->at = &root;
    lt_status status = next(&from, err);
    while (status == LT_OK && from.has && !lt_stop_asked()) {
        if (!is_left_out(transfer, from.now.name))
            status = doom(gone, from.now.info.key, err);
        if (status == LT_OK)
            status = next(&from, err);
    }
    if (status == LT_OK && !lt_stop_asked())
        status = delete_now(gone, err);
    lt_arena_cleanup(&gone->arena);
    lt_free(gone);
    status = outcome(&it, "deleted", status, err);
    (void)pthread_mutex_destroy(&it.lock);
    return status;
}
