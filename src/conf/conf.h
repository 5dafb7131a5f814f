/* conf.h - the files that people write: leat.yml, sources/, pipelines/ as structs.
 *
 * Everything lives in one arena and is constant after lt_project_load(): any thread may read.
 *
 * Templates ({{ ... }}, {% ... %}) stand in scalars only and are looked at after the YAML was parsed. When they are rendered:
 *   - names, kinds, types, keys of maps, JSON paths, selectors: never; a template there is an error.
 *   - numbers, lengths of time, sizes, true/false and words from a fixed list: when the project is loaded, through
 *     options->render with LT_CONF_AT_LOAD (env_var and var are there; secret, run_date and the like are not).
 *   - other texts, of type lt_conf_text: when they are used, by lt_conf_render() with LT_CONF_AT_USE, by the room that uses
 *     them. So a secret is only read by the task that needs it, and land.path knows the run's date. */
#pragma once
#include "base/err.h"
#include "fmt/json.h"
#include "fmt/yaml.h"

/* Where something is written. line is 0 for what is a default, not written. */
typedef struct lt_conf_place {
    const char *file; /* relative to the project: "sources/x.yml" */
    uint32_t line, col;
} lt_conf_place;

/* A text that may be a template. `raw.ptr` is NULL when it is not set (and has no default). */
typedef struct lt_conf_text {
    lt_text raw; /* as written, NUL behind it */
    lt_conf_place place;
    bool is_template;
} lt_conf_text;

typedef struct lt_conf_texts {
    lt_conf_text *items;
    size_t len, cap;
} lt_conf_texts;

/* name: text, in the order of the file */
typedef struct lt_conf_pair {
    lt_text name;
    lt_conf_text value;
} lt_conf_pair;
typedef struct lt_conf_pairs {
    lt_conf_pair *items;
    size_t len, cap;
} lt_conf_pairs;

/* name: any YAML value */
typedef struct lt_conf_value {
    lt_text name;
    lt_conf_place place;
    const lt_yaml *value;
} lt_conf_value;
typedef struct lt_conf_values {
    lt_conf_value *items;
    size_t len, cap;
} lt_conf_values;

/* ---- templates ---- */

typedef enum lt_conf_when { LT_CONF_AT_LOAD, LT_CONF_AT_USE } lt_conf_when;

/* Render `template` into `arena`. Errors should begin with the place: lt_conf_fail(). */
typedef lt_status lt_conf_render_fn(void *context, lt_conf_when when, const lt_conf_text *template,
                                    lt_arena *arena, lt_text *out, lt_err *err);

/* The value of a text: as it is when it is no template, else through `render`. `render` NULL: LT_INVALID for a template. */
LT_MUST_CHECK lt_status lt_conf_render(const lt_conf_text *text, lt_conf_render_fn *render,
                                       void *context, lt_arena *arena, lt_text *out, lt_err *err);
/* LT_INVALID: "file:line:col: ..." (without a place just the message). */
LT_MUST_CHECK lt_status lt_conf_fail(lt_conf_place place, lt_err *err, const char *format, ...)
    LT_PRINTF(3, 4);

/* ---- leat.yml ---- */

typedef enum lt_conf_engine { LT_CONF_DUCKDB, LT_CONF_POSTGRES } lt_conf_engine;

typedef struct lt_conf_target {
    lt_text name;
    lt_conf_place place;
    lt_conf_engine engine;
    lt_conf_text
        path; /* duckdb: of the file, relative to the project; default .leat/warehouse.duckdb */
    lt_conf_text url;     /* postgres: a libpq connection string or postgres:// URL */
    lt_conf_text schema;  /* where models go; default: main on duckdb, public on postgres */
    int64_t memory_bytes; /* duckdb's cap; the project's when not set */
    int64_t threads;      /* statements at once; the project's when not set */
} lt_conf_target;

typedef enum lt_conf_yes_no_auto { LT_CONF_AUTO, LT_CONF_YES, LT_CONF_NO } lt_conf_yes_no_auto;

typedef struct lt_conf_store {
    lt_conf_place place;
    lt_text url; /* "local" (.leat/store), "local:/folder" or "s3://bucket/prefix" */
    /* s3 only; empty: as the environment and the AWS profile say */
    lt_text endpoint, region, profile;
    lt_conf_yes_no_auto path_style; /* auto: with an endpoint */
} lt_conf_store;

/* How long what runs leave behind is kept; 0: for ever. */
typedef struct lt_conf_retention {
    lt_conf_place place;
    int64_t runs_us;    /* records and logs of runs */
    int64_t commits_us; /* commits of datasets that no run keeps */
    int64_t keep;       /* so many of the newest runs stay, however old */
} lt_conf_retention;

/* ---- sources/NAME.yml ---- */

typedef enum lt_conf_source_kind {
    LT_CONF_REST,
    LT_CONF_DATABASE,
    LT_CONF_FILES
} lt_conf_source_kind;

typedef enum lt_conf_auth_type {
    LT_CONF_AUTH_NONE,
    LT_CONF_AUTH_BEARER,
    LT_CONF_AUTH_API_KEY,
    LT_CONF_AUTH_BASIC,
    LT_CONF_AUTH_OAUTH2, /* client credentials, RFC 6749 section 4.4 */
} lt_conf_auth_type;
typedef enum lt_conf_key_in { LT_CONF_IN_HEADER, LT_CONF_IN_QUERY } lt_conf_key_in;

typedef struct lt_conf_auth {
    lt_conf_auth_type type;
    lt_conf_place place;
    lt_conf_text token;                                      /* bearer */
    lt_conf_key_in in;                                       /* api_key */
    lt_conf_text name, value;                                /* api_key */
    lt_conf_text username, password;                         /* basic */
    lt_conf_text token_url, client_id, client_secret, scope; /* oauth2; scope may be unset */
} lt_conf_auth;

typedef enum lt_conf_paginate_type {
    LT_CONF_SINGLE, /* one page: the default */
    LT_CONF_PAGE_NUMBER,
    LT_CONF_OFFSET,
    LT_CONF_CURSOR,
    LT_CONF_NEXT_LINK,   /* a URL in the body */
    LT_CONF_LINK_HEADER, /* RFC 8288, rel="next" */
} lt_conf_paginate_type;

typedef struct lt_conf_paginate {
    lt_conf_paginate_type type;
    lt_conf_place place;
    lt_text page_param, size_param;    /* page_number; size_param empty: not sent */
    lt_text offset_param, limit_param; /* offset; limit_param empty: not sent */
    lt_text cursor_param;              /* cursor */
    int64_t size;                      /* records a page; 0: not asked for (never 0 for offset) */
    int64_t first_page;                /* page_number; 1 by default */
    lt_json_path
        total_pages; /* page_number: where the page says how many pages there are; source.len 0: not set */
    lt_json_path total; /* page_number, offset: ... how many records there are */
    lt_json_path next;  /* cursor, next_link: where the next cursor or URL is */
    int64_t max_pages;  /* stop with an error behind so many; guards against endless answers */
} lt_conf_paginate;

typedef enum lt_conf_cursor_format {
    LT_CONF_AS_IS, /* as the records write it */
    LT_CONF_ISO,   /* 2026-11-22T01:02:03Z */
    LT_CONF_DATE,  /* 2026-11-22 */
    LT_CONF_UNIX,  /* seconds */
    LT_CONF_UNIX_MS,
} lt_conf_cursor_format;

/* Read on from where the last run stopped. field.len is 0 when there is no cursor. */
typedef struct lt_conf_cursor {
    lt_conf_place place;
    lt_text field;        /* of the record, or the column */
    lt_text param;        /* rest: the query parameter that takes the value */
    int64_t overlap_us;   /* go back so far before the last value, for late records */
    lt_conf_text initial; /* for the first run; unset: everything */
    lt_conf_cursor_format format;
} lt_conf_cursor;

typedef enum lt_conf_land_format { LT_CONF_PARQUET, LT_CONF_RAW } lt_conf_land_format;
typedef struct lt_conf_land {
    lt_text bucket; /* "raw" by default */
    lt_conf_text
        path; /* ends with '/'; "domain=SOURCE/dataset=RESOURCE/import_date={{ run_date }}/" by default */
    lt_conf_land_format format;
} lt_conf_land;

typedef enum lt_conf_load_mode {
    LT_CONF_LOAD_AUTO, /* a full read replaces; with a cursor: merge by key, append by commit without one */
    LT_CONF_LOAD_MERGE,
    LT_CONF_LOAD_APPEND,
    LT_CONF_LOAD_REPLACE,
} lt_conf_load_mode;
typedef struct lt_conf_load {
    lt_conf_place place;
    lt_text table; /* "schema.table" or "table"; empty: landed only */
    lt_conf_load_mode mode;
} lt_conf_load;

typedef enum lt_conf_rule { LT_CONF_EVOLVE, LT_CONF_FREEZE, LT_CONF_DISCARD } lt_conf_rule;
typedef struct lt_conf_contract {
    lt_conf_rule columns; /* a new column: is added, is an error, is left out */
    lt_conf_rule types;   /* a changed type: widens, is an error, the value becomes null */
} lt_conf_contract;

typedef enum lt_conf_format {
    LT_CONF_FORMAT_AUTO, /* by the name of the file */
    LT_CONF_FORMAT_CSV,
    LT_CONF_FORMAT_JSON,
    LT_CONF_FORMAT_NDJSON,
    LT_CONF_FORMAT_PARQUET,
} lt_conf_format;
typedef enum lt_conf_compression {
    LT_CONF_COMPRESSION_AUTO,
    LT_CONF_COMPRESSION_NONE,
    LT_CONF_COMPRESSION_GZIP,
    LT_CONF_COMPRESSION_ZSTD,
} lt_conf_compression;
typedef struct lt_conf_csv {
    lt_text delimiter, quote; /* one byte each; ',' or found out when empty; '"' */
    lt_conf_yes_no_auto header;
    lt_text nullstr;
    lt_text encoding; /* "utf-8", "latin-1", "utf-16" */
} lt_conf_csv;

typedef struct lt_conf_source lt_conf_source;

typedef struct lt_conf_resource {
    const lt_conf_source *source;
    lt_text name;
    lt_conf_place place;
    lt_text description;
    /* rest */
    lt_conf_text path; /* behind base_url; or a whole URL. files: a glob, relative to the project */
    lt_conf_pairs params, headers;
    lt_json_path records; /* "$" by default */
    lt_conf_paginate paginate;
    int64_t parallel; /* pages at once when the total is known */
    /* database */
    lt_text table;      /* "schema.table"; or: */
    lt_conf_text query; /* one of the two is set */
    /* files */
    lt_conf_format format;
    lt_conf_compression compression;
    lt_conf_csv csv;
    /* all */
    lt_conf_cursor cursor; /* not for files */
    lt_conf_texts key;
    lt_conf_land land;
    lt_conf_load load;
    lt_conf_contract contract;
} lt_conf_resource;

struct lt_conf_source {
    lt_text name;
    lt_conf_place place;
    lt_conf_source_kind kind;
    lt_text description;
    /* rest */
    lt_conf_text base_url; /* may end with '/' or not */
    lt_conf_auth auth;
    lt_conf_pairs headers;
    lt_conf_pairs params;        /* sent with every request */
    int64_t parallel;            /* 4 by default */
    int64_t requests_per_minute; /* 0: no limit */
    int64_t timeout_us;          /* of one request */
    int64_t retries;             /* of one request, after the first try */
    lt_conf_text ca_file;        /* of certificates to trust; unset: the machine's */
    /* database */
    lt_conf_text url;
    struct {
        lt_conf_resource *items;
        size_t len, cap;
    } resources;
};

/* ---- pipelines/NAME.yml ---- */

typedef struct lt_conf_task {
    lt_text name;
    lt_conf_place place;
    lt_conf_text sql;
    lt_conf_texts after; /* names of tasks, or selectors of nodes, that must be done before */
} lt_conf_task;

typedef struct lt_conf_defaults {
    int64_t retries;      /* of a task, after the first attempt */
    int64_t backoff_us;   /* before the first retry; doubles, with jitter */
    int64_t timeout_us;   /* of an attempt; 0: none */
    int64_t memory_bytes; /* 0: the target's */
    int64_t threads;      /* 0: the target's */
} lt_conf_defaults;

typedef struct lt_conf_pipeline {
    lt_text name;
    lt_conf_place place;
    lt_text description;
    lt_conf_texts select, exclude; /* none: everything */
    struct {
        lt_conf_task *items;
        size_t len, cap;
    } tasks;
    lt_conf_defaults defaults;
    lt_conf_values params; /* with their default values */
} lt_conf_pipeline;

/* ---- the project ---- */

typedef struct lt_project {
    const char *root; /* absolute, without a slash at the end */
    lt_text name, version;
    lt_conf_place place;
    struct {
        lt_conf_target *items;
        size_t len, cap;
    } targets;                    /* at least one: "dev" on duckdb when none is written */
    lt_text target_name;          /* as written; empty: the first */
    const lt_conf_target *target; /* the default one */
    lt_conf_store store;
    lt_conf_retention retention;
    int64_t threads;
    int64_t memory_bytes;
    lt_conf_values vars;
    const lt_yaml *models,
        *tests; /* settings by folder, as dbt_project.yml has them; NULL when not there */
    struct {
        lt_conf_source *items;
        size_t len, cap;
    } sources; /* by file name, in byte order */
    struct {
        lt_conf_pipeline *items;
        size_t len, cap;
    } pipelines; /* by file name, in byte order */
} lt_project;

typedef struct lt_project_options {
    lt_conf_render_fn *render; /* NULL: templates in numbers and the like are errors */
    void *render_context;
} lt_project_options;

/* The nearest folder at or above `start` (NULL: the working folder) that holds leat.yml, as an absolute path, a heap string.
 * LT_NOT_FOUND, with a hint; it also says when a dbt project is there instead. */
LT_MUST_CHECK lt_status lt_project_find(const char *start, char **root, lt_err *err);

/* Read leat.yml, sources/ and pipelines/ (all *.yml and *.yaml below) of the folder `root`. Names of sources and of
 * pipelines are unique, so are those of resources in a source. `options` may be NULL. */
LT_MUST_CHECK lt_status lt_project_load(const char *root, const lt_project_options *options,
                                        lt_arena *arena, lt_project **project, lt_err *err);

/* What lt_store_open() takes for the project's store; `home` is where "local" is. In `arena`. */
const char *lt_conf_store_url(const lt_conf_store *store, const char *home, lt_arena *arena);

/* One file's text, without looking at any other; for tests, editors and `doctor`. `file` is its name in messages. */
LT_MUST_CHECK lt_status lt_conf_read_project(lt_text text, const char *file,
                                             const lt_project_options *options, lt_arena *arena,
                                             lt_project *out, lt_err *err);
LT_MUST_CHECK lt_status lt_conf_read_source(lt_text text, const char *file,
                                            const lt_project_options *options, lt_arena *arena,
                                            lt_conf_source *out, lt_err *err);
LT_MUST_CHECK lt_status lt_conf_read_pipeline(lt_text text, const char *file,
                                              const lt_project_options *options, lt_arena *arena,
                                              lt_conf_pipeline *out, lt_err *err);

/* NULL when there is none of that name. */
const lt_conf_target *lt_project_target(const lt_project *project, lt_text name);
const lt_conf_source *lt_project_source(const lt_project *project, lt_text name);
const lt_conf_pipeline *lt_project_pipeline(const lt_project *project, lt_text name);
const lt_conf_resource *lt_conf_resource_find(const lt_conf_source *source, lt_text name);
/* The target `name`, or the default one when it is empty. LT_NOT_FOUND with the nearest name. */
LT_MUST_CHECK lt_status lt_project_target_get(const lt_project *project, lt_text name,
                                              const lt_conf_target **target, lt_err *err);

/* ---- what is made from the same tables ---- */

typedef enum lt_conf_kind {
    LT_CONF_PROJECT_FILE,
    LT_CONF_SOURCE_FILE,
    LT_CONF_PIPELINE_FILE,
    LT_CONF_KINDS
} lt_conf_kind;

const char *lt_conf_kind_name(
    lt_conf_kind kind); /* "leat", "source", "pipeline": for names of files */
/* A JSON Schema (draft 2020-12), indented, with a line break at the end. */
void lt_conf_schema(lt_conf_kind kind, lt_buf *out);
/* Every setting of the three files, as Markdown. */
void lt_conf_reference(lt_buf *out);
