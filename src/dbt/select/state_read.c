/* What another run left in its folder: manifest.json as pieces of text, one for each node, which become trees when they are asked for. */
#include "dbt/inner.h"
#include "dbt/select/state_text.h"

#include "base/fs.h"

#include <fcntl.h>
#include <unistd.h>

enum { MOST_MANIFEST_BYTES = 1 << 30 };

static const lt_json_options generous = {.node_limit = 40000000, .last_key_wins = true};

struct lt_dbt_manifest {
    lt_arena arena;
    lt_buf text;
    lt_map nodes;  /* id -> lt_dbt_old_node */
    lt_map macros; /* id -> lt_text: macro_sql */
    lt_text invocation;
    lt_dbt_old_part part; /* nodes that another thread has read */
    pthread_mutex_t lock; /* of `arena` and what is opened, once all is read */
};

/* ---- the pieces of a manifest ---- */

typedef struct reading {
    lt_dbt_manifest *manifest;
    lt_json_reader reader;
    lt_err *err;
} reading;

typedef lt_status take_piece(reading *r, lt_text id, lt_text raw);

static lt_status take_macro(reading *r, lt_text id, lt_text raw)
{
    LT_AUTO(lt_arena) scratch = {0};
    lt_json *macro = NULL;
    LT_TRY(lt_json_read(raw, r->reader.name, &generous, &scratch, &macro, r->err));
    lt_text *sql = LT_NEW(&r->manifest->arena, lt_text);
    *sql = lt_arena_text(&r->manifest->arena, lt_json_text_or(macro, "macro_sql", (lt_text){0}));
    (void)lt_map_put(&r->manifest->macros, id, sql);
    return LT_OK;
}

/* Before version 4, that of dbt 1.0, nodes had other keys. */
static lt_status check_version(const char *path, const lt_json *metadata, lt_err *err)
{
    enum { OLDEST = 4 };
    static const lt_text start = T("https://schemas.getdbt.com/dbt/manifest/v");
    lt_text said = lt_json_text_or(metadata, "dbt_schema_version", (lt_text){0});
    lt_text number = lt_text_sub(said, start.len, SIZE_MAX);
    if (!lt_text_starts(said, start) || number.len < 2 || number.ptr[0] > '0' + OLDEST - 1 ||
        number.ptr[1] != '.')
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID,
                      "%s: Expected a schema version of \"https://schemas.getdbt.com/dbt/manifest/"
                      "v12.json\" or one from v%d on, but found \"%.*s\"",
                      path, OLDEST, LT_ARG(said)));
    return lt_hint(err, "make the state anew with dbt 1.0 or newer");
}

static lt_status take_metadata(reading *r, lt_text raw)
{
    LT_AUTO(lt_arena) scratch = {0};
    lt_json *metadata = NULL;
    LT_TRY(lt_json_read(raw, r->reader.name, &generous, &scratch, &metadata, r->err));
    LT_TRY(check_version(r->reader.name, metadata, r->err));
    r->manifest->invocation = lt_arena_text(
        &r->manifest->arena, lt_json_text_or(metadata, "invocation_id", (lt_text){0}));
    return LT_OK;
}

/* What the other thread has from here on. False: nothing. */
static bool take_part(reading *r)
{
    lt_dbt_old_part *part = &r->manifest->part;
    if (!lt_dbt_old_part_end(part))
        return false;
    for (size_t i = 0; i < part->members.len; i++)
        (void)lt_map_put(&r->manifest->nodes, part->members.items[i].id,
                         part->members.items[i].node);
    lt_json_go_on_at(&r->reader, part->end);
    return true;
}

static lt_status read_nodes(reading *r)
{
    for (;;) {
        lt_json_token token;
        lt_dbt_old_node *node = NULL;
        LT_TRY(lt_json_next(&r->reader, &token, r->err));
        if (token.kind == LT_JSON_CLOSE)
            return LT_OK;
        if (token.offset == r->manifest->part.begin && take_part(r))
            continue;
        lt_text id = lt_json_string_in(&r->manifest->arena, token.raw);
        LT_TRY(lt_json_next(&r->reader, &token, r->err));
        LT_TRY(lt_dbt_old_node_read(&r->reader, id, &r->manifest->arena, &token, &node, r->err));
        (void)lt_map_put(&r->manifest->nodes, id, node);
    }
}

/* `token` has begun the object: each member's value is given to `take` as it is written. */
static lt_status read_members(reading *r, take_piece *take)
{
    for (;;) {
        lt_json_token token;
        LT_TRY(lt_json_next(&r->reader, &token, r->err));
        if (token.kind == LT_JSON_CLOSE)
            return LT_OK;
        lt_text id = lt_json_string_in(&r->manifest->arena, token.raw);
        LT_TRY(lt_json_next(&r->reader, &token, r->err));
        LT_TRY(lt_json_whole(&r->reader, &token, r->err));
        LT_TRY(take(r, id, token.raw));
    }
}

static lt_status read_section(reading *r, lt_text key, lt_json_token *token)
{
    static const lt_text of_nodes[] = {T("nodes"),         T("sources"),         T("exposures"),
                                       T("metrics"),       T("semantic_models"), T("unit_tests"),
                                       T("saved_queries"), T("functions")};
    bool object = token->kind == LT_JSON_OBJECT;
    for (size_t i = 0; i < LT_COUNT(of_nodes) && object; i++)
        if (lt_json_string_eq(key, of_nodes[i]))
            return read_nodes(r);
    if (object && lt_json_string_eq(key, T("macros")))
        return read_members(r, take_macro);
    LT_TRY(lt_json_whole(&r->reader, token, r->err));
    return object && lt_json_string_eq(key, T("metadata")) ? take_metadata(r, token->raw) : LT_OK;
}

static lt_status read_pieces(reading *r)
{
    lt_json_token token;
    LT_TRY(lt_json_next(&r->reader, &token, r->err));
    if (token.kind != LT_JSON_OBJECT)
        return lt_json_fail(&r->reader, token.offset, r->err, "a manifest is an object");
    while (token.kind != LT_JSON_END) {
        LT_TRY(lt_json_next(&r->reader, &token, r->err));
        if (token.kind != LT_JSON_KEY)
            continue;
        lt_text key = token.raw;
        LT_TRY(lt_json_next(&r->reader, &token, r->err));
        LT_TRY(read_section(r, key, &token));
    }
    return LT_OK;
}

static void manifest_free(lt_dbt_manifest *manifest)
{
    if (!manifest)
        return;
    lt_dbt_old_part_cleanup(&manifest->part);
    lt_map_cleanup(&manifest->nodes);
    lt_map_cleanup(&manifest->macros);
    lt_buf_cleanup(&manifest->text);
    lt_arena_cleanup(&manifest->arena);
    (void)pthread_mutex_destroy(&manifest->lock);
    lt_free(manifest);
}

static lt_status manifest_read(const char *path, lt_dbt_manifest **out, lt_err *err)
{
    lt_dbt_manifest *made = lt_xcalloc(1, sizeof(*made));
    reading r = {.manifest = made, .err = err};
    made->text.limit = MOST_MANIFEST_BYTES;
    (void)pthread_mutex_init(&made->lock, NULL);
    lt_status status = lt_file_read(path, &made->text, err);
    lt_json_open(&r.reader, lt_buf_text(&made->text), path);
    if (status == LT_OK) {
        lt_dbt_old_part_begin(&made->part, lt_buf_text(&made->text));
        status = read_pieces(&r);
    }
    if (status != LT_OK) {
        manifest_free(made);
        return status;
    }
    *out = made;
    return LT_OK;
}

/* ---- reading ---- */

static lt_status read_json(const char *folder, const char *name, lt_arena *arena, lt_json **out,
                           lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = MOST_MANIFEST_BYTES};
    LT_AUTO(lt_chars) path = lt_path_join(folder, name);
    LT_TRY(lt_file_read(path, &text, err));
    return lt_json_read(lt_buf_text(&text), path, &generous, arena, out, err);
}

static lt_status read_if_there(const char *folder, const char *name, lt_arena *arena, lt_json **out,
                               lt_err *err)
{
    LT_AUTO(lt_chars) path = lt_path_join(folder, name);
    return lt_path_exists(path) ? read_json(folder, name, arena, out, err) : LT_OK;
}

lt_status lt_dbt_state_read(const char *folder, const char *target_folder, lt_dbt_state *out,
                            lt_err *err)
{
    lt_dbt_state made = {0};
    LT_AUTO(lt_chars) path = lt_path_join(folder, "manifest.json");
    made.folder = lt_arena_str(&made.arena, lt_text_of(folder));
    lt_status status = lt_path_exists(path) ? manifest_read(path, &made.manifest, err) : LT_OK;
    if (status == LT_OK)
        status = read_if_there(folder, "run_results.json", &made.arena, &made.run_results, err);
    if (status == LT_OK)
        status = read_if_there(folder, "sources.json", &made.arena, &made.sources, err);
    if (status == LT_OK)
        status =
            read_if_there(target_folder, "sources.json", &made.arena, &made.current_sources, err);
    if (status != LT_OK) {
        lt_dbt_state_cleanup(&made);
        return status;
    }
    *out = made;
    return LT_OK;
}

/* `metadata` comes first: it is not worth reading all of a large manifest to learn that it is another run's. */
static bool begins_with_id(const char *folder, lt_text id)
{
    char head[64 * 1024];
    LT_AUTO(lt_chars) path = lt_path_join(folder, "manifest.json");
    LT_AUTO(lt_fd) fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    ssize_t got = fd < 0 ? -1 : read(fd, head, sizeof(head));
    return got > 0 && id.len && lt_text_find(lt_text_at(head, (size_t)got), id, 0) != SIZE_MAX;
}

lt_status lt_dbt_state_need(const lt_dbt_state *state, lt_err *err)
{
    if (state->manifest)
        return LT_OK;
    lt_ignore(
        lt_fail(err, LT_NOT_FOUND, "there is no manifest.json in the state '%s'", state->folder));
    return lt_hint(err, "give the target folder of another run");
}

bool lt_dbt_results_count(const lt_json *run_results)
{
    static const lt_text apart[] = {T("compile"), T("show"),  T("generate"),
                                    T("list"),    T("parse"), T("run-operation")};
    lt_text which = lt_json_text_or(lt_json_find(run_results, "args"), "which", (lt_text){0});
    for (size_t i = 0; i < LT_COUNT(apart); i++)
        if (lt_text_eq(which, apart[i]))
            return false;
    return run_results != NULL;
}

lt_status lt_dbt_state_read_last(const char *folder, lt_dbt_state *out, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_json *results = NULL;
    LT_TRY(read_json(folder, "run_results.json", &arena, &results, err));
    lt_text id = lt_json_text_or(lt_json_find(results, "metadata"), "invocation_id", (lt_text){0});
    if (!lt_dbt_results_count(results))
        return lt_fail(err, LT_NOT_FOUND, "the results in '%s' are of no build", folder);
    if (!begins_with_id(folder, id))
        return lt_fail(err, LT_NOT_FOUND, "manifest.json in '%s' is another run's", folder);
    return lt_dbt_state_read(folder, folder, out, err);
}

void lt_dbt_state_cleanup(lt_dbt_state *state)
{
    manifest_free(state->manifest);
    lt_arena_cleanup(&state->arena);
    *state = (lt_dbt_state){0};
}

/* ---- asking ---- */

/* What was checked when it was read. */
static lt_json *tree_of(lt_text raw, lt_arena *arena)
{
    lt_err none = {0};
    lt_json *tree = NULL;
    return lt_json_read(raw, "manifest.json", &generous, arena, &tree, &none) == LT_OK ? tree
                                                                                       : NULL;
}

const lt_json *lt_dbt_state_node_in(const lt_dbt_state *state, lt_text id, lt_arena *arena)
{
    const lt_dbt_old_node *node = state->manifest ? lt_map_find(&state->manifest->nodes, id) : NULL;
    return node ? tree_of(node->raw, arena) : NULL;
}

bool lt_dbt_state_has(const lt_dbt_state *state, lt_text id, lt_text now)
{
    const lt_dbt_old_node *node = state->manifest ? lt_map_find(&state->manifest->nodes, id) : NULL;
    return node && lt_dbt_old_node_is(node, now);
}

const lt_json *lt_dbt_state_node(const lt_dbt_state *state, lt_text id)
{
    lt_dbt_manifest *manifest = state->manifest;
    lt_dbt_old_node *node = manifest ? lt_map_find(&manifest->nodes, id) : NULL;
    if (!node)
        return NULL;
    (void)pthread_mutex_lock(&manifest->lock);
    if (!node->opened)
        node->opened = tree_of(node->raw, &manifest->arena);
    const lt_json *found = node->opened;
    (void)pthread_mutex_unlock(&manifest->lock);
    return found;
}

bool lt_dbt_state_id_at(const lt_dbt_state *state, size_t i, lt_text *out)
{
    if (!state->manifest || i >= state->manifest->nodes.entries.len)
        return false;
    *out = state->manifest->nodes.entries.items[i].key;
    return true;
}

bool lt_dbt_state_macro(const lt_dbt_state *state, lt_text id, lt_text *sql)
{
    const lt_text *found = state->manifest ? lt_map_find(&state->manifest->macros, id) : NULL;
    if (found)
        *sql = *found;
    return found != NULL;
}

lt_text lt_dbt_state_invocation(const lt_dbt_state *state)
{
    return state->manifest ? state->manifest->invocation : (lt_text){0};
}
