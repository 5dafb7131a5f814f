/* Understands Arrow format strings, and reads cells. */
#include "engine/arrow_node.h"

#include <stdio.h>
#include <stdlib.h>

enum { DEPTH_LIMIT = 64 };

/* The value of a metadata key, or the empty text. Layout as in arrow_build.c. */
static lt_text metadata(const struct ArrowSchema *field, const char *wanted)
{
    const char *at = field->metadata;
    int32_t count = 0, len;
    if (!at)
        return (lt_text){0};
    memcpy(&count, at, sizeof(count));
    at += sizeof(count);
    for (int32_t i = 0; i < count; i++) {
        lt_text parts[2];
        for (size_t k = 0; k < 2; k++) {
            memcpy(&len, at, sizeof(len));
            parts[k] = lt_text_at(at + sizeof(len), (size_t)len);
            at += sizeof(len) + (size_t)len;
        }
        if (lt_text_eq(parts[0], lt_text_of(wanted)))
            return parts[1];
    }
    return (lt_text){0};
}

/* Formats that say everything by themselves. */
static const struct {
    const char *format;
    lt_arrow_node node;
} plain[] = {
    {"n", {.kind = LT_ARROW_NULL}},
    {"b", {.kind = LT_ARROW_BOOL}},
    {"c", {.kind = LT_ARROW_INT, .width = 1}},
    {"C", {.kind = LT_ARROW_INT, .width = 1, .is_unsigned = true}},
    {"s", {.kind = LT_ARROW_INT, .width = 2}},
    {"S", {.kind = LT_ARROW_INT, .width = 2, .is_unsigned = true}},
    {"i", {.kind = LT_ARROW_INT, .width = 4}},
    {"I", {.kind = LT_ARROW_INT, .width = 4, .is_unsigned = true}},
    {"l", {.kind = LT_ARROW_INT, .width = 8}},
    {"L", {.kind = LT_ARROW_INT, .width = 8, .is_unsigned = true}},
    {"f", {.kind = LT_ARROW_FLOAT, .width = 4}},
    {"g", {.kind = LT_ARROW_FLOAT, .width = 8}},
    {"u", {.kind = LT_ARROW_TEXT, .width = 4}},
    {"U", {.kind = LT_ARROW_TEXT, .width = 8}},
    {"z", {.kind = LT_ARROW_BYTES, .width = 4}},
    {"Z", {.kind = LT_ARROW_BYTES, .width = 8}},
    {"tdD", {.kind = LT_ARROW_DATE, .width = 4}},
    {"tdm", {.kind = LT_ARROW_DATE, .width = 8}},
    {"tts", {.kind = LT_ARROW_TIME, .width = 4, .unit = 1}},
    {"ttm", {.kind = LT_ARROW_TIME, .width = 4, .unit = 1000}},
    {"ttu", {.kind = LT_ARROW_TIME, .width = 8, .unit = 1000000}},
    {"ttn", {.kind = LT_ARROW_TIME, .width = 8, .unit = 1000000000}},
    {"tiM", {.kind = LT_ARROW_MONTHS}},
    {"tin", {.kind = LT_ARROW_INTERVAL}},
    {"tDs", {.kind = LT_ARROW_DURATION, .unit = 1}},
    {"tDm", {.kind = LT_ARROW_DURATION, .unit = 1000}},
    {"tDu", {.kind = LT_ARROW_DURATION, .unit = 1000000}},
    {"tDn", {.kind = LT_ARROW_DURATION, .unit = 1000000000}},
    {"+l", {.kind = LT_ARROW_LIST, .width = 4}},
    {"+L", {.kind = LT_ARROW_LIST, .width = 8}},
    {"+s", {.kind = LT_ARROW_STRUCT}},
    {"+m", {.kind = LT_ARROW_MAP, .width = 4}},
};

/* What an extension makes of a plain format. */
static const struct {
    const char *format, *extension, *type; /* `type`: DuckDB's "type_name" of an arrow.opaque */
    lt_arrow_kind kind;
} extensions[] = {
    {"c", "arrow.bool8", NULL, LT_ARROW_BOOL8},
    {"u", "arrow.json", NULL, LT_ARROW_JSON},
    {"w:16", "arrow.uuid", NULL, LT_ARROW_UUID},
    {"w:16", "arrow.opaque", "\"hugeint\"", LT_ARROW_HUGEINT},
    {"w:16", "arrow.opaque", "\"uhugeint\"", LT_ARROW_UHUGEINT},
    {"w:8", "arrow.opaque", "\"time_tz\"", LT_ARROW_TIMETZ},
    {"z", "arrow.opaque", "\"bit\"", LT_ARROW_BIT},
    {"z", "arrow.opaque", "\"bignum\"", LT_ARROW_OTHER},
};

static void understand_timestamp(const char *format, lt_arrow_node *out)
{
    static const char units[] = "smun";
    const char *unit = format[2] ? strchr(units, format[2]) : NULL;
    int64_t per_second = 1;
    if (!unit || format[3] != ':')
        return;
    for (const char *at = units; at < unit; at++)
        per_second *= 1000;
    *out = (lt_arrow_node){
        .kind = LT_ARROW_TIMESTAMP, .unit = per_second, .zoned = format[4] != '\0', .width = 8};
}

/* "d:precision,scale" and maybe ",bits" */
static void understand_decimal(const char *format, lt_arrow_node *out)
{
    lt_text rest = lt_text_sub(lt_text_of(format), 2, SIZE_MAX), part;
    int64_t parts[] = {0, 0, 128}; /* precision, scale, bits */
    size_t count = 0;
    for (; lt_text_cut(&rest, ',', &part); count++)
        if (count == LT_COUNT(parts) || !lt_text_to_i64(part, &parts[count]))
            return;
    if (count < 2 || parts[0] < 1 || parts[0] > 38 || parts[1] < 0 || parts[1] > parts[0] ||
        (parts[2] != 32 && parts[2] != 64 && parts[2] != 128))
        return;
    *out = (lt_arrow_node){.kind = LT_ARROW_DECIMAL,
                           .width = (size_t)parts[2] / 8,
                           .precision = (int)parts[0],
                           .scale = (int)parts[1]};
}

static lt_arrow_node understand(const struct ArrowSchema *field)
{
    lt_arrow_node node = {.kind = LT_ARROW_OTHER};
    for (size_t i = 0; i < LT_COUNT(plain); i++)
        if (strcmp(plain[i].format, field->format) == 0)
            node = plain[i].node;
    if (strncmp(field->format, "d:", 2) == 0)
        understand_decimal(field->format, &node);
    if (strncmp(field->format, "ts", 2) == 0)
        understand_timestamp(field->format, &node);
    if (strncmp(field->format, "+w:", 3) == 0)
        node = (lt_arrow_node){.kind = LT_ARROW_FIXED_LIST,
                               .list_size = (size_t)strtoul(field->format + 3, NULL, 10)};
    if (strncmp(field->format, "+us:", 4) == 0 && field->n_children)
        node.kind = LT_ARROW_UNION;
    lt_text name = metadata(field, "ARROW:extension:name");
    lt_text details = metadata(field, "ARROW:extension:metadata");
    for (size_t i = 0; name.len && i < LT_COUNT(extensions); i++)
        if (strcmp(extensions[i].format, field->format) == 0 &&
            lt_text_eq(name, lt_text_of(extensions[i].extension)) &&
            (!extensions[i].type || lt_text_has(details, lt_text_of(extensions[i].type))))
            node.kind = extensions[i].kind;
    return node;
}

static lt_status make(const struct ArrowSchema *field, int depth, lt_arena *arena,
                      lt_arrow_node *out, lt_err *err)
{
    if (depth > DEPTH_LIMIT)
        return lt_fail(err, LT_TOO_BIG, "a column is nested more than %d deep", DEPTH_LIMIT);
    *out = understand(field);
    out->name = field->name ? field->name : "";
    if (field->dictionary) {
        out->dictionary = LT_NEW(arena, lt_arrow_node);
        return make(field->dictionary, depth + 1, arena, out->dictionary, err);
    }
    out->child_count = (size_t)field->n_children;
    out->children = lt_alloc_array(arena, out->child_count, sizeof(*out->children));
    for (size_t i = 0; i < out->child_count; i++)
        LT_TRY(make(field->children[i], depth + 1, arena, &out->children[i], err));
    return LT_OK;
}

lt_status lt_arrow_node_make(const struct ArrowSchema *field, lt_arena *arena, lt_arrow_node *out,
                             lt_err *err)
{
    return make(field, 0, arena, out, err);
}

/* Its depth is that of the schema, which make() has limited. */
void lt_arrow_node_bind(lt_arrow_node *node, const struct ArrowArray *array)
{
    node->array = array;
    if (node->dictionary)
        lt_arrow_node_bind(node->dictionary, array->dictionary);
    for (size_t i = 0; i < node->child_count; i++)
        lt_arrow_node_bind(&node->children[i], array->children[i]);
}

const lt_arrow_node *lt_arrow_member_at(const lt_arrow_node *node, int64_t at)
{
    const uint8_t *tags = node->array->buffers[0];
    return &node->children[tags[at] % node->child_count];
}

lt_text lt_arrow_text_at(const lt_arrow_node *node, int64_t at)
{
    const char *data = node->array->buffers[2];
    int64_t from, to;
    if (node->width == 4) {
        const int32_t *offsets = node->array->buffers[1];
        from = offsets[at];
        to = offsets[at + 1];
    } else {
        const int64_t *offsets = node->array->buffers[1];
        from = offsets[at];
        to = offsets[at + 1];
    }
    return from == to ? lt_text_at("", 0) : lt_text_at(data + from, (size_t)(to - from));
}

#define WHOLE(size, signed_type, unsigned_type)                                                    \
    case size:                                                                                     \
        return node->is_unsigned ? (__int128)((const unsigned_type *)data)[at]                     \
                                 : (__int128)((const signed_type *)data)[at]

__int128 lt_arrow_whole_at(const lt_arrow_node *node, int64_t at)
{
    const void *data = node->array->buffers[1];
    __int128 value;
    switch (node->width) {
        WHOLE(1, int8_t, uint8_t);
        WHOLE(2, int16_t, uint16_t);
        WHOLE(4, int32_t, uint32_t);
        WHOLE(8, int64_t, uint64_t);
    default:
        memcpy(&value, (const char *)data + at * 16, sizeof(value)); /* 8-aligned is allowed */
        return value;
    }
}

void lt_arrow_list_at(const lt_arrow_node *node, int64_t at, int64_t *from, int64_t *count)
{
    if (node->kind == LT_ARROW_FIXED_LIST) {
        *from = at * (int64_t)node->list_size;
        *count = (int64_t)node->list_size;
    } else if (node->width == 4) {
        const int32_t *offsets = node->array->buffers[1];
        *from = offsets[at];
        *count = offsets[at + 1] - offsets[at];
    } else {
        const int64_t *offsets = node->array->buffers[1];
        *from = offsets[at];
        *count = offsets[at + 1] - offsets[at];
    }
    *from += node->children[0].array->offset;
}
