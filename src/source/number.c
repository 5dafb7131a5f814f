/* Notes how many digits the numbers of a column have, and settles the type that holds them. */
#include "source/number.h"

#include "base/text.h"

enum { SURE_DIGITS = 15, DOUBLE_DIGITS = 17, MOST_DIGITS = 1000 };

typedef struct measure {
    size_t whole, scale; /* digits before and behind the point, without zeros at the outer ends */
    size_t significant;
    bool is_integer;
} measure;

/* The exponent behind 'e', cut to what matters. */
static int64_t exponent(lt_text text)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    int64_t value = 0;
    for (size_t i = 0; i < text.len && value < MOST_DIGITS; i++)
        if (lt_is_digit(text.ptr[i]))
            value = value * 10 + (text.ptr[i] - '0');
    return negative ? -value : value;
}

static size_t clamped(int64_t digits)
{
    return (size_t)LT_MIN(LT_MAX(digits, (int64_t)0), (int64_t)MOST_DIGITS);
}

static measure measure_of(lt_text raw)
{
    int64_t digits = 0, first = 0, last = 0, point = -1, power = 0; /* positions count from 1 */
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        if (lt_is_digit(c)) {
            digits++;
            last = c != '0' ? digits : last;
            first = c != '0' && first == 0 ? digits : first;
        } else if (c == '.') {
            point = digits;
        } else if (c == 'e' || c == 'E') {
            power = exponent(lt_text_sub(raw, i + 1, SIZE_MAX));
            point = point < 0 ? digits : point;
            break;
        }
    }
    measure out = {.is_integer = point < 0};
    if (!first)
        return out;                                      /* zero */
    int64_t ones = (point < 0 ? digits : point) + power; /* the position of the last whole digit */
    out.whole = clamped(ones - first + 1);
    out.scale = clamped(last - ones);
    out.significant = (size_t)(last - first + 1);
    return out;
}

bool lt_number_note(lt_number_notes *notes, lt_text raw, bool no_type, lt_arena *arena)
{
    if (no_type) {
        if (!notes->beyond.ptr)
            notes->beyond = lt_arena_text(arena, raw);
        return false; /* DuckDB gives such numbers as they are written */
    }
    measure m = measure_of(raw);
    notes->whole = (uint16_t)LT_MAX(notes->whole, m.whole);
    notes->scale = (uint16_t)LT_MAX(notes->scale, m.scale);
    if (m.significant <= SURE_DIGITS)
        return false;
    if (m.significant > DOUBLE_DIGITS || m.is_integer) {
        if (!notes->exact)
            notes->example = lt_arena_text(arena, raw);
        notes->exact = true;
        return !m.is_integer;
    }
    notes->rough += !notes->exact;
    return notes->exact;
}

void lt_number_merge(lt_number_notes *into, const lt_number_notes *from, lt_arena *arena)
{
    into->whole = LT_MAX(into->whole, from->whole);
    into->scale = LT_MAX(into->scale, from->scale);
    into->rough += from->rough;
    if (!into->exact && from->exact)
        into->example = lt_arena_text(arena, from->example);
    into->exact = into->exact || from->exact;
    if (!into->beyond.ptr && from->beyond.ptr)
        into->beyond = lt_arena_text(arena, from->beyond);
}

lt_type lt_number_settle(lt_number_notes *notes, const lt_type *type)
{
    unsigned width = (unsigned)notes->whole + notes->scale;
    bool is_number = type->kind >= LT_TYPE_TINYINT && type->kind <= LT_TYPE_DOUBLE;
    notes->settled_as_text = notes->beyond.ptr && is_number;
    if (notes->settled_as_text)
        return (lt_type){.kind = LT_TYPE_TEXT};
    if (type->kind != LT_TYPE_DOUBLE || width > LT_DECIMAL_DIGITS)
        return *type;
    return (lt_type){.kind = notes->exact ? LT_TYPE_DECIMAL : LT_TYPE_DOUBLE,
                     .width = LT_MAX(width, 1U),
                     .scale = notes->scale};
}

bool lt_number_fits(const lt_number_notes *notes, unsigned width, unsigned scale)
{
    return !notes->beyond.ptr && notes->scale <= scale && notes->whole <= width - scale;
}
