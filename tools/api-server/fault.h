/* fault.h - what goes wrong on purpose, and when.
 *
 * A fault is KIND:WHEN. WHEN is a share of the requests ("0.05"), one request ("#7", counted from 1 over all data requests),
 * all from one on ("#7+"), or a page ("page=3"; once: "page=3!"). Shares are drawn from the seed and the request's number, so a run
 * with one worker repeats itself. Threads: any. */
#pragma once
#include "base/buf.h"

#include <pthread.h>
#include <stdatomic.h>

typedef enum lt_fault_kind {
    LT_FAULT_429,
    LT_FAULT_500,
    LT_FAULT_502,
    LT_FAULT_503,
    LT_FAULT_404,
    LT_FAULT_REFUSE,   /* the token is refused: 401 */
    LT_FAULT_SLOW,     /* waits for --slow before it answers */
    LT_FAULT_NEVER,    /* never answers */
    LT_FAULT_HANGUP,   /* closes the connection without an answer */
    LT_FAULT_TRUNCATE, /* the body ends early, though its length says otherwise */
    LT_FAULT_BROKEN,   /* a byte in the middle of the page is no JSON */
    LT_FAULT_SHAPE,    /* the items are somewhere else */
    LT_FAULT_TYPE,     /* a number of the first record turns into an object */
    LT_FAULT_TWICE,    /* the record before this page comes again */
    LT_FAULT_GROW,     /* records become visible that were hidden at the start (a tenth) */
    LT_FAULT_SHRINK,   /* the last tenth of the records goes away */
    LT_FAULT_COUNT
} lt_fault_kind;

typedef struct lt_fault {
    lt_fault_kind kind;
    enum {
        LT_FAULT_SHARE,
        LT_FAULT_REQUEST,
        LT_FAULT_FROM,
        LT_FAULT_PAGE,
        LT_FAULT_PAGE_ONCE
    } when;
    double share;
    int64_t number; /* request or page */
    bool spent;     /* LT_FAULT_PAGE_ONCE */
} lt_fault;

enum { LT_FAULTS_MAX = 64 };

typedef struct lt_faults {
    pthread_mutex_t lock;
    lt_fault items[LT_FAULTS_MAX];
    size_t len;
    uint64_t seed;
    int64_t hits[LT_FAULT_COUNT];
} lt_faults;

void lt_faults_init(lt_faults *faults, uint64_t seed);
LT_MUST_CHECK lt_status lt_faults_add(lt_faults *faults, lt_text spec, lt_err *err);
void lt_faults_clear(lt_faults *faults);
bool lt_faults_have(lt_faults *faults, lt_fault_kind kind);

/* What goes wrong with request number `request` (from 1) for page `page` (from 1): a set of bits, 1u << kind. */
unsigned lt_faults_draw(lt_faults *faults, int64_t request, int64_t page);
/* {"429": 3, ...}: how often each went off. */
void lt_faults_json(lt_faults *faults, lt_buf *out);
