/* Read a compiled template without rendering it: literals, calls, macros and own blocks. */
#include "jinja/inner.h"

/* ---- literals; lists nest no deeper than the parser allowed */

static bool literal_items(lt_jinja_heap *heap, const lt_jinja_node *node, lt_jinja_value *out)
{
    lt_jinja_value list = lt_jinja_list_of(heap, LIST_PLAIN, node->count);
    for (const lt_jinja_node *item = node->a; item; item = item->next) {
        lt_jinja_value value;
        if (!lt_jinja_literal_of(heap, item, &value))
            return false;
        lt_jinja_list_push(list.as.list, value);
    }
    if (node->kind == NODE_TUPLE)
        list.type = LT_JINJA_TUPLE;
    *out = list;
    return true;
}

static bool literal_dict(lt_jinja_heap *heap, const lt_jinja_node *node, lt_jinja_value *out)
{
    lt_jinja_value dict = lt_jinja_dict(heap);
    for (const lt_jinja_node *pair = node->a; pair; pair = pair->next) {
        lt_jinja_value key, value;
        uint32_t hash;
        if (!lt_jinja_literal_of(heap, pair->a, &key) ||
            !lt_jinja_literal_of(heap, pair->b, &value) || !lt_jinja_hash(key, &hash))
            return false;
        lt_jinja_dict_set(dict.as.dict, key, value);
    }
    *out = dict;
    return true;
}

static bool literal_sign(lt_jinja_heap *heap, const lt_jinja_node *node, lt_jinja_value *out)
{
    lt_jinja_value value;
    if (node->a->kind != NODE_CONST || !lt_jinja_literal_of(heap, node->a, &value))
        return false;
    lt_err ignored = {0};
    bool is_whole = value.type == LT_JINJA_INT || lt_jinja_is_big(value);
    *out = value;
    if (node->kind != NODE_NEG || (!is_whole && value.type != LT_JINJA_FLOAT))
        return is_whole || value.type == LT_JINJA_FLOAT;
    if (is_whole)
        return lt_jinja_whole_binary(heap, '-', lt_jinja_int(0), value, out, &ignored) == LT_OK;
    *out = lt_jinja_float(-value.as.f);
    return true;
}

bool lt_jinja_literal_of(lt_jinja_heap *heap, const lt_jinja_node *node, lt_jinja_value *out)
{
    switch (node->kind) {
    case NODE_CONST:
        *out = node->value;
        return true;
    case NODE_LIST:
    case NODE_TUPLE:
        return literal_items(heap, node, out);
    case NODE_DICT:
        return literal_dict(heap, node, out);
    case NODE_NEG:
    case NODE_POS:
        return literal_sign(heap, node, out);
    default:
        return false;
    }
}

lt_status lt_jinja_literal(lt_jinja_heap *heap, lt_text text, lt_jinja_value *out, lt_err *err)
{
    static const lt_jinja_env env = {0};
    if (text.len > LT_MIN(LT_BUF_LIMIT, (size_t)UINT32_MAX / 2))
        return lt_fail(err, LT_TOO_BIG, "this literal is larger than %zu bytes", LT_BUF_LIMIT);
    LT_AUTO(lt_jinja_template_ref) made = lt_xcalloc(1, sizeof(*made));
    made->env = &env;
    made->name = T("literal");
    made->source = text;
    LT_TRY(lt_jinja_parse_expression(made, NULL, err));
    lt_jinja_heap spare = {0};
    lt_jinja_value value;
    lt_status status = lt_jinja_literal_of(&spare, made->body, &value)
                           ? lt_jinja_copy(heap, value, out, err)
                           : lt_fail(err, LT_INVALID, "this is not a literal");
    lt_jinja_heap_cleanup(&spare);
    return status;
}

/* ---- calls */

/* "a.b.c" from the tree; a plain name is not copied. */
static bool dotted_name(lt_jinja_heap *heap, const lt_jinja_node *node, lt_text *out)
{
    enum { MAX_PARTS = 8 };
    lt_text parts[MAX_PARTS];
    size_t count = 0;
    for (; node->kind == NODE_ATTR && count < MAX_PARTS - 1; node = node->a)
        parts[count++] = node->name;
    if (node->kind != NODE_NAME)
        return false;
    *out = node->name;
    while (count) {
        lt_text part = parts[--count];
        *out = lt_text_of(lt_arena_format(&heap->arena, "%.*s.%.*s", LT_ARG(*out), LT_ARG(part)));
    }
    return true;
}

static void read_args(lt_jinja_heap *heap, const lt_jinja_node *call, lt_jinja_static_call *out)
{
    out->is_literal = true;
    out->args = lt_jinja_tuple(heap, NULL, 0);
    out->kwargs = lt_jinja_dict(heap);
    for (const lt_jinja_node *arg = call->b; arg; arg = arg->next) {
        lt_jinja_value value = {0};
        bool named = arg->kind == NODE_KWARG;
        bool literal = lt_jinja_literal_of(heap, named ? arg->a : arg, &value);
        out->is_literal &= literal;
        if (named && literal)
            lt_jinja_put_value(out->kwargs, lt_jinja_text(arg->name), value);
        else if (!named)
            lt_jinja_add(out->args, literal ? value : (lt_jinja_value){0});
    }
}

bool lt_jinja_next_call(const lt_jinja_template *compiled, lt_jinja_heap *heap, size_t *at,
                        lt_jinja_static_call *out)
{
    while (*at < compiled->calls.len) {
        const lt_jinja_node *call = compiled->calls.items[(*at)++];
        *out = (lt_jinja_static_call){0};
        if (!dotted_name(heap, call->a, &out->name))
            continue;
        out->is_certain = !(call->flags & NESTED);
        out->is_whole = call->flags & WHOLE;
        read_args(heap, call, out);
        out->pos = call->pos;
        out->line = lt_jinja_line(compiled, call->pos);
        return true;
    }
    return false;
}

static bool is_known_call(const lt_jinja_node *node, const char *const *names, size_t count)
{
    if (node->kind != NODE_CALL || node->a->kind != NODE_NAME)
        return false;
    for (size_t i = 0; i < count; i++)
        if (lt_text_eq(node->a->name, lt_text_of(names[i])))
            return true;
    return false;
}

bool lt_jinja_is_static(const lt_jinja_template *compiled, const char *const *names, size_t count)
{
    lt_jinja_heap heap = {0};
    bool yes = true;
    for (const lt_jinja_node *node = compiled->body; node && yes; node = node->next) {
        if (node->kind == NODE_TEXT)
            continue;
        yes = node->kind == NODE_OUTPUT && is_known_call(node->a, names, count);
        for (const lt_jinja_node *arg = yes ? node->a->b : NULL; arg && yes; arg = arg->next) {
            lt_jinja_value ignored;
            yes = lt_jinja_literal_of(&heap, arg->kind == NODE_KWARG ? arg->a : arg, &ignored);
        }
    }
    lt_jinja_heap_cleanup(&heap);
    return yes;
}

/* ---- macros and own blocks */

lt_jinja_value lt_jinja_macro_of(const lt_jinja_template *compiled, lt_text name)
{
    for (size_t i = 0; i < compiled->blocks.len; i++) {
        const lt_jinja_block_rec *block = compiled->blocks.items[i];
        if (lt_text_eq(block->name, name) && block->macro.node->kind == NODE_MACRO)
            return (lt_jinja_value){.type = LT_JINJA_MACRO, .as.macro = &block->macro};
    }
    return (lt_jinja_value){0};
}

static lt_text source_between(const lt_jinja_template *compiled, uint32_t start, uint32_t end)
{
    return lt_text_sub(compiled->source, start, end > start ? end - start : 0);
}

/* White space behind the block, when its last tag ends with '-'. */
static uint32_t whole_end(const lt_jinja_template *compiled, const lt_jinja_block_rec *block)
{
    lt_text source = compiled->source;
    uint32_t end = block->end;
    uint32_t least = end;
    if (end >= 3 && source.ptr[end - 3] == '-')
        while (end < source.len && lt_is_space(source.ptr[end]))
            end++;
    return end == source.len ? least : end; /* dbt takes a file without the white space around it */
}

static lt_text whole(const lt_jinja_template *compiled, size_t i)
{
    const lt_jinja_block_rec *block = compiled->blocks.items[i];
    uint32_t least = i ? whole_end(compiled, compiled->blocks.items[i - 1]) : 0;
    uint32_t start = block->start;
    if (lt_text_starts(lt_text_sub(compiled->source, start, 3), T("{%-")))
        while (start > least && lt_is_space(compiled->source.ptr[start - 1]))
            start--;
    if (start == 0)
        start = block->start;
    return source_between(compiled, start, whole_end(compiled, block));
}

bool lt_jinja_block_at(const lt_jinja_template *compiled, size_t i, lt_jinja_block *out)
{
    if (i >= compiled->blocks.len)
        return false;
    const lt_jinja_block_rec *block = compiled->blocks.items[i];
    *out = (lt_jinja_block){
        .whole = whole(compiled, i),
        .tag = block->tag,
        .name = block->name,
        .source = source_between(compiled, block->start, block->end),
        .body = source_between(compiled, block->body_start, block->body_end),
        .arg_count = block->node->count,
        .node = block->node,
    };
    if (block->macro.node->kind == NODE_MACRO)
        out->macro = (lt_jinja_value){.type = LT_JINJA_MACRO, .as.macro = &block->macro};
    out->line = lt_jinja_line(compiled, block->start);
    return true;
}

bool lt_jinja_block_arg(const lt_jinja_block *block, lt_jinja_heap *heap, size_t i, lt_text *name,
                        lt_jinja_value *value, bool *is_literal)
{
    const lt_jinja_node *node = block->node;
    const lt_jinja_node *arg = node->a;
    while (arg && i--)
        arg = arg->next;
    if (!arg)
        return false;
    *name = arg->name;
    *value = (lt_jinja_value){.kind = arg->a ? 0 : UINT8_MAX};
    *is_literal = arg->a && lt_jinja_literal_of(heap, arg->a, value);
    return true;
}
