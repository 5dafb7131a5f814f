/* inner.h - what the files of dbt/ share. */
#pragma once
#include "conf/scope.h"
#include "dbt/dbt.h"
#include "dbt/rt/rt.h"
#include "dbt/select/select.h"

#include <pthread.h>
#include <stdatomic.h>

enum { LT_DBT_FILE_BYTES = 4 << 20, LT_DBT_MOST_FILES = 200000 };

/* A {% docs %} block. */
typedef struct lt_dbt_doc {
    lt_text id, name, path, text;
    const lt_dbt_package *package;
} lt_dbt_doc;

/* What a .yml file says about a resource that another file defines. */
typedef struct patch {
    lt_dbt_package *package;
    const char *path;     /* of the .yml file */
    const char *yaml_key; /* "models" */
    const lt_yaml *entry;
    const lt_yaml *version; /* of `versions:`; NULL: the model has none */
    lt_jinja_value latest;  /* of a versioned model */
    lt_dbt_node *node;      /* whom it was given to */
    unsigned home;          /* of the .yml file */
} patch;

/* What evaluating one file looked at, so that the parse cache knows when to do it again (parse_cache/unit.c). */
typedef struct parse_unit {
    LT_VEC(uint32_t) macros; /* places of those that are not ours */
    lt_texts docs;           /* ids of docs blocks */
    lt_texts loose;          /* keys of entries that are for no node */
    bool
        is_apart; /* a .yml file that says what others are: versions, overrides, the semantic layer */
} parse_unit;

/* Where a warning comes from. They are told in this order. */
typedef struct held_line {
    lt_dbt_said how;
    lt_text text;
} held_line;

typedef struct warning_place {
    uint32_t phase; /* files; entries given to their nodes; tests of sources */
    uint32_t home;
} warning_place;

/* What a thread has read: texts stay, trees of .yml files go when all is made of them. */
typedef struct file_arenas {
    lt_arena texts, trees;
} file_arenas;

/* One of our own, compiled when a macro of it is asked for. */
typedef struct lt_dbt_macro_file {
    const lt_jinja_env *env;
    lt_dbt_package *package;
    lt_text path, source; /* of the program */
    LT_VEC(lt_dbt_macro *) macros;
    pthread_mutex_t lock;
    atomic_bool is_ready;
    lt_jinja_template *compiled; /* owned */
    lt_jinja_heap heap;          /* what stands in tags */
} lt_dbt_macro_file;

struct lt_dbt {
    lt_arena arena;
    lt_arena file_names; /* of the thread that lists files */
    lt_dbt_settings settings;
    lt_jinja_env env;      /* of what runs, and of macros */
    lt_jinja_env yaml_env; /* of texts in .yml files */
    lt_jinja_env
        parse_env; /* of nodes while they are parsed: unknown names are absorbed, but for those that macros ask for */
    lt_jinja_env
        test_env; /* of generic tests, whose macros see those of their package, too: all are absorbed */
    lt_jinja_heap heap; /* configuration, arguments of tests; frozen after loading */
    LT_VEC(lt_jinja_template *) templates;     /* owned: macros */
    LT_VEC(lt_dbt_package *) packages;         /* the root project first, ours last */
    lt_dbt_package *root, *internal, *adapter; /* adapter: "dbt_duckdb"; may be NULL */
    lt_map package_names;                      /* name -> lt_dbt_package */
    lt_texts adapter_types;                    /* "duckdb"; then its parents */
    LT_VEC(const lt_dbt_macro *) macros;
    LT_VEC(lt_dbt_macro_file *) macro_files; /* ours */

    /* Edges are as the parse cache has them, or may go into it: resolving gave nothing else. */
    bool is_settled;
    bool has_versions;
    atomic_bool
        names_wait; /* by_id, refable and udfs are made when they are asked for (lt_dbt_names_ready()) */
    pthread_mutex_t names_lock;
    lt_arena names;              /* of refable_lists */
    lt_dbt_nodes all;            /* enabled */
    size_t counts[LT_DBT_KINDS]; /* of `all` */
    lt_dbt_nodes disabled;
    lt_dbt_nodes runnable;   /* what lt_dbt_node_at() gives */
    lt_dbt_nodes parsed;     /* while loading: every node, in order */
    lt_dbt_nodes unit_tests; /* in the place of those that were parsed (unit_test.c) */
    lt_map by_id;            /* enabled ones */
    lt_map refable;          /* name -> refable_list */
    lt_dbt_rt *parse_rt;     /* owned */
    lt_map sources;          /* "api.orders" -> refable_list */
    lt_map udfs;             /* name -> refable_list */
    lt_map levels;           /* a level of `models:` and its like -> its settings */
    lt_map metrics;          /* name -> lt_dbt_node */
    lt_map measures;         /* name -> lt_dbt_node: the semantic model that has it */
    lt_map groups;           /* name -> lt_dbt_node */
    lt_map docs;             /* "package.name" -> lt_dbt_doc */
    LT_VEC(patch *) patch_list;
    lt_map patches; /* "package.models.name" or "package.models.name.v1" -> patch */
    lt_jinja_value target;
    int64_t loaded_at_us;
    bool may_begin_anew; /* what the project says is held until it is known that the cache serves */
    LT_VEC(held_line) held;
    lt_jinja_value selectors;                  /* selectors.yml: a dict, or undefined */
    lt_jinja_value defaults[LT_DBT_KINDS + 1]; /* of configuration: dicts in dbt's order */
    lt_dbt_warning_list warnings;
    lt_map versions;                            /* "package.stem" of a file -> patch of a version */
    LT_VEC(struct source_tests *) source_tests; /* made when all models are known */
    LT_VEC(struct source_override *) overrides; /* of sources, while files are read */
    LT_VEC(file_arenas) arenas;                 /* of the threads that read the files */
    bool is_strict;                             /* the root is a leat.yml */
    lt_map
        env_reads; /* what env_var() was asked for while loading, and flags (LT_DBT_FLAG_READ before their names) -> lt_text: digest of the value */
    parse_unit *units;                  /* by home - 1; NULL: nobody will ask */
    uint32_t unit_count;                /* files and one for the project's hooks */
    unsigned home, phase;               /* what is evaluated now; 0: nothing */
    LT_VEC(warning_place) warned;       /* for `warnings` from first_warning on */
    uint32_t place_count;               /* of nodes */
    bool macros_again, docs_again;      /* they are not as the parse cache has them */
    bool reads_clock;                   /* something that cannot be evaluated alone did */
    bool is_kept;                       /* the parse cache is as the project is */
    bool is_as_before;                  /* nothing was evaluated: all came from the parse cache */
    size_t first_warning, last_warning; /* those that the parse cache keeps */
    uint64_t cache_stamp;               /* of the parse cache that is as the project is; 0: none */
    const struct lt_dbt_state
        *defer;             /* of a run that defers: what keys of constraints point at; or NULL */
    const char *parse_note; /* for lt_dbt_parse_note() */
    struct files_listing *listing;       /* owned: under way, until the files are asked for */
    struct cache_reading *cache_reading; /* owned; NULL: it has not begun */
};

/* Nodes of one name: of different packages and versions. */
typedef struct refable_list {
    lt_dbt_nodes nodes;
} refable_list;

/* What calls of config() gave: dicts, or undefined. */
typedef struct config_calls {
    lt_jinja_value merged;
    lt_jinja_value last;    /* the last value of each key, as it was given */
    lt_jinja_value written; /* what `unrendered_config` has of them, once all are made */
    bool is_simple;         /* dbt reads them without rendering the model */
} config_calls;

/* `graph` of a run: one value for all of its nodes, which keeps what macros put into it until the run ends. The threads take turns. */
typedef struct run_graph {
    pthread_mutex_t turn;
    pthread_mutex_t *lock; /* of the run: nodes change under it */
    lt_jinja_heap heap;
    lt_jinja_value value; /* undefined until somebody asks */
} run_graph;

/* What a node, hook or operation has of it: from when it first asks until it is done, but while it waits for the database. */
typedef struct graph_turn {
    run_graph *graph;
    lt_session *session; /* NULL: it never waits */
    bool holds;
    bool borrows; /* an object of its heap lies in the graph */
} graph_turn;

/* What a run decides for all of its nodes. */
typedef struct run_settings {
    bool empty;                /* --empty: references have no rows */
    const lt_dbt_state *defer; /* --defer; or NULL */
    bool favor_state;
    bool no_ctes;                     /* --no-inject-ephemeral-ctes */
    bool is_apart;                    /* --no-introspect */
    lt_text sample_start, sample_end; /* --sample; empty: none */
    const lt_node_set *selected;
} run_settings;

/* A microbatch model is built for one span of time. */
typedef struct lt_dbt_batch {
    lt_dbt_span span;
    bool increments;        /* the table is there: is_incremental() */
    bool is_first, is_last; /* pre-hooks run before the first, post-hooks after the last */
    bool is_beside;         /* others are built at the same time */
    char id[24];            /* "20240917T16" */
    char file_id[24];       /* "2024-09-17T16" */
} lt_dbt_batch;

/* One rendering: what the context functions know. `user` of the jinja context. */
typedef struct rendering {
    lt_scope scope; /* first: what secret() and the clock read */
    const lt_dbt *dbt;
    lt_dbt *loading;       /* while loading: references and configuration are recorded; else NULL */
    lt_dbt_node *recorded; /* the node that is loaded; may be NULL */
    const lt_dbt_node *node; /* may be NULL: a text of a .yml file, an operation */
    const lt_dbt_package *package;
    config_calls config_call;        /* while loading: what config() was given */
    lt_texts *doc_blocks;            /* while loading: what doc() was asked for */
    bool only_values;                /* a .yml file: no macros, no ref() */
    bool checking;                   /* while loading: a reference that means nothing is an error */
    const lt_dbt_node *refused;      /* while checking: a reference to it fails ... */
    const lt_err *refusal;           /* ... with this */
    bool may_read_secrets;           /* profiles.yml and packages.yml */
    bool generating;                 /* generate_schema_name and its like: nothing is recorded */
    lt_session *session;             /* NULL: no database */
    lt_dbt_transaction *transaction; /* of the session; NULL: each exec has its own */
    lt_dbt_exec *exec;               /* the run time; opened when a name of it is asked for */
    lt_dbt_rt *rt;                   /* NULL: that of parsing */
    const run_settings *run;         /* of `leat dbt run` and its like; else NULL */
    lt_jinja_heap *heap;             /* where values go when no template is running */
    lt_jinja_value extra;            /* more names: a dict, or undefined */
    unsigned thread;                 /* of the run that builds it, from 1; 0: the main one */
    lt_jinja_value model;            /* `model`: made when it is asked for */
    graph_turn *turn;                /* of `graph`; NULL: it has one of its own each time it asks */
    lt_text compiled;                /* its SQL, once that is known */
    const lt_dbt_batch *batch;       /* or NULL */
    lt_jinja_value env; /* what env_var() gives before the environment: a dict, or undefined */
    lt_jinja_object config, builtins, var;
    lt_jinja_value deferred;        /* of clone: the other environment's relation, or undefined */
    lt_jinja_value kwargs;          /* _dbt_generic_test_kwargs */
    const struct lt_dbt_unit *unit; /* a model that is rendered for a unit test; else NULL */
} rendering;

/* ---- context.c ---- */

/* The names that every template sees; given to jinja with `rendering` as user. */
lt_status lt_dbt_lookup(void *user, lt_jinja_render *render, const lt_jinja_template *from,
                        lt_text name, lt_jinja_value *out, bool *found, lt_err *err);
void lt_dbt_rendering_init(rendering *r, const lt_dbt *dbt, const lt_dbt_node *node);
/* `database`: the node's; the connection's own where it names none. */
lt_text lt_dbt_database_of(const rendering *r);
/* The relation of a node as a value of templates; an ephemeral one is its CTE. */
lt_jinja_value lt_dbt_node_relation(const rendering *r, const lt_dbt_node *node,
                                    lt_jinja_heap *heap);
/* Its relation in the state that a run defers to; undefined: it has none there. */
lt_jinja_value lt_dbt_deferred_relation(const rendering *r, const lt_dbt_node *node,
                                        lt_jinja_heap *heap);
/* What ref() and source() give when a node runs: with --empty, --defer. */
lt_status lt_dbt_ref_value(rendering *r, lt_jinja_render *render, const lt_dbt_node *node,
                           lt_jinja_value *out, lt_err *err);
/* What function() gives then: never cut to fewer rows. */
lt_status lt_dbt_udf_value(rendering *r, lt_jinja_render *render, const lt_dbt_node *node,
                           lt_jinja_value *out, lt_err *err);

/* ---- glue.c ---- */

/* The project has been read: say what was held, and from now on at once. */
lt_status lt_dbt_say_held(lt_dbt *dbt, lt_err *err);
extern const lt_jinja_env lt_dbt_yaml_env;
/* `quoting:` of the root project, then of the node (which may be NULL); of a source and its table alone. All is quoted unless it says otherwise. */
void lt_dbt_quoting_of(const lt_dbt *dbt, const lt_dbt_node *node, bool quote[LT_DBT_PARTS]);
/* The name of the node's relation as SQL has it: `relation_name` of artifacts. */
void lt_dbt_relation_name(const lt_dbt *dbt, const lt_dbt_node *node, lt_buf *out);
/* The same, as the manifest has it: of a source with the quoting of dbt_project.yml, too, to which source() pays no heed. */
void lt_dbt_written_name(const lt_dbt *dbt, const lt_dbt_node *node, lt_buf *out);
/* The file or call that a source of DuckDB stands for, as SQL; nothing is added when it is a relation. */
void lt_dbt_external_name(const lt_dbt *dbt, const lt_dbt_node *node, lt_buf *out);

typedef struct rt_request {
    lt_engine *engine;                /* NULL: parsing */
    lt_text database;                 /* the connection's own, where the settings name none */
    lt_jinja_value flags, args, envs; /* dicts, or undefined */
    lt_jinja_value credentials;       /* of the profile: a dict, or undefined */
    const char *run_folder;
    lt_arena *arena; /* lives as long as the run time */
} rt_request;
lt_status lt_dbt_rt_make(const lt_dbt *dbt, const rt_request *request, lt_dbt_rt **out,
                         lt_err *err);
/* Give the rendering its run time; values of it live in `heap`. */
lt_status lt_dbt_exec_attach(rendering *r, lt_jinja_heap *heap, lt_text compiled, lt_err *err);

/* ---- names.c: the names that the project answers ---- */

/* What the parse cache remembers of a flag that a template has asked for. */
#define LT_DBT_FLAG_READ "flags."
void lt_dbt_flag_record(lt_dbt *dbt, lt_text name, lt_jinja_value value);
/* A flag that decides how the project is read: the parse cache remembers it. */
bool lt_dbt_flag_read(lt_dbt *dbt, lt_text name);
bool lt_dbt_flag_is_on(const lt_dbt *dbt, lt_text name);
/* Configuration is compared as it was written, also in config() and in entries. */
#define LT_DBT_COMPARES_WRITTEN T("state_modified_compare_more_unrendered_values")
void lt_dbt_flag_digest(lt_jinja_value value, char out[65]);
bool lt_dbt_names_find(rendering *r, lt_jinja_render *render, lt_text name, lt_jinja_value *out);
extern const lt_jinja_class lt_dbt_config_class, lt_dbt_namespace_class,
    lt_dbt_graph_builtins_class, lt_dbt_var_class;

/* ---- project_value.c: `ref.config` ---- */

extern const lt_jinja_class lt_dbt_project_class, lt_dbt_project_vars_class;

/* ---- macro.c ---- */

lt_status lt_dbt_macros_load(lt_dbt *dbt, lt_dbt_package *package, lt_err *err);
lt_status lt_dbt_macros_add(lt_dbt *dbt, lt_dbt_package *package, lt_text path, lt_text source,
                            lt_err *err);
/* `supported_languages` of a materialization: a list in `heap`, or undefined. */
lt_jinja_value lt_dbt_block_languages(const lt_jinja_block *block, lt_jinja_heap *heap);

/* ---- macro_ours.c ---- */

void lt_dbt_own_macros_load(lt_dbt *dbt, lt_dbt_package *package);
void lt_dbt_own_macros_free(lt_dbt *dbt);
/* The same macro, compiled. From any thread. */
const lt_dbt_macro *lt_dbt_macro_ready(const lt_dbt_macro *macro);

/* ---- macro.c: finding ---- */

/* As a template of `package` (NULL: the root) finds it: its own, the root's, ours. NULL when there is none. */
const lt_dbt_macro *lt_dbt_macro_find(const lt_dbt *dbt, const lt_dbt_package *package,
                                      lt_text name);
/* "macro.dbt.run_hooks"; NULL when there is none. */
const lt_dbt_macro *lt_dbt_macro_by_id(const lt_dbt *dbt, lt_text id);
/* adapter.dispatch(): `namespace` may be empty. NULL when there is none; `tried` (may be NULL) gets what was looked for. */
const lt_dbt_macro *lt_dbt_macro_dispatch(const lt_dbt *dbt, const lt_dbt_package *package,
                                          lt_text name, lt_text namespace, lt_buf *tried);
const lt_dbt_macro *lt_dbt_materialization_find(const lt_dbt *dbt, lt_text name);
/* Is there a built-in one, whoever else has one of that name? */
bool lt_dbt_materialization_is_ours(const lt_dbt *dbt, lt_text name);
/* True when the project (not we) says how names of schemas ("schema"), databases or aliases are made. */
/* generate_..._name() of a node of `package`: its own, or the root project's; NULL: what is built in. */
const lt_dbt_macro *lt_dbt_generate_macro(const lt_dbt *dbt, const lt_dbt_package *package,
                                          const char *component);

/* What it calls, by its text: ids of macros. */
void lt_dbt_macro_needs(lt_dbt *dbt, const lt_dbt_macro *macro, lt_texts *out);

/* ---- package.c ---- */

lt_status lt_dbt_packages_load(lt_dbt *dbt, lt_err *err);
const lt_dbt_package *lt_dbt_package_find(const lt_dbt *dbt, lt_text name);

/* ---- value.c: YAML to values, rendered ---- */

/* Digests of 64 bits, of what this program makes itself: nobody is kept from making two that are equal. */
static inline uint64_t lt_dbt_mix(uint64_t digest, uint64_t with)
{
    digest = (digest ^ (with + 0x9e3779b97f4a7c15u)) * 0xff51afd7ed558ccdu;
    return digest ^ digest >> 32;
}
uint64_t lt_dbt_mix_text(uint64_t digest, lt_text text);

typedef struct value_source {
    lt_dbt *dbt;
    const lt_dbt_package *package; /* may be NULL */
    const char *path;              /* of the file */
    bool may_read_secrets;
    lt_text late; /* the value of this key stays as it is written: it is rendered later */
} value_source;

/* Read a YAML file of dbt's into the project's arena; an empty one gives a null scalar. `doubles` (may be NULL) gets its keys that stand
 * twice. */
lt_status lt_dbt_yaml_file(lt_dbt *dbt, const char *root, const char *path, lt_yaml **out,
                           lt_yaml_doubles *doubles, lt_err *err);
bool lt_dbt_is_template(lt_text text);
/* The value of a node, its strings rendered natively, in the project's heap. */
lt_status lt_dbt_value(const value_source *source, const lt_yaml *node, lt_jinja_value *out,
                       lt_err *err);
/* One text. `doc_blocks` (may be NULL) collects what doc() names. */
lt_status lt_dbt_value_text(const value_source *source, const lt_yaml *node, lt_texts *doc_blocks,
                            lt_jinja_value *out, lt_err *err);
/* str() of a value, in the arena; empty for none. */
lt_text lt_dbt_text_of(lt_dbt *dbt, lt_jinja_value value);
/* The value of a key as text; empty when it is not there or none. */
lt_text lt_dbt_text_at(lt_dbt *dbt, lt_jinja_value dict, const char *key);
/* A deep copy in the project's heap, of nothing but plain values: an object is its text. LT_INVALID: nested too deeply (also a
 * value that is in itself), or more than a million parts. */
LT_MUST_CHECK lt_status lt_dbt_plain(lt_dbt *dbt, lt_jinja_value value, lt_jinja_value *out,
                                     lt_err *err);
/* A list of texts from a list or one text. */
void lt_dbt_texts_of(lt_dbt *dbt, lt_jinja_value value, lt_texts *out);
lt_text lt_dbt_checksum(lt_dbt *dbt, lt_text content); /* SHA-256 in hex, in the arena */
void lt_dbt_md5_hex(lt_text content, char out[33]);
bool lt_dbt_texts_have(const lt_texts *texts, lt_text text);

/* ---- config.c ---- */

/* Merge all places; `entry` (of a .yml file) and `call` are dicts or undefined. Fills node->config. */
lt_status lt_dbt_config_make(lt_dbt *dbt, lt_dbt_node *node, lt_jinja_value entry,
                             lt_jinja_value raw_patch, const config_calls *call, lt_err *err);
/* Names of the relation; checks what only makes sense together. */
lt_status lt_dbt_config_finish(lt_dbt *dbt, lt_dbt_node *node, lt_err *err);
/* Two entries of .yml files in one: mappings in each other, the later list before the earlier. Nested no deeper than a file may be. */
lt_jinja_value lt_dbt_config_deep_merge(lt_dbt *dbt, lt_jinja_value under, lt_jinja_value over);
/* Merge `from` into `into`, by dbt's rule for each key. */
void lt_dbt_config_merge(lt_dbt *dbt, lt_jinja_value into, lt_jinja_value from);
/* The same for calls of config() of one node, which are merged once more: grants keep their +. */
void lt_dbt_config_merge_calls(lt_dbt *dbt, lt_jinja_value into, lt_jinja_value from);
/* config_type.c: LT_INVALID for a value that dbt refuses of one of its own keys. */
LT_MUST_CHECK lt_status lt_dbt_config_check_types(const lt_dbt_node *node, lt_err *err);
/* Is it built batch by batch? */
bool lt_dbt_builds_batches(const lt_dbt *dbt, const lt_dbt_node *node);
/* A strategy of the project's own under the name of ours builds no batches, unless a flag says that it does. */
bool lt_dbt_has_core_batches(const lt_dbt *dbt);
/* LT_INVALID for a microbatch model that does not say what its batches are. */
LT_MUST_CHECK lt_status lt_dbt_microbatch_check(const lt_dbt *dbt, const lt_dbt_node *node,
                                                lt_err *err);
bool lt_dbt_config_is_key(lt_text key);
/* Does this key of dbt_project.yml ("models") configure nodes of a kind? */
bool lt_dbt_config_is_of(lt_dbt_kind kind, const char *key);
/* In strict projects: LT_INVALID for a key or a value that means nothing. */
lt_status lt_dbt_config_check(const lt_dbt *dbt, const lt_dbt_node *node, lt_text key,
                              lt_jinja_value value, lt_err *err);
lt_status lt_dbt_config_check_yaml(const value_source *source, const lt_dbt_node *node,
                                   const lt_yaml *mapping, lt_err *err);
lt_status lt_dbt_config_check_folders(lt_dbt *dbt, lt_err *err);
void lt_dbt_defaults_init(lt_dbt *dbt);

/* ---- file.c ---- */

/* By what a file is known again without reading it. */
typedef struct lt_file_look {
    int64_t size_bytes, changed_ns, status_changed_ns;
    uint64_t inode;
} lt_file_look;

/* A file of a package, read and taken apart by one of several threads. */
typedef struct project_file {
    lt_dbt_package *package;
    lt_dbt_paths kind;       /* of the folder that it was found in */
    const char *folder;      /* "models" */
    const char *path;        /* "models/marts/orders.sql" */
    lt_text below;           /* "marts/orders.sql" */
    lt_text text;            /* without white space at both ends */
    char checksum[65];       /* of all that counts in it */
    lt_file_look look;       /* before it was read */
    bool is_wanted;          /* by lt_dbt_files_read() */
    bool is_large;           /* a seed of which nothing counts but its path */
    lt_yaml *yaml;           /* of .yml */
    lt_yaml_doubles doubles; /* and its keys that stand twice */
    lt_jinja_template
        *compiled;  /* owned until a node takes it; NULL: there is nothing to evaluate */
    lt_err *failed; /* reading it failed */
} project_file;
typedef LT_VEC(project_file) project_files;

/* Begin to list the files of all packages' folders, on a thread of its own when they are looked at too: that needs nothing of the
 * project but its packages. One that is not there when it is looked at has an inode of 0. */
struct files_listing *lt_dbt_files_begin(lt_dbt *dbt, bool looks);
/* Ends what was begun; the first *early of the files are .yml and .md files. The caller owns *out, also after a failure. */
lt_status lt_dbt_files_end(struct files_listing *listing, project_files *out, size_t *early,
                           lt_err *err);
/* The same for one whose files nobody wants; NULL is fine. */
void lt_dbt_files_forget(struct files_listing *listing);
/* Read those that are wanted among some, with a few threads. What they hold lives in arenas of the project. */
void lt_dbt_files_read(lt_dbt *dbt, project_files *files, size_t from, size_t to);
/* The trees of .yml files are of no more use; their texts are. */
void lt_dbt_trees_free(lt_dbt *dbt);

/* ---- parse_cache/unit.c: what the file that is evaluated looks at ---- */

void lt_dbt_units_init(lt_dbt *dbt, size_t files);
/* NULL: nothing is evaluated, or nobody will ask. */
parse_unit *lt_dbt_parse_unit(lt_dbt *dbt);
void lt_dbt_seen_macro(const rendering *r, const lt_dbt_macro *macro);
void lt_dbt_seen_doc(lt_dbt *dbt, lt_text id);
void lt_dbt_seen_loose(lt_dbt *dbt, lt_text key);
void lt_dbt_seen_apart(lt_dbt *dbt);

/* ---- load.c ---- */

lt_dbt_node *lt_dbt_node_new(lt_dbt *dbt, lt_dbt_package *package, lt_dbt_kind kind, lt_text name,
                             lt_text path);
/* Evaluate a node of a parse cache again, with the text, checksum and template of `file`. `anew`: its .yml entry is the one that was
 * read now, if any; what that gives beside configuration comes with lt_dbt_patches_apply(). */
lt_status lt_dbt_node_again(lt_dbt *dbt, lt_dbt_node *node, const project_file *file, bool anew,
                            lt_err *err);
/* The node of a file that is read, at its place in the list of files. */
lt_status lt_dbt_node_add(lt_dbt *dbt, const project_file *file, unsigned place, lt_err *err);
/* What a .yml file that is read says; entries for nodes are kept for lt_dbt_patches_apply(). */
lt_status lt_dbt_file_properties(lt_dbt *dbt, const project_file *file, lt_err *err);
/* The {% docs %} blocks of a .md file that is read. */
lt_status lt_dbt_file_docs(lt_dbt *dbt, const project_file *file, lt_err *err);
/* fqn: package, the folders of `file`, then `name`. */
void lt_dbt_fqn(lt_dbt *dbt, lt_dbt_node *node, lt_text file, lt_text name);
/* Evaluate a node's text for references and configuration (and `config` merged anew when `patch` says more). */
lt_status lt_dbt_record(lt_dbt *dbt, lt_dbt_node *node, config_calls *config_call, lt_err *err);
/* The same, of a template that is compiled already. */
lt_status lt_dbt_record_with(lt_dbt *dbt, lt_dbt_node *node, const lt_jinja_template *compiled,
                             config_calls *config_call, lt_err *err);
lt_status lt_dbt_compile_template(const lt_dbt *dbt, const lt_dbt_node *node, bool parsing,
                                  lt_jinja_template **out, lt_err *err);
void lt_dbt_warn(lt_dbt *dbt, lt_dbt_event event, const char *format, ...) LT_PRINTF(3, 4);
lt_status lt_dbt_read(const lt_dbt_package *package, const char *path, lt_buf *out, lt_err *err);
/* Merge the configuration of a node with that of its .yml entry, and decide its names; `config_call` as lt_dbt_record() gave it. */
lt_status lt_dbt_settle(lt_dbt *dbt, lt_dbt_node *node, const value_source *source,
                        const lt_yaml *entry, const config_calls *config_call, lt_err *err);
/* The same, with the entry's configuration as the node has it. */
lt_status lt_dbt_settle_with(lt_dbt *dbt, lt_dbt_node *node, const config_calls *config_call,
                             lt_err *err);

/* ---- names.c ---- */

/* What a call says that needs no evaluation; *done false: it must be rendered after all. */
lt_status lt_dbt_static_call(rendering *r, const lt_jinja_static_call *call, bool *done,
                             lt_err *err);

/* ---- properties.c, generic_test.c ---- */

/* Read a .yml file: its sources, exposures ... become nodes; patches are kept for what other files define. */
lt_status lt_dbt_properties(lt_dbt *dbt, lt_dbt_package *package, const char *path,
                            const lt_yaml *root, lt_err *err);
/* The entry that is meant for a node; NULL when there is none. */
patch *lt_dbt_patch_of(const lt_dbt *dbt, const lt_dbt_node *node);
/* Descriptions and columns of a node, from its entry. */
lt_status lt_dbt_describe(const value_source *source, lt_dbt_node *node, const lt_yaml *entry,
                          lt_err *err);
lt_status lt_dbt_columns(const value_source *source, lt_dbt_node *node, const lt_yaml *holder,
                         lt_err *err);
/* What a generic test calls; NULL when nobody has it. */
const lt_dbt_macro *lt_dbt_test_macro(const lt_dbt *dbt, const lt_dbt_node *node);
/* Tests of an entry and of its columns. */
lt_status lt_dbt_tests_of(const value_source *source, lt_dbt_node *node, const lt_yaml *entry,
                          const char *yaml_key, lt_err *err);

/* "package.models.name", as `patches` has it. */
lt_text lt_dbt_patch_key(lt_dbt *dbt, const patch *given);

/* Where the tests of a source's table are written. */
typedef struct source_tests {
    unsigned home;
    value_source source;
    lt_dbt_node *node;
    const lt_yaml *entry;
} source_tests;

/* ---- resource.c: what .yml files define by themselves ---- */

lt_status lt_dbt_add_source(const value_source *given, const lt_yaml *entry, lt_err *err);
lt_status lt_dbt_add_exposure(const value_source *source, const lt_yaml *entry, lt_err *err);
lt_status lt_dbt_add_group(const value_source *source, const lt_yaml *entry, lt_err *err);
lt_status lt_dbt_add_unit_test(const value_source *source, const lt_yaml *entry, lt_err *err);
/* The same for an entry that may have more keys, which others have looked at. */
lt_status lt_dbt_add_model_test(const value_source *source, const lt_yaml *entry, lt_err *err);
lt_status lt_dbt_add_metric(const value_source *source, const lt_yaml *entry, lt_err *err);
lt_status lt_dbt_add_semantic_model(const value_source *source, const lt_yaml *entry, lt_err *err);
lt_status lt_dbt_add_saved_query(const value_source *source, const lt_yaml *entry, lt_err *err);
lt_status lt_dbt_add_yaml_snapshot(const value_source *source, const lt_yaml *entry, lt_err *err);

/* As lt_dbt_add_unit_test(), for an entry whose model is none: a macro. */
lt_dbt_node *lt_dbt_unit_node(const value_source *source, lt_text name, lt_text subject,
                              const lt_yaml *entry);
lt_status lt_dbt_unit_fill(const value_source *source, lt_dbt_node *node, const lt_yaml *entry,
                           lt_err *err);

/* ---- unit_test.c ---- */

/* When all models are known: dbt->unit_tests gets what the enabled ones among `parsed` mean, with rows, checksums and what they depend on. */
lt_status lt_dbt_unit_tests_settle(lt_dbt *dbt, lt_err *err);

/* ---- own_test.c: tests of macros and of CTEs, in leat_tests/ ---- */

/* Read a file of them: they become unit tests. */
lt_status lt_dbt_own_tests(lt_dbt *dbt, const project_file *file, lt_err *err);
/* A test whose macro gives a text that is compared as it is, without a database. */
bool lt_dbt_is_text_test(const lt_dbt_node *node);
/* Compare what the macro gave; `out` gets the lines that differ. */
bool lt_dbt_text_test_same(const lt_dbt_node *node, lt_text actual, lt_buf *out);
/* What the macro of the test gives, or the query over that, in `out`. */
lt_status lt_dbt_macro_test_compile(rendering *r, lt_jinja_heap *heap, lt_dbt_compiled *out,
                                    lt_err *err);
/* SELECT of these rows by the macro get_fixture_sql; `types` by column, or None: those of the node's relation. */
lt_status lt_dbt_fixture_sql(const rendering *r, const lt_dbt_node *node, lt_jinja_value rows,
                             lt_jinja_value types, lt_jinja_heap *heap, lt_text *out, lt_err *err);
/* The same for rows without a relation that has their types: those of `given`, or of what stands in the rows. */
lt_status lt_dbt_plain_input(rendering *r, lt_jinja_value given, lt_jinja_value rows, lt_text name,
                             lt_jinja_heap *heap, lt_text *out, lt_err *err);
/* The query of a statement gives one of its CTEs instead. LT_INVALID: it has none of that name. */
lt_status lt_dbt_keep_cte(const lt_dbt_node *model, lt_text name, lt_buf *sql, lt_err *err);

/* ---- override.c ---- */

/* Note what a .yml file overrides, before any source is made. LT_INVALID: it is overridden already. */
lt_status lt_dbt_overrides_note(lt_dbt *dbt, const char *path, const lt_yaml *root, lt_err *err);
/* The entry of a source of `package` as it is overridden; *tables (or NULL) are for lt_dbt_override_table(). */
const lt_yaml *lt_dbt_override_source(lt_dbt *dbt, const lt_dbt_package *package,
                                      const lt_yaml *entry, const lt_yaml **tables);
const lt_yaml *lt_dbt_override_table(lt_dbt *dbt, const lt_yaml *table, const lt_yaml *overrides);
/* A warning for overrides of nothing; afterwards there are none. */
void lt_dbt_overrides_warn(lt_dbt *dbt);

/* ---- checks of .yml files ---- */

lt_status lt_dbt_need_text(const char *path, const lt_yaml *mapping, lt_text key, lt_text *out,
                           lt_err *err);
lt_status lt_dbt_need_list(const char *path, const lt_yaml *value, const char *what, lt_err *err);
typedef struct key_list {
    const lt_text *keys;
    size_t count;
} key_list;
#define KEYS(array) ((key_list){.keys = (array), .count = LT_COUNT(array)})
lt_status lt_dbt_check_keys(const char *path, const lt_yaml *mapping, const char *what,
                            key_list list, lt_err *err);
static inline bool lt_dbt_is_null(const lt_yaml *node)
{
    return !node || (node->kind == LT_YAML_SCALAR && node->type == LT_YAML_NULL);
}
/* Give the patches to nodes and macros, and make the tests they ask for. */
lt_status lt_dbt_patches_apply(lt_dbt *dbt, lt_err *err);

typedef struct test_subject {
    const value_source *source;
    lt_dbt_node *node;    /* a model, seed, snapshot or source */
    lt_text name;         /* for the tests' names: "orders", "api_orders" */
    const char *yaml_key; /* "models" */
    lt_jinja_value version;
} test_subject;
lt_status lt_dbt_tests_add(lt_dbt *dbt, const test_subject *on, lt_text column,
                           const lt_texts *tags, const lt_yaml *holder, lt_err *err);
/* Render its arguments and its macro, for what they refer to. */
lt_status lt_dbt_test_record(lt_dbt *dbt, lt_dbt_node *node, config_calls *config_call,
                             lt_err *err);
/* The arguments as the macro gets them. */
lt_status lt_dbt_test_kwargs(const lt_dbt *dbt, const lt_dbt_node *node,
                             const lt_jinja_context *context, lt_jinja_heap *heap,
                             lt_jinja_value *out, lt_err *err);

/* ---- resolve.c ---- */

void lt_dbt_refable_add(lt_dbt *dbt, lt_map *map, lt_text key, lt_dbt_node *node);
/* NULL when there is none. *is_disabled: there is one, but it is disabled. */
lt_dbt_node *lt_dbt_ref_find(const lt_dbt *dbt, const lt_dbt_package *from, const lt_dbt_ref *ref,
                             bool *is_disabled);
/* <0, 0, >0: texts by bytes when one of the two is no number. */
int lt_dbt_version_cmp(lt_jinja_value a, lt_jinja_value b);
lt_dbt_node *lt_dbt_source_find(const lt_dbt *dbt, const lt_dbt_package *from, lt_text source,
                                lt_text table);
/* reference.c: the text "ref('x')", "ref('package', 'x', v=1)" or "source('s', 't')". False: it is none of these. */
bool lt_dbt_reference_read(lt_text text, lt_dbt_ref *out, bool *source);
/* What such a text names, as seen from a node; NULL: nothing. */
const lt_dbt_node *lt_dbt_reference_find(const lt_dbt *dbt, const lt_dbt_node *from, lt_text text);
lt_status lt_dbt_ref_missing(const lt_dbt *dbt, const lt_dbt_ref *ref, bool is_disabled,
                             lt_err *err);
lt_status lt_dbt_source_missing(const lt_dbt *dbt, lt_text source, lt_text table, lt_err *err);
/* What function('x') and function('package', 'x') mean; NULL and *is_disabled as lt_dbt_ref_find(). */
lt_dbt_node *lt_dbt_udf_find(const lt_dbt *dbt, const lt_dbt_package *from, const lt_dbt_ref *ref,
                             bool *is_disabled);
lt_status lt_dbt_udf_missing(const lt_dbt *dbt, const lt_dbt_ref *ref, bool is_disabled,
                             lt_err *err);
lt_status lt_dbt_resolve(lt_dbt *dbt, lt_err *err);
/* Whoever resolves references finds the same in both, and finds the same with either. */
bool lt_dbt_resolves_alike(const lt_dbt_node *a, const lt_dbt_node *b);
/* by_id, refable and udfs of a project that was read are there from now on. From any thread. */
void lt_dbt_names_ready(const lt_dbt *of);

/* ---- check.c ---- */

/* When all entries of .yml files are applied: what dbt refuses of contracts, and its warnings of them. `again`: only of what was evaluated
 * again; there was nothing to say of all else. */
LT_MUST_CHECK lt_status lt_dbt_check_contracts(lt_dbt *dbt, bool again, lt_err *err);
/* When all is resolved: what dbt refuses of models else, and its warnings of batches and of paths that configure nothing. */
LT_MUST_CHECK lt_status lt_dbt_check(lt_dbt *dbt, lt_err *err);

/* ---- deprecation.c ---- */

/* Keys of dbt_project.yml (a dict) that have a new name. */
lt_status lt_dbt_old_keys(lt_dbt *dbt, lt_jinja_value project, lt_err *err);
/* Keys of a .yml file that stand twice. */
void lt_dbt_old_doubles(lt_dbt *dbt, const char *path, const lt_yaml_doubles *doubles);
/* The entry of a test as it is written. */
typedef struct old_test {
    lt_text name;
    const lt_yaml *body; /* may be NULL */
    const lt_text *config_keys;
    size_t config_key_count;
} old_test;
void lt_dbt_old_test(const test_subject *on, const old_test *test);
void lt_dbt_old_exposure(lt_dbt *dbt, lt_text name);
/* Tags of a file that stand in none of its `blocks`. */
void lt_dbt_old_blocks(lt_dbt *dbt, lt_text path, lt_text text, const lt_text *blocks,
                       size_t count);
/* When all is resolved. */
void lt_dbt_old_materializations(lt_dbt *dbt);

/* ---- node_value.c ---- */

/* `graph`: all nodes by kind and id. */
lt_jinja_value lt_dbt_graph_value(const lt_dbt *dbt, lt_jinja_heap *heap);

/* ---- run_graph.c ---- */

void lt_dbt_graph_init(run_graph *graph, pthread_mutex_t *lock);
void lt_dbt_graph_cleanup(run_graph *graph);
lt_jinja_value lt_dbt_graph_take(graph_turn *turn, const lt_dbt *dbt);
/* The node is done. True: its heap must live as long as the run. */
bool lt_dbt_graph_leave(graph_turn *turn);
/* The node as a dict, as the manifest has it. */
lt_jinja_value lt_dbt_node_value(const lt_dbt *dbt, const lt_dbt_node *node, lt_jinja_heap *heap);
/* JSON of ours. */
lt_jinja_value lt_dbt_json_value(lt_jinja_heap *heap, lt_text text);

/* ---- batches.c ---- */

/* "models/m/m_2024-01-01.sql": where the text of a batch is put; of no batch, `path`. */
lt_text lt_dbt_batch_path(const lt_dbt_batch *batch, lt_text path, lt_arena *arena);

/* ---- python.c ---- */

bool lt_dbt_is_python(const lt_dbt_node *node);
/* A template with the calls of dbt.ref(), dbt.source() and dbt.config() of a file, on their lines. LT_INVALID: what dbt refuses. */
lt_status lt_dbt_python_template(const char *path, lt_text source, lt_buf *out, lt_err *err);
/* As lt_dbt_compile_own(): the file and what belongs behind it. */
lt_status lt_dbt_python_compile(rendering *r, lt_jinja_heap *heap, lt_dbt_compiled *out,
                                lt_err *err);

/* ---- compile.c ---- */

/* Where the text of a node (or one batch of it) is put, below target/compiled/ and target/run/: "shop/models/m.sql". */
lt_text lt_dbt_write_path(const lt_dbt_node *node, const lt_dbt_batch *batch, lt_arena *arena);

/* Render a node in a run: its own text, before the CTEs of ephemeral models. */
lt_status lt_dbt_compile_own(rendering *r, lt_jinja_heap *heap, lt_dbt_compiled *out, lt_err *err);
bool lt_dbt_is_ephemeral(const lt_dbt_node *node);
/* Its code is made from an entry of a .yml file, so places in it are nobody's. */
bool lt_dbt_is_yaml_snapshot(const lt_dbt_node *node);
/* What the node reads through ephemeral models, each after what it reads itself. */
void lt_dbt_ephemerals_of(const lt_dbt_node *node, lt_arena *arena, lt_dbt_nodes *out);
/* Put the ephemeral models that the node reads, and those that they read, in front of its SQL. */
lt_status lt_dbt_inject_ctes(rendering *r, lt_jinja_heap *heap, lt_buf *sql, lt_err *err);
/* Put " name as (...), ..." in front of a SELECT, into its WITH when it has one. */
lt_status lt_dbt_put_ctes(lt_text ctes, lt_buf *sql, lt_err *err);

/* ---- unit_run.c ---- */

typedef struct lt_dbt_unit lt_dbt_unit;
/* The SQL of a unit test: its model's over the rows that it gives. r->node is then a copy whose configuration has what is expected. */
lt_status lt_dbt_unit_compile(rendering *r, lt_jinja_heap *heap, lt_dbt_compiled *out, lt_buf *sql,
                              lt_err *err);
lt_status lt_dbt_unit_ref(const rendering *r, lt_jinja_render *render, const lt_dbt_node *node,
                          lt_jinja_value *out, lt_err *err);
/* An override of a macro of a package: dbt_utils.star(). */
bool lt_dbt_unit_macro(const rendering *r, lt_jinja_render *render, lt_text package, lt_text name,
                       lt_jinja_value *out);
bool lt_dbt_unit_name(const rendering *r, lt_jinja_render *render, lt_text name,
                      lt_jinja_value *out);

lt_jinja_known lt_dbt_known_names;
/* Put the place of the node's entry, or its file, in front of an error. */
lt_status lt_dbt_blame_entry(const lt_dbt_node *node, lt_err *err);
/* Turn an error of the engine at byte `at` of a statement, in which `compiled` stands, into one of the model's file. */
lt_status lt_dbt_blame(const lt_dbt_node *node, const lt_dbt_compiled *compiled, lt_text statement,
                       int64_t at, lt_err *err);
