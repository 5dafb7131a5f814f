/* manifest.h - what a project writes into its target folder for other tools: manifest.json and its relatives.
 *
 * Shapes are dbt's, https://schemas.getdbt.com/dbt/manifest/v12.json. */
#pragma once
#include "dbt/dbt.h"
#include "fmt/json.h"

/* One call of the program. All borrowed. */
typedef struct lt_dbt_invocation {
    lt_text id; /* a UUID */
    int64_t started_at_us;
    lt_text which;                /* "build": the verb */
    lt_jinja_value args;          /* of the command line: a dict */
    const char *const *env_names; /* DBT_ENV_CUSTOM_ENV_..., without that prefix */
    const char *const *env_values;
    size_t env_count;
} lt_dbt_invocation;

/* Write FOLDER/manifest.json whole, as a stream: memory does not grow with the project. */
LT_MUST_CHECK lt_status lt_dbt_manifest_write(lt_dbt *dbt, const lt_dbt_invocation *invocation,
                                              const char *folder, lt_err *err);
/* One node as the manifest has it (without primary_key). */
void lt_dbt_write_node(const lt_dbt *dbt, const lt_dbt_node *node, lt_json_writer *w);
void lt_dbt_write_value(lt_json_writer *w, lt_jinja_value value);
/* The keys of `metadata` that all artifacts share. */
void lt_dbt_write_metadata(const lt_dbt_invocation *invocation, const char *schema,
                           lt_json_writer *w);
/* Who needs each node, by its index; in the arena. */
lt_dbt_nodes *lt_dbt_children(const lt_dbt *dbt, lt_arena *arena);
