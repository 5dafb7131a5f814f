/* log.h - lines for people on standard error: "leat: warning: ...". Secrets are masked. Any thread may call.
 *
 * Only who handles an error logs it. Results go to standard output, never through here. */
#pragma once
#include "base/err.h"
#include "base/text.h"

typedef enum lt_log_level { LT_LOG_ERROR, LT_LOG_WARNING, LT_LOG_INFO, LT_LOG_DEBUG } lt_log_level;

void lt_log_set_level(lt_log_level level); /* LT_LOG_INFO at first */
lt_log_level lt_log_get_level(void);
void lt_log(lt_log_level level, const char *format, ...) LT_PRINTF(2, 3);
/* "leat: error: <message>", and "  hint: <hint>" on the next line when there is one. */
void lt_log_err(const lt_err *err);
/* Lines of this thread also go to `also`, with their secrets, down to LT_LOG_INFO and whatever the level is: the log of the task
 * that the thread is doing. NULL ends it. */
void lt_log_set_also(void (*also)(void *context, lt_log_level level, lt_text line), void *context);
/* Called around every line that is written, one line at a time: a live display steps aside and comes back. They must not
 * log. NULL takes them out; afterwards they are not running any more. */
void lt_log_set_around(void (*before)(void *context), void (*after)(void *context), void *context);
