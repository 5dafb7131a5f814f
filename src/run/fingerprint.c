/* Fingerprints of tables: one pass over the rows. */
#include "run/fingerprint.h"

#include "fmt/json.h"

#include <math.h>
#include <stdio.h>

static bool is_float(lt_text type)
{
    static const lt_text names[] = {T("DOUBLE"), T("FLOAT"), T("REAL"), T("double precision"),
                                    T("real")};
    for (size_t i = 0; i < LT_COUNT(names); i++)
        if (lt_text_eq_nocase(names[i], type))
            return true;
    return false;
}

static void add_hash(const lt_columns *columns, bool floats_too, bool postgres, lt_buf *sql)
{
    lt_buf_add_str(sql,
                   postgres ? "coalesce(sum(hashtextextended(row(1" : "coalesce(sum(cast(hash(1");
    for (size_t i = 0; i < columns->len; i++) {
        if (!floats_too && is_float(columns->items[i].type))
            continue;
        lt_buf_add_str(sql, ", ");
        lt_quote_name(columns->items[i].name, sql);
    }
    lt_buf_add_str(sql, postgres ? ")::text, 0)::numeric), 0)" : ") as hugeint)), 0)");
}

/* Five numbers of one column; what is no number (NaN, infinity) is only counted. */
static void add_float(lt_text name, lt_buf *sql)
{
    static const char *const sums[] = {"sum(%s)", "sum(abs(%s))", "min(%s)", "max(%s)"};
    LT_AUTO(lt_buf) quoted = {0};
    lt_quote_name(name, &quoted);
    const char *column = lt_buf_chars(&quoted);
    lt_buf_printf(sql, ", count(%s)", column);
    for (size_t i = 0; i < LT_COUNT(sums); i++) {
        const char *open = strchr(sums[i], '%');
        lt_buf_printf(
            sql,
            ", coalesce(%.*s%s%s filter (where %s not in ('NaN', 'Infinity', '-Infinity')), 0)",
            (int)(open - sums[i]), sums[i], column, open + 2, column);
    }
}

static lt_status to_number(lt_text cell, double *out, lt_err *err)
{
    if (!lt_text_to_double(cell, out))
        return lt_fail(err, LT_IO, "the sum '%.*s' of a fingerprint is not a number", LT_ARG(cell));
    return LT_OK;
}

static lt_status read_float(const lt_table *table, size_t at, lt_fingerprint_column *column,
                            lt_err *err)
{
    double count = 0;
    LT_TRY(to_number(lt_table_cell(table, 0, at), &count, err));
    column->count = (int64_t)count;
    LT_TRY(to_number(lt_table_cell(table, 0, at + 1), &column->sum, err));
    LT_TRY(to_number(lt_table_cell(table, 0, at + 2), &column->sum_abs, err));
    LT_TRY(to_number(lt_table_cell(table, 0, at + 3), &column->least, err));
    return to_number(lt_table_cell(table, 0, at + 4), &column->most, err);
}

lt_status lt_fingerprint_take(lt_session *session, const lt_relation *relation, lt_arena *arena,
                              lt_fingerprint *out, lt_err *err)
{
    bool postgres = strcmp(lt_engine_target(lt_session_engine(session))->kind, "postgres") == 0;
    lt_columns columns = {0};
    lt_table table;
    LT_AUTO(lt_buf) sql = {0};
    LT_TRY(lt_relation_columns(session, relation, arena, &columns, err));
    lt_buf_add_str(&sql, "select count(*), ");
    add_hash(&columns, true, postgres, &sql);
    lt_buf_add_str(&sql, ", ");
    add_hash(&columns, false, postgres, &sql);
    for (size_t i = 0; i < columns.len; i++)
        if (is_float(columns.items[i].type))
            add_float(columns.items[i].name, &sql);
    lt_buf_add_str(&sql, " from ");
    lt_quote_relation(relation, &sql);
    LT_TRY(lt_query_table(session, lt_buf_text(&sql), NULL, 0, 1, NULL, arena, &table, err));

    *out = (lt_fingerprint){.whole = lt_table_cell(&table, 0, 1),
                            .exact = lt_table_cell(&table, 0, 2)};
    if (!lt_text_to_i64(lt_table_cell(&table, 0, 0), &out->rows))
        return lt_fail(err, LT_IO, "the count of rows is not a number");
    size_t at = 3;
    for (size_t i = 0; i < columns.len; i++) {
        if (!is_float(columns.items[i].type))
            continue;
        lt_fingerprint_column column = {.name = columns.items[i].name};
        LT_TRY(read_float(&table, at, &column, err));
        lt_push_in(arena, &out->floats, column);
        at += 5;
    }
    return LT_OK;
}

void lt_fingerprint_write(const lt_fingerprint *fingerprint, lt_buf *out)
{
    lt_json_writer w = {.out = out};
    lt_json_begin(&w, '{');
    lt_json_set_int(&w, "rows", fingerprint->rows);
    lt_json_set(&w, "whole", fingerprint->whole);
    lt_json_set(&w, "exact", fingerprint->exact);
    lt_json_key(&w, T("floats"));
    lt_json_begin(&w, '[');
    for (size_t i = 0; i < fingerprint->floats.len; i++) {
        const lt_fingerprint_column *column = &fingerprint->floats.items[i];
        const double numbers[] = {column->sum, column->sum_abs, column->least, column->most};
        lt_json_begin(&w, '[');
        lt_json_string(&w, column->name);
        lt_json_int(&w, column->count);
        for (size_t k = 0; k < LT_COUNT(numbers); k++)
            lt_json_double(&w, numbers[k]);
        lt_json_end(&w);
    }
    lt_json_end(&w);
    lt_json_end(&w);
}

static bool read_column(const lt_json *item, lt_fingerprint_column *out)
{
    double *const numbers[] = {&out->sum, &out->sum_abs, &out->least, &out->most};
    if (item->kind != LT_JSON_ARRAY || item->count != 6)
        return false;
    out->name = item->items[0].text;
    if (!lt_json_to_i64(item->items[1].text, &out->count))
        return false;
    for (size_t k = 0; k < LT_COUNT(numbers); k++)
        if (!lt_json_to_double(item->items[k + 2].text, numbers[k]))
            return false;
    return true;
}

lt_status lt_fingerprint_read(lt_text json, lt_arena *arena, lt_fingerprint *out, lt_err *err)
{
    lt_json *root = NULL;
    LT_TRY(lt_json_read(json, "fingerprint", NULL, arena, &root, err));
    *out = (lt_fingerprint){.rows = lt_json_i64_or(root, "rows", -1),
                            .whole = lt_json_text_or(root, "whole", T("")),
                            .exact = lt_json_text_or(root, "exact", T(""))};
    const lt_json *floats = lt_json_find(root, "floats");
    for (size_t i = 0; floats && i < floats->count; i++) {
        lt_fingerprint_column column = {0};
        if (!read_column(&floats->items[i], &column))
            return lt_fail(err, LT_INVALID, "a recorded fingerprint is damaged");
        lt_push_in(arena, &out->floats, column);
    }
    return LT_OK;
}

static bool near(double a, double b, double scale)
{
    static const double TOLERANCE = 1e-12;
    return fabs(a - b) <= TOLERANCE * fmax(fabs(scale), fmax(fabs(a), fabs(b)));
}

static bool columns_are_near(const lt_fingerprint_column *a, const lt_fingerprint_column *b)
{
    return lt_text_eq(a->name, b->name) && a->count == b->count &&
           near(a->sum, b->sum, a->sum_abs) && near(a->sum_abs, b->sum_abs, 0) &&
           near(a->least, b->least, 0) && near(a->most, b->most, 0);
}

enum { WHY_SIZE = 160 };

lt_sameness lt_fingerprint_compare(const lt_fingerprint *then, const lt_fingerprint *now,
                                   char why[WHY_SIZE])
{
    (void)snprintf(why, WHY_SIZE, "identical");
    if (then->rows != now->rows) {
        (void)snprintf(why, WHY_SIZE, "%lld rows then, %lld now", (long long)then->rows,
                       (long long)now->rows);
        return LT_DIFFERENT;
    }
    if (lt_text_eq(then->whole, now->whole))
        return LT_SAME;
    if (!lt_text_eq(then->exact, now->exact) || then->floats.len != now->floats.len) {
        (void)snprintf(why, WHY_SIZE, "as many rows, but other values");
        return LT_DIFFERENT;
    }
    for (size_t i = 0; i < then->floats.len; i++) {
        if (columns_are_near(&then->floats.items[i], &now->floats.items[i]))
            continue;
        (void)snprintf(why, WHY_SIZE, "other values in the column '%.*s'",
                       LT_ARG(then->floats.items[i].name));
        return LT_DIFFERENT;
    }
    (void)snprintf(why, WHY_SIZE, "identical within 1e-12");
    return LT_CLOSE;
}
