/* sns.h - publish to a topic of Amazon's Simple Notification Service (API reference, "Publish"). */
#pragma once
#include "base/arena.h"
#include "base/err.h"

#include <stdatomic.h>

typedef struct lt_sns_message {
    lt_text topic;         /* its ARN, which names the region */
    lt_text subject, text; /* a subject keeps its first 99 ASCII characters, others become '?' */
    lt_text group,
        once; /* of a FIFO topic: its group, and the id by which a second one is dropped */
    const atomic_bool *stop; /* borrowed; may be NULL */
} lt_sns_message;

/* Keys are found as net/aws_credentials.h says; AWS_ENDPOINT_URL_SNS counts. *id: what SNS calls the message, in the arena. LT_DENIED:
 * no keys, or no right; LT_FAILED: refused; LT_IO: not reached. */
LT_MUST_CHECK lt_status lt_sns_publish(const lt_sns_message *message, lt_arena *arena, lt_text *id,
                                       lt_err *err);
