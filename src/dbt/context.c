/* The lookup of templates: names of the project, then of the run time, then those that all of leat's templates have. */
#include "dbt/inner.h"

void lt_dbt_rendering_init(rendering *r, const lt_dbt *dbt, const lt_dbt_node *node)
{
    *r = (rendering){
        .scope = *dbt->settings.scope,
        .dbt = dbt,
        .node = node,
        .package = node ? node->package : dbt->root,
        .config.class = &lt_dbt_config_class,
        .builtins.class = &lt_dbt_graph_builtins_class,
        .var.class = &lt_dbt_var_class,
    };
    r->scope.vars = r->package->vars;
}

/* ---- relations ---- */

static const lt_dbt_rt *rt_of(const rendering *r)
{
    return r->rt ? r->rt : r->dbt->parse_rt;
}

static lt_text none_or(lt_text text) /* an empty part is None */
{
    return text.len ? text : (lt_text){0};
}

/* DuckDB: a source may be a file; {name} and its like stand for parts of the source. */
void lt_dbt_external_name(const lt_dbt *dbt, const lt_dbt_node *node, lt_buf *out)
{
    lt_jinja_value said = lt_dbt_at(lt_dbt_config_get(dbt, node, T("meta")), "external_location");
    if (!lt_dbt_is_set(said))
        said = lt_dbt_config_get(dbt, node, T("external_location"));
    if (!lt_dbt_is_set(said))
        said = lt_dbt_at(lt_dbt_at(node->source_raw, "config"), "external_location");
    const struct {
        lt_text name, value;
    } parts[] = {{T("{name}"), node->name},
                 {T("{identifier}"), node->identifier},
                 {T("{schema}"), node->relation.schema},
                 {T("{source_name}"), node->source_name}};
    lt_text raw = lt_jinja_as_text(said);
    bool quoted = lt_text_find_byte(raw, '(', 0) == SIZE_MAX && !lt_text_starts(raw, T("'"));
    if (!raw.len || !lt_text_eq(dbt->settings.target_kind, T("duckdb")))
        return;
    lt_buf_add_str(out, quoted ? "'" : "");
    for (size_t i = 0; i < raw.len;) {
        size_t step = 1;
        for (size_t k = 0; k < LT_COUNT(parts) && step == 1; k++)
            if (lt_text_starts(lt_text_sub(raw, i, SIZE_MAX), parts[k].name)) {
                lt_buf_add(out, parts[k].value);
                step = parts[k].name.len;
            }
        if (step == 1)
            lt_buf_add_byte(out, raw.ptr[i]);
        i += step;
    }
    lt_buf_add_str(out, quoted ? "'" : "");
}

static lt_text external_of(const rendering *r, const lt_dbt_node *node, lt_jinja_heap *heap)
{
    LT_AUTO(lt_buf) text = {.limit = 64 * LT_KIB};
    lt_dbt_external_name(r->dbt, node, &text);
    return lt_buf_text(&text).len ? lt_jinja_as_text(lt_jinja_text_copy(heap, lt_buf_text(&text)))
                                  : (lt_text){0};
}

lt_text lt_dbt_database_of(const rendering *r)
{
    const lt_dbt_rt *rt = rt_of(r);
    if (r->node && r->node->relation.database.len)
        return r->node->relation.database;
    return rt ? lt_dbt_rt_settings_of(rt)->database : r->dbt->settings.target_database;
}

static lt_dbt_relation relation_of(const rendering *r, const lt_dbt_node *node, lt_jinja_heap *heap)
{
    /* While it is read, it has the usual place: where it goes in the end is not configured yet. */
    const lt_relation usual = {.database = r->dbt->settings.target_database,
                               .schema = r->dbt->settings.target_schema,
                               .name = node->name};
    const lt_relation *at = node->relation.schema.len || !r->loading ? &node->relation : &usual;
    bool ephemeral =
        node->kind == LT_DBT_MODEL && lt_text_eq(node->config.materialized, T("ephemeral"));
    lt_text name = at->name;
    if (ephemeral)
        name = lt_text_of(lt_arena_format(&heap->arena, "__dbt__cte__%.*s", LT_ARG(at->name)));
    lt_text database = at->database.len ? at->database : lt_dbt_rt_settings_of(rt_of(r))->database;
    lt_dbt_relation made =
        lt_dbt_relation_init(rt_of(r), none_or(database), none_or(at->schema), none_or(name),
                             ephemeral ? LT_DBT_CTE : LT_DBT_UNTYPED);
    lt_dbt_quoting_of(r->dbt, node, made.quote);
    if (ephemeral) {
        made.include[LT_DBT_DATABASE] = made.include[LT_DBT_SCHEMA] = false;
        made.quote[LT_DBT_IDENTIFIER] = false;
    }
    if (!at->database.len) /* known, for those who ask, and not written */
        made.include[LT_DBT_DATABASE] = false;
    if (node->kind == LT_DBT_SOURCE)
        made.external = external_of(r, node, heap);
    return made;
}

lt_jinja_value lt_dbt_node_relation(const rendering *r, const lt_dbt_node *node,
                                    lt_jinja_heap *heap)
{
    if (!rt_of(r) || !node)
        return lt_jinja_none();
    lt_dbt_relation made = relation_of(r, node, heap);
    return lt_dbt_relation_value_of(heap, &made);
}

lt_jinja_value lt_dbt_deferred_relation(const rendering *r, const lt_dbt_node *node,
                                        lt_jinja_heap *heap)
{
    const lt_json *there = r->run->defer ? lt_dbt_state_node(r->run->defer, node->id) : NULL;
    if (!there || !lt_json_text_or(there, "relation_name", (lt_text){0}).len)
        return (lt_jinja_value){0};
    lt_dbt_relation made = relation_of(r, node, heap);
    made.parts[LT_DBT_DATABASE] = none_or(lt_json_text_or(there, "database", (lt_text){0}));
    made.parts[LT_DBT_SCHEMA] = none_or(lt_json_text_or(there, "schema", (lt_text){0}));
    made.parts[LT_DBT_IDENTIFIER] = lt_json_text_or(there, "alias", node->relation.name);
    return lt_dbt_relation_value_of(heap, &made);
}

/* Another environment's relation, when this one has none or that one is favoured. */
static lt_status deferred(rendering *r, lt_jinja_render *render, const lt_dbt_node *node,
                          lt_dbt_relation *relation, lt_err *err)
{
    const lt_json *there = lt_dbt_state_node(r->run->defer, node->id);
    lt_jinja_value cached = {0};
    bool chosen = lt_node_set_has(r->run->selected, node->index);
    if (!there || node->kind == LT_DBT_SOURCE)
        return LT_OK;
    if (!r->run->favor_state || chosen)
        LT_TRY(lt_dbt_exec_cached(r->exec, render, relation, &cached, err));
    if (cached.type != LT_JINJA_UNDEFINED || (chosen && !r->run->favor_state))
        return LT_OK;
    relation->parts[LT_DBT_DATABASE] = none_or(lt_json_text_or(there, "database", (lt_text){0}));
    relation->parts[LT_DBT_SCHEMA] = none_or(lt_json_text_or(there, "schema", (lt_text){0}));
    relation->parts[LT_DBT_IDENTIFIER] = lt_json_text_or(there, "alias", node->relation.name);
    return LT_OK;
}

/* "2024-01-01 00:00:00+00:00", as Python writes it. */
static lt_text moment_text(lt_jinja_heap *heap, int64_t at_us)
{
    LT_AUTO(lt_buf) text = {.limit = 64};
    lt_jinja_str(lt_dbt_datetime_value(heap, at_us), &text);
    return lt_jinja_as_text(lt_jinja_text_copy(heap, lt_buf_text(&text)));
}

/* What has an event_time is cut to the batch and to the window of --sample, for models and snapshots. Moments are written alike, so they
 * compare as texts. */
static void cut_to_window(const rendering *r, const lt_dbt_node *node, lt_jinja_heap *heap,
                          lt_dbt_relation *relation)
{
    lt_text field = lt_jinja_as_text(lt_dbt_config_get(r->dbt, node, T("event_time")));
    bool quoted = false;
    if (!field.len || !r->node || relation->type == LT_DBT_CTE ||
        (r->node->kind != LT_DBT_MODEL && r->node->kind != LT_DBT_SNAPSHOT))
        return;
    for (size_t i = 0; i < node->columns.len; i++)
        if (lt_text_eq(node->columns.items[i].name, field))
            quoted = lt_jinja_truth(lt_dbt_at(node->columns.items[i].raw, "quote"));
    LT_AUTO(lt_buf) name = {.limit = 64 * LT_KIB};
    lt_quote_name(field, &name);
    relation->event_field = quoted ? lt_arena_text(&heap->arena, lt_buf_text(&name)) : field;
    relation->event_start = r->run ? r->run->sample_start : (lt_text){0};
    relation->event_end = r->run ? r->run->sample_end : (lt_text){0};
    if (!r->batch)
        return;
    lt_text start = moment_text(heap, r->batch->span.start_us);
    lt_text end = moment_text(heap, r->batch->span.end_us);
    if (!relation->event_start.len || lt_text_cmp(start, relation->event_start) > 0)
        relation->event_start = start;
    if (!relation->event_end.len || lt_text_cmp(end, relation->event_end) < 0)
        relation->event_end = end;
}

lt_status lt_dbt_ref_value(rendering *r, lt_jinja_render *render, const lt_dbt_node *node,
                           lt_jinja_value *out, lt_err *err)
{
    if (r->unit)
        return lt_dbt_unit_ref(r, render, node, out, err);
    lt_jinja_heap *heap = lt_jinja_heap_of(render);
    lt_dbt_relation made = relation_of(r, node, heap);
    if (r->run && r->run->defer && r->exec && made.type != LT_DBT_CTE)
        LT_TRY(deferred(r, render, node, &made, err));
    if (r->run && r->run->empty)
        made.limit = 0;
    if (r->batch || (r->run && r->run->sample_start.len))
        cut_to_window(r, node, heap, &made);
    *out = lt_dbt_relation_value_of(heap, &made);
    return LT_OK;
}

lt_status lt_dbt_udf_value(rendering *r, lt_jinja_render *render, const lt_dbt_node *node,
                           lt_jinja_value *out, lt_err *err)
{
    lt_jinja_heap *heap = lt_jinja_heap_of(render);
    lt_dbt_relation made = relation_of(r, node, heap);
    made.type = LT_DBT_FUNCTION;
    if (r->run && r->run->defer && r->exec)
        LT_TRY(deferred(r, render, node, &made, err));
    *out = lt_dbt_relation_value_of(heap, &made);
    return LT_OK;
}

/* ---- the lookup ---- */

static bool find_in_runtime(rendering *r, lt_jinja_heap *heap, lt_text name, lt_jinja_value *out,
                            lt_err *err)
{
    if (!rt_of(r))
        return false;
    if (!r->exec && lt_dbt_exec_attach(r, heap, (lt_text){0}, err) != LT_OK)
        return false;
    return lt_dbt_exec_find(r->exec, name, out);
}

/* What another run would give otherwise: the parse cache must not remember what was made of it. */
static void record_clock(rendering *r, lt_text name)
{
    static const lt_text names[] = {T("run_started_at"),      T("run_date"),  T("run_id"),
                                    T("invocation_id"),       T("thread_id"), T("modules"),
                                    T("dbt_metadata_envs"),   T("context"),   T("flags"),
                                    T("invocation_args_dict")};
    for (size_t i = 0; i < LT_COUNT(names); i++)
        if (lt_text_eq(name, names[i])) {
            if (r->recorded)
                r->recorded->reads_clock = true;
            else
                r->loading->reads_clock = true;
        }
}

lt_status lt_dbt_lookup(void *user, lt_jinja_render *render, const lt_jinja_template *from,
                        lt_text name, lt_jinja_value *out, bool *found, lt_err *err)
{
    rendering *r = user;
    (void)from;
    *found = true;
    if (r->loading)
        record_clock(r, name);
    if (r->exec && lt_dbt_exec_given(r->exec, name, out))
        return LT_OK;
    if (r->unit && lt_dbt_unit_name(r, render, name, out))
        return LT_OK;
    if (r->extra.type == LT_JINJA_DICT && lt_jinja_find(r->extra, name, out))
        return LT_OK;
    if (lt_dbt_names_find(r, render, name, out))
        return LT_OK;
    *found = find_in_runtime(r, lt_jinja_heap_of(render), name, out, err) ||
             lt_scope_find(&r->scope, name, out);
    return LT_OK;
}
