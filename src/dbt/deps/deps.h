/* deps.h - install the packages that packages.yml (or dependencies.yml) asks for into dbt_packages/.
 *
 * The lists of the project and of its packages are resolved together into package-lock.yml, which says one version of each; what it says is installed. It is
 * resolved anew when the lists have changed (its sha1_hash, made as dbt makes it), or with `upgrade`. */
#pragma once
#include "dbt/dbt.h"

typedef struct lt_dbt_deps_request {
    const char *root;         /* of the project */
    const char *install_path; /* "dbt_packages" */
    lt_text project;          /* its name: no package may have it */
    const lt_scope *scope;
    const char *hub_url;
    bool any_dbt;   /* also versions that want another dbt */
    bool lock_only; /* write package-lock.yml and install nothing */
    bool upgrade;   /* resolve anew */
    void (*say)(void *user, bool warning, lt_text line);
    /* The hub has a package under another name now. What it fails with ends the command. */
    lt_status (*moved)(void *user, lt_text old, lt_text now, lt_err *err);
    void *user;
} lt_dbt_deps_request;

/* Local folders become links, git repositories are cloned by the `git` program, archives and packages of the hub are fetched. The folder of packages is
 * replaced as a whole when all are there. LT_INVALID: a package that cannot be had. */
LT_MUST_CHECK lt_status lt_dbt_deps(const lt_dbt_deps_request *request, lt_err *err);

typedef struct lt_dbt_deps_entry {
    const char *package; /* name, URL or folder */
    const char *version; /* or revision; "1.0.0" or ">=1.0.0,<2.0.0"; NULL: none */
    const char *source;  /* "hub", "git", "local" */
} lt_dbt_deps_entry;

/* Put a package into the list of the project in `root`, in place of one of the same name; other lines stay as they are. *path: the file; a heap string. */
LT_MUST_CHECK lt_status lt_dbt_deps_add(const char *root, const lt_dbt_deps_entry *entry,
                                        bool *replaced, char **path, lt_err *err);
