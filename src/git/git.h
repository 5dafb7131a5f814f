/* git.h - what the project's git repository says: branch, commit, changes; and the project's files as one archive.
 *
 * libgit2 is opened on first use (it would cost start time). Without it, or without a repository, nothing fails: the state is
 * "not known" and says why, and a snapshot takes the files of the folder. Any thread may call. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

typedef struct lt_git_state {
    bool is_known;    /* there is a repository and it could be read */
    char why[1024];   /* when not known */
    char commit[65];  /* hex; empty before the first commit */
    char branch[256]; /* "main"; empty when HEAD names a commit */
    bool
        is_dirty; /* something in the project's folder differs from the commit, new files included; ignored ones do not count */
} lt_git_state;

/* Look at the repository that `project` (a folder) lies in. */
void lt_git_look(const char *project, lt_git_state *state);

/* Is the file (a path relative to the project) tracked? False also when that is not known. */
bool lt_git_tracks(const char *project, const char *path);

enum { LT_SHA256_HEX_CHARS = 65 };

typedef struct lt_git_archive {
    char sha256[LT_SHA256_HEX_CHARS]; /* of the archive's bytes */
    size_t file_count;
    size_t left_out; /* links that lead out of the project, sockets and the like */
} lt_git_archive;

/* Append an archive (a tar file: see archive.h) of the project's files as they are now: those that git tracks or would track.
 * Never in it: ignored files, .leat/, .env and .env.*, what lies in .git. The same files give the same bytes.
 * LT_TOO_BIG: more than out->limit bytes. `info` may be NULL. */
LT_MUST_CHECK lt_status lt_git_snapshot(const char *project, lt_buf *out, lt_git_archive *info,
                                        lt_err *err);
/* The same of a commit (hex, or any name that git knows: "HEAD~1"), from the repository. LT_NOT_FOUND: no such commit;
 * LT_INVALID: no repository, or no libgit2. */
LT_MUST_CHECK lt_status lt_git_snapshot_commit(const char *project, const char *commit, lt_buf *out,
                                               lt_git_archive *info, lt_err *err);

/* Write the archive's files into `folder`, which must be empty or missing. LT_INVALID: damaged, or a path or link in it would lead
 * out of the folder; then the folder may hold some of the files. */
LT_MUST_CHECK lt_status lt_git_restore(lt_text archive, const char *folder, lt_err *err);
/* lt_git_snapshot_commit() and lt_git_restore() in one. */
LT_MUST_CHECK lt_status lt_git_restore_commit(const char *project, const char *commit,
                                              const char *folder, lt_err *err);
