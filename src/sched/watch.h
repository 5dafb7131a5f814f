/* watch.h - triggers: what happens elsewhere becomes runs.
 *
 * Three threads look: one at what is near and quick (events of the store, commits, folders), many times a second; one at what is far
 * or slow (web servers, queries, listings of S3); one at queues, which wait themselves. So nothing holds up the others, nor the ticks of
 * schedules. Each step of a
 * trigger is one transaction (state/trigger.h). */
#pragma once
#include "sched/files.h"
#include "state/trigger.h"

typedef struct lt_watch lt_watch;

/* Begin to look at what the triggers of `files` say. `state` must stay until lt_watch_stop(). */
LT_MUST_CHECK lt_status lt_watch_start(lt_state *state, lt_sched_files *files, lt_watch **out,
                                       lt_err *err);
/* Other files from now on. */
void lt_watch_use(lt_watch *watch, lt_sched_files *files);
/* Waits for looks under way (half a minute at most). NULL is fine. */
void lt_watch_stop(lt_watch *watch);

/* Is there what the trigger needs and can be looked at in a moment: its bucket, its folder, its secret? LT_NOT_FOUND, LT_INVALID, ...:
 * what is missing, with a next step. */
LT_MUST_CHECK lt_status lt_watch_try(lt_workspace *workspace, const lt_conf_trigger *trigger,
                                     lt_err *err);
/* What a trigger looks at, as one text: another text is another trigger. In `arena`. */
lt_text lt_watch_text(const lt_conf_trigger *trigger, lt_arena *arena);
/* For people: "an object below in/daily/", "the query ...". */
void lt_watch_describe(const lt_conf_trigger *trigger, lt_buf *out);
/* Why it has not begun a run: what it waits for, since when, the last event, what is wrong. `served`: a server works, else nobody looks. */
void lt_watch_why(const lt_conf_trigger *trigger, const lt_trigger_record *record, bool served,
                  lt_buf *out);
