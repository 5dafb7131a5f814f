/* The settings of leat.yml. A new one is a line here and a field in conf.h. */
#include "conf/tables.h"

#include "base/vec.h"
#include "net/url.h"

static const char *const engines[] = {"duckdb", "postgres"};

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
     .fits = lt_fits_set,
     .wanted = "the path of a file",
     .help = "the database file, relative to the project"},
    {.name = "url",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_target, url),
     .kinds = BIT(LT_CONF_POSTGRES),
     .required = true,
     .fits = lt_fits_set,
     .wanted = "a connection such as postgres://user@host/db",
     .help = "where the server is: a `postgres://` URL or a libpq connection string; keep the "
             "password in a secret"},
    {.name = "schema",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_target, schema),
     .kinds = BIT(LT_CONF_DUCKDB),
     .fallback = "main",
     .fits = lt_fits_identifier,
     .wanted = "the name of a schema",
     .help = "where models are built"},
    {.name = "schema",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_target, schema),
     .kinds = BIT(LT_CONF_POSTGRES),
     .fallback = "public",
     .fits = lt_fits_identifier,
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
                                              .discriminator = "engine"};

static const lt_setting store_settings[] = {
    {.name = "url",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_store, url),
     .fallback = "local",
     .fits = lt_fits_store_url,
     .wanted = "local, local:/folder or s3://bucket/prefix",
     .help = "`local` is `.leat/store` in the project; `local:/folder` another place; "
             "`s3://bucket/prefix` a part of a bucket on S3"},
    {.name = "endpoint",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_store, endpoint),
     .fits = lt_fits_http_url,
     .wanted = "an http or https URL",
     .shown = "AWS's own, or as `AWS_ENDPOINT_URL_S3` and the AWS profile say",
     .help = "on S3: a server that speaks S3's protocol"},
    {.name = "region",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_store, region),
     .shown = "as `AWS_REGION` and the AWS profile say",
     .help = "on S3: where the bucket is"},
    {.name = "profile",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_store, profile),
     .shown = "`AWS_PROFILE`, or `default`",
     .help = "on S3: whose keys, of `~/.aws/config` and `~/.aws/credentials`; keys in the "
             "environment are then not looked at"},
    {.name = "path_style",
     .type = LT_SET_SWITCH,
     .offset = AT(lt_conf_store, path_style),
     .fallback = "auto",
     .help = "on S3: is the bucket's name in the path, not in the host's name? `auto`: with an "
             "endpoint of one's own"},
    {.name = "versioned_prefixes",
     .type = LT_SET_TEXTS,
     .offset = AT(lt_conf_store, versioned_prefixes),
     .help = "buckets whose names begin with one of these keep versions from the start, also when "
             "an S3 client makes them at `leat store serve`"},
    {.name = "cache",
     .type = LT_SET_SIZE,
     .offset = AT(lt_conf_store, cache_bytes),
     .fallback = "8GiB",
     .min = LEAST_CACHE,
     .max = MOST_CACHE,
     .help =
         "how much of `.leat/cache` files of datasets may take that had to be fetched from S3, or "
         "decrypted; what was not used for an hour goes first, and what is in use stays"},
};
static const char *const store_later[] = {"prefix", NULL};

/* "s3://bucket" or "s3://bucket/prefix": the service itself has no datasets. */
static lt_status check_store(const lt_conf_reader *reader, void *made, const lt_yaml *node,
                             lt_err *err)
{
    static const char *const of_s3[] = {"endpoint", "region", "profile", "path_style"};
    const lt_conf_store *store = made;
    bool on_s3 = lt_text_starts(store->url, T("s3://"));
    lt_text rest = lt_text_sub(store->url, strlen("s3://"), SIZE_MAX), bucket = {0};
    for (size_t i = 0; i < LT_COUNT(of_s3) && !on_s3; i++) {
        const lt_yaml *given = lt_yaml_find(node, lt_text_of(of_s3[i]));
        if (given)
            return lt_setting_fail(reader, given, err, "'%s' is for stores on S3 (url: s3://...)",
                                   of_s3[i]);
    }
    if (!on_s3)
        return LT_OK;
    (void)lt_text_cut(&rest, '/', &bucket);
    if (lt_fits_bucket(bucket) && lt_text_find_byte(rest, '?', 0) == SIZE_MAX)
        return LT_OK;
    lt_ignore(lt_setting_fail(reader, lt_yaml_find(node, T("url")), err,
                              "'%.*s' names no bucket on S3", LT_ARG(store->url)));
    return lt_hint(err, "write s3://bucket/prefix");
}

const char *lt_conf_store_url(const lt_conf_store *store, const char *home, lt_arena *arena)
{
    LT_AUTO(lt_buf) url = {.limit = LT_URL_BYTES};
    if (!store->url.len || lt_text_eq(store->url, T("local")))
        return lt_arena_format(arena, "local:%s/store", home);
    lt_buf_add(&url, store->url);
    if (store->endpoint.len)
        lt_url_add_param(&url, T("endpoint"), store->endpoint);
    if (store->region.len)
        lt_url_add_param(&url, T("region"), store->region);
    if (store->profile.len)
        lt_url_add_param(&url, T("profile"), store->profile);
    if (store->path_style != LT_CONF_AUTO)
        lt_url_add_param(&url, T("path_style"),
                         store->path_style == LT_CONF_YES ? T("true") : T("false"));
    return lt_arena_str(arena, lt_buf_text(&url));
}

static const lt_setting_group store_group = {.name = "'store'",
                                             .help = "Where the versioned objects live.",
                                             SETTINGS(store_settings),
                                             .size = sizeof(lt_conf_store),
                                             .place_offset = AT(lt_conf_store, place),
                                             .later = store_later,
                                             .check = check_store};

static const lt_setting retention_settings[] = {
    {.name = "runs",
     .type = LT_SET_LENGTH,
     .offset = AT(lt_conf_retention, runs_us),
     .min = SECOND,
     .max = 36500 * DAY,
     .shown = "for ever",
     .help =
         "how long records and logs of runs are kept; later a run cannot be shown or reproduced"},
    {.name = "commits",
     .type = LT_SET_LENGTH,
     .offset = AT(lt_conf_retention, commits_us),
     .min = SECOND,
     .max = 36500 * DAY,
     .shown = "for ever",
     .help =
         "how long earlier states of datasets are kept, but for those that a kept run has read"},
    {.name = "keep",
     .type = LT_SET_INT,
     .offset = AT(lt_conf_retention, keep),
     .fallback = "10",
     .min = 1,
     .max = 1000000,
     .help = "so many of the newest runs stay, however old"},
};

static const lt_setting_group retention_group = {
    .name = "'retention'",
    .help = "How long what runs leave behind is kept. Each run tidies up a little at its end; "
            "`leat runs "
            "prune` does all of it.",
    SETTINGS(retention_settings),
    .size = sizeof(lt_conf_retention),
    .place_offset = AT(lt_conf_retention, place)};

static const lt_setting lineage_settings[] = {
    {.name = "url",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_lineage, url),
     .fits = lt_fits_http_url,
     .wanted = "an http or https URL",
     .shown = "`OPENLINEAGE_URL`",
     .help = "the server that takes the events, such as Marquez"},
    {.name = "endpoint",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_lineage, endpoint),
     .shown = "`OPENLINEAGE_ENDPOINT`, or `api/v1/lineage`",
     .help = "the path behind the URL"},
    {.name = "api_key",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_lineage, api_key),
     .shown = "`OPENLINEAGE_API_KEY`",
     .help = "is sent as a bearer token; keep it in a secret"},
    {.name = "file",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_lineage, file),
     .fits = lt_fits_set,
     .wanted = "the path of a file",
     .help = "a file, relative to the project, that gets the events too, a line each"},
    {.name = "namespace",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_lineage, namespace_),
     .shown = "`OPENLINEAGE_NAMESPACE`, or the project's name",
     .help = "the namespace of the jobs"},
};

static const lt_setting_group lineage_group = {
    .name = "'lineage'",
    .help = "Tell others what each run and task reads and writes, as OpenLineage events.",
    SETTINGS(lineage_settings),
    .size = sizeof(lt_conf_lineage),
    .place_offset = AT(lt_conf_lineage, place)};

static const lt_setting traces_settings[] = {
    {.name = "endpoint",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_traces, endpoint),
     .fits = lt_fits_http_url,
     .wanted = "an http or https URL",
     .shown = "`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, or `OTEL_EXPORTER_OTLP_ENDPOINT` and "
              "`/v1/traces`",
     .help = "the collector: spans are posted to `/v1/traces` behind it"},
    {.name = "headers",
     .type = LT_SET_PAIRS,
     .offset = AT(lt_conf_traces, headers),
     .fits = lt_fits_header_name,
     .wanted = "the name of a header",
     .shown = "`OTEL_EXPORTER_OTLP_HEADERS`",
     .help = "headers of every request, such as `Authorization`"},
    {.name = "service",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_traces, service),
     .shown = "`OTEL_SERVICE_NAME`, or `leat`",
     .help = "the name of the service"},
};

static const lt_setting_group traces_group = {
    .name = "'traces'",
    .help = "Send each run as an OpenTelemetry trace, a span for each task.",
    SETTINGS(traces_settings),
    .size = sizeof(lt_conf_traces),
    .place_offset = AT(lt_conf_traces, place)};

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
    {.name = "retention",
     .type = LT_SET_GROUP,
     .offset = AT(lt_project, retention),
     .group = &retention_group,
     .help = "how long runs and earlier states of datasets are kept"},
    {.name = "lineage",
     .type = LT_SET_GROUP,
     .offset = AT(lt_project, lineage),
     .group = &lineage_group,
     .help = "OpenLineage events of runs"},
    {.name = "traces",
     .type = LT_SET_GROUP,
     .offset = AT(lt_project, traces),
     .group = &traces_group,
     .help = "OpenTelemetry traces of runs"},
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
    {.name = "pools",
     .type = LT_SET_VALUES,
     .offset = AT(lt_project, pools),
     .help = "places that tasks of all runs share: `{api: 2}`; a task takes one with `pool: api`"},
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

static lt_status check_pools(const lt_conf_reader *reader, const lt_project *project, lt_err *err)
{
    for (size_t i = 0; i < project->pools.len; i++) {
        const lt_yaml *places = project->pools.items[i].value;
        if (places->kind != LT_YAML_SCALAR || places->type != LT_YAML_INT || places->huge ||
            places->integer < 1 || places->integer > 1000000)
            return lt_setting_fail(reader, places, err,
                                   "a pool has a number of places, from 1 to 1000000");
    }
    return LT_OK;
}

static lt_status check_project(const lt_conf_reader *reader, void *made, const lt_yaml *node,
                               lt_err *err)
{
    lt_project *project = made;
    LT_TRY(check_pools(reader, project, err));
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
