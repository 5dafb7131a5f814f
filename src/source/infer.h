/* infer.h - what records are made of, found while they pass: column types, keys, the cursor.
 *
 * Each worker has one; lt_infer_merge() adds them up, and the result does not depend on which worker saw what. The records'
 * bytes are not kept. One thread at a time for each. */
#pragma once
#include "source/number.h"
#include "source/type.h"
#include "source/watermark.h"

typedef struct lt_infer_options {
    const lt_texts *keys; /* names of key columns: a JSON key or its snake_case form; borrowed */
    lt_text cursor_field; /* empty: none */
    const lt_type *known; /* the record as it was before; NULL: nothing is known */
    bool freeze_columns;  /* against `known`: stop at the first record that breaks it */
    bool freeze_types; /* the same; and when nothing is known, no column may mix kinds of values */
} lt_infer_options;

enum { LT_KEYS_MAX = 16 };

typedef struct lt_infer {
    lt_infer_options options;
    lt_arena arena;
    lt_type record; /* a struct */
    lt_mark mark;
    int64_t records;
    size_t largest; /* bytes of the largest record */
    lt_buf hashes;  /* one uint64_t of the key of each record, to be taken away by the owner */
    uint64_t objects;
    lt_json_reader reader;
    lt_buf scratch;
    lt_field *field;        /* of the record, in which a value is being read; NULL: deeper inside */
    const lt_field *column; /* of the record, in which or below which a value is being read */
    bool in_list;           /* what is read is an item of a list */
    lt_text raw;            /* the record */
    LT_VEC(lt_text) quoted; /* its numbers that must be landed as text */
} lt_infer;

void lt_infer_init(lt_infer *infer, const lt_infer_options *options);
void lt_infer_cleanup(lt_infer *infer);

/* Take in one record (a whole JSON object that lt_json has read). `page` and `record`, from 1, say where it stands.
 * LT_FAILED: a key twice, a key column without a value, a frozen contract is broken, the cursor makes no sense.
 * LT_TOO_BIG: too many columns. The message names the column, not the place. */
LT_MUST_CHECK lt_status lt_infer_record(lt_infer *infer, lt_text raw, int64_t page, int64_t record,
                                        lt_err *err);
/* Append the record that was just read as a line, with such numbers in quotes. */
void lt_infer_add_line(lt_infer *infer, lt_buf *out);
LT_MUST_CHECK lt_status lt_infer_merge(lt_infer *into, const lt_infer *from, lt_err *err);
/* At the end: the fields of the record in the order of their first appearance, the types of numbers settled. */
void lt_infer_order(lt_infer *infer);

/* The type of a scalar token. */
lt_type lt_infer_number(lt_text raw);
lt_type lt_infer_string(lt_text raw);
