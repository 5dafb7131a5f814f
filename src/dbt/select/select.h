/* select.h - which nodes somebody means, in dbt's words (https://docs.getdbt.com/reference/node-selection/syntax).
 *
 * Words of --select are a union of criteria; a criterion is an intersection of terms separated by commas; a term is
 *     [@] [N+|+] [method[.argument]:]value [+|+N]
 * Tests come along by --indirect-selection. selectors.yml names trees of the same terms. */
#pragma once
#include "dbt/dbt.h"
#include "fmt/json.h"
#include "graph/graph.h"

typedef enum lt_dbt_indirect {
    LT_DBT_EAGER,
    LT_DBT_CAUTIOUS,
    LT_DBT_BUILDABLE,
    LT_DBT_NO_INDIRECT
} lt_dbt_indirect;

/* What another run left: --state. Every part may be NULL. */
typedef struct lt_dbt_manifest lt_dbt_manifest;
typedef struct lt_dbt_state {
    lt_arena arena;
    const char *folder;        /* in the arena */
    lt_dbt_manifest *manifest; /* owned; its text stays, and nodes become trees one by one */
    lt_json *run_results, *sources;
    lt_json *current_sources; /* of the target folder, for source_status: */
} lt_dbt_state;

/* Read what FOLDER has of manifest.json, run_results.json and sources.json: who asks for one that is missing says so. */
LT_MUST_CHECK lt_status lt_dbt_state_read(const char *folder, const char *target_folder,
                                          lt_dbt_state *out, lt_err *err);
/* LT_NOT_FOUND: its folder had no manifest. */
LT_MUST_CHECK lt_status lt_dbt_state_need(const lt_dbt_state *state, lt_err *err);
/* The results are those of a command that builds or tests; `compile` and its like also leave some. */
bool lt_dbt_results_count(const lt_json *run_results);
/* The same of the run whose results lie in the folder. LT_NOT_FOUND: there are none that count, or manifest.json is another run's by
 * now, and then it is not read. */
LT_MUST_CHECK lt_status lt_dbt_state_read_last(const char *folder, lt_dbt_state *out, lt_err *err);
void lt_dbt_state_cleanup(lt_dbt_state *state);
/* The node in the state's manifest; NULL when it was not there. In `arena`: for those who ask for many of them, one after the other. */
const lt_json *lt_dbt_state_node_in(const lt_dbt_state *state, lt_text id, lt_arena *arena);
/* It was there, written as `now` but for what says nothing of what it is made from (times, where it is built, what it was compiled to): quickly
 * told. False: it may still mean the same. */
bool lt_dbt_state_has(const lt_dbt_state *state, lt_text id, lt_text now);
/* Like lt_dbt_state_node_in(), for as long as the state lives. From any thread. */
const lt_json *lt_dbt_state_node(const lt_dbt_state *state, lt_text id);
/* Ids of all of them, from 0 on; false: there are no more. */
bool lt_dbt_state_id_at(const lt_dbt_state *state, size_t i, lt_text *out);
/* The text of a macro; false: it was not there. */
bool lt_dbt_state_macro(const lt_dbt_state *state, lt_text id, lt_text *sql);
/* `invocation_id` of the manifest; empty: it says none. */
lt_text lt_dbt_state_invocation(const lt_dbt_state *state);

typedef struct lt_dbt_selecting {
    const lt_dbt *dbt;
    const char *const *select, *const *exclude; /* words of the command line */
    size_t select_count, exclude_count;
    const char *selector; /* of selectors.yml; NULL: its default, when nothing is selected */
    lt_dbt_indirect indirect;
    const lt_dbt_state *state; /* or NULL */
    unsigned kinds;            /* bits of lt_dbt_kind that may be chosen at all */
    bool no_default;           /* the default of selectors.yml does not count */
} lt_dbt_selecting;

/* The chosen nodes, by their index in lt_dbt_all(). `unmatched` (may be NULL) gets the words that mean nothing, in `arena`.
 * LT_INVALID: the words are no criteria, or a state is asked for and not given. */
LT_MUST_CHECK lt_status lt_dbt_select(const lt_dbt_selecting *selecting, lt_arena *arena,
                                      lt_node_set *out, lt_texts *unmatched, lt_err *err);
/* The name of the selector that counts when nothing is selected; empty: there is none. */
lt_text lt_dbt_default_selector(const lt_dbt *dbt);
/* Names of selectors.yml, with their definitions as the manifest has them; empty when there is no such file. */
LT_MUST_CHECK lt_status lt_dbt_selectors_read(lt_dbt *dbt, lt_err *err);
