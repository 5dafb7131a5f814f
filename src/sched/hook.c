/* Webhooks: who may, whether it came before, and its run. */
#include "sched/hook.h"

#include "base/time.h"
#include "fmt/json.h"
#include "sched/hook_sign.h"
#include "sched/tick.h"
#include "sched/watch.h"

/* What lies between the message and its run. */
typedef struct taking {
    lt_arena arena;
    lt_workspace *workspace;
    lt_state *state;
    const lt_hook_message *message;
    const lt_conf_pipeline *pipeline;
    const lt_conf_trigger *trigger;
    lt_text secret;
    lt_hook_proof proof;
} taking;

/* ---- who ---- */

static const lt_conf_trigger *find_trigger(const lt_conf_pipeline *pipeline, lt_text name)
{
    for (size_t i = 0; pipeline && i < pipeline->triggers.len; i++)
        if (pipeline->triggers.items[i].kind == LT_ON_WEBHOOK &&
            lt_text_eq(pipeline->triggers.items[i].name, name))
            return &pipeline->triggers.items[i];
    return NULL;
}

lt_status lt_hook_secret(const lt_workspace *workspace, const lt_conf_on_webhook *hook,
                         lt_arena *arena, lt_text *secret, lt_err *err)
{
    enum { LEAST = 16 };
    const lt_scope *scope = &workspace->scope;
    lt_text found = {0};
    LT_TRY(scope->secret(scope->secret_user, hook->secret, arena, &found, err));
    if (found.len < LEAST) {
        lt_ignore(lt_fail(err, LT_INVALID, "the secret '%.*s' has %zu bytes, and a webhook's %d",
                          LT_ARG(hook->secret), found.len, LEAST));
        return lt_hint(err, "make a longer one: openssl rand -hex 32");
    }
    *secret = found;
    return LT_OK;
}

/* Whoever sends learns nothing; what is wrong with the secret is told by the trigger (lt_watch_try). */
static lt_status check_sender(taking *t, lt_err *err)
{
    const lt_conf_on_webhook *hook = &t->trigger->webhook;
    lt_err unsaid = {0};
    if (lt_hook_secret(t->workspace, hook, &t->arena, &t->secret, &unsaid) != LT_OK)
        return lt_hook_deny(err);
    return lt_hook_check(hook, t->message, t->secret, &t->arena, &t->proof, err);
}

/* ---- the run ---- */

/* {"body": ...}: JSON as it is, anything else as a text; and what the sender calls it. */
static lt_text event_of(taking *t)
{
    LT_AUTO(lt_buf) json = {0};
    lt_json_writer w = {.out = &json};
    lt_err err;
    bool is_json = lt_json_check(t->message->body, NULL, &err) == LT_OK;
    lt_json_begin(&w, '{');
    lt_json_key(&w, T("body"));
    if (is_json)
        lt_json_raw(&w, t->message->body);
    else
        lt_json_string(&w, t->message->body);
    if (t->proof.sender_id.len)
        lt_json_set(&w, "id", t->proof.sender_id);
    if (t->proof.event.len)
        lt_json_set(&w, "name", t->proof.event);
    lt_json_end(&w);
    return lt_arena_text(&t->arena, lt_buf_text(&json));
}

static lt_text what_of(taking *t)
{
    return t->proof.event.len
               ? lt_text_of(lt_arena_format(&t->arena, "the message %.*s",
                                            LT_ARG(lt_text_sub(t->proof.event, 0, 100))))
               : T("a message");
}

static lt_status begin_if_new(taking *t, lt_err *err)
{
    lt_trigger_record record;
    lt_text watches = lt_watch_text(t->trigger, &t->arena);
    LT_TRY(lt_state_trigger_get(t->state, t->pipeline->name, t->trigger->name, &t->arena, &record,
                                err));
    if (lt_text_eq(record.watches, watches))
        return LT_OK;
    return lt_state_trigger_begin(t->state, t->pipeline->name, t->trigger->name, watches, T(""),
                                  NULL, err);
}

/* Who retries what we have taken must not think that it failed; a signature of ours is never used twice. */
static lt_status tell_known(const taking *t, int64_t run, lt_hook_taken *out, lt_err *err)
{
    lt_conf_signed_by by = t->trigger->webhook.by;
    *out = (lt_hook_taken){.run_id = run, .known = true};
    if (by == LT_CONF_BY_HMAC || by == LT_CONF_BY_BEARER)
        return lt_fail(err, LT_CONFLICT, "this message was taken already: run %lld",
                       (long long)run);
    return LT_OK;
}

static lt_status make_run(taking *t, lt_hook_taken *out, lt_err *err)
{
    lt_run_record run, known;
    lt_sched_event event = {
        .id = t->proof.id, .json = event_of(t), .what = what_of(t), .at_us = t->message->at_us};
    LT_TRY(lt_sched_event_run(t->pipeline, t->trigger, &event, 1, &t->arena, &run, err));
    lt_status status = lt_state_run_by_key(t->state, run.run_key, &t->arena, &known, err);
    if (status == LT_OK)
        return tell_known(t, known.id, out, err);
    if (status != LT_NOT_FOUND)
        return status;
    LT_TRY(begin_if_new(t, err));
    lt_trigger_step step = {.pipeline = t->pipeline->name,
                            .name = t->trigger->name,
                            .runs = &run,
                            .run_count = 1,
                            .events = 1,
                            .last_event = event.what};
    LT_TRY(lt_state_trigger_step(t->state, &step, err));
    if (!run.claim) /* the same message, at the same moment */
        return tell_known(t, run.id, out, err);
    *out = (lt_hook_taken){.run_id = run.id};
    return LT_OK;
}

/* Not every event is wanted; GitHub's ping only asks whether somebody is there. */
static bool is_wanted(const taking *t)
{
    const lt_conf_texts *events = &t->trigger->webhook.events;
    for (size_t i = 0; i < events->len; i++)
        if (lt_text_eq(events->items[i].raw, t->proof.event))
            return true;
    bool ping =
        t->trigger->webhook.by == LT_CONF_BY_GITHUB && lt_text_eq(t->proof.event, T("ping"));
    return !events->len && !ping;
}

lt_status lt_hook_take(lt_workspace *workspace, lt_state *state, const lt_hook_message *message,
                       lt_hook_taken *out, lt_err *err)
{
    taking t = {.workspace = workspace, .state = state, .message = message};
    t.pipeline = lt_project_pipeline(workspace->project, message->pipeline);
    t.trigger = find_trigger(t.pipeline, message->trigger);
    lt_status status = LT_OK;
    *out = (lt_hook_taken){0};
    if (message->body.len > LT_HOOK_BODY_MOST)
        return lt_fail(err, LT_TOO_BIG, "a message has at most %d bytes", LT_HOOK_BODY_MOST);
    status = t.trigger ? check_sender(&t, err) : lt_hook_deny(err);
    if (status == LT_OK && is_wanted(&t))
        status = make_run(&t, out, err);
    lt_arena_cleanup(&t.arena);
    return status;
}
