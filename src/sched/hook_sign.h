/* hook_sign.h - has this message been written by who knows the secret, and which message is it? For sched/ alone. Pure, but for the clock that
 * the message brings.
 *
 * github: https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries; X-Hub-Signature-256 is "sha256=" and the
 * HMAC-SHA256 of the body in hex. The names of event and delivery are not signed, so that a message is what was signed.
 * stripe: https://docs.stripe.com/webhooks#verify-manually; Stripe-Signature is "t=SECONDS,v1=HEX", maybe with several v1, each the
 * HMAC-SHA256 of "SECONDS.BODY". A message is the `id` of the event, so that one that is sent again is the same. */
#pragma once
#include "conf/conf.h"
#include "sched/hook.h"

typedef struct lt_hook_proof {
    lt_text id; /* of the message; in hex, in the arena */
    lt_text
        event; /* github, stripe: its name; else empty. Borrowed from the message or in the arena */
    lt_text sender_id; /* as the sender calls the message; may be empty */
} lt_hook_proof;

/* LT_DENIED, in the same words whatever is wrong: nobody learns which webhooks there are. */
lt_status lt_hook_deny(lt_err *err);
/* LT_DENIED: not signed by who knows the secret, or its time is too far away. */
LT_MUST_CHECK lt_status lt_hook_check(const lt_conf_on_webhook *hook,
                                      const lt_hook_message *message, lt_text secret,
                                      lt_arena *arena, lt_hook_proof *out, lt_err *err);
