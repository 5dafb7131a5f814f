/* `overrides:`: what one package's .yml file says of a source that another package has. */
#include "dbt/inner.h"

struct source_override {
    lt_text package, name;
    const char *path;
    const lt_yaml *entry;
    bool is_used;
};

static lt_text scalar_at(const lt_yaml *entry, const char *key)
{
    const lt_yaml *value = lt_yaml_find(entry, lt_text_of(key));
    return value && value->kind == LT_YAML_SCALAR ? value->text : (lt_text){0};
}

static struct source_override *find(const lt_dbt *dbt, lt_text package, lt_text name)
{
    for (size_t i = 0; i < dbt->overrides.len; i++) {
        struct source_override *one = dbt->overrides.items[i];
        if (lt_text_eq(one->package, package) && lt_text_eq(one->name, name))
            return one;
    }
    return NULL;
}

static lt_status note(lt_dbt *dbt, const char *path, const lt_yaml *entry, lt_err *err)
{
    struct source_override made = {.package = scalar_at(entry, "overrides"),
                                   .name = scalar_at(entry, "name"),
                                   .path = path,
                                   .entry = entry};
    if (!made.package.len)
        return LT_OK;
    lt_dbt_seen_apart(dbt);
    const struct source_override *before = find(dbt, made.package, made.name);
    if (before)
        return lt_yaml_fail(entry, path, err,
                            "the source '%.*s' of the package '%.*s' is overridden already, in %s",
                            LT_ARG(made.name), LT_ARG(made.package), before->path);
    struct source_override *kept = LT_NEW(&dbt->arena, struct source_override);
    *kept = made;
    lt_dbt_warn(dbt, LT_DBT_SOURCE_OVERRIDE,
                "The source property `overrides` is deprecated but was found on source `%.*s` in "
                "file `%s`. Instead, `enabled` should be used to disable the unwanted source.",
                LT_ARG(made.name), path);
    lt_push_in(&dbt->arena, &dbt->overrides, kept);
    return LT_OK;
}

lt_status lt_dbt_overrides_note(lt_dbt *dbt, const char *path, const lt_yaml *root, lt_err *err)
{
    const lt_yaml *list =
        root && root->kind == LT_YAML_MAPPING ? lt_yaml_find(root, T("sources")) : NULL;
    for (size_t i = 0; list && list->kind == LT_YAML_SEQUENCE && i < list->count; i++)
        if (list->items[i]->kind == LT_YAML_MAPPING)
            LT_TRY(note(dbt, path, list->items[i], err));
    return LT_OK;
}

static bool is_one_of(lt_text key, const char *const *names)
{
    for (; *names; names++)
        if (lt_text_eq(key, lt_text_of(*names)))
            return true;
    return false;
}

/* The keys of `over` in place of those of `base`; those of `left_out` are never taken from it, those of `dropped` never from the base. */
static const lt_yaml *merge(lt_dbt *dbt, const lt_yaml *base, const lt_yaml *over,
                            const char *const *left_out, const char *const *dropped)
{
    lt_yaml *made = LT_NEW(&dbt->arena, lt_yaml);
    size_t most = base->count + over->count + 1;
    *made = *base;
    made->count = 0;
    made->keys = lt_alloc_array(&dbt->arena, most, sizeof(*made->keys));
    made->items = lt_alloc_array(&dbt->arena, most, sizeof(*made->items));
    for (size_t i = 0; i < base->count; i++) {
        lt_text key = base->keys[i]->text;
        bool replaced = lt_yaml_find(over, key) && !is_one_of(key, left_out);
        if (replaced || is_one_of(key, dropped))
            continue;
        made->keys[made->count] = base->keys[i];
        made->items[made->count++] = base->items[i];
    }
    for (size_t i = 0; i < over->count; i++) {
        if (is_one_of(over->keys[i]->text, left_out))
            continue;
        made->keys[made->count] = over->keys[i];
        made->items[made->count++] = over->items[i];
    }
    return made;
}

const lt_yaml *lt_dbt_override_source(lt_dbt *dbt, const lt_dbt_package *package,
                                      const lt_yaml *entry, const lt_yaml **tables)
{
    /* As dbt: what the override does not say of these is as if nobody had said anything. */
    static const char *const dropped[] = {"config", "freshness", NULL};
    static const char *const left_out[] = {"name", "overrides", "tables", NULL};
    struct source_override *found = find(dbt, package->name, scalar_at(entry, "name"));
    *tables = NULL;
    if (!found)
        return entry;
    found->is_used = true;
    lt_dbt_seen_apart(dbt);
    *tables = lt_yaml_find(found->entry, T("tables"));
    return merge(dbt, entry, found->entry, left_out, dropped);
}

const lt_yaml *lt_dbt_override_table(lt_dbt *dbt, const lt_yaml *table, const lt_yaml *overrides)
{
    static const char *const dropped[] = {"freshness", NULL};
    static const char *const left_out[] = {"name", NULL};
    lt_text name = scalar_at(table, "name");
    for (size_t i = 0; overrides && overrides->kind == LT_YAML_SEQUENCE && i < overrides->count;
         i++)
        if (overrides->items[i]->kind == LT_YAML_MAPPING &&
            lt_text_eq(scalar_at(overrides->items[i], "name"), name))
            return merge(dbt, table, overrides->items[i], left_out, dropped);
    return table;
}

void lt_dbt_overrides_warn(lt_dbt *dbt)
{
    LT_AUTO(lt_buf) list = {.limit = 64 * LT_KIB};
    for (size_t i = 0; i < dbt->overrides.len; i++) {
        const struct source_override *one = dbt->overrides.items[i];
        if (!one->is_used)
            lt_buf_printf(&list, "\n  - Source %.*s.%.*s (in %s)", LT_ARG(one->package),
                          LT_ARG(one->name), one->path);
    }
    dbt->overrides.len = 0; /* their trees go */
    if (list.len)
        lt_dbt_warn(dbt, LT_DBT_UNUSED_OVERRIDES,
                    "During parsing, dbt encountered source overrides that had no target:%s",
                    lt_buf_chars(&list));
}
