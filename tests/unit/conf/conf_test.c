/* The files that people write: what is refused and how, what comes out, and what is made from the tables. */
#include "base/fs.h"
#include "conf/conf.h"
#include "support/cases.h"
#include "support/test.h"

#include <stdlib.h>
#include <sys/stat.h>

/* ---- cases ---- */

typedef lt_status read_kind(lt_text text, lt_arena *arena, lt_err *err);

static lt_status read_project(lt_text text, lt_arena *arena, lt_err *err)
{
    lt_project made = {0};
    return lt_conf_read_project(text, "f", NULL, arena, &made, err);
}

static lt_status read_source(lt_text text, lt_arena *arena, lt_err *err)
{
    lt_conf_source made = {0};
    return lt_conf_read_source(text, "f", NULL, arena, &made, err);
}

static lt_status read_pipeline(lt_text text, lt_arena *arena, lt_err *err)
{
    lt_conf_pipeline made = {0};
    return lt_conf_read_pipeline(text, "f", NULL, arena, &made, err);
}

typedef struct one_case {
    lt_text fact, error, hint;
    size_t start; /* of its text */
    bool open;
} one_case;

/* Does the text give what is expected? */
static bool holds(const one_case *one, lt_text text, read_kind *read)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_status status = read(text, &arena, &err);
    if (one->error.len == 0 ? status == LT_OK
                            : status != LT_OK && lt_text_eq(lt_text_of(err.message), one->error) &&
                                  lt_text_has(lt_text_of(err.hint), one->hint))
        return true;
    print_error("%.*s:\n  got      %s\n  hint     %s\n  expected %.*s\n  hint     %.*s\n",
                LT_ARG(one->fact), status == LT_OK ? "ok" : err.message, err.hint,
                LT_ARG(one->error), LT_ARG(one->hint));
    return false;
}

static void run_file(const char *file, read_kind *read)
{
    LT_AUTO(lt_buf) all = {0};
    lt_cases_read(file, &all);
    lt_text whole = lt_buf_text(&all), rest = whole, line, text = {0};
    one_case one = {0};
    size_t ran = 0, failed = 0;
    lt_buf_add_str(&all, "### fact the end\n");
    whole = rest = lt_buf_text(&all);
    while (lt_text_cut(&rest, '\n', &line)) {
        size_t at = (size_t)(line.ptr - whole.ptr);
        bool mark = lt_text_starts(line, T("### "));
        if (mark && one.open && !text.ptr)
            text = lt_text_sub(whole, one.start, at - one.start);
        if (lt_text_starts(line, T("### error ")))
            one.error = lt_text_sub(line, 10, line.len);
        if (lt_text_starts(line, T("### hint ")))
            one.hint = lt_text_sub(line, 9, line.len);
        if (!lt_text_starts(line, T("### fact ")))
            continue;
        if (one.open) {
            ran++;
            failed += !holds(&one, text, read);
        }
        one = (one_case){
            .fact = lt_text_sub(line, 9, line.len), .start = at + line.len + 1, .open = true};
        text = (lt_text){0};
    }
    CHECK(ran > 5);
    CHECK_INT(failed, 0);
}

Test(conf, project_files_are_strict)
{
    run_file("conf/project.yml", read_project);
}

Test(conf, source_files_are_strict)
{
    run_file("conf/source.yml", read_source);
}

Test(conf, pipeline_files_are_strict)
{
    run_file("conf/pipeline.yml", read_pipeline);
}

/* ---- what comes out ---- */

Test(conf, a_project_has_defaults)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_project p = {0};
    CHECK_OK(lt_conf_read_project(T("name: flights"), "leat.yml", NULL, &arena, &p, &err), err);
    CHECK_TEXT(p.name, "flights");
    CHECK_INT(p.targets.len, 1);
    CHECK(p.target == &p.targets.items[0]);
    CHECK_TEXT(p.target->name, "dev");
    CHECK_INT(p.target->engine, LT_CONF_DUCKDB);
    CHECK_TEXT(p.target->path.raw, ".leat/warehouse.duckdb");
    CHECK_TEXT(p.target->schema.raw, "main");
    CHECK_INT(p.target->memory_bytes, (int64_t)2 << 30);
    CHECK_INT(p.target->threads, 4);
    CHECK_TEXT(p.store.url, "local");
    CHECK(!p.models && !p.tests && p.vars.len == 0);
    CHECK_INT(p.place.line, 1);
    CHECK_INT(p.place.col, 7);
}

Test(conf, a_project_holds_what_is_written)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_project p = {0};
    lt_text text =
        T("name: flights\nversion: 1.0\nthreads: 2\nmemory: 1GiB\ntarget: prod\nstore: {url: "
          "local:/data}\n"
          "targets:\n  dev: {engine: duckdb, memory: 512MiB}\n"
          "  prod: {engine: postgres, url: \"{{ secret('DB') }}\", threads: 9}\n"
          "vars: {since: 2024-01-01, list: [1, 2]}\nmodels: {a: {+materialized: view}}\n");
    CHECK_OK(lt_conf_read_project(text, "leat.yml", NULL, &arena, &p, &err), err);
    CHECK_TEXT(p.version, "1.0");
    CHECK_TEXT(p.target->name, "prod");
    CHECK_INT(p.target->place.line, 9);
    CHECK_TEXT(p.target->url.raw, "{{ secret('DB') }}");
    CHECK(p.target->url.is_template);
    CHECK_STR(p.target->url.place.file, "leat.yml");
    CHECK_INT(p.target->url.place.col, 33);
    CHECK_TEXT(p.target->schema.raw, "public");
    CHECK_INT(p.target->schema.place.line, 0);
    CHECK_INT(p.target->threads, 9);
    CHECK_INT(p.targets.items[0].memory_bytes, 512 << 20);
    CHECK_INT(p.targets.items[0].threads, 2);
    CHECK_TEXT(p.store.url, "local:/data");
    CHECK_INT(p.vars.len, 2);
    CHECK_INT(p.vars.items[1].value->kind, LT_YAML_SEQUENCE);
    CHECK(lt_yaml_find(p.models, T("a")) != NULL);
    const lt_conf_target *target = NULL;
    CHECK_OK(lt_project_target_get(&p, T(""), &target, &err), err);
    CHECK(target == p.target);
    CHECK_OK(lt_project_target_get(&p, T("dev"), &target, &err), err);
    CHECK_STATUS(lt_project_target_get(&p, T("prdo"), &target, &err), LT_NOT_FOUND, err);
    CHECK_STR(err.message, "leat.yml has no target 'prdo'");
    CHECK_STR(err.hint, "did you mean 'prod'?");
    CHECK_STATUS(lt_project_target_get(&p, T("warehouse"), &target, &err), LT_NOT_FOUND, err);
    CHECK_STR(err.hint, "there are: dev, prod");
}

Test(conf, a_source_holds_what_is_written)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_conf_source s = {0};
    lt_text text =
        T("name: api\nkind: rest\nbase_url: https://x.org\nauth: {type: api_key, name: X-Key, "
          "value: k}\n"
          "timeout: 1m30s\nrequests_per_minute: 90\nheaders: {A: b}\nresources:\n"
          "  - name: orders\n    path: /orders\n    records: $.items[*]\n"
          "    paginate: {type: page_number, size: 500, total: $.total}\n"
          "    cursor: {field: updatedAt, param: since, overlap: 30d, format: unix, initial: '0'}\n"
          "    key: [id, line]\n    load: {table: raw.orders}\n    contract: {types: freeze}\n"
          "  - {name: one, path: /one, parallel: 1, params: {a: 1}}\n");
    CHECK_OK(lt_conf_read_source(text, "sources/api.yml", NULL, &arena, &s, &err), err);
    CHECK_INT(s.kind, LT_CONF_REST);
    CHECK_INT(s.auth.type, LT_CONF_AUTH_API_KEY);
    CHECK_INT(s.auth.in, LT_CONF_IN_HEADER);
    CHECK_TEXT(s.auth.name.raw, "X-Key");
    CHECK_INT(s.timeout_us, 90000000);
    CHECK_INT(s.requests_per_minute, 90);
    CHECK_INT(s.retries, 5);
    CHECK_TEXT(s.headers.items[0].value.raw, "b");
    const lt_conf_resource *orders = lt_conf_resource_find(&s, T("orders"));
    CHECK(orders == &s.resources.items[0] && orders->source == &s);
    CHECK_INT(orders->place.line, 9);
    CHECK_INT(orders->place.col, 11);
    CHECK_INT(orders->parallel, 4);
    CHECK_INT(orders->records.count, 2);
    CHECK_INT(orders->paginate.type, LT_CONF_PAGE_NUMBER);
    CHECK_TEXT(orders->paginate.page_param, "page");
    CHECK_INT(orders->paginate.first_page, 1);
    CHECK_INT(orders->paginate.max_pages, 1000000);
    CHECK_INT(orders->paginate.total.count, 1);
    CHECK_INT(orders->paginate.total_pages.source.len, 0);
    CHECK_INT(orders->cursor.overlap_us, (int64_t)30 * 86400 * 1000000);
    CHECK_INT(orders->cursor.format, LT_CONF_UNIX);
    CHECK_INT(orders->key.len, 2);
    CHECK_INT(orders->load.mode, LT_CONF_LOAD_AUTO);
    CHECK_INT(orders->contract.columns, LT_CONF_EVOLVE);
    CHECK_INT(orders->contract.types, LT_CONF_FREEZE);
    CHECK_TEXT(orders->land.bucket, "raw");
    CHECK_TEXT(orders->land.path.raw, "domain=api/dataset=orders/import_date={{ run_date }}/");
    CHECK(orders->land.path.is_template);
    const lt_conf_resource *one = lt_conf_resource_find(&s, T("one"));
    CHECK_INT(one->parallel, 1);
    CHECK_INT(one->paginate.type, LT_CONF_SINGLE);
    CHECK_TEXT(one->records.source, "$");
    CHECK_INT(one->cursor.field.len, 0);
    CHECK_INT(one->load.table.len, 0);
    CHECK_TEXT(one->params.items[0].value.raw, "1");
    CHECK(!lt_conf_resource_find(&s, T("none")));
}

Test(conf, a_pipeline_holds_what_is_written)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_conf_pipeline p = {0};
    CHECK_OK(lt_conf_read_pipeline(T("name: daily\nselect: +marts\ntasks: {a: {sql: x, after: [b, "
                                     "c]}}\nparams: {day: 1}\n"),
                                   "p", NULL, &arena, &p, &err),
             err);
    CHECK_TEXT(p.select.items[0].raw, "+marts");
    CHECK_INT(p.exclude.len, 0);
    CHECK_TEXT(p.tasks.items[0].name, "a");
    CHECK_INT(p.tasks.items[0].place.col, 9);
    CHECK_INT(p.tasks.items[0].after.len, 2);
    CHECK_INT(p.defaults.retries, 2);
    CHECK_INT(p.defaults.backoff_us, 10000000);
    CHECK_INT(p.defaults.timeout_us, 0);
    CHECK_INT(p.params.items[0].value->integer, 1);
}

/* ---- templates ---- */

static lt_status render_four(void *context, lt_conf_when when, const lt_conf_text *template,
                             lt_arena *arena, lt_text *out, lt_err *err)
{
    int *calls = context;
    (*calls)++;
    if (lt_text_has(template->raw, T("secret")))
        return lt_conf_fail(template->place, err, "no secrets here");
    *out = lt_arena_text(arena, when == LT_CONF_AT_LOAD ? T(" 4\n") : T("used"));
    return LT_OK;
}

Test(conf, numbers_are_rendered_at_load_and_texts_when_used)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_project p = {0};
    int calls = 0;
    lt_project_options options = {.render = render_four, .render_context = &calls};
    lt_text text =
        T("name: x\nthreads: '{{ n }}'\ntargets: {dev: {engine: postgres, url: '{{ u }}'}}\n");
    CHECK_OK(lt_conf_read_project(text, "f", &options, &arena, &p, &err), err);
    CHECK_INT(p.threads, 4);
    CHECK_INT(calls, 1);
    lt_text url;
    CHECK_OK(lt_conf_render(&p.target->url, render_four, &calls, &arena, &url, &err), err);
    CHECK_TEXT(url, "used");
    CHECK_OK(lt_conf_render(&p.target->schema, NULL, NULL, &arena, &url, &err), err);
    CHECK_TEXT(url, "public");
    CHECK_STATUS(lt_conf_render(&p.target->url, NULL, NULL, &arena, &url, &err), LT_INVALID, err);
    CHECK_STR(err.message, "f:3:40: a template cannot be used here");
    lt_conf_place nowhere = {0};
    CHECK_STATUS(lt_conf_fail(nowhere, &err, "no place"), LT_INVALID, err);
    CHECK_STR(err.message, "no place");
    CHECK_STATUS(lt_conf_read_project(T("name: x\nthreads: '{{ secret }}'"), "f", &options, &arena,
                                      &p, &err),
                 LT_INVALID, err);
    CHECK_STR(err.message, "f:2:10: no secrets here");
}

/* ---- folders ---- */

static void put(const char *root, const char *name, const char *text)
{
    lt_err err = {0};
    LT_AUTO(lt_chars) path = lt_path_join(root, name);
    LT_AUTO(lt_chars) folder = lt_xstrndup(path, (size_t)(strrchr(path, '/') - path));
    CHECK_OK(lt_folder_make(folder, 0700, &err), err);
    CHECK_OK(lt_file_write(path, lt_text_of(text), 0600, &err), err);
}

#define FILES(name) "name: " name "\nkind: files\nresources: [{name: r, path: x}]\n"

Test(conf, a_project_is_loaded_in_the_order_of_its_files)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_project *p = NULL;
    const char *root = lt_test_folder();
    put(root, "leat.yml", "name: x\n");
    put(root, "sources/b.yml", FILES("bb"));
    put(root, "sources/a/z.yaml", FILES("aa"));
    put(root, "sources/c.yml", FILES("cc"));
    put(root, "sources/.hidden.yml", "wrong");
    put(root, "sources/readme.txt", "wrong");
    put(root, "pipelines/d.yml", "name: daily\n");
    CHECK_OK(lt_project_load(root, NULL, &arena, &p, &err), err);
    CHECK_INT(p->sources.len, 3);
    CHECK_TEXT(p->sources.items[0].name, "aa");
    CHECK_STR(p->sources.items[0].place.file, "sources/a/z.yaml");
    CHECK_TEXT(p->sources.items[2].name, "cc");
    CHECK(p->sources.items[0].resources.items[0].source == &p->sources.items[0]);
    CHECK(lt_project_source(p, T("bb")) == &p->sources.items[1]);
    CHECK(!lt_project_source(p, T("none")));
    CHECK(lt_project_pipeline(p, T("daily")) == &p->pipelines.items[0]);
    CHECK(!lt_project_pipeline(p, T("none")));
    CHECK(!lt_project_target(p, T("none")));
    LT_AUTO(lt_chars) real = realpath(root, NULL);
    CHECK_STR(p->root, real);
}

Test(conf, names_are_unique_across_files)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_project *p = NULL;
    const char *root = lt_test_folder();
    put(root, "leat.yml", "name: x\n");
    put(root, "sources/a.yml", FILES("same"));
    put(root, "sources/b.yml", "kind: files\n" FILES("same"));
    CHECK_STATUS(lt_project_load(root, NULL, &arena, &p, &err), LT_INVALID, err);
    CHECK_STR(err.message, "sources/b.yml:3:1: the key 'kind' stands twice (first at 1:1)");
    put(root, "sources/b.yml", FILES("same"));
    CHECK_STATUS(lt_project_load(root, NULL, &arena, &p, &err), LT_INVALID, err);
    CHECK_STR(err.message,
              "sources/b.yml:1:7: the source 'same' is there twice (first at sources/a.yml:1:7)");
    put(root, "sources/b.yml", FILES("other"));
    put(root, "pipelines/a.yml", "name: daily\n");
    put(root, "pipelines/b.yml", "name: daily\n");
    CHECK_STATUS(lt_project_load(root, NULL, &arena, &p, &err), LT_INVALID, err);
    CHECK_STR(
        err.message,
        "pipelines/b.yml:1:7: the pipeline 'daily' is there twice (first at pipelines/a.yml:1:7)");
    CHECK(p == NULL);
}

static void put_tasks(const char *root, const char *name, const char *tasks)
{
    LT_AUTO(lt_chars) file = lt_format("pipelines/%s.yml", name);
    LT_AUTO(lt_chars) text = lt_format("name: %s\ntasks: %s\n", name, tasks);
    put(root, file, text);
}

Test(conf, what_tasks_name_is_looked_for_when_the_file_is_read)
{
    static const struct {
        const char *tasks, *message, *hint;
    } cases[] = {
        {"{a: {shell: x, after: a}}", "2:30: the task 'a' comes after itself", ""},
        {"{a: {shell: x, after: c}, b: {shell: x, after: a}, c: {shell: x, after: b}}",
         "2:9: these need each other in a circle: a -> c -> b -> a", ""},
        {"{one: {shell: x}, b: {choose: [{then: oen}]}}", "2:46: the pipeline has no task 'oen'",
         "did you mean 'one'?"},
        {"{b: {choose: [{then: c}]}, c: {build: x}}", "2:29: 'c' stands for several steps", ""},
        {"{b: {choose: [{then: c}], after: c}, c: {shell: x}}", "2:9: these need each other", ""},
        {"{f: {for_each: {items: [1], tasks: {x: {shell: x, after: zz}}}}}",
         "2:65: the pipeline has no task 'zz'", "name a task"},
        {"{f: {for_each: {items: [1], tasks: {x: {shell: x, after: y}, y: {shell: x, after: x}}}}}",
         "2:44: these need each other in a circle: x -> y -> x", ""},
        {"{a: {shell: x, pool: on}}", "2:9: the task 'a': leat.yml has no pool 'on'",
         "did you mean 'one'?"},
        {"{f: {for_each: {items: [1], tasks: {x: {shell: x, pool: q}}}}}",
         "leat.yml has no pool 'q'", "pools: {q: 2}"},
        {"{a: {pipeline: dayly}}", "2:23: there is no pipeline 'dayly'", "did you mean 'daily'?"},
        {"{a: {pipeline: p}}", "2:23: the pipeline 'p' calls itself, without end", ""},
        {"{a: {pipeline: back}}", "pipelines call each other without end", ""},
    };
    const char *root = lt_test_folder();
    put(root, "leat.yml", "name: x\npools: {one: 1}\n");
    put(root, "pipelines/daily.yml", "name: daily\n");
    put(root, "pipelines/back.yml", "name: back\ntasks: {a: {pipeline: p}}\n");
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        lt_err err = {0};
        LT_AUTO(lt_arena) arena = {0};
        lt_project *p = NULL;
        put_tasks(root, "p", cases[i].tasks);
        CHECK_STATUS(lt_project_load(root, NULL, &arena, &p, &err), LT_INVALID, err);
        CHECK_HAS(err.message, cases[i].message);
        CHECK_HAS(err.hint, cases[i].hint);
    }
}

Test(conf, a_trigger_asks_a_target_that_there_is)
{
    static const char form[] = "name: p\ntriggers:\n  grown: {sql: select 1, target: %s}\n"
                               "tasks: {a: {shell: x}}\n";
    const char *root = lt_test_folder();
    put(root, "leat.yml", "name: x\ntargets: {dev: {engine: duckdb}}\n");
    for (int known = 0; known < 2; known++) {
        lt_err err = {0};
        LT_AUTO(lt_arena) arena = {0};
        lt_project *p = NULL;
        LT_AUTO(lt_chars) text = lt_format(form, known ? "dev" : "dve");
        put(root, "pipelines/p.yml", text);
        CHECK(lt_project_load(root, NULL, &arena, &p, &err) == (known ? LT_OK : LT_INVALID));
        if (!known)
            CHECK_HAS(err.message, "3:3: the trigger 'grown': leat.yml has no target 'dve'");
        if (!known)
            CHECK_HAS(err.hint, "did you mean 'dev'?");
    }
}

Test(conf, what_may_be_there_or_may_end_is_no_error)
{
    static const char *const cases[] = {
        "{a: {shell: x, after: [+orders, tag:daily, b]}, b: {shell: x}}",
        "{a: {shell: x, pool: one}}",
        "{a: {pipeline: '{{ params.which }}'}}",
        "{pick: {choose: [{if: '1 > 2', then: again}]}, again: {pipeline: p}}",
        "{a: {shell: x}, again: {pipeline: p, after: a, when: failed}}",
    };
    const char *root = lt_test_folder();
    put(root, "leat.yml", "name: x\npools: {one: 1}\n");
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        lt_err err = {0};
        LT_AUTO(lt_arena) arena = {0};
        lt_project *p = NULL;
        LT_AUTO(lt_chars)
        text = lt_format("name: p\nparams: {which: p}\ntasks: %s\n", cases[i]);
        put(root, "pipelines/p.yml", text);
        CHECK_OK(lt_project_load(root, NULL, &arena, &p, &err), err);
    }
}

static const char *held_by(const lt_project *project, const char *pipeline)
{
    const lt_conf_wrong *wrong = lt_project_held_by(project, lt_text_of(pipeline));
    return wrong ? wrong->file : "nothing";
}

Test(conf, a_wrong_file_holds_back_what_needs_it_and_nothing_else)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_project *p = NULL;
    const char *root = lt_test_folder();
    lt_project_options options = {.leaves_out = true};
    put(root, "leat.yml", "name: x\n");
    put_tasks(root, "good", "{a: {shell: x}}");
    put_tasks(root, "reads", "{a: {build: orders}}");
    put_tasks(root, "calls",
              "{a: {shell: x}, b: {for_each: {items: [1], tasks: {c: {pipeline: bad}}}}}");
    put_tasks(root, "deep", "{a: {pipeline: calls}}");
    put(root, "pipelines/off.yml",
        "name: off\nschedule: {cron: '0 6 * * *', days_off: feasts}\n"
        "tasks: {a: {shell: x}}\n");
    put(root, "calendars/feasts.yml", "name: feasts\ndays: {2026-02-30: none}\n");
    put(root, "pipelines/bad.yml", "name: bad # it is\ntasks: [\n");
    CHECK_OK(lt_project_load(root, &options, &arena, &p, &err), err);
    CHECK_INT(p->wrong.len, 3);
    CHECK_STR(held_by(p, "good"), "nothing");
    CHECK_STR(held_by(p, "reads"), "nothing");
    CHECK_STR(held_by(p, ""), "nothing");
    CHECK_STR(held_by(p, "bad"), "pipelines/bad.yml");
    CHECK_STR(held_by(p, "calls"), "pipelines/bad.yml");
    CHECK_STR(held_by(p, "deep"), "pipelines/bad.yml");
    CHECK_STR(held_by(p, "off"), "pipelines/off.yml");
    CHECK_STR(held_by(p, "nobody"), "nothing");
    put(root, "sources/s.yml", "name: s\nkind: nonsense\n");
    put(root, "pipelines/bad.yml", "tasks: [\n");
    CHECK_OK(lt_project_load(root, &options, &arena, &p, &err), err);
    CHECK_STR(held_by(p, "good"), "nothing");
    CHECK_STR(held_by(p, "reads"), "sources/s.yml");
    CHECK_STR(held_by(p, ""), "sources/s.yml");
    CHECK_STR(held_by(p, "nobody"), "pipelines/bad.yml"); /* it may be in there */
    CHECK_STATUS(lt_conf_wrong_fail(lt_project_held_by(p, T("bad")), &err), LT_INVALID, err);
    CHECK_HAS(err.message, "pipelines/bad.yml:");
    CHECK_STATUS(lt_project_load(root, NULL, &arena, &p, &err), LT_INVALID, err);
}

Test(conf, two_resources_never_load_into_one_table)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_project *p = NULL;
    const char *root = lt_test_folder();
    put(root, "leat.yml", "name: x\n");
    put(root, "sources/a.yml",
        "name: a\nkind: files\nresources: [{name: r, path: x, load: {table: raw.t}}]\n");
    put(root, "sources/b.yml",
        "name: b\nkind: files\nresources: [{name: r, path: x, load: {table: raw.t}}]\n");
    CHECK_STATUS(lt_project_load(root, NULL, &arena, &p, &err), LT_INVALID, err);
    CHECK_STR(err.message,
              "sources/b.yml:3:38: the table 'raw.t' is there twice (first at sources/a.yml:3:38)");
}

Test(conf, a_project_is_found_from_below)
{
    lt_err err = {0};
    char *found = NULL;
    const char *root = lt_test_folder();
    put(root, "leat.yml", "name: x\n");
    put(root, "models/staging/a.sql", "select 1");
    LT_AUTO(lt_chars) below = lt_path_join(root, "models/staging");
    CHECK_OK(lt_project_find(below, &found, &err), err);
    LT_AUTO(lt_chars) real = realpath(root, NULL);
    CHECK_STR(found, real);
    lt_free(found);
}

Test(conf, a_missing_project_is_explained)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_project *p = NULL;
    char *found = NULL;
    const char *root = lt_test_folder();
    CHECK_STATUS(lt_project_find(root, &found, &err), LT_NOT_FOUND, err);
    CHECK_HAS(err.message, "there is no leat.yml in '");
    CHECK_HAS(err.hint, "leat init");
    CHECK_STATUS(lt_project_load(root, NULL, &arena, &p, &err), LT_NOT_FOUND, err);
    put(root, "dbt_project.yml", "name: x\n");
    put(root, "models/a.sql", "select 1");
    LT_AUTO(lt_chars) below = lt_path_join(root, "models");
    CHECK_STATUS(lt_project_find(below, &found, &err), LT_NOT_FOUND, err);
    CHECK_HAS(err.message, "is a dbt project without a leat.yml");
    CHECK_HAS(err.hint, "name: my_project");
    CHECK_STATUS(lt_project_load(root, NULL, &arena, &p, &err), LT_NOT_FOUND, err);
    CHECK_HAS(err.message, "is a dbt project without a leat.yml");
    LT_AUTO(lt_chars) gone = lt_path_join(root, "gone");
    CHECK_STATUS(lt_project_find(gone, &found, &err), LT_NOT_FOUND, err);
    CHECK_STATUS(lt_project_load(gone, NULL, &arena, &p, &err), LT_NOT_FOUND, err);
    CHECK(found == NULL);
}

Test(conf, a_huge_file_is_refused)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) huge = {0};
    lt_project *p = NULL;
    const char *root = lt_test_folder();
    for (int i = 0; i < 300000; i++)
        lt_buf_add_str(&huge, "# a long comment\n");
    put(root, "leat.yml", lt_buf_chars(&huge));
    CHECK_STATUS(lt_project_load(root, NULL, &arena, &p, &err), LT_INVALID, err);
}

/* ---- what is made from the tables ---- */

/* In each object of the schema: what is required is there, and keys that are not there are refused. By recursion: as deep as
 * the schema. */
static void check_schema(const lt_json *node)
{
    const lt_json *required = lt_json_find(node, "required"),
                  *properties = lt_json_find(node, "properties");
    if (properties && properties->kind == LT_JSON_OBJECT && required) {
        CHECK(!lt_json_bool_or(node, "additionalProperties", true));
        for (size_t i = 0; i < required->count; i++)
            CHECK(lt_json_find_text(properties, required->items[i].text) != NULL);
    }
    for (size_t i = 0; i < node->count; i++)
        check_schema(&node->items[i]);
}

Test(conf, schemas_are_json_and_hold_together)
{
    for (int kind = 0; kind < LT_CONF_KINDS; kind++) {
        lt_err err = {0};
        LT_AUTO(lt_arena) arena = {0};
        LT_AUTO(lt_buf) out = {0};
        lt_json *root;
        lt_conf_schema((lt_conf_kind)kind, &out);
        CHECK_OK(lt_json_read(lt_buf_text(&out), lt_conf_kind_name((lt_conf_kind)kind), NULL,
                              &arena, &root, &err),
                 err);
        CHECK_TEXT(lt_json_text_or(root, "$schema", T("")),
                   "https://json-schema.org/draft/2020-12/schema");
        CHECK(lt_json_find(root, "properties") || lt_json_find(root, "oneOf"));
        check_schema(root);
    }
}

Test(conf, the_reference_names_every_setting)
{
    LT_AUTO(lt_buf) out = {0};
    lt_conf_reference(&out);
    CHECK_HAS(lt_buf_chars(&out),
              "| `targets.NAME.engine` | duckdb or postgres | **required** | the warehouse |");
    CHECK_HAS(lt_buf_chars(&out), "| `resources[].paginate.next` |");
    CHECK_HAS(lt_buf_chars(&out), "### kind: files");
    CHECK_HAS(lt_buf_chars(&out), "| `defaults.backoff` | a duration such as 10m | `10s` |");
    CHECK(!lt_has(lt_buf_chars(&out), "(null)"));
}
