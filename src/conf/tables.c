/* The tables of settings: leat.yml, sources/ and pipelines/. A new setting is a line here and a field in conf.h. */
#include "conf/setting.h"

#include "base/vec.h"

#define AT(type, field) offsetof(type, field)
#define BIT(kind) (1U << (kind))
#define WORDS(list) .words = (list), .word_count = LT_COUNT(list)
#define SETTINGS(list) .settings = (list), .count = LT_COUNT(list)

#define SECOND ((int64_t)1000000)
#define DAY (86400 * SECOND)
#define LEAST_MEMORY ((int64_t)(64 * LT_MIB))
#define MOST_MEMORY ((int64_t)1 << 50)

/* ---- what texts must look like ---- */

static bool all_in(lt_text text, const char *marks)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!lt_is_alpha(c) && !lt_is_digit(c) && !memchr(marks, c, strlen(marks)))
            return false;
    }
    return text.len > 0;
}

static bool is_identifier(lt_text text)
{
    return all_in(text, "_") && !lt_is_digit(text.ptr[0]) && text.len <= 63;
}

static bool is_table(lt_text text)
{
    size_t point = lt_text_find_byte(text, '.', 0);
    if (point == SIZE_MAX)
        return is_identifier(text);
    return is_identifier(lt_text_sub(text, 0, point)) &&
           is_identifier(lt_text_sub(text, point + 1, text.len));
}

/* As S3 wants them. */
static bool is_bucket(lt_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] >= 'A' && text.ptr[i] <= 'Z')
            return false;
    return text.len >= 3 && text.len <= 63 && all_in(text, ".-") && text.ptr[0] != '.' &&
           text.ptr[0] != '-' && text.ptr[text.len - 1] != '.' && text.ptr[text.len - 1] != '-' &&
           !lt_text_has(text, T(".."));
}

/* RFC 9110, 5.6.2: a token. */
static bool is_header_name(lt_text text)
{
    return all_in(text, "!#$%&'*+-.^_`|~");
}

static bool is_param_name(lt_text text)
{
    return text.len > 0 && text.len <= 255;
}

static bool is_http_url(lt_text text)
{
    return (lt_text_starts(text, T("http://")) && text.len > 7) ||
           (lt_text_starts(text, T("https://")) && text.len > 8);
}

/* A prefix of keys in the store: parts that end with '/', none of them empty, "." or "..". */
static bool is_prefix(lt_text text)
{
    lt_text part;
    if (text.len == 0 || text.len > 900 || text.ptr[text.len - 1] != '/')
        return false;
    lt_text rest = lt_text_sub(text, 0, text.len - 1);
    while (lt_text_cut(&rest, '/', &part))
        if (part.len == 0 || lt_text_eq(part, T(".")) || lt_text_eq(part, T("..")))
            return false;
    return true;
}

static bool is_one_byte(lt_text text)
{
    return text.len == 1;
}

static bool is_at_most_one_byte(lt_text text)
{
    return text.len <= 1;
}

static bool is_set(lt_text text)
{
    return text.len > 0;
}

static bool is_any(lt_text text)
{
    (void)text;
    return true;
}

static bool is_store_url(lt_text text)
{
    return lt_text_eq(text, T("local")) || lt_text_starts(text, T("local:/")) ||
           lt_text_starts(text, T("s3://"));
}

/* ---- leat.yml ---- */

static const char *const engines[] = {"duckdb", "postgres"};
static const char *const engines_later[] = {"host",   "port", "user", "password",
                                            "dbname", "type", NULL};

static const lt_setting target_settings[] = {
    {.name = "engine",
     .type = LT_SET_CHOICE,
     .offset = AT(lt_conf_target, engine),
     .required = true,
     WORDS(engines),
     .help = "the warehouse"},
    {.name = "path",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_target, path),
     .kinds = BIT(LT_CONF_DUCKDB),
     .fallback = ".leat/warehouse.duckdb",
     .fits = is_set,
     .wanted = "the path of a file",
     .help = "the database file, relative to the project"},
    {.name = "url",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_target, url),
     .kinds = BIT(LT_CONF_POSTGRES),
     .required = true,
     .fits = is_set,
     .wanted = "a connection such as postgres://user@host/db",
     .help = "where the server is: a `postgres://` URL or a libpq connection string; keep the "
             "password in a secret"},
    {.name = "schema",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_target, schema),
     .kinds = BIT(LT_CONF_DUCKDB),
     .fallback = "main",
     .fits = is_identifier,
     .wanted = "the name of a schema",
     .help = "where models are built"},
    {.name = "schema",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_target, schema),
     .kinds = BIT(LT_CONF_POSTGRES),
     .fallback = "public",
     .fits = is_identifier,
     .wanted = "the name of a schema",
     .help = "where models are built"},
    {.name = "memory",
     .type = LT_SET_SIZE,
     .offset = AT(lt_conf_target, memory_bytes),
     .min = LEAST_MEMORY,
     .max = MOST_MEMORY,
     .kinds = BIT(LT_CONF_DUCKDB),
     .shown = "the project's",
     .help = "the most memory that DuckDB may use before it spills to disk"},
    {.name = "threads",
     .type = LT_SET_INT,
     .offset = AT(lt_conf_target, threads),
     .min = 1,
     .max = 256,
     .shown = "the project's",
     .help = "how many models are built at once"},
};

static const lt_setting_group target_group = {.name = "a target",
                                              .help = "One warehouse.",
                                              SETTINGS(target_settings),
                                              .size = sizeof(lt_conf_target),
                                              .place_offset = AT(lt_conf_target, place),
                                              .discriminator = "engine",
                                              .later = engines_later};

static const lt_setting store_settings[] = {
    {.name = "url",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_store, url),
     .fallback = "local",
     .fits = is_store_url,
     .wanted = "local or local:/folder",
     .help = "`local` is `.leat/store` in the project; `local:/folder` another place"},
};
static const char *const store_later[] = {"endpoint", "region", "profile", "prefix", NULL};

static lt_status check_store(const lt_conf_reader *reader, void *made, const lt_yaml *node,
                             lt_err *err)
{
    const lt_conf_store *store = made;
    if (!lt_text_starts(store->url, T("s3://")))
        return LT_OK;
    lt_ignore(lt_setting_fail(reader, lt_yaml_find(node, T("url")), err,
                              "stores on S3 are not supported yet"));
    return lt_hint(err, "use 'local' or 'local:/folder'");
}

static const lt_setting_group store_group = {.name = "'store'",
                                             .help = "Where the versioned objects live.",
                                             SETTINGS(store_settings),
                                             .size = sizeof(lt_conf_store),
                                             .place_offset = AT(lt_conf_store, place),
                                             .later = store_later,
                                             .check = check_store};

static const lt_setting project_settings[] = {
    {.name = "name",
     .type = LT_SET_NAME,
     .offset = AT(lt_project, name),
     .required = true,
     .help = "the project's name"},
    {.name = "version",
     .type = LT_SET_WORD,
     .offset = AT(lt_project, version),
     .help = "the project's version, for people"},
    {.name = "targets",
     .type = LT_SET_MAP,
     .offset = AT(lt_project, targets),
     .group = &target_group,
     .shown = "`dev`, on DuckDB",
     .help = "the warehouses by name"},
    {.name = "target",
     .type = LT_SET_WORD,
     .offset = AT(lt_project, target_name),
     .shown = "the first target",
     .help = "the target that is used when none is asked for"},
    {.name = "store",
     .type = LT_SET_GROUP,
     .offset = AT(lt_project, store),
     .group = &store_group,
     .help = "where versioned objects live"},
    {.name = "threads",
     .type = LT_SET_INT,
     .offset = AT(lt_project, threads),
     .fallback = "4",
     .min = 1,
     .max = 256,
     .help = "how many tasks run at once"},
    {.name = "memory",
     .type = LT_SET_SIZE,
     .offset = AT(lt_project, memory_bytes),
     .fallback = "2GiB",
     .min = LEAST_MEMORY,
     .max = MOST_MEMORY,
     .help = "the most memory that DuckDB may use before it spills to disk; the rest of leat needs "
             "about 100 MB beside"},
    {.name = "vars",
     .type = LT_SET_VALUES,
     .offset = AT(lt_project, vars),
     .help = "values for `{{ var('name') }}`: texts, numbers, lists, mappings"},
    {.name = "models",
     .type = LT_SET_NODE,
     .offset = AT(lt_project, models),
     .help = "settings of models by folder, as in dbt: `staging: {+materialized: view}`"},
    {.name = "tests",
     .type = LT_SET_NODE,
     .offset = AT(lt_project, tests),
     .help = "settings of tests by folder, as in dbt: `+severity: warn`"},
};
static const char *const project_later[] = {"environments", "packages", "seeds",
                                            "snapshots",    "notify",   NULL};

static lt_text target_at(const void *context, size_t i)
{
    return ((const lt_project *)context)->targets.items[i].name;
}

static lt_status set_default_target(const lt_conf_reader *reader, lt_project *project,
                                    const lt_yaml *node, lt_err *err)
{
    lt_text name = project->target_name, nearest;
    project->target = name.len ? lt_project_target(project, name) : &project->targets.items[0];
    if (project->target)
        return LT_OK;
    lt_ignore(lt_setting_fail(reader, lt_yaml_find(node, T("target")), err,
                              "there is no target '%.*s'", LT_ARG(name)));
    if (lt_text_nearest(name, project->targets.len, target_at, project, &nearest))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    return lt_hint(err, "name one of 'targets'");
}

static lt_status check_project(const lt_conf_reader *reader, void *made, const lt_yaml *node,
                               lt_err *err)
{
    lt_project *project = made;
    if (project->targets.len == 0) {
        lt_conf_target dev = {.name = T("dev"),
                              .engine = LT_CONF_DUCKDB,
                              .path.raw = T(".leat/warehouse.duckdb"),
                              .schema.raw = T("main")};
        lt_push_in(reader->arena, &project->targets, dev);
    }
    for (size_t i = 0; i < project->targets.len; i++) {
        lt_conf_target *target = &project->targets.items[i];
        target->memory_bytes = target->memory_bytes ? target->memory_bytes : project->memory_bytes;
        target->threads = target->threads ? target->threads : project->threads;
    }
    return set_default_target(reader, project, node, err);
}

const lt_setting_group lt_conf_project_group = {.name = "leat.yml",
                                                .help = "What the project is, and where it runs.",
                                                SETTINGS(project_settings),
                                                .size = sizeof(lt_project),
                                                .place_offset = AT(lt_project, place),
                                                .later = project_later,
                                                .check = check_project};

/* ---- sources/NAME.yml: what all kinds have ---- */

static const char *const load_modes[] = {"auto", "merge", "append", "replace"};
static const lt_setting load_settings[] = {
    {.name = "table",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_load, table),
     .required = true,
     .fits = is_table,
     .wanted = "a table such as raw.orders",
     .help = "the table, with or without a schema in front"},
    {.name = "mode",
     .type = LT_SET_CHOICE,
     .offset = AT(lt_conf_load, mode),
     .fallback = "auto",
     WORDS(load_modes),
     .help = "`auto`: a full read replaces the table; with a cursor rows are merged by key, or "
             "appended when there is no key"},
};
static const lt_setting_group load_group = {
    .name = "'load'",
    .help = "Into which table of the target the records go. Without it they are landed only.",
    SETTINGS(load_settings),
    .size = sizeof(lt_conf_load),
    .place_offset = AT(lt_conf_load, place)};

static const char *const land_formats[] = {"parquet", "raw"};
static const lt_setting land_settings[] = {
    {.name = "bucket",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_land, bucket),
     .fallback = "raw",
     .fits = is_bucket,
     .wanted = "the name of a bucket (3 to 63 of a-z, 0-9, '.', '-')",
     .help = "the bucket of the store"},
    {.name = "path",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_land, path),
     .fits = is_prefix,
     .wanted = "a prefix that ends with '/'",
     .shown = "`domain=SOURCE/dataset=RESOURCE/import_date={{ run_date }}/`",
     .help = "the prefix of the objects; parts such as `day={{ run_date }}` become partitions. "
             "Rendered by each run"},
    {.name = "format",
     .type = LT_SET_CHOICE,
     .offset = AT(lt_conf_land, format),
     .fallback = "parquet",
     WORDS(land_formats),
     .help = "`raw` keeps what came, as it came"},
};
static const lt_setting_group land_group = {.name = "'land'",
                                            .help = "Where the records are kept in the store.",
                                            SETTINGS(land_settings),
                                            .size = sizeof(lt_conf_land),
                                            .place_offset = SIZE_MAX};

static const char *const rules[] = {"evolve", "freeze", "discard"};
static const lt_setting contract_settings[] = {
    {.name = "columns",
     .type = LT_SET_CHOICE,
     .offset = AT(lt_conf_contract, columns),
     .fallback = "evolve",
     WORDS(rules),
     .help =
         "a new column is added (`evolve`), is an error (`freeze`), or is left out (`discard`)"},
    {.name = "types",
     .type = LT_SET_CHOICE,
     .offset = AT(lt_conf_contract, types),
     .fallback = "evolve",
     WORDS(rules),
     .help = "a value of another type widens the column (`evolve`), is an error (`freeze`), or "
             "becomes null (`discard`)"},
};
static const lt_setting_group contract_group = {.name = "'contract'",
                                                .help =
                                                    "What may change in the schema of the records.",
                                                SETTINGS(contract_settings),
                                                .size = sizeof(lt_conf_contract),
                                                .place_offset = SIZE_MAX};

static const char *const cursor_formats[] = {"as_is", "iso", "date", "unix", "unix_ms"};

#define CURSOR_FIELD                                                                               \
    {                                                                                              \
        .name = "field", .type = LT_SET_WORD, .offset = AT(lt_conf_cursor, field),                 \
        .required = true, .help = "the field or column that grows"                                 \
    }
#define CURSOR_COMMON                                                                              \
    {.name = "overlap",                                                                            \
     .type = LT_SET_LENGTH,                                                                        \
     .offset = AT(lt_conf_cursor, overlap_us),                                                     \
     .max = 3660 * DAY,                                                                            \
     .shown = "none",                                                                              \
     .help = "read so far back behind the last value, for records that come late"},                \
    {                                                                                              \
        .name = "initial", .type = LT_SET_TEXT, .offset = AT(lt_conf_cursor, initial),             \
        .fits = is_set, .wanted = "a text", .shown = "everything",                                 \
        .help = "where the first run begins. Rendered by each run"                                 \
    }

static const lt_setting rest_cursor_settings[] = {
    CURSOR_FIELD,
    {.name = "param",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_cursor, param),
     .required = true,
     .help = "the query parameter that asks for newer records"},
    CURSOR_COMMON,
    {.name = "format",
     .type = LT_SET_CHOICE,
     .offset = AT(lt_conf_cursor, format),
     .fallback = "as_is",
     WORDS(cursor_formats),
     .help = "how the value is sent: as the records write it, `iso` (2026-11-22T01:02:03Z), "
             "`date`, seconds or milliseconds"},
};
static const lt_setting_group rest_cursor_group = {.name = "'cursor'",
                                                   .help =
                                                       "Read only what is new since the last run.",
                                                   SETTINGS(rest_cursor_settings),
                                                   .size = sizeof(lt_conf_cursor),
                                                   .place_offset = AT(lt_conf_cursor, place)};

static const lt_setting column_cursor_settings[] = {CURSOR_FIELD, CURSOR_COMMON};
static const lt_setting_group column_cursor_group = {
    .name = "'cursor'",
    .help = "Read only what is new since the last run.",
    SETTINGS(column_cursor_settings),
    .size = sizeof(lt_conf_cursor),
    .place_offset = AT(lt_conf_cursor, place)};

#define RESOURCE_HEAD                                                                              \
    {.name = "name",                                                                               \
     .type = LT_SET_NAME,                                                                          \
     .offset = AT(lt_conf_resource, name),                                                         \
     .required = true,                                                                             \
     .help = "the resource's name; models read it as `{{ source('SOURCE', 'NAME') }}`"},           \
    {                                                                                              \
        .name = "description", .type = LT_SET_WORD, .offset = AT(lt_conf_resource, description),   \
        .fits = is_any, .wanted = "a text", .help = "what it is, for people"                       \
    }
#define RESOURCE_TAIL                                                                              \
    {.name = "key",                                                                                \
     .type = LT_SET_TEXTS,                                                                         \
     .offset = AT(lt_conf_resource, key),                                                          \
     .help = "the columns that name one record; used to merge and to remove what came twice"},     \
        {.name = "land",                                                                           \
         .type = LT_SET_GROUP,                                                                     \
         .offset = AT(lt_conf_resource, land),                                                     \
         .group = &land_group,                                                                     \
         .help = "where the records are kept in the store"},                                       \
        {.name = "load",                                                                           \
         .type = LT_SET_GROUP,                                                                     \
         .offset = AT(lt_conf_resource, load),                                                     \
         .group = &load_group,                                                                     \
         .help = "into which table they go"},                                                      \
    {                                                                                              \
        .name = "contract", .type = LT_SET_GROUP, .offset = AT(lt_conf_resource, contract),        \
        .group = &contract_group, .help = "what may change in their schema"                        \
    }

static lt_status check_resource(const lt_conf_reader *reader, void *made, const lt_yaml *node,
                                lt_err *err)
{
    const lt_conf_resource *resource = made;
    if (resource->load.mode != LT_CONF_LOAD_MERGE || resource->key.len)
        return LT_OK;
    const lt_yaml *load = lt_yaml_find(node, T("load"));
    lt_ignore(lt_setting_fail(reader, lt_yaml_find(load, T("mode")), err,
                              "'mode: merge' needs a key, and '%.*s' has none",
                              LT_ARG(resource->name)));
    return lt_hint(err, "add 'key: [...]' with the columns that name one record");
}

/* ---- kind: rest ---- */

static const char *const auth_types[] = {"none", "bearer", "api_key", "basic", "oauth2"};
static const char *const key_places[] = {"header", "query"};

#define AUTH_TEXT(name_, kind_, required_, help_)                                                  \
    {                                                                                              \
        .name = #name_, .type = LT_SET_TEXT, .offset = AT(lt_conf_auth, name_),                    \
        .kinds = BIT(kind_), .required = (required_), .fits = is_set, .wanted = "a text",          \
        .help = (help_)                                                                            \
    }

static const lt_setting auth_settings[] = {
    {.name = "type",
     .type = LT_SET_CHOICE,
     .offset = AT(lt_conf_auth, type),
     .required = true,
     WORDS(auth_types),
     .help = "how requests prove who asks"},
    AUTH_TEXT(token, LT_CONF_AUTH_BEARER, true,
              "sent as `Authorization: Bearer ...`; use `{{ secret('NAME') }}`"),
    {.name = "in",
     .type = LT_SET_CHOICE,
     .offset = AT(lt_conf_auth, in),
     .kinds = BIT(LT_CONF_AUTH_API_KEY),
     .fallback = "header",
     WORDS(key_places),
     .help = "where the key stands"},
    {.name = "name",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_auth, name),
     .kinds = BIT(LT_CONF_AUTH_API_KEY),
     .required = true,
     .fits = is_header_name,
     .wanted = "the name of a header or parameter",
     .help = "the header or parameter that holds the key"},
    AUTH_TEXT(value, LT_CONF_AUTH_API_KEY, true, "the key; use `{{ secret('NAME') }}`"),
    AUTH_TEXT(username, LT_CONF_AUTH_BASIC, true, "the user"),
    AUTH_TEXT(password, LT_CONF_AUTH_BASIC, true, "the password; use `{{ secret('NAME') }}`"),
    {.name = "token_url",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_auth, token_url),
     .kinds = BIT(LT_CONF_AUTH_OAUTH2),
     .required = true,
     .fits = is_http_url,
     .wanted = "a URL that begins with https:// or http://",
     .help = "where tokens are asked for (client credentials)"},
    AUTH_TEXT(client_id, LT_CONF_AUTH_OAUTH2, true, "the client's id"),
    AUTH_TEXT(client_secret, LT_CONF_AUTH_OAUTH2, true,
              "the client's secret; use `{{ secret('NAME') }}`"),
    AUTH_TEXT(scope, LT_CONF_AUTH_OAUTH2, false, "the scopes that are asked for"),
};
static const lt_setting_group auth_group = {.name = "'auth'",
                                            .help = "How requests prove who asks.",
                                            SETTINGS(auth_settings),
                                            .size = sizeof(lt_conf_auth),
                                            .place_offset = AT(lt_conf_auth, place),
                                            .discriminator = "type"};

static const char *const paginate_types[] = {"single", "page_number", "offset",
                                             "cursor", "next_link",   "link_header"};

enum {
    NUMBERED = BIT(LT_CONF_PAGE_NUMBER),
    BY_OFFSET = BIT(LT_CONF_OFFSET),
    BY_CURSOR = BIT(LT_CONF_CURSOR),
    LINKED = BIT(LT_CONF_NEXT_LINK),
    LINKED_BY_HEADER = BIT(LT_CONF_LINK_HEADER),
};

#define PAGE_PARAM(name_, kinds_, fallback_, help_)                                                \
    {                                                                                              \
        .name = #name_, .type = LT_SET_WORD, .offset = AT(lt_conf_paginate, name_),                \
        .kinds = (kinds_), .fallback = (fallback_), .fits = is_param_name,                         \
        .wanted = "the name of a query parameter", .help = (help_)                                 \
    }
#define PAGE_PATH(name_, kinds_, required_, help_)                                                 \
    {                                                                                              \
        .name = #name_, .type = LT_SET_PATH, .offset = AT(lt_conf_paginate, name_),                \
        .kinds = (kinds_), .required = (required_), .help = (help_)                                \
    }

static const lt_setting paginate_settings[] = {
    {.name = "type",
     .type = LT_SET_CHOICE,
     .offset = AT(lt_conf_paginate, type),
     .required = true,
     WORDS(paginate_types),
     .help = "how to come from one page to the next"},
    PAGE_PARAM(page_param, NUMBERED, "page", "the query parameter for the number of the page"),
    PAGE_PARAM(offset_param, BY_OFFSET, "offset",
               "the query parameter for the number of records to step over"),
    PAGE_PARAM(limit_param, BY_OFFSET, "limit",
               "the query parameter for the number of records a page"),
    PAGE_PARAM(cursor_param, BY_CURSOR, "cursor", "the query parameter for the next cursor"),
    {.name = "size_param",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_paginate, size_param),
     .kinds = NUMBERED | BY_CURSOR | LINKED | LINKED_BY_HEADER,
     .fits = is_param_name,
     .wanted = "the name of a query parameter",
     .shown = "not sent",
     .help = "the query parameter for the number of records a page"},
    {.name = "size",
     .type = LT_SET_INT,
     .offset = AT(lt_conf_paginate, size),
     .kinds = NUMBERED | BY_CURSOR | LINKED | LINKED_BY_HEADER,
     .min = 1,
     .max = 1000000,
     .shown = "the server's",
     .help = "records a page"},
    {.name = "size",
     .type = LT_SET_INT,
     .offset = AT(lt_conf_paginate, size),
     .kinds = BY_OFFSET,
     .required = true,
     .min = 1,
     .max = 1000000,
     .help = "records a page"},
    {.name = "first_page",
     .type = LT_SET_INT,
     .offset = AT(lt_conf_paginate, first_page),
     .kinds = NUMBERED,
     .fallback = "1",
     .max = 1000000,
     .help = "the number of the first page"},
    PAGE_PATH(total_pages, NUMBERED, false,
              "where a page says how many pages there are; then pages are read in parallel"),
    PAGE_PATH(total, NUMBERED | BY_OFFSET, false,
              "where a page says how many records there are; needs `size`"),
    PAGE_PATH(next, BY_CURSOR, true, "where a page has the next cursor"),
    PAGE_PATH(next, LINKED, true, "where a page has the URL of the next"),
    {.name = "max_pages",
     .type = LT_SET_INT,
     .offset = AT(lt_conf_paginate, max_pages),
     .kinds = NUMBERED | BY_OFFSET | BY_CURSOR | LINKED | LINKED_BY_HEADER,
     .fallback = "1000000",
     .min = 1,
     .max = 1000000000,
     .help = "more pages are an error: a guard against a server that never ends"},
};

static lt_status check_paginate(const lt_conf_reader *reader, void *made, const lt_yaml *node,
                                lt_err *err)
{
    const lt_conf_paginate *paginate = made;
    const lt_yaml *param = lt_yaml_find(node, T("size_param")),
                  *total = lt_yaml_find(node, T("total"));
    if (param && paginate->size == 0)
        return lt_setting_fail(reader, param, err, "'size_param' needs 'size'");
    if (total && paginate->size == 0)
        return lt_setting_fail(reader, total, err, "'total' needs 'size'");
    return LT_OK;
}

static const lt_setting_group paginate_group = {.name = "'paginate'",
                                                .help = "How to come from one page to the next.",
                                                SETTINGS(paginate_settings),
                                                .size = sizeof(lt_conf_paginate),
                                                .place_offset = AT(lt_conf_paginate, place),
                                                .discriminator = "type",
                                                .alone = {"total_pages", "total"},
                                                .check = check_paginate};

static const lt_setting rest_settings[] = {
    RESOURCE_HEAD,
    {.name = "path",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_resource, path),
     .required = true,
     .fits = is_set,
     .wanted = "a path such as /orders",
     .help = "what is asked for: a path behind `base_url`, or a whole URL"},
    {.name = "params",
     .type = LT_SET_PAIRS,
     .offset = AT(lt_conf_resource, params),
     .fits = is_param_name,
     .wanted = "the name of a query parameter",
     .help = "query parameters of every request"},
    {.name = "headers",
     .type = LT_SET_PAIRS,
     .offset = AT(lt_conf_resource, headers),
     .fits = is_header_name,
     .wanted = "the name of a header",
     .help = "headers of every request; they win over the source's"},
    {.name = "records",
     .type = LT_SET_PATH,
     .offset = AT(lt_conf_resource, records),
     .fallback = "$",
     .help = "where the records are in a page: an array is gone through, an object is one record"},
    {.name = "paginate",
     .type = LT_SET_GROUP,
     .offset = AT(lt_conf_resource, paginate),
     .group = &paginate_group,
     .shown = "`{type: single}`",
     .help = "how to come from one page to the next"},
    {.name = "parallel",
     .type = LT_SET_INT,
     .offset = AT(lt_conf_resource, parallel),
     .min = 1,
     .max = 64,
     .shown = "the source's",
     .help = "pages that are read at once when their number is known"},
    {.name = "cursor",
     .type = LT_SET_GROUP,
     .offset = AT(lt_conf_resource, cursor),
     .group = &rest_cursor_group,
     .help = "read only what is new since the last run"},
    RESOURCE_TAIL,
};
static const char *const rest_later[] = {"method", "body", "json", NULL};
static const lt_setting_group rest_group = {.name = "a resource",
                                            .help = "One kind of record of the API.",
                                            SETTINGS(rest_settings),
                                            .size = sizeof(lt_conf_resource),
                                            .place_offset = AT(lt_conf_resource, place),
                                            .later = rest_later,
                                            .check = check_resource};

/* ---- kind: postgres ---- */

static const lt_setting table_settings[] = {
    RESOURCE_HEAD,
    {.name = "table",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_resource, table),
     .help = "the table, as `schema.table`; or `query`"},
    {.name = "query",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_resource, query),
     .fits = is_set,
     .wanted = "a SELECT",
     .help = "a SELECT to read from; or `table`. Rendered by each run"},
    {.name = "cursor",
     .type = LT_SET_GROUP,
     .offset = AT(lt_conf_resource, cursor),
     .group = &column_cursor_group,
     .help = "read only what is new since the last run"},
    RESOURCE_TAIL,
};
static const lt_setting_group table_group = {.name = "a resource",
                                             .help = "One table or query of the database.",
                                             SETTINGS(table_settings),
                                             .size = sizeof(lt_conf_resource),
                                             .place_offset = AT(lt_conf_resource, place),
                                             .alone = {"table", "query"},
                                             .one_of_them = true,
                                             .check = check_resource};

/* ---- kind: files ---- */

static const lt_setting csv_settings[] = {
    {.name = "delimiter",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_csv, delimiter),
     .fits = is_one_byte,
     .wanted = "one character",
     .shown = "found out",
     .help = "between fields"},
    {.name = "header",
     .type = LT_SET_SWITCH,
     .offset = AT(lt_conf_csv, header),
     .fallback = "auto",
     .help = "is the first line the names of the columns?"},
    {.name = "quote",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_csv, quote),
     .fallback = "\"",
     .fits = is_at_most_one_byte,
     .wanted = "one character, or an empty text for none",
     .help = "around fields"},
    {.name = "nullstr",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_csv, nullstr),
     .fits = is_any,
     .wanted = "a text",
     .shown = "an empty field",
     .help = "what stands for NULL"},
    {.name = "encoding",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_csv, encoding),
     .fallback = "utf-8",
     .help = "of the file: utf-8, utf-16, latin-1"},
};
static const lt_setting_group csv_group = {.name = "'csv'",
                                           .help = "How CSV files are written.",
                                           SETTINGS(csv_settings),
                                           .size = sizeof(lt_conf_csv),
                                           .place_offset = SIZE_MAX};

static const char *const formats[] = {"auto", "csv", "json", "ndjson", "parquet"};
static const char *const compressions[] = {"auto", "none", "gzip", "zstd"};
static const lt_setting file_settings[] = {
    RESOURCE_HEAD,
    {.name = "path",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_resource, path),
     .required = true,
     .fits = is_set,
     .wanted = "a path such as data/*.csv",
     .help = "the files, relative to the project; `*`, `?` and `**` are patterns. Rendered by each "
             "run"},
    {.name = "format",
     .type = LT_SET_CHOICE,
     .offset = AT(lt_conf_resource, format),
     .fallback = "auto",
     WORDS(formats),
     .help = "`auto`: by the name of the file"},
    {.name = "compression",
     .type = LT_SET_CHOICE,
     .offset = AT(lt_conf_resource, compression),
     .fallback = "auto",
     WORDS(compressions),
     .help = "`auto`: by the name of the file"},
    {.name = "csv",
     .type = LT_SET_GROUP,
     .offset = AT(lt_conf_resource, csv),
     .group = &csv_group,
     .help = "how CSV files are written"},
    RESOURCE_TAIL,
};
static const lt_setting_group file_group = {.name = "a resource",
                                            .help = "One set of files of the same shape.",
                                            SETTINGS(file_settings),
                                            .size = sizeof(lt_conf_resource),
                                            .place_offset = AT(lt_conf_resource, place),
                                            .check = check_resource};

/* ---- the source itself ---- */

static const char *const source_kinds[] = {"rest", "postgres", "files"};

static const lt_setting source_settings[] = {
    {.name = "name",
     .type = LT_SET_NAME,
     .offset = AT(lt_conf_source, name),
     .required = true,
     .help = "the source's name; models read it as `{{ source('NAME', 'RESOURCE') }}`"},
    {.name = "kind",
     .type = LT_SET_CHOICE,
     .offset = AT(lt_conf_source, kind),
     .required = true,
     WORDS(source_kinds),
     .help = "where the data comes from: an HTTP API, a PostgreSQL database, local files"},
    {.name = "description",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_source, description),
     .fits = is_any,
     .wanted = "a text",
     .help = "what it is, for people"},
    {.name = "base_url",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_source, base_url),
     .kinds = BIT(LT_CONF_REST),
     .required = true,
     .fits = is_http_url,
     .wanted = "a URL that begins with https:// or http://",
     .help = "in front of the resources' paths"},
    {.name = "auth",
     .type = LT_SET_GROUP,
     .offset = AT(lt_conf_source, auth),
     .kinds = BIT(LT_CONF_REST),
     .group = &auth_group,
     .shown = "`{type: none}`",
     .help = "how requests prove who asks"},
    {.name = "headers",
     .type = LT_SET_PAIRS,
     .offset = AT(lt_conf_source, headers),
     .kinds = BIT(LT_CONF_REST),
     .fits = is_header_name,
     .wanted = "the name of a header",
     .help = "headers of every request"},
    {.name = "params",
     .type = LT_SET_PAIRS,
     .offset = AT(lt_conf_source, params),
     .kinds = BIT(LT_CONF_REST),
     .fits = is_param_name,
     .wanted = "the name of a query parameter",
     .help = "query parameters of every request"},
    {.name = "parallel",
     .type = LT_SET_INT,
     .offset = AT(lt_conf_source, parallel),
     .kinds = BIT(LT_CONF_REST),
     .fallback = "4",
     .min = 1,
     .max = 64,
     .help = "pages of a resource that are read at once when their number is known"},
    {.name = "requests_per_minute",
     .type = LT_SET_INT,
     .offset = AT(lt_conf_source, requests_per_minute),
     .kinds = BIT(LT_CONF_REST),
     .min = 1,
     .max = 1000000,
     .shown = "no limit",
     .help = "the budget of all resources of the source together"},
    {.name = "timeout",
     .type = LT_SET_LENGTH,
     .offset = AT(lt_conf_source, timeout_us),
     .kinds = BIT(LT_CONF_REST),
     .fallback = "60s",
     .min = SECOND / 10,
     .max = DAY,
     .help = "how long one request may take"},
    {.name = "retries",
     .type = LT_SET_INT,
     .offset = AT(lt_conf_source, retries),
     .kinds = BIT(LT_CONF_REST),
     .fallback = "5",
     .max = 100,
     .help = "how often a request is tried again after a timeout, 429 or 5xx; with growing, random "
             "pauses, or what `Retry-After` says"},
    {.name = "url",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_source, url),
     .kinds = BIT(LT_CONF_DATABASE),
     .required = true,
     .fits = is_set,
     .wanted = "a connection such as postgres://user@host/db",
     .help = "where the server is: a `postgres://` URL or a libpq connection string; keep the "
             "password in a secret"},
    {.name = "resources",
     .type = LT_SET_LIST,
     .offset = AT(lt_conf_source, resources),
     .kinds = BIT(LT_CONF_REST),
     .required = true,
     .group = &rest_group,
     .help = "what is read"},
    {.name = "resources",
     .type = LT_SET_LIST,
     .offset = AT(lt_conf_source, resources),
     .kinds = BIT(LT_CONF_DATABASE),
     .required = true,
     .group = &table_group,
     .help = "what is read"},
    {.name = "resources",
     .type = LT_SET_LIST,
     .offset = AT(lt_conf_source, resources),
     .kinds = BIT(LT_CONF_FILES),
     .required = true,
     .group = &file_group,
     .help = "what is read"},
};
static const char *const source_later[] = {"schedule", "environments", NULL};

static void finish_resource(const lt_conf_reader *reader, const lt_conf_source *source,
                            lt_conf_resource *resource)
{
    resource->source = source;
    resource->parallel = resource->parallel ? resource->parallel : source->parallel;
    if (resource->land.path.raw.ptr)
        return;
    const char *path =
        lt_arena_format(reader->arena, "domain=%.*s/dataset=%.*s/import_date={{ run_date }}/",
                        LT_ARG(source->name), LT_ARG(resource->name));
    resource->land.path = (lt_conf_text){.raw = lt_text_of(path), .is_template = true};
}

static lt_status check_source(const lt_conf_reader *reader, void *made, const lt_yaml *node,
                              lt_err *err)
{
    lt_conf_source *source = made;
    if (source->resources.len == 0)
        return lt_setting_fail(reader, lt_yaml_find(node, T("resources")), err,
                               "'resources' is empty");
    for (size_t i = 0; i < source->resources.len; i++) {
        lt_conf_resource *resource = &source->resources.items[i];
        const lt_conf_resource *first = lt_conf_resource_find(source, resource->name);
        if (first != resource)
            return lt_conf_fail(resource->place, err,
                                "the resource '%.*s' stands twice (first at %u:%u)",
                                LT_ARG(resource->name), first->place.line, first->place.col);
        finish_resource(reader, source, resource);
    }
    return LT_OK;
}

const lt_setting_group lt_conf_source_group = {
    .name = "a source",
    .help = "Where data comes from: an API, a database, files.",
    SETTINGS(source_settings),
    .size = sizeof(lt_conf_source),
    .place_offset = AT(lt_conf_source, place),
    .discriminator = "kind",
    .later = source_later,
    .check = check_source};

/* ---- pipelines/NAME.yml ---- */

static const lt_setting task_settings[] = {
    {.name = "sql",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_task, sql),
     .required = true,
     .fits = is_set,
     .wanted = "a statement",
     .help = "a statement for the target. Rendered by each run"},
    {.name = "after",
     .type = LT_SET_TEXTS,
     .offset = AT(lt_conf_task, after),
     .help = "tasks or selectors that must be done before"},
};
static const char *const task_later[] = {"shell", "python",   "http", "notebook", "approve",
                                         "wait",  "pipeline", "when", "retries",  "timeout",
                                         "glue",  "emr",      NULL};

static lt_status check_task(const lt_conf_reader *reader, void *made, const lt_yaml *node,
                            lt_err *err)
{
    const lt_conf_task *task = made;
    if (lt_text_trim(task->sql.raw).len)
        return LT_OK;
    return lt_setting_fail(reader, lt_yaml_find(node, T("sql")), err, "'sql' is empty");
}

static const lt_setting_group task_group = {.name = "a task",
                                            .help = "One step that references cannot say.",
                                            SETTINGS(task_settings),
                                            .size = sizeof(lt_conf_task),
                                            .place_offset = AT(lt_conf_task, place),
                                            .later = task_later,
                                            .check = check_task};

static const lt_setting defaults_settings[] = {
    {.name = "retries",
     .type = LT_SET_INT,
     .offset = AT(lt_conf_defaults, retries),
     .fallback = "2",
     .max = 100,
     .help = "how often a task is tried again when the machine or a service failed"},
    {.name = "backoff",
     .type = LT_SET_LENGTH,
     .offset = AT(lt_conf_defaults, backoff_us),
     .fallback = "10s",
     .max = DAY,
     .help = "the pause before the first retry; it doubles each time, with jitter"},
    {.name = "timeout",
     .type = LT_SET_LENGTH,
     .offset = AT(lt_conf_defaults, timeout_us),
     .min = SECOND,
     .max = 30 * DAY,
     .shown = "none",
     .help = "how long an attempt may take"},
    {.name = "memory",
     .type = LT_SET_SIZE,
     .offset = AT(lt_conf_defaults, memory_bytes),
     .min = LEAST_MEMORY,
     .max = MOST_MEMORY,
     .shown = "the target's",
     .help = "the most memory that DuckDB may use before it spills to disk"},
    {.name = "threads",
     .type = LT_SET_INT,
     .offset = AT(lt_conf_defaults, threads),
     .min = 1,
     .max = 256,
     .shown = "the target's",
     .help = "how many tasks run at once"},
};
static const lt_setting_group defaults_group = {.name = "'defaults'",
                                                .help =
                                                    "What holds for every task of the pipeline.",
                                                SETTINGS(defaults_settings),
                                                .size = sizeof(lt_conf_defaults),
                                                .place_offset = SIZE_MAX};

static const lt_setting pipeline_settings[] = {
    {.name = "name",
     .type = LT_SET_NAME,
     .offset = AT(lt_conf_pipeline, name),
     .required = true,
     .help = "the pipeline's name: `leat run NAME`"},
    {.name = "description",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_pipeline, description),
     .fits = is_any,
     .wanted = "a text",
     .help = "what it is, for people"},
    {.name = "select",
     .type = LT_SET_TEXTS,
     .offset = AT(lt_conf_pipeline, select),
     .shown = "everything",
     .help = "what is run: selectors such as `+marts` or `tag:daily`"},
    {.name = "exclude",
     .type = LT_SET_TEXTS,
     .offset = AT(lt_conf_pipeline, exclude),
     .help = "what is left out of that"},
    {.name = "tasks",
     .type = LT_SET_MAP,
     .offset = AT(lt_conf_pipeline, tasks),
     .group = &task_group,
     .help = "steps that references cannot say, by name"},
    {.name = "defaults",
     .type = LT_SET_GROUP,
     .offset = AT(lt_conf_pipeline, defaults),
     .group = &defaults_group,
     .help = "what holds for every task"},
    {.name = "params",
     .type = LT_SET_VALUES,
     .offset = AT(lt_conf_pipeline, params),
     .help = "parameters of a run with their default values"},
};
static const char *const pipeline_later[] = {
    "schedule", "timezone",    "on_object",   "triggers",   "trigger", "notify",
    "when",     "concurrency", "environment", "on_failure", NULL};

const lt_setting_group lt_conf_pipeline_group = {.name = "a pipeline",
                                                 .help =
                                                     "What is run together, and in which order.",
                                                 SETTINGS(pipeline_settings),
                                                 .size = sizeof(lt_conf_pipeline),
                                                 .place_offset = AT(lt_conf_pipeline, place),
                                                 .later = pipeline_later};
