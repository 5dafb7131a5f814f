/* Files as a FROM-item of DuckDB's SQL. */
#include "engine/engine.h"

static const struct {
    const char *function, *options;
} readers[] = {
    [LT_FILE_PARQUET] = {"read_parquet", ", hive_partitioning = false"},
    [LT_FILE_NDJSON] = {"read_json", ", format = 'newline_delimited', hive_partitioning = false"},
    [LT_FILE_CSV] = {"read_csv", ", header = true, hive_partitioning = false"},
    [LT_FILE_JSON] = {"read_json", ", hive_partitioning = false"},
};

/* DuckDB reads a path as a pattern; [x] stands for the character x. */
static void add_path(lt_text path, lt_buf *out)
{
    LT_AUTO(lt_buf) escaped = {0};
    for (size_t i = 0; i < path.len; i++) {
        bool special = path.ptr[i] && strchr("*?[", path.ptr[i]);
        lt_buf_add_str(&escaped, special ? "[" : "");
        lt_buf_add_byte(&escaped, path.ptr[i]);
        lt_buf_add_str(&escaped, special ? "]" : "");
    }
    lt_quote_literal(lt_buf_text(&escaped), out);
}

static void add_columns(const lt_columns *columns, lt_buf *out)
{
    lt_buf_add_str(out, ", columns = {");
    for (size_t i = 0; i < columns->len; i++) {
        lt_buf_add_str(out, i ? ", " : "");
        lt_quote_literal(columns->items[i].name, out);
        lt_buf_add_str(out, ": ");
        lt_quote_literal(columns->items[i].type, out);
    }
    lt_buf_add_byte(out, '}');
}

void lt_file_set_sql(const lt_file_set *files, lt_buf *out)
{
    lt_buf_add_str(out, readers[files->format].function);
    lt_buf_add_str(out, "([");
    for (size_t i = 0; i < files->paths->len; i++) {
        lt_buf_add_str(out, i ? ", " : "");
        add_path(files->paths->items[i], out);
    }
    lt_buf_add_str(out, "]");
    lt_buf_add_str(out, readers[files->format].options);
    if (files->columns && files->columns->len && files->format != LT_FILE_PARQUET)
        add_columns(files->columns, out);
    if (files->union_by_name)
        lt_buf_add_str(out, ", union_by_name = true");
    lt_buf_add_byte(out, ')');
}
