/* Webhooks: who has signed a message, each way to sign in a function of its own; comparisons take the same time whatever is given. */
#include "sched/hook_sign.h"

#include "fmt/json.h"
#include "net/aws_sign.h"
#include "store/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

typedef struct checking {
    const lt_conf_on_webhook *hook;
    const lt_hook_message *message;
    lt_text secret;
    lt_arena *arena;
    lt_hook_proof *out;
} checking;

static lt_text header(const checking *c, const char *name)
{
    return c->message->header(c->message->context, name);
}

lt_status lt_hook_deny(lt_err *err)
{
    lt_ignore(lt_fail(err, LT_DENIED,
                      "there is no such webhook, or the message is not signed by "
                      "who knows its secret"));
    return lt_hint(err, "see 'Webhooks' in docs/scheduling.md");
}

static lt_text id_of(const checking *c, lt_text what)
{
    char hex[LT_AWS_HEX_CHARS];
    return lt_arena_text(c->arena, lt_text_of(lt_aws_sha256(what, hex)));
}

/* ---- sums ---- */

static bool is_sum(const checking *c, lt_text signed_text, lt_text given)
{
    const EVP_MD *const digests[] = {[LT_CONF_SHA256] = EVP_sha256(),
                                     [LT_CONF_SHA512] = EVP_sha512(),
                                     [LT_CONF_SHA1] = EVP_sha1()};
    unsigned char sum[EVP_MAX_MD_SIZE], base64[2 * EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    unsigned len = 0;
    if (!HMAC(digests[c->hook->digest], c->secret.ptr, (int)c->secret.len,
              (const unsigned char *)signed_text.ptr, signed_text.len, sum, &len))
        return false;
    lt_text raw = lt_text_at((const char *)sum, len);
    if (c->hook->digits == LT_CONF_HEX)
        return lt_aws_same(lt_text_of(lt_hex_write(raw, hex)), given);
    int chars = EVP_EncodeBlock(base64, sum, (int)len);
    return lt_aws_same(lt_text_at((const char *)base64, (size_t)chars), given);
}

static bool cut_prefix(lt_text *text, lt_text prefix)
{
    if (!lt_text_starts(*text, prefix))
        return false;
    *text = lt_text_sub(*text, prefix.len, SIZE_MAX);
    return true;
}

static lt_status check_time(const checking *c, lt_text time, lt_err *err)
{
    int64_t seconds;
    if (lt_text_to_i64(time, &seconds) && seconds >= 0 && seconds <= INT64_MAX / 2000000) {
        int64_t off_us = c->message->at_us - seconds * 1000000;
        if (off_us <= c->hook->tolerance_us && -off_us <= c->hook->tolerance_us)
            return LT_OK;
    }
    lt_ignore(lt_fail(err, LT_DENIED, "the time of the message is too far from ours"));
    return lt_hint(err,
                   "it is in seconds since 1970, and signed; 'tolerance' says how far it may be");
}

/* ---- our own ways ---- */

static lt_status check_hmac(const checking *c, lt_err *err)
{
    LT_AUTO(lt_buf) text = {0};
    lt_text time = header(c, "X-Leat-Timestamp"), given = header(c, "X-Leat-Signature");
    (void)cut_prefix(&given, T("sha256="));
    lt_buf_printf(&text, "%.*s.", LT_ARG(time));
    lt_buf_add(&text, c->message->body);
    if (!is_sum(c, lt_buf_text(&text), given))
        return lt_hook_deny(err);
    c->out->id = id_of(c, lt_buf_text(&text));
    return check_time(c, time, err);
}

/* Of secrets of other lengths, sums are compared: that takes the same time for all. */
static lt_status check_bearer(const checking *c, lt_err *err)
{
    char mine[LT_AWS_HEX_CHARS], theirs[LT_AWS_HEX_CHARS];
    lt_text key = header(c, "Idempotency-Key");
    if (!lt_aws_same(lt_text_of(lt_aws_sha256(c->secret, mine)),
                     lt_text_of(lt_aws_sha256(header(c, "X-Leat-Token"), theirs))))
        return lt_hook_deny(err);
    c->out->id =
        key.len
            ? id_of(c, key)
            : lt_text_of(lt_arena_format(c->arena, "%lld-%08x%08x", (long long)c->message->at_us,
                                         arc4random(), arc4random()));
    return LT_OK;
}

/* ---- those of others ---- */

static lt_status check_github(const checking *c, lt_err *err)
{
    lt_text given = header(c, "X-Hub-Signature-256");
    if (!cut_prefix(&given, T("sha256=")) || !is_sum(c, c->message->body, given))
        return lt_hook_deny(err);
    c->out->id = id_of(c, c->message->body);
    c->out->event = header(c, "X-GitHub-Event");
    c->out->sender_id = header(c, "X-GitHub-Delivery");
    return LT_OK;
}

static lt_text member(const checking *c, const char *key)
{
    lt_json *root = NULL;
    lt_err err;
    if (lt_json_read(c->message->body, NULL, &(lt_json_options){.depth = 64}, c->arena, &root,
                     &err) != LT_OK)
        return (lt_text){0};
    const lt_json *value = lt_json_find(root, key);
    return value && value->kind == LT_JSON_STRING ? value->text : (lt_text){0};
}

static lt_status check_stripe(const checking *c, lt_err *err)
{
    lt_text rest = header(c, "Stripe-Signature"), part, time = {0};
    bool right = false;
    for (lt_text list = rest; lt_text_cut(&list, ',', &part);) {
        part = lt_text_trim(part);
        if (cut_prefix(&part, T("t=")))
            time = part;
    }
    LT_AUTO(lt_buf) text = {0};
    lt_buf_printf(&text, "%.*s.", LT_ARG(time));
    lt_buf_add(&text, c->message->body);
    for (int count = 0; count < 16 && lt_text_cut(&rest, ',', &part); count++) {
        part = lt_text_trim(part);
        if (cut_prefix(&part, T("v1=")))
            right = is_sum(c, lt_buf_text(&text), part) || right;
    }
    if (!right)
        return lt_hook_deny(err);
    LT_TRY(check_time(c, time, err));
    c->out->sender_id = member(c, "id");
    c->out->event = member(c, "type");
    c->out->id = id_of(c, c->out->sender_id.len ? c->out->sender_id : c->message->body);
    return LT_OK;
}

/* "v0:{time}:{body}" with what stands for the names. */
static void fill(lt_text form, lt_text time, lt_text id, lt_text body, lt_buf *out)
{
    const struct {
        lt_text name, value;
    } names[] = {{T("{time}"), time}, {T("{id}"), id}, {T("{body}"), body}};
    while (form.len) {
        size_t skip = 1;
        for (size_t i = 0; i < LT_COUNT(names); i++)
            if (lt_text_starts(form, names[i].name)) {
                lt_buf_add(out, names[i].value);
                skip = names[i].name.len;
            }
        if (skip == 1)
            lt_buf_add_byte(out, form.ptr[0]);
        form = lt_text_sub(form, skip, SIZE_MAX);
    }
}

static lt_text header_if_named(const checking *c, lt_text name)
{
    return name.len ? header(c, lt_arena_str(c->arena, name)) : (lt_text){0};
}

static lt_status check_header(const checking *c, lt_err *err)
{
    LT_AUTO(lt_buf) text = {0};
    lt_text given = header_if_named(c, c->hook->header);
    lt_text time = header_if_named(c, c->hook->time_header);
    lt_text id = header_if_named(c, c->hook->id_header);
    fill(c->hook->signs, time, id, c->message->body, &text);
    if (!cut_prefix(&given, c->hook->prefix) || !is_sum(c, lt_buf_text(&text), given))
        return lt_hook_deny(err);
    c->out->sender_id = id;
    c->out->id = id_of(c, id.len ? id : lt_buf_text(&text));
    return c->hook->time_header.len ? check_time(c, time, err) : LT_OK;
}

lt_status lt_hook_check(const lt_conf_on_webhook *hook, const lt_hook_message *message,
                        lt_text secret, lt_arena *arena, lt_hook_proof *out, lt_err *err)
{
    checking c = {hook, message, secret, arena, out};
    *out = (lt_hook_proof){0};
    switch (hook->by) {
    case LT_CONF_BY_HMAC:
        return check_hmac(&c, err);
    case LT_CONF_BY_BEARER:
        return check_bearer(&c, err);
    case LT_CONF_BY_GITHUB:
        return check_github(&c, err);
    case LT_CONF_BY_STRIPE:
        return check_stripe(&c, err);
    case LT_CONF_BY_HEADER:
        return check_header(&c, err);
    }
    return lt_hook_deny(err);
}
