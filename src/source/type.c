/* The lattice of column types, and DuckDB's way to write them. */
#include "source/type.h"

static const struct {
    const char *name;
    lt_type_kind kind;
} names[] = {
    {"BOOLEAN", LT_TYPE_BOOL},
    {"TINYINT", LT_TYPE_TINYINT},
    {"SMALLINT", LT_TYPE_SMALLINT},
    {"INTEGER", LT_TYPE_INTEGER},
    {"BIGINT", LT_TYPE_BIGINT},
    {"FLOAT", LT_TYPE_FLOAT},
    {"DOUBLE", LT_TYPE_DOUBLE},
    {"DATE", LT_TYPE_DATE},
    {"TIMESTAMP", LT_TYPE_TIMESTAMP},
    {"TIMESTAMP WITH TIME ZONE", LT_TYPE_TIMESTAMPTZ},
    {"TIMESTAMPTZ", LT_TYPE_TIMESTAMPTZ},
    {"JSON", LT_TYPE_JSON},
    {"VARCHAR", LT_TYPE_TEXT},
};

/* ---- fields ---- */

/* The slot of the key, or the free one where it belongs. */
static uint32_t *slot_of(const lt_type *type, lt_text key)
{
    size_t mask = type->slot_count - 1, i = (size_t)lt_text_hash(key) & mask;
    while (type->slots[i] && !lt_text_eq(type->fields.items[type->slots[i] - 1]->key, key))
        i = (i + 1) & mask;
    return &type->slots[i];
}

lt_field *lt_type_field(const lt_type *type, lt_text key)
{
    if (type->slot_count == 0)
        return NULL;
    uint32_t slot = *slot_of(type, key);
    return slot ? type->fields.items[slot - 1] : NULL;
}

static void grow_index(lt_arena *arena, lt_type *type)
{
    type->slot_count = type->slot_count ? type->slot_count * 2 : 16;
    type->slots = lt_alloc_array(arena, type->slot_count, sizeof(*type->slots));
    for (size_t i = 0; i < type->fields.len; i++)
        *slot_of(type, type->fields.items[i]->key) = (uint32_t)i + 1;
}

lt_field *lt_type_add_field(lt_arena *arena, lt_type *type, lt_text key, lt_text raw)
{
    lt_field *field = LT_NEW(arena, lt_field);
    field->key = lt_arena_text(arena, key);
    if (raw.ptr)
        field->raw = lt_arena_text(arena, raw);
    field->index = type->fields.len;
    lt_push_in(arena, &type->fields, field);
    if (type->fields.len * 2 > type->slot_count)
        grow_index(arena, type);
    else
        *slot_of(type, field->key) = (uint32_t)type->fields.len;
    return field;
}

/* ---- merging ---- */

static bool is_number(lt_type_kind kind)
{
    return kind >= LT_TYPE_TINYINT && kind <= LT_TYPE_DOUBLE;
}

static bool is_integer(lt_type_kind kind)
{
    return kind >= LT_TYPE_TINYINT && kind <= LT_TYPE_BIGINT;
}

static bool is_container(lt_type_kind kind)
{
    return kind == LT_TYPE_LIST || kind == LT_TYPE_STRUCT || kind == LT_TYPE_JSON;
}

/* A decimal that holds every integer of that kind. */
static lt_type as_decimal(const lt_type *type)
{
    static const unsigned widths[] = {[LT_TYPE_TINYINT] = 3,
                                      [LT_TYPE_SMALLINT] = 5,
                                      [LT_TYPE_INTEGER] = 10,
                                      [LT_TYPE_BIGINT] = 19};
    lt_type decimal = {.kind = LT_TYPE_DECIMAL, .width = type->width, .scale = type->scale};
    if (is_integer(type->kind))
        decimal.width = widths[type->kind];
    return decimal;
}

static lt_type merge_numbers(const lt_type *a, const lt_type *b)
{
    lt_type_kind high = LT_MAX(a->kind, b->kind), low = LT_MIN(a->kind, b->kind);
    if (high == LT_TYPE_FLOAT && (low == LT_TYPE_FLOAT || low <= LT_TYPE_SMALLINT))
        return (lt_type){.kind = LT_TYPE_FLOAT};
    bool decimal = (high == LT_TYPE_DOUBLE && low == LT_TYPE_DECIMAL) &&
                   (a->kind == LT_TYPE_DOUBLE ? a->width : b->width) > 0;
    if (high >= LT_TYPE_FLOAT && !decimal)
        return (lt_type){.kind = LT_TYPE_DOUBLE};
    if (high < LT_TYPE_DECIMAL)
        return (lt_type){.kind = high};
    lt_type x = as_decimal(a), y = as_decimal(b);
    unsigned scale = LT_MAX(x.scale, y.scale);
    unsigned whole = LT_MAX(x.width - x.scale, y.width - y.scale);
    if (whole + scale > 38)
        return (lt_type){.kind = LT_TYPE_DOUBLE};
    return (lt_type){.kind = LT_TYPE_DECIMAL, .width = whole + scale, .scale = scale};
}

/* What two scalars, or two kinds that do not go together, become. */
static lt_type merge_kinds(const lt_type *a, const lt_type *b)
{
    if (is_number(a->kind) && is_number(b->kind))
        return merge_numbers(a, b);
    lt_type_kind high = LT_MAX(a->kind, b->kind), low = LT_MIN(a->kind, b->kind);
    if (high == LT_TYPE_TIMESTAMP && low == LT_TYPE_DATE)
        return (lt_type){.kind = LT_TYPE_TIMESTAMP};
    bool plain = low == LT_TYPE_BOOL || is_number(low); /* JSON without quotes */
    if (is_container(high) && (is_container(low) || plain))
        return (lt_type){.kind = LT_TYPE_JSON};
    return (lt_type){.kind = LT_TYPE_TEXT};
}

static bool merge_scalar(lt_type *into, const lt_type *from)
{
    if (into->kind == LT_TYPE_DOUBLE && from->kind == LT_TYPE_DOUBLE) {
        into->width = into->scale = 0; /* how wide both are, nobody has counted */
        return false;
    }
    bool same = into->kind == from->kind &&
                (into->kind != LT_TYPE_OTHER || lt_text_eq(into->name, from->name)) &&
                into->width == from->width && into->scale == from->scale;
    if (same || from->kind == LT_TYPE_NULL)
        return false;
    lt_type merged = merge_kinds(into, from);
    if (merged.kind == into->kind && merged.width == into->width && merged.scale == into->scale)
        return false;
    *into = merged;
    return true;
}

/* Pairs of types that are still to be merged: no recursion. */
typedef LT_VEC(struct {
    lt_type *into;
    const lt_type *from;
}) merges;

static bool merge_structs(lt_arena *arena, lt_type *into, const lt_type *from, merges *more)
{
    bool changed = false;
    for (size_t i = 0; i < from->fields.len; i++) {
        const lt_field *theirs = from->fields.items[i];
        lt_field *ours = lt_type_field(into, theirs->key);
        if (!ours) {
            ours = lt_type_add_field(arena, into, theirs->key, theirs->raw);
            changed = true;
        }
        lt_push(more, ((__typeof__(*more->items)){&ours->type, &theirs->type}));
    }
    return changed;
}

static bool merge_one(lt_arena *arena, lt_type *into, const lt_type *from, merges *more)
{
    if (into->kind == LT_TYPE_NULL && from->kind != LT_TYPE_NULL) {
        *into = (lt_type){.kind = from->kind, .width = from->width, .scale = from->scale};
        if (from->kind == LT_TYPE_OTHER)
            into->name = lt_arena_text(arena, from->name);
        if (from->kind == LT_TYPE_LIST)
            into->item = LT_NEW(arena, lt_type);
        (void)merge_one(arena, into, from, more); /* once: the kinds are the same now */
        return true;
    }
    if (into->kind == LT_TYPE_STRUCT && from->kind == LT_TYPE_STRUCT)
        return merge_structs(arena, into, from, more);
    if (into->kind == LT_TYPE_LIST && from->kind == LT_TYPE_LIST) {
        lt_push(more, ((__typeof__(*more->items)){into->item, from->item}));
        return false;
    }
    return merge_scalar(into, from);
}

bool lt_type_merge(lt_arena *arena, lt_type *into, const lt_type *from)
{
    merges work = {0};
    bool changed = merge_one(arena, into, from, &work);
    while (work.len > 0) {
        __typeof__(*work.items) next = work.items[--work.len];
        changed = merge_one(arena, next.into, next.from, &work) || changed;
    }
    lt_vec_free(&work);
    return changed;
}

bool lt_type_eq(const lt_type *a, const lt_type *b)
{
    lt_arena arena = {0};
    lt_type left = {0}, right = {0};
    (void)lt_type_merge(&arena, &left, a);
    (void)lt_type_merge(&arena, &right, b);
    bool eq = (a->kind == LT_TYPE_NULL) == (b->kind == LT_TYPE_NULL) &&
              !lt_type_merge(&arena, &left, b) && !lt_type_merge(&arena, &right, a);
    lt_arena_cleanup(&arena);
    return eq;
}

/* ---- writing ---- */

static bool has_case_twins(const lt_type *type)
{
    for (size_t i = 0; i < type->fields.len; i++)
        for (size_t k = i + 1; k < type->fields.len; k++)
            if (lt_text_eq_nocase(type->fields.items[i]->key, type->fields.items[k]->key))
                return true;
    return false;
}

/* DuckDB cannot have it as a struct. */
static bool is_json_in_truth(const lt_type *type)
{
    if (type->kind == LT_TYPE_NULL || type->kind == LT_TYPE_JSON)
        return true;
    if (type->kind != LT_TYPE_STRUCT)
        return false;
    for (size_t i = 0; i < type->fields.len; i++)
        if (type->fields.items[i]->key.len == 0 ||
            lt_text_find_byte(type->fields.items[i]->key, 0, 0) != SIZE_MAX)
            return true;
    return type->fields.len == 0 || type->fields.len > LT_STRUCT_FIELDS || has_case_twins(type);
}

static void write_scalar(const lt_type *type, lt_buf *out)
{
    if (type->kind == LT_TYPE_OTHER) {
        lt_buf_add(out, type->name);
        return;
    }
    if (type->kind == LT_TYPE_DECIMAL) {
        lt_buf_printf(out, "DECIMAL(%u,%u)", type->width, type->scale);
        return;
    }
    for (size_t i = 0; i < LT_COUNT(names); i++)
        if (names[i].kind == type->kind) {
            lt_buf_add_str(out, names[i].name);
            return;
        }
}

static void write_name(lt_text name, lt_buf *out)
{
    lt_buf_add_byte(out, '"');
    for (size_t i = 0; i < name.len; i++) {
        lt_buf_add_byte(out, name.ptr[i]);
        if (name.ptr[i] == '"')
            lt_buf_add_byte(out, '"');
    }
    lt_buf_add_byte(out, '"');
}

/* A struct that is being written, or a list (then `next` is not used). */
typedef struct writing {
    const lt_type *type;
    size_t next;
} writing;

/* Begin a type; true if something is to follow inside it. */
static bool write_open(const lt_type *type, lt_buf *out)
{
    if (is_json_in_truth(type)) {
        lt_buf_add(out, T("JSON"));
        return false;
    }
    if (type->kind == LT_TYPE_STRUCT)
        lt_buf_add(out, T("STRUCT("));
    else if (type->kind != LT_TYPE_LIST)
        write_scalar(type, out);
    return type->kind == LT_TYPE_STRUCT || type->kind == LT_TYPE_LIST;
}

void lt_type_write(const lt_type *type, lt_buf *out)
{
    writing stack[2 * LT_TYPE_DEPTH + 2] = {{type, 0}};
    size_t depth = 1;
    if (type->kind == LT_TYPE_NULL) {
        lt_buf_add(out, T("VARCHAR"));
        return;
    }
    if (!write_open(type, out))
        return;
    while (depth > 0) {
        writing *top = &stack[depth - 1];
        const lt_type *inner = NULL;
        if (top->type->kind == LT_TYPE_LIST && top->next == 0) {
            inner = top->type->item;
        } else if (top->type->kind == LT_TYPE_STRUCT && top->next < top->type->fields.len) {
            const lt_field *field = top->type->fields.items[top->next];
            lt_buf_add_str(out, top->next ? ", " : "");
            write_name(field->key, out);
            lt_buf_add_byte(out, ' ');
            inner = &field->type;
        } else {
            lt_buf_add_str(out, top->type->kind == LT_TYPE_LIST ? "[]" : ")");
            depth--;
            continue;
        }
        top->next++;
        if (depth == LT_COUNT(stack))
            lt_buf_add(out, T("JSON"));
        else if (write_open(inner, out))
            stack[depth++] = (writing){inner, 0};
    }
}

/* ---- reading ---- */

static void skip_space(lt_text text, size_t *at)
{
    while (*at < text.len && lt_is_space(text.ptr[*at]))
        ++*at;
}

/* A name, quoted or not. */
static bool take_name(lt_text text, size_t *at, lt_buf *out)
{
    skip_space(text, at);
    if (*at < text.len && text.ptr[*at] == '"') {
        for (++*at; *at < text.len; ++*at) {
            bool quote = text.ptr[*at] == '"';
            bool twice = quote && *at + 1 < text.len && text.ptr[*at + 1] == '"';
            if (quote && !twice) {
                ++*at;
                return true;
            }
            lt_buf_add_byte(out, text.ptr[*at]);
            *at += twice;
        }
        return false;
    }
    size_t start = *at;
    while (*at < text.len && !lt_is_space(text.ptr[*at]) && !strchr("(),[", text.ptr[*at]))
        ++*at;
    lt_buf_add(out, lt_text_sub(text, start, *at - start));
    return *at > start;
}

/* A scalar's name: up to ',', ')' or '[' outside brackets and quotes. */
static lt_text take_scalar(lt_text text, size_t *at)
{
    skip_space(text, at);
    size_t start = *at, open = 0;
    char quote = 0;
    for (; *at < text.len; ++*at) {
        char c = text.ptr[*at];
        if (quote) {
            quote = c == quote ? 0 : quote;
            continue;
        }
        if (c == '"' || c == '\'')
            quote = c;
        else if (c == '(')
            open++;
        else if (open == 0 && (c == ',' || c == ')' || c == '[' || c == ']'))
            break;
        else if (c == ')')
            open--;
    }
    return quote || open ? (lt_text){0} : lt_text_trim(lt_text_sub(text, start, *at - start));
}

static bool read_decimal(lt_text name, lt_type *out)
{
    lt_text rest = name, width;
    uint64_t w, s;
    if (!lt_text_starts(name, T("DECIMAL(")) || !lt_text_ends(name, T(")")))
        return false;
    rest = lt_text_sub(name, 8, name.len - 9);
    if (!lt_text_cut(&rest, ',', &width) || !lt_text_to_u64(lt_text_trim(width), &w) ||
        !lt_text_to_u64(lt_text_trim(rest), &s) || w > 38 || s > w)
        return false;
    *out = (lt_type){.kind = LT_TYPE_DECIMAL, .width = (unsigned)w, .scale = (unsigned)s};
    return true;
}

static bool read_scalar(lt_arena *arena, lt_text text, size_t *at, lt_type *out)
{
    lt_text name = take_scalar(text, at);
    if (name.len == 0)
        return false;
    if (read_decimal(name, out))
        return true;
    for (size_t i = 0; i < LT_COUNT(names); i++)
        if (lt_text_eq_nocase(name, lt_text_of(names[i].name))) {
            *out = (lt_type){.kind = names[i].kind};
            return true;
        }
    *out = (lt_type){.kind = LT_TYPE_OTHER, .name = lt_arena_text(arena, name)};
    return true;
}

/* Every "[]" behind a type that was just read wraps it once more; "[3]" is DuckDB's fixed array, another type. */
static bool read_lists(lt_arena *arena, lt_text text, size_t *at, lt_type *type)
{
    for (unsigned depth = 0; *at < text.len && text.ptr[*at] == '['; depth++) {
        if (*at + 1 >= text.len || text.ptr[*at + 1] != ']' || depth == LT_TYPE_DEPTH)
            return false;
        *at += 2;
        lt_type *item = LT_NEW(arena, lt_type);
        *item = *type;
        *type = (lt_type){.kind = LT_TYPE_LIST, .item = item};
    }
    return true;
}

/* At the start of a type: a struct is opened, anything else is read whole. */
static bool read_one(lt_arena *arena, lt_text text, size_t *at, lt_type *type, bool *opened)
{
    skip_space(text, at);
    lt_text rest = lt_text_sub(text, *at, text.len);
    *opened = lt_text_starts(rest, T("STRUCT("));
    if (*opened) {
        *at += 7;
        *type = (lt_type){.kind = LT_TYPE_STRUCT};
        return true;
    }
    return read_scalar(arena, text, at, type) && read_lists(arena, text, at, type);
}

static bool read_field_name(lt_arena *arena, lt_text text, size_t *at, lt_type *owner,
                            lt_field **field)
{
    LT_AUTO(lt_buf) name = {.limit = 64 * LT_KIB};
    if (!take_name(text, at, &name) || owner->fields.len >= LT_RECORD_FIELDS)
        return false;
    *field = lt_type_add_field(arena, owner, lt_buf_text(&name), (lt_text){0});
    return true;
}

/* After a whole type inside a struct: a comma goes on, a bracket ends it (and may make it a list). */
static bool read_behind(lt_arena *arena, lt_text text, size_t *at, lt_type *stack[], size_t *depth,
                        bool *more)
{
    while (*depth > 0) {
        skip_space(text, at);
        if (*at >= text.len)
            return false;
        char c = text.ptr[(*at)++];
        if (c == ',') {
            *more = true;
            return true;
        }
        if (c != ')')
            return false;
        lt_type *whole = stack[--*depth];
        if (!read_lists(arena, text, at, whole))
            return false;
    }
    *more = false;
    return true;
}

bool lt_type_read(lt_arena *arena, lt_text text, lt_type *out)
{
    lt_type *stack[LT_TYPE_DEPTH + 1];
    lt_type root = {0}, *here = &root;
    size_t depth = 0, at = 0;
    bool more = true;
    while (more) {
        bool opened;
        if (!read_one(arena, text, &at, here, &opened))
            return false;
        if (opened) {
            if (depth == LT_COUNT(stack))
                return false;
            stack[depth++] = here;
        } else if (!read_behind(arena, text, &at, stack, &depth, &more)) {
            return false;
        }
        lt_field *field;
        if (more) {
            if (!read_field_name(arena, text, &at, stack[depth - 1], &field))
                return false;
            here = &field->type;
        }
    }
    skip_space(text, &at);
    if (at != text.len)
        return false;
    *out = root;
    return true;
}
