/* What is said of versions of models: of those whose deprecation_date is set and who refers to them, and of references to no version. */
#include "cli/dbt/work.h"

#include "base/time.h"

#include <stdio.h>

typedef struct deprecated {
    const lt_dbt_node *node;
    char version[64]; /* ".v1"; empty: it has none */
    bool is_past, is_latest;
} deprecated;

static void add_version(lt_jinja_value version, lt_buf *out)
{
    if (lt_dbt_is_set(version))
        lt_jinja_str(version, out);
}

static lt_status say_reference(dbt_work *work, const deprecated *d, const lt_dbt_node *reader,
                               lt_text latest, lt_err *err)
{
    const lt_dbt_node *node = d->node;
    LT_AUTO(lt_buf) coda = {.limit = 16 * LT_KIB};
    if (d->version[0] && !d->is_latest)
        lt_buf_printf(&coda,
                      "A new version of '%.*s' is available. %s: {{ ref('%.*s', '%.*s', "
                      "v='%.*s') }}.",
                      LT_ARG(node->name), d->is_past ? "Migrate now" : "Try it out",
                      LT_ARG(node->package->name), LT_ARG(node->name), LT_ARG(latest));
    return dbt_work_warn(
        work, d->is_past ? LT_DBT_DEPRECATED_REFERENCE : LT_DBT_UPCOMING_REFERENCE, err,
        "While compiling '%.*s': Found a reference to %.*s%s, which %s on '%.*s'. %s",
        LT_ARG(reader->name), LT_ARG(node->name), d->version,
        d->is_past ? "was deprecated" : "is slated for deprecation", LT_ARG(node->deprecation_date),
        lt_buf_chars(&coda));
}

static lt_status say_of(dbt_work *work, const lt_dbt_node *node, const lt_dbt_nodes *readers,
                        lt_err *err)
{
    int64_t when_us = 0;
    deprecated d = {.node = node};
    LT_AUTO(lt_buf) version = {.limit = LT_KIB}, latest = {.limit = LT_KIB};
    add_version(node->version, &version);
    add_version(node->latest_version, &latest);
    if (version.len)
        (void)snprintf(d.version, sizeof(d.version), ".v%s", lt_buf_chars(&version));
    d.is_latest = strcmp(lt_buf_chars(&version), lt_buf_chars(&latest)) == 0;
    d.is_past = lt_time_read(node->deprecation_date, &when_us) && when_us < work->started_at_us;
    if (d.is_past)
        LT_TRY(dbt_work_warn(work, LT_DBT_DEPRECATED_MODEL, err,
                             "Model %.*s%s has passed its deprecation date of %.*s. This model "
                             "should be disabled or removed.",
                             LT_ARG(node->name), d.version, LT_ARG(node->deprecation_date)));
    for (size_t i = 0; i < readers->len; i++)
        if (readers->items[i]->kind == LT_DBT_MODEL)
            LT_TRY(say_reference(work, &d, readers->items[i], lt_buf_text(&latest), err));
    return LT_OK;
}

lt_status dbt_work_deprecations(dbt_work *work, lt_err *err)
{
    const lt_dbt_nodes *all = lt_dbt_all(work->dbt);
    const lt_dbt_nodes *children = NULL;
    LT_AUTO(lt_arena) scratch = {0};
    for (size_t i = 0; i < all->len; i++) {
        const lt_dbt_node *node = all->items[i];
        if (node->kind != LT_DBT_MODEL || !node->deprecation_date.len)
            continue;
        if (!children)
            children = lt_dbt_children(work->dbt, &scratch);
        LT_TRY(say_of(work, node, &children[i], err));
    }
    return LT_OK;
}

void dbt_work_unpinned(dbt_work *work, const lt_dbt_node *node)
{
    for (size_t i = 0; i < node->refs.len; i++) {
        const lt_dbt_node *newest = NULL, *found = lt_dbt_unpinned(work->dbt, node, i, &newest);
        LT_AUTO(lt_buf) latest = {.limit = LT_KIB}, newer = {.limit = LT_KIB};
        if (!found)
            continue;
        add_version(found->version, &latest);
        add_version(newest->version, &newer);
        const char *now = lt_buf_chars(&latest), *then = lt_buf_chars(&newer);
        const lt_text name = found->name, package = found->package->name;
        dbt_say(&work->log, LT_LOG_INFO, "I064", "UnpinnedRefNewVersionAvailable",
                "While compiling '%.*s':\n"
                "Found an unpinned reference to versioned model '%.*s' in project '%.*s'.\n"
                "Resolving to latest version: %.*s.v%s\n"
                "A prerelease version %s is available. It has not yet been marked 'latest' by its "
                "maintainer.\n"
                "When that happens, this reference will resolve to %.*s.v%s instead.\n\n"
                "  Try out v%s: {{ ref('%.*s', '%.*s', v='%s') }}\n"
                "  Pin to  v%s: {{ ref('%.*s', '%.*s', v='%s') }}\n",
                LT_ARG(node->name), LT_ARG(name), LT_ARG(package), LT_ARG(name), now, then,
                LT_ARG(name), then, then, LT_ARG(package), LT_ARG(name), then, now, LT_ARG(package),
                LT_ARG(name), now);
    }
}
