/* Opening a dbt project for a verb: where it is, what the flags say, its profile, its nodes. */
#include "cli/dbt/work.h"

#include "base/fs.h"
#include "base/mask.h"
#include "base/proc.h"
#include "base/time.h"
#include "cli/dbt/cmd.h"
#include "cli/dbt/lines.h"
#include "cli/dbt/retry.h"
#include "dbt/artifacts/artifacts.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#define SECRET "DBT_ENV_SECRET"

/* ---- the folder ---- */

static bool has_file(const char *folder, const char *name)
{
    LT_AUTO(lt_chars) path = lt_path_join(folder, name);
    return lt_path_exists(path);
}

static lt_status find_root(dbt_work *work, lt_err *err)
{
    const char *said = work->flags->project_dir;
    char at[PATH_MAX];
    if (!realpath(said ? said : ".", at))
        return lt_fail(err, LT_INVALID, "there is no folder '%s'", said ? said : ".");
    for (;;) {
        if (has_file(at, "dbt_project.yml")) {
            work->root = lt_arena_str(&work->app->arena, lt_text_of(at));
            return LT_OK;
        }
        char *slash = strrchr(at, '/');
        if (said || !slash || slash == at)
            break;
        *slash = '\0';
    }
    lt_ignore(lt_fail(err, LT_INVALID, "there is no dbt_project.yml in '%s'%s", said ? said : ".",
                      said ? "" : " or above it"));
    return lt_hint(err, "go to a project's folder, or name it with --project-dir");
}

/* ---- flags and variables ---- */

static lt_status read_vars(dbt_work *work, lt_err *err)
{
    static const lt_yaml_options options = {.yaml11 = true};
    static const lt_project none = {.name = {0}};
    lt_yaml *root = NULL;
    const char *text = work->flags->vars;
    if (text &&
        lt_yaml_read(lt_text_of(text), "--vars", &options, &work->heap.arena, &root, err) != LT_OK)
        return lt_hint(err, "write --vars '{name: value}'");
    if (root && root->kind == LT_YAML_SCALAR && root->type == LT_YAML_NULL)
        root = NULL;
    if (root && root->kind != LT_YAML_MAPPING) {
        lt_ignore(lt_fail(err, LT_INVALID, "--vars must be a mapping, not %s", lt_yaml_name(root)));
        return lt_hint(err, "write --vars '{name: value}'");
    }
    lt_scope_init(&work->scope, &none, root, &work->heap);
    work->vars = work->scope.vars;
    work->scope.clock_us = work->started_at_us;
    work->scope.run_id = lt_text_of(work->id);
    return LT_OK;
}

static void read_path(dbt_work *work, lt_jinja_value project, const char *key, const char **path)
{
    lt_err err = {0};
    lt_text said = lt_jinja_as_text(lt_dbt_at(project, key)), made;
    if (!*path && said.len &&
        lt_dbt_early_text(&work->scope, said, &work->heap, &made, &err) == LT_OK)
        *path = lt_arena_str(&work->app->arena, made);
}

/* Flags stand in dbt_project.yml; `config` of profiles.yml is their old place. */
static lt_status choose_flags(dbt_work *work, lt_jinja_value project, lt_err *err)
{
    const lt_dbt_profile_request request = {.folder = work->flags->profiles_dir,
                                            .project_root = work->root};
    lt_jinja_value flags = lt_dbt_at(project, "flags");
    lt_jinja_value older = lt_dbt_profile_flags(&request, &work->heap);
    work->has_old_flags = older.type == LT_JINJA_DICT;
    if (work->has_old_flags && lt_dbt_is_set(flags) && lt_jinja_len(flags)) {
        lt_ignore(lt_fail(err, LT_INVALID,
                          "Do not specify both 'config' in profiles.yml and 'flags' in "
                          "dbt_project.yml"));
        return lt_hint(err, "using 'config' in profiles.yml is deprecated: move what it says");
    }
    dbt_flags_from_project(work->flags, work->has_old_flags ? older : flags, &work->app->arena);
    return LT_OK;
}

static lt_status read_project_flags(dbt_work *work, lt_err *err)
{
    lt_err later = {0};
    lt_jinja_value project = {0};
    LT_AUTO(lt_chars) file = lt_path_join(work->root, "dbt_project.yml");
    if (lt_dbt_yaml_value(file, &work->heap, &project, &later) != LT_OK)
        return LT_OK; /* said again, as an error, when the project is read */
    LT_TRY(choose_flags(work, project, err));
    if (read_vars(work, &later) != LT_OK)
        return LT_OK; /* said again too */
    read_path(work, project, "target-path", &work->flags->target_path);
    read_path(work, project, "log-path", &work->flags->log_path);
    return LT_OK;
}

static lt_status check_word(const char *option, const char *word, const char *const *allowed,
                            lt_err *err)
{
    LT_AUTO(lt_buf) list = {.limit = 300};
    if (!word)
        return LT_OK;
    for (size_t i = 0; allowed[i]; i++) {
        if (strcmp(allowed[i], word) == 0)
            return LT_OK;
        lt_buf_printf(&list, "%s%s", i ? ", " : "", allowed[i]);
    }
    lt_ignore(lt_fail(err, LT_INVALID, "--%s: '%s' is not one of its words", option, word));
    return lt_hint(err, "they are %s", lt_buf_chars(&list));
}

static lt_status check_flags(const dbt_flags *flags, lt_err *err)
{
    static const char *const formats[] = {"default", "text", "debug", "json", NULL};
    static const char *const levels[] = {"debug", "info", "warn", "error", "none", NULL};
    static const char *const modes[] = {"eager", "cautious", "buildable", "empty", NULL};
    LT_TRY(check_word("log-format", flags->log_format, formats, err));
    LT_TRY(check_word("log-format-file", flags->log_format_file, formats, err));
    LT_TRY(check_word("log-level", flags->log_level, levels, err));
    LT_TRY(check_word("log-level-file", flags->log_level_file, levels, err));
    LT_TRY(check_word("indirect-selection", flags->indirect_selection, modes, err));
    if (flags->selector && flags->select.len)
        return lt_fail(err, LT_INVALID, "--selector and --select do not go together");
    if (flags->inline_sql && (flags->select.len || flags->selector))
        return lt_fail(err, LT_INVALID, "--inline and --%s do not go together",
                       flags->selector ? "selector" : "select");
    return LT_OK;
}

/* ---- the log ---- */

static bool is_word(const char *word, const char *wanted)
{
    return word && strcmp(word, wanted) == 0;
}

static lt_log_level level_of(const char *word, lt_log_level usual)
{
    return is_word(word, "debug")   ? LT_LOG_DEBUG
           : is_word(word, "info")  ? LT_LOG_INFO
           : is_word(word, "warn")  ? LT_LOG_WARNING
           : is_word(word, "error") ? LT_LOG_ERROR
                                    : usual;
}

static void open_log(dbt_work *work)
{
    const dbt_flags *flags = work->flags;
    dbt_log *log = &work->log;
    const char *said = flags->log_path ? flags->log_path : "logs";
    LT_AUTO(lt_chars)
    folder = said[0] == '/' ? lt_xstrdup(said) : lt_path_join(work->root, said);
    bool debug = flags->debug == 1;
    log->json = is_word(flags->log_format, "json") || work->app->globals.json;
    log->json_file = is_word(flags->log_format_file, "json") ||
                     (!flags->log_format_file && is_word(flags->log_format, "json"));
    log->details = is_word(flags->log_format, "debug");
    log->details_file = !flags->log_format_file || is_word(flags->log_format_file, "debug") ||
                        is_word(flags->log_format_file, "default");
    log->quiet = flags->quiet == 1;
    log->is_silent = is_word(flags->log_level, "none");
    log->colors = flags->use_colors < 0 ? isatty(STDOUT_FILENO) : flags->use_colors == 1;
    log->colors_file =
        flags->use_colors_file < 0 ? flags->use_colors == 1 : flags->use_colors_file == 1;
    log->level = debug ? LT_LOG_DEBUG : level_of(flags->log_level, LT_LOG_INFO);
    log->file_level = level_of(flags->log_level_file, LT_LOG_DEBUG);
    log->file_most_bytes = flags->log_file_max_bytes > 0 ? (size_t)flags->log_file_max_bytes : 0;
    if (!is_word(flags->log_level_file, "none"))
        dbt_log_open(log, folder);
}

static void make_id(char out[37])
{
    unsigned char bytes[16];
    static const char digits[] = "0123456789abcdef";
    arc4random_buf(bytes, sizeof(bytes));
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

/* dbt shows no value of DBT_ENV_SECRET..., whoever wrote it where. */
static void hide_secrets(const dbt_work *work)
{
    lt_jinja_value key, value;
    for (char **at = environ; *at; at++) {
        const char *equals = strchr(*at, '=');
        if (equals && lt_text_starts(lt_text_of(*at), T(SECRET)))
            lt_mask_register(lt_text_of(equals + 1));
    }
    for (size_t at = 0;
         work->vars.type == LT_JINJA_DICT && lt_jinja_next(work->vars, &at, &key, &value);)
        if (lt_text_starts(lt_jinja_as_text(key), T(SECRET)))
            lt_mask_register(lt_jinja_as_text(value));
}

/* DBT_ENV_CUSTOM_ENV_X=y stands in every artifact as {"X": "y"}. */
static void read_metadata_env(dbt_work *work)
{
    static const char prefix[] = "DBT_ENV_CUSTOM_ENV_";
    for (char **at = environ; *at && work->invocation.env_count < LT_COUNT(work->env_names); at++) {
        const char *equals = strchr(*at, '=');
        if (!equals || strncmp(*at, prefix, strlen(prefix)) != 0)
            continue;
        size_t start = strlen(prefix), len = (size_t)(equals - *at) - start;
        work->env_names[work->invocation.env_count] =
            lt_arena_str(&work->app->arena, lt_text_at(*at + start, len));
        work->env_values[work->invocation.env_count++] = equals + 1;
    }
    work->invocation.env_names = work->env_names;
    work->invocation.env_values = work->env_values;
}

static const char *target_folder_of(const dbt_work *work)
{
    const char *said = work->flags->target_path ? work->flags->target_path : "target";
    return said[0] == '/' ? said : lt_arena_format(&work->app->arena, "%s/%s", work->root, said);
}

lt_status dbt_work_open(lt_app *app, dbt_flags *flags, dbt_work *out, lt_err *err)
{
    *out = (dbt_work){.app = app,
                      .flags = flags,
                      .started_at_us = lt_now_us(),
                      .counting = PTHREAD_MUTEX_INITIALIZER};
    out->log = (dbt_log){
        .out = &app->out, .fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER, .level = LT_LOG_INFO};
    make_id(out->id);
    out->log.invocation_id = out->id;
    LT_TRY(check_flags(flags, err));
    LT_TRY(find_root(out, err));
    LT_TRY(read_project_flags(out, err));
    out->target_folder = target_folder_of(out);
    if (flags->verb == DBT_RETRY)
        LT_TRY(dbt_retry_read(out, out->target_folder, err));
    dbt_flags_finish(flags);
    open_log(out);
    LT_TRY(read_vars(out, err));
    out->invocation = (lt_dbt_invocation){.id = lt_text_of(out->id),
                                          .started_at_us = out->started_at_us,
                                          .which = lt_text_of(dbt_verb_name(flags->verb)),
                                          .args = dbt_flags_args(flags, &out->heap)};
    read_metadata_env(out);
    out->log.invocation = &out->invocation;
    hide_secrets(out);
    LT_TRY(dbt_warn_read(flags, &out->heap, &out->warnings, err));
    if (flags->sample)
        LT_TRY(dbt_sample_read(flags->sample, out->started_at_us, &out->sample, err));
    dbt_say(&out->log, LT_LOG_INFO, "A001", "MainReportVersion", "Running with dbt=%s",
            LT_DBT_VERSION);
    return dbt_work_old_ways(out, err);
}

/* ---- loading ---- */

static lt_text text_of(const char *string)
{
    return string ? lt_text_of(string) : (lt_text){0};
}

lt_status dbt_work_profile(dbt_work *work, lt_err *err)
{
    lt_dbt_profile_request request = {.folder = work->flags->profiles_dir,
                                      .project_root = work->root,
                                      .name = text_of(work->flags->profile),
                                      .target = text_of(work->flags->target),
                                      .scope = &work->scope};
    LT_TRY(lt_dbt_profile_read(&request, &work->heap, &work->profile, err));
    dbt_say(&work->log, LT_LOG_INFO, "E034", "AdapterRegistered", "Registered adapter: %.*s=leat",
            LT_ARG(work->profile.kind));
    return LT_OK;
}

/* dbt_metadata_envs: the variables of the environment that every artifact holds too. */
static lt_jinja_value metadata_envs(dbt_work *work)
{
    const lt_dbt_invocation *invocation = &work->invocation;
    lt_jinja_value made = lt_jinja_dict(&work->heap);
    for (size_t i = 0; i < invocation->env_count; i++)
        lt_jinja_put(made, invocation->env_names[i],
                     lt_jinja_text(lt_text_of(invocation->env_values[i])));
    return made;
}

/* Other commands of dbt do not look at catalogs.yml. */
static bool writes_catalogs(dbt_verb verb)
{
    return verb == DBT_PARSE || verb == DBT_COMPILE || verb == DBT_BUILD || verb == DBT_RUN ||
           verb == DBT_SEED || verb == DBT_SNAPSHOT || verb == DBT_TEST;
}

static bool opens_engine(dbt_verb verb)
{
    return verb == DBT_RUN || verb == DBT_BUILD || verb == DBT_TEST || verb == DBT_SEED ||
           verb == DBT_SNAPSHOT || verb == DBT_COMPILE || verb == DBT_SHOW || verb == DBT_OPERATION;
}

lt_status dbt_work_load(dbt_work *work, lt_err *err)
{
    LT_TRY(dbt_work_profile(work, err));
    const lt_dbt_profile *profile = &work->profile;
    if (opens_engine(work->flags->verb))
        lt_engine_load_ahead(profile->kind);
    lt_jinja_put(profile->values, "threads", lt_jinja_int(dbt_threads(work)));
    const char *cache =
        lt_arena_format(&work->app->arena, "%s/leat_parse.cache", work->target_folder);
    lt_dbt_settings settings = {.root = work->root,
                                .target_name = profile->target_name,
                                .target_kind = profile->kind,
                                .target_schema = profile->schema,
                                .target_database = profile->database,
                                .profile_name = profile->name,
                                .target = profile->values,
                                .scope = &work->scope,
                                .parse_cache = cache,
                                .reads_cache = work->flags->partial_parse != 0,
                                .full_refresh = work->flags->full_refresh == 1,
                                .flags = dbt_flags_value(work->flags, &work->heap),
                                .args = work->invocation.args,
                                .metadata_envs = metadata_envs(work),
                                .checks_version = work->flags->version_check != 0,
                                .say = dbt_line_said,
                                .say_user = work};
    LT_TRY(lt_dbt_load(&settings, &work->dbt, err));
    if (writes_catalogs(work->flags->verb))
        LT_TRY(lt_dbt_catalogs_check(work->dbt, err));
    if (!settings.reads_cache)
        dbt_say(&work->log, LT_LOG_DEBUG, "I028", "PartialParsingNotEnabled",
                "Partial parsing not enabled");
    dbt_say(&work->log, LT_LOG_DEBUG, "I040", "PartialParsing", "%s", lt_dbt_parse_note(work->dbt));
    LT_TRY(dbt_work_say_warnings(work, 0, err));
    return dbt_work_deprecations(work, err);
}

lt_status dbt_work_manifest(dbt_work *work, lt_err *err)
{
    const char *folder = work->target_folder;
    bool is_graph = work->flags->verb != DBT_PARSE;
    if (work->flags->write_json == 0)
        return LT_OK;
    LT_TRY(lt_dbt_manifest_write(work->dbt, &work->invocation, folder, err));
    LT_TRY(lt_dbt_semantic_manifest_write(work->dbt, folder, err));
    return is_graph ? lt_dbt_graph_summary_write(work->dbt, &work->invocation, folder, err) : LT_OK;
}

void dbt_work_close(dbt_work *work)
{
    if (work->has_state)
        lt_dbt_state_cleanup(&work->state);
    if (work->has_deferred)
        lt_dbt_state_cleanup(&work->deferred);
    lt_dbt_builds_cleanup(&work->builds);
    lt_dbt_close(work->dbt);
    lt_dbt_profile_cleanup(&work->profile);
    lt_jinja_heap_cleanup(&work->heap);
    (void)pthread_mutex_destroy(&work->counting);
    dbt_log_close(&work->log);
}

/* ---- selection ---- */

static lt_status kind_bits(lt_text word, unsigned *out, lt_err *err)
{
    unsigned bits = 0;
    bool all = lt_text_eq(word, T("all")) || lt_text_eq(word, T("default"));
    for (unsigned i = 0; i < LT_DBT_KINDS; i++)
        if (all || lt_text_eq(lt_text_of(lt_dbt_kind_name((lt_dbt_kind)i)), word))
            bits |= 1u << i;
    if (lt_text_eq(word, T("default")))
        bits &= ~(1u << LT_DBT_ANALYSIS);
    if (!bits) {
        lt_ignore(
            lt_fail(err, LT_INVALID, "--resource-type: there is no type '%.*s'", LT_ARG(word)));
        return lt_hint(err, "types are model, test, unit_test, seed, snapshot, source, analysis, "
                            "exposure, metric, semantic_model, saved_query, function");
    }
    *out |= bits;
    return LT_OK;
}

/* One option may name several: "model seed". */
static lt_status all_kind_bits(const lt_strings *words, unsigned *out, lt_err *err)
{
    lt_text word;
    for (size_t i = 0; i < words->len; i++)
        for (lt_text rest = lt_text_of(words->items[i]); lt_text_cut(&rest, ' ', &word);)
            if (word.len)
                LT_TRY(kind_bits(word, out, err));
    return LT_OK;
}

static lt_status limit_kinds(const dbt_flags *flags, unsigned *kinds, lt_err *err)
{
    unsigned in = 0, without = 0;
    LT_TRY(all_kind_bits(&flags->resource_type, &in, err));
    LT_TRY(all_kind_bits(&flags->exclude_resource_type, &without, err));
    if (in)
        *kinds &= in | (in & (1u << LT_DBT_ANALYSIS));
    *kinds &= ~without;
    return LT_OK;
}

/* dbt takes the folder of a state from the project's own; where there is none, it is one of where the command was given. */
static const char *state_folder(const dbt_work *work, const char *said)
{
    if (said[0] == '/')
        return said;
    const char *own = lt_arena_format(&work->app->arena, "%s/%s", work->root, said);
    return lt_path_exists(own) || !lt_path_exists(said) ? own : said;
}

/* What this run writes takes the place of what it compares with. */
static lt_status read_state(dbt_work *work, const char *said, lt_dbt_state *out, lt_err *err)
{
    const char *folder = state_folder(work, said);
    char state[PATH_MAX], target[PATH_MAX];
    if (realpath(folder, state) && realpath(work->target_folder, target) &&
        strcmp(state, target) == 0)
        dbt_say(&work->log, LT_LOG_WARNING, "I072", "WarnStateTargetEqual",
                DBT_YELLOW "Warning: The state and target directories are the same: '%s'. This "
                           "could lead to missing changes due to overwritten state including "
                           "non-idempotent retries." DBT_PLAIN,
                said);
    return lt_dbt_state_read(folder, work->target_folder, out, err);
}

static lt_status need_state(dbt_work *work, lt_err *err)
{
    if (!work->flags->state || work->has_state)
        return LT_OK;
    LT_TRY(read_state(work, work->flags->state, &work->state, err));
    work->has_state = true;
    return LT_OK;
}

lt_status dbt_work_deferred(dbt_work *work, const lt_dbt_state **out, lt_err *err)
{
    const char *folder = work->flags->defer_state;
    LT_TRY(need_state(work, err));
    *out = work->has_state ? &work->state : NULL;
    if (!folder)
        return *out ? lt_dbt_state_need(*out, err) : LT_OK;
    if (!work->has_deferred)
        LT_TRY(read_state(work, folder, &work->deferred, err));
    work->has_deferred = true;
    *out = &work->deferred;
    return lt_dbt_state_need(*out, err);
}

static lt_dbt_indirect indirect_of(const char *word)
{
    return is_word(word, "cautious")    ? LT_DBT_CAUTIOUS
           : is_word(word, "buildable") ? LT_DBT_BUILDABLE
           : is_word(word, "empty")     ? LT_DBT_NO_INDIRECT
                                        : LT_DBT_EAGER;
}

static lt_text node_name(const void *context, size_t i)
{
    return ((const lt_dbt_nodes *)context)->items[i]->name;
}

static lt_status warn_of_criterion(dbt_work *work, lt_text word, lt_err *err)
{
    const lt_dbt_nodes *all = lt_dbt_all(work->dbt);
    lt_text near;
    if (!lt_text_nearest(word, all->len, node_name, all, &near) || lt_text_eq(near, word))
        return dbt_work_warn(work, LT_DBT_NO_CRITERION, err,
                             "The selection criterion '%.*s' does not match any enabled nodes",
                             LT_ARG(word));
    return dbt_work_warn(
        work, LT_DBT_NO_CRITERION, err,
        "The selection criterion '%.*s' does not match any enabled nodes, did you mean '%.*s'?",
        LT_ARG(word), LT_ARG(near));
}

lt_status dbt_work_select(dbt_work *work, unsigned kinds, lt_node_set *out, lt_err *err)
{
    const dbt_flags *flags = work->flags;
    lt_texts unmatched = {0};
    LT_TRY(need_state(work, err));
    LT_TRY(limit_kinds(flags, &kinds, err));
    LT_TRY(lt_dbt_selectors_read(work->dbt, err));
    lt_text usual = lt_dbt_default_selector(work->dbt);
    if (usual.len && !flags->selector && !flags->select.len && !flags->exclude.len)
        dbt_say(&work->log, LT_LOG_INFO, "M025", "DefaultSelector", "Using default selector %.*s",
                LT_ARG(usual));
    lt_dbt_selecting selecting = {.dbt = work->dbt,
                                  .select = flags->select.items,
                                  .select_count = flags->select.len,
                                  .exclude = flags->exclude.items,
                                  .exclude_count = flags->exclude.len,
                                  .selector = flags->selector,
                                  .indirect = indirect_of(flags->indirect_selection),
                                  .state = work->has_state ? &work->state : NULL,
                                  .kinds = kinds};
    size_t said = lt_dbt_warnings(work->dbt)->len;
    LT_TRY(lt_dbt_select(&selecting, &work->app->arena, out, &unmatched, err));
    LT_TRY(dbt_work_say_warnings(work, said, err));
    for (size_t i = 0; i < unmatched.len; i++)
        LT_TRY(warn_of_criterion(work, unmatched.items[i], err));
    return LT_OK;
}
