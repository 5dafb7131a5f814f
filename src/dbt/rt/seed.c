/* load_agate_table(): a CSV file as a table whose columns got their types from what is in them. */
#include "dbt/rt/inner.h"

#include "base/fs.h"

enum { MAX_SEED = 256 * 1024 * 1024, MAX_COLUMNS = 4096 };

/* ---- CSV (RFC 4180), any delimiter of one byte ---- */

typedef struct csv_reader {
    lt_text text;
    size_t at;
    char delimiter;
    unsigned line;
} csv_reader;

static void skip_mark(csv_reader *r)
{
    if (lt_text_starts(r->text, T("\xef\xbb\xbf")))
        r->at = 3;
}

/* Python's reading of text files, which dbt does: each kind of line end is one "\n", in quotes too. */
static char next_char(csv_reader *r)
{
    char c = r->text.ptr[r->at++];
    if (c == '\r') {
        r->at += r->at < r->text.len && r->text.ptr[r->at] == '\n';
        c = '\n';
    }
    r->line += c == '\n';
    return c;
}

/* The next field, decoded into `heap`; *last: the row ends behind it. */
static lt_text next_field(csv_reader *r, lt_arena *arena, bool *last)
{
    LT_AUTO(lt_buf) field = {.limit = 64 * LT_MIB};
    bool quoted = r->at < r->text.len && r->text.ptr[r->at] == '"';
    *last = true;
    r->at += quoted;
    while (r->at < r->text.len) {
        char c = next_char(r);
        if (quoted && c == '"') {
            if (r->at < r->text.len && r->text.ptr[r->at] == '"')
                lt_buf_add_byte(&field, r->text.ptr[r->at++]);
            else
                quoted = false;
            continue;
        }
        if (!quoted && c == r->delimiter) {
            *last = false;
            break;
        }
        if (!quoted && c == '\n')
            break;
        lt_buf_add_byte(&field, c);
    }
    return lt_arena_text(arena, lt_buf_text(&field));
}

typedef LT_VEC(lt_texts) text_rows;

/* `blanks`: an empty line below the first is a row of nothing. */
static lt_status read_rows(csv_reader *r, bool blanks, lt_arena *arena, text_rows *rows,
                           lt_err *err)
{
    while (r->at < r->text.len) {
        lt_texts row = {0};
        bool last = false;
        while (!last) {
            lt_text field = next_field(r, arena, &last);
            lt_push_in(arena, &row, field);
            if (row.len > MAX_COLUMNS)
                return lt_fail(err, LT_TOO_BIG, "line %u has more than %d columns", r->line,
                               MAX_COLUMNS);
        }
        if (row.len == 1 && !row.items[0].len && !(blanks && rows->len))
            continue;
        lt_push_in(arena, rows, row);
    }
    return LT_OK;
}

/* ---- types ---- */

/* A column without any value is one of numbers, as in dbt. */
static lt_dbt_cell_kind infer(const text_rows *rows, size_t column)
{
    for (size_t k = 0; k < LT_DBT_CELL_FORMS; k++) {
        bool all = true;
        for (size_t i = 1; all && i < rows->len; i++) {
            lt_text cell =
                column < rows->items[i].len ? rows->items[i].items[column] : (lt_text){0};
            all = lt_dbt_cell_is_null(cell) || lt_dbt_cell_forms[k].fits(cell);
        }
        if (all)
            return lt_dbt_cell_forms[k].kind;
    }
    return LT_DBT_CELL_TEXT;
}

static lt_jinja_value number_value(lt_jinja_heap *heap, lt_text cell)
{
    LT_AUTO(lt_buf) digits = {0};
    int64_t whole;
    (void)lt_dbt_cell_number(cell, &digits);
    if (lt_text_to_i64(lt_buf_text(&digits), &whole))
        return lt_jinja_int(whole);
    return lt_dbt_decimal_value(heap, lt_buf_text(&digits));
}

static lt_jinja_value cell_value(lt_jinja_heap *heap, lt_text cell, lt_dbt_cell_kind kind,
                                 bool as_text)
{
    int64_t moment = 0;
    if (lt_dbt_cell_is_null(cell))
        return lt_jinja_none();
    if (as_text)
        return lt_jinja_text_copy(heap, cell);
    switch (kind) {
    case LT_DBT_CELL_NUMBER:
        return number_value(heap, cell);
    case LT_DBT_CELL_DATE:
        (void)lt_dbt_cell_date(cell, &moment);
        return lt_dbt_date_value(heap, moment);
    case LT_DBT_CELL_DATETIME:
        (void)lt_dbt_cell_moment(cell, &moment);
        return lt_dbt_naive_value(heap, moment);
    case LT_DBT_CELL_BOOL:
        return lt_jinja_bool(lt_text_eq_nocase(lt_text_trim(cell), T("true")));
    default:
        return lt_jinja_text_copy(heap, cell);
    }
}

static bool has_column_type(lt_jinja_value types, lt_text name)
{
    lt_jinja_value ignored;
    return types.type == LT_JINJA_DICT && lt_jinja_find(types, name, &ignored);
}

/* As agate names a column that has no name: a, b, ... z, aa, bb, ... */
static lt_text letter_name(lt_arena *arena, size_t column)
{
    size_t len = column / 26 + 1;
    char *name = lt_alloc(arena, len + 1);
    memset(name, 'a' + (int)(column % 26), len);
    return lt_text_at(name, len);
}

/* No column is without a name, and the second `x` is `x_2`, the third `x_3`. */
static lt_texts column_names(lt_arena *arena, const lt_texts *header)
{
    lt_texts made = {0};
    LT_AUTO(lt_map) taken = {0}; /* a name -> the last number behind it */
    for (size_t i = 0; i < header->len; i++) {
        lt_text name = header->items[i].len ? header->items[i] : letter_name(arena, i), own = name;
        size_t *last = lt_map_find(&taken, name), *first = LT_NEW(arena, size_t);
        while (lt_map_has(&taken, own))
            own = lt_text_of(lt_arena_format(arena, "%.*s_%zu", LT_ARG(name), ++*last));
        *first = 1;
        (void)lt_map_put(&taken, own, first);
        lt_push_in(arena, &made, own);
    }
    return made;
}

static lt_status build(lt_jinja_heap *heap, const text_rows *rows, lt_jinja_value types,
                       lt_jinja_value *out, lt_err *err)
{
    lt_texts names = column_names(&heap->arena, &rows->items[0]);
    const lt_texts *header = &names;
    lt_dbt_cell_kind *kinds = lt_alloc_array(&heap->arena, header->len, sizeof(*kinds));
    lt_jinja_value *cells = lt_alloc_array(&heap->arena, header->len, sizeof(*cells));
    for (size_t i = 0; i < header->len; i++)
        kinds[i] = has_column_type(types, header->items[i]) ? LT_DBT_CELL_TEXT : infer(rows, i);
    *out = lt_dbt_table_new(heap, header->items, kinds, header->len);
    for (size_t row = 1; row < rows->len; row++) {
        const lt_texts *line = &rows->items[row];
        if (line->len > header->len)
            return lt_fail(err, LT_INVALID,
                           "row %zu has %zu values, but Table only has %zu columns", row - 1,
                           line->len, header->len);
        for (size_t i = 0; i < header->len; i++)
            cells[i] = cell_value(heap, i < line->len ? line->items[i] : (lt_text){0}, kinds[i],
                                  has_column_type(types, header->items[i]));
        lt_dbt_table_add_row(*out, cells);
    }
    return LT_OK;
}

/* ---- the place of what the database refuses ---- */

static char *path_of(const lt_dbt_exec *exec, const char *given)
{
    return given[0] == '/' || !exec->rt->settings.project_root
               ? lt_xstrdup(given)
               : lt_path_join(exec->rt->settings.project_root, given);
}

typedef struct seed_row {
    unsigned line; /* where it begins; 0: there is none */
    size_t fields, expected;
} seed_row;

/* The row of that number, the header being 1; of none (0), the first with `value` in it; of an empty value, the first that has
 * not as many fields as the header. */
static seed_row find_row(csv_reader *r, uint64_t number, lt_text value)
{
    size_t expected = 0;
    for (uint64_t at = 1; r->at < r->text.len; at++) {
        LT_AUTO(lt_arena) arena = {0};
        seed_row row = {.line = r->line, .expected = expected};
        bool has_value = false, is_blank = true;
        for (bool last = false; !last; row.fields++) {
            lt_text field = next_field(r, &arena, &last);
            has_value |= value.len && lt_text_eq(field, value);
            is_blank &= !field.len;
        }
        is_blank &= row.fields == 1;
        bool is_odd = !value.len && row.fields != expected && !is_blank;
        if (number ? at == number : expected && (has_value || is_odd))
            return row;
        if (!expected)
            expected = row.fields;
    }
    return (seed_row){0};
}

/* DuckDB says "CSV Error on Line: N" and means the row; the words are taken out of the message. 0: it says nothing. */
static uint64_t take_row(lt_err *err)
{
    static const lt_text words = T(" on Line: ");
    uint64_t row = 0;
    lt_text message = lt_text_of(err->message);
    size_t at = lt_text_find(message, words, 0);
    if (at == SIZE_MAX || !lt_text_has(message, T("CSV Error")) ||
        !lt_text_to_u64(lt_text_sub(message, at + words.len, SIZE_MAX), &row))
        return 0;
    err->message[at] = '\0';
    return row;
}

/* What stands in the last quotes of a message: invalid input syntax for type date: "soon". */
static lt_text quoted_at_end(lt_text message)
{
    if (!lt_text_ends(message, T("\"")) || message.len < 3)
        return (lt_text){0};
    size_t from = message.len - 1;
    while (from && message.ptr[from - 1] != '"')
        from--;
    return from ? lt_text_sub(message, from, message.len - 1 - from) : (lt_text){0};
}

lt_status lt_dbt_exec_blame_seed(lt_dbt_exec *exec, lt_text shown, lt_err *err)
{
    lt_err ignored = {0};
    LT_AUTO(lt_buf) file = {.limit = MAX_SEED};
    LT_AUTO(lt_chars) given = lt_text_dup(exec->settings.seed_path);
    LT_AUTO(lt_chars) path = path_of(exec, given);
    lt_text value = quoted_at_end(lt_text_of(err->message));
    lt_text delimiter = lt_jinja_as_text(lt_dbt_get(lt_dbt_of_model(exec, "config"), "delimiter"));
    bool of_rows = lt_text_has(lt_text_of(err->message), T("Error when sniffing file"));
    uint64_t number = take_row(err);
    if ((!value.len && !of_rows && !number) || lt_file_read(path, &file, &ignored) != LT_OK)
        return err->status;
    csv_reader reader = {
        .text = lt_buf_text(&file), .delimiter = delimiter.len ? delimiter.ptr[0] : ',', .line = 1};
    skip_mark(&reader);
    seed_row row = find_row(&reader, number, of_rows ? (lt_text){0} : value);
    if (!row.line)
        return err->status;
    if (!of_rows)
        return lt_wrap(err, "%.*s:%u", LT_ARG(shown), row.line);
    err->hint[0] = '\0'; /* all that the reader of CSV has tried */
    return lt_fail(err, LT_FAILED, "%.*s:%u: the row has %zu values, and the header %zu",
                   LT_ARG(shown), row.line, row.fields, row.expected);
}

lt_status lt_dbt_seed_table(lt_dbt_exec *exec, lt_jinja_value *out, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) file = {.limit = MAX_SEED};
    text_rows rows = {0};
    lt_jinja_value config = lt_dbt_of_model(exec, "config");
    lt_text delimiter = lt_jinja_as_text(lt_dbt_get(config, "delimiter"));
    LT_AUTO(lt_chars) given = lt_text_dup(exec->settings.seed_path);
    LT_AUTO(lt_chars) path = path_of(exec, given);
    if (!given[0])
        return lt_fail(err, LT_INVALID, "can only load_agate_table for seeds");
    if (lt_dbt_get(config, "delimiter").type == LT_JINJA_STR && !delimiter.len)
        return lt_fail(err, LT_INVALID, "%s: \"delimiter\" must be a 1-character string", given);
    LT_TRY(lt_file_read(path, &file, err));
    csv_reader reader = {
        .text = lt_buf_text(&file), .delimiter = delimiter.len ? delimiter.ptr[0] : ',', .line = 1};
    if (lt_utf8_valid_len(reader.text) != reader.text.len)
        return lt_fail(err, LT_INVALID, "%s: the file is not UTF-8 (at byte %zu)", given,
                       lt_utf8_valid_len(reader.text));
    skip_mark(&reader);
    lt_status status = read_rows(&reader, true, &arena, &rows, err);
    if (status == LT_OK && !rows.len)
        *out = lt_dbt_table_empty(exec->heap);
    else if (status == LT_OK)
        status = build(exec->heap, &rows, lt_dbt_get(config, "column_types"), out, err);
    return status == LT_OK ? LT_OK : lt_wrap(err, "%s", given);
}

lt_status lt_dbt_csv_rows(lt_jinja_heap *heap, lt_text text, lt_jinja_value *rows, lt_err *err)
{
    text_rows lines = {0};
    csv_reader reader = {.text = text, .delimiter = ',', .line = 1};
    skip_mark(&reader);
    LT_TRY(read_rows(&reader, false, &heap->arena, &lines, err));
    for (size_t row = 1; row < lines.len; row++) {
        lt_jinja_value made = lt_jinja_dict(heap);
        for (size_t i = 0; i < lines.items[0].len; i++) {
            lt_jinja_value cell = i < lines.items[row].len
                                      ? lt_jinja_text(lines.items[row].items[i])
                                      : lt_jinja_none();
            lt_jinja_put_value(made, lt_jinja_text(lines.items[0].items[i]), cell);
        }
        lt_jinja_add(*rows, made);
    }
    return LT_OK;
}
