/* leat dbt init: a new dbt project out of templates/dbt_init/, and its profile. */
#include "cli/cmd_dbt.h"

#include "base/embed.h"
#include "base/fs.h"
#include "base/time.h"
#include "dbt/dbt.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char FOLDER[] = "templates/dbt_init/";

typedef struct making {
    lt_app *app;
    const dbt_flags *flags;
    dbt_log log;
    const char *name;     /* of the project */
    const char *profile;  /* its profile's */
    const char *profiles; /* path of profiles.yml */
} making;

/* ---- questions ---- */

/* One line of standard input; an empty one is `usual`. */
static lt_status ask(making *m, const char *question, const char *usual, const char **out,
                     lt_err *err)
{
    enum { MOST = 1000 };
    char line[MOST];
    lt_err flush_err = {0};
    lt_out_printf(&m->app->out, "%s%s%s%s: ", question, usual ? " [" : "", usual ? usual : "",
                  usual ? "]" : "");
    lt_ignore(lt_out_flush(&m->app->out, &flush_err));
    if (!fgets(line, sizeof(line), stdin)) {
        lt_ignore(lt_fail(err, LT_INVALID, "no answer to '%s'", question));
        return lt_hint(err, "without answers: leat dbt init NAME --skip-profile-setup");
    }
    lt_text answer = lt_text_trim(lt_text_of(line));
    if (!answer.len && !usual)
        return ask(m, question, usual, out, err);
    *out = answer.len ? lt_arena_str(&m->app->arena, answer) : usual;
    return LT_OK;
}

static bool is_name(const char *name)
{
    for (size_t i = 0; name[i]; i++)
        if (!lt_is_alpha(name[i]) && name[i] != '_' && (!i || !lt_is_digit(name[i])))
            return false;
    return name[0] != '\0';
}

/* ---- files ---- */

static void fill(const making *m, lt_text source, lt_buf *out)
{
    static const lt_text name = T("NAME"), profile = T("PROFILE");
    for (size_t i = 0; i < source.len; i++) {
        lt_text rest = lt_text_sub(source, i, SIZE_MAX);
        if (lt_text_starts(rest, name)) {
            lt_buf_add_str(out, m->name);
            i += name.len - 1;
        } else if (lt_text_starts(rest, profile)) {
            lt_buf_add_str(out, m->profile);
            i += profile.len - 1;
        } else {
            lt_buf_add_byte(out, source.ptr[i]);
        }
    }
}

static lt_status make_files(const making *m, lt_err *err)
{
    static const char *const empty[] = {"analyses", "macros", "seeds", "snapshots", "tests"};
    const lt_embedded *file;
    for (size_t at = 0; (file = lt_embedded_at(at)); at++) {
        if (strncmp(file->path, FOLDER, strlen(FOLDER)) != 0)
            continue;
        const char *below = file->path + strlen(FOLDER);
        LT_AUTO(lt_chars)
        path = lt_format("%s/%s", m->name, strcmp(below, "gitignore") == 0 ? ".gitignore" : below);
        LT_AUTO(lt_chars) folder = lt_xstrndup(path, (size_t)(strrchr(path, '/') - path));
        LT_AUTO(lt_buf) text = {.limit = LT_MIB};
        fill(m, lt_text_at((const char *)file->data, file->len), &text);
        LT_TRY(lt_folder_make(folder, 0755, err));
        LT_TRY(lt_file_write(path, lt_buf_text(&text), 0644, err));
    }
    for (size_t i = 0; i < LT_COUNT(empty); i++) {
        LT_AUTO(lt_chars) keep = lt_format("%s/%s/.gitkeep", m->name, empty[i]);
        LT_AUTO(lt_chars) folder = lt_format("%s/%s", m->name, empty[i]);
        LT_TRY(lt_folder_make(folder, 0755, err));
        LT_TRY(lt_file_write(keep, T(""), 0644, err));
    }
    return LT_OK;
}

/* ---- the profile ---- */

static void put(lt_buf *out, const char *key, const char *value, bool number)
{
    lt_buf_printf(out, "      %s: ", key);
    if (number)
        lt_buf_add_str(out, value);
    else
        lt_json_quote(lt_text_of(value), out);
    lt_buf_add_byte(out, '\n');
}

static lt_status ask_postgres(making *m, lt_buf *out, lt_err *err)
{
    static const struct {
        const char *key, *question, *usual;
        bool number;
    } keys[] = {{"host", "host (hostname for the instance)", "localhost", false},
                {"port", "port", "5432", true},
                {"user", "user (dev username)", NULL, false},
                {"password", "pass (dev password)", NULL, false},
                {"dbname", "dbname (default database that dbt will build objects in)", NULL, false},
                {"schema", "schema (default schema that dbt will build objects in)", NULL, false},
                {"threads", "threads (1 or more)", "1", true}};
    lt_buf_add_str(out, "    dev:\n      type: postgres\n");
    for (size_t i = 0; i < LT_COUNT(keys); i++) {
        const char *answer;
        int64_t number;
        LT_TRY(ask(m, keys[i].question, keys[i].usual, &answer, err));
        if (keys[i].number && !lt_text_to_i64(lt_text_of(answer), &number))
            return lt_fail(err, LT_INVALID, "%s: '%s' is no number", keys[i].key, answer);
        put(out, keys[i].key, answer, keys[i].number);
    }
    return LT_OK;
}

static lt_status make_profile(making *m, lt_err *err)
{
    const char *kind;
    LT_AUTO(lt_buf) text = {.limit = LT_MIB};
    LT_AUTO(lt_chars)
    folder = lt_xstrndup(m->profiles, (size_t)(strrchr(m->profiles, '/') - m->profiles));
    LT_TRY(ask(m, "Which database would you like to use?\n[1] duckdb\n[2] postgres\nEnter a number",
               NULL, &kind, err));
    if (strcmp(kind, "1") != 0 && strcmp(kind, "2") != 0)
        return lt_fail(err, LT_INVALID, "'%s' is neither 1 nor 2", kind);
    if (lt_path_exists(m->profiles))
        LT_TRY(lt_file_read(m->profiles, &text, err));
    if (text.len && !lt_text_ends(lt_buf_text(&text), T("\n")))
        lt_buf_add_byte(&text, '\n');
    lt_buf_printf(&text, "%s:\n  target: dev\n  outputs:\n", m->profile);
    if (kind[0] == '1')
        lt_buf_add_str(&text, "    dev:\n      type: duckdb\n      path: dev.duckdb\n"
                              "      threads: 1\n");
    else
        LT_TRY(ask_postgres(m, &text, err));
    LT_TRY(lt_folder_make(folder, 0700, err));
    LT_TRY(lt_file_write(m->profiles, lt_buf_text(&text), 0600, err));
    dbt_say(&m->log, LT_LOG_INFO, "A019", "ProfileWrittenWithProjectTemplateYAML",
            "Profile %s written to %s. Run 'dbt debug' to validate the connection.", m->profile,
            m->profiles);
    return LT_OK;
}

/* Where dbt looks: --profiles-dir, this folder, ~/.dbt */
static const char *find_profiles(const making *m)
{
    const char *home = getenv("HOME"), *said = m->flags->profiles_dir;
    if (said)
        return lt_arena_format(&m->app->arena, "%s/profiles.yml", said);
    if (lt_path_exists("profiles.yml") || !home)
        return "./profiles.yml";
    return lt_arena_format(&m->app->arena, "%s/.dbt/profiles.yml", home);
}

static lt_status has_profile(const making *m, bool *out, lt_err *err)
{
    lt_jinja_heap heap = {0};
    lt_jinja_value profiles = {0}, found;
    *out = false;
    if (!lt_path_exists(m->profiles))
        return LT_OK;
    lt_status status = lt_dbt_yaml_value(m->profiles, &heap, &profiles, err);
    if (status == LT_OK)
        *out = profiles.type == LT_JINJA_DICT &&
               lt_jinja_find(profiles, lt_text_of(m->profile), &found);
    lt_jinja_heap_cleanup(&heap);
    return status;
}

static lt_status set_up_profile(making *m, lt_err *err)
{
    bool there;
    LT_TRY(has_profile(m, &there, err));
    if (m->flags->profile && !there)
        return lt_fail(err, LT_INVALID, "Could not find profile named '%s' in '%s'", m->profile,
                       m->profiles);
    if (there || m->flags->skip_profile_setup == 1)
        return LT_OK;
    dbt_say(&m->log, LT_LOG_INFO, "A024", "SettingUpProfile", "Setting up your profile.");
    return make_profile(m, err);
}

/* ---- both ---- */

/* In a project only its profile is set up. */
static lt_status of_this_project(making *m, lt_err *err)
{
    lt_jinja_heap heap = {0};
    lt_jinja_value project = {0};
    LT_TRY(lt_dbt_yaml_value("dbt_project.yml", &heap, &project, err));
    lt_text profile = lt_jinja_as_text(lt_dbt_at(project, "profile"));
    m->profile = lt_arena_str(&m->app->arena, profile);
    lt_jinja_heap_cleanup(&heap);
    if (!profile.len)
        return lt_fail(err, LT_INVALID, "dbt_project.yml names no profile");
    if (m->flags->profile) {
        lt_ignore(lt_fail(err, LT_INVALID,
                          "Can not init existing project with specified profile, edit "
                          "dbt_project.yml instead"));
        return lt_hint(err, "its profile is '%s'", m->profile);
    }
    return set_up_profile(m, err);
}

static lt_status make_project(making *m, lt_err *err)
{
    m->name = m->flags->rest.len ? m->flags->rest.items[0] : NULL;
    if (!m->name)
        LT_TRY(ask(m, "Enter a name for your project (letters, digits, underscore)", NULL, &m->name,
                   err));
    if (!is_name(m->name))
        return lt_fail(err, LT_INVALID, "%s is not a valid project name", m->name);
    if (lt_path_exists(m->name))
        return lt_fail(err, LT_INVALID, "A project called %s already exists here.", m->name);
    m->profile = m->flags->profile ? m->flags->profile : m->name;
    if (m->flags->profile) /* before anything is written */
        LT_TRY(set_up_profile(m, err));
    LT_TRY(make_files(m, err));
    dbt_say(&m->log, LT_LOG_INFO, "A023", "ProjectCreated",
            "Your new dbt project \"%s\" was created!\n  cd %s, then 'dbt build'", m->name,
            m->name);
    return m->flags->profile ? LT_OK : set_up_profile(m, err);
}

lt_status dbt_run_init(lt_app *app, const dbt_flags *flags, lt_err *err)
{
    making m = {.app = app,
                .flags = flags,
                .log = {.out = &app->out,
                        .fd = -1,
                        .lock = PTHREAD_MUTEX_INITIALIZER,
                        .level = LT_LOG_INFO,
                        .quiet = flags->quiet == 1,
                        .invocation_id = ""}};
    if (flags->project_dir && chdir(flags->project_dir) != 0)
        return lt_fail(err, LT_INVALID, "there is no folder '%s'", flags->project_dir);
    m.profiles = find_profiles(&m);
    dbt_say(&m.log, LT_LOG_INFO, "A001", "MainReportVersion", "Running with dbt=%s",
            LT_DBT_VERSION);
    lt_status status = lt_path_exists("dbt_project.yml") && !flags->rest.len
                           ? of_this_project(&m, err)
                           : make_project(&m, err);
    if (status != LT_OK)
        dbt_say(&m.log, LT_LOG_ERROR, "A002", "MainEncounteredError",
                "Encountered an error:\n%s%s%s", err->message, err->hint[0] ? "\n  " : "",
                err->hint);
    app->has_said = status != LT_OK;
    dbt_log_close(&m.log);
    return status;
}
