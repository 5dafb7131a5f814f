/* What is kept and what is forgotten of datasets on S3, and the check of all that is there. */
#include "base/map.h"
#include "base/time.h"
#include "net/url.h"
#include "store/s3_record.h"

#include <stdio.h>
#include <stdlib.h>

enum { PROBLEMS = 1000 };
static const int64_t ORPHAN_US = (int64_t)86400 * 1000000;

/* ---------------------------------------------------------------- keeping */

static const char *owner_folder(lt_text owner, lt_arena *arena)
{
    LT_AUTO(lt_buf) name = {.limit = 4 * LT_KIB};
    lt_url_encode(owner, &name);
    return lt_arena_format(arena, "keeps/%s/", lt_buf_chars(&name));
}

/* "keeps/run-1/raw/2/domain=x/": who keeps what. */
typedef struct kept {
    lt_text owner, bucket, prefix;
    int64_t sequence;
} kept;

static bool read_keep(lt_text key, kept *out)
{
    lt_text rest = lt_text_sub(key, strlen("keeps/"), SIZE_MAX), number;
    if (!lt_text_cut(&rest, '/', &out->owner) || !lt_text_cut(&rest, '/', &out->bucket) ||
        !lt_text_cut(&rest, '/', &number) || !lt_text_to_i64(number, &out->sequence))
        return false;
    out->prefix = rest;
    return true;
}

static lt_status forget_owner(lt_remote *self, lt_text owner, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_listing list = {0};
    lt_texts keys = {0};
    LT_TRY(lt_remote_list_own(self, owner_folder(owner, &arena), &arena, &list, err));
    for (size_t i = 0; i < list.objects.len; i++)
        lt_push_in(&arena, &keys, list.objects.items[i].key);
    return keys.len ? lt_remote_purge_own(self, &keys, err) : LT_OK;
}

static const char *own(const lt_remote *self, const char *key, lt_arena *arena)
{
    return lt_arena_format(arena, "%s.leat/%s", self->prefix, key);
}

static lt_status is_there(lt_remote *self, const char *key, bool *there, lt_err *err)
{
    LT_AUTO(lt_http_response) response = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_remote_call call;
    lt_remote_begin_own(self, "HEAD", own(self, key, &arena), &call);
    lt_status status = lt_remote_send(self->client, &call, &response, err);
    *there = status == LT_OK;
    return status == LT_NOT_FOUND ? LT_OK : status;
}

/* Written first and looked afterwards whether the commit is being forgotten: who forgets does it the other way round, so one of
 * the two sees the other. */
lt_status lt_remote_keep(lt_store *store, lt_text owner, lt_text bucket, lt_text prefix,
                         int64_t sequence, lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    LT_AUTO(lt_arena) arena = {0};
    lt_remote_dataset set = {bucket, prefix};
    lt_remote_record record;
    bool there = false, going = true;
    if (!self->bucket)
        return lt_not_made(store, "datasets in the service itself, without a bucket,", err);
    if (sequence == 0)
        return forget_owner(self, owner, err);
    const char *name = lt_remote_commit_name(set, sequence, &arena);
    const char *key = lt_arena_format(&arena, "%s%.*s/%lld/%.*s", owner_folder(owner, &arena),
                                      LT_ARG(bucket), (long long)sequence, LT_ARG(prefix));
    LT_TRY(lt_remote_put_own(self, own(self, key, &arena), T(""), false, err));
    LT_TRY(is_there(self, lt_arena_format(&arena, "%s.gone", name), &going, err));
    if (!going)
        LT_TRY(is_there(self, lt_arena_format(&arena, "%s.json", name), &there, err));
    if (there)
        return LT_OK;
    lt_texts keys = {0};
    lt_text mine = lt_text_of(key);
    lt_push_in(&arena, &keys, mine);
    LT_TRY(lt_remote_purge_own(self, &keys, err));
    if (going)
        return lt_fail(err, LT_NOT_FOUND, "commit %lld of '%.*s/%.*s' is being forgotten",
                       (long long)sequence, LT_ARG(bucket), LT_ARG(prefix));
    return lt_remote_load_record(self, set, sequence, &arena, &record,
                                 err); /* says what is missing */
}

/* Does somebody keep this commit (0: any of the bucket)? *who lives in `arena`. */
static lt_status find_keeper(lt_remote *self, lt_remote_dataset set, int64_t sequence,
                             lt_arena *arena, lt_text *who, lt_err *err)
{
    lt_listing list = {0};
    kept keep;
    *who = (lt_text){0};
    LT_TRY(lt_remote_list_own(self, "keeps/", arena, &list, err));
    for (size_t i = 0; i < list.objects.len && !who->len; i++)
        if (read_keep(list.objects.items[i].key, &keep) && lt_text_eq(keep.bucket, set.bucket) &&
            (!sequence || (keep.sequence == sequence && lt_text_eq(keep.prefix, set.prefix))))
            *who = keep.owner;
    return LT_OK;
}

/* ---------------------------------------------------------------- forgetting */

static bool has_blob(const lt_remote_record *record, lt_text blob)
{
    for (size_t i = 0; i < record->files.len; i++)
        if (lt_text_eq(record->files.items[i].blob, blob))
            return true;
    return false;
}

typedef struct forgetting {
    lt_remote *self;
    lt_remote_dataset set;
    lt_arena arena;
    lt_remote_sequences all;
    bool *goes;                /* of each */
    lt_remote_record *records; /* of those that go, and their neighbours that stay */
    lt_texts doomed;           /* what is removed in the end */
} forgetting;

/* Announce it, and take it back if somebody keeps the commit after all. */
static lt_status announce(forgetting *it, size_t i, lt_err *err)
{
    lt_text keeper;
    const char *name = lt_remote_commit_name(it->set, it->all.items[i], &it->arena);
    const char *mark = lt_arena_format(&it->arena, "%s.gone", name);
    LT_TRY(find_keeper(it->self, it->set, it->all.items[i], &it->arena, &keeper, err));
    if (keeper.len)
        return LT_OK;
    LT_TRY(lt_remote_put_own(it->self, own(it->self, mark, &it->arena), T(""), false, err));
    LT_TRY(find_keeper(it->self, it->set, it->all.items[i], &it->arena, &keeper, err));
    it->goes[i] = !keeper.len;
    if (it->goes[i])
        return LT_OK;
    lt_texts keys = {0};
    lt_text mine = lt_text_of(mark);
    lt_push_in(&it->arena, &keys, mine);
    return lt_remote_purge_own(it->self, &keys, err);
}

static lt_status load(forgetting *it, size_t i, lt_err *err)
{
    if (it->records[i].info.sequence)
        return LT_OK;
    return lt_remote_load_record(it->self, it->set, it->all.items[i], &it->arena, &it->records[i],
                                 err);
}

/* A file is there from the commit that added it up to the one that removed it: so if a commit that stays has it, the nearest one
 * before or behind does. */
static lt_status doom(forgetting *it, size_t i, lt_err *err)
{
    static const char *const endings[] = {"done", "json", "gone"}; /* in this order */
    size_t before = i, behind = i;
    while (before > 0 && it->goes[before])
        before--;
    while (behind < it->all.len && it->goes[behind])
        behind++;
    bool has_before = !it->goes[before], has_behind = behind < it->all.len;
    LT_TRY(load(it, i, err));
    if (has_before)
        LT_TRY(load(it, before, err));
    if (has_behind)
        LT_TRY(load(it, behind, err));
    for (size_t k = 0; k < it->records[i].files.len; k++) {
        lt_text blob = it->records[i].files.items[k].blob;
        if (!(has_before && has_blob(&it->records[before], blob)) &&
            !(has_behind && has_blob(&it->records[behind], blob)))
            lt_push_in(&it->arena, &it->doomed, blob);
    }
    const char *name = lt_remote_commit_name(it->set, it->all.items[i], &it->arena);
    for (size_t k = 0; k < LT_COUNT(endings); k++) {
        lt_text key = lt_text_of(lt_arena_format(&it->arena, "%s.%s", name, endings[k]));
        lt_push_in(&it->arena, &it->doomed, key);
    }
    return LT_OK;
}

/* The records go before the bytes: a crash between leaves orphans. */
static lt_status remove_doomed(forgetting *it, lt_err *err)
{
    lt_texts records = {0}, blobs = {0};
    for (size_t i = 0; i < it->doomed.len; i++) {
        if (lt_text_starts(it->doomed.items[i], T("blobs/")))
            lt_push_in(&it->arena, &blobs, it->doomed.items[i]);
        else
            lt_push_in(&it->arena, &records, it->doomed.items[i]);
    }
    if (records.len)
        LT_TRY(lt_remote_purge_own(it->self, &records, err));
    return blobs.len ? lt_remote_purge_own(it->self, &blobs, err) : LT_OK;
}

static lt_status forget_marked(forgetting *it, int64_t *forgotten, lt_err *err)
{
    for (size_t i = 0; i < it->all.len; i++)
        if (it->goes[i]) {
            LT_TRY(doom(it, i, err));
            ++*forgotten;
        }
    return remove_doomed(it, err);
}

static lt_status begin_forgetting(forgetting *it, lt_err *err)
{
    LT_TRY(lt_remote_list_commits(it->self, it->set, &it->arena, &it->all, err));
    it->goes = lt_alloc_array(&it->arena, LT_MAX(it->all.len, (size_t)1), sizeof(*it->goes));
    it->records = lt_alloc_array(&it->arena, LT_MAX(it->all.len, (size_t)1), sizeof(*it->records));
    return LT_OK;
}

static lt_status forget_before(forgetting *it, int64_t before, int64_t *forgotten, lt_err *err)
{
    LT_TRY(begin_forgetting(it, err));
    if (!it->all.len)
        return lt_fail(err, LT_NOT_FOUND, "there is no dataset '%.*s/%.*s'", LT_ARG(it->set.bucket),
                       LT_ARG(it->set.prefix));
    for (size_t i = 0; i + 1 < it->all.len && it->all.items[i] < before; i++)
        LT_TRY(announce(it, i, err));
    return forget_marked(it, forgotten, err);
}

lt_status lt_remote_dataset_forget(lt_store *store, lt_text bucket, lt_text prefix, int64_t before,
                                   int64_t *forgotten, lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    forgetting it = {.self = self, .set = {bucket, prefix}};
    if (!self->bucket)
        return lt_not_made(store, "datasets in the service itself, without a bucket,", err);
    *forgotten = 0;
    lt_status status = forget_before(&it, before, forgotten, err);
    lt_arena_cleanup(&it.arena);
    return status;
}

static lt_status forget_dataset(lt_remote *self, lt_remote_dataset set, lt_err *err)
{
    forgetting it = {.self = self, .set = set};
    int64_t ignored = 0;
    lt_status status = begin_forgetting(&it, err);
    for (size_t i = 0; status == LT_OK && i < it.all.len; i++)
        it.goes[i] = true;
    lt_text mark = lt_text_of(
        lt_arena_format(&it.arena, "datasets/%.*s/%.*s", LT_ARG(set.bucket), LT_ARG(set.prefix)));
    lt_push_in(&it.arena, &it.doomed, mark);
    if (status == LT_OK)
        status = forget_marked(&it, &ignored, err);
    lt_arena_cleanup(&it.arena);
    return status;
}

lt_status lt_remote_forget_datasets(lt_remote *self, lt_text bucket, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_listing marks = {0};
    lt_text keeper;
    LT_TRY(find_keeper(self, (lt_remote_dataset){bucket, {0}}, 0, &arena, &keeper, err));
    if (keeper.len)
        return lt_fail(err, LT_CONFLICT, "a commit in the bucket '%.*s' is kept by '%.*s'",
                       LT_ARG(bucket), LT_ARG(keeper));
    const char *folder = lt_arena_format(&arena, "datasets/%.*s/", LT_ARG(bucket));
    LT_TRY(lt_remote_list_own(self, folder, &arena, &marks, err));
    for (size_t i = 0; i < marks.objects.len; i++) {
        lt_text prefix = lt_text_sub(marks.objects.items[i].key, strlen(folder), SIZE_MAX);
        LT_TRY(forget_dataset(self, (lt_remote_dataset){bucket, prefix}, err));
    }
    return LT_OK;
}

/* ---------------------------------------------------------------- check */

typedef struct checking {
    lt_store *store;
    lt_remote *self;
    bool repair;
    lt_arena *arena;
    lt_check_report *out;
    lt_map blobs; /* that some commit has */
    lt_arena names;
} checking;

static void add_problem(checking *it, const char *message)
{
    lt_text line = lt_arena_text(it->arena, lt_text_of(message));
    if (it->out->problems.len < PROBLEMS)
        lt_push_in(it->arena, &it->out->problems, line);
}

/* Damage is counted, and only what keeps us from looking is an error. */
static lt_status note(checking *it, lt_status status, const lt_err *err)
{
    if (status == LT_OK)
        return LT_OK;
    if (status == LT_NOT_FOUND)
        it->out->missing++;
    else if (status == LT_IO && lt_has(err->message, "damaged"))
        it->out->damaged++;
    else
        return status;
    add_problem(it, err->message);
    return LT_OK;
}

typedef struct sum_sink {
    lt_sink sink;
    lt_digest digest;
} sum_sink;

static lt_status sum_part(lt_sink *sink, lt_text part, lt_err *err)
{
    return lt_digest_add(&((sum_sink *)sink)->digest, part, err);
}

static lt_status check_blob(lt_remote *self, const lt_remote_file *file, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    sum_sink sink = {.sink.write = sum_part};
    lt_sums sums;
    char hex[2 * LT_SHA256_BYTES + 1];
    const char *key = lt_arena_format(&arena, "%s.leat/%.*s", self->prefix, LT_ARG(file->blob));
    lt_remote_source source = {.len = file->data.size_bytes};
    lt_remote_begin_own(self, "GET", key, &source.call);
    lt_status status = lt_digest_begin(&sink.digest, false, err);
    if (status == LT_OK)
        status = lt_remote_fetch(self, &source, &sink.sink, err);
    if (status == LT_OK)
        status = lt_digest_end(&sink.digest, &sums, err);
    lt_digest_cleanup(&sink.digest);
    LT_TRY(status);
    (void)lt_hex_write(lt_text_at(sums.sha256, LT_SHA256_BYTES), hex);
    if (lt_text_eq(lt_text_of(hex), file->data.sha256))
        return LT_OK;
    return lt_fail(err, LT_IO, "'%.*s' is damaged: its checksum is wrong", LT_ARG(file->data.key));
}

static lt_status check_commit(checking *it, lt_remote_dataset set, int64_t sequence, bool is_last,
                              lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_remote_record record;
    lt_err bad = {0};
    lt_status status = lt_remote_load_record(it->self, set, sequence, &arena, &record, &bad);
    if (status != LT_OK) {
        *err = bad;
        return note(it, status, &bad);
    }
    for (size_t i = 0; i < record.files.len; i++) {
        const lt_remote_file *file = &record.files.items[i];
        if (lt_map_has(&it->blobs, file->blob))
            continue;
        (void)lt_map_put(&it->blobs, lt_arena_text(&it->names, file->blob), it);
        it->out->blobs++;
        it->out->bytes += file->data.size_bytes;
        status = check_blob(it->self, file, &bad);
        *err = bad;
        LT_TRY(note(it, status, &bad));
    }
    if (!is_last || !it->repair)
        return LT_OK;
    bool done;
    int64_t last;
    LT_TRY(lt_remote_find_last(it->self, set, &last, &done, err));
    return done || last != sequence ? LT_OK : lt_remote_apply(it->self, set, &record, &arena, err);
}

static lt_status check_datasets(checking *it, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_dataset_infos sets = {0};
    LT_TRY(lt_remote_dataset_list(it->store, &arena, &sets, err));
    for (size_t i = 0; i < sets.len; i++) {
        lt_remote_dataset set = {sets.items[i].bucket, sets.items[i].prefix};
        lt_remote_sequences all = {0};
        LT_TRY(lt_remote_list_commits(it->self, set, &arena, &all, err));
        for (size_t k = 0; k < all.len; k++)
            LT_TRY(check_commit(it, set, all.items[k], k + 1 == all.len, err));
    }
    return LT_OK;
}

static lt_status check_orphans(checking *it, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_listing list = {0};
    lt_texts old = {0};
    int64_t now_us = lt_now_us();
    LT_TRY(lt_remote_list_own(it->self, "blobs/", &arena, &list, err));
    for (size_t i = 0; i < list.objects.len; i++) {
        const lt_object_info *one = &list.objects.items[i];
        if (lt_map_has(&it->blobs, one->key))
            continue;
        it->out->orphans++;
        if (now_us - one->written_at_us > ORPHAN_US)
            lt_push_in(&arena, &old, one->key);
    }
    return it->repair && old.len ? lt_remote_purge_own(it->self, &old, err) : LT_OK;
}

/* What has no SHA-256 is compared by what the server has recorded, in lt_remote_read(). */
static lt_status read_and_sum(checking *it, lt_object_name name, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    sum_sink sink = {.sink.write = sum_part};
    lt_object_info info = {0};
    lt_sums sums;
    char hex[2 * LT_SHA256_BYTES + 1];
    lt_status status = lt_digest_begin(&sink.digest, false, err);
    if (status == LT_OK)
        status = lt_remote_read(it->store, name, 0, SIZE_MAX, &sink.sink, &arena, &info, err);
    if (status == LT_OK)
        status = lt_digest_end(&sink.digest, &sums, err);
    lt_digest_cleanup(&sink.digest);
    LT_TRY(status);
    (void)lt_hex_write(lt_text_at(sums.sha256, LT_SHA256_BYTES), hex);
    if (!info.sha256.len || lt_text_eq(lt_text_of(hex), info.sha256))
        return LT_OK;
    return lt_fail(err, LT_IO, "'%.*s/%.*s' is damaged: its checksum is wrong", LT_ARG(name.bucket),
                   LT_ARG(name.key));
}

static lt_status check_object(checking *it, lt_text bucket, const lt_object_info *object,
                              lt_err *err)
{
    lt_err bad = {0};
    it->out->objects++;
    it->out->bytes += object->size_bytes;
    lt_status status = read_and_sum(it, (lt_object_name){bucket, object->key, {0}}, &bad);
    if (status == LT_NOT_FOUND) /* deleted meanwhile */
        return LT_OK;
    *err = bad;
    return note(it, status, &bad);
}

static lt_status check_objects(checking *it, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_bucket_infos buckets = {0};
    LT_TRY(lt_bucket_list(it->store, &arena, &buckets, err));
    for (size_t i = 0; i < buckets.len; i++) {
        LT_AUTO(lt_arena) pages = {0};
        lt_list_request request = {0};
        for (bool more = true; more;) {
            lt_listing page = {0};
            lt_status status =
                lt_remote_list(it->store, buckets.items[i].name, &request, &pages, &page, err);
            LT_TRY(status);
            for (size_t k = 0; k < page.objects.len; k++)
                LT_TRY(check_object(it, buckets.items[i].name, &page.objects.items[k], err));
            request.after_key = page.next_key;
            more = page.more;
        }
    }
    return LT_OK;
}

lt_status lt_remote_check(lt_store *store, bool repair, lt_arena *arena, lt_check_report *out,
                          lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    checking it = {.store = store, .self = self, .repair = repair, .arena = arena, .out = out};
    *out = (lt_check_report){0};
    lt_status status = LT_OK;
    if (self->bucket) {
        status = check_datasets(&it, err);
        if (status == LT_OK)
            status = check_orphans(&it, err);
    }
    if (status == LT_OK)
        status = check_objects(&it, err);
    lt_map_cleanup(&it.blobs);
    lt_arena_cleanup(&it.names);
    return status;
}
