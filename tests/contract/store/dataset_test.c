/* Datasets: commits are whole, views stay, and keeping works, in every back end. */
#define LT_CONTRACT_PLACE "s3://contract/some/prefix"
#include "contract/store/contract.h"

#include "base/fs.h"

#define SET T("domain=x/dataset=y/")
enum { LARGE = 100 * 1024 };

static void add(lt_commit *commit, const char *name, lt_text value, int64_t rows)
{
    lt_err err = {0};
    lt_text_body body;
    CHECK_OK(lt_commit_add(commit, lt_text_of(name), lt_body_from_text(&body, value), rows, &err),
             err);
}

static lt_commit *begin(lt_store *store, lt_commit_mode mode)
{
    lt_err err = {0};
    lt_commit *commit = NULL;
    CHECK_OK(lt_commit_begin(store, T("raw"), SET, mode, &commit, &err), err);
    return commit;
}

/* One commit of files "name=value", separated by spaces; gives its sequence. */
static int64_t commit_files(lt_store *store, lt_commit_mode mode, const char *files)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_commit_ref) commit = begin(store, mode);
    lt_text rest = lt_text_of(files), file;
    while (lt_text_cut(&rest, ' ', &file) && file.len) {
        size_t at = lt_text_find_byte(file, ':', 0);
        char *name = lt_arena_str(&arena, lt_text_sub(file, 0, at));
        add(commit, name, lt_text_sub(file, at + 1, SIZE_MAX), 10);
    }
    lt_commit_info info = {0};
    CHECK_OK(lt_commit_finish(commit, T("[]"), T("{}"), -1, &arena, &info, &err), err);
    return info.sequence;
}

/* What a view holds: "name:value ..." with the values read through its paths. */
static char *view_text(lt_store *store, const lt_view *view, const char *cache)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) out = {0};
    lt_texts paths = {0};
    CHECK_OK(lt_view_paths(store, T("raw"), view, cache, &arena, &paths, &err), err);
    CHECK_INT(paths.len, view->files.len);
    for (size_t i = 0; i < paths.len; i++) {
        const lt_data_file *file = &view->files.items[i];
        CHECK(lt_text_starts(file->key, SET));
        lt_buf_printf(&out, "%s%.*s:", out.len ? " " : "",
                      LT_ARG(lt_text_sub(file->key, SET.len, SIZE_MAX)));
        size_t before = out.len;
        CHECK_OK(lt_file_read(paths.items[i].ptr, &out, &err), err);
        CHECK_INT(out.len - before, file->size_bytes);
    }
    return out.data ? lt_buf_take(&out) : lt_xstrdup("");
}

static void view_is(lt_store *store, const char *cache, int64_t since, int64_t sequence,
                    const char *wanted)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_view view = {0};
    CHECK_OK(lt_dataset_pin_since(store, T("raw"), SET, since, sequence, &arena, &view, &err), err);
    LT_AUTO(lt_chars) got = view_text(store, &view, cache);
    CHECK_STR(got, wanted);
}

static void check_a_commit_is_visible_when_finished(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_commit_info info = {0};
    lt_view view = {0};
    lt_versioning versioning;
    LT_AUTO(lt_commit_ref) commit = begin(store, LT_COMMIT_APPEND);
    LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, 9);
    add(commit, "d=1/a", T("A"), 3);
    add(commit, "d=1/b", lt_text_at(bytes, LARGE), 4);
    CHECK_STATUS(lt_bucket_find(store, T("raw"), &versioning, &err), LT_NOT_FOUND, err);
    CHECK_STATUS(lt_dataset_pin(store, T("raw"), SET, 0, &arena, &view, &err), LT_NOT_FOUND, err);
    CHECK_OK(lt_commit_finish(commit, T("[{\"name\":\"x\"}]"), T("{\"cursor\":1}"), 0, &arena,
                              &info, &err),
             err);
    CHECK_INT(info.sequence, 1);
    CHECK_INT(info.rows, 7);
    CHECK_INT(info.commit_id.len, 32);

    CHECK_OK(lt_bucket_find(store, T("raw"), &versioning, &err), err);
    CHECK_INT(versioning, LT_VERSIONING_ENABLED);
    CHECK_OK(lt_dataset_pin(store, T("raw"), SET, 0, &arena, &view, &err), err);
    CHECK_TEXT(view.commit.schema_json, "[{\"name\":\"x\"}]");
    CHECK_TEXT(view.commit.record_json, "{\"cursor\":1}");
    CHECK(lt_text_eq(view.commit.commit_id, info.commit_id));
    CHECK_INT(view.files.len, 2);
    CHECK_INT(view.files.items[1].rows, 4);
    lt_test_has(store, "raw", T("domain=x/dataset=y/d=1/b"), view.files.items[1].version_id,
                lt_text_at(bytes, LARGE));
    lt_test_has(store, "raw", T("domain=x/dataset=y/d=1/a"), (lt_text){0}, T("A"));
    lt_text_body body;
    CHECK_STATUS(lt_commit_add(commit, T("late"), lt_body_from_text(&body, T("x")), 0, &err),
                 LT_INVALID, err);
    CHECK_STATUS(lt_commit_finish(commit, T(""), T(""), -1, NULL, NULL, &err), LT_INVALID, err);
    CHECK_INT(lt_test_check(store), 0);
}
LT_CONTRACT(a_commit_is_visible_when_finished)

static void check_a_commit_that_is_given_up_leaves_nothing(lt_store *store)
{
    lt_err err = {0};
    lt_versioning versioning;
    lt_commit *commit = begin(store, LT_COMMIT_APPEND);
    LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, 9);
    add(commit, "a", T("A"), 1);
    add(commit, "b", lt_text_at(bytes, LARGE), 1);
    lt_commit_close(commit);
    CHECK_STATUS(lt_bucket_find(store, T("raw"), &versioning, &err), LT_NOT_FOUND, err);
    CHECK_INT(lt_test_check(store), 0);
}
LT_CONTRACT(a_commit_that_is_given_up_leaves_nothing)

static void check_modes_add_replace_and_overwrite(lt_store *store)
{
    const char *cache = lt_test_folder();
    CHECK_INT(commit_files(store, LT_COMMIT_APPEND, "d=1/a:1 d=2/a:2 top:0"), 1);
    CHECK_INT(commit_files(store, LT_COMMIT_APPEND, "d=1/b:3"), 2);
    CHECK_INT(commit_files(store, LT_COMMIT_REPLACE_PARTITIONS, "d=1/c:4 d=3/a:5"), 3);
    CHECK_INT(commit_files(store, LT_COMMIT_REPLACE_PARTITIONS, "d=2/a:6"), 4);
    CHECK_INT(commit_files(store, LT_COMMIT_OVERWRITE, "d=1/a:7"), 5);
    CHECK_INT(commit_files(store, LT_COMMIT_OVERWRITE, ""), 6);
    CHECK_INT(commit_files(store, LT_COMMIT_APPEND, ""), 7);
    view_is(store, cache, 0, 1, "d=1/a:1 d=2/a:2 top:0");
    view_is(store, cache, 0, 2, "d=1/a:1 d=1/b:3 d=2/a:2 top:0");
    view_is(store, cache, 0, 3, "d=1/c:4 d=2/a:2 d=3/a:5 top:0");
    view_is(store, cache, 0, 4, "d=1/c:4 d=2/a:6 d=3/a:5 top:0");
    view_is(store, cache, 0, 5, "d=1/a:7");
    view_is(store, cache, 0, 0, "");
    LT_AUTO(lt_chars) objects = lt_test_list(store, "raw", NULL);
    CHECK_STR(objects, "");
    CHECK_INT(lt_test_check(store), 0);
}
LT_CONTRACT(modes_add_replace_and_overwrite)

static void check_objects_follow_the_commits(lt_store *store)
{
    lt_err err = {0};
    const char *key = "domain=x/dataset=y/a";
    commit_files(store, LT_COMMIT_APPEND, "a:1 b:2");
    lt_test_put(store, "raw", T("domain=x/dataset=y/b"), T("mine"), NULL);
    commit_files(store, LT_COMMIT_OVERWRITE, "c:3");
    LT_AUTO(lt_chars) objects = lt_test_list(store, "raw", NULL);
    CHECK_STR(objects,
              "domain=x/dataset=y/b=4 domain=x/dataset=y/c=1"); /* what was put by hand stays */
    CHECK_OK(lt_store_restore(store, T("raw"), lt_text_of(key), (lt_text){0}, NULL, NULL, &err),
             err);
    lt_test_has(store, "raw", lt_text_of(key), (lt_text){0}, T("1"));
}
LT_CONTRACT(objects_follow_the_commits)

static void check_an_append_refuses_a_name_that_is_there(lt_store *store)
{
    lt_err err = {0};
    commit_files(store, LT_COMMIT_APPEND, "a:1");
    LT_AUTO(lt_commit_ref) commit = begin(store, LT_COMMIT_APPEND);
    lt_text_body body;
    add(commit, "a", T("2"), 1);
    CHECK_STATUS(lt_commit_add(commit, T("a"), lt_body_from_text(&body, T("3")), 1, &err),
                 LT_INVALID, err);
    CHECK_STATUS(lt_commit_finish(commit, T(""), T(""), -1, NULL, NULL, &err), LT_CONFLICT, err);
    CHECK_HAS(err.message, "dataset=y/a");
    lt_test_has(store, "raw", T("domain=x/dataset=y/a"), (lt_text){0}, T("1"));
}
LT_CONTRACT(an_append_refuses_a_name_that_is_there)

static void check_only_one_commits_on_top_of_another(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_commit_info info = {0};
    LT_AUTO(lt_commit_ref) first = begin(store, LT_COMMIT_APPEND);
    LT_AUTO(lt_commit_ref) second = begin(store, LT_COMMIT_APPEND);
    add(first, "a", T("1"), 1);
    add(second, "b", T("2"), 1);
    CHECK_OK(lt_commit_finish(second, T(""), T(""), 0, NULL, NULL, &err), err);
    CHECK_STATUS(lt_commit_finish(first, T(""), T(""), 0, NULL, NULL, &err), LT_CONFLICT, err);
    CHECK_HAS(err.message, "commit 1");
    CHECK_OK(lt_commit_finish(first, T(""), T(""), 1, &arena, &info, &err),
             err); /* after reading again */
    CHECK_INT(info.sequence, 2);
}
LT_CONTRACT(only_one_commits_on_top_of_another)

static void check_additions_can_be_read_alone(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_view view = {0};
    const char *cache = lt_test_folder();
    commit_files(store, LT_COMMIT_APPEND, "a:1");
    commit_files(store, LT_COMMIT_APPEND, "b:2");
    commit_files(store, LT_COMMIT_REPLACE_PARTITIONS, "p/c:3"); /* replaces nothing */
    view_is(store, cache, 1, 0, "b:2 p/c:3");
    view_is(store, cache, 1, 2, "b:2");
    view_is(store, cache, 3, 3, "");
    CHECK_STATUS(lt_dataset_pin_since(store, T("raw"), SET, 4, 0, &arena, &view, &err), LT_INVALID,
                 err);
    CHECK_STATUS(lt_dataset_pin(store, T("raw"), SET, 9, &arena, &view, &err), LT_NOT_FOUND, err);
    commit_files(store, LT_COMMIT_REPLACE_PARTITIONS, "p/d:4");
    CHECK_STATUS(lt_dataset_pin_since(store, T("raw"), SET, 2, 0, &arena, &view, &err), LT_CONFLICT,
                 err);
    CHECK_HAS(err.hint, "whole");
    view_is(store, cache, 2, 3, "p/c:3");
}
LT_CONTRACT(additions_can_be_read_alone)

static void check_views_stay_in_an_unversioned_bucket(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    const char *cache = lt_test_folder();
    LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, 4);
    CHECK_OK(lt_bucket_create(store, T("raw"), LT_UNVERSIONED, &err), err);
    LT_AUTO(lt_commit_ref) commit = begin(store, LT_COMMIT_APPEND);
    add(commit, "big", lt_text_at(bytes, LARGE), 1);
    add(commit, "small", T("1"), 1);
    CHECK_OK(lt_commit_finish(commit, T(""), T(""), 0, NULL, NULL, &err), err);
    lt_view old = {0};
    CHECK_OK(lt_dataset_pin(store, T("raw"), SET, 0, &arena, &old, &err), err);
    commit_files(store, LT_COMMIT_OVERWRITE, "small:2");
    CHECK_OK(lt_store_delete(store, T("raw"), T("domain=x/dataset=y/small"), (lt_text){0}, NULL,
                             NULL, NULL, &err),
             err);
    lt_test_has_not(store, "raw", T("domain=x/dataset=y/big"), (lt_text){0});
    view_is(store, cache, 0, 2, "small:2");
    LT_AUTO(lt_chars) text = view_text(store, &old, cache);
    LT_AUTO(lt_chars) again = view_text(store, &old, cache); /* from the cache */
    CHECK(lt_text_ends(lt_text_of(text), T(" small:1")));
    CHECK_STR(again, text);
    CHECK_INT(lt_test_check(store), 0);
}
LT_CONTRACT(views_stay_in_an_unversioned_bucket)

static void check_what_is_kept_is_not_forgotten(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    const char *cache = lt_test_folder();
    int64_t forgotten = 0;
    lt_view view = {0};
    lt_commit_info info;
    for (int i = 0; i < 5; i++) {
        char files[] = "a:0 b:x";
        files[2] = (char)('1' + i);
        commit_files(store, LT_COMMIT_OVERWRITE, files);
    }
    CHECK_OK(lt_store_keep(store, T("run-1"), T("raw"), SET, 2, &err), err);
    CHECK_OK(lt_store_keep(store, T("run-1"), T("raw"), SET, 2, &err), err);
    CHECK_STATUS(lt_store_keep(store, T("run-1"), T("raw"), SET, 6, &err), LT_NOT_FOUND, err);
    CHECK_OK(lt_dataset_forget(store, T("raw"), SET, 4, &forgotten, &err), err);
    CHECK_INT(forgotten, 2);
    view_is(store, cache, 0, 2, "a:2 b:x");
    view_is(store, cache, 0, 4, "a:4 b:x");
    CHECK_STATUS(lt_dataset_pin(store, T("raw"), SET, 3, &arena, &view, &err), LT_NOT_FOUND, err);
    CHECK_STATUS(lt_dataset_pin_since(store, T("raw"), SET, 2, 0, &arena, &view, &err), LT_CONFLICT,
                 err);
    CHECK_OK(lt_store_keep(store, T("run-1"), T(""), T(""), 0, &err), err);
    CHECK_OK(lt_dataset_forget(store, T("raw"), SET, 100, &forgotten, &err), err);
    CHECK_INT(forgotten, 2);
    CHECK_STATUS(lt_dataset_commit(store, T("raw"), SET, 2, &arena, &info, &err), LT_NOT_FOUND,
                 err);
    CHECK_HAS(err.message, "any more");
    view_is(store, cache, 0, 0, "a:5 b:x");
    CHECK_INT(commit_files(store, LT_COMMIT_APPEND, "c:1"), 6);
    CHECK_INT(lt_test_check(store), 0);
}
LT_CONTRACT(what_is_kept_is_not_forgotten)

static void check_datasets_are_listed_and_go_with_their_bucket(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_dataset_infos list = {0};
    CHECK_OK(lt_bucket_create(store, T("raw"), LT_UNVERSIONED, &err), err);
    commit_files(store, LT_COMMIT_APPEND, "a:1");
    commit_files(store, LT_COMMIT_APPEND, "b:2");
    CHECK_OK(lt_dataset_list(store, &arena, &list, &err), err);
    CHECK_INT(list.len, 1);
    CHECK_TEXT(list.items[0].bucket, "raw");
    CHECK_TEXT(list.items[0].prefix, "domain=x/dataset=y/");
    CHECK_INT(list.items[0].last.sequence, 2);
    CHECK_STATUS(lt_bucket_delete(store, T("raw"), &err), LT_CONFLICT, err);
    commit_files(store, LT_COMMIT_OVERWRITE, "");
    CHECK_OK(lt_store_keep(store, T("run-1"), T("raw"), SET, 2, &err), err);
    CHECK_STATUS(lt_bucket_delete(store, T("raw"), &err), LT_CONFLICT, err);
    CHECK_HAS(err.message, "run-1");
    CHECK_OK(lt_store_keep(store, T("run-1"), T(""), T(""), 0, &err), err);
    CHECK_OK(lt_bucket_delete(store, T("raw"), &err), err);
    CHECK_OK(lt_dataset_list(store, &arena, &list, &err), err);
    CHECK_INT(list.len, 0);
    CHECK_INT(lt_test_check(store), 0);
}
/* In one bucket of S3 old versions stay: see fault/store/s3_test.c. */
LT_CONTRACT_INDEX(datasets_are_listed_and_go_with_their_bucket)

static void check_wrong_names_of_datasets_are_refused(lt_store *store)
{
    lt_err err = {0};
    lt_commit *commit = NULL;
    static const char *const bad[] = {"", "x", "a/b", "\xff/"};
    for (size_t i = 0; i < LT_COUNT(bad); i++)
        CHECK_STATUS(
            lt_commit_begin(store, T("raw"), lt_text_of(bad[i]), LT_COMMIT_APPEND, &commit, &err),
            LT_INVALID, err);
    LT_AUTO(lt_commit_ref) good = begin(store, LT_COMMIT_APPEND);
    lt_text_body body;
    const lt_text names[] = {T(""), T("a\0b"), T("\xff")};
    for (size_t i = 0; i < LT_COUNT(names); i++)
        CHECK_STATUS(lt_commit_add(good, names[i], lt_body_from_text(&body, T("x")), 0, &err),
                     LT_INVALID, err);
    CHECK_STATUS(lt_commit_add(good, T("a"), lt_body_from_text(&body, T("x")), -1, &err),
                 LT_INVALID, err);
    CHECK_STATUS(lt_commit_finish(good, T("\xff"), T(""), -1, NULL, NULL, &err), LT_INVALID, err);
}
LT_CONTRACT(wrong_names_of_datasets_are_refused)
