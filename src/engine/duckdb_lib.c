/* Finds libduckdb.so, opens it, and looks up every call. */
#include "engine/duckdb_lib.h"

#include "base/fs.h"
#include "base/proc.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

lt_duckdb_lib lt_duck;

static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
static void
    *library; /* for the life of the process: DuckDB's threads and destructors need its code */

static const char *const places[] = {"lib/libduckdb.so", "../lib/leat/libduckdb.so"};

static lt_status look_up_calls(void *handle, const char *path, lt_err *err)
{
    static const char *const names[] = {
#define LT_DUCKDB_NAME(name) "duckdb_" #name,
        LT_DUCKDB_CALLS(LT_DUCKDB_NAME)
#undef LT_DUCKDB_NAME
    };
    void *calls[LT_COUNT(names)];
    _Static_assert(sizeof(calls) == sizeof(lt_duck), "lt_duck holds nothing but calls");
    for (size_t i = 0; i < LT_COUNT(names); i++) {
        calls[i] = dlsym(handle, names[i]);
        if (!calls[i]) {
            lt_ignore(lt_fail(err, LT_IO, "'%s' has no %s()", path, names[i]));
            return lt_hint(err, "it is not the DuckDB that leat is made for: install leat again");
        }
    }
    memcpy(&lt_duck, calls, sizeof(calls)); /* POSIX: object and function pointers are alike */
    return LT_OK;
}

static lt_status open_library(const char *path, lt_err *err)
{
    void *handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (!handle) {
        lt_ignore(lt_fail(err, LT_IO, "cannot load DuckDB: %s", dlerror()));
        return lt_hint(err,
                       "is there memory and address space enough (ulimit -v), and is '%s' whole? "
                       "If not, install leat again",
                       path);
    }
    lt_status status = look_up_calls(handle, path, err);
    if (status == LT_OK)
        library = handle;
    else
        (void)dlclose(handle);
    return status;
}

static lt_status find_and_open(lt_err *err)
{
    const char *named = getenv("LEAT_DUCKDB");
    if (named && named[0] == '/')
        return open_library(named, err);
    if (named && named[0])
        return lt_fail(err, LT_INVALID, "LEAT_DUCKDB is '%s', not an absolute path", named);

    LT_AUTO(lt_chars) program = lt_proc_path();
    char *slash = strrchr(program, '/');
    if (slash)
        *slash = '\0';
    for (size_t i = 0; i < LT_COUNT(places); i++) {
        LT_AUTO(lt_chars) path = lt_path_join(program, places[i]);
        if (lt_path_exists(path))
            return open_library(path, err);
    }
    lt_ignore(lt_fail(err, LT_NOT_FOUND, "libduckdb.so is not there"));
    return lt_hint(
        err, "looked for %s and %s beside '%s'; LEAT_DUCKDB=/path/to/libduckdb.so names another",
        places[0], places[1], program);
}

lt_status lt_duckdb_load(lt_err *err)
{
    (void)pthread_mutex_lock(&loading);
    lt_status status = library ? LT_OK : find_and_open(err);
    (void)pthread_mutex_unlock(&loading);
    return status;
}

static void *load(void *unused)
{
    lt_err none = {0};
    (void)unused;
    lt_ignore(lt_duckdb_load(&none));
    return NULL;
}

void lt_duckdb_load_ahead(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, load, NULL) == 0)
        (void)pthread_detach(thread);
}
