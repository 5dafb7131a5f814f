/* arrow_node.h - a column of a stream, read cell by cell: its type understood once, its array bound for each batch. For back
 * ends. What is understood is what DuckDB and our own decoders make; the rest is LT_ARROW_OTHER. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "engine/arrow.h"

typedef enum lt_arrow_kind {
    LT_ARROW_OTHER,
    LT_ARROW_NULL,
    LT_ARROW_BOOL,  /* bits */
    LT_ARROW_BOOL8, /* bytes */
    LT_ARROW_INT,   /* `width` bytes, `is_unsigned` */
    LT_ARROW_FLOAT, /* 4 or 8 bytes */
    LT_ARROW_DECIMAL,
    LT_ARROW_HUGEINT,
    LT_ARROW_UHUGEINT,
    LT_ARROW_TEXT,  /* `width`: 4 or 8 bytes for an offset */
    LT_ARROW_BYTES, /* likewise */
    LT_ARROW_JSON,  /* text that holds JSON */
    LT_ARROW_BIT,   /* DuckDB's BIT */
    LT_ARROW_UUID,
    LT_ARROW_DATE,      /* `width` 4: days; 8: milliseconds */
    LT_ARROW_TIME,      /* `width` 4 or 8, `unit` */
    LT_ARROW_TIMETZ,    /* DuckDB's */
    LT_ARROW_TIMESTAMP, /* `unit`, `zoned` */
    LT_ARROW_MONTHS,
    LT_ARROW_INTERVAL, /* months, days, nanoseconds */
    LT_ARROW_DURATION, /* `unit` */
    LT_ARROW_LIST,     /* `width` of an offset; one child */
    LT_ARROW_FIXED_LIST,
    LT_ARROW_STRUCT,
    LT_ARROW_MAP,
    LT_ARROW_UNION, /* sparse */
} lt_arrow_kind;

typedef struct lt_arrow_node {
    lt_arrow_kind kind;
    size_t width;
    int64_t unit; /* how many make a second */
    bool is_unsigned, zoned;
    int precision, scale;
    size_t list_size; /* of a fixed list */
    const char *name; /* borrowed from the schema */
    size_t child_count;
    struct lt_arrow_node *children; /* of the values, behind a dictionary too */
    struct lt_arrow_node
        *dictionary; /* NULL, or the values; this node is then the index (LT_ARROW_INT) */
    const struct ArrowArray *array; /* bound */
} lt_arrow_node;

/* Understand a field, all in `arena`. LT_TOO_BIG: nested too deep. Types that are not known give LT_ARROW_OTHER. */
LT_MUST_CHECK lt_status lt_arrow_node_make(const struct ArrowSchema *field, lt_arena *arena,
                                           lt_arrow_node *out, lt_err *err);
/* Bind a batch's array to the node and all below it. */
void lt_arrow_node_bind(lt_arrow_node *node, const struct ArrowArray *array);

/* The member that a union holds at a row. */
const lt_arrow_node *lt_arrow_member_at(const lt_arrow_node *node, int64_t at);

/* `at` is a physical row: the logical one plus array->offset. A union is NULL when its member is: Arrow has no other way. */
static inline bool lt_arrow_is_null(const lt_arrow_node *node, int64_t at)
{
    if (__builtin_expect(node->kind == LT_ARROW_UNION, 0)) {
        node = lt_arrow_member_at(node, at);
        at += node->array->offset;
    }
    if (node->kind == LT_ARROW_NULL)
        return true;
    const uint8_t *valid = node->array->n_buffers ? node->array->buffers[0] : NULL;
    return node->kind != LT_ARROW_UNION && valid && !(valid[at / 8] >> at % 8 & 1);
}
lt_text lt_arrow_text_at(const lt_arrow_node *node, int64_t at);   /* TEXT, JSON, BYTES, BIT */
__int128 lt_arrow_whole_at(const lt_arrow_node *node, int64_t at); /* INT, DECIMAL, HUGEINT */
/* The elements of a list or map in its child: [*from, *from + *count), physical rows of the child. */
void lt_arrow_list_at(const lt_arrow_node *node, int64_t at, int64_t *from, int64_t *count);

/* Append the cell as JSON text, NULL as null. Dates, times, intervals, UUIDs are strings as SQL writes them; bytes are
 * "\\x..." in hex; NaN and infinities are strings. */
void lt_arrow_json(const lt_arrow_node *node, int64_t at, lt_buf *out);
/* The digits of whole * 10^-scale. */
void lt_arrow_decimal_text(__int128 whole, int scale, lt_buf *out);
