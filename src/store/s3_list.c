/* Listings of S3, page by page, and what is made of them: usage, pruning, removing for good. */
#include "base/time.h"
#include "fmt/xml.h"
#include "net/url.h"
#include "store/s3.h"

#include <stdio.h>

enum { PAGE = 1000 };
static const lt_xml_limits xml_limits = {.bytes = 32 * LT_MIB, .node_limit = 200000};

/* A listing under way: several answers make one page of ours. */
typedef struct pages {
    lt_remote *self;
    lt_text bucket;
    const lt_remote_page *page;
    lt_arena *arena; /* of what is given out */
    lt_listing *out;
    size_t limit;
    bool is_url; /* this answer's names are encoded */
    /* where the next request goes on */
    char *token, *marker, *version_marker; /* owned */
} pages;

static void pages_cleanup(pages *it)
{
    lt_free(it->token);
    lt_free(it->marker);
    lt_free(it->version_marker);
}

static lt_text name_of(const pages *it, lt_text raw)
{
    LT_AUTO(lt_buf) plain = {.limit = LT_URL_BYTES};
    if (!it->is_url || !lt_url_decode(raw, true, &plain))
        return lt_arena_text(it->arena, raw);
    return lt_arena_text(it->arena, lt_buf_text(&plain));
}

static lt_text unquoted(lt_text etag)
{
    if (etag.len >= 2 && etag.ptr[0] == '"' && etag.ptr[etag.len - 1] == '"')
        return lt_text_sub(etag, 1, etag.len - 2);
    return etag;
}

static void add_object(pages *it, const lt_xml *xml, bool is_version, bool is_marker)
{
    lt_object_info info = {.key = name_of(it, lt_xml_text(xml, T("Key"))),
                           .version_id = lt_arena_text(it->arena, lt_xml_text(xml, T("VersionId"))),
                           .etag = lt_arena_text(it->arena, unquoted(lt_xml_text(xml, T("ETag")))),
                           .is_marker = is_marker,
                           .is_current = !is_version ||
                                         lt_text_eq(lt_xml_text(xml, T("IsLatest")), T("true"))};
    info.meta.storage_class = lt_arena_text(it->arena, lt_xml_text(xml, T("StorageClass")));
    if (!lt_time_read(lt_xml_text(xml, T("LastModified")), &info.written_at_us))
        info.written_at_us = 0;
    if (!is_marker && !lt_text_to_i64(lt_xml_text(xml, T("Size")), &info.size_bytes))
        info.size_bytes = 0;
    lt_push_in(it->arena, &it->out->objects, info);
}

/* A group that the last page ended with is not shown again. */
static void add_prefix(pages *it, const lt_xml *xml)
{
    lt_text prefix = name_of(it, lt_xml_text(xml, T("Prefix")));
    if (!lt_text_eq(prefix, it->page->request.after_key))
        lt_push_in(it->arena, &it->out->prefixes, prefix);
}

static void replace(char **text, lt_text with)
{
    lt_free(*text);
    *text = with.len ? lt_text_dup(with) : NULL;
}

/* Take the answer; *more says whether the server has more. */
static lt_status take_answer(pages *it, lt_text body, bool *more, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_xml *root;
    if (lt_xml_read(body, &xml_limits, &arena, &root, err) != LT_OK)
        return lt_wrap(err, "the listing of '%.*s'", LT_ARG(it->page->called.bucket));
    it->is_url = lt_text_eq(lt_xml_text(root, T("EncodingType")), T("url"));
    for (const lt_xml *item = root->first; item; item = item->next) {
        if (lt_text_eq(item->name, T("Contents")))
            add_object(it, item, false, false);
        else if (lt_text_eq(item->name, T("Version")))
            add_object(it, item, true, false);
        else if (lt_text_eq(item->name, T("DeleteMarker")))
            add_object(it, item, true, true);
        else if (lt_text_eq(item->name, T("CommonPrefixes")))
            add_prefix(it, item);
    }
    *more = lt_text_eq(lt_xml_text(root, T("IsTruncated")), T("true"));
    replace(&it->token, lt_xml_text(root, T("NextContinuationToken")));
    lt_arena *keep = it->arena;
    it->arena = &arena;
    replace(&it->marker, name_of(it, lt_xml_text(root, T("NextKeyMarker"))));
    it->arena = keep;
    replace(&it->version_marker, lt_xml_text(root, T("NextVersionIdMarker")));
    if (*more && !it->token && !it->marker)
        return lt_fail(err, LT_IO, "the listing of '%.*s' goes on and does not say where",
                       LT_ARG(it->page->called.bucket));
    return LT_OK;
}

static void write_query(const pages *it, lt_buf *query)
{
    const lt_list_request *r = &it->page->request;
    char number[24];
    size_t have = it->out->objects.len + it->out->prefixes.len;
    (void)snprintf(number, sizeof(number), "%zu", it->limit - have);
    if (r->versions)
        lt_buf_add_str(query, "versions=");
    else
        lt_remote_add_param(query, "list-type", T("2"));
    lt_remote_add_param(query, "encoding-type", T("url"));
    lt_remote_add_param(query, "max-keys", lt_text_of(number));
    if (r->prefix.len)
        lt_remote_add_param(query, "prefix", r->prefix);
    if (r->delimiter.len)
        lt_remote_add_param(query, "delimiter", r->delimiter);
    if (it->token) {
        lt_remote_add_param(query, "continuation-token", lt_text_of(it->token));
    } else if (it->marker) {
        lt_remote_add_param(query, "key-marker", lt_text_of(it->marker));
        if (it->version_marker)
            lt_remote_add_param(query, "version-id-marker", lt_text_of(it->version_marker));
    } else if (r->after_key.len) {
        lt_remote_add_param(query, r->versions ? "key-marker" : "start-after", r->after_key);
        if (r->after_version.len)
            lt_remote_add_param(query, "version-id-marker", r->after_version);
    }
}

/* Where the caller goes on: behind what came last. */
static void note_end(pages *it)
{
    lt_listing *out = it->out;
    const lt_object_info *object =
        out->objects.len ? &out->objects.items[out->objects.len - 1] : NULL;
    lt_text prefix = out->prefixes.len ? out->prefixes.items[out->prefixes.len - 1] : (lt_text){0};
    out->more = true;
    if (object && (!prefix.len || lt_text_cmp(prefix, object->key) < 0)) {
        out->next_key = object->key;
        out->next_version = it->page->request.versions ? object->version_id : (lt_text){0};
    } else {
        out->next_key = prefix;
    }
}

lt_status lt_remote_list_real(lt_remote *self, lt_text bucket, const lt_remote_page *page,
                              lt_arena *arena, lt_listing *out, lt_err *err)
{
    size_t limit = page->request.limit;
    LT_AUTO(pages)
    it = {.self = self,
          .bucket = bucket,
          .page = page,
          .arena = arena,
          .out = out,
          .limit = limit && limit < PAGE ? limit : PAGE};
    LT_AUTO(lt_http_response) response = {0};
    bool more = true;
    *out = (lt_listing){0};
    while (more && out->objects.len + out->prefixes.len < it.limit) {
        LT_AUTO(lt_buf) query = {.limit = LT_URL_BYTES};
        write_query(&it, &query);
        LT_TRY(lt_buf_check(&query, "the request for a listing", err));
        lt_remote_call call = {.method = "GET",
                               .bucket = bucket,
                               .query = lt_buf_text(&query),
                               .called = page->called};
        LT_TRY(lt_remote_send(self->client, &call, &response, err));
        LT_TRY(take_answer(&it, lt_buf_text(&response.body), &more, err));
    }
    if (more)
        note_end(&it);
    return LT_OK;
}

/* ---------------------------------------------------------------- of the store's buckets */

static void cut_front(lt_text *text, size_t bytes)
{
    if (text->len)
        *text = lt_text_sub(*text, bytes, SIZE_MAX);
}

lt_status lt_remote_list(lt_store *store, lt_text bucket, const lt_list_request *request,
                         lt_arena *arena, lt_listing *out, lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    lt_remote_page page = {.request = *request, .called.bucket = bucket};
    if (!self->bucket)
        return lt_remote_list_real(self, bucket, &page, arena, out, err);
    lt_versioning versioning;
    LT_TRY(lt_remote_bucket_need(self, bucket, &versioning, err));
    lt_text front = lt_text_of(lt_arena_format(arena, "%s%.*s/", self->prefix, LT_ARG(bucket)));
    page.request.prefix =
        lt_text_of(lt_arena_format(arena, "%.*s%.*s", LT_ARG(front), LT_ARG(request->prefix)));
    if (request->after_key.len)
        page.request.after_key = lt_text_of(
            lt_arena_format(arena, "%.*s%.*s", LT_ARG(front), LT_ARG(request->after_key)));
    LT_TRY(lt_remote_list_real(self, lt_text_of(self->bucket), &page, arena, out, err));
    for (size_t i = 0; i < out->objects.len; i++)
        cut_front(&out->objects.items[i].key, front.len);
    for (size_t i = 0; i < out->prefixes.len; i++)
        cut_front(&out->prefixes.items[i], front.len);
    cut_front(&out->next_key, front.len);
    return LT_OK;
}

/* Call `visit` for every object that a request lists, over all pages. */
typedef lt_status object_visit(void *context, const lt_object_info *info, lt_err *err);

static lt_status walk(lt_remote *self, lt_text bucket, lt_remote_page page, object_visit *visit,
                      void *context, lt_err *err)
{
    lt_arena turns[2] = {{0}, {0}}; /* the place to go on from lives in the page before */
    lt_status status = LT_OK;
    bool more = true;
    for (size_t turn = 0; more && status == LT_OK; turn ^= 1) {
        lt_listing list = {0};
        lt_arena_cleanup(&turns[turn]);
        status = lt_remote_list_real(self, bucket, &page, &turns[turn], &list, err);
        for (size_t i = 0; status == LT_OK && i < list.objects.len; i++)
            status = visit(context, &list.objects.items[i], err);
        page.request.after_key = list.next_key;
        page.request.after_version = list.next_version;
        more = list.more;
    }
    lt_arena_cleanup(&turns[0]);
    lt_arena_cleanup(&turns[1]);
    return status;
}

/* ---------------------------------------------------------------- below prefix/.leat/ */

typedef struct collected {
    lt_arena *arena;
    lt_listing *out;
    size_t front;
} collected;

static lt_status collect_one(void *context, const lt_object_info *info, lt_err *err)
{
    collected *it = context;
    lt_object_info copy = {
        .key = lt_arena_text(it->arena, lt_text_sub(info->key, it->front, SIZE_MAX)),
        .size_bytes = info->size_bytes,
        .written_at_us = info->written_at_us};
    (void)err;
    lt_push_in(it->arena, &it->out->objects, copy);
    return LT_OK;
}

lt_status lt_remote_list_own(lt_remote *self, const char *folder, lt_arena *arena, lt_listing *out,
                             lt_err *err)
{
    LT_AUTO(lt_chars) prefix = lt_format("%s.leat/%s", self->prefix, folder);
    collected it = {arena, out, strlen(self->prefix) + strlen(".leat/")};
    lt_remote_page page = {.request.prefix = lt_text_of(prefix),
                           .called.bucket = lt_text_of(self->bucket)};
    return walk(self, lt_text_of(self->bucket), page, collect_one, &it, err);
}

typedef struct purge {
    lt_remote *self;
    lt_delete_item items[PAGE];
    size_t count;
    lt_arena arena;
    lt_text only; /* other keys are left */
} purge;

static lt_status purge_now(purge *it, lt_err *err)
{
    if (!it->count)
        return LT_OK;
    lt_remote real = {.client = it->self->client}; /* the service itself: keys are real ones */
    LT_TRY(lt_remote_remove_many(&real.base, lt_text_of(it->self->bucket), it->items, it->count,
                                 NULL, &it->arena, err));
    for (size_t i = 0; i < it->count; i++)
        if (it->items[i].status != LT_OK && it->items[i].status != LT_NOT_FOUND) {
            *err = it->items[i].err;
            return it->items[i].status;
        }
    it->count = 0;
    lt_arena_cleanup(&it->arena);
    return LT_OK;
}

static lt_status purge_add(purge *it, lt_text key, lt_text version_id, lt_err *err)
{
    if (it->count == PAGE)
        LT_TRY(purge_now(it, err));
    it->items[it->count++] = (lt_delete_item){.key = lt_arena_text(&it->arena, key),
                                              .version_id = lt_arena_text(&it->arena, version_id)};
    return LT_OK;
}

static lt_status purge_version(void *context, const lt_object_info *info, lt_err *err)
{
    purge *it = context;
    if (!lt_text_eq(info->key, it->only))
        return LT_OK; /* a longer key that begins the same */
    return purge_add(it, info->key, info->version_id, err);
}

lt_status lt_remote_purge_own(lt_remote *self, const lt_texts *keys, lt_err *err)
{
    lt_versioning versioning;
    LT_TRY(lt_remote_versioning(self, T(""), &versioning, err));
    purge *it = lt_xcalloc(1, sizeof(*it));
    lt_status status = LT_OK;
    it->self = self;
    for (size_t i = 0; status == LT_OK && i < keys->len; i++) {
        LT_AUTO(lt_chars) key = lt_format("%s.leat/%.*s", self->prefix, LT_ARG(keys->items[i]));
        lt_remote_page page = {.request = {.prefix = lt_text_of(key), .versions = true},
                               .called.bucket = lt_text_of(self->bucket)};
        it->only = lt_text_of(key);
        status = versioning == LT_UNVERSIONED
                     ? purge_add(it, lt_text_of(key), (lt_text){0}, err)
                     : walk(self, lt_text_of(self->bucket), page, purge_version, it, err);
    }
    if (status == LT_OK)
        status = purge_now(it, err);
    lt_arena_cleanup(&it->arena);
    lt_free(it);
    return status;
}

/* ---------------------------------------------------------------- usage */

static lt_remote_page versions_below(const lt_remote *self, lt_text bucket, lt_text prefix,
                                     lt_arena *arena, size_t *front)
{
    lt_text whole = prefix;
    *front = 0;
    if (self->bucket) {
        whole = lt_text_of(
            lt_arena_format(arena, "%s%.*s/%.*s", self->prefix, LT_ARG(bucket), LT_ARG(prefix)));
        *front = whole.len - prefix.len;
    }
    return (lt_remote_page){.request = {.prefix = whole, .versions = true},
                            .called.bucket = bucket};
}

typedef struct counting {
    lt_usage_report *out;
    lt_text prefix, delimiter;
    size_t front;
    lt_arena *arena;
} counting;

enum { GROUPS = 100000 };

static void count_in(lt_usage *usage, const lt_object_info *info)
{
    if (info->is_marker) {
        usage->markers++;
    } else if (info->is_current) {
        usage->objects++;
        usage->object_bytes += info->size_bytes;
    } else {
        usage->old_versions++;
        usage->old_version_bytes += info->size_bytes;
    }
}

/* Keys come in order, so a group is the last one or a new one. */
static lt_status count_one(void *context, const lt_object_info *info, lt_err *err)
{
    counting *it = context;
    lt_usages *groups = &it->out->groups;
    lt_text key = lt_text_sub(info->key, it->front, SIZE_MAX);
    count_in(&it->out->total, info);
    if (!it->delimiter.len)
        return LT_OK;
    size_t at = lt_text_find(key, it->delimiter, it->prefix.len);
    lt_text group = at == SIZE_MAX ? it->prefix : lt_text_sub(key, 0, at + it->delimiter.len);
    for (size_t i = groups->len; i > 0 && i + 2 > groups->len; i--)
        if (lt_text_eq(groups->items[i - 1].prefix, group)) {
            count_in(&groups->items[i - 1], info);
            return LT_OK;
        }
    /* what lies directly below the prefix may stand between groups */
    for (size_t i = 0; at == SIZE_MAX && i < groups->len; i++)
        if (lt_text_eq(groups->items[i].prefix, group)) {
            count_in(&groups->items[i], info);
            return LT_OK;
        }
    if (groups->len == GROUPS)
        return lt_fail(err, LT_TOO_BIG, "there are more than %d groups", GROUPS);
    lt_usage fresh = {.prefix = lt_arena_text(it->arena, group)};
    count_in(&fresh, info);
    lt_push_in(it->arena, groups, fresh);
    return LT_OK;
}

lt_status lt_remote_usage(lt_store *store, lt_object_name name, lt_text delimiter, lt_arena *arena,
                          lt_usage_report *out, lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    lt_versioning versioning;
    counting it = {.out = out, .prefix = name.key, .delimiter = delimiter, .arena = arena};
    LT_TRY(lt_remote_bucket_need(self, name.bucket, &versioning, err));
    lt_remote_page page = versions_below(self, name.bucket, name.key, arena, &it.front);
    *out = (lt_usage_report){.total.prefix = lt_arena_text(arena, name.key)};
    LT_TRY(walk(self, self->bucket ? lt_text_of(self->bucket) : name.bucket, page, count_one, &it,
                err));
    lt_upload_request request = {.prefix = name.key};
    lt_upload_list uploads = {0};
    LT_TRY(lt_remote_upload_list(store, name.bucket, &request, arena, &uploads, err));
    out->uploads =
        (int64_t)uploads.items.len; /* of the first 1000; their bytes are not asked for */
    return LT_OK;
}

/* ---------------------------------------------------------------- pruning */

typedef struct pruning {
    lt_remote *self;
    lt_store *store;
    const lt_prune_request *request;
    lt_prune_report *out;
    int64_t now_us;
    purge *doomed;
    /* of the key that is walked over */
    lt_buf key;
    int32_t old_ones;
    int64_t
        newer_at_us; /* when the version before in the listing was written: it replaced this one */
    lt_object_info first; /* of the key; its version id is in first_version */
    lt_buf first_version;
    size_t count;
} pruning;

/* The key is over: a delete marker that is alone goes. */
static lt_status end_key(pruning *it, lt_err *err)
{
    if (it->count != 1 || !it->first.is_marker || !it->request->expired_markers)
        return LT_OK;
    it->out->markers++;
    if (it->request->dry_run)
        return LT_OK;
    return purge_add(it->doomed, lt_buf_text(&it->key), lt_buf_text(&it->first_version), err);
}

static lt_status begin_key(pruning *it, const lt_object_info *info, lt_err *err)
{
    LT_TRY(end_key(it, err));
    lt_buf_clear(&it->key);
    lt_buf_add(&it->key, info->key);
    lt_buf_clear(&it->first_version);
    lt_buf_add(&it->first_version, info->version_id);
    it->first = *info;
    it->old_ones = 0;
    it->count = 0;
    return LT_OK;
}

static lt_status prune_one(void *context, const lt_object_info *info, lt_err *err)
{
    pruning *it = context;
    const lt_prune_request *r = it->request;
    if (!lt_text_eq(info->key, lt_buf_text(&it->key)))
        LT_TRY(begin_key(it, info, err));
    int64_t replaced_at_us = it->newer_at_us;
    it->newer_at_us = info->written_at_us;
    it->count++;
    if (info->is_current)
        return LT_OK;
    bool kept = it->old_ones++ < r->keep || r->older_than_us < 0 ||
                it->now_us - replaced_at_us < r->older_than_us;
    if (kept)
        return LT_OK;
    it->count--; /* it goes: a marker on top may be alone then */
    if (info->is_marker)
        it->out->markers++;
    else
        it->out->versions++;
    it->out->version_bytes += info->size_bytes;
    return r->dry_run ? LT_OK : purge_add(it->doomed, info->key, info->version_id, err);
}

static lt_status prune_uploads(pruning *it, lt_text bucket, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_upload_request request = {.prefix = it->request->prefix};
    for (bool more = it->request->uploads_older_than_us >= 0; more;) {
        lt_upload_list list = {0};
        LT_TRY(lt_remote_upload_list(it->store, bucket, &request, &arena, &list, err));
        for (size_t i = 0; i < list.items.len; i++) {
            const lt_upload_info *upload = &list.items.items[i];
            if (it->now_us - upload->started_at_us < it->request->uploads_older_than_us)
                continue;
            it->out->uploads++;
            lt_upload_name name = {bucket, upload->key, upload->upload_id};
            if (!it->request->dry_run)
                LT_TRY(lt_remote_upload_abort(it->store, name, err));
        }
        request.after_key = list.next_key;
        request.after_upload = list.next_upload;
        more = list.more;
    }
    return LT_OK;
}

static lt_status prune_bucket(pruning *it, lt_text bucket, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_versioning versioning;
    size_t front;
    lt_text real = it->self->bucket ? lt_text_of(it->self->bucket) : bucket;
    LT_TRY(lt_remote_bucket_need(it->self, bucket, &versioning, err));
    lt_remote_page page = versions_below(it->self, bucket, it->request->prefix, &arena, &front);
    lt_remote place = {.client = it->self->client, .bucket = lt_text_dup(real)};
    it->doomed->self = &place;
    lt_buf_clear(&it->key);
    it->count = 0;
    lt_status status = LT_OK;
    if (versioning != LT_UNVERSIONED)
        status = walk(it->self, real, page, prune_one, it, err);
    if (status == LT_OK)
        status = end_key(it, err);
    if (status == LT_OK)
        status = purge_now(it->doomed, err);
    lt_free(place.bucket);
    return status == LT_OK ? prune_uploads(it, bucket, err) : status;
}

lt_status lt_remote_prune(lt_store *store, const lt_prune_request *request, lt_prune_report *out,
                          lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_bucket_infos buckets = {0};
    pruning it = {.self = lt_remote_of(store),
                  .store = store,
                  .request = request,
                  .out = out,
                  .now_us = request->now_us ? request->now_us : lt_now_us(),
                  .doomed = lt_xcalloc(1, sizeof(*it.doomed))};
    lt_status status = LT_OK;
    lt_bucket_info one = {.name = request->bucket};
    *out = (lt_prune_report){0};
    if (request->bucket.len)
        lt_push_in(&arena, &buckets, one);
    else
        status = lt_bucket_list(store, &arena, &buckets, err);
    for (size_t i = 0; status == LT_OK && i < buckets.len; i++)
        status = prune_bucket(&it, buckets.items[i].name, err);
    lt_arena_cleanup(&it.doomed->arena);
    lt_free(it.doomed);
    lt_buf_cleanup(&it.key);
    lt_buf_cleanup(&it.first_version);
    return status;
}
