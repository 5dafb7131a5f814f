/* Webhooks: the route that messages from outside come by. What signs them is sched/hook.h's. */
#include "sched/hook.h"
#include "web/api/parts.h"

static const lt_api_field taken_fields[] = {
    {"run", LT_API_INT, .needed = true, .help = "the run that it begins"},
};
const lt_api_shape lt_api_hooked_shape = {"Hooked", "a message that was taken",
                                          LT_API_FIELDS(taken_fields)};

static lt_text header(const lt_api_call *call, const char *name)
{
    return lt_server_header(call->request, lt_text_of(name));
}

lt_status lt_api_hook(lt_api_call *call, lt_err *err)
{
    lt_hook_message message = {.pipeline = call->path[0],
                               .trigger = call->path[1],
                               .timestamp = header(call, "X-Leat-Timestamp"),
                               .signature = header(call, "X-Leat-Signature"),
                               .token = header(call, "X-Leat-Token"),
                               .key = header(call, "Idempotency-Key"),
                               .body = call->request->body,
                               .at_us = call->actor.at_us};
    int64_t run_id = 0;
    lt_status status = lt_sched_hook(call->api->options.sched, &message, &run_id, err);
    if (status == LT_DENIED)
        call->status = 401;
    LT_TRY(status);
    lt_json_begin(&call->json, '{');
    lt_json_set_int(&call->json, "run", run_id);
    lt_json_end(&call->json);
    return LT_OK;
}
