/* The .env file sets what is not set. */
#include "base/fs.h"
#include "conf/dotenv.h"
#include "support/cases.h"
#include "support/test.h"

#include <stdlib.h>

static void read_env(const lt_case *one, lt_buf *out)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_dotenv env = {0};
    if (lt_dotenv_read(one->input, ".env", &arena, &env, &err) != LT_OK)
        lt_buf_add_str(out, err.message);
    for (size_t i = 0; i < env.len; i++)
        lt_buf_printf(out, "%s[%s]=[%s]", i ? " " : "", env.items[i].key, env.items[i].value);
}

Test(dotenv, reads_keys_and_values)
{
    lt_cases_run("conf/dotenv.txt", read_env);
}

static bool is_tracked(void *context, const char *path)
{
    *(bool *)context = lt_has(path, "/.env");
    return true;
}

Test(dotenv, never_overrides_the_environment)
{
    lt_err err = {0};
    bool asked = false;
    const char *root = lt_test_folder();
    LT_AUTO(lt_chars) path = lt_path_join(root, ".env");
    CHECK_OK(lt_dotenv_load(root, NULL, NULL, &err), err);
    CHECK_OK(lt_file_write(path, T("LT_DOTENV_SET=new\nLT_DOTENV_UNSET=new\n"), 0644, &err), err);
    CHECK_INT(setenv("LT_DOTENV_SET", "old", 1), 0);
    CHECK_INT(unsetenv("LT_DOTENV_UNSET"), 0);
    CHECK_OK(lt_dotenv_load(root, is_tracked, &asked, &err), err);
    CHECK_STR(getenv("LT_DOTENV_SET"), "old");
    CHECK_STR(getenv("LT_DOTENV_UNSET"), "new");
    CHECK(asked);
    CHECK_INT(unsetenv("LT_DOTENV_SET"), 0);
    CHECK_INT(unsetenv("LT_DOTENV_UNSET"), 0);
}

static bool has(char **list, const char *variable)
{
    for (; *list; list++)
        if (strcmp(*list, variable) == 0)
            return true;
    return false;
}

Test(dotenv, a_line_that_changes_or_goes_does_so_in_the_environment)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    const char *root = lt_test_folder();
    LT_AUTO(lt_chars) path = lt_path_join(root, ".env");
    CHECK_INT(setenv("LT_DOTENV_OUTER", "mine", 1), 0);
    CHECK_OK(
        lt_file_write(path, T("LT_DOTENV_A=1\nLT_DOTENV_B=1\nLT_DOTENV_OUTER=no\n"), 0600, &err),
        err);
    CHECK_OK(lt_dotenv_load(root, NULL, NULL, &err), err);
    CHECK_STR(getenv("LT_DOTENV_A"), "1");
    CHECK_OK(lt_file_write(path, T("LT_DOTENV_A=two\nLT_DOTENV_OUTER=no\n"), 0600, &err), err);
    CHECK_OK(lt_dotenv_load(root, NULL, NULL, &err), err);
    CHECK_STR(getenv("LT_DOTENV_A"), "two");
    CHECK(getenv("LT_DOTENV_B") == NULL);
    CHECK_STR(getenv("LT_DOTENV_OUTER"), "mine");
    CHECK_INT(setenv("LT_DOTENV_LATER", "x", 1), 0); /* which moves the list */
    CHECK_OK(lt_dotenv_load(root, NULL, NULL, &err), err);
    CHECK_STR(getenv("LT_DOTENV_A"), "two");
    char **outer = lt_dotenv_outer(&arena);
    CHECK(has(outer, "LT_DOTENV_OUTER=mine") && has(outer, "LT_DOTENV_LATER=x"));
    CHECK(!has(outer, "LT_DOTENV_A=two"));
    CHECK_OK(lt_path_remove(path, &err), err);
    CHECK_OK(lt_dotenv_load(root, NULL, NULL, &err), err);
    CHECK(getenv("LT_DOTENV_A") == NULL);
    CHECK_STR(getenv("LT_DOTENV_OUTER"), "mine");
    CHECK_INT(unsetenv("LT_DOTENV_OUTER"), 0);
    CHECK_INT(unsetenv("LT_DOTENV_LATER"), 0);
}

Test(dotenv, a_broken_file_sets_nothing)
{
    lt_err err = {0};
    const char *root = lt_test_folder();
    LT_AUTO(lt_chars) path = lt_path_join(root, ".env");
    CHECK_OK(lt_file_write(path, T("LT_DOTENV_A=1\nwrong\n"), 0600, &err), err);
    CHECK_STATUS(lt_dotenv_load(root, NULL, NULL, &err), LT_INVALID, err);
    CHECK_STR(err.message, ".env:2:1: expected KEY=VALUE");
    CHECK_HAS(err.hint, "KEY=VALUE");
    CHECK(getenv("LT_DOTENV_A") == NULL);
}
