/* api.Column: a column's name and type, and what can be said of the type. */
#include "dbt/rt/inner.h"

#include <stdlib.h>

typedef struct column_object {
    lt_jinja_object object;
    const lt_dbt_adapter *adapter;
    lt_dbt_column_spec spec;
} column_object;

static const lt_jinja_class column_class;

static const column_object *column_of(const lt_jinja_object *self)
{
    return (const column_object *)self;
}

static lt_text keep(lt_jinja_heap *heap, lt_text text)
{
    return text.ptr ? lt_jinja_as_text(lt_jinja_text_copy(heap, text)) : text;
}

lt_jinja_value lt_dbt_column_value(lt_jinja_heap *heap, const lt_dbt_adapter *adapter,
                                   const lt_dbt_column_spec *column)
{
    column_object *made = LT_NEW(&heap->arena, column_object);
    *made = (column_object){.object.class = &column_class, .adapter = adapter, .spec = *column};
    made->spec.name = keep(heap, column->name);
    made->spec.dtype = keep(heap, column->dtype);
    made->spec.precision = keep(heap, column->precision);
    made->spec.scale = keep(heap, column->scale);
    return lt_jinja_object_value(&made->object);
}

const lt_dbt_column_spec *lt_dbt_column_in(lt_jinja_value value)
{
    if (value.type != LT_JINJA_OBJECT || value.as.object->class != &column_class)
        return NULL;
    return &column_of(value.as.object)->spec;
}

/* ---- what a type is ---- */

static bool is_one_of(lt_text type, const char *const *names)
{
    for (; *names; names++)
        if (lt_text_eq_nocase(type, lt_text_of(*names)))
            return true;
    return false;
}

bool lt_dbt_column_is_string(const lt_dbt_column_spec *column)
{
    static const char *const names[] = {"text", "character varying", "character", "varchar", NULL};
    return is_one_of(column->dtype, names);
}

static bool is_numeric(const lt_dbt_column_spec *column)
{
    static const char *const names[] = {"numeric", "decimal", NULL};
    return is_one_of(column->dtype, names);
}

static int64_t string_size(const lt_dbt_column_spec *column)
{
    return column->char_size < 0 || lt_text_eq(column->dtype, T("text")) ? 256 : column->char_size;
}

void lt_dbt_column_data_type(const lt_dbt_adapter *adapter, const lt_dbt_column_spec *column,
                             lt_buf *out)
{
    bool bare =
        adapter->text_type_is_bare &&
        (lt_text_eq_nocase(column->dtype, T("text")) ||
         (column->char_size < 0 && lt_text_eq_nocase(column->dtype, T("character varying"))));
    if (!bare && lt_dbt_column_is_string(column))
        lt_buf_printf(out, "character varying(%lld)", (long long)string_size(column));
    else if (!bare && is_numeric(column) && column->precision.ptr && column->scale.ptr)
        lt_buf_printf(out, "%.*s(%.*s,%.*s)", LT_ARG(column->dtype), LT_ARG(column->precision),
                      LT_ARG(column->scale));
    else
        lt_buf_add(out, column->dtype);
}

static lt_jinja_value data_type(lt_jinja_heap *heap, const column_object *self)
{
    LT_AUTO(lt_buf) text = {0};
    lt_dbt_column_data_type(self->adapter, &self->spec, &text);
    return lt_jinja_text_copy(heap, lt_buf_text(&text));
}

/* ---- structs (duckdb): STRUCT(a VARCHAR, b STRUCT(c INTEGER)) ---- */

static bool is_struct(lt_text dtype)
{
    return lt_text_eq_nocase(lt_text_sub(dtype, 0, 6), T("struct"));
}

/* The length of the first field of a list: up to a comma that is in no bracket or quote. */
static size_t field_len(lt_text list)
{
    unsigned depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < list.len; i++) {
        char c = list.ptr[i];
        if (c == '"')
            quoted = !quoted;
        else if (!quoted && c == '(')
            depth++;
        else if (!quoted && c == ')' && depth)
            depth--;
        else if (!quoted && c == ',' && !depth)
            return i;
    }
    return list.len;
}

static void split_field(lt_text field, lt_text *name, lt_text *type)
{
    size_t end = field.len && field.ptr[0] == '"' ? lt_text_find_byte(field, '"', 1)
                                                  : lt_text_find_byte(field, ' ', 0);
    if (end == SIZE_MAX)
        end = field.len;
    bool quoted = field.len && field.ptr[0] == '"';
    *name = lt_text_sub(field, quoted, end - quoted);
    *type = lt_text_trim(lt_text_sub(field, end + quoted, field.len));
}

enum { MAX_STRUCT_DEPTH = 32 };

/* Each struct's fields with its path in front; what is no struct is one column. `fields`: one level only, without paths. */
static void add_fields(lt_jinja_heap *heap, const column_object *self, lt_text path, lt_text dtype,
                       unsigned depth, bool one_level, lt_jinja_value list)
{
    size_t open = lt_text_find_byte(dtype, '(', 0);
    if (open == SIZE_MAX || depth == MAX_STRUCT_DEPTH)
        return;
    lt_text rest = lt_text_sub(dtype, open + 1, dtype.len - open - 1);
    if (rest.len && rest.ptr[rest.len - 1] == ')')
        rest.len--;
    while (rest.len) {
        size_t len = field_len(rest);
        lt_text name, type;
        split_field(lt_text_trim(lt_text_sub(rest, 0, len)), &name, &type);
        rest = lt_text_sub(rest, len + 1, rest.len);
        LT_AUTO(lt_buf) full = {0};
        if (path.len && !one_level)
            lt_buf_printf(&full, "%.*s.", LT_ARG(path));
        lt_buf_add(&full, name);
        if (is_struct(type) && !one_level) {
            add_fields(heap, self, lt_buf_text(&full), type, depth + 1, false, list);
            continue;
        }
        lt_dbt_column_spec field = {.name = lt_buf_text(&full), .dtype = type, .char_size = -1};
        lt_jinja_add(list, lt_dbt_column_value(heap, self->adapter, &field));
    }
}

static lt_jinja_value fields_of(lt_jinja_heap *heap, const column_object *self, bool flat)
{
    lt_jinja_value list = lt_jinja_list(heap);
    if (is_struct(self->spec.dtype))
        add_fields(heap, self, self->spec.name, self->spec.dtype, 0, !flat, list);
    else if (flat)
        lt_jinja_add(list, lt_dbt_column_value(heap, self->adapter, &self->spec));
    return list;
}

/* ---- the object ---- */

static lt_jinja_value size_or_none(int64_t size)
{
    return size < 0 ? lt_jinja_none() : lt_jinja_int(size);
}

static lt_jinja_value number_or_none(lt_text text)
{
    int64_t number;
    if (!text.ptr)
        return lt_jinja_none();
    return lt_text_to_i64(text, &number) ? lt_jinja_int(number) : lt_jinja_text(text);
}

static lt_jinja_value quoted_name(lt_jinja_heap *heap, lt_text name)
{
    LT_AUTO(lt_buf) text = {0};
    lt_buf_printf(&text, "\"%.*s\"", LT_ARG(name));
    return lt_jinja_text_copy(heap, lt_buf_text(&text));
}

static lt_status attr(lt_jinja_render *render, lt_jinja_object *object, lt_text name,
                      lt_jinja_value *out, bool *found, lt_err *err)
{
    const column_object *self = column_of(object);
    lt_jinja_heap *heap = lt_jinja_heap_of(render);
    (void)err;
    *found = true;
    if (lt_text_eq(name, T("name")) || lt_text_eq(name, T("column")))
        *out = lt_jinja_text(self->spec.name);
    else if (lt_text_eq(name, T("dtype")))
        *out = lt_jinja_text(self->spec.dtype);
    else if (lt_text_eq(name, T("quoted")))
        *out = quoted_name(heap, self->spec.name);
    else if (lt_text_eq(name, T("data_type")) || lt_text_eq(name, T("expanded_data_type")))
        *out = data_type(heap, self);
    else if (lt_text_eq(name, T("char_size")))
        *out = size_or_none(self->spec.char_size);
    else if (lt_text_eq(name, T("numeric_precision")))
        *out = number_or_none(self->spec.precision);
    else if (lt_text_eq(name, T("numeric_scale")))
        *out = number_or_none(self->spec.scale);
    else if (lt_text_eq(name, T("fields")))
        *out = fields_of(heap, self, false);
    else
        *found = false;
    return LT_OK;
}

/* name -> what it asks of the type */
static bool ask(const column_object *self, lt_text name, lt_jinja_value *out)
{
    const lt_dbt_column_spec *spec = &self->spec;
    bool is_int = is_one_of(spec->dtype, self->adapter->integer_types);
    bool is_float = is_one_of(spec->dtype, self->adapter->float_types);
    const struct {
        lt_text name;
        bool answer;
    } asked[] = {
        {T("is_string"), lt_dbt_column_is_string(spec)},
        {T("is_numeric"), is_numeric(spec)},
        {T("is_integer"), is_int},
        {T("is_float"), is_float},
        {T("is_number"), is_int || is_float || is_numeric(spec)},
        {T("is_struct"), is_struct(spec->dtype)},
    };
    for (size_t i = 0; i < LT_COUNT(asked); i++)
        if (lt_text_eq(asked[i].name, name)) {
            *out = lt_jinja_bool(asked[i].answer);
            return true;
        }
    return false;
}

static bool expands_to(const lt_dbt_column_spec *a, const lt_dbt_column_spec *b)
{
    return lt_dbt_column_is_string(a) && lt_dbt_column_is_string(b) &&
           string_size(b) > string_size(a);
}

static lt_status can_expand_to(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "other_column", args, err));
    const lt_dbt_column_spec *other = lt_dbt_column_in(args[0]);
    if (!other)
        return lt_fail(err, LT_INVALID, "can_expand_to() wants a column, not %s",
                       lt_jinja_type_name(args[0]));
    *out = lt_jinja_bool(expands_to(&column_of(call->self.as.object)->spec, other));
    return LT_OK;
}

static lt_status literal(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[1];
    LT_AUTO(lt_buf) text = {0};
    const column_object *self = column_of(call->self.as.object);
    LT_TRY(lt_jinja_bind(call, "value", args, err));
    lt_jinja_str(args[0], &text);
    lt_buf_add_str(&text, "::");
    lt_dbt_column_data_type(self->adapter, &self->spec, &text);
    *out = lt_jinja_text_copy(call->heap, lt_buf_text(&text));
    return LT_OK;
}

static lt_status size_method(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    const lt_dbt_column_spec *spec = &column_of(call->self.as.object)->spec;
    if (!lt_dbt_column_is_string(spec))
        return lt_fail(err, LT_INVALID, "Called string_size() on non-string field!");
    *out = lt_jinja_int(string_size(spec));
    return LT_OK;
}

/* Those of the class, which its columns have too. */
static lt_status static_method(lt_jinja_call *call, const lt_dbt_adapter *adapter, lt_text name,
                               lt_jinja_value *out, bool *found, lt_err *err);

static lt_status method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                        lt_err *err)
{
    const column_object *self = column_of(call->self.as.object);
    *found = true;
    if (ask(self, name, out))
        return LT_OK;
    if (lt_text_eq(name, T("string_size")))
        return size_method(call, out, err);
    if (lt_text_eq(name, T("can_expand_to")))
        return can_expand_to(call, out, err);
    if (lt_text_eq(name, T("literal")))
        return literal(call, out, err);
    if (lt_text_eq(name, T("flatten"))) {
        *out = fields_of(call->heap, self, true);
        return LT_OK;
    }
    return static_method(call, self->adapter, name, out, found, err);
}

static bool has_method(const lt_jinja_object *self, lt_text name)
{
    static const char *const names[] = {
        "is_string",      "is_numeric",  "is_integer",   "is_float",      "is_number",
        "is_struct",      "flatten",     "string_size",  "can_expand_to", "literal",
        "translate_type", "string_type", "numeric_type", "create",        "from_description"};
    (void)self;
    for (size_t i = 0; i < LT_COUNT(names); i++)
        if (lt_text_eq(lt_text_of(names[i]), name))
            return true;
    return false;
}

static bool equal(const lt_jinja_object *self, lt_jinja_value other)
{
    const lt_dbt_column_spec *a = &column_of(self)->spec, *b = lt_dbt_column_in(other);
    return b && lt_text_eq(a->name, b->name) && lt_text_eq(a->dtype, b->dtype) &&
           a->char_size == b->char_size && lt_text_eq(a->precision, b->precision) &&
           lt_text_eq(a->scale, b->scale);
}

static void repr(const lt_jinja_object *self, lt_buf *out)
{
    const column_object *column = column_of(self);
    lt_buf_printf(out, "<%s %.*s (", column->adapter->column_class, LT_ARG(column->spec.name));
    lt_dbt_column_data_type(column->adapter, &column->spec, out);
    lt_buf_add_str(out, ")>");
}

static const lt_jinja_class column_class = {.name = "Column",
                                            .attr = attr,
                                            .method = method,
                                            .has_method = has_method,
                                            .equal = equal,
                                            .repr = repr};

/* ---- the class ---- */

lt_text lt_dbt_type_translated(lt_text type)
{
    return lt_text_eq_nocase(type, T("string")) ? T("TEXT") : type;
}

static lt_status numeric_type(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[3];
    LT_AUTO(lt_buf) text = {0};
    LT_TRY(lt_jinja_bind(call, "dtype precision scale", args, err));
    lt_jinja_str(args[0], &text);
    if (!lt_dbt_is_none(args[1]) && !lt_dbt_is_none(args[2])) {
        lt_buf_add_byte(&text, '(');
        lt_jinja_str(args[1], &text);
        lt_buf_add_byte(&text, ',');
        lt_jinja_str(args[2], &text);
        lt_buf_add_byte(&text, ')');
    }
    *out = lt_jinja_text_copy(call->heap, lt_buf_text(&text));
    return LT_OK;
}

/* "numeric(10,2)": the parts in brackets are a size, or precision and scale. */
static lt_status from_description(lt_jinja_call *call, const lt_dbt_adapter *adapter,
                                  lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "name raw_data_type", args, err));
    lt_text raw = lt_dbt_str(call->heap, args[1]);
    size_t open = lt_text_find_byte(raw, '(', 0), end = lt_text_find_byte(raw, ')', 0);
    lt_dbt_column_spec made = {
        .name = lt_dbt_str(call->heap, args[0]), .dtype = raw, .char_size = -1};
    if (open != SIZE_MAX && end != SIZE_MAX && end > open) {
        lt_text inside = lt_text_sub(raw, open + 1, end - open - 1), first;
        bool two = lt_text_has(inside, T(","));
        (void)lt_text_cut(&inside, ',', &first);
        made.dtype = lt_text_sub(raw, 0, open);
        first = lt_text_trim(first);
        int64_t number;
        if (!lt_text_to_i64(first, &number) ||
            (two && !lt_text_to_i64(lt_text_trim(inside), &number)))
            return lt_fail(err, LT_INVALID, "Could not interpret data_type \"%.*s\"", LT_ARG(raw));
        if (two) {
            made.precision = first;
            made.scale = lt_text_trim(inside);
        } else {
            made.char_size = number;
        }
    }
    *out = lt_dbt_column_value(call->heap, adapter, &made);
    return LT_OK;
}

static lt_status create(lt_jinja_call *call, const lt_dbt_adapter *adapter, lt_jinja_value *out,
                        lt_err *err)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "name label_or_dtype", args, err));
    lt_dbt_column_spec made = {.name = lt_dbt_str(call->heap, args[0]),
                               .dtype = lt_dbt_type_translated(lt_dbt_str(call->heap, args[1])),
                               .char_size = -1};
    *out = lt_dbt_column_value(call->heap, adapter, &made);
    return LT_OK;
}

static lt_status string_type(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[1];
    LT_AUTO(lt_buf) text = {0};
    LT_TRY(lt_jinja_bind(call, "size", args, err));
    lt_buf_add_str(&text, "character varying(");
    lt_jinja_str(args[0], &text);
    lt_buf_add_byte(&text, ')');
    *out = lt_jinja_text_copy(call->heap, lt_buf_text(&text));
    return LT_OK;
}

static lt_status static_method(lt_jinja_call *call, const lt_dbt_adapter *adapter, lt_text name,
                               lt_jinja_value *out, bool *found, lt_err *err)
{
    lt_jinja_value args[1];
    *found = true;
    if (lt_text_eq(name, T("translate_type"))) {
        LT_TRY(lt_jinja_bind(call, "dtype", args, err));
        *out = lt_jinja_text(lt_dbt_type_translated(lt_dbt_str(call->heap, args[0])));
        return LT_OK;
    }
    if (lt_text_eq(name, T("string_type")))
        return string_type(call, out, err);
    if (lt_text_eq(name, T("numeric_type")))
        return numeric_type(call, out, err);
    if (lt_text_eq(name, T("create")))
        return create(call, adapter, out, err);
    if (lt_text_eq(name, T("from_description")))
        return from_description(call, adapter, out, err);
    *found = false;
    return LT_OK;
}

static lt_status class_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                              lt_err *err)
{
    return static_method(call, lt_dbt_adapter_of(lt_dbt_exec_in(call)), name, out, found, err);
}

/* Column(column, dtype, char_size, numeric_precision, numeric_scale) */
static lt_status class_call(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[5];
    LT_TRY(lt_jinja_bind(call, "column dtype char_size? numeric_precision? numeric_scale?", args,
                         err));
    lt_dbt_column_spec made = {.name = lt_dbt_str(call->heap, args[0]),
                               .dtype = lt_dbt_str(call->heap, args[1]),
                               .char_size = -1,
                               .precision = lt_dbt_text_or_none(call, args[3]),
                               .scale = lt_dbt_text_or_none(call, args[4])};
    if (!lt_dbt_is_none(args[2]) &&
        !lt_text_to_i64(lt_dbt_str(call->heap, args[2]), &made.char_size))
        return lt_fail(err, LT_INVALID, "the size of a column must be a number, not '%.*s'",
                       LT_ARG(lt_dbt_str(call->heap, args[2])));
    *out = lt_dbt_column_value(call->heap, lt_dbt_adapter_of(lt_dbt_exec_in(call)), &made);
    return LT_OK;
}

const lt_jinja_class lt_dbt_column_class_class = {
    .name = "type", .method = class_method, .has_method = has_method, .call = class_call};
