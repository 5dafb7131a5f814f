/* manifest_inner.h - what the files that write manifest.json share. Keys and shapes are dbt's. */
#pragma once
#include "dbt/inner.h"
#include "dbt/manifest.h"

/* ---- manifest_value.c: one key and its value ---- */

void lt_manifest_key(lt_json_writer *w, lt_jinja_value key);
void lt_manifest_value(lt_json_writer *w, const char *key, lt_jinja_value value);
void lt_manifest_null(lt_json_writer *w, const char *key);
void lt_manifest_text(lt_json_writer *w, const char *key, lt_text text); /* empty: null */
void lt_manifest_texts(lt_json_writer *w, const char *key, const lt_texts *texts);
/* `bracket` '{': a dict; '[': a list, or one text as a list. What is neither is written empty. */
void lt_manifest_container(lt_json_writer *w, const char *key, lt_jinja_value value, char bracket);
/* A dict: the keys of `usual`, with what `value` says of them. */
void lt_manifest_over(lt_json_writer *w, lt_jinja_value usual, lt_jinja_value value);
void lt_manifest_config(lt_json_writer *w, const lt_dbt *dbt, const lt_dbt_node *node);

/* ---- manifest_column.c ---- */

void lt_manifest_columns(lt_json_writer *w, const lt_dbt *dbt, const lt_dbt_node *node);
void lt_manifest_constraints(lt_json_writer *w, const lt_dbt *dbt, const lt_dbt_node *node,
                             lt_jinja_value list, bool of_model);
/* dbt's checksum of an enforced contract: names, types and constraints of the columns, as SHA-256 in hex. */
void lt_manifest_contract_sum(const lt_dbt_node *node, char out[65]);
/* The columns that make a model's row unique, as constraints or tests tell. */
void lt_manifest_primary_key(lt_dbt *dbt, const lt_dbt_node *node, const lt_dbt_nodes *children,
                             lt_texts *out);

/* ---- manifest_node.c ---- */

void lt_manifest_node(lt_json_writer *w, const lt_dbt *dbt, const lt_dbt_node *node,
                      const lt_texts *primary_key);

/* ---- manifest.c: the file ---- */

typedef struct lt_manifest {
    lt_json_writer w;
    lt_buf buf;
    int fd;
    lt_status status; /* of writing so far */
    const char *path;
    lt_err *err;
    lt_dbt *dbt;
    const lt_dbt_invocation *invocation;
    lt_dbt_nodes *children; /* by index in dbt->all */
} lt_manifest;

/* What is written so far goes to the file, so that memory does not grow with the project. */
void lt_manifest_flush(lt_manifest *m);

/* ---- manifest_macro.c, manifest_map.c: keys of the file ---- */

void lt_manifest_macros(lt_manifest *m);
void lt_manifest_docs(lt_manifest *m);
void lt_manifest_maps(lt_manifest *m);
void lt_manifest_groups(lt_manifest *m);
