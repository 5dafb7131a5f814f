/* Archives: the bytes of tar, the same for the same files, and nothing unsafe comes out of one. */
#include "git/archive.h"

#include "base/fs.h"
#include "base/proc.h"
#include "git/git.h"
#include "support/test.h"

#include <unistd.h>

Test(archive, paths_are_safe_or_not)
{
    static const char *const safe[] = {"a",   "a/b.c", ".github/x", "..a",
                                       "a..", "...",   "a b/\u00e9"};
    static const char *const unsafe[] = {"",       "/a",     "a/",    "a//b", ".",
                                         "..",     "../a",   "a/..",  "./a",  "a/./b",
                                         "a/../b", ".git/x", "a/.GIT"};
    for (size_t i = 0; i < LT_COUNT(safe); i++)
        CHECK(lt_archive_path_is_safe(lt_text_of(safe[i])));
    for (size_t i = 0; i < LT_COUNT(unsafe); i++)
        CHECK(!lt_archive_path_is_safe(lt_text_of(unsafe[i])));
    CHECK(!lt_archive_path_is_safe(T("a\0b")));
}

Test(archive, links_stay_inside)
{
    static const struct {
        const char *path, *target;
        bool is_safe;
    } cases[] = {
        {"a", "b", true},
        {"a", ".", true},
        {"d/a", "../b", true},
        {"d/e/a", "../../b", true},
        {"a", "../b", false},
        {"d/a", "../../b", false},
        {"a", "/etc/passwd", false},
        {"d/a", "x/../y", false},
        {"a", "", false},
        {"d/a", "./../b", true},
        {"d/a", "..", true},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        CHECK(lt_archive_link_is_safe(lt_text_of(cases[i].path), lt_text_of(cases[i].target)) ==
              cases[i].is_safe);
}

static char *long_path(size_t len)
{
    char *path = lt_xmalloc(len + 1);
    for (size_t i = 0; i < len; i++)
        path[i] = i % 50 == 49 && i + 1 < len ? '/' : 'p';
    path[len] = '\0';
    return path;
}

Test(archive, what_is_added_is_read_back_whatever_the_lengths)
{
    static const size_t path_lens[] = {1, 99, 100, 101, 985, 1000, 3000};
    static const size_t sizes[] = {0, 1, 511, 512, 513, 70000};
    lt_err err = {0};
    LT_AUTO(lt_buf) archive = {0};
    LT_AUTO(lt_chars) content = lt_xcalloc(1, 70000);
    for (size_t p = 0; p < LT_COUNT(path_lens); p++)
        for (size_t s = 0; s < LT_COUNT(sizes); s++) {
            LT_AUTO(lt_chars) path = long_path(path_lens[p]);
            lt_archive_add_file(&archive, lt_text_of(path), lt_text_at(content, sizes[s]), s % 2);
            lt_archive_add_link(&archive, T("l"), lt_text_of(path));
        }
    lt_archive_end(&archive);
    CHECK(archive.len % 512 == 0);
    lt_archive_reader reader = {.archive = lt_buf_text(&archive)};
    lt_archive_entry entry;
    bool more = false;
    for (size_t p = 0; p < LT_COUNT(path_lens); p++)
        for (size_t s = 0; s < LT_COUNT(sizes); s++) {
            LT_AUTO(lt_chars) path = long_path(path_lens[p]);
            CHECK_OK(lt_archive_next(&reader, &entry, &more, &err), err);
            CHECK(more && entry.kind == LT_ENTRY_FILE && entry.is_program == (s % 2));
            CHECK_TEXT(entry.path, path);
            CHECK_INT(entry.content.len, sizes[s]);
            CHECK_OK(lt_archive_next(&reader, &entry, &more, &err), err);
            CHECK(more && entry.kind == LT_ENTRY_LINK);
            CHECK_TEXT(entry.target, path);
        }
    CHECK_OK(lt_archive_next(&reader, &entry, &more, &err), err);
    CHECK(!more);
}

Test(archive, tar_can_read_it)
{
    lt_err err = {0};
    int code = -1;
    LT_AUTO(lt_buf) archive = {0}, listed = {0};
    LT_AUTO(lt_chars) deep = long_path(130);
    LT_AUTO(lt_chars) path = lt_path_join(lt_test_folder(), "x.tar");
    lt_archive_add_file(&archive, T("a.txt"), T("hello"), true);
    lt_archive_add_file(&archive, lt_text_of(deep), T("x"), false);
    lt_archive_add_link(&archive, T("l"), T("a.txt"));
    lt_archive_end(&archive);
    CHECK_OK(lt_file_write(path, lt_buf_text(&archive), 0600, &err), err);
    char tar[] = "tar", flags[] = "-tvf", utc[] = "--utc";
    char *argv[] = {tar, utc, flags, path, NULL};
    CHECK_OK(lt_proc_run(argv, &listed, &code, &err), err);
    CHECK_INT(code, 0);
    CHECK_HAS(listed.data, "-rwxr-xr-x 0/0               5 1970-01-01 00:00 a.txt\n");
    CHECK_HAS(listed.data, deep);
    CHECK_HAS(listed.data, " l -> a.txt\n");
}

Test(archive, every_cut_and_every_changed_byte_is_an_error_or_harmless)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) archive = {0};
    LT_AUTO(lt_chars) deep = long_path(130);
    lt_archive_add_file(&archive, lt_text_of(deep), T("hello"), true);
    lt_archive_end(&archive);
    for (size_t len = 0; len < archive.len - 1024; len++) {
        lt_archive_reader reader = {.archive = lt_text_at(archive.data, len)};
        lt_archive_entry entry;
        bool more = true;
        CHECK_STATUS(lt_archive_next(&reader, &entry, &more, &err), LT_INVALID, err);
    }
    for (size_t at = 0; at < archive.len; at++) {
        lt_archive_reader reader = {.archive = lt_buf_text(&archive)};
        lt_archive_entry entry;
        bool more = true;
        archive.data[at] ^= 0x55;
        while (more && lt_archive_next(&reader, &entry, &more, &err) == LT_OK)
            CHECK(!more || lt_archive_path_is_safe(entry.path));
        archive.data[at] ^= 0x55;
    }
}

/* An archive made by hand of one entry: refused as a whole. */
static void check_refused(const char *first, const char *target, const char *second,
                          const char *message)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) archive = {0};
    const char *folder = lt_test_folder();
    LT_AUTO(lt_chars) into = lt_path_join(folder, "into");
    LT_AUTO(lt_chars) evil = lt_path_join(folder, "evil");
    if (target)
        lt_archive_add_link(&archive, lt_text_of(first), lt_text_of(target));
    else
        lt_archive_add_file(&archive, lt_text_of(first), T("x"), false);
    if (second)
        lt_archive_add_file(&archive, lt_text_of(second), T("x"), false);
    lt_archive_end(&archive);
    CHECK_STATUS(lt_git_restore(lt_buf_text(&archive), into, &err), LT_INVALID, err);
    CHECK_HAS(err.message, message);
    CHECK(!lt_path_exists(evil));
}

Test(archive, nothing_is_written_outside)
{
    check_refused("../evil", NULL, NULL, "the unsafe path '../evil'");
    check_refused("/tmp/leat-evil", NULL, NULL, "unsafe path");
    check_refused(".git/hooks/pre-commit", NULL, NULL, "unsafe path");
    check_refused("a", "..", NULL, "leads out of it");
    check_refused("a", "/", NULL, "leads out of it");
    check_refused("d", "e", "d/evil", "leads through a link");
    check_refused("a", "a", "a", "leads through a link");
}

Test(archive, other_kinds_of_entries_are_refused)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) archive = {0};
    lt_archive_add_file(&archive, T("a"), T(""), false);
    archive.data[156] = '5'; /* a folder; the checksum grows by 5 */
    archive.data[153] = (char)(archive.data[153] + 5);
    lt_archive_reader reader = {.archive = lt_buf_text(&archive)};
    lt_archive_entry entry;
    bool more = true;
    CHECK_STATUS(lt_archive_next(&reader, &entry, &more, &err), LT_INVALID, err);
    CHECK_HAS(err.message, archive.data[153] > '7' ? "no entry begins" : "neither file nor link");
}
