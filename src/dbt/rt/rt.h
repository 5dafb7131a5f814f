/* rt.h - what dbt's templates can do while they run: relations, the adapter, statements, materialisations.
 *
 *     lt_dbt_rt_open()     one for each invocation: the target, its adapter, the cache of relations; shared by threads
 *     lt_dbt_exec_open()   one for each node and thread: the session, the results, the names that its templates see
 *     lt_dbt_exec_find()   those names: the host's lookup asks here for what is not its own
 *     lt_dbt_exec_run()    materialise a model, seed or snapshot, or run a test
 *
 * It knows nothing of files and of how nodes are found: the project answers through lt_dbt_host. Without a session (the parse
 * mode) `execute` is false and the adapter gives dbt's stand-ins: None, [], an empty table.
 * Names and meanings are dbt's (https://docs.getdbt.com/reference/dbt-jinja-functions).
 *
 * Memory: all values of one exec live in its heap; give the same heap to every render that it is used in. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "dbt/warning.h"
#include "engine/engine.h"
#include "jinja/jinja.h"

#define LT_DBT_VERSION "1.11.16" /* of dbt-core, whose behaviour this is */

typedef struct lt_dbt_rt lt_dbt_rt;
typedef struct lt_dbt_exec lt_dbt_exec;

/* ---- relations ---- */

typedef enum lt_dbt_relation_type {
    LT_DBT_UNTYPED,
    LT_DBT_TABLE,
    LT_DBT_VIEW,
    LT_DBT_CTE,
    LT_DBT_MATERIALIZED_VIEW,
    LT_DBT_EPHEMERAL,
    LT_DBT_EXTERNAL,
    LT_DBT_POINTER_TABLE,
    LT_DBT_FUNCTION,
    LT_DBT_RELATION_TYPES
} lt_dbt_relation_type;

/* "table", "view", ... NULL for LT_DBT_UNTYPED; and back (LT_DBT_UNTYPED when it is none). */
const char *lt_dbt_relation_type_name(lt_dbt_relation_type type);
lt_dbt_relation_type lt_dbt_relation_type_of(lt_text name);

enum { LT_DBT_DATABASE, LT_DBT_SCHEMA, LT_DBT_IDENTIFIER, LT_DBT_PARTS };

/* What api.Relation holds. Texts are borrowed; a part with a NULL ptr is None. */
typedef struct lt_dbt_relation {
    lt_text parts[LT_DBT_PARTS]; /* database, schema, identifier */
    bool quote[LT_DBT_PARTS], include[LT_DBT_PARTS];
    lt_dbt_relation_type type;
    int64_t limit;       /* -1: none; --empty is 0 */
    lt_text event_field; /* of --sample and microbatch; NULL ptr: no filter */
    lt_text event_start, event_end;
    lt_text external;  /* duckdb: rendered as this instead */
    lt_text info_view; /* of information_schema(view) */
    bool is_info;      /* an information schema */
    bool dbt_created;
    uint8_t kind; /* of the adapter; ours */
} lt_dbt_relation;

/* All parts included and quoted as the target's project says. */
lt_dbt_relation lt_dbt_relation_init(const lt_dbt_rt *rt, lt_text database, lt_text schema,
                                     lt_text identifier, lt_dbt_relation_type type);
/* A copy, texts too, as a value of `heap`. */
lt_jinja_value lt_dbt_relation_value_of(lt_jinja_heap *heap, const lt_dbt_relation *relation);
/* NULL when the value is no relation. */
const lt_dbt_relation *lt_dbt_relation_in(lt_jinja_value value);
void lt_dbt_relation_render(const lt_dbt_relation *relation, lt_buf *out); /* .render() */
void lt_dbt_relation_str(const lt_dbt_relation *relation, lt_buf *out); /* with limit and filter */

/* ---- filters that dbt adds to Jinja: as_bool, as_native, as_number, as_text, is_list ---- */

/* "string" as the adapters name it: "TEXT"; other names as they are. */
lt_text lt_dbt_type_translated(lt_text type);

enum { LT_DBT_FILTERS = 5 };
extern const lt_jinja_func lt_dbt_text_filters[LT_DBT_FILTERS];   /* for SQL: as_* change nothing */
extern const lt_jinja_func lt_dbt_native_filters[LT_DBT_FILTERS]; /* for values of YAML files */
/* What a value becomes that as_bool, as_number, as_native or as_text (of the native filters) marked; others stay. */
LT_MUST_CHECK lt_status lt_dbt_marked(lt_jinja_heap *heap, lt_jinja_value *value, lt_err *err);

/* ---- moments, for batches and for run_started_at ---- */

/* A datetime in UTC ("aware") as a value. */
lt_jinja_value lt_dbt_datetime_value(lt_jinja_heap *heap, int64_t at_us);
/* Microseconds since 1970 UTC of an aware or naive (taken as UTC) datetime or date; false for others. */
bool lt_dbt_moment_of(lt_jinja_value value, int64_t *at_us);

/* ---- the invocation ---- */

/* What the project answers. `user` is lt_dbt_rt_settings.user. *macro is undefined when there is none. */
typedef struct lt_dbt_host {
    /* adapter.dispatch(name, package): the macro of the first package in the search order with a prefix of the adapter.
     * `package` is empty when the call names none. `tried` gets the names that were looked for, for the message. */
    lt_status (*dispatch)(void *user, lt_dbt_exec *exec, lt_text name, lt_text package,
                          lt_jinja_value *macro, lt_buf *tried, lt_err *err);
    /* A macro as the adapter finds it: the root project's, then those that are built in. */
    lt_status (*find_macro)(void *user, lt_dbt_exec *exec, lt_text name, lt_jinja_value *macro,
                            lt_err *err);
    /* {% materialization name, adapter=... %}: root project, packages, built in; the adapter's before the default. */
    lt_status (*find_materialization)(void *user, lt_dbt_exec *exec, lt_text name,
                                      lt_jinja_value *macro, lt_err *err);
    /* Any name as a template of the node sees it: for `context` and `builtins`; `model` for what the node is. */
    lt_status (*find_name)(void *user, lt_dbt_exec *exec, lt_text name, lt_jinja_value *value,
                           bool *found, lt_err *err);
    /* Render a text in the node's context: hooks, render(). */
    lt_status (*render)(void *user, lt_dbt_exec *exec, lt_jinja_render *inside, lt_text source,
                        lt_buf *out, lt_err *err);
    /* A template has asked for flags.NAME (in lower case). May be NULL. */
    void (*flag_read)(void *user, lt_dbt_exec *exec, lt_text name, lt_jinja_value value);
    /* exceptions.warn(), log() and print(). An error: a warning is to be one. May be NULL. */
    lt_status (*say)(void *user, lt_dbt_exec *exec, lt_dbt_said how, lt_text message, lt_err *err);
    /* A template has asked for a function of modules.itertools. May be NULL. */
    void (*itertools_used)(void *user, lt_dbt_exec *exec);
} lt_dbt_host;

/* All borrowed for the life of the rt. */
typedef struct lt_dbt_rt_settings {
    lt_engine *engine;        /* NULL: parse only */
    lt_text kind;             /* "duckdb", "postgres" */
    lt_text database, schema; /* of the target */
    bool quote[LT_DBT_PARTS]; /* `quoting:` of the root project, with the adapter's defaults */
    lt_jinja_value flags;     /* a dict with lower-case keys, in a frozen heap */
    lt_jinja_value invocation_args; /* a dict, or undefined */
    lt_jinja_value metadata_envs;   /* a dict, or undefined */
    lt_text invocation_id;
    int64_t started_at_us;
    const char *project_root; /* folder of dbt_project.yml */
    const char *run_folder;   /* target/run/<project>: write() puts files there; NULL: nowhere */
    lt_text external_root;    /* duckdb: where `external` models go; empty: "." */
    bool no_transactions;     /* duckdb: disable_transactions */
    const char *python;       /* duckdb: what runs models in Python; NULL: "python3" */
    lt_texts module_paths;    /* duckdb: where their modules are, besides */
    const lt_dbt_host *host;
    void *user;
} lt_dbt_rt_settings;

LT_MUST_CHECK lt_status lt_dbt_rt_open(const lt_dbt_rt_settings *settings, lt_dbt_rt **out,
                                       lt_err *err);
void lt_dbt_rt_close(lt_dbt_rt *rt); /* NULL is fine; after all its execs */
LT_OWNED(lt_dbt_rt_ref, lt_dbt_rt *, lt_dbt_rt_close)
const lt_dbt_rt_settings *lt_dbt_rt_settings_of(const lt_dbt_rt *rt);

/* The adapter's default of `quoting:` (all true for both). */
bool lt_dbt_adapter_is_known(lt_text kind);

/* ---- transactions ---- */

/* What stands around the writes of a node: the host's answer to transactions. Any call may be NULL; when one fails the transaction
 * is rolled back. */
typedef struct lt_dbt_fence {
    /* Begin the session's transaction, lock what the node writes, see whether it may; what has begun when that fails is rolled back.
     * NULL: only begin. */
    lt_status (*begin)(void *user, lt_err *err);
    /* The node's own relation is about to be renamed or dropped. */
    lt_status (*replaces)(void *user, const lt_dbt_relation *relation, lt_err *err);
    /* The transaction is about to be committed. */
    lt_status (*commits)(void *user, lt_err *err);
    void *user;
} lt_dbt_fence;

/* A transaction that several execs of one session use, one after the other: to compile and to run. */
typedef struct lt_dbt_transaction {
    lt_session *session;
    lt_dbt_fence fence;
    bool is_open;
} lt_dbt_transaction;

LT_MUST_CHECK lt_status lt_dbt_transaction_begin(lt_dbt_transaction *transaction,
                                                 lt_err *err);     /* when it is not open */
void lt_dbt_transaction_rollback(lt_dbt_transaction *transaction); /* when it is */

/* ---- one node on one thread ---- */

typedef struct lt_dbt_exec_settings {
    lt_dbt_rt *rt;
    lt_jinja_heap *heap; /* outlives the exec */
    lt_session *session; /* NULL: parse mode */
    bool is_apart; /* no parse mode, and no session either: who asks the database is refused */
    lt_dbt_transaction *transaction; /* borrowed; NULL: one of its own */
    lt_jinja_value this_relation;    /* a relation, or undefined */
    lt_jinja_value defer_relation;   /* a relation, or undefined */
    lt_text compiled;                /* `sql`, `compiled_code` */
    lt_text write_path;  /* where write() puts the statement, below run_folder; empty: nowhere */
    lt_text seed_path;   /* the CSV file, for seeds: absolute or below project_root */
    lt_text thread_name; /* "Thread-1 (worker)" */
    void *user;          /* the host's own; lt_dbt_exec_user() */
} lt_dbt_exec_settings;

LT_MUST_CHECK lt_status lt_dbt_exec_open(const lt_dbt_exec_settings *settings, lt_dbt_exec **out,
                                         lt_err *err);
void lt_dbt_exec_close(lt_dbt_exec *exec); /* rolls back its own transaction */
LT_OWNED(lt_dbt_exec_ref, lt_dbt_exec *, lt_dbt_exec_close)
void *lt_dbt_exec_user(const lt_dbt_exec *exec);
/* Send a comment with every statement from now on, in front of it or (`ends`) behind it. `text` lives as long as the exec; LT_INVALID:
 * it holds the sign that ends a comment. */
LT_MUST_CHECK lt_status lt_dbt_exec_comment(lt_dbt_exec *exec, lt_text text, bool ends,
                                            lt_err *err);
lt_dbt_rt *lt_dbt_exec_rt(const lt_dbt_exec *exec);
lt_session *lt_dbt_exec_session(const lt_dbt_exec *exec);
/* The statement that the database refused, for the place of lt_dbt_exec_failed_at(); empty when none did. */
lt_text lt_dbt_exec_failed_sql(const lt_dbt_exec *exec);
int64_t lt_dbt_exec_failed_at(const lt_dbt_exec *exec); /* the byte of it, or -1 */
/* Put the line of the seed's file, by the path `shown`, in front of what the database says of its rows, when that can be found out; else nothing. */
lt_status lt_dbt_exec_blame_seed(lt_dbt_exec *exec, lt_text shown, lt_err *err);
/* Does the error of the last lt_dbt_exec_run() or lt_dbt_exec_call() begin with its place? What fails within our own macros alone has none. */
bool lt_dbt_exec_has_place(const lt_dbt_exec *exec);

/* The names of the run time: api, adapter, modules, exceptions, flags, log, return, tojson, load_result, ... */
bool lt_dbt_exec_find(lt_dbt_exec *exec, lt_text name, lt_jinja_value *out);
/* What context.update() gave: it goes before every other name. */
bool lt_dbt_exec_given(const lt_dbt_exec *exec, lt_text name, lt_jinja_value *out);

/* What is there under a relation's name, from the cache (filled for its schema when first asked). *out is undefined when there
 * is nothing. For ref() with --defer. */
LT_MUST_CHECK lt_status lt_dbt_exec_cached(lt_dbt_exec *exec, lt_jinja_render *render,
                                           const lt_dbt_relation *relation, lt_jinja_value *out,
                                           lt_err *err);
/* What is known to be under the relation's name: LT_DBT_UNTYPED when nothing is. Others may have changed it. */
void lt_dbt_exec_learn(lt_dbt_exec *exec, const lt_dbt_relation *relation,
                       lt_dbt_relation_type type);
/* Somebody else has worked on the target: ask it again. */
void lt_dbt_rt_forget(lt_dbt_rt *rt);
void lt_dbt_rt_forget_schema(lt_dbt_rt *rt, lt_text database, lt_text schema);

typedef struct lt_dbt_run_result {
    lt_jinja_value adapter_response; /* a dict */
    lt_text message;                 /* of run_results: "SELECT 100", "OK" */
    int64_t rows_affected;           /* as adapter_response has it; -1: not known */
    int64_t rows_changed; /* by the last statement of 'main', as the engine says; -1: not known */
    lt_jinja_value relations; /* the list that the materialisation gave */
    /* tests */
    int64_t failures;
    bool should_warn, should_error;
    /* unit tests: the rows of both sides; undefined for others */
    lt_jinja_value table;
} lt_dbt_run_result;

/* Run `materialization` ("table", "test", "unit", "seed", ...) in a context whose lookup asks lt_dbt_exec_find(). Afterwards the
 * transaction is committed or rolled back, and the cache knows the relations. LT_FAILED: SQL or data. */
LT_MUST_CHECK lt_status lt_dbt_exec_run(lt_dbt_exec *exec, const lt_jinja_env *env,
                                        const lt_jinja_context *context, lt_text materialization,
                                        lt_dbt_run_result *result, lt_err *err);

/* The same for a view that asks for nothing but to be made, of a node with no macro of anybody's in its way: no template is interpreted.
 * `*made` false: nothing was done, and lt_dbt_exec_run() has to do it. Files, statements and answers are those of the macros. */
bool lt_dbt_adapter_has_plain_views(const lt_dbt_rt *rt);
LT_MUST_CHECK lt_status lt_dbt_exec_run_view(lt_dbt_exec *exec, lt_text node, bool *made,
                                             lt_dbt_run_result *result, lt_err *err);

/* Call a macro by name (operations, create_schema, catalog, freshness ...): `args` as keywords. */
LT_MUST_CHECK lt_status lt_dbt_exec_call(lt_dbt_exec *exec, const lt_jinja_env *env,
                                         const lt_jinja_context *context, lt_text macro,
                                         const lt_jinja_kwarg *args, size_t arg_count,
                                         lt_jinja_value *out, lt_err *err);

/* ---- tables, for those who show rows ---- */

typedef struct lt_dbt_table_view {
    size_t column_count, row_count;
} lt_dbt_table_view;
/* False when the value is no table. */
bool lt_dbt_table_look(lt_jinja_value value, lt_dbt_table_view *view);
lt_text lt_dbt_table_name(lt_jinja_value table, size_t column);
lt_jinja_value lt_dbt_table_cell(lt_jinja_value table, size_t row, size_t column);
/* A cell of a type that an engine named, as a Python value. */
lt_jinja_value lt_dbt_cell_value(lt_jinja_heap *heap, lt_text cell, lt_text type);
/* What an adapter answered to a statement, as run_results.json has it: a dict. */
lt_jinja_value lt_dbt_response_dict(lt_jinja_heap *heap, lt_jinja_value response);

/* The rows of a CSV text with a header, added to a list as dictionaries; a field that is missing is None. */
LT_MUST_CHECK lt_status lt_dbt_csv_rows(lt_jinja_heap *heap, lt_text text, lt_jinja_value *rows,
                                        lt_err *err);

/* What a unit test's table says: true when the rows of both sides are the same, in any order. Else `out` gets a table of what
 * differs: lines marked `---` were expected and did not come, those marked `+++` came and were not expected. */
LT_MUST_CHECK lt_status lt_dbt_unit_diff(lt_jinja_value table, bool *same, lt_buf *out,
                                         lt_err *err);
