/* leat sql: statements from the command line, from standard input, or typed into a shell. */
#include "cli/cmd.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/time.h"
#include "cli/rows.h"
#include "cli/sql_split.h"
#include "cli/work.h"

#include <errno.h>
#include <histedit.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_LIMIT = 64 << 20 };

typedef struct sql_opts {
    const char *file;
    const char *format;
    bool csv;
} sql_opts;

static const lt_opt table[] = {
    {.name = "file",
     .letter = 'f',
     .type = LT_OPT_TEXT,
     LT_AT(sql_opts, file),
     .value = "FILE",
     .help = "run the statements of a file"},
    {.name = "format",
     .type = LT_OPT_CHOICE,
     LT_AT(sql_opts, format),
     .value = "FORMAT",
     .choices = "table json ndjson csv",
     .help = "how rows are shown; --json is the same as --format json"},
    {.name = "csv", LT_AT(sql_opts, csv), .help = "the same as --format csv"},
};

typedef struct shell {
    lt_app *app;
    lt_engine *engine;       /* owned */
    lt_session *session;     /* owned */
    lt_workspace *workspace; /* owned */
    int lease;               /* owned */
    lt_show show;
    bool is_interactive;
    bool has_shown; /* rows of a statement before */
    pthread_t watcher;
    atomic_bool watching, running;
} shell;

static void shell_cleanup(shell *s)
{
    if (atomic_exchange(&s->watching, false))
        (void)pthread_join(s->watcher, NULL);
    lt_session_close(s->session);
    lt_engine_close(s->engine);
    lt_fd_close(s->lease);
    lt_workspace_close(s->workspace);
}

/* ---- stopping ---- */

static void *watch(void *context)
{
    static const int64_t LOOK_US = 50000;
    shell *s = context;
    while (atomic_load(&s->watching)) {
        if (lt_stop_asked() && atomic_load(&s->running))
            lt_session_cancel(s->session);
        lt_sleep_us(LOOK_US);
    }
    return NULL;
}

/* ---- statements ---- */

/* Where in the text of the statement the engine found the error. */
static void add_place(const shell *s, lt_text statement, lt_err *err)
{
    int64_t at = lt_session_error_at(s->session);
    size_t line = 1, col = 1;
    if (err->status != LT_FAILED || at < 0 || (size_t)at >= statement.len)
        return;
    for (size_t i = 0; i < (size_t)at; i++) {
        col =
            statement.ptr[i] == '\n' ? 1 : col + (((unsigned char)statement.ptr[i] & 0xc0) != 0x80);
        line += statement.ptr[i] == '\n';
    }
    (void)lt_wrap(err, "line %zu, column %zu of the statement", line, col);
}

static lt_status run_statement(shell *s, lt_text statement, lt_err *err)
{
    int64_t changed;
    char count[LT_COUNT_CHARS];
    bool gives_rows = lt_sql_kind_of(statement) != LT_SQL_DOES;
    if (s->has_shown && gives_rows && s->show == LT_SHOW_TABLE)
        lt_out_str(&s->app->out, "\n");
    s->has_shown = s->has_shown || gives_rows;
    atomic_store(&s->running, true);
    lt_status status = lt_rows_show(s->session, statement, &s->app->out, s->show, &changed, err);
    atomic_store(&s->running, false);
    if (status != LT_OK) {
        add_place(s, statement, err);
        return status;
    }
    if (changed > 0 && s->is_interactive)
        lt_out_printf(&s->app->out, "%s rows\n", lt_count_write(changed, count));
    return LT_OK;
}

static lt_status run_all(shell *s, lt_text text, lt_err *err)
{
    lt_text statement;
    bool ended;
    while (lt_sql_next(&text, &statement, &ended)) {
        if (lt_stop_asked())
            return lt_fail(err, LT_CANCELLED, "stopped");
        LT_TRY(run_statement(s, statement, err));
    }
    return LT_OK;
}

/* ---- the shell ---- */

static const char help_text[] =
    "  \\d          list tables and views\n"
    "  \\d NAME     the columns of one\n"
    "  \\q          leave (also Ctrl-D)\n"
    "  SELECT ...; a statement ends with ';' and may take several lines; Ctrl-C stops it\n";

static lt_status list_tables(shell *s, lt_err *err)
{
    return run_statement(
        s,
        T("select table_schema as \"schema\", table_name as name, table_type as kind "
          "from information_schema.tables "
          "where table_schema not in ('information_schema', 'pg_catalog') "
          "order by 1, 2"),
        err);
}

static lt_status list_columns(shell *s, lt_text name, lt_err *err)
{
    LT_AUTO(lt_buf) sql = {0};
    lt_text rest = name, first = {0};
    bool has_schema = lt_text_has(name, T(".")) && lt_text_cut(&rest, '.', &first);
    lt_buf_add_str(&sql,
                   "select column_name as \"column\", data_type as type, is_nullable as nullable "
                   "from information_schema.columns where table_name = ");
    lt_quote_literal(has_schema ? rest : name, &sql);
    if (has_schema) {
        lt_buf_add_str(&sql, " and table_schema = ");
        lt_quote_literal(first, &sql);
    }
    lt_buf_add_str(&sql, " order by table_schema, ordinal_position");
    return run_statement(s, lt_buf_text(&sql), err);
}

/* A line that begins with '\'. False: leave. */
static bool run_meta(shell *s, lt_text line, lt_err *err)
{
    lt_text rest = line, command;
    lt_status status = LT_OK;
    (void)lt_text_cut(&rest, ' ', &command);
    lt_text name = lt_text_trim(rest);
    if (lt_text_eq(command, T("\\q")))
        return false;
    if (lt_text_eq(command, T("\\d")))
        status = name.len ? list_columns(s, name, err) : list_tables(s, err);
    else if (lt_text_eq(command, T("\\?")) || lt_text_eq(command, T("\\h")))
        lt_out_str(&s->app->out, help_text);
    else
        status = lt_fail(err, LT_INVALID, "there is no '%.*s'; \\? lists what there is",
                         LT_ARG(command));
    if (status != LT_OK)
        lt_log_err(err);
    return true;
}

typedef struct typed {
    lt_buf text; /* of the statement so far */
    EditLine *line;
    History *history;
    char *history_path;
    bool is_cancelled; /* Ctrl-C while typing */
} typed;

static void typed_cleanup(typed *t)
{
    HistEvent event;
    if (t->history && t->history_path) {
        mode_t before = umask(0077); /* what people type may hold secrets */
        (void)history(t->history, &event, H_SAVE, t->history_path);
        (void)umask(before);
    }
    if (t->history)
        history_end(t->history);
    if (t->line)
        el_end(t->line);
    lt_buf_cleanup(&t->text);
    lt_free(t->history_path);
}

static char *prompt(EditLine *line)
{
    static char first[] = "leat=> ", more[] = "leat-> ";
    typed *t = NULL;
    (void)el_get(line, EL_CLIENTDATA, &t);
    return t && t->text.len ? more : first;
}

/* Ctrl-C while typing comes as a key: libedit swallows interrupted reads. */
static unsigned char cancel_line(EditLine *line, int key)
{
    typed *t = NULL;
    (void)key;
    (void)el_get(line, EL_CLIENTDATA, &t);
    if (t)
        t->is_cancelled = true;
    return CC_NEWLINE;
}

static lt_status typed_open(shell *s, typed *t, lt_err *err)
{
    enum { HISTORY_LINES = 2000 };
    const char *home;
    HistEvent event;
    LT_TRY(lt_app_home(s->app, &home, err));
    t->history_path = lt_path_join(home, "sql_history");
    t->line = el_init("leat", stdin, stdout, stderr);
    t->history = history_init();
    if (!t->line || !t->history)
        return lt_fail(err, LT_IO, "cannot open the terminal");
    (void)history(t->history, &event, H_SETSIZE, HISTORY_LINES);
    (void)history(t->history, &event, H_SETUNIQUE, 1);
    (void)history(t->history, &event, H_LOAD, t->history_path);
    (void)el_set(t->line, EL_EDITOR, "emacs");
    (void)el_set(t->line, EL_CLIENTDATA, t);
    (void)el_set(t->line, EL_PROMPT, prompt);
    (void)el_set(t->line, EL_HIST, history, t->history);
    (void)el_set(t->line, EL_BIND, "^R", "em-inc-search-prev", NULL);
    (void)el_set(t->line, EL_SETTY, "-d", "-isig", NULL); /* only while a line is edited */
    (void)el_set(t->line, EL_ADDFN, "leat-cancel", "forget what was typed", cancel_line);
    (void)el_set(t->line, EL_BIND, "^C", "leat-cancel", NULL);
    return LT_OK;
}

/* Run what is complete of the text typed so far; keep the rest. */
static void run_typed(shell *s, typed *t)
{
    lt_err err;
    lt_text rest = lt_buf_text(&t->text), statement;
    bool ended = false;
    while (lt_sql_next(&rest, &statement, &ended) && ended) {
        if (run_statement(s, statement, &err) != LT_OK)
            lt_log_err(&err);
        lt_stop_forget();
        lt_ignore(lt_out_flush(&s->app->out, &err));
        lt_text left = lt_text_trim(rest);
        LT_AUTO(lt_chars) kept = lt_text_dup(left);
        size_t len = left.len;
        lt_buf_clear(&t->text);
        lt_buf_add(&t->text, lt_text_at(kept, len));
        rest = lt_buf_text(&t->text);
    }
}

/* One line. False: leave. */
static bool take_line(shell *s, typed *t, lt_text line)
{
    lt_err err;
    HistEvent event;
    lt_text trimmed = lt_text_trim(line);
    if (!trimmed.len && !t->text.len)
        return true;
    LT_AUTO(lt_chars) remembered = lt_text_dup(trimmed);
    (void)history(t->history, &event, H_ENTER, remembered);
    if (!t->text.len && trimmed.ptr[0] == '\\') {
        bool go_on = run_meta(s, trimmed, &err);
        lt_stop_forget();
        lt_ignore(lt_out_flush(&s->app->out, &err));
        return go_on;
    }
    if (t->text.len + line.len > FILE_LIMIT)
        return false;
    lt_buf_add(&t->text, line);
    run_typed(s, t);
    return true;
}

static lt_status run_shell(shell *s, lt_err *err)
{
    LT_AUTO(typed) t = {0};
    s->is_interactive = true;
    LT_TRY(typed_open(s, &t, err));
    lt_out_printf(&s->app->out, "%s (%s). \\? shows help, \\q leaves.\n",
                  lt_engine_target(s->engine)->name, lt_engine_target(s->engine)->kind);
    lt_ignore(lt_out_flush(&s->app->out, err));
    for (;;) {
        int len = 0;
        const char *line = el_gets(t.line, &len);
        if (lt_stop_signal() == SIGTERM)
            return lt_fail(err, LT_CANCELLED, "stopped");
        bool was_stopped = lt_stop_asked();
        lt_stop_forget(); /* Ctrl-C before the line was edited: the terminal has dropped what was typed */
        if (t.is_cancelled || (was_stopped && !line)) {
            t.is_cancelled = false;
            lt_buf_clear(&t.text);
            continue;
        }
        if (!line || len <= 0 || !take_line(s, &t, lt_text_at(line, (size_t)len)))
            return LT_OK;
    }
}

/* ---- the command ---- */

static lt_status run_file(shell *s, const char *path, lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = FILE_LIMIT};
    LT_TRY(lt_file_read(path, &text, err));
    return run_all(s, lt_buf_text(&text), err);
}

static lt_show show_of(const lt_app *app, const sql_opts *opts)
{
    static const struct {
        const char *name;
        lt_show show;
    } formats[] = {{"table", LT_SHOW_TABLE},
                   {"json", LT_SHOW_JSON},
                   {"ndjson", LT_SHOW_NDJSON},
                   {"csv", LT_SHOW_CSV}};
    for (size_t i = 0; i < LT_COUNT(formats) && opts->format; i++)
        if (strcmp(formats[i].name, opts->format) == 0)
            return formats[i].show;
    if (opts->csv)
        return LT_SHOW_CSV;
    return lt_show_for(app->globals.json);
}

/* Names without a schema are looked up where the models are. A schema that is not there yet is no reason to fail. */
static void use_schema(lt_session *session, const lt_target *target)
{
    lt_err err;
    LT_AUTO(lt_buf) sql = {0};
    bool postgres = strcmp(target->kind, "postgres") == 0;
    if (!target->schema)
        return;
    lt_buf_add_str(&sql, postgres ? "set search_path to " : "use ");
    lt_quote_name(lt_text_of(target->schema), &sql);
    lt_buf_add_str(&sql, postgres ? ", public" : "");
    lt_ignore(lt_exec(session, lt_buf_text(&sql), NULL, &err));
}

static lt_status open_shell(shell *s, lt_err *err)
{
    lt_target *target = LT_NEW(&s->app->arena, lt_target); /* the engine borrows it */
    LT_TRY(lt_work_open_some(s->app, LT_FILES_LEAT, &s->workspace, err));
    LT_TRY(lt_workspace_target(s->workspace, lt_text_of(s->app->globals.target), target, err));
    if (strcmp(target->kind, "duckdb") == 0)
        LT_TRY(lt_workspace_lease(s->workspace, target, "'leat sql'", 0, &s->lease, err));
    LT_TRY(lt_engine_open(target, &s->engine, err));
    LT_TRY(lt_session_open(s->engine, &s->session, err));
    use_schema(s->session, target);
    atomic_store(&s->watching, true);
    if (pthread_create(&s->watcher, NULL, watch, s) != 0) {
        atomic_store(&s->watching, false);
        return lt_fail(err, LT_IO, "cannot start a thread");
    }
    return LT_OK;
}

static lt_status sql(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const sql_opts *given = opts;
    LT_AUTO(shell) s = {.app = app, .lease = -1, .show = show_of(app, opts)};
    for (size_t i = 0; i < args->count; i++)
        if (!lt_text_trim(lt_text_of(args->items[i])).len)
            return lt_fail(err, LT_INVALID, "there is no statement in '%s'", args->items[i]);
    LT_TRY(open_shell(&s, err));
    if (given->file)
        LT_TRY(run_file(&s, given->file, err));
    for (size_t i = 0; i < args->count; i++)
        LT_TRY(run_all(&s, lt_text_of(args->items[i]), err));
    if (given->file || args->count)
        return LT_OK;
    return isatty(STDIN_FILENO) ? run_shell(&s, err) : run_file(&s, "/dev/stdin", err);
}

const lt_cmd lt_cmd_sql = {
    .name = "sql",
    .help = "run SQL in a target, or open a shell",
    .args = "[SQL...]",
    .about = "Without SQL, statements are read from standard input; on a terminal a shell opens. "
             "Large results are streamed.",
    .examples = "leat sql \"select * from raw.orders limit 5\"\ta table\n"
                "leat sql --csv \"select * from raw.orders\" > orders.csv\ta file\n"
                "leat sql --target pg --file script.sql\tstatements of a file\n",
    .group = LT_GROUP_DATA,
    .opts = table,
    .opt_count = LT_COUNT(table),
    .opts_size = sizeof(sql_opts),
    .run = sql,
};
