/* The parse cache: whether it fits the project as it is now, and evaluating again what has changed. */
#include "dbt/parse_cache.h"

#include "base/fs.h"
#include "base/time.h"

#include <link.h>
#include <openssl/evp.h>
#include <stdlib.h>

/* ---- the checksum: against damage, not against people ---- */

uint64_t lt_parse_sum(const void *data, size_t len)
{
    enum { LANES = 4 };
    const uint64_t odd = 0x9e3779b97f4a7c15ULL;
    const unsigned char *at = data;
    uint64_t lanes[LANES] = {1, 2, 3, 4}, word, sum = len;
    for (; len >= sizeof(lanes); at += sizeof(lanes), len -= sizeof(lanes))
        for (size_t i = 0; i < LANES; i++) {
            memcpy(&word, at + i * sizeof(word), sizeof(word));
            lanes[i] = (lanes[i] ^ word) * odd;
            lanes[i] ^= lanes[i] >> 29;
        }
    for (size_t i = 0; i < len; i++)
        lanes[0] = (lanes[0] ^ at[i]) * odd;
    for (size_t i = 0; i < LANES; i++)
        sum = (sum ^ lanes[i] ^ lanes[i] >> 31) * odd;
    return sum;
}

/* ---- the key ---- */

typedef struct build_id {
    lt_text id;
} build_id;

/* The linker's note in the program itself: another build has another. */
static int find_build_id(struct dl_phdr_info *info, size_t size, void *context)
{
    build_id *out = context;
    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        const char *at = (const char *)(info->dlpi_addr + part->p_vaddr), *end = at + part->p_memsz;
        while (part->p_type == PT_NOTE && (size_t)(end - at) >= sizeof(ElfW(Nhdr))) {
            const ElfW(Nhdr) *note = (const void *)at;
            const char *name = at + sizeof(*note), *body = name + ((note->n_namesz + 3) & ~3u);
            if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
                memcmp(name, "GNU", 4) == 0)
                out->id = lt_text_at(body, note->n_descsz);
            at = body + ((note->n_descsz + 3) & ~3u);
        }
    }
    return 1; /* the first is the program; libraries are not asked */
}

typedef struct hashing {
    EVP_MD_CTX *context;
    lt_buf text;
} hashing;

/* With its length in front, so that neighbours cannot run into each other. */
static void hash_text(hashing *h, lt_text text)
{
    uint64_t len = text.len;
    (void)EVP_DigestUpdate(h->context, &len, sizeof(len));
    if (len)
        (void)EVP_DigestUpdate(h->context, text.ptr, text.len);
}

static void hash_value(hashing *h, lt_jinja_value value)
{
    lt_buf_clear(&h->text);
    lt_jinja_repr(value, &h->text);
    hash_text(h, lt_buf_text(&h->text));
}

static void hash_package(hashing *h, const lt_dbt_package *package)
{
    hash_text(h, package->name);
    hash_text(h, package->version);
    hash_text(h, package->root ? lt_text_of(package->root) : T(""));
    hash_value(h, package->project);
    hash_value(h, package->unrendered);
    hash_value(h, package->vars);
    for (size_t kind = 0; kind < LT_DBT_PATHS; kind++) {
        hash_value(h, lt_jinja_int((int64_t)package->paths[kind].len));
        for (size_t i = 0; i < package->paths[kind].len; i++)
            hash_text(h, package->paths[kind].items[i]);
    }
}

static void hash_all(hashing *h, const lt_dbt *dbt)
{
    const lt_dbt_settings *set = &dbt->settings;
    const lt_text texts[] = {set->name,          set->target_name,     set->target_kind,
                             set->target_schema, set->target_database, set->profile_name,
                             set->schema_prefix};
    for (size_t i = 0; i < LT_COUNT(texts); i++)
        hash_text(h, texts[i]);
    hash_value(h, dbt->target);
    hash_value(h, set->scope->vars);
    for (size_t i = 0; i < dbt->packages.len; i++)
        hash_package(h, dbt->packages.items[i]);
    for (size_t i = 0; i < dbt->templates.len; i++) { /* macros; ours are part of the build */
        const lt_dbt_package *package = lt_jinja_tag_of(dbt->templates.items[i]);
        if (package->is_built_in)
            continue;
        hash_text(h, package->name);
        hash_text(h, lt_jinja_name(dbt->templates.items[i]));
        hash_text(h, lt_jinja_source(dbt->templates.items[i]));
    }
}

lt_status lt_parse_key(const lt_dbt *dbt, unsigned char out[LT_PARSE_KEY_BYTES], lt_err *err)
{
    build_id build = {0};
    hashing h = {.context = EVP_MD_CTX_new(), .text = {.limit = LT_PARSE_MOST_BYTES}};
    unsigned len = 0;
    (void)dl_iterate_phdr(find_build_id, &build);
    bool begun = h.context && EVP_DigestInit_ex(h.context, EVP_sha256(), NULL) == 1;
    if (begun) {
        hash_text(&h, build.id);
        hash_all(&h, dbt);
        begun = EVP_DigestFinal_ex(h.context, out, &len) == 1 && len == LT_PARSE_KEY_BYTES;
    }
    bool whole = begun && build.id.len && !h.text.overflow;
    EVP_MD_CTX_free(h.context);
    lt_buf_cleanup(&h.text);
    return whole ? LT_OK : lt_fail(err, LT_INVALID, "the project's state cannot be told");
}

/* ---- what is as it was ---- */

/* Two changes within a tick of the file system's clock look the same: what was changed just before it was looked at is read. */
static bool is_same_look(const lt_parse_file *before, const lt_file_look *now, int64_t written_us)
{
    enum { FINE_TICK_MS = 50, COARSE_TICK_MS = 2500 };
    const lt_file_look *then = &before->look;
    bool coarse = then->changed_ns % 1000000000 == 0 || then->status_changed_ns % 1000000000 == 0;
    int64_t newest_us = LT_MAX(then->changed_ns, then->status_changed_ns) / 1000;
    int64_t tick_us = (coarse ? COARSE_TICK_MS : FINE_TICK_MS) * INT64_C(1000);
    return now->inode && then->inode == now->inode && then->size_bytes == now->size_bytes &&
           then->changed_ns == now->changed_ns &&
           then->status_changed_ns == now->status_changed_ns && newest_us < written_us - tick_us;
}

static bool are_same_files(const lt_dbt *dbt, const project_files *files, const lt_parsed *parsed)
{
    if (files->len != parsed->file_count)
        return false;
    for (size_t i = 0; i < files->len; i++) {
        const project_file *now = &files->items[i];
        const lt_parse_file *then = &parsed->files[i];
        if (!lt_text_eq(lt_text_of(now->path), then->path) || (uint32_t)now->kind != then->kind ||
            !then->package || then->package > dbt->packages.len ||
            dbt->packages.items[then->package - 1] != now->package)
            return false;
    }
    return true;
}

static bool is_same_env(const lt_parsed *parsed)
{
    for (size_t i = 0; i < parsed->env_count; i++) {
        char sum[65] = "";
        LT_AUTO(lt_chars) name = lt_text_dup(parsed->env[2 * i]);
        const char *value = getenv(name);
        if (value)
            lt_dbt_sha256(lt_text_of(value), sum);
        if (!lt_text_eq(lt_text_of(sum), parsed->env[2 * i + 1]))
            return false;
    }
    return true;
}

/* The environment that was asked stays asked: the cache may be written again. */
static void keep_env(lt_dbt *dbt, const lt_parsed *parsed)
{
    for (size_t i = 0; i < parsed->env_count; i++)
        (void)lt_map_put(&dbt->env_reads, parsed->env[2 * i], &parsed->env[2 * i + 1]);
}

/* ---- evaluating again ---- */

typedef struct refreshing {
    lt_dbt *dbt;
    project_files *files;
    const lt_parsed *parsed;
    lt_dbt_node **owners; /* by file: the node that the file is; NULL: none, or several */
    size_t read, evaluated;
} refreshing;

/* Files are read that look changed, and those of nodes that have to be evaluated whatever they are. */
static lt_status find_owners(refreshing *r, lt_err *err)
{
    const lt_dbt *dbt = r->dbt;
    r->owners = lt_alloc_array(&r->dbt->arena, r->files->len + 1, sizeof(*r->owners));
    for (size_t i = 0; i < dbt->parsed.len; i++) {
        lt_dbt_node *node = dbt->parsed.items[i];
        if (node->file_place > r->files->len)
            return lt_fail(err, LT_INVALID, "it names a file that is not there");
        if (node->file_place)
            r->owners[node->file_place - 1] = node;
    }
    return LT_OK;
}

static void choose_files(refreshing *r)
{
    for (size_t i = 0; i < r->files->len; i++) {
        project_file *file = &r->files->items[i];
        const lt_parse_file *before = &r->parsed->files[i];
        const lt_dbt_node *owner = r->owners[i];
        file->is_wanted = (owner && owner->reads_clock) ||
                          !is_same_look(before, &file->look, r->parsed->head->written_us);
        r->read += file->is_wanted;
        if (!file->is_wanted)
            memcpy(file->checksum, before->checksum.ptr,
                   LT_MIN(before->checksum.len, sizeof(file->checksum) - 1));
    }
}

static lt_status check_file(refreshing *r, size_t i, lt_err *err)
{
    project_file *file = &r->files->items[i];
    lt_dbt_node *owner = r->owners[i];
    bool alone = false;
    if (file->failed)
        return lt_fail(err, LT_INVALID, "%s cannot be read", file->path);
    bool same = lt_text_eq(lt_text_of(file->checksum), r->parsed->files[i].checksum);
    if (same && !(owner && owner->reads_clock))
        return LT_OK;
    if (!owner)
        return lt_fail(err, LT_INVALID, "%s has changed", file->path);
    r->evaluated += !same;
    LT_TRY(lt_dbt_node_again(r->dbt, owner, file, &alone, err));
    return alone ? LT_OK
                 : lt_fail(err, LT_INVALID, "others may depend on what is new in %s", file->path);
}

/* The project's hooks and snapshots, which have their text with them. */
static lt_status refresh_texts(lt_dbt *dbt, lt_err *err)
{
    for (size_t i = 0; i < dbt->parsed.len; i++) {
        lt_dbt_node *node = dbt->parsed.items[i];
        project_file file = {.text = node->raw_code};
        bool alone = false;
        if (!node->reads_clock || node->file_place)
            continue;
        memcpy(file.checksum, node->checksum, sizeof(file.checksum));
        LT_TRY(lt_dbt_compile_template(dbt, node, true, &file.compiled, err));
        lt_status status = lt_dbt_node_again(dbt, node, &file, &alone, err);
        lt_jinja_template_free(file.compiled);
        LT_TRY(status);
        if (!alone)
            return lt_fail(err, LT_INVALID, "'%.*s' is another", LT_ARG(node->id));
    }
    return LT_OK;
}

static lt_status refresh(refreshing *r, lt_err *err)
{
    lt_status status = LT_OK;
    LT_TRY(find_owners(r, err));
    choose_files(r);
    if (r->read)
        lt_dbt_files_read(r->dbt, r->files, 0, r->files->len);
    for (size_t i = 0; i < r->files->len && status == LT_OK; i++)
        if (r->files->items[i].is_wanted)
            status = check_file(r, i, err);
    return status == LT_OK ? refresh_texts(r->dbt, err) : status;
}

/* Reading costs little as long as few files are behind: it is not worth writing everything again. */
static bool is_near(const refreshing *r)
{
    enum { MOST_READ = 200, MOST_EVALUATED = 20 };
    return r->read <= MOST_READ && r->evaluated <= MOST_EVALUATED;
}

/* ---- using and keeping ---- */

lt_status lt_parse_cache_use(lt_dbt *dbt, project_files *files, bool *used, lt_err *err)
{
    lt_parsed parsed;
    unsigned char key[LT_PARSE_KEY_BYTES];
    lt_err none = {0};
    *used = false;
    dbt->parsed_before.limit = LT_PARSE_MOST_BYTES;
    if (lt_file_read(dbt->settings.parse_cache, &dbt->parsed_before, &none) != LT_OK ||
        lt_parse_key(dbt, key, &none) != LT_OK)
        return LT_OK;
    lt_status status = lt_parse_unpack(dbt, lt_buf_text(&dbt->parsed_before), key, &parsed, err);
    if (status == LT_NOT_FOUND)
        return LT_OK;
    LT_TRY(status);
    if (!are_same_files(dbt, files, &parsed))
        return lt_fail(err, LT_INVALID, "there are other files");
    if (!is_same_env(&parsed))
        return lt_fail(err, LT_INVALID, "the environment is another");
    keep_env(dbt, &parsed);
    refreshing r = {.dbt = dbt, .files = files, .parsed = &parsed};
    LT_TRY(refresh(&r, err));
    dbt->is_kept = is_near(&r);
    dbt->parse_note = lt_arena_format(
        &dbt->arena, "parsed from the cache: %zu files, %zu looked into, %zu evaluated again",
        files->len, r.read, r.evaluated);
    *used = true;
    return LT_OK;
}

static lt_status write(const lt_dbt *dbt, const project_files *files, lt_err *err)
{
    unsigned char key[LT_PARSE_KEY_BYTES];
    LT_AUTO(lt_buf) content = {0};
    LT_TRY(lt_parse_key(dbt, key, err));
    LT_TRY(lt_parse_pack(dbt, files, key, &content, err));
    LT_AUTO(lt_chars) folder = lt_format("%s", dbt->settings.parse_cache);
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
    LT_TRY(lt_folder_make(folder, 0755, err));
    return lt_file_write(dbt->settings.parse_cache, lt_buf_text(&content), 0644, err);
}

/* What cannot be evaluated alone. */
static bool reads_clock_elsewhere(const lt_dbt *dbt)
{
    bool found = dbt->reads_clock;
    for (size_t i = 0; i < dbt->parsed.len && !found; i++) {
        const lt_dbt_node *node = dbt->parsed.items[i];
        bool alone = node->file_place || node->kind == LT_DBT_OPERATION ||
                     (node->kind == LT_DBT_SNAPSHOT && lt_text_ends(node->path, T(".sql")));
        found = node->reads_clock && !alone;
    }
    return found;
}

void lt_parse_cache_keep(lt_dbt *dbt, const project_files *files)
{
    lt_err err = {0};
    if (dbt->is_kept)
        return;
    if (reads_clock_elsewhere(dbt))
        dbt->parse_note =
            "parsed from scratch, and not kept: a .yml file or a test reads the clock";
    else if (write(dbt, files, &err) != LT_OK)
        dbt->parse_note =
            lt_arena_format(&dbt->arena, "parsed from scratch, and not kept: %s", err.message);
}
