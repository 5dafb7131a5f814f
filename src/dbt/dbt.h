/* dbt.h - a project of SQL models and tests: read it, know its references, render one node, build one node.
 *
 *     lt_dbt_load()      read models/, macros/, tests/ and their .yml files, and render each once without a database: references
 *                        and configuration are known then
 *     lt_dbt_compile()   the SQL of one node, and where each byte of it comes from
 *     lt_dbt_build()     compile and materialise a model, or run a test, in a session
 *
 * Meanings follow dbt (https://docs.getdbt.com/reference). Loading is single-threaded; afterwards the project does not change, and
 * any number of threads may compile and build different nodes. Errors are `path:line:col: ...` in the file a person wrote. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/progress.h"
#include "base/vec.h"
#include "conf/scope.h"
#include "engine/engine.h"
#include "engine/write.h"
#include "fmt/yaml.h"
#include "jinja/jinja.h"

typedef struct lt_dbt lt_dbt;

typedef enum lt_dbt_kind { LT_DBT_MODEL, LT_DBT_GENERIC_TEST, LT_DBT_SINGULAR_TEST } lt_dbt_kind;

/* Configuration of a node, merged: leat.yml's `models:` by folder, the .yml file beside the model, config() in the model. */
typedef struct lt_dbt_config {
    lt_text materialized; /* "view", "table", "incremental" */
    lt_text schema;       /* custom schema: relation schema is "<target schema>_<schema>" */
    lt_text alias;        /* name of the relation, when not the node's */
    lt_texts unique_key, tags;
    lt_text incremental_strategy; /* "append", "delete+insert", "merge"; empty: by unique_key */
    lt_text on_schema_change;     /* "ignore", "fail", "append_new_columns", "sync_all_columns" */
    bool disabled;
    int full_refresh; /* 1 always, 0 never, -1 as the run says */
    /* tests */
    lt_text severity;          /* "error", "warn" */
    lt_text warn_if, error_if; /* "!= 0", "> 10", ... */
    lt_text where, limit;
    bool forget_failures; /* store_failures: false */
    lt_jinja_value all;   /* every key as a dict, for config.get() */
} lt_dbt_config;

typedef struct lt_dbt_column {
    lt_text name, description, data_type;
} lt_dbt_column;

typedef struct lt_dbt_node {
    lt_dbt_kind kind;
    lt_text id;   /* "model.shop.orders", "test.shop.unique_orders_id" */
    lt_text name; /* "orders" */
    lt_text path; /* "models/marts/orders.sql", relative to the project */
    lt_text description;
    LT_VEC(lt_dbt_column) columns;
    lt_dbt_config config;
    lt_relation relation; /* of a model; of a test: where its failing rows are kept */
    lt_texts needs;       /* ids of models and sources ("source.api.orders"), each once */

    lt_jinja_template *source; /* owned by the project; NULL for generic tests */
    /* generic tests: the macro "test_<name>" called with `args`, for column `column` of `model` */
    lt_text test_name, column;
    const lt_relation *subject; /* of a model or a source */
    const lt_yaml *args;        /* a mapping, or NULL */
    unsigned line, col;         /* of the test in its .yml file */
} lt_dbt_node;

/* A table that models may read with source(): a resource of sources/ that is loaded, or a `sources:` entry of a .yml file. */
typedef struct lt_dbt_source {
    lt_text source, name; /* source('api', 'orders') */
    lt_text id;           /* "source.api.orders" */
    lt_relation relation;
} lt_dbt_source;

typedef struct lt_dbt_settings {
    const char *root; /* project folder */
    lt_text name;     /* of the project */
    lt_text target_name, target_kind, target_schema;
    lt_text
        schema_prefix; /* put in front of every schema: a scratch copy beside the real one; usually empty */
    const lt_yaml *models;        /* `models:` of leat.yml; may be NULL */
    const lt_yaml *tests;         /* `tests:` of leat.yml; may be NULL */
    const lt_dbt_source *sources; /* loaded resources; their schemas have the prefix already */
    size_t source_count;
    const lt_scope *scope; /* variables, secrets, clock and id of the run; read at each rendering */
    bool full_refresh;
    /* Relations that leat has never written are left alone (LT_INVALID), but for those that `takes_over` names; else they are
     * replaced, as dbt does. The attempt must have a home then. */
    bool guards_others;
    bool (*takes_over)(const void *context, const lt_relation *relation); /* may be NULL */
    const void *takes_over_context;
} lt_dbt_settings;

/* Everything in *out lives until lt_dbt_close(); what settings point to must live as long. */
LT_MUST_CHECK lt_status lt_dbt_load(const lt_dbt_settings *settings, lt_dbt **out, lt_err *err);
void lt_dbt_close(lt_dbt *dbt); /* NULL is fine */
LT_OWNED(lt_dbt_ref, lt_dbt *, lt_dbt_close)

/* In a stable order: models by path, then tests. Disabled ones are not among them. */
size_t lt_dbt_node_count(const lt_dbt *dbt);
lt_dbt_node *lt_dbt_node_at(const lt_dbt *dbt, size_t i);

/* Where a byte of rendered SQL was written: `offset` into the SQL -> path:line:col of the model, or of the {{ }} that made it. */
typedef struct lt_dbt_compiled {
    lt_jinja_spans spans; /* owned */
    lt_buf sql;
} lt_dbt_compiled;
void lt_dbt_compiled_cleanup(lt_dbt_compiled *compiled);

/* Render a node as it would run against `session` (NULL: as for a first, full build; nothing is asked of a database). */
LT_MUST_CHECK lt_status lt_dbt_compile(const lt_dbt *dbt, const lt_dbt_node *node,
                                       lt_session *session, lt_dbt_compiled *out, lt_err *err);

typedef struct lt_dbt_result {
    int64_t
        rows; /* in a table after building; inserted by an increment; failing rows of a test; -1 for a view */
    bool incremental; /* an increment was added to what was there */
    bool warned;      /* a test with severity warn found rows */
} lt_dbt_result;

/* Materialise a model or run a test. LT_FAILED: its SQL failed (with the model's own line), or a test found rows.
 * A test that only warns gives LT_OK with result->warned, and `err` says what it found. */
LT_MUST_CHECK lt_status lt_dbt_build(const lt_dbt *dbt, const lt_dbt_node *node,
                                     lt_session *session, const lt_attempt *attempt,
                                     lt_dbt_result *result, lt_err *err);
