/* How much the local store holds, and what may go: scans in short reads, deletes in short transactions. */
#include "store/local.h"

#include "store/lifecycle.h"

enum {
    ROWS_PER_READ = 20000,
    VICTIMS_PER_READ = 200,
    VICTIMS_PER_WRITE = 200,
    GROUPS_MOST = 100000,
};

/* ---------------------------------------------------------------- usage */

typedef struct usage_scan {
    lt_object_name name; /* the key is the prefix */
    lt_text delimiter;
    lt_arena *arena;
    lt_usage_report *out;
    lt_buf after; /* owned; the last key that was counted */
    bool begun, more;
} usage_scan;

static void count_row(lt_usage *usage, int64_t size, bool current, bool marker)
{
    if (marker) {
        usage->markers++;
    } else if (current) {
        usage->objects++;
        usage->object_bytes += size;
    } else {
        usage->old_versions++;
        usage->old_version_bytes += size;
    }
}

/* The group of a key; keys come in order, so it is the last one or a new one. NULL: it has none. */
static lt_usage *group_of(usage_scan *it, lt_text key)
{
    if (!it->delimiter.len)
        return NULL;
    size_t at = lt_text_find(key, it->delimiter, it->name.key.len);
    if (at == SIZE_MAX)
        return NULL;
    lt_text prefix = lt_text_sub(key, 0, at + it->delimiter.len);
    lt_usages *groups = &it->out->groups;
    if (!groups->len || !lt_text_eq(groups->items[groups->len - 1].prefix, prefix)) {
        lt_usage group = {.prefix = lt_arena_text(it->arena, prefix)};
        lt_push_in(it->arena, groups, group);
    }
    return &groups->items[groups->len - 1];
}

static void remember(lt_buf *after, lt_text key)
{
    lt_buf_clear(after);
    lt_buf_add(after, key);
}

/* One part of the scan; it ends between two keys. */
static lt_status do_usage(lt_tx *tx, void *context, lt_err *err)
{
    usage_scan *it = context;
    lt_index_bucket bucket;
    size_t rows = 0;
    LT_TRY(lt_index_bucket_get(tx, it->name.bucket, &bucket, err));
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    it->begun ? "SELECT key, size_bytes, is_current, blob_id IS NULL FROM versions "
                                "WHERE bucket_id = ? AND key > ? ORDER BY key"
                              : "SELECT key, size_bytes, is_current, blob_id IS NULL FROM versions "
                                "WHERE bucket_id = ? AND key >= ? ORDER BY key",
                    V(bucket.id), V(it->begun ? lt_buf_text(&it->after) : it->name.key));
    it->more = false;
    while (lt_query_next(&q)) {
        lt_text key = lt_query_text(&q, 0);
        bool next_key = !it->begun || !lt_text_eq(key, lt_buf_text(&it->after));
        it->more = next_key && rows++ >= ROWS_PER_READ;
        if (it->more || !lt_text_starts(key, it->name.key))
            return LT_OK;
        if (next_key)
            remember(&it->after, key);
        it->begun = true;
        lt_usage *group = group_of(it, key);
        bool current = lt_query_i64(&q, 2) != 0, marker = lt_query_i64(&q, 3) != 0;
        count_row(&it->out->total, lt_query_i64(&q, 1), current, marker);
        if (group)
            count_row(group, lt_query_i64(&q, 1), current, marker);
        if (it->out->groups.len > GROUPS_MOST)
            return lt_fail(err, LT_TOO_BIG, "there are more than %d prefixes in '%.*s/%.*s'",
                           GROUPS_MOST, LT_ARG(it->name.bucket), LT_ARG(it->name.key));
    }
    return lt_query_check(&q, err);
}

static lt_status do_upload_usage(lt_tx *tx, void *context, lt_err *err)
{
    usage_scan *it = context;
    lt_index_bucket bucket;
    LT_TRY(lt_index_bucket_get(tx, it->name.bucket, &bucket, err));
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "SELECT key, (SELECT sum(size_bytes) FROM parts WHERE list_id = u.id) "
                    "FROM uploads u WHERE bucket_id = ? AND finished_sequence IS NULL AND key >= ? "
                    "ORDER BY key",
                    V(bucket.id), V(it->name.key));
    while (lt_query_next(&q) && lt_text_starts(lt_query_text(&q, 0), it->name.key)) {
        it->out->uploads++;
        it->out->upload_bytes += lt_query_i64(&q, 1);
    }
    return lt_tx_check(tx, err);
}

lt_status lt_local_usage(lt_store *store, lt_object_name name, lt_text delimiter, lt_arena *arena,
                         lt_usage_report *out, lt_err *err)
{
    lt_local *self = lt_local_of(store);
    usage_scan it = {
        .name = name, .delimiter = delimiter, .arena = arena, .out = out, .more = true};
    lt_status status = LT_OK;
    out->total.prefix = lt_arena_text(arena, name.key);
    while (status == LT_OK && it.more)
        status = lt_db_read(self->db, do_usage, &it, err);
    lt_buf_cleanup(&it.after);
    LT_TRY(status);
    return lt_db_read(self->db, do_upload_usage, &it, err);
}

/* ---------------------------------------------------------------- what may go */

typedef enum victim_fate { FATE_OLD, FATE_EXPIRES, FATE_LONE_MARKER, FATE_UPLOAD } victim_fate;

typedef struct victim {
    int64_t id, size_bytes; /* sequence of a version, or id of an upload */
    victim_fate fate;
} victim;

typedef LT_VEC(lt_rule_now) rules_now;

typedef struct retention {
    lt_local *self;
    lt_text bucket;
    const rules_now *rules;
    bool dry_run;
    const char *reason;
    lt_prune_report *out;

    lt_arena arena; /* owned; of one read */
    lt_buf after;   /* owned; the last key that was looked at */
    bool more;
    LT_VEC(victim) victims; /* owned; of one read */
    victim marker; /* on top of the key that is looked at: it goes if nothing is left behind it */
    bool has_marker, none_stays;
    size_t next; /* of the victims: the first that is not done */

    int32_t older; /* non-current versions of the key seen so far */
} retention;

static void retention_cleanup(retention *it)
{
    lt_arena_cleanup(&it->arena);
    lt_buf_cleanup(&it->after);
    lt_vec_free(&it->victims);
}

/* What a row of the scan tells. */
typedef struct seen {
    int64_t sequence, size_bytes, written_at_us, replaced_at_us;
    lt_text key;
    bool current, marker, tagged;
} seen;

#define SEEN_COLUMNS                                                                               \
    "sequence, key, size_bytes, written_at_us, replaced_at_us, is_current, blob_id IS NULL, "      \
    "tag_count"

static void read_seen(const lt_query *q, seen *out)
{
    *out = (seen){.sequence = lt_query_i64(q, 0),
                  .key = lt_query_text(q, 1),
                  .size_bytes = lt_query_i64(q, 2),
                  .written_at_us = lt_query_i64(q, 3),
                  .replaced_at_us = lt_query_i64(q, 4),
                  .current = lt_query_i64(q, 5) != 0,
                  .marker = lt_query_i64(q, 6) != 0,
                  .tagged = lt_query_i64(q, 7) != 0};
}

static bool applies(const lt_rule_now *rule, const seen *row, const lt_pairs *tags)
{
    bool filtered = rule->larger_than >= 0 || rule->smaller_than >= 0 || rule->tags.len > 0;
    if (row->marker && filtered) /* it has neither size nor tags */
        return false;
    return lt_rule_matches(rule, row->key, row->size_bytes, tags);
}

static bool judge(const retention *it, const lt_rule_now *rule, const seen *row, victim_fate *out)
{
    if (!row->current) {
        *out = FATE_OLD;
        return row->replaced_at_us <= rule->old_before_us && rule->old_before_us != LT_NEVER_US &&
               it->older >= rule->old_kept;
    }
    if (row->marker) {
        *out = FATE_LONE_MARKER;
        return rule->lone_markers || (rule->lone_markers_before_us != LT_NEVER_US &&
                                      row->written_at_us <= rule->lone_markers_before_us);
    }
    *out = FATE_EXPIRES;
    return rule->expire_before_us != LT_NEVER_US && row->written_at_us <= rule->expire_before_us;
}

static bool is_alone(lt_tx *tx, int64_t bucket_id, lt_text key)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "SELECT count(*) FROM (SELECT 1 FROM versions WHERE bucket_id = ? AND key = ? "
                    "LIMIT 2)",
                    V(bucket_id), V(key));
    return lt_query_next(&q) && lt_query_i64(&q, 0) == 1;
}

static void look_at_row(retention *it, lt_tx *tx, const seen *row)
{
    lt_pairs tags = {0};
    victim_fate fate;
    bool goes = false;
    if (row->tagged)
        lt_index_tags(tx, row->sequence, &it->arena, &tags);
    for (size_t i = 0; !goes && i < it->rules->len; i++)
        goes = applies(&it->rules->items[i], row, &tags) &&
               judge(it, &it->rules->items[i], row, &fate);
    it->older += !row->current;
    it->none_stays = goes && it->none_stays;
    if (!goes)
        return;
    victim found = {.id = row->sequence, .size_bytes = row->size_bytes, .fate = fate};
    if (fate == FATE_LONE_MARKER) {
        it->marker = found;
        it->has_marker = true;
    } else {
        lt_push(&it->victims, found);
    }
}

/* All versions of a key were looked at; another one comes, if any. */
static void end_key(retention *it)
{
    if (it->has_marker && it->none_stays)
        lt_push(&it->victims, it->marker);
    it->has_marker = false;
    it->none_stays = true;
    it->older = 0;
}

/* Where no rule ends current versions, only the others are looked at: the index tells them apart. */
static bool looks_at_current(const rules_now *rules)
{
    for (size_t i = 0; i < rules->len; i++)
        if (rules->items[i].expire_before_us != LT_NEVER_US)
            return true;
    return false;
}

#define FROM_SEEN "SELECT " SEEN_COLUMNS " FROM versions WHERE bucket_id = ? AND key > ? "
#define IN_ORDER "ORDER BY key, sequence DESC"

/* One part of the scan; it ends between two keys. */
static lt_status do_look(lt_tx *tx, void *context, lt_err *err)
{
    retention *it = context;
    lt_index_bucket bucket;
    size_t rows = 0;
    LT_TRY(lt_index_bucket_get(tx, it->bucket, &bucket, err));
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    looks_at_current(it->rules) ? FROM_SEEN IN_ORDER
                                                : FROM_SEEN
                        "AND (is_current = 0 OR blob_id IS NULL) " IN_ORDER,
                    V(bucket.id), V(lt_buf_text(&it->after)));
    it->more = false;
    while (lt_query_next(&q)) {
        seen row;
        read_seen(&q, &row);
        if (!it->after.len || !lt_text_eq(row.key, lt_buf_text(&it->after))) {
            end_key(it);
            it->more = rows >= ROWS_PER_READ || it->victims.len >= VICTIMS_PER_READ;
            if (it->more)
                return LT_OK;
            remember(&it->after, row.key);
        }
        rows++;
        look_at_row(it, tx, &row);
    }
    end_key(it);
    return lt_query_check(&q, err);
}

static lt_status do_look_at_uploads(lt_tx *tx, void *context, lt_err *err)
{
    retention *it = context;
    lt_index_bucket bucket;
    LT_TRY(lt_index_bucket_get(tx, it->bucket, &bucket, err));
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "SELECT id, key, started_at_us, (SELECT sum(size_bytes) FROM parts "
                    "WHERE list_id = u.id) FROM uploads u "
                    "WHERE bucket_id = ? AND finished_sequence IS NULL",
                    V(bucket.id));
    while (lt_query_next(&q)) {
        bool goes = false;
        for (size_t i = 0; !goes && i < it->rules->len; i++)
            goes = it->rules->items[i].uploads_before_us != LT_NEVER_US &&
                   lt_query_i64(&q, 2) <= it->rules->items[i].uploads_before_us &&
                   lt_text_starts(lt_query_text(&q, 1), it->rules->items[i].prefix);
        victim found = {
            .id = lt_query_i64(&q, 0), .size_bytes = lt_query_i64(&q, 3), .fate = FATE_UPLOAD};
        if (goes)
            lt_push(&it->victims, found);
    }
    return lt_query_check(&q, err);
}

/* ---------------------------------------------------------------- letting go */

static void count(lt_prune_report *out, const victim *gone)
{
    switch (gone->fate) {
    case FATE_OLD:
        out->versions++;
        out->version_bytes += gone->size_bytes;
        break;
    case FATE_EXPIRES:
        out->expired++;
        break;
    case FATE_LONE_MARKER:
        out->markers++;
        break;
    case FATE_UPLOAD:
        out->uploads++;
        out->upload_bytes += gone->size_bytes;
        break;
    }
}

static bool find_version(lt_tx *tx, int64_t sequence, lt_arena *arena, lt_index_version *out)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "SELECT " LT_INDEX_VERSION_COLUMNS " FROM versions v WHERE v.sequence = ?",
                    V(sequence));
    if (!lt_query_next(&q))
        return false;
    lt_index_version_read(&q, arena, out);
    return true;
}

/* What was found may have changed since: it goes only if it still is what it was. */
static lt_status let_go(retention *it, lt_tx *tx, const lt_index_bucket *bucket, const victim *what,
                        bool *gone, lt_err *err)
{
    lt_index_version version, made;
    lt_index_cause cause = {.reason = it->reason};
    *gone = find_version(tx, what->id, &it->arena, &version) &&
            version.info.is_current == (what->fate != FATE_OLD);
    if (*gone && what->fate == FATE_LONE_MARKER)
        *gone = is_alone(tx, bucket->id, version.info.key);
    if (!*gone)
        return lt_tx_check(tx, err);
    if (what->fate != FATE_EXPIRES)
        return lt_index_version_remove(tx, bucket, &version, &cause, err);
    lt_index_target target = {.key = version.info.key, .cause = cause};
    return lt_index_delete(tx, bucket, &target, &it->arena, &made, err);
}

static lt_status let_upload_go(lt_tx *tx, const victim *what, bool *gone, lt_err *err)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "SELECT 1 FROM uploads WHERE id = ? AND finished_sequence IS NULL",
                    V(what->id));
    *gone = lt_query_next(&q);
    lt_query_cleanup(&q);
    return *gone ? lt_index_upload_drop(tx, what->id, err) : lt_tx_check(tx, err);
}

typedef struct batch {
    retention *it;
    lt_prune_report report; /* counts once it is committed */
    size_t next;
} batch;

static lt_status do_let_go(lt_tx *tx, void *context, lt_err *err)
{
    batch *call = context;
    retention *it = call->it;
    lt_index_bucket bucket;
    call->report = (lt_prune_report){0};
    call->next = it->next;
    LT_TRY(lt_index_bucket_get(tx, it->bucket, &bucket, err));
    for (int i = 0; i < VICTIMS_PER_WRITE && call->next < it->victims.len; i++, call->next++) {
        const victim *what = &it->victims.items[call->next];
        bool gone;
        LT_TRY(what->fate == FATE_UPLOAD ? let_upload_go(tx, what, &gone, err)
                                         : let_go(it, tx, &bucket, what, &gone, err));
        if (gone)
            count(&call->report, what);
    }
    return LT_OK;
}

static void add_report(lt_prune_report *to, const lt_prune_report *more)
{
    to->versions += more->versions;
    to->version_bytes += more->version_bytes;
    to->expired += more->expired;
    to->markers += more->markers;
    to->uploads += more->uploads;
    to->upload_bytes += more->upload_bytes;
}

static lt_status let_all_go(retention *it, lt_err *err)
{
    if (it->dry_run)
        for (size_t i = 0; i < it->victims.len; i++)
            count(it->out, &it->victims.items[i]);
    it->next = it->dry_run ? it->victims.len : 0;
    while (it->next < it->victims.len) {
        batch call = {.it = it};
        LT_TRY(lt_db_write(it->self->db, do_let_go, &call, err));
        it->next = call.next;
        add_report(it->out, &call.report);
    }
    it->victims.len = 0;
    lt_arena_cleanup(&it->arena);
    return LT_OK;
}

static bool any_uploads(const rules_now *rules)
{
    for (size_t i = 0; i < rules->len; i++)
        if (rules->items[i].uploads_before_us != LT_NEVER_US)
            return true;
    return false;
}

static lt_status retain(lt_local *self, lt_text bucket, const rules_now *rules, bool dry_run,
                        const char *reason, lt_prune_report *out, lt_err *err)
{
    LT_AUTO(retention)
    it = {.self = self,
          .bucket = bucket,
          .rules = rules,
          .dry_run = dry_run,
          .reason = reason,
          .out = out,
          .more = rules->len > 0};
    while (it.more) {
        LT_TRY(lt_db_read(self->db, do_look, &it, err));
        LT_TRY(let_all_go(&it, err));
    }
    if (!any_uploads(rules))
        return LT_OK;
    LT_TRY(lt_db_read(self->db, do_look_at_uploads, &it, err));
    return let_all_go(&it, err);
}

/* ---------------------------------------------------------------- the back end's calls */

static lt_rule_now rule_of(const lt_prune_request *request)
{
    int64_t old_us = request->older_than_us, uploads_us = request->uploads_older_than_us;
    return (lt_rule_now){.prefix = request->prefix,
                         .larger_than = -1,
                         .smaller_than = -1,
                         .expire_before_us = LT_NEVER_US,
                         .old_before_us = old_us < 0 ? LT_NEVER_US : request->now_us - old_us,
                         .old_kept = request->keep,
                         .lone_markers = request->expired_markers,
                         .lone_markers_before_us = LT_NEVER_US,
                         .uploads_before_us =
                             uploads_us < 0 ? LT_NEVER_US : request->now_us - uploads_us};
}

/* A bucket that was deleted meanwhile has nothing to let go. */
static lt_status pass_missing(lt_status status, const lt_err *err)
{
    return status == LT_NOT_FOUND && err->reason == LT_WHY_NO_SUCH_BUCKET ? LT_OK : status;
}

static lt_status list_buckets(lt_store *store, lt_text bucket, lt_arena *arena,
                              lt_bucket_infos *out, lt_err *err)
{
    if (!bucket.len)
        return store->ops->bucket_list(store, arena, out, err);
    lt_bucket_info info;
    LT_TRY(store->ops->bucket_get(store, bucket, arena, &info, err));
    lt_push_in(arena, out, info);
    return LT_OK;
}

lt_status lt_local_prune(lt_store *store, const lt_prune_request *request, lt_prune_report *out,
                         lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_bucket_infos buckets = {0};
    lt_rule_now rule = rule_of(request);
    rules_now rules = {.items = &rule, .len = 1};
    LT_TRY(list_buckets(store, request->bucket, &arena, &buckets, err));
    for (size_t i = 0; i < buckets.len; i++)
        LT_TRY(pass_missing(retain(lt_local_of(store), buckets.items[i].name, &rules,
                                   request->dry_run, "DeleteObject", out, err),
                            err));
    lt_local_changed(lt_local_of(store));
    return LT_OK;
}

static lt_status apply_rules(lt_store *store, lt_text bucket, const lt_lifecycle_request *request,
                             lt_prune_report *out, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_lifecycle found = {0};
    rules_now rules = {0};
    LT_TRY(store->ops->rules_get(store, bucket, &arena, &found, err));
    for (size_t i = 0; i < found.len; i++)
        if (found.items[i].enabled)
            lt_push_in(&arena, &rules,
                       lt_rule_at(&found.items[i], request->now_us, request->day_us));
    return retain(lt_local_of(store), bucket, &rules, request->dry_run, "Lifecycle Expiration", out,
                  err);
}

lt_status lt_local_lifecycle(lt_store *store, const lt_lifecycle_request *request,
                             lt_prune_report *out, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_bucket_infos buckets = {0};
    LT_TRY(list_buckets(store, request->bucket, &arena, &buckets, err));
    for (size_t i = 0; i < buckets.len; i++)
        LT_TRY(pass_missing(apply_rules(store, buckets.items[i].name, request, out, err), err));
    lt_local_changed(lt_local_of(store));
    return LT_OK;
}
