/* api.Relation: the name of a table or view with what to quote and what to show of it. */
#include "dbt/rt/inner.h"

typedef struct relation_object {
    lt_jinja_object object;
    lt_dbt_relation relation;
} relation_object;

static const char *const type_names[LT_DBT_RELATION_TYPES] = {
    [LT_DBT_TABLE] = "table",
    [LT_DBT_VIEW] = "view",
    [LT_DBT_CTE] = "cte",
    [LT_DBT_MATERIALIZED_VIEW] = "materialized_view",
    [LT_DBT_EPHEMERAL] = "ephemeral",
    [LT_DBT_EXTERNAL] = "external",
    [LT_DBT_POINTER_TABLE] = "pointer_table",
    [LT_DBT_FUNCTION] = "function",
};

const char *lt_dbt_relation_type_name(lt_dbt_relation_type type)
{
    return type < LT_DBT_RELATION_TYPES ? type_names[type] : NULL;
}

lt_dbt_relation_type lt_dbt_relation_type_of(lt_text name)
{
    for (unsigned i = 1; i < LT_DBT_RELATION_TYPES; i++)
        if (lt_text_eq(lt_text_of(type_names[i]), name))
            return (lt_dbt_relation_type)i;
    return LT_DBT_UNTYPED;
}

static const char *const part_names[] = {"database", "schema", "identifier"};

lt_dbt_relation lt_dbt_relation_init(const lt_dbt_rt *rt, lt_text database, lt_text schema,
                                     lt_text identifier, lt_dbt_relation_type type)
{
    lt_dbt_relation made = {.parts = {database, schema, identifier},
                            .include = {true, true, true},
                            .type = type,
                            .limit = -1,
                            .kind = rt->adapter->id};
    for (int i = 0; i < LT_DBT_PARTS; i++)
        made.quote[i] = rt->settings.quote[i];
    return made;
}

/* ---- rendering ---- */

static void add_part(lt_text part, bool quoted, lt_buf *out)
{
    if (!quoted) {
        lt_buf_add(out, part);
        return;
    }
    lt_buf_add_byte(out, '"');
    lt_buf_add(out, part);
    lt_buf_add_byte(out, '"');
}

void lt_dbt_relation_render(const lt_dbt_relation *relation, lt_buf *out)
{
    if (relation->external.ptr) {
        lt_buf_add(out, relation->external);
        return;
    }
    bool first = true;
    for (int i = 0; i < LT_DBT_PARTS; i++) {
        if (!relation->include[i] || !relation->parts[i].ptr)
            continue;
        if (!first)
            lt_buf_add_byte(out, '.');
        add_part(relation->parts[i], relation->quote[i], out);
        first = false;
    }
    if (relation->info_view.ptr) {
        lt_buf_add_str(out, first ? "" : ".");
        lt_buf_add(out, relation->info_view);
    }
}

static void add_alias(const lt_dbt_relation *relation, const char *what, lt_buf *out)
{
    if (lt_dbt_adapter_at(relation->kind)->has_alias)
        lt_buf_printf(out, " _dbt_%s_subq_%.*s", what, LT_ARG(relation->parts[LT_DBT_IDENTIFIER]));
}

static void render_limited(const lt_dbt_relation *relation, lt_buf *out)
{
    if (relation->limit < 0) {
        lt_dbt_relation_render(relation, out);
        return;
    }
    lt_buf_add_str(out, "(select * from ");
    lt_dbt_relation_render(relation, out);
    if (relation->limit == 0)
        lt_buf_add_str(out, " where false limit 0)");
    else
        lt_buf_printf(out, " limit %lld)", (long long)relation->limit);
    add_alias(relation, "limit", out);
}

static void add_filter(const lt_dbt_relation *relation, lt_buf *out)
{
    const char *and = "";
    if (relation->event_start.ptr) {
        lt_buf_printf(out, "%.*s >= '%.*s'", LT_ARG(relation->event_field),
                      LT_ARG(relation->event_start));
        and = " and ";
    }
    if (relation->event_end.ptr)
        lt_buf_printf(out, "%s%.*s < '%.*s'", and, LT_ARG(relation->event_field),
                      LT_ARG(relation->event_end));
}

void lt_dbt_relation_str(const lt_dbt_relation *relation, lt_buf *out)
{
    bool filtered =
        relation->event_field.ptr && (relation->event_start.ptr || relation->event_end.ptr);
    if (relation->type == LT_DBT_FUNCTION) {
        lt_dbt_relation_render(relation, out);
        return;
    }
    if (!filtered) {
        render_limited(relation, out);
        return;
    }
    lt_buf_add_str(out, "(select * from ");
    render_limited(relation, out);
    lt_buf_add_str(out, " where ");
    add_filter(relation, out);
    lt_buf_add_byte(out, ')');
    add_alias(relation, "et_filter", out);
}

static const lt_dbt_relation *relation_of(const lt_jinja_object *self)
{
    return &((const relation_object *)self)->relation;
}

static void str(const lt_jinja_object *self, lt_buf *out)
{
    lt_dbt_relation_str(relation_of(self), out);
}

static void repr(const lt_jinja_object *self, lt_buf *out)
{
    const lt_dbt_relation *relation = relation_of(self);
    lt_buf_printf(out, "<%s ",
                  relation->is_info ? "InformationSchema"
                                    : lt_dbt_adapter_at(relation->kind)->relation_class);
    lt_dbt_relation_render(relation, out);
    lt_buf_add_byte(out, '>');
}

static lt_jinja_value rendered(lt_jinja_heap *heap, const lt_dbt_relation *relation,
                               void (*how)(const lt_dbt_relation *, lt_buf *))
{
    LT_AUTO(lt_buf) text = {0};
    how(relation, &text);
    return lt_jinja_text_copy(heap, lt_buf_text(&text));
}

/* ---- values ---- */

static const lt_jinja_class relation_class;

static lt_text keep(lt_jinja_heap *heap, lt_text text)
{
    return text.ptr ? lt_jinja_as_text(lt_jinja_text_copy(heap, text)) : text;
}

lt_jinja_value lt_dbt_relation_value_of(lt_jinja_heap *heap, const lt_dbt_relation *relation)
{
    relation_object *made = LT_NEW(&heap->arena, relation_object);
    *made = (relation_object){.object.class = &relation_class, .relation = *relation};
    for (int i = 0; i < LT_DBT_PARTS; i++)
        made->relation.parts[i] = keep(heap, relation->parts[i]);
    made->relation.event_field = keep(heap, relation->event_field);
    made->relation.event_start = keep(heap, relation->event_start);
    made->relation.event_end = keep(heap, relation->event_end);
    made->relation.external = keep(heap, relation->external);
    made->relation.info_view = keep(heap, relation->info_view);
    return lt_jinja_object_value(&made->object);
}

const lt_dbt_relation *lt_dbt_relation_in(lt_jinja_value value)
{
    if (value.type != LT_JINJA_OBJECT || value.as.object->class != &relation_class)
        return NULL;
    return relation_of(value.as.object);
}

/* A long name is refused before PostgreSQL would cut it to that of another table. */
static lt_status checked(lt_jinja_heap *heap, const lt_dbt_relation *relation, lt_jinja_value *out,
                         lt_err *err)
{
    size_t most = lt_dbt_adapter_at(relation->kind)->max_name;
    lt_text name = relation->parts[LT_DBT_IDENTIFIER];
    if (most && relation->type != LT_DBT_UNTYPED && name.len > most)
        return lt_fail(err, LT_INVALID, "Relation name '%.*s' is longer than %zu characters",
                       LT_ARG(name), most);
    *out = lt_dbt_relation_value_of(heap, relation);
    return LT_OK;
}

static lt_jinja_value text_or_none(lt_text text)
{
    return text.ptr ? lt_jinja_text(text) : lt_jinja_none();
}

static bool equal(const lt_jinja_object *self, lt_jinja_value other)
{
    const lt_dbt_relation *a = relation_of(self), *b = lt_dbt_relation_in(other);
    if (!b || a->type != b->type || a->limit != b->limit)
        return false;
    for (int i = 0; i < LT_DBT_PARTS; i++)
        if (!lt_text_eq(a->parts[i], b->parts[i]) || a->quote[i] != b->quote[i] ||
            a->include[i] != b->include[i])
            return false;
    return lt_text_eq(a->external, b->external) && lt_text_eq(a->info_view, b->info_view);
}

/* ---- attributes ---- */

/* .path, .quote_policy, .include_policy: dicts, which .get() and [...] read as the original's objects. */
static lt_jinja_value parts_dict(lt_jinja_heap *heap, const lt_dbt_relation *relation,
                                 const bool *flags)
{
    lt_jinja_value dict = lt_jinja_dict(heap);
    for (int i = 0; i < LT_DBT_PARTS; i++)
        lt_jinja_put(dict, part_names[i],
                     flags ? lt_jinja_bool(flags[i]) : text_or_none(relation->parts[i]));
    return dict;
}

static bool type_attr(const lt_dbt_relation *relation, lt_text name, lt_jinja_value *out)
{
    static const struct {
        const char *is, *constant;
    } names[LT_DBT_RELATION_TYPES] = {
        [LT_DBT_TABLE] = {"is_table", "Table"},
        [LT_DBT_VIEW] = {"is_view", "View"},
        [LT_DBT_CTE] = {"is_cte", "CTE"},
        [LT_DBT_MATERIALIZED_VIEW] = {"is_materialized_view", "MaterializedView"},
        [LT_DBT_EXTERNAL] = {"is_external", "External"},
        [LT_DBT_POINTER_TABLE] = {"is_pointer", "PointerTable"},
        [LT_DBT_FUNCTION] = {"is_function", "Function"},
    };
    for (unsigned i = 1; i < LT_DBT_RELATION_TYPES; i++) {
        if (!names[i].is)
            continue;
        if (relation && lt_text_eq(name, lt_text_of(names[i].is))) {
            *out = lt_jinja_bool(relation->type == i);
            return true;
        }
        if (lt_text_eq(name, lt_text_of(names[i].constant))) {
            *out = lt_jinja_text(lt_text_of(type_names[i]));
            return true;
        }
    }
    return false;
}

static bool can(const lt_dbt_relation *relation, unsigned types)
{
    return relation->type != LT_DBT_UNTYPED && (types >> relation->type & 1);
}

static bool plain_attr(const lt_dbt_relation *relation, lt_text name, lt_jinja_value *out)
{
    const lt_dbt_adapter *adapter = lt_dbt_adapter_at(relation->kind);
    const char *type = lt_dbt_relation_type_name(relation->type);
    for (int i = 0; i < LT_DBT_PARTS; i++)
        if (lt_text_eq(name, lt_text_of(part_names[i]))) {
            *out = text_or_none(relation->parts[i]);
            return true;
        }
    if (lt_text_eq(name, T("name")) || lt_text_eq(name, T("table")))
        *out = text_or_none(relation->parts[LT_DBT_IDENTIFIER]);
    else if (lt_text_eq(name, T("type")))
        *out = text_or_none(lt_text_of(type));
    else if (lt_text_eq(name, T("can_be_renamed")))
        *out = lt_jinja_bool(can(relation, adapter->can_rename));
    else if (lt_text_eq(name, T("can_be_replaced")))
        *out = lt_jinja_bool(can(relation, adapter->can_replace));
    else if (lt_text_eq(name, T("limit")))
        *out = relation->limit < 0 ? lt_jinja_none() : lt_jinja_int(relation->limit);
    else if (lt_text_eq(name, T("quote_character")))
        *out = lt_jinja_text(T("\""));
    else if (lt_text_eq(name, T("dbt_created")))
        *out = lt_jinja_bool(relation->dbt_created);
    else if (lt_text_eq(name, T("external")))
        *out = text_or_none(relation->external);
    else if (lt_text_eq(name, T("catalog")))
        *out = lt_jinja_none();
    else if (lt_text_eq(name, T("require_alias")))
        *out = lt_jinja_bool(adapter->has_alias);
    else if (lt_text_eq(name, T("information_schema_view")))
        *out = text_or_none(relation->info_view);
    else
        return false;
    return true;
}

static lt_status attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                      lt_jinja_value *out, bool *found, lt_err *err)
{
    const lt_dbt_relation *relation = relation_of(self);
    lt_jinja_heap *heap = lt_jinja_heap_of(render);
    (void)err;
    *found = true;
    if (type_attr(relation, name, out) || plain_attr(relation, name, out))
        return LT_OK;
    if (lt_text_eq(name, T("path")))
        *out = parts_dict(heap, relation, NULL);
    else if (lt_text_eq(name, T("quote_policy")))
        *out = parts_dict(heap, relation, relation->quote);
    else if (lt_text_eq(name, T("include_policy")))
        *out = parts_dict(heap, relation, relation->include);
    else
        *found = false;
    return LT_OK;
}

static lt_status item(lt_jinja_render *render, lt_jinja_object *self, lt_jinja_value key,
                      lt_jinja_value *out, bool *found, lt_err *err)
{
    *found = false;
    return key.type == LT_JINJA_STR ? attr(render, self, lt_jinja_as_text(key), out, found, err)
                                    : LT_OK;
}

/* ---- methods ---- */

/* include(), quote(): flags of the parts that are given. */
static lt_status set_flags(lt_jinja_call *call, bool *flags, lt_err *err)
{
    lt_jinja_value args[LT_DBT_PARTS];
    LT_TRY(lt_jinja_bind(call, "database? schema? identifier?", args, err));
    for (int i = 0; i < LT_DBT_PARTS; i++)
        if (!lt_dbt_is_none(args[i]))
            flags[i] = lt_jinja_truth(args[i]);
    return LT_OK;
}

static bool is_part(lt_text name)
{
    for (int i = 0; i < LT_DBT_PARTS; i++)
        if (lt_text_eq(name, lt_text_of(part_names[i])))
            return true;
    return false;
}

static lt_status set_part(lt_jinja_call *call, lt_dbt_relation *relation, lt_text name,
                          lt_jinja_value value, lt_err *err)
{
    for (int i = 0; i < LT_DBT_PARTS; i++) {
        if (!lt_text_eq(name, lt_text_of(part_names[i])))
            continue;
        if (value.type != LT_JINJA_NONE && value.type != LT_JINJA_STR)
            return lt_fail(err, LT_INVALID, "Got an invalid path %s: %.*s", part_names[i],
                           LT_ARG(lt_dbt_str(call->heap, value)));
        relation->parts[i] = lt_jinja_as_text(value);
        if (value.type == LT_JINJA_NONE)
            relation->parts[i] = (lt_text){0};
        else if (!relation->parts[i].ptr)
            relation->parts[i] = T("");
        return LT_OK;
    }
    return lt_fail(err, LT_INVALID, "a relation's path has no '%.*s'", LT_ARG(name));
}

/* A key that is no part changes nothing: packages give `table`. */
static lt_status set_path(lt_jinja_call *call, lt_dbt_relation *relation, lt_jinja_value path,
                          lt_err *err)
{
    lt_jinja_value key, value;
    if (path.type != LT_JINJA_DICT)
        return lt_fail(err, LT_INVALID, "path= must be a dictionary");
    for (size_t at = 0; lt_jinja_next(path, &at, &key, &value);)
        if (is_part(lt_jinja_as_text(key)))
            LT_TRY(set_part(call, relation, lt_jinja_as_text(key), value, err));
    return LT_OK;
}

static lt_status set_policy(bool *flags, lt_jinja_value policy, lt_err *err)
{
    lt_jinja_value value;
    if (lt_dbt_is_none(policy))
        return LT_OK;
    if (policy.type != LT_JINJA_DICT)
        return lt_fail(err, LT_INVALID, "a policy must be a dictionary");
    for (int i = 0; i < LT_DBT_PARTS; i++)
        if (lt_jinja_find(policy, lt_text_of(part_names[i]), &value) && !lt_dbt_is_none(value))
            flags[i] = lt_jinja_truth(value);
    return LT_OK;
}

static lt_status set_type(lt_jinja_call *call, lt_dbt_relation *relation, lt_jinja_value value,
                          lt_err *err)
{
    if (lt_dbt_is_none(value)) {
        relation->type = LT_DBT_UNTYPED;
        return LT_OK;
    }
    lt_text name = lt_dbt_str(call->heap, value);
    relation->type = lt_dbt_relation_type_of(name);
    if (relation->type == LT_DBT_UNTYPED)
        return lt_fail(err, LT_INVALID, "'%.*s' is no type of a relation", LT_ARG(name));
    return LT_OK;
}

/* One keyword of incorporate() and Relation.create(). */
static lt_status set_field(lt_jinja_call *call, lt_dbt_relation *relation, lt_text name,
                           lt_jinja_value value, lt_err *err)
{
    if (lt_text_eq(name, T("path")))
        return set_path(call, relation, value, err);
    if (lt_text_eq(name, T("type")))
        return set_type(call, relation, value, err);
    if (lt_text_eq(name, T("quote_policy")))
        return set_policy(relation->quote, value, err);
    if (lt_text_eq(name, T("include_policy")))
        return set_policy(relation->include, value, err);
    if (lt_text_eq(name, T("dbt_created")))
        relation->dbt_created = lt_jinja_truth(value);
    else if (lt_text_eq(name, T("limit")))
        relation->limit = value.type == LT_JINJA_INT ? value.as.i : -1;
    else if (lt_text_eq(name, T("external")))
        relation->external = lt_jinja_as_text(value);
    return LT_OK; /* as in dbt, unknown fields are dropped */
}

static lt_status incorporate(lt_jinja_call *call, lt_dbt_relation made, lt_jinja_value *out,
                             lt_err *err)
{
    if (call->arg_count)
        return lt_fail(err, LT_INVALID, "incorporate() takes keywords only");
    for (size_t i = 0; i < call->kwarg_count; i++)
        LT_TRY(set_field(call, &made, call->kwargs[i].name, call->kwargs[i].value, err));
    return checked(call->heap, &made, out, err);
}

static lt_status replace_path(lt_jinja_call *call, lt_dbt_relation made, lt_jinja_value *out,
                              lt_err *err)
{
    for (size_t i = 0; i < call->kwarg_count; i++)
        LT_TRY(set_part(call, &made, call->kwargs[i].name, call->kwargs[i].value, err));
    return checked(call->heap, &made, out, err);
}

static lt_status information_schema(lt_jinja_call *call, lt_dbt_relation made, lt_jinja_value *out,
                                    lt_err *err)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "view_name?", args, err));
    made.parts[LT_DBT_SCHEMA] = (lt_text){0};
    made.parts[LT_DBT_IDENTIFIER] = T("INFORMATION_SCHEMA");
    made.include[LT_DBT_DATABASE] = made.parts[LT_DBT_DATABASE].ptr != NULL;
    made.include[LT_DBT_SCHEMA] = false;
    made.include[LT_DBT_IDENTIFIER] = true;
    made.quote[LT_DBT_IDENTIFIER] = false;
    made.type = LT_DBT_VIEW;
    made.is_info = true;
    made.info_view = lt_jinja_as_text(args[0]);
    *out = lt_dbt_relation_value_of(call->heap, &made);
    return LT_OK;
}

static bool part_matches(const lt_dbt_relation *relation, int part, lt_text wanted, bool *near)
{
    lt_text held = relation->parts[part];
    bool same_but_case = held.ptr && lt_text_eq_nocase(held, wanted);
    *near = *near && same_but_case;
    if (relation->dbt_created && !relation->quote[part])
        return same_but_case;
    return held.ptr && lt_text_eq(held, wanted);
}

static lt_status matches(lt_jinja_call *call, const lt_dbt_relation *relation, lt_jinja_value *out,
                         lt_err *err)
{
    lt_jinja_value args[LT_DBT_PARTS];
    LT_TRY(lt_jinja_bind(call, "database? schema? identifier?", args, err));
    bool exact = true, near = true, any = false;
    for (int i = 0; i < LT_DBT_PARTS; i++) {
        if (lt_dbt_is_none(args[i]))
            continue;
        any = true;
        exact = part_matches(relation, i, lt_jinja_as_text(args[i]), &near) && exact;
    }
    if (!any)
        return lt_fail(err, LT_INVALID, "Tried to match relation, but no search path was passed!");
    if (near && !exact)
        return lt_fail(err, LT_INVALID,
                       "When searching for a relation, dbt found an approximate match (%.*s)",
                       LT_ARG(lt_dbt_str(call->heap, call->self)));
    *out = lt_jinja_bool(exact);
    return LT_OK;
}

static lt_status get(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2];
    bool found = false;
    LT_TRY(lt_jinja_bind(call, "key default?", args, err));
    lt_text key = lt_jinja_as_text(args[0]);
    if (lt_text_eq(key, T("metadata"))) {
        *out = lt_jinja_dict(call->heap);
        const lt_dbt_relation *relation = relation_of(call->self.as.object);
        lt_jinja_put(*out, "type",
                     lt_jinja_text(lt_text_of(lt_dbt_adapter_at(relation->kind)->relation_class)));
        return LT_OK;
    }
    LT_TRY(attr(call->render, call->self.as.object, key, out, &found, err));
    if (!found)
        *out = lt_jinja_is_absent(args[1]) ? lt_jinja_none() : args[1];
    return LT_OK;
}

static lt_status as_dict(lt_jinja_call *call, const lt_dbt_relation *relation, lt_jinja_value *out)
{
    const char *type = lt_dbt_relation_type_name(relation->type);
    *out = lt_jinja_dict(call->heap);
    lt_jinja_put(*out, "path", parts_dict(call->heap, relation, NULL));
    lt_jinja_put(*out, "type", text_or_none(lt_text_of(type)));
    lt_jinja_put(*out, "quote_character", lt_jinja_text(T("\"")));
    lt_jinja_put(*out, "include_policy", parts_dict(call->heap, relation, relation->include));
    lt_jinja_put(*out, "quote_policy", parts_dict(call->heap, relation, relation->quote));
    lt_jinja_put(*out, "dbt_created", lt_jinja_bool(relation->dbt_created));
    return LT_OK;
}

static lt_status add_prefix(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[1];
    LT_AUTO(lt_buf) text = {0};
    LT_TRY(lt_jinja_bind(call, "name", args, err));
    lt_buf_add_str(&text, "__dbt__cte__");
    lt_jinja_str(args[0], &text);
    *out = lt_jinja_text_copy(call->heap, lt_buf_text(&text));
    return LT_OK;
}

static lt_status scd_args(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "primary_key updated_at", args, err));
    *out = lt_jinja_list(call->heap);
    if (args[0].type == LT_JINJA_LIST || args[0].type == LT_JINJA_TUPLE)
        for (size_t i = 0; i < lt_jinja_len(args[0]); i++)
            lt_jinja_add(*out, lt_jinja_at(args[0], i));
    else
        lt_jinja_add(*out, args[0]);
    lt_jinja_add(*out, args[1]);
    return LT_OK;
}

static lt_status quoted(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[1];
    LT_AUTO(lt_buf) text = {0};
    LT_TRY(lt_jinja_bind(call, "identifier", args, err));
    lt_buf_add_byte(&text, '"');
    lt_jinja_str(args[0], &text);
    lt_buf_add_byte(&text, '"');
    *out = lt_jinja_text_copy(call->heap, lt_buf_text(&text));
    return LT_OK;
}

/* In dbt's words, which people look for. */
static lt_status check_function(lt_jinja_value config, lt_err *err)
{
    static const struct {
        const char *key, *article, *whose;
        bool python;
    } needed[] = {{"language", "A", "functions", false},
                  {"type", "A", "functions", false},
                  {"runtime_version", "A", "python functions", true},
                  {"entry_point", "An", "python functions", true}};
    bool python = lt_text_eq(lt_jinja_as_text(lt_dbt_get(config, "language")), T("python"));
    for (size_t i = 0; i < LT_COUNT(needed); i++) {
        LT_AUTO(lt_buf) text = {.limit = LT_KIB};
        lt_jinja_value said = lt_dbt_get(config, needed[i].key);
        if (said.type != LT_JINJA_NONE && said.type != LT_JINJA_UNDEFINED)
            lt_jinja_str(said, &text);
        if ((python || !needed[i].python) && !text.len)
            return lt_fail(err, LT_INVALID, "%s `%s` is required for %s", needed[i].article,
                           needed[i].key, needed[i].whose);
    }
    return LT_OK;
}

static lt_status function_config(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "model", args, err));
    *out = lt_jinja_none();
    if (!lt_text_eq(lt_jinja_as_text(lt_dbt_get(args[0], "resource_type")), T("function")))
        return LT_OK;
    lt_jinja_value config = lt_dbt_get(args[0], "config");
    *out = lt_jinja_dict(call->heap);
    lt_jinja_put(*out, "language", lt_dbt_get(args[0], "language"));
    lt_jinja_put(*out, "type", lt_dbt_get(config, "type"));
    lt_jinja_put(*out, "runtime_version", lt_dbt_get(config, "runtime_version"));
    lt_jinja_put(*out, "entry_point", lt_dbt_get(config, "entry_point"));
    return check_function(*out, err);
}

static lt_status function_macro(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[1];
    LT_AUTO(lt_buf) text = {0};
    LT_TRY(lt_jinja_bind(call, "config", args, err));
    lt_jinja_str(lt_dbt_get(args[0], "type"), &text);
    lt_buf_add_str(&text, "_function_");
    lt_jinja_str(lt_dbt_get(args[0], "language"), &text);
    *out = lt_jinja_text_copy(call->heap, lt_buf_text(&text));
    return LT_OK;
}

typedef enum relation_method {
    M_NONE,
    M_RENDER,
    M_INCLUDE,
    M_QUOTE,
    M_INCORPORATE,
    M_REPLACE_PATH,
    M_MATCHES,
    M_WITHOUT,
    M_INFO,
    M_INFO_ONLY,
    M_GET,
    M_PREFIX,
    M_SCD,
    M_QUOTED,
    M_LIMITED,
    M_DICT,
    M_MAX_NAME,
    M_CREATE,
    M_FUNCTION_CONFIG,
    M_FUNCTION_MACRO,
} relation_method;

static const struct {
    const char *name;
    relation_method method;
} method_names[] = {
    {"render", M_RENDER},
    {"include", M_INCLUDE},
    {"quote", M_QUOTE},
    {"incorporate", M_INCORPORATE},
    {"replace_path", M_REPLACE_PATH},
    {"matches", M_MATCHES},
    {"without_identifier", M_WITHOUT},
    {"information_schema", M_INFO},
    {"information_schema_only", M_INFO_ONLY},
    {"get", M_GET},
    {"add_ephemeral_prefix", M_PREFIX},
    {"scd_args", M_SCD},
    {"quoted", M_QUOTED},
    {"render_limited", M_LIMITED},
    {"to_dict", M_DICT},
    {"relation_max_name_length", M_MAX_NAME},
    {"create", M_CREATE},
    {"get_function_config", M_FUNCTION_CONFIG},
    {"get_function_macro_name", M_FUNCTION_MACRO},
};

static relation_method method_of(lt_text name)
{
    for (size_t i = 0; i < LT_COUNT(method_names); i++)
        if (lt_text_eq(lt_text_of(method_names[i].name), name))
            return method_names[i].method;
    return M_NONE;
}

static bool has_method(const lt_jinja_object *self, lt_text name)
{
    (void)self;
    return method_of(name) != M_NONE;
}

/* Relation.create(database, schema, identifier, type, ...) */
static lt_status create(lt_jinja_call *call, lt_dbt_relation made, lt_jinja_value *out, lt_err *err)
{
    for (int i = 0; i < LT_DBT_PARTS; i++)
        made.parts[i] = (lt_text){0};
    made.type = LT_DBT_UNTYPED;
    for (size_t i = 0; i < call->arg_count; i++) {
        if (i > LT_DBT_PARTS)
            return lt_fail(err, LT_INVALID, "Relation.create() takes at most 4 positions");
        if (i == LT_DBT_PARTS)
            LT_TRY(set_type(call, &made, call->args[i], err));
        else
            LT_TRY(set_part(call, &made, lt_text_of(part_names[i]), call->args[i], err));
    }
    for (size_t i = 0; i < call->kwarg_count; i++) {
        lt_text name = call->kwargs[i].name;
        LT_TRY(is_part(name) ? set_part(call, &made, name, call->kwargs[i].value, err)
                             : set_field(call, &made, name, call->kwargs[i].value, err));
    }
    return checked(call->heap, &made, out, err);
}

static lt_dbt_relation fresh_of(const lt_dbt_relation *like)
{
    lt_dbt_relation made = {.limit = -1, .kind = like->kind, .include = {true, true, true}};
    for (int i = 0; i < LT_DBT_PARTS; i++)
        made.quote[i] = true;
    return made;
}

static lt_status changed(lt_jinja_call *call, relation_method which, lt_dbt_relation made,
                         lt_jinja_value *out, lt_err *err)
{
    switch (which) {
    case M_INCLUDE:
        LT_TRY(set_flags(call, made.include, err));
        break;
    case M_QUOTE:
        LT_TRY(set_flags(call, made.quote, err));
        break;
    default: /* M_WITHOUT */
        made.include[LT_DBT_IDENTIFIER] = false;
        made.parts[LT_DBT_IDENTIFIER] = (lt_text){0};
        break;
    }
    *out = lt_dbt_relation_value_of(call->heap, &made);
    return LT_OK;
}

static lt_status run_method(lt_jinja_call *call, relation_method which, lt_jinja_value *out,
                            lt_err *err)
{
    const lt_dbt_relation *relation = relation_of(call->self.as.object);
    switch (which) {
    case M_RENDER:
        *out = rendered(call->heap, relation, lt_dbt_relation_render);
        return LT_OK;
    case M_LIMITED:
        *out = rendered(call->heap, relation, render_limited);
        return LT_OK;
    case M_INCORPORATE:
        return incorporate(call, *relation, out, err);
    case M_REPLACE_PATH:
        return replace_path(call, *relation, out, err);
    case M_MATCHES:
        return matches(call, relation, out, err);
    case M_INFO:
    case M_INFO_ONLY:
        return information_schema(call, *relation, out, err);
    case M_GET:
        return get(call, out, err);
    case M_PREFIX:
        return add_prefix(call, out, err);
    case M_SCD:
        return scd_args(call, out, err);
    case M_QUOTED:
        return quoted(call, out, err);
    case M_DICT:
        return as_dict(call, relation, out);
    case M_MAX_NAME:
        *out = lt_jinja_int((int64_t)lt_dbt_adapter_at(relation->kind)->max_name);
        return LT_OK;
    case M_CREATE:
        return create(call, fresh_of(relation), out, err);
    case M_FUNCTION_CONFIG:
        return function_config(call, out, err);
    case M_FUNCTION_MACRO:
        return function_macro(call, out, err);
    default:
        return changed(call, which, *relation, out, err);
    }
}

static lt_status method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                        lt_err *err)
{
    const lt_dbt_relation *relation = relation_of(call->self.as.object);
    relation_method which = method_of(name);
    if (which == M_MAX_NAME && !lt_dbt_adapter_at(relation->kind)->max_name)
        which = M_NONE;
    *found = which != M_NONE;
    return *found ? run_method(call, which, out, err) : LT_OK;
}

static bool always(const lt_jinja_object *self)
{
    (void)self;
    return true;
}

static const lt_jinja_class relation_class = {
    .name = "Relation",
    .attr = attr,
    .item = item,
    .method = method,
    .has_method = has_method,
    .str = str,
    .repr = repr,
    .truth = always,
    .equal = equal,
    .is_mapping = true,
};

/* ---- api.Relation itself ---- */

static lt_status class_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                              lt_err *err)
{
    lt_dbt_exec *exec = lt_dbt_exec_in(call);
    lt_dbt_relation blank =
        lt_dbt_relation_init(exec->rt, (lt_text){0}, (lt_text){0}, (lt_text){0}, LT_DBT_UNTYPED);
    *found = true;
    switch (method_of(name)) {
    case M_CREATE:
        return create(call, blank, out, err);
    case M_SCD:
        return scd_args(call, out, err);
    case M_PREFIX:
        return add_prefix(call, out, err);
    default:
        *found = false;
        return LT_OK;
    }
}

static lt_status class_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                            lt_jinja_value *out, bool *found, lt_err *err)
{
    (void)render;
    (void)self;
    (void)err;
    *found = type_attr(NULL, name, out);
    return LT_OK;
}

static bool class_has_method(const lt_jinja_object *self, lt_text name)
{
    (void)self;
    relation_method which = method_of(name);
    return which == M_CREATE || which == M_SCD || which == M_PREFIX;
}

/* api.Relation(...) is not what dbt's users write, but the same as create(). */
static lt_status class_call(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    bool found;
    return class_method(call, T("create"), out, &found, err);
}

const lt_jinja_class lt_dbt_relation_class_class = {.name = "type",
                                                    .attr = class_attr,
                                                    .method = class_method,
                                                    .has_method = class_has_method,
                                                    .call = class_call};
