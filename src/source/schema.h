/* schema.h - the columns of a dataset, and the contract that says what may change in them.
 *
 * As JSON (schema_json of a commit): [{"name": "updated_at", "type": "TIMESTAMP WITH TIME ZONE", "key": "updatedAt"}, ...];
 * "null_only": true says that only nulls were seen: such a column has a place in the schema, but none in the files, and takes the
 * type of its first value. All in an arena. */
#pragma once
#include "conf/conf.h"
#include "source/type.h"

typedef struct lt_schema_column {
    lt_text key;  /* in the source */
    lt_text name; /* in the files and tables */
    lt_type type;
    bool null_only;
    /* Of the extract that is planned: */
    bool present; /* it has values there, and they are landed */
    bool to_null; /* values that are not of `type` become null (types: discard) */
    bool is_new;
    lt_type found; /* the type in this extract */
    int64_t non_null;
} lt_schema_column;

typedef struct lt_schema {
    LT_VEC(lt_schema_column)
    columns;
    lt_texts left_out; /* keys that the contract discards */
    int64_t left_out_values;
} lt_schema;

/* `json` empty: no columns. LT_INVALID: it is not what lt_schema_write() writes. */
LT_MUST_CHECK lt_status lt_schema_read(lt_text json, lt_arena *arena, lt_schema *out, lt_err *err);
void lt_schema_write(const lt_schema *schema, lt_buf *out);
/* The schema as one record type, keys as fields. */
void lt_schema_record(const lt_schema *schema, lt_arena *arena, lt_type *out);
lt_schema_column *lt_schema_find(const lt_schema *schema, lt_text name);
/* By its key in the source. */
lt_schema_column *lt_schema_find_key(const lt_schema *schema, lt_text key);

/* What the dataset looks like after an extract in which `found` (a struct, fields in order) was seen. LT_FAILED: a frozen
 * contract is broken. */
LT_MUST_CHECK lt_status lt_schema_plan(const lt_schema *before, const lt_type *found,
                                       const lt_conf_contract *contract, lt_arena *arena,
                                       lt_schema *after, lt_err *err);
