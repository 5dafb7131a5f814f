/* The options of `leat dbt`: a table of dbt's names, letters, environment variables and verbs. */
#include "cli/dbt_flags.h"

#include "conf/scope.h"
#include "fmt/yaml.h"

#include <stdlib.h>

typedef enum flag_type { SWITCH, TEXT, WORDS, NUMBER, INERT, INERT_TEXT } flag_type;

typedef struct flag {
    const char *name;  /* of the switch; --no-NAME turns it off */
    const char *other; /* a second name, or NULL */
    char letter;
    flag_type type;
    size_t offset;
    const char *env; /* without DBT_; NULL: none */
    unsigned verbs;  /* bits; 0: all */
    const char *help;
} flag;

#define NO_NUMBER INT64_MIN
#define AT(field) offsetof(dbt_flags, field)
#define V(verb) (1u << DBT_##verb)
#define BUILDERS (V(BUILD) | V(RUN) | V(TEST) | V(SEED) | V(SNAPSHOT))
#define SELECTING                                                                                  \
    (BUILDERS | V(COMPILE) | V(SHOW) | V(LIST) | V(CLONE) | V(FRESHNESS) | V(DOCS_GENERATE) |      \
     V(PLAN) | V(WATCH))
#define LOADING (SELECTING | V(PARSE) | V(RETRY) | V(OPERATION) | V(CLEAN) | V(ORPHANS))

static const flag flags[] = {
    {"project-dir", NULL, 0, TEXT, AT(project_dir), "PROJECT_DIR", 0, "folder of dbt_project.yml"},
    {"profiles-dir", NULL, 0, TEXT, AT(profiles_dir), "PROFILES_DIR", 0, "folder of profiles.yml"},
    {"profile", NULL, 0, TEXT, AT(profile), "PROFILE", 0, "the profile; else the project's"},
    {"target", NULL, 't', TEXT, AT(target), "TARGET", 0, "the target of the profile"},
    {"vars", NULL, 0, TEXT, AT(vars), NULL, 0, "variables: '{name: value}'"},
    {"target-path", NULL, 0, TEXT, AT(target_path), "TARGET_PATH", 0, "where artifacts go"},
    {"threads", NULL, 0, NUMBER, AT(threads), NULL, LOADING, "nodes at once"},
    {"log-format", NULL, 0, TEXT, AT(log_format), "LOG_FORMAT", 0, "text, debug or json"},
    {"log-format-file", NULL, 0, TEXT, AT(log_format_file), "LOG_FORMAT_FILE", 0,
     "the same of logs/dbt.log"},
    {"log-level", NULL, 0, TEXT, AT(log_level), "LOG_LEVEL", 0, "debug, info, warn, error or none"},
    {"log-level-file", NULL, 0, TEXT, AT(log_level_file), "LOG_LEVEL_FILE", 0,
     "the same of dbt.log"},
    {"log-file-max-bytes", NULL, 0, NUMBER, AT(log_file_max_bytes), "LOG_FILE_MAX_BYTES", 0,
     "a longer dbt.log is put aside as dbt.log.1; 0: never"},
    {"log-path", NULL, 0, TEXT, AT(log_path), "LOG_PATH", 0, "folder of dbt.log"},
    {"debug", NULL, 'd', SWITCH, AT(debug), "DEBUG", 0, "say more"},
    {"quiet", NULL, 'q', SWITCH, AT(quiet), "QUIET", 0, "say nothing but errors"},
    {"print", NULL, 0, SWITCH, AT(print), "PRINT", 0, "let print() of templates speak"},
    {"use-colors", NULL, 0, SWITCH, AT(use_colors), "USE_COLORS", 0,
     "paint results; usual on a terminal"},
    {"use-colors-file", NULL, 0, SWITCH, AT(use_colors_file), "USE_COLORS_FILE", 0,
     "paint them in dbt.log"},
    {"printer-width", NULL, 0, NUMBER, AT(printer_width), "PRINTER_WIDTH", 0,
     "columns before the result of a line"},
    {"fail-fast", NULL, 'x', SWITCH, AT(fail_fast), "FAIL_FAST", 0, "stop at the first failure"},
    {"warn-error", NULL, 0, SWITCH, AT(warn_error), "WARN_ERROR", 0, "warnings are errors"},
    {"warn-error-options", NULL, 0, TEXT, AT(warn_error_options), "WARN_ERROR_OPTIONS", 0,
     "which warnings are: '{error: all}'"},
    {"show-all-deprecations", NULL, 0, SWITCH, AT(show_all_deprecations), "SHOW_ALL_DEPRECATIONS",
     0, "say each deprecation, not only the first of its kind"},
    {"write-json", NULL, 0, SWITCH, AT(write_json), "WRITE_JSON", 0, "write artifacts"},
    {"version-check", NULL, 0, SWITCH, AT(version_check), "VERSION_CHECK", 0,
     "check require-dbt-version"},
    {"partial-parse", NULL, 0, SWITCH, AT(partial_parse), "PARTIAL_PARSE", 0,
     "evaluate only what has changed since the last time"},
    {"select", NULL, 's', WORDS, AT(select), NULL, SELECTING, "the nodes that are meant"},
    {"models", "model", 'm', WORDS, AT(models), NULL, SELECTING,
     "the same; of list: those of them that are models"},
    {"exclude", NULL, 0, WORDS, AT(exclude), NULL, SELECTING, "and those that are not"},
    {"selector", NULL, 0, TEXT, AT(selector), NULL, SELECTING, "a name of selectors.yml"},
    {"indirect-selection", NULL, 0, TEXT, AT(indirect_selection), "INDIRECT_SELECTION", 0,
     "tests that come along: eager, cautious, buildable or empty"},
    {"resource-type", "resource-types", 0, WORDS, AT(resource_type), "RESOURCE_TYPES",
     V(BUILD) | V(LIST) | V(CLONE) | V(TEST) | V(PLAN), "only these kinds"},
    {"exclude-resource-type", "exclude-resource-types", 0, WORDS, AT(exclude_resource_type),
     "EXCLUDE_RESOURCE_TYPES", V(BUILD) | V(LIST) | V(CLONE) | V(TEST) | V(PLAN),
     "not these kinds"},
    {"state", NULL, 0, TEXT, AT(state), "STATE", 0, "folder of another run's artifacts"},
    {"defer", NULL, 0, SWITCH, AT(defer), "DEFER", 0, "read from the state what is not built here"},
    {"defer-state", NULL, 0, TEXT, AT(defer_state), "DEFER_STATE", 0, "another folder for --defer"},
    {"favor-state", NULL, 0, SWITCH, AT(favor_state), "FAVOR_STATE", 0,
     "read from the state even what is there"},
    {"full-refresh", NULL, 'f', SWITCH, AT(full_refresh), "FULL_REFRESH",
     V(BUILD) | V(RUN) | V(SEED) | V(COMPILE) | V(SHOW) | V(CLONE) | V(RETRY) | V(PLAN),
     "build anew"},
    {"empty", NULL, 0, SWITCH, AT(empty), "EMPTY", V(BUILD) | V(RUN) | V(SNAPSHOT) | V(COMPILE),
     "with no rows: only the schema"},
    {"sample", NULL, 0, TEXT, AT(sample), "SAMPLE", V(BUILD) | V(RUN), "with a part of the rows"},
    {"event-time-start", NULL, 0, TEXT, AT(event_time_start), "EVENT_TIME_START", V(BUILD) | V(RUN),
     "first moment of microbatch models"},
    {"event-time-end", NULL, 0, TEXT, AT(event_time_end), "EVENT_TIME_END", V(BUILD) | V(RUN),
     "last moment of microbatch models"},
    {"fill-gaps", NULL, 0, SWITCH, AT(fill_gaps), NULL, V(BUILD) | V(RUN),
     "microbatch models also build batches that are missing or failed"},
    {"store-failures", NULL, 0, SWITCH, AT(store_failures), "STORE_FAILURES", V(BUILD) | V(TEST),
     "keep rows that break tests"},
    {"show", NULL, 0, SWITCH, AT(show), NULL, V(SEED) | V(BUILD), "show rows of seeds"},
    {"output", NULL, 'o', TEXT, AT(output), NULL,
     V(LIST) | V(COMPILE) | V(SHOW) | V(FRESHNESS) | V(PLAN) | V(ORPHANS),
     "how, or where, results go"},
    {"stale-only", NULL, 0, SWITCH, AT(stale_only), NULL, BUILDERS,
     "of those, only what 'leat dbt plan' finds changed"},
    {"detailed-exitcode", NULL, 0, SWITCH, AT(detailed_exitcode), NULL, V(PLAN),
     "exit code 0 nothing to build, 2 something, 1 an error"},
    {"drop", NULL, 0, SWITCH, AT(drop), NULL, V(ORPHANS), "drop what no node makes any more"},
    {"yes", NULL, 'y', SWITCH, AT(yes), NULL, V(ORPHANS), "drop without asking"},
    {"include-snapshots", NULL, 0, SWITCH, AT(include_snapshots), NULL, V(ORPHANS),
     "drop snapshots too, with their history"},
    {"children", NULL, 0, SWITCH, AT(children), NULL, V(WATCH),
     "also rebuild all that reads what has changed"},
    {"output-keys", NULL, 0, WORDS, AT(output_keys), NULL, V(LIST), "keys of --output json"},
    {"inline", NULL, 0, TEXT, AT(inline_sql), NULL, V(COMPILE) | V(SHOW), "this SQL"},
    {"inline-direct", NULL, 0, TEXT, AT(inline_direct), NULL, V(SHOW),
     "this SQL as it is, without a project"},
    {"limit", NULL, 0, NUMBER, AT(limit), NULL, V(SHOW), "rows that are shown"},
    {"introspect", NULL, 0, SWITCH, AT(introspect), "INTROSPECT", V(COMPILE) | V(SHOW),
     "let templates ask the database"},
    {"inject-ephemeral-ctes", NULL, 0, SWITCH, AT(inject_ctes), NULL, V(COMPILE),
     "write ephemeral models out"},
    {"compile", NULL, 0, SWITCH, AT(compile), NULL, V(DOCS_GENERATE), "compile first"},
    {"empty-catalog", NULL, 0, SWITCH, AT(empty_catalog), NULL, V(DOCS_GENERATE),
     "ask no database"},
    {"static", NULL, 0, SWITCH, AT(static_page), NULL, V(DOCS_GENERATE),
     "also one page with all data in it: static_index.html"},
    {"host", NULL, 0, TEXT, AT(host), "HOST", V(DOCS_SERVE), "the address to listen on"},
    {"port", NULL, 0, NUMBER, AT(port), "PORT", V(DOCS_SERVE), "and its port; 0 takes a free one"},
    {"browser", NULL, 0, SWITCH, AT(browser), NULL, V(DOCS_SERVE), "open the page in a browser"},
    {"args", NULL, 0, TEXT, AT(args), NULL, V(OPERATION), "arguments: '{name: value}'"},
    {"upgrade", NULL, 0, SWITCH, AT(upgrade), NULL, V(DEPS), "look for newer packages"},
    {"lock", NULL, 0, SWITCH, AT(lock), NULL, V(DEPS), "only write package-lock.yml"},
    {"add-package", NULL, 0, TEXT, AT(add_package), NULL, V(DEPS),
     "put a package into packages.yml"},
    {"source", NULL, 0, TEXT, AT(source), NULL, V(DEPS), "of --add-package: hub, git or local"},
    {"clean-project-files-only", NULL, 0, SWITCH, AT(clean_project_only),
     "CLEAN_PROJECT_FILES_ONLY", V(CLEAN), "remove nothing outside of the project"},
    {"connection", NULL, 0, SWITCH, AT(connection), NULL, V(DEBUG), "only try the connection"},
    {"config-dir", NULL, 0, SWITCH, AT(config_dir), NULL, V(DEBUG),
     "only say where profiles.yml is"},
    {"populate-cache", NULL, 0, SWITCH, AT(populate_cache), "POPULATE_CACHE", 0, NULL},
    {"single-threaded", NULL, 0, SWITCH, AT(single_threaded), "SINGLE_THREADED", 0,
     "one at a time"},
    {"skip-profile-setup", NULL, 0, SWITCH, AT(skip_profile_setup), NULL, V(INIT),
     "make the project only"},
    {"version", NULL, 'v', SWITCH, AT(version), NULL, 0, "say the version"},
    {"help", NULL, 'h', SWITCH, AT(help), NULL, 0, "this"},
    /* Taken because scripts give them; what they would change is not there in this program. */
    {"static-parser", NULL, 0, INERT, AT(inert[0]), NULL, 0, NULL},
    {"use-experimental-parser", NULL, 0, INERT, AT(inert[1]), NULL, 0, NULL},
    {"partial-parse-file-diff", NULL, 0, INERT, AT(inert[2]), NULL, 0, NULL},
    {"partial-parse-file-path", NULL, 0, INERT_TEXT, 0, NULL, 0, NULL},
    {"send-anonymous-usage-stats", NULL, 0, INERT, AT(inert[3]), NULL, 0, NULL},
    {"log-cache-events", NULL, 0, INERT, AT(inert[4]), NULL, 0, NULL},
    {"cache-selected-only", NULL, 0, INERT, AT(inert[5]), NULL, 0, NULL},
    {"macro-debugging", NULL, 0, INERT, AT(inert[6]), NULL, 0, NULL},
    {"record-timing-info", NULL, 'r', INERT_TEXT, 0, NULL, 0, NULL},
    {"show-resource-report", NULL, 0, INERT, AT(inert[7]), NULL, 0, NULL},
    {"use-fast-test-edges", NULL, 0, INERT, AT(inert[8]), NULL, 0, NULL},
    {"upload-to-artifacts-ingest-api", NULL, 0, INERT, AT(inert[9]), NULL, 0, NULL},
    {"export-saved-queries", NULL, 0, INERT, AT(inert[10]), NULL, V(BUILD), NULL},
    {"sqlparse", NULL, 0, INERT_TEXT, 0, NULL, 0, NULL},
};
#undef AT

static const struct {
    const char *name, *second; /* "source freshness" is two words */
    dbt_verb verb;
    const char *help;
} verbs[] = {
    {"build", NULL, DBT_BUILD, "seeds, models, snapshots and tests, each after what it needs"},
    {"clean", NULL, DBT_CLEAN, "remove the folders of clean-targets"},
    {"compile", NULL, DBT_COMPILE, "write the SQL of nodes, run nothing"},
    {"show", NULL, DBT_SHOW, "rows of a model, or of a query"},
    {"debug", NULL, DBT_DEBUG, "is the profile right, and the database there?"},
    {"deps", NULL, DBT_DEPS, "install packages"},
    {"list", NULL, DBT_LIST, "the chosen nodes"},
    {"ls", NULL, DBT_LIST, "the chosen nodes"},
    {"parse", NULL, DBT_PARSE, "read the project, write the manifest"},
    {"run", NULL, DBT_RUN, "build models"},
    {"retry", NULL, DBT_RETRY, "do again what failed in the last run"},
    {"clone", NULL, DBT_CLONE, "another environment's relations under our names"},
    {"run-operation", NULL, DBT_OPERATION, "call a macro"},
    {"seed", NULL, DBT_SEED, "load CSV files"},
    {"snapshot", NULL, DBT_SNAPSHOT, "take snapshots"},
    {"source", "freshness", DBT_FRESHNESS, "how old the rows of sources are"},
    {"source", "snapshot-freshness", DBT_FRESHNESS, "the old name of source freshness"},
    {"test", NULL, DBT_TEST, "run tests"},
    {"init", NULL, DBT_INIT, "make a new project"},
    {"plan", NULL, DBT_PLAN, "what a build would do, and why"},
    {"watch", NULL, DBT_WATCH, "rebuild what each save changes"},
    {"orphans", NULL, DBT_ORPHANS, "relations that nothing makes any more"},
    {"docs", "generate", DBT_DOCS_GENERATE, "write the catalogue and the page of the project"},
    {"docs", "serve", DBT_DOCS_SERVE, "show that page in a browser"},
    {"freshness", NULL, DBT_FRESHNESS, "how old the rows of sources are"},
};

const char *dbt_verb_name(dbt_verb verb)
{
    for (size_t i = 0; i < LT_COUNT(verbs); i++)
        if (verbs[i].verb == verb)
            return verbs[i].second ? verbs[i].second : verbs[i].name;
    return "";
}

bool dbt_has_verb(const char *word)
{
    for (size_t i = 0; i < LT_COUNT(verbs); i++)
        if (strcmp(verbs[i].name, word) == 0)
            return true;
    return false;
}

/* ---- setting one ---- */

static void *place(dbt_flags *out, const flag *f)
{
    return (char *)out + f->offset;
}

static bool is_true(const char *value)
{
    static const char *const no[] = {"", "0", "false", "f", "no", "n", "off"};
    for (size_t i = 0; i < LT_COUNT(no); i++)
        if (lt_text_eq_nocase(lt_text_of(no[i]), lt_text_of(value)))
            return false;
    return true;
}

static lt_status set(dbt_flags *out, const flag *f, const char *value, lt_arena *arena, lt_err *err)
{
    int64_t number;
    switch (f->type) {
    case SWITCH:
    case INERT:
        *(int *)place(out, f) = is_true(value);
        return LT_OK;
    case TEXT:
        *(const char **)place(out, f) = value;
        return LT_OK;
    case WORDS:
        lt_push_in(arena, (lt_strings *)place(out, f), value);
        return LT_OK;
    case NUMBER:
        if (!lt_text_to_i64(lt_text_of(value), &number)) {
            lt_ignore(lt_fail(err, LT_INVALID, "--%s: '%s' is not a number", f->name, value));
            return lt_hint(err, "give a whole number");
        }
        *(int64_t *)place(out, f) = number;
        return LT_OK;
    default:
        return LT_OK;
    }
}

static bool is_said(const dbt_flags *out, const flag *f)
{
    const char *at = (const char *)out + f->offset;
    switch (f->type) {
    case SWITCH:
    case INERT:
        return *(const int *)(const void *)at >= 0;
    case TEXT:
        return *(const char *const *)(const void *)at != NULL;
    case WORDS:
        return ((const lt_strings *)(const void *)at)->len > 0;
    case NUMBER:
        return *(const int64_t *)(const void *)at != NO_NUMBER;
    default:
        return true;
    }
}

/* ---- words ---- */

static bool takes_value(const flag *f)
{
    return f->type != SWITCH && f->type != INERT;
}

static const flag *find_long(lt_text name, bool *off)
{
    *off = false;
    for (size_t i = 0; i < LT_COUNT(flags); i++)
        if (lt_text_eq(lt_text_of(flags[i].name), name) ||
            (flags[i].other && lt_text_eq(lt_text_of(flags[i].other), name)))
            return &flags[i];
    if (!lt_text_starts(name, T("no-")))
        return NULL;
    const flag *found = find_long(lt_text_sub(name, 3, SIZE_MAX), off);
    *off = true;
    return found && !takes_value(found) ? found : NULL;
}

static const flag *find_letter(char letter)
{
    if (letter == 'V') /* dbt's -v and -V are one */
        letter = 'v';
    for (size_t i = 0; i < LT_COUNT(flags); i++)
        if (flags[i].letter == letter)
            return &flags[i];
    return NULL;
}

static lt_text flag_name(const void *context, size_t i)
{
    (void)context;
    return lt_text_of(flags[i].name);
}

static lt_status unknown(const char *word, lt_err *err)
{
    lt_text nearest, name = lt_text_of(word);
    while (name.len && name.ptr[0] == '-')
        name = lt_text_sub(name, 1, SIZE_MAX);
    lt_ignore(lt_fail(err, LT_INVALID, "no such option: %s", word));
    if (lt_text_nearest(name, LT_COUNT(flags), flag_name, NULL, &nearest))
        return lt_hint(err, "did you mean '--%.*s'?", LT_ARG(nearest));
    return lt_hint(err, "'leat dbt --help' lists what there is");
}

typedef struct word_reader {
    const lt_args *words;
    size_t at;
    dbt_flags *out;
    lt_arena *arena;
} word_reader;

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

static lt_status read_values(word_reader *r, const flag *f, const char *inside, lt_err *err)
{
    if (inside)
        return set(r->out, f, inside, r->arena, err);
    if (r->at == r->words->count || (f->type == WORDS && is_option(r->words->items[r->at])))
        return lt_fail(err, LT_INVALID, "option --%s needs a value", f->name);
    LT_TRY(set(r->out, f, r->words->items[r->at++], r->arena, err));
    while (f->type == WORDS && r->at < r->words->count && !is_option(r->words->items[r->at]))
        LT_TRY(set(r->out, f, r->words->items[r->at++], r->arena, err));
    return LT_OK;
}

static lt_status read_option(word_reader *r, const char *word, lt_err *err)
{
    bool off = false, is_long = word[1] == '-';
    const char *equals = is_long ? strchr(word, '=') : NULL, *inside = equals ? equals + 1 : NULL;
    lt_text name = lt_text_of(word + 1 + is_long);
    if (equals)
        name.len = (size_t)(equals - name.ptr);
    const flag *f = is_long ? find_long(name, &off) : find_letter(word[1]);
    if (!f)
        return unknown(word, err);
    if (!is_long && word[2] && takes_value(f))
        inside = word + 2;
    if (takes_value(f))
        return read_values(r, f, inside, err);
    if (!is_long && word[2])
        return unknown(word, err);
    return set(r->out, f, off ? "0" : inside ? inside : "1", r->arena, err);
}

static lt_text verb_name_at(const void *context, size_t i)
{
    (void)context;
    return lt_text_of(verbs[i].name);
}

static lt_status read_verb(word_reader *r, const char *word, bool *found, lt_err *err)
{
    lt_text nearest;
    const char *next = r->at < r->words->count ? r->words->items[r->at] : NULL, *second = NULL;
    for (size_t i = 0; i < LT_COUNT(verbs); i++) {
        if (strcmp(verbs[i].name, word) != 0)
            continue;
        if (verbs[i].second && (!next || strcmp(next, verbs[i].second) != 0)) {
            second = second ? second : verbs[i].second;
            continue;
        }
        r->at += verbs[i].second != NULL;
        r->out->verb = verbs[i].verb;
        *found = true;
        return LT_OK;
    }
    if (second)
        return lt_fail(err, LT_INVALID, "write 'leat dbt %s %s'", word, second);
    lt_ignore(lt_fail(err, LT_INVALID, "no such command: '%s'", word));
    if (lt_text_nearest(lt_text_of(word), LT_COUNT(verbs), verb_name_at, NULL, &nearest))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    return lt_hint(err, "'leat dbt --help' lists what there is");
}

static lt_status read_words(word_reader *r, lt_err *err)
{
    bool found = false;
    while (r->at < r->words->count) {
        const char *word = r->words->items[r->at++];
        if (is_option(word))
            LT_TRY(read_option(r, word, err));
        else if (!found)
            LT_TRY(read_verb(r, word, &found, err));
        else
            lt_push_in(r->arena, &r->out->rest, word);
    }
    if (!found)
        r->out->verb = DBT_VERBS;
    for (size_t i = 0; i < LT_COUNT(flags) && found; i++)
        if (flags[i].verbs && !(flags[i].verbs & (1u << r->out->verb)) &&
            is_said(r->out, &flags[i]))
            return lt_fail(err, LT_INVALID, "'leat dbt %s' has no option --%s",
                           dbt_verb_name(r->out->verb), flags[i].name);
    if (found && r->out->rest.len && r->out->verb != DBT_OPERATION && r->out->verb != DBT_ORPHANS &&
        (r->out->verb != DBT_INIT || r->out->rest.len > 1))
        return lt_fail(err, LT_INVALID, "'leat dbt %s' takes no argument '%s'",
                       dbt_verb_name(r->out->verb), r->out->rest.items[0]);
    return LT_OK;
}

/* Other commands know --models as a name of --select; list means by it models alone. */
static lt_status settle_models(dbt_flags *out, lt_arena *arena, lt_err *err)
{
    bool list = out->verb == DBT_LIST && out->models.len;
    out->names_models = out->models.len > 0;
    if (list && (out->select.len || out->resource_type.len))
        return lt_fail(err, LT_INVALID, "--models and --%s do not go together",
                       out->select.len ? "select" : "resource-type");
    for (size_t i = 0; i < out->models.len; i++)
        lt_push_in(arena, &out->select, out->models.items[i]);
    if (list)
        lt_push_in(arena, &out->resource_type, "model");
    out->models = (lt_strings){0};
    return LT_OK;
}

/* ---- beginning ---- */

static void reset(dbt_flags *out)
{
    *out = (dbt_flags){0};
    for (size_t i = 0; i < LT_COUNT(flags); i++)
        if (flags[i].type == SWITCH || flags[i].type == INERT)
            *(int *)place(out, &flags[i]) = -1;
        else if (flags[i].type == NUMBER)
            *(int64_t *)place(out, &flags[i]) = NO_NUMBER;
}

/* DBT_ENGINE_X is the new name of DBT_X, and wins; templates and what reads the environment later see both. */
static void share_name(const char *name)
{
    LT_AUTO(lt_chars) old = lt_format("DBT_%s", name);
    LT_AUTO(lt_chars) new = lt_format("DBT_ENGINE_%s", name);
    const char *value = getenv(new), *before = getenv(old);
    if (value)
        (void)setenv(old, value, 1);
    else if (before)
        (void)setenv(new, before, 1);
}

static void share_names(void)
{
    static const char *const others[] = {"INVOCATION_ENV", "PACKAGE_HUB_URL", "DOWNLOAD_DIR"};
    for (size_t i = 0; i < LT_COUNT(flags); i++)
        if (flags[i].env)
            share_name(flags[i].env);
    for (size_t i = 0; i < LT_COUNT(others); i++)
        share_name(others[i]);
}

/* Variables that have a new name; what is in one of them goes before the new one. */
static const struct {
    const char *old, *flag;
    bool is_opposite;
} renamed[] = {{"DBT_DEFER_TO_STATE", "defer", false},
               {"DBT_FAVOR_STATE_MODE", "favor-state", false},
               {"DBT_NO_PRINT", "print", true},
               {"DBT_ARTIFACT_STATE_PATH", "state", false}};

static lt_status from_renamed(dbt_flags *out, lt_arena *arena, lt_err *err)
{
    for (size_t i = 0; i < LT_COUNT(renamed); i++) {
        const char *value = getenv(renamed[i].old);
        for (size_t k = 0; value && k < LT_COUNT(flags); k++) {
            if (strcmp(flags[k].name, renamed[i].flag) != 0)
                continue;
            const char *now = lt_arena_format(arena, "DBT_ENGINE_%s", flags[k].env);
            const dbt_renamed found = {renamed[i].old, now};
            lt_push_in(arena, &out->renamed, found);
            if (renamed[i].is_opposite)
                value = is_true(value) ? "false" : "true";
            if (!is_said(out, &flags[k]))
                LT_TRY(set(out, &flags[k], value, arena, err));
        }
    }
    return LT_OK;
}

bool dbt_flags_has_variable(lt_text name)
{
    for (size_t i = 0; i < LT_COUNT(flags); i++)
        if (flags[i].env && lt_text_eq(lt_text_of(flags[i].env), name))
            return true;
    return false;
}

static lt_status from_environment(dbt_flags *out, lt_arena *arena, lt_err *err)
{
    share_names();
    LT_TRY(from_renamed(out, arena, err));
    for (size_t i = 0; i < LT_COUNT(flags); i++) {
        if (!flags[i].env || is_said(out, &flags[i]))
            continue;
        LT_AUTO(lt_chars) name = lt_format("DBT_%s", flags[i].env);
        const char *value = getenv(name);
        if (!value || !*value)
            continue;
        if (flags[i].type != WORDS) {
            LT_TRY(set(out, &flags[i], value, arena, err));
            continue;
        }
        lt_text rest = lt_text_of(value), part;
        while (lt_text_cut(&rest, ' ', &part))
            if (part.len)
                LT_TRY(set(out, &flags[i], lt_arena_str(arena, part), arena, err));
    }
    return LT_OK;
}

lt_status dbt_flags_read(lt_app *app, const lt_args *words, dbt_flags *out, lt_err *err)
{
    word_reader r = {.words = words, .out = out, .arena = &app->arena};
    reset(out);
    LT_TRY(read_words(&r, err));
    LT_TRY(settle_models(out, r.arena, err));
    if (!out->project_dir)
        out->project_dir = app->globals.project_dir;
    if (!out->target)
        out->target = app->globals.target;
    if (app->globals.quiet && out->quiet < 0)
        out->quiet = 1;
    return from_environment(out, &app->arena, err);
}

/* "full_refresh" of --full-refresh */
static const char *key_of(const flag *f, lt_arena *arena)
{
    bool plural = f->other && lt_text_ends(lt_text_of(f->other), T("resource-types"));
    char *key = lt_arena_str(arena, lt_text_of(plural ? f->other : f->name));
    for (char *c = key; *c; c++)
        *c = *c == '-' ? '_' : *c;
    return key;
}

void dbt_flags_from_project(dbt_flags *out, lt_jinja_value project, lt_arena *arena)
{
    static const lt_jinja_json one_line = {0};
    out->project = project;
    for (size_t i = 0; i < LT_COUNT(flags); i++) {
        lt_jinja_value value;
        lt_err err = {0};
        LT_AUTO(lt_buf) text = {.limit = LT_KIB};
        if (project.type != LT_JINJA_DICT || flags[i].type == WORDS || is_said(out, &flags[i]) ||
            !lt_jinja_find(project, lt_text_of(key_of(&flags[i], arena)), &value) ||
            value.type == LT_JINJA_NONE)
            continue;
        if (value.type != LT_JINJA_DICT || lt_jinja_to_json(value, &one_line, &text, &err) != LT_OK)
            lt_jinja_str(value, &text);
        lt_ignore(set(out, &flags[i], lt_arena_str(arena, lt_buf_text(&text)), arena, &err));
    }
}

/* As dbt's retry, which keeps these of the command line; and those of the log, which has begun already. */
static bool is_own_of_retry(const dbt_flags *said, const flag *f)
{
    static const char *const own[] = {
        "project-dir",     "profiles-dir",    "target-path", "defer-state",    "warn-error",
        "log-format",      "log-format-file", "log-level",   "log-level-file", "log-file-max-bytes",
        "log-path",        "debug",           "quiet",       "print",          "use-colors",
        "use-colors-file", "printer-width",   "version",     "help",           "show"};
    for (size_t i = 0; i < LT_COUNT(own); i++)
        if (strcmp(own[i], f->name) == 0)
            return true;
    bool stays = strcmp(f->name, "vars") == 0 || strcmp(f->name, "threads") == 0;
    return f->type == INERT || f->type == INERT_TEXT || (stays && is_said(said, f));
}

static void unset(dbt_flags *out, const flag *f)
{
    if (f->type == SWITCH)
        *(int *)place(out, f) = -1;
    else if (f->type == TEXT)
        *(const char **)place(out, f) = NULL;
    else if (f->type == NUMBER)
        *(int64_t *)place(out, f) = NO_NUMBER;
    else
        *(lt_strings *)place(out, f) = (lt_strings){0};
}

static lt_status set_json(dbt_flags *out, const flag *f, const lt_json *value, lt_arena *arena,
                          lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = LT_MIB};
    lt_json_writer w = {.out = &text};
    unset(out, f);
    switch (value->kind) {
    case LT_JSON_NULL:
        return LT_OK;
    case LT_JSON_BOOL:
        return set(out, f, value->truth ? "1" : "0", arena, err);
    case LT_JSON_ARRAY:
        for (size_t i = 0; f->type == WORDS && i < value->count; i++)
            LT_TRY(set(out, f, lt_arena_str(arena, value->items[i].text), arena, err));
        return LT_OK;
    case LT_JSON_OBJECT: /* --vars and --warn-error-options are YAML, and so is JSON */
        lt_json_tree(&w, value);
        LT_TRY(lt_buf_check(&text, f->name, err));
        return f->type == TEXT ? set(out, f, lt_arena_str(arena, lt_buf_text(&text)), arena, err)
                               : LT_OK;
    default:
        return set(out, f, lt_arena_str(arena, value->text), arena, err);
    }
}

/* Results always have warn_error_options: {"error": [], ...} says nothing, and would not go together with --warn-error. */
static bool says_nothing(const lt_json *value)
{
    for (size_t i = 0; i < value->count; i++)
        if (value->kind != LT_JSON_OBJECT || value->items[i].kind != LT_JSON_ARRAY ||
            value->items[i].count)
            return false;
    return value->kind == LT_JSON_OBJECT;
}

lt_status dbt_flags_from_run(dbt_flags *out, const lt_json *args, lt_arena *arena, lt_err *err)
{
    lt_text which = lt_json_text_or(args, "which", (lt_text){0});
    for (size_t i = 0; i < LT_COUNT(flags); i++) {
        const lt_json *value = lt_json_find(args, key_of(&flags[i], arena));
        if (value && !is_own_of_retry(out, &flags[i]) && !says_nothing(value))
            LT_TRY(set_json(out, &flags[i], value, arena, err));
    }
    for (size_t i = 0; i < LT_COUNT(verbs); i++)
        if (lt_text_eq(which, lt_text_of(dbt_verb_name(verbs[i].verb))))
            out->verb = verbs[i].verb;
    const lt_json *macro = lt_json_find(args, "macro");
    if (out->verb == DBT_OPERATION && macro)
        lt_push_in(arena, &out->rest, lt_arena_str(arena, macro->text));
    return LT_OK;
}

void dbt_flags_finish(dbt_flags *out)
{
    const struct {
        int64_t *number, usual;
    } numbers[] = {{&out->threads, 0},
                   {&out->limit, 5},
                   {&out->printer_width, 80},
                   {&out->log_file_max_bytes, 10 * LT_MIB},
                   {&out->port, 8080}};
    for (size_t i = 0; i < LT_COUNT(numbers); i++)
        if (*numbers[i].number == NO_NUMBER)
            *numbers[i].number = numbers[i].usual;
}

/* dbt has no such option, and need not read of it in results where nobody gave it. */
static bool is_own(const flag *f)
{
    static const char *const own[] = {"stale-only", "detailed-exitcode", "fill-gaps",        "drop",
                                      "yes",        "children",          "include-snapshots"};
    for (size_t i = 0; i < LT_COUNT(own); i++)
        if (strcmp(own[i], f->name) == 0)
            return true;
    return false;
}

/* Those of dbt_project.yml alone, as dbt 1.11 has them where it says nothing; and options of dbt that are without effect here. */
static const struct {
    const char *key;
    bool is_on;
} usual_flags[] = {{"require_all_warnings_handled_by_warn_error", false},
                   {"require_batched_execution_for_custom_microbatch_strategy", false},
                   {"require_explicit_package_overrides_for_builtin_materializations", true},
                   {"require_generic_test_arguments_property", true},
                   {"require_nested_cumulative_type_params", false},
                   {"require_ref_searches_node_package_before_root", false},
                   {"require_resource_names_without_spaces", true},
                   {"require_unique_project_resource_names", false},
                   {"require_yaml_configuration_for_mf_time_spines", false},
                   {"skip_nodes_if_on_run_start_fails", false},
                   {"source_freshness_run_project_hooks", true},
                   {"state_modified_compare_more_unrendered_values", false},
                   {"state_modified_compare_vars", false},
                   {"strict_mode", false},
                   {"validate_macro_args", false},
                   {"static_parser", true},
                   {"partial_parse_file_diff", true}};

static void put_behaviour(const dbt_flags *given, lt_jinja_value made)
{
    lt_jinja_value said;
    for (size_t i = 0; i < LT_COUNT(usual_flags); i++) {
        bool is_said = given->project.type == LT_JINJA_DICT &&
                       lt_jinja_find(given->project, lt_text_of(usual_flags[i].key), &said);
        lt_jinja_put(made, usual_flags[i].key,
                     lt_jinja_bool(is_said ? lt_jinja_truth(said) : usual_flags[i].is_on));
    }
}

lt_jinja_value dbt_flags_value(const dbt_flags *given, lt_jinja_heap *heap)
{
    static const char *const on[] = {"print",         "use_colors", "write_json",
                                     "version_check", "introspect", "populate_cache",
                                     "partial_parse", "compile",    "inject_ephemeral_ctes"};
    lt_jinja_value made = lt_jinja_dict(heap);
    for (size_t i = 0; i < LT_COUNT(flags); i++) {
        const flag *f = &flags[i];
        const char *at = (const char *)given + f->offset, *key;
        if (f->type == INERT || f->type == INERT_TEXT || f->letter == 'h')
            continue;
        key = key_of(f, &heap->arena);
        if (f->type == SWITCH && *(const int *)(const void *)at < 0 && is_own(f))
            continue;
        if (f->type == SWITCH) {
            int value = *(const int *)(const void *)at;
            bool usual = false;
            for (size_t k = 0; k < LT_COUNT(on); k++)
                usual |= strcmp(on[k], key) == 0;
            lt_jinja_put(made, key, lt_jinja_bool(value < 0 ? usual : value));
        } else if (f->type == TEXT) {
            const char *value = *(const char *const *)(const void *)at;
            lt_jinja_put(made, key, value ? lt_jinja_text(lt_text_of(value)) : lt_jinja_none());
        } else if (f->type == NUMBER) {
            lt_jinja_put(made, key, lt_jinja_int(*(const int64_t *)(const void *)at));
        } else {
            const lt_strings *list = (const lt_strings *)(const void *)at;
            lt_jinja_value items = lt_jinja_list(heap);
            for (size_t k = 0; k < list->len; k++)
                lt_jinja_add(items, lt_jinja_text(lt_text_of(list->items[k])));
            lt_jinja_put(made, key, items);
        }
    }
    put_behaviour(given, made);
    lt_jinja_put(made, "which", lt_jinja_text(lt_text_of(dbt_verb_name(given->verb))));
    return made;
}

/* Of other commands, or not said and no part of what dbt writes then. */
static bool is_left_out(const dbt_flags *given, const flag *f, const char *key,
                        lt_jinja_value value)
{
    static const char *const only_true[] = {"debug",      "full_refresh",    "fail_fast",
                                            "warn_error", "single_threaded", "store_failures",
                                            "version"};
    bool of_verb = !f->verbs || (f->verbs & (1u << given->verb)) || strcmp(key, "introspect") == 0;
    if (!of_verb || value.type == LT_JINJA_NONE ||
        strcmp(key, "models") == 0) /* it is in `select` */
        return true;
    for (size_t i = 0; i < LT_COUNT(only_true); i++)
        if (strcmp(only_true[i], key) == 0 && !lt_jinja_truth(value))
            return true;
    return strcmp(key, "threads") == 0 && !lt_jinja_truth(value); /* the profile says */
}

static bool usual_of(const char *key)
{
    for (size_t i = 0; i < LT_COUNT(usual_flags); i++)
        if (strcmp(usual_flags[i].key, key) == 0)
            return usual_flags[i].is_on;
    return false;
}

static void put_inert(const dbt_flags *given, lt_jinja_value made, lt_jinja_heap *heap)
{
    lt_jinja_value limits = lt_jinja_dict(heap);
    put_behaviour(given, made);
    for (size_t i = 0; i < LT_COUNT(flags); i++) {
        const flag *f = &flags[i];
        const int *value = (const int *)(const void *)((const char *)given + f->offset);
        bool hidden = strcmp(f->name, "use-experimental-parser") == 0 ||
                      strcmp(f->name, "log-cache-events") == 0;
        if (f->type != INERT || (f->verbs && !(f->verbs & (1u << given->verb))) ||
            (hidden && *value != 1))
            continue;
        const char *key = key_of(f, &heap->arena);
        lt_jinja_put(made, key, lt_jinja_bool(*value < 0 ? usual_of(key) : *value));
    }
    if (given->verb == DBT_BUILD)
        lt_jinja_put(made, "include_saved_query", lt_jinja_bool(false));
    lt_jinja_put(limits, "MAX_GROUPING_DEPTH", lt_jinja_none());
    lt_jinja_put(limits, "MAX_GROUPING_TOKENS", lt_jinja_none());
    lt_jinja_put(made, "sqlparse", limits);
}

static void put_usual(const dbt_flags *given, lt_jinja_value made, lt_jinja_heap *heap)
{
    bool shows = given->verb == DBT_COMPILE || given->verb == DBT_SHOW;
    if (!given->indirect_selection)
        lt_jinja_put(made, "indirect_selection", lt_jinja_text(T("eager")));
    if (!given->log_level)
        lt_jinja_put(made, "log_level", lt_jinja_text(T("info")));
    if (!given->log_level_file)
        lt_jinja_put(made, "log_level_file", lt_jinja_text(T("debug")));
    if (!given->log_format_file)
        lt_jinja_put(made, "log_format_file", lt_jinja_text(T("debug")));
    if (!given->output && shows)
        lt_jinja_put(made, "output", lt_jinja_text(T("text")));
    if (!given->vars)
        lt_jinja_put(made, "vars", lt_jinja_dict(heap));
    if (given->warn_error_options)
        return;
    lt_jinja_value options = lt_jinja_dict(heap);
    lt_jinja_put(options, "error", lt_jinja_list(heap));
    lt_jinja_put(options, "warn", lt_jinja_list(heap));
    lt_jinja_put(options, "silence", lt_jinja_list(heap));
    lt_jinja_put(made, "warn_error_options", options);
}

/* What is written as YAML is a mapping in results; the values of variables that are secrets are not said. */
static void put_mappings(lt_jinja_value made, lt_jinja_heap *heap)
{
    static const char *const names[] = {"vars", "args", "warn_error_options"};
    static const lt_yaml_options options = {.yaml11 = true};
    for (size_t i = 0; i < LT_COUNT(names); i++) {
        lt_err err = {0};
        lt_yaml *root = NULL;
        lt_jinja_value said, key, value;
        if (!lt_jinja_find(made, lt_text_of(names[i]), &said) || said.type != LT_JINJA_STR ||
            lt_yaml_read(lt_jinja_as_text(said), names[i], &options, &heap->arena, &root, &err) ||
            !root || root->kind != LT_YAML_MAPPING)
            continue; /* what cannot be read is said where it is used */
        lt_jinja_value mapping = lt_scope_value(heap, root), shown = lt_jinja_dict(heap);
        for (size_t at = 0; lt_jinja_next(mapping, &at, &key, &value);)
            lt_jinja_put_value(shown, key,
                               lt_text_starts(lt_jinja_as_text(key), T("DBT_ENV_SECRET"))
                                   ? lt_jinja_text(T("*****"))
                                   : value);
        lt_jinja_put(made, names[i], shown);
    }
}

lt_jinja_value dbt_flags_args(const dbt_flags *given, lt_jinja_heap *heap)
{
    lt_jinja_value all = dbt_flags_value(given, heap), made = lt_jinja_dict(heap), value;
    for (size_t i = 0; i < LT_COUNT(flags); i++) {
        const char *key = key_of(&flags[i], &heap->arena);
        if (lt_jinja_find(all, lt_text_of(key), &value) &&
            !is_left_out(given, &flags[i], key, value))
            lt_jinja_put(made, key, value);
    }
    put_usual(given, made, heap);
    put_mappings(made, heap);
    put_inert(given, made, heap);
    if (given->verb == DBT_OPERATION && given->rest.len)
        lt_jinja_put(made, "macro", lt_jinja_text(lt_text_of(given->rest.items[0])));
    lt_jinja_put(made, "which", lt_jinja_text(lt_text_of(dbt_verb_name(given->verb))));
    return made;
}

void dbt_flags_help(lt_app *app, const dbt_flags *given)
{
    bool one = given->verb != DBT_VERBS;
    lt_out_printf(&app->out,
                  "leat dbt: the dbt command's verbs, options and artifacts\n\n"
                  "Usage: leat dbt %s [OPTIONS]\n\n",
                  one ? dbt_verb_name(given->verb) : "COMMAND");
    if (!one) {
        lt_out_str(&app->out, "Commands:\n ");
        for (size_t i = 0; i < LT_COUNT(verbs) - 1; i++)
            lt_out_printf(&app->out, " %s%s%s", verbs[i].name, verbs[i].second ? " " : "",
                          verbs[i].second ? verbs[i].second : "");
        lt_out_str(&app->out, "\n\n");
    }
    lt_out_str(&app->out, "Options:\n");
    for (size_t i = 0; i < LT_COUNT(flags); i++) {
        const flag *f = &flags[i];
        if (!f->help || (one && f->verbs && !(f->verbs & (1u << given->verb))))
            continue;
        LT_AUTO(lt_chars)
        left = lt_format("%s%c%s--%s%s", f->letter ? "-" : "", f->letter ? f->letter : ' ',
                         f->letter ? ", " : "   ", f->name,
                         f->type == TEXT || f->type == NUMBER ? " VALUE"
                         : f->type == WORDS                   ? " WORD..."
                                                              : "");
        lt_out_printf(&app->out, "  %-36s %s\n", left, f->help);
    }
    lt_out_str(&app->out, "\nTaken for dbt's sake, without effect here:");
    for (size_t i = 0; i < LT_COUNT(flags); i++)
        if (!flags[i].help)
            lt_out_printf(&app->out, " --%s", flags[i].name);
    lt_out_str(&app->out, "\n");
}

/* ---- the same as commands, for completion and man pages ---- */

static size_t options_of(dbt_verb verb, lt_arena *arena, const lt_opt **out)
{
    static const lt_opt_type types[] = {[SWITCH] = LT_OPT_FLAG,
                                        [TEXT] = LT_OPT_TEXT,
                                        [WORDS] = LT_OPT_LIST,
                                        [NUMBER] = LT_OPT_TEXT};
    lt_opt *made = lt_alloc_array(arena, LT_COUNT(flags), sizeof(*made));
    size_t count = 0;
    for (size_t i = 0; i < LT_COUNT(flags); i++) {
        const flag *f = &flags[i];
        if (!f->help || f->type > NUMBER || (f->verbs && !(f->verbs & (1u << verb))))
            continue;
        bool is_path = lt_text_ends(lt_text_of(f->name), T("-dir")) ||
                       lt_text_ends(lt_text_of(f->name), T("-path")) ||
                       lt_text_ends(lt_text_of(f->name), T("state"));
        made[count++] = (lt_opt){.name = f->name,
                                 .letter = f->letter,
                                 .type = types[f->type],
                                 .value = f->type == SWITCH            ? NULL
                                          : is_path && f->type == TEXT ? "DIR"
                                                                       : "VALUE",
                                 .env = f->env ? lt_arena_format(arena, "DBT_%s", f->env) : NULL,
                                 .help = f->help};
    }
    *out = made;
    return count;
}

static lt_cmd *command_of(size_t i, const char *name, lt_arena *arena)
{
    lt_cmd *made = LT_NEW(arena, lt_cmd);
    *made = (lt_cmd){.name = name, .help = verbs[i].help};
    made->opt_count = options_of(verbs[i].verb, arena, &made->opts);
    return made;
}

/* "docs" with its second words below it. */
static lt_cmd *command_above(const char *name, lt_arena *arena)
{
    const lt_cmd **subs = lt_alloc_array(arena, LT_COUNT(verbs) + 1, sizeof(*subs));
    lt_cmd *made = LT_NEW(arena, lt_cmd);
    size_t count = 0;
    *made = (lt_cmd){.name = name, .subs = subs};
    for (size_t i = 0; i < LT_COUNT(verbs); i++)
        if (strcmp(verbs[i].name, name) == 0) {
            subs[count++] = command_of(i, verbs[i].second, arena);
            made->help = made->help ? "the page of the project" : verbs[i].help;
        }
    return made;
}

const lt_cmd *const *dbt_flags_commands(lt_arena *arena)
{
    const lt_cmd **made = lt_alloc_array(arena, LT_COUNT(verbs) + 1, sizeof(*made));
    size_t count = 0;
    for (size_t i = 0; i < LT_COUNT(verbs); i++) {
        bool is_there = false;
        for (size_t k = 0; k < count; k++)
            is_there |= strcmp(made[k]->name, verbs[i].name) == 0;
        if (!is_there)
            made[count++] = verbs[i].second ? command_above(verbs[i].name, arena)
                                            : command_of(i, verbs[i].name, arena);
    }
    return made;
}
