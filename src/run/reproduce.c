/* Reproducing a run: its files, its inputs, its clock; then the comparison. */
#include "run/reproduce.h"

#include "base/buf.h"
#include "fmt/json.h"
#include "run/fingerprint.h"
#include "run/scratch.h"
#include "run/tree.h"

#include <stdio.h>

const char *lt_verdict_name(lt_verdict verdict)
{
    static const char *const names[] = {
        [LT_VERDICT_IDENTICAL] = "identical",
        [LT_VERDICT_CLOSE] = "identical within 1e-12",
        [LT_VERDICT_NOT_COMPARABLE] = "not comparable",
        [LT_VERDICT_DIFFERENT] = "different",
    };
    return names[verdict];
}

typedef struct reproducing {
    lt_workspace *workspace; /* the project as it is now */
    lt_workspace *then;      /* owned; the project as it was */
    lt_scratch scratch;      /* where that lies */
    lt_arena *arena;
    lt_reproduction *out;
    lt_task_records tasks; /* of the original */
} reproducing;

static lt_status check_can(const reproducing *r, lt_err *err)
{
    const lt_run_record *run = &r->out->original;
    if (run->status == LT_RUN_RUNNING)
        return lt_fail(err, LT_INVALID, "run %lld is still running", (long long)run->id);
    if (lt_text_eq(run->command, T("reproduce"))) {
        lt_ignore(
            lt_fail(err, LT_INVALID, "run %lld is itself a reproduction", (long long)run->id));
        return lt_hint(err, "reproduce the run that it reproduced; 'leat runs' shows them");
    }
    if (run->retry_of) {
        lt_ignore(lt_fail(err, LT_INVALID,
                          "run %lld finished what run %lld began, maybe with other files",
                          (long long)run->id, (long long)run->retry_of));
        return lt_hint(err, "reproduce a run that was whole");
    }
    if (run->git_commit.len || run->tree.len)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID, "run %lld did not record its files", (long long)run->id));
    return lt_hint(err, "runs of kind 'run' do; look at 'leat runs'");
}

static lt_status open_then(reproducing *r, lt_err *err)
{
    LT_AUTO(lt_chars) name = lt_format("reproduce-%lld", (long long)r->out->original.id);
    LT_TRY(lt_scratch_open(r->workspace->home, name, &r->scratch, err));
    const char *root = lt_arena_format(r->arena, "%s/project", r->scratch.folder);
    LT_TRY(lt_tree_restore(r->workspace, &r->out->original, root, err));
    lt_workspace_options options = {
        .root = root, .home = r->workspace->home, .vars = r->out->original.vars_json};
    return lt_workspace_open(&options, &r->then, err);
}

/* ---- comparing ---- */

static const lt_task_record *task_named(const lt_task_records *tasks, lt_text id)
{
    for (size_t i = 0; i < tasks->len; i++)
        if (lt_text_eq(tasks->items[i].id, id))
            return &tasks->items[i];
    return NULL;
}

/* The fingerprint in a task's result; false when it has none (a view). */
static lt_status fingerprint_of(const lt_task_record *task, lt_arena *arena, bool *has,
                                bool *incremental, lt_fingerprint *out, lt_err *err)
{
    lt_json *root = NULL;
    *has = *incremental = false;
    if (!task->result_json.len)
        return LT_OK;
    LT_TRY(lt_json_read(task->result_json, "result", NULL, arena, &root, err));
    const lt_json *found = lt_json_find(root, "fingerprint");
    *incremental = lt_json_bool_or(root, "incremental", false);
    if (!found)
        return LT_OK;
    LT_AUTO(lt_buf) text = {0};
    lt_json_writer writer = {.out = &text};
    lt_json_tree(&writer, found);
    *has = true;
    return lt_fingerprint_read(lt_arena_text(arena, lt_buf_text(&text)), arena, out, err);
}

static lt_verdict verdict_of(lt_sameness sameness, bool incremental)
{
    if (sameness == LT_DIFFERENT && incremental)
        return LT_VERDICT_NOT_COMPARABLE;
    return sameness == LT_SAME    ? LT_VERDICT_IDENTICAL
           : sameness == LT_CLOSE ? LT_VERDICT_CLOSE
                                  : LT_VERDICT_DIFFERENT;
}

static lt_status compare_task(reproducing *r, const lt_run_task *now, lt_err *err)
{
    const lt_task_record *then = task_named(&r->tasks, now->node->id);
    lt_fingerprint before, after;
    bool had, has, incremental, ignored;
    char why[160];
    if (!then || then->status != LT_TASK_SUCCEEDED)
        return LT_OK; /* an upstream that the original did not build, or failed to */
    LT_TRY(fingerprint_of(then, r->arena, &had, &incremental, &before, err));
    LT_TRY(fingerprint_of(&now->record, r->arena, &has, &ignored, &after, err));
    if (!had || !has)
        return LT_OK;
    lt_sameness sameness = lt_fingerprint_compare(&before, &after, why);
    lt_comparison made = {.name = lt_arena_text(r->arena, now->node->name),
                          .verdict = verdict_of(sameness, incremental),
                          .rows = after.rows};
    made.why = lt_text_of(
        made.verdict == LT_VERDICT_NOT_COMPARABLE
            ? lt_arena_format(r->arena, "an increment was added to earlier state then (%s)", why)
            : lt_arena_format(r->arena, "%s", why));
    lt_push_in(r->arena, &r->out->models, made);
    r->out->different += made.verdict == LT_VERDICT_DIFFERENT;
    r->out->not_comparable += made.verdict == LT_VERDICT_NOT_COMPARABLE;
    return LT_OK;
}

static lt_status compare_all(reproducing *r, const lt_run_report *report, lt_err *err)
{
    for (size_t i = 0; i < report->task_count; i++)
        LT_TRY(compare_task(r, report->tasks[i], err));
    if (!r->out->different)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_FAILED, "run %lld is not reproduced: %zu of %zu tables differ",
                      (long long)r->out->original.id, r->out->different, r->out->models.len));
    return lt_hint(err, "look for now(), random() or an order that is not fixed in their SQL; "
                        "--keep leaves the scratch tables");
}

static lt_status rebuild_and_compare(reproducing *r, bool keep, const lt_run_watch *watch,
                                     lt_err *err)
{
    const lt_run_record *original = &r->out->original;
    lt_run_report report;
    lt_run_request request = {.command = T("reproduce"),
                              .pipeline = original->pipeline,
                              .select = original->selection,
                              .exclude = original->exclusion,
                              .target = original->target,
                              .threads = original->threads,
                              .reproduces = original->id,
                              .keep_scratch = keep,
                              .watch = watch};
    lt_status status = lt_run(r->then, &request, &report, err);
    if (status == LT_OK)
        status = compare_all(r, &report, err);
    lt_run_report_cleanup(&report);
    return status;
}

lt_status lt_reproduce(lt_workspace *workspace, int64_t run_id, bool keep,
                       const lt_run_watch *watch, lt_arena *arena, lt_reproduction *out,
                       lt_err *err)
{
    *out = (lt_reproduction){0};
    reproducing r = {
        .workspace = workspace, .scratch = LT_SCRATCH_NONE, .arena = arena, .out = out};
    LT_TRY(lt_state_run_get(workspace->state, run_id, arena, &out->original, err));
    LT_TRY(check_can(&r, err));
    LT_TRY(lt_state_tasks(workspace->state, out->original.id, arena, &r.tasks, err));
    lt_status status = open_then(&r, err);
    if (status == LT_OK)
        status = rebuild_and_compare(&r, keep, watch, err);
    lt_workspace_close(r.then);
    lt_scratch_drop(&r.scratch);
    return status;
}
