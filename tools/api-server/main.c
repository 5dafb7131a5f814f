/* api-server: serves files as a paginated, protected, rate-limited REST API, with faults on demand. */
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/time.h"
#include "cli/opt.h"
#include "routes.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct options {
    const char *listen, *port_file, *token, *api_key, *basic, *oauth2, *start;
    lt_strings tables, faults;
    int64_t rate, page_size, latency_ms, slow_ms, retry_after, rows, oauth2_uses, seed, period_us;
    bool no_gzip, help;
} options;

static const lt_opt opts[] = {
    {.name = "listen",
     .type = LT_OPT_TEXT,
     LT_AT(options, listen),
     .value = "HOST:PORT",
     .preset = "127.0.0.1:0",
     .help = "where to listen; port 0 is a free one"},
    {.name = "port-file",
     .type = LT_OPT_TEXT,
     LT_AT(options, port_file),
     .value = "FILE",
     .help = "write the port number here once the server answers"},
    {.name = "table",
     .type = LT_OPT_LIST,
     LT_AT(options, tables),
     .value = "NAME=FILE",
     .help = "serve a Parquet, CSV or JSON file as /v1/NAME"},
    {.name = "rows",
     .type = LT_OPT_INT,
     LT_AT(options, rows),
     .value = "N",
     .max = INT64_MAX,
     .help = "only the first N rows of each file"},
    {.name = "token",
     .type = LT_OPT_TEXT,
     LT_AT(options, token),
     .value = "T",
     .help = "admit 'Authorization: Bearer T'"},
    {.name = "api-key",
     .type = LT_OPT_TEXT,
     LT_AT(options, api_key),
     .value = "KEY",
     .help = "admit 'X-API-Key: KEY' and ?api_key=KEY"},
    {.name = "basic",
     .type = LT_OPT_TEXT,
     LT_AT(options, basic),
     .value = "USER:PASSWORD",
     .help = "admit basic authentication"},
    {.name = "oauth2",
     .type = LT_OPT_TEXT,
     LT_AT(options, oauth2),
     .value = "ID:SECRET",
     .help = "issue tokens at /oauth/token and admit them"},
    {.name = "oauth2-uses",
     .type = LT_OPT_INT,
     LT_AT(options, oauth2_uses),
     .value = "N",
     .max = INT64_MAX,
     .help = "an issued token is good for N requests"},
    {.name = "rate",
     .type = LT_OPT_INT,
     LT_AT(options, rate),
     .value = "N",
     .max = 1000000000,
     .help = "answer at most N requests a minute, others get 429"},
    {.name = "page-size",
     .type = LT_OPT_INT,
     LT_AT(options, page_size),
     .value = "N",
     .preset = "1000",
     .min = 1,
     .max = 1000000,
     .help = "the most records in a page"},
    {.name = "latency",
     .type = LT_OPT_INT,
     LT_AT(options, latency_ms),
     .value = "MS",
     .max = 3600000,
     .help = "wait so long before each answer"},
    {.name = "start",
     .type = LT_OPT_TEXT,
     LT_AT(options, start),
     .value = "MOMENT",
     .preset = "2026-01-01T00:00:00Z",
     .help = "updated_at of the records begins here"},
    {.name = "period",
     .type = LT_OPT_LENGTH,
     LT_AT(options, period_us),
     .value = "LENGTH",
     .preset = "30d",
     .help = "and is spread over so long"},
    {.name = "fault",
     .type = LT_OPT_LIST,
     LT_AT(options, faults),
     .value = "KIND:WHEN",
     .help = "429:0.05 (a share), broken:#7 (a request), refuse:#9+ (from it on), 404:page=3; "
             "kinds: 429 500 502 503 404 "
             "refuse slow never hangup truncate broken shape type twice grow shrink"},
    {.name = "slow",
     .type = LT_OPT_INT,
     LT_AT(options, slow_ms),
     .value = "MS",
     .preset = "1000",
     .max = 3600000,
     .help = "how long the fault 'slow' waits"},
    {.name = "retry-after",
     .type = LT_OPT_INT,
     LT_AT(options, retry_after),
     .value = "S",
     .max = 86400,
     .help = "Retry-After of the fault '429'"},
    {.name = "seed",
     .type = LT_OPT_INT,
     LT_AT(options, seed),
     .value = "N",
     .preset = "1",
     .max = INT64_MAX,
     .help = "of the shares"},
    {.name = "no-gzip", .type = LT_OPT_FLAG, LT_AT(options, no_gzip), .help = "never compress"},
    {.name = "help", .letter = 'h', .type = LT_OPT_FLAG, LT_AT(options, help), .help = "say this"},
};

static void print_help(void)
{
    (void)puts("usage: api-server --table NAME=FILE [OPTION...]\n");
    for (size_t i = 0; i < LT_COUNT(opts); i++) {
        LT_AUTO(lt_chars)
        head = lt_format("--%s %s", opts[i].name, opts[i].value ? opts[i].value : "");
        (void)printf("  %-26s %s%s%s%s\n", head, opts[i].help, opts[i].preset ? " [" : "",
                     opts[i].preset ? opts[i].preset : "", opts[i].preset ? "]" : "");
    }
}

static lt_status read_options(int argc, char **argv, lt_arena *arena, options *out, lt_err *err)
{
    lt_opt_reader reader = {.sets = {{opts, LT_COUNT(opts), out}},
                            .set_count = 1,
                            .arena = arena,
                            .command = "api-server"};
    lt_strings args = {0};
    size_t used;
    LT_TRY(lt_opts_preset(&reader, 0, err));
    LT_TRY(lt_opts_read(&reader, (size_t)argc - 1, (const char *const *)argv + 1, false, &used,
                        &args, err));
    if (out->help)
        return LT_OK;
    if (args.len > 0)
        return lt_fail(err, LT_INVALID, "'%s' is not an option", args.items[0]);
    if (out->tables.len == 0)
        return lt_fail(err, LT_INVALID, "give at least one --table NAME=FILE");
    return LT_OK;
}

static lt_status open_table(lt_session *session, lt_text spec, const options *o, const char *folder,
                            lt_arena *arena, lt_api_table *out, lt_err *err)
{
    size_t equals = lt_text_find_byte(spec, '=', 0);
    lt_text name = lt_text_sub(spec, 0, equals);
    if (equals == SIZE_MAX || name.len == 0 || lt_text_find_byte(name, '/', 0) != SIZE_MAX)
        return lt_fail(err, LT_INVALID, "--table takes NAME=FILE, not '%.*s'", LT_ARG(spec));
    lt_api_render how = {.file = lt_arena_str(arena, lt_text_sub(spec, equals + 1, spec.len)),
                         .folder = folder,
                         .row_limit = o->rows,
                         .period_us = o->period_us};
    if (!lt_time_read(lt_text_of(o->start), &how.start_us))
        return lt_fail(err, LT_INVALID, "--start takes a moment, not '%s'", o->start);
    return lt_api_table_open(session, name, &how, out, err);
}

/* DuckDB is only needed to render: it is gone before the first request. */
static lt_status open_tables(lt_api *api, const options *o, const char *folder, lt_arena *arena,
                             lt_err *err)
{
    lt_target target = {.name = "render",
                        .kind = "duckdb",
                        .path = ":memory:",
                        .memory_bytes = 512 * LT_MIB,
                        .temp_folder = folder};
    LT_AUTO(lt_engine_ref) engine = NULL;
    LT_TRY(lt_engine_open(&target, &engine, err));
    LT_AUTO(lt_session_ref) session = NULL;
    LT_TRY(lt_session_open(engine, &session, err));
    for (size_t i = 0; i < o->tables.len; i++) {
        LT_TRY(open_table(session, lt_text_of(o->tables.items[i]), o, folder, arena,
                          &api->tables[i], err));
        api->table_count++;
    }
    return LT_OK;
}

static lt_status split_address(const char *listen, lt_arena *arena, lt_server_options *out,
                               lt_err *err)
{
    lt_text text = lt_text_of(listen);
    size_t colon = SIZE_MAX;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == ':')
            colon = i;
    uint64_t port;
    if (colon == SIZE_MAX || !lt_text_to_u64(lt_text_sub(text, colon + 1, text.len), &port) ||
        port > 65535)
        return lt_fail(err, LT_INVALID, "--listen takes HOST:PORT, not '%s'", listen);
    out->host = lt_arena_str(arena, lt_text_sub(text, 0, colon));
    out->port = (unsigned)port;
    return LT_OK;
}

static lt_status announce(const lt_http_server *server, const options *o, lt_err *err)
{
    (void)printf("listening on %s\n", lt_http_server_url(server));
    (void)fflush(stdout);
    if (!o->port_file)
        return LT_OK;
    LT_AUTO(lt_chars) port = lt_format("%u\n", lt_http_server_port(server));
    return lt_file_write(o->port_file, lt_text_of(port), 0644, err);
}

static lt_status set_up(lt_api *api, const options *o, lt_err *err)
{
    api->page_size_max = o->page_size;
    api->latency_us = o->latency_ms * 1000;
    api->slow_us = o->slow_ms * 1000;
    api->retry_after_s = o->retry_after;
    api->gzip = !o->no_gzip;
    api->guard.token = o->token;
    api->guard.api_key = o->api_key;
    api->guard.oauth_uses = o->oauth2_uses;
    lt_guard_init(&api->guard, o->basic, o->oauth2, (unsigned)o->rate);
    lt_faults_init(&api->faults, (uint64_t)o->seed);
    for (size_t i = 0; i < o->faults.len; i++)
        LT_TRY(lt_faults_add(&api->faults, lt_text_of(o->faults.items[i]), err));
    return LT_OK;
}

static lt_status serve(lt_api *api, const options *o, lt_arena *arena, lt_err *err)
{
    lt_server_options server_options = {.handle = lt_api_handle, .context = api};
    LT_TRY(split_address(o->listen, arena, &server_options, err));
    if (lt_faults_have(&api->faults, LT_FAULT_GROW))
        for (size_t i = 0; i < api->table_count; i++)
            atomic_fetch_sub(&api->tables[i].visible, api->tables[i].total / 10);
    LT_AUTO(lt_http_server_ref) server = NULL;
    LT_TRY(lt_http_server_start(&server_options, &server, err));
    LT_TRY(announce(server, o, err));
    while (!lt_stop_asked())
        (void)poll(NULL, 0, 50); /* a signal ends it early */
    return LT_OK;
}

static lt_status run(const options *o, lt_arena *arena, lt_err *err)
{
    lt_api api = {.tables = lt_alloc_array(arena, o->tables.len, sizeof(lt_api_table))};
    LT_TRY(set_up(&api, o, err));
    const char *parent = getenv("TMPDIR");
    LT_AUTO(lt_chars) prefix = lt_format("%s/api-server-", parent ? parent : "/tmp");
    LT_AUTO(lt_chars) folder = NULL;
    LT_TRY(lt_folder_make_temp(prefix, &folder, err));
    lt_status status = open_tables(&api, o, folder, arena, err);
    lt_err ignored;
    lt_ignore(lt_path_remove(folder, &ignored));
    if (status == LT_OK)
        status = serve(&api, o, arena, err);
    for (size_t i = 0; i < api.table_count; i++)
        lt_api_table_close(&api.tables[i]);
    lt_guard_cleanup(&api.guard);
    return status;
}

int main(int argc, char **argv)
{
    lt_stop_on_signals();
    lt_arena arena = {0};
    options o = {0};
    lt_err err = {0};
    lt_status status = read_options(argc, argv, &arena, &o, &err);
    if (status == LT_OK && o.help)
        print_help();
    else if (status == LT_OK)
        status = run(&o, &arena, &err);
    if (status != LT_OK)
        lt_log_err(&err);
    lt_arena_cleanup(&arena);
    return status == LT_OK ? 0 : status == LT_INVALID ? 2 : 3;
}
