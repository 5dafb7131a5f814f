/* figures.h - how much there is of what, for whoever watches the server. */
#pragma once
#include "state/state.h"

enum { LT_FIGURE_PIPELINES = 200 };

typedef struct lt_figure {
    lt_text name, status;
    int64_t count;
} lt_figure;
typedef LT_VEC(lt_figure) lt_figure_list;

typedef struct lt_figures {
    lt_figure_list
        runs; /* by pipeline and status; pipelines behind LT_FIGURE_PIPELINES are "other" */
    lt_figure_list
        waiting;          /* tasks of runs that are under way, by the kind of what they wait for */
    lt_figure_list pools; /* places: "taken", "wanted" */
} lt_figures;

LT_MUST_CHECK lt_status lt_state_figures(lt_state *state, lt_arena *arena, lt_figures *out,
                                         lt_err *err);

/* How long tasks took, in buckets: add those whose end is among the changes (state/changes.h) behind `after`, up to `until`. */
enum { LT_LENGTH_BUCKETS = 9 };
extern const int64_t
    lt_length_bounds_us[LT_LENGTH_BUCKETS - 1]; /* upper bounds; the last bucket has none */
typedef struct lt_lengths {
    int64_t buckets[LT_LENGTH_BUCKETS]; /* each task in one */
    int64_t sum_us;
} lt_lengths;
LT_MUST_CHECK lt_status lt_state_lengths(lt_state *state, int64_t after, int64_t until,
                                         lt_lengths *out, lt_err *err);
