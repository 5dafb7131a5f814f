/* look.h - what a trigger looks at: one look tells what is new since the last one. For sched/ alone.
 *
 * A look changes nothing that lasts. What it has found becomes runs, and what it knows then is recorded, in one transaction of
 * watch.c; a look that is not recorded finds the same again. */
#pragma once
#include "base/map.h"
#include "fmt/json.h"
#include "run/workspace.h"
#include "sched/tick.h"
#include "state/trigger.h"

#include <stdatomic.h>

/* A file that is there, but may still grow. In memory only: after a restart it is watched anew. */
typedef struct lt_growing {
    char *path, *stamp; /* owned */
    int64_t since_mono_us;
    bool seen;
} lt_growing;

/* A queue, and the messages that were received from it and are not deleted yet. */
typedef struct lt_queue lt_queue;

/* A trigger that is watched. */
typedef struct lt_watched {
    lt_workspace *workspace; /* borrowed */
    const lt_conf_pipeline *pipeline;
    const lt_conf_trigger *trigger;
    lt_text watches; /* what it looks at */
    bool begun, in_trouble;
    bool lacks; /* something that it needs is not there (lt_watch_try) */
    bool told;  /* the log has it */
    int64_t try_mono_us;
    atomic_bool paused;
    int64_t next_mono_us;  /* look then */
    int64_t batch_mono_us; /* when the first event of a batch was seen; 0: none */
    int64_t saved_mono_us; /* the cursor was recorded then */
    int64_t events;        /* so far */
    lt_buf cursor;
    lt_arena known_arena;
    lt_map known; /* item: its stamp */
    LT_VEC(lt_growing) growing;
    lt_store *other;         /* owned: of a bucket that is not the project's; NULL: not opened */
    lt_queue *queue;         /* owned; NULL: not opened */
    const atomic_bool *stop; /* borrowed */
    bool is_only_one;        /* of its thread's triggers: it may wait long */
    int inotify;             /* borrowed; -1: none */
} lt_watched;

typedef struct lt_look {
    lt_arena *arena;
    bool first;             /* the trigger is new: what is there is only known from now on */
    lt_sched_events events; /* in the order of happening */
    lt_trigger_items items; /* what is known from now on */
    lt_text cursor;         /* .ptr NULL: as it was */
    int64_t again_us;       /* look again so soon; 0: after its usual time */
} lt_look;

typedef lt_status lt_look_fn(lt_watched *watched, lt_look *look, lt_err *err);

/* Events of the project's own store, by their numbers. */
lt_look_fn lt_look_events;
/* A listing, compared with the last one: for a store in S3. */
lt_look_fn lt_look_listing;
/* Messages of a queue, which waits for them. */
lt_look_fn lt_look_queue;
/* All that the last look has found is durable: its messages may go. */
void lt_queue_recorded(lt_watched *watched);
void lt_queue_close(lt_queue *self); /* NULL is fine */
lt_look_fn lt_look_webhook;
lt_look_fn lt_look_datasets, lt_look_files, lt_look_http, lt_look_sql;

/* An item with this stamp: new, changed or known? Adds it to look->items when it is not known. */
bool lt_look_item(const lt_watched *watched, lt_look *look, lt_text item, lt_text stamp);
/* Items that are known and not among those of `there` are gone. */
void lt_look_gone(const lt_watched *watched, lt_look *look, const lt_map *there);
/* SHA-256 in hex of two texts with a NUL between: the id of an event. In `arena`. */
lt_text lt_look_id(lt_text item, lt_text stamp, lt_arena *arena);

/* LT_NOT_FOUND, with what to do. */
LT_MUST_CHECK lt_status lt_watch_no_folder(const char *name, lt_err *err);
