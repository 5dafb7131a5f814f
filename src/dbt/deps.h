/* deps.h - install the packages that packages.yml (or dependencies.yml) asks for into dbt_packages/. */
#pragma once
#include "dbt/dbt.h"

typedef struct lt_dbt_deps_request {
    const char *root;         /* of the project */
    const char *install_path; /* "dbt_packages" */
    const lt_scope *scope;
    bool lock_only; /* write package-lock.yml and install nothing */
    void (*say)(void *user, lt_text line);
    void *user;
} lt_dbt_deps_request;

/* Packages of packages, too. Local folders become links, git repositories are cloned by the `git` program at their revision;
 * what a new list no longer has is removed. LT_INVALID: a package that cannot be had this way. */
LT_MUST_CHECK lt_status lt_dbt_deps(const lt_dbt_deps_request *request, lt_err *err);
