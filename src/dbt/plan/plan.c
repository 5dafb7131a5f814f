/* What a build would do and why: the fingerprints of nodes, held against what their relations were built from. */
#include "dbt/plan/plan.h"

#include "base/time.h"
#include "dbt/artifacts/artifacts.h"
#include "dbt/run/execute_inner.h"
#include "dbt/select/method.h"

enum { MOST_NAMED = 3 };

static const char *const why_names[LT_DBT_WHYS] = {
    [LT_DBT_WHY_NEVER] = "never built", [LT_DBT_WHY_FULL] = "full refresh",
    [LT_DBT_WHY_CODE] = "code",         [LT_DBT_WHY_CONFIG] = "config",
    [LT_DBT_WHY_DATA] = "data",         [LT_DBT_WHY_UPSTREAM] = "upstream",
    [LT_DBT_WHY_FAILED] = "failed",     [LT_DBT_WHY_UNKNOWN] = "unknown"};

static const char *const evidence_names[LT_DBT_EVIDENCES] = {[LT_DBT_BY_NOTHING] = "none",
                                                             [LT_DBT_BY_RECORD] = "record",
                                                             [LT_DBT_BY_MANIFEST] = "manifest",
                                                             [LT_DBT_BY_WAREHOUSE] = "warehouse"};

const char *lt_dbt_why_name(lt_dbt_why why)
{
    return why_names[why];
}

const char *lt_dbt_evidence_name(lt_dbt_evidence evidence)
{
    return evidence_names[evidence];
}

/* The last write of a relation that leat.writes tells of. */
typedef struct write_row {
    lt_text run_id;
    int64_t at_us;
} write_row;

/* What the rows of a view or an ephemeral model hang on. */
typedef struct behind {
    const lt_dbt_node *newest; /* the source with the newest rows */
    const lt_dbt_node *untold; /* a source that does not say how new its rows are */
    const lt_dbt_node *reads_files;
    const lt_dbt_node *built; /* what was built last */
    int64_t newest_us, built_us;
} behind;

typedef struct planning {
    const lt_dbt_plan_request *request;
    lt_arena *arena;
    lt_dbt_prints *prints;
    lt_session *session;      /* NULL: there is no database */
    lt_dbt_plan_item **items; /* by the index of the node; NULL: not chosen, or nothing to build */
    behind *behind;           /* by the index of the node, for what is seen through */
    lt_map relations;         /* "db.schema" -> lt_map of the names in it, in lower case */
    lt_map writes;            /* "schema"."name" -> write_row */
    lt_map fresh;             /* id of a source -> lt_dbt_fresh */
    lt_map results;           /* id of a node -> lt_json: of the state's run */
    lt_dbt_comparison comparison; /* with the state */
    lt_text state_run;
} planning;

static bool is_test(const lt_dbt_node *node)
{
    return node->kind == LT_DBT_GENERIC_TEST || node->kind == LT_DBT_SINGULAR_TEST ||
           node->kind == LT_DBT_UNIT_TEST;
}

static bool is_made_of(const lt_dbt_node *node, const char *materialized)
{
    return node->kind == LT_DBT_MODEL &&
           lt_text_eq(node->config.materialized, lt_text_of(materialized));
}

static bool is_planned(const lt_dbt_node *node)
{
    return (node->kind <= LT_DBT_SNAPSHOT || node->kind == LT_DBT_UNIT_TEST ||
            node->kind == LT_DBT_UDF) &&
           !is_made_of(node, "ephemeral");
}

static void add_reason(planning *p, lt_dbt_plan_item *item, lt_dbt_why why, const char *format, ...)
    LT_PRINTF(4, 5);

static void add_reason(planning *p, lt_dbt_plan_item *item, lt_dbt_why why, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lt_dbt_reason reason = {why, lt_text_of(lt_arena_vformat(p->arena, format, args))};
    va_end(args);
    lt_push_in(p->arena, &item->reasons, reason);
}

static bool has_reason(const lt_dbt_plan_item *item, lt_dbt_why why)
{
    for (size_t i = 0; i < item->reasons.len; i++)
        if (item->reasons.items[i].why == why)
            return true;
    return false;
}

static const char *moment(int64_t at_us, char text[LT_TIME_CHARS])
{
    (void)lt_time_write(at_us, text);
    text[strlen("2026-11-22T01:02:03")] = '\0';
    return text;
}

/* ---- the warehouse ---- */

static lt_text lowered(planning *p, lt_text text)
{
    char *copy = lt_arena_str(p->arena, text);
    for (char *c = copy; *c; c++)
        *c = lt_lower(*c);
    return lt_text_at(copy, text.len);
}

static lt_status list_schema(planning *p, const lt_relation *relation, lt_map **out, lt_err *err)
{
    lt_relation_entries entries = {0};
    lt_text key = lt_text_of(lt_arena_format(p->arena, "%.*s.%.*s", LT_ARG(relation->database),
                                             LT_ARG(relation->schema)));
    *out = lt_map_find(&p->relations, key);
    if (*out)
        return LT_OK;
    *out = LT_NEW(p->arena, lt_map);
    (void)lt_map_put(&p->relations, key, *out);
    if (p->session)
        LT_TRY(lt_relations_list(p->session, relation->database, relation->schema, p->arena,
                                 &entries, err));
    for (size_t i = 0; i < entries.len; i++)
        (void)lt_map_put(*out, lowered(p, entries.items[i].name), &entries.items[i]);
    return LT_OK;
}

static lt_status is_there(planning *p, const lt_relation *relation, bool *out, lt_err *err)
{
    lt_map *schema = NULL;
    LT_TRY(list_schema(p, relation, &schema, err));
    *out = lt_map_has(schema, lowered(p, relation->name));
    return LT_OK;
}

static lt_status read_writes(planning *p, lt_err *err)
{
    bool has = false;
    lt_table table;
    LT_TRY(lt_write_has_records(p->session, &has, err));
    if (!has)
        return LT_OK;
    LT_TRY(lt_query_table(p->session,
                          T("select relation, run_id, "
                            "cast(extract(epoch from written_at) * 1000000 as bigint) "
                            "from leat.writes"),
                          NULL, 0, 1000000, NULL, p->arena, &table, err));
    for (size_t i = 0; i < table.row_count; i++) {
        write_row *row = LT_NEW(p->arena, write_row);
        *row = (write_row){.run_id = lt_table_cell(&table, i, 1)};
        if (lt_text_to_i64(lt_table_cell(&table, i, 2), &row->at_us))
            (void)lt_map_put(&p->writes, lt_table_cell(&table, i, 0), row);
    }
    return LT_OK;
}

static const write_row *last_write(const planning *p, const lt_dbt_node *node)
{
    LT_AUTO(lt_buf) key = {.limit = 64 * LT_KIB};
    lt_relation relation = node->relation;
    if (lt_text_eq_nocase(relation.database,
                          p->request->run ? p->request->run->database : (lt_text){0}))
        relation.database = (lt_text){0};
    lt_quote_relation(&relation, &key);
    return lt_map_find(&p->writes, lt_buf_text(&key));
}

/* ---- sources ---- */

/* What it says does not hang on when it was built. */
static bool is_view(const lt_dbt_node *node)
{
    return is_made_of(node, "view");
}

/* Its rows are those of what it reads, whenever they are asked for. */
static bool is_seen_through(const lt_dbt_node *node)
{
    return is_view(node) || is_made_of(node, "ephemeral");
}

static bool reads_data(const lt_dbt_node *node)
{
    return !is_view(node) && node->kind != LT_DBT_UNIT_TEST && node->kind != LT_DBT_SEED &&
           node->kind != LT_DBT_UDF;
}

/* Those that the nodes read, also through views. */
static void find_sources(const planning *p, lt_node_set *out)
{
    const lt_dbt_nodes *all = lt_dbt_all(p->request->dbt);
    LT_AUTO(lt_node_set) seen;
    LT_VEC(const lt_dbt_node *) open = {0};
    lt_node_set_init(&seen, all->len);
    for (size_t i = 0; i < all->len; i++)
        if (p->items[i] && reads_data(all->items[i]))
            lt_push(&open, all->items[i]);
    for (size_t at = 0; at < open.len; at++)
        for (size_t i = 0; i < open.items[at]->depends_on.len; i++) {
            const lt_dbt_node *above = open.items[at]->depends_on.items[i];
            if (above->kind == LT_DBT_SOURCE)
                lt_node_set_add(out, above->index);
            if (!is_seen_through(above) || lt_node_set_has(&seen, above->index))
                continue;
            lt_node_set_add(&seen, above->index);
            lt_push(&open, above);
        }
    lt_vec_free(&open);
}

static lt_status ask_sources(planning *p, lt_err *err)
{
    LT_AUTO(lt_node_set) asked;
    const lt_dbt_fresh *fresh = NULL;
    size_t count = 0;
    lt_node_set_init(&asked, lt_dbt_all(p->request->dbt)->len);
    find_sources(p, &asked);
    const lt_dbt_freshness_request request = {
        .selected = &asked, .without_rule = true, .threads = p->request->threads};
    lt_status status = lt_dbt_freshness(p->request->run, &request, &fresh, &count, err);
    if (status != LT_OK && status != LT_FAILED) /* one that could not be asked says so itself */
        return status;
    *err = (lt_err){0};
    for (size_t i = 0; i < count; i++)
        (void)lt_map_put(&p->fresh, fresh[i].source->id, (void *)(uintptr_t)&fresh[i]);
    return LT_OK;
}

/* When its newest rows came; false: nothing tells. */
static bool newest_of(const planning *p, const lt_dbt_node *source, int64_t *out_us)
{
    const lt_dbt_fresh *fresh = lt_map_find(&p->fresh, source->id);
    const write_row *write = last_write(p, source);
    bool told = fresh && fresh->status != LT_DBT_FRESH_RUNTIME_ERROR;
    *out_us = told ? fresh->loaded_at_us : write ? write->at_us : 0;
    return told || write;
}

static void judge_source(planning *p, lt_dbt_plan_item *item, const lt_dbt_node *source)
{
    char then[LT_TIME_CHARS], now[LT_TIME_CHARS];
    const lt_dbt_fresh *fresh = lt_map_find(&p->fresh, source->id);
    int64_t newest_us;
    LT_AUTO(lt_chars)
    name = lt_format("%.*s.%.*s", LT_ARG(source->source_name), LT_ARG(source->name));
    if (!newest_of(p, source, &newest_us))
        add_reason(p, item, LT_DBT_WHY_DATA, "source %s %s%.*s", name,
                   fresh ? "could not be asked for its newest rows: "
                         : "does not say when its rows were loaded (no loaded_at_field)",
                   LT_ARG(fresh ? fresh->message : T("")));
    else if (newest_us > item->built_at_us)
        add_reason(p, item, LT_DBT_WHY_DATA,
                   "source %s has rows of %s, loaded after it was built%s%s", name,
                   moment(newest_us, now), item->built_at_us ? " at " : "",
                   item->built_at_us ? moment(item->built_at_us, then) : "");
}

static bool reads_files(const lt_dbt_node *node)
{
    static const char *const calls[] = {"read_csv",       "read_parquet", "read_json",
                                        "read_text",      "read_blob",    "postgres_scan",
                                        "postgres_query", "sqlite_scan",  "iceberg_scan",
                                        "delta_scan",     "from '",       "dblink("};
    return lt_text_has_any(node->raw_code, calls, LT_COUNT(calls));
}

/* ---- what stands behind views ---- */

static void meet_source(const planning *p, behind *b, const lt_dbt_node *source)
{
    int64_t newest_us;
    if (!newest_of(p, source, &newest_us))
        b->untold = source;
    else if (!b->newest || newest_us > b->newest_us)
        b->newest = source, b->newest_us = newest_us;
}

static void meet_build(behind *b, const lt_dbt_node *node, int64_t ended_us)
{
    if (ended_us > b->built_us)
        b->built = node, b->built_us = ended_us;
}

static void meet_all(behind *b, const planning *p, const behind *other)
{
    if (other->newest)
        meet_source(p, b, other->newest);
    b->untold = b->untold ? b->untold : other->untold;
    b->reads_files = b->reads_files ? b->reads_files : other->reads_files;
    meet_build(b, other->built, other->built_us);
}

/* What it reads has been looked at. */
static void look_behind(planning *p, const lt_dbt_node *node)
{
    behind *b = &p->behind[node->index];
    const lt_dbt_build *build = lt_dbt_builds_find(p->request->builds, node);
    b->reads_files = reads_files(node) ? node : NULL;
    meet_build(b, node, build ? build->ended_at_us : 0);
    for (size_t i = 0; i < node->depends_on.len; i++) {
        const lt_dbt_node *above = node->depends_on.items[i];
        build = lt_dbt_builds_find(p->request->builds, above);
        if (above->kind == LT_DBT_SOURCE)
            meet_source(p, b, above);
        else if (is_seen_through(above))
            meet_all(b, p, &p->behind[above->index]);
        else
            meet_build(b, above, build ? build->ended_at_us : 0);
    }
}

/* Of all that stands behind views the newest is named, and one that does not tell. */
static void judge_data(planning *p, lt_dbt_plan_item *item)
{
    behind all = {0};
    if (!reads_data(item->node))
        return;
    for (size_t i = 0; i < item->node->depends_on.len; i++) {
        const lt_dbt_node *above = item->node->depends_on.items[i];
        if (above->kind == LT_DBT_SOURCE)
            judge_source(p, item, above);
        else if (is_seen_through(above))
            meet_all(&all, p, &p->behind[above->index]);
    }
    if (all.untold)
        judge_source(p, item, all.untold);
    if (all.newest)
        judge_source(p, item, all.newest);
    if (reads_files(item->node))
        add_reason(p, item, LT_DBT_WHY_DATA,
                   "it reads files or another database by itself, of which nothing is known");
    else if (all.reads_files)
        add_reason(p, item, LT_DBT_WHY_DATA,
                   "model %.*s, through which it reads, reads files or another database, of which "
                   "nothing is known",
                   LT_ARG(all.reads_files->name));
}

/* ---- by the record ---- */

static void judge_part(planning *p, lt_dbt_plan_item *item, const lt_dbt_print *then,
                       const lt_dbt_print *now, lt_dbt_part part)
{
    LT_AUTO(lt_buf) names = {.limit = 4 * LT_KIB};
    bool is_seed = item->node->kind == LT_DBT_SEED;
    if (lt_dbt_part_same(then, now, part))
        return;
    lt_dbt_part_diff(then->parts[part], now->parts[part], MOST_NAMED, &names);
    switch (part) {
    case LT_DBT_PART_CODE:
        add_reason(p, item, is_seed ? LT_DBT_WHY_DATA : LT_DBT_WHY_CODE, "%.*s has changed",
                   LT_ARG(item->node->path));
        break;
    case LT_DBT_PART_CONFIG:
        add_reason(p, item, LT_DBT_WHY_CONFIG, "the configuration has changed: %s",
                   lt_buf_chars(&names));
        break;
    default:
        add_reason(p, item, LT_DBT_WHY_CODE, "%s %s has changed",
                   part == LT_DBT_PART_UPSTREAM ? "what it reads:" : lt_dbt_part_name(part),
                   lt_buf_chars(&names));
        break;
    }
}

static void judge_record(planning *p, lt_dbt_plan_item *item, const lt_dbt_build *build)
{
    const lt_dbt_print *now = lt_dbt_print_of(p->prints, item->node);
    item->evidence = LT_DBT_BY_RECORD;
    item->built_at_us = build->started_at_us;
    if (build->is_open)
        add_reason(p, item, LT_DBT_WHY_FAILED, "the last build of it did not come to an end");
    if (build->has_failed)
        add_reason(p, item, LT_DBT_WHY_FAILED, "it failed the last time");
    if (build->part.len)
        add_reason(p, item, LT_DBT_WHY_CONFIG, "it was last built with --%.*s",
                   LT_ARG(build->part));
    for (int i = 0; i < LT_DBT_PRINT_PARTS; i++)
        judge_part(p, item, &build->print, now, (lt_dbt_part)i);
}

/* ---- by the manifest and the results of a run ---- */

/* What went well in the run of the state. */
static const lt_json *result_of(const planning *p, const lt_dbt_node *node)
{
    static const lt_text good[] = {T("success"), T("pass"), T("warn")};
    const lt_json *result = lt_map_find(&p->results, node->id);
    lt_text status = lt_json_text_or(result, "status", (lt_text){0});
    for (size_t i = 0; i < LT_COUNT(good); i++)
        if (lt_text_eq(good[i], status))
            return result;
    return NULL;
}

static int64_t result_time(const lt_json *result)
{
    const lt_json *timing = lt_json_find(result, "timing");
    int64_t at_us = 0;
    if (timing && timing->kind == LT_JSON_ARRAY && timing->count &&
        lt_time_read(lt_json_text_or(&timing->items[0], "started_at", (lt_text){0}), &at_us))
        return at_us;
    return 0;
}

/* The relation that was built then is the one that would be built now. */
static bool same_place(const planning *p, const lt_dbt_node *node)
{
    LT_AUTO(lt_buf) name = {.limit = 64 * LT_KIB};
    LT_AUTO(lt_arena) scratch = {0};
    const lt_json *then = lt_dbt_state_node_in(p->request->state, node->id, &scratch);
    if (!then)
        return false;
    if (node->no_relation)
        return true;
    lt_dbt_written_name(p->request->dbt, node, &name);
    return lt_text_eq(lt_json_text_or(then, "relation_name", (lt_text){0}), lt_buf_text(&name));
}

static lt_status judge_manifest(planning *p, lt_dbt_plan_item *item, lt_err *err)
{
    static const struct {
        lt_text check;
        lt_dbt_why why;
        const char *what;
    } checks[] = {
        {T("modified.body"), LT_DBT_WHY_CODE, "its text has changed"},
        {T("modified.macros"), LT_DBT_WHY_CODE, "a macro that it calls has changed"},
        {T("modified.configs"), LT_DBT_WHY_CONFIG, "the configuration has changed"},
        {T("modified.contract"), LT_DBT_WHY_CONFIG, "the contract has changed"},
        {T("modified.persisted_descriptions"), LT_DBT_WHY_CONFIG, "its descriptions have changed"}};
    const lt_dbt_method_context context = {.dbt = p->request->dbt,
                                           .state = p->request->state,
                                           .arena = p->arena,
                                           .comparison = &p->comparison};
    bool is_seed = item->node->kind == LT_DBT_SEED;
    item->evidence = LT_DBT_BY_MANIFEST;
    for (size_t i = 0; i < LT_COUNT(checks); i++) {
        bool fits = false;
        LT_TRY(lt_dbt_state_check(&context, checks[i].check, item->node, &fits, err));
        if (fits)
            add_reason(p, item, is_seed && !i ? LT_DBT_WHY_DATA : checks[i].why, "%s",
                       checks[i].what);
    }
    return LT_OK;
}

/* ---- one node ---- */

static void judge_unknown(planning *p, lt_dbt_plan_item *item)
{
    bool test = is_test(item->node);
    item->evidence = test ? LT_DBT_BY_NOTHING : LT_DBT_BY_WAREHOUSE;
    add_reason(p, item, test ? LT_DBT_WHY_NEVER : LT_DBT_WHY_UNKNOWN, "%s",
               test ? "it has never passed here"
                    : "it is there, and nothing tells what it was built from");
}

static bool is_newer(const write_row *write, const lt_dbt_build *build, int64_t result_us)
{
    int64_t known_us = LT_MAX(build ? build->ended_at_us : 0, result_us);
    return write && write->at_us > known_us &&
           !(build && lt_text_eq(build->invocation, write->run_id));
}

/* The newest evidence counts. */
static lt_status judge_by_evidence(planning *p, lt_dbt_plan_item *item, lt_err *err)
{
    const lt_dbt_node *node = item->node;
    const lt_dbt_build *build = lt_dbt_builds_find(p->request->builds, node);
    const lt_json *result = result_of(p, node);
    const write_row *write = is_test(node) ? NULL : last_write(p, node);
    int64_t result_us = result && same_place(p, node) ? result_time(result) : 0;
    int64_t build_us = build && (build->started_at_us || build->is_open || build->has_failed)
                           ? LT_MAX(build->started_at_us, 1)
                           : 0;
    if (is_newer(write, build, result_us)) {
        item->evidence = LT_DBT_BY_WAREHOUSE;
        item->built_at_us = write->at_us;
        add_reason(p, item, LT_DBT_WHY_UNKNOWN, "it was last written by leat run %.*s",
                   LT_ARG(write->run_id));
        return LT_OK;
    }
    if (result_us > build_us && !(build && lt_text_eq(build->invocation, p->state_run))) {
        item->built_at_us = result_us;
        return judge_manifest(p, item, err);
    }
    if (build_us)
        judge_record(p, item, build);
    else
        judge_unknown(p, item);
    return LT_OK;
}

static bool is_refreshed(const planning *p, const lt_dbt_node *node)
{
    bool adds = is_made_of(node, "incremental") || node->kind == LT_DBT_SEED;
    return adds && (node->config.full_refresh < 0 ? p->request->dbt->settings.full_refresh
                                                  : node->config.full_refresh != 0);
}

static lt_status judge(planning *p, lt_dbt_plan_item *item, lt_err *err)
{
    const lt_dbt_node *node = item->node;
    bool there = true;
    if (!is_test(node) && node->kind != LT_DBT_UDF) /* functions are not looked up */
        LT_TRY(is_there(p, &node->relation, &there, err));
    if (!there) {
        item->evidence = LT_DBT_BY_WAREHOUSE;
        add_reason(p, item, LT_DBT_WHY_NEVER, "there is no %.*s.%.*s",
                   LT_ARG(node->relation.schema), LT_ARG(node->relation.name));
        return LT_OK;
    }
    LT_TRY(judge_by_evidence(p, item, err));
    if (is_refreshed(p, node))
        add_reason(p, item, LT_DBT_WHY_FULL, "%s",
                   p->request->dbt->settings.full_refresh ? "--full-refresh"
                                                          : "full_refresh of its configuration");
    if (!has_reason(item, LT_DBT_WHY_NEVER))
        judge_data(p, item);
    return LT_OK;
}

/* ---- what is above ---- */

static const char *short_name(planning *p, const lt_dbt_node *node)
{
    return lt_arena_format(p->arena, "%s %.*s", lt_dbt_kind_name(node->kind), LT_ARG(node->name));
}

static void judge_parent(planning *p, lt_dbt_plan_item *item, const lt_dbt_node *above)
{
    char when[LT_TIME_CHARS];
    const lt_dbt_plan_item *planned = p->items[above->index];
    const lt_dbt_build *build = lt_dbt_builds_find(p->request->builds, above);
    const behind last = is_seen_through(above)
                            ? p->behind[above->index]
                            : (behind){.built = above, .built_us = build ? build->ended_at_us : 0};
    bool of_code = item->node->kind == LT_DBT_UNIT_TEST;
    if (planned && planned->is_built) {
        bool counts = !of_code || has_reason(planned, LT_DBT_WHY_CODE) ||
                      has_reason(planned, LT_DBT_WHY_CONFIG) ||
                      has_reason(planned, LT_DBT_WHY_UNKNOWN);
        if (counts)
            add_reason(p, item, LT_DBT_WHY_UPSTREAM, "%s is built", short_name(p, above));
        return;
    }
    if (last.built_us > item->built_at_us && item->built_at_us && !of_code)
        add_reason(p, item, LT_DBT_WHY_UPSTREAM, "%s was built at %s, after it",
                   short_name(p, last.built), moment(last.built_us, when));
}

/* Ephemeral models are looked through; what is above a test's model is the model's matter. */
static void judge_upstream(planning *p, lt_dbt_plan_item *item)
{
    lt_map seen = {0};
    LT_VEC(const lt_dbt_node *) open = {0};
    lt_push_in(p->arena, &open, item->node);
    for (size_t at = 0; at < open.len; at++)
        for (size_t i = 0; i < open.items[at]->depends_on.len; i++) {
            const lt_dbt_node *above = open.items[at]->depends_on.items[i];
            if (lt_map_put(&seen, above->id, p))
                continue;
            if (is_made_of(above, "ephemeral"))
                lt_push_in(p->arena, &open, above);
            else if (above->kind != LT_DBT_SOURCE)
                judge_parent(p, item, above);
        }
    lt_map_cleanup(&seen);
}

/* ---- all of it ---- */

/* The order of building: each behind what it reads. */
static size_t *order_of(planning *p)
{
    const lt_dbt_nodes *all = lt_dbt_all(p->request->dbt);
    const lt_dbt_nodes *children = lt_dbt_children(p->request->dbt, p->arena);
    size_t *order = lt_alloc_array(p->arena, all->len + 1, sizeof(*order)), count = 0;
    size_t *missing = lt_alloc_array(p->arena, all->len + 1, sizeof(*missing));
    for (size_t i = 0; i < all->len; i++)
        for (size_t k = 0; k < children[i].len; k++)
            missing[children[i].items[k]->index]++;
    for (size_t i = 0; i < all->len; i++)
        if (!missing[i])
            order[count++] = i;
    for (size_t at = 0; at < count; at++)
        for (size_t k = 0; k < children[order[at]].len; k++)
            if (--missing[children[order[at]].items[k]->index] == 0)
                order[count++] = children[order[at]].items[k]->index;
    order[all->len] = count;
    return order;
}

/* Another command may have written a manifest since the run whose results are there: then that does not say what was built. */
static void read_state(planning *p)
{
    const lt_dbt_state *state = p->request->state;
    const lt_json *results = state ? lt_json_find(state->run_results, "results") : NULL;
    if (!results || results->kind != LT_JSON_ARRAY || !lt_dbt_results_count(state->run_results))
        return;
    lt_text run = lt_json_text_or(lt_json_find(state->run_results, "metadata"), "invocation_id",
                                  (lt_text){0});
    if (!run.len || !lt_text_eq(run, lt_dbt_state_invocation(state)))
        return;
    p->state_run = run;
    for (size_t i = 0; i < results->count; i++)
        (void)lt_map_put(&p->results,
                         lt_json_text_or(&results->items[i], "unique_id", (lt_text){0}),
                         &results->items[i]);
}

static void begin(planning *p)
{
    const lt_dbt_nodes *all = lt_dbt_all(p->request->dbt);
    read_state(p);
    p->items = lt_alloc_array(p->arena, all->len + 1, sizeof(*p->items));
    p->behind = lt_alloc_array(p->arena, all->len + 1, sizeof(*p->behind));
    for (size_t i = 0; i < all->len; i++)
        if (lt_node_set_has(p->request->selected, i) && is_planned(all->items[i])) {
            p->items[i] = LT_NEW(p->arena, lt_dbt_plan_item);
            p->items[i]->node = all->items[i];
        }
}

static lt_status plan_all(planning *p, lt_dbt_plan *out, lt_err *err)
{
    const lt_dbt_nodes *all = lt_dbt_all(p->request->dbt);
    begin(p);
    if (p->session) {
        LT_TRY(read_writes(p, err));
        LT_TRY(ask_sources(p, err));
    }
    const size_t *order = order_of(p);
    for (size_t at = 0; at < order[all->len]; at++) {
        lt_dbt_plan_item *item = p->items[order[at]];
        if (is_seen_through(all->items[order[at]]))
            look_behind(p, all->items[order[at]]);
        if (!item)
            continue;
        LT_TRY(judge(p, item, err));
        judge_upstream(p, item);
        item->is_built = item->reasons.len > 0;
        out->built += item->is_built;
        lt_push_in(p->arena, &out->items, *item);
    }
    return LT_OK;
}

lt_status lt_dbt_plan_make(const lt_dbt_plan_request *request, lt_arena *arena, lt_dbt_plan *out,
                           lt_err *err)
{
    LT_AUTO(lt_session_ref) session = NULL;
    LT_AUTO(lt_dbt_prints_ref) prints = lt_dbt_prints_new(request->dbt);
    planning p = {.request = request, .arena = arena, .prints = prints};
    lt_dbt_plan made = {0};
    lt_status status = LT_OK;
    if (request->run)
        status = lt_session_open(request->run->engine, &session, err);
    if (session && request->run->is_server)
        status =
            lt_exec(session, T("set session characteristics as transaction read only"), NULL, err);
    p.session = session;
    if (status == LT_OK)
        status = plan_all(&p, &made, err);
    for (size_t i = 0; i < p.relations.entries.len; i++)
        lt_map_cleanup(p.relations.entries.items[i].value);
    lt_map_cleanup(&p.relations);
    lt_map_cleanup(&p.comparison.macros);
    lt_map_cleanup(&p.writes);
    lt_map_cleanup(&p.fresh);
    lt_map_cleanup(&p.results);
    if (status == LT_OK)
        *out = made;
    return status;
}
