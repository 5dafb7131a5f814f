/* leat dbt debug: whether the profile, the project and the connection are well, in dbt's words. */
#include "cli/dbt/cmd.h"

#include "base/fs.h"

#include <stdlib.h>
#include <sys/utsname.h>

typedef struct report {
    dbt_work *work;
    unsigned failed;
    lt_buf summary; /* of what failed */
} report;

static void say(const report *r, const char *format, ...) LT_PRINTF(2, 3);
static void say(const report *r, const char *format, ...)
{
    LT_AUTO(lt_buf) text = {.limit = 256 * LT_KIB};
    va_list args;
    va_start(args, format);
    lt_buf_vprintf(&text, format, args);
    va_end(args);
    dbt_say(&r->work->log, LT_LOG_INFO, "Z047", "DebugCmdOut", "%s", lt_buf_chars(&text));
}

static void note(report *r, const char *what, const lt_err *why)
{
    r->failed++;
    lt_buf_printf(&r->summary, "%s%s:\n%s%s%s", r->summary.len ? "\n\n" : "", what, why->message,
                  why->hint[0] ? "\n  " : "", why->hint);
}

static const char *verdict(bool found, bool fine)
{
    return fine    ? DBT_GREEN "OK found and valid" DBT_PLAIN
           : found ? DBT_RED "ERROR invalid" DBT_PLAIN
                   : DBT_RED "ERROR not found" DBT_PLAIN;
}

/* ---- the parts ---- */

/* Where profiles.yml is, or would be; a heap string. `path` "": it could not be read. */
static char *profiles_dir(const report *r, const char *path)
{
    const char *said = r->work->flags->profiles_dir;
    size_t len = strlen(path) - strlen(lt_path_name(path));
    const char *home = getenv("HOME");
    if (!path[0])
        return said ? lt_xstrdup(said) : lt_path_join(home ? home : "/", ".dbt");
    return len > 1 ? lt_xstrndup(path, len - 1) : lt_xstrdup(len ? "/" : ".");
}

static bool check_profile(report *r, bool *found)
{
    const char *said = r->work->flags->profiles_dir;
    lt_err why = {0};
    bool fine = dbt_work_profile(r->work, &why) == LT_OK;
    const char *path = fine ? r->work->profile.path : "";
    LT_AUTO(lt_chars) folder = profiles_dir(r, path);
    *found = fine || !lt_text_starts(lt_text_of(why.message), T("there is no profiles.yml"));
    say(r, "Using profiles dir at %s", folder);
    if (fine)
        say(r, "Using profiles.yml file at %s", path);
    else
        say(r, "Using profiles.yml file at %s/profiles.yml", folder);
    if (!fine && !*found)
        lt_wrap(&why, "dbt looked for a profiles.yml file in %s, but did not find one",
                said ? said : "this folder, the project's and ~/.dbt");
    if (!fine)
        note(r, "Profile loading failed for the following reason", &why);
    return fine;
}

/* What is wrong in another file of the project is no fault of dbt_project.yml. */
static bool check_project(report *r, bool has_profile, bool *of_file)
{
    lt_err why = {0};
    lt_jinja_value value;
    LT_AUTO(lt_chars) path = lt_path_join(r->work->root, "dbt_project.yml");
    bool fine = has_profile ? dbt_work_load(r->work, &why) == LT_OK
                            : lt_dbt_yaml_value(path, &r->work->heap, &value, &why) == LT_OK;
    *of_file = !fine && lt_text_has(lt_text_of(why.message), T("dbt_project.yml"));
    if (!fine)
        note(r, "Project loading failed for the following reason", &why);
    return fine;
}

static lt_status try_connection(const dbt_work *work, lt_err *err)
{
    LT_AUTO(lt_engine_ref) engine = NULL;
    LT_AUTO(lt_session_ref) session = NULL;
    int64_t rows;
    LT_TRY(lt_engine_open(&work->profile.target, &engine, err));
    LT_TRY(lt_session_open(engine, &session, err));
    return lt_exec(session, T("select 1 as id"), &rows, err);
}

static void check_connection(report *r)
{
    lt_err why = {0};
    lt_jinja_value key, value;
    say(r, "Connection:");
    for (size_t at = 0; lt_jinja_next(r->work->profile.values, &at, &key, &value);) {
        LT_AUTO(lt_buf) text = {.limit = 64 * LT_KIB};
        lt_jinja_str(value, &text);
        say(r, "  %.*s: %s", LT_ARG(lt_jinja_as_text(key)), lt_buf_chars(&text));
    }
    bool fine = try_connection(r->work, &why) == LT_OK;
    if (!fine)
        note(r,
             "dbt was unable to connect to the specified database.\nThe database returned the "
             "following error",
             &why);
    say(r, "  Connection test: [%s]\n",
        fine ? DBT_GREEN "OK connection ok" DBT_PLAIN : DBT_RED "ERROR" DBT_PLAIN);
}

/* ---- all of it ---- */

static void say_versions(const report *r)
{
    struct utsname host;
    say(r, "dbt version: %s", LT_DBT_VERSION);
    say(r, "leat version: %s", LT_VERSION);
    if (uname(&host) == 0)
        say(r, "os info: %s-%s-%s", host.sysname, host.release, host.machine);
}

static void check_all(report *r)
{
    bool found, of_file;
    bool has_profile = check_profile(r, &found);
    say(r, "Using dbt_project.yml file at %s/dbt_project.yml", r->work->root);
    if (has_profile) {
        say(r, "adapter type: %.*s", LT_ARG(r->work->profile.kind));
        say(r, "adapter version: leat %s", LT_VERSION);
    }
    if (r->work->flags->connection == 1) {
        say(r, "Skipping steps before connection verification");
    } else {
        bool fine = check_project(r, has_profile, &of_file);
        say(r, "Configuration:");
        say(r, "  profiles.yml file [%s]", verdict(found, has_profile));
        say(r, "  dbt_project.yml file [%s]", verdict(true, !of_file));
        if (!fine && !of_file)
            say(r, "  files of the project [%s]", verdict(true, false));
    }
    if (has_profile)
        check_connection(r);
    else
        say(r, "Connection test skipped since no profile was found");
}

static void say_config_dir(report *r)
{
    lt_err none;
    bool fine = dbt_work_profile(r->work, &none) == LT_OK;
    LT_AUTO(lt_chars) folder = profiles_dir(r, fine ? r->work->profile.path : "");
    LT_AUTO(lt_chars) whole = lt_path_join(r->work->root, strcmp(folder, ".") ? folder : "");
    say(r, "To view your profiles.yml file, run:\n\nxdg-open %s", whole);
}

lt_status dbt_run_debug(dbt_work *work, lt_err *err)
{
    report r = {.work = work, .summary = {.limit = 256 * LT_KIB}};
    if (work->flags->config_dir == 1) {
        say_config_dir(&r);
        return LT_OK;
    }
    say_versions(&r);
    check_all(&r);
    unsigned failed = r.failed;
    if (failed)
        dbt_say(&work->log, LT_LOG_INFO, "Z048", "DebugCmdResult",
                DBT_RED "%u check%s failed:" DBT_PLAIN "\n%s\n", failed, failed == 1 ? "" : "s",
                lt_buf_chars(&r.summary));
    else
        dbt_say(&work->log, LT_LOG_INFO, "Z048", "DebugCmdResult",
                DBT_GREEN "All checks passed!" DBT_PLAIN);
    lt_buf_cleanup(&r.summary);
    work->has_said = failed > 0;
    return failed ? lt_fail(err, LT_FAILED, "%u of the checks failed", failed) : LT_OK;
}
