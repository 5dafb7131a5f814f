/* From files to a graph, and to what is selected in it. */
#include "run/plan_inner.h"

/* ---- selection ---- */

static lt_status select_words(lt_plan *plan, lt_text words, lt_node_set *set, lt_err *err)
{
    lt_text unmatched;
    LT_TRY(lt_graph_select(&plan->graph, words, set, &unmatched, err));
    if (!unmatched.len)
        return LT_OK;
    lt_ignore(
        lt_fail(err, LT_NOT_FOUND, "the selection '%.*s' matches nothing", LT_ARG(unmatched)));
    return lt_plan_hint_names(plan, unmatched, err);
}

lt_status lt_plan_select_texts(lt_plan *plan, const lt_conf_texts *texts, lt_node_set *set,
                               lt_err *err)
{
    for (size_t i = 0; i < texts->len; i++)
        if (select_words(plan, texts->items[i].raw, set, err) != LT_OK)
            return lt_wrap(err, "%s:%u:%u", texts->items[i].place.file, texts->items[i].place.line,
                           texts->items[i].place.col);
    return LT_OK;
}

/* Tests come with the models that they look at, when all that they read is selected or upstream of it (dbt calls this
 * buildable): a test of a table that nobody asked for may find none. */
static void add_tests_of_selected(lt_plan *plan)
{
    LT_AUTO(lt_node_set) there;
    lt_node_set_init(&there, plan->graph.nodes.len);
    memcpy(there.bits, plan->selected.bits, (there.count / 64 + 1) * sizeof(*there.bits));
    lt_graph_grow(&plan->graph, &there, true, SIZE_MAX);
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        const lt_node *node = plan->graph.nodes.items[i];
        bool any = false, ignored = false;
        if (!lt_plan_is_kind(node, LT_STEP_TEST))
            continue;
        (void)lt_plan_reads(plan, node, &plan->selected, &any);
        if (any && lt_plan_reads(plan, node, &there, &ignored))
            lt_node_set_add(&plan->selected, i);
    }
}

static void keep_only_kind(lt_plan *plan, lt_text kind)
{
    for (size_t i = 0; i < plan->graph.nodes.len; i++)
        if (!lt_text_eq(plan->graph.nodes.items[i]->kind, kind))
            lt_node_set_remove(&plan->selected, i);
}

static void take_whole_upstream(lt_plan *plan)
{
    lt_graph_grow(&plan->graph, &plan->selected, true, SIZE_MAX);
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        const lt_node *node = plan->graph.nodes.items[i];
        bool ephemeral =
            lt_plan_is_kind(node, LT_STEP_GATE) && ((const lt_step *)node->payload)->node;
        if (!lt_plan_is_kind(node, LT_STEP_LOAD) && !lt_plan_is_kind(node, LT_STEP_MODEL) &&
            !ephemeral)
            lt_node_set_remove(&plan->selected, i);
    }
}

/* Hooks of the project run whenever anything of it does; not when it is only rebuilt to be compared. */
static void select_hooks(lt_plan *plan)
{
    bool any = false;
    for (size_t i = 0; i < plan->graph.nodes.len && !plan->request.whole_upstream; i++)
        any = any || (lt_node_set_has(&plan->selected, i) &&
                      ((const lt_step *)plan->graph.nodes.items[i]->payload)->node);
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        if (!lt_plan_is_kind(plan->graph.nodes.items[i], LT_STEP_HOOK))
            continue;
        if (any)
            lt_node_set_add(&plan->selected, i);
        else
            lt_node_set_remove(&plan->selected, i);
    }
}

static lt_status find_excluded(lt_plan *plan, lt_node_set *out, lt_err *err)
{
    const lt_plan_request *request = &plan->request;
    if (request->exclude.len)
        return select_words(plan, request->exclude, out, err);
    if (request->pipeline && !request->select.len)
        return lt_plan_select_texts(plan, &request->pipeline->exclude, out, err);
    return LT_OK;
}

/* Everything but tests, which follow from the rest; a test without references stands for itself. */
static void select_all(lt_plan *plan)
{
    for (size_t i = 0; i < plan->graph.nodes.len; i++)
        if (!lt_plan_is_kind(plan->graph.nodes.items[i], LT_STEP_TEST) ||
            !plan->graph.nodes.items[i]->needs.len)
            lt_node_set_add(&plan->selected, i);
}

static lt_status select_as_asked(lt_plan *plan, lt_err *err)
{
    const lt_plan_request *request = &plan->request;
    if (request->select.len)
        return select_words(plan, request->select, &plan->selected, err);
    bool has_tasks = request->pipeline && request->pipeline->tasks.len;
    if (!request->pipeline || (!request->pipeline->select.len && !has_tasks))
        select_all(plan);
    for (size_t i = 0; request->pipeline && i < plan->graph.nodes.len; i++)
        if (lt_text_starts(plan->graph.nodes.items[i]->id, T("task.")) ||
            lt_node_set_has(&plan->members, i))
            lt_node_set_add(&plan->selected, i);
    if (!request->pipeline)
        return LT_OK;
    return lt_plan_select_texts(plan, &request->pipeline->select, &plan->selected, err);
}

static void take_out(lt_plan *plan, const lt_node_set *excluded)
{
    for (size_t i = 0; i < plan->graph.nodes.len; i++)
        if (lt_node_set_has(excluded, i))
            lt_node_set_remove(&plan->selected, i);
}

static lt_status select_steps(lt_plan *plan, lt_err *err)
{
    const lt_plan_request *request = &plan->request;
    LT_AUTO(lt_node_set) excluded;
    lt_node_set_init(&plan->selected, plan->graph.nodes.len);
    lt_node_set_init(&excluded, plan->graph.nodes.len);
    LT_TRY(select_as_asked(plan, err));
    LT_TRY(find_excluded(plan, &excluded, err));
    take_out(plan, &excluded);
    add_tests_of_selected(plan);
    take_out(plan, &excluded);
    if (request->only_kind)
        keep_only_kind(plan, lt_text_of(request->only_kind));
    if (request->whole_upstream)
        take_whole_upstream(plan);
    select_hooks(plan);
    if (lt_node_set_size(&plan->selected))
        return LT_OK;
    lt_ignore(lt_fail(err, LT_NOT_FOUND, "there is nothing to %s",
                      request->only_kind ? request->only_kind : "run"));
    return lt_hint(err, "add sources/*.yml or models/*.sql, or select something else");
}

/* A pipeline of nothing but its own tasks does not depend on models that may be wrong. */
static bool reads_graph(const lt_plan_request *request)
{
    return !request->pipeline || request->select.len || request->exclude.len ||
           request->only_kind || request->whole_upstream || lt_conf_reads_graph(request->pipeline);
}

static lt_status make(lt_plan *plan, lt_workspace *workspace, lt_err *err)
{
    lt_graph_init(&plan->graph, &plan->arena);
    if (reads_graph(&plan->request))
        LT_TRY(lt_plan_add_graph(plan, workspace, err));
    LT_TRY(lt_plan_add_tasks(plan, err));
    LT_TRY(select_steps(plan, err));
    LT_TRY(lt_graph_order(&plan->graph, &plan->order, err));
    lt_plan_guard(plan);
    return lt_graph_order(&plan->graph, &plan->order, err);
}

/* The plan is the caller's, or gone. */
static lt_status hand_out(lt_plan *plan, lt_status made, lt_plan **out)
{
    if (made == LT_OK)
        *out = plan;
    else
        lt_plan_free(plan);
    return made;
}

lt_status lt_plan_make(lt_workspace *workspace, const lt_plan_request *request, lt_plan **out,
                       lt_err *err)
{
    lt_plan *plan = lt_xcalloc(1, sizeof(*plan));
    plan->request = *request;
    return hand_out(plan, make(plan, workspace, err), out);
}

lt_status lt_plan_make_alert(const lt_plan_request *request, bool has_target, lt_plan **out,
                             lt_err *err)
{
    lt_plan *plan = lt_xcalloc(1, sizeof(*plan));
    plan->request = *request;
    return hand_out(plan, lt_plan_add_alert(plan, has_target, err), out);
}

/* ---- looking ---- */

void lt_plan_schemas(lt_plan *plan, lt_texts *out)
{
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        const lt_step *step = plan->graph.nodes.items[i]->payload;
        lt_text schema = step->node ? step->node->relation.schema : step->relation.schema;
        bool has_none =
            step->node && (step->kind == LT_STEP_GATE || step->node->kind == LT_DBT_UNIT_TEST ||
                           step->node->relation.database.len);
        bool known = has_none || !schema.len || !lt_node_set_has(&plan->selected, i);
        for (size_t k = 0; k < out->len && !known; k++)
            known = lt_text_eq(out->items[k], schema);
        if (!known)
            lt_push_in(&plan->arena, out, schema);
    }
}

/* "schema.name", or "name" in any schema. */
static bool is_named(const lt_relation *relation, lt_text word)
{
    lt_text schema = relation->schema;
    bool has_schema = word.len > schema.len && lt_text_starts(word, schema) &&
                      word.ptr[schema.len] == '.' && schema.len;
    return lt_text_eq(word, relation->name) ||
           (has_schema && lt_text_eq(lt_text_sub(word, schema.len + 1, SIZE_MAX), relation->name));
}

bool lt_plan_takes_over(const lt_plan *plan, const lt_relation *relation)
{
    for (size_t i = 0; i < plan->request.take_over.len; i++)
        if (is_named(relation, plan->request.take_over.items[i]))
            return true;
    return false;
}

static bool is_written(const lt_plan *plan, lt_text word)
{
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        const lt_step *step = plan->graph.nodes.items[i]->payload;
        const lt_relation *relation = step->node ? &step->node->relation : &step->relation;
        if (lt_node_set_has(&plan->selected, i) && relation->name.len && is_named(relation, word))
            return true;
    }
    return false;
}

lt_status lt_plan_check_take_over(const lt_plan *plan, lt_err *err)
{
    for (size_t i = 0; i < plan->request.take_over.len; i++) {
        lt_text word = plan->request.take_over.items[i];
        if (is_written(plan, word))
            continue;
        lt_ignore(lt_fail(err, LT_INVALID, "--take-over %.*s: no task of this run writes it",
                          LT_ARG(word)));
        return lt_hint(err, "write the table or view as SCHEMA.NAME, without quotes");
    }
    return LT_OK;
}

void lt_plan_free(lt_plan *plan)
{
    if (!plan)
        return;
    lt_dbt_close(plan->dbt);
    lt_dbt_profile_cleanup(&plan->profile);
    lt_jinja_heap_cleanup(&plan->profile_heap);
    lt_node_set_cleanup(&plan->selected);
    lt_node_set_cleanup(&plan->members);
    lt_graph_cleanup(&plan->graph);
    lt_arena_cleanup(&plan->arena);
    lt_free(plan);
}
