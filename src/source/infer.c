/* Finds the types of columns from the tokens of records. The common case, keys in the order of the record before, costs a
 * comparison for each key. */
#include "source/infer.h"

#include "source/name.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* Roles of a field of the record, as bits. */
enum { ROLE_CURSOR = 1, ROLE_KEY = 2, ROLE_KNOWN = 4, KEY_SHIFT = 8 };

void lt_infer_init(lt_infer *infer, const lt_infer_options *options)
{
    *infer = (lt_infer){.options = *options, .record = {.kind = LT_TYPE_STRUCT}};
    if (options->known && (options->freeze_columns || options->freeze_types)) {
        (void)lt_type_merge(&infer->arena, &infer->record, options->known);
        for (size_t i = 0; i < infer->record.fields.len; i++)
            infer->record.fields.items[i]->role = ROLE_KNOWN;
    }
}

void lt_infer_cleanup(lt_infer *infer)
{
    lt_mark_cleanup(&infer->mark);
    lt_buf_cleanup(&infer->hashes);
    lt_buf_cleanup(&infer->scratch);
    lt_vec_free(&infer->quoted);
    lt_arena_cleanup(&infer->arena);
}

/* ---- scalars ---- */

lt_type lt_infer_number(lt_text raw)
{
    size_t digits = 0;
    double value;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        if (c == '.' || c == 'e' || c == 'E') /* what no double can hold stays as it is written */
            return (lt_type){.kind =
                                 lt_json_to_double(raw, &value) ? LT_TYPE_DOUBLE : LT_TYPE_TEXT};
        digits += c != '-';
    }
    int64_t whole;
    if (digits <= 18 || lt_json_to_i64(raw, &whole))
        return (lt_type){.kind = LT_TYPE_BIGINT};
    if (digits <= 38)
        return (lt_type){.kind = LT_TYPE_DECIMAL, .width = 38};
    return (lt_type){.kind = LT_TYPE_TEXT};
}

static bool digits_at(const char *text, size_t at, size_t count, unsigned most)
{
    unsigned value = 0;
    for (size_t i = 0; i < count; i++) {
        if (!lt_is_digit(text[at + i]))
            return false;
        value = value * 10 + (unsigned)(text[at + i] - '0');
    }
    return value <= most;
}

static unsigned two(const char *text)
{
    return (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
}

static bool is_date(const char *text)
{
    static const unsigned char days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (!digits_at(text, 0, 4, 9999) || text[4] != '-' || !digits_at(text, 5, 2, 12) ||
        text[7] != '-' || !digits_at(text, 8, 2, 31))
        return false;
    unsigned year = two(text) * 100 + two(text + 2), month = two(text + 5), day = two(text + 8);
    if (year == 0 || month == 0 || day == 0 || day > days[month - 1])
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month != 2 || day < 29 || leap;
}

/* "Z", "+hh", "+hh:mm", or nothing. */
static bool read_zone(lt_text rest, bool *zoned)
{
    *zoned = rest.len > 0;
    if (rest.len == 0 || lt_text_eq(rest, T("Z")))
        return true;
    if ((rest.ptr[0] != '+' && rest.ptr[0] != '-') || (rest.len != 3 && rest.len != 6))
        return false;
    return digits_at(rest.ptr, 1, 2, 15) &&
           (rest.len == 3 || (rest.ptr[3] == ':' && digits_at(rest.ptr, 4, 2, 59)));
}

lt_type lt_infer_string(lt_text raw)
{
    const lt_type text = {.kind = LT_TYPE_TEXT};
    lt_text in =
        lt_text_sub(raw, 1, raw.len - 2); /* an escape is no digit: such a string is no date */
    if (in.len < 10 || in.len > 32 || !is_date(in.ptr))
        return text;
    if (in.len == 10)
        return (lt_type){.kind = LT_TYPE_DATE};
    if (in.len < 19 || (in.ptr[10] != 'T' && in.ptr[10] != ' ') || !digits_at(in.ptr, 11, 2, 23) ||
        in.ptr[13] != ':' || !digits_at(in.ptr, 14, 2, 59) || in.ptr[16] != ':' ||
        !digits_at(in.ptr, 17, 2, 59))
        return text;
    lt_text rest = lt_text_sub(in, 19, in.len);
    if (rest.len > 0 && rest.ptr[0] == '.') {
        size_t end = 1;
        while (end < rest.len && lt_is_digit(rest.ptr[end]))
            end++;
        if (end < 2 || end > 7) /* finer than microseconds: kept as it is written */
            return text;
        rest = lt_text_sub(rest, end, rest.len);
    }
    bool zoned;
    if (!read_zone(rest, &zoned))
        return text;
    return (lt_type){.kind = zoned ? LT_TYPE_TIMESTAMPTZ : LT_TYPE_TIMESTAMP};
}

/* ---- values ---- */

/* A container that is open: where its values go. */
typedef struct open_value {
    lt_type *type;   /* LT_TYPE_STRUCT or LT_TYPE_LIST */
    uint64_t object; /* number of this object, to find keys that stand twice */
    size_t next;     /* the field that is expected next */
} open_value;

/* A number that no type holds counts as DOUBLE until it is known what else is in the column. */
static void note_number(lt_infer *infer, lt_text raw, lt_type *found)
{
    lt_field *field = infer->field;
    if (!field->numbers)
        field->numbers = LT_NEW(&infer->arena, lt_number_notes);
    if (lt_number_note(field->numbers, raw, found->kind == LT_TYPE_TEXT, &infer->arena))
        lt_push(&infer->quoted, raw);
    if (found->kind == LT_TYPE_TEXT)
        found->kind = LT_TYPE_DOUBLE;
}

/* What JSON calls the value: only these can be mixed; numbers of two types are still numbers, a date is a text. */
static const char *noun_of(lt_type_kind kind)
{
    switch (kind) {
    case LT_TYPE_NULL:
        return NULL;
    case LT_TYPE_BOOL:
        return "true or false";
    case LT_TYPE_LIST:
        return "a list";
    case LT_TYPE_STRUCT:
        return "an object";
    case LT_TYPE_JSON:
        return "objects or lists";
    case LT_TYPE_DATE:
    case LT_TYPE_TIMESTAMP:
    case LT_TYPE_TIMESTAMPTZ:
    case LT_TYPE_OTHER:
    case LT_TYPE_TEXT:
        return "a text";
    default:
        return "a number";
    }
}

static bool are_mixed(lt_type_kind a, lt_type_kind b)
{
    const char *left = noun_of(a), *right = noun_of(b);
    bool containers = (a == LT_TYPE_JSON && (b == LT_TYPE_LIST || b == LT_TYPE_STRUCT)) ||
                      (b == LT_TYPE_JSON && (a == LT_TYPE_LIST || a == LT_TYPE_STRUCT));
    return left && right && left != right && !containers;
}

/* With frozen types the first extract may not begin with a column that is text only because its values do not agree. */
static bool watches_mixes(const lt_infer *infer)
{
    return infer->options.freeze_types && !infer->options.known;
}

/* The items of a list may differ: they stay what JSON makes of them. */
static bool is_frozen(const lt_infer *infer)
{
    return watches_mixes(infer) && !infer->in_list;
}

static lt_status mixed(lt_text column, const lt_type *before, const lt_type *found, lt_err *err)
{
    LT_AUTO(lt_buf) old = {.limit = 4 * LT_KIB};
    LT_AUTO(lt_buf) new = {.limit = 4 * LT_KIB};
    lt_type_write(before, &old);
    lt_type_write(found, &new);
    lt_ignore(lt_fail(err, LT_FAILED,
                      "the column '%.*s' holds %s (%s) here and %s (%s) in other records, and the "
                      "contract freezes types",
                      LT_ARG(column), noun_of(found->kind), lt_buf_chars(&new),
                      noun_of(before->kind), lt_buf_chars(&old)));
    return lt_hint(err,
                   "mend the source, or set contract: {types: evolve} to land such a column as "
                   "text");
}

/* Scalars take the short way when the type is there already. */
static lt_status take_scalar(lt_infer *infer, lt_type *type, const lt_json_token *token,
                             lt_err *err)
{
    lt_type found = {.kind = LT_TYPE_BOOL};
    if (token->kind == LT_JSON_NULL || (type->kind == LT_TYPE_TEXT && !watches_mixes(infer)))
        return LT_OK;
    if (token->kind == LT_JSON_NUMBER) {
        found = lt_infer_number(token->raw);
        if (infer->field)
            note_number(infer, token->raw, &found);
    } else if (token->kind == LT_JSON_STRING) {
        found = lt_infer_string(token->raw);
    }
    if (is_frozen(infer) && are_mixed(type->kind, found.kind))
        return mixed(infer->column->key, type, &found, err);
    if (found.kind != type->kind || found.kind == LT_TYPE_DECIMAL)
        (void)lt_type_merge(&infer->arena, type, &found);
    return LT_OK;
}

/* A container begins. True: its inside is to be looked at; else it was stepped over. */
static lt_status take_container(lt_infer *infer, lt_type *type, lt_json_token *token, bool may_open,
                                bool *opened, lt_err *err)
{
    bool is_object = token->kind == LT_JSON_OBJECT;
    lt_type unknown = {0}, found = {.kind = is_object ? LT_TYPE_STRUCT : LT_TYPE_LIST};
    if (!may_open)
        found.kind = LT_TYPE_JSON;
    else if (!is_object)
        found.item = &unknown;
    if (is_frozen(infer) && are_mixed(type->kind, found.kind))
        return mixed(infer->column->key, type, &found, err);
    if (found.kind != type->kind)
        (void)lt_type_merge(&infer->arena, type, &found);
    *opened = type->kind == found.kind && type->kind != LT_TYPE_JSON &&
              type->fields.len <= LT_STRUCT_FIELDS;
    return *opened ? LT_OK : lt_json_whole(&infer->reader, token, err);
}

/* ---- fields ---- */

static int key_number(const lt_infer *infer, lt_text key)
{
    const lt_texts *keys = infer->options.keys;
    LT_AUTO(lt_buf) snake = {.limit = LT_KIB};
    lt_name_snake(key, &snake);
    for (size_t i = 0; keys && i < keys->len; i++)
        if (lt_text_eq(keys->items[i], key) || lt_text_eq(keys->items[i], lt_buf_text(&snake)))
            return (int)i;
    return -1;
}

static int role_of(const lt_infer *infer, lt_text key)
{
    int role = 0;
    lt_text cursor = infer->options.cursor_field;
    if (cursor.len > 0 && lt_text_eq(cursor, key))
        role |= ROLE_CURSOR;
    int number = key_number(infer, key);
    if (number >= 0)
        role |= ROLE_KEY | number << KEY_SHIFT;
    return role;
}

static lt_status add_field(lt_infer *infer, open_value *owner, lt_text raw, lt_text key,
                           lt_field **out, lt_err *err)
{
    bool is_record = owner->type == &infer->record;
    if (is_record && owner->type->fields.len == LT_RECORD_FIELDS) {
        lt_ignore(lt_fail(err, LT_TOO_BIG, "the records have more than %d different keys",
                          LT_RECORD_FIELDS));
        return lt_hint(err,
                       "if the keys are values, point `records` at the objects inside; else leave "
                       "some out at the source: no table has so many columns");
    }
    lt_field *field = lt_type_add_field(&infer->arena, owner->type, key, raw);
    if (is_record)
        field->role = role_of(infer, field->key);
    *out = field;
    return LT_OK;
}

/* The field for a key: most often the one behind the last one. */
static lt_status find_field(lt_infer *infer, open_value *owner, lt_text raw, lt_field **out,
                            lt_err *err)
{
    lt_type *type = owner->type;
    lt_field *field = owner->next < type->fields.len ? type->fields.items[owner->next] : NULL;
    if (field && lt_text_eq(field->raw, raw)) {
        owner->next++;
    } else {
        lt_buf_clear(&infer->scratch);
        lt_json_unescape(raw, &infer->scratch);
        lt_text key = lt_buf_text(&infer->scratch);
        field = lt_type_field(type, key);
        if (!field)
            LT_TRY(add_field(infer, owner, raw, key, &field, err));
        assert(field);
        if (!field->raw.ptr) { /* known from before: seen the first time */
            field->raw = lt_arena_text(&infer->arena, raw);
            field->role = type == &infer->record ? ROLE_KNOWN | role_of(infer, field->key) : 0;
        }
        owner->next = field->index + 1;
    }
    if (field->seen == owner->object)
        return lt_fail(err, LT_FAILED, "the key %.*s stands twice in one object", LT_ARG(raw));
    field->seen = owner->object;
    *out = field;
    return LT_OK;
}

/* ---- records ---- */

/* What one record is made of, while it is read. */
typedef struct record_state {
    int64_t page, record, spot;
    lt_text keys[LT_KEYS_MAX];
} record_state;

static lt_status take_roles(lt_infer *infer, const lt_field *field, const lt_json_token *token,
                            record_state *state, lt_err *err)
{
    if (field->role & ROLE_CURSOR && lt_mark_feed(&infer->mark, token->raw, err) != LT_OK)
        return lt_wrap(err, "the cursor '%.*s'", LT_ARG(field->key));
    if (!(field->role & ROLE_KEY) || token->kind == LT_JSON_NULL)
        return LT_OK;
    if (token->kind == LT_JSON_OBJECT || token->kind == LT_JSON_ARRAY)
        return lt_fail(err, LT_FAILED, "the key '%.*s' holds %s, not one value", LT_ARG(field->key),
                       lt_json_kind_name(token->kind));
    state->keys[field->role >> KEY_SHIFT] = token->raw;
    return LT_OK;
}

/* The first record that has the field; a frozen contract is asked. */
static lt_status meet_field(const lt_infer *infer, lt_field *field, const record_state *state,
                            lt_err *err)
{
    if (field->page > 0)
        return LT_OK;
    field->page = state->page;
    field->record = state->record;
    field->spot = state->spot;
    if (!infer->options.freeze_columns || !infer->options.known || field->role & ROLE_KNOWN)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_FAILED, "the column '%.*s' is new, and the contract freezes columns",
                      LT_ARG(field->key)));
    return lt_hint(err, "set contract: {columns: evolve} to add it, or discard to leave it out");
}

static lt_status broke_type(lt_text key, const lt_type *before, const lt_type *after, lt_err *err)
{
    LT_AUTO(lt_buf) old = {.limit = 4 * LT_KIB};
    LT_AUTO(lt_buf) new = {.limit = 4 * LT_KIB};
    lt_type_write(before, &old);
    lt_type_write(after, &new);
    lt_ignore(lt_fail(err, LT_FAILED,
                      "the column '%.*s' was %s and would become %s, and the contract "
                      "freezes types",
                      LT_ARG(key), lt_buf_chars(&old), lt_buf_chars(&new)));
    return lt_hint(
        err, "set contract: {types: evolve} to widen it, or discard to make such values null");
}

/* Numbers of a column that is a DECIMAL are found as DOUBLE, one by one. */
static bool holds(const lt_type *before, const lt_field *field)
{
    const lt_type *after = &field->type;
    if (before->kind == LT_TYPE_DECIMAL && field->numbers &&
        (after->kind == LT_TYPE_DECIMAL || after->kind == LT_TYPE_DOUBLE))
        return lt_number_fits(field->numbers, before->width, before->scale);
    return before->kind == after->kind && before->width == after->width;
}

/* With frozen types: is each column still what it was? Asked after each record, cheap for the kinds, exact when one moved. */
static lt_status check_types(const lt_infer *infer, lt_err *err)
{
    const lt_type *known = infer->options.known;
    if (!infer->options.freeze_types || !known)
        return LT_OK;
    for (size_t i = 0; i < infer->record.fields.len && i < known->fields.len; i++) {
        const lt_type *before = &known->fields.items[i]->type;
        const lt_type *after = &infer->record.fields.items[i]->type;
        bool nested = before->kind == LT_TYPE_LIST || before->kind == LT_TYPE_STRUCT;
        bool same =
            nested ? lt_type_eq(before, after) : holds(before, infer->record.fields.items[i]);
        if (!same && before->kind != LT_TYPE_NULL)
            return broke_type(known->fields.items[i]->key, before, after, err);
    }
    return LT_OK;
}

/* 64 bits of FNV-1a, mixed once more so that all bits count. */
static uint64_t hash_more(uint64_t hash, lt_text text)
{
    hash = (hash ^ lt_text_hash(text)) * 0x9e3779b97f4a7c15U;
    return hash ^ hash >> 29;
}

/* A key as it may be in the table: 1, 1.0, "1" and "\u0031" may become one. Only candidates: SQL compares the values. */
static lt_text key_text(lt_infer *infer, lt_text raw)
{
    double number;
    lt_text text = {.ptr = raw.ptr + 1, .len = raw.len - 2};
    if (raw.ptr[0] != '"')
        text = raw;
    else if (memchr(text.ptr, '\\', text.len)) {
        lt_buf_clear(&infer->scratch);
        lt_json_unescape(raw, &infer->scratch);
        text = lt_buf_text(&infer->scratch);
    }
    bool plain = text.len == 0 || !memchr("-0123456789", text.ptr[0], 11) ||
                 !(memchr(text.ptr, '.', text.len) || memchr(text.ptr, 'e', text.len) ||
                   memchr(text.ptr, 'E', text.len));
    if (plain || !lt_text_to_double(text, &number) || !(fabs(number) < 1e15) ||
        number != floor(number))
        return text;
    lt_buf_clear(&infer->scratch);
    lt_buf_printf(&infer->scratch, "%.0f", number);
    return lt_buf_text(&infer->scratch);
}

static lt_status take_key(lt_infer *infer, const record_state *state, lt_err *err)
{
    const lt_texts *keys = infer->options.keys;
    uint64_t hash = 0;
    if (!keys || keys->len == 0)
        return LT_OK;
    for (size_t i = 0; i < keys->len; i++) {
        if (!state->keys[i].ptr) {
            lt_ignore(lt_fail(err, LT_FAILED, "the record has no value for the key '%.*s'",
                              LT_ARG(keys->items[i])));
            return lt_hint(err, "name a key that every record has, or none");
        }
        hash = hash_more(hash, key_text(infer, state->keys[i]));
    }
    lt_buf_add(&infer->hashes, lt_text_at((const char *)&hash, sizeof(hash)));
    return LT_OK;
}

/* One value inside the innermost open container. */
static lt_status take_value(lt_infer *infer, lt_type *type, lt_json_token *token, open_value *stack,
                            size_t *depth, lt_err *err)
{
    if (token->kind != LT_JSON_OBJECT && token->kind != LT_JSON_ARRAY)
        return take_scalar(infer, type, token, err);
    bool opened = false;
    LT_TRY(take_container(infer, type, token, *depth < LT_TYPE_DEPTH, &opened, err));
    if (opened)
        stack[(*depth)++] = (open_value){.type = type, .object = ++infer->objects};
    return LT_OK;
}

static lt_status take_member(lt_infer *infer, lt_json_token *token, open_value *stack,
                             size_t *depth, record_state *state, lt_err *err)
{
    lt_field *field = NULL;
    bool top = *depth == 1;
    LT_TRY(find_field(infer, &stack[*depth - 1], token->raw, &field, err));
    assert(field);
    LT_TRY(lt_json_next(&infer->reader, token, err));
    if (top) {
        state->spot++;
        field->non_null += token->kind != LT_JSON_NULL;
        LT_TRY(meet_field(infer, field, state, err));
        if (field->role & (ROLE_CURSOR | ROLE_KEY))
            LT_TRY(take_roles(infer, field, token, state, err));
    }
    infer->field = top ? field : NULL;
    infer->column = top ? field : infer->column;
    infer->in_list = false;
    return take_value(infer, &field->type, token, stack, depth, err);
}

static lt_status take_item(lt_infer *infer, lt_json_token *token, open_value *stack, size_t *depth,
                           lt_err *err)
{
    lt_type *item = stack[*depth - 1].type->item;
    infer->field = NULL;
    infer->in_list = true;
    assert(item); /* what is open and no object is a list */
    return take_value(infer, item, token, stack, depth, err);
}

static lt_status read_record(lt_infer *infer, record_state *state, lt_err *err)
{
    open_value stack[LT_TYPE_DEPTH + 1] = {{.type = &infer->record, .object = ++infer->objects}};
    size_t depth = 1;
    lt_json_token token;
    LT_TRY(lt_json_next(&infer->reader, &token, err)); /* '{' */
    while (depth > 0) {
        LT_TRY(lt_json_next(&infer->reader, &token, err));
        if (token.kind == LT_JSON_CLOSE)
            depth--;
        else if (token.kind == LT_JSON_KEY)
            LT_TRY(take_member(infer, &token, stack, &depth, state, err));
        else
            LT_TRY(take_item(infer, &token, stack, &depth, err));
    }
    return LT_OK;
}

lt_status lt_infer_record(lt_infer *infer, lt_text raw, int64_t page, int64_t record, lt_err *err)
{
    record_state state = {.page = page, .record = record};
    infer->raw = raw;
    infer->quoted.len = 0;
    lt_json_open(&infer->reader, raw, NULL);
    LT_TRY(read_record(infer, &state, err));
    LT_TRY(check_types(infer, err));
    LT_TRY(take_key(infer, &state, err));
    infer->records++;
    infer->largest = LT_MAX(infer->largest, raw.len);
    return LT_OK;
}

void lt_infer_add_line(lt_infer *infer, lt_buf *out)
{
    const char *at = infer->raw.ptr, *end = infer->raw.ptr + infer->raw.len;
    if (infer->quoted.len == 0) {
        lt_json_add_line(infer->raw, out);
        return;
    }
    lt_buf_clear(&infer->scratch);
    for (size_t i = 0; i < infer->quoted.len; i++) {
        lt_text number = infer->quoted.items[i];
        lt_buf_add(&infer->scratch, lt_text_at(at, (size_t)(number.ptr - at)));
        lt_buf_printf(&infer->scratch, "\"%.*s\"", LT_ARG(number));
        at = number.ptr + number.len;
    }
    lt_buf_add(&infer->scratch, lt_text_at(at, (size_t)(end - at)));
    lt_json_add_line(lt_buf_text(&infer->scratch), out);
}

/* ---- adding up ---- */

static bool comes_before(const lt_field *a, const lt_field *b)
{
    if (a->page != b->page)
        return b->page == 0 || (a->page != 0 && a->page < b->page);
    return a->record != b->record ? a->record < b->record : a->spot < b->spot;
}

/* Two workers have read one column: do its values agree? */
static lt_status check_mixes(const lt_infer *infer, const lt_field *ours, const lt_field *theirs,
                             lt_err *err)
{
    if (!watches_mixes(infer) || !are_mixed(ours->type.kind, theirs->type.kind))
        return LT_OK;
    const lt_field *first = comes_before(ours, theirs) ? ours : theirs;
    const lt_field *later = first == ours ? theirs : ours;
    (void)mixed(ours->key, &first->type, &later->type, err);
    return lt_wrap(err, "page %lld, record %lld", (long long)later->page, (long long)later->record);
}

lt_status lt_infer_merge(lt_infer *into, const lt_infer *from, lt_err *err)
{
    for (size_t i = 0; i < from->record.fields.len; i++) {
        const lt_field *ours = lt_type_field(&into->record, from->record.fields.items[i]->key);
        if (ours)
            LT_TRY(check_mixes(into, ours, from->record.fields.items[i], err));
    }
    (void)lt_type_merge(&into->arena, &into->record, &from->record);
    for (size_t i = 0; i < from->record.fields.len; i++) {
        const lt_field *theirs = from->record.fields.items[i];
        lt_field *ours = lt_type_field(&into->record, theirs->key);
        ours->non_null += theirs->non_null;
        ours->role |= theirs->role;
        if (theirs->numbers && !ours->numbers)
            ours->numbers = LT_NEW(&into->arena, lt_number_notes);
        if (theirs->numbers)
            lt_number_merge(ours->numbers, theirs->numbers, &into->arena);
        if (comes_before(theirs, ours)) {
            ours->page = theirs->page;
            ours->record = theirs->record;
            ours->spot = theirs->spot;
        }
    }
    into->records += from->records;
    into->largest = LT_MAX(into->largest, from->largest);
    return lt_mark_merge(&into->mark, &from->mark, err);
}

static int by_place(const void *a, const void *b)
{
    const lt_field *const *left = a, *const *right = b;
    if (comes_before(*left, *right))
        return -1;
    return comes_before(*right, *left) ? 1 : lt_text_cmp((*left)->key, (*right)->key);
}

void lt_infer_order(lt_infer *infer)
{
    lt_type *record = &infer->record;
    for (size_t i = 0; i < record->fields.len; i++) {
        lt_field *field = record->fields.items[i];
        if (field->numbers)
            field->type = lt_number_settle(field->numbers, &field->type);
    }
    if (record->fields.len > 0)
        qsort(record->fields.items, record->fields.len, sizeof(lt_field *), by_place);
    record->slot_count = 0; /* the index by key does not hold any more, and is not needed */
}
