/* What on-run-end sees of a result: an object with attributes and to_dict(), as its node is. */
#include "dbt/execute_inner.h"

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

static bool is_record(lt_jinja_value value)
{
    return value.type == LT_JINJA_OBJECT && value.as.object->class->attr == attr;
}

/* The fields, with dicts for the records in them: the node, and those of `timing`. */
static lt_jinja_value plain(lt_jinja_heap *heap, lt_jinja_value value)
{
    lt_jinja_value made = lt_jinja_dict(heap), key, item;
    for (size_t at = 0; lt_jinja_next(value, &at, &key, &item);) {
        if (is_record(item))
            item = fields_of(item.as.object);
        if (item.type == LT_JINJA_LIST && lt_jinja_len(item) && is_record(lt_jinja_at(item, 0))) {
            lt_jinja_value list = lt_jinja_list(heap);
            for (size_t i = 0; i < lt_jinja_len(item); i++)
                lt_jinja_add(list, fields_of(lt_jinja_at(item, i).as.object));
            item = list;
        }
        lt_jinja_put_value(made, key, item);
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
    *out = plain(call->heap, fields_of(call->self.as.object));
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

static void repr(const lt_jinja_object *self, lt_buf *out)
{
    lt_jinja_repr(fields_of(self), out);
}

static const lt_jinja_class result_class = {
    .name = "RunResult", .attr = attr, .method = method, .has_method = has_method, .repr = repr};
static const lt_jinja_class node_class = {
    .name = "Node", .attr = attr, .method = method, .has_method = has_method, .repr = repr};
static const lt_jinja_class timing_class = {
    .name = "TimingInfo", .attr = attr, .method = method, .has_method = has_method, .repr = repr};

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
    lt_jinja_value told = lt_dbt_at(made, "timing"), timing = lt_jinja_list(heap);
    for (size_t i = 0; i < lt_jinja_len(told); i++)
        lt_jinja_add(timing, record_of(heap, &timing_class, lt_jinja_at(told, i)));
    lt_jinja_put(made, "timing", timing);
    lt_jinja_put(made, "node", record_of(heap, &node_class, node));
    return record_of(heap, &result_class, made);
}
