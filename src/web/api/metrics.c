/* Figures for Prometheus, in its text format 0.0.4. */
#include "web/api/metrics.h"

#include "base/proc.h"
#include "base/time.h"
#include "sched/ask.h"
#include "sched/server.h"
#include "state/trigger.h"
#include "web/api/parts.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

/* ---- counting requests ---- */

void lt_api_count(lt_api *api, const lt_api_route *route, int status, int64_t length_us)
{
    lt_api_counts *c = &api->counts;
    size_t at = route ? (size_t)(route - lt_api_routes) : lt_api_route_count;
    size_t class = status >= 100 && status < 600 ? (size_t)(status / 100 - 1) : 4;
    if (at >= LT_API_ROUTES_MOST)
        return;
    (void)atomic_fetch_add(&c->requests[at][class], 1);
    (void)atomic_fetch_add(&c->length_us, length_us);
}

/* ---- the format ---- */

static void begin(lt_buf *out, const char *name, const char *type, const char *help)
{
    lt_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(lt_buf *out, const char *name, const char *type, const char *help, double value)
{
    begin(out, name, type, help);
    lt_buf_printf(out, "%s %.17g\n", name, value);
}

static void write_label(lt_buf *out, const char *name, lt_text value)
{
    lt_buf_printf(out, "%s=\"", name);
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == '\\' || c == '"')
            lt_buf_add_byte(out, '\\');
        if (c == '\n')
            lt_buf_add_str(out, "\\n");
        else
            lt_buf_add_byte(out, c);
    }
    lt_buf_add_byte(out, '"');
}

static void counted(lt_buf *out, const char *name, const char *label, lt_text value,
                    const char *other, lt_text other_value, int64_t number)
{
    lt_buf_printf(out, "%s{", name);
    write_label(out, label, value);
    if (other) {
        lt_buf_add_byte(out, ',');
        write_label(out, other, other_value);
    }
    lt_buf_printf(out, "} %lld\n", (long long)number);
}

/* Buckets count what is in them alone; Prometheus wants sums from below. */
static void histogram(lt_buf *out, const char *name, const char *help, const int64_t *bounds_us,
                      const int64_t *buckets, size_t count, int64_t sum_us)
{
    int64_t total = 0;
    begin(out, name, "histogram", help);
    for (size_t i = 0; i < count; i++) {
        total += buckets[i];
        if (i + 1 < count)
            lt_buf_printf(out, "%s_bucket{le=\"%g\"} %lld\n", name, (double)bounds_us[i] / 1e6,
                          (long long)total);
    }
    lt_buf_printf(out, "%s_bucket{le=\"+Inf\"} %lld\n%s_sum %.6f\n%s_count %lld\n", name,
                  (long long)total, name, (double)sum_us / 1e6, name, (long long)total);
}

/* ---- parts ---- */

static void write_runs(lt_buf *out, const lt_figures *figures)
{
    begin(out, "leat_runs", "gauge",
          "Runs on record by pipeline and status; pipelines beyond the first 200 are 'other'.");
    for (size_t i = 0; i < figures->runs.len; i++) {
        const lt_figure *f = &figures->runs.items[i];
        counted(out, "leat_runs", "pipeline", f->name, "status", f->status, f->count);
    }
    begin(out, "leat_tasks_waiting", "gauge", "Tasks of open runs that wait, by what for.");
    for (size_t i = 0; i < figures->waiting.len; i++)
        counted(out, "leat_tasks_waiting", "for", figures->waiting.items[i].name, NULL,
                (lt_text){0}, figures->waiting.items[i].count);
    begin(out, "leat_pool_places", "gauge", "Places of pools that are taken or wanted.");
    for (size_t i = 0; i < figures->pools.len; i++) {
        const lt_figure *f = &figures->pools.items[i];
        counted(out, "leat_pool_places", "pool", f->name, "state", f->status, f->count);
    }
}

static void write_lengths(lt_buf *out, lt_api *api)
{
    (void)pthread_mutex_lock(&api->lengths_lock);
    lt_lengths lengths = api->lengths;
    (void)pthread_mutex_unlock(&api->lengths_lock);
    histogram(out, "leat_task_seconds", "Length of tasks that have ended since the server began.",
              lt_length_bounds_us, lengths.buckets, LT_LENGTH_BUCKETS, lengths.sum_us);
}

static void write_scheduler(lt_buf *out, lt_sched *sched)
{
    lt_sched_figures f;
    lt_sched_look(sched, &f);
    one(out, "leat_run_processes", "gauge", "Processes of runs that the server watches.",
        (double)f.children);
    one(out, "leat_scheduler_beat_age_seconds", "gauge",
        "How long ago the scheduler has looked around.",
        (double)(lt_mono_us() - f.beat_mono_us) / 1e6);
    one(out, "leat_config_errors", "gauge", "Files of the project that are wrong.",
        (double)f.wrong_files);
    one(out, "leat_pipelines_held", "gauge",
        "Pipelines that cannot run because of files that are wrong.", (double)f.held_pipelines);
    histogram(out, "leat_schedule_lag_seconds",
              "From the due time of a tick to the durable row of its run.", lt_lag_bounds_us,
              f.lag_buckets, LT_LAG_BUCKETS, f.lag_sum_us);
}

/* Also for how long: a pause that is forgotten is an alert. */
static lt_status write_pauses(lt_buf *out, lt_api_call *call, lt_err *err)
{
    lt_text wrong;
    lt_schedule_records paused = {0};
    const lt_project *project = lt_sched_project(call->api->options.sched, &wrong);
    lt_status status = lt_sched_paused(project, call->state, call->arena, &paused, err);
    lt_sched_project_done(call->api->options.sched);
    LT_TRY(status);
    one(out, "leat_pipelines_paused", "gauge", "Pipelines that are paused.", (double)paused.len);
    begin(out, "leat_pipeline_paused_seconds", "gauge",
          "For how long a pipeline has been paused; of the first 200 that are.");
    for (size_t i = 0; i < paused.len && i < LT_FIGURE_PIPELINES; i++)
        counted(out, "leat_pipeline_paused_seconds", "pipeline", paused.items[i].pipeline, NULL,
                (lt_text){0},
                LT_MAX((lt_now_us() - paused.items[i].paused_at_us) / 1000000, (int64_t)0));
    return LT_OK;
}

/* What is remembered of a trigger that the file has no more does not count. */
static int64_t count_troubles(const lt_conf_pipeline *pipeline, const lt_trigger_records *known)
{
    int64_t count = 0;
    for (size_t i = 0; i < known->len; i++) {
        const lt_trigger_record *one = &known->items[i];
        bool own = one->trouble.len && lt_text_eq(one->pipeline, pipeline->name);
        for (size_t k = 0; own && k < pipeline->triggers.len; k++)
            count += lt_text_eq(one->name, pipeline->triggers.items[k].name);
    }
    return count;
}

/* A trigger that cannot look begins no run, so no alert of a run ever tells of it. */
static lt_status write_troubles(lt_buf *out, lt_api_call *call, lt_err *err)
{
    lt_text wrong;
    size_t shown = 0;
    lt_trigger_records known = {0};
    LT_TRY(lt_state_triggers(call->state, (lt_text){0}, call->arena, &known, err));
    begin(out, "leat_triggers_in_trouble", "gauge",
          "Triggers that cannot do their work, of the first 200 pipelines that have some.");
    const lt_project *project = lt_sched_project(call->api->options.sched, &wrong);
    for (size_t i = 0; i < project->pipelines.len && shown < LT_FIGURE_PIPELINES; i++) {
        const lt_conf_pipeline *pipeline = &project->pipelines.items[i];
        if (!pipeline->triggers.len)
            continue;
        shown++;
        counted(out, "leat_triggers_in_trouble", "pipeline", pipeline->name, NULL, (lt_text){0},
                count_troubles(pipeline, &known));
    }
    lt_sched_project_done(call->api->options.sched);
    return LT_OK;
}

static void write_requests(lt_buf *out, lt_api *api)
{
    static const char *const classes[] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
    int64_t total = 0;
    begin(out, "leat_http_requests_total", "counter", "Requests by operation and class of status.");
    for (size_t i = 0; i <= lt_api_route_count; i++)
        for (size_t k = 0; k < LT_COUNT(classes); k++) {
            int64_t count = atomic_load(&api->counts.requests[i][k]);
            total += count;
            if (count)
                counted(out, "leat_http_requests_total", "operation",
                        i < lt_api_route_count ? lt_text_of(lt_api_routes[i].id) : T("none"),
                        "status", lt_text_of(classes[k]), count);
        }
    begin(out, "leat_http_request_seconds", "summary", "Time spent in handlers.");
    lt_buf_printf(out, "leat_http_request_seconds_sum %.6f\nleat_http_request_seconds_count %lld\n",
                  (double)atomic_load(&api->counts.length_us) / 1e6, (long long)total);
    one(out, "leat_followers", "gauge", "Clients that follow changes or logs.",
        atomic_load(&api->live.followers));
}

static double size_of(const char *home, const char *name)
{
    struct stat info;
    LT_AUTO(lt_chars) path = lt_format("%s/%s", home, name);
    return stat(path, &info) == 0 ? (double)info.st_size : 0;
}

static double open_files(void)
{
    double count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        return 0;
    while (readdir(folder))
        count++;
    (void)closedir(folder);
    return count - 3; /* ".", "..", and the folder itself */
}

static void write_process(lt_buf *out, const lt_api *api)
{
    const char *home = api->options.home;
    one(out, "leat_state_bytes", "gauge", "Size of state.db.", size_of(home, "state.db"));
    one(out, "leat_state_wal_bytes", "gauge", "Size of the write-ahead log of state.db.",
        size_of(home, "state.db-wal"));
    one(out, "process_resident_memory_bytes", "gauge", "Resident memory.",
        (double)lt_proc_resident_bytes());
    one(out, "process_open_fds", "gauge", "Open files.", open_files());
    one(out, "process_start_time_seconds", "gauge", "When the server began.",
        (double)api->started_at_us / 1e6);
}

lt_status lt_api_get_metrics(lt_api_call *call, lt_err *err)
{
    lt_figures figures = {0};
    lt_buf *out = call->json.out;
    LT_TRY(lt_state_figures(call->state, call->arena, &figures, err));
    write_runs(out, &figures);
    write_lengths(out, call->api);
    write_scheduler(out, call->api->options.sched);
    LT_TRY(write_pauses(out, call, err));
    LT_TRY(write_troubles(out, call, err));
    write_requests(out, call->api);
    write_process(out, call->api);
    lt_server_reply_header(call->request, call->reply, T("Content-Type"),
                           T("text/plain; version=0.0.4; charset=utf-8"));
    return LT_OK;
}
