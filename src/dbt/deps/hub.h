/* hub.h - packages that are fetched over HTTP: the registry's lists of versions, and archives.
 *
 * The registry answers api/v1/index.json (a list of names) and api/v1/NAMESPACE/NAME.json (versions, each with its packages, the dbt versions that it
 * wants, and its archive). Its address is DBT_PACKAGE_HUB_URL, else https://hub.getdbt.com/. What it says is remembered for the life of a lt_dbt_hub. */
#pragma once
#include "dbt/semver.h"
#include "fmt/json.h"

typedef struct lt_dbt_hub lt_dbt_hub;

/* `any_dbt`: also versions that want another dbt (--no-version-check). */
lt_dbt_hub *lt_dbt_hub_new(const char *url, bool any_dbt);
void lt_dbt_hub_free(lt_dbt_hub *hub); /* NULL is fine */

typedef struct lt_dbt_hub_wish {
    lt_text package; /* "dbt-labs/dbt_utils" */
    const lt_dbt_version *versions;
    size_t version_count;
    bool candidates; /* pre-releases, too */
} lt_dbt_hub_wish;

typedef struct lt_dbt_hub_found {
    lt_text version, latest;
    lt_text name;            /* of the project */
    lt_text archive;         /* URL */
    lt_text moved_to;        /* its new name; empty: it has none */
    const lt_json *packages; /* that it needs; may be NULL */
} lt_dbt_hub_found;

/* The newest version that all wishes allow. Texts live as long as the hub. LT_INVALID: there is no such package, or no such version. */
LT_MUST_CHECK lt_status lt_dbt_hub_find(lt_dbt_hub *hub, const lt_dbt_hub_wish *wish,
                                        lt_dbt_hub_found *out, lt_err *err);
/* Fetch an archive and put what is in it below `folder`, which is made. *links: entries that were left out, since they are links. */
LT_MUST_CHECK lt_status lt_dbt_hub_fetch(lt_dbt_hub *hub, lt_text url, const char *folder,
                                         size_t *links, lt_err *err);
