/* pager.h - which page comes next, for several workers at once.
 *
 * Numbered pages (page_number, offset): the first is read alone; when it says how many there are, the others go in parallel.
 * Records that appear meanwhile are read too: the last known page is asked again how many there are; where pages do not say,
 * one more is asked for as long as the last one was full. Chained pages (cursor, next_link, link_header): one is under way at a time, the next begins as soon as its
 * address is known. A single page is a chain of one.
 *
 * A server that does not heed the page parameter gives the same page for ever: where pages do not say how many there are, two equal
 * ones of more than one record, one behind the other, are refused.
 *
 * The size of a full page is what the first one held, if that is less than was asked for: many servers have a limit. Threads: any
 * number of workers; all calls lock. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "conf/conf.h"

#include <pthread.h>

/* One page to fetch. */
typedef struct lt_page_request {
    int64_t index; /* 0, 1, ...: the how-manieth page of this extract */
    int64_t value; /* numbered: what the page or offset parameter is set to */
    lt_buf next;   /* chained: the cursor or URL that leads to it; empty for the first */
    bool probe;    /* it may be that there is no such page */
    bool counts;   /* what the page says of the number of pages matters */
} lt_page_request;

/* What a page told. */
typedef struct lt_page_info {
    int64_t records;
    int64_t total;       /* records in all, -1: it did not say */
    int64_t total_pages; /* -1: it did not say */
    lt_text next;        /* chained: empty at the end */
    uint64_t hash;       /* of the whole page; 0: not known */
    bool missing;        /* a probe that was not there */
} lt_page_info;

typedef struct lt_pager {
    const lt_conf_paginate *conf; /* borrowed */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool numbered, over, first_landed;
    int64_t given, last, in_flight; /* pages given out; the last index known to be there */
    int64_t full;                   /* records of a full page; 0: not known */
    int64_t last_records;           /* of the page with the highest index that has landed */
    int64_t highest;                /* that index */
    uint64_t hash;                  /* of that page */
    int64_t told; /* how many pages there are, as that page says; -1: it does not */
    bool total_known;
    int64_t pages, records, total;
    lt_buf next; /* chained */
    bool next_ready;
} lt_pager;

void lt_pager_init(lt_pager *pager, const lt_conf_paginate *conf);
void lt_pager_cleanup(lt_pager *pager);

/* Wait for a page to fetch. False: there are none left, or lt_pager_stop() was called. */
bool lt_pager_take(lt_pager *pager, lt_page_request *out);
/* The page is there and whole. LT_FAILED: the pages lead back to themselves, or are more than max_pages. */
LT_MUST_CHECK lt_status lt_pager_landed(lt_pager *pager, const lt_page_request *request,
                                        const lt_page_info *info, lt_err *err);
/* Nobody gets another page: something failed. */
void lt_pager_stop(lt_pager *pager);
