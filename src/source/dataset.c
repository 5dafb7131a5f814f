/* Writes the SELECT that makes one table of files from different times. */
#include "source/dataset.h"

static const lt_column *find_column(const lt_columns *columns, lt_text name)
{
    for (size_t i = 0; i < columns->len; i++)
        if (lt_text_eq_nocase(columns->items[i].name, name))
            return &columns->items[i];
    return NULL;
}

static bool is_nested(lt_text type)
{
    return lt_text_starts(type, T("STRUCT")) || lt_text_starts(type, T("MAP")) ||
           lt_text_ends(type, T("]"));
}

/* One column, from files that have it as `found` (NULL: not at all). A nested value that became text or JSON is written as JSON. */
static void write_column(const lt_schema_column *column, const lt_column *found, lt_buf *sql)
{
    LT_AUTO(lt_buf) type = {.limit = LT_MIB};
    LT_AUTO(lt_buf) name = {.limit = LT_MIB};
    lt_type_write(&column->type, &type);
    lt_quote_name(column->name, &name);
    bool flat = column->type.kind == LT_TYPE_TEXT || column->type.kind == LT_TYPE_JSON;
    if (!found)
        lt_buf_printf(sql, "CAST(NULL AS %s)", lt_buf_chars(&type));
    else if (lt_text_eq(found->type, lt_buf_text(&type)))
        lt_buf_add(sql, lt_buf_text(&name));
    else if (flat && is_nested(found->type))
        lt_buf_printf(sql, "CAST(to_json(%s) AS %s)", lt_buf_chars(&name), lt_buf_chars(&type));
    else
        lt_buf_printf(sql, "CAST(%s AS %s)", lt_buf_chars(&name), lt_buf_chars(&type));
    lt_buf_printf(sql, " AS %s", lt_buf_chars(&name));
}

static lt_status write_select(lt_session *session, const lt_texts *paths, const lt_schema *schema,
                              lt_buf *sql, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) from = {.limit = 64 * LT_MIB};
    LT_AUTO(lt_buf) probe = {.limit = 64 * LT_MIB};
    lt_columns columns = {0};
    lt_file_set files = {
        .format = LT_FILE_PARQUET, .paths = paths, .union_by_name = paths->len > 1};
    lt_file_set_sql(&files, &from);
    lt_buf_printf(&probe, "SELECT * FROM %s", lt_buf_chars(&from));
    LT_TRY(lt_query_columns(session, lt_buf_text(&probe), &arena, &columns, err));
    lt_buf_add(sql, T("SELECT "));
    for (size_t i = 0; i < schema->columns.len; i++) {
        lt_buf_add_str(sql, i ? ", " : "");
        write_column(&schema->columns.items[i],
                     find_column(&columns, schema->columns.items[i].name), sql);
    }
    lt_buf_add(sql, T(" FROM "));
    lt_buf_add(sql, lt_buf_text(&from));
    return lt_buf_check(sql, "the statement that reads the dataset", err);
}

lt_status lt_dataset_select(lt_session *session, const lt_texts *paths, const lt_schema *schema,
                            lt_buf *sql, lt_err *err)
{
    size_t start = sql->len;
    if (schema->columns.len == 0)
        return lt_fail(err, LT_FAILED, "the dataset has no columns");
    if (paths->len == 0) {
        lt_buf_add(sql, T("SELECT "));
        for (size_t i = 0; i < schema->columns.len; i++) {
            lt_buf_add_str(sql, i ? ", " : "");
            write_column(&schema->columns.items[i], NULL, sql);
        }
        lt_buf_add(sql, T(" WHERE false"));
        return LT_OK;
    }
    lt_status status = write_select(session, paths, schema, sql, err);
    if (status != LT_FAILED || paths->len == 1)
        return status;
    /* Types that do not go together in one read (a STRUCT that became VARCHAR): one SELECT for each file. */
    lt_buf_cut(sql, start);
    for (size_t i = 0; i < paths->len; i++) {
        lt_texts one = {.items = &paths->items[i], .len = 1, .cap = 1};
        lt_buf_add_str(sql, i ? " UNION ALL " : "");
        LT_TRY(write_select(session, &one, schema, sql, err));
    }
    return LT_OK;
}
