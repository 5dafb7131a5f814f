/* manifest.json (schema v12): the file and its order; what stands in it is written by manifest_*.c. */
#include "dbt/manifest_inner.h"

#include "base/fs.h"
#include "base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

typedef lt_json_writer writer;

enum { FLUSH_BYTES = 1 << 20 };

static void flush(lt_manifest *m)
{
    if (m->status == LT_OK)
        m->status = lt_fd_write(m->fd, lt_buf_text(&m->buf), m->path, m->err);
    lt_buf_clear(&m->buf);
}

void lt_manifest_flush(lt_manifest *m)
{
    if (m->buf.len >= FLUSH_BYTES)
        flush(m);
}

static void write_kind(lt_manifest *m, const char *key, lt_dbt_kind first, lt_dbt_kind last)
{
    const lt_dbt_nodes *all = &m->dbt->all;
    lt_json_key(&m->w, lt_text_of(key));
    lt_json_begin(&m->w, '{');
    for (size_t i = 0; i < all->len; i++) {
        lt_texts primary_key = {0};
        const lt_dbt_node *node = all->items[i];
        if (node->kind < first || node->kind > last)
            continue;
        if (node->kind == LT_DBT_MODEL)
            lt_manifest_primary_key(m->dbt, node, &m->children[i], &primary_key);
        lt_json_key(&m->w, node->id);
        lt_manifest_node(&m->w, m->dbt, node, &primary_key);
        lt_manifest_flush(m);
    }
    lt_json_end(&m->w);
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
    lt_dbt_write_metadata(m->invocation, "https://schemas.getdbt.com/dbt/manifest/v12.json", w);
    lt_json_set(w, "project_name", m->dbt->root->name);
    lt_json_set(w, "project_id", lt_text_of(sum));
    lt_manifest_null(w, "user_id");
    lt_json_set_bool(w, "send_anonymous_usage_stats", false);
    lt_json_set(w, "adapter_type", m->dbt->settings.target_kind);
    lt_json_key(w, T("quoting"));
    lt_json_begin(w, '{');
    lt_json_set_bool(w, "database", true);
    lt_json_set_bool(w, "schema", true);
    lt_json_set_bool(w, "identifier", true);
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
    lt_manifest_macros(m);
    lt_manifest_docs(m);
    write_kind(m, "exposures", LT_DBT_EXPOSURE, LT_DBT_EXPOSURE);
    write_kind(m, "metrics", LT_DBT_METRIC, LT_DBT_METRIC);
    write_kind(m, "groups", LT_DBT_GROUP, LT_DBT_GROUP);
    lt_json_key(w, T("selectors"));
    lt_dbt_write_value(w, m->dbt->selectors.type == LT_JINJA_DICT ? m->dbt->selectors
                                                                  : m->dbt->defaults[LT_DBT_KINDS]);
    write_disabled(m);
    lt_manifest_maps(m);
    lt_manifest_groups(m);
    write_kind(m, "saved_queries", LT_DBT_SAVED_QUERY, LT_DBT_SAVED_QUERY);
    write_kind(m, "semantic_models", LT_DBT_SEMANTIC_MODEL, LT_DBT_SEMANTIC_MODEL);
    write_kind(m, "unit_tests", LT_DBT_UNIT_TEST, LT_DBT_UNIT_TEST);
    lt_json_key(w, T("functions"));
    lt_json_begin(w, '{');
    lt_json_end(w);
    lt_json_end(w);
    flush(m);
}

lt_status lt_dbt_manifest_write(lt_dbt *dbt, const lt_dbt_invocation *invocation,
                                const char *folder, lt_err *err)
{
    LT_AUTO(lt_arena) scratch = {0};
    LT_AUTO(lt_chars) path = lt_path_join(folder, "manifest.json");
    LT_AUTO(lt_chars) fresh = lt_format("%s.new", path);
    LT_TRY(lt_folder_make(folder, 0755, err));
    LT_AUTO(lt_fd) fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return lt_fail_errno(err, errno, "cannot create '%s'", fresh);
    lt_manifest m = {.fd = fd,
                     .path = fresh,
                     .err = err,
                     .dbt = dbt,
                     .invocation = invocation,
                     .children = lt_dbt_children(dbt, &scratch)};
    m.buf.limit = LT_GIB;
    m.w.out = &m.buf;
    write_all(&m);
    lt_status status = m.status;
    if (status == LT_OK)
        status = lt_buf_check(&m.buf, "the manifest", err);
    lt_buf_cleanup(&m.buf);
    if (status == LT_OK && rename(fresh, path) != 0)
        status = lt_fail_errno(err, errno, "cannot rename '%s'", fresh);
    if (status != LT_OK)
        (void)unlink(fresh);
    return status;
}
