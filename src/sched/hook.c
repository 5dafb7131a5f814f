/* Webhooks: who may, whether it came before, and its run. */
#include "sched/hook.h"

#include "base/log.h"
#include "base/time.h"
#include "fmt/json.h"
#include "net/aws_sign.h"
#include "sched/tick.h"
#include "sched/watch.h"
#include "store/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

/* What lies between the message and its run. */
typedef struct taking {
    lt_arena arena;
    lt_workspace *workspace;
    lt_state *state;
    const lt_hook_message *message;
    const lt_conf_pipeline *pipeline;
    const lt_conf_trigger *trigger;
    lt_text secret;
} taking;

static lt_status deny(lt_err *err)
{
    lt_ignore(lt_fail(err, LT_DENIED,
                      "there is no such webhook, or the message is not signed by "
                      "who knows its secret"));
    return lt_hint(err, "see 'Webhooks' in docs/scheduling.md");
}

/* ---- who ---- */

static const lt_conf_trigger *find_trigger(const lt_conf_pipeline *pipeline, lt_text name)
{
    for (size_t i = 0; pipeline && i < pipeline->triggers.len; i++)
        if (pipeline->triggers.items[i].kind == LT_ON_WEBHOOK &&
            lt_text_eq(pipeline->triggers.items[i].name, name))
            return &pipeline->triggers.items[i];
    return NULL;
}

static bool is_signed(const taking *t)
{
    const lt_hook_message *m = t->message;
    unsigned char sum[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    unsigned len = 0;
    LT_AUTO(lt_buf) text = {0};
    lt_text given = m->signature;
    if (lt_text_starts(given, T("sha256=")))
        given = lt_text_sub(given, strlen("sha256="), SIZE_MAX);
    lt_buf_printf(&text, "%.*s.", LT_ARG(m->timestamp));
    lt_buf_add(&text, m->body);
    if (!HMAC(EVP_sha256(), t->secret.ptr, (int)t->secret.len, (const unsigned char *)text.data,
              text.len, sum, &len))
        return false;
    return lt_aws_same(lt_text_of(lt_hex_write(lt_text_at((const char *)sum, len), hex)), given);
}

static bool is_in_time(const taking *t)
{
    int64_t seconds;
    if (!lt_text_to_i64(t->message->timestamp, &seconds) || seconds < 0 ||
        seconds > INT64_MAX / 2000000)
        return false;
    int64_t off_us = t->message->at_us - seconds * 1000000;
    return off_us <= t->trigger->webhook.tolerance_us &&
           -off_us <= t->trigger->webhook.tolerance_us;
}

/* Of secrets of other lengths, sums are compared: that takes the same time for all. */
static bool has_token(const taking *t)
{
    char mine[LT_AWS_HEX_CHARS], theirs[LT_AWS_HEX_CHARS];
    return lt_aws_same(lt_text_of(lt_aws_sha256(t->secret, mine)),
                       lt_text_of(lt_aws_sha256(t->message->token, theirs)));
}

static lt_status check_sender(taking *t, lt_err *err)
{
    enum { SECRET_LEAST = 16 };
    const lt_conf_on_webhook *hook = &t->trigger->webhook;
    const lt_scope *scope = &t->workspace->scope;
    lt_err why = {0};
    if (scope->secret(scope->secret_user, hook->secret, &t->arena, &t->secret, &why) != LT_OK ||
        t->secret.len < SECRET_LEAST) {
        lt_log(LT_LOG_WARNING, "%.*s: the webhook '%.*s' takes nothing: %s",
               LT_ARG(t->pipeline->name), LT_ARG(t->trigger->name),
               t->secret.ptr ? "its secret has less than 16 bytes" : why.message);
        return deny(err);
    }
    if (hook->by == LT_CONF_BY_BEARER)
        return has_token(t) ? LT_OK : deny(err);
    if (!is_signed(t))
        return deny(err);
    if (is_in_time(t))
        return LT_OK;
    lt_ignore(lt_fail(err, LT_DENIED, "the time of the message is too far from ours"));
    return lt_hint(err, "X-Leat-Timestamp is in seconds since 1970; 'tolerance' says how far");
}

/* ---- the run ---- */

static lt_text id_of(taking *t)
{
    const lt_hook_message *m = t->message;
    char hex[LT_AWS_HEX_CHARS];
    if (t->trigger->webhook.by == LT_CONF_BY_HMAC) { /* what was signed, however it was written */
        LT_AUTO(lt_buf) text = {0};
        lt_buf_printf(&text, "%.*s.", LT_ARG(m->timestamp));
        lt_buf_add(&text, m->body);
        return lt_arena_text(&t->arena, lt_text_of(lt_aws_sha256(lt_buf_text(&text), hex)));
    }
    if (m->key.len)
        return lt_arena_text(&t->arena, lt_text_of(lt_aws_sha256(m->key, hex)));
    return lt_text_of(lt_arena_format(&t->arena, "%lld-%08x%08x", (long long)m->at_us, arc4random(),
                                      arc4random()));
}

/* {"body": ...}: JSON as it is, anything else as a text. */
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
    lt_json_end(&w);
    return lt_arena_text(&t->arena, lt_buf_text(&json));
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

static lt_status fail_known(int64_t run, int64_t *run_id, lt_err *err)
{
    *run_id = run;
    return lt_fail(err, LT_CONFLICT, "this message was taken already: run %lld", (long long)run);
}

static lt_status make_run(taking *t, int64_t *run_id, lt_err *err)
{
    lt_run_record run, known;
    lt_sched_event event = {
        .id = id_of(t), .json = event_of(t), .what = T("a message"), .at_us = t->message->at_us};
    LT_TRY(lt_sched_event_run(t->pipeline, t->trigger, &event, 1, &t->arena, &run, err));
    lt_status status = lt_state_run_by_key(t->state, run.run_key, &t->arena, &known, err);
    if (status == LT_OK)
        return fail_known(known.id, run_id, err);
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
        return fail_known(run.id, run_id, err);
    *run_id = run.id;
    return LT_OK;
}

lt_status lt_hook_take(lt_workspace *workspace, lt_state *state, const lt_hook_message *message,
                       int64_t *run_id, lt_err *err)
{
    taking t = {.workspace = workspace, .state = state, .message = message};
    t.pipeline = lt_project_pipeline(workspace->project, message->pipeline);
    t.trigger = find_trigger(t.pipeline, message->trigger);
    lt_status status = LT_OK;
    *run_id = 0;
    if (message->body.len > LT_HOOK_BODY_MOST)
        return lt_fail(err, LT_TOO_BIG, "a message has at most %d bytes", LT_HOOK_BODY_MOST);
    status = t.trigger ? check_sender(&t, err) : deny(err);
    if (status == LT_OK)
        status = make_run(&t, run_id, err);
    lt_arena_cleanup(&t.arena);
    return status;
}
