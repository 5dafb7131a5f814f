/* Log lines: levels, masks, one write each, and room for a live display. */
#include "base/log.h"

#include "base/mask.h"
#include "support/child.h"
#include "support/test.h"

#include <stdio.h>

static int log_everything(void *context)
{
    lt_err err = {.message = "it broke", .hint = "mend it with hunter22"};
    lt_log_set_level(*(lt_log_level *)context);
    lt_mask_register(T("hunter22"));
    lt_log(LT_LOG_ERROR, "e %d", 1);
    lt_log(LT_LOG_WARNING, "w");
    lt_log(LT_LOG_INFO, "the password is %s", "hunter22");
    lt_log(LT_LOG_DEBUG, "d");
    lt_log_err(&err);
    err.hint[0] = '\0';
    lt_log_err(&err);
    return (int)lt_log_get_level();
}

Test(log, shows_what_the_level_allows_and_no_secrets)
{
    LT_AUTO(lt_buf) said = {0};
    lt_log_level level = LT_LOG_INFO;
    CHECK_INT(lt_child_run(log_everything, &level, &said), LT_LOG_INFO);
    CHECK_STR(said.data,
              "leat: error: e 1\nleat: warning: w\nleat: the password is ***\n"
              "leat: error: it broke\n  hint: mend it with ***\nleat: error: it broke\n");
    lt_buf_clear(&said);
    level = LT_LOG_DEBUG;
    CHECK_INT(lt_child_run(log_everything, &level, &said), LT_LOG_DEBUG);
    CHECK_HAS(said.data, "\nleat: debug: d\n");
    lt_buf_clear(&said);
    level = LT_LOG_ERROR;
    CHECK_INT(lt_child_run(log_everything, &level, &said), LT_LOG_ERROR);
    CHECK(lt_text_starts(lt_buf_text(&said), T("leat: error: e 1\nleat: error: it broke\n")));
}

static void before(void *context)
{
    (void)fprintf(stderr, "<%s", (const char *)context);
}

static void after(void *context)
{
    (void)fprintf(stderr, "%s>\n", (const char *)context);
}

static int log_around(void *context)
{
    lt_log_set_around(before, after, context);
    lt_log(LT_LOG_ERROR, "x");
    lt_log_set_around(NULL, NULL, NULL);
    lt_log(LT_LOG_ERROR, "y");
    return 0;
}

Test(log, a_live_display_steps_aside)
{
    char name[] = "live";
    LT_AUTO(lt_buf) said = {0};
    CHECK_INT(lt_child_run(log_around, name, &said), 0);
    CHECK_STR(said.data, "<liveleat: error: x\nlive>\nleat: error: y\n");
}

static void collect(void *context, lt_log_level level, lt_text line)
{
    lt_buf_printf(context, "[%d %.*s]", (int)level, LT_ARG(line));
}

Test(log, a_thread_hears_its_own_lines_whatever_the_level)
{
    LT_AUTO(lt_buf) heard = {0};
    lt_log_level before = lt_log_get_level();
    lt_log_set_level(LT_LOG_ERROR);
    lt_log_set_also(collect, &heard);
    lt_log(LT_LOG_WARNING, "w %d", 1);
    lt_log(LT_LOG_INFO, "i");
    lt_log(LT_LOG_DEBUG, "d");
    lt_log_set_also(NULL, NULL);
    lt_log(LT_LOG_WARNING, "w 2");
    lt_log_set_level(before);
    CHECK_STR(lt_buf_chars(&heard), "[1 w 1][2 i]");
}
