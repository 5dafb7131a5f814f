/* May this one do that: what a policy denies is denied, then the root key, the owner, an access key's rights, or a policy allow it. */
#include "fmt/json.h"
#include "web/s3/call.h"

/* What a question about one action needs of its call. */
typedef struct asked {
    lt_s3_call *call;
    const lt_s3_wish *wish;
    lt_pairs tags; /* of the object that is there, once they were read */
    bool has_tags;
} asked;

static lt_text existing_tag(asked *self, lt_text name)
{
    lt_err err = {0};
    lt_object_name object = {self->wish->bucket, self->wish->key, self->wish->version_id};
    if (!self->has_tags && self->wish->key.len)
        lt_ignore(lt_object_tags_get(self->call->s3->options.store, object, self->call->arena,
                                     &self->tags, NULL, &err));
    self->has_tags = true;
    for (size_t i = 0; i < self->tags.len; i++)
        if (lt_text_eq(self->tags.items[i].name, name))
            return self->tags.items[i].value;
    return (lt_text){0};
}

static lt_text request_tag(asked *self, lt_text name)
{
    lt_err err = {0};
    lt_pairs tags = {0};
    lt_text header = lt_s3_header(self->call, "x-amz-tagging");
    if (!header.ptr || lt_s3_tags_read(self->call, header, &tags, &err) != LT_OK)
        return (lt_text){0};
    for (size_t i = 0; i < tags.len; i++)
        if (lt_text_eq(tags.items[i].name, name))
            return tags.items[i].value;
    return (lt_text){0};
}

static const struct {
    const char *key, *header, *param;
} sources[] = {
    {"aws:Referer", "Referer", NULL},  {"aws:UserAgent", "User-Agent", NULL},
    {"s3:prefix", NULL, "prefix"},     {"s3:delimiter", NULL, "delimiter"},
    {"s3:max-keys", NULL, "max-keys"}, {"s3:VersionId", NULL, "versionId"},
};

static lt_text condition_value(void *context, lt_text key)
{
    asked *self = context;
    lt_s3_call *call = self->call;
    if (lt_text_eq(key, T("s3:prefix")) && self->wish->under.len)
        return self->wish->under;
    static const char tag[] = "s3:ExistingObjectTag/", new_tag[] = "s3:RequestObjectTag/";
    for (size_t i = 0; i < LT_COUNT(sources); i++)
        if (lt_text_eq_nocase(key, lt_text_of(sources[i].key)))
            return sources[i].header ? lt_s3_header(call, sources[i].header)
                                     : lt_s3_param(call, sources[i].param);
    if (lt_text_eq_nocase(key, T("aws:SourceIp")))
        return lt_text_of(call->http->peer);
    if (lt_text_eq_nocase(key, T("aws:SecureTransport")))
        return call->http->is_tls ? T("true") : T("false");
    if (lt_text_eq_nocase(key, T("aws:username")))
        return call->who.key_id.len ? call->who.name : (lt_text){0};
    if (lt_text_starts(key, lt_text_of(tag)))
        return existing_tag(self, lt_text_sub(key, strlen(tag), key.len));
    if (lt_text_starts(key, lt_text_of(new_tag)))
        return request_tag(self, lt_text_sub(key, strlen(new_tag), key.len));
    if (lt_text_starts(key, T("s3:x-amz-")))
        return lt_s3_header(call, lt_arena_str(call->arena, lt_text_sub(key, 3, key.len)));
    return (lt_text){0};
}

lt_status lt_s3_owner(lt_s3_call *call, lt_text bucket, lt_text *id, lt_text *name, lt_err *err)
{
    lt_s3_bucket known;
    char root[LT_S3_ID_CHARS];
    LT_TRY(lt_s3_bucket_get(call, bucket, &known, err));
    size_t blank = lt_text_find_byte(known.owner, ' ', 0);
    if (known.owner.len && blank != SIZE_MAX) {
        *id = lt_text_sub(known.owner, 0, blank);
        *name = lt_text_sub(known.owner, blank + 1, known.owner.len);
        return LT_OK;
    }
    lt_s3_identify(T("root"), root);
    *id = lt_arena_text(call->arena, lt_text_of(root));
    *name = T("root");
    return LT_OK;
}

lt_status lt_s3_is_owner(lt_s3_call *call, lt_text bucket, bool *out, lt_err *err)
{
    lt_text id, name;
    *out = false;
    if (!call->who.key_id.len)
        return LT_OK;
    LT_TRY(lt_s3_owner(call, bucket, &id, &name, err));
    *out = lt_text_eq(id, lt_text_of(call->who.id));
    return LT_OK;
}

static lt_status ask_policy(lt_s3_call *call, const lt_s3_wish *wish, lt_s3_verdict *out,
                            lt_err *err)
{
    asked self = {.call = call, .wish = wish};
    lt_s3_bucket known;
    *out = LT_S3_SILENT;
    LT_TRY(
        lt_s3_bucket_get(call, wish->bucket, &known, err)); /* NoSuchBucket is said to everybody */
    if (!known.policy.len)
        return LT_OK;
    lt_s3_question question = {.principal = call->who.key_id,
                               .principal_id = lt_text_of(call->who.id),
                               .principal_name = call->who.name,
                               .action = lt_text_of(wish->action),
                               .bucket = wish->bucket,
                               .key = wish->key,
                               .value = condition_value,
                               .context = &self};
    return lt_s3_policy_ask(known.policy, &question, call->arena, out, err);
}

/* The owner of a bucket can always mend its policy. */
static bool is_about_policy(const char *action)
{
    return strstr(action, "BucketPolicy") != NULL;
}

lt_status lt_s3_allow(lt_s3_call *call, const lt_s3_wish *wish, lt_err *err)
{
    lt_s3_verdict verdict = LT_S3_SILENT;
    bool is_owner = call->who.is_root;
    if (call->who.way == LT_S3_WAYS)
        return lt_s3_fail(call, err, LT_S3_ACCESS_DENIED, NULL);
    LT_TRY(ask_policy(call, wish, &verdict, err));
    if (!is_owner)
        LT_TRY(lt_s3_is_owner(call, wish->bucket, &is_owner, err));
    if (verdict == LT_S3_DENIED && !(is_owner && is_about_policy(wish->action)))
        return lt_s3_fail(call, err, LT_S3_ACCESS_DENIED, NULL);
    if (is_owner || verdict == LT_S3_ALLOWED)
        return LT_OK;
    if (call->who.key_id.len && wish->access &&
        lt_access_allows(&call->who.rights, wish->access, wish->bucket,
                         wish->key.len ? wish->key : wish->under))
        return LT_OK;
    return lt_s3_fail(call, err, LT_S3_ACCESS_DENIED, NULL);
}

/* There is no bucket yet that could have an owner or a policy. */
static lt_status allow_creation(lt_s3_call *call, lt_err *err)
{
    const lt_s3_who *who = &call->who;
    bool may =
        who->is_root ||
        (who->key_id.len && (call->s3->options.own_buckets ||
                             lt_access_allows(&who->rights, LT_ACCESS_ADMIN, call->bucket, T(""))));
    return may ? LT_OK : lt_s3_fail(call, err, LT_S3_ACCESS_DENIED, NULL);
}

/* The client wants to be sure whose bucket it is. */
static lt_status check_expected_owner(lt_s3_call *call, lt_err *err)
{
    lt_text expected = lt_s3_header(call, "x-amz-expected-bucket-owner"), id, name;
    if (!expected.ptr || !call->bucket.len)
        return LT_OK;
    LT_TRY(lt_s3_owner(call, call->bucket, &id, &name, err));
    return lt_text_eq(id, expected) ? LT_OK : lt_s3_fail(call, err, LT_S3_ACCESS_DENIED, NULL);
}

static bool reads_object(const lt_s3_op *op)
{
    return op->run == lt_s3_get_object || op->run == lt_s3_head_object;
}

bool lt_s3_may_list(lt_s3_call *call)
{
    lt_err unused = {0};
    lt_s3_code code = call->code;
    const char *message = call->message;
    lt_s3_wish wish = {.action = "s3:ListBucket",
                       .access = LT_ACCESS_LIST,
                       .bucket = call->bucket,
                       .under = call->key};
    bool may = lt_s3_allow(call, &wish, &unused) == LT_OK;
    call->code = code;
    call->message = message;
    return may;
}

/* Who may not read but list is told that there is nothing to read: he could find out anyway. */
static lt_status tell_missing(lt_s3_call *call, lt_err *err)
{
    lt_object_info info = {0};
    lt_err why = {0};
    if (lt_s3_may_list(call) &&
        lt_store_head(call->s3->options.store, call->bucket, call->key, call->version_id,
                      call->arena, &info, &why) == LT_NOT_FOUND)
        return lt_s3_fail(call, err, LT_S3_NO_SUCH_KEY, NULL);
    return err->status;
}

lt_status lt_s3_authorize(lt_s3_call *call, lt_err *err)
{
    const lt_s3_op *op = call->op;
    if (op->run == lt_s3_create_bucket)
        return allow_creation(call, err);
    if (op->run == lt_s3_list_buckets) /* the handler shows what one may see */
        return call->who.key_id.len ? LT_OK : lt_s3_fail(call, err, LT_S3_ACCESS_DENIED, NULL);
    if (op->run == lt_s3_preflight || op->run == lt_s3_post_object ||
        op->run == lt_s3_delete_objects)
        return LT_OK; /* asks nothing; asks when the form is read; asks for each key */
    bool lists = op->access == LT_ACCESS_LIST && op->level == LT_S3_BUCKET;
    bool versioned = call->version_id.len && op->action_version;
    lt_s3_wish wish = {.action = versioned ? op->action_version : op->action,
                       .access = op->access,
                       .bucket = call->bucket,
                       .key = call->key,
                       .under = lists ? lt_s3_param(call, "prefix") : T(""),
                       .version_id = call->version_id};
    LT_TRY(check_expected_owner(call, err));
    lt_status status = lt_s3_allow(call, &wish, err);
    if (status == LT_DENIED && call->code == LT_S3_ACCESS_DENIED && reads_object(op))
        return tell_missing(call, err);
    return status;
}
