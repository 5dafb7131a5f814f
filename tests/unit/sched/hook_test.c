/* Who has signed a message: the senders' own examples. */
#include "sched/hook_sign.h"

#include "support/test.h"

typedef struct given {
    const char *name, *value;
} given;

static lt_text find(const void *context, const char *name)
{
    for (const given *one = context; one->name; one++)
        if (lt_text_eq_nocase(lt_text_of(one->name), lt_text_of(name)))
            return lt_text_of(one->value);
    return (lt_text){0};
}

static lt_status check(const lt_conf_on_webhook *hook, const given *headers, const char *body,
                       int64_t at_s, const char *secret, lt_hook_proof *out, lt_arena *arena)
{
    lt_err err = {0};
    lt_hook_message message = {
        .header = find, .context = headers, .body = lt_text_of(body), .at_us = at_s * 1000000};
    return lt_hook_check(hook, &message, lt_text_of(secret), arena, out, &err);
}

/* docs.github.com, "Testing the webhook payload validation" */
Test(sched_hook, github_s_own_example_is_accepted_and_nothing_near_it)
{
    LT_AUTO(lt_arena) arena = {0};
    static const char SECRET[] = "It's a Secret to Everybody", BODY[] = "Hello, World!";
    static const char SUM[] =
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    lt_conf_on_webhook hook = {.by = LT_CONF_BY_GITHUB};
    given right[] = {{"X-Hub-Signature-256", SUM},
                     {"X-GitHub-Event", "push"},
                     {"X-GitHub-Delivery", "72d3162e"},
                     {NULL, NULL}};
    lt_hook_proof proof, other;
    CHECK(check(&hook, right, BODY, 0, SECRET, &proof, &arena) == LT_OK);
    CHECK(lt_text_eq(proof.event, T("push")) && lt_text_eq(proof.sender_id, T("72d3162e")));
    right[2].value = "another"; /* is not signed: the message is the same */
    CHECK(check(&hook, right, BODY, 0, SECRET, &other, &arena) == LT_OK);
    CHECK(lt_text_eq(proof.id, other.id));
    CHECK(check(&hook, right, "Hello, World?", 0, SECRET, &other, &arena) == LT_DENIED);
    CHECK(check(&hook, right, BODY, 0, "It's no Secret to Nobody", &other, &arena) == LT_DENIED);
    right[0].value = SUM + strlen("sha256=");
    CHECK(check(&hook, right, BODY, 0, SECRET, &other, &arena) == LT_DENIED);
    right[0].value = "sha256=";
    CHECK(check(&hook, right, BODY, 0, SECRET, &other, &arena) == LT_DENIED);
    right[0].name = "X-Hub-Signature"; /* SHA-1, of old */
    CHECK(check(&hook, right, BODY, 0, SECRET, &other, &arena) == LT_DENIED);
}

#define STRIPE_AT 1492774577
#define STRIPE_SUM "6174e04be4ce12a4b4f5868e467dfe12179b3b421c9d2f4aa86f0e0e8b86f3c6"

/* docs.stripe.com, "Verify webhook signatures manually"; sums from openssl dgst -hmac */
Test(sched_hook, stripe_signs_time_and_body_maybe_with_several_secrets)
{
    LT_AUTO(lt_arena) arena = {0};
    static const char SECRET[] = "whsec_test_of_a_signing_secret",
                      BODY[] = "{\"id\":\"evt_1\",\"type\":\"invoice.paid\"}";
    lt_conf_on_webhook hook = {.by = LT_CONF_BY_STRIPE, .tolerance_us = 300000000};
    static const struct {
        const char *header;
        int64_t at_s;
        lt_status status;
    } cases[] = {
        {"t=1492774577,v1=" STRIPE_SUM, STRIPE_AT, LT_OK},
        {"t=1492774577, v1=" STRIPE_SUM ", v0=00", STRIPE_AT + 300, LT_OK},
        {"t=1492774577,v1=5257a869,v1=" STRIPE_SUM, STRIPE_AT - 300, LT_OK},
        {"v1=" STRIPE_SUM ",t=1492774577", STRIPE_AT, LT_OK},
        {"t=1492774577,v1=" STRIPE_SUM, STRIPE_AT + 301, LT_DENIED},
        {"t=1492774577,v1=" STRIPE_SUM, STRIPE_AT - 301, LT_DENIED},
        {"t=1492774578,v1=" STRIPE_SUM, STRIPE_AT, LT_DENIED},
        {"t=1492774577,v0=" STRIPE_SUM, STRIPE_AT, LT_DENIED},
        {"t=1492774577", STRIPE_AT, LT_DENIED},
        {"", STRIPE_AT, LT_DENIED},
        {"t=,v1=", STRIPE_AT, LT_DENIED},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        lt_hook_proof proof;
        given headers[] = {{"Stripe-Signature", cases[i].header}, {NULL, NULL}};
        lt_status status = check(&hook, headers, BODY, cases[i].at_s, SECRET, &proof, &arena);
        if (status != cases[i].status)
            print_error("'%s' at %lld\n", cases[i].header, (long long)cases[i].at_s);
        CHECK(status == cases[i].status);
        CHECK(status != LT_OK || (lt_text_eq(proof.sender_id, T("evt_1")) &&
                                  lt_text_eq(proof.event, T("invoice.paid"))));
    }
}

Test(sched_hook, stripe_s_second_try_is_the_same_message)
{
    LT_AUTO(lt_arena) arena = {0};
    static const char SECRET[] = "whsec_test_of_a_signing_secret",
                      BODY[] = "{\"id\":\"evt_1\",\"type\":\"invoice.paid\"}";
    lt_conf_on_webhook hook = {.by = LT_CONF_BY_STRIPE, .tolerance_us = 300000000};
    given first[] = {{"Stripe-Signature", "t=1492774577,v1=" STRIPE_SUM}, {NULL, NULL}};
    given later[] = {{"Stripe-Signature",
                      "t=1492774999,v1="
                      "96f0de93ef37d3495bb6f236a6f2d5e5ee653193abc8a884db15513f4f6eda66"},
                     {NULL, NULL}};
    lt_hook_proof a, b;
    CHECK(check(&hook, first, BODY, STRIPE_AT, SECRET, &a, &arena) == LT_OK);
    CHECK(check(&hook, later, BODY, 1492774999, SECRET, &b, &arena) == LT_OK);
    CHECK(lt_text_eq(a.id, b.id));
}

/* api.slack.com, "Verifying requests from Slack" */
Test(sched_hook, a_form_of_what_is_signed_makes_slack_s_own_example_right)
{
    LT_AUTO(lt_arena) arena = {0};
    static const char SECRET[] = "8f742231b10e8888abcd99yyyzzz85a5";
    static const char BODY[] =
        "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id="
        "G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-"
        "collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%"
        "2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121."
        "803a0bc887a14d10d2c447fce8b6703c";
    lt_conf_on_webhook hook = {.by = LT_CONF_BY_HEADER,
                               .tolerance_us = 300000000,
                               .header = T("X-Slack-Signature"),
                               .prefix = T("v0="),
                               .signs = T("v0:{time}:{body}"),
                               .time_header = T("X-Slack-Request-Timestamp")};
    given headers[] = {{"X-Slack-Signature",
                        "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"},
                       {"X-Slack-Request-Timestamp", "1531420618"},
                       {NULL, NULL}};
    lt_hook_proof proof;
    CHECK(check(&hook, headers, BODY, 1531420618, SECRET, &proof, &arena) == LT_OK);
    CHECK(check(&hook, headers, BODY, 1531420618 + 301, SECRET, &proof, &arena) == LT_DENIED);
    headers[1].value = "1531420619";
    CHECK(check(&hook, headers, BODY, 1531420618, SECRET, &proof, &arena) == LT_DENIED);
    hook.prefix = T("v1=");
    CHECK(check(&hook, headers, BODY, 1531420618, SECRET, &proof, &arena) == LT_DENIED);
}

Test(sched_hook, a_sum_in_base64_and_an_id_of_the_sender)
{
    LT_AUTO(lt_arena) arena = {0};
    static const char SECRET[] = "hush-hush-hush-hush";
    lt_conf_on_webhook hook = {.by = LT_CONF_BY_HEADER,
                               .header = T("X-Shop-Hmac"),
                               .signs = T("{body}"),
                               .id_header = T("X-Shop-Id"),
                               .digits = LT_CONF_BASE64};
    given headers[] = {{"x-shop-hmac", "gqb/mZI8OCf3/j3Ur1xqzHGfmqHHhNnpOakaVHyc9dw="},
                       {"x-shop-id", "7"},
                       {NULL, NULL}};
    lt_hook_proof a, b;
    CHECK(check(&hook, headers, "{\"id\":1}", 0, SECRET, &a, &arena) == LT_OK);
    headers[1].value = "8";
    CHECK(check(&hook, headers, "{\"id\":1}", 0, SECRET, &b, &arena) == LT_OK);
    CHECK(!lt_text_eq(a.id, b.id));
    hook.digest = LT_CONF_SHA512;
    CHECK(check(&hook, headers, "{\"id\":1}", 0, SECRET, &b, &arena) == LT_DENIED);
}
