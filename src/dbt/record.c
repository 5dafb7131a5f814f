/* What a node says of itself while the project is read: its template for references and config(), its hooks, and its entry in a .yml file. */
#include "dbt/inner.h"

lt_status lt_dbt_compile_template(const lt_dbt *dbt, const lt_dbt_node *node, bool parsing,
                                  lt_jinja_template **out, lt_err *err)
{
    LT_AUTO(lt_buf) calls = {.limit = LT_DBT_FILE_BYTES};
    if (parsing && lt_dbt_is_python(node)) {
        LT_AUTO(lt_chars) path = lt_text_dup(node->path);
        LT_TRY(lt_dbt_python_template(path, node->raw_code, &calls, err));
        return lt_jinja_compile(&dbt->parse_env, node->path, lt_buf_text(&calls), out, NULL, err);
    }
    LT_TRY(lt_jinja_compile(parsing ? &dbt->parse_env : &dbt->env, node->path, node->raw_code, out,
                            NULL, err));
    if (node->kind == LT_DBT_GENERIC_TEST) /* nobody wrote its call of a macro */
        lt_jinja_hide(*out);
    return LT_OK;
}

static void rendering_for(rendering *r, lt_dbt *dbt, lt_dbt_node *node)
{
    lt_dbt_rendering_init(r, dbt, node);
    r->loading = dbt;
    r->recorded = node;
}

static lt_status render_for_record(rendering *r, const lt_jinja_template *compiled, lt_err *err)
{
    lt_jinja_heap heap = {0};
    LT_AUTO(lt_buf) text = {0};
    lt_jinja_context context = {.lookup = lt_dbt_lookup, .user = r};
    lt_status status = lt_jinja_render_text(compiled, &context, &heap, &text, NULL, err);
    lt_jinja_heap_cleanup(&heap);
    return status;
}

/* Only such values let dbt do without rendering a model. */
static bool is_plain_value(lt_jinja_value value)
{
    lt_jinja_value key, item;
    for (size_t i = 0; value.type == LT_JINJA_LIST && i < lt_jinja_len(value); i++)
        if (!is_plain_value(lt_jinja_at(value, i)))
            return false;
    for (size_t at = 0; value.type == LT_JINJA_DICT && lt_jinja_next(value, &at, &key, &item);)
        if (!is_plain_value(item))
            return false;
    return value.type == LT_JINJA_STR || value.type == LT_JINJA_LIST ||
           value.type == LT_JINJA_DICT || value.type == LT_JINJA_BOOL;
}

static bool is_simple_config(const rendering *r, const lt_jinja_static_call *call)
{
    static const char *const words[] = {"true", "false"}; /* it knows True and False */
    lt_jinja_value key, value;
    lt_text rest = lt_text_sub(r->node->raw_code, call->pos, SIZE_MAX);
    size_t end = lt_text_find(rest, T("}}"), 0);
    if (!lt_jinja_len(call->kwargs) || lt_jinja_len(call->args))
        return false;
    for (size_t at = 0; lt_jinja_next(call->kwargs, &at, &key, &value);)
        if (!is_plain_value(value))
            return false;
    return !lt_text_has_any(lt_text_sub(rest, 0, end), words, LT_COUNT(words));
}

/* Would dbt's own reader of simple models (dbt_extractor) do? It takes less than we: no numbers, no true, no white space control. */
static bool is_simple_to_dbt(const rendering *r, const lt_jinja_template *compiled)
{
    static const char *const unknown[] = {"{{-", "-}}", "{%", "hook"};
    lt_jinja_heap heap = {0};
    lt_jinja_static_call call;
    bool simple = r->node->kind == LT_DBT_MODEL && !lt_dbt_is_python(r->node) &&
                  !lt_text_has_any(r->node->raw_code, unknown, LT_COUNT(unknown));
    for (size_t at = 0; simple && lt_jinja_next_call(compiled, &heap, &at, &call);)
        simple = lt_text_eq(call.name, T("config")) ? is_simple_config(r, &call)
                                                    : !lt_text_eq(call.name, T("function"));
    lt_jinja_heap_cleanup(&heap);
    return simple;
}

/* What dbt keeps of the calls of config() to compare them with another run. */
static void keep_written(rendering *r, const lt_jinja_template *compiled, bool is_static)
{
    lt_dbt *dbt = r->loading;
    config_calls *calls = &r->config_call;
    lt_jinja_value written;
    calls->written = calls->merged;
    if (calls->merged.type != LT_JINJA_DICT)
        return;
    calls->is_simple = is_static && is_simple_to_dbt(r, compiled);
    if (calls->is_simple)
        calls->written = calls->last;
    else if (lt_dbt_flag_read(dbt, LT_DBT_COMPARES_WRITTEN) && !lt_dbt_is_python(r->node) &&
             lt_jinja_keywords_of(compiled, T("config"), &dbt->heap, &written))
        calls->written = written;
}

/* A template of nothing but text and {{ ref('x') }} need not be rendered. *done false: render it. */
static lt_status record_statically(rendering *r, const lt_jinja_template *compiled, bool *done,
                                   lt_err *err)
{
    static const char *const names[] = {"ref", "source", "function", "config"};
    lt_jinja_static_call call;
    *done = false;
    for (size_t i = 0; i < LT_COUNT(names); i++) /* a project may have its own ref() */
        if (lt_map_has(&r->package->macros, lt_text_of(names[i])) ||
            lt_map_has(&r->dbt->root->macros, lt_text_of(names[i])))
            return LT_OK;
    if (!lt_jinja_is_static(compiled, names, LT_COUNT(names)))
        return LT_OK;
    *done = true;
    lt_jinja_heap heap = {0};
    lt_status status = LT_OK;
    for (size_t at = 0;
         status == LT_OK && *done && lt_jinja_next_call(compiled, &heap, &at, &call);)
        status = lt_dbt_static_call(r, &call, done, err);
    lt_jinja_heap_cleanup(&heap);
    if (status != LT_OK)
        return lt_wrap(err, "%.*s:%u:1", LT_ARG(r->node->path), call.line);
    return LT_OK;
}

lt_status lt_dbt_record_with(lt_dbt *dbt, lt_dbt_node *node, const lt_jinja_template *compiled,
                             config_calls *config_call, lt_err *err)
{
    rendering r;
    bool done = false;
    rendering_for(&r, dbt, node);
    LT_TRY(record_statically(&r, compiled, &done, err));
    if (!done)
        LT_TRY(render_for_record(&r, compiled, err));
    keep_written(&r, compiled, done);
    *config_call = r.config_call;
    return LT_OK;
}

lt_status lt_dbt_record(lt_dbt *dbt, lt_dbt_node *node, config_calls *config_call, lt_err *err)
{
    LT_AUTO(lt_jinja_template_ref) compiled = NULL;
    *config_call = (config_calls){0};
    if (lt_text_find_byte(node->raw_code, '{', 0) == SIZE_MAX)
        return LT_OK;
    LT_TRY(lt_dbt_compile_template(dbt, node, true, &compiled, err));
    return lt_dbt_record_with(dbt, node, compiled, config_call, err);
}

/* Hooks refer to models too. They are rendered for that, each by itself. */
static lt_status record_hooks(lt_dbt *dbt, lt_dbt_node *node, lt_err *err)
{
    static const char *const keys[] = {"pre-hook", "post-hook"};
    for (size_t k = 0; k < LT_COUNT(keys); k++) {
        lt_jinja_value hooks = lt_dbt_at(node->config.all, keys[k]);
        for (size_t i = 0; hooks.type == LT_JINJA_LIST && i < lt_jinja_len(hooks); i++) {
            lt_text sql = lt_jinja_as_text(lt_dbt_at(lt_jinja_at(hooks, i), "sql"));
            rendering r;
            LT_AUTO(lt_jinja_template_ref) compiled = NULL;
            if (!lt_dbt_is_template(sql))
                continue;
            rendering_for(&r, dbt, node);
            LT_TRY(lt_jinja_compile(&dbt->parse_env, node->path, sql, &compiled, NULL, err));
            if (render_for_record(&r, compiled, err) != LT_OK)
                return lt_wrap(err, "%s of %.*s", keys[k], LT_ARG(node->id));
        }
    }
    return LT_OK;
}

/* ---- configuration from the entry of a .yml file ---- */

/* Keys beside `config` that are configuration too. */
static bool is_loose(const value_source *source, lt_text key)
{
    static const lt_text keys[] = {T("meta"), T("docs"), T("group"), T("contract"), T("access")};
    for (size_t i = 0; i < LT_COUNT(keys); i++)
        if (lt_text_eq(key, keys[i]))
            return true;
    return source->dbt->is_strict && lt_text_eq(key, T("tags"));
}

static bool is_hook_key(lt_text key)
{
    return lt_text_eq(key, T("pre-hook")) || lt_text_eq(key, T("post-hook")) ||
           lt_text_eq(key, T("pre_hook")) || lt_text_eq(key, T("post_hook"));
}

static lt_status loose_config(const value_source *source, const lt_yaml *entry,
                              lt_jinja_value rendered, lt_err *err)
{
    const lt_yaml *config = lt_yaml_find(entry, T("config"));
    for (size_t i = 0; i < entry->count; i++) {
        lt_jinja_value value;
        const lt_yaml *key = entry->keys[i];
        if (!is_loose(source, key->text))
            continue;
        if (config && lt_yaml_find(config, key->text) && !source->dbt->is_strict)
            return lt_yaml_fail(key, source->path, err,
                                "'%.*s' stands here and below 'config': remove this one",
                                LT_ARG(key->text));
        LT_TRY(lt_dbt_value(source, entry->items[i], &value, err));
        lt_jinja_put_value(rendered, lt_jinja_text(key->text), value);
    }
    return LT_OK;
}

/* `rendered` gets all that an entry configures, `raw` what stands below its `config`, as it is written. */
static lt_status config_of_entry(const value_source *source, const lt_dbt_node *node,
                                 const lt_yaml *entry, lt_jinja_value rendered, lt_jinja_value raw,
                                 lt_err *err)
{
    LT_TRY(loose_config(source, entry, rendered, err));
    const lt_yaml *config = lt_yaml_find(entry, T("config"));
    if (lt_dbt_is_null(config))
        return LT_OK;
    LT_TRY(lt_dbt_config_check_yaml(source, node, config, err));
    for (size_t i = 0; i < config->count; i++) {
        lt_text key = config->keys[i]->text;
        lt_jinja_value value, plain = lt_scope_value(&source->dbt->heap, config->items[i]);
        if (is_hook_key(key))
            value = plain;
        else
            LT_TRY(lt_dbt_value(source, config->items[i], &value, err));
        lt_jinja_put_value(rendered, lt_jinja_text(key), value);
        lt_jinja_put_value(raw, lt_jinja_text(key), plain);
    }
    return LT_OK;
}

lt_status lt_dbt_settle_with(lt_dbt *dbt, lt_dbt_node *node, const config_calls *config_call,
                             lt_err *err)
{
    LT_TRY(lt_dbt_config_make(dbt, node, node->config.entry, node->config.entry_raw, config_call,
                              err));
    LT_TRY(lt_dbt_config_finish(dbt, node, err));
    return node->config.disabled ? LT_OK : record_hooks(dbt, node, err);
}

/* A model in Python is a table, unless its entry or itself says otherwise; folders are not asked. */
static void put_python_default(lt_dbt *dbt, lt_jinja_value *rendered, lt_jinja_value *raw)
{
    if (lt_dbt_is_set(lt_dbt_at(*rendered, "materialized")))
        return;
    if (rendered->type != LT_JINJA_DICT) {
        *rendered = lt_jinja_dict(&dbt->heap);
        *raw = lt_jinja_dict(&dbt->heap);
    }
    lt_jinja_put(*rendered, "materialized", lt_jinja_text(T("table")));
    lt_jinja_put(*raw, "materialized", lt_jinja_text(T("table")));
}

lt_status lt_dbt_settle(lt_dbt *dbt, lt_dbt_node *node, const value_source *source,
                        const lt_yaml *entry, const config_calls *config_call, lt_err *err)
{
    lt_jinja_value rendered = {0}, raw = {0};
    const patch *given = lt_dbt_patch_of(dbt, node);
    if (entry) {
        rendered = lt_jinja_dict(&dbt->heap);
        raw = lt_jinja_dict(&dbt->heap);
        LT_TRY(config_of_entry(source, node, entry, rendered, raw, err));
        if (given && given->version && given->entry == entry) {
            lt_jinja_value own = lt_jinja_dict(&dbt->heap);
            raw = lt_jinja_dict(&dbt->heap);
            LT_TRY(config_of_entry(source, node, given->version, own, raw, err));
            rendered = lt_dbt_config_deep_merge(dbt, rendered, own);
        }
        raw = lt_dbt_flag_read(dbt, LT_DBT_COMPARES_WRITTEN)
                  ? lt_dbt_config_deep_merge(dbt, rendered, raw)
                  : rendered;
    }
    if (lt_dbt_is_python(node))
        put_python_default(dbt, &rendered, &raw);
    node->config.entry = rendered;
    node->config.entry_raw = raw;
    return lt_dbt_settle_with(dbt, node, config_call, err);
}
