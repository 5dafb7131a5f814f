/* cli/dbt/flags.h - the command line of `leat dbt`: dbt's options, their environment variables and `flags:` of dbt_project.yml. */
#pragma once
#include "cli/cmd.h"
#include "fmt/json.h"
#include "jinja/jinja.h"

typedef enum dbt_verb {
    DBT_BUILD,
    DBT_CLEAN,
    DBT_DOCS_GENERATE,
    DBT_DOCS_SERVE,
    DBT_COMPILE,
    DBT_SHOW,
    DBT_DEBUG,
    DBT_DEPS,
    DBT_LIST,
    DBT_PARSE,
    DBT_RUN,
    DBT_RETRY,
    DBT_CLONE,
    DBT_OPERATION,
    DBT_SEED,
    DBT_SNAPSHOT,
    DBT_FRESHNESS,
    DBT_TEST,
    DBT_INIT,
    DBT_PLAN,
    DBT_WATCH,
    DBT_ORPHANS,
    DBT_VERBS
} dbt_verb;

/* Texts are borrowed from the command line, the environment or the project's file. Switches: -1 is not said. */
/* A variable of the environment under its old name. */
typedef struct dbt_renamed {
    const char *old, *now;
} dbt_renamed;

typedef struct dbt_flags {
    dbt_verb verb;
    const char *project_dir, *profiles_dir, *profile, *target, *target_path, *vars, *log_format,
        *log_format_file, *log_level, *log_level_file, *log_path, *state, *defer_state, *selector,
        *indirect_selection, *output, *inline_sql, *inline_direct, *args, *event_time_start,
        *event_time_end, *sample, *warn_error_options, *add_package, *source, *host;
    lt_strings select, models, exclude, resource_type, exclude_resource_type, output_keys;
    int64_t threads, limit, printer_width, log_file_max_bytes, port;
    int debug, quiet, fail_fast, full_refresh, defer, favor_state, empty, store_failures, print,
        use_colors, use_colors_file, warn_error, show_all_deprecations, write_json, version_check,
        introspect, inject_ctes, compile, upgrade, lock, show, empty_catalog, populate_cache,
        clean_project_only, connection, config_dir, skip_profile_setup, version, help,
        partial_parse, single_threaded, stale_only, detailed_exitcode, fill_gaps, drop, yes,
        include_snapshots, children, static_page, browser;
    int inert[12];               /* options without effect here: what was said */
    lt_jinja_value project;      /* `flags:` of dbt_project.yml: a dict, or undefined */
    bool names_models;           /* --models was given */
    LT_VEC(dbt_renamed) renamed; /* variables of the environment that were set */
    lt_strings rest;             /* arguments: the macro of run-operation, relations of orphans */
} dbt_flags;

/* Read the words behind `dbt`. LT_INVALID names the option and the nearest one. */
LT_MUST_CHECK lt_status dbt_flags_read(lt_app *app, const lt_args *words, dbt_flags *out,
                                       lt_err *err);
/* What neither the command line nor the environment said, from `flags:` of the project (a dict, or undefined). */
void dbt_flags_from_project(dbt_flags *out, lt_jinja_value project, lt_arena *arena);
/* What a run was asked for (`args` of its run_results.json), for its retry: over what is said now, but for where things are, what is
 * shown, and --vars and --threads of this command line. The verb becomes that run's. */
LT_MUST_CHECK lt_status dbt_flags_from_run(dbt_flags *out, const lt_json *args, lt_arena *arena,
                                           lt_err *err);
/* Numbers that nobody said get their usual value. */
void dbt_flags_finish(dbt_flags *out);
/* Is DBT_ENGINE_... of this name one of dbt's? */
bool dbt_flags_has_variable(lt_text name);
const char *dbt_verb_name(dbt_verb verb);
/* Has `leat dbt` a command that begins with this word? */
bool dbt_has_verb(const char *word);
/* The options as `flags` of templates has them: a dict with lower-case keys. */
lt_jinja_value dbt_flags_value(const dbt_flags *given, lt_jinja_heap *heap);
/* As run_results.json and invocation_args_dict have them: those of this command that have a value. */
lt_jinja_value dbt_flags_args(const dbt_flags *given, lt_jinja_heap *heap);
/* The verbs with their options as commands that cannot be run: for completion and man pages. NULL-terminated. */
const lt_cmd *const *dbt_flags_commands(lt_arena *arena);
void dbt_flags_help(lt_app *app, const dbt_flags *given);
