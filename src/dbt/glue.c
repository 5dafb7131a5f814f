/* The project as the host of the run time: what that asks of macros and names is answered here. */
#include "dbt/inner.h"

#include "base/log.h"

#include <stdio.h>

const lt_jinja_env lt_dbt_yaml_env = {.filters = lt_dbt_native_filters,
                                      .filter_count = LT_DBT_FILTERS};

static rendering *rendering_of(const lt_dbt_exec *exec)
{
    return lt_dbt_exec_user(exec);
}

static void give(const rendering *r, const lt_dbt_macro *found, lt_jinja_value *macro)
{
    *macro = found ? lt_dbt_macro_ready(found)->value : (lt_jinja_value){0};
    if (found)
        lt_dbt_seen_macro(r, found);
}

static lt_status dispatch(void *user, lt_dbt_exec *exec, lt_text name, lt_text package,
                          lt_jinja_value *macro, lt_buf *tried, lt_err *err)
{
    const lt_dbt *dbt = user;
    (void)err;
    const rendering *r = rendering_of(exec);
    const lt_dbt_macro *found = lt_dbt_macro_dispatch(dbt, r->package, name, package, NULL);
    /* While a generic test is read, as in dbt, anybody's; when it runs, that is an error of this test alone. */
    bool of_test = r->loading && r->node && r->node->kind == LT_DBT_GENERIC_TEST;
    for (size_t i = 0; of_test && !package.len && !found && i < dbt->packages.len; i++)
        found = lt_dbt_macro_dispatch(dbt, dbt->packages.items[i], name, package, NULL);
    if (!found) /* only then it counts what was tried */
        found = lt_dbt_macro_dispatch(dbt, r->package, name, package, tried);
    give(r, found, macro);
    return LT_OK;
}

static lt_status find_macro(void *user, lt_dbt_exec *exec, lt_text name, lt_jinja_value *macro,
                            lt_err *err)
{
    size_t dot = lt_text_find_byte(name, '.', 0);
    const lt_dbt *dbt = user;
    const lt_dbt_macro *found = NULL;
    (void)err;
    if (dot != SIZE_MAX) { /* package.macro, of run-operation */
        const lt_dbt_package *package = lt_dbt_package_find(dbt, lt_text_sub(name, 0, dot));
        lt_text inside = lt_text_sub(name, dot + 1, SIZE_MAX);
        if (package)
            found = package == dbt->internal ? lt_dbt_macro_find(dbt, package, inside)
                                             : lt_map_find(&package->macros, inside);
    } else {
        found = lt_dbt_macro_find(dbt, NULL, name);
    }
    give(rendering_of(exec), found, macro);
    return LT_OK;
}

static lt_status find_materialization(void *user, lt_dbt_exec *exec, lt_text name,
                                      lt_jinja_value *macro, lt_err *err)
{
    const lt_dbt_macro *found = lt_dbt_materialization_find(user, name);
    (void)err;
    give(rendering_of(exec), found, macro);
    return LT_OK;
}

static lt_status find_name(void *user, lt_dbt_exec *exec, lt_text name, lt_jinja_value *value,
                           bool *found, lt_err *err)
{
    rendering *r = rendering_of(exec);
    (void)user;
    (void)err;
    *found = lt_dbt_exec_given(exec, name, value) || lt_dbt_names_find(r, NULL, name, value) ||
             lt_dbt_exec_find(exec, name, value) || lt_scope_find(&r->scope, name, value);
    return LT_OK;
}

static void flag_read(void *user, lt_dbt_exec *exec, lt_text name, lt_jinja_value value)
{
    rendering *r = rendering_of(exec);
    (void)user;
    if (r->loading)
        lt_dbt_flag_record(r->loading, name, value);
}

static lt_status render(void *user, lt_dbt_exec *exec, lt_jinja_render *inside, lt_text source,
                        lt_buf *out, lt_err *err)
{
    rendering *r = rendering_of(exec);
    const lt_dbt *dbt = user;
    LT_AUTO(lt_jinja_template_ref) compiled = NULL;
    lt_jinja_context context = {.lookup = lt_dbt_lookup, .user = r, .inside = inside};
    lt_text name = r->node ? r->node->path : T("text");
    LT_TRY(lt_jinja_compile(r->loading ? &dbt->parse_env : &dbt->env, name, source, &compiled, NULL,
                            err));
    return lt_jinja_render_text(compiled, &context, inside ? lt_jinja_heap_of(inside) : NULL, out,
                                NULL, err);
}

/* Where nobody listens, what log() says while a project is read is left out. */
static lt_status tell(const lt_dbt *dbt, bool is_read, lt_dbt_said how, lt_text message,
                      lt_err *err)
{
    static const lt_log_level levels[] = {[LT_DBT_LOGGED] = LT_LOG_DEBUG,
                                          [LT_DBT_TOLD] = LT_LOG_INFO,
                                          [LT_DBT_WARNED] = LT_LOG_WARNING};
    if (dbt->settings.say)
        return dbt->settings.say(dbt->settings.say_user, how, message, err);
    if (how == LT_DBT_PRINTED)
        printf("%.*s\n", LT_ARG(message));
    else if (!is_read || how == LT_DBT_WARNED)
        lt_log(levels[how], "%.*s", LT_ARG(message));
    return LT_OK;
}

static lt_status say(void *user, lt_dbt_exec *exec, lt_dbt_said how, lt_text message, lt_err *err)
{
    lt_dbt *loading = rendering_of(exec)->loading;
    if (!loading || !loading->may_begin_anew)
        return tell(user, loading != NULL, how, message, err);
    held_line line = {.how = how, .text = lt_arena_text(&loading->arena, message)};
    lt_push_in(&loading->arena, &loading->held, line);
    return LT_OK;
}

lt_status lt_dbt_say_held(lt_dbt *dbt, lt_err *err)
{
    dbt->may_begin_anew = false;
    for (size_t i = 0; i < dbt->held.len; i++)
        LT_TRY(tell(dbt, true, dbt->held.items[i].how, dbt->held.items[i].text, err));
    return LT_OK;
}

static void itertools_used(void *user, lt_dbt_exec *exec)
{
    lt_dbt *loading = rendering_of(exec)->loading;
    (void)user;
    if (loading)
        lt_dbt_warn(loading, LT_DBT_ITERTOOLS,
                    "Usage of itertools modules is deprecated. Please use the built-in functions "
                    "instead.");
}

static const lt_dbt_host host = {.itertools_used = itertools_used,
                                 .dispatch = dispatch,
                                 .find_macro = find_macro,
                                 .find_materialization = find_materialization,
                                 .find_name = find_name,
                                 .flag_read = flag_read,
                                 .render = render,
                                 .say = say};

static void add_quoting(lt_jinja_value said, bool quote[LT_DBT_PARTS])
{
    static const char *const keys[LT_DBT_PARTS] = {"database", "schema", "identifier"};
    for (size_t i = 0; i < LT_DBT_PARTS; i++) {
        lt_jinja_value value = lt_dbt_at(said, keys[i]);
        if (lt_dbt_is_set(value))
            quote[i] = lt_jinja_truth(value);
    }
}

void lt_dbt_quoting_of(const lt_dbt *dbt, const lt_dbt_node *node, bool quote[LT_DBT_PARTS])
{
    for (size_t i = 0; i < LT_DBT_PARTS; i++)
        quote[i] = true;
    if (!node || node->kind != LT_DBT_SOURCE) {
        if (dbt->root) /* else dbt_project.yml is being read */
            add_quoting(lt_dbt_at(dbt->root->project, "quoting"), quote);
        if (node)
            add_quoting(lt_dbt_config_get(dbt, node, T("quoting")), quote);
        return;
    }
    add_quoting(lt_dbt_at(node->source_raw, "quoting"), quote);
    add_quoting(lt_dbt_at(node->raw, "quoting"), quote);
}

static void put_name(const lt_dbt_node *node, const bool quote[LT_DBT_PARTS], lt_buf *out)
{
    const lt_relation *at = &node->relation;
    const lt_text parts[LT_DBT_PARTS] = {at->database, at->schema, at->name};
    bool first = true;
    for (size_t i = 0; i < LT_DBT_PARTS; i++) {
        if (!parts[i].len)
            continue;
        lt_buf_add_str(out, first ? "" : ".");
        if (quote[i])
            lt_quote_name(parts[i], out);
        else
            lt_buf_add(out, parts[i]);
        first = false;
    }
}

void lt_dbt_relation_name(const lt_dbt *dbt, const lt_dbt_node *node, lt_buf *out)
{
    bool quote[LT_DBT_PARTS];
    lt_dbt_quoting_of(dbt, node, quote);
    put_name(node, quote, out);
}

void lt_dbt_written_name(const lt_dbt *dbt, const lt_dbt_node *node, lt_buf *out)
{
    bool quote[LT_DBT_PARTS];
    lt_dbt_quoting_of(dbt, node, quote);
    if (node->kind == LT_DBT_SOURCE) {
        lt_dbt_quoting_of(dbt, NULL, quote);
        add_quoting(lt_dbt_at(node->source_raw, "quoting"), quote);
        add_quoting(lt_dbt_at(node->raw, "quoting"), quote);
    }
    put_name(node, quote, out);
}

/* dbt-duckdb runs a model in its own Python; here the profile may name one. */
static void set_python(const rt_request *request, lt_dbt_rt_settings *settings)
{
    lt_text named = lt_jinja_as_text(lt_dbt_at(request->credentials, "python"));
    lt_jinja_value paths = lt_dbt_at(request->credentials, "module_paths");
    if (named.len)
        settings->python = lt_arena_str(request->arena, named);
    for (size_t i = 0; paths.type == LT_JINJA_LIST && i < lt_jinja_len(paths); i++)
        lt_push_in(request->arena, &settings->module_paths,
                   lt_jinja_as_text(lt_jinja_at(paths, i)));
}

lt_status lt_dbt_rt_make(const lt_dbt *dbt, const rt_request *request, lt_dbt_rt **out, lt_err *err)
{
    lt_dbt_rt_settings settings = {.engine = request->engine,
                                   .kind = dbt->settings.target_kind,
                                   .database = dbt->settings.target_database.len
                                                   ? dbt->settings.target_database
                                                   : request->database,
                                   .schema = dbt->settings.target_schema,
                                   .flags = request->flags,
                                   .invocation_args = request->args,
                                   .metadata_envs = request->envs,
                                   .invocation_id = dbt->settings.scope->run_id,
                                   .started_at_us = dbt->settings.scope->clock_us,
                                   .project_root = dbt->settings.root,
                                   .run_folder = request->run_folder,
                                   .host = &host,
                                   .user = (void *)(uintptr_t)dbt};
    lt_dbt_quoting_of(dbt, NULL, settings.quote);
    set_python(request, &settings);
    return lt_dbt_rt_open(&settings, out, err);
}

static lt_text thread_name(const rendering *r, lt_jinja_heap *heap)
{
    if (!r->thread)
        return T("MainThread");
    return lt_text_of(lt_arena_format(&heap->arena, "Thread-%u (worker)", r->thread));
}

/* The text of query-comment, as a macro sees it: with `node` and `connection_name`. */
static lt_status render_comment(rendering *r, lt_jinja_heap *heap, lt_text comment, lt_text *out,
                                lt_err *err)
{
    LT_AUTO(lt_jinja_template_ref) compiled = NULL;
    LT_AUTO(lt_buf) source = {.limit = LT_MIB}, text = {.limit = LT_MIB};
    lt_jinja_value before = r->extra, key, value;
    lt_jinja_value names = lt_jinja_dict(heap);
    lt_jinja_context context = {.lookup = lt_dbt_lookup, .user = r};
    lt_buf_printf(&source, "{%% macro leat_comment() %%}%.*s{%% endmacro %%}{{ leat_comment() }}",
                  LT_ARG(comment));
    LT_TRY(lt_jinja_compile(&r->dbt->env, T("query-comment"), lt_buf_text(&source), &compiled, NULL,
                            err));
    for (size_t at = 0; before.type == LT_JINJA_DICT && lt_jinja_next(before, &at, &key, &value);)
        lt_jinja_put_value(names, key, value);
    lt_jinja_put(names, "node",
                 r->node ? lt_dbt_node_value(r->dbt, r->node, heap) : lt_jinja_none());
    lt_jinja_put(names, "connection_name", lt_jinja_text(r->node ? r->node->id : T("master")));
    r->extra = names;
    lt_status status = lt_jinja_render_text(compiled, &context, heap, &text, NULL, err);
    r->extra = before;
    *out = lt_arena_text(&heap->arena, lt_buf_text(&text));
    return status == LT_OK ? LT_OK : lt_wrap(err, "query-comment");
}

/* What dbt_project.yml says of comments: a text, or {comment, append}. */
static lt_status add_comment(rendering *r, lt_jinja_heap *heap, lt_err *err)
{
    if (!r->session || r->loading)
        return LT_OK;
    lt_jinja_value said = lt_dbt_at(r->dbt->root->project, "query-comment");
    bool is_dict = said.type == LT_JINJA_DICT;
    lt_text text = lt_jinja_as_text(is_dict ? lt_dbt_at(said, "comment") : said);
    if (!text.len)
        return LT_OK;
    LT_TRY(render_comment(r, heap, text, &text, err));
    return lt_dbt_exec_comment(r->exec, text, is_dict && lt_jinja_truth(lt_dbt_at(said, "append")),
                               err);
}

lt_status lt_dbt_exec_attach(rendering *r, lt_jinja_heap *heap, lt_text compiled, lt_err *err)
{
    const lt_dbt_node *node = r->node;
    lt_dbt_exec_settings settings = {.rt = r->rt ? r->rt : r->dbt->parse_rt,
                                     .heap = heap,
                                     .session = r->session,
                                     .is_apart = r->run && r->run->is_apart && !r->loading,
                                     .transaction = r->transaction,
                                     .compiled = compiled,
                                     .defer_relation = r->deferred,
                                     .thread_name = thread_name(r, heap),
                                     .user = r};
    if (node && r->session && !r->loading) {
        r->model = (lt_jinja_value){0};
        r->compiled = compiled;
        settings.this_relation = lt_dbt_node_relation(r, node, heap);
        settings.write_path = lt_dbt_write_path(node, r->batch, &heap->arena);
        if (node->kind == LT_DBT_SEED) {
            LT_AUTO(lt_chars) name = lt_text_dup(node->path);
            settings.seed_path =
                lt_text_of(lt_arena_format(&heap->arena, "%s/%s", node->package->root, name));
        }
    }
    LT_TRY(lt_dbt_exec_open(&settings, &r->exec, err));
    lt_status status = add_comment(r, heap, err);
    if (status != LT_OK) {
        lt_dbt_exec_close(r->exec);
        r->exec = NULL;
    }
    return status;
}
