/* leat dbt plan: what a build would do and why, without doing it. */
#include "cli/dbt/cmd.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/time.h"
#include "cli/dbt/lines.h"

/* ---- making it ---- */

/* The results of another run: of --state, else of the target folder, where they may be missing or damaged. */
static const lt_dbt_state *find_state(dbt_work *work, dbt_planned *out)
{
    lt_err ignored = {0};
    if (work->has_state)
        return &work->state;
    if (lt_dbt_state_read_last(work->target_folder, &out->state, &ignored) != LT_OK)
        return NULL;
    return &out->state;
}

bool dbt_has_database(const dbt_work *work)
{
    const lt_target *target = &work->profile.target;
    if (strcmp(target->kind, "duckdb") != 0)
        return true;
    return target->path && strcmp(target->path, ":memory:") != 0 && lt_path_exists(target->path);
}

static lt_status make(dbt_work *work, const lt_node_set *chosen, dbt_planned *out, lt_err *err)
{
    bool was = work->profile.target.read_only;
    lt_status status = LT_OK;
    LT_TRY(lt_dbt_builds_read(work->target_folder, &out->builds, err));
    if (dbt_has_database(work)) {
        work->profile.target.read_only = true;
        status = dbt_run_open(work, LT_DBT_DO_COMPILE, NULL, &out->run, err);
    }
    const lt_dbt_plan_request request = {.run = out->run,
                                         .dbt = work->dbt,
                                         .selected = chosen,
                                         .builds = &out->builds,
                                         .state = find_state(work, out),
                                         .threads = dbt_threads(work)};
    if (status == LT_OK)
        status = lt_dbt_plan_make(&request, &out->arena, &out->plan, err);
    lt_dbt_run_close(out->run); /* what a build then opens is opened for writing */
    out->run = NULL;
    work->profile.target.read_only = was;
    return status;
}

lt_status dbt_plan_open(dbt_work *work, const lt_node_set *chosen, dbt_planned *out, lt_err *err)
{
    *out = (dbt_planned){0};
    lt_status status = make(work, chosen, out, err);
    if (status != LT_OK)
        dbt_plan_close(out);
    return status;
}

void dbt_plan_close(dbt_planned *planned)
{
    lt_dbt_builds_cleanup(&planned->builds);
    lt_dbt_state_cleanup(&planned->state);
    lt_arena_cleanup(&planned->arena);
}

/* ---- for people ---- */

static lt_text kind_word(const lt_dbt_node *node)
{
    return node->kind == LT_DBT_MODEL ? node->config.materialized
                                      : lt_text_of(lt_dbt_kind_name(node->kind));
}

static void show_built(lt_out *out, const lt_dbt_plan_item *item)
{
    LT_AUTO(lt_chars)
    left = lt_format("  %-12.*s %-32.*s", LT_ARG(kind_word(item->node)), LT_ARG(item->node->name));
    for (size_t i = 0; i < item->reasons.len; i++) {
        const lt_dbt_reason *reason = &item->reasons.items[i];
        lt_out_printf(out, i ? "%*s " : "%-*s ", (int)strlen(left), i ? "" : left);
        lt_out_styled(out, LT_YELLOW, lt_text_of(lt_dbt_why_name(reason->why)));
        lt_out_printf(out, ": %.*s\n", LT_ARG(reason->what));
    }
    if (item->note.len)
        lt_out_printf(out, "%*s (%.*s)\n", (int)strlen(left), "", LT_ARG(item->note));
}

static void show_unchanged(lt_out *out, const lt_dbt_plan_item *item)
{
    char text[LT_TIME_CHARS];
    lt_out_printf(out, "  %-12.*s %-32.*s ", LT_ARG(kind_word(item->node)),
                  LT_ARG(item->node->name));
    if (item->built_at_us)
        lt_out_printf(out, "nothing has changed since %.19s UTC (%s)\n",
                      lt_time_write(item->built_at_us, text), lt_dbt_evidence_name(item->evidence));
    else
        lt_out_printf(out, "nothing has changed (%s)\n", lt_dbt_evidence_name(item->evidence));
    if (item->note.len)
        lt_out_printf(out, "  %-12s %-32s (%.*s)\n", "", "", LT_ARG(item->note));
}

static size_t count_hooks(const dbt_work *work)
{
    const lt_dbt_nodes *all = lt_dbt_all(work->dbt);
    size_t count = 0;
    for (size_t i = 0; i < all->len; i++)
        count += all->items[i]->kind == LT_DBT_OPERATION;
    return count;
}

static void show_text(const dbt_work *work, const lt_dbt_plan *plan)
{
    lt_out *out = &work->app->out;
    size_t unchanged = plan->items.len - plan->built, hooks = count_hooks(work);
    if (plan->built)
        lt_out_styled(out, LT_BOLD, T("To build:\n"));
    for (size_t i = 0; i < plan->items.len; i++)
        if (plan->items.items[i].is_built)
            show_built(out, &plan->items.items[i]);
    if (unchanged)
        lt_out_styled(out, LT_BOLD, plan->built ? T("\nUnchanged:\n") : T("Unchanged:\n"));
    for (size_t i = 0; i < plan->items.len; i++)
        if (!plan->items.items[i].is_built)
            show_unchanged(out, &plan->items.items[i]);
    lt_out_printf(out, "\nPlan: %zu to build, %zu unchanged.", plan->built, unchanged);
    if (hooks && plan->built)
        lt_out_printf(out, " %zu hook%s of the project run%s too.", hooks, hooks == 1 ? "" : "s",
                      hooks == 1 ? "s" : "");
    lt_out_str(out, plan->built ? " 'leat dbt build --stale-only' builds what is listed, "
                                  "'leat dbt build' all that is chosen.\n"
                                : "\n");
}

/* ---- for programs ---- */

static void write_item(lt_json_writer *w, const lt_dbt_plan_item *item)
{
    char text[LT_TIME_CHARS];
    LT_AUTO(lt_buf) relation = {.limit = 64 * LT_KIB};
    const lt_dbt_node *node = item->node;
    lt_json_begin(w, '{');
    lt_json_set(w, "unique_id", node->id);
    lt_json_set(w, "name", node->name);
    lt_json_set(w, "resource_type", lt_text_of(lt_dbt_kind_name(node->kind)));
    lt_json_set(w, "original_file_path", node->path);
    if (!node->no_relation && !dbt_is_test(node)) {
        lt_quote_relation(&node->relation, &relation);
        lt_json_set(w, "materialized", kind_word(node));
        lt_json_set(w, "relation_name", lt_buf_text(&relation));
    }
    lt_json_set(w, "action", item->is_built ? T("build") : T("skip"));
    lt_json_key(w, T("reasons"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < item->reasons.len; i++) {
        lt_json_begin(w, '{');
        lt_json_set(w, "reason", lt_text_of(lt_dbt_why_name(item->reasons.items[i].why)));
        lt_json_set(w, "detail", item->reasons.items[i].what);
        lt_json_end(w);
    }
    lt_json_end(w);
    lt_json_set(w, "evidence", lt_text_of(lt_dbt_evidence_name(item->evidence)));
    if (item->built_at_us)
        lt_json_set(w, "built_at", lt_text_of(lt_time_write(item->built_at_us, text)));
    if (item->note.len)
        lt_json_set(w, "note", item->note);
    lt_json_end(w);
}

static lt_status show_json(const dbt_work *work, const lt_dbt_plan *plan, lt_err *err)
{
    LT_AUTO(lt_buf) text = {0};
    lt_json_writer w = {.out = &text, .indent = 2};
    lt_json_begin(&w, '{');
    lt_json_set_int(&w, "to_build", (int64_t)plan->built);
    lt_json_set_int(&w, "unchanged", (int64_t)(plan->items.len - plan->built));
    lt_json_key(&w, T("nodes"));
    lt_json_begin(&w, '[');
    for (size_t i = 0; i < plan->items.len; i++)
        write_item(&w, &plan->items.items[i]);
    lt_json_end(&w);
    lt_json_end(&w);
    LT_TRY(lt_buf_check(&text, "the plan", err));
    lt_out_text(&work->app->out, lt_buf_text(&text));
    lt_out_str(&work->app->out, "\n");
    return LT_OK;
}

lt_status dbt_output_is_json(const dbt_work *work, bool *json, lt_err *err)
{
    const char *said = work->flags->output;
    *json = work->app->globals.json || (said && strcmp(said, "json") == 0);
    if (said && !*json && strcmp(said, "text") != 0)
        return lt_fail(err, LT_INVALID, "--output: '%s' is none of text, json", said);
    return LT_OK;
}

lt_status dbt_run_plan(dbt_work *work, lt_err *err)
{
    LT_AUTO(lt_node_set) chosen = {0};
    dbt_planned planned;
    bool json = false;
    LT_TRY(dbt_output_is_json(work, &json, err));
    LT_TRY(dbt_load_and_choose(work, &chosen, err));
    LT_TRY(dbt_plan_open(work, &chosen, &planned, err));
    work->has_changes = planned.plan.built > 0;
    if (!planned.plan.items.len) /* a slip in CI would else never be seen */
        lt_log(LT_LOG_WARNING, "the selection matches no node");
    lt_status status = LT_OK;
    if (json)
        status = show_json(work, &planned.plan, err);
    else
        show_text(work, &planned.plan);
    dbt_plan_close(&planned);
    return status;
}
