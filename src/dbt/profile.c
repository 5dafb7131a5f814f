/* profiles.yml: found, its chosen target rendered, and turned into what the engine needs. */
#include "dbt/profile.h"

#include "base/fs.h"
#include "dbt/inner.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- finding ---- */

static char *profiles_in(const char *folder)
{
    LT_AUTO(lt_chars) path = lt_path_join(folder, "profiles.yml");
    return lt_path_exists(path) ? LT_TAKE(path) : NULL;
}

static lt_status find_file(const lt_dbt_profile_request *request, char **out, lt_err *err)
{
    const char *user = getenv("HOME");
    if (request->folder) {
        *out = profiles_in(request->folder);
        if (*out)
            return LT_OK;
        return lt_fail(err, LT_NOT_FOUND, "there is no profiles.yml in '%s'", request->folder);
    }
    *out = profiles_in(".");
    if (!*out)
        *out = profiles_in(request->project_root);
    LT_AUTO(lt_chars) home = lt_path_join(user ? user : "/", ".dbt");
    if (!*out)
        *out = profiles_in(home);
    if (*out)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_NOT_FOUND,
                      "there is no profiles.yml: neither here, nor in '%s', nor in '%s'",
                      request->project_root, home));
    return lt_hint(err, "write one, or name its folder with --profiles-dir");
}

/* ---- reading ---- */

lt_status lt_dbt_yaml_value(const char *path, lt_jinja_heap *heap, lt_jinja_value *out, lt_err *err)
{
    static const lt_yaml_options options = {.yaml11 = true};
    LT_AUTO(lt_buf) text = {.limit = LT_DBT_FILE_BYTES};
    lt_yaml *root = NULL;
    LT_TRY(lt_file_read(path, &text, err));
    LT_TRY(lt_yaml_read(lt_buf_text(&text), path, &options, &heap->arena, &root, err));
    *out = lt_scope_value(heap, root);
    return LT_OK;
}

static lt_status render_early(lt_dbt *bare, lt_text text, lt_jinja_heap *heap, lt_text *out,
                              lt_err *err)
{
    lt_jinja_value value = {0};
    const rt_request request = {0};
    const value_source source = {.dbt = bare, .path = "dbt_project.yml"};
    const lt_yaml node = {.kind = LT_YAML_SCALAR, .type = LT_YAML_STRING, .text = text};
    LT_TRY(lt_dbt_rt_make(bare, &request, &bare->parse_rt, err));
    LT_TRY(lt_dbt_value(&source, &node, &value, err));
    *out = lt_arena_text(&heap->arena, lt_dbt_text_of(bare, value));
    return LT_OK;
}

lt_status lt_dbt_early_text(const lt_scope *scope, lt_text text, lt_jinja_heap *heap, lt_text *out,
                            lt_err *err)
{
    lt_dbt bare = {.settings = {.scope = scope, .target_kind = T("duckdb")},
                   .yaml_env = lt_dbt_yaml_env};
    lt_dbt_package root = {.name = T("project"), .file = "dbt_project.yml", .vars = scope->vars};
    bare.root = &root;
    bare.target = lt_jinja_dict(&bare.heap);
    lt_status status = render_early(&bare, text, heap, out, err);
    lt_dbt_rt_close(bare.parse_rt);
    lt_map_cleanup(&bare.env_reads);
    lt_jinja_heap_cleanup(&bare.heap);
    lt_arena_cleanup(&bare.arena);
    return status;
}

static lt_text key_at(const void *context, size_t i)
{
    const lt_yaml *mapping = context;
    return i < mapping->count ? mapping->keys[i]->text : T("");
}

/* The value below a key of a mapping, or an error that says what there is. */
static lt_status get(const lt_yaml *mapping, const char *path, const char *what, lt_text key,
                     const lt_yaml **out, lt_err *err)
{
    lt_text nearest;
    LT_AUTO(lt_buf) names = {.limit = 300};
    *out = lt_yaml_find(mapping, key);
    if (*out && (*out)->kind == LT_YAML_MAPPING)
        return LT_OK;
    if (*out)
        return lt_yaml_fail(*out, path, err, "%s '%.*s' must be a mapping, not %s", what,
                            LT_ARG(key), lt_yaml_name(*out));
    lt_ignore(
        lt_fail(err, LT_INVALID, "%s: Could not find %s named '%.*s'", path, what, LT_ARG(key)));
    if (mapping && lt_text_nearest(key, mapping->count, key_at, mapping, &nearest))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    for (size_t i = 0; mapping && i < mapping->count; i++)
        lt_buf_printf(&names, "%s%.*s", i ? ", " : "", LT_ARG(mapping->keys[i]->text));
    return lt_hint(err, "there is: %s", lt_buf_chars(&names));
}

typedef struct profile_reading {
    const lt_dbt_profile_request *request;
    lt_dbt *dbt; /* a bare one: templates of profiles.yml see var() and env_var() */
    const char *path;
    const lt_yaml *profile;
    lt_dbt_profile *out;
} profile_reading;

static lt_status render(const profile_reading *r, const lt_yaml *node, lt_jinja_value *out,
                        lt_err *err)
{
    value_source source = {.dbt = r->dbt, .path = r->path, .may_read_secrets = true};
    return lt_dbt_value(&source, node, out, err);
}

static lt_status choose_target(profile_reading *r, const lt_yaml **out, lt_err *err)
{
    const lt_yaml *said = lt_yaml_find(r->profile, T("target"));
    const lt_yaml *outputs;
    lt_jinja_value name;
    r->out->target_name = r->request->target;
    if (!r->out->target_name.len && !lt_dbt_is_null(said)) {
        LT_TRY(render(r, said, &name, err));
        r->out->target_name = lt_dbt_text_of(r->dbt, name);
    }
    if (!r->out->target_name.len)
        r->out->target_name = T("default");
    LT_TRY(get(r->profile, r->path, "key", T("outputs"), &outputs, err));
    for (size_t i = 0; i < outputs->count; i++)
        lt_push_in(&r->dbt->heap.arena, &r->out->targets, outputs->keys[i]->text);
    lt_status status = get(outputs, r->path, "target", r->out->target_name, out, err);
    if (status != LT_OK && !lt_yaml_find(outputs, r->out->target_name))
        (void)snprintf(err->message, sizeof(err->message),
                       "%s: The profile '%.*s' does not have a target named '%.*s'", r->path,
                       LT_ARG(r->out->name), LT_ARG(r->out->target_name));
    if (status != LT_OK) /* who has a target from elsewhere may do without */
        err->status = status = LT_NOT_FOUND;
    return status;
}

/* ---- what a target must have ---- */

static bool is_secret(lt_text key)
{
    static const lt_text parts[] = {T("pass"), T("token"), T("secret"), T("private_key"),
                                    T("keyfile")};
    for (size_t i = 0; i < LT_COUNT(parts); i++)
        if (lt_text_has(key, parts[i]))
            return true;
    return false;
}

/* As the credentials of dbt's adapters are declared, in that order; types come before what is missing. */
typedef enum kind_of_field {
    FIELD_TEXT,
    FIELD_INT,
    FIELD_MAYBE_TEXT,
    FIELD_MAYBE_BOOL,
    FIELD_MAYBE_LIST
} kind_of_field;

typedef struct target_field {
    const char *name, *alias; /* of a name: an older one */
    kind_of_field kind;
    bool required;
} target_field;

static const target_field postgres_fields[] = {{"database", "dbname", FIELD_TEXT, true},
                                               {"schema", NULL, FIELD_TEXT, true},
                                               {"host", NULL, FIELD_TEXT, true},
                                               {"user", NULL, FIELD_TEXT, true},
                                               {"port", NULL, FIELD_INT, true},
                                               {"password", "pass", FIELD_TEXT, true},
                                               {"connect_timeout", NULL, FIELD_INT, false},
                                               {"role", NULL, FIELD_MAYBE_TEXT, false},
                                               {"search_path", NULL, FIELD_MAYBE_TEXT, false},
                                               {"keepalives_idle", NULL, FIELD_INT, false},
                                               {"sslmode", NULL, FIELD_MAYBE_TEXT, false},
                                               {"sslcert", NULL, FIELD_MAYBE_TEXT, false},
                                               {"sslkey", NULL, FIELD_MAYBE_TEXT, false},
                                               {"sslrootcert", NULL, FIELD_MAYBE_TEXT, false},
                                               {"application_name", NULL, FIELD_MAYBE_TEXT, false},
                                               {"autocommit", NULL, FIELD_MAYBE_BOOL, false},
                                               {"retries", NULL, FIELD_INT, false}};
static const target_field duckdb_fields[] = {{"database", NULL, FIELD_TEXT, false},
                                             {"schema", NULL, FIELD_TEXT, false},
                                             {"path", NULL, FIELD_TEXT, false},
                                             {"extensions", NULL, FIELD_MAYBE_LIST, false}};

static bool fits_field(lt_jinja_value value, kind_of_field kind)
{
    if (value.type == LT_JINJA_NONE)
        return kind != FIELD_TEXT && kind != FIELD_INT;
    return kind == FIELD_INT          ? value.type == LT_JINJA_INT
           : kind == FIELD_MAYBE_BOOL ? value.type == LT_JINJA_BOOL
           : kind == FIELD_MAYBE_LIST ? value.type == LT_JINJA_LIST
                                      : value.type == LT_JINJA_STR;
}

static size_t field_in(const lt_yaml *target, const target_field *field)
{
    for (size_t i = 0; i < target->count; i++)
        if (lt_text_eq(target->keys[i]->text, lt_text_of(field->name)) ||
            (field->alias && lt_text_eq(target->keys[i]->text, lt_text_of(field->alias))))
            return i;
    return SIZE_MAX;
}

static lt_status refuse(const profile_reading *r, const lt_yaml *at, lt_text why, lt_err *err)
{
    return lt_yaml_fail(at, r->path, err,
                        "Credentials in profile \"%.*s\", target \"%.*s\" invalid: %.*s",
                        LT_ARG(r->out->name), LT_ARG(r->out->target_name), LT_ARG(why));
}

static lt_status check_type(const profile_reading *r, const lt_yaml *target,
                            const target_field *field, lt_err *err)
{
    static const char *const names[] = {[FIELD_TEXT] = "string", [FIELD_INT] = "integer"};
    LT_AUTO(lt_buf) why = {.limit = LT_KIB};
    lt_jinja_value value = {0};
    size_t at = field_in(target, field);
    if (at == SIZE_MAX || !lt_jinja_find(r->out->credentials, target->keys[at]->text, &value) ||
        fits_field(value, field->kind))
        return LT_OK;
    if (is_secret(target->keys[at]->text) && value.type != LT_JINJA_NONE)
        lt_buf_add_str(&why, "it");
    else
        lt_jinja_repr(value, &why);
    if (field->kind == FIELD_TEXT || field->kind == FIELD_INT)
        lt_buf_printf(&why, " is not of type '%s'", names[field->kind]);
    else
        lt_buf_add_str(&why, " is not valid under any of the given schemas");
    return refuse(r, target->items[at], lt_buf_text(&why), err);
}

static bool has_key(const lt_yaml *target, const char *name)
{
    return name && lt_yaml_find(target, lt_text_of(name)) != NULL;
}

/* A key that means something is no slip for another. */
static bool is_field(lt_text key, const target_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (lt_text_eq(key, lt_text_of(fields[i].name)) ||
            (fields[i].alias && lt_text_eq(key, lt_text_of(fields[i].alias))))
            return true;
    return false;
}

static lt_status check_there(const profile_reading *r, const lt_yaml *target,
                             const target_field *field, const target_field *fields, size_t count,
                             lt_err *err)
{
    lt_text nearest;
    LT_AUTO(lt_chars) why = lt_format("'%s' is a required property", field->name);
    LT_AUTO(lt_chars)
    twice = lt_format("Got duplicate keys: (%s) all map to \"%s\"",
                      field->alias ? field->alias : "", field->name);
    if (has_key(target, field->name) && has_key(target, field->alias))
        return refuse(r, lt_yaml_find(target, lt_text_of(field->alias)), lt_text_of(twice), err);
    if (!field->required || field_in(target, field) != SIZE_MAX)
        return LT_OK;
    lt_ignore(refuse(r, target, lt_text_of(why), err));
    if (lt_text_nearest(lt_text_of(field->name), target->count, key_at, target, &nearest) &&
        !is_field(nearest, fields, count))
        return lt_hint(err, "'%.*s' is there: did you mean '%s'?", LT_ARG(nearest), field->name);
    return lt_hint(err, "add it below the target '%.*s'", LT_ARG(r->out->target_name));
}

static lt_status check_fields(const profile_reading *r, const lt_yaml *target,
                              const target_field *fields, size_t count, lt_err *err)
{
    for (size_t i = 0; i < count; i++)
        LT_TRY(check_type(r, target, &fields[i], err));
    for (size_t i = 0; i < count; i++)
        LT_TRY(check_there(r, target, &fields[i], fields, count, err));
    return LT_OK;
}

/* ---- engines ---- */

static lt_text text_at(const profile_reading *r, const char *key)
{
    return lt_dbt_text_at(r->dbt, r->out->credentials, key);
}

/* key='value' of libpq, where ' and \ are escaped. */
static void add_setting(lt_buf *out, const char *key, lt_text value)
{
    if (!value.len)
        return;
    lt_buf_printf(out, "%s%s='", out->len ? " " : "", key);
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '\'' || value.ptr[i] == '\\')
            lt_buf_add_byte(out, '\\');
        lt_buf_add_byte(out, value.ptr[i]);
    }
    lt_buf_add_byte(out, '\'');
}

static void read_postgres(profile_reading *r)
{
    static const struct {
        const char *ours, *theirs;
    } settings[] = {{"host", "host"},
                    {"port", "port"},
                    {"user", "user"},
                    {"sslmode", "sslmode"},
                    {"sslcert", "sslcert"},
                    {"sslkey", "sslkey"},
                    {"sslrootcert", "sslrootcert"},
                    {"connect_timeout", "connect_timeout"},
                    {"application_name", "application_name"}};
    lt_dbt_profile *out = r->out;
    LT_AUTO(lt_buf) url = {.limit = 16 * LT_KIB};
    lt_text password = text_at(r, "password"), path = text_at(r, "search_path");
    out->database = text_at(r, "dbname");
    if (!out->database.len)
        out->database = text_at(r, "database");
    for (size_t i = 0; i < LT_COUNT(settings); i++)
        add_setting(&url, settings[i].theirs, text_at(r, settings[i].ours));
    add_setting(&url, "password", password.len ? password : text_at(r, "pass"));
    add_setting(&url, "dbname", out->database);
    if (path.len) {
        LT_AUTO(lt_chars) options = lt_format("-c search_path=%.*s", LT_ARG(path));
        add_setting(&url, "options", lt_text_of(options));
    }
    out->target.url = lt_arena_str(&r->dbt->heap.arena, lt_buf_text(&url));
}

/* The name of a DuckDB file's catalog: "memory", or the file's name up to its first dot. */
static lt_text catalog_of(lt_text path)
{
    if (!path.len || lt_text_eq(path, T(":memory:")))
        return T("memory");
    size_t start = 0;
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] == '/')
            start = i + 1;
    lt_text name = lt_text_sub(path, start, SIZE_MAX);
    size_t dot = lt_text_find_byte(name, '.', 1);
    return dot == SIZE_MAX ? name : lt_text_sub(name, 0, dot);
}

static void read_duckdb(profile_reading *r)
{
    lt_dbt_profile *out = r->out;
    lt_text path = text_at(r, "path");
    if (!path.len)
        path = T(":memory:");
    out->database = text_at(r, "database");
    if (!out->database.len)
        out->database = catalog_of(path);
    out->target.path = lt_arena_str(&r->dbt->heap.arena, path);
    if (!out->schema.len)
        out->schema = T("main");
}

static const struct {
    lt_text kind;
    void (*read)(profile_reading *r);
    const target_field *fields;
    size_t field_count;
} engines[] = {{T("duckdb"), read_duckdb, duckdb_fields, LT_COUNT(duckdb_fields)},
               {T("postgres"), read_postgres, postgres_fields, LT_COUNT(postgres_fields)}};

static void hide_secrets(profile_reading *r)
{
    lt_jinja_value key, value;
    r->out->values = lt_jinja_dict(&r->dbt->heap);
    for (size_t at = 0; lt_jinja_next(r->out->credentials, &at, &key, &value);)
        if (!is_secret(lt_jinja_as_text(key)))
            lt_jinja_put_value(r->out->values, key, value);
}

/* A password may hold braces that are no template: then it is meant as it stands. */
static lt_status render_target(profile_reading *r, const lt_yaml *target, lt_jinja_value *out,
                               lt_err *err)
{
    *out = lt_jinja_dict(&r->dbt->heap);
    for (size_t i = 0; i < target->count; i++) {
        lt_jinja_value value = {0};
        const lt_yaml *said = target->items[i];
        bool literal =
            said->kind == LT_YAML_SCALAR && lt_text_eq(target->keys[i]->text, T("password"));
        if (render(r, said, &value, err) != LT_OK && !literal)
            return err->status;
        if (value.type == LT_JINJA_UNDEFINED)
            value = lt_jinja_text(said->text);
        lt_jinja_put_value(*out, lt_jinja_text(target->keys[i]->text), value);
    }
    return LT_OK;
}

static lt_status use_target(profile_reading *r, const lt_yaml *target, lt_err *err)
{
    lt_dbt_profile *out = r->out;
    LT_TRY(render_target(r, target, &out->credentials, err));
    out->kind = text_at(r, "type");
    out->schema = text_at(r, "schema");
    lt_jinja_value threads = lt_dbt_at(out->credentials, "threads");
    if (lt_dbt_is_set(threads) && threads.type != LT_JINJA_INT)
        return lt_yaml_fail(lt_yaml_find(target, T("threads")), r->path, err,
                            "at path ['threads']: '%.*s' is not of type 'integer'",
                            LT_ARG(lt_dbt_text_of(r->dbt, threads)));
    if (!out->kind.len)
        return lt_yaml_fail(target, r->path, err,
                            "required field \"type\" not found in profile %.*s and target %.*s",
                            LT_ARG(out->name), LT_ARG(out->target_name));
    out->threads = threads.type == LT_JINJA_INT ? threads.as.i : 0;
    for (size_t i = 0; i < LT_COUNT(engines); i++) {
        if (!lt_text_eq(engines[i].kind, out->kind))
            continue;
        LT_TRY(check_fields(r, target, engines[i].fields, engines[i].field_count, err));
        engines[i].read(r);
        hide_secrets(r);
        lt_jinja_put(out->values, "database", lt_jinja_text(out->database));
        if (lt_text_eq(out->kind, T("postgres")))
            lt_jinja_put(out->values, "dbname", lt_jinja_text(out->database));
        out->target.name = lt_arena_str(&r->dbt->heap.arena, out->target_name);
        out->target.kind = lt_arena_str(&r->dbt->heap.arena, out->kind);
        out->target.keeps_date_order = true; /* as dbt's sessions */
        out->target.schema = lt_arena_str(&r->dbt->heap.arena, out->schema);
        return LT_OK;
    }
    lt_ignore(lt_yaml_fail(target, r->path, err, "there is no adapter '%.*s'", LT_ARG(out->kind)));
    return lt_hint(err, "type is duckdb or postgres");
}

static lt_status profile_name(profile_reading *r, lt_err *err)
{
    LT_AUTO(lt_chars) file = lt_path_join(r->request->project_root, "dbt_project.yml");
    lt_yaml *root = NULL;
    lt_jinja_value name = {0};
    r->out->name = r->request->name;
    if (r->out->name.len || !lt_path_exists(file))
        return LT_OK;
    LT_TRY(lt_dbt_yaml_file(r->dbt, r->request->project_root, "dbt_project.yml", &root, NULL, err));
    const lt_yaml *said = lt_yaml_find(root, T("profile"));
    if (lt_dbt_is_null(said)) {
        lt_ignore(lt_fail(err, LT_INVALID, "dbt_project.yml: 'profile' is missing"));
        return lt_hint(err, "name one of profiles.yml there, or with --profile");
    }
    LT_TRY(render(r, said, &name, err));
    r->out->name = lt_dbt_text_of(r->dbt, name);
    return LT_OK;
}

static lt_status read_profile(profile_reading *r, lt_err *err)
{
    const lt_yaml *target;
    lt_yaml *root = NULL;
    LT_TRY(profile_name(r, err));
    LT_TRY(lt_dbt_yaml_file(r->dbt, ".", r->path, &root, NULL, err));
    LT_TRY(get(root, r->path, "profile", r->out->name, &r->profile, err));
    LT_TRY(choose_target(r, &target, err));
    return use_target(r, target, err);
}

/* A project with nothing in it, so that the same code renders; its memory outlives it in the caller's heap. */
lt_status lt_dbt_profile_read(const lt_dbt_profile_request *request, lt_jinja_heap *heap,
                              lt_dbt_profile *out, lt_err *err)
{
    LT_AUTO(lt_chars) path = NULL;
    lt_dbt_profile made = {0};
    LT_TRY(find_file(request, &path, err));
    lt_dbt *bare = LT_NEW(&heap->arena, lt_dbt);
    lt_dbt_package *root = LT_NEW(&heap->arena, lt_dbt_package);
    *root = (lt_dbt_package){
        .name = T("profiles"), .file = "dbt_project.yml", .vars = request->scope->vars};
    bare->settings.scope = request->scope;
    bare->root = root;
    bare->yaml_env = lt_dbt_yaml_env;
    bare->target = lt_jinja_dict(&bare->heap);
    made.path = lt_arena_str(&heap->arena, lt_text_of(path));
    profile_reading r = {.request = request, .dbt = bare, .path = made.path, .out = &made};
    lt_status status = read_profile(&r, err);
    made.bare = bare;
    if (status != LT_OK) {
        lt_dbt_profile_cleanup(&made);
        return status;
    }
    *out = made;
    return LT_OK;
}

lt_jinja_value lt_dbt_profile_flags(const lt_dbt_profile_request *request, lt_jinja_heap *heap)
{
    lt_err err = {0};
    lt_jinja_value all = {0};
    LT_AUTO(lt_chars) path = NULL;
    if (find_file(request, &path, &err) != LT_OK ||
        lt_dbt_yaml_value(path, heap, &all, &err) != LT_OK)
        return (lt_jinja_value){0}; /* said again, as an error, when the profile is read */
    lt_jinja_value flags = lt_dbt_at(all, "config");
    return flags.type == LT_JINJA_DICT && lt_jinja_len(flags) ? flags : (lt_jinja_value){0};
}

void lt_dbt_profile_cleanup(lt_dbt_profile *profile)
{
    if (!profile->bare)
        return;
    lt_jinja_heap_cleanup(&profile->bare->heap);
    lt_arena_cleanup(&profile->bare->arena);
    profile->bare = NULL;
}
