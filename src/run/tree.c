/* The files of a run: a commit, or an archive in the store. */
#include "run/tree.h"

#include "git/git.h"

static const size_t LARGEST_TREE = 256 * LT_MIB;

static lt_status make_bucket(lt_store *store, lt_err *err)
{
    lt_status status = lt_bucket_create(store, T("leat"), LT_UNVERSIONED, err);
    return status == LT_CONFLICT ? LT_OK : status;
}

/* An object whose key is its digest is either there or not: a second run with the same files writes nothing. */
static lt_status store_archive(lt_workspace *workspace, lt_text key, const lt_buf *archive,
                               lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_text_body body;
    const lt_when when = {.absent = true};
    const lt_put_options options = {.when = &when, .meta.content_type = T("application/x-tar")};
    LT_TRY(make_bucket(workspace->store, err));
    lt_status status =
        lt_store_put(workspace->store, T("leat"), key,
                     lt_body_from_text(&body, lt_buf_text(archive)), &options, &arena, NULL, err);
    return status == LT_CONFLICT ? LT_OK : status;
}

lt_status lt_tree_record(lt_workspace *workspace, lt_run_record *record, lt_err *err)
{
    lt_git_state git;
    lt_git_archive info;
    LT_AUTO(lt_buf) archive = {.limit = LARGEST_TREE};
    lt_git_look(workspace->root, &git);
    record->git_commit = lt_arena_text(&workspace->arena, lt_text_of(git.commit));
    record->git_branch = lt_arena_text(&workspace->arena, lt_text_of(git.branch));
    record->git_dirty = git.is_known && git.is_dirty;
    if (git.is_known && git.commit[0] && !git.is_dirty)
        return LT_OK;
    if (lt_git_snapshot(workspace->root, &archive, &info, err) != LT_OK) {
        lt_wrap(err, "cannot store the project's files with the run");
        return err->status == LT_TOO_BIG ? lt_hint(err, "let .gitignore name the large files")
                                         : err->status;
    }
    record->tree = lt_text_of(lt_arena_format(&workspace->arena, "trees/%s.tar", info.sha256));
    return store_archive(workspace, record->tree, &archive, err);
}

lt_status lt_tree_restore(lt_workspace *workspace, const lt_run_record *record, const char *folder,
                          lt_err *err)
{
    LT_AUTO(lt_buf) archive = {.limit = LARGEST_TREE};
    if (!record->tree.len) {
        LT_AUTO(lt_chars) commit = lt_text_dup(record->git_commit);
        return lt_git_restore_commit(workspace->root, commit, folder, err);
    }
    LT_TRY(lt_store_get(workspace->store, T("leat"), record->tree, (lt_text){0}, 0, SIZE_MAX,
                        &archive, err));
    return lt_git_restore(lt_buf_text(&archive), folder, err);
}
