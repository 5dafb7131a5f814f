/* Webhooks: the route that messages from outside come by. What signs them is sched/hook.h's. */
#include "sched/hook.h"
#include "web/api/parts.h"

static const lt_api_field taken_fields[] = {
    {"run", LT_API_INT, .help = "the run that it begins; none: an event that is not wanted"},
    {"known", LT_API_BOOL, .needed = true, .help = "it was taken already"},
};
const lt_api_shape lt_api_hooked_shape = {"Hooked", "a message that was taken",
                                          LT_API_FIELDS(taken_fields)};

static lt_text header(const void *context, const char *name)
{
    const lt_api_call *call = context;
    return lt_server_header(call->request, lt_text_of(name));
}

lt_status lt_api_hook(lt_api_call *call, lt_err *err)
{
    lt_hook_message message = {.pipeline = call->path[0],
                               .trigger = call->path[1],
                               .header = header,
                               .context = call,
                               .body = call->request->body,
                               .at_us = call->actor.at_us};
    lt_hook_taken taken;
    lt_status status = lt_sched_hook(call->api->options.sched, &message, &taken, err);
    if (status == LT_DENIED) {
        call->status = 401;
        call->title = "Not signed as agreed";
    }
    LT_TRY(status);
    if (taken.known || !taken.run_id)
        call->status = 200;
    lt_json_begin(&call->json, '{');
    if (taken.run_id)
        lt_json_set_int(&call->json, "run", taken.run_id);
    lt_json_set_bool(&call->json, "known", taken.known);
    lt_json_end(&call->json);
    return LT_OK;
}
