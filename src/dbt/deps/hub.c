/* The registry of packages, and archives from anywhere: what comes over the network is believed in nothing. */
#include "dbt/deps/hub.h"

#include "base/fs.h"
#include "base/map.h"
#include "dbt/rt/rt.h"
#include "fmt/tar.h"
#include "net/http_retry.h"

#include <stdlib.h>
#include <sys/stat.h>

enum {
    LIST_BYTES = 64 << 20,
    ARCHIVE_BYTES = 64 << 20,
    UNPACKED_BYTES = 512 << 20,
    MOST_ENTRIES = 50000,
    MOST_VERSIONS = 10000
};

struct lt_dbt_hub {
    lt_arena arena;
    const char *url; /* ends in a slash */
    bool any_dbt;
    lt_http_client *client;
    lt_map packages; /* name -> lt_json */
    lt_json *index;  /* NULL until it is asked for */
};

lt_dbt_hub *lt_dbt_hub_new(const char *url, bool any_dbt)
{
    lt_dbt_hub *hub = lt_xcalloc(1, sizeof(*hub));
    const lt_http_options options = {.body_limit = ARCHIVE_BYTES};
    bool slash = lt_text_ends(lt_text_of(url), T("/"));
    hub->url = lt_arena_format(&hub->arena, "%s%s", url, slash ? "" : "/");
    hub->any_dbt = any_dbt;
    hub->client = lt_http_client_new(&options);
    return hub;
}

void lt_dbt_hub_free(lt_dbt_hub *hub)
{
    if (!hub)
        return;
    lt_http_client_free(hub->client);
    lt_map_cleanup(&hub->packages);
    lt_arena_cleanup(&hub->arena);
    lt_free(hub);
}

/* ---- asking ---- */

static lt_status get(lt_dbt_hub *hub, lt_text url, lt_http_response *response, lt_err *err)
{
    const lt_http_request request = {.url = url};
    const lt_retry policy = {.attempts = 5, .cap_us = 5000000};
    LT_TRY(lt_http_send_patiently(hub->client, &request, &policy, NULL, response, NULL, err));
    if (response->status != 200)
        return lt_fail(err, LT_IO, "GET %.*s: %d %s", LT_ARG(url), response->status,
                       lt_http_status_name(response->status));
    return LT_OK;
}

static lt_status get_json(lt_dbt_hub *hub, const char *url, lt_json **out, lt_err *err)
{
    lt_http_response response = {0};
    lt_status status = get(hub, lt_text_of(url), &response, err);
    if (status == LT_OK && response.body.len > LIST_BYTES)
        status = lt_fail(err, LT_TOO_BIG, "the answer of '%s' is too big", url);
    if (status == LT_OK) /* the tree borrows from the text */
        status = lt_json_read(lt_arena_text(&hub->arena, lt_buf_text(&response.body)), url, NULL,
                              &hub->arena, out, err);
    lt_http_response_cleanup(&response);
    return status;
}

/* A name becomes a part of a URL. */
static bool is_name(lt_text package)
{
    size_t slashes = 0;
    for (size_t i = 0; i < package.len; i++) {
        char c = package.ptr[i];
        slashes += c == '/';
        if (!lt_is_alpha(c) && !lt_is_digit(c) && c != '_' && c != '-' && c != '/' && c != '.')
            return false;
    }
    return slashes == 1 && package.ptr[0] != '/' && !lt_text_ends(package, T("/")) &&
           !lt_text_has(package, T(".."));
}

static lt_status check_index(lt_dbt_hub *hub, lt_text package, lt_err *err)
{
    if (!hub->index) {
        const char *url = lt_arena_format(&hub->arena, "%sapi/v1/index.json", hub->url);
        lt_json *index = NULL;
        LT_TRY(get_json(hub, url, &index, err));
        if (index->kind != LT_JSON_ARRAY)
            return lt_fail(err, LT_IO, "'%s' is no list of packages", url);
        hub->index = index;
    }
    for (size_t i = 0; i < hub->index->count; i++)
        if (hub->index->items[i].kind == LT_JSON_STRING &&
            lt_text_eq(hub->index->items[i].text, package))
            return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID, "Package %.*s was not found in the package index",
                      LT_ARG(package)));
    return lt_hint(err, "look it up at %s", hub->url);
}

static lt_status versions_of(lt_dbt_hub *hub, lt_text package, const lt_json **out, lt_err *err)
{
    lt_json *found = lt_map_find(&hub->packages, package);
    if (!is_name(package)) {
        lt_ignore(lt_fail(err, LT_INVALID, "'%.*s' is no package of the hub", LT_ARG(package)));
        return lt_hint(err, "packages have a namespace: dbt-labs/dbt_utils");
    }
    if (!found) {
        LT_TRY(check_index(hub, package, err));
        const char *url =
            lt_arena_format(&hub->arena, "%sapi/v1/%.*s.json", hub->url, LT_ARG(package));
        LT_TRY(get_json(hub, url, &found, err));
        (void)lt_map_put(&hub->packages, lt_arena_text(&hub->arena, package), found);
    }
    *out = lt_json_find(found, "versions");
    if (!*out || (*out)->kind != LT_JSON_OBJECT || (*out)->count > MOST_VERSIONS)
        return lt_fail(err, LT_IO, "the hub does not list versions of %.*s", LT_ARG(package));
    return LT_OK;
}

/* ---- choosing ---- */

/* require_dbt_version: a text or a list of them; one that cannot be read keeps the version out. */
static bool fits_dbt(const lt_json *version)
{
    enum { MOST_RULES = 16 };
    const lt_json *rules = lt_json_find(version, "require_dbt_version");
    lt_dbt_version all[MOST_RULES + 1];
    lt_dbt_version_range range;
    size_t count = 0;
    lt_err err = {0};
    bool list = rules && rules->kind == LT_JSON_ARRAY;
    size_t len = list ? rules->count : rules && rules->kind == LT_JSON_STRING;
    if (len > MOST_RULES || lt_dbt_version_read(T(LT_DBT_VERSION), &all[count++], &err) != LT_OK)
        return false;
    for (size_t i = 0; i < len; i++) {
        const lt_json *rule = list ? &rules->items[i] : rules;
        if (rule->kind != LT_JSON_STRING ||
            lt_dbt_version_read(rule->text, &all[count++], &err) != LT_OK)
            return false;
    }
    return lt_dbt_versions_join(all, count, &range);
}

static int by_version(const void *a, const void *b)
{
    return lt_dbt_version_compare(a, b);
}

static lt_status no_version(const lt_dbt_hub *hub, const lt_dbt_hub_wish *wish,
                            const lt_dbt_version_range *range, const lt_dbt_versions *there,
                            lt_err *err)
{
    LT_AUTO(lt_buf) asked = {.limit = LT_KIB};
    LT_AUTO(lt_buf) have = {.limit = 400};
    lt_dbt_version_range_write(range, &asked);
    for (size_t i = 0; i < there->len; i++)
        lt_buf_printf(&have, "%s%.*s", i ? ", " : "", LT_ARG(there->items[i].text));
    lt_ignore(lt_fail(err, LT_INVALID,
                      "Could not find a matching compatible version for package %.*s: requested "
                      "range: %s; compatible versions: %s",
                      LT_ARG(wish->package), lt_buf_chars(&asked), lt_buf_chars(&have)));
    if (hub->any_dbt)
        return err->status;
    return lt_hint(err, "versions that want another dbt are not shown; 'leat dbt deps "
                        "--no-version-check' takes them, too");
}

/* "dbt-labs/dbt_utils", where the registry says that a package has another name now. */
static lt_text new_name(lt_dbt_hub *hub, lt_text package)
{
    const lt_json *entry = lt_map_find(&hub->packages, package);
    lt_text home = lt_json_text_or(entry, "redirectnamespace", (lt_text){0});
    lt_text name = lt_json_text_or(entry, "redirectname", (lt_text){0});
    if (!home.len && !name.len)
        return (lt_text){0};
    if (!home.len)
        home = lt_json_text_or(entry, "namespace", (lt_text){0});
    if (!name.len)
        name = lt_json_text_or(entry, "name", (lt_text){0});
    return lt_text_of(lt_arena_format(&hub->arena, "%.*s/%.*s", LT_ARG(home), LT_ARG(name)));
}

static void tell(const lt_json *version, lt_dbt_hub_found *out)
{
    out->name = lt_json_text_or(version, "name", (lt_text){0});
    out->archive = lt_json_text_or(lt_json_find(version, "downloads"), "tarball", (lt_text){0});
    out->packages = lt_json_find(version, "packages");
}

lt_status lt_dbt_hub_find(lt_dbt_hub *hub, const lt_dbt_hub_wish *wish, lt_dbt_hub_found *out,
                          lt_err *err)
{
    const lt_json *versions = NULL;
    lt_dbt_version_range range;
    lt_dbt_versions there = {0};
    const lt_dbt_version *best = NULL;
    bool candidates = wish->candidates;
    LT_TRY(versions_of(hub, wish->package, &versions, err));
    if (!lt_dbt_versions_join(wish->versions, wish->version_count, &range))
        return lt_fail(err, LT_INVALID,
                       "Version error for package %.*s: no version is what all of the lists ask "
                       "for",
                       LT_ARG(wish->package));
    for (size_t i = 0; i < wish->version_count; i++)
        candidates |= wish->versions[i].pre.len > 0;
    for (size_t i = 0; i < versions->count; i++) {
        lt_dbt_version one;
        lt_err ignored = {0};
        if (lt_dbt_version_read(versions->items[i].key, &one, &ignored) == LT_OK &&
            (!one.pre.len || candidates) && (hub->any_dbt || fits_dbt(&versions->items[i])))
            lt_push_in(&hub->arena, &there, one);
    }
    if (there.len)
        qsort(there.items, there.len, sizeof(*there.items), by_version);
    for (size_t i = 0; i < there.len; i++)
        if (lt_dbt_version_fits(&range, &there.items[i]))
            best = &there.items[i];
    if (!best)
        return no_version(hub, wish, &range, &there, err);
    *out = (lt_dbt_hub_found){.version = best->text, .latest = there.items[there.len - 1].text};
    tell(lt_json_find_text(versions, best->text), out);
    out->moved_to = new_name(hub, wish->package);
    return LT_OK;
}

/* ---- archives ---- */

typedef struct unpacking {
    const char *folder;
    size_t links;
} unpacking;

/* Below a folder that was made for it, and without links: no path leads out of it. */
static lt_status put(void *context, const lt_tar_entry *entry, lt_err *err)
{
    unpacking *u = context;
    LT_AUTO(lt_chars) name = lt_text_dup(entry->path);
    LT_AUTO(lt_chars) path = lt_path_join(u->folder, name);
    if (entry->kind == LT_TAR_OTHER) {
        u->links++;
        return LT_OK;
    }
    if (entry->kind == LT_TAR_FOLDER)
        return lt_folder_make(path, 0755, err);
    LT_AUTO(lt_chars) above = lt_xstrndup(path, (size_t)(strrchr(path, '/') - path));
    LT_TRY(lt_folder_make(above, 0755, err));
    return lt_file_write(path, entry->content, entry->is_executable ? 0755 : 0644, err);
}

lt_status lt_dbt_hub_fetch(lt_dbt_hub *hub, lt_text url, const char *folder, size_t *links,
                           lt_err *err)
{
    lt_http_response response = {0};
    LT_AUTO(lt_buf) archive = {.limit = UNPACKED_BYTES};
    unpacking u = {.folder = folder};
    lt_status status = get(hub, url, &response, err);
    if (status == LT_OK)
        status = lt_gunzip(lt_buf_text(&response.body), &archive, err);
    lt_http_response_cleanup(&response);
    if (status == LT_OK)
        status = lt_folder_make(folder, 0755, err);
    if (status == LT_OK)
        status = lt_tar_read(lt_buf_text(&archive), MOST_ENTRIES, put, &u, err);
    *links = u.links;
    if (status != LT_OK)
        return lt_wrap(err, "%.*s", LT_ARG(url));
    return LT_OK;
}
