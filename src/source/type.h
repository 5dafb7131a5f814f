/* type.h - the types of columns: what records hold, how two of them become one, how DuckDB writes them.
 *
 * Merging is order-free: null lies below everything, text above. Numbers widen (TINYINT ... BIGINT, DECIMAL, DOUBLE), a date and a
 * timestamp become a timestamp, structs and lists merge inside; containers of different kinds become JSON, everything else
 * that does not agree becomes VARCHAR, which holds any value as it was written.
 * Types live in an arena and are changed in place. One thread at a time. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"

typedef enum lt_type_kind {
    LT_TYPE_NULL, /* nothing but nulls so far */
    LT_TYPE_BOOL,
    LT_TYPE_TINYINT,
    LT_TYPE_SMALLINT,
    LT_TYPE_INTEGER,
    LT_TYPE_BIGINT,
    LT_TYPE_DECIMAL, /* width, scale */
    LT_TYPE_FLOAT,
    LT_TYPE_DOUBLE,
    LT_TYPE_DATE,
    LT_TYPE_TIMESTAMP,
    LT_TYPE_TIMESTAMPTZ,
    LT_TYPE_OTHER, /* as DuckDB names it: TIME, BLOB, UUID, ... */
    LT_TYPE_LIST,
    LT_TYPE_STRUCT,
    LT_TYPE_JSON,
    LT_TYPE_TEXT,
} lt_type_kind;

typedef struct lt_type lt_type;
typedef struct lt_field lt_field;

struct lt_type {
    lt_type_kind kind;
    unsigned width,
        scale;     /* of a decimal; of a double: of the decimal that would hold its values, or 0 */
    lt_text name;  /* of LT_TYPE_OTHER */
    lt_type *item; /* of a list */
    LT_VEC(lt_field *)
    fields;          /* of a struct, in order of appearance; in the arena */
    uint32_t *slots; /* index by key, in the arena: field number + 1, or 0 */
    size_t slot_count;
};

struct lt_field {
    lt_text key; /* decoded */
    lt_text raw; /* as JSON writes it, with quotes; may be NULL */
    lt_type type;
    size_t index;                    /* in its struct */
    uint64_t seen;                   /* the object in which it was last seen */
    int64_t page, record, spot;      /* where it came first: for order and messages */
    int64_t non_null;                /* values */
    int role;                        /* for who reads the records */
    struct lt_number_notes *numbers; /* of a field of the record; in the arena, or NULL */
};

/* A struct with more fields than this is a map in disguise: it becomes JSON. Of a record it is an error. */
enum { LT_STRUCT_FIELDS = 200, LT_RECORD_FIELDS = 10000, LT_TYPE_DEPTH = 16 };

/* The field with that key, or NULL. */
lt_field *lt_type_field(const lt_type *type, lt_text key);
/* Add a field of unknown type; `key` and `raw` are copied. */
lt_field *lt_type_add_field(lt_arena *arena, lt_type *type, lt_text key, lt_text raw);
/* Make `into` hold what both hold. `from` is copied where needed. True if `into` changed. */
bool lt_type_merge(lt_arena *arena, lt_type *into, const lt_type *from);
bool lt_type_eq(const lt_type *a, const lt_type *b); /* fields in any order */

/* Append the type as DuckDB writes it. Unknown inner types are JSON; a struct without fields, or with fields that differ only
 * in case, is JSON. An unknown type by itself is VARCHAR. */
void lt_type_write(const lt_type *type, lt_buf *out);
/* Read what DuckDB writes: "BIGINT", "DECIMAL(18,3)", "STRUCT(a INTEGER, \"b c\" VARCHAR)[]". What is not known is
 * LT_TYPE_OTHER. False: brackets or quotes do not match, or too deep. */
LT_MUST_CHECK bool lt_type_read(lt_arena *arena, lt_text text, lt_type *out);
