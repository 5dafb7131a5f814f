/* select/method.h - what single terms of a selection mean: "tag:x", "state:modified", "orders". For select.c. */
#pragma once
#include "dbt/select/select.h"

typedef struct lt_dbt_method lt_dbt_method;

typedef struct lt_dbt_term {
    const lt_dbt_method *method;
    lt_text argument; /* "materialized" of config.materialized:view */
    lt_text value;
} lt_dbt_term;

typedef struct lt_dbt_method_context {
    const lt_dbt *dbt;
    const lt_dbt_state *state; /* or NULL */
    lt_arena *arena;
    struct lt_dbt_comparison *comparison; /* for state: */
} lt_dbt_method_context;

/* What state: needs of all nodes at once. */
typedef struct lt_dbt_comparison {
    const bool *as_before; /* by index: lt_dbt_state_as_before(); NULL: not known */
    lt_map
        macros; /* id -> whether it, or what it calls, is another; for those that were asked for */
} lt_dbt_comparison;

/* LT_INVALID: there is no such method; the hint has the nearest. */
LT_MUST_CHECK lt_status lt_dbt_method_find(lt_text name, const lt_dbt_method **out, lt_err *err);
/* Add the nodes that fit. */
LT_MUST_CHECK lt_status lt_dbt_method_run(const lt_dbt_method_context *context,
                                          const lt_dbt_term *term, lt_node_set *out, lt_err *err);

/* ---- state.c ---- */

/* By index: the node is written as in the state, but for what says nothing of what it is made from. In context->arena. */
const bool *lt_dbt_state_as_before(const lt_dbt_method_context *context);
/* state:new, state:modified.body ... for one node. LT_INVALID: no such check. */
LT_MUST_CHECK lt_status lt_dbt_state_check(const lt_dbt_method_context *context, lt_text check,
                                           const lt_dbt_node *node, bool *fits, lt_err *err);
/* Whether two trees are alike; none and null are. */
bool lt_dbt_json_same(const lt_json *a, const lt_json *b);

/* Say it with the project's warnings, once; `line` lives in its arena. */
void lt_dbt_state_warn(const lt_dbt_method_context *context, lt_dbt_event event, const char *line);

/* ---- state_contract.c ---- */

/* A contract that was enforced and is broken now: LT_INVALID for a version of a model, else a warning. */
LT_MUST_CHECK lt_status lt_dbt_contract_check(const lt_dbt_method_context *context,
                                              const lt_json *now, const lt_json *then, lt_err *err);
/* The same of models with a contract that are there no more. */
LT_MUST_CHECK lt_status lt_dbt_contracts_gone(const lt_dbt_method_context *context, lt_err *err);
