/* The settings of sources/NAME.yml. A new one is a line here and a field in conf.h. */
#include "conf/tables.h"

/* ---- what all kinds have ---- */

static const char *const load_modes[] = {"auto", "merge", "append", "replace"};
static const lt_setting load_settings[] = {
    {.name = "table",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_load, table),
     .required = true,
     .fits = lt_fits_table,
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
     .fits = lt_fits_bucket,
     .wanted = "the name of a bucket (3 to 63 of a-z, 0-9, '.', '-')",
     .help = "the bucket of the store"},
    {.name = "path",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_land, path),
     .fits = lt_fits_prefix,
     .wanted = "a prefix that ends with '/', without empty parts, '.' and '..'",
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
        .fits = lt_fits_set, .wanted = "a text", .shown = "everything",                            \
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
        .fits = lt_fits_any, .wanted = "a text", .help = "what it is, for people"                  \
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
        .kinds = BIT(kind_), .required = (required_), .fits = lt_fits_set, .wanted = "a text",     \
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
     .fits = lt_fits_header_name,
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
     .fits = lt_fits_http_url,
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
        .kinds = (kinds_), .fallback = (fallback_), .fits = lt_fits_param_name,                    \
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
     .fits = lt_fits_param_name,
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
     .fits = lt_fits_set,
     .wanted = "a path such as /orders",
     .help = "what is asked for: a path behind `base_url`, or a whole URL"},
    {.name = "params",
     .type = LT_SET_PAIRS,
     .offset = AT(lt_conf_resource, params),
     .fits = lt_fits_param_name,
     .wanted = "the name of a query parameter",
     .help = "query parameters of every request"},
    {.name = "headers",
     .type = LT_SET_PAIRS,
     .offset = AT(lt_conf_resource, headers),
     .fits = lt_fits_header_name,
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
     .fits = lt_fits_set,
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
     .fits = lt_fits_one_byte,
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
     .fits = lt_fits_at_most_one_byte,
     .wanted = "one character, or an empty text for none",
     .help = "around fields"},
    {.name = "nullstr",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_csv, nullstr),
     .fits = lt_fits_any,
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
     .fits = lt_fits_set,
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
     .fits = lt_fits_any,
     .wanted = "a text",
     .help = "what it is, for people"},
    {.name = "base_url",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_source, base_url),
     .kinds = BIT(LT_CONF_REST),
     .required = true,
     .fits = lt_fits_http_url,
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
     .fits = lt_fits_header_name,
     .wanted = "the name of a header",
     .help = "headers of every request"},
    {.name = "params",
     .type = LT_SET_PAIRS,
     .offset = AT(lt_conf_source, params),
     .kinds = BIT(LT_CONF_REST),
     .fits = lt_fits_param_name,
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
    {.name = "ca_file",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_source, ca_file),
     .kinds = BIT(LT_CONF_REST),
     .fits = lt_fits_set,
     .wanted = "the path of a file",
     .shown = "those of the machine",
     .help = "a file of certificates (PEM) to trust, relative to the project: for servers with a "
             "certificate of their own"},
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
     .fits = lt_fits_set,
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
