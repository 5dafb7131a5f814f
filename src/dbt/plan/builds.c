/* The record of what relations were last built from: read, opened before a run, closed after it. */
#include "dbt/plan/builds.h"

#include "base/fs.h"
#include "base/time.h"
#include "dbt/run/execute_inner.h"

#include <stdlib.h>

enum { FORMAT = 1, MOST_BYTES = 256 << 20, LOCK_WAIT_US = 30 * 1000000 };

static const char FILE_NAME[] = "leat_builds.json";

/* ---- spans ---- */

static int by_start(const void *a, const void *b)
{
    const lt_dbt_span *left = a, *right = b;
    return (left->start_us > right->start_us) - (left->start_us < right->start_us);
}

void lt_dbt_spans_add(lt_arena *arena, lt_dbt_spans *set, const lt_dbt_spans *more)
{
    lt_dbt_spans all = {0}, made = {0};
    for (size_t i = 0; i < set->len + more->len; i++)
        lt_push_in(arena, &all, i < set->len ? set->items[i] : more->items[i - set->len]);
    if (all.len)
        qsort(all.items, all.len, sizeof(*all.items), by_start);
    for (size_t i = 0; i < all.len; i++) {
        if (made.len && all.items[i].start_us <= made.items[made.len - 1].end_us)
            made.items[made.len - 1].end_us =
                LT_MAX(made.items[made.len - 1].end_us, all.items[i].end_us);
        else
            lt_push_in(arena, &made, all.items[i]);
    }
    *set = made;
}

static void push_span(lt_arena *arena, lt_dbt_spans *set, int64_t start_us, int64_t end_us)
{
    lt_dbt_span span = {start_us, end_us};
    if (start_us < end_us)
        lt_push_in(arena, set, span);
}

void lt_dbt_spans_remove(lt_arena *arena, lt_dbt_spans *set, const lt_dbt_spans *gone)
{
    for (size_t g = 0; g < gone->len; g++) {
        lt_dbt_spans made = {0};
        const lt_dbt_span *cut = &gone->items[g];
        for (size_t i = 0; i < set->len; i++) {
            const lt_dbt_span *one = &set->items[i];
            push_span(arena, &made, one->start_us, LT_MIN(one->end_us, cut->start_us));
            push_span(arena, &made, LT_MAX(one->start_us, cut->end_us), one->end_us);
        }
        *set = made;
    }
}

bool lt_dbt_spans_have(const lt_dbt_spans *set, const lt_dbt_span *span)
{
    for (size_t i = 0; i < set->len; i++)
        if (set->items[i].start_us <= span->start_us && set->items[i].end_us >= span->end_us)
            return true;
    return false;
}

bool lt_dbt_spans_touch(const lt_dbt_spans *set, const lt_dbt_span *span)
{
    for (size_t i = 0; i < set->len; i++)
        if (set->items[i].start_us < span->end_us && set->items[i].end_us > span->start_us)
            return true;
    return false;
}

/* ---- names ---- */

static bool is_test(const lt_dbt_node *node)
{
    return node->kind == LT_DBT_GENERIC_TEST || node->kind == LT_DBT_SINGULAR_TEST ||
           node->kind == LT_DBT_UNIT_TEST;
}

static bool is_recorded(const lt_dbt_node *node)
{
    return is_test(node) || node->kind == LT_DBT_SEED || node->kind == LT_DBT_SNAPSHOT ||
           node->kind == LT_DBT_UDF ||
           (node->kind == LT_DBT_MODEL && !lt_text_eq(node->config.materialized, T("ephemeral")));
}

static void add_key(const lt_dbt_node *node, lt_buf *out)
{
    lt_relation relation = node->relation;
    if (is_test(node) || node->kind == LT_DBT_UDF)
        relation.name =
            node->id; /* only some tests keep one; a function's name may be a table's too */
    lt_quote_relation(&relation, out);
}

static lt_text kind_of(const lt_dbt_node *node)
{
    return node->kind == LT_DBT_MODEL ? node->config.materialized
                                      : lt_text_of(lt_dbt_kind_name(node->kind));
}

const lt_dbt_build *lt_dbt_builds_find(const lt_dbt_builds *builds, const lt_dbt_node *node)
{
    LT_AUTO(lt_buf) key = {.limit = 64 * LT_KIB};
    add_key(node, &key);
    return lt_map_find(&builds->by_key, lt_buf_text(&key));
}

const lt_dbt_build *lt_dbt_builds_of(const lt_dbt_builds *builds, const lt_relation *relation)
{
    LT_AUTO(lt_buf) key = {.limit = 64 * LT_KIB};
    lt_quote_relation(relation, &key);
    return lt_map_find(&builds->by_key, lt_buf_text(&key));
}

/* ---- reading ---- */

static void read_spans(lt_arena *arena, const lt_json *list, lt_dbt_spans *out)
{
    for (size_t i = 0; list && list->kind == LT_JSON_ARRAY && i < list->count; i++) {
        const lt_json *pair = &list->items[i];
        lt_dbt_span span;
        if (pair->kind == LT_JSON_ARRAY && pair->count == 2 &&
            lt_time_read(pair->items[0].text, &span.start_us) &&
            lt_time_read(pair->items[1].text, &span.end_us))
            lt_push_in(arena, out, span);
    }
}

static int64_t moment_at(const lt_json *json, const char *key)
{
    int64_t at_us = 0;
    return lt_time_read(lt_json_text_or(json, key, (lt_text){0}), &at_us) ? at_us : 0;
}

static lt_dbt_build *read_one(lt_arena *arena, const lt_json *json)
{
    const lt_json *print = lt_json_find(json, "made_of");
    lt_dbt_build *build = LT_NEW(arena, lt_dbt_build);
    *build = (lt_dbt_build){.key = json->key,
                            .node = lt_json_text_or(json, "node", (lt_text){0}),
                            .kind = lt_json_text_or(json, "kind", (lt_text){0}),
                            .invocation = lt_json_text_or(json, "invocation_id", (lt_text){0}),
                            .started_at_us = moment_at(json, "started_at"),
                            .ended_at_us = moment_at(json, "ended_at"),
                            .part = lt_json_text_or(json, "part", (lt_text){0}),
                            .is_open = lt_json_bool_or(json, "is_open", false),
                            .has_failed = lt_json_bool_or(json, "has_failed", false)};
    for (int i = 0; i < LT_DBT_PRINT_PARTS; i++)
        build->print.parts[i] =
            lt_json_text_or(print, lt_dbt_part_name((lt_dbt_part)i), (lt_text){0});
    read_spans(arena, lt_json_find(json, "batches"), &build->spans);
    read_spans(arena, lt_json_find(json, "failed_batches"), &build->failed);
    return build;
}

lt_status lt_dbt_builds_read(const char *folder, lt_dbt_builds *out, lt_err *err)
{
    static const lt_json_options options = {.node_limit = 40000000, .last_key_wins = true};
    LT_AUTO(lt_buf) text = {.limit = MOST_BYTES};
    LT_AUTO(lt_chars) path = lt_path_join(folder, FILE_NAME);
    lt_json *root = NULL;
    lt_err damaged = {0};
    lt_dbt_builds made = {0};
    if (lt_path_exists(path))
        LT_TRY(lt_file_read(path, &text, err));
    if (!text.len ||
        lt_json_read(lt_buf_text(&text), path, &options, &made.arena, &root, &damaged) != LT_OK)
        root = NULL;
    const lt_json *all = lt_json_find(root, "builds");
    bool is_ours =
        all && all->kind == LT_JSON_OBJECT && lt_json_i64_or(root, "format", 0) == FORMAT;
    for (size_t i = 0; is_ours && i < all->count; i++) {
        lt_dbt_build *build = read_one(&made.arena, &all->items[i]);
        (void)lt_map_put(&made.by_key, build->key, build);
    }
    *out = made;
    return LT_OK;
}

void lt_dbt_builds_cleanup(lt_dbt_builds *builds)
{
    lt_map_cleanup(&builds->by_key);
    lt_arena_cleanup(&builds->arena);
    *builds = (lt_dbt_builds){0};
}

/* ---- writing ---- */

static void set_moment(lt_json_writer *w, const char *key, int64_t at_us)
{
    char text[LT_TIME_CHARS];
    if (at_us)
        lt_json_set(w, key, lt_text_of(lt_time_write(at_us, text)));
}

static void write_one(lt_json_writer *w, const lt_dbt_build *build)
{
    lt_json_key(w, build->key);
    lt_json_begin(w, '{');
    lt_json_set(w, "node", build->node);
    lt_json_set(w, "kind", build->kind);
    lt_json_set(w, "invocation_id", build->invocation);
    set_moment(w, "started_at", build->started_at_us);
    set_moment(w, "ended_at", build->ended_at_us);
    if (build->part.len)
        lt_json_set(w, "part", build->part);
    if (build->is_open)
        lt_json_set_bool(w, "is_open", true);
    if (build->has_failed)
        lt_json_set_bool(w, "has_failed", true);
    lt_json_key(w, T("made_of"));
    lt_json_begin(w, '{');
    for (int i = 0; i < LT_DBT_PRINT_PARTS; i++)
        if (build->print.parts[i].len)
            lt_json_set(w, lt_dbt_part_name((lt_dbt_part)i), build->print.parts[i]);
    lt_json_end(w);
    if (build->spans.len)
        lt_dbt_write_spans(w, "batches", &build->spans);
    if (build->failed.len)
        lt_dbt_write_spans(w, "failed_batches", &build->failed);
    lt_json_end(w);
}

static lt_status write_all(const lt_dbt_builds *builds, const char *folder, lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = MOST_BYTES};
    LT_AUTO(lt_chars) path = lt_path_join(folder, FILE_NAME);
    lt_json_writer w = {.out = &text, .indent = 1};
    lt_json_begin(&w, '{');
    lt_json_set_int(&w, "format", FORMAT);
    lt_json_key(&w, T("builds"));
    lt_json_begin(&w, '{');
    for (size_t i = 0; i < builds->by_key.entries.len; i++)
        write_one(&w, builds->by_key.entries.items[i].value);
    lt_json_end(&w);
    lt_json_end(&w);
    LT_TRY(lt_buf_check(&text, FILE_NAME, err));
    return lt_file_write(path, lt_buf_text(&text), 0644, err);
}

/* ---- changing, under the lock of the file ---- */

typedef struct change {
    const lt_dbt_run *run;
    const lt_relation *gone;
    lt_dbt_builds builds;
} change;

static lt_status change_file(change *c, const char *folder, void (*work)(change *c), lt_err *err)
{
    LT_AUTO(lt_fd) lock = -1;
    LT_AUTO(lt_chars) path = lt_format("%s/%s.lock", folder, FILE_NAME);
    LT_TRY(lt_folder_make(folder, 0755, err));
    LT_TRY(lt_file_lock(path, LOCK_WAIT_US, &lock, err));
    LT_TRY(lt_dbt_builds_read(folder, &c->builds, err));
    work(c);
    lt_status status = write_all(&c->builds, folder, err);
    lt_dbt_builds_cleanup(&c->builds);
    return status;
}

static lt_dbt_build *record_of(change *c, const lt_dbt_node *node)
{
    LT_AUTO(lt_buf) key = {.limit = 64 * LT_KIB};
    add_key(node, &key);
    lt_dbt_build *build = lt_map_find(&c->builds.by_key, lt_buf_text(&key));
    if (build)
        return build;
    build = LT_NEW(&c->builds.arena, lt_dbt_build);
    build->key = lt_arena_text(&c->builds.arena, lt_buf_text(&key));
    (void)lt_map_put(&c->builds.by_key, build->key, build);
    return build;
}

static void open_all(change *c)
{
    const lt_dbt_nodes *all = lt_dbt_all(c->run->request.dbt);
    for (size_t i = 0; i < all->len; i++) {
        const lt_dbt_node *node = all->items[i];
        if (!c->run->tasks[i].takes_part || !is_recorded(node))
            continue;
        lt_dbt_build *build = record_of(c, node);
        build->node = node->id;
        build->kind = kind_of(node);
        build->is_open = true;
    }
}

/* A batch that was built before its span was over is built up to then. */
static lt_dbt_spans built_of(lt_arena *arena, const lt_dbt_node_result *result)
{
    lt_dbt_spans built = {0};
    for (size_t i = 0; i < result->done.len; i++)
        push_span(arena, &built, result->done.items[i].start_us,
                  LT_MIN(result->done.items[i].end_us, result->compile_started_us));
    return built;
}

static void close_spans(change *c, lt_dbt_build *build, const lt_dbt_node_result *result)
{
    lt_arena *arena = &c->builds.arena;
    lt_dbt_spans built = built_of(arena, result);
    bool replaced = result->done.len && !result->incremental; /* by the first batch */
    if (replaced || !lt_dbt_is_microbatch(result->node))
        build->spans = build->failed = (lt_dbt_spans){0};
    lt_dbt_spans_remove(arena, &build->spans, &result->failed);
    lt_dbt_spans_add(arena, &build->spans, &built);
    lt_dbt_spans_remove(arena, &build->failed, &result->done);
    lt_dbt_spans_add(arena, &build->failed, &result->failed);
}

static lt_text part_of(const lt_dbt_run *run)
{
    return run->request.action == LT_DBT_DO_CLONE ? T("clone")
           : run->request.empty                   ? T("empty")
           : run->request.sample_start.len        ? T("sample")
                                                  : (lt_text){0};
}

static bool went_well(lt_dbt_outcome outcome)
{
    return outcome == LT_DBT_SUCCESS || outcome == LT_DBT_PASS || outcome == LT_DBT_WARN ||
           outcome == LT_DBT_PARTIAL_SUCCESS;
}

static void close_one(change *c, lt_dbt_prints *prints, const lt_dbt_node_result *result)
{
    const lt_dbt_node *node = result->node;
    lt_dbt_build *build = record_of(c, node);
    if (result->outcome == LT_DBT_SKIPPED) /* it was not touched */
        return;
    build->has_failed = result->outcome != LT_DBT_SUCCESS && result->outcome != LT_DBT_PASS &&
                        result->outcome != LT_DBT_WARN;
    close_spans(c, build, result);
    if (!went_well(result->outcome))
        return;
    build->node = node->id;
    build->kind = kind_of(node);
    build->invocation = c->run->request.invocation->id;
    build->started_at_us = result->compile_started_us;
    build->ended_at_us = result->execute_ended_us;
    build->part = part_of(c->run);
    for (int i = 0; i < LT_DBT_PRINT_PARTS; i++) /* prints end before the record is written */
        build->print.parts[i] =
            lt_arena_text(&c->builds.arena, lt_dbt_print_of(prints, node)->parts[i]);
}

/* What has no result was not begun. */
static void close_all(change *c)
{
    LT_AUTO(lt_dbt_prints_ref) prints = lt_dbt_prints_new(c->run->request.dbt);
    const lt_dbt_nodes *all = lt_dbt_all(c->run->request.dbt);
    for (size_t i = 0; i < all->len; i++)
        if (c->run->tasks[i].takes_part && is_recorded(all->items[i]))
            record_of(c, all->items[i])->is_open = false;
    for (size_t i = 0; i < c->run->results.len; i++)
        if (is_recorded(c->run->results.items[i]->node))
            close_one(c, prints, c->run->results.items[i]);
}

static void forget_one(change *c)
{
    LT_AUTO(lt_buf) key = {.limit = 64 * LT_KIB};
    lt_quote_relation(c->gone, &key);
    (void)lt_map_remove(&c->builds.by_key, lt_buf_text(&key));
}

lt_status lt_dbt_builds_begin(const lt_dbt_run *run, const char *folder, lt_err *err)
{
    change c = {.run = run};
    return change_file(&c, folder, open_all, err);
}

lt_status lt_dbt_builds_end(const lt_dbt_run *run, const char *folder, lt_err *err)
{
    change c = {.run = run};
    return change_file(&c, folder, close_all, err);
}

lt_status lt_dbt_builds_forget(const char *folder, const lt_relation *relation, lt_err *err)
{
    change c = {.gone = relation};
    return change_file(&c, folder, forget_one, err);
}
