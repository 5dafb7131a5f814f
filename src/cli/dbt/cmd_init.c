/* leat dbt init: a new dbt project out of templates/dbt_init/, and its profile. */
#include "cli/dbt/cmd.h"

#include "base/embed.h"
#include "base/fs.h"
#include "base/time.h"
#include "dbt/dbt.h"

#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
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

/* A terminal does not show what is typed; true: it did before. */
static bool stop_echo(struct termios *before)
{
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, before) != 0)
        return false;
    struct termios silent = *before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    return tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
}

/* One line of standard input; an empty one is `usual`. `hidden`: it is not to be seen. */
static lt_status ask_quietly(making *m, const char *question, const char *usual, bool hidden,
                             const char **out, lt_err *err)
{
    enum { MOST = 1000 };
    char line[MOST];
    lt_text answer = {0};
    struct termios before;
    lt_err flush_err = {0};
    do {
        lt_out_printf(&m->app->out, "%s%s%s%s: ", question, usual ? " [" : "", usual ? usual : "",
                      usual ? "]" : "");
        lt_ignore(lt_out_flush(&m->app->out, &flush_err));
        bool was_shown = hidden && stop_echo(&before);
        const char *got = fgets(line, sizeof(line), stdin);
        if (was_shown)
            (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        if (!got) {
            lt_ignore(lt_fail(err, LT_INVALID, "no answer to '%s'", question));
            return lt_hint(err, "without answers: leat dbt init NAME --skip-profile-setup");
        }
        answer = lt_text_trim(lt_text_of(line));
    } while (!answer.len && !usual);
    *out = lt_arena_str(&m->app->arena, answer.len ? answer : lt_text_of(usual));
    return LT_OK;
}

static lt_status ask(making *m, const char *question, const char *usual, const char **out,
                     lt_err *err)
{
    return ask_quietly(m, question, usual, false, out, err);
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
    lt_buf_add_str(out, "      type: postgres\n");
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

/* Put an entry at the end of profiles.yml. */
static lt_status write_profile(const making *m, const char *target, lt_text below, lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = LT_MIB};
    LT_AUTO(lt_chars)
    folder = lt_xstrndup(m->profiles, (size_t)(strrchr(m->profiles, '/') - m->profiles));
    if (lt_path_exists(m->profiles))
        LT_TRY(lt_file_read(m->profiles, &text, err));
    if (text.len && !lt_text_ends(lt_buf_text(&text), T("\n")))
        lt_buf_add_byte(&text, '\n');
    lt_buf_printf(&text, "%s:\n  target: %s\n  outputs:\n    %s:\n", m->profile, target, target);
    lt_buf_add(&text, below);
    LT_TRY(lt_folder_make(folder, 0700, err));
    return lt_file_write(m->profiles, lt_buf_text(&text), 0600, err);
}

/* ---- profile_template.yml of a project ---- */

typedef struct prompting {
    making *m;
    lt_jinja_heap heap;
    lt_jinja_value target; /* what the profile's target gets */
} prompting;

/* What click makes of an answer of that type; false: it is none. */
static bool read_answer(prompting *p, lt_text type, const char *answer, lt_jinja_value *out)
{
    static const struct {
        lt_text word;
        bool value;
    } words[] = {{T("true"), true}, {T("t"), true},   {T("1"), true},      {T("yes"), true},
                 {T("y"), true},    {T("on"), true},  {T("false"), false}, {T("f"), false},
                 {T("0"), false},   {T("no"), false}, {T("n"), false},     {T("off"), false}};
    int64_t whole;
    double number;
    lt_text text = lt_text_of(answer);
    if (lt_text_eq(type, T("int"))) {
        bool fits = lt_text_to_i64(text, &whole);
        *out = lt_jinja_int(fits ? whole : 0);
        return fits;
    }
    if (lt_text_eq(type, T("float"))) {
        bool fits = lt_text_to_double(text, &number);
        *out = lt_jinja_float(fits ? number : 0);
        return fits;
    }
    for (size_t i = 0; i < LT_COUNT(words) && lt_text_eq(type, T("bool")); i++) {
        *out = lt_jinja_bool(words[i].value);
        if (lt_text_eq_nocase(text, words[i].word))
            return true;
    }
    *out = lt_jinja_text_copy(&p->heap, text);
    return !lt_text_eq(type, T("bool"));
}

/* Without a type that of the default. */
static lt_text type_of(lt_jinja_value said, lt_jinja_value preset)
{
    return said.type == LT_JINJA_STR       ? lt_jinja_as_text(said)
           : preset.type == LT_JINJA_INT   ? T("int")
           : preset.type == LT_JINJA_FLOAT ? T("float")
           : preset.type == LT_JINJA_BOOL  ? T("bool")
                                           : T("string");
}

static lt_status prompt(prompting *p, lt_text key, lt_jinja_value how, lt_err *err)
{
    LT_AUTO(lt_buf) question = {.limit = 64 * LT_KIB}, usual = {.limit = 64 * LT_KIB};
    lt_jinja_value preset = lt_dbt_at(how, "default"), hint = lt_dbt_at(how, "hint"), value;
    lt_text type = type_of(lt_dbt_at(how, "type"), preset);
    bool has_usual = preset.type != LT_JINJA_UNDEFINED && preset.type != LT_JINJA_NONE;
    bool hidden = lt_jinja_truth(lt_dbt_at(how, "hide_input"));
    const char *answer;
    if (how.type != LT_JINJA_DICT)
        return lt_fail(err, LT_INVALID, "profile_template.yml: '%.*s' must be a mapping",
                       LT_ARG(key));
    lt_buf_add(&question, key);
    if (lt_jinja_truth(hint)) {
        lt_buf_add_str(&question, " (");
        lt_jinja_str(hint, &question);
        lt_buf_add_byte(&question, ')');
    }
    lt_jinja_str(preset, &usual);
    for (;;) {
        LT_TRY(ask_quietly(p->m, lt_buf_chars(&question), has_usual ? lt_buf_chars(&usual) : NULL,
                           hidden, &answer, err));
        if (read_answer(p, type, answer, &value))
            break;
        lt_out_printf(&p->m->app->out, "Error: '%s' is not a valid %.*s.\n", hidden ? "it" : answer,
                      LT_ARG(type));
    }
    lt_jinja_put_value(p->target, lt_jinja_text_copy(&p->heap, key), value);
    return LT_OK;
}

/* `_choose_X`: the number of one of several mappings of prompts. */
static lt_status choose(prompting *p, lt_text name, lt_jinja_value options, lt_jinja_value *out,
                        lt_err *err)
{
    LT_AUTO(lt_buf) question = {.limit = 64 * LT_KIB};
    lt_jinja_value key, value;
    const char *answer;
    size_t count = 0;
    int64_t number = 0;
    for (size_t at = 0; options.type == LT_JINJA_DICT && lt_jinja_next(options, &at, &key, &value);)
        lt_buf_printf(&question, "[%zu] %.*s\n", ++count, LT_ARG(lt_jinja_as_text(key)));
    lt_buf_add_str(&question, "Desired ");
    for (size_t i = 0; i < name.len; i++)
        lt_buf_add_byte(&question, name.ptr[i] == '_' ? ' ' : name.ptr[i]);
    lt_buf_add_str(&question, " option (enter a number)");
    LT_TRY(ask(p->m, lt_buf_chars(&question), NULL, &answer, err));
    if (!lt_text_to_i64(lt_text_of(answer), &number) || number < 1 || (size_t)number > count)
        return lt_fail(err, LT_INVALID, "'%s' is none of the options", answer);
    for (size_t at = 0; number-- > 0;)
        (void)lt_jinja_next(options, &at, &key, out);
    return LT_OK;
}

static lt_status prompt_for(prompting *p, lt_jinja_value prompts, unsigned depth, lt_err *err)
{
    static const lt_text choice = T("_choose"), fixed = T("_fixed");
    enum { MOST_DEPTH = 8 };
    lt_jinja_value key, value, chosen = {0};
    if (depth > MOST_DEPTH)
        return lt_fail(err, LT_INVALID,
                       "profile_template.yml: more than %d choices within each other", MOST_DEPTH);
    for (size_t at = 0;
         prompts.type == LT_JINJA_DICT && lt_jinja_next(prompts, &at, &key, &value);) {
        lt_text name = lt_jinja_as_text(key);
        if (lt_text_starts(name, choice)) {
            LT_TRY(choose(p, lt_text_sub(name, choice.len + 1, SIZE_MAX), value, &chosen, err));
            LT_TRY(prompt_for(p, chosen, depth + 1, err));
        } else if (lt_text_starts(name, fixed)) {
            lt_jinja_put_value(
                p->target, lt_jinja_text_copy(&p->heap, lt_text_sub(name, fixed.len + 1, SIZE_MAX)),
                value);
        } else {
            LT_TRY(prompt(p, name, value, err));
        }
    }
    return LT_OK;
}

static lt_status use_template(prompting *p, lt_err *err)
{
    LT_AUTO(lt_buf) below = {.limit = LT_MIB}, target = {.limit = LT_KIB};
    lt_jinja_value all = {0}, key, value;
    lt_jinja_json how = {0};
    p->target = lt_jinja_dict(&p->heap);
    LT_TRY(lt_dbt_yaml_value("profile_template.yml", &p->heap, &all, err));
    lt_jinja_value fixed = lt_dbt_at(all, "fixed");
    for (size_t at = 0; fixed.type == LT_JINJA_DICT && lt_jinja_next(fixed, &at, &key, &value);)
        lt_jinja_put_value(p->target, key, value);
    LT_TRY(prompt_for(p, lt_dbt_at(all, "prompts"), 0, err));
    for (size_t at = 0; lt_jinja_next(p->target, &at, &key, &value);) {
        if (lt_text_eq(lt_jinja_as_text(key), T("target"))) {
            lt_jinja_str(value, &target);
            continue;
        }
        lt_buf_printf(&below, "      %.*s: ", LT_ARG(lt_jinja_as_text(key)));
        LT_TRY(lt_jinja_to_json(value, &how, &below, err));
        lt_buf_add_byte(&below, '\n');
    }
    LT_TRY(
        write_profile(p->m, target.len ? lt_buf_chars(&target) : "dev", lt_buf_text(&below), err));
    dbt_say(
        &p->m->log, LT_LOG_INFO, "A022", "ProfileWrittenWithProjectTemplateYAML",
        "Profile %s written to %s using project's profile_template.yml and your supplied values. "
        "Run 'dbt debug' to validate the connection.",
        p->m->profile, p->m->profiles);
    return LT_OK;
}

/* False: there is none, or it is no good, and the usual questions are asked. */
static bool used_template(making *m)
{
    lt_err wrong = {0};
    prompting p = {.m = m};
    if (!lt_path_exists("profile_template.yml"))
        return false;
    lt_status status = use_template(&p, &wrong);
    lt_jinja_heap_cleanup(&p.heap);
    if (status != LT_OK)
        dbt_say(&m->log, LT_LOG_INFO, "A024", "InvalidProfileTemplateYAML",
                "Invalid profile_template.yml in project. (%s)", wrong.message);
    return status == LT_OK;
}

static lt_status make_profile(making *m, lt_err *err)
{
    const char *kind;
    LT_AUTO(lt_buf) text = {.limit = LT_MIB};
    if (used_template(m))
        return LT_OK;
    LT_TRY(ask(m, "Which database would you like to use?\n[1] duckdb\n[2] postgres\nEnter a number",
               NULL, &kind, err));
    if (strcmp(kind, "1") != 0 && strcmp(kind, "2") != 0)
        return lt_fail(err, LT_INVALID, "'%s' is neither 1 nor 2", kind);
    if (kind[0] == '1')
        lt_buf_add_str(&text, "      type: duckdb\n      path: dev.duckdb\n"
                              "      threads: 1\n");
    else
        LT_TRY(ask_postgres(m, &text, err));
    LT_TRY(write_profile(m, "dev", lt_buf_text(&text), err));
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
    while (!m->name || !is_name(m->name)) {
        if (m->name)
            lt_out_printf(&m->app->out, "%s is not a valid project name.\n", m->name);
        LT_TRY(ask(m, "Enter a name for your project (letters, digits, underscore)", NULL, &m->name,
                   err));
    }
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
