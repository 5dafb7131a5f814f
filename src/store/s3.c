/* The store on S3: opening it, its buckets, and where things lie. */
#include "store/s3.h"

#include "base/time.h"
#include "fmt/xml.h"
#include "net/url.h"

#include <stdio.h>
#include <stdlib.h>

enum { PREFIX_BYTES = 512 };
static const int64_t KNOWN_US = (int64_t)60 * 1000000;

/* ---------------------------------------------------------------- open and close */

/* What stands behind '?' of the URL. */
typedef struct url_options {
    char *endpoint, *region, *profile, *path_style; /* owned */
} url_options;

static void url_options_cleanup(url_options *self)
{
    lt_free(self->endpoint);
    lt_free(self->region);
    lt_free(self->profile);
    lt_free(self->path_style);
}

static lt_status read_options(lt_text query, url_options *out, lt_err *err)
{
    const struct {
        lt_text name;
        char **value;
    } known[] = {{T("endpoint"), &out->endpoint},
                 {T("region"), &out->region},
                 {T("profile"), &out->profile},
                 {T("path_style"), &out->path_style}};
    lt_text name, value;
    while (lt_url_next_param(&query, &name, &value)) {
        LT_AUTO(lt_buf) plain = {.limit = LT_URL_BYTES};
        size_t i = 0;
        while (i < LT_COUNT(known) && !lt_text_eq(known[i].name, name))
            i++;
        if (i == LT_COUNT(known) || *known[i].value || !lt_url_decode(value, false, &plain))
            return lt_fail(err, LT_INVALID, "the URL of a store on S3 cannot have '%.*s=%.*s'",
                           LT_ARG(name), LT_ARG(value));
        *known[i].value = plain.data ? lt_buf_take(&plain) : lt_xstrdup("");
    }
    return LT_OK;
}

/* "//bucket/prefix" */
static lt_status read_place(lt_text text, lt_remote *self, lt_err *err)
{
    if (!lt_text_starts(text, T("//"))) {
        lt_ignore(lt_fail(err, LT_INVALID, "'s3:%.*s' is no store", LT_ARG(text)));
        return lt_hint(err, "write s3://bucket/prefix");
    }
    lt_text rest = lt_text_sub(text, 2, SIZE_MAX), bucket = {0};
    (void)lt_text_cut(&rest, '/', &bucket);
    while (lt_text_ends(rest, T("/")))
        rest.len--;
    if (rest.len > PREFIX_BYTES || (rest.len && !bucket.len))
        return lt_fail(err, LT_INVALID, "'s3:%.*s' is no store: %s", LT_ARG(text),
                       bucket.len ? "its prefix is too long" : "it names no bucket");
    LT_TRY(lt_arg_text(rest, PREFIX_BYTES, "prefix of the store", err));
    if (bucket.len) {
        LT_TRY(lt_arg_bucket(bucket, err));
        self->bucket = lt_text_dup(bucket);
    }
    self->prefix = lt_format("%.*s%s", LT_ARG(rest), rest.len ? "/" : "");
    return LT_OK;
}

static void s3_close(lt_store *store)
{
    lt_remote *self = lt_remote_of(store);
    lt_remote_client_close(self->client);
    (void)pthread_mutex_destroy(&self->lock);
    lt_free(self->bucket);
    lt_free(self->prefix);
    lt_free(self);
}

static lt_status s3_open(lt_text rest, LT_UNUSED const lt_store_options *options, lt_store **out,
                         lt_err *err)
{
    LT_AUTO(url_options) given = {0};
    size_t mark = lt_text_find_byte(rest, '?', 0);
    lt_remote *self = lt_xcalloc(1, sizeof(*self));
    (void)pthread_mutex_init(&self->lock, NULL);
    self->base.ops = &lt_store_s3_ops;
    lt_status status = read_place(lt_text_sub(rest, 0, mark), self, err);
    if (status == LT_OK && mark != SIZE_MAX)
        status = read_options(lt_text_sub(rest, mark + 1, SIZE_MAX), &given, err);
    lt_remote_settings settings = {.endpoint = given.endpoint,
                                   .region = given.region,
                                   .profile = given.profile,
                                   .path_style = -1};
    if (given.path_style)
        settings.path_style = strcmp(given.path_style, "true") == 0;
    if (status == LT_OK)
        status = lt_remote_client_open(&settings, &self->client, err);
    if (status == LT_OK)
        *out = &self->base;
    else
        s3_close(&self->base);
    return status;
}

void lt_store_s3_set_retry(lt_store *store, const lt_retry *policy)
{
    lt_remote_client_set_retry(lt_remote_of(store)->client, policy);
}

/* ---------------------------------------------------------------- places */

void lt_remote_begin(const lt_remote *self, const char *method, lt_object_name name,
                     lt_arena *arena, lt_remote_call *out)
{
    *out =
        (lt_remote_call){.method = method, .called = name, .bucket = name.bucket, .key = name.key};
    if (!self->bucket)
        return;
    out->bucket = lt_text_of(self->bucket);
    out->key = lt_text_of(
        lt_arena_format(arena, "%s%.*s/%.*s", self->prefix, LT_ARG(name.bucket), LT_ARG(name.key)));
}

void lt_remote_begin_own(const lt_remote *self, const char *method, const char *key,
                         lt_remote_call *out)
{
    lt_text whole = lt_text_of(key);
    *out = (lt_remote_call){.method = method,
                            .called = {.bucket = lt_text_of(self->bucket), .key = whole},
                            .bucket = lt_text_of(self->bucket),
                            .key = whole};
}

/* ---------------------------------------------------------------- what is known of buckets */

static bool known(lt_remote *self, lt_text name, lt_versioning *out)
{
    bool found = false;
    (void)pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < LT_REMOTE_KNOWN && !found; i++)
        if (self->known[i].until_us > lt_mono_us() &&
            lt_text_eq(lt_text_of(self->known[i].name), name)) {
            *out = self->known[i].versioning;
            found = true;
        }
    (void)pthread_mutex_unlock(&self->lock);
    return found;
}

static void learn(lt_remote *self, lt_text name, lt_versioning versioning, int64_t for_us)
{
    lt_remote_known *oldest = &self->known[0];
    (void)pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < LT_REMOTE_KNOWN; i++) {
        if (lt_text_eq(lt_text_of(self->known[i].name), name)) {
            oldest = &self->known[i];
            break;
        }
        if (self->known[i].until_us < oldest->until_us)
            oldest = &self->known[i];
    }
    (void)snprintf(oldest->name, sizeof(oldest->name), "%.*s", LT_ARG(name));
    oldest->versioning = versioning;
    oldest->until_us = lt_mono_us() + for_us;
    (void)pthread_mutex_unlock(&self->lock);
}

void lt_remote_forget_bucket(lt_remote *self, lt_text bucket)
{
    learn(self, bucket, LT_UNVERSIONED, -1);
}

static lt_status ask_versioning(lt_remote *self, lt_text real, lt_text called, lt_versioning *out,
                                lt_err *err)
{
    LT_AUTO(lt_http_response) response = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_xml *root;
    lt_remote_call call = {
        .method = "GET", .bucket = real, .query = T("versioning="), .called.bucket = called};
    LT_TRY(lt_remote_send(self->client, &call, &response, err));
    LT_TRY(lt_xml_read(lt_buf_text(&response.body), NULL, &arena, &root, err));
    lt_text state = lt_xml_text(root, T("Status"));
    *out = lt_text_eq(state, T("Enabled"))     ? LT_VERSIONING_ENABLED
           : lt_text_eq(state, T("Suspended")) ? LT_VERSIONING_SUSPENDED
                                               : LT_UNVERSIONED;
    return LT_OK;
}

/* Of the one bucket it is kept under the empty name: nobody asks for the store's own buckets there. */
lt_status lt_remote_versioning(lt_remote *self, lt_text bucket, lt_versioning *out, lt_err *err)
{
    lt_text name = self->bucket ? T("/") : bucket;
    if (known(self, name, out))
        return LT_OK;
    lt_text real = self->bucket ? lt_text_of(self->bucket) : bucket;
    LT_TRY(ask_versioning(self, real, real, out, err));
    learn(self, name, *out, KNOWN_US);
    return LT_OK;
}

static const char *bucket_mark(const lt_remote *self, lt_text bucket, lt_arena *arena)
{
    return lt_arena_format(arena, "%s.leat/buckets/%.*s", self->prefix, LT_ARG(bucket));
}

/* The mark that says that it was made; or objects that somebody else has put there. */
static lt_status find_own(lt_remote *self, lt_text bucket, int64_t *created_at_us, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_http_response) response = {0};
    lt_remote_call call;
    lt_remote_head head;
    lt_remote_begin_own(self, "HEAD", bucket_mark(self, bucket, &arena), &call);
    lt_status status = lt_remote_send(self->client, &call, &response, err);
    if (status == LT_OK) {
        lt_remote_read_info(&response, bucket, &arena, &head);
        *created_at_us = head.info.written_at_us;
        return LT_OK;
    }
    if (status != LT_NOT_FOUND)
        return status;
    lt_listing found = {0};
    lt_remote_page page = {.request = {.prefix = lt_text_of(lt_arena_format(
                                           &arena, "%s%.*s/", self->prefix, LT_ARG(bucket))),
                                       .limit = 1},
                           .called.bucket = lt_text_of(self->bucket)};
    LT_TRY(lt_remote_list_real(self, lt_text_of(self->bucket), &page, &arena, &found, err));
    if (found.objects.len) {
        *created_at_us = found.objects.items[0].written_at_us;
        return LT_OK;
    }
    lt_ignore(
        lt_store_fail(err, LT_WHY_NO_SUCH_BUCKET, "there is no bucket '%.*s'", LT_ARG(bucket)));
    return lt_hint(err, "make it: leat store mb %.*s", LT_ARG(bucket));
}

static lt_status s3_bucket_get(lt_store *store, lt_text bucket, lt_arena *arena,
                               lt_bucket_info *out, lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    *out = (lt_bucket_info){.name = lt_arena_text(arena, bucket)};
    if (self->bucket) {
        LT_TRY(find_own(self, bucket, &out->created_at_us, err));
        return lt_remote_versioning(self, bucket, &out->versioning, err);
    }
    LT_TRY(ask_versioning(self, bucket, bucket, &out->versioning, err));
    learn(self, bucket, out->versioning, KNOWN_US);
    return LT_OK;
}

lt_status lt_remote_bucket_need(lt_remote *self, lt_text bucket, lt_versioning *versioning,
                                lt_err *err)
{
    int64_t created_at_us;
    if (known(self, bucket, versioning))
        return LT_OK;
    if (self->bucket)
        LT_TRY(find_own(self, bucket, &created_at_us, err));
    LT_TRY(lt_remote_versioning(self, bucket, versioning, err));
    learn(self, bucket, *versioning, KNOWN_US);
    return LT_OK;
}

/* ---------------------------------------------------------------- making buckets */

static lt_status put_versioning(lt_remote *self, lt_text bucket, lt_versioning versioning,
                                lt_err *err)
{
    LT_AUTO(lt_http_response) response = {0};
    LT_AUTO(lt_buf) body = {.limit = LT_KIB};
    lt_buf_printf(&body,
                  "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                  "<Status>%s</Status></VersioningConfiguration>",
                  versioning == LT_VERSIONING_ENABLED ? "Enabled" : "Suspended");
    lt_remote_call call = {.method = "PUT",
                           .bucket = bucket,
                           .query = T("versioning="),
                           .body = lt_buf_text(&body),
                           .called.bucket = bucket};
    lt_remote_add_header(&call, "content-type", T("application/xml"));
    LT_TRY(lt_remote_send(self->client, &call, &response, err));
    learn(self, bucket, versioning, KNOWN_US);
    return LT_OK;
}

static lt_status create_real(lt_remote *self, lt_text bucket, lt_versioning versioning, lt_err *err)
{
    LT_AUTO(lt_http_response) response = {0};
    LT_AUTO(lt_buf) body = {.limit = LT_KIB};
    lt_remote_call head = {.method = "HEAD", .bucket = bucket, .called.bucket = bucket};
    lt_status status = lt_remote_send(self->client, &head, &response, err);
    if (status == LT_OK) /* us-east-1 would make it "again" */
        return lt_store_fail(err, LT_WHY_BUCKET_EXISTS, "there is a bucket '%.*s' already",
                             LT_ARG(bucket));
    if (status != LT_NOT_FOUND && status != LT_DENIED)
        return status;
    char region[LT_REMOTE_REGION_CHARS];
    lt_remote_client_region(self->client, region);
    if (strcmp(region, "us-east-1") != 0)
        lt_buf_printf(
            &body,
            "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
            "<LocationConstraint>%s</LocationConstraint></CreateBucketConfiguration>",
            region);
    lt_remote_call call = {
        .method = "PUT", .bucket = bucket, .body = lt_buf_text(&body), .called.bucket = bucket};
    lt_remote_add_header(&call, "content-type", T("application/xml"));
    LT_TRY(lt_remote_send(self->client, &call, &response, err));
    lt_remote_forget_bucket(self, bucket);
    return versioning == LT_UNVERSIONED ? LT_OK : put_versioning(self, bucket, versioning, err);
}

/* The mark holds a text of its own, so that who wrote it knows it again when the answer was lost. */
static lt_status make_mark(lt_remote *self, lt_text bucket, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_text found, mine = lt_text_of(lt_arena_format(&arena, "{\"made_by\": \"%08x%08x\"}",
                                                     arc4random(), arc4random()));
    lt_status status = lt_remote_put_own(self, bucket_mark(self, bucket, &arena), mine, true, err);
    if (status != LT_CONFLICT)
        return status;
    const char *name = lt_arena_format(&arena, "buckets/%.*s", LT_ARG(bucket));
    LT_TRY(lt_remote_get_own(self, name, &arena, &found, err));
    if (lt_text_eq(found, mine))
        return LT_OK;
    return lt_store_fail(err, LT_WHY_BUCKET_EXISTS, "there is a bucket '%.*s' already",
                         LT_ARG(bucket));
}

/* In one bucket, the store's buckets are only names: the state of versioning is that of the one. */
lt_status lt_remote_bucket_create(lt_store *store, lt_text bucket, lt_versioning versioning,
                                  lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    return self->bucket ? make_mark(self, bucket, err) : create_real(self, bucket, versioning, err);
}

static lt_status s3_bucket_set_versioning(lt_store *store, lt_text bucket, lt_versioning versioning,
                                          lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    LT_AUTO(lt_arena) arena = {0};
    lt_bucket_info now;
    lt_remote_forget_bucket(self, self->bucket ? T("/") : bucket);
    LT_TRY(s3_bucket_get(store, bucket, &arena, &now, err));
    if (now.versioning == versioning)
        return LT_OK;
    if (self->bucket)
        return lt_store_fail(err, LT_WHY_BUCKET_STATE,
                             "versioning of '%.*s' is that of the bucket s3://%s: change it there",
                             LT_ARG(bucket), self->bucket);
    if (versioning == LT_UNVERSIONED)
        return lt_store_fail(err, LT_WHY_BUCKET_STATE,
                             "the bucket '%.*s' was versioned once and can only be suspended",
                             LT_ARG(bucket));
    return put_versioning(self, bucket, versioning, err);
}

/* ---------------------------------------------------------------- listing and deleting buckets */

static lt_status list_real(lt_remote *self, lt_arena *arena, lt_bucket_infos *out, lt_err *err)
{
    LT_AUTO(lt_http_response) response = {0};
    lt_xml_limits limits = {.bytes = 16 * LT_MIB, .node_limit = 200000};
    lt_remote_call call = {.method = "GET"};
    lt_xml *root;
    LT_TRY(lt_remote_send(self->client, &call, &response, err));
    LT_TRY(lt_xml_read(lt_buf_text(&response.body), &limits, arena, &root, err));
    const lt_xml *one = lt_xml_find(lt_xml_find(root, T("Buckets")), T("Bucket"));
    for (; one; one = lt_xml_again(one)) {
        lt_bucket_info info = {.name = lt_xml_text(one, T("Name"))};
        lt_err denied = {0};
        if (!lt_time_read(lt_xml_text(one, T("CreationDate")), &info.created_at_us))
            info.created_at_us = 0;
        lt_status status = lt_remote_versioning(self, info.name, &info.versioning, &denied);
        if (status != LT_OK && status != LT_DENIED && status != LT_NOT_FOUND) {
            *err = denied;
            return status;
        }
        lt_push_in(arena, out, info);
    }
    return LT_OK;
}

static int by_name(const void *left, const void *right)
{
    const lt_bucket_info *a = left, *b = right;
    return lt_text_cmp(a->name, b->name);
}

static void add_bucket(lt_bucket_infos *out, lt_text name, int64_t at_us, lt_versioning versioning,
                       lt_arena *arena)
{
    for (size_t i = 0; i < out->len; i++)
        if (lt_text_eq(out->items[i].name, name))
            return;
    lt_bucket_info info = {
        .name = lt_arena_text(arena, name), .created_at_us = at_us, .versioning = versioning};
    lt_push_in(arena, out, info);
}

static lt_status list_own(lt_remote *self, lt_arena *arena, lt_bucket_infos *out, lt_err *err)
{
    lt_listing marks = {0}, folders = {0};
    lt_versioning versioning;
    lt_err bad;
    lt_remote_page page = {.request = {.prefix = lt_text_of(self->prefix), .delimiter = T("/")},
                           .called.bucket = lt_text_of(self->bucket)};
    LT_TRY(lt_remote_versioning(self, T(""), &versioning, err));
    LT_TRY(lt_remote_list_own(self, "buckets/", arena, &marks, err));
    LT_TRY(lt_remote_list_real(self, lt_text_of(self->bucket), &page, arena, &folders, err));
    for (size_t i = 0; i < marks.objects.len; i++)
        add_bucket(out, lt_text_sub(marks.objects.items[i].key, strlen("buckets/"), SIZE_MAX),
                   marks.objects.items[i].written_at_us, versioning, arena);
    for (size_t i = 0; i < folders.prefixes.len; i++) {
        lt_text name = lt_text_sub(folders.prefixes.items[i], strlen(self->prefix), SIZE_MAX);
        name.len--; /* the '/' */
        if (lt_arg_bucket(name, &bad) == LT_OK)
            add_bucket(out, name, 0, versioning, arena);
    }
    return LT_OK;
}

static lt_status s3_bucket_list(lt_store *store, lt_arena *arena, lt_bucket_infos *out, lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    LT_TRY(self->bucket ? list_own(self, arena, out, err) : list_real(self, arena, out, err));
    if (out->len)
        qsort(out->items, out->len, sizeof(*out->items), by_name);
    return LT_OK;
}

static lt_status check_empty(lt_store *store, lt_text bucket, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_listing left = {0};
    lt_list_request request = {.versions = true, .limit = 1};
    LT_TRY(lt_remote_list(store, bucket, &request, &arena, &left, err));
    if (!left.objects.len)
        return LT_OK;
    const lt_object_info *first = &left.objects.items[0];
    lt_ignore(lt_store_fail(err, LT_WHY_BUCKET_NOT_EMPTY,
                            "the bucket '%.*s' is not empty: '%.*s'%s", LT_ARG(bucket),
                            LT_ARG(first->key),
                            first->is_marker    ? " has a delete marker"
                            : first->is_current ? " is in it"
                                                : " has an old version"));
    return lt_hint(err, "'leat store versions' lists all that is in it");
}

static lt_status s3_bucket_delete(lt_store *store, lt_text bucket, lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_http_response) response = {0};
    lt_bucket_info info;
    lt_remote_forget_bucket(self, bucket);
    LT_TRY(s3_bucket_get(store, bucket, &arena, &info, err));
    LT_TRY(check_empty(store, bucket, err));
    lt_remote_call call = {.method = "DELETE", .bucket = bucket, .called.bucket = bucket};
    lt_remote_forget_bucket(self, bucket);
    if (!self->bucket)
        return lt_remote_send(self->client, &call, &response, err);
    LT_TRY(lt_remote_forget_datasets(self, bucket, err));
    lt_texts mark = {0};
    lt_text key = lt_text_of(lt_arena_format(&arena, "buckets/%.*s", LT_ARG(bucket)));
    lt_push_in(&arena, &mark, key);
    return lt_remote_purge_own(self, &mark, err);
}

const lt_store_ops lt_store_s3_ops = {
    .scheme = "s3:",
    .called = "a store on S3",
    .open = s3_open,
    .close = s3_close,
    .bucket_create = lt_remote_bucket_create,
    .bucket_get = s3_bucket_get,
    .bucket_list = s3_bucket_list,
    .bucket_set_versioning = s3_bucket_set_versioning,
    .bucket_delete = s3_bucket_delete,
    .put = lt_remote_put,
    .head = lt_remote_object_head,
    .read = lt_remote_read,
    .copy = lt_remote_copy,
    .remove = lt_remote_remove,
    .remove_many = lt_remote_remove_many,
    .restore = lt_remote_restore,
    .list = lt_remote_list,
    .stage = lt_remote_stage,
    .unstage = lt_remote_unstage,
    .commit = lt_remote_commit,
    .dataset_list = lt_remote_dataset_list,
    .dataset_commit = lt_remote_dataset_commit,
    .dataset_pin = lt_remote_dataset_pin,
    .dataset_forget = lt_remote_dataset_forget,
    .file_read = lt_remote_file_read,
    .keep = lt_remote_keep,
    .check = lt_remote_check,
    .reading_open = lt_remote_reading_open,
    .object_parts = lt_remote_object_parts,
    .tags_get = lt_remote_tags_get,
    .tags_set = lt_remote_tags_set,
    .upload_create = lt_remote_upload_create,
    .upload_part = lt_remote_upload_part,
    .upload_part_copy = lt_remote_upload_part_copy,
    .upload_parts = lt_remote_upload_parts,
    .upload_list = lt_remote_upload_list,
    .upload_complete = lt_remote_upload_complete,
    .upload_abort = lt_remote_upload_abort,
    .usage = lt_remote_usage,
    .prune = lt_remote_prune,
};
