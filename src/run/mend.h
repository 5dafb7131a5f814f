/* mend.h - what kills, full disks and people may have left wrong in a home, and how it is put right.
 *
 * Nothing that holds data is ever removed: not a damaged database, not a log, not what a run that can go on has left. What is not
 * safe to do is told, with what a person does about it. Others may work in the home meanwhile. */
#pragma once
#include "run/workspace.h"

typedef enum lt_mend_state {
    LT_MEND_FINE,
    LT_MEND_CAN,  /* it is wrong, and could be put right */
    LT_MEND_DONE, /* it was wrong, and is right now */
    LT_MEND_MUST, /* a person has to do something */
    LT_MEND_LOST, /* the same, and the home is of no use before */
} lt_mend_state;

typedef struct lt_mend_finding {
    lt_mend_state state;
    lt_text what, next; /* what it is; what is to be done, or was done */
} lt_mend_finding;
typedef LT_VEC(lt_mend_finding) lt_mend_findings;

typedef struct lt_mend_request {
    const char *home;
    lt_texts targets; /* DuckDB's files, from which a restore may have been torn away */
    bool repair;
} lt_mend_request;

/* Look at everything that one can tell from here without opening store and targets; with `repair` put it right. Finds before
 * lt_workspace_open() what that would put right by itself. In the arena. LT_IO: the home cannot be looked at. */
LT_MUST_CHECK lt_status lt_mend(const lt_mend_request *request, lt_arena *arena,
                                lt_mend_findings *out, lt_err *err);
