/* inner.h - what the files of dbt/rt/ share. */
#pragma once
#include "base/map.h"
#include "dbt/rt/rt.h"

#include <pthread.h>

/* ---- adapters (adapter_duckdb.c, adapter_postgres.c) ---- */

typedef struct lt_dbt_adapter lt_dbt_adapter;

/* How an adapter supports a kind of constraint. */
typedef enum constraint_support { SUPPORT_NONE, SUPPORT_NOT_ENFORCED, SUPPORT_ENFORCED } support;
enum {
    CONSTRAINT_CHECK,
    CONSTRAINT_NOT_NULL,
    CONSTRAINT_UNIQUE,
    CONSTRAINT_PRIMARY_KEY,
    CONSTRAINT_FOREIGN_KEY,
    CONSTRAINT_CUSTOM,
    CONSTRAINTS
};

struct lt_dbt_adapter {
    lt_text kind;
    const char *relation_class, *column_class; /* Python's names, for repr */
    uint8_t id;
    bool has_alias;         /* a subquery needs one */
    bool is_case_sensitive; /* of quoted names */
    bool cascades;          /* DROP ... CASCADE takes views along: ask which before */
    bool has_plain_views;   /* view.c says what its macros say */
    size_t max_name;        /* bytes of an identifier; 0: no limit that we check */
    bool text_type_is_bare; /* 'text' and 'character varying' without size stay as they are */
    support constraints[CONSTRAINTS];
    const char *const *integer_types, *const *float_types; /* ended by NULL, lower case */
    const char *strategies;           /* incremental ones, separated by spaces */
    unsigned can_rename, can_replace; /* bits of lt_dbt_relation_type */
    /* Types of seeds: number with and without decimals, ... */
    const char *type_text, *type_number, *type_integer, *type_bool, *type_datetime, *type_date,
        *type_time;
    /* "SELECT 100" of a statement; postgres only. */
    bool has_tags;
    /* Methods that only this one has; ended by a NULL name. `user` of the call is the exec. */
    const lt_jinja_func *methods;
};

extern const lt_dbt_adapter lt_dbt_adapter_duckdb, lt_dbt_adapter_postgres;
const lt_dbt_adapter *lt_dbt_adapter_find(lt_text kind); /* NULL: there is none */
const lt_dbt_adapter *lt_dbt_adapter_at(uint8_t id);

/* ---- the cache of relations (cache.c) ---- */

typedef struct cached_relation {
    lt_text schema, name; /* owned */
    lt_text database;
    lt_dbt_relation_type type;
    struct cached_relation *next; /* of its bucket */
} cached_relation;

enum { CACHE_BUCKETS = 1024 };
typedef struct cached_schema {
    lt_text database, schema;                /* owned, as asked */
    cached_relation *buckets[CACHE_BUCKETS]; /* by the hash of the name in lower case */
    bool listed;
    struct cached_schema *next;
} cached_schema;

typedef struct relation_cache {
    pthread_mutex_t mutex;
    cached_schema *schemas;
} relation_cache;

void lt_dbt_cache_init(relation_cache *cache);
void lt_dbt_cache_cleanup(relation_cache *cache);
bool lt_dbt_cache_has_schema(relation_cache *cache, lt_text database, lt_text schema);
void lt_dbt_cache_mark(relation_cache *cache, lt_text database, lt_text schema);
void lt_dbt_cache_put(relation_cache *cache, const lt_dbt_relation *relation);
void lt_dbt_cache_drop(relation_cache *cache, const lt_dbt_relation *relation);
void lt_dbt_cache_rename(relation_cache *cache, const lt_dbt_relation *from,
                         const lt_dbt_relation *to);
void lt_dbt_cache_forget(relation_cache *cache);
void lt_dbt_cache_drop_schema(relation_cache *cache, lt_text database, lt_text schema);
/* False when there is none. The name comes as the database spells it, copied into `arena`. */
bool lt_dbt_cache_find(relation_cache *cache, const lt_dbt_relation *wanted, lt_arena *arena,
                       lt_dbt_relation *found);
/* Every relation of a schema. */
typedef LT_VEC(lt_dbt_relation) lt_dbt_relations;
void lt_dbt_cache_list(relation_cache *cache, lt_text database, lt_text schema, lt_arena *arena,
                       lt_dbt_relations *out);

/* ---- the invocation and one node ---- */

struct lt_dbt_rt {
    lt_dbt_rt_settings settings;
    const lt_dbt_adapter *adapter;
    relation_cache cache;
    pthread_mutex_t warned_mutex;
    lt_map warned; /* keys owned: messages of warn_once() */
};

/* A host object that belongs to an exec. */
typedef struct exec_object {
    lt_jinja_object object;
    lt_dbt_exec *exec;
} exec_object;

/* LT_INVALID: templates run where the database may not be asked. */
LT_MUST_CHECK lt_status lt_dbt_may_ask(const lt_dbt_exec *exec, lt_err *err);

struct lt_dbt_exec {
    lt_dbt_exec_settings settings;
    lt_dbt_rt *rt;
    lt_jinja_heap *heap;
    lt_session *session;
    lt_dbt_transaction *transaction, own_transaction;
    lt_jinja_value results; /* a dict: name -> result */
    lt_jinja_value given;   /* a dict: what context.update() put there */
    lt_jinja_value adapter_config;
    exec_object itertools, adapter, api, relation_class, column_class, exceptions, flags,
        validation, builtins, context, behavior;
    lt_jinja_func *functions; /* with this exec as user */
    lt_jinja_value modules;
    lt_text comment;   /* of each statement, without its signs; empty: none */
    bool comment_ends; /* it stands behind the statement */
    lt_text last_sql;  /* the statement that failed; empty when none did */
    int64_t failed_at; /* the byte of it, or -1 */
    lt_err said;       /* what the database said of it */
    bool has_place;    /* the error of the materialization names a file of the project */
};

/* Where the last statement begins: the ones before it are run first, its rows are what is wanted. */
size_t lt_dbt_last_statement(lt_text sql);

static inline const lt_dbt_adapter *lt_dbt_adapter_of(const lt_dbt_exec *exec)
{
    return exec->rt->adapter;
}
static inline lt_dbt_exec *lt_dbt_exec_in(const lt_jinja_call *call) /* of call->self */
{
    return ((exec_object *)call->self.as.object)->exec;
}

/* ---- arguments ---- */

/* The text of an argument; None and absent give an empty text with a NULL ptr; other values their str(). */
lt_text lt_dbt_text_or_none(lt_jinja_call *call, lt_jinja_value value);
static inline bool lt_dbt_is_none(lt_jinja_value value) /* None, undefined, absent */
{
    return value.type == LT_JINJA_NONE || value.type == LT_JINJA_UNDEFINED;
}
/* value[key] of a dict or an object with items; None when there is none. */
lt_jinja_value lt_dbt_get(lt_jinja_value dict, const char *key);
/* The same of the node, as its templates see it as `model`. */
lt_jinja_value lt_dbt_of_model(lt_dbt_exec *exec, const char *key);
/* str() of anything, in the heap. */
lt_text lt_dbt_str(lt_jinja_heap *heap, lt_jinja_value value);

/* ---- objects ---- */

extern const lt_jinja_class lt_dbt_relation_class_class, lt_dbt_column_class_class;
extern const lt_jinja_class lt_dbt_adapter_class, lt_dbt_exceptions_class, lt_dbt_api_class,
    lt_dbt_flags_class, lt_dbt_validation_class, lt_dbt_rt_builtins_class, lt_dbt_context_class,
    lt_dbt_behavior_class;

/* column.c */
typedef struct lt_dbt_column_spec {
    lt_text name, dtype;
    int64_t char_size;        /* -1: none */
    lt_text precision, scale; /* NULL ptr: none */
} lt_dbt_column_spec;
lt_jinja_value lt_dbt_column_value(lt_jinja_heap *heap, const lt_dbt_adapter *adapter,
                                   const lt_dbt_column_spec *column);
const lt_dbt_column_spec *lt_dbt_column_in(lt_jinja_value value); /* NULL: it is none */
bool lt_dbt_column_is_string(const lt_dbt_column_spec *column);
void lt_dbt_column_data_type(const lt_dbt_adapter *adapter, const lt_dbt_column_spec *column,
                             lt_buf *out);

/* table.c: agate's Table, from a result or empty */
lt_jinja_value lt_dbt_table_from(lt_jinja_heap *heap, const lt_table *from);
lt_jinja_value lt_dbt_table_empty(lt_jinja_heap *heap);
/* Rows as a list of lists, for load_result().data. */
lt_jinja_value lt_dbt_table_data(lt_jinja_heap *heap, lt_jinja_value value);
/* decimal.c: a number with its digits; prints as they are written. */
lt_jinja_value lt_dbt_decimal_value(lt_jinja_heap *heap, lt_text digits);

/* Build a table by hand: seeds. `kinds` says what each column holds, for convert_type. */
typedef enum lt_dbt_cell_kind {
    LT_DBT_CELL_TEXT,
    LT_DBT_CELL_INTEGER,
    LT_DBT_CELL_NUMBER,
    LT_DBT_CELL_BOOL,
    LT_DBT_CELL_DATE,
    LT_DBT_CELL_DATETIME,
} lt_dbt_cell_kind;
lt_jinja_value lt_dbt_table_new(lt_jinja_heap *heap, const lt_text *names,
                                const lt_dbt_cell_kind *kinds, size_t columns);
void lt_dbt_table_add_row(lt_jinja_value value, const lt_jinja_value *cells);
lt_dbt_cell_kind lt_dbt_table_kind(lt_jinja_value table, size_t column);
void lt_dbt_table_set_kind(lt_jinja_value table, size_t column, lt_dbt_cell_kind kind);

/* copy.c: a table's rows into a relation of PostgreSQL, whose columns (as SQL) are the table's, in order. */
lt_status lt_dbt_copy_rows(lt_dbt_exec *exec, lt_jinja_heap *heap, lt_text relation,
                           lt_text columns, lt_jinja_value table, lt_err *err);

/* python.c: submit_python_job(model, code) */
lt_status lt_dbt_python_submit(lt_dbt_exec *exec, lt_jinja_call *call, lt_jinja_value model,
                               lt_text code, lt_jinja_value *out, lt_err *err);

/* seed_cell.c: what a cell of a seed can be. A column has the first form that all its cells have, null or not; else it is one of texts. */
enum { LT_DBT_CELL_FORMS = 5 };
typedef struct lt_dbt_cell_form {
    lt_dbt_cell_kind kind;
    bool (*fits)(lt_text cell);
} lt_dbt_cell_form;
extern const lt_dbt_cell_form lt_dbt_cell_forms[LT_DBT_CELL_FORMS];
bool lt_dbt_cell_is_null(lt_text cell);
/* The cell as Decimal reads it, without currency, groups and percent; false: no number. */
bool lt_dbt_cell_number(lt_text cell, lt_buf *out);
bool lt_dbt_cell_date(lt_text cell, int64_t *days);
bool lt_dbt_cell_moment(lt_text cell, int64_t *us); /* in UTC where it names a zone */
/* Of a number as Decimal or a float writes it: is it no whole one (21.0 is). */
bool lt_dbt_number_has_decimals(lt_text number);
/* A whole number as digits alone ("2E+3" and "21.0" are none of PostgreSQL's integers); another as it is. */
void lt_dbt_number_write(lt_text number, lt_buf *out);

/* seed.c: load_agate_table() */
lt_status lt_dbt_seed_table(lt_dbt_exec *exec, lt_jinja_value *out, lt_err *err);

/* moment_types.c: datetime, date, time, timedelta, timezone */
typedef struct lt_dbt_zone lt_dbt_zone;
extern const lt_dbt_zone lt_dbt_utc;
lt_jinja_value lt_dbt_date_value(lt_jinja_heap *heap, int64_t days);
/* `zone` NULL: naive. `wall_us` counts microseconds of the local wall clock since 1970. */
lt_jinja_value lt_dbt_naive_value(lt_jinja_heap *heap, int64_t wall_us);
lt_jinja_value lt_dbt_time_value(lt_jinja_heap *heap, int64_t us_of_day);
extern const lt_jinja_class lt_dbt_datetime_module, lt_dbt_pytz_module, lt_dbt_re_module,
    lt_dbt_itertools_module;

/* results.c */
lt_status lt_dbt_rt_execute(lt_dbt_exec *exec, lt_jinja_heap *heap, lt_text sql, bool auto_begin,
                            bool fetch, int64_t limit, lt_jinja_value *response,
                            lt_jinja_value *table, lt_err *err);
lt_status lt_dbt_commit(lt_dbt_exec *exec, lt_err *err);
/* The same with statements in front of it. Where the transaction has been ended by a statement of the node, one by one. */
lt_status lt_dbt_commit_with(lt_dbt_exec *exec, lt_ending *ending, lt_err *err);
void lt_dbt_rollback(lt_dbt_exec *exec);
/* To target/run: what write() does. */
lt_status lt_dbt_write_statement(const lt_dbt_exec *exec, lt_text sql, lt_err *err);
lt_jinja_value lt_dbt_response_value(lt_jinja_heap *heap, lt_text message, lt_text code,
                                     int64_t rows);
/* Of a statement that changes no rows: "CREATE VIEW". */
lt_jinja_value lt_dbt_response_of_tag(lt_jinja_heap *heap, lt_text tag);
int64_t lt_dbt_response_changed(lt_jinja_value response); /* -1: not known */
extern const lt_jinja_func lt_dbt_result_functions[], lt_dbt_builtin_functions[];

/* view.c: what the materialization of a view does for a node without hooks, grants, comments and contracts. `*made` false: nothing is left of
 * what was done, it is for the macros (a table is in its place, something is left beside it, nothing is known of the schema yet). */
lt_status lt_dbt_view_make(lt_dbt_exec *exec, lt_text node, bool *made, lt_jinja_value *response,
                           lt_err *err);

/* adapter.c, adapter_relation.c */
/* Out of the cache: what a DROP ... CASCADE of the relation will take along. */
lt_status lt_dbt_forget_readers(lt_dbt_exec *exec, const lt_dbt_relation *relation, lt_err *err);
lt_status lt_dbt_list_schema(lt_dbt_exec *exec, lt_jinja_render *render,
                             const lt_dbt_relation *wanted, lt_err *err);
lt_status lt_dbt_call_macro(lt_dbt_exec *exec, lt_jinja_render *render, const char *name,
                            const lt_jinja_value *args, size_t arg_count, lt_jinja_value *out,
                            lt_err *err);
/* Fails only for a warning that is to be an error. */
lt_status lt_dbt_say(lt_dbt_exec *exec, lt_dbt_said how, lt_text message, lt_err *err);
/* A statement goes to the log. */
void lt_dbt_log_sql(lt_dbt_exec *exec, lt_text sql);
