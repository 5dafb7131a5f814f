/* Pipelines in one process: tasks behind wrappers, items, branches, rules, outputs, retries, going on after a loss. */
#include "run/run.h"

#include "base/fs.h"
#include "conf/name.h"
#include "support/files.h"
#include "support/test.h"

typedef struct project {
    const char *root, *home;
    lt_workspace *workspace;
} project;

static void open_project(project *p, const char *pipeline)
{
    lt_err err = {0};
    *p = (project){.root = lt_test_folder(), .home = lt_test_folder()};
    lt_test_write(p->root, "leat.yml", "name: p\nthreads: 4\npools: {one: 1}\n");
    lt_test_write(p->root, "pipelines/p.yml", pipeline);
    lt_workspace_options options = {.root = p->root, .home = p->home};
    CHECK_OK(lt_workspace_open(&options, &p->workspace, &err), err);
}

static lt_status run(project *p, lt_run_report *report, lt_err *err)
{
    return lt_run(p->workspace, &(lt_run_request){.command = T("run"), .pipeline = T("p")}, report,
                  err);
}

static const lt_task_record *task_of(const lt_run_report *report, const char *name)
{
    for (size_t i = 0; i < report->task_count; i++)
        if (lt_text_eq(report->tasks[i]->record.name, lt_text_of(name)))
            return &report->tasks[i]->record;
    static const lt_task_record none;
    return &none;
}

static void check_log(project *p, const char *task, const char *part)
{
    lt_err err = {0};
    LT_AUTO(lt_chars) path = lt_run_log_path(p->workspace->home, 1, lt_text_of(task));
    LT_AUTO(lt_buf) text = {0};
    CHECK_OK(lt_file_read(path, &text, &err), err);
    CHECK_HAS(lt_buf_chars(&text), part);
}

Test(pipeline, outputs_branches_and_items_go_on_from_each_other)
{
    project p;
    lt_err err = {0};
    lt_run_report report;
    open_project(&p, "name: p\n"
                     "params: {n: 2}\n"
                     "tasks:\n"
                     "  a: {shell: 'echo \"{\\\"list\\\": [1, 2, 3]}\" > $LEAT_OUTPUT'}\n"
                     "  c: {choose: [{if: params.n > 1, then: b}, {then: other}], after: a}\n"
                     "  b: {shell: 'echo first {{ outputs.a.list[0] }}'}\n"
                     "  other: {shell: 'true'}\n"
                     "  each: {for_each: {items: '{{ outputs.a.list }}', parallel: 2, tasks: {one: "
                     "{shell: 'echo item {{ item }}', pool: one}, two: {shell: 'true', after: "
                     "one}}}, after: b}\n"
                     "  w: {wait: {for: 20ms}}\n"
                     "  end: {shell: 'echo of {{ outputs.each.count }}', after: [each, other, w], "
                     "when: some_success}\n");
    CHECK_OK(run(&p, &report, &err), err);
    CHECK_INT(task_of(&report, "other")->status, LT_TASK_SKIPPED);
    CHECK_TEXT(task_of(&report, "other")->cause, "choice");
    CHECK_INT(report.task_count, 13);
    check_log(&p, "task.p.b", "first 1\n");
    check_log(&p, "task.p.each[2].one", "item 3\n");
    check_log(&p, "task.p.end", "of 3\n");
    lt_run_report_cleanup(&report);
    lt_workspace_close(p.workspace);
}

Test(pipeline, a_failure_is_told_and_tried_again_by_its_kind)
{
    project p;
    lt_err err = {0};
    lt_run_report report;
    open_project(&p, "name: p\n"
                     "tasks:\n"
                     "  twice: {shell: 'test -e t || { touch t; exit 75; }', retries: 2, backoff: "
                     "1ms}\n"
                     "  bad: {shell: 'echo why; exit 3'}\n"
                     "  slow: {shell: 'sleep 30', timeout: 60ms, retries: 0, grace: 100ms}\n"
                     "  kill: {shell: 'kill -9 $$', retries: 0}\n"
                     "  after: {shell: 'true', after: bad}\n"
                     "  caught: {shell: 'true', after: bad, when: failed}\n"
                     "on_failure: {tell: {shell: 'echo \"{{ run_summary }}\"'}}\n"
                     "on_success: {cheer: {shell: 'true'}}\n");
    CHECK_STATUS(run(&p, &report, &err), LT_FAILED, err);
    CHECK_INT(task_of(&report, "twice")->attempts, 2);
    CHECK_TEXT(task_of(&report, "bad")->message, "the command ended with exit code 3: why");
    CHECK_TEXT(task_of(&report, "slow")->message, "the command took longer than its timeout");
    CHECK_HAS(task_of(&report, "kill")->message.ptr, "signal 9");
    CHECK_TEXT(task_of(&report, "after")->cause, "upstream");
    CHECK_INT(task_of(&report, "caught")->status, LT_TASK_SUCCEEDED);
    CHECK_TEXT(task_of(&report, "cheer")->cause, "rule");
    check_log(&p, "task.p.tell", "bad failed: the command ended with exit code 3: why");
    lt_run_report_cleanup(&report);
    lt_workspace_close(p.workspace);
}

Test(pipeline, wrong_outputs_and_wrong_files_are_the_users_errors)
{
    project p;
    lt_err err = {0};
    lt_run_report report;
    open_project(&p, "name: p\n"
                     "tasks:\n"
                     "  text: {shell: 'echo no > $LEAT_OUTPUT'}\n"
                     "  list: {shell: 'echo \"[1]\" > $LEAT_OUTPUT'}\n"
                     "  big: {shell: 'head -c 70000 /dev/zero > $LEAT_OUTPUT'}\n"
                     "  none: {shell: 'echo {{ outputs.list.x }}'}\n"
                     "  where: {shell: 'true', cwd: not/there}\n"
                     "  pipe: {shell: 'rm -f $LEAT_OUTPUT; mkfifo $LEAT_OUTPUT'}\n"
                     "defaults: {retries: 0}\n");
    CHECK_STATUS(run(&p, &report, &err), LT_FAILED, err);
    CHECK_INT(report.failed, 6);
    CHECK_TEXT(task_of(&report, "pipe")->message, "$LEAT_OUTPUT is not a file any more");
    CHECK_HAS(task_of(&report, "list")->message.ptr, "must hold a JSON object");
    CHECK_HAS(task_of(&report, "big")->message.ptr, "more than 64 KiB");
    CHECK_HAS(task_of(&report, "none")->message.ptr, "pipelines/p.yml:6:");
    lt_run_report_cleanup(&report);
    lt_workspace_close(p.workspace);
}

Test(pipeline, files_that_cannot_work_are_refused_before_anything_runs)
{
    static const struct {
        const char *tasks, *part;
    } cases[] = {
        {"{a: {shell: x, after: b}}", "'b' is no task and selects nothing"},
        {"{a: {build: nothing}}", "matches nothing"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        project p;
        lt_err err = {0};
        lt_run_report report;
        LT_AUTO(lt_chars) text = lt_format("name: p\ntasks: %s\n", cases[i].tasks);
        open_project(&p, text);
        CHECK_STATUS(run(&p, &report, &err), LT_INVALID, err);
        CHECK_HAS(err.message, cases[i].part);
        lt_run_report_cleanup(&report);
        lt_workspace_close(p.workspace);
    }
}

Test(pipeline, a_run_that_cannot_be_planned_tells_whom_its_file_names)
{
    project p;
    lt_err err = {0};
    lt_run_report report;
    open_project(&p, "name: p\n"
                     "tasks: {a: {shell: 'true', after: b}}\n"
                     "on_success: {cheer: {shell: 'true'}}\n"
                     "on_failure:\n"
                     "  tell: {shell: \"echo '{{ run_status }}, {{ run_summary }}'\"}\n"
                     "  more: {shell: 'echo more', after: tell}\n"
                     "  models: {build: x}\n");
    CHECK_STATUS(run(&p, &report, &err), LT_INVALID, err);
    CHECK_HAS(err.message, "pipelines/p.yml:2:35: 'b' is no task and selects nothing");
    CHECK_INT(report.record.status, LT_RUN_FAILED);
    CHECK_INT(report.task_count, 3);
    CHECK_INT(task_of(&report, "begin")->status, LT_TASK_FAILED);
    CHECK_INT(task_of(&report, "tell")->status, LT_TASK_SUCCEEDED);
    CHECK_INT(task_of(&report, "more")->status, LT_TASK_SUCCEEDED);
    check_log(&p, "task.p.tell", "failed, begin failed: pipelines/p.yml:2:35");
    lt_run_report_cleanup(&report);
    lt_run_request wrong = {
        .command = T("run"), .pipeline = T("p"), .select = T("nothing")}; /* who types, reads */
    CHECK_STATUS(lt_run(p.workspace, &wrong, &report, &err), LT_INVALID, err);
    CHECK_INT(report.record.id, 0);
    lt_run_report_cleanup(&report);
    lt_workspace_close(p.workspace);
}

Test(pipeline, a_target_that_cannot_be_opened_is_told_too)
{
    project p;
    lt_err err = {0};
    lt_run_report report;
    open_project(&p, "name: p\n"
                     "tasks: {a: {sql: 'select 1'}, b: {shell: 'true', after: a}}\n"
                     "on_failure: {tell: {shell: \"echo '{{ run_summary }}'\"}}\n");
    lt_test_write(p.home, "warehouse.duckdb", "this is no database, and never was one: 0123456789");
    CHECK(run(&p, &report, &err) != LT_OK);
    CHECK_INT(task_of(&report, "begin")->status, LT_TASK_FAILED);
    CHECK_INT(task_of(&report, "a")->status, LT_TASK_SKIPPED);
    CHECK_INT(task_of(&report, "b")->status, LT_TASK_SKIPPED);
    CHECK_INT(task_of(&report, "tell")->status, LT_TASK_SUCCEEDED);
    check_log(&p, "task.p.tell", "begin failed: ");
    lt_run_report_cleanup(&report);
    lt_workspace_close(p.workspace);
}

Test(pipeline, one_of_its_own_tasks_alone_needs_no_models)
{
    project p;
    lt_err err = {0};
    lt_run_report report;
    open_project(&p, "name: p\ntasks: {a: {shell: 'true'}}\n");
    lt_test_write(p.root, "models/broken.sql", "select {{ nobody_knows(1) }}");
    CHECK_OK(run(&p, &report, &err), err);
    lt_run_report_cleanup(&report);
    lt_workspace_close(p.workspace);
}

Test(pipeline, a_queued_run_is_begun_by_whoever_claims_it)
{
    project p;
    lt_err err = {0};
    lt_run_report report;
    open_project(&p, "name: p\nparams: {x: 1}\ntasks: {a: {shell: 'echo x={{ params.x }}'}}\n");
    lt_run_record asked = {.command = T("run"),
                           .pipeline = T("p"),
                           .target = T("dev"),
                           .params_json = T("{\"x\": 9}"),
                           .clock_us = 1,
                           .threads = 2};
    CHECK_OK(lt_state_run_enqueue(p.workspace->state, &asked, &err), err);
    CHECK_OK(lt_run(p.workspace, &(lt_run_request){.run_id = asked.id}, &report, &err), err);
    CHECK_INT(report.record.status, LT_RUN_SUCCEEDED);
    check_log(&p, "task.p.a", "x=9\n");
    lt_run_report_cleanup(&report);
    CHECK_STATUS(lt_run(p.workspace, &(lt_run_request){.run_id = asked.id}, &report, &err),
                 LT_INVALID, err);
    lt_run_report_cleanup(&report);
    lt_workspace_close(p.workspace);
}

/* conf/name.h is what files are checked against: what it says must be there when a task runs. */
Test(pipeline, every_name_of_the_table_is_there_in_a_task)
{
    project p;
    lt_err err = {0};
    lt_run_report report;
    LT_AUTO(lt_buf) file = {0};
    lt_buf_add_str(&file,
                   "name: p\ntasks:\n  each:\n    for_each:\n      items: [1]\n      tasks:\n"
                   "        t:\n          shell: |\n");
    for (size_t i = 0; i < LT_NAMES; i++)
        lt_buf_printf(&file, "            echo 'name %.*s {{ %.*s is defined }}'\n",
                      LT_ARG(lt_names[i].name), LT_ARG(lt_names[i].name));
    open_project(&p, lt_buf_chars(&file));
    CHECK_OK(run(&p, &report, &err), err);
    for (size_t i = 0; i < LT_NAMES; i++) {
        LT_AUTO(lt_chars) line = lt_format("name %.*s True", LT_ARG(lt_names[i].name));
        check_log(&p, "task.p.each[0].t", line);
    }
    lt_run_report_cleanup(&report);
    lt_workspace_close(p.workspace);
}

static bool is_known_key(const lt_output_keys *known, lt_text key)
{
    for (size_t i = 0; i < LT_OUTPUT_KEYS && known->keys[i]; i++)
        if (lt_text_eq(key, lt_text_of(known->keys[i])))
            return true;
    return false;
}

static void check_output(const lt_run_report *report, const lt_conf_task *task)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_chars) name = lt_text_dup(task->name);
    lt_output_keys known = lt_conf_output_keys(task);
    lt_json *output = NULL;
    lt_err err = {0};
    lt_text json = task_of(report, name)->output_json;
    CHECK_INT(json.len == 0, known.none);
    if (known.any || known.none)
        return;
    CHECK_OK(lt_json_read(json, name, NULL, &arena, &output, &err), err);
    size_t keys = 0;
    while (keys < LT_OUTPUT_KEYS && known.keys[keys])
        keys++;
    CHECK_INT(output->count, keys);
    for (size_t i = 0; i < output->count; i++)
        CHECK(is_known_key(&known, output->items[i].key));
}

Test(pipeline, outputs_hold_what_is_known_of_them)
{
    project p;
    lt_err err = {0};
    lt_run_report report;
    open_project(&p, "name: p\n"
                     "tasks:\n"
                     "  s: {shell: 'echo \"{}\" > $LEAT_OUTPUT'}\n"
                     "  c: {choose: [{if: 'true', then: s}]}\n"
                     "  w: {wait: {for: 0s}}\n"
                     "  l: {wait: {for: 0s, deadline: 1h}}\n"
                     "  e: {for_each: {items: [1], tasks: {t: {shell: 'true'}}}}\n"
                     "  r: {sql: 'select 1 as x'}\n"
                     "  rr: {sql: 'select 1 as x', returns: rows}\n"
                     "  v: {wait: {sql: 'select 1'}}\n"
                     "  vl: {wait: {sql: 'select 1', deadline: 1h}}\n");
    CHECK_OK(run(&p, &report, &err), err);
    const lt_conf_pipeline *pipeline = lt_project_pipeline(p.workspace->project, T("p"));
    for (size_t i = 0; i < pipeline->tasks.len; i++)
        check_output(&report, &pipeline->tasks.items[i]);
    lt_run_report_cleanup(&report);
    lt_workspace_close(p.workspace);
}
