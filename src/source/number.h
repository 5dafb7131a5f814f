/* number.h - what the numbers of a JSON column need, noted while they pass: digits that a DOUBLE would round, sizes that no number
 * type has.
 *
 * A DOUBLE gives back 15 digits of any number, and 17 of what was a DOUBLE before it was written. A number with more is to be
 * landed as text in its record (in quotes), and its column becomes a DECIMAL when all of the column's numbers fit in one. */
#pragma once
#include "source/type.h"

enum { LT_DECIMAL_DIGITS = 38 };

typedef struct lt_number_notes {
    uint16_t whole, scale;   /* the most digits before and behind the point */
    bool exact;              /* one has more digits than a DOUBLE holds */
    bool settled_as_text;    /* it is text only because of `beyond` */
    int64_t rough;           /* of 16 or 17 digits, passed before that was known */
    lt_text example, beyond; /* the first that asked for `exact`; that no type holds; as written */
} lt_number_notes;

/* Take in a number as JSON writes it; `no_type`: lt_infer_number() has none for it. True: it must be quoted in its record. */
bool lt_number_note(lt_number_notes *notes, lt_text raw, bool no_type, lt_arena *arena);
void lt_number_merge(lt_number_notes *into, const lt_number_notes *from, lt_arena *arena);
/* The column's type, when it is found to be `type`: DOUBLE becomes DECIMAL when it has to and can, a number becomes text when no
 * type holds it; a DOUBLE that could be a DECIMAL remembers its digits (width and scale) for lt_type_merge(). */
lt_type lt_number_settle(lt_number_notes *notes, const lt_type *type);
/* Would a DECIMAL of that width and scale hold them all? */
bool lt_number_fits(const lt_number_notes *notes, unsigned width, unsigned scale);
