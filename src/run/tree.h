/* tree.h - which files a run worked with, so that they can be had again.
 *
 * A clean git tree is named by its commit. A dirty one, or a folder without git, is stored as an archive: bucket "leat", key
 * "trees/<sha256>.tar", the same files once. Links, ignored files and .env are not in it (git/git.h). */
#pragma once
#include "run/workspace.h"

/* Fill git_commit, git_branch, git_dirty and tree of the record; store the archive where one is needed. */
LT_MUST_CHECK lt_status lt_tree_record(lt_workspace *workspace, lt_run_record *record, lt_err *err);
/* Write the files of a run into `folder` (empty). LT_NOT_FOUND: the commit or the archive is gone. */
LT_MUST_CHECK lt_status lt_tree_restore(lt_workspace *workspace, const lt_run_record *record,
                                        const char *folder, lt_err *err);
