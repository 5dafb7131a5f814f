/* Relations that no node of the project makes any more: finding them, who made them, dropping them. */
#include "dbt/plan/orphans.h"

#include "dbt/run/execute_inner.h"

#include <stdlib.h>

static const char *const maker_names[LT_DBT_MAKERS] = {
    [LT_DBT_MADE_UNKNOWN] = "unknown",    [LT_DBT_MADE_HERE] = "record",
    [LT_DBT_MADE_BY_RUN] = "leat.writes", [LT_DBT_MADE_BEFORE] = "manifest",
    [LT_DBT_MADE_LEFTOVER] = "leftover",  [LT_DBT_MADE_SNAPSHOT] = "snapshot"};

const char *lt_dbt_maker_name(lt_dbt_maker maker)
{
    return maker_names[maker];
}

typedef struct finding {
    const lt_dbt_orphans_request *request;
    lt_arena *arena;
    lt_session *session;
    lt_map owned;   /* key of a relation -> lt_dbt_node, enabled */
    lt_map before;  /* key -> lt_text: the node of a manifest, or one that is disabled now */
    lt_map schemas; /* "db"."schema" -> lt_relation */
    lt_map writes;  /* leat.writes: relation -> task */
    lt_dbt_orphans found;
} finding;

/* ---- names ---- */

/* In lower case where the engine does not tell them apart. */
static lt_text key_of(const finding *f, const lt_relation *relation)
{
    LT_AUTO(lt_buf) key = {.limit = 64 * LT_KIB};
    lt_relation named = *relation;
    if (!named.database.len)
        named.database = f->request->run->database;
    lt_quote_relation(&named, &key);
    char *text = lt_arena_str(f->arena, lt_buf_text(&key));
    for (char *c = text; !f->request->run->is_server && *c; c++)
        *c = lt_lower(*c);
    return lt_text_at(text, key.len);
}

static bool is_test(const lt_dbt_node *node)
{
    return node->kind == LT_DBT_GENERIC_TEST || node->kind == LT_DBT_SINGULAR_TEST;
}

static bool makes_relation(const lt_dbt_node *node)
{
    return node->kind == LT_DBT_SEED || node->kind == LT_DBT_SNAPSHOT || is_test(node) ||
           (node->kind == LT_DBT_MODEL && !lt_dbt_is_ephemeral(node));
}

static void add_schema(finding *f, const lt_dbt_node *node)
{
    const lt_relation schema = {.database = node->relation.database,
                                .schema = node->relation.schema};
    lt_text key = key_of(f, &schema);
    if (!node->relation.schema.len || lt_map_has(&f->schemas, key))
        return;
    lt_relation *kept = LT_NEW(f->arena, lt_relation);
    *kept = schema;
    (void)lt_map_put(&f->schemas, key, kept);
}

static void list_nodes(finding *f)
{
    const lt_dbt *dbt = f->request->run->request.dbt;
    for (size_t i = 0; i < dbt->all.len; i++) {
        lt_dbt_node *node = dbt->all.items[i];
        bool makes = makes_relation(node);
        if (makes)
            add_schema(f, node);
        if (makes || node->kind == LT_DBT_SOURCE)
            (void)lt_map_put(&f->owned, key_of(f, &node->relation), node);
    }
}

static void put_before(finding *f, lt_text key, lt_text node)
{
    lt_text *kept = LT_NEW(f->arena, lt_text);
    *kept = node;
    if (!lt_map_has(&f->before, key))
        (void)lt_map_put(&f->before, key, kept);
}

static void list_before(finding *f)
{
    const lt_dbt *dbt = f->request->run->request.dbt;
    const lt_dbt_state *state = f->request->state;
    lt_text id;
    for (size_t i = 0; i < dbt->disabled.len; i++)
        if (makes_relation(dbt->disabled.items[i]))
            put_before(f, key_of(f, &dbt->disabled.items[i]->relation), dbt->disabled.items[i]->id);
    for (size_t i = 0; state && lt_dbt_state_id_at(state, i, &id); i++) {
        LT_AUTO(lt_arena) scratch = {0};
        if (lt_text_starts(id, T("source.")) || lt_text_starts(id, T("function.")))
            continue; /* no relations that we make */
        const lt_json *node = lt_dbt_state_node_in(state, id, &scratch);
        const lt_relation relation = {.database = lt_json_text_or(node, "database", (lt_text){0}),
                                      .schema = lt_json_text_or(node, "schema", (lt_text){0}),
                                      .name = lt_json_text_or(node, "alias", (lt_text){0})};
        if (lt_json_text_or(node, "relation_name", (lt_text){0}).len && relation.name.len)
            put_before(f, key_of(f, &relation), lt_arena_text(f->arena, id));
    }
}

/* What `leat run` and `leat load` have written. */
static lt_status list_writes(finding *f, lt_err *err)
{
    bool has = false;
    lt_table table;
    LT_TRY(lt_write_has_records(f->session, &has, err));
    if (!has)
        return LT_OK;
    LT_TRY(lt_query_table(f->session, T("select relation, task from leat.writes"), NULL, 0, 1000000,
                          NULL, f->arena, &table, err));
    for (size_t i = 0; i < table.row_count; i++) {
        lt_text *writer = LT_NEW(f->arena, lt_text);
        *writer = lt_table_cell(&table, i, 1);
        (void)lt_map_put(&f->writes, lt_table_cell(&table, i, 0), writer);
    }
    return LT_OK;
}

/* ---- who made it ---- */

static const lt_dbt_build *record_of(const finding *f, const lt_relation *relation)
{
    const lt_map *all = &f->request->builds->by_key;
    const lt_dbt_build *found = lt_dbt_builds_of(f->request->builds, relation);
    lt_text key = key_of(f, relation);
    for (size_t i = 0; !found && !f->request->run->is_server && i < all->entries.len; i++)
        if (lt_text_eq_nocase(all->entries.items[i].key, key))
            found = all->entries.items[i].value;
    return found;
}

static const lt_text *write_of(const finding *f, const lt_relation *relation)
{
    LT_AUTO(lt_buf) key = {.limit = 64 * LT_KIB};
    lt_relation named = *relation;
    if (lt_text_eq_nocase(named.database, f->request->run->database))
        named.database = (lt_text){0};
    lt_quote_relation(&named, &key);
    return lt_map_find(&f->writes, lt_buf_text(&key));
}

/* "model.shop.orders": a warehouse may be shared by projects, and loads are no models. */
static bool is_own_node(const finding *f, lt_text id)
{
    lt_text rest = id, kind, package;
    (void)lt_text_cut(&rest, '.', &kind);
    if (!lt_text_cut(&rest, '.', &package) || lt_text_eq(kind, T("load")))
        return false;
    return lt_map_has(&f->request->run->request.dbt->package_names, package);
}

static bool judge_by_name(const finding *f, lt_dbt_orphan *orphan)
{
    const lt_dbt_build *build = record_of(f, &orphan->relation);
    const lt_text *writer = write_of(f, &orphan->relation);
    const lt_text *before = lt_map_find(&f->before, key_of(f, &orphan->relation));
    if (build) {
        orphan->maker = LT_DBT_MADE_HERE;
        orphan->node = build->node;
        orphan->built_at_us = build->ended_at_us;
        orphan->is_snapshot = lt_text_eq(build->kind, T("snapshot"));
    } else if (before) {
        orphan->maker = LT_DBT_MADE_BEFORE;
        orphan->node = *before;
    } else if (writer) {
        orphan->maker = LT_DBT_MADE_BY_RUN;
        orphan->node = *writer;
    }
    orphan->is_ours = build || before || (writer && is_own_node(f, *writer));
    return orphan->is_ours;
}

/* "orders" of "orders__dbt_tmp", "orders__dbt_backup", "orders__dbt_tmp20260102..."; empty when it is none. */
static lt_text base_of(lt_text name)
{
    static const lt_text marks[] = {T("__dbt_tmp"), T("__dbt_backup"), T("__dbt_new"),
                                    T("__dbt_sa_tmp")};
    for (size_t i = 0; i < LT_COUNT(marks); i++) {
        size_t at = lt_text_find(name, marks[i], 0);
        bool digits = at != SIZE_MAX && at > 0;
        for (size_t k = at + marks[i].len; digits && k < name.len; k++)
            digits = lt_is_digit(name.ptr[k]) || name.ptr[k] == '_';
        if (digits)
            return lt_text_sub(name, 0, at);
    }
    return (lt_text){0};
}

static void judge_leftover(const finding *f, lt_dbt_orphan *orphan)
{
    lt_dbt_orphan whole = {.relation = orphan->relation};
    whole.relation.name = base_of(orphan->relation.name);
    if (!whole.relation.name.len)
        return;
    const lt_dbt_node *node = lt_map_find(&f->owned, key_of(f, &whole.relation));
    bool known = (node && node->kind != LT_DBT_SOURCE) || judge_by_name(f, &whole);
    if (!known)
        return;
    orphan->maker = LT_DBT_MADE_LEFTOVER;
    orphan->is_ours = true;
    orphan->node = node ? node->id : whole.node;
}

/* A leftover of a snapshot's build has its columns, and none of its history alone. */
static lt_status judge_columns(finding *f, lt_dbt_orphan *orphan, lt_err *err)
{
    lt_columns columns = {0};
    bool id = false, from = false;
    if (orphan->entry.kind != LT_RELATION_TABLE || orphan->maker == LT_DBT_MADE_LEFTOVER)
        return LT_OK;
    LT_TRY(lt_relation_columns(f->session, &orphan->relation, f->arena, &columns, err));
    for (size_t i = 0; i < columns.len; i++) {
        id |= lt_text_eq_nocase(columns.items[i].name, T("dbt_scd_id"));
        from |= lt_text_eq_nocase(columns.items[i].name, T("dbt_valid_from"));
    }
    orphan->is_snapshot |= id && from;
    if (id && from && orphan->maker == LT_DBT_MADE_UNKNOWN)
        orphan->maker = LT_DBT_MADE_SNAPSHOT;
    return LT_OK;
}

/* ---- finding ---- */

static lt_status look_at(finding *f, const lt_relation *schema, const lt_relation_entry *entry,
                         lt_err *err)
{
    lt_dbt_orphan orphan = {.relation = *schema, .entry = *entry};
    orphan.relation.name = entry->name;
    if (lt_map_has(&f->owned, key_of(f, &orphan.relation)))
        return LT_OK;
    if (!judge_by_name(f, &orphan))
        judge_leftover(f, &orphan);
    lt_err gone = {0};
    if (judge_columns(f, &orphan, &gone) != LT_OK) {
        if (gone.status == LT_NOT_FOUND) /* somebody has dropped it meanwhile */
            return LT_OK;
        *err = gone;
        return err->status;
    }
    lt_push_in(f->arena, &f->found, orphan);
    return LT_OK;
}

static lt_status look_everywhere(finding *f, lt_err *err)
{
    list_nodes(f);
    list_before(f);
    LT_TRY(list_writes(f, err));
    for (size_t i = 0; i < f->schemas.entries.len; i++) {
        const lt_relation *schema = f->schemas.entries.items[i].value;
        lt_relation_entries entries = {0};
        LT_TRY(lt_relations_list(f->session, schema->database, schema->schema, f->arena, &entries,
                                 err));
        for (size_t k = 0; k < entries.len; k++)
            LT_TRY(look_at(f, schema, &entries.items[k], err));
    }
    return LT_OK;
}

static int by_place(const void *a, const void *b)
{
    const lt_dbt_orphan *left = a, *right = b;
    int order = lt_text_cmp(left->relation.database, right->relation.database);
    order = order ? order : lt_text_cmp(left->relation.schema, right->relation.schema);
    return order ? order : lt_text_cmp(left->relation.name, right->relation.name);
}

lt_status lt_dbt_orphans_find(const lt_dbt_orphans_request *request, lt_arena *arena,
                              lt_dbt_orphans *out, lt_err *err)
{
    LT_AUTO(lt_session_ref) session = NULL;
    LT_TRY(lt_session_open(request->run->engine, &session, err));
    finding f = {.request = request, .arena = arena, .session = session};
    lt_status status = look_everywhere(&f, err);
    lt_map *const maps[] = {&f.owned, &f.before, &f.schemas, &f.writes};
    for (size_t i = 0; i < LT_COUNT(maps); i++)
        lt_map_cleanup(maps[i]);
    LT_TRY(status);
    if (f.found.len)
        qsort(f.found.items, f.found.len, sizeof(*f.found.items), by_place);
    *out = f.found;
    return LT_OK;
}

/* ---- dropping ---- */

static bool is_named(const lt_dbt_orphan *orphan, const char *name)
{
    LT_AUTO(lt_chars)
    full = lt_format("%.*s.%.*s", LT_ARG(orphan->relation.schema), LT_ARG(orphan->relation.name));
    return strcmp(full, name) == 0 || lt_text_eq(orphan->relation.name, lt_text_of(name));
}

bool lt_dbt_is_doomed(const lt_dbt_drop *drop, const lt_dbt_orphan *orphan)
{
    bool named = false;
    for (size_t i = 0; i < drop->name_count; i++)
        named |= is_named(orphan, drop->names[i]);
    if (orphan->is_snapshot && !drop->include_snapshots)
        return false;
    return drop->name_count ? named : orphan->is_ours;
}

lt_status lt_dbt_orphans_check(const lt_dbt_drop *drop, const lt_dbt_orphans *orphans, lt_err *err)
{
    for (size_t i = 0; i < drop->name_count; i++) {
        bool found = false;
        for (size_t k = 0; k < orphans->len && !found; k++)
            found = is_named(&orphans->items[k], drop->names[i]);
        if (found)
            continue;
        lt_ignore(lt_fail(err, LT_INVALID, "'%s' is no orphaned relation", drop->names[i]));
        return lt_hint(err, "'leat dbt orphans' lists those that are");
    }
    return LT_OK;
}

/* As leat.writes names it. */
static lt_relation own_name(const lt_dbt_run *run, const lt_relation *relation)
{
    lt_relation named = *relation;
    if (lt_text_eq_nocase(named.database, run->database))
        named.database = (lt_text){0};
    return named;
}

static lt_status forget_write(lt_session *session, const lt_relation *relation, lt_err *err)
{
    LT_AUTO(lt_buf) name = {.limit = 64 * LT_KIB};
    LT_AUTO(lt_buf) sql = {.limit = 64 * LT_KIB};
    lt_quote_relation(relation, &name);
    lt_buf_add_str(&sql, "delete from leat.writes where relation = ");
    lt_quote_literal(lt_buf_text(&name), &sql);
    return lt_exec(session, lt_buf_text(&sql), NULL, err);
}

static lt_status drop_locked(const lt_dbt_run *run, lt_session *session,
                             const lt_dbt_orphan *orphan, lt_err *err)
{
    lt_relation_kind kind = LT_RELATION_NONE;
    lt_relation own = own_name(run, &orphan->relation);
    LT_AUTO(lt_buf) sql = {.limit = 64 * LT_KIB};
    LT_TRY(lt_write_lock(session, &own, err));
    LT_TRY(lt_relation_find(session, &orphan->relation, &kind, err));
    if (kind != orphan->entry.kind)
        return lt_fail(err, LT_CONFLICT, "somebody else has changed it meanwhile");
    lt_buf_printf(&sql, "drop %.*s ", LT_ARG(orphan->entry.type));
    lt_quote_relation(&orphan->relation, &sql);
    LT_TRY(lt_exec(session, lt_buf_text(&sql), NULL, err));
    return run->has_records && !own.database.len ? forget_write(session, &own, err) : LT_OK;
}

static lt_status drop_one(const lt_dbt_run *run, lt_session *session, const lt_dbt_drop *drop,
                          lt_dbt_orphan *orphan, lt_err *err)
{
    LT_TRY(lt_session_begin(session, err));
    lt_status status = drop_locked(run, session, orphan, err);
    if (status == LT_OK)
        status = lt_session_commit(session, err);
    if (status != LT_OK) {
        lt_session_rollback(session);
        return status;
    }
    orphan->is_dropped = true;
    orphan->kept = (lt_text){0};
    return lt_dbt_builds_forget(drop->folder, &orphan->relation, err);
}

/* Views that read a table must go first: as long as something goes, what was refused is tried again. */
static lt_status drop_all(const lt_dbt_run *run, lt_session *session, const lt_dbt_drop *drop,
                          lt_dbt_orphans *orphans, lt_arena *arena, lt_err *err)
{
    for (bool progress = true; progress;) {
        progress = false;
        for (size_t i = 0; i < orphans->len; i++) {
            lt_dbt_orphan *orphan = &orphans->items[i];
            lt_err why = {0};
            if (orphan->is_dropped || !lt_dbt_is_doomed(drop, orphan))
                continue;
            if (drop_one(run, session, drop, orphan, &why) == LT_OK) {
                progress = true;
                continue;
            }
            if (why.status == LT_CANCELLED || why.status == LT_IO || orphan->is_dropped) {
                *err = why;
                return err->status;
            }
            orphan->kept = lt_arena_text(arena, lt_text_of(why.message));
        }
    }
    return LT_OK;
}

lt_status lt_dbt_orphans_drop(lt_dbt_run *run, const lt_dbt_drop *drop, lt_dbt_orphans *orphans,
                              lt_arena *arena, lt_err *err)
{
    LT_AUTO(lt_session_ref) session = NULL;
    LT_TRY(lt_session_open(run->engine, &session, err));
    LT_TRY(lt_write_has_records(session, &run->has_records, err));
    return drop_all(run, session, drop, orphans, arena, err);
}
