/* What a run tells the outside of itself: which task read and wrote what, and how long each took. */
#include "base/fs.h"
#include "base/log.h"
#include "base/mask.h"
#include "base/time.h"
#include "net/url.h"
#include "notify/courier.h"
#include "notify/lineage.h"
#include "notify/schemas.h"
#include "notify/trace.h"
#include "run/inner.h"
#include "source/schema.h"
#include "source/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { GRACE_US = 5000000, SPANS_AT_ONCE = 256 };

typedef struct lt_telemetry {
    lt_arena arena;
    /* lineage */
    bool has_lineage;
    lt_text job_namespace, table_namespace, dialect;
    lt_text file;       /* its name; empty: none */
    int file_fd;        /* owned; -1: none */
    bool file_failed;   /* has been told */
    lt_courier *events; /* owned; NULL: none */
    lt_text run_uuid;   /* of the run as a job */
    lt_lineage_job run_job;
    lt_schemas *schemas; /* owned */
    /* traces */
    lt_courier *spans; /* owned; NULL: none */
    lt_text service, resource;
    char trace_id[LT_TRACE_ID_CHARS], root_id[LT_SPAN_ID_CHARS];
    lt_buf batch; /* spans with commas between */
    size_t batched;
} lt_telemetry;

/* ---- settings: leat.yml before the environment ---- */

static lt_status setting(executor *run, const lt_conf_text *conf, const char *env,
                         const char *preset, lt_text *out, lt_err *err)
{
    lt_telemetry *self = run->telemetry;
    const char *given = env ? getenv(env) : NULL;
    *out = (lt_text){0};
    if (conf->raw.len)
        LT_TRY(
            lt_conf_render(conf, lt_scope_render, &run->workspace->scope, &self->arena, out, err));
    if (!out->len && given && *given)
        *out = lt_arena_text(&self->arena, lt_text_of(given));
    if (!out->len && preset)
        *out = lt_text_of(preset);
    return LT_OK;
}

static lt_text word(lt_text conf, const char *env, lt_text preset)
{
    const char *given = getenv(env);
    return conf.len ? conf : given && *given ? lt_text_of(given) : preset;
}

static bool is_true(const char *env)
{
    const char *given = getenv(env);
    return given && lt_text_eq_nocase(lt_text_of(given), T("true"));
}

/* base + "/" + path, with one slash. */
static lt_text join(lt_telemetry *self, lt_text base, lt_text path)
{
    while (base.len && base.ptr[base.len - 1] == '/')
        base.len--;
    while (path.len && path.ptr[0] == '/')
        path = lt_text_sub(path, 1, SIZE_MAX);
    return lt_text_of(lt_arena_format(&self->arena, "%.*s/%.*s", LT_ARG(base), LT_ARG(path)));
}

static lt_status check_url(lt_text url, const char *what, lt_err *err)
{
    lt_url parts;
    LT_AUTO(lt_buf) shown = {0};
    if (lt_url_read(url, &parts, err) == LT_OK)
        return LT_OK;
    lt_url_show(url, &shown);
    return lt_fail(err, LT_INVALID, "%s '%s' is no http or https URL", what, lt_buf_chars(&shown));
}

/* ---- names of datasets, by https://openlineage.io/docs/spec/naming ---- */

/* Where a connection string of libpq says the server is: a URL, or "host=x port=y". */
static lt_text postgres_namespace(lt_telemetry *self, const char *connection)
{
    lt_url url = {0};
    lt_text host = T("localhost"), port = T("5432"), part, rest = lt_text_of(connection);
    if (lt_text_starts(rest, T("postgres")) && lt_url_split(rest, &url)) {
        host = url.host.len ? url.host : host;
        port = url.port.len ? url.port : port;
    } else {
        while (lt_text_cut(&rest, ' ', &part)) {
            if (lt_text_starts(part, T("host=")))
                host = lt_text_sub(part, strlen("host="), SIZE_MAX);
            if (lt_text_starts(part, T("port=")))
                port = lt_text_sub(part, strlen("port="), SIZE_MAX);
        }
    }
    if (host.len && host.ptr[0] == '/') /* a socket's folder */
        host = T("localhost");
    return lt_text_of(
        lt_arena_format(&self->arena, "postgres://%.*s:%.*s", LT_ARG(host), LT_ARG(port)));
}

static lt_lineage_dataset table_of(const lt_telemetry *self, const lt_relation *relation,
                                   lt_arena *arena)
{
    lt_text database = relation->database;
    return (lt_lineage_dataset){
        .namespace_ = self->table_namespace,
        .rows = -1,
        .name = lt_text_of(lt_arena_format(arena, "%.*s%s%.*s.%.*s", LT_ARG(database),
                                           database.len ? "." : "", LT_ARG(relation->schema),
                                           LT_ARG(relation->name)))};
}

/* What an extract lands: in a bucket on S3, or in a folder's. */
static lt_lineage_dataset landed_of(const executor *run, const lt_conf_resource *resource,
                                    lt_arena *arena)
{
    lt_err err;
    lt_landing_place place = {0};
    lt_text url = run->workspace->project->store.url, bucket;
    lt_lineage_dataset made = {.rows = -1};
    if (lt_resource_place(resource, arena, &place, &err) != LT_OK)
        return made;
    lt_text prefix = place.prefix;
    if (prefix.len && prefix.ptr[prefix.len - 1] == '/')
        prefix.len--;
    if (lt_text_starts(url, T("s3://"))) {
        lt_text rest = lt_text_sub(url, strlen("s3://"), SIZE_MAX);
        (void)lt_text_cut(&rest, '/', &bucket);
        made.namespace_ = lt_text_of(lt_arena_format(arena, "s3://%.*s", LT_ARG(bucket)));
        made.name =
            lt_text_of(lt_arena_format(arena, "%.*s%s%.*s/%.*s", LT_ARG(rest), rest.len ? "/" : "",
                                       LT_ARG(place.bucket), LT_ARG(prefix)));
    } else {
        made.namespace_ = T("file");
        made.name = lt_text_of(lt_arena_format(arena, "%s/store/%.*s/%.*s", run->workspace->home,
                                               LT_ARG(place.bucket), LT_ARG(prefix)));
    }
    return made;
}

/* The source's own name: its address may be a template, and hold secrets. */
static lt_lineage_dataset source_of(const lt_conf_resource *resource, lt_arena *arena)
{
    return (lt_lineage_dataset){.namespace_ = lt_text_of(lt_arena_format(
                                    arena, "source:%.*s", LT_ARG(resource->source->name))),
                                .name = resource->name,
                                .rows = -1};
}

static bool relation_of(const lt_step *step, lt_relation *out)
{
    *out = (lt_relation){0};
    if (step->kind == LT_STEP_LOAD)
        *out = step->relation;
    else if (step->kind == LT_STEP_MODEL && step->node)
        *out = step->node->relation;
    return out->name.len > 0;
}

static void add_needed_tables(const executor *run, const lt_run_task *task, lt_arena *arena,
                              lt_lineage_datasets *out)
{
    lt_relation relation = {0};
    for (size_t i = 0; i < task->node->needs.len; i++) {
        const lt_node *needed = run->plan->graph.nodes.items[task->node->needs.items[i]];
        if (relation_of(needed->payload, &relation))
            lt_push_in(arena, out, table_of(run->telemetry, &relation, arena));
    }
}

/* A view, a table, a seed is made anew; increments and snapshots are not. */
static bool is_replaced(const lt_step *step)
{
    lt_text how = step->node ? step->node->config.materialized : (lt_text){0};
    return lt_text_eq(how, T("table")) || lt_text_eq(how, T("view")) || lt_text_eq(how, T("seed"));
}

static void add_datasets(const executor *run, const lt_run_task *task, lt_lineage_event *event,
                         lt_arena *arena)
{
    const lt_step *step = task->step;
    lt_lineage_dataset made = {0};
    lt_relation relation = {0};
    switch (step->kind) {
    case LT_STEP_EXTRACT:
        lt_push_in(arena, &event->inputs, source_of(step->resource, arena));
        made = landed_of(run, step->resource, arena);
        break;
    case LT_STEP_LOAD:
        lt_push_in(arena, &event->inputs, landed_of(run, step->resource, arena));
        made = table_of(run->telemetry, &step->relation, arena);
        break;
    case LT_STEP_MODEL:
        add_needed_tables(run, task, arena, &event->inputs);
        if (relation_of(step, &relation))
            made = table_of(run->telemetry, &relation, arena);
        made.replaced = event->kind == LT_LINEAGE_COMPLETE && is_replaced(step);
        break;
    case LT_STEP_TEST:
        add_needed_tables(run, task, arena, &event->inputs);
        for (size_t i = 0; i < event->inputs.len && event->kind != LT_LINEAGE_START; i++) {
            event->inputs.items[i].assertion = task->record.name;
            event->inputs.items[i].holds = task->record.status == LT_TASK_SUCCEEDED;
        }
        break;
    default:
        break;
    }
    for (size_t i = 0; i < event->inputs.len; i++)
        lt_schemas_fill(run->telemetry->schemas, &event->inputs.items[i]);
    if (!made.name.len)
        return;
    made.rows = task->record.rows_out;
    if (event->kind != LT_LINEAGE_START) /* what will be is not known */
        lt_schemas_fill(run->telemetry->schemas, &made);
    lt_push_in(arena, &event->outputs, made);
}

/* ---- columns ---- */

static void learn_relation(lt_work *work, const lt_relation *relation, bool again)
{
    lt_err err = {0};
    lt_columns columns = {0};
    lt_session *session = NULL;
    lt_telemetry *self = work->run->telemetry;
    lt_lineage_dataset made = table_of(self, relation, work->arena);
    if (!again && lt_schemas_has(self->schemas, &made))
        return;
    lt_status status = lt_work_session(work, &session, &err);
    if (status == LT_OK)
        status = lt_relation_columns(session, relation, work->arena, &columns, &err);
    if (status != LT_OK) { /* the event is told without them */
        lt_log(LT_LOG_DEBUG, "columns of %.*s: %s", LT_ARG(made.name), err.message);
        return;
    }
    for (size_t i = 0; i < columns.len; i++)
        lt_push_in(work->arena, &made.fields,
                   ((lt_lineage_field){columns.items[i].name, columns.items[i].type}));
    lt_schemas_put(self->schemas, &made);
}

void lt_telemetry_learn(lt_work *work)
{
    lt_relation relation = {0};
    const lt_run_task *task = work->task;
    lt_step_kind kind = work->step->kind;
    if (!work->run->telemetry || !work->run->telemetry->has_lineage)
        return;
    if (relation_of(work->step, &relation))
        learn_relation(work, &relation, true);
    if (kind != LT_STEP_MODEL && kind != LT_STEP_TEST)
        return;
    for (size_t i = 0; i < task->node->needs.len; i++) {
        const lt_node *needed = work->run->plan->graph.nodes.items[task->node->needs.items[i]];
        if (relation_of(needed->payload, &relation))
            learn_relation(work, &relation, false);
    }
}

void lt_telemetry_learn_commit(const lt_work *work, const lt_commit_info *commit)
{
    lt_err err = {0};
    lt_schema schema = {0};
    lt_telemetry *self = work->run->telemetry;
    if (!self || !self->has_lineage || !work->step->resource)
        return;
    lt_lineage_dataset made = landed_of(work->run, work->step->resource, work->arena);
    made.version = commit->commit_id;
    if (lt_schema_read(commit->schema_json, work->arena, &schema, &err) != LT_OK)
        return;
    for (size_t i = 0; i < schema.columns.len; i++) {
        LT_AUTO(lt_buf) type = {0};
        lt_type_write(&schema.columns.items[i].type, &type);
        lt_push_in(work->arena, &made.fields,
                   ((lt_lineage_field){schema.columns.items[i].name,
                                       lt_arena_text(work->arena, lt_buf_text(&type))}));
    }
    lt_schemas_put(self->schemas, &made);
}

/* ---- lineage ---- */

static void write_event(executor *run, const lt_lineage_event *event)
{
    lt_telemetry *self = run->telemetry;
    LT_AUTO(lt_buf) line = {0};
    LT_AUTO(lt_buf) masked = {0};
    lt_err err;
    lt_lineage_write(event, &line);
    lt_mask(lt_buf_text(&line), &masked);
    if (self->events)
        lt_courier_send(self->events, lt_buf_text(&masked));
    if (self->file_fd < 0 ||
        lt_fd_write(self->file_fd, lt_buf_text(&masked), "the lineage file", &err) == LT_OK)
        return;
    if (!self->file_failed)
        lt_log(LT_LOG_WARNING, "lineage events are missing from '%.*s': %s", LT_ARG(self->file),
               err.message);
    self->file_failed = true;
}

static lt_text uuid_of(const executor *run, lt_text task, lt_arena *arena)
{
    LT_AUTO(lt_chars)
    words = lt_format("%.*s/%lld/%.*s", LT_ARG(lt_state_home_id(run->workspace->state)),
                      (long long)run->record->id, LT_ARG(task));
    return lt_text_of(lt_uuid_from(lt_text_of(words), lt_alloc(arena, LT_UUID_CHARS)));
}

static lt_lineage_kind kind_of(lt_task_status status)
{
    switch (status) {
    case LT_TASK_FAILED:
        return LT_LINEAGE_FAIL;
    case LT_TASK_CANCELLED:
        return LT_LINEAGE_ABORT;
    default:
        return LT_LINEAGE_COMPLETE;
    }
}

static void tell_task(executor *run, const lt_run_task *task, lt_lineage_kind kind)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_telemetry *self = run->telemetry;
    const lt_task_record *record = &task->record;
    LT_AUTO(lt_chars) type = lt_text_dup(record->kind);
    for (char *c = type; *c; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
    lt_lineage_event event = {
        .kind = kind,
        .at_us = lt_now_us(),
        .job = {.namespace_ = self->job_namespace,
                .name = lt_text_of(lt_arena_format(&arena, "%.*s.%.*s", LT_ARG(self->run_job.name),
                                                   LT_ARG(record->id)))},
        .job_type = lt_text_of(type),
        .run_id = uuid_of(run, record->id, &arena),
        .parent = self->run_job,
        .parent_run_id = self->run_uuid,
        .error = kind == LT_LINEAGE_FAIL ? record->message : (lt_text){0}};
    if (task->step->node && task->step->kind == LT_STEP_MODEL) {
        event.sql = task->step->node->raw_code;
        event.dialect = self->dialect;
    }
    add_datasets(run, task, &event, &arena);
    write_event(run, &event);
}

static void set_nominal_time(const executor *run, lt_lineage_event *event, lt_arena *arena)
{
    lt_err err;
    lt_json *trigger = NULL;
    if (!run->record->trigger_json.len ||
        lt_json_read(run->record->trigger_json, "trigger", NULL, arena, &trigger, &err) != LT_OK)
        return;
    if (!lt_time_read(lt_json_text_or(trigger, "interval_start", T("")), &event->nominal_start_us))
        event->nominal_start_us = 0;
    else if (!lt_time_read(lt_json_text_or(trigger, "interval_end", T("")), &event->nominal_end_us))
        event->nominal_end_us = 0;
}

static void tell_run(executor *run, lt_lineage_kind kind, lt_text message)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_telemetry *self = run->telemetry;
    lt_lineage_event event = {.kind = kind,
                              .at_us = lt_now_us(),
                              .job = self->run_job,
                              .job_type = T("DAG"),
                              .run_id = self->run_uuid,
                              .error = kind == LT_LINEAGE_FAIL ? message : (lt_text){0}};
    set_nominal_time(run, &event, &arena);
    write_event(run, &event);
}

static lt_status open_file(executor *run, lt_text name, lt_err *err)
{
    lt_telemetry *self = run->telemetry;
    LT_AUTO(lt_chars) given = lt_text_dup(name);
    LT_AUTO(lt_chars) path = lt_path_join(run->workspace->root, given);
    self->file = name;
    if (!name.len)
        return LT_OK;
    self->file_fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    return self->file_fd >= 0
               ? LT_OK
               : lt_fail_errno(err, errno, "cannot open the lineage file '%s'", path);
}

static lt_status open_events(executor *run, lt_text url, lt_text endpoint, lt_text key, lt_err *err)
{
    lt_telemetry *self = run->telemetry;
    lt_http_header header = {.name = T("Authorization"), .secret = true};
    if (!url.len)
        return LT_OK;
    LT_TRY(check_url(url, "the URL for lineage events", err));
    header.value = lt_text_of(lt_arena_format(&self->arena, "Bearer %.*s", LT_ARG(key)));
    lt_mask_register(key);
    lt_courier_options options = {.what = "lineage events",
                                  .url = join(self, url, endpoint),
                                  .headers = &header,
                                  .header_count = key.len > 0};
    self->events = lt_courier_new(&options);
    return LT_OK;
}

static void name_jobs(executor *run)
{
    lt_telemetry *self = run->telemetry;
    const lt_project *project = run->workspace->project;
    const lt_target *target = &run->plan->request.target;
    bool duckdb = strcmp(target->kind, "duckdb") == 0;
    self->job_namespace = word(project->lineage.namespace_, "OPENLINEAGE_NAMESPACE", project->name);
    self->table_namespace =
        duckdb ? lt_text_of(lt_arena_format(&self->arena, "duckdb://%s", target->path))
               : postgres_namespace(self, target->url ? target->url : "");
    self->dialect = duckdb ? T("duckdb") : T("postgres");
    self->run_uuid = uuid_of(run, T(""), &self->arena);
    self->run_job =
        (lt_lineage_job){.namespace_ = self->job_namespace,
                         .name = run->record->pipeline.len ? run->record->pipeline : project->name};
}

static lt_status open_lineage(executor *run, lt_err *err)
{
    lt_telemetry *self = run->telemetry;
    const lt_conf_lineage *conf = &run->workspace->project->lineage;
    lt_text url, endpoint, key, file;
    if (is_true("OPENLINEAGE_DISABLED"))
        return LT_OK;
    LT_TRY(setting(run, &conf->url, "OPENLINEAGE_URL", NULL, &url, err));
    LT_TRY(setting(run, &conf->endpoint, "OPENLINEAGE_ENDPOINT", "api/v1/lineage", &endpoint, err));
    LT_TRY(setting(run, &conf->api_key, "OPENLINEAGE_API_KEY", NULL, &key, err));
    LT_TRY(setting(run, &conf->file, NULL, NULL, &file, err));
    LT_TRY(open_events(run, url, endpoint, key, err));
    LT_TRY(open_file(run, file, err));
    self->schemas = lt_schemas_new();
    self->has_lineage = self->events || self->file_fd >= 0;
    if (!self->has_lineage)
        return LT_OK;
    name_jobs(run);
    tell_run(run, LT_LINEAGE_START, (lt_text){0});
    return LT_OK;
}

/* ---- traces ---- */

static void flush_spans(lt_telemetry *self)
{
    LT_AUTO(lt_buf) body = {0};
    LT_AUTO(lt_buf) masked = {0};
    if (!self->batched)
        return;
    lt_trace_write(self->service, self->resource, lt_buf_text(&self->batch), &body);
    lt_mask(lt_buf_text(&body), &masked);
    lt_courier_send(self->spans, lt_buf_text(&masked));
    lt_buf_cleanup(&self->batch);
    self->batched = 0;
}

static void add_span(lt_telemetry *self, const lt_span *span)
{
    if (self->batched)
        lt_buf_add_byte(&self->batch, ',');
    lt_span_write(span, &self->batch);
    if (++self->batched >= SPANS_AT_ONCE)
        flush_spans(self);
}

static void span_id_of(const executor *run, lt_text task, char out[LT_SPAN_ID_CHARS])
{
    LT_AUTO(lt_chars)
    words = lt_format("%.*s/%lld/%.*s", LT_ARG(lt_state_home_id(run->workspace->state)),
                      (long long)run->record->id, LT_ARG(task));
    lt_span_id_from(lt_text_of(words), out);
}

static lt_span begin_span(const lt_telemetry *self, lt_text name, int64_t start_us, int64_t end_us)
{
    lt_span span = {.name = name, .start_us = start_us, .end_us = LT_MAX(end_us, start_us)};
    memcpy(span.trace_id, self->trace_id, sizeof(span.trace_id));
    return span;
}

static void trace_task(executor *run, const lt_run_task *task)
{
    lt_telemetry *self = run->telemetry;
    const lt_task_record *record = &task->record;
    int64_t now = lt_now_us();
    lt_span span = begin_span(self, record->name, record->started_at_us, now);
    span_id_of(run, record->id, span.span_id);
    memcpy(span.parent_id, self->root_id, sizeof(span.parent_id));
    span.failed = record->status == LT_TASK_FAILED;
    span.is_unset = record->status == LT_TASK_CANCELLED;
    span.message = record->message;
    lt_span_set_text(&span, "leat.task.id", record->id);
    lt_span_set_text(&span, "leat.task.kind", record->kind);
    lt_span_set_text(&span, "leat.task.status", lt_text_of(lt_task_status_name(record->status)));
    lt_span_set_number(&span, "leat.task.attempts", record->attempts);
    if (record->rows_in >= 0)
        lt_span_set_number(&span, "leat.task.rows_in", record->rows_in);
    if (record->rows_out >= 0)
        lt_span_set_number(&span, "leat.task.rows_out", record->rows_out);
    if (record->peak_bytes > 0)
        lt_span_set_number(&span, "leat.task.peak_memory_bytes", record->peak_bytes);
    add_span(self, &span);
}

static void trace_run(executor *run, lt_text message)
{
    lt_telemetry *self = run->telemetry;
    const lt_run_record *record = run->record;
    const lt_project *project = run->workspace->project;
    lt_span span = begin_span(self, record->pipeline.len ? record->pipeline : project->name,
                              record->started_at_us, lt_now_us());
    memcpy(span.span_id, self->root_id, sizeof(span.span_id));
    span.failed = record->status == LT_RUN_FAILED;
    span.is_unset = record->status == LT_RUN_CANCELLED;
    span.message = message;
    lt_span_set_text(&span, "leat.project", project->name);
    lt_span_set_text(&span, "leat.pipeline", record->pipeline);
    lt_span_set_number(&span, "leat.run.id", record->id);
    lt_span_set_text(&span, "leat.run.status", lt_text_of(lt_run_status_name(record->status)));
    lt_span_set_text(&span, "leat.target", record->target);
    lt_span_set_text(&span, "vcs.ref.head.revision", record->git_commit);
    add_span(self, &span);
}

/* "name=value,name=value" of OTEL_EXPORTER_OTLP_HEADERS, percent-encoded. */
static void add_env_headers(lt_telemetry *self, lt_http_headers *out)
{
    const char *given = getenv("OTEL_EXPORTER_OTLP_HEADERS");
    lt_text rest = lt_text_of(given ? given : ""), pair;
    while (lt_text_cut(&rest, ',', &pair)) {
        LT_AUTO(lt_buf) value = {0};
        size_t at = lt_text_find_byte(pair, '=', 0);
        if (at == SIZE_MAX || !at ||
            !lt_url_decode(lt_text_trim(lt_text_sub(pair, at + 1, SIZE_MAX)), false, &value))
            continue;
        lt_http_header header = {.name = lt_text_trim(lt_text_sub(pair, 0, at)),
                                 .value = lt_arena_text(&self->arena, lt_buf_text(&value)),
                                 .secret = true};
        lt_push_in(&self->arena, out, header);
    }
}

static lt_status trace_headers(executor *run, lt_http_headers *out, lt_err *err)
{
    const lt_conf_pairs *pairs = &run->workspace->project->traces.headers;
    if (!pairs->len)
        add_env_headers(run->telemetry, out);
    for (size_t i = 0; i < pairs->len; i++) {
        lt_http_header header = {.name = pairs->items[i].name, .secret = true};
        LT_TRY(setting(run, &pairs->items[i].value, NULL, NULL, &header.value, err));
        lt_push_in(&run->telemetry->arena, out, header);
    }
    return LT_OK;
}

static lt_status trace_url(executor *run, lt_text *out, lt_err *err)
{
    const char *whole = getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    const lt_conf_text *conf = &run->workspace->project->traces.endpoint;
    lt_text base;
    *out = (lt_text){0};
    LT_TRY(setting(run, conf, "OTEL_EXPORTER_OTLP_ENDPOINT", NULL, &base, err));
    if (!conf->raw.len && whole && *whole)
        *out = lt_text_of(whole);
    else if (base.len)
        *out = join(run->telemetry, base, T("v1/traces"));
    return out->len ? check_url(*out, "the endpoint for traces", err) : LT_OK;
}

static lt_status open_traces(executor *run, lt_err *err)
{
    lt_telemetry *self = run->telemetry;
    lt_http_headers headers = {0};
    lt_courier_options options = {.what = "spans"};
    const char *resource = getenv("OTEL_RESOURCE_ATTRIBUTES");
    if (is_true("OTEL_SDK_DISABLED"))
        return LT_OK;
    LT_TRY(trace_url(run, &options.url, err));
    if (!options.url.len)
        return LT_OK;
    LT_TRY(trace_headers(run, &headers, err));
    options.headers = headers.items;
    options.header_count = headers.len;
    self->service = word(run->workspace->project->traces.service, "OTEL_SERVICE_NAME", T("leat"));
    self->resource = lt_text_of(resource ? resource : "");
    LT_AUTO(lt_chars)
    words = lt_format("%.*s/%lld", LT_ARG(lt_state_home_id(run->workspace->state)),
                      (long long)run->record->id);
    lt_trace_id_from(lt_text_of(words), self->trace_id);
    span_id_of(run, T(""), self->root_id);
    self->spans = lt_courier_new(&options);
    return LT_OK;
}

lt_text lt_telemetry_traceparent(const executor *run, const lt_run_task *task, lt_arena *arena)
{
    char span[LT_SPAN_ID_CHARS];
    if (!run->telemetry || !run->telemetry->spans)
        return (lt_text){0};
    span_id_of(run, task->record.id, span);
    return lt_text_of(lt_arena_format(arena, "00-%s-%s-01", run->telemetry->trace_id, span));
}

/* ---- both ---- */

lt_status lt_telemetry_open(executor *run, lt_err *err)
{
    if (run->request->reproduces) /* it builds nothing that anybody reads */
        return LT_OK;
    run->telemetry = lt_xcalloc(1, sizeof(*run->telemetry));
    run->telemetry->file_fd = -1;
    LT_TRY(open_lineage(run, err));
    return open_traces(run, err);
}

void lt_telemetry_task_began(executor *run, const lt_run_task *task)
{
    if (run->telemetry && run->telemetry->has_lineage)
        tell_task(run, task, LT_LINEAGE_START);
}

/* Tasks that have never begun did nothing. */
void lt_telemetry_task_ended(executor *run, const lt_run_task *task)
{
    if (!run->telemetry || !task->record.started_at_us)
        return;
    if (run->telemetry->has_lineage)
        tell_task(run, task, kind_of(task->record.status));
    if (run->telemetry->spans)
        trace_task(run, task);
}

void lt_telemetry_close(executor *run, lt_text message)
{
    lt_telemetry *self = run->telemetry;
    if (!self)
        return;
    lt_run_status status = run->record->status;
    if (self->has_lineage)
        tell_run(run,
                 status == LT_RUN_SUCCEEDED   ? LT_LINEAGE_COMPLETE
                 : status == LT_RUN_CANCELLED ? LT_LINEAGE_ABORT
                                              : LT_LINEAGE_FAIL,
                 message);
    if (self->spans) {
        trace_run(run, message);
        flush_spans(self);
    }
    lt_courier_end(self->events, GRACE_US);
    lt_courier_end(self->spans, GRACE_US);
    lt_fd_close(self->file_fd);
    lt_buf_cleanup(&self->batch);
    lt_schemas_free(self->schemas);
    lt_arena_cleanup(&self->arena);
    lt_free(self);
    run->telemetry = NULL;
}
