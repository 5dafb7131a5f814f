/* why.h - why something is not running, in one sentence: what it waits for, since when, and what changes it next.
 *
 * From the rows of state.db alone, so that any process can say it. */
#pragma once
#include "base/buf.h"
#include "state/state.h"

/* A run: "" when it waits for nothing (it runs, or has ended well); else a sentence without a dot. */
LT_MUST_CHECK lt_status lt_why_run(lt_state *state, const lt_run_record *run, lt_buf *out,
                                   lt_err *err);
/* A task of it; `tasks` are all tasks of the run. */
LT_MUST_CHECK lt_status lt_why_task(lt_state *state, const lt_run_record *run,
                                    const lt_task_records *tasks, const lt_task_record *task,
                                    lt_buf *out, lt_err *err);
