/* sqs.h - messages of a queue of Amazon SQS: received, and deleted when what they told is durable. For sched/ alone.
 *
 * The query protocol (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/), one signed form for each call. Keys
 * are found as the AWS tools do. The endpoint is that of the queue's URL, or what AWS_ENDPOINT_URL_SQS or AWS_ENDPOINT_URL says. */
#pragma once
#include "base/err.h"
#include "base/vec.h"

#include <stdatomic.h>

typedef struct lt_sqs lt_sqs;

/* `url` is the queue's: "https://sqs.eu-west-2.amazonaws.com/123456789012/arrivals". `stop` (borrowed, may be NULL) ends a call that
 * waits. LT_INVALID: no URL, or no region. */
LT_MUST_CHECK lt_status lt_sqs_open(lt_text url, const atomic_bool *stop, lt_sqs **out,
                                    lt_err *err);
void lt_sqs_close(lt_sqs *self); /* NULL is fine */
LT_OWNED(lt_sqs_ref, lt_sqs *, lt_sqs_close)

typedef struct lt_sqs_message {
    lt_text id;     /* of the message: the same however often it comes */
    lt_text handle; /* of this delivery: what deletes it */
    lt_text body;
} lt_sqs_message;
typedef LT_VEC(lt_sqs_message) lt_sqs_messages;
enum { LT_SQS_AT_ONCE = 10 };

/* Wait up to `wait_s` (at most 20) for messages; at most 10 come, and nobody else gets them for `hide_s`. LT_DENIED, LT_FAILED: refused. */
LT_MUST_CHECK lt_status lt_sqs_receive(lt_sqs *self, int wait_s, int64_t hide_s, lt_arena *arena,
                                       lt_sqs_messages *out, lt_err *err);
/* At most 10 of them. What could not be deleted comes again. */
LT_MUST_CHECK lt_status lt_sqs_delete(lt_sqs *self, const lt_text *handles, size_t count,
                                      lt_err *err);
