/* leat dbt: the verbs of the dbt command, on the project that is here. */
#include "cli/dbt/cmd.h"

#include "base/fs.h"
#include "base/proc.h"
#include "dbt/deps/deps.h"
#include "engine/engine.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- parse ---- */

static lt_status run_parse(dbt_work *work, lt_err *err)
{
    LT_TRY(dbt_work_load(work, err));
    return dbt_work_manifest(work, err);
}

/* ---- list ---- */

static int by_id(const void *a, const void *b)
{
    const lt_dbt_node *const *left = a, *const *right = b;
    return lt_text_cmp((*left)->id, (*right)->id);
}

static void add_selector(const lt_dbt_node *node, lt_buf *out)
{
    bool prefixed = node->kind >= LT_DBT_SOURCE;
    if (prefixed)
        lt_buf_printf(out, "%s:%.*s.", lt_dbt_kind_name(node->kind), LT_ARG(node->package->name));
    if (node->kind == LT_DBT_SOURCE)
        lt_buf_printf(out, "%.*s.", LT_ARG(node->source_name));
    if (prefixed) {
        lt_dbt_unit_test_name(node, out);
        return;
    }
    for (size_t i = 0; i < node->fqn.len; i++)
        lt_buf_printf(out, "%s%.*s", i ? "." : "", LT_ARG(node->fqn.items[i]));
}

static void add_name(const lt_dbt_node *node, lt_buf *out)
{
    if (node->kind == LT_DBT_SOURCE)
        lt_buf_printf(out, "%.*s.", LT_ARG(node->source_name));
    lt_buf_add(out, node->name);
    if (node->kind == LT_DBT_MODEL && lt_dbt_is_set(node->version)) {
        lt_buf_add_str(out, ".v");
        lt_jinja_str(node->version, out);
    }
}

static const lt_json *value_at(const lt_json *node, lt_text path)
{
    lt_text rest = path, part;
    while (node && lt_text_cut(&rest, '.', &part))
        node = lt_json_find_text(node, part);
    return node;
}

static lt_status add_json(dbt_work *work, const lt_dbt_node *node, lt_buf *out, lt_err *err)
{
    static const char *const usual[] = {
        "alias",  "name",          "package_name", "depends_on",         "tags",
        "config", "resource_type", "source_name",  "original_file_path", "unique_id"};
    LT_AUTO(lt_buf) text = {0};
    LT_AUTO(lt_arena) scratch = {0};
    lt_json_writer writer = {.out = &text}, w = {.out = out};
    lt_json *tree = NULL;
    lt_dbt_write_node(work->dbt, node, &writer);
    LT_TRY(lt_json_read(lt_buf_text(&text), "node", NULL, &scratch, &tree, err));
    const lt_strings *asked = &work->flags->output_keys;
    lt_json_begin(&w, '{');
    for (size_t i = 0; i < tree->count && !asked->len; i++)
        for (size_t k = 0; k < LT_COUNT(usual); k++)
            if (lt_text_eq(lt_text_of(usual[k]), tree->items[i].key)) {
                lt_json_key(&w, tree->items[i].key);
                lt_json_tree(&w, &tree->items[i]);
            }
    for (size_t k = 0; k < asked->len; k++) {
        lt_text rest = lt_text_of(asked->items[k]), key;
        while (lt_text_cut(&rest, ' ', &key)) {
            const lt_json *value = value_at(tree, key);
            if (!key.len || !value)
                continue;
            lt_json_key(&w, key);
            lt_json_tree(&w, value);
        }
    }
    lt_json_end(&w);
    return LT_OK;
}

static lt_status list_node(dbt_work *work, const lt_dbt_node *node, lt_err *err)
{
    const char *how = work->flags->output ? work->flags->output : "selector";
    LT_AUTO(lt_buf) line = {.limit = 16 * LT_MIB};
    if (strcmp(how, "selector") == 0)
        add_selector(node, &line);
    else if (strcmp(how, "name") == 0)
        add_name(node, &line);
    else if (strcmp(how, "path") == 0)
        lt_buf_add(&line, node->path);
    else
        LT_TRY(add_json(work, node, &line, err));
    dbt_say_plain(&work->log, lt_buf_text(&line));
    return LT_OK;
}

enum {
    RUNNABLE = 1 << LT_DBT_MODEL | 1 << LT_DBT_GENERIC_TEST | 1 << LT_DBT_SINGULAR_TEST |
               1 << LT_DBT_SEED | 1 << LT_DBT_SNAPSHOT | 1 << LT_DBT_UNIT_TEST | 1 << LT_DBT_UDF,
    LISTED = RUNNABLE | 1 << LT_DBT_SOURCE | 1 << LT_DBT_EXPOSURE | 1 << LT_DBT_METRIC |
             1 << LT_DBT_SAVED_QUERY | 1 << LT_DBT_SEMANTIC_MODEL,
};

static unsigned listed_kinds(const dbt_flags *flags)
{
    bool analyses = false;
    for (size_t i = 0; i < flags->resource_type.len; i++)
        analyses |= strcmp(flags->resource_type.items[i], "all") == 0 ||
                    strcmp(flags->resource_type.items[i], "analysis") == 0;
    return LISTED | (analyses ? 1u << LT_DBT_ANALYSIS : 0);
}

static lt_status run_list(dbt_work *work, lt_err *err)
{
    static const char *const hows[] = {"selector", "name", "path", "json"};
    bool known = !work->flags->output;
    for (size_t i = 0; i < LT_COUNT(hows) && !known; i++)
        known = strcmp(hows[i], work->flags->output) == 0;
    if (!known)
        return lt_fail(err, LT_INVALID, "--output: '%s' is none of selector, name, path, json",
                       work->flags->output);
    LT_TRY(dbt_work_load(work, err));
    LT_TRY(dbt_work_manifest(work, err));
    LT_AUTO(lt_node_set) chosen = {0};
    LT_TRY(dbt_work_select(work, listed_kinds(work->flags), &chosen, err));
    const lt_dbt_nodes *all = lt_dbt_all(work->dbt);
    lt_dbt_nodes sorted = {0};
    for (size_t i = 0; i < all->len; i++)
        if (lt_node_set_has(&chosen, i))
            lt_push_in(&work->app->arena, &sorted, all->items[i]);
    if (sorted.len)
        qsort(sorted.items, sorted.len, sizeof(*sorted.items), by_id);
    else
        dbt_say(&work->log, LT_LOG_WARNING, "M020", "NoNodesSelected", "No nodes selected!");
    for (size_t i = 0; i < sorted.len; i++)
        LT_TRY(list_node(work, sorted.items[i], err));
    return LT_OK;
}

/* ---- clean ---- */

static bool is_same_place(const char *one, const char *other)
{
    char *left = realpath(one, NULL), *right = realpath(other, NULL);
    bool same = left && right && strcmp(left, right) == 0;
    free(left);
    free(right);
    return same;
}

/* Folders of clean-targets, but never the project itself nor what lies outside of it. */
static lt_status clean_one(dbt_work *work, const char *name, lt_err *err)
{
    LT_AUTO(lt_chars) path = lt_path_join(work->root, name);
    char *real = realpath(path, NULL);
    size_t len = strlen(work->root);
    if (!real && work->flags->clean_project_only != 0 && name[0] == '/' &&
        (strncmp(name, work->root, len) != 0 || name[len] != '/'))
        return lt_fail(err, LT_INVALID, "'%s' lies outside of the project", name);
    if (!real)
        return LT_OK;
    bool inside = strncmp(real, work->root, len) == 0 && real[len] == '/';
    size_t real_len = strlen(real);
    bool holds = strncmp(work->root, real, real_len) == 0 &&
                 (work->root[real_len] == '/' || !work->root[real_len] || real_len == 1);
    free(real);
    if (holds || (!inside && work->flags->clean_project_only != 0)) {
        lt_ignore(lt_fail(err, LT_INVALID, "'%s' %s", name,
                          holds ? "holds the project itself" : "lies outside of the project"));
        return lt_hint(err, "take it out of clean-targets%s",
                       holds ? "" : ", or give --no-clean-project-files-only");
    }
    dbt_say(&work->log, LT_LOG_INFO, "Z036", "CheckCleanPath", "Checking %s", path);
    LT_TRY(lt_path_remove(path, err));
    dbt_say(&work->log, LT_LOG_INFO, "Z037", "ConfirmCleanPath", "Cleaned %s", path);
    return LT_OK;
}

/* Whether `path` is a folder that `project` reads; `usual` counts where it names none. */
static bool is_source(const dbt_work *work, lt_jinja_value project, const char *key,
                      const char *usual, const char *path)
{
    lt_jinja_value list = lt_dbt_at(project, key);
    bool many = list.type == LT_JINJA_LIST;
    for (size_t i = 0; i < (many ? lt_jinja_len(list) : 1); i++) {
        lt_text name = many ? lt_jinja_as_text(lt_jinja_at(list, i)) : lt_text_of(usual);
        LT_AUTO(lt_chars) word = lt_text_dup(name);
        LT_AUTO(lt_chars) source = lt_path_join(work->root, word);
        if (name.len && is_same_place(path, source))
            return true;
    }
    return false;
}

/* What people wrote is no result of a run: a folder of sources below clean-targets is refused before anything goes. */
static lt_status check_clean_targets(const dbt_work *work, lt_jinja_value project,
                                     lt_jinja_value targets, lt_err *err)
{
    static const struct {
        const char *key, *usual;
    } sources[] = {{"model-paths", "models"},
                   {"macro-paths", "macros"},
                   {"seed-paths", "seeds"},
                   {"snapshot-paths", "snapshots"},
                   {"analysis-paths", "analyses"},
                   {"test-paths", "tests"},
                   {"docs-paths", ""},
                   {"function-paths", "functions"}};
    for (size_t i = 0; i < lt_jinja_len(targets); i++) {
        LT_AUTO(lt_chars) target = lt_text_dup(lt_jinja_as_text(lt_jinja_at(targets, i)));
        LT_AUTO(lt_chars) path = lt_path_join(work->root, target);
        for (size_t k = 0; k < LT_COUNT(sources); k++) {
            if (!is_source(work, project, sources[k].key, sources[k].usual, path))
                continue;
            lt_ignore(lt_fail(err, LT_INVALID, "dbt will not clean the following source paths: %s",
                              target));
            return lt_hint(err, "take it out of clean-targets: it is one of %s", sources[k].key);
        }
    }
    return LT_OK;
}

static bool has_text(lt_jinja_value list, const char *wanted)
{
    for (size_t i = 0; list.type == LT_JINJA_LIST && i < lt_jinja_len(list); i++)
        if (lt_text_eq(lt_jinja_as_text(lt_jinja_at(list, i)), lt_text_of(wanted)))
            return true;
    return false;
}

/* Packages are not in dbt_modules any more. */
static lt_status warn_of_modules(dbt_work *work, lt_jinja_value project, lt_jinja_value targets,
                                 lt_err *err)
{
    lt_text place = lt_jinja_as_text(lt_dbt_at(project, "packages-install-path"));
    LT_AUTO(lt_chars) folder = lt_text_dup(place.len ? place : T("dbt_packages"));
    if (!has_text(targets, "dbt_modules") || has_text(targets, folder))
        return LT_OK;
    return dbt_work_warn(
        work, LT_DBT_INSTALL_PATH, err,
        "The default package install path has changed from `dbt_modules` to `dbt_packages`. Please "
        "update `clean-targets` in `dbt_project.yml` and check `.gitignore` as well. Or, set "
        "`packages-install-path: dbt_modules` if you'd like to keep the current value.");
}

/* The folders, with env_var() and var() of their names answered. */
static lt_status clean_targets(dbt_work *work, lt_jinja_value said, lt_jinja_value *out,
                               lt_err *err)
{
    *out = lt_jinja_list(&work->heap);
    for (size_t i = 0; said.type == LT_JINJA_LIST && i < lt_jinja_len(said); i++) {
        lt_text name = lt_jinja_as_text(lt_jinja_at(said, i));
        LT_TRY(lt_dbt_early_text(&work->scope, name, &work->heap, &name, err));
        lt_jinja_add(*out, lt_jinja_text(name));
    }
    return LT_OK;
}

static lt_status run_clean(dbt_work *work, lt_err *err)
{
    lt_jinja_value project = {0};
    LT_AUTO(lt_chars) file = lt_path_join(work->root, "dbt_project.yml");
    LT_TRY(lt_dbt_yaml_value(file, &work->heap, &project, err));
    lt_jinja_value list = {0};
    LT_TRY(clean_targets(work, lt_dbt_at(project, "clean-targets"), &list, err));
    size_t count = lt_jinja_len(list);
    LT_TRY(warn_of_modules(work, project, list, err));
    if (count)
        LT_TRY(check_clean_targets(work, project, list, err));
    else
        LT_TRY(clean_one(work, work->target_folder, err));
    for (size_t i = 0; i < count; i++) {
        LT_AUTO(lt_chars) name = lt_text_dup(lt_jinja_as_text(lt_jinja_at(list, i)));
        LT_TRY(clean_one(work, name, err));
    }
    dbt_say(&work->log, LT_LOG_INFO, "Z039", "FinishedCleanPaths", "Finished cleaning all paths.");
    return LT_OK;
}

/* ---- deps ---- */

static void say_package(void *user, bool warning, lt_text line)
{
    dbt_work *work = user;
    dbt_say(&work->log, warning ? LT_LOG_WARNING : LT_LOG_INFO, "M014", "DepsStartPackageInstall",
            "%.*s", LT_ARG(line));
}

static lt_status warn_of_move(void *user, lt_text old, lt_text now, lt_err *err)
{
    return dbt_work_warn(user, LT_DBT_PACKAGE_REDIRECT, err,
                         "The `%.*s` package is deprecated in favor of `%.*s`. Please update your "
                         "`packages.yml` configuration to use `%.*s` instead.",
                         LT_ARG(old), LT_ARG(now), LT_ARG(now));
}

/* "dbt-labs/dbt_utils@1.0.0" */
static lt_status add_package(dbt_work *work, lt_err *err)
{
    static const char *const sources[] = {"hub", "git", "local", NULL};
    const char *said = work->flags->add_package, *at = strrchr(said, '@');
    const char *source = work->flags->source ? work->flags->source : "hub";
    bool local = strcmp(source, "local") == 0, known = false, replaced = false;
    LT_AUTO(lt_chars) path = NULL;
    for (size_t i = 0; sources[i]; i++)
        known |= strcmp(sources[i], source) == 0;
    if (!known)
        return lt_fail(err, LT_INVALID, "--source: '%s' is none of hub, git, local", source);
    if (!local && (!at || !at[1])) {
        lt_ignore(lt_fail(err, LT_INVALID, "--add-package: '%s' names no version", said));
        return lt_hint(err, "write NAME@VERSION");
    }
    LT_AUTO(lt_chars)
    name = at && !local ? lt_xstrndup(said, (size_t)(at - said)) : lt_xstrdup(said);
    const lt_dbt_deps_entry entry = {
        .package = name, .version = local ? NULL : at + 1, .source = source};
    LT_TRY(lt_dbt_deps_add(work->root, &entry, &replaced, &path, err));
    if (replaced)
        dbt_say(&work->log, LT_LOG_INFO, "M023", "DepsFoundDuplicatePackage",
                "Found duplicate package in packages.yml, removing: %s", name);
    dbt_say(&work->log, LT_LOG_INFO, "M032", "DepsAddPackage", "Added new package %s to %s", said,
            path);
    return LT_OK;
}

static lt_status run_deps(dbt_work *work, lt_err *err)
{
    lt_jinja_value project = {0};
    const char *hub = getenv("DBT_PACKAGE_HUB_URL");
    LT_AUTO(lt_chars) file = lt_path_join(work->root, "dbt_project.yml");
    LT_TRY(lt_dbt_yaml_value(file, &work->heap, &project, err));
    if (work->flags->add_package)
        LT_TRY(add_package(work, err));
    lt_text place = lt_jinja_as_text(lt_dbt_at(project, "packages-install-path"));
    LT_TRY(lt_dbt_early_text(&work->scope, place, &work->heap, &place, err));
    const lt_dbt_deps_request request = {
        .root = work->root,
        .install_path = place.len ? lt_arena_str(&work->app->arena, place) : "dbt_packages",
        .project = lt_jinja_as_text(lt_dbt_at(project, "name")),
        .scope = &work->scope,
        .hub_url = hub && *hub ? hub : "https://hub.getdbt.com/",
        .any_dbt = work->flags->version_check == 0,
        .lock_only = work->flags->lock == 1,
        .upgrade = work->flags->upgrade == 1,
        .say = say_package,
        .moved = warn_of_move,
        .user = work};
    return lt_dbt_deps(&request, err);
}

/* ---- the table of verbs ---- */

static const struct {
    dbt_verb verb;
    lt_status (*run)(dbt_work *work, lt_err *err);
} verbs[] = {
    {DBT_PARSE, run_parse},
    {DBT_LIST, run_list},
    {DBT_CLEAN, run_clean},
    {DBT_DEPS, run_deps},
    {DBT_DEBUG, dbt_run_debug},
    {DBT_RUN, dbt_run_build},
    {DBT_BUILD, dbt_run_build},
    {DBT_TEST, dbt_run_build},
    {DBT_SEED, dbt_run_build},
    {DBT_SNAPSHOT, dbt_run_build},
    {DBT_CLONE, dbt_run_clone},
    {DBT_COMPILE, dbt_run_compile},
    {DBT_SHOW, dbt_run_show},
    {DBT_OPERATION, dbt_run_operation},
    {DBT_RETRY, dbt_run_retry},
    {DBT_DOCS_GENERATE, dbt_run_docs},
    {DBT_DOCS_SERVE, dbt_run_docs_serve},
    {DBT_FRESHNESS, dbt_run_freshness},
    {DBT_PLAN, dbt_run_plan},
    {DBT_ORPHANS, dbt_run_orphans},
    {DBT_WATCH, dbt_run_watch},
};

static lt_status run_verb(dbt_work *work, dbt_verb verb, lt_err *err)
{
    size_t i = 0;
    while (i < LT_COUNT(verbs) && verbs[i].verb != verb)
        i++;
    assert(i < LT_COUNT(verbs));
    return verbs[i].run(work, err);
}

/* dbt knows two bad ends: 1, something was run and failed; 2, everything else, Ctrl-C too. */
static lt_status dbts_status(lt_status status, lt_err *err)
{
    bool is_terminated = status == LT_CANCELLED && lt_stop_signal() != SIGINT;
    if (status == LT_OK || status == LT_FAILED || is_terminated)
        return status;
    err->status = LT_INVALID;
    return err->status;
}

/* Their results are not dbt's log lines. */
static bool has_plain_output(dbt_verb verb)
{
    return verb == DBT_PLAN || verb == DBT_WATCH || verb == DBT_ORPHANS;
}

/* --detailed-exitcode, as Terraform has it: 0 no changes, 1 an error, 2 changes. */
static lt_status detailed(lt_app *app, const dbt_work *work, lt_status status, lt_err *err)
{
    if (status == LT_CANCELLED)
        return status;
    if (status == LT_OK && !work->has_changes)
        return LT_OK;
    app->has_said = app->has_said || status == LT_OK;
    return lt_fail(err, status == LT_OK ? LT_INVALID : LT_FAILED, "%s",
                   status == LT_OK ? "there are changes" : "the plan could not be made");
}

static void say_error(dbt_work *work, const lt_err *err)
{
    dbt_say(&work->log, LT_LOG_ERROR, "A002", "MainEncounteredError",
            "Encountered an error%s:\n%s%s%s",
            work->flags->verb == DBT_OPERATION && work->dbt ? " while running operation" : "",
            err->message, err->hint[0] ? "\n  " : "", err->hint);
}

/* What the command ends with, and the summary, which may be an error itself (--warn-error-options). */
static lt_status finish(dbt_work *work, lt_status status, lt_err *err)
{
    lt_err refused = {0};
    if (status != LT_OK && !work->has_said)
        say_error(work, err);
    lt_status summed = dbt_work_summary(work, &refused);
    if (summed == LT_OK)
        return status;
    say_error(work, &refused);
    if (status != LT_OK)
        return status;
    *err = refused;
    return summed;
}

static lt_status dbt(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    dbt_flags flags;
    dbt_work work;
    (void)opts;
    LT_TRY(dbts_status(dbt_flags_read(app, args, &flags, err), err));
    if (flags.help == 1 || (flags.verb == DBT_VERBS && flags.version != 1)) {
        dbt_flags_help(app, &flags);
        return flags.help == 1 ? LT_OK : lt_fail(err, LT_INVALID, "a command is missing");
    }
    if (flags.version == 1) {
        lt_out_printf(
            &app->out,
            "Core:\n  - installed: %s\n\nPlugins:\n  - duckdb:   leat %s\n"
            "  - postgres: leat %s\n\nThis is leat %s, which does what dbt-core %s does.\n",
            LT_DBT_VERSION, LT_VERSION, LT_VERSION, LT_VERSION, LT_DBT_VERSION);
        return LT_OK;
    }
    if (has_plain_output(flags.verb) && flags.quiet < 0)
        flags.quiet = 1;
    if (flags.verb == DBT_INIT)
        return dbts_status(dbt_run_init(app, &flags, err), err);
    dbt_verb verb = flags.verb; /* a retry takes over that of the run before */
    const dbt_flags said = flags;
    lt_status status = dbt_work_open(app, &flags, &work, err);
    work.said = &said;
    if (status == LT_OK)
        status = run_verb(&work, verb, err);
    status = finish(&work, status, err);
    app->has_said = status != LT_OK && !work.log.is_silent;
    dbt_work_close(&work);
    return flags.detailed_exitcode == 1 ? detailed(app, &work, status, err)
                                        : dbts_status(status, err);
}

const lt_cmd lt_cmd_dbt = {
    .name = "dbt",
    .help = "run a dbt project: the dbt command's verbs, options and artifacts",
    .args = "[COMMAND] [OPTION...]",
    .about =
        "Works as dbt does in a folder with dbt_project.yml and a profiles.yml: the same "
        "options, selectors, "
        "environment variables, artifacts in target/, and exit codes 0, 1 and 2. A link to "
        "this program with the "
        "name 'dbt' is the same as 'leat dbt'. 'leat dbt --help' lists commands and options. dbt "
        "has no plan, watch and orphans: what a "
        "build would do and why, building on each save, relations that nothing makes any more.",
    .group = LT_GROUP_RUN,
    .raw = true,
    .list = dbt_flags_commands,
    .run = dbt,
};
