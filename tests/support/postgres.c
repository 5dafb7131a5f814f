/* Starts PostgreSQL for tests by way of postgres.sh. */
#include "support/postgres.h"

#include "base/fs.h"
#include "base/proc.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char script[] = LT_SOURCE_DIR "/tests/support/postgres.sh";
static char *shared_url, *shared_dir; /* for the life of the process */

void lt_test_postgres_stop(const char *dir)
{
    lt_err err;
    int code;
    LT_AUTO(lt_buf) out = {0};
    LT_AUTO(lt_chars) copy = lt_xstrdup(dir);
    char *argv[] = {script, (char[]){"stop"}, copy, NULL};
    lt_ignore(lt_proc_run(argv, &out, &code, &err));
}

static void stop_shared(void)
{
    lt_test_postgres_stop(shared_dir);
    lt_free(shared_dir);
    lt_free(shared_url);
}

char *lt_test_postgres_own(char **dir)
{
    lt_err err = {0};
    int code = -1;
    LT_AUTO(lt_buf) out = {0};
    char *folder = NULL; /* lives longer than a test: not lt_test_folder() */
    CHECK_OK(lt_folder_make_temp("/tmp/leat-pg-", &folder, &err), err);
    LT_AUTO(lt_chars) guard = lt_format("%d", (int)getpid());
    char *argv[] = {script, (char[]){"start"}, folder, guard, NULL};
    CHECK_OK(lt_proc_run(argv, &out, &code, &err), err);
    if (code != 0) {
        lt_ignore(lt_path_remove(folder, &err));
        lt_free(folder);
    }
    if (code == 77)
        SKIP("PostgreSQL 15 is not installed");
    CHECK_INT(code, 0);
    lt_text url = lt_text_trim(lt_buf_text(&out));
    *dir = folder;
    return lt_text_dup(url);
}

const char *lt_test_postgres(void)
{
    if (!shared_url) {
        shared_url = lt_test_postgres_own(&shared_dir);
        (void)atexit(stop_shared);
    }
    return shared_url;
}

int lt_test_postgres_pid(const char *dir)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) text = {.limit = 4096};
    LT_AUTO(lt_chars) path = lt_format("%s/data/postmaster.pid", dir);
    CHECK_OK(lt_file_read(path, &text, &err), err);
    return (int)strtol(text.data, NULL, 10);
}
