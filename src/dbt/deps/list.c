/* Lists of packages: reading packages.yml and its like, merging what several ask for, and package-lock.yml. */
#include "dbt/deps/inner.h"

#include "base/fs.h"

#include <openssl/evp.h>

/* ---- one entry ---- */

static lt_text text_at(deps *d, lt_jinja_value entry, const char *key)
{
    return lt_arena_text(&d->arena, lt_dbt_text_at(d->bare, entry, key));
}

static bool leads_out(lt_text path)
{
    lt_text part;
    if (lt_text_starts(path, T("/")))
        return true;
    while (lt_text_cut(&path, '/', &part))
        if (lt_text_eq(part, T("..")))
            return true;
    return false;
}

static lt_status read_versions(deps *d, lt_jinja_value said, wanted *out, lt_err *err)
{
    bool list = said.type == LT_JINJA_LIST;
    for (size_t i = 0; i < (list ? lt_jinja_len(said) : 1); i++) {
        lt_dbt_version one;
        lt_text text =
            lt_arena_text(&d->arena, lt_dbt_text_of(d->bare, list ? lt_jinja_at(said, i) : said));
        LT_TRY(lt_dbt_version_read(text, &one, err));
        lt_push_in(&d->arena, &out->versions, one);
    }
    return LT_OK;
}

static lt_status read_hub(deps *d, lt_jinja_value entry, wanted *out, lt_err *err)
{
    lt_jinja_value version = lt_dbt_at(entry, "version");
    if (!lt_dbt_is_set(version) || (version.type == LT_JINJA_LIST && !lt_jinja_len(version)))
        return lt_fail(err, LT_INVALID,
                       "%.*s is missing the version. When installing from the Hub package index, "
                       "version is a required property",
                       LT_ARG(out->key));
    out->candidates = lt_jinja_truth(lt_dbt_at(entry, "install_prerelease"));
    return read_versions(d, version, out, err);
}

static const char *const kind_keys[] = {[HUB_PACKAGE] = "package",
                                        [GIT_PACKAGE] = "git",
                                        [LOCAL_PACKAGE] = "local",
                                        [TARBALL_PACKAGE] = "tarball"};

static lt_status read_entry(deps *d, lt_jinja_value entry, wanted *out, lt_err *err)
{
    *out = (wanted){.subdirectory = text_at(d, entry, "subdirectory"),
                    .name = text_at(d, entry, "name")};
    for (size_t i = 0; i < LT_COUNT(kind_keys) && !out->key.len; i++) {
        out->key = out->said = text_at(d, entry, kind_keys[i]);
        out->kind = (package_kind)i;
    }
    if (lt_dbt_is_set(lt_dbt_at(entry, "private")))
        return lt_fail(err, LT_INVALID,
                       "Cannot resolve private package %.*s because git provider integration is "
                       "missing. Please use a \"git\" package instead",
                       LT_ARG(text_at(d, entry, "private")));
    if (!out->key.len) {
        lt_ignore(lt_fail(err, LT_INVALID, "this package names no source"));
        return lt_hint(err, "it is one of 'package', 'git', 'local' and 'tarball'");
    }
    if (leads_out(out->subdirectory))
        return lt_fail(err, LT_INVALID, "the subdirectory '%.*s' leads out of the repository",
                       LT_ARG(out->subdirectory));
    if (out->kind == HUB_PACKAGE)
        return read_hub(d, entry, out, err);
    if (out->kind == TARBALL_PACKAGE && !out->name.len)
        return lt_fail(err, LT_INVALID, "the archive '%.*s' needs a 'name'", LT_ARG(out->key));
    lt_jinja_value unpinned = lt_dbt_at(entry, "warn-unpinned");
    out->unpinned_is_fine = lt_dbt_is_set(unpinned) && !lt_jinja_truth(unpinned);
    if (lt_dbt_is_set(lt_dbt_at(entry, "revision")))
        lt_push_in(&d->arena, &out->revisions, text_at(d, entry, "revision"));
    return LT_OK;
}

/* ---- merging ---- */

static lt_text without(lt_text text, lt_text ending)
{
    text.len -= lt_text_ends(text, ending) ? ending.len : 0;
    return text;
}

wanted *lt_dbt_deps_find(const wanted_list *list, const wanted *one)
{
    for (size_t i = 0; i < list->len; i++) {
        wanted *other = list->items[i];
        bool git = one->kind == GIT_PACKAGE && other->kind == GIT_PACKAGE;
        lt_text a = git ? without(one->key, T(".git")) : one->key;
        lt_text b = git ? without(other->key, T(".git")) : other->key;
        if (one->kind == other->kind && lt_text_eq(a, b) &&
            lt_text_eq(one->subdirectory, other->subdirectory))
            return other;
    }
    return NULL;
}

lt_status lt_dbt_deps_merge(deps *d, wanted_list *list, const wanted *one, lt_err *err)
{
    wanted *there = lt_dbt_deps_find(list, one);
    if (!there) {
        if (list->len == MOST_PACKAGES)
            return lt_fail(err, LT_TOO_BIG, "there are more than %d packages", MOST_PACKAGES);
        there = LT_NEW(&d->arena, wanted);
        *there = *one; /* with lists of its own: they grow */
        there->versions = (lt_dbt_versions){0};
        there->revisions = (lt_texts){0};
        lt_push_in(&d->arena, list, there);
    }
    if (there->versions.len + one->versions.len > MOST_PACKAGES)
        return lt_fail(err, LT_TOO_BIG, "too many lists ask for '%.*s'", LT_ARG(one->key));
    for (size_t i = 0; i < one->versions.len; i++)
        lt_push_in(&d->arena, &there->versions, one->versions.items[i]);
    for (size_t i = 0; i < one->revisions.len; i++)
        if (!lt_dbt_texts_have(&there->revisions, one->revisions.items[i]))
            lt_push_in(&d->arena, &there->revisions, one->revisions.items[i]);
    there->unpinned_is_fine |= one->unpinned_is_fine;
    return LT_OK;
}

/* ---- files ---- */

/* As dbt's own class of the entry turns into JSON. */
static lt_jinja_value contract_of(deps *d, lt_jinja_value entry, lt_jinja_value raw,
                                  package_kind kind)
{
    static const char *const keys[][4] = {
        [HUB_PACKAGE] = {"package", "version"},
        [GIT_PACKAGE] = {"git", "revision", "subdirectory", "warn-unpinned"},
        [LOCAL_PACKAGE] = {"local"},
        [TARBALL_PACKAGE] = {"tarball"}};
    lt_jinja_value made = lt_jinja_dict(&d->bare->heap), value;
    for (size_t i = 0; i < 4 && keys[kind][i]; i++) {
        value = lt_dbt_at(entry, keys[kind][i]);
        lt_jinja_put(made, keys[kind][i], lt_dbt_is_set(value) ? value : lt_jinja_none());
    }
    if (kind == HUB_PACKAGE)
        lt_jinja_put(made, "install_prerelease",
                     lt_jinja_bool(lt_jinja_truth(lt_dbt_at(entry, "install_prerelease"))));
    value = lt_dbt_at(entry, "name");
    if (lt_dbt_is_set(value))
        lt_jinja_put(made, "name", value);
    lt_jinja_put(made, "unrendered", raw);
    return made;
}

static lt_status read_list(deps *d, const char *shown, const lt_yaml *list, wanted_list *out,
                           lt_jinja_value contracts, lt_err *err)
{
    const value_source source = {.dbt = d->bare, .path = shown, .may_read_secrets = true};
    LT_TRY(lt_dbt_need_list(shown, list, "packages", err));
    for (size_t i = 0; i < list->count; i++) {
        const lt_yaml *at = list->items[i];
        lt_jinja_value entry;
        wanted one;
        LT_TRY(lt_dbt_value(&source, at, &entry, err));
        if (read_entry(d, entry, &one, err) != LT_OK)
            return lt_wrap(err, "%s:%u:%u", shown, at->line, at->col);
        one.said = lt_yaml_find(at, lt_text_of(kind_keys[one.kind]))->text;
        if (contracts.type == LT_JINJA_LIST)
            lt_jinja_add(contracts,
                         contract_of(d, entry, lt_scope_value(&d->bare->heap, at), one.kind));
        LT_TRY(lt_dbt_deps_merge(d, out, &one, err));
    }
    return LT_OK;
}

lt_status lt_dbt_deps_read(deps *d, const char *folder, wanted_list *out, lt_jinja_value contracts,
                           lt_err *err)
{
    static const char *const files[] = {"packages.yml", "dependencies.yml"};
    bool is_root = strcmp(folder, d->request->root) == 0;
    for (size_t f = 0; f < LT_COUNT(files); f++) {
        lt_yaml *root = NULL;
        LT_AUTO(lt_chars) full = lt_path_join(folder, files[f]);
        if (!lt_path_exists(full))
            continue;
        LT_TRY(lt_dbt_yaml_file(d->bare, folder, files[f], &root, NULL, err));
        const lt_yaml *list = lt_yaml_find(root, T("packages"));
        if (!lt_dbt_is_null(list))
            LT_TRY(read_list(d, is_root ? files[f] : lt_arena_str(&d->arena, lt_text_of(full)),
                             list, out, contracts, err));
    }
    return LT_OK;
}

lt_status lt_dbt_deps_read_json(deps *d, const lt_json *list, wanted_list *out, lt_err *err)
{
    static const lt_yaml_options options = {.yaml11 = true};
    for (size_t i = 0; list && list->kind == LT_JSON_ARRAY && i < list->count; i++) {
        LT_AUTO(lt_buf) text = {.limit = LT_MIB};
        lt_json_writer w = {.out = &text};
        lt_yaml *root = NULL;
        wanted one;
        lt_json_tree(&w, &list->items[i]); /* JSON is YAML */
        lt_text kept = lt_arena_text(&d->arena, lt_buf_text(&text));
        LT_TRY(lt_yaml_read(kept, "a package of the hub", &options, &d->arena, &root, err));
        LT_TRY(read_entry(d, lt_scope_value(&d->bare->heap, root), &one, err));
        if (one.kind == LOCAL_PACKAGE)
            return lt_fail(err, LT_INVALID, "a package of the hub asks for the folder '%.*s'",
                           LT_ARG(one.key));
        LT_TRY(lt_dbt_deps_merge(d, out, &one, err));
    }
    return LT_OK;
}

/* ---- the lock ---- */

void lt_dbt_deps_sum(const deps *d, char out[41])
{
    static const lt_jinja_json how = {.sort_keys = true};
    static const char digits[] = "0123456789abcdef";
    LT_AUTO(lt_arena) scratch = {0};
    LT_AUTO(lt_buf) all = {.limit = 16 * LT_MIB};
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    lt_texts lines = {0};
    lt_err err = {0};
    for (size_t i = 0; i < lt_jinja_len(d->contracts); i++) {
        LT_AUTO(lt_buf) line = {.limit = LT_MIB};
        lt_ignore(lt_jinja_to_json(lt_jinja_at(d->contracts, i), &how, &line, &err));
        lt_text text = lt_arena_text(&scratch, lt_buf_text(&line));
        lt_push_in(&scratch, &lines, text);
        for (size_t k = lines.len - 1; k && lt_text_cmp(text, lines.items[k - 1]) < 0; k--) {
            lines.items[k] = lines.items[k - 1];
            lines.items[k - 1] = text;
        }
    }
    for (size_t i = 0; i < lines.len; i++)
        lt_buf_printf(&all, "%s%.*s", i ? "\n" : "", LT_ARG(lines.items[i]));
    (void)EVP_Digest(lt_buf_chars(&all), all.len, sum, &len, EVP_sha1(), NULL);
    for (unsigned i = 0; i < len; i++) {
        out[2 * i] = digits[sum[i] >> 4];
        out[2 * i + 1] = digits[sum[i] & 15];
    }
    out[40] = '\0';
}

lt_status lt_dbt_deps_read_lock(deps *d, wanted_list *out, lt_text *sum, lt_err *err)
{
    lt_yaml *root = NULL;
    LT_TRY(lt_dbt_yaml_file(d->bare, d->request->root, "package-lock.yml", &root, NULL, err));
    const lt_yaml *list = lt_yaml_find(root, T("packages"));
    const lt_yaml *said = lt_yaml_find(root, T("sha1_hash"));
    *sum = said ? said->text : (lt_text){0};
    if (lt_dbt_is_null(list))
        return LT_OK;
    return read_list(d, "package-lock.yml", list, out, (lt_jinja_value){0}, err);
}

/* Without quotes where YAML reads the same text back. */
static void put_scalar(lt_text text, lt_buf *out)
{
    static const lt_yaml_options options = {.yaml11 = true};
    LT_AUTO(lt_arena) scratch = {0};
    lt_yaml *read = NULL;
    lt_err err = {0};
    bool plain = text.len > 0;
    for (size_t i = 0; i < text.len; i++)
        plain &= lt_is_alpha(text.ptr[i]) || lt_is_digit(text.ptr[i]) ||
                 memchr("._-/:@+~", text.ptr[i], 8) != NULL;
    plain = plain && text.ptr[0] != '-' && !lt_text_ends(text, T(":")) &&
            lt_yaml_read(text, "text", &options, &scratch, &read, &err) == LT_OK && read &&
            read->kind == LT_YAML_SCALAR && read->type == LT_YAML_STRING;
    if (plain)
        lt_buf_add(out, text);
    else
        lt_json_quote(text, out);
}

static void put_pair(const char *key, lt_text value, lt_buf *out)
{
    lt_text so_far = lt_buf_text(out);
    lt_buf_printf(out, "%s%s: ", lt_text_ends(so_far, T("  - ")) ? "" : "    ", key);
    put_scalar(value, out);
    lt_buf_add_byte(out, '\n');
}

/* Keys in the order of the alphabet, as dbt writes them. */
static void put_package(const pinned *package, lt_buf *out)
{
    const wanted *from = package->from;
    lt_buf_add_str(out, "  - ");
    switch (from->kind) {
    case HUB_PACKAGE:
        put_pair("name", package->name, out);
        put_pair("package", from->said, out);
        put_pair("version", package->version, out);
        return;
    case GIT_PACKAGE:
        put_pair("git", from->said, out);
        put_pair("name", package->name, out);
        put_pair("revision", package->version, out);
        if (from->subdirectory.len)
            put_pair("subdirectory", from->subdirectory, out);
        return;
    case LOCAL_PACKAGE:
        put_pair("local", from->said, out);
        put_pair("name", package->name, out);
        return;
    default:
        put_pair("name", package->name, out);
        put_pair("tarball", from->said, out);
    }
}

lt_status lt_dbt_deps_write_lock(deps *d, pinned *const *all, size_t count, lt_err *err)
{
    char sum[41];
    LT_AUTO(lt_buf) text = {.limit = 4 * LT_MIB};
    LT_AUTO(lt_chars) path = lt_path_join(d->request->root, "package-lock.yml");
    lt_buf_add_str(&text, "packages:\n");
    for (size_t i = 0; i < count; i++)
        put_package(all[i], &text);
    lt_dbt_deps_sum(d, sum);
    lt_buf_printf(&text, "sha1_hash: %s\n", sum);
    LT_TRY(lt_buf_check(&text, "package-lock.yml", err));
    LT_TRY(lt_file_write(path, lt_buf_text(&text), 0644, err));
    lt_dbt_deps_say(d, false, "Updating lock file in file path: %s", path);
    return LT_OK;
}
