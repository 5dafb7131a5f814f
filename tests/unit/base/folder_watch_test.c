/* Watched folders tell of what counts, and of nothing else. */
#include "base/folder_watch.h"

#include "base/fs.h"
#include "support/test.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_sql(void *user, const char *name)
{
    (void)user;
    return lt_text_ends(lt_text_of(name), T(".sql"));
}

static void put(const char *folder, const char *name)
{
    lt_err err = {0};
    LT_AUTO(lt_chars) path = lt_path_join(folder, name);
    FILE *file = fopen(path, "w");
    CHECK(file && fputs("select 1", file) >= 0 && fclose(file) == 0);
    (void)err;
}

/* Events of what has been done already are there at once. */
static bool has_changed(lt_folder_watch *watch)
{
    bool changed = false;
    lt_err err = {0};
    CHECK(lt_folder_watch_take(watch, &changed, &err) == LT_OK);
    return changed;
}

static lt_folder_watch *watch_of(const char *folder)
{
    static const lt_folder_watch_options options = {.counts = is_sql};
    lt_folder_watch *watch = NULL;
    lt_err err = {0};
    CHECK(lt_folder_watch_open(&options, &watch, &err) == LT_OK);
    CHECK(lt_folder_watch_add(watch, folder, true, &err) == LT_OK);
    return watch;
}

Test(folder_watch, writing_renaming_and_removing_a_file_are_changes)
{
    const char *folder = lt_test_folder();
    lt_folder_watch *watch = watch_of(folder);
    LT_AUTO(lt_chars) from = lt_path_join(folder, "a.sql");
    LT_AUTO(lt_chars) to = lt_path_join(folder, "b.sql");
    CHECK(!has_changed(watch));
    put(folder, "a.sql");
    CHECK(has_changed(watch));
    CHECK(rename(from, to) == 0 && has_changed(watch));
    CHECK(unlink(to) == 0 && has_changed(watch));
    CHECK(!has_changed(watch));
    lt_folder_watch_close(watch);
}

Test(folder_watch, what_editors_leave_and_other_files_are_none)
{
    const char *folder = lt_test_folder();
    lt_folder_watch *watch = watch_of(folder);
    static const char *const names[] = {".a.sql.swp", "a.sql~",  "4913",
                                        "#a.sql#",    ".#a.sql", "x.db"};
    for (size_t i = 0; i < LT_COUNT(names); i++)
        put(folder, names[i]);
    CHECK(!has_changed(watch));
    lt_folder_watch_close(watch);
}

Test(folder_watch, a_file_renamed_over_another_is_a_change)
{
    const char *folder = lt_test_folder();
    put(folder, "a.sql");
    lt_folder_watch *watch = watch_of(folder);
    LT_AUTO(lt_chars) from = lt_path_join(folder, "a.sql.tmp123");
    LT_AUTO(lt_chars) to = lt_path_join(folder, "a.sql");
    put(folder, "a.sql.tmp123");
    CHECK(!has_changed(watch));
    CHECK(rename(from, to) == 0 && has_changed(watch));
    lt_folder_watch_close(watch);
}

Test(folder_watch, folders_that_come_later_are_watched_with_all_below_them)
{
    const char *folder = lt_test_folder();
    lt_folder_watch *watch = watch_of(folder);
    LT_AUTO(lt_chars) one = lt_path_join(folder, "one");
    LT_AUTO(lt_chars) two = lt_path_join(folder, "one/two");
    lt_err err = {0};
    CHECK(lt_folder_make(two, 0755, &err) == LT_OK && has_changed(watch));
    put(two, "a.sql");
    CHECK(has_changed(watch));
    LT_AUTO(lt_chars) moved = lt_path_join(folder, "three");
    CHECK(rename(one, moved) == 0 && has_changed(watch));
    LT_AUTO(lt_chars) inner = lt_path_join(moved, "two");
    put(inner, "b.sql");
    CHECK(has_changed(watch));
    lt_folder_watch_close(watch);
}

static void make(const char *folder, const char *name)
{
    lt_err err = {0};
    LT_AUTO(lt_chars) path = lt_path_join(folder, name);
    CHECK_OK(lt_folder_make(path, 0755, &err), err);
}

static bool tells_of(lt_folder_watch *watch, const char *folder, const char *name)
{
    (void)has_changed(watch);
    put(folder, name);
    return has_changed(watch);
}

Test(folder_watch, a_folder_that_was_moved_is_watched_where_it_is)
{
    const char *folder = lt_test_folder(), *away = lt_test_folder();
    make(folder, "a/s");
    lt_folder_watch *watch = watch_of(folder);
    LT_AUTO(lt_chars) a = lt_path_join(folder, "a");
    LT_AUTO(lt_chars) b = lt_path_join(folder, "b");
    LT_AUTO(lt_chars) out = lt_path_join(away, "out");
    CHECK(rename(a, b) == 0 && has_changed(watch));
    CHECK(tells_of(watch, folder, "b/s/x.sql"));
    make(folder, "b/s/new");
    CHECK(tells_of(watch, folder, "b/s/new/x.sql"));
    CHECK(rename(b, out) == 0 && has_changed(watch));
    CHECK(!tells_of(watch, away, "out/s/new/x.sql"));
    make(folder, "b/s");
    CHECK(tells_of(watch, folder, "b/s/x.sql"));
    lt_folder_watch_close(watch);
}

Test(folder_watch, a_link_to_a_folder_that_comes_goes_or_is_switched_is_a_change)
{
    const char *folder = lt_test_folder(), *one = lt_test_folder(), *two = lt_test_folder();
    lt_folder_watch *watch = watch_of(folder);
    LT_AUTO(lt_chars) link = lt_path_join(folder, "link");
    LT_AUTO(lt_chars) other = lt_path_join(folder, ".other");
    CHECK(symlink(one, link) == 0 && has_changed(watch));
    CHECK(tells_of(watch, one, "x.sql"));
    CHECK(symlink(two, other) == 0 && rename(other, link) == 0 && has_changed(watch));
    CHECK(tells_of(watch, two, "x.sql") && !tells_of(watch, one, "x.sql"));
    CHECK(unlink(link) == 0 && has_changed(watch));
    CHECK(!tells_of(watch, two, "x.sql"));
    lt_folder_watch_close(watch);
}

Test(folder_watch, a_folder_is_watched_on_when_a_link_to_it_goes)
{
    const char *folder = lt_test_folder(), *real = lt_test_folder();
    LT_AUTO(lt_chars) first = lt_path_join(folder, "first");
    LT_AUTO(lt_chars) second = lt_path_join(folder, "second");
    CHECK(symlink(real, first) == 0);
    lt_folder_watch *watch = watch_of(folder);
    CHECK(symlink(real, second) == 0 && has_changed(watch));
    CHECK(unlink(first) == 0 && has_changed(watch));
    CHECK(tells_of(watch, real, "x.sql"));
    lt_folder_watch_close(watch);
}

static long most_events(void)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) text = {0};
    CHECK_OK(lt_file_read("/proc/sys/fs/inotify/max_queued_events", &text, &err), err);
    return strtol(lt_buf_chars(&text), NULL, 10);
}

Test(folder_watch, a_folder_whose_coming_was_lost_is_found)
{
    const char *folder = lt_test_folder();
    lt_folder_watch *watch = watch_of(folder);
    long most = most_events();
    LT_AUTO(lt_chars) a = lt_path_join(folder, "a");
    LT_AUTO(lt_chars) b = lt_path_join(folder, "b");
    if (most > 100000) {
        lt_folder_watch_close(watch);
        return; /* takes too long here */
    }
    put(folder, "a");
    for (long i = 0; i < most; i += 2) /* two different events each */
        CHECK(rename(i % 4 ? b : a, i % 4 ? a : b) == 0);
    make(folder, "late/deep");
    CHECK(tells_of(watch, folder, "late/deep/x.sql"));
    lt_folder_watch_close(watch);
}

Test(folder_watch, a_watched_folder_that_is_moved_or_removed_is_an_error)
{
    for (int i = 0; i < 2; i++) {
        lt_err err = {0};
        bool changed;
        LT_AUTO(lt_chars) folder = lt_path_join(lt_test_folder(), "project");
        LT_AUTO(lt_chars) other = lt_format("%s.old", folder);
        CHECK_OK(lt_folder_make(folder, 0755, &err), err);
        lt_folder_watch *watch = watch_of(folder);
        CHECK((i ? rmdir(folder) : rename(folder, other)) == 0);
        CHECK_STATUS(lt_folder_watch_take(watch, &changed, &err), LT_NOT_FOUND, err);
        CHECK_HAS(err.message, "project' was moved or removed");
        lt_folder_watch_close(watch);
    }
}

Test(folder_watch, a_circle_of_links_is_gone_round_once)
{
    const char *folder = lt_test_folder();
    LT_AUTO(lt_chars) link = lt_path_join(folder, "round");
    CHECK(symlink(folder, link) == 0);
    lt_folder_watch *watch = watch_of(folder);
    put(folder, "a.sql");
    CHECK(has_changed(watch));
    lt_folder_watch_close(watch);
}

Test(folder_watch, what_is_not_entered_tells_nothing)
{
    const char *folder = lt_test_folder();
    LT_AUTO(lt_chars) hidden = lt_path_join(folder, ".git");
    lt_err err = {0};
    CHECK(lt_folder_make(hidden, 0755, &err) == LT_OK);
    lt_folder_watch *watch = watch_of(folder);
    put(hidden, "a.sql");
    CHECK(!has_changed(watch));
    lt_folder_watch_close(watch);
}
