/* One signed form to SNS. */
#include "notify/sns.h"

#include "fmt/xml.h"
#include "net/aws_form.h"
#include "net/http_retry.h"
#include "net/url.h"

enum { SUBJECT_CHARS = 99, MESSAGE_BYTES = 256 * 1024, ARN_PARTS = 6 };

/* The parts of an ARN; false: it is no topic's. */
static bool split_arn(lt_text arn, lt_text parts[ARN_PARTS])
{
    size_t count = 0;
    lt_text rest = arn, part;
    while (count < ARN_PARTS && lt_text_cut(&rest, ':', &part))
        parts[count++] = part;
    bool right = count == ARN_PARTS && !rest.len && lt_text_eq(parts[0], T("arn")) &&
                 lt_text_eq(parts[2], T("sns")) && parts[1].len && parts[3].len && parts[4].len &&
                 parts[5].len;
    for (size_t i = 0; right && i < parts[3].len; i++) /* it becomes a part of a host's name */
        right = (parts[3].ptr[i] >= 'a' && parts[3].ptr[i] <= 'z') || parts[3].ptr[i] == '-' ||
                (parts[3].ptr[i] >= '0' && parts[3].ptr[i] <= '9');
    return right;
}

static lt_text subject_of(lt_text subject, lt_arena *arena)
{
    size_t len = LT_MIN(subject.len, (size_t)SUBJECT_CHARS);
    char *made = lt_alloc(arena, len + 1);
    for (size_t i = 0; i < len; i++)
        made[i] = subject.ptr[i] >= ' ' && subject.ptr[i] < 127 ? subject.ptr[i] : '?';
    return lt_text_at(made, len);
}

static lt_text url_of(const lt_aws_identity *identity, const lt_text parts[ARN_PARTS],
                      lt_arena *arena)
{
    lt_text given = lt_text_of(lt_aws_identity_endpoint(identity, "sns"));
    while (given.len && given.ptr[given.len - 1] == '/')
        given.len--;
    bool china = lt_text_starts(parts[3], T("cn-"));
    return lt_text_of(given.len ? lt_arena_format(arena, "%.*s/", LT_ARG(given))
                                : lt_arena_format(arena, "https://sns.%.*s.amazonaws.com%s/",
                                                  LT_ARG(parts[3]), china ? ".cn" : ""));
}

static void fill_form(const lt_sns_message *message, lt_arena *arena, lt_buf *form)
{
    lt_aws_form_add(form, "Action", T("Publish"));
    lt_aws_form_add(form, "Version", T("2010-03-31"));
    lt_aws_form_add(form, "TopicArn", message->topic);
    lt_aws_form_add(form, "Subject", subject_of(message->subject, arena));
    lt_aws_form_add(form, "Message", lt_text_sub(message->text, 0, MESSAGE_BYTES));
    if (lt_text_ends(message->topic, T(".fifo"))) {
        lt_aws_form_add(form, "MessageGroupId", message->group);
        lt_aws_form_add(form, "MessageDeduplicationId", message->once);
    }
}

static lt_status read_answer(const lt_http_response *response, lt_arena *arena, lt_text *id,
                             lt_err *err)
{
    lt_xml *root = NULL;
    if (response->status != 200)
        return lt_aws_form_refused("SNS", response, arena, err);
    if (lt_xml_read(lt_buf_text(&response->body), NULL, arena, &root, err) != LT_OK)
        return lt_wrap(err, "the answer of SNS");
    *id = lt_xml_text(lt_xml_find(root, T("PublishResult")), T("MessageId"));
    return id->len ? LT_OK : lt_fail(err, LT_IO, "the answer of SNS names no message");
}

lt_status lt_sns_publish(const lt_sns_message *message, lt_arena *arena, lt_text *id, lt_err *err)
{
    lt_text parts[ARN_PARTS];
    LT_AUTO(lt_aws_identity_ref) identity = NULL;
    LT_AUTO(lt_buf) form = {.limit = 4 * MESSAGE_BYTES};
    LT_AUTO(lt_http_response) response = {0};
    lt_http_header headers[LT_AWS_FORM_HEADERS];
    lt_aws_credentials keys;
    if (!split_arn(message->topic, parts))
        return lt_fail(err, LT_INVALID, "'%.*s' is not the ARN of an SNS topic",
                       LT_ARG(message->topic));
    LT_TRY(lt_aws_identity_open(&(lt_aws_identity_options){0}, &identity, err));
    LT_TRY(lt_aws_identity_get(identity, arena, &keys, err));
    fill_form(message, arena, &form);
    LT_TRY(lt_buf_check(&form, "the message", err));
    lt_http_request request = {.method = T("POST"),
                               .url = url_of(identity, parts, arena),
                               .headers = headers,
                               .body = lt_buf_text(&form)};
    lt_aws_form_call call = {
        .url = request.url, .service = T("sns"), .region = parts[3], .form = request.body};
    LT_TRY(lt_aws_form_sign(&call, &keys, arena, headers, &request.header_count, err));
    lt_http_options options = {.give_redirects = true, .body_limit = LT_MIB, .stop = message->stop};
    LT_AUTO(lt_http_client_ref) client = lt_http_client_new(&options);
    lt_retry policy = {.attempts = 3};
    LT_TRY(lt_http_send_patiently(client, &request, &policy, NULL, &response, NULL, err));
    return read_answer(&response, arena, id, err);
}
