/* git_lib.h - libgit2, opened on first use. Only git.c includes this.
 *
 * A shared library is loaded once for the whole process, so the table is a global: filled once, constant afterwards. */
#pragma once
#include "base/err.h"

#include <git2.h>

/* Every call that is used, without "git_". */
#define LT_GIT_CALLS(X)                                                                            \
    X(libgit2_init)                                                                                \
    X(libgit2_version)                                                                             \
    X(error_last)                                                                                  \
    X(repository_open_ext)                                                                         \
    X(repository_free)                                                                             \
    X(repository_workdir)                                                                          \
    X(repository_head)                                                                             \
    X(repository_head_detached)                                                                    \
    X(repository_index)                                                                            \
    X(reference_shorthand)                                                                         \
    X(reference_target)                                                                            \
    X(reference_free)                                                                              \
    X(reference_lookup)                                                                            \
    X(reference_symbolic_target)                                                                   \
    X(oid_tostr)                                                                                   \
    X(status_list_new)                                                                             \
    X(status_list_entrycount)                                                                      \
    X(status_byindex)                                                                              \
    X(status_list_free)                                                                            \
    X(ignore_path_is_ignored)                                                                      \
    X(index_get_bypath)                                                                            \
    X(index_free)                                                                                  \
    X(revparse_single)                                                                             \
    X(object_peel)                                                                                 \
    X(object_lookup_bypath)                                                                        \
    X(object_free)                                                                                 \
    X(tree_walk)                                                                                   \
    X(tree_entry_name)                                                                             \
    X(tree_entry_filemode)                                                                         \
    X(tree_entry_id)                                                                               \
    X(blob_lookup)                                                                                 \
    X(blob_rawcontent)                                                                             \
    X(blob_rawsize)                                                                                \
    X(blob_free)

typedef struct lt_git_lib {
#define LT_GIT_FIELD(name) __typeof__(&git_##name) name;
    LT_GIT_CALLS(LT_GIT_FIELD)
#undef LT_GIT_FIELD
} lt_git_lib;

extern lt_git_lib lt_git2;

/* Open the library and fill lt_git2. Any thread. LT_NOT_FOUND: it is not installed; LT_INVALID: not one that we know. */
LT_MUST_CHECK lt_status lt_git_load(lt_err *err);
