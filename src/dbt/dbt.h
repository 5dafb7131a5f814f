/* dbt.h - a project of SQL models and tests: read it, know its references, render one node, build one node.
 *
 *     lt_dbt_load()      read the project with its packages, and evaluate each node once without a database: references and
 *                        configuration are known then (dbt's "parse")
 *     lt_dbt_run_open()  run what was read: nodes are compiled and materialised, tests are run (execute.h)
 *
 * A folder with dbt_project.yml is a dbt project; one with leat.yml alone is read as one too, with dbt's default folders and strict
 * files. Meanings follow dbt (https://docs.getdbt.com/reference). Loading is single-threaded; afterwards the project does not
 * change, and any number of threads may compile and build different nodes. Errors are `path:line:col: ...` in the file a
 * person wrote. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/progress.h"
#include "base/vec.h"
#include "conf/scope.h"
#include "dbt/node.h"
#include "dbt/warning.h"
#include "engine/engine.h"
#include "engine/write.h"
#include "fmt/yaml.h"
#include "jinja/jinja.h"

typedef struct lt_dbt lt_dbt;

/* A table that models may read with source(): a resource of sources/ that is loaded. */
typedef struct lt_dbt_source {
    lt_text source, name; /* source('api', 'orders') */
    lt_text id;           /* "load.api.orders" */
    lt_relation relation;
} lt_dbt_source;

/* The dbt whose ways these are: what templates and artifacts see. */
#define LT_DBT_VERSION "1.11.16"

typedef struct lt_dbt_settings {
    const char *root; /* project folder */
    lt_text name;     /* of a project without dbt_project.yml */
    lt_text target_name, target_kind, target_schema;
    lt_text target_database; /* empty: the connection's own, which relations then do not name */
    lt_text profile_name;
    lt_jinja_value target; /* more for `target`: a dict, or undefined */
    lt_text
        schema_prefix; /* put in front of every schema: a scratch copy beside the real one; usually empty */
    const lt_yaml *models;        /* `models:` of leat.yml; may be NULL */
    const lt_yaml *tests;         /* `tests:` of leat.yml; may be NULL */
    const lt_dbt_source *sources; /* loaded resources; their schemas have the prefix already */
    size_t source_count;
    const lt_scope *scope; /* variables, secrets, clock and id of the run; read at each rendering */
    const char
        *parse_cache; /* file that keeps what reading gave (parse_cache/cache.h); NULL: none */
    bool reads_cache; /* else it is only written */
    bool full_refresh;
    lt_jinja_value
        flags; /* what `flags` gives: a dict with lower-case keys; undefined: a few, by the settings */
    lt_jinja_value args; /* invocation_args_dict of templates: a dict; undefined: the flags */
    lt_jinja_value metadata_envs; /* dbt_metadata_envs: a dict; undefined: none */
    bool checks_version;          /* require-dbt-version counts */
    /* What templates say, while they are read and when they run, from any thread; NULL: lt_log(). LT_INVALID: a warning is to be an error. */
    lt_status (*say)(void *user, lt_dbt_said how, lt_text message, lt_err *err);
    void *say_user;
} lt_dbt_settings;

/* Everything in *out lives until lt_dbt_close(); what settings point to must live as long. */
LT_MUST_CHECK lt_status lt_dbt_load(const lt_dbt_settings *settings, lt_dbt **out, lt_err *err);
void lt_dbt_close(lt_dbt *dbt); /* NULL is fine */
LT_OWNED(lt_dbt_project_ref, lt_dbt *, lt_dbt_close)

/* What a run may do, in a stable order: models, seeds and snapshots by path, tests, unit tests. Disabled ones are not among them. */
size_t lt_dbt_node_count(const lt_dbt *dbt);
lt_dbt_node *lt_dbt_node_at(const lt_dbt *dbt, size_t i);

/* Every enabled node of every kind, in the order of the manifest. */
const lt_dbt_nodes *lt_dbt_all(const lt_dbt *dbt);
lt_dbt_node *lt_dbt_find(const lt_dbt *dbt, lt_text id); /* NULL when not there, or disabled */
const lt_dbt_package *lt_dbt_root(const lt_dbt *dbt);
/* "model", "test", "source", ...: resource_type */
const char *lt_dbt_kind_name(lt_dbt_kind kind);
/* The name of a unit test with the version of its model: as lines, listings and files have it. */
void lt_dbt_unit_test_name(const lt_dbt_node *node, lt_buf *out);
/* A configuration key: what was set, else dbt's default for the node's kind; undefined when there is neither. */
lt_jinja_value lt_dbt_config_get(const lt_dbt *dbt, const lt_dbt_node *node, lt_text key);

/* How many macros there are, ours with them. */
size_t lt_dbt_macro_count(const lt_dbt *dbt);

/* A member of a dict, for values of projects and profiles; undefined when it is not there. */
lt_jinja_value lt_dbt_at(lt_jinja_value dict, const char *key);
static inline bool lt_dbt_is_set(lt_jinja_value value) /* neither none nor undefined */
{
    return value.type != LT_JINJA_UNDEFINED && value.type != LT_JINJA_NONE;
}

/* As if every test said store_failures: true: --store-failures. Before a run. */
void lt_dbt_store_failures(lt_dbt *dbt);

/* What catalogs.yml says, checked; LT_INVALID also where it is fine, since neither DuckDB nor PostgreSQL writes to a catalog. */
LT_MUST_CHECK lt_status lt_dbt_catalogs_check(lt_dbt *dbt, lt_err *err);

/* How the parse cache served, in a line: "1 of 12 files evaluated again", "parsed from scratch: ...". */
const char *lt_dbt_parse_note(const lt_dbt *dbt);

/* What loading warns of: deprecations, patches of nothing. */
const lt_dbt_warning_list *lt_dbt_warnings(const lt_dbt *dbt);

/* What the i-th ref() of `node` means, where it names no version and a newer one than the latest is there (*newest); else NULL. */
const lt_dbt_node *lt_dbt_unpinned(const lt_dbt *dbt, const lt_dbt_node *node, size_t i,
                                   const lt_dbt_node **newest);

/* Where a byte of rendered SQL was written: `offset` into the SQL -> path:line:col of the model, or of the {{ }} that made it. */
typedef struct lt_dbt_compiled {
    lt_jinja_spans spans;         /* owned */
    lt_jinja_template *templated; /* owned: what the spans name */
    lt_buf sql;
} lt_dbt_compiled;
void lt_dbt_compiled_cleanup(lt_dbt_compiled *compiled);

/* A batch of a microbatch model: from, and up to but without. */
typedef struct lt_dbt_span {
    int64_t start_us, end_us;
} lt_dbt_span;
typedef LT_VEC(lt_dbt_span) lt_dbt_spans;

/* In hex, as checksums of files are. */
void lt_dbt_sha256(lt_text content, char out[65]);
