/* Models in Python: a child process that asks for tables and gives one back, inside of the node's transaction. */
#include "dbt/rt/inner.h"

#include "base/embed.h"
#include "base/fs.h"
#include "base/mask.h"
#include "base/proc.h"
#include "fmt/json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REQUEST_BYTES = 16 << 20, LOG_LINE_BYTES = 64 << 10, LOOK_MS = 50, THEIR_REQUESTS = 3 };

typedef struct job {
    lt_dbt_exec *exec;
    lt_jinja_call *call;
    lt_text path; /* of the model, for people */
    char *folder; /* owned: the files that go to and fro */
    pid_t pid;
    int answers, requests, output; /* our ends */
    lt_buf request, line;          /* what has come of the next one */
    size_t files;
    lt_jinja_value response;
    bool has_stored, has_failed;
    lt_err failure; /* what the child says of its end, or we of what it asked for */
    int64_t failed_line;
} job;

/* ---- what it prints ---- */

static void log_line(job *j)
{
    lt_err ignored = {0};
    LT_AUTO(lt_buf) masked = {.limit = 4 * LOG_LINE_BYTES};
    lt_mask(lt_buf_text(&j->line), &masked);
    lt_ignore(lt_dbt_say(j->exec, LT_DBT_TOLD, lt_buf_text(&masked), &ignored));
    lt_buf_clear(&j->line);
}

static void log_output(job *j, lt_text chunk)
{
    for (size_t i = 0; i < chunk.len; i++) {
        if (chunk.ptr[i] != '\n')
            lt_buf_add_byte(&j->line, chunk.ptr[i]);
        if (chunk.ptr[i] == '\n' || j->line.len >= LOG_LINE_BYTES)
            log_line(j);
    }
}

/* ---- what it asks for ---- */

static lt_status answer(job *j, const lt_buf *text, lt_err *err)
{
    LT_TRY(lt_buf_check(text, "an answer to the model", err));
    return lt_fd_write(j->answers, lt_buf_text(text), "the model", err);
}

static bool is_nested(lt_text type)
{
    return lt_text_starts(type, T("STRUCT")) || lt_text_starts(type, T("MAP")) ||
           lt_text_ends(type, T("]"));
}

/* Parquet has no such type, or gives another one back. */
static bool goes_as_text(lt_text type)
{
    static const lt_text words[] = {T("HUGEINT"),    T("ENUM"),     T("BIT"),     T("UNION"),
                                    T("TIMESTAMP_"), T("INTERVAL"), T("JSON"),    T("VARINT"),
                                    T("BIGNUM"),     T("GEOMETRY"), T("VARIANT"), T("UUID")};
    for (size_t i = 0; i < LT_COUNT(words); i++)
        if (lt_text_has(type, words[i]))
            return true;
    return lt_text_eq(type, T("TIME WITH TIME ZONE"));
}

static void add_column(const lt_column *column, bool rows, lt_buf *sql)
{
    bool text = rows || goes_as_text(column->type);
    lt_buf_add_str(sql, !text ? "" : rows && is_nested(column->type) ? "cast(to_json(" : "cast(");
    lt_quote_name(column->name, sql);
    if (text)
        lt_buf_add_str(sql,
                       rows && is_nested(column->type) ? ") as varchar) as " : " as varchar) as ");
    if (text)
        lt_quote_name(column->name, sql);
}

static lt_status write_file(job *j, lt_text name, const lt_columns *columns, bool rows,
                            const char *path, lt_err *err)
{
    LT_AUTO(lt_buf) sql = {.limit = 4 * LT_MIB};
    lt_buf_add_str(&sql, "copy (select ");
    for (size_t i = 0; i < columns->len; i++) {
        lt_buf_add_str(&sql, i ? ", " : "");
        add_column(&columns->items[i], rows, &sql);
    }
    lt_buf_printf(&sql, " from %.*s) to ", LT_ARG(name));
    lt_quote_literal(lt_text_of(path), &sql);
    lt_buf_add_str(&sql, rows ? " (format json)" : " (format parquet)");
    LT_TRY(lt_buf_check(&sql, "the columns of a table", err));
    return lt_exec(j->exec->session, lt_buf_text(&sql), NULL, err);
}

static lt_status load_table(job *j, const lt_json *asked, lt_arena *arena, lt_buf *out, lt_err *err)
{
    lt_text name = lt_json_text_or(asked, "load", (lt_text){0});
    bool rows = lt_text_eq(lt_json_text_or(asked, "format", (lt_text){0}), T("rows"));
    lt_columns columns = {0};
    LT_AUTO(lt_chars) path = lt_format("%s/in-%zu", j->folder, ++j->files);
    char *select = lt_arena_format(arena, "select * from %.*s", LT_ARG(name));
    LT_TRY(lt_query_columns(j->exec->session, lt_text_of(select), arena, &columns, err));
    LT_TRY(write_file(j, name, &columns, rows, path, err));
    lt_json_writer w = {.out = out};
    lt_json_begin(&w, '{');
    lt_json_set(&w, "path", lt_text_of(path));
    lt_json_key(&w, T("columns"));
    lt_json_begin(&w, '[');
    for (size_t i = 0; i < columns.len; i++) {
        bool json = rows && is_nested(columns.items[i].type);
        lt_json_begin(&w, '[');
        lt_json_string(&w, columns.items[i].name);
        lt_json_string(&w, json ? T("JSON") : columns.items[i].type);
        lt_json_end(&w);
    }
    lt_json_end(&w);
    lt_json_end(&w);
    return LT_OK;
}

/* CREATE TABLE from the file that the model has written; what went as text becomes what it was in Python. */
static void add_create(const lt_json *asked, lt_buf *sql)
{
    const lt_json *columns = lt_json_find(asked, "columns");
    bool rows = lt_text_eq(lt_json_text_or(asked, "format", (lt_text){0}), T("rows"));
    size_t count = columns && columns->kind == LT_JSON_ARRAY ? columns->count : 0;
    lt_buf_printf(sql, "create %stable %.*s as select ",
                  lt_json_bool_or(asked, "temporary", false) ? "temporary " : "",
                  LT_ARG(lt_json_text_or(asked, "store", (lt_text){0})));
    for (size_t i = 0; i < count; i++) {
        const lt_json *pair = &columns->items[i];
        if (pair->kind != LT_JSON_ARRAY || pair->count != 2)
            continue;
        lt_text type = pair->items[1].text;
        lt_buf_add_str(sql, i ? ", " : "");
        lt_buf_add_str(sql, type.len ? "cast(" : "");
        lt_quote_name(pair->items[0].text, sql);
        if (!type.len)
            continue;
        lt_buf_printf(sql, " as %.*s) as ", LT_ARG(type));
        lt_quote_name(pair->items[0].text, sql);
    }
    lt_buf_add_str(sql, rows ? " from read_json(" : " from read_parquet(");
    lt_quote_literal(lt_json_text_or(asked, "path", (lt_text){0}), sql);
    for (size_t i = 0; rows && i < count; i++) {
        lt_buf_add_str(sql, i ? ", " : ", format = 'newline_delimited', columns = {");
        lt_quote_literal(columns->items[i].count ? columns->items[i].items[0].text : T(""), sql);
        lt_buf_add_str(sql, ": 'VARCHAR'");
    }
    lt_buf_add_str(sql, rows ? "})" : ")");
}

static lt_status store_table(job *j, const lt_json *asked, lt_err *err)
{
    lt_jinja_value ignored = {0};
    LT_AUTO(lt_buf) sql = {.limit = 4 * LT_MIB};
    const lt_json *columns = lt_json_find(asked, "columns");
    if (j->has_stored)
        return lt_fail(err, LT_INVALID, "a model makes one table");
    if (!columns || columns->kind != LT_JSON_ARRAY || !columns->count)
        return lt_fail(err, LT_INVALID, "model() gave a table without columns");
    add_create(asked, &sql);
    LT_TRY(lt_buf_check(&sql, "the columns of a table", err));
    LT_TRY(lt_dbt_rt_execute(j->exec, j->call->heap, lt_buf_text(&sql), true, false, -1,
                             &j->response, &ignored, err));
    j->has_stored = true;
    return LT_OK;
}

/* Its last word. */
static void note_failure(job *j, const lt_json *said)
{
    lt_text missing = lt_json_text_or(said, "missing", (lt_text){0});
    lt_text python = lt_json_text_or(said, "python", (lt_text){0});
    if (j->has_failed && j->failure.status == LT_CANCELLED)
        return;
    j->has_failed = true;
    j->failed_line = lt_json_i64_or(said, "line", 0);
    lt_ignore(lt_fail(&j->failure, LT_FAILED, "Python model failed: %.*s",
                      LT_ARG(lt_json_text_or(said, "fail", T("without a word")))));
    if (missing.len)
        lt_hint(&j->failure,
                "install it: %.*s -m pip install %.*s; or name a Python that has it with "
                "`python:` in the profile's target",
                LT_ARG(python), LT_ARG(missing));
    lt_mask_in_place(j->failure.message, sizeof(j->failure.message));
}

static lt_status serve(job *j, lt_text line, lt_err *err)
{
    lt_err failed = {0};
    lt_json *asked;
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) out = {.limit = REQUEST_BYTES};
    LT_TRY(lt_json_read(line, "what the model asks for", NULL, &arena, &asked, err));
    if (lt_json_find(asked, "fail")) {
        note_failure(j, asked);
        return LT_OK;
    }
    lt_status status = lt_json_find(asked, "load") ? load_table(j, asked, &arena, &out, &failed)
                                                   : store_table(j, asked, &failed);
    if (status == LT_CANCELLED) {
        *err = failed;
        return status;
    }
    if (status != LT_OK) {
        lt_json_writer w = {.out = &out};
        lt_buf_clear(&out);
        lt_json_begin(&w, '{');
        lt_json_set(&w, "error", lt_text_of(failed.message));
        lt_json_end(&w);
    } else if (!out.len) {
        lt_buf_add_str(&out, "{}");
    }
    lt_buf_add_byte(&out, '\n');
    return answer(j, &out, err);
}

static lt_status serve_lines(job *j, lt_text chunk, lt_err *err)
{
    while (chunk.len) {
        size_t end = lt_text_find_byte(chunk, '\n', 0);
        lt_buf_add(&j->request, lt_text_sub(chunk, 0, end));
        if (end == SIZE_MAX)
            return lt_buf_check(&j->request, "what the model asks for", err);
        LT_TRY(serve(j, lt_buf_text(&j->request), err));
        lt_buf_clear(&j->request);
        chunk = lt_text_sub(chunk, end + 1, SIZE_MAX);
    }
    return LT_OK;
}

/* ---- the process ---- */

static lt_status put_file(const job *j, const char *name, lt_text content, lt_err *err)
{
    LT_AUTO(lt_chars) path = lt_path_join(j->folder, name);
    return lt_file_write(path, content, 0600, err);
}

static lt_status prepare(job *j, lt_text code, lt_err *err)
{
    const lt_embedded *runner = lt_embedded_find("templates/python_model.py");
    const char *temp = getenv("TMPDIR");
    LT_AUTO(lt_chars) prefix = lt_format("%s/leat-model-", temp && *temp ? temp : "/tmp");
    LT_TRY(lt_folder_make_temp(prefix, &j->folder, err));
    LT_TRY(put_file(j, "run.py", lt_text_at((const char *)runner->data, runner->len), err));
    return put_file(j, "model.py", code, err);
}

static lt_status spawn_child(job *j, char *const argv[], const int ends[3], lt_err *err)
{
    const lt_spawn_fd fds[] = {
        {ends[0], STDIN_FILENO},
        {ends[1], STDOUT_FILENO},
        {ends[1], STDERR_FILENO},
        {ends[2], THEIR_REQUESTS}, /* last: it may be the number that one of the others has here */
    };
    const lt_spawn child = {.program = argv[0],
                            .argv = argv,
                            .folder = j->exec->rt->settings.project_root,
                            .apart = LT_APART_GROUP,
                            .fds = fds,
                            .fds_len = LT_COUNT(fds)};
    if (lt_proc_spawn(&child, &j->pid, err) == LT_OK)
        return LT_OK;
    j->pid = 0;
    return lt_hint(err, "this is for a model in Python: install python3, or name it with `python:` "
                        "in the profile's target");
}

static lt_status start(job *j, lt_err *err)
{
    const lt_dbt_rt_settings *settings = &j->exec->rt->settings;
    lt_arena *arena = &j->call->heap->arena;
    int in[2], out[2], asks[2];
    LT_AUTO(lt_chars) runner = lt_path_join(j->folder, "run.py");
    LT_VEC(char *) argv = {0};
    lt_push_in(arena, &argv,
               lt_arena_str(arena, lt_text_of(settings->python ? settings->python : "python3")));
    lt_push_in(arena, &argv, runner);
    lt_push_in(arena, &argv, lt_arena_str(arena, j->path));
    for (size_t i = 0; i < settings->module_paths.len; i++)
        lt_push_in(arena, &argv, lt_arena_str(arena, settings->module_paths.items[i]));
    lt_push_in(arena, &argv, NULL);
    if (pipe2(in, O_CLOEXEC) != 0)
        return lt_fail_errno(err, errno, "cannot make a pipe");
    LT_AUTO(lt_fd) their_in = in[0];
    j->answers = in[1];
    if (pipe2(out, O_CLOEXEC) != 0)
        return lt_fail_errno(err, errno, "cannot make a pipe");
    LT_AUTO(lt_fd) their_out = out[1];
    j->output = out[0];
    if (pipe2(asks, O_CLOEXEC) != 0)
        return lt_fail_errno(err, errno, "cannot make a pipe");
    LT_AUTO(lt_fd) their_asks = asks[1];
    j->requests = asks[0];
    const int ends[3] = {their_in, their_out, their_asks};
    return spawn_child(j, argv.items, ends, err);
}

/* False: the pipe's other end is closed. */
static bool read_some(int fd, char *chunk, size_t size, size_t *len)
{
    ssize_t got = read(fd, chunk, size);
    *len = got > 0 ? (size_t)got : 0;
    return got > 0 || (got < 0 && errno == EINTR);
}

/* Until it has closed its pipe of requests, which it does by ending; what others keep open of its output is not waited for. */
static lt_status follow(job *j, lt_err *err)
{
    for (;;) {
        char chunk[16 * LT_KIB];
        size_t len;
        struct pollfd fds[] = {{.fd = j->requests, .events = POLLIN},
                               {.fd = j->output, .events = POLLIN}};
        if (lt_stop_asked() || lt_session_is_cancelled(j->exec->session))
            return lt_fail(err, LT_CANCELLED, "cancelled");
        if (poll(fds, LT_COUNT(fds), LOOK_MS) <= 0)
            continue;
        if (fds[1].revents) {
            if (read_some(j->output, chunk, sizeof(chunk), &len)) {
                log_output(j, lt_text_at(chunk, len));
            } else {
                lt_fd_close(j->output);
                j->output = -1; /* poll() passes it over */
            }
            continue; /* what it printed before comes before what it asks for */
        }
        if (!read_some(j->requests, chunk, sizeof(chunk), &len))
            return LT_OK;
        LT_TRY(serve_lines(j, lt_text_at(chunk, len), err));
    }
}

/* Nothing of it is left behind: it leads a process group. */
static int end_child(job *j)
{
    int how = 0;
    siginfo_t ended = {0};
    bool gone = false;
    for (int64_t i = 0; !gone && i < 2000 && j->requests >= 0;
         i++) { /* its pipe is closed: it is about to end */
        gone =
            waitid(P_PID, (id_t)j->pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid;
        if (!gone)
            (void)poll(NULL, 0, 1);
    }
    (void)kill(-j->pid, SIGKILL); /* before its number is free for others */
    while (waitpid(j->pid, &how, 0) < 0 && errno == EINTR)
        ;
    j->pid = 0;
    return how;
}

static lt_status judge(job *j, int how, lt_err *err)
{
    if (j->has_failed) {
        *err = j->failure;
        return err->status;
    }
    if (WIFSIGNALED(how))
        return lt_fail(err, LT_FAILED, "Python model failed: the process was ended by signal %d",
                       WTERMSIG(how));
    if (WEXITSTATUS(how) || !j->has_stored)
        return lt_fail(err, LT_FAILED,
                       "Python model failed: the process ended with code %d before it gave a table",
                       WEXITSTATUS(how));
    return LT_OK;
}

static lt_status run(job *j, lt_text code, lt_err *err)
{
    LT_TRY(prepare(j, code, err));
    LT_TRY(start(j, err));
    lt_status status = follow(j, err);
    if (status != LT_OK)
        (void)kill(-j->pid, SIGKILL);
    int how = end_child(j);
    char chunk[16 * LT_KIB];
    size_t len;
    struct pollfd left = {.fd = j->output, .events = POLLIN};
    while (j->output >= 0 && poll(&left, 1, 0) > 0 &&
           read_some(j->output, chunk, sizeof(chunk), &len))
        log_output(j, lt_text_at(chunk, len));
    if (j->line.len)
        log_line(j);
    return status == LT_OK ? judge(j, how, err) : status;
}

/* The place in the code is told like one in a statement. */
static void blame_line(const job *j, lt_text code, const lt_err *err)
{
    size_t at = 0;
    for (int64_t line = 1; line < j->failed_line && at != SIZE_MAX; line++) {
        at = lt_text_find_byte(code, '\n', at);
        at = at == SIZE_MAX ? at : at + 1;
    }
    j->exec->last_sql = code;
    j->exec->failed_at = j->failed_line && at != SIZE_MAX ? (int64_t)at : -1;
    j->exec->said = *err;
}

static void job_cleanup(job *j)
{
    lt_err ignored;
    if (j->folder)
        lt_ignore(lt_path_remove(j->folder, &ignored));
    lt_free(j->folder);
    lt_fd_close(j->answers);
    lt_fd_close(j->requests);
    lt_fd_close(j->output);
    lt_buf_cleanup(&j->request);
    lt_buf_cleanup(&j->line);
}

lt_status lt_dbt_python_submit(lt_dbt_exec *exec, lt_jinja_call *call, lt_jinja_value model,
                               lt_text code, lt_jinja_value *out, lt_err *err)
{
    job j = {.exec = exec,
             .call = call,
             .path = lt_dbt_str(call->heap, lt_dbt_get(model, "original_file_path")),
             .answers = -1,
             .requests = -1,
             .output = -1,
             .request.limit = REQUEST_BYTES,
             .line.limit = 2 * LOG_LINE_BYTES};
    *out = lt_jinja_none();
    if (!exec->session)
        return LT_OK;
    if (!lt_text_eq(exec->rt->adapter->kind, T("duckdb")))
        return lt_fail(err, LT_INVALID, "the %.*s adapter does not run models in Python",
                       LT_ARG(exec->rt->adapter->kind));
    code = lt_text_at(lt_arena_str(&exec->heap->arena, code), code.len);
    if (!exec->rt->settings.no_transactions)
        LT_TRY(lt_dbt_transaction_begin(exec->transaction, err));
    lt_status status = run(&j, code, err);
    if (status != LT_OK)
        blame_line(&j, code, err);
    else
        *out = j.response;
    job_cleanup(&j);
    return status;
}
