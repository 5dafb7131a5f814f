/* What leat and leat-task tell each other, and the log that is never larger than its limit. */
#include "base/fs.h"
#include "base/mask.h"
#include "support/test.h"
#include "task/log.h"
#include "task/procs.h"
#include "task/spec.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

Test(task, an_order_is_read_as_it_was_written)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) text = {0};
    lt_task_spec spec = {.base = T("/a b"),
                         .lock = T("/l"),
                         .log = T("/g"),
                         .mark = T("m=1"),
                         .timeout_us = 5,
                         .memory_bytes = INT64_MAX},
                 got;
    lt_push_in(&arena, &spec.args, T("sh"));
    lt_push_in(&arena, &spec.args, T("echo a=b\nc"));
    lt_push_in(&arena, &spec.env, T("A=b=c"));
    lt_push_in(&arena, &spec.secrets, T("s"));
    lt_task_spec_write(&spec, &text);
    CHECK_OK(lt_task_spec_read(lt_buf_text(&text), &arena, &got, &err), err);
    CHECK_TEXT(got.base, "/a b");
    CHECK_TEXT(got.mark, "m=1");
    CHECK_INT(got.memory_bytes, INT64_MAX);
    CHECK_INT(got.args.len, 2);
    CHECK_TEXT(got.args.items[1], "echo a=b\nc");
    CHECK_TEXT(got.env.items[0], "A=b=c");
    CHECK_TEXT(got.secrets.items[0], "s");
    CHECK_STATUS(
        lt_task_spec_read(lt_text_sub(lt_buf_text(&text), 0, text.len - 1), &arena, &got, &err),
        LT_INVALID, err);
    CHECK_STATUS(lt_task_spec_read(T("what=x\0"), &arena, &got, &err), LT_INVALID, err);
    CHECK_STATUS(lt_task_spec_read(T("timeout=x\0"), &arena, &got, &err), LT_INVALID, err);
    CHECK_STATUS(lt_task_spec_read(T("arg=x\0"), &arena, &got, &err), LT_INVALID, err);
}

Test(task, a_result_is_read_as_it_was_written_and_a_torn_one_is_known)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) text = {0};
    lt_task_result result = {.end = LT_END_TIMEOUT, .code = 3, .signal = 9, .left = 2}, got = {0};
    lt_task_result_write(&result, &text);
    CHECK_OK(lt_task_result_read(lt_buf_text(&text), &got, &err), err);
    CHECK_INT(memcmp(&got, &result, sizeof(got)), 0);
    for (size_t len = 0; len < text.len; len++)
        CHECK_STATUS(lt_task_result_read(lt_text_sub(lt_buf_text(&text), 0, len), &got, &err),
                     LT_INVALID, err);
    CHECK_STATUS(lt_task_result_read(T("state gone\nend\n"), &got, &err), LT_INVALID, err);
}

static void read_all(const char *path, lt_buf *out)
{
    lt_err err;
    lt_ignore(lt_file_read(path, out, &err));
}

Test(task, a_log_keeps_its_beginning_and_its_end_within_the_limit)
{
    lt_err err = {0};
    lt_task_log log;
    LT_AUTO(lt_chars) path = lt_path_join(lt_test_folder(), "x.log");
    LT_AUTO(lt_chars) head = lt_format("%s.head", path);
    LT_AUTO(lt_chars) older = lt_format("%s.1", path);
    LT_AUTO(lt_buf) first = {0};
    LT_AUTO(lt_buf) middle = {0};
    LT_AUTO(lt_buf) last = {0};
    CHECK_OK(lt_task_log_open(&log, path, 3000, &err), err);
    for (int i = 0; i < 1000; i++) {
        char line[32];
        (void)snprintf(line, sizeof(line), "line %d\n", i);
        lt_task_log_write(&log, lt_text_of(line));
    }
    CHECK(log.dropped > 0);
    lt_task_log_close(&log);
    read_all(head, &first);
    read_all(older, &middle);
    read_all(path, &last);
    CHECK(lt_text_starts(lt_buf_text(&first), T("line 0\nline 1\n")));
    CHECK(lt_text_ends(lt_buf_text(&last), T("line 999\n")));
    CHECK_HAS(lt_buf_chars(&last), "bytes of output were left out before here]\n");
    CHECK(first.len + middle.len + last.len <= 3000 + 100);
    /* the tail is without a gap */
    LT_AUTO(lt_buf) tail = {0};
    lt_buf_add(&tail, lt_buf_text(&middle));
    lt_buf_add(&tail, lt_buf_text(&last));
    CHECK_HAS(lt_buf_chars(&tail), "line 950\nline 951\n");
}

Test(task, a_secret_that_comes_in_two_pieces_is_masked)
{
    lt_err err = {0};
    lt_task_log log;
    LT_AUTO(lt_chars) path = lt_path_join(lt_test_folder(), "x.log");
    LT_AUTO(lt_buf) text = {0};
    lt_mask_add_form(T("topsecret"));
    CHECK_OK(lt_task_log_open(&log, path, 0, &err), err);
    lt_task_log_write(&log, T("a tops"));
    lt_task_log_write(&log, T("ecret b top"));
    lt_task_log_close(&log);
    read_all(path, &text);
    CHECK_STR(lt_buf_chars(&text), "a *** b top");
    lt_mask_forget_all();
}

Test(task, processes_are_found_by_their_mark_and_ended)
{
    size_t stuck = 0;
    char *const argv[] = {(char[]){"sleep"}, (char[]){"300"}, NULL};
    char *const env[] = {(char[]){"LEAT_TASK=unit-test-mark"}, NULL};
    pid_t pid = fork();
    if (pid == 0) {
        (void)execve("/bin/sleep", argv, env);
        _exit(127);
    }
    lt_pids pids = {0};
    for (int i = 0; i < 1000 && !pids.len; i++) { /* until it has become sleep */
        lt_procs_marked(T("LEAT_TASK=unit-test-mark"), &pids);
        (void)usleep(1000);
    }
    CHECK_INT(pids.len, 1);
    CHECK_INT(pids.items[0], pid);
    CHECK(lt_procs_resident_bytes(&pids) > 0);
    lt_vec_free(&pids);
    lt_procs_below(getpid(), 1000, &pids);
    CHECK_INT(pids.len, 1);
    lt_vec_free(&pids);
    CHECK_INT(lt_procs_end_marked(T("LEAT_TASK=unit-test-mark"), 5000000, &stuck), 1);
    CHECK_INT(stuck, 0);
    CHECK_INT(waitpid(pid, NULL, 0), pid);
    CHECK_INT(lt_procs_end_marked(T("LEAT_TASK=unit-test-mark"), 0, NULL), 0);
}
