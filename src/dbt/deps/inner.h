/* deps/inner.h - what the files of deps share: packages that are wanted, and those that were chosen. */
#pragma once
#include "dbt/deps/deps.h"
#include "dbt/deps/hub.h"
#include "dbt/inner.h"

enum { MOST_PACKAGES = 500 };

typedef enum package_kind { HUB_PACKAGE, GIT_PACKAGE, LOCAL_PACKAGE, TARBALL_PACKAGE } package_kind;

/* What one or more lists ask for, under one key. */
typedef struct wanted {
    package_kind kind;
    lt_text key;  /* name, URL or folder */
    lt_text said; /* the same as it is written: a secret in it is not in the lock */
    lt_dbt_versions versions;
    bool candidates;
    lt_texts revisions;
    lt_text subdirectory;
    lt_text name; /* that the list gives; of an archive: needed */
    bool unpinned_is_fine;
} wanted;

/* The one that was chosen. */
typedef struct pinned {
    const wanted *from;
    lt_text name;            /* of the project in it: its folder */
    lt_text version, latest; /* of the hub; version: the revision of git */
    lt_text archive;         /* URL */
    LT_VEC(wanted *) needs;
} pinned;

typedef LT_VEC(wanted *) wanted_list;

typedef struct deps {
    const lt_dbt_deps_request *request;
    lt_dbt *bare; /* renders the lists */
    lt_arena arena;
    lt_dbt_hub *hub;
    const char *fresh;        /* becomes dbt_packages/; .downloads below it */
    lt_texts moved;           /* packages with a new name, of which that is said */
    wanted_list list;         /* of the project */
    lt_jinja_value contracts; /* the same as dbt sees it, for the hash: a list of dicts */
} deps;

/* ---- deps/list.c ---- */

/* Read packages.yml and dependencies.yml of a folder. `contracts` (undefined: not wanted) gets each entry as dbt sees it. */
lt_status lt_dbt_deps_read(deps *d, const char *folder, wanted_list *out, lt_jinja_value contracts,
                           lt_err *err);
/* What a package of the hub needs; nothing in it is rendered. */
lt_status lt_dbt_deps_read_json(deps *d, const lt_json *list, wanted_list *out, lt_err *err);
/* The entries of package-lock.yml; *sum: its sha1_hash. */
lt_status lt_dbt_deps_read_lock(deps *d, wanted_list *out, lt_text *sum, lt_err *err);
lt_status lt_dbt_deps_write_lock(deps *d, pinned *const *all, size_t count, lt_err *err);
void lt_dbt_deps_sum(const deps *d, char out[41]);
/* Add to a list, or to the entry of it that is the same package. */
lt_status lt_dbt_deps_merge(deps *d, wanted_list *list, const wanted *one, lt_err *err);
wanted *lt_dbt_deps_find(const wanted_list *list, const wanted *one);

/* ---- deps/fetch.c ---- */

/* Choose a version, and read what the package is called and needs. */
lt_status lt_dbt_deps_pin(deps *d, const wanted *package, pinned *out, lt_err *err);
/* Put a package under its name below d->fresh. */
lt_status lt_dbt_deps_install(deps *d, const pinned *package, lt_err *err);

void lt_dbt_deps_say(const deps *d, bool warning, const char *format, ...) LT_PRINTF(3, 4);
