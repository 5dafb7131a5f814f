/* Memory, cleanup, and the end of the process when there is no memory. */
#include "base/base.h"

#include "base/arena.h"
#include "support/child.h"
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

Test(base, allocations_of_nothing_are_something)
{
    void *a = lt_xmalloc(0), *b = lt_xcalloc(0, 8), *c = lt_xrealloc(NULL, 0);
    CHECK(a && b && c);
    lt_free(a);
    lt_free(b);
    lt_free(c);
    lt_free(NULL);
}

Test(base, strings_are_copied_with_their_end)
{
    LT_AUTO(lt_chars) whole = lt_xstrdup("leat");
    LT_AUTO(lt_chars) part = lt_xstrndup("leat", 2);
    LT_AUTO(lt_chars) none = lt_xstrndup(NULL, 0);
    LT_AUTO(lt_chars) made = lt_format("%s/%d", "a", 3);
    CHECK_STR(whole, "leat");
    CHECK_STR(part, "le");
    CHECK_STR(none, "");
    CHECK_STR(made, "a/3");
}

static char *freed;

static void release(char *value)
{
    freed = value;
}
LT_OWNED(watched, char *, release)

Test(base, auto_variables_are_released_unless_taken)
{
    char value[] = "v";
    {
        LT_AUTO(watched) kept = value;
        CHECK(kept == value);
    }
    CHECK(freed == value);
    char *out;
    {
        LT_AUTO(watched) taken = value;
        out = LT_TAKE(taken);
    }
    CHECK(out == value && freed == NULL);
}

Test(base, closing_keeps_errno_and_takes_minus_one)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    errno = 77;
    lt_fd_close(fd);
    CHECK_INT(errno, 77);
    CHECK_INT(fcntl(fd, F_GETFD), -1);
    errno = 77;
    lt_fd_close(-1);
    CHECK_INT(errno, 77);
}

#ifdef __SANITIZE_ADDRESS__
enum { ALLOCATOR_REFUSES = 0 }; /* ASan ends the process itself */
#else
enum { ALLOCATOR_REFUSES = 1 };
#endif

static int ask_for_an_overflow(void *context)
{
    (void)context;
    lt_free(lt_xrealloc_array(NULL, SIZE_MAX / 2, 3));
    return 0;
}

static int ask_for_everything(void *context)
{
    static lt_arena arena;
    volatile size_t most = SIZE_MAX / 2 + 1;
    switch (*(int *)context) {
    case 0:
        lt_free(lt_xmalloc(most));
        break;
    case 1:
        lt_free(lt_xcalloc(most, 1));
        break;
    case 2:
        lt_free(lt_xrealloc(NULL, most));
        break;
    default:
        (void)lt_alloc_array(&arena, most, 4);
        break;
    }
    return 0;
}

Test(base, no_memory_ends_the_process_with_a_message)
{
    LT_AUTO(lt_buf) said = {0};
    CHECK_INT(lt_child_run(ask_for_an_overflow, NULL, &said), 128 + SIGABRT);
    CHECK_HAS(lt_buf_chars(&said), "leat: out of memory (");
    for (int i = 0; ALLOCATOR_REFUSES && i < 4; i++) {
        lt_buf_clear(&said);
        CHECK_INT(lt_child_run(ask_for_everything, &i, &said), 128 + SIGABRT);
        CHECK_HAS(lt_buf_chars(&said), "leat: out of memory (");
    }
}
