/* inner.h - what the files of dbt/ share. */
#pragma once
#include "conf/scope.h"
#include "dbt/dbt.h"

/* A macro or a generic test by name, and the template that holds it. */
typedef struct macro_home {
    const lt_jinja_template *home; /* owned by the project */
    lt_jinja_value macro;
    bool built_in; /* ours: a project may override it */
} macro_home;

struct lt_dbt {
    lt_arena arena;
    lt_dbt_settings settings;
    lt_jinja_env env;
    lt_jinja_heap heap; /* vars, configs, arguments of tests; frozen after loading */
    LT_VEC(lt_jinja_template *) templates; /* owned */
    lt_map macros;                         /* name -> macro_home */
    LT_VEC(lt_dbt_node *) nodes;           /* what is enabled */
    LT_VEC(lt_dbt_node *) tests;           /* generic ones, as the .yml files ask for them */
    lt_map models;                         /* name -> lt_dbt_node */
    lt_map sources;                        /* "api.orders" -> lt_dbt_source */
    lt_jinja_value target;
};

/* One rendering: what the context functions know. `user` of the jinja context. */
typedef struct relation_object {
    lt_jinja_object object;
    lt_relation relation; /* borrowed texts */
} relation_object;

typedef struct rendering {
    lt_scope scope; /* first: what var() and its like read */
    const lt_dbt *dbt;
    lt_dbt *loading;       /* while loading: references and configuration are recorded; else NULL */
    lt_dbt_node *recorded; /* the node that is loaded */
    const lt_dbt_node *node;
    lt_session *session; /* NULL: no database */
    bool incremental;    /* what is_incremental() says */
    relation_object this_relation;
    lt_jinja_object config, exceptions;
} rendering;

/* ---- context.c ---- */

/* The names that every template sees; given to jinja with `rendering` as user. */
lt_status lt_dbt_lookup(void *user, lt_jinja_render *render, const lt_jinja_template *from,
                        lt_text name, lt_jinja_value *out, bool *found, lt_err *err);
void lt_dbt_rendering_init(rendering *r, const lt_dbt *dbt, const lt_dbt_node *node);
/* A relation as a value: prints as "schema"."name", has .schema, .identifier, .name, .database. */
lt_jinja_value lt_dbt_relation_value(lt_jinja_heap *heap, const lt_relation *relation);

/* ---- config.c ---- */

/* Set what is not set yet from leat.yml: the deepest folder wins. */
lt_status lt_dbt_config_from_folders(lt_dbt *dbt, const lt_yaml *tree, lt_dbt_node *node,
                                     lt_err *err);
/* From a `config:` mapping of a .yml file; it wins over folders. */
lt_status lt_dbt_config_from_yaml(lt_dbt *dbt, const char *path, const lt_yaml *mapping,
                                  lt_dbt_node *node, lt_err *err);
/* From one keyword of config() in a model; it wins over all. */
lt_status lt_dbt_config_set(lt_dbt *dbt, lt_dbt_node *node, lt_text name, lt_jinja_value value,
                            lt_err *err);
/* Check what only makes sense together, and fill in the defaults. */
lt_status lt_dbt_config_finish(lt_dbt *dbt, lt_dbt_node *node, lt_err *err);
bool lt_dbt_config_is_key(lt_text key);

/* ---- properties.c ---- */

/* Read a .yml file below models/: descriptions, columns, configuration, tests, sources. */
lt_status lt_dbt_properties(lt_dbt *dbt, const char *path, lt_err *err);
/* Make the test nodes that the .yml files asked for, once all models are known. */
lt_status lt_dbt_link_tests(lt_dbt *dbt, lt_err *err);

/* ---- load.c ---- */

/* Render for references and configuration. */
lt_status lt_dbt_record(lt_dbt *dbt, lt_dbt_node *node, lt_err *err);
void lt_dbt_need(lt_dbt *dbt, lt_dbt_node *node, lt_text id);

/* ---- compile.c ---- */

/* As lt_dbt_compile() when it is known what stands under the node's name; *incremental: an increment is wanted. */
lt_status lt_dbt_compile_for(const lt_dbt *dbt, const lt_dbt_node *node, lt_session *session,
                             lt_relation_kind existing, lt_dbt_compiled *out, bool *incremental,
                             lt_err *err);

/* Turn an error of the engine in `compiled` (which stands at `prefix` in the statement) into one of the model's file. */
lt_status lt_dbt_blame(const lt_dbt_node *node, const lt_dbt_compiled *compiled, size_t prefix,
                       lt_session *session, lt_err *err);

/* ---- materialize.c, test.c ---- */

/* lt_write_begin(), as the settings say what to do with relations of other people. *existing (may be NULL) is what is there. */
lt_status lt_dbt_write_begin(const lt_dbt *dbt, const lt_relation *relation, lt_session *session,
                             const lt_attempt *attempt, lt_relation_kind *existing, lt_err *err);

lt_status lt_dbt_materialize(const lt_dbt *dbt, const lt_dbt_node *node, lt_session *session,
                             const lt_attempt *attempt, lt_dbt_result *result, lt_err *err);
lt_status lt_dbt_test(const lt_dbt *dbt, const lt_dbt_node *node, lt_session *session,
                      const lt_attempt *attempt, lt_dbt_result *result, lt_err *err);
