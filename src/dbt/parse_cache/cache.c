/* The parse cache: whether it fits the project as it is now, and writing it. */
#include "dbt/parse_cache/cache.h"

#include "base/fs.h"
#include "base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the checksum ---- */

static void add_block(lt_parse_summing *sum, const unsigned char *block)
{
    for (size_t i = 0; i < LT_PARSE_LANES; i++) {
        uint64_t word;
        memcpy(&word, block + i * sizeof(word), sizeof(word));
        sum->lanes[i] = (sum->lanes[i] ^ word ^ i) * 0x9e3779b97f4a7c15ULL;
        sum->lanes[i] ^= sum->lanes[i] >> 29;
    }
}

void lt_parse_sum_add(lt_parse_summing *sum, lt_text part)
{
    size_t held = sum->len % sizeof(sum->rest), at = 0;
    sum->len += part.len;
    if (held) {
        at = LT_MIN(part.len, sizeof(sum->rest) - held);
        memcpy(sum->rest + held, part.ptr, at);
        if (held + at < sizeof(sum->rest))
            return;
        add_block(sum, sum->rest);
    }
    for (; part.len - at >= sizeof(sum->rest); at += sizeof(sum->rest))
        add_block(sum, (const unsigned char *)part.ptr + at);
    if (part.len > at)
        memcpy(sum->rest, part.ptr + at, part.len - at);
}

uint64_t lt_parse_sum_end(lt_parse_summing *sum)
{
    uint64_t end = sum->len;
    size_t held = sum->len % sizeof(sum->rest);
    memset(sum->rest + held, 0, sizeof(sum->rest) - held);
    add_block(sum, sum->rest);
    for (size_t i = 0; i < LT_PARSE_LANES; i++)
        end = (end ^ sum->lanes[i] ^ sum->lanes[i] >> 31) * 0x9e3779b97f4a7c15ULL;
    return end;
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

/* Hooks have the checksum of the file that they stand in. */
static void hash_hooks(hashing *h, const lt_dbt_package *package)
{
    LT_AUTO(lt_buf) file = {0};
    lt_err none = {0};
    if ((lt_dbt_is_set(lt_dbt_at(package->project, "on-run-start")) ||
         lt_dbt_is_set(lt_dbt_at(package->project, "on-run-end"))) &&
        lt_dbt_read(package, package->file, &file, &none) == LT_OK)
        hash_text(h, lt_buf_text(&file));
}

static void hash_package(hashing *h, const lt_dbt_package *package)
{
    hash_text(h, package->name);
    hash_text(h, package->version);
    hash_text(h, package->root ? lt_text_of(package->root) : T(""));
    hash_value(h, package->project);
    hash_value(h, package->unrendered);
    hash_value(h, package->vars);
    hash_hooks(h, package);
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
    for (size_t i = 0; i < dbt->macros.len; i++) { /* ours are part of the build */
        const lt_dbt_macro *macro = dbt->macros.items[i];
        if (macro->package->is_built_in)
            continue;
        hash_text(h, macro->id);
        hash_text(h, macro->path);
    }
}

/* A macro is found by its package and name, and by its name where it stands: in a package, another macro of its file may be meant that
 * the project is not asked for. */
void lt_parse_macro_digest(const lt_dbt_macro *macro, lt_parse_digest *out)
{
    unsigned char sum[EVP_MAX_MD_SIZE] = {0};
    lt_text text = macro->package->is_root ? macro->sql : lt_jinja_source(macro->home);
    (void)EVP_Digest(text.ptr ? text.ptr : "", text.len, sum, NULL, EVP_sha256(), NULL);
    memcpy(out, sum, sizeof(*out));
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

/* What a name of `env_reads` has for a value now, as a digest; empty: none. */
static void digest_now(const lt_dbt *dbt, lt_text name, char out[65])
{
    lt_jinja_value flag = lt_jinja_none();
    LT_AUTO(lt_chars) key = lt_text_dup(name);
    out[0] = '\0';
    if (lt_text_starts(name, T(LT_DBT_FLAG_READ))) {
        lt_text flag_name = lt_text_sub(name, strlen(LT_DBT_FLAG_READ), SIZE_MAX);
        (void)lt_jinja_find(dbt->settings.flags, flag_name, &flag);
        lt_dbt_flag_digest(flag, out);
    } else if (getenv(key)) {
        lt_dbt_sha256(lt_text_of(getenv(key)), out);
    }
}

static bool is_same_env(const lt_dbt *dbt, const lt_parsed *parsed)
{
    for (size_t i = 0; i < parsed->env_count; i++) {
        char sum[65];
        digest_now(dbt, parsed->env[2 * i], sum);
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

/* Evaluating few nodes at each start costs less than writing everything again: some 40 us for each, and 10 us for each of all. */
static bool is_near(const lt_dbt *dbt, const lt_parse_work *work)
{
    enum { MOST_READ = 200, FEW = 20, MANY = 500, PART = 10 };
    size_t most = LT_MIN(LT_MAX(dbt->parsed.len / PART, (size_t)FEW), (size_t)MANY);
    return work->read <= MOST_READ && work->evaluated <= most;
}

/* ---- using and keeping ---- */

/* On a thread of its own: clearing new pages takes longer than copying what is in the system's cache. */
struct cache_reading {
    const char *path;
    lt_arena arena;
    lt_text content; /* empty: there is none that can be read */
    uint64_t sum;
    pthread_t thread;
    bool is_running;
};

/* Into the arena, in one piece. */
static void *read_whole(void *context)
{
    enum { AT_ONCE = 256 << 10 };
    struct cache_reading *r = context;
    struct stat info;
    LT_AUTO(lt_fd) fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) ||
        info.st_size < (off_t)sizeof(lt_parse_head) || info.st_size > LT_PARSE_MOST_BYTES)
        return NULL;
    size_t size = (size_t)info.st_size, len = 0, summed = sizeof(lt_parse_head);
    lt_parse_summing sum = {0};
    char *content = lt_alloc(&r->arena, size);
    for (ssize_t got;
         len < size && (got = read(fd, content + len, LT_MIN(size - len, (size_t)AT_ONCE))) > 0;) {
        len += (size_t)got;
        if (len > summed) /* while it is near */
            lt_parse_sum_add(&sum, lt_text_at(content + summed, len - summed));
        summed = LT_MAX(len, summed);
    }
    if (len < size)
        return NULL;
    r->content = lt_text_at(content, len);
    r->sum = lt_parse_sum_end(&sum);
    return NULL;
}

void lt_parse_cache_begin(lt_dbt *dbt)
{
    struct cache_reading *r = lt_xcalloc(1, sizeof(*r));
    r->path = dbt->settings.parse_cache;
    r->is_running = pthread_create(&r->thread, NULL, read_whole, r) == 0;
    if (!r->is_running)
        (void)read_whole(r);
    dbt->cache_reading = r;
}

static void wait_for(struct cache_reading *r)
{
    if (r->is_running)
        (void)pthread_join(r->thread, NULL);
    r->is_running = false;
}

void lt_parse_cache_end(lt_dbt *dbt)
{
    if (!dbt->cache_reading)
        return;
    wait_for(dbt->cache_reading);
    lt_arena_cleanup(&dbt->cache_reading->arena);
    lt_free(dbt->cache_reading);
    dbt->cache_reading = NULL;
}

lt_status lt_parse_cache_use(lt_dbt *dbt, lt_parsed *parsed, bool *used, lt_err *err)
{
    unsigned char key[LT_PARSE_KEY_BYTES];
    lt_err none = {0};
    *used = false;
    if (dbt->is_strict || lt_parse_key(dbt, key, &none) != LT_OK)
        return LT_OK;
    wait_for(dbt->cache_reading);
    lt_text content = dbt->cache_reading->content;
    if (!content.len)
        return LT_OK;
    lt_status status = lt_parse_unpack(dbt, content, dbt->cache_reading->sum, key, parsed, err);
    if (status == LT_NOT_FOUND) {
        lt_parse_cache_end(dbt); /* nothing points into it */
        return LT_OK;
    }
    LT_TRY(status);
    if (!is_same_env(dbt, parsed))
        return lt_fail(err, LT_INVALID, "the environment is another, or the flags are");
    keep_env(dbt, parsed);
    *used = true;
    return LT_OK;
}

lt_status lt_parse_cache_refresh(lt_dbt *dbt, project_files *files, const lt_parsed *parsed,
                                 lt_err *err)
{
    lt_parse_work work = {0};
    LT_TRY(lt_parse_refresh(dbt, files, parsed, &work, err));
    dbt->is_kept = is_near(dbt, &work);
    dbt->is_as_before = !work.evaluated;
    dbt->cache_stamp = lt_parse_stamp(parsed->head);
    dbt->parse_note = lt_arena_format(
        &dbt->arena, "parsed from the cache: %zu files, %zu looked into, %zu evaluated again%s",
        files->len, work.read, work.evaluated, dbt->is_settled ? ", edges as before" : "");
    return LT_OK;
}

static lt_status write_new(const lt_dbt *dbt, const project_files *files, const char *fresh,
                           uint64_t *stamp, lt_err *err)
{
    unsigned char key[LT_PARSE_KEY_BYTES];
    LT_TRY(lt_parse_key(dbt, key, err));
    LT_AUTO(lt_fd) fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return lt_fail_errno(err, errno, "cannot create '%s'", fresh);
    return lt_parse_pack(dbt, files, key, fd, stamp, err);
}

/* Readers see the old file or the new one. */
static lt_status write_cache(const lt_dbt *dbt, const project_files *files, uint64_t *stamp,
                             lt_err *err)
{
    const char *path = dbt->settings.parse_cache;
    LT_AUTO(lt_chars) fresh = lt_format("%s.%08x", path, arc4random());
    LT_AUTO(lt_chars)
    folder = lt_text_dup(lt_text_sub(lt_text_of(path), 0, (size_t)(lt_path_name(path) - path)));
    LT_TRY(lt_folder_make(folder, 0755, err));
    lt_status status = write_new(dbt, files, fresh, stamp, err);
    if (status == LT_OK)
        status = lt_file_name(fresh, path, err);
    if (status != LT_OK)
        (void)unlink(fresh);
    return status;
}

/* What cannot be evaluated alone. */
static bool reads_clock_elsewhere(const lt_dbt *dbt)
{
    bool found = dbt->reads_clock;
    for (size_t i = 0; i < dbt->parsed.len && !found; i++) {
        const lt_dbt_node *node = dbt->parsed.items[i];
        bool alone = node->file_place || node->kind == LT_DBT_OPERATION ||
                     (node->kind == LT_DBT_SNAPSHOT && lt_text_ends_nocase(node->path, T(".sql")));
        found = node->reads_clock && !alone;
    }
    return found;
}

/* What was written is what there is now. */
static void note_kept(lt_dbt *dbt, uint64_t stamp)
{
    dbt->cache_stamp = stamp;
    dbt->macros_again = dbt->docs_again = false;
    dbt->place_count = (uint32_t)dbt->parsed.len;
    for (size_t i = 0; i < dbt->parsed.len; i++) {
        dbt->parsed.items[i]->is_again = false;
        dbt->parsed.items[i]->place = (uint32_t)i;
    }
}

void lt_parse_cache_keep(lt_dbt *dbt, const project_files *files)
{
    lt_err err = {0};
    uint64_t stamp = 0;
    if (dbt->is_kept)
        return;
    dbt->cache_stamp = 0;
    if (reads_clock_elsewhere(dbt))
        dbt->parse_note =
            "parsed from scratch, and not kept: a .yml file or a test reads the clock";
    else if (write_cache(dbt, files, &stamp, &err) == LT_OK)
        note_kept(dbt, stamp);
    else
        dbt->parse_note =
            lt_arena_format(&dbt->arena, "parsed from scratch, and not kept: %s", err.message);
}
