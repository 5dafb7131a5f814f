/* The project in real repositories, made with the git command. */
#include "git/git.h"

#include "base/fs.h"
#include "base/proc.h"
#include "support/test.h"

#include <sys/stat.h>
#include <unistd.h>

/* Run a shell script in `folder`. */
static void shell(const char *folder, const char *script)
{
    lt_err err = {0};
    int code = -1;
    LT_AUTO(lt_buf) out = {0};
    LT_AUTO(lt_chars)
    all = lt_format(
        "cd '%s' && export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null "
        "GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b && "
        "{ %s\n} 2>&1",
        folder, script);
    char name[] = "sh", flag[] = "-ec";
    char *argv[] = {name, flag, all, NULL};
    CHECK_OK(lt_proc_run(argv, &out, &code, &err), err);
    if (code != 0)
        CHECK_STR(lt_buf_chars(&out), "");
}

static const char *repository(void)
{
    const char *folder = lt_test_folder();
    shell(folder,
          "git init -q -b main . && printf '*.log\\n' >.gitignore && mkdir models && "
          "echo 'select 1' >models/a.sql && printf '#!/bin/sh\\n' >run.sh && chmod +x run.sh &&"
          "git add -A && git commit -qm one");
    return folder;
}

static void check_same(const char *left, const char *right)
{
    LT_AUTO(lt_chars) script = lt_format("diff -r --no-dereference '%s' '%s'", left, right);
    shell(left, script);
}

Test(git, tells_branch_commit_and_changes)
{
    lt_git_state now;
    const char *folder = repository();
    lt_git_look(folder, &now);
    CHECK(now.is_known && !now.is_dirty);
    CHECK_STR(now.branch, "main");
    CHECK_INT(strlen(now.commit), 40);
    shell(folder, "echo x >ignored.log; git checkout -q -b feature/x");
    lt_git_look(folder, &now);
    CHECK(!now.is_dirty);
    CHECK_STR(now.branch, "feature/x");
    shell(folder, "echo x >new.sql");
    lt_git_look(folder, &now);
    CHECK(now.is_dirty);
    shell(folder, "rm new.sql; echo y >>models/a.sql");
    lt_git_look(folder, &now);
    CHECK(now.is_dirty);
    shell(folder, "git checkout -q models; git checkout -q --detach");
    lt_git_look(folder, &now);
    CHECK(now.is_known && !now.is_dirty);
    CHECK_STR(now.branch, "");
}

Test(git, looks_only_at_the_project_in_a_larger_repository)
{
    lt_git_state now;
    const char *folder = repository();
    LT_AUTO(lt_chars) models = lt_path_join(folder, "models");
    shell(folder, "echo x >outside.txt");
    lt_git_look(models, &now);
    CHECK(now.is_known && !now.is_dirty);
    shell(folder, "echo x >models/inside.sql");
    lt_git_look(models, &now);
    CHECK(now.is_dirty);
    CHECK(lt_git_tracks(models, "a.sql") && !lt_git_tracks(models, "inside.sql"));
    CHECK(lt_git_tracks(folder, "models/a.sql"));
}

Test(git, before_the_first_commit_there_is_a_branch_and_no_commit)
{
    lt_git_state now;
    const char *folder = lt_test_folder();
    shell(folder, "git init -q -b trunk .");
    lt_git_look(folder, &now);
    CHECK(now.is_known && !now.is_dirty);
    CHECK_STR(now.branch, "trunk");
    CHECK_STR(now.commit, "");
}

Test(git, without_a_repository_says_why)
{
    lt_git_state now;
    const char *folder = lt_test_folder();
    lt_git_look(folder, &now);
    CHECK(!now.is_known && !now.is_dirty);
    CHECK_HAS(now.why, "lies in no git repository");
    lt_git_look("/no/such/folder", &now);
    CHECK_HAS(now.why, "cannot read '/no/such/folder'");
    CHECK(!lt_git_tracks(folder, "x"));
    const char *repo = repository();
    LT_AUTO(lt_chars) ignored = lt_path_join(repo, "x.log");
    shell(repo, "mkdir x.log");
    lt_git_look(ignored, &now);
    CHECK_HAS(now.why, "is ignored by the git repository around it");
}

Test(git, a_snapshot_of_a_dirty_tree_restores_the_same_files)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) one = {0}, two = {0};
    lt_git_archive first, second;
    const char *folder = repository(), *other = lt_test_folder();
    LT_AUTO(lt_chars) into = lt_path_join(other, "into");
    shell(folder,
          "echo changed >models/a.sql; echo new >models/b.sql; mkdir -p 'a b/c'; "
          "echo deep >'a b/c/d'; ln -s models/a.sql link; ln -s /etc/passwd out; ln -s a dangling; "
          "git rm -q --cached run.sh; echo x >x.log; echo SECRET=1 >.env; echo S >.env.prod; "
          "mkdir -p .leat; echo x >.leat/state.db; git add models/b.sql");
    CHECK_OK(lt_git_snapshot(folder, &one, &first, &err), err);
    shell(folder, "touch -d '2001-01-01' models/a.sql; chmod 600 models/a.sql");
    CHECK_OK(lt_git_snapshot(folder, &two, &second, &err), err);
    CHECK(lt_text_eq(lt_buf_text(&one), lt_buf_text(&two)));
    CHECK_STR(first.sha256, second.sha256);
    CHECK_INT(first.left_out, 1);
    CHECK_INT(first.file_count, 7);
    CHECK_OK(lt_git_restore(lt_buf_text(&one), into, &err), err);
    shell(folder, "rm -rf .git .leat .env .env.prod x.log out");
    check_same(folder, into);
    LT_AUTO(lt_chars) program = lt_path_join(into, "run.sh");
    CHECK(access(program, X_OK) == 0);
}

Test(git, a_deleted_file_is_not_in_the_snapshot)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) archive = {0};
    lt_git_archive info;
    const char *folder = repository();
    shell(folder, "rm models/a.sql");
    CHECK_OK(lt_git_snapshot(folder, &archive, &info, &err), err);
    CHECK_INT(info.file_count, 2);
}

Test(git, a_commit_restores_what_it_held)
{
    lt_err err = {0};
    lt_git_state before;
    const char *folder = repository(), *other = lt_test_folder();
    LT_AUTO(lt_chars) into = lt_path_join(other, "into"), wanted = lt_path_join(other, "wanted");
    LT_AUTO(lt_chars) copy = lt_format("cp -r . '%s'; rm -rf '%s/.git'", wanted, wanted);
    shell(folder, "ln -s a.sql models/l; git add -A; git commit -qm links");
    shell(folder, copy);
    lt_git_look(folder, &before);
    shell(folder, "echo later >models/a.sql; echo more >models/z; git add -A; git commit -qm two; "
                  "echo dirty >models/a.sql");
    CHECK_OK(lt_git_restore_commit(folder, before.commit, into, &err), err);
    check_same(wanted, into);
    CHECK_STATUS(lt_git_restore_commit(folder, before.commit, into, &err), LT_CONFLICT, err);
    CHECK_HAS(err.message, "is not an empty folder");
}

Test(git, a_clean_snapshot_and_its_commit_are_the_same_archive)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) tree = {0}, commit = {0}, part = {0};
    lt_git_archive tree_info, commit_info;
    const char *folder = repository();
    LT_AUTO(lt_chars) models = lt_path_join(folder, "models");
    CHECK_OK(lt_git_snapshot(folder, &tree, &tree_info, &err), err);
    CHECK_OK(lt_git_snapshot_commit(folder, "HEAD", &commit, &commit_info, &err), err);
    CHECK_STR(tree_info.sha256, commit_info.sha256);
    CHECK_OK(lt_git_snapshot_commit(models, "HEAD", &part, &commit_info, &err), err);
    CHECK_INT(commit_info.file_count, 1);
    CHECK(lt_text_starts(lt_buf_text(&part), T("a.sql\0")));
    lt_buf_clear(&part);
    CHECK_OK(lt_git_snapshot(models, &part, &tree_info, &err), err);
    CHECK_STR(tree_info.sha256, commit_info.sha256);
}

Test(git, another_repository_inside_is_left_out)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) tree = {0}, commit = {0};
    lt_git_archive info;
    const char *folder = repository();
    shell(
        folder,
        "git init -q inner && cd inner && echo x >f && git add f && git commit -qm in && cd .. && "
        "git add inner 2>/dev/null && git commit -qm outer");
    CHECK_OK(lt_git_snapshot(folder, &tree, &info, &err), err);
    CHECK_INT(info.file_count, 3);
    CHECK_INT(info.left_out, 1);
    CHECK_OK(lt_git_snapshot_commit(folder, "HEAD", &commit, &info, &err), err);
    CHECK_INT(info.file_count, 3);
    CHECK_INT(info.left_out, 1);
}

Test(git, says_which_commit_is_missing)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) out = {0};
    const char *folder = repository();
    CHECK_STATUS(lt_git_snapshot_commit(folder, "1234567890123456789012345678901234567890", &out,
                                        NULL, &err),
                 LT_NOT_FOUND, err);
    CHECK_HAS(err.message, "cannot find the commit '1234567890");
    CHECK_STATUS(lt_git_snapshot_commit(lt_test_folder(), "HEAD", &out, NULL, &err), LT_INVALID,
                 err);
}

Test(git, a_snapshot_needs_no_repository)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) archive = {0};
    lt_git_archive info;
    const char *folder = lt_test_folder();
    shell(folder, "echo x >leat.yml; mkdir -p models .leat; echo y >models/a.sql; echo z >.leat/z; "
                  "echo s >.env");
    CHECK_OK(lt_git_snapshot(folder, &archive, &info, &err), err);
    CHECK_INT(info.file_count, 2);
}

Test(git, a_snapshot_has_a_limit_and_leaves_the_buffer_as_it_was)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) archive = {.limit = 100000};
    const char *folder = repository();
    lt_buf_add(&archive, T("before"));
    shell(folder, "head -c 200000 /dev/zero >models/large.csv");
    CHECK_STATUS(lt_git_snapshot(folder, &archive, NULL, &err), LT_TOO_BIG, err);
    CHECK_TEXT(lt_buf_text(&archive), "before");
    shell(folder, "head -c 99000 /dev/zero >models/large.csv");
    lt_buf_clear(&archive);
    CHECK_STATUS(lt_git_snapshot(folder, &archive, NULL, &err), LT_TOO_BIG, err);
    CHECK_HAS(err.hint, ".gitignore");
}
