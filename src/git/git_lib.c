/* Opens libgit2 by its name and finds its calls. */
#include "git/git_lib.h"

#include <dlfcn.h>
#include <pthread.h>

lt_git_lib lt_git2;

static lt_err load_err; /* of the one attempt; status LT_OK when it worked */

static const struct {
    const char *name;
    void *at;
} calls[] = {
#define LT_GIT_ENTRY(name) {"git_" #name, &lt_git2.name},
    LT_GIT_CALLS(LT_GIT_ENTRY)
#undef LT_GIT_ENTRY
};

static void *open_library(void)
{
    static const char *const names[] = {"libgit2.so.1.5", "libgit2.so"};
    void *library = NULL;
    for (size_t i = 0; i < LT_COUNT(names) && !library; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    return library;
}

static lt_status load(lt_err *err)
{
    int major, minor, patch;
    void *library = open_library(); /* never closed: it keeps state for threads */
    if (!library)
        return lt_fail(err, LT_NOT_FOUND, "libgit2 is not installed");
    for (size_t i = 0; i < LT_COUNT(calls); i++) {
        void *call = dlsym(library, calls[i].name);
        if (!call)
            return lt_fail(err, LT_INVALID, "libgit2 has no call '%s'", calls[i].name);
        memcpy(calls[i].at, &call, sizeof(call));
    }
    (void)lt_git2.libgit2_version(&major, &minor, &patch);
    if (major != LIBGIT2_VER_MAJOR || minor < LIBGIT2_VER_MINOR)
        return lt_fail(err, LT_INVALID, "libgit2 %d.%d is not one that leat knows (%d.%d or later)",
                       major, minor, LIBGIT2_VER_MAJOR, LIBGIT2_VER_MINOR);
    (void)lt_git2.libgit2_init();
    return LT_OK;
}

static void load_once(void)
{
    lt_ignore(load(&load_err));
}

lt_status lt_git_load(lt_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, load_once);
    if (load_err.status == LT_OK)
        return LT_OK;
    *err = load_err;
    return load_err.status;
}
