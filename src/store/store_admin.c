/* The face of what surrounds objects: bucket documents and rules, access keys, events, usage and retention. */
#include "base/time.h"
#include "store/backup.h"
#include "store/lifecycle.h"
#include "store/store_ops.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    KIND_BYTES = 32,
    RULE_ID_BYTES = 255,
    KEY_ID_BYTES = 128,
    KEY_NAME_BYTES = 256,
    KEY_SECRET_BYTES = 256,
    RIGHTS = 1000,
    ID_RANDOM_CHARS = 16,
    SECRET_CHARS = 40,
};

/* ---------------------------------------------------------------- documents */

static lt_status check_doc(lt_text bucket, lt_text kind, lt_err *err)
{
    LT_TRY(lt_arg_bucket(bucket, err));
    bool good = kind.len > 0 && kind.len <= KIND_BYTES;
    for (size_t i = 0; good && i < kind.len; i++)
        good = (kind.ptr[i] >= 'a' && kind.ptr[i] <= 'z') || kind.ptr[i] == '-';
    if (good)
        return LT_OK;
    return lt_store_fail(err, LT_WHY_BAD_ARGUMENT, "'%.*s' is no kind of document", LT_ARG(kind));
}

lt_status lt_bucket_doc_set(lt_store *store, lt_text bucket, lt_text kind, lt_text body,
                            lt_err *err)
{
    LT_TRY(check_doc(bucket, kind, err));
    if (!body.len || body.len > LT_BUCKET_DOC_BYTES)
        return lt_store_fail(err, LT_WHY_BAD_ARGUMENT, "a document has 1 to %d bytes",
                             LT_BUCKET_DOC_BYTES);
    return store->ops->doc_set ? store->ops->doc_set(store, bucket, kind, body, err)
                               : lt_not_made(store, "bucket documents", err);
}

lt_status lt_bucket_doc_get(lt_store *store, lt_text bucket, lt_text kind, lt_arena *arena,
                            lt_text *body, lt_err *err)
{
    LT_TRY(check_doc(bucket, kind, err));
    return store->ops->doc_get ? store->ops->doc_get(store, bucket, kind, arena, body, err)
                               : lt_not_made(store, "bucket documents", err);
}

lt_status lt_bucket_doc_remove(lt_store *store, lt_text bucket, lt_text kind, lt_err *err)
{
    LT_TRY(check_doc(bucket, kind, err));
    return store->ops->doc_set ? store->ops->doc_set(store, bucket, kind, (lt_text){0}, err)
                               : lt_not_made(store, "bucket documents", err);
}

lt_status lt_bucket_set_sealed(lt_store *store, lt_text bucket, bool sealed, lt_err *err)
{
    LT_TRY(lt_arg_bucket(bucket, err));
    return store->ops->set_sealed ? store->ops->set_sealed(store, bucket, sealed, err)
                                  : lt_not_made(store, "encryption settings", err);
}

/* ---------------------------------------------------------------- lifecycle rules */

static bool does_something(const lt_lifecycle_rule *rule)
{
    return rule->expire_days > 0 || rule->expire_at_us > 0 || rule->expire_markers ||
           rule->old_days > 0 || rule->abort_days > 0;
}

static bool has_good_numbers(const lt_lifecycle_rule *rule)
{
    return rule->expire_days >= 0 && rule->expire_at_us >= 0 && rule->old_days >= 0 &&
           rule->old_kept >= 0 && rule->abort_days >= 0 && rule->larger_than >= -1 &&
           rule->smaller_than >= -1;
}

static lt_status check_rule(const lt_lifecycle *rules, size_t at, lt_err *err)
{
    const lt_lifecycle_rule *rule = &rules->items[at];
    LT_TRY(lt_arg_text(rule->id, RULE_ID_BYTES, "id of a rule", err));
    LT_TRY(lt_arg_text(rule->prefix, LT_KEY_BYTES, "prefix of a rule", err));
    LT_TRY(lt_arg_tags(&rule->tags, err));
    if (!rule->id.len || !does_something(rule) || !has_good_numbers(rule))
        return lt_store_fail(err, LT_WHY_BAD_ARGUMENT,
                             "the rule '%.*s' has no id, does nothing, or counts below zero",
                             LT_ARG(rule->id));
    for (size_t i = 0; i < at; i++)
        if (lt_text_eq(rules->items[i].id, rule->id))
            return lt_store_fail(err, LT_WHY_BAD_ARGUMENT, "two rules have the id '%.*s'",
                                 LT_ARG(rule->id));
    return LT_OK;
}

lt_status lt_bucket_lifecycle_set(lt_store *store, lt_text bucket, const lt_lifecycle *rules,
                                  lt_err *err)
{
    LT_TRY(lt_arg_bucket(bucket, err));
    if (!rules->len || rules->len > LT_LIFECYCLE_RULES)
        return lt_store_fail(err, LT_WHY_BAD_ARGUMENT, "there are 1 to %d rules",
                             LT_LIFECYCLE_RULES);
    for (size_t i = 0; i < rules->len; i++)
        LT_TRY(check_rule(rules, i, err));
    return store->ops->rules_set ? store->ops->rules_set(store, bucket, rules, err)
                                 : lt_not_made(store, "lifecycle rules", err);
}

lt_status lt_bucket_lifecycle_get(lt_store *store, lt_text bucket, lt_arena *arena,
                                  lt_lifecycle *out, lt_err *err)
{
    LT_TRY(lt_arg_bucket(bucket, err));
    if (!store->ops->rules_get)
        return lt_not_made(store, "lifecycle rules", err);
    lt_lifecycle found = {0};
    LT_TRY(store->ops->rules_get(store, bucket, arena, &found, err));
    if (!found.len)
        return lt_store_fail(err, LT_WHY_NO_SUCH_DOCUMENT,
                             "the bucket '%.*s' has no lifecycle rules", LT_ARG(bucket));
    *out = found;
    return LT_OK;
}

lt_status lt_bucket_lifecycle_remove(lt_store *store, lt_text bucket, lt_err *err)
{
    LT_TRY(lt_arg_bucket(bucket, err));
    return store->ops->rules_set ? store->ops->rules_set(store, bucket, &(lt_lifecycle){0}, err)
                                 : lt_not_made(store, "lifecycle rules", err);
}

/* ---------------------------------------------------------------- access keys */

/* `len` characters out of `letters`, whose number is a power of two or small: no bias. */
static lt_text random_text(lt_arena *arena, const char *start, size_t len, const char *letters)
{
    char *out = lt_alloc(arena, strlen(start) + len + 1);
    size_t at = strlen(start);
    memcpy(out, start, at);
    for (size_t i = 0; i < len; i++)
        out[at + i] = letters[arc4random_uniform((uint32_t)strlen(letters))];
    return lt_text_at(out, at + len);
}

static lt_status check_rights(const lt_rights *rights, lt_err *err)
{
    if (rights->len > RIGHTS)
        return lt_store_fail(err, LT_WHY_BAD_ARGUMENT, "a key has at most %d rights", RIGHTS);
    for (size_t i = 0; i < rights->len; i++) {
        const lt_right *right = &rights->items[i];
        if (!right->access || (right->access & ~(unsigned)LT_ACCESS_ALL))
            return lt_store_fail(err, LT_WHY_BAD_ARGUMENT,
                                 "a right allows nothing, or what is unknown");
        if (right->bucket.len)
            LT_TRY(lt_arg_bucket(right->bucket, err));
        LT_TRY(lt_arg_text(right->prefix, LT_KEY_BYTES, "prefix of a right", err));
    }
    return LT_OK;
}

lt_status lt_access_create(lt_store *store, const lt_access_key *wanted, lt_arena *arena,
                           lt_access_key *out, lt_err *err)
{
    LT_TRY(lt_arg_text(wanted->id, KEY_ID_BYTES, "id of a key", err));
    LT_TRY(lt_arg_text(wanted->secret, KEY_SECRET_BYTES, "secret of a key", err));
    LT_TRY(lt_arg_text(wanted->name, KEY_NAME_BYTES, "name of a key", err));
    LT_TRY(check_rights(&wanted->rights, err));
    if (!store->ops->access_create)
        return lt_not_made(store, "access keys", err);
    lt_access_key made = *wanted;
    made.id = made.id.len
                  ? lt_arena_text(arena, made.id)
                  : random_text(arena, "LEAT", ID_RANDOM_CHARS, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
    made.secret = made.secret.len
                      ? lt_arena_text(arena, made.secret)
                      : random_text(arena, "", SECRET_CHARS,
                                    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                    "0123456789");
    made.created_at_us = lt_now_us();
    made.last_used_at_us = made.revoked_at_us = 0;
    LT_TRY(store->ops->access_create(store, &made, err));
    *out = made;
    return LT_OK;
}

lt_status lt_access_get(lt_store *store, lt_text id, lt_arena *arena, lt_access_key *out,
                        lt_err *err)
{
    LT_TRY(lt_arg_text(id, KEY_ID_BYTES, "id of a key", err));
    if (!store->ops->access_get)
        return lt_not_made(store, "access keys", err);
    lt_access_key found = {0};
    LT_TRY(store->ops->access_get(store, id, arena, &found, err));
    *out = found;
    return LT_OK;
}

lt_status lt_access_list(lt_store *store, lt_arena *arena, lt_access_keys *out, lt_err *err)
{
    if (!store->ops->access_list)
        return lt_not_made(store, "access keys", err);
    lt_access_keys found = {0};
    LT_TRY(store->ops->access_list(store, arena, &found, err));
    *out = found;
    return LT_OK;
}

lt_status lt_access_revoke(lt_store *store, lt_text id, lt_err *err)
{
    LT_TRY(lt_arg_text(id, KEY_ID_BYTES, "id of a key", err));
    return store->ops->access_revoke ? store->ops->access_revoke(store, id, err)
                                     : lt_not_made(store, "access keys", err);
}

lt_status lt_access_used(lt_store *store, lt_text id, lt_err *err)
{
    LT_TRY(lt_arg_text(id, KEY_ID_BYTES, "id of a key", err));
    return store->ops->access_used ? store->ops->access_used(store, id, err)
                                   : lt_not_made(store, "access keys", err);
}

lt_status lt_access_generation(lt_store *store, int64_t *out, lt_err *err)
{
    return store->ops->access_generation ? store->ops->access_generation(store, out, err)
                                         : lt_not_made(store, "access keys", err);
}

/* Where `key` begins with the prefix. The bucket as a whole is reached by a right to all of it; a listing of "a/b" lies within "a/". */
static bool reaches(const lt_right *right, lt_text bucket, lt_text key)
{
    return (!right->bucket.len || lt_text_eq(right->bucket, bucket)) &&
           lt_text_starts(key, right->prefix);
}

bool lt_access_allows(const lt_rights *rights, unsigned access, lt_text bucket, lt_text key)
{
    unsigned left = access;
    for (size_t i = 0; i < rights->len; i++)
        if (reaches(&rights->items[i], bucket, key))
            left &= ~rights->items[i].access;
    return left == 0 && access != 0;
}

/* ---------------------------------------------------------------- events */

lt_status lt_events_read(lt_store *store, const lt_event_request *request, lt_arena *arena,
                         lt_events *out, lt_err *err)
{
    enum { MOST = 1000 };
    lt_event_request with = *request;
    if (with.bucket.len)
        LT_TRY(lt_arg_bucket(with.bucket, err));
    LT_TRY(lt_arg_text(with.prefix, LT_KEY_BYTES, "prefix", err));
    if (with.after < 0)
        return lt_store_fail(err, LT_WHY_BAD_ARGUMENT, "there is no event %lld",
                             (long long)with.after);
    if (!with.limit || with.limit > MOST)
        with.limit = MOST;
    if (!store->ops->events_read)
        return lt_not_made(store, "events", err);
    lt_events found = {0};
    LT_TRY(store->ops->events_read(store, &with, arena, &found, err));
    *out = found;
    return LT_OK;
}

lt_status lt_events_last(lt_store *store, int64_t *out, lt_err *err)
{
    return store->ops->events_last ? store->ops->events_last(store, out, err)
                                   : lt_not_made(store, "events", err);
}

lt_status lt_events_wait(lt_store *store, int64_t after, int64_t timeout_us, bool *any, lt_err *err)
{
    return store->ops->events_wait ? store->ops->events_wait(store, after, timeout_us, any, err)
                                   : lt_not_made(store, "events", err);
}

lt_status lt_events_keep(lt_store *store, int64_t age_us, int64_t most, lt_err *err)
{
    if (age_us < 0 || most < 0)
        return lt_store_fail(err, LT_WHY_BAD_ARGUMENT,
                             "events cannot be kept for less than nothing");
    return store->ops->events_keep ? store->ops->events_keep(store, age_us, most, err)
                                   : lt_not_made(store, "events", err);
}

/* ---------------------------------------------------------------- usage and retention */

lt_status lt_store_usage(lt_store *store, lt_text bucket, lt_text prefix, lt_text delimiter,
                         lt_arena *arena, lt_usage_report *out, lt_err *err)
{
    LT_TRY(lt_arg_bucket(bucket, err));
    LT_TRY(lt_arg_text(prefix, LT_KEY_BYTES, "prefix", err));
    LT_TRY(lt_arg_text(delimiter, LT_KEY_BYTES, "delimiter", err));
    if (!store->ops->usage)
        return lt_not_made(store, "usage", err);
    lt_object_name name = {.bucket = bucket, .key = prefix};
    lt_usage_report found = {0};
    LT_TRY(store->ops->usage(store, name, delimiter, arena, &found, err));
    *out = found;
    return LT_OK;
}

lt_status lt_store_prune(lt_store *store, const lt_prune_request *request, lt_prune_report *out,
                         lt_err *err)
{
    lt_prune_request with = *request;
    if (with.bucket.len)
        LT_TRY(lt_arg_bucket(with.bucket, err));
    LT_TRY(lt_arg_text(with.prefix, LT_KEY_BYTES, "prefix", err));
    if (with.keep < 0 || with.older_than_us < -1 || with.uploads_older_than_us < -1)
        return lt_store_fail(err, LT_WHY_BAD_ARGUMENT, "ages and numbers to keep are not negative");
    if (!store->ops->prune)
        return lt_not_made(store, "pruning", err);
    if (!with.now_us)
        with.now_us = lt_now_us();
    lt_prune_report found = {0};
    LT_TRY(store->ops->prune(store, &with, &found, err));
    *out = found;
    return LT_OK;
}

lt_status lt_store_lifecycle(lt_store *store, const lt_lifecycle_request *request,
                             lt_prune_report *out, lt_err *err)
{
    lt_lifecycle_request with = *request;
    if (with.bucket.len)
        LT_TRY(lt_arg_bucket(with.bucket, err));
    if (!store->ops->lifecycle)
        return lt_not_made(store, "lifecycle rules", err);
    if (!with.now_us)
        with.now_us = lt_now_us();
    lt_prune_report found = {0};
    LT_TRY(store->ops->lifecycle(store, &with, &found, err));
    *out = found;
    return LT_OK;
}

lt_status lt_store_collect(lt_store *store, lt_err *err)
{
    return store->ops->collect ? store->ops->collect(store, err) : LT_OK;
}

lt_status lt_store_expiry(lt_store *store, lt_text bucket, const lt_object_info *info,
                          const lt_pairs *tags, lt_arena *arena, int64_t *at_us, lt_text *rule_id,
                          lt_err *err)
{
    lt_lifecycle rules = {0};
    LT_TRY(lt_arg_bucket(bucket, err));
    if (store->ops->rules_get)
        LT_TRY(store->ops->rules_get(store, bucket, arena, &rules, err));
    *at_us = 0;
    for (size_t i = 0; i < rules.len && info->is_current && !info->is_marker; i++) {
        lt_rule_now rule = lt_rule_at(&rules.items[i], 0, 0);
        int64_t at = lt_rule_expires_at(&rules.items[i], info->written_at_us);
        if (at == LT_NEVER_US || (*at_us && at >= *at_us) ||
            !lt_rule_matches(&rule, info->key, info->size_bytes, tags))
            continue;
        *at_us = at;
        *rule_id = rules.items[i].id;
    }
    return LT_OK;
}

lt_status lt_store_backup(lt_store *store, const lt_backup_request *request, lt_err *err)
{
    return store->ops->backup ? store->ops->backup(store, request, err)
                              : lt_not_made(store, "backups", err);
}
