/* semantic.h - metrics, semantic models and saved queries as dbt's artifacts have them.
 *
 * What a .yml file says of them is brought into one shape when it is read (every key of dbt's, in its order, with its default), so
 * that nobody has to ask later whether a measure is a text or a mapping. The shapes are those of manifest.json (v12) and of
 * semantic_manifest.json (dbt_semantic_interfaces 0.9). */
#pragma once
#include "dbt/inner.h"
#include "fmt/json.h"

/* Put the keys of an entry into node->raw, shaped. LT_INVALID: a key is missing, or is of no use. */
lt_status lt_dbt_semantic_read(const value_source *source, lt_dbt_node *node, const lt_yaml *entry,
                               lt_err *err);
/* meta of the semantic model for all of its parts, once its configuration is known. */
void lt_dbt_semantic_spread_meta(lt_dbt *dbt, lt_dbt_node *model);
/* Where a saved query's exports go, once its configuration is known. LT_INVALID: nothing says what an export is. */
lt_status lt_dbt_semantic_exports(const value_source *source, lt_dbt_node *query,
                                  const lt_yaml *entry, lt_err *err);
/* A metric from a measure (`of`) with `create_metric: true`: its raw, shaped. */
void lt_dbt_semantic_of_measure(lt_dbt *dbt, lt_dbt_node *node, lt_jinja_value of);
/* `time_spine` of a model with all of its keys. */
lt_status lt_dbt_semantic_spine(const value_source *source, const lt_yaml *said,
                                lt_jinja_value *out, lt_err *err);

/* Once all references are resolved: measures of every metric, time spines. LT_INVALID: what dbt refuses. */
lt_status lt_dbt_semantic_finish(lt_dbt *dbt, lt_err *err);

/* node_relation: of the model that a semantic model is about. */
void lt_dbt_semantic_relation(const lt_dbt_node *about, lt_json_writer *w);

/* ---- semantic/check.c ---- */

/* LT_INVALID, with the place of the node's entry. */
lt_status lt_dbt_semantic_refuse(const lt_dbt_node *node, lt_err *err, const char *format, ...)
    LT_PRINTF(3, 4);

/* ---- semantic/names.c ---- */

/* What MetricFlow refuses of names: of metrics, semantic models, saved queries, and of what is in a semantic model. */
LT_MUST_CHECK lt_status lt_dbt_semantic_names(const lt_dbt *dbt, lt_err *err);
