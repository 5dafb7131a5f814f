/* Statements and what they gave: execute, store_result, load_result, write. */
#include "dbt/rt/inner.h"

#include "base/fs.h"
#include "base/log.h"

#include <stdio.h>

enum { MAX_ROWS = 1000 * 1000 };

/* ---- the response of an adapter ---- */

typedef struct response_object {
    lt_jinja_object object;
    lt_text message, code;
    int64_t rows;    /* as templates see it; -1: not known */
    int64_t changed; /* as the engine counted; -1: not known */
} response_object;

static lt_status response_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                               lt_jinja_value *out, bool *found, lt_err *err)
{
    const response_object *r = (const response_object *)self;
    (void)render;
    (void)err;
    *found = true;
    if (lt_text_eq(name, T("_message")) || lt_text_eq(name, T("message")))
        *out = lt_jinja_text(r->message);
    else if (lt_text_eq(name, T("code")))
        *out = r->code.ptr ? lt_jinja_text(r->code) : lt_jinja_none();
    else if (lt_text_eq(name, T("rows_affected")))
        *out = r->rows < 0 && !r->code.ptr ? lt_jinja_none() : lt_jinja_int(r->rows);
    else if (lt_text_eq(name, T("query_id")))
        *out = lt_jinja_none();
    else
        *found = false;
    return LT_OK;
}

static lt_status response_item(lt_jinja_render *render, lt_jinja_object *self, lt_jinja_value key,
                               lt_jinja_value *out, bool *found, lt_err *err)
{
    return response_attr(render, self, lt_jinja_as_text(key), out, found, err);
}

static void response_str(const lt_jinja_object *self, lt_buf *out)
{
    lt_buf_add(out, ((const response_object *)self)->message);
}

static const lt_jinja_class response_class = {
    .name = "AdapterResponse", .attr = response_attr, .item = response_item, .str = response_str};

lt_jinja_value lt_dbt_response_value(lt_jinja_heap *heap, lt_text message, lt_text code,
                                     int64_t rows)
{
    response_object *made = LT_NEW(&heap->arena, response_object);
    *made = (response_object){.object.class = &response_class, .rows = rows, .changed = rows};
    made->message = lt_jinja_as_text(lt_jinja_text_copy(heap, message));
    if (code.ptr)
        made->code = lt_jinja_as_text(lt_jinja_text_copy(heap, code));
    return lt_jinja_object_value(&made->object);
}

lt_jinja_value lt_dbt_response_of_tag(lt_jinja_heap *heap, lt_text tag)
{
    lt_jinja_value made = lt_dbt_response_value(heap, tag, tag, -1);
    ((response_object *)made.as.object)->changed = 0;
    return made;
}

int64_t lt_dbt_response_changed(lt_jinja_value response)
{
    if (response.type != LT_JINJA_OBJECT || response.as.object->class != &response_class)
        return -1;
    return ((const response_object *)response.as.object)->changed;
}

lt_jinja_value lt_dbt_response_dict(lt_jinja_heap *heap, lt_jinja_value response)
{
    lt_jinja_value dict = lt_jinja_dict(heap);
    if (response.type == LT_JINJA_OBJECT && response.as.object->class == &response_class) {
        const response_object *r = (const response_object *)response.as.object;
        lt_jinja_put(dict, "_message", lt_jinja_text(r->message));
        if (r->code.ptr)
            lt_jinja_put(dict, "code", lt_jinja_text(r->code));
        if (r->code.ptr || r->rows >= 0)
            lt_jinja_put(dict, "rows_affected", lt_jinja_int(r->rows));
    } else if (!lt_dbt_is_none(response)) {
        lt_jinja_put(dict, "_message", lt_jinja_text(lt_dbt_str(heap, response)));
    }
    return dict;
}

/* ---- transactions ---- */

lt_status lt_dbt_transaction_begin(lt_dbt_transaction *transaction, lt_err *err)
{
    const lt_dbt_fence *fence = &transaction->fence;
    if (transaction->is_open)
        return LT_OK;
    if (!fence->begin) {
        LT_TRY(lt_session_begin(transaction->session, err));
        transaction->is_open = true;
        return LT_OK;
    }
    transaction->is_open = true; /* macros that are asked meanwhile are within it */
    lt_status status = fence->begin(fence->user, err);
    if (status != LT_OK)
        lt_dbt_transaction_rollback(transaction);
    return status;
}

void lt_dbt_transaction_rollback(lt_dbt_transaction *transaction)
{
    if (transaction->is_open)
        lt_session_rollback(transaction->session);
    transaction->is_open = false;
}

static lt_status begin(lt_dbt_exec *exec, lt_err *err)
{
    return exec->rt->settings.no_transactions ? LT_OK
                                              : lt_dbt_transaction_begin(exec->transaction, err);
}

/* The transaction is to be committed: its fence agrees. */
static lt_status leave_fence(lt_dbt_transaction *transaction, lt_err *err)
{
    const lt_dbt_fence *fence = &transaction->fence;
    lt_status status = fence->commits ? fence->commits(fence->user, err) : LT_OK;
    if (status != LT_OK)
        lt_dbt_transaction_rollback(transaction);
    else
        transaction->is_open = false;
    return status;
}

lt_status lt_dbt_commit(lt_dbt_exec *exec, lt_err *err)
{
    if (!exec->transaction->is_open)
        return LT_OK;
    LT_TRY(leave_fence(exec->transaction, err));
    lt_status status = lt_session_commit(exec->session, err);
    return status == LT_NOT_FOUND ? LT_OK : status; /* a hook may say "commit" itself, as in dbt */
}

void lt_dbt_rollback(lt_dbt_exec *exec)
{
    if (exec->session)
        lt_dbt_transaction_rollback(exec->transaction);
}

/* ---- statements ---- */

/* Over a comment, a quoted piece or one byte: where the next begins. Dollar quotes count too. */
static size_t step_over(lt_text sql, size_t at)
{
    lt_text rest = lt_text_sub(sql, at, sql.len - at);
    char c = rest.ptr[0];
    if (lt_text_starts(rest, T("--"))) {
        size_t end = lt_text_find_byte(sql, '\n', at);
        return end == SIZE_MAX ? sql.len : end + 1;
    }
    if (lt_text_starts(rest, T("/*"))) {
        size_t end = lt_text_find(sql, T("*/"), at + 2);
        return end == SIZE_MAX ? sql.len : end + 2;
    }
    if (c == '\'' || c == '"') {
        size_t end = lt_text_find_byte(sql, c, at + 1);
        return end == SIZE_MAX ? sql.len : end + 1;
    }
    if (c == '$') {
        size_t tag = at + 1;
        while (tag < sql.len && (lt_is_alpha(sql.ptr[tag]) || sql.ptr[tag] == '_'))
            tag++;
        if (tag < sql.len && sql.ptr[tag] == '$') {
            size_t end = lt_text_find(sql, lt_text_sub(sql, at, tag + 1 - at), tag + 1);
            return end == SIZE_MAX ? sql.len : end + (tag + 1 - at);
        }
    }
    return at + 1;
}

static bool is_blank(lt_text sql)
{
    for (size_t at = 0; at < sql.len;) {
        size_t next = step_over(sql, at);
        bool comment = next > at + 1 && (sql.ptr[at] == '-' || sql.ptr[at] == '/');
        if (!comment && !lt_is_space(sql.ptr[at]) && sql.ptr[at] != ';')
            return false;
        at = next;
    }
    return true;
}

size_t lt_dbt_last_statement(lt_text sql)
{
    size_t start = 0;
    for (size_t at = 0; at < sql.len;) {
        if (sql.ptr[at] == ';' && !is_blank(lt_text_sub(sql, at + 1, sql.len)))
            start = at + 1;
        at = step_over(sql, at);
    }
    return start;
}

/* The first word of the last statement, in capitals: CREATE, SELECT, INSERT. */
static size_t command_word(lt_text sql, char out[16])
{
    size_t len = 0;
    lt_text last = lt_text_sub(sql, lt_dbt_last_statement(sql), sql.len);
    for (size_t at = 0; at < last.len;) {
        size_t next = step_over(last, at);
        if (lt_is_alpha(last.ptr[at])) {
            while (at < last.len && len < 15 && lt_is_alpha(last.ptr[at]))
                out[len++] = lt_upper(last.ptr[at++]);
            break;
        }
        at = next;
    }
    out[len] = 0;
    return len;
}

/* What the server calls it: "SELECT 5" for rows that were made or read, "INSERT 0 5", "CREATE VIEW". */
static lt_jinja_value response_of(lt_dbt_exec *exec, lt_jinja_heap *heap, lt_text sql, int64_t rows)
{
    char word[16], message[64];
    if (!exec->rt->adapter->has_tags)
        return lt_dbt_response_value(heap, T("OK"), (lt_text){0}, -1);
    lt_text tag = lt_session_tag(exec->session);
    if (!tag.len) {
        (void)command_word(sql, word);
        (void)snprintf(message, sizeof(message), rows >= 0 ? "%s %lld" : "%s", word,
                       (long long)rows);
        return lt_dbt_response_value(heap, lt_text_of(message), lt_text_of(word), rows);
    }
    lt_text code = tag;
    while (code.len && (lt_is_digit(code.ptr[code.len - 1]) || code.ptr[code.len - 1] == ' '))
        code.len--;
    return lt_dbt_response_value(heap, tag, code, code.len == tag.len ? -1 : rows);
}

static bool is_commit(lt_text sql)
{
    lt_text bare = lt_text_trim(sql);
    if (bare.len && bare.ptr[bare.len - 1] == ';')
        bare.len--;
    return lt_text_eq_nocase(lt_text_trim(bare), T("commit"));
}

static lt_status fetch_rows(lt_dbt_exec *exec, lt_jinja_heap *heap, lt_text sql, int64_t limit,
                            lt_jinja_value *table, int64_t *rows, lt_err *err)
{
    size_t last = lt_dbt_last_statement(sql);
    lt_table found;
    bool more = false;
    if (last)
        LT_TRY(lt_exec(exec->session, lt_text_sub(sql, 0, last), NULL, err));
    lt_text statement = lt_text_sub(sql, last, sql.len);
    while (statement.len && (lt_is_space(statement.ptr[statement.len - 1]) ||
                             statement.ptr[statement.len - 1] == ';'))
        statement.len--;
    LT_TRY(lt_query_table(exec->session, statement, NULL, 0,
                          limit >= 0 && limit < MAX_ROWS ? (size_t)limit : MAX_ROWS,
                          limit >= 0 ? &more : NULL, &heap->arena, &found, err));
    *table = lt_dbt_table_from(heap, &found);
    *rows = (int64_t)found.row_count;
    return LT_OK;
}

static lt_text commented(const lt_dbt_exec *exec, lt_jinja_heap *heap, lt_text sql)
{
    LT_AUTO(lt_buf) text = {0};
    if (!exec->comment.len)
        return sql;
    if (exec->comment_ends) {
        sql = lt_text_trim(sql);
        while (sql.len && sql.ptr[sql.len - 1] == ';')
            sql.len--;
        lt_buf_printf(&text, "%.*s\n/* %.*s */;", LT_ARG(sql), LT_ARG(exec->comment));
    } else {
        lt_buf_printf(&text, "/* %.*s */\n%.*s", LT_ARG(exec->comment), LT_ARG(sql));
    }
    return lt_arena_text(&heap->arena, lt_buf_text(&text));
}

lt_status lt_dbt_may_ask(const lt_dbt_exec *exec, lt_err *err)
{
    if (exec->session || !exec->settings.is_apart)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID,
                      "this asks the database, and --no-introspect says that nothing may"));
    return lt_hint(err, "compile it without --no-introspect");
}

lt_status lt_dbt_rt_execute(lt_dbt_exec *exec, lt_jinja_heap *heap, lt_text sql, bool auto_begin,
                            bool fetch, int64_t limit, lt_jinja_value *response,
                            lt_jinja_value *table, lt_err *err)
{
    int64_t rows = -1;
    *table = lt_dbt_table_empty(heap);
    *response = lt_dbt_response_value(heap, T(""), (lt_text){0}, -1);
    if (!exec->session)
        return lt_dbt_may_ask(exec, err);
    if (is_commit(sql))
        return lt_dbt_commit(exec, err);
    if (is_blank(sql))
        return LT_OK;
    if (auto_begin)
        LT_TRY(begin(exec, err));
    sql = commented(exec, heap, sql);
    exec->last_sql = lt_text_at(lt_arena_str(&exec->heap->arena, sql), sql.len);
    lt_dbt_log_sql(exec, sql);
    lt_status status = fetch ? fetch_rows(exec, heap, sql, limit, table, &rows, err)
                             : lt_exec(exec->session, sql, &rows, err);
    if (status != LT_OK) {
        exec->said = *err;
        exec->failed_at = lt_session_error_at(exec->session); /* a rollback to come forgets it */
    }
    LT_TRY(status);
    exec->last_sql = (lt_text){0};
    *response = response_of(exec, heap, sql, rows);
    ((response_object *)response->as.object)->changed = rows;
    return LT_OK;
}

static lt_status execute_each(lt_dbt_exec *exec, const lt_ending *ending, lt_err *err)
{
    lt_jinja_value response, table;
    for (size_t i = 0; i < ending->count; i++)
        LT_TRY(lt_dbt_rt_execute(exec, exec->heap, ending->statements[i], false, false, -1,
                                 &response, &table, err));
    return LT_OK;
}

lt_status lt_dbt_commit_with(lt_dbt_exec *exec, lt_ending *ending, lt_err *err)
{
    LT_TRY(leave_fence(exec->transaction, err));
    lt_status status = lt_session_end(exec->session, ending, err);
    if (status == LT_NOT_FOUND) {
        ending->has_readers = true; /* nobody has asked */
        return execute_each(exec, ending, err);
    }
    for (size_t i = 0; i < ending->count && i <= ending->done; i++)
        lt_dbt_log_sql(exec, ending->statements[i]);
    if (status != LT_OK && ending->done < ending->count) {
        exec->last_sql = ending->statements[ending->done];
        exec->failed_at = ending->done ? -1 : lt_session_error_at(exec->session);
        exec->said = *err;
    }
    return status;
}

/* ---- load_result and its like ---- */

static lt_status store(lt_dbt_exec *exec, lt_jinja_call *call, lt_jinja_value name,
                       lt_jinja_value response, lt_jinja_value table, lt_jinja_value *out)
{
    lt_jinja_value result = lt_jinja_dict(exec->heap);
    if (lt_dbt_is_none(table))
        table = lt_dbt_table_empty(call->heap);
    lt_jinja_put(result, "response", response);
    lt_jinja_put(result, "data", lt_dbt_table_data(call->heap, table));
    lt_jinja_put(result, "table", table);
    lt_jinja_put_value(exec->results, lt_jinja_text_copy(exec->heap, lt_dbt_str(exec->heap, name)),
                       result);
    *out = lt_jinja_text(T(""));
    return LT_OK;
}

static lt_status store_result(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[3];
    LT_TRY(lt_jinja_bind(call, "name response agate_table?", args, err));
    return store(call->user, call, args[0], args[1], args[2], out);
}

static lt_status store_raw_result(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_dbt_exec *exec = call->user;
    lt_jinja_value args[5];
    int64_t rows = -1;
    LT_TRY(lt_jinja_bind(call, "name message? code? rows_affected? agate_table?", args, err));
    if (!lt_dbt_is_none(args[3]) && !lt_text_to_i64(lt_dbt_str(call->heap, args[3]), &rows))
        rows = -1;
    lt_jinja_value response = lt_dbt_response_value(exec->heap, lt_dbt_text_or_none(call, args[1]),
                                                    lt_dbt_text_or_none(call, args[2]), rows);
    return store(exec, call, args[0], response, args[4], out);
}

/* As dbt, a result is given once; only that of `main` may be asked for again. */
static lt_status load_result(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_dbt_exec *exec = call->user;
    lt_jinja_value args[1], spent = lt_jinja_bool(false);
    LT_TRY(lt_jinja_bind(call, "name", args, err));
    *out = lt_jinja_none();
    if (!lt_jinja_find_value(exec->results, args[0], out))
        return LT_OK;
    if (out->type == LT_JINJA_BOOL)
        return lt_fail(err, LT_INVALID,
                       "The 'statement' result named '%.*s' has already been loaded into a "
                       "variable",
                       LT_ARG(lt_dbt_str(call->heap, args[0])));
    if (!lt_text_eq(lt_jinja_as_text(args[0]), T("main")))
        lt_jinja_put_value(exec->results,
                           lt_jinja_text_copy(exec->heap, lt_dbt_str(exec->heap, args[0])), spent);
    return LT_OK;
}

static lt_status load_agate_table(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    return lt_dbt_seed_table(call->user, out, err);
}

/* write(text): what is run, below target/run. */
lt_status lt_dbt_write_statement(const lt_dbt_exec *exec, lt_text sql, lt_err *err)
{
    if (!exec->rt->settings.run_folder || !exec->settings.write_path.len)
        return LT_OK;
    LT_AUTO(lt_chars) below = lt_text_dup(exec->settings.write_path);
    LT_AUTO(lt_chars) path = lt_path_join(exec->rt->settings.run_folder, below);
    return lt_file_update(path, sql, 0644, err);
}

static lt_status write_file(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "payload", args, err));
    *out = lt_jinja_text(T(""));
    return lt_dbt_write_statement(call->user, lt_dbt_str(call->heap, args[0]), err);
}

static lt_status submit_python_job(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "parsed_model compiled_code", args, err));
    return lt_dbt_python_submit(call->user, call, args[0], lt_dbt_str(call->heap, args[1]), out,
                                err);
}

const lt_jinja_func lt_dbt_result_functions[] = {
    {"store_result", store_result, NULL},
    {"store_raw_result", store_raw_result, NULL},
    {"load_result", load_result, NULL},
    {"load_agate_table", load_agate_table, NULL},
    {"write", write_file, NULL},
    {"submit_python_job", submit_python_job, NULL},
    {NULL, NULL, NULL},
};
