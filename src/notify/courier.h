/* courier.h - carries messages to one web address from a thread of its own, so that who has them never waits for it.
 *
 * Messages go in their order, one request at a time. A receiver that is away for a while is asked again and again (with the pauses of
 * http_retry.h) as long as the courier lives; a message that it refuses for good (4xx) is left out. What waits is limited:
 * when more than LT_COURIER_BYTES do, new messages are left out. What was not carried is told once, at the end. */
#pragma once
#include "net/http_client.h"

#define LT_COURIER_BYTES ((size_t)16 * LT_MIB)

typedef struct lt_courier lt_courier;

typedef struct lt_courier_options {
    const char *what; /* in messages: "lineage events"; borrowed */
    lt_text url;
    const lt_http_header *headers; /* beside Content-Type: application/json */
    size_t header_count;
} lt_courier_options;

/* What options name is copied. The caller ends it with lt_courier_end(). */
lt_courier *lt_courier_new(const lt_courier_options *options);
/* Any thread; never blocks for the network. */
void lt_courier_send(lt_courier *self, lt_text body);
/* Give what waits until `grace_us` from now, then stop. A warning is logged when something was left out. NULL is fine. */
void lt_courier_end(lt_courier *self, int64_t grace_us);
