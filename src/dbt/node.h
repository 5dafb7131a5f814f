/* node.h - what a project is made of: packages, macros, and nodes (models, tests, seeds, sources, exposures ...).
 *
 * All of it lives as long as the lt_dbt that read it, and does not change after loading. Names and meanings are dbt's
 * (https://schemas.getdbt.com/dbt/manifest/v12.json); texts that are not set are empty. */
#pragma once
#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "engine/engine.h"
#include "fmt/yaml.h"
#include "jinja/jinja.h"

typedef enum lt_dbt_kind {
    LT_DBT_MODEL,
    LT_DBT_GENERIC_TEST,
    LT_DBT_SINGULAR_TEST,
    LT_DBT_SEED,
    LT_DBT_SNAPSHOT,
    LT_DBT_ANALYSIS,
    LT_DBT_OPERATION, /* on-run-start and on-run-end */
    LT_DBT_UDF,       /* dbt's "function": one that a database has by CREATE FUNCTION */
    LT_DBT_SOURCE,
    LT_DBT_UNIT_TEST,
    LT_DBT_EXPOSURE,
    LT_DBT_METRIC,
    LT_DBT_SEMANTIC_MODEL,
    LT_DBT_SAVED_QUERY,
    LT_DBT_GROUP,
    LT_DBT_KINDS
} lt_dbt_kind;

typedef struct lt_dbt_node lt_dbt_node;
typedef struct lt_dbt_package lt_dbt_package;

/* A macro, generic test or materialization. */
typedef struct lt_dbt_macro {
    lt_text id;   /* "macro.dbt.test_unique" */
    lt_text name; /* "test_unique", "materialization_table_default" */
    const lt_dbt_package *package;
    lt_text path;         /* below the package's root */
    lt_text sql;          /* the whole block */
    lt_jinja_value value; /* call it with lt_jinja_invoke() */
    lt_text description, patch_path;
    lt_jinja_value patch;               /* what a .yml file says of it: a dict, or undefined */
    uint32_t place;                     /* among all macros; of ours it is 0 */
    uint32_t patch_home;                /* as of a node */
    lt_jinja_value supported_languages; /* of a materialization: a list, or undefined */
    const lt_jinja_template *home;
    struct lt_dbt_macro_file *
        file; /* of ours; value, supported_languages and home are there after lt_dbt_macro_ready() */
} lt_dbt_macro;

/* A project by itself, installed into another, or one of ours ("dbt", "dbt_duckdb"). */
typedef enum lt_dbt_paths {
    LT_DBT_MACRO_PATHS,
    LT_DBT_MODEL_PATHS,
    LT_DBT_SEED_PATHS,
    LT_DBT_SNAPSHOT_PATHS,
    LT_DBT_ANALYSIS_PATHS,
    LT_DBT_TEST_PATHS,
    LT_DBT_UDF_PATHS,
    LT_DBT_OWN_TEST_PATHS, /* of the root project: tests of macros and CTEs, which dbt does not know */
    LT_DBT_DOCS_PATHS,     /* empty: all the others */
    LT_DBT_PATHS
} lt_dbt_paths;

struct lt_dbt_package {
    lt_text name, version;
    const char *root; /* folder; NULL for ours */
    const char *file; /* "dbt_project.yml" or "leat.yml": for messages */
    bool is_built_in, is_root;
    bool is_strict; /* a leat.yml: what is not known is an error */
    lt_texts paths[LT_DBT_PATHS];
    lt_texts ignored;                 /* patterns of .dbtignore */
    lt_jinja_value project;           /* dbt_project.yml, rendered: a dict */
    lt_jinja_value unrendered;        /* the same as it was written */
    lt_jinja_value vars;              /* that its own templates see: a dict */
    lt_map macros;                    /* name -> lt_dbt_macro */
    lt_jinja_object namespace;        /* what its name gives in a template: dbt_utils.star() */
    lt_jinja_object config, own_vars; /* dbt's project object and its `vars` (project_value.c) */
};

/* A call of ref(), in order of writing. */
typedef struct lt_dbt_ref {
    lt_text package, name;
    lt_jinja_value version; /* none, int, float or str */
} lt_dbt_ref;

typedef LT_VEC(lt_dbt_ref) lt_dbt_refs;

typedef struct lt_dbt_column {
    lt_text name, description, data_type;
    lt_texts doc_blocks;
    lt_jinja_value raw; /* all that the .yml file says of it but tests and description: a dict */
} lt_dbt_column;

/* Configuration of a node, merged: the project's file by folder, the .yml file beside the node, config() in it, and the root
 * project's file again for a node of a package. `all` has what was set; defaults come from lt_dbt_config_get(). */
typedef struct lt_dbt_config {
    bool disabled;
    lt_text materialized;           /* "view", "table", "incremental", ... */
    lt_jinja_value all, unrendered; /* dicts */
    lt_jinja_value entry,
        entry_raw;  /* what the .yml file said, rendered and not: dicts, or undefined */
    lt_text schema; /* custom schema */
    lt_text alias;  /* name of the relation, when not the node's */
    lt_text incremental_strategy; /* empty: the adapter's default */
    lt_texts unique_key, tags;
    lt_text on_schema_change; /* "ignore", "fail", "append_new_columns", "sync_all_columns" */
    int full_refresh;         /* 1 always, 0 never, -1 as the run says */
    /* tests */
    lt_text severity;          /* "error", "warn" */
    lt_text warn_if, error_if; /* "!= 0", "> 10", ... */
    lt_text where, limit, fail_calc;
    bool forget_failures; /* store_failures: false */
    bool store_failures;  /* store_failures: true, or store_failures_as: table or view */
} lt_dbt_config;

typedef LT_VEC(lt_dbt_node *) lt_dbt_nodes;

struct lt_dbt_node {
    /* What every pass over all nodes looks at comes first: of tens of thousands, each line of memory is a miss of the cache. */
    lt_dbt_kind kind;
    uint32_t place; /* among all nodes that were parsed, as in the parse cache; new ones follow */
    unsigned
        file_place; /* of the file that it is, in the list of files, from 1; 0: it is none by itself */
    unsigned home; /* of the file that made it, from 1; behind the last: the project's hooks */
    unsigned patch_home; /* of the .yml file that has its entry; 0: none has */
    bool reads_clock;    /* evaluating it asked for the clock or the run's id */
    bool is_again;       /* it was evaluated again: it is not as the parse cache has it */
    bool is_disabled;    /* listed apart */
    bool no_relation;    /* ephemeral, tests that keep nothing ...: relation_name is null */
    bool is_compiled;
    lt_dbt_package *package;
    lt_dbt_nodes depends_on; /* what the references mean, each once */
    size_t index;            /* in lt_dbt_all() */
    lt_text id;              /* "model.shop.orders", "test.shop.unique_orders_id.1234567890" */
    lt_text name;            /* "orders"; of a source: the table's */
    lt_dbt_refs refs;
    lt_dbt_refs source_refs; /* package: the source's name; name: the table's */
    lt_dbt_refs metric_refs;
    lt_dbt_refs udf_refs; /* of function() */
    lt_text group;
    lt_jinja_value raw; /* what its .yml entry says, rendered: a dict, or undefined */
    LT_VEC(lt_dbt_column) columns;
    lt_relation relation; /* of a test: where its failing rows are kept */
    lt_dbt_config config;

    lt_text path; /* "models/marts/orders.sql", relative to the package's root */
    lt_text file; /* "marts/orders.sql": relative to the resource folder (`path` of the manifest) */
    lt_text patch_path; /* "shop://models/schema.yml" */
    lt_text description;
    lt_texts doc_blocks;
    lt_texts fqn;
    lt_text raw_code;
    lt_text checksum;                    /* SHA-256 of the file, hex; empty for generic tests */
    LT_VEC(const lt_dbt_macro *) macros; /* called by it, each once */

    /* models */
    lt_jinja_value version, latest_version; /* none when not versioned */
    lt_text access;                         /* "public", "protected", "private" */
    lt_text deprecation_date;

    /* generic tests: the macro "test_<name>" called with `kwargs` */
    lt_text test_name, test_namespace, column, file_key;
    lt_jinja_value kwargs; /* of test_metadata: a dict */
    lt_dbt_node *attached; /* the model or seed it stands at; NULL for a source's */
    const lt_relation *subject;
    unsigned line, col; /* of the entry in its .yml file */

    /* sources */
    lt_text source_name, source_description, loader, identifier;
    lt_jinja_value source_raw; /* what the .yml file says of the source above the table */
    lt_text load_id;           /* "load.api.orders" when this program loads it; else empty */

    /* unit tests */
    lt_text model;

    lt_text compiled_path, compiled_code;
    lt_text
        cte_code; /* of an ephemeral model that is compiled: as others have it in front of theirs */
};
