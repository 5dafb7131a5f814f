/* Packages: the project's file, its vars and folders, what is installed in dbt_packages/, and our own macros. */
#include "dbt/ignore.h"
#include "dbt/inner.h"
#include "dbt/semver.h"

#include "base/embed.h"
#include "base/fs.h"

#include <dirent.h>
#include <stdlib.h>

enum { MOST_PACKAGES = 1000 };

typedef struct path_key {
    const char *key, *older, *usual;
} path_key;

static const path_key path_keys[LT_DBT_PATHS] = {
    [LT_DBT_MACRO_PATHS] = {"macro-paths", NULL, "macros"},
    [LT_DBT_MODEL_PATHS] = {"model-paths", "source-paths", "models"},
    [LT_DBT_SEED_PATHS] = {"seed-paths", "data-paths", "seeds"},
    [LT_DBT_SNAPSHOT_PATHS] = {"snapshot-paths", NULL, "snapshots"},
    [LT_DBT_ANALYSIS_PATHS] = {"analysis-paths", NULL, "analyses"},
    [LT_DBT_TEST_PATHS] = {"test-paths", NULL, "tests"},
    [LT_DBT_UDF_PATHS] = {"function-paths", NULL, "functions"},
    [LT_DBT_OWN_TEST_PATHS] = {NULL, NULL,
                               "leat_tests"}, /* dbt refuses keys that it does not know */
    [LT_DBT_DOCS_PATHS] = {"docs-paths", NULL, NULL},
};

static const char *const project_keys[] = {"name",
                                           "version",
                                           "config-version",
                                           "profile",
                                           "project-root",
                                           "source-paths",
                                           "model-paths",
                                           "macro-paths",
                                           "data-paths",
                                           "seed-paths",
                                           "test-paths",
                                           "analysis-paths",
                                           "docs-paths",
                                           "asset-paths",
                                           "function-paths",
                                           "target-path",
                                           "snapshot-paths",
                                           "clean-targets",
                                           "log-path",
                                           "packages-install-path",
                                           "quoting",
                                           "on-run-start",
                                           "on-run-end",
                                           "require-dbt-version",
                                           "dispatch",
                                           "models",
                                           "seeds",
                                           "snapshots",
                                           "analyses",
                                           "sources",
                                           "tests",
                                           "data_tests",
                                           "unit_tests",
                                           "metrics",
                                           "semantic-models",
                                           "saved-queries",
                                           "exposures",
                                           "functions",
                                           "vars",
                                           "packages",
                                           "query-comment",
                                           "restrict-access",
                                           "dbt-cloud",
                                           "flags"};

const lt_dbt_package *lt_dbt_package_find(const lt_dbt *dbt, lt_text name)
{
    return lt_map_find(&dbt->package_names, name);
}

/* ---- dbt_project.yml ---- */

static bool is_rendered(lt_text key)
{
    static const char *const late[] = {"on-run-start", "on-run-end", "query-comment", "vars"};
    for (size_t i = 0; i < LT_COUNT(late); i++)
        if (lt_text_eq(key, lt_text_of(late[i])))
            return false;
    return true;
}

static bool is_hook(lt_text key)
{
    if (lt_text_starts(key, T("+")))
        key = lt_text_trim(lt_text_sub(key, 1, SIZE_MAX));
    return lt_text_eq(key, T("pre-hook")) || lt_text_eq(key, T("post-hook")) ||
           lt_text_eq(key, T("pre_hook")) || lt_text_eq(key, T("post_hook"));
}

/* Hooks are rendered when they run. The depth of a tree is limited by its reader (64). */
static lt_status render_tree(const value_source *source, const lt_yaml *node, lt_jinja_value *out,
                             lt_err *err)
{
    if (node->kind != LT_YAML_MAPPING)
        return lt_dbt_value(source, node, out, err);
    *out = lt_jinja_dict(&source->dbt->heap);
    for (size_t i = 0; i < node->count; i++) {
        lt_jinja_value value;
        if (is_hook(node->keys[i]->text))
            value = lt_scope_value(&source->dbt->heap, node->items[i]);
        else
            LT_TRY(render_tree(source, node->items[i], &value, err));
        lt_jinja_put_value(*out, lt_scope_value(&source->dbt->heap, node->keys[i]), value);
    }
    return LT_OK;
}

static bool is_number(lt_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!lt_is_digit(text.ptr[i]))
            return false;
    return text.len > 0;
}

/* "1.0", or "1.0.0", which may have more behind it: "1.0.0-rc.1" */
static bool is_version(lt_text text)
{
    lt_text part, core = text;
    size_t parts = 0,
           tail = LT_MIN(lt_text_find_byte(text, '-', 0), lt_text_find_byte(text, '+', 0));
    core.len = LT_MIN(core.len, tail);
    for (; lt_text_cut(&core, '.', &part); parts++)
        if (!is_number(part))
            return false;
    return parts == 3 || (parts == 2 && tail >= text.len);
}

static lt_status check_own_version(const value_source *source, const lt_yaml *root, lt_err *err)
{
    const lt_yaml *said = lt_yaml_find(root, T("version"));
    if (lt_dbt_is_null(said) || said->kind != LT_YAML_SCALAR || said->type != LT_YAML_STRING ||
        lt_dbt_is_template(said->text) || is_version(said->text))
        return LT_OK;
    lt_ignore(lt_yaml_fail(said, source->path, err, "the version '%.*s' is no number",
                           LT_ARG(said->text)));
    return lt_hint(err, "write one such as 1.0.0");
}

static lt_text project_key(const void *context, size_t i)
{
    (void)context;
    return lt_text_of(project_keys[i]);
}

static lt_status check_keys(const value_source *source, const lt_yaml *root, lt_err *err)
{
    for (size_t i = 0; i < root->count; i++) {
        const lt_yaml *key = root->keys[i];
        size_t k = 0;
        lt_text nearest;
        while (k < LT_COUNT(project_keys) && !lt_text_eq(key->text, lt_text_of(project_keys[k])))
            k++;
        if (k < LT_COUNT(project_keys))
            continue;
        lt_ignore(lt_yaml_fail(key, source->path, err,
                               "unknown key '%.*s': Additional properties are not allowed",
                               LT_ARG(key->text)));
        if (lt_text_nearest(key->text, LT_COUNT(project_keys), project_key, NULL, &nearest))
            return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
        return err->status;
    }
    const lt_yaml *cloud = lt_yaml_find(root, T("dbt-cloud"));
    if (lt_dbt_is_null(cloud) || cloud->kind == LT_YAML_MAPPING)
        return LT_OK;
    return lt_yaml_fail(cloud, source->path, err, "dbt-cloud must be a mapping, not %s",
                        lt_yaml_name(cloud));
}

static bool is_identifier(lt_text name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!lt_is_alpha(name.ptr[i]) && name.ptr[i] != '_' && !(name.ptr[i] & 0x80) &&
            !(i && lt_is_digit(name.ptr[i])))
            return false;
    return name.len > 0;
}

static lt_status check_name(const lt_yaml *root, const char *path, lt_err *err)
{
    const lt_yaml *name = lt_yaml_find(root, T("name"));
    if (!name || name->kind != LT_YAML_SCALAR || !name->text.len) {
        lt_ignore(lt_yaml_fail(root, path, err, "'name' is missing"));
        return lt_hint(err, "give the project a name: letters, digits and '_'");
    }
    if (!is_identifier(name->text)) {
        lt_ignore(
            lt_yaml_fail(name, path, err, "'%.*s' is no name for a project", LT_ARG(name->text)));
        return lt_hint(err, "letters, digits and '_' only, not beginning with a digit");
    }
    return LT_OK;
}

/* `vars.yml` beside the project's file; a project may have its vars in one of the two. */
static lt_status read_vars_file(const value_source *source, const char *root,
                                lt_jinja_value project, lt_err *err)
{
    lt_yaml *tree = NULL;
    LT_AUTO(lt_chars) full = lt_path_join(root, "vars.yml");
    if (!lt_path_exists(full))
        return LT_OK;
    LT_TRY(lt_dbt_yaml_file(source->dbt, root, "vars.yml", &tree, NULL, err));
    const lt_yaml *vars = lt_yaml_find(tree, T("vars"));
    if (!vars)
        return LT_OK;
    if (lt_dbt_is_set(lt_dbt_at(project, "vars")))
        return lt_yaml_fail(vars, "vars.yml", err, "vars are in %s too: one place is enough",
                            source->path);
    lt_jinja_put(project, "vars", lt_scope_value(&source->dbt->heap, vars));
    return LT_OK;
}

/* ---- require-dbt-version ---- */

/* A text with commas, or a list of texts. */
static lt_status read_required(lt_dbt *dbt, const lt_dbt_package *package, lt_dbt_versions *out,
                               lt_err *err)
{
    lt_texts said = {0};
    lt_dbt_texts_of(dbt, lt_dbt_at(package->project, "require-dbt-version"), &said);
    for (size_t i = 0; i < said.len; i++) {
        lt_text rest = said.items[i], part;
        while (lt_text_cut(&rest, ',', &part)) {
            lt_dbt_version one;
            if (lt_dbt_version_read(part, &one, err) != LT_OK)
                return lt_wrap(err, "require-dbt-version of '%.*s'", LT_ARG(package->name));
            lt_push_in(&dbt->arena, out, one);
        }
    }
    return LT_OK;
}

static lt_status check_version(lt_dbt *dbt, const lt_dbt_package *package, lt_err *err)
{
    lt_dbt_versions required = {0};
    lt_dbt_version installed;
    lt_dbt_version_range range;
    LT_AUTO(lt_buf) list = {.limit = LT_KIB};
    LT_TRY(read_required(dbt, package, &required, err));
    for (size_t i = 0; i < required.len; i++)
        lt_buf_printf(&list, "%s%.*s", i ? ", " : "", LT_ARG(required.items[i].text));
    LT_TRY(lt_dbt_version_read(T(LT_DBT_VERSION), &installed, err));
    if (!lt_dbt_versions_join(required.items, required.len, &range)) {
        lt_ignore(lt_fail(err, LT_INVALID,
                          "The package version requirement can never be satisfied for the '%.*s' "
                          "package. Required versions of dbt for '%.*s': %s",
                          LT_ARG(package->name), LT_ARG(package->name), lt_buf_chars(&list)));
    } else {
        lt_push_in(&dbt->arena, &required, installed);
        if (lt_dbt_versions_join(required.items, required.len, &range))
            return LT_OK;
        lt_ignore(lt_fail(err, LT_INVALID,
                          "This version of dbt is not supported with the '%.*s' package. Installed "
                          "version of dbt: =%s. Required version of dbt for '%.*s': %s",
                          LT_ARG(package->name), LT_DBT_VERSION, LT_ARG(package->name),
                          lt_buf_chars(&list)));
    }
    return lt_hint(err,
                   "check for a different version of the '%.*s' package, or run again with "
                   "--no-version-check",
                   LT_ARG(package->name));
}

/* ---- a project ---- */

static lt_status read_project(lt_dbt *dbt, lt_dbt_package *package, lt_err *err)
{
    lt_yaml *root = NULL;
    lt_yaml_doubles doubles = {0};
    value_source source = {.dbt = dbt, .package = package, .path = "dbt_project.yml"};
    LT_TRY(lt_dbt_yaml_file(dbt, package->root, "dbt_project.yml", &root, &doubles, err));
    if (root->kind != LT_YAML_MAPPING)
        return lt_yaml_fail(root, source.path, err, "a project must be a mapping, not %s",
                            lt_yaml_name(root));
    LT_TRY(check_name(root, source.path, err));
    if (package->is_root)
        LT_TRY(check_own_version(&source, root, err));
    package->file = "dbt_project.yml";
    package->project = lt_jinja_dict(&dbt->heap);
    package->unrendered = lt_scope_value(&dbt->heap, root);
    for (size_t i = 0; i < root->count; i++) {
        const lt_yaml *key = root->keys[i];
        lt_jinja_value value;
        if (is_rendered(key->text))
            LT_TRY(render_tree(&source, root->items[i], &value, err));
        else
            value = lt_scope_value(&dbt->heap, root->items[i]);
        lt_jinja_put_value(package->project, lt_jinja_text(key->text), value);
    }
    if (lt_yaml_find(root, T("tests")) && lt_yaml_find(root, T("data_tests")))
        return lt_yaml_fail(lt_yaml_find(root, T("tests")), source.path, err,
                            "Invalid project config: cannot have both 'tests' and 'data_tests' "
                            "defined");
    if (package->is_root)
        lt_dbt_old_doubles(dbt, source.path, &doubles);
    LT_TRY(lt_dbt_old_keys(dbt, package->project, err));
    package->name = lt_dbt_text_at(dbt, package->project, "name");
    package->version = lt_dbt_text_at(dbt, package->project, "version");
    if (dbt->settings.checks_version) /* first: another version may know other keys */
        LT_TRY(check_version(dbt, package, err));
    LT_TRY(check_keys(&source, root, err));
    return read_vars_file(&source, package->root, package->project, err);
}

/* A project that has a leat.yml alone: its `models:` and `tests:`, dbt's folders. */
static lt_status make_project(lt_dbt *dbt, lt_dbt_package *package, lt_err *err)
{
    const lt_dbt_settings *set = &dbt->settings;
    value_source source = {.dbt = dbt, .package = package, .path = "leat.yml"};
    lt_jinja_value models, tests;
    package->file = "leat.yml";
    package->is_strict = dbt->is_strict = true;
    package->name = set->name;
    package->project = lt_jinja_dict(&dbt->heap);
    LT_TRY(lt_dbt_value(&source, set->models, &models, err));
    LT_TRY(lt_dbt_value(&source, set->tests, &tests, err));
    lt_jinja_put(package->project, "name", lt_jinja_text(set->name));
    lt_jinja_put(package->project, "models", models);
    lt_jinja_put(package->project, "data_tests", tests);
    package->unrendered = package->project;
    return LT_OK;
}

/* A folder that is named twice, "models" and "models/", is read once. */
static void add_paths(lt_dbt *dbt, lt_jinja_value value, lt_texts *out)
{
    lt_texts found = {0};
    lt_dbt_texts_of(dbt, value, &found);
    for (size_t i = 0; i < found.len; i++) {
        lt_text path = found.items[i];
        while (lt_text_starts(path, T("./")))
            path = lt_text_sub(path, 2, SIZE_MAX);
        while (path.len > 1 && lt_text_ends(path, T("/")))
            path.len--;
        if (!lt_dbt_texts_have(out, path))
            lt_push_in(&dbt->arena, out, path);
    }
}

static void set_paths(lt_dbt *dbt, lt_dbt_package *package)
{
    for (size_t i = 0; i < LT_DBT_PATHS; i++) {
        const path_key *key = &path_keys[i];
        lt_jinja_value value = {0};
        if (key->key)
            value = lt_dbt_at(package->project, key->key);
        if (!lt_dbt_is_set(value) && key->older)
            value = lt_dbt_at(package->project, key->older);
        if (lt_dbt_is_set(value))
            add_paths(dbt, value, &package->paths[i]);
        else if (key->usual)
            lt_push_in(&dbt->arena, &package->paths[i], lt_text_of(key->usual));
    }
}

/* ---- vars ---- */

static void put_all(lt_jinja_value into, lt_jinja_value from)
{
    lt_jinja_value key, value;
    for (size_t at = 0; from.type == LT_JINJA_DICT && lt_jinja_next(from, &at, &key, &value);)
        lt_jinja_put_value(into, key, value);
}

/* Weakest first: the package's own, its own for itself, the root's, the root's for the package, the command line's. */
static void set_vars(lt_dbt *dbt, lt_dbt_package *package)
{
    lt_jinja_value own = lt_dbt_at(package->project, "vars"), scoped = {0};
    lt_jinja_value root = lt_dbt_at(dbt->root->project, "vars");
    package->vars = lt_jinja_dict(&dbt->heap);
    put_all(package->vars, own);
    if (own.type == LT_JINJA_DICT && lt_jinja_find(own, package->name, &scoped))
        put_all(package->vars, scoped);
    put_all(package->vars, root);
    if (root.type == LT_JINJA_DICT && lt_jinja_find(root, package->name, &scoped))
        put_all(package->vars, scoped);
    put_all(package->vars, dbt->settings.scope->vars);
}

/* ---- what is installed ---- */

static lt_dbt_package *package_new(lt_dbt *dbt, const char *root)
{
    lt_dbt_package *package = LT_NEW(&dbt->arena, lt_dbt_package);
    package->root = root ? lt_arena_str(&dbt->arena, lt_text_of(root)) : NULL;
    package->namespace.class = &lt_dbt_namespace_class;
    package->config.class = &lt_dbt_project_class;
    package->own_vars.class = &lt_dbt_project_vars_class;
    package->project = package->unrendered = package->vars = lt_jinja_dict(&dbt->heap);
    return package;
}

static lt_status enlist(lt_dbt *dbt, lt_dbt_package *package, lt_err *err)
{
    const lt_dbt_package *before = lt_map_find(&dbt->package_names, package->name);
    if (package->root)
        LT_TRY(lt_dbt_ignore_read(package->root, &dbt->arena, &package->ignored, err));
    if (before)
        return lt_fail(err, LT_INVALID, "two packages have the name '%.*s': %s and %s",
                       LT_ARG(package->name), before->root ? before->root : "a built-in one",
                       package->root ? package->root : "a built-in one");
    if (dbt->packages.len == MOST_PACKAGES)
        return lt_fail(err, LT_TOO_BIG, "there are more than %d packages", MOST_PACKAGES);
    (void)lt_map_put(&dbt->package_names, package->name, package);
    lt_push_in(&dbt->arena, &dbt->packages, package);
    return LT_OK;
}

static lt_status add_installed(lt_dbt *dbt, const char *folder, lt_err *err)
{
    LT_AUTO(lt_chars) file = lt_path_join(folder, "dbt_project.yml");
    if (!lt_path_exists(file))
        return LT_OK;
    lt_dbt_package *package = package_new(dbt, folder);
    if (read_project(dbt, package, err) != LT_OK)
        return lt_wrap(err, "package %s", lt_path_name(package->root));
    set_paths(dbt, package);
    return enlist(dbt, package, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static lt_status list_folders(const char *folder, lt_path_list *out, lt_err *err)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return lt_fail(err, LT_IO, "cannot read the folder '%s'", folder);
    for (const struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.' && out->len < MOST_PACKAGES)
            lt_push(out, lt_path_join(folder, entry->d_name));
    (void)closedir(dir);
    if (out->len)
        qsort(out->items, out->len, sizeof(*out->items), by_name);
    return LT_OK;
}

static lt_status add_all_installed(lt_dbt *dbt, lt_err *err)
{
    lt_text place = lt_dbt_text_at(dbt, dbt->root->project, "packages-install-path");
    LT_AUTO(lt_path_list) folders = {0};
    LT_AUTO(lt_chars)
    folder = lt_path_join(dbt->settings.root,
                          place.len ? lt_arena_str(&dbt->arena, place) : "dbt_packages");
    if (!lt_path_is_folder(folder))
        return LT_OK;
    LT_TRY(list_folders(folder, &folders, err));
    for (size_t i = 0; i < folders.len; i++)
        if (lt_path_is_folder(folders.items[i]))
            LT_TRY(add_installed(dbt, folders.items[i], err));
    return LT_OK;
}

/* As many packages must be there as packages.yml (or dependencies.yml) asks for. */
static lt_status check_installed(lt_dbt *dbt, lt_err *err)
{
    static const char *const files[] = {"packages.yml", "dependencies.yml"};
    size_t wanted = 0;
    for (size_t i = 0; i < LT_COUNT(files); i++) {
        lt_yaml *root = NULL;
        LT_AUTO(lt_chars) full = lt_path_join(dbt->settings.root, files[i]);
        if (!lt_path_exists(full))
            continue;
        LT_TRY(lt_dbt_yaml_file(dbt, dbt->settings.root, files[i], &root, NULL, err));
        const lt_yaml *list = lt_yaml_find(root, T("packages"));
        wanted += list && list->kind == LT_YAML_SEQUENCE ? list->count : 0;
    }
    size_t there = dbt->packages.len - 1;
    if (there >= wanted)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID,
                      "packages.yml asks for %zu package%s, and %zu %s installed in dbt_packages/",
                      wanted, wanted == 1 ? "" : "s", there, there == 1 ? "is" : "are"));
    return lt_hint(err, "run 'leat dbt deps'");
}

/* ---- ours ---- */

static lt_status add_built_in(lt_dbt *dbt, const char *name, lt_dbt_package **out, lt_err *err)
{
    lt_dbt_package *package = package_new(dbt, NULL);
    package->name = lt_text_of(lt_arena_str(&dbt->arena, lt_text_of(name)));
    package->is_built_in = true;
    package->file = "";
    *out = package;
    return enlist(dbt, package, err);
}

static lt_status add_all_built_in(lt_dbt *dbt, lt_err *err)
{
    LT_AUTO(lt_buf) name = {0};
    lt_buf_printf(&name, "dbt_%.*s", LT_ARG(dbt->settings.target_kind));
    LT_TRY(add_built_in(dbt, "dbt", &dbt->internal, err));
    LT_TRY(add_built_in(dbt, lt_buf_chars(&name), &dbt->adapter, err));
    lt_push_in(&dbt->arena, &dbt->adapter_types, dbt->settings.target_kind);
    return LT_OK;
}

/* ---- all of them ---- */

lt_status lt_dbt_packages_load(lt_dbt *dbt, lt_err *err)
{
    LT_AUTO(lt_chars) file = lt_path_join(dbt->settings.root, "dbt_project.yml");
    lt_dbt_package *root = package_new(dbt, dbt->settings.root);
    root->is_root = true;
    root->vars = dbt->settings.scope->vars;
    dbt->root = root;
    LT_TRY(lt_path_exists(file) ? read_project(dbt, root, err) : make_project(dbt, root, err));
    set_paths(dbt, root);
    LT_TRY(enlist(dbt, root, err));
    LT_TRY(add_all_installed(dbt, err));
    LT_TRY(check_installed(dbt, err));
    LT_TRY(add_all_built_in(dbt, err));
    for (size_t i = 0; i < dbt->packages.len; i++)
        set_vars(dbt, dbt->packages.items[i]);
    return LT_OK;
}
