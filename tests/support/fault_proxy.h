/* fault_proxy.h - stands between a client and an HTTP server, passes requests on, and spoils some of them. */
#pragma once
#include "base/base.h"

#include <stdbool.h>

typedef enum lt_fault {
    LT_FAULT_NONE,
    LT_FAULT_RESET,     /* the connection is closed; the server never hears of the request */
    LT_FAULT_LOST,      /* the server does it, and its answer is lost */
    LT_FAULT_500,       /* InternalError, not passed on */
    LT_FAULT_SLOW_DOWN, /* 503 SlowDown, not passed on */
    LT_FAULT_CUT,       /* the answer's body ends in the middle (with no body: lost) */
    LT_FAULT_FLIPPED,   /* one bit of the body of an object that is read is another */
    LT_FAULT_EXPIRED,   /* 400 ExpiredToken */
    LT_FAULT_SKEWED,    /* 403 RequestTimeTooSkewed, and the Date of an hour later */
    LT_FAULT_ELSEWHERE, /* 301 PermanentRedirect to the region "eu-test-1" */
    LT_FAULT_HIDDEN, /* 200 with an <Error> inside, to what completes uploads or copies; not passed on */
    LT_FAULT_COUNT,
} lt_fault;

typedef struct lt_fault_proxy lt_fault_proxy;

lt_fault_proxy *lt_fault_proxy_start(
    const char *upstream); /* "http://127.0.0.1:1234"; fails the test on trouble */
void lt_fault_proxy_stop(lt_fault_proxy *proxy); /* NULL is fine */
LT_OWNED(lt_fault_proxy_ref, lt_fault_proxy *, lt_fault_proxy_stop)
const char *lt_fault_proxy_url(const lt_fault_proxy *proxy);

/* Spoil the `nth` request from now on (from 1), and with `onwards` all behind it. */
void lt_fault_proxy_plan(lt_fault_proxy *proxy, lt_fault fault, int nth, bool onwards);
int lt_fault_proxy_requests(const lt_fault_proxy *proxy); /* since the last plan */
int lt_fault_proxy_spoilt(const lt_fault_proxy *proxy);   /* of these */
