/* What on-run-end sees of a result: an object with attributes and to_dict(), as its node is. */
#include "dbt/run/execute_inner.h"

typedef struct record {
    lt_jinja_object object;
    lt_jinja_value fields; /* a dict */
} record;

static lt_jinja_value fields_of(const lt_jinja_object *self)
{
    return ((const record *)self)->fields;
}

static lt_status attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                      lt_jinja_value *out, bool *found, lt_err *err)
{
    (void)render;
    (void)err;
    *found = lt_jinja_find(fields_of(self), name, out);
    return LT_OK;
}

static void repr(const lt_jinja_object *self, lt_buf *out)
{
    lt_jinja_repr(fields_of(self), out);
}

static bool is_record(lt_jinja_value value)
{
    return value.type == LT_JINJA_OBJECT && value.as.object->class->repr == repr;
}

/* The fields, with dicts for the records in them: a node, its config, entries of `timing`. They are our own, three levels deep. */
static lt_jinja_value plain(lt_jinja_heap *heap, lt_jinja_value value)
{
    lt_jinja_value made, key, item;
    if (is_record(value))
        return plain(heap, fields_of(value.as.object));
    if (value.type != LT_JINJA_DICT)
        return value;
    made = lt_jinja_dict(heap);
    for (size_t at = 0; lt_jinja_next(value, &at, &key, &item);) {
        bool many = item.type == LT_JINJA_LIST && is_record(lt_jinja_at(item, 0));
        lt_jinja_value list = many ? lt_jinja_list(heap) : item;
        for (size_t i = 0; many && i < lt_jinja_len(item); i++)
            lt_jinja_add(list, plain(heap, lt_jinja_at(item, i)));
        lt_jinja_put_value(made, key, is_record(item) ? plain(heap, item) : list);
    }
    return made;
}

static lt_status method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                        lt_err *err)
{
    lt_jinja_value omit_none;
    *found = lt_text_eq(name, T("to_dict"));
    if (!*found)
        return LT_OK;
    LT_TRY(lt_jinja_bind(call, "omit_none?", &omit_none, err));
    *out = plain(call->heap, call->self);
    lt_jinja_value key, item, kept = lt_jinja_dict(call->heap);
    for (size_t at = 0; lt_jinja_next(*out, &at, &key, &item);)
        if (item.type != LT_JINJA_NONE)
            lt_jinja_put_value(kept, key, item);
    if (lt_jinja_truth(omit_none))
        *out = kept;
    return LT_OK;
}

static bool has_method(const lt_jinja_object *self, lt_text name)
{
    (void)self;
    return lt_text_eq(name, T("to_dict"));
}

static const lt_jinja_class result_class = {
    .name = "RunResult", .attr = attr, .method = method, .has_method = has_method, .repr = repr};
static const lt_jinja_class node_class = {
    .name = "Node", .attr = attr, .method = method, .has_method = has_method, .repr = repr};
static const lt_jinja_class timing_class = {
    .name = "TimingInfo", .attr = attr, .method = method, .has_method = has_method, .repr = repr};

/* A node's config is a mapping, in which what is not there is none. */
static lt_status config_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                             lt_jinja_value *out, bool *found, lt_err *err)
{
    LT_TRY(attr(render, self, name, out, found, err));
    if (!*found)
        *out = lt_jinja_none();
    *found = true;
    return LT_OK;
}

static lt_status config_item(lt_jinja_render *render, lt_jinja_object *self, lt_jinja_value key,
                             lt_jinja_value *out, bool *found, lt_err *err)
{
    return config_attr(render, self, lt_jinja_as_text(key), out, found, err);
}

static lt_status config_items(lt_jinja_render *render, lt_jinja_object *self, lt_jinja_value *list,
                              lt_err *err)
{
    return lt_jinja_items(render, fields_of(self), list, err);
}

static lt_status config_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                               lt_err *err)
{
    lt_jinja_value args[2], key, item, fields = fields_of(call->self.as.object);
    bool keys = lt_text_eq(name, T("keys")), values = lt_text_eq(name, T("values"));
    *found = true;
    if (lt_text_eq(name, T("get"))) {
        LT_TRY(lt_jinja_bind(call, "key default?", args, err));
        if (!lt_jinja_find_value(fields, args[0], out))
            *out = lt_jinja_is_absent(args[1]) ? lt_jinja_none() : args[1];
        return LT_OK;
    }
    if (!keys && !values && !lt_text_eq(name, T("items")))
        return method(call, name, out, found, err);
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    *out = lt_jinja_list(call->heap);
    for (size_t at = 0; lt_jinja_next(fields, &at, &key, &item);) {
        lt_jinja_value pair[2] = {key, item};
        lt_jinja_add(*out, keys ? key : values ? item : lt_jinja_tuple(call->heap, pair, 2));
    }
    return LT_OK;
}

static const lt_jinja_class config_class = {.name = "NodeConfig",
                                            .attr = config_attr,
                                            .item = config_item,
                                            .items = config_items,
                                            .method = config_method,
                                            .has_method = has_method,
                                            .repr = repr,
                                            .is_mapping = true};

static lt_jinja_value record_of(lt_jinja_heap *heap, const lt_jinja_class *class,
                                lt_jinja_value fields)
{
    record *made = LT_NEW(&heap->arena, record);
    *made = (record){.object.class = class, .fields = fields};
    return lt_jinja_object_value(&made->object);
}

lt_jinja_value lt_dbt_result_value(const lt_dbt_run *run, const lt_dbt_node_result *result,
                                   lt_jinja_heap *heap)
{
    LT_AUTO(lt_buf) text = {0};
    lt_json_writer w = {.out = &text};
    lt_dbt_write_result(&w, run, result);
    lt_jinja_value made = lt_dbt_json_value(heap, lt_buf_text(&text));
    if (made.type != LT_JINJA_DICT)
        return made;
    lt_jinja_value node = lt_dbt_node_value(run->request.dbt, result->node, heap);
    lt_jinja_put(node, "config", record_of(heap, &config_class, lt_dbt_at(node, "config")));
    lt_jinja_value told = lt_dbt_at(made, "timing"), timing = lt_jinja_list(heap);
    for (size_t i = 0; i < lt_jinja_len(told); i++)
        lt_jinja_add(timing, record_of(heap, &timing_class, lt_jinja_at(told, i)));
    lt_jinja_put(made, "timing", timing);
    lt_jinja_put(made, "node", record_of(heap, &node_class, node));
    return record_of(heap, &result_class, made);
}
