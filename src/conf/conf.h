/* conf.h - the files that people write: leat.yml, sources/, pipelines/, calendars/ as structs.
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
#include "base/cron.h"
#include "base/err.h"
#include "base/vec.h"
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
    /* Where the first character of `raw` stands, and how many columns are in front of its further lines; line 0: not known. */
    uint32_t line, col, indent;
    bool is_template;
} lt_conf_text;

/* A scalar of a file as a text. */
lt_conf_text lt_conf_text_of(const char *file, const lt_yaml *node);
/* The place of line:col (from 1) of the text; that of the whole text where it is not known. */
lt_conf_place lt_conf_place_in(const lt_conf_text *text, unsigned line, unsigned col);

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
    lt_conf_yes_no_auto path_style;   /* auto: with an endpoint */
    lt_conf_texts versioned_prefixes; /* of bucket names: such buckets are made with versioning */
    int64_t cache_bytes; /* of files of datasets that have to be fetched or put together */
} lt_conf_store;

/* How long what runs leave behind is kept; 0: for ever. */
typedef struct lt_conf_retention {
    lt_conf_place place;
    int64_t runs_us;    /* records and logs of runs */
    int64_t commits_us; /* commits of datasets that no run keeps */
    int64_t keep;       /* so many of the newest runs stay, however old */
} lt_conf_retention;

/* Where events of runs are told to others; nothing where a setting is empty. */
typedef struct lt_conf_lineage {
    lt_conf_place place;
    lt_conf_text url, endpoint, api_key; /* OpenLineage over HTTP */
    lt_conf_text file;                   /* and into a file */
    lt_text namespace_;
} lt_conf_lineage;
typedef struct lt_conf_traces {
    lt_conf_place place;
    lt_conf_text endpoint; /* OpenTelemetry, OTLP/HTTP */
    lt_conf_pairs headers;
    lt_text service;
} lt_conf_traces;

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

/* What a task does; the key that says so. */
typedef enum lt_conf_task_kind {
    LT_DO_EXTRACT,
    LT_DO_LOAD,
    LT_DO_BUILD,
    LT_DO_TEST,
    LT_DO_SQL,
    LT_DO_SHELL,
    LT_DO_PYTHON,
    LT_DO_NOTEBOOK,
    LT_DO_HTTP,
    LT_DO_NOTIFY,
    LT_DO_WAIT,
    LT_DO_APPROVE,
    LT_DO_PIPELINE,
    LT_DO_FOR_EACH,
    LT_DO_CHOOSE,
    LT_DO_KINDS
} lt_conf_task_kind;
extern const char *const lt_conf_task_kinds[LT_DO_KINDS]; /* "extract", ... */

/* When a task begins, seen from the tasks that it comes after. */
typedef enum lt_conf_rule_when {
    LT_WHEN_SUCCESS,      /* all succeeded */
    LT_WHEN_FAILED,       /* all have ended, at least one failed */
    LT_WHEN_ALWAYS,       /* all have ended */
    LT_WHEN_ANY,          /* one has succeeded */
    LT_WHEN_NONE_FAILED,  /* all have succeeded, or were left out on purpose */
    LT_WHEN_ALL_FAILED,   /* all have failed */
    LT_WHEN_SOME_SUCCESS, /* as none_failed, and at least one succeeded */
} lt_conf_rule_when;

typedef struct lt_conf_http {
    lt_conf_place place;
    lt_conf_text url, method, body;
    lt_conf_pairs headers;
    lt_conf_texts expect; /* statuses: "200", "2xx"; none: 2xx */
} lt_conf_http;

typedef struct lt_conf_email {
    lt_conf_place place;
    lt_conf_text smtp, username, password; /* smtp://host:port or smtps:// */
    lt_conf_text from;
    lt_conf_texts to; /* may be templates */
} lt_conf_email;

typedef struct lt_conf_notify {
    lt_conf_place place;
    lt_conf_text webhook, slack; /* URLs */
    lt_conf_email email;         /* smtp.raw.ptr NULL: none */
    lt_conf_text sns;            /* the ARN of a topic */
    lt_conf_text subject, message;
} lt_conf_notify;

typedef struct lt_conf_object {
    lt_conf_place place;
    lt_conf_text bucket, key; /* key may hold * ? [...] */
} lt_conf_object;

typedef struct lt_conf_wait {
    lt_conf_place place;
    int64_t for_us;     /* one of these: */
    lt_conf_text until; /* a moment, or a time of the run's day, in UTC */
    lt_conf_object object;
    lt_conf_text sql;
    lt_conf_http http;
    int64_t every_us, at_most_every_us, deadline_us; /* 0: no deadline */
    lt_conf_yes_no_auto fail; /* at the deadline; NO: go on, and say so in the output */
} lt_conf_wait;

typedef struct lt_conf_approve {
    lt_conf_place place;
    lt_conf_texts people, roles; /* none: anybody */
    lt_conf_text message;
    int64_t timeout_us; /* 0: none */
} lt_conf_approve;

typedef struct lt_conf_branch {
    lt_conf_place place;
    lt_conf_text condition; /* raw.ptr NULL: otherwise */
    lt_conf_texts then;     /* names of tasks */
} lt_conf_branch;

typedef struct lt_conf_task lt_conf_task;
typedef struct lt_conf_tasks {
    lt_conf_task *items;
    size_t len, cap;
} lt_conf_tasks;

typedef struct lt_conf_for_each {
    lt_conf_place place;
    const lt_yaml *items; /* a list, or a template that gives one; or: */
    lt_conf_text query;   /* its rows */
    lt_text as;           /* what an item is called */
    int64_t parallel;     /* items at once */
    lt_conf_tasks tasks;  /* of each item */
} lt_conf_for_each;

typedef enum lt_conf_returns { LT_RETURN_NOTHING, LT_RETURN_ROW, LT_RETURN_ROWS } lt_conf_returns;

struct lt_conf_task {
    lt_text name;
    lt_conf_place place;
    lt_conf_task_kind kind;
    lt_conf_texts selection; /* extract, load, build, test */
    lt_conf_text command;    /* sql, shell, python, notebook (its path), pipeline */
    lt_conf_returns returns; /* sql */
    lt_conf_http http;
    lt_conf_notify notify;
    lt_conf_wait wait;
    lt_conf_approve approve;
    lt_conf_for_each for_each;
    struct {
        lt_conf_branch *items;
        size_t len, cap;
    } choose;
    lt_conf_texts after; /* names of tasks, or selectors of nodes, that must have ended before */
    lt_conf_rule_when when;
    lt_conf_pairs params;            /* pipeline, notebook */
    const lt_yaml *params_node;      /* notebook: the same, with their types; NULL: none */
    lt_conf_yes_no_auto wait_for_it; /* pipeline; NO: only start it */
    lt_conf_text interpreter;        /* python, notebook */
    lt_text kernel;                  /* notebook; empty: as the file says */
    int64_t cell_timeout_us;         /* notebook; 0: none */
    lt_conf_pairs env;               /* shell, python, notebook */
    lt_conf_texts args;              /* python; may be templates */
    lt_conf_text cwd;                /* relative to the project */
    int64_t retries, backoff_us, backoff_max_us, timeout_us, grace_us, memory_bytes, processes,
        log_bytes;           /* -1: as the pipeline's defaults say */
    bool has_retries;        /* written in the task itself */
    int64_t cpu_thousandths; /* of a core; 0: no limit */
    lt_conf_text cpu;
    lt_conf_texts retry_on,
        retry_never; /* io, conflict, timeout, lost, failed, any, exit:N, exit:N-M */
    lt_text pool;
    int64_t places, priority;
};

typedef struct lt_conf_defaults {
    int64_t retries;    /* of a task, after the first attempt */
    int64_t backoff_us; /* before the first retry; doubles, with jitter */
    int64_t backoff_max_us;
    int64_t timeout_us;   /* of an attempt; 0: none */
    int64_t grace_us;     /* between asking a command to end and ending it */
    int64_t memory_bytes; /* 0: the target's */
    int64_t threads;      /* 0: the target's */
    int64_t processes;    /* of a command */
    int64_t log_bytes;    /* of a command's output */
} lt_conf_defaults;

typedef enum lt_conf_param_type {
    LT_PARAM_STRING,
    LT_PARAM_INT,
    LT_PARAM_NUMBER,
    LT_PARAM_BOOL,
    LT_PARAM_DATE,
    LT_PARAM_ENUM,
} lt_conf_param_type;
typedef struct lt_conf_param {
    lt_text name;
    lt_conf_place place;
    lt_conf_param_type type;
    const lt_yaml *fallback; /* NULL: it must be given */
    lt_texts options;        /* enum */
    lt_text help;
} lt_conf_param;
typedef struct lt_conf_params {
    lt_conf_param *items;
    size_t len, cap;
} lt_conf_params;
const char *lt_conf_param_type_name(lt_conf_param_type type);
/* A value as people type it, as JSON. LT_INVALID: not of the type, with what is allowed. */
LT_MUST_CHECK lt_status lt_conf_param_read(const lt_conf_param *param, lt_text value, lt_buf *json,
                                           lt_err *err);

typedef enum lt_conf_overlap {
    LT_CONF_OVERLAP_ALLOW,
    LT_CONF_OVERLAP_QUEUE,
    LT_CONF_OVERLAP_SKIP,
    LT_CONF_OVERLAP_CANCEL_OLD,
} lt_conf_overlap;

typedef enum lt_conf_catch_up {
    LT_CONF_CATCH_UP_LATEST,
    LT_CONF_CATCH_UP_ALL,
    LT_CONF_CATCH_UP_NONE,
} lt_conf_catch_up;

/* When runs begin by themselves. place.line 0: they do not. */
typedef struct lt_conf_schedule {
    lt_conf_place place;
    lt_text cron_text; /* as written; empty: `every_us` */
    lt_cron cron;
    int64_t every_us;
    lt_text zone_name;
    const lt_zone *zone; /* its own, else the pipeline's, else UTC */
    lt_text start, end;
    int64_t start_s, end_s; /* INT64_MIN, INT64_MAX: none */
    int64_t jitter_us;
    lt_text days_off; /* the name of a calendar, which is there; empty: none */
    lt_conf_catch_up catch_up;
    int64_t window_us;
} lt_conf_schedule;

/* ---- triggers of a pipeline ---- */

typedef enum lt_conf_trigger_kind {
    LT_ON_OBJECT,
    LT_ON_DATASET,
    LT_ON_FILE,
    LT_ON_HTTP,
    LT_ON_SQL,
    LT_ON_WEBHOOK,
    LT_ON_KINDS
} lt_conf_trigger_kind;
extern const char *const lt_conf_trigger_kinds[LT_ON_KINDS]; /* "object", ... */

typedef struct lt_conf_on_object {
    lt_conf_place place;
    lt_text bucket;      /* of the project's store, or "s3://NAME" of any */
    lt_text prefix, key; /* key: a pattern; empty: any */
    lt_text queue;       /* the URL of one of SQS that S3 tells; empty: none */
} lt_conf_on_object;
typedef struct lt_conf_on_dataset {
    lt_conf_place place;
    lt_conf_texts any_of, all_of; /* "bucket/prefix/"; one of the two */
} lt_conf_on_dataset;
typedef struct lt_conf_on_file {
    lt_conf_place place;
    lt_text folder, name; /* name: a pattern of the path below it */
    int64_t quiet_us;
} lt_conf_on_file;
typedef enum lt_conf_signed_by {
    LT_CONF_BY_HMAC,
    LT_CONF_BY_BEARER,
    LT_CONF_BY_GITHUB,
    LT_CONF_BY_STRIPE,
    LT_CONF_BY_HEADER,
} lt_conf_signed_by;
typedef enum lt_conf_digest { LT_CONF_SHA256, LT_CONF_SHA512, LT_CONF_SHA1 } lt_conf_digest;
typedef enum lt_conf_digits { LT_CONF_HEX, LT_CONF_BASE64 } lt_conf_digits;
typedef struct lt_conf_on_webhook {
    lt_conf_place place;
    lt_text secret; /* its name */
    lt_conf_signed_by by;
    int64_t tolerance_us;
    lt_conf_texts events; /* github, stripe: their names; none: all */
    /* header: */
    lt_text header, prefix;         /* that holds the signature, and what stands before it there */
    lt_text signs;                  /* with {body}, {time}, {id} */
    lt_text time_header, id_header; /* empty: none */
    lt_conf_digest digest;
    lt_conf_digits digits;
} lt_conf_on_webhook;

/* A parameter out of an event. */
typedef struct lt_conf_mapped {
    lt_text name;
    lt_conf_place place;
    lt_json_path path;
} lt_conf_mapped;

typedef struct lt_conf_trigger {
    lt_text name;
    lt_conf_place place;
    lt_conf_trigger_kind kind;
    lt_conf_on_object object;
    lt_conf_on_dataset dataset;
    lt_conf_on_file file;
    lt_conf_http http;
    lt_json_path watch; /* http; source.len 0: the whole answer */
    lt_conf_text sql;
    lt_text target; /* sql; empty: the project's */
    lt_conf_on_webhook webhook;
    int64_t every_us;
    int64_t batch_us, batch_most; /* batch_us 0: each event is a run */
    lt_conf_yes_no_auto existing;
    lt_conf_pairs params; /* as written */
    struct {
        lt_conf_mapped *items;
        size_t len, cap;
    } mapped; /* the same, understood */
} lt_conf_trigger;
typedef struct lt_conf_triggers {
    lt_conf_trigger *items;
    size_t len, cap;
} lt_conf_triggers;

/* calendars/NAME.yml: days off */
typedef struct lt_conf_calendar {
    lt_text name;
    lt_conf_place place;
    lt_text description;
    lt_conf_pairs written; /* "2026-12-25": its name */
    struct {
        int64_t *items;
        size_t len, cap;
    } days; /* since 1970-01-01, sorted */
} lt_conf_calendar;

typedef struct lt_conf_pipeline {
    lt_text name;
    lt_conf_place place;
    lt_text description;
    lt_conf_texts select, exclude; /* none: everything */
    lt_conf_tasks tasks;
    lt_conf_tasks on_success, on_failure, on_late;
    int64_t late_after_us; /* 0: never late */
    lt_conf_overlap overlap;
    int64_t max_active;
    lt_conf_schedule schedule;
    lt_conf_triggers triggers;
    lt_text zone_name;
    const lt_zone *zone; /* `timezone`, else UTC */
    lt_conf_defaults defaults;
    lt_conf_values params; /* as written: a default value, or a mapping */
    lt_conf_params typed;  /* the same, understood */
    lt_texts
        warnings; /* "file:line:col: ..." of what is not there now and will be needed; by lt_project_load() */
} lt_conf_pipeline;

/* ---- the project ---- */

typedef enum lt_conf_kind {
    LT_CONF_PROJECT_FILE,
    LT_CONF_SOURCE_FILE,
    LT_CONF_PIPELINE_FILE,
    LT_CONF_CALENDAR_FILE,
    LT_CONF_KINDS
} lt_conf_kind;

/* A file that was left out, since it is wrong by itself or together with others. */
typedef struct lt_conf_wrong {
    lt_conf_kind kind;
    const char *file;      /* relative to the project */
    lt_text name;          /* of the source, calendar or pipeline that it has; else of the file: */
    bool is_named;         /* the file could be read so far as to know it */
    lt_text message, hint; /* of the error */
    lt_text said;          /* both: lt_conf_say() */
} lt_conf_wrong;

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
    lt_conf_lineage lineage;
    lt_conf_traces traces;
    int64_t threads;
    int64_t memory_bytes;
    lt_conf_values vars;
    lt_conf_values pools; /* places by name */
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
    struct {
        size_t *items;
        size_t len, cap;
    } pipelines_by_name; /* where they are in `pipelines` */
    struct {
        lt_conf_calendar *items;
        size_t len, cap;
    } calendars; /* the same */
    struct {
        lt_conf_wrong *items;
        size_t len, cap;
    } wrong; /* with options->leaves_out: what was left out */
} lt_project;

typedef struct lt_project_options {
    lt_conf_render_fn *render; /* NULL: templates in numbers and the like are errors */
    void *render_context;
    bool alone; /* leat.yml alone: what lies beside it need not be right */
    bool
        leaves_out; /* a file below the folders that is wrong is left out, and told in the project's `wrong` */
} lt_project_options;

/* The wrong file because of which runs of a pipeline (empty: of a selection) cannot begin: its own, that of a pipeline which it calls, a
 * source where it reads more than its own tasks. A name that no good file has belongs to a file that cannot be read, if there is
 * one. NULL: none. */
const lt_conf_wrong *lt_project_held_by(const lt_project *project, lt_text name);
/* As the error that it was: LT_INVALID. */
LT_MUST_CHECK lt_status lt_conf_wrong_fail(const lt_conf_wrong *wrong, lt_err *err);
/* Does the plan of a run need more than the pipeline's own tasks: extracts, loads, models, tests? */
bool lt_conf_reads_graph(const lt_conf_pipeline *pipeline);

/* What is wrong as one text: the message, and what was meant. In `arena`. */
lt_text lt_conf_say(const lt_err *err, lt_arena *arena);

/* The nearest folder at or above `start` (NULL: the working folder) that holds leat.yml, as an absolute path, a heap string.
 * LT_NOT_FOUND, with a hint; it also says when a dbt project is there instead. */
LT_MUST_CHECK lt_status lt_project_find(const char *start, char **root, lt_err *err);

/* Read leat.yml, sources/, calendars/ and pipelines/ (all *.yml and *.yaml below) of the folder `root`. Names of sources and of
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

LT_MUST_CHECK lt_status lt_conf_read_calendar(lt_text text, const char *file,
                                              const lt_project_options *options, lt_arena *arena,
                                              lt_conf_calendar *out, lt_err *err);

/* NULL when there is none of that name. */
const lt_conf_calendar *lt_project_calendar(const lt_project *project, lt_text name);
const lt_conf_target *lt_project_target(const lt_project *project, lt_text name);
const lt_conf_source *lt_project_source(const lt_project *project, lt_text name);
const lt_conf_pipeline *lt_project_pipeline(const lt_project *project, lt_text name);
/* The places of a pool; 0: there is none of that name. */
int64_t lt_project_pool(const lt_project *project, lt_text name);
const lt_conf_resource *lt_conf_resource_find(const lt_conf_source *source, lt_text name);
/* The target `name`, or the default one when it is empty. LT_NOT_FOUND with the nearest name. */
LT_MUST_CHECK lt_status lt_project_target_get(const lt_project *project, lt_text name,
                                              const lt_conf_target **target, lt_err *err);

/* ---- what is made from the same tables ---- */

const char *lt_conf_kind_name(
    lt_conf_kind kind); /* "leat", "source", "pipeline", "calendar": for names of files */
/* A JSON Schema (draft 2020-12), indented, with a line break at the end. */
void lt_conf_schema(lt_conf_kind kind, lt_buf *out);
/* Every setting of the four files, as Markdown. */
void lt_conf_reference(lt_buf *out);
