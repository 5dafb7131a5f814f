/* manifest.json (schema v12): the file and its order; what stands in it is written by manifest_*.c. */
#include "dbt/artifacts/manifest_inner.h"

#include "base/fs.h"
#include "base/time.h"

#include <stdio.h>
#include <unistd.h>

typedef lt_json_writer writer;

enum { FLUSH_BYTES = 1 << 20, MOST_PATCH = 16 << 20 };

static bool patches(const lt_manifest *m)
{
    return m->pieces.way == LT_MANIFEST_PATCHED;
}

static void flush(lt_manifest *m)
{
    if (m->status == LT_OK)
        m->status = lt_buf_check(&m->buf, "the manifest", m->err);
    if (m->status == LT_OK)
        m->status = lt_fd_write(m->fd, lt_buf_text(&m->buf), m->place->fresh, m->err);
    m->written += m->buf.len;
    lt_buf_clear(&m->buf);
}

/* How much room there is for what is patched in is known when the next piece is. */
void lt_manifest_flush(lt_manifest *m)
{
    if (m->buf.len < FLUSH_BYTES || patches(m))
        return;
    flush(m);
    lt_manifest_spare_grow(m);
}

void lt_manifest_flush_all(lt_manifest *m)
{
    if (!patches(m))
        flush(m);
    lt_manifest_run_end(m);
}

const lt_dbt_nodes *lt_manifest_children(lt_manifest *m)
{
    if (!m->children)
        m->children = lt_dbt_children(m->dbt, &m->scratch);
    return m->children;
}

/* ---- what the pieces depend on beside the parse cache ---- */

/* Of each node: what it needs, its tests, and whether those are as they were. */
typedef struct node_state {
    uint64_t needs, tests;
    bool is_again;
} node_state;

/* A place that the cache does not know is another node's the next time. */
static uint64_t needs_of(const lt_dbt_node *node)
{
    uint64_t digest = lt_dbt_mix(node->place, node->no_relation);
    if (node->is_again)
        digest = lt_dbt_mix_text(digest, node->id);
    for (size_t i = 0; i < node->depends_on.len; i++)
        digest = lt_dbt_mix(digest, node->depends_on.items[i]->place);
    return digest;
}

static node_state *states_of(lt_manifest *m)
{
    const lt_dbt_nodes *all = &m->dbt->all;
    node_state *states = lt_alloc_array(&m->scratch, all->len + 1, sizeof(*states));
    for (size_t i = 0; i < all->len; i++) {
        const lt_dbt_node *node = all->items[i];
        states[i].needs = needs_of(node);
        states[i].is_again |= node->is_again || node->is_compiled || node->compiled_path.len;
        for (size_t k = 0; node->kind == LT_DBT_GENERIC_TEST && k < node->depends_on.len; k++) {
            node_state *tested = &states[node->depends_on.items[k]->index];
            tested->tests += lt_dbt_mix(node->place, 1);
            tested->is_again |= node->is_again;
        }
    }
    return states;
}

static uint64_t state_digest(const node_state *state)
{
    return state->is_again ? 0 : lt_dbt_mix(state->needs, state->tests);
}

/* ---- the file ---- */

static void write_node(lt_manifest *m, const lt_dbt_node *node)
{
    lt_texts primary_key = {0};
    if (node->kind == LT_DBT_MODEL)
        lt_manifest_primary_key(m->dbt, node, &lt_manifest_children(m)[node->index], &primary_key);
    lt_json_key(&m->w, node->id);
    lt_manifest_node(&m->w, m->dbt, node, &primary_key);
}

static void write_kind(lt_manifest *m, const char *key, lt_dbt_kind first, lt_dbt_kind last)
{
    const lt_dbt_nodes *all = &m->dbt->all;
    size_t left = 0;
    for (lt_dbt_kind kind = first; kind <= last; kind++)
        left += m->dbt->counts[kind];
    lt_json_key(&m->w, lt_text_of(key));
    lt_json_begin(&m->w, '{');
    for (size_t i = 0; i < all->len && left && m->status == LT_OK; i++) {
        const lt_dbt_node *node = all->items[i];
        bool of_another = node->kind == LT_DBT_SEMANTIC_MODEL; /* has the relation of its model */
        if (node->kind < first || node->kind > last)
            continue;
        left--;
        if (!lt_manifest_piece_begin(m, LT_MANIFEST_SECTIONS + node->place,
                                     of_another ? 0 : state_digest(&m->states[i])))
            continue;
        write_node(m, node);
        lt_manifest_piece_end(m);
        lt_manifest_flush(m);
    }
    lt_manifest_flush_all(m);
    lt_json_end(&m->w);
}

static void write_section(lt_manifest *m, unsigned section, uint64_t digest,
                          void (*write)(lt_manifest *m))
{
    if (m->status == LT_OK && lt_manifest_piece_begin(m, section, digest)) {
        write(m);
        lt_manifest_piece_end(m);
    }
    lt_manifest_flush_all(m);
}

static uint64_t digest_of_edges(const lt_manifest *m)
{
    uint64_t digest = m->dbt->all.len;
    for (size_t i = 0; i < m->dbt->all.len; i++)
        digest = lt_dbt_mix(digest, m->states[i].needs);
    return digest;
}

static void write_disabled(lt_manifest *m)
{
    lt_map seen = {0};
    writer *w = &m->w;
    lt_json_key(w, T("disabled"));
    lt_json_begin(w, '{');
    for (size_t i = 0; i < m->dbt->disabled.len; i++) {
        const lt_dbt_node *node = m->dbt->disabled.items[i];
        if (lt_map_has(&seen, node->id))
            continue;
        lt_json_key(w, node->id);
        lt_json_begin(w, '[');
        for (size_t k = i; k < m->dbt->disabled.len; k++)
            if (lt_text_eq(m->dbt->disabled.items[k]->id, node->id))
                lt_dbt_write_node(m->dbt, m->dbt->disabled.items[k], w);
        lt_json_end(w);
        (void)lt_map_put(&seen, node->id, m);
        lt_manifest_flush(m);
    }
    lt_json_end(w);
    lt_map_cleanup(&seen);
}

void lt_dbt_write_metadata(const lt_dbt_invocation *invocation, const char *schema,
                           lt_json_writer *w)
{
    char now[LT_TIME_CHARS], started[LT_TIME_CHARS];
    lt_json_set(w, "dbt_schema_version", lt_text_of(schema));
    lt_json_set(w, "dbt_version", T(LT_DBT_VERSION));
    lt_json_set(w, "generated_at", lt_text_of(lt_time_write(lt_now_us(), now)));
    lt_json_set(w, "invocation_id", invocation->id);
    lt_json_set(w, "invocation_started_at",
                lt_text_of(lt_time_write(invocation->started_at_us, started)));
    lt_json_key(w, T("env"));
    lt_json_begin(w, '{');
    for (size_t i = 0; i < invocation->env_count; i++)
        lt_json_set(w, invocation->env_names[i], lt_text_of(invocation->env_values[i]));
    lt_json_end(w);
}

static void write_head(lt_manifest *m)
{
    writer *w = &m->w;
    char sum[33], started[LT_TIME_CHARS];
    lt_dbt_md5_hex(m->dbt->root->name, sum);
    lt_json_key(w, T("metadata"));
    lt_json_begin(w, '{');
    bool quote[LT_DBT_PARTS];
    lt_dbt_quoting_of(m->dbt, NULL, quote);
    lt_dbt_write_metadata(m->invocation, "https://schemas.getdbt.com/dbt/manifest/v12.json", w);
    lt_json_set(w, "project_name", m->dbt->root->name);
    lt_json_set(w, "project_id", lt_text_of(sum));
    lt_manifest_null(w, "user_id");
    lt_json_set_bool(w, "send_anonymous_usage_stats", false);
    lt_json_set(w, "adapter_type", m->dbt->settings.target_kind);
    lt_json_key(w, T("quoting"));
    lt_json_begin(w, '{');
    lt_json_set_bool(w, "database", quote[LT_DBT_DATABASE]);
    lt_json_set_bool(w, "schema", quote[LT_DBT_SCHEMA]);
    lt_json_set_bool(w, "identifier", quote[LT_DBT_IDENTIFIER]);
    lt_manifest_null(w, "column");
    lt_json_end(w);
    lt_json_set(w, "run_started_at",
                lt_text_of(lt_time_write(m->invocation->started_at_us, started)));
    lt_json_end(w);
}

static void write_all(lt_manifest *m)
{
    writer *w = &m->w;
    lt_json_begin(w, '{');
    write_head(m);
    write_kind(m, "nodes", LT_DBT_MODEL, LT_DBT_OPERATION);
    write_kind(m, "sources", LT_DBT_SOURCE, LT_DBT_SOURCE);
    write_section(m, LT_MANIFEST_MACROS, !m->dbt->macros_again, lt_manifest_macros);
    write_section(m, LT_MANIFEST_DOCS, !m->dbt->docs_again, lt_manifest_docs);
    write_kind(m, "exposures", LT_DBT_EXPOSURE, LT_DBT_EXPOSURE);
    write_kind(m, "metrics", LT_DBT_METRIC, LT_DBT_METRIC);
    write_kind(m, "groups", LT_DBT_GROUP, LT_DBT_GROUP);
    lt_json_key(w, T("selectors"));
    lt_dbt_write_value(w, m->dbt->selectors.type == LT_JINJA_DICT ? m->dbt->selectors
                                                                  : m->dbt->defaults[LT_DBT_KINDS]);
    write_disabled(m);
    write_section(m, LT_MANIFEST_MAPS, digest_of_edges(m), lt_manifest_maps);
    lt_manifest_groups(m);
    write_kind(m, "saved_queries", LT_DBT_SAVED_QUERY, LT_DBT_SAVED_QUERY);
    write_kind(m, "semantic_models", LT_DBT_SEMANTIC_MODEL, LT_DBT_SEMANTIC_MODEL);
    write_kind(m, "unit_tests", LT_DBT_UNIT_TEST, LT_DBT_UNIT_TEST);
    write_kind(m, "functions", LT_DBT_UDF, LT_DBT_UDF);
    lt_json_end(w);
}

/* ---- its three ways ---- */

static lt_status open_file(lt_manifest *m, lt_manifest_way way)
{
    lt_buf_clear(&m->buf);
    m->w = (lt_json_writer){.out = &m->buf};
    m->status = LT_OK;
    m->written = 0;
    m->buf.limit = way == LT_MANIFEST_PATCHED ? MOST_PATCH : (size_t)LT_GIB;
    if (way != LT_MANIFEST_PATCHED)
        return lt_manifest_place_new(m->place, &m->fd, m->err);
    m->fd = lt_manifest_place_take(m->place);
    return m->fd >= 0 ? LT_OK : lt_fail(m->err, LT_NOT_FOUND, "there is no spare manifest");
}

static lt_status write_file(lt_manifest *m, lt_manifest_way way)
{
    LT_TRY(lt_manifest_pieces_open(m, way));
    write_all(m);
    if (patches(m))
        lt_manifest_patch_end(m);
    else
        flush(m);
    bool spared = lt_manifest_spare_end(m);
    LT_TRY(m->status);
    LT_TRY(lt_manifest_place_name(m->place, m->pieces.stamp != 0 && !spared, m->err));
    lt_manifest_pieces_keep(m);
    return LT_OK;
}

/* *again: it can be done in another way. */
static lt_status try_write(lt_manifest *m, lt_manifest_way way, bool *again)
{
    lt_status status = open_file(m, way);
    bool made = status == LT_OK;
    if (made)
        status = write_file(m, way);
    if (made && status != LT_OK)
        (void)unlink(m->place->fresh);
    *again = way == LT_MANIFEST_PATCHED ? status != LT_OK : m->pieces.failed;
    lt_manifest_pieces_close(&m->pieces);
    lt_fd_close(m->fd);
    m->fd = -1;
    return status;
}

/* Patching pays while most of the file stays as it is. */
static bool is_near(const lt_manifest *m)
{
    enum { PART = 8 };
    size_t again = 0;
    for (size_t i = 0; i < m->dbt->all.len; i++)
        again += m->states[i].is_again;
    return m->dbt->cache_stamp && m->place->lock >= 0 && again <= m->dbt->all.len / PART;
}

static lt_status write_somehow(lt_manifest *m)
{
    bool again = true;
    lt_status status = LT_OK;
    m->states = states_of(m);
    if (is_near(m))
        status = try_write(m, LT_MANIFEST_PATCHED, &again);
    if (again)
        status = try_write(m, LT_MANIFEST_COPIED, &again);
    return again ? try_write(m, LT_MANIFEST_ANEW, &again) : status;
}

lt_status lt_dbt_manifest_write(lt_dbt *dbt, const lt_dbt_invocation *invocation,
                                const char *folder, lt_err *err)
{
    lt_manifest_place place;
    LT_TRY(lt_folder_make(folder, 0755, err));
    lt_manifest_place_open(&place, folder);
    lt_manifest m = {.place = &place, .fd = -1, .err = err, .dbt = dbt, .invocation = invocation};
    lt_status status = write_somehow(&m);
    lt_buf_cleanup(&m.buf);
    lt_arena_cleanup(&m.scratch);
    lt_manifest_place_close(&place);
    return status;
}
