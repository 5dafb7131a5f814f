/* Runs: order, skipping, retrying, recording, reproducing. */
#include "run/run.h"

#include "base/fs.h"
#include "run/reproduce.h"
#include "run/scratch.h"
#include "support/files.h"
#include "support/test.h"

typedef struct project {
    const char *root, *home;
    lt_workspace *workspace;
} project;

static void open_project(project *p)
{
    lt_err err = {0};
    lt_workspace_options options = {.root = p->root, .home = p->home};
    lt_workspace_close(p->workspace);
    p->workspace = NULL;
    CHECK_OK(lt_workspace_open(&options, &p->workspace, &err), err);
}

/* a (table) -> b (table) -> c (view), a test on a, d apart */
static void make_project(project *p)
{
    *p = (project){.root = lt_test_folder(), .home = lt_test_folder()};
    lt_test_write(p->root, "leat.yml", "name: shop\nthreads: 3\n");
    lt_test_write(p->root, "models/a.sql",
                  "{{ config(materialized='table') }} select 1 as id, 0.5 as part\n");
    lt_test_write(p->root, "models/b.sql",
                  "{{ config(materialized='table') }} select id + 1 as id, cast(part as double) as "
                  "part from {{ ref('a') }}\n");
    lt_test_write(p->root, "models/c.sql", "select * from {{ ref('b') }}\n");
    lt_test_write(p->root, "models/d.sql", "select 7 as seven\n");
    lt_test_write(
        p->root, "models/schema.yml",
        "models:\n  - name: a\n    columns:\n      - name: id\n        data_tests: [unique]\n");
    open_project(p);
}

static lt_status run(project *p, const lt_run_request *request, lt_run_report *report, lt_err *err)
{
    lt_run_request asked = *request;
    if (!asked.command.len)
        asked.command = T("run");
    return lt_run(p->workspace, &asked, report, err);
}

static lt_task_status status_of(const lt_run_report *report, const char *name)
{
    for (size_t i = 0; i < report->task_count; i++)
        if (lt_text_eq(report->tasks[i]->record.name, lt_text_of(name)))
            return report->tasks[i]->record.status;
    return LT_TASK_PENDING;
}

Test(run, everything_is_done_in_order_and_recorded)
{
    project p;
    lt_err err = {0};
    lt_run_report report;
    LT_AUTO(lt_arena) arena = {0};
    lt_task_records tasks = {0};
    make_project(&p);
    CHECK_OK(run(&p, &(lt_run_request){0}, &report, &err), err);
    CHECK_INT(report.succeeded, 5);
    CHECK_OK(lt_state_tasks(p.workspace->state, report.record.id, &arena, &tasks, &err), err);
    CHECK_INT(tasks.len, 5);
    for (size_t i = 0; i < tasks.len; i++)
        CHECK_INT(tasks.items[i].status, LT_TASK_SUCCEEDED);
    LT_AUTO(lt_chars) log = lt_run_log_path(p.workspace->home, report.record.id, T("model.shop.b"));
    LT_AUTO(lt_buf) text = {0};
    CHECK_OK(lt_file_read(log, &text, &err), err);
    CHECK_HAS(lt_buf_chars(&text), "cast(part as double)");
    lt_run_report_cleanup(&report);
    lt_workspace_close(p.workspace);
}

Test(run, what_needs_a_failed_task_is_skipped_and_the_rest_goes_on)
{
    project p;
    lt_err err = {0};
    lt_run_report report;
    make_project(&p);
    lt_test_write(p.root, "models/b.sql", "select nothing from {{ ref('a') }}\n");
    CHECK_STATUS(run(&p, &(lt_run_request){0}, &report, &err), LT_FAILED, err);
    CHECK_HAS(err.message, "models/b.sql:1:8: ");
    CHECK_HAS(err.hint, "leat retry 1");
    CHECK_INT(status_of(&report, "b"), LT_TASK_FAILED);
    CHECK_INT(status_of(&report, "c"), LT_TASK_SKIPPED);
    CHECK_INT(status_of(&report, "d"), LT_TASK_SUCCEEDED);
    lt_run_report_cleanup(&report);
    lt_workspace_close(p.workspace);
}

Test(run, a_failing_test_stops_what_reads_the_model)
{
    project p;
    lt_err err = {0};
    lt_run_report report;
    make_project(&p);
    lt_test_write(
        p.root, "models/a.sql",
        "{{ config(materialized='table') }} select 1 as id, 0.5 as part union all select 1, 0.5\n");
    CHECK_STATUS(run(&p, &(lt_run_request){0}, &report, &err), LT_FAILED, err);
    CHECK_INT(status_of(&report, "unique_a_id"), LT_TASK_FAILED);
    CHECK_INT(status_of(&report, "b"), LT_TASK_SKIPPED);
    lt_run_report_cleanup(&report);
    lt_workspace_close(p.workspace);
}

Test(run, a_retry_does_only_what_was_left)
{
    project p;
    lt_err err = {0};
    lt_run_report report;
    make_project(&p);
    lt_test_write(p.root, "models/b.sql", "select nothing from {{ ref('a') }}\n");
    CHECK_STATUS(run(&p, &(lt_run_request){0}, &report, &err), LT_FAILED, err);
    lt_run_report_cleanup(&report);
    lt_test_write(p.root, "models/b.sql", "select id from {{ ref('a') }}\n");
    open_project(&p);
    CHECK_OK(run(&p, &(lt_run_request){.command = T("retry"), .retry_of = 1}, &report, &err), err);
    CHECK_INT(status_of(&report, "a"), LT_TASK_REUSED);
    CHECK_INT(status_of(&report, "unique_a_id"), LT_TASK_REUSED);
    CHECK_INT(status_of(&report, "b"), LT_TASK_SUCCEEDED);
    CHECK_INT(status_of(&report, "c"), LT_TASK_SUCCEEDED);
    CHECK_INT(status_of(&report, "d"), LT_TASK_REUSED);
    lt_run_report_cleanup(&report);
    CHECK_STATUS(run(&p, &(lt_run_request){.command = T("retry"), .retry_of = 2}, &report, &err),
                 LT_INVALID, err);
    CHECK_HAS(err.message, "nothing left to do");
    lt_run_report_cleanup(&report);
    lt_workspace_close(p.workspace);
}

Test(run, a_selection_is_run_alone_with_its_tests)
{
    project p;
    lt_err err = {0};
    lt_run_report report;
    make_project(&p);
    CHECK_OK(run(&p, &(lt_run_request){.select = T("a")}, &report, &err), err);
    CHECK_INT(report.task_count, 2);
    CHECK_INT(status_of(&report, "unique_a_id"), LT_TASK_SUCCEEDED);
    lt_run_report_cleanup(&report);
    CHECK_STATUS(run(&p, &(lt_run_request){.select = T("nobody")}, &report, &err), LT_NOT_FOUND,
                 err);
    CHECK_HAS(err.message, "'nobody' matches nothing");
    lt_run_report_cleanup(&report);
    lt_workspace_close(p.workspace);
}

Test(run, a_run_is_reproduced_from_its_own_files)
{
    project p;
    lt_err err = {0};
    lt_run_report report;
    lt_reproduction found;
    LT_AUTO(lt_arena) arena = {0};
    make_project(&p);
    CHECK_OK(run(&p, &(lt_run_request){0}, &report, &err), err);
    lt_run_report_cleanup(&report);
    lt_test_write(p.root, "models/a.sql",
                  "{{ config(materialized='table') }} select 99 as id, 0.5 as part\n");
    CHECK_OK(lt_reproduce(p.workspace, 1, false, NULL, &arena, &found, &err), err);
    CHECK_INT(found.models.len, 2);
    CHECK_INT(found.models.items[0].verdict, LT_VERDICT_IDENTICAL);
    CHECK_INT(found.models.items[1].verdict, LT_VERDICT_IDENTICAL);
    lt_workspace_close(p.workspace);
}

Test(run, a_run_that_cannot_be_repeated_is_said_to_differ)
{
    project p;
    lt_err err = {0};
    lt_run_report report;
    lt_reproduction found;
    LT_AUTO(lt_arena) arena = {0};
    make_project(&p);
    lt_test_write(
        p.root, "models/b.sql",
        "{{ config(materialized='table') }} select id, uuid() as u from {{ ref('a') }}\n");
    open_project(&p);
    CHECK_OK(run(&p, &(lt_run_request){0}, &report, &err), err);
    lt_run_report_cleanup(&report);
    CHECK_STATUS(lt_reproduce(p.workspace, 1, false, NULL, &arena, &found, &err), LT_FAILED, err);
    CHECK_INT(found.different, 1);
    CHECK_TEXT(found.models.items[1].name, "b");
    lt_workspace_close(p.workspace);
}

Test(run, a_test_runs_only_when_all_that_it_reads_is_there)
{
    project p;
    lt_err err = {0};
    lt_run_report report;
    make_project(&p);
    lt_test_write(p.root, "models/schema.yml",
                  "models:\n  - name: a\n    columns:\n      - name: id\n        data_tests:\n"
                  "          - unique\n          - relationships: {to: ref('d'), field: seven}\n");
    CHECK_OK(run(&p, &(lt_run_request){.select = T("a")}, &report, &err), err);
    CHECK_INT(report.task_count, 2);
    lt_run_report_cleanup(&report);
    CHECK_OK(run(&p, &(lt_run_request){.exclude = T("d")}, &report, &err), err);
    CHECK_INT(report.task_count, 4);
    lt_run_report_cleanup(&report);
    CHECK_STATUS(run(&p, &(lt_run_request){0}, &report, &err), LT_FAILED, err);
    CHECK_INT(report.task_count, 6);
    lt_run_report_cleanup(&report);
    lt_workspace_close(p.workspace);
}

/* A file that is loaded into a table, and a model that reads it. */
static void make_loading_project(project *p)
{
    *p = (project){.root = lt_test_folder(), .home = lt_test_folder()};
    lt_test_write(p->root, "leat.yml", "name: shop\n");
    lt_test_write(p->root, "data/orders.csv", "id,amount\n1,5\n2,7\n");
    lt_test_write(p->root, "sources/shop.yml",
                  "name: shop\nkind: files\nresources:\n  - name: orders\n    path: data/*.csv\n"
                  "    key: [id]\n    load: {table: raw.orders}\n");
    lt_test_write(p->root, "models/total.sql",
                  "{{ config(materialized='table') }} select sum(amount) as total from {{ "
                  "source('shop', 'orders') }}\n");
    open_project(p);
}

Test(run, a_run_of_models_alone_is_reproduced_from_what_was_loaded_then)
{
    project p;
    lt_err err = {0};
    lt_run_report report;
    lt_reproduction found;
    LT_AUTO(lt_arena) arena = {0};
    lt_pins pins = {0};
    make_loading_project(&p);
    CHECK_OK(run(&p, &(lt_run_request){0}, &report, &err), err);
    CHECK_INT(report.task_count, 3);
    lt_run_report_cleanup(&report);
    CHECK_OK(run(&p, &(lt_run_request){.select = T("total")}, &report, &err), err);
    lt_run_report_cleanup(&report);
    CHECK_OK(lt_state_pins(p.workspace->state, 2, &arena, &pins, &err), err);
    CHECK_INT(pins.len, 1);
    CHECK_INT(pins.items[0].sequence, 1);

    lt_test_write(p.root, "data/orders.csv", "id,amount\n1,500\n");
    CHECK_OK(run(&p, &(lt_run_request){0}, &report, &err), err);
    lt_run_report_cleanup(&report);
    CHECK_OK(lt_reproduce(p.workspace, 2, false, NULL, &arena, &found, &err), err);
    CHECK_INT(found.models.len, 1);
    CHECK_INT(found.models.items[0].verdict, LT_VERDICT_IDENTICAL);
    lt_workspace_close(p.workspace);
}

Test(run, running_again_changes_nothing)
{
    project p;
    lt_err err = {0};
    lt_run_report report;
    make_loading_project(&p);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(run(&p, &(lt_run_request){0}, &report, &err), err);
        for (size_t k = 0; k < report.task_count; k++)
            if (lt_text_eq(report.tasks[k]->record.kind, T("load")))
                CHECK_INT(report.tasks[k]->record.rows_out, i ? 0 : 2);
        lt_run_report_cleanup(&report);
    }
    lt_workspace_close(p.workspace);
}

Test(run, a_target_in_memory_is_refused_with_its_place)
{
    project p = {.root = lt_test_folder(), .home = lt_test_folder()};
    lt_err err = {0};
    lt_target target;
    lt_test_write(p.root, "leat.yml",
                  "name: shop\ntargets:\n  dev: {engine: duckdb, path: \":memory:\"}\n");
    open_project(&p);
    CHECK_STATUS(lt_workspace_target(p.workspace, T(""), &target, &err), LT_INVALID, err);
    CHECK_HAS(err.message, "leat.yml:3:31: ");
    lt_workspace_close(p.workspace);
}

Test(scratch, what_nobody_holds_is_swept_and_what_is_held_stays)
{
    lt_err err = {0};
    const char *home = lt_test_folder();
    lt_scratch held = LT_SCRATCH_NONE, dead = LT_SCRATCH_NONE;
    CHECK_OK(lt_scratch_open(home, "1", &held, &err), err);
    CHECK_OK(lt_scratch_open(home, "2", &dead, &err), err);
    lt_test_write(held.folder, "kept", "x");
    lt_test_write(dead.folder, "lost", "x");
    lt_fd_close(dead.lock); /* as when its process dies */
    dead.lock = -1;
    lt_scratch_sweep(home);
    CHECK(lt_path_is_folder(held.folder));
    CHECK(!lt_path_exists(dead.folder));
    LT_AUTO(lt_chars) gone = lt_xstrdup(held.folder);
    lt_scratch_drop(&held);
    lt_scratch_drop(&dead);
    CHECK(!lt_path_exists(gone));
}

Test(run, a_pipeline_brings_its_parameters_threads_and_memory)
{
    project p;
    lt_err err = {0};
    lt_run_report report;
    LT_AUTO(lt_buf) text = {0};
    make_project(&p);
    lt_test_write(p.root, "models/d.sql",
                  "select {{ var('size') }} as size, {{ run_id }} as run_id, "
                  "current_setting('memory_limit') as memory\n");
    lt_test_write(
        p.root, "pipelines/daily.yml",
        "name: daily\nselect: d\nparams: {size: 5}\ndefaults: {threads: 2, memory: 300MiB}\n");
    open_project(&p);
    CHECK_OK(run(&p, &(lt_run_request){.pipeline = T("daily")}, &report, &err), err);
    CHECK_INT(report.record.threads, 2);
    CHECK_INT(report.plan->request.target.memory_bytes, 300 * LT_MIB);
    LT_AUTO(lt_chars) log = lt_run_log_path(p.workspace->home, 1, T("model.shop.d"));
    CHECK_OK(lt_file_read(log, &text, &err), err);
    CHECK_HAS(text.data, "select 5 as size, 1 as run_id");
    lt_run_report_cleanup(&report);

    lt_workspace_options options = {.root = p.root, .home = p.home, .vars = T("{size: 6}")};
    lt_workspace_close(p.workspace);
    CHECK_OK(lt_workspace_open(&options, &p.workspace, &err), err);
    CHECK_OK(run(&p, &(lt_run_request){.pipeline = T("daily"), .threads = 3}, &report, &err), err);
    CHECK_INT(report.record.threads, 3);
    LT_AUTO(lt_chars) second = lt_run_log_path(p.workspace->home, 2, T("model.shop.d"));
    lt_buf_clear(&text);
    CHECK_OK(lt_file_read(second, &text, &err), err);
    CHECK_HAS(text.data, "select 6 as size, 2 as run_id");
    lt_run_report_cleanup(&report);
    lt_workspace_close(p.workspace);
}
