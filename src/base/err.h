/* err.h - what went wrong, said once, where it is known.
 *
 * A function that can fail returns lt_status and takes `lt_err *err` last (never NULL). A status is something to do.
 * The message is one line without a dot and names the thing; user files as `path:line:col: `. The hint is the next step.
 * Outputs are untouched on failure. Only who handles an error prints it. */
#pragma once
#include "base/text.h"

#include <stdarg.h>

typedef enum lt_status {
    LT_OK,
    LT_INVALID,   /* fix the input: a file, an argument, a value */
    LT_FAILED,    /* the user's data, SQL or tests failed */
    LT_NOT_FOUND, /* name something that is there */
    LT_CONFLICT,  /* somebody else was first: read again */
    LT_DENIED,    /* get the right to do it */
    LT_TOO_BIG,   /* over a limit */
    LT_IO,        /* the machine or a service failed: trying again may help */
    LT_CANCELLED, /* asked to stop */
} lt_status;

typedef struct lt_err {
    lt_status status;
    char message[1024];
    char hint[512]; /* what to do next; may be empty */
    int reason; /* which failure exactly, by the list of the room that failed; 0: the status says it all */
} lt_err;

/* Set the error and give its status back: `return lt_fail(err, LT_INVALID, "no such column '%s'", name);` Too long messages
 * are cut at a character, with "..." at the end; control characters become spaces, so that a message stays one line. */
LT_MUST_CHECK lt_status lt_fail(lt_err *err, lt_status status, const char *format, ...)
    LT_PRINTF(3, 4);
LT_MUST_CHECK lt_status lt_fail_args(lt_err *err, lt_status status, const char *format,
                                     va_list args) LT_PRINTF(3, 0);
/* The same with ": strerror(code)" behind; the status follows from the code (ENOENT, EACCES, ...; LT_IO by default). */
LT_MUST_CHECK lt_status lt_fail_errno(lt_err *err, int code, const char *format, ...)
    LT_PRINTF(3, 4);
/* Say what to do next; gives err->status back, so it can stand behind return. */
lt_status lt_hint(lt_err *err, const char *format, ...) LT_PRINTF(2, 3);
/* Put "context: " in front of the message; gives err->status back. */
lt_status lt_wrap(lt_err *err, const char *format, ...) LT_PRINTF(2, 3);

const char *lt_status_name(lt_status status); /* "invalid", "io", ... for logs and JSON */

/* Return early with the status of a failed call. */
#define LT_TRY(call)                                                                               \
    do {                                                                                           \
        lt_status tried_ = (call);                                                                 \
        if (tried_ != LT_OK)                                                                       \
            return tried_;                                                                         \
    } while (0)

/* Say on purpose that a must-check result does not matter here. */
static inline void lt_ignore(lt_status status)
{
    (void)status;
}
