/* hook.h - webhooks: a message from outside that begins a run, if it proves that its sender knows the trigger's secret.
 *
 * `by: hmac`: X-Leat-Timestamp is the time (seconds since 1970), X-Leat-Signature "sha256=" and in hex the HMAC-SHA256 of
 * "<timestamp>.<body>" with the secret as the key. The time must be within `tolerance` of ours, and a signature is taken once: what somebody
 * has overheard cannot be played again. `by: bearer`: X-Leat-Token is the secret; an Idempotency-Key makes a message once. For the ways of others
 * see hook_sign.h; who sends there what was taken already is told of its run. */
#pragma once
#include "run/workspace.h"

typedef struct lt_hook_message {
    lt_text pipeline, trigger;
    lt_text (*header)(const void *context, const char *name); /* empty: none */
    const void *context;
    lt_text body;  /* JSON or text, at most LT_HOOK_BODY_MOST */
    int64_t at_us; /* now */
} lt_hook_message;
enum { LT_HOOK_BODY_MOST = 1 << 20 };

typedef struct lt_hook_taken {
    int64_t run_id; /* 0: an event that is not wanted */
    bool known;     /* it was taken already */
} lt_hook_taken;

/* The secret of a webhook, in `arena`. LT_NOT_FOUND, LT_DENIED: as of lt_secret_get(); LT_INVALID: it is too short. */
LT_MUST_CHECK lt_status lt_hook_secret(const lt_workspace *workspace,
                                       const lt_conf_on_webhook *hook, lt_arena *arena,
                                       lt_text *secret, lt_err *err);

/* LT_DENIED: no such webhook, or not signed as it should be (the message does not say which); LT_CONFLICT: this message was taken already, by
 * run out->run_id; LT_INVALID: its parameters do not fit. Any thread. */
LT_MUST_CHECK lt_status lt_hook_take(lt_workspace *workspace, lt_state *state,
                                     const lt_hook_message *message, lt_hook_taken *out,
                                     lt_err *err);
