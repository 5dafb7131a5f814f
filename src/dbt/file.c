/* The files of all packages, listed and then read and taken apart by a few threads. */
#include "dbt/ignore.h"
#include "dbt/inner.h"

#include "base/fs.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_THREADS = 8, FILES_FOR_A_THREAD = 64 };

static bool has_suffix(const char *path, const char *suffix)
{
    return lt_text_ends_nocase(lt_text_of(path), lt_text_of(suffix));
}

/* Docs blocks lie below docs-paths; where there are none, in every folder. */
static bool has_docs(const project_file *file)
{
    const lt_texts *paths = &file->package->paths[LT_DBT_DOCS_PATHS];
    return !paths->len || lt_dbt_texts_have(paths, lt_text_of(file->folder));
}

/* What lies in the folder and means something there. */
static bool is_wanted(const project_file *file)
{
    if (has_suffix(file->path, ".md"))
        return has_docs(file);
    if (has_suffix(file->path, ".yml") || has_suffix(file->path, ".yaml"))
        return true;
    if (file->kind == LT_DBT_OWN_TEST_PATHS)
        return false; /* nothing but those */
    if (file->kind == LT_DBT_SEED_PATHS)
        return has_suffix(file->path, ".csv");
    if (file->kind == LT_DBT_TEST_PATHS) {
        if (lt_text_starts(file->below, T("generic/")))
            return false; /* macros */
        if (lt_text_starts(file->below, T("fixtures/")))
            return false; /* of unit tests: unit_test.c reads them */
    }
    if (has_suffix(file->path, ".py"))
        return file->kind == LT_DBT_MODEL_PATHS || file->kind == LT_DBT_UDF_PATHS;
    return file->kind != LT_DBT_MACRO_PATHS && file->kind != LT_DBT_DOCS_PATHS &&
           has_suffix(file->path, ".sql");
}

static bool is_early(const project_file *file)
{
    return has_suffix(file->path, ".yml") || has_suffix(file->path, ".yaml") ||
           has_suffix(file->path, ".md");
}

/* A folder that is named for several purposes is walked once for each: here only the first counts. */
static bool is_listed(const lt_dbt_package *package, size_t kind, lt_text folder)
{
    for (size_t before = 0; before < kind; before++)
        if (lt_dbt_texts_have(&package->paths[before], folder))
            return true;
    return false;
}

/* What means the same for every purpose of its folder is read once. */
static bool is_again(lt_map *early, const project_file *file)
{
    return is_early(file) && lt_map_put(early, lt_text_of(file->path), early) != NULL;
}

static lt_status list_folder(lt_dbt *dbt, lt_dbt_package *package, lt_dbt_paths kind,
                             lt_text folder, lt_map *early, project_files *out, lt_err *err)
{
    LT_AUTO(lt_path_list) files = {0};
    const char *name = lt_arena_str(&dbt->file_names, folder);
    LT_AUTO(lt_chars) full = lt_path_join(package->root, name);
    if (!lt_path_is_folder(full))
        return LT_OK;
    LT_TRY(lt_files_linked_below(full, "", LT_DBT_MOST_FILES, &files, err));
    for (size_t i = 0; i < files.len; i++) {
        project_file file = {.package = package, .kind = kind, .folder = name, .is_wanted = true};
        LT_AUTO(lt_chars) path = lt_path_join(name, files.items[i]);
        file.path = lt_arena_str(&dbt->file_names, lt_text_of(path));
        file.below = lt_text_of(file.path + strlen(file.path) - strlen(files.items[i]));
        if (is_wanted(&file) && !lt_dbt_ignores(&package->ignored, lt_text_of(file.path)) &&
            !is_again(early, &file))
            lt_push(out, file);
    }
    return LT_OK;
}

static lt_status list_package(lt_dbt *dbt, lt_dbt_package *package, lt_map *early,
                              project_files *out, lt_err *err)
{
    for (size_t kind = 0; !package->is_built_in && kind < LT_DBT_PATHS; kind++)
        for (size_t i = 0; i < package->paths[kind].len; i++) {
            lt_text folder = package->paths[kind].items[i];
            if (kind == LT_DBT_OWN_TEST_PATHS && (dbt->is_strict || package != dbt->root))
                continue;
            if (kind == LT_DBT_UDF_PATHS && dbt->is_strict)
                continue; /* a leat.yml says nothing of functions */
            if (kind == LT_DBT_DOCS_PATHS && is_listed(package, kind, folder))
                continue;
            LT_TRY(list_folder(dbt, package, (lt_dbt_paths)kind, folder, early, out, err));
        }
    return LT_OK;
}

static lt_status list_all(lt_dbt *dbt, project_files *out, lt_err *err)
{
    lt_status status = LT_OK;
    for (size_t p = 0; status == LT_OK && p < dbt->packages.len; p++) {
        lt_map early = {0};
        status = list_package(dbt, dbt->packages.items[p], &early, out, err);
        lt_map_cleanup(&early);
    }
    return status;
}

/* ---- reading ---- */

typedef struct reading {
    lt_dbt *dbt;
    project_files *files;
    atomic_size_t *next;
    size_t end;
    lt_arena arena, trees;
} reading;

static lt_status read_python(reading *r, project_file *file, lt_err *err)
{
    LT_AUTO(lt_buf) calls = {.limit = LT_DBT_FILE_BYTES};
    LT_TRY(lt_dbt_python_template(file->path, file->text, &calls, err));
    return lt_jinja_compile(&r->dbt->parse_env, lt_text_of(file->path), lt_buf_text(&calls),
                            &file->compiled, NULL, err);
}

static lt_status read_text(reading *r, project_file *file, lt_err *err)
{
    LT_AUTO(lt_buf) text = {0};
    LT_TRY(lt_dbt_read(file->package, file->path, &text, err));
    lt_text whole = lt_buf_text(&text);
    if (lt_text_starts(whole, T("\xef\xbb\xbf")))
        whole = lt_text_sub(whole, 3, SIZE_MAX);
    if (has_suffix(file->path, ".yml") || has_suffix(file->path, ".yaml")) {
        lt_dbt_sha256(whole, file->checksum);
        while (whole.len && lt_is_space(whole.ptr[whole.len - 1]))
            whole.len--; /* as dbt reads it: a folded text at the end has no line end */
        const lt_yaml_options options = {
            .yaml11 = true, .texts = &r->arena, .doubles = &file->doubles};
        return lt_yaml_read(whole, file->path, &options, &r->trees, &file->yaml, err);
    }
    lt_text trimmed = lt_text_trim(whole);
    lt_dbt_sha256(file->kind == LT_DBT_SEED_PATHS ? whole : trimmed, file->checksum);
    file->text = lt_arena_text(&r->arena, trimmed);
    if (has_suffix(file->path, ".py") && file->kind == LT_DBT_MODEL_PATHS)
        return read_python(r, file, err);
    bool evaluated = (has_suffix(file->path, ".sql") || file->kind == LT_DBT_UDF_PATHS) &&
                     lt_text_find_byte(trimmed, '{', 0) != SIZE_MAX;
    if (evaluated && file->kind != LT_DBT_SNAPSHOT_PATHS)
        return lt_jinja_compile(&r->dbt->parse_env, lt_text_of(file->path), file->text,
                                &file->compiled, NULL, err);
    return LT_OK;
}

/* A seed is not kept in memory: it may be large. */
static lt_status read_seed(project_file *file, lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = (size_t)1 << 30};
    LT_AUTO(lt_chars) full = lt_path_join(file->package->root, file->path);
    LT_TRY(lt_file_read(full, &text, err));
    lt_text whole = lt_buf_text(&text);
    file->is_large = whole.len > LT_MIB;
    whole = file->is_large ? lt_text_of(file->path) : lt_text_trim(whole);
    lt_dbt_sha256(whole, file->checksum);
    return LT_OK;
}

static void *read_some(void *context)
{
    reading *r = context;
    for (size_t i; (i = atomic_fetch_add(r->next, 1)) < r->end;) {
        project_file *file = &r->files->items[i];
        lt_err err = {0};
        if (!file->is_wanted)
            continue;
        lt_status status =
            has_suffix(file->path, ".csv") ? read_seed(file, &err) : read_text(r, file, &err);
        if (status != LT_OK) {
            file->failed = LT_NEW(&r->arena, lt_err);
            *file->failed = err;
        }
    }
    return NULL;
}

static size_t count_wanted(const project_files *files, size_t from, size_t to)
{
    size_t wanted = 0;
    for (size_t i = from; i < to; i++)
        wanted += files->items[i].is_wanted;
    return wanted;
}

static size_t thread_count(size_t files)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t most = cores > 1 ? LT_MIN((size_t)cores, (size_t)MOST_THREADS) : 1;
    return LT_MAX((size_t)1, LT_MIN(most, files / FILES_FOR_A_THREAD));
}

void lt_dbt_files_read(lt_dbt *dbt, project_files *files, size_t from, size_t to)
{
    reading readings[MOST_THREADS];
    pthread_t threads[MOST_THREADS];
    bool started[MOST_THREADS] = {false};
    atomic_size_t next = from;
    size_t count = thread_count(count_wanted(files, from, to));
    while (dbt->arenas.len < count) /* one for each thread, used again for the next files */
        lt_push_in(&dbt->arena, &dbt->arenas, ((file_arenas){0}));
    for (size_t i = 0; i < count; i++) {
        readings[i] = (reading){.dbt = dbt,
                                .files = files,
                                .next = &next,
                                .end = to,
                                .arena = dbt->arenas.items[i].texts,
                                .trees = dbt->arenas.items[i].trees};
        if (i)
            started[i] = pthread_create(&threads[i], NULL, read_some, &readings[i]) == 0;
    }
    (void)read_some(&readings[0]);
    for (size_t i = 0; i < count; i++) {
        if (started[i])
            (void)pthread_join(threads[i], NULL);
        dbt->arenas.items[i] = (file_arenas){readings[i].arena, readings[i].trees};
    }
}

void lt_dbt_trees_free(lt_dbt *dbt)
{
    for (size_t i = 0; i < dbt->arenas.len; i++)
        lt_arena_cleanup(&dbt->arenas.items[i].trees);
    dbt->patch_list.len = dbt->source_tests.len = 0;
    lt_map_cleanup(&dbt->patches);
    lt_map_cleanup(&dbt->versions);
}

/* Files that say something about others come first; both parts keep their order. */
static void put_early_first(lt_dbt *dbt, project_files *files, size_t *early)
{
    size_t count = 0, end = files->len;
    for (size_t i = 0; i < files->len; i++)
        count += is_early(&files->items[i]);
    project_file *first = lt_alloc_array(&dbt->file_names, count + 1, sizeof(*first));
    for (size_t i = files->len, k = count; i--;)
        if (is_early(&files->items[i]))
            first[--k] = files->items[i];
        else
            files->items[--end] = files->items[i];
    memcpy(files->items, first, count * sizeof(*first));
    *early = count;
}

/* ---- listing and looking ---- */

struct files_listing {
    lt_dbt *dbt;
    bool looks;
    project_files files;
    size_t early;
    lt_status status;
    lt_err err;
    pthread_t thread;
    bool is_running;
};

/* From its folder on: thousands of paths need not be walked from the beginning. */
typedef struct looking {
    const lt_dbt_package *package;
    lt_text folder; /* below the package's root */
    int fd;
} looking;

static bool look_in(looking *l, const project_file *file)
{
    size_t len = (size_t)(lt_path_name(file->path) - file->path);
    lt_text folder = lt_text_at(file->path, len);
    if (l->fd >= 0 && l->package == file->package && lt_text_eq(l->folder, folder))
        return true;
    lt_fd_close(l->fd);
    LT_AUTO(lt_chars) relative = lt_text_dup(folder);
    LT_AUTO(lt_chars) path = lt_path_join(file->package->root, relative);
    *l = (looking){file->package, folder, open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)};
    return l->fd >= 0;
}

static void look_at(looking *l, project_file *file)
{
    struct stat found;
    if (!look_in(l, file) || fstatat(l->fd, lt_path_name(file->path), &found, 0) != 0)
        return;
    file->look = (lt_file_look){
        .size_bytes = found.st_size,
        .changed_ns = found.st_mtim.tv_sec * INT64_C(1000000000) + found.st_mtim.tv_nsec,
        .status_changed_ns = found.st_ctim.tv_sec * INT64_C(1000000000) + found.st_ctim.tv_nsec,
        .inode = found.st_ino};
}

static void *list_and_look(void *context)
{
    struct files_listing *l = context;
    looking at = {.fd = -1};
    l->status = list_all(l->dbt, &l->files, &l->err);
    if (l->status == LT_OK && l->files.len)
        put_early_first(l->dbt, &l->files, &l->early);
    for (size_t i = 0; l->looks && l->status == LT_OK && i < l->files.len; i++)
        look_at(&at, &l->files.items[i]);
    lt_fd_close(at.fd);
    return NULL;
}

struct files_listing *lt_dbt_files_begin(lt_dbt *dbt, bool looks)
{
    struct files_listing *l = lt_xcalloc(1, sizeof(*l));
    l->dbt = dbt;
    l->looks = looks;
    l->is_running = looks && pthread_create(&l->thread, NULL, list_and_look, l) == 0;
    if (!l->is_running)
        (void)list_and_look(l);
    return l;
}

lt_status lt_dbt_files_end(struct files_listing *listing, project_files *out, size_t *early,
                           lt_err *err)
{
    if (listing->is_running)
        (void)pthread_join(listing->thread, NULL);
    lt_status status = listing->status;
    *out = listing->files;
    *early = listing->early;
    if (status != LT_OK)
        *err = listing->err;
    lt_free(listing);
    return status;
}

void lt_dbt_files_forget(struct files_listing *listing)
{
    project_files files = {0};
    lt_err none = {0};
    size_t early;
    if (listing)
        lt_ignore(lt_dbt_files_end(listing, &files, &early, &none));
    lt_vec_free(&files);
}
