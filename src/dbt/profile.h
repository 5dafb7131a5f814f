/* profile.h - profiles.yml: where a dbt project builds. */
#pragma once
#include "dbt/dbt.h"

typedef struct lt_dbt_profile {
    lt_text name, target_name;
    lt_text kind, database, schema;
    lt_target target;           /* for lt_engine_open() */
    lt_jinja_value values;      /* what templates see of it: everything but secrets */
    lt_jinja_value credentials; /* everything */
    int64_t threads;            /* 0: not said */
    const char *path;           /* of profiles.yml */
    lt_texts targets;           /* names of all outputs */
    lt_dbt *bare;               /* ours: where the values live */
} lt_dbt_profile;

typedef struct lt_dbt_profile_request {
    const char *folder; /* --profiles-dir; NULL: this folder, the project's, ~/.dbt */
    const char *project_root;
    lt_text name;          /* --profile; empty: the project's `profile:` */
    lt_text target;        /* --target; empty: the profile's */
    const lt_scope *scope; /* var() of --vars */
} lt_dbt_profile_request;

/* `config:` of profiles.yml, the old place of flags, in `heap`; undefined when there is none, or no such file. */
lt_jinja_value lt_dbt_profile_flags(const lt_dbt_profile_request *request, lt_jinja_heap *heap);

void lt_dbt_profile_cleanup(lt_dbt_profile *profile);

/* Read the profile; it lives until lt_dbt_profile_cleanup(), and not longer than `heap`. LT_NOT_FOUND: there is no profiles.yml, or no such target in it; LT_INVALID says what is wrong in it. */
LT_MUST_CHECK lt_status lt_dbt_profile_read(const lt_dbt_profile_request *request,
                                            lt_jinja_heap *heap, lt_dbt_profile *out, lt_err *err);

/* A text of dbt_project.yml that is wanted before the project is read, such as its target-path; with var(), env_var() and modules.
 * *out lives in `heap`. */
LT_MUST_CHECK lt_status lt_dbt_early_text(const lt_scope *scope, lt_text text, lt_jinja_heap *heap,
                                          lt_text *out, lt_err *err);

/* A YAML file of dbt's kind as a value, its strings not rendered, in `heap`. */
LT_MUST_CHECK lt_status lt_dbt_yaml_value(const char *path, lt_jinja_heap *heap,
                                          lt_jinja_value *out, lt_err *err);
