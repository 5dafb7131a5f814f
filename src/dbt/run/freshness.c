/* Freshness of sources: when their newest rows were loaded, measured against their rules; sources.json (schema v3). */
#include "dbt/artifacts/artifacts.h"

#include "base/each.h"
#include "base/fs.h"
#include "base/proc.h"
#include "base/time.h"
#include "dbt/run/execute_inner.h"

#include <stdlib.h>

enum { MOST_THREADS = 64 };

typedef struct asking {
    lt_dbt_run *run;
    const lt_dbt_freshness_request *request;
    lt_dbt_fresh *all; /* in the run's arena */
    size_t count, begun;
    bool is_working[MOST_THREADS]; /* which numbers of threads are taken */
} asking;

/* ---- rules ---- */

/* Seconds of {count: 12, period: hour}; false when there is no such rule. */
static bool read_rule(const lt_dbt *dbt, const lt_dbt_node *source, const char *name,
                      double *seconds)
{
    static const struct {
        lt_text name;
        double seconds;
    } periods[] = {{T("minute"), 60}, {T("hour"), 3600}, {T("day"), 86400}};
    lt_jinja_value freshness = lt_dbt_config_get(dbt, source, T("freshness"));
    lt_jinja_value rule = lt_dbt_at(freshness, name);
    lt_jinja_value count = lt_dbt_at(rule, "count");
    lt_text period = lt_jinja_as_text(lt_dbt_at(rule, "period"));
    for (size_t i = 0; i < LT_COUNT(periods) && count.type == LT_JINJA_INT; i++)
        if (lt_text_eq(periods[i].name, period)) {
            *seconds = (double)count.as.i * periods[i].seconds;
            return true;
        }
    return false;
}

bool lt_dbt_has_freshness(const lt_dbt *dbt, const lt_dbt_node *source)
{
    double seconds;
    return source->kind == LT_DBT_SOURCE && (read_rule(dbt, source, "warn_after", &seconds) ||
                                             read_rule(dbt, source, "error_after", &seconds));
}

static double age_s(const lt_dbt_fresh *one)
{
    return (double)(one->asked_at_us - one->loaded_at_us) / 1e6;
}

static lt_dbt_fresh_status judge(const lt_dbt *dbt, const lt_dbt_fresh *one)
{
    double most;
    if (read_rule(dbt, one->source, "error_after", &most) && age_s(one) > most)
        return LT_DBT_FRESH_ERROR;
    if (read_rule(dbt, one->source, "warn_after", &most) && age_s(one) > most)
        return LT_DBT_FRESH_WARN;
    return LT_DBT_FRESH_PASS;
}

/* ---- one source ---- */

static lt_status need_moment(const lt_dbt_node *source, const char *what, lt_jinja_value value,
                             int64_t *out, lt_err *err)
{
    const char *type =
        lt_jinja_type_name(value); /* a date has no time to measure from: dbt refuses it */
    if (strcmp(type, "date") != 0 && lt_dbt_moment_of(value, out))
        return LT_OK;
    return lt_fail(err, LT_FAILED,
                   "the %s of source '%.*s' is no timestamp but %s: cast it in loaded_at_field or "
                   "loaded_at_query",
                   what, LT_ARG(source->name), type);
}

static lt_status call_macro(asking *a, lt_dbt_fresh *one, lt_jinja_heap *heap, lt_jinja_value *out,
                            lt_err *err)
{
    const lt_dbt *dbt = a->run->request.dbt;
    LT_AUTO(lt_session_ref) session = NULL;
    lt_jinja_value field = lt_dbt_config_get(dbt, one->source, T("loaded_at_field"));
    lt_jinja_value query = lt_dbt_config_get(dbt, one->source, T("loaded_at_query"));
    lt_jinja_value rules = lt_dbt_config_get(dbt, one->source, T("freshness"));
    lt_jinja_value filter = lt_dbt_at(rules, "filter");
    rendering r;
    if (!lt_dbt_is_set(field) && !lt_dbt_is_set(query))
        return lt_fail(err, LT_FAILED,
                       "Could not compute freshness for source %.*s: no 'loaded_at_field' provided "
                       "and %.*s adapter does not support metadata-based freshness checks.",
                       LT_ARG(one->source->name), LT_ARG(dbt->settings.target_kind));
    LT_TRY(lt_session_open(a->run->engine, &session, err));
    lt_dbt_rendering_init(&r, dbt, one->source);
    r.rt = a->run->rt;
    const lt_jinja_kwarg args[] = {
        {.name = T("source"), .value = lt_dbt_node_relation(&r, one->source, heap)},
        {.name = T("loaded_at_field"), .value = field},
        {.name = T("filter"), .value = lt_dbt_is_set(filter) ? filter : lt_jinja_none()},
        {.name = T("loaded_at_query"), .value = lt_dbt_is_set(query) ? query : lt_jinja_none()}};
    const lt_dbt_macro_call call = {.session = session,
                                    .node = one->source,
                                    .macro = T("leat_freshness"),
                                    .args = args,
                                    .arg_count = LT_COUNT(args)};
    return lt_dbt_macro_run(a->run, &call, heap, out, err);
}

static lt_status find_out(asking *a, lt_dbt_fresh *one, lt_jinja_heap *heap, lt_err *err)
{
    static const lt_date beginning = {.year = 1, .month = 1, .day = 1};
    lt_jinja_value got = {0};
    LT_AUTO(lt_buf) text = {.limit = LT_MIB};
    lt_json_writer w = {.out = &text};
    LT_TRY(call_macro(a, one, heap, &got, err));
    lt_jinja_value newest = lt_jinja_at(got, 0);
    one->loaded_at_us = lt_days_from_date(beginning) * 86400000000; /* no row: infinitely old */
    if (lt_dbt_is_set(newest))
        LT_TRY(need_moment(one->source, "newest row", newest, &one->loaded_at_us, err));
    LT_TRY(need_moment(one->source, "time", lt_jinja_at(got, 1), &one->asked_at_us, err));
    one->status = judge(a->run->request.dbt, one);
    lt_dbt_write_value(&w, lt_dbt_response_dict(heap, lt_jinja_at(got, 2)));
    (void)pthread_mutex_lock(&a->run->lock);
    one->response = lt_arena_text(&a->run->arena, lt_buf_text(&text));
    (void)pthread_mutex_unlock(&a->run->lock);
    return LT_OK;
}

/* ---- all of them ---- */

static void begin(asking *a, lt_dbt_fresh *one)
{
    unsigned slot = 0;
    (void)pthread_mutex_lock(&a->run->lock);
    while (slot + 1 < MOST_THREADS && a->is_working[slot])
        slot++;
    a->is_working[slot] = true;
    one->thread = slot + 1;
    one->place = ++a->begun;
    if (a->request->started)
        a->request->started(a->request->user, one, a->count);
    (void)pthread_mutex_unlock(&a->run->lock);
}

static void end(asking *a, lt_dbt_fresh *one)
{
    (void)pthread_mutex_lock(&a->run->lock);
    a->is_working[one->thread - 1] = false;
    if (a->request->ended)
        a->request->ended(a->request->user, one, a->count);
    (void)pthread_mutex_unlock(&a->run->lock);
}

/* One that fails does not keep the others from being asked. */
static lt_status look_at(void *context, size_t i, lt_err *err)
{
    asking *a = context;
    lt_dbt_fresh *one = &a->all[i];
    lt_jinja_heap heap = {0};
    lt_err failed = {0};
    if (lt_stop_asked())
        return lt_fail(err, LT_CANCELLED, "stopped before all was done");
    begin(a, one);
    one->started_us = lt_now_us();
    if (find_out(a, one, &heap, &failed) != LT_OK) {
        one->status = LT_DBT_FRESH_RUNTIME_ERROR;
        (void)pthread_mutex_lock(&a->run->lock);
        one->message = lt_arena_text(&a->run->arena, lt_text_of(failed.message));
        (void)pthread_mutex_unlock(&a->run->lock);
    }
    one->ended_us = lt_now_us();
    end(a, one);
    lt_jinja_heap_cleanup(&heap);
    return LT_OK;
}

static int by_id(const void *a, const void *b)
{
    const lt_dbt_fresh *left = a, *right = b;
    return lt_text_cmp(left->source->id, right->source->id);
}

static bool is_asked(const asking *a, const lt_dbt_node *source)
{
    const lt_dbt *dbt = a->run->request.dbt;
    return lt_dbt_has_freshness(dbt, source) ||
           (a->request->without_rule && source->kind == LT_DBT_SOURCE &&
            (lt_dbt_is_set(lt_dbt_config_get(dbt, source, T("loaded_at_field"))) ||
             lt_dbt_is_set(lt_dbt_config_get(dbt, source, T("loaded_at_query")))));
}

static void choose(asking *a)
{
    const lt_dbt *dbt = a->run->request.dbt;
    const lt_dbt_nodes *all = lt_dbt_all(dbt);
    a->all = lt_alloc_array(&a->run->arena, all->len + 1, sizeof(*a->all));
    for (size_t i = 0; i < all->len; i++)
        if (lt_node_set_has(a->request->selected, i) && is_asked(a, all->items[i]))
            a->all[a->count++] = (lt_dbt_fresh){.source = all->items[i], .response = T("{}")};
    qsort(a->all, a->count, sizeof(*a->all), by_id);
}

/* ---- the file ---- */

/* As Python's isoformat(): a fraction only when there is one, and the offset. */
static void set_moment(lt_json_writer *w, const char *key, int64_t at_us)
{
    char text[LT_TIME_CHARS];
    lt_text said = lt_text_of(lt_time_write(at_us, text));
    LT_AUTO(lt_buf) out = {.limit = 64};
    said.len -= lt_text_ends(said, T("Z"));
    if (lt_text_ends(said, T(".000000")))
        said.len -= strlen(".000000");
    lt_buf_printf(&out, "%.*s+00:00", LT_ARG(said));
    lt_json_set(w, key, lt_buf_text(&out));
}

static void write_timing(lt_json_writer *w, const lt_dbt_fresh *one)
{
    char from[LT_TIME_CHARS], to[LT_TIME_CHARS];
    static const char *const names[] = {"compile", "execute"};
    lt_json_key(w, T("timing"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < LT_COUNT(names); i++) {
        int64_t ended_us = i ? one->ended_us : one->started_us; /* there is nothing to compile */
        lt_json_begin(w, '{');
        lt_json_set(w, "name", lt_text_of(names[i]));
        lt_json_set(w, "started_at", lt_text_of(lt_time_write(one->started_us, from)));
        lt_json_set(w, "completed_at", lt_text_of(lt_time_write(ended_us, to)));
        lt_json_end(w);
    }
    lt_json_end(w);
}

static void write_one(const lt_dbt *dbt, const lt_dbt_fresh *one, lt_json_writer *w)
{
    static const char *const words[] = {"pass", "warn", "error", "runtime error"};
    static const char *const rules[] = {"warn_after", "error_after", "filter"};
    lt_jinja_value freshness = lt_dbt_config_get(dbt, one->source, T("freshness"));
    LT_AUTO(lt_chars) thread = lt_format("Thread-%u (worker)", one->thread);
    lt_json_begin(w, '{');
    lt_json_set(w, "unique_id", one->source->id);
    set_moment(w, "max_loaded_at", one->loaded_at_us);
    set_moment(w, "snapshotted_at", one->asked_at_us);
    lt_json_key(w, T("max_loaded_at_time_ago_in_s"));
    lt_json_double(w, age_s(one));
    lt_json_set(w, "status", lt_text_of(words[one->status]));
    lt_json_key(w, T("criteria"));
    lt_json_begin(w, '{');
    for (size_t i = 0; i < LT_COUNT(rules); i++) {
        lt_json_key(w, lt_text_of(rules[i]));
        lt_dbt_write_value(w, lt_dbt_at(freshness, rules[i]));
    }
    lt_json_end(w);
    lt_json_key(w, T("adapter_response"));
    lt_json_raw(w, one->response);
    write_timing(w, one);
    lt_json_set(w, "thread_id", lt_text_of(thread));
    lt_json_key(w, T("execution_time"));
    lt_json_double(w, (double)(one->ended_us - one->started_us) / 1e6);
    lt_json_end(w);
}

/* What could not be asked is not in the file, as with dbt. */
static lt_status write_file(const asking *a, lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = LT_GIB};
    lt_json_writer w = {.out = &text};
    lt_json_begin(&w, '{');
    lt_json_key(&w, T("metadata"));
    lt_json_begin(&w, '{');
    lt_dbt_write_metadata(a->run->request.invocation,
                          "https://schemas.getdbt.com/dbt/sources/v3.json", &w);
    lt_json_end(&w);
    lt_json_key(&w, T("results"));
    lt_json_begin(&w, '[');
    for (size_t i = 0; i < a->count; i++)
        if (a->all[i].status != LT_DBT_FRESH_RUNTIME_ERROR)
            write_one(a->run->request.dbt, &a->all[i], &w);
    lt_json_end(&w);
    lt_json_key(&w, T("elapsed_time"));
    lt_json_double(&w, (double)lt_dbt_elapsed_us(a->run) / 1e6);
    lt_json_end(&w);
    LT_TRY(lt_buf_check(&text, "sources.json", err));
    LT_AUTO(lt_chars) folder = lt_text_dup(lt_text_of(a->request->path));
    char *slash = strrchr(folder, '/');
    if (slash && slash != folder) {
        *slash = '\0';
        LT_TRY(lt_folder_make(folder, 0755, err));
    }
    return lt_file_write(a->request->path, lt_buf_text(&text), 0644, err);
}

/* Unless a flag of the project says that they are for builds only. */
bool lt_dbt_freshness_runs_hooks(const lt_dbt *dbt)
{
    lt_jinja_value flags = lt_dbt_at(dbt->root->project, "flags");
    lt_jinja_value said = lt_dbt_at(flags, "source_freshness_run_project_hooks");
    return !lt_dbt_is_set(said) || lt_jinja_truth(said);
}

bool lt_dbt_has_hooks(const lt_dbt *dbt)
{
    for (size_t i = 0; i < dbt->all.len; i++)
        if (dbt->all.items[i]->kind == LT_DBT_OPERATION)
            return true;
    return false;
}

lt_status lt_dbt_freshness(lt_dbt_run *run, const lt_dbt_freshness_request *request,
                           const lt_dbt_fresh **out, size_t *count, lt_err *err)
{
    asking a = {.run = run, .request = request};
    size_t bad = 0;
    choose(&a);
    bool hooks = a.count && lt_dbt_freshness_runs_hooks(run->request.dbt);
    if (hooks)
        LT_TRY(lt_dbt_run_hooks(run, "on-run-start", NULL, err));
    LT_TRY(lt_each(LT_MIN(request->threads, (unsigned)MOST_THREADS), a.count, look_at, &a, err));
    if (hooks)
        LT_TRY(lt_dbt_run_hooks(run, "on-run-end", NULL, err));
    run->ended_us = lt_now_us();
    *out = a.all;
    *count = a.count;
    if (request->path)
        LT_TRY(write_file(&a, err));
    for (size_t i = 0; i < a.count; i++)
        bad += a.all[i].status >= LT_DBT_FRESH_ERROR;
    if (bad)
        return lt_fail(err, LT_FAILED, "%zu of %zu sources are too old, or could not be asked", bad,
                       a.count);
    return LT_OK;
}
