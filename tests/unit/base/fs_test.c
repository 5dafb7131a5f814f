/* Files and folders: whole, durable in the right order, and clear when the machine says no. */
#include "base/fs.h"

#include "base/proc.h"
#include "base/time.h"
#include "support/child.h"
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char *inside(const char *folder, const char *name)
{
    return lt_path_join(folder, name);
}

Test(fs, file_is_written_whole_and_read_back)
{
    static lt_status (*const writers[])(const char *, lt_text, unsigned,
                                        lt_err *) = {lt_file_write, lt_file_write_durably};
    for (size_t i = 0; i < LT_COUNT(writers); i++) {
        lt_err err = {0};
        struct stat info;
        LT_AUTO(lt_buf) got = {0};
        LT_AUTO(lt_path_list) list = {0};
        const char *folder = lt_test_folder();
        LT_AUTO(lt_chars) path = inside(folder, "x");
        CHECK_OK(writers[i](path, T("first, and longer"), 0600, &err), err);
        CHECK_OK(writers[i](path, T("a\0b"), 0600, &err), err);
        CHECK_OK(lt_file_read(path, &got, &err), err);
        CHECK(lt_text_eq(lt_buf_text(&got), T("a\0b")));
        CHECK(stat(path, &info) == 0 && (info.st_mode & 07777) == 0600);
        CHECK_OK(lt_files_below(folder, "", 10, &list, &err), err);
        CHECK_INT(list.len, 1); /* no temporary file is left */
    }
}

Test(fs, an_update_leaves_a_file_alone_that_holds_it_already)
{
    lt_err err = {0};
    struct stat before, after;
    const char *folder = lt_test_folder();
    LT_AUTO(lt_chars) path = lt_path_join(folder, "file");
    LT_AUTO(lt_buf) content = {0};
    CHECK_OK(lt_file_update(path, T("one"), 0600, &err), err);
    CHECK(stat(path, &before) == 0);
    CHECK_OK(lt_file_update(path, T("one"), 0600, &err), err);
    CHECK(stat(path, &after) == 0 && after.st_ino == before.st_ino);
    CHECK_OK(lt_file_update(path, T("two"), 0600, &err), err);
    CHECK_OK(lt_file_update(path, T("twofold"), 0600, &err), err);
    CHECK_OK(lt_file_read(path, &content, &err), err);
    CHECK_TEXT(lt_buf_text(&content), "twofold");
}

static void check_content(const char *path, const char *wanted)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) content = {0};
    CHECK_OK(lt_file_read(path, &content, &err), err);
    CHECK_STR(lt_buf_chars(&content), wanted);
}

Test(fs, who_has_opened_a_file_keeps_what_it_was_when_it_is_updated)
{
    lt_err err = {0};
    LT_AUTO(lt_path_list) list = {0};
    LT_AUTO(lt_chars) folder = inside(lt_test_folder(), "put/a");
    LT_AUTO(lt_chars) path = inside(folder, "b.sql");
    static const char *const contents[] = {"one", "one", "a longer one", "short", "", "again"};
    for (size_t i = 0; i < LT_COUNT(contents); i++) {
        LT_AUTO(lt_fd) before = open(path, O_RDONLY | O_CLOEXEC);
        CHECK_OK(lt_file_update(path, lt_text_of(contents[i]), 0644, &err), err);
        check_content(path, contents[i]);
        LT_AUTO(lt_buf) seen = {0};
        if (i)
            CHECK_OK(lt_fd_read(before, &seen, path, &err), err);
        CHECK_STR(lt_buf_chars(&seen), i ? contents[i - 1] : "");
    }
    CHECK_OK(lt_files_below(folder, "", 10, &list, &err), err);
    CHECK_INT(list.len, 1); /* no temporary file is left */
}

Test(fs, updating_a_file_leaves_its_other_names_and_what_it_links_to_alone)
{
    lt_err err = {0};
    const char *folder = lt_test_folder();
    LT_AUTO(lt_chars) other = inside(folder, "other");
    LT_AUTO(lt_chars) named = inside(folder, "named");
    LT_AUTO(lt_chars) linked = inside(folder, "linked");
    LT_AUTO(lt_chars) closed = inside(folder, "closed");
    LT_AUTO(lt_chars) below = inside(folder, "other/x");
    CHECK_OK(lt_file_write(other, T("old"), 0644, &err), err);
    CHECK(link(other, named) == 0 && symlink(other, linked) == 0);
    CHECK_OK(lt_file_write(closed, T("old"), 0444, &err), err);
    CHECK_OK(lt_file_update(named, T("new"), 0644, &err), err);
    CHECK_OK(lt_file_update(linked, T("new"), 0644, &err), err);
    CHECK_OK(lt_file_update(closed, T("new"), 0644, &err), err);
    check_content(other, "old");
    check_content(named, "new");
    check_content(linked, "new");
    check_content(closed, "new");
    CHECK(lt_file_update(below, T("x"), 0644, &err) != LT_OK);
    CHECK_HAS(err.message, "other/x");
}

Test(fs, a_relative_file_without_a_folder_can_be_written)
{
    lt_err err = {0};
    char before[4096];
    CHECK(getcwd(before, sizeof(before)) != NULL && chdir(lt_test_folder()) == 0);
    lt_status status = lt_file_write_durably("plain", T("x"), 0600, &err);
    bool is_there = lt_path_exists("plain");
    CHECK(chdir(before) == 0);
    CHECK_OK(status, err);
    CHECK(is_there);
}

Test(fs, reading_has_a_limit)
{
    lt_err err = {0};
    LT_AUTO(lt_chars) path = inside(lt_test_folder(), "x");
    LT_AUTO(lt_chars) content = lt_xcalloc(1, 100000);
    LT_AUTO(lt_buf) exact = {.limit = 100000}, small = {.limit = 99999}, full = {.limit = 3};
    CHECK_OK(lt_file_write(path, lt_text_at(content, 100000), 0600, &err), err);
    CHECK_OK(lt_file_read(path, &exact, &err), err);
    CHECK_INT(exact.len, 100000);
    CHECK_STATUS(lt_file_read(path, &small, &err), LT_TOO_BIG, err);
    CHECK_HAS(err.message, "is larger than 99999 bytes");
    lt_buf_add(&full, T("abc"));
    full.limit = 2;
    CHECK_STATUS(lt_file_read(path, &full, &err), LT_TOO_BIG, err);
}

Test(fs, reading_says_what_is_wrong)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) got = {0};
    const char *folder = lt_test_folder();
    LT_AUTO(lt_chars) none = inside(folder, "none");
    CHECK_STATUS(lt_file_read(none, &got, &err), LT_NOT_FOUND, err);
    CHECK_HAS(err.message, "/none': No such file");
    CHECK_STATUS(lt_file_read(folder, &got, &err), LT_INVALID, err);
    CHECK_HAS(err.message, "it is a folder");
    CHECK_STATUS(lt_file_read("/proc/self/mem", &got, &err), LT_IO, err);
}

static void *write_slowly(void *path)
{
    LT_AUTO(lt_fd) fd = open(path, O_WRONLY | O_CLOEXEC); /* waits for the reader */
    for (int i = 0; i < 3; i++) {
        CHECK_INT(write(fd, "abc", 3), 3);
        lt_sleep_us(1000);
    }
    return NULL;
}

Test(fs, a_pipe_is_read_to_its_end)
{
    lt_err err = {0};
    int ends[2];
    pthread_t writer;
    LT_AUTO(lt_buf) named = {0}, given = {0};
    LT_AUTO(lt_chars) path = inside(lt_test_folder(), "fifo");
    CHECK_INT(mkfifo(path, 0600), 0);
    CHECK_INT(pthread_create(&writer, NULL, write_slowly, path), 0);
    CHECK_OK(lt_file_read(path, &named, &err), err);
    CHECK_INT(pthread_join(writer, NULL), 0);
    CHECK_STR(lt_buf_chars(&named), "abcabcabc");
    CHECK(pipe2(ends, O_CLOEXEC) == 0 && write(ends[1], "xyz", 3) == 3 && close(ends[1]) == 0);
    LT_AUTO(lt_chars) number = lt_format("/dev/fd/%d", ends[0]);
    CHECK_OK(lt_file_read(number, &given, &err), err);
    CHECK_STR(lt_buf_chars(&given), "xyz");
    CHECK_INT(close(ends[0]), 0);
}

Test(fs, a_pipe_into_which_nobody_writes_holds_nobody_who_is_to_stop)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) got = {0};
    LT_AUTO(lt_chars) path = inside(lt_test_folder(), "fifo");
    CHECK_INT(mkfifo(path, 0600), 0);
    lt_stop_ask();
    lt_status status = lt_file_read(path, &got, &err);
    lt_stop_forget();
    CHECK_STATUS(status, LT_CANCELLED, err);
}

Test(fs, of_devices_only_the_empty_one_is_read)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) got = {0};
    LT_AUTO(lt_chars) zero = inside(lt_test_folder(), "zero");
    CHECK_OK(lt_file_read("/dev/null", &got, &err), err);
    CHECK_INT(got.len, 0);
    CHECK_INT(symlink("/dev/zero", zero), 0);
    CHECK_STATUS(lt_file_read(zero, &got, &err), LT_INVALID, err);
    CHECK_HAS(err.message, "/zero': it is a device");
    CHECK_INT(got.len, 0);
}

Test(fs, writing_to_a_full_device_fails)
{
    lt_err err = {0};
    LT_AUTO(lt_fd) full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    CHECK_STATUS(lt_fd_write(full, T("x"), "the pipe", &err), LT_IO, err);
    CHECK_HAS(err.message, "cannot write 'the pipe': No space left");
    CHECK_HAS(err.hint, "free some disk space");
}

Test(fs, writing_goes_on_after_short_writes)
{
    int ends[2];
    lt_err err = {0};
    LT_AUTO(lt_chars) large = lt_xcalloc(1, LT_MIB);
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        char chunk[4096];
        size_t sum = 0;
        ssize_t len;
        (void)close(ends[1]);
        while ((len = read(ends[0], chunk, sizeof(chunk))) > 0)
            sum += (size_t)len;
        _exit(sum == LT_MIB ? 0 : 1);
    }
    (void)close(ends[0]);
    lt_status status = lt_fd_write(ends[1], lt_text_at(large, LT_MIB), "the pipe", &err);
    (void)close(ends[1]);
    int how = -1;
    CHECK(waitpid(pid, &how, 0) == pid);
    CHECK_OK(status, err);
    CHECK_INT(how, 0);
}

/* ---- what a machine may refuse ---- */

typedef struct refusal {
    const char *path;
    lt_status (*act)(const char *path, lt_err *err);
    lt_status wanted;
} refusal;

static int act_as_nobody(void *context)
{
    const refusal *r = context;
    lt_err err = {0};
    if (!lt_child_become_nobody())
        return 99;
    lt_status got = r->act(r->path, &err);
    if (got != r->wanted)
        (void)fprintf(stderr, "%s: %s\n", lt_status_name(got), err.message);
    return got == r->wanted ? 0 : 1;
}

static lt_status act_write(const char *path, lt_err *err)
{
    LT_AUTO(lt_chars) file = inside(path, "file");
    return lt_file_write_durably(file, T("x"), 0600, err);
}

static lt_status act_make(const char *path, lt_err *err)
{
    LT_AUTO(lt_chars) file = inside(path, "a/b");
    return lt_folder_make(file, 0700, err);
}

static lt_status act_temp(const char *path, lt_err *err)
{
    char *made = NULL;
    LT_AUTO(lt_chars) prefix = inside(path, "t-");
    lt_status status = lt_folder_make_temp(prefix, &made, err);
    lt_free(made);
    return status;
}

static lt_status act_lock(const char *path, lt_err *err)
{
    int fd = -1;
    LT_AUTO(lt_chars) file = inside(path, "lock");
    return lt_file_lock(file, 0, &fd, err);
}

static lt_status act_remove(const char *path, lt_err *err)
{
    LT_AUTO(lt_chars) file = inside(path, "there");
    return lt_path_remove(file, err);
}

static lt_status act_list(const char *path, lt_err *err)
{
    LT_AUTO(lt_path_list) list = {0};
    return lt_files_below(path, "", 10, &list, err);
}

Test(fs, links_are_followed_where_that_is_asked_for_and_never_in_a_circle)
{
    lt_err err = {0};
    const char *folder = lt_test_folder();
    LT_AUTO(lt_chars) real = inside(folder, "real/deep");
    LT_AUTO(lt_chars) file = inside(folder, "real/deep/a.yml");
    LT_AUTO(lt_chars) linked = inside(folder, "b.yml");
    LT_AUTO(lt_chars) again = inside(folder, "also");
    LT_AUTO(lt_chars) circle = inside(folder, "real/deep/up");
    LT_AUTO(lt_chars) nothing = inside(folder, "gone.yml");
    LT_AUTO(lt_path_list) plain = {0}, followed = {0};
    LT_AUTO(lt_buf) names = {0};
    CHECK_OK(lt_folder_make(real, 0700, &err), err);
    CHECK_OK(lt_file_write(file, T("x"), 0600, &err), err);
    CHECK(symlink("real/deep/a.yml", linked) == 0 && symlink("real", again) == 0);
    CHECK(symlink(folder, circle) == 0 && symlink("nowhere", nothing) == 0);
    CHECK_OK(lt_files_below(folder, ".yml", 10, &plain, &err), err);
    CHECK_OK(lt_files_linked_below(folder, ".yml", 10, &followed, &err), err);
    for (size_t i = 0; i < followed.len; i++)
        lt_buf_printf(&names, "%s ", followed.items[i]);
    CHECK(plain.len == 1 && strcmp(plain.items[0], "real/deep/a.yml") == 0);
    CHECK_STR(lt_buf_chars(&names), "also/deep/a.yml b.yml real/deep/a.yml ");
    LT_AUTO(lt_path_list) folders = {0};
    CHECK_OK(lt_folders_linked_below(folder, 10, &folders, &err), err);
    CHECK(folders.len == 5 &&
          folders.items[0][0] == '\0'); /* itself, real and also, and "deep" of both */
}

Test(fs, a_folder_without_rights_is_said_to_be_one)
{
    lt_err err = {0};
    const char *folder = lt_test_folder();
    LT_AUTO(lt_chars) there = inside(folder, "there");
    CHECK_OK(lt_file_write(there, T("x"), 0600, &err), err);
    static lt_status (*const writes[])(const char *, lt_err *) = {act_write, act_make, act_temp,
                                                                  act_lock, act_remove};
    CHECK(chmod(folder, 0555) == 0);
    for (size_t i = 0; i < LT_COUNT(writes); i++) {
        refusal r = {folder, writes[i], LT_DENIED};
        LT_AUTO(lt_buf) said = {0};
        int code = lt_child_run(act_as_nobody, &r, &said);
        if (code == 99)
            SKIP("root without the right to become somebody else");
        CHECK_STR(lt_buf_chars(&said), "");
    }
    CHECK(chmod(folder, 0000) == 0);
    refusal r = {folder, act_list, LT_DENIED};
    CHECK_INT(lt_child_run(act_as_nobody, &r, NULL), 0);
    CHECK(chmod(folder, 0700) == 0);
}

enum { NO_MOUNT = 99 };

/* On a file system of one page: the old content stays, nothing else is left. */
static int write_to_a_full_disk(void *context)
{
    const char *folder = context;
    lt_err err = {0};
    LT_AUTO(lt_buf) got = {0};
    LT_AUTO(lt_path_list) list = {0};
    LT_AUTO(lt_chars) path = inside(folder, "x");
    LT_AUTO(lt_chars) large = lt_xcalloc(1, LT_MIB);
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", folder, "tmpfs", 0, "size=64k") != 0)
        return NO_MOUNT;
    if (lt_file_write_durably(path, T("old"), 0600, &err) != LT_OK)
        return 1;
    if (lt_file_write_durably(path, lt_text_at(large, LT_MIB), 0600, &err) != LT_IO ||
        !lt_has(err.hint, "free some disk space"))
        return 2;
    if (lt_file_read(path, &got, &err) != LT_OK || !lt_text_eq(lt_buf_text(&got), T("old")))
        return 3;
    if (lt_files_below(folder, "", 9, &list, &err) != LT_OK || list.len != 1)
        return 4;
    return 0;
}

Test(fs, a_full_disk_leaves_the_old_file)
{
    LT_AUTO(lt_chars) folder = lt_xstrdup(lt_test_folder());
    int code = lt_child_run(write_to_a_full_disk, folder, NULL);
    if (code == NO_MOUNT)
        SKIP("mounting a small file system is not allowed here");
    CHECK_INT(code, 0);
}

Test(fs, writing_where_a_folder_is_fails_and_leaves_nothing)
{
    lt_err err = {0};
    LT_AUTO(lt_path_list) list = {0};
    const char *folder = lt_test_folder();
    LT_AUTO(lt_chars) sub = inside(folder, "sub/x");
    LT_AUTO(lt_chars) path = inside(folder, "sub");
    CHECK_OK(lt_folder_make(sub, 0700, &err), err);
    CHECK(lt_file_write(path, T("x"), 0600, &err) != LT_OK);
    CHECK_OK(lt_files_below(folder, "", 9, &list, &err), err);
    CHECK_INT(list.len, 0);
}

/* ---- the order of durable steps: these stand before the C library's own ---- */

static char steps[256];
static bool recording, sync_fails;

static void record(const char *step)
{
    if (!recording)
        return;
    size_t len = strlen(steps);
    (void)strncat(steps, step, sizeof(steps) - len - 1);
}

int fdatasync(int fd)
{
    record("data ");
    if (sync_fails) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    struct stat info;
    record(fstat(fd, &info) == 0 && S_ISDIR(info.st_mode) ? "folder " : "file ");
    return (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to)
{
    record("name ");
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

Test(fs, data_is_durable_before_its_name_and_the_folder_after)
{
    lt_err err = {0};
    LT_AUTO(lt_chars) path = inside(lt_test_folder(), "x");
    steps[0] = '\0';
    recording = true;
    lt_status durable = lt_file_write_durably(path, T("x"), 0600, &err);
    record("| ");
    lt_status plain = lt_file_write(path, T("x"), 0600, &err);
    recording = false;
    CHECK_OK(durable, err);
    CHECK_OK(plain, err);
    CHECK_STR(steps, "data name folder | name ");
}

Test(fs, a_sync_that_fails_leaves_the_old_file)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) got = {0};
    LT_AUTO(lt_path_list) list = {0};
    const char *folder = lt_test_folder();
    LT_AUTO(lt_chars) path = inside(folder, "x");
    CHECK_OK(lt_file_write_durably(path, T("old"), 0600, &err), err);
    sync_fails = true;
    lt_status status = lt_file_write_durably(path, T("new"), 0600, &err);
    sync_fails = false;
    CHECK_STATUS(status, LT_IO, err);
    CHECK_OK(lt_file_read(path, &got, &err), err);
    CHECK_TEXT(lt_buf_text(&got), "old");
    CHECK_OK(lt_files_below(folder, "", 9, &list, &err), err);
    CHECK_INT(list.len, 1);
}

Test(fs, nothing_is_made_in_a_folder_that_is_not_there)
{
    lt_err err = {0};
    char *made = NULL;
    CHECK_STATUS(lt_file_write("/no/such/file", T("x"), 0600, &err), LT_NOT_FOUND, err);
    CHECK_STATUS(lt_folder_make_temp("/no/such/t-", &made, &err), LT_NOT_FOUND, err);
    CHECK(!made);
}

/* ---- folders ---- */

Test(fs, folders_are_made_with_those_above)
{
    lt_err err = {0};
    const char *folder = lt_test_folder();
    LT_AUTO(lt_chars) deep = inside(folder, "a/b//c/");
    LT_AUTO(lt_chars) file = inside(folder, "f");
    LT_AUTO(lt_chars) below = inside(folder, "f/x");
    CHECK_OK(lt_folder_make(deep, 0700, &err), err);
    CHECK_OK(lt_folder_make(deep, 0700, &err), err);
    CHECK_OK(lt_folder_make("/", 0700, &err), err);
    CHECK(lt_path_is_folder(deep));
    CHECK_OK(lt_folder_sync(folder, &err), err);
    CHECK_OK(lt_file_write(file, T(""), 0600, &err), err);
    CHECK(lt_folder_make(file, 0700, &err) == LT_CONFLICT);
    CHECK(lt_folder_make(below, 0700, &err) == LT_CONFLICT);
    CHECK_HAS(err.message, "/f': File exists");
    CHECK(lt_folder_sync(file, &err) == LT_INVALID);
    CHECK(!lt_path_is_folder(file) && lt_path_exists(file));
}

Test(fs, removing_takes_links_and_not_what_they_name)
{
    lt_err err = {0};
    const char *folder = lt_test_folder();
    LT_AUTO(lt_chars) tree = inside(folder, "tree/a/b");
    LT_AUTO(lt_chars) root = inside(folder, "tree");
    LT_AUTO(lt_chars) kept = inside(folder, "kept");
    LT_AUTO(lt_chars) link = inside(tree, "link");
    CHECK_OK(lt_folder_make(tree, 0700, &err), err);
    CHECK_OK(lt_file_write(kept, T("x"), 0600, &err), err);
    CHECK(symlink(folder, link) == 0);
    CHECK_OK(lt_path_remove(root, &err), err);
    CHECK(!lt_path_exists(root) && lt_path_exists(kept));
    CHECK_OK(lt_path_remove(root, &err), err);
    CHECK_OK(lt_path_remove(kept, &err), err);
    CHECK(!lt_path_exists(kept));
    CHECK(lt_path_remove("/dev/null/x", &err) == LT_INVALID);
    CHECK(lt_path_remove("/proc/self/status", &err) != LT_OK);
}

static void make_file(const char *folder, const char *name)
{
    lt_err err = {0};
    LT_AUTO(lt_chars) path = inside(folder, name);
    LT_AUTO(lt_chars) above = lt_xstrndup(path, (size_t)(strrchr(path, '/') - path));
    CHECK_OK(lt_folder_make(above, 0700, &err), err);
    CHECK_OK(lt_file_write(path, T(""), 0600, &err), err);
}

Test(fs, files_below_are_sorted_and_links_and_hidden_names_left_out)
{
    lt_err err = {0};
    LT_AUTO(lt_path_list) list = {0};
    const char *folder = lt_test_folder();
    static const char *const names[] = {"b.sql", "a/z.sql",    "a.sql",   "a/b/c.sql",
                                        "x.yml", ".git/h.sql", "a/.h.sql"};
    static const char *const wanted[] = {"a.sql", "a/b/c.sql", "a/z.sql", "b.sql"};
    for (size_t i = 0; i < LT_COUNT(names); i++)
        make_file(folder, names[i]);
    LT_AUTO(lt_chars) link = inside(folder, "link");
    LT_AUTO(lt_chars) file_link = inside(folder, "l.sql");
    CHECK(symlink(folder, link) == 0 && symlink("b.sql", file_link) == 0);
    CHECK_OK(lt_files_below(folder, ".sql", 100, &list, &err), err);
    CHECK_INT(list.len, LT_COUNT(wanted));
    for (size_t i = 0; i < LT_COUNT(wanted); i++)
        CHECK_STR(list.items[i], wanted[i]);
    CHECK_STATUS(lt_files_below(folder, ".sql", 3, &list, &err), LT_TOO_BIG, err);
    CHECK_INT(list.len, LT_COUNT(wanted));
    LT_AUTO(lt_chars) none = inside(folder, "none");
    CHECK_STATUS(lt_files_below(none, "", 3, &list, &err), LT_NOT_FOUND, err);
}

Test(fs, paths_are_joined_and_named)
{
    static const struct {
        const char *folder, *name, *joined;
    } cases[] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"a", "/b", "/b"}, {"a", "", "a"}};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        LT_AUTO(lt_chars) joined = lt_path_join(cases[i].folder, cases[i].name);
        CHECK_STR(joined, cases[i].joined);
    }
    CHECK_STR(lt_path_name("/a/b.c"), "b.c");
    CHECK_STR(lt_path_name("b"), "b");
}

/* ---- locks ---- */

Test(fs, a_lock_has_one_holder)
{
    lt_err err = {0};
    int first = -1, second = -1;
    LT_AUTO(lt_chars) path = inside(lt_test_folder(), "lock");
    CHECK_OK(lt_file_lock(path, 0, &first, &err), err);
    CHECK_STATUS(lt_file_lock(path, 0, &second, &err), LT_CONFLICT, err);
    int64_t start = lt_mono_us();
    CHECK_STATUS(lt_file_lock(path, 5000, &second, &err), LT_CONFLICT, err);
    CHECK(lt_mono_us() - start >= 5000);
    CHECK_INT(second, -1);
    lt_fd_close(first);
    CHECK_OK(lt_file_lock(path, -1, &second, &err), err);
    lt_fd_close(second);
    CHECK(lt_file_lock("/no/such/lock", 0, &second, &err) == LT_NOT_FOUND);
}

Test(fs, a_copy_has_content_mode_and_time_and_never_replaces)
{
    lt_err err = {0};
    int64_t bytes = 0;
    struct stat was, is;
    LT_AUTO(lt_buf) got = {0};
    const char *folder = lt_test_folder();
    LT_AUTO(lt_chars) from = inside(folder, "from");
    LT_AUTO(lt_chars) to = inside(folder, "to");
    LT_AUTO(lt_chars) none = inside(folder, "none");
    CHECK_OK(lt_file_write(from, T("12345"), 0640, &err), err);
    CHECK(utimensat(AT_FDCWD, from, (struct timespec[]){{5, 0}, {1000, 7}}, 0) == 0);
    CHECK_OK(lt_file_copy(from, to, &bytes, &err), err);
    CHECK_OK(lt_file_read(to, &got, &err), err);
    CHECK(bytes == 5 && lt_text_eq(lt_buf_text(&got), T("12345")));
    CHECK(stat(from, &was) == 0 && stat(to, &is) == 0 && was.st_mode == is.st_mode &&
          is.st_mtim.tv_sec == 1000 && is.st_mtim.tv_nsec == was.st_mtim.tv_nsec);
    CHECK_STATUS(lt_file_copy(from, to, NULL, &err), LT_CONFLICT, err);
    CHECK_HAS(err.message, "cannot create");
    CHECK_STATUS(lt_file_copy(none, to, NULL, &err), LT_NOT_FOUND, err);
    CHECK_HAS(err.message, "none");
    CHECK_STATUS(lt_file_copy(folder, none, NULL, &err), LT_INVALID, err);
    CHECK_HAS(err.message, "no regular file");
}

Test(fs, an_earlier_copy_is_shared_only_when_size_and_time_are_the_same)
{
    lt_err err = {0};
    int64_t bytes = 0;
    struct stat first, second;
    const char *folder = lt_test_folder();
    LT_AUTO(lt_chars) from = inside(folder, "from");
    LT_AUTO(lt_chars) copy = inside(folder, "copy");
    LT_AUTO(lt_chars) next = inside(folder, "next");
    CHECK_OK(lt_file_write(from, T("12345"), 0640, &err), err);
    CHECK(!lt_file_link_same(from, copy, next, &bytes));
    CHECK_OK(lt_file_copy(from, copy, NULL, &err), err);
    CHECK(lt_file_link_same(from, copy, next, &bytes) && bytes == 5);
    CHECK(stat(copy, &first) == 0 && stat(next, &second) == 0 && first.st_ino == second.st_ino);
    CHECK(!lt_file_link_same(from, copy, next, NULL)); /* the name is taken */
    CHECK(unlink(next) == 0 &&
          utimensat(AT_FDCWD, from, (struct timespec[]){{5, 0}, {9, 0}}, 0) == 0);
    CHECK(!lt_file_link_same(from, copy, next, NULL) && !lt_path_exists(next));
}

Test(fs, a_new_file_takes_a_name_from_another_but_not_from_a_folder)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) got = {0};
    const char *folder = lt_test_folder();
    LT_AUTO(lt_chars) fresh = inside(folder, "fresh");
    LT_AUTO(lt_chars) path = inside(folder, "path");
    LT_AUTO(lt_chars) sub = inside(folder, "sub");
    CHECK_OK(lt_file_write(fresh, T("one"), 0640, &err), err);
    CHECK_OK(lt_file_name(fresh, path, &err), err); /* nobody had it */
    CHECK_OK(lt_file_write(fresh, T("two"), 0640, &err), err);
    CHECK_OK(lt_file_name(fresh, path, &err), err);
    CHECK_OK(lt_file_read(path, &got, &err), err);
    CHECK_TEXT(lt_buf_text(&got), "two");
    CHECK(!lt_path_exists(fresh));
    CHECK(mkdir(sub, 0755) == 0);
    CHECK_STATUS(lt_file_name(path, sub, &err), LT_INVALID, err);
    CHECK(lt_path_is_folder(sub) && lt_path_exists(path));
    CHECK_STATUS(lt_file_name(fresh, path, &err), LT_NOT_FOUND, err);
    CHECK(lt_path_exists(path));
}
