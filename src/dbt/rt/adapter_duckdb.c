/* DuckDB: its types, what it enforces, and the methods that its macros call. */
#include "dbt/rt/adapter_kinds.h"

#include "base/fs.h"
#include "base/log.h"

static const char *const integers[] = {"tinyint",  "smallint",  "integer",  "bigint",  "hugeint",
                                       "utinyint", "usmallint", "uinteger", "ubigint", "int1",
                                       "int2",     "int4",      "int8",     "short",   "int",
                                       "signed",   "long",      NULL};
static const char *const floats[] = {"real", "float", "float4", "float8", "double", NULL};

static lt_status answer_false(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "relation?", args, err));
    *out = lt_jinja_bool(false);
    return LT_OK;
}

static lt_status disable_transactions(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    const lt_dbt_exec *exec = call->user;
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    *out = lt_jinja_bool(exec->rt->settings.no_transactions);
    return LT_OK;
}

static lt_status convert_datetimes(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "table", args, err));
    *out = args[0]; /* moments become literals as they are */
    return LT_OK;
}

static lt_status seed_file_path(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    const lt_dbt_exec *exec = call->user;
    lt_jinja_value args[1];
    LT_AUTO(lt_buf) path = {0};
    LT_TRY(lt_jinja_bind(call, "model", args, err));
    lt_text own = exec->settings.seed_path;
    lt_text root = lt_dbt_str(call->heap, lt_dbt_get(args[0], "root_path"));
    if (own.len && (own.ptr[0] == '/' || !exec->rt->settings.project_root))
        lt_buf_add(&path, own);
    else if (own.len)
        lt_buf_printf(&path, "%s/%.*s", exec->rt->settings.project_root, LT_ARG(own));
    else
        lt_buf_printf(&path, "%.*s/%.*s", LT_ARG(root),
                      LT_ARG(lt_dbt_str(call->heap, lt_dbt_get(args[0], "original_file_path"))));
    *out = lt_jinja_text_copy(call->heap, lt_buf_text(&path));
    return LT_OK;
}

static lt_status location_exists(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_dbt_exec *exec = call->user;
    lt_jinja_value args[1];
    LT_AUTO(lt_buf) sql = {0};
    lt_err ignored = {0};
    lt_columns columns = {0};
    LT_TRY(lt_jinja_bind(call, "location", args, err));
    lt_buf_add_str(&sql, "select 1 from ");
    lt_quote_literal(lt_dbt_str(call->heap, args[0]), &sql);
    *out = lt_jinja_bool(exec->session &&
                         lt_query_columns(exec->session, lt_buf_text(&sql), &call->heap->arena,
                                          &columns, &ignored) == LT_OK);
    return LT_OK;
}

static lt_status external_root(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    const lt_dbt_exec *exec = call->user;
    lt_text root = exec->rt->settings.external_root;
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    *out = lt_jinja_text(root.len ? root : T("."));
    return LT_OK;
}

static lt_status binding_char(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    *out = lt_jinja_text(T("?"));
    return LT_OK;
}

/* ---- options of COPY ---- */

static lt_text extension(lt_text path)
{
    size_t dot = SIZE_MAX;
    for (size_t i = 0; i < path.len; i++)
        dot = path.ptr[i] == '/' ? SIZE_MAX : path.ptr[i] == '.' ? i : dot;
    return dot == SIZE_MAX ? (lt_text){0} : lt_text_sub(path, dot + 1, path.len);
}

static bool wants_quotes(lt_text key, lt_text value)
{
    static const char *const keys[] = {"delimiter", "quote", "escape", "null"};
    for (size_t i = 0; i < LT_COUNT(keys); i++)
        if (lt_text_eq_nocase(key, lt_text_of(keys[i])))
            return !lt_text_starts(value, T("'"));
    return false;
}

/* FORMAT and what follows from it are added to the options (which the caller reads afterwards), then all are written out. */
static lt_status write_options(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2], value, key;
    LT_AUTO(lt_buf) text = {0};
    LT_TRY(lt_jinja_bind(call, "write_location rendered_options", args, err));
    lt_jinja_value options = args[1];
    if (options.type != LT_JINJA_DICT)
        return lt_fail(err, LT_INVALID, "rendered_options must be a dictionary");
    lt_text suffix = extension(lt_dbt_str(call->heap, args[0]));
    if (!lt_jinja_find(options, T("format"), &value))
        lt_jinja_put(options, "format",
                     lt_jinja_text_copy(call->heap, suffix.len ? suffix
                                                    : lt_jinja_find(options, T("delimiter"), &value)
                                                        ? T("csv")
                                                        : T("parquet")));
    lt_text format = lt_jinja_as_text(lt_dbt_get(options, "format"));
    if (lt_text_eq(format, T("csv")) && !lt_jinja_find(options, T("header"), &value))
        lt_jinja_put(options, "header", lt_jinja_int(1));
    if (lt_jinja_find(options, T("partition_by"), &value)) {
        lt_text by = lt_dbt_str(call->heap, value);
        if (lt_text_has(by, T(",")) && !lt_text_starts(by, T("(")))
            lt_jinja_put(options, "partition_by",
                         lt_jinja_text(lt_text_of(
                             lt_arena_format(&call->heap->arena, "(%.*s)", LT_ARG(by)))));
    }
    for (size_t at = 0; lt_jinja_next(options, &at, &key, &value);) {
        lt_text name = lt_dbt_str(call->heap, key), given = lt_dbt_str(call->heap, value);
        const char *quote = wants_quotes(name, given) ? "'" : "";
        lt_buf_printf(&text, "%s%.*s %s%.*s%s", text.len ? ", " : "", LT_ARG(name), quote,
                      LT_ARG(given), quote);
    }
    *out = lt_jinja_text_copy(call->heap, lt_buf_text(&text));
    return LT_OK;
}

/* Where the files of a partitioned COPY are: a pattern with a star for each folder. */
static lt_status read_location(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2];
    LT_AUTO(lt_buf) text = {0};
    LT_TRY(lt_jinja_bind(call, "write_location rendered_options", args, err));
    lt_jinja_value by = lt_dbt_get(args[1], "partition_by");
    bool threads = lt_jinja_truth(lt_dbt_get(args[1], "per_thread_output"));
    lt_buf_add(&text, lt_dbt_str(call->heap, args[0]));
    if (lt_jinja_truth(by) || threads) {
        lt_text rest = lt_dbt_str(call->heap, by), part;
        lt_buf_add_str(&text, "/*");
        while (lt_jinja_truth(by) && lt_text_cut(&rest, ',', &part))
            lt_buf_add_str(&text, "/*");
        lt_jinja_value format = lt_dbt_get(args[1], "format");
        lt_buf_printf(
            &text, ".%.*s",
            LT_ARG(lt_dbt_is_none(format) ? T("parquet") : lt_dbt_str(call->heap, format)));
    }
    *out = lt_jinja_text_copy(call->heap, lt_buf_text(&text));
    return LT_OK;
}

static lt_status warn_once(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_dbt_exec *exec = call->user;
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "msg", args, err));
    lt_text text = lt_dbt_str(call->heap, args[0]);
    lt_dbt_rt *rt = exec->rt;
    (void)pthread_mutex_lock(&rt->warned_mutex);
    bool fresh = !lt_map_has(&rt->warned, text);
    if (fresh) {
        char *copy = lt_text_dup(text);
        (void)lt_map_put(&rt->warned, lt_text_at(copy, text.len), copy);
    }
    (void)pthread_mutex_unlock(&rt->warned_mutex);
    if (fresh)
        LT_TRY(lt_dbt_say(exec, LT_DBT_WARNED, text, err));
    *out = lt_jinja_none();
    return LT_OK;
}

static lt_status store_relation(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    (void)out;
    lt_text plugin = call->arg_count ? lt_dbt_str(call->heap, call->args[0]) : (lt_text){0};
    return lt_fail(err, LT_INVALID, "there is no plugin '%.*s': plugins in Python are not run here",
                   LT_ARG(plugin));
}

static lt_status batch_id(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "model", args, err));
    lt_jinja_value batch = lt_dbt_get(args[0], "batch");
    *out = lt_jinja_truth(batch) ? lt_dbt_get(batch, "id") : lt_jinja_text(T(""));
    return LT_OK;
}

static const lt_jinja_func methods[] = {
    {"parse_index", lt_dbt_parse_index, NULL},
    {"is_motherduck", answer_false, NULL},
    {"is_ducklake", answer_false, NULL},
    {"use_ducklake_table_workarounds", answer_false, NULL},
    {"disable_transactions", disable_transactions, NULL},
    {"convert_datetimes_to_strs", convert_datetimes, NULL},
    {"get_seed_file_path", seed_file_path, NULL},
    {"location_exists", location_exists, NULL},
    {"external_root", external_root, NULL},
    {"get_binding_char", binding_char, NULL},
    {"external_write_options", write_options, NULL},
    {"external_read_location", read_location, NULL},
    {"warn_once", warn_once, NULL},
    {"store_relation", store_relation, NULL},
    {"batch_id_for_model", batch_id, NULL},
    {NULL, NULL, NULL},
};

const lt_dbt_adapter lt_dbt_adapter_duckdb = {
    .kind = {"duckdb", 6},
    .relation_class = "DuckDBRelation",
    .column_class = "DuckDBColumn",
    .id = 0,
    .constraints = {SUPPORT_ENFORCED, SUPPORT_ENFORCED, SUPPORT_ENFORCED, SUPPORT_ENFORCED,
                    SUPPORT_ENFORCED, SUPPORT_ENFORCED},
    .integer_types = integers,
    .float_types = floats,
    .strategies = "append delete+insert merge microbatch",
    .type_text = "text",
    .type_number = "float8",
    .type_integer = "integer",
    .type_bool = "boolean",
    .type_datetime = "timestamp without time zone",
    .type_date = "date",
    .type_time = "time",
    .methods = methods,
};
