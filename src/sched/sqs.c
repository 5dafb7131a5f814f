/* Signed forms to SQS. */
#include "sched/sqs.h"

#include "fmt/xml.h"
#include "net/aws_form.h"
#include "net/http_retry.h"
#include "net/url.h"

enum { MOST_BYTES = 16 << 20 };

struct lt_sqs {
    lt_arena arena;
    lt_text queue, url,
        region; /* where it is posted to may be another place than the queue's own URL */
    lt_aws_identity *identity; /* owned */
    lt_http_client *client;    /* owned */
};

/* "sqs.eu-west-2.amazonaws.com" names its region. */
static lt_text region_in(lt_text host)
{
    lt_text first, region;
    if (!lt_text_cut(&host, '.', &first) || !lt_text_eq(first, T("sqs")) ||
        !lt_text_starts(lt_text_sub(host, lt_text_find_byte(host, '.', 0), SIZE_MAX),
                        T(".amazonaws.com")))
        return (lt_text){0};
    return lt_text_cut(&host, '.', &region) ? region : (lt_text){0};
}

static lt_status find_place(lt_sqs *self, lt_text url, lt_err *err)
{
    lt_url parts;
    self->queue = lt_arena_text(&self->arena, url);
    LT_TRY(lt_url_read(self->queue, &parts, err));
    lt_text given = lt_text_of(lt_aws_identity_endpoint(self->identity, "sqs"));
    while (given.len && given.ptr[given.len - 1] == '/')
        given.len--;
    self->url = given.len ? lt_text_of(lt_arena_format(&self->arena, "%.*s%.*s", LT_ARG(given),
                                                       LT_ARG(parts.path)))
                          : self->queue;
    self->region = region_in(parts.host);
    if (!self->region.len)
        self->region = lt_text_of(lt_aws_identity_region(self->identity));
    if (self->region.len)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID, "the region of the queue '%.*s' is not known",
                      LT_ARG(self->queue)));
    return lt_hint(err, "set AWS_REGION, or write the queue's own URL: "
                        "https://sqs.REGION.amazonaws.com/ACCOUNT/NAME");
}

lt_status lt_sqs_open(lt_text url, const atomic_bool *stop, lt_sqs **out, lt_err *err)
{
    lt_sqs *self = lt_xcalloc(1, sizeof(*self));
    lt_http_options options = {.give_redirects = true, .body_limit = MOST_BYTES, .stop = stop};
    self->client = lt_http_client_new(&options);
    lt_status status = lt_aws_identity_open(&(lt_aws_identity_options){0}, &self->identity, err);
    if (status == LT_OK)
        status = find_place(self, url, err);
    if (status == LT_OK)
        *out = self;
    else
        lt_sqs_close(self);
    return status;
}

void lt_sqs_close(lt_sqs *self)
{
    if (!self)
        return;
    lt_http_client_free(self->client);
    lt_aws_identity_close(self->identity);
    lt_arena_cleanup(&self->arena);
    lt_free(self);
}

/* Post the form; *root is the answer. */
static lt_status call(lt_sqs *self, const lt_buf *form, lt_arena *arena, lt_xml **root, lt_err *err)
{
    lt_http_header headers[LT_AWS_FORM_HEADERS];
    lt_aws_credentials keys;
    LT_AUTO(lt_http_response) response = {0};
    lt_retry policy = {.attempts = 3};
    lt_xml_limits limits = {.bytes = MOST_BYTES};
    LT_TRY(lt_aws_identity_get(self->identity, arena, &keys, err));
    lt_http_request request = {
        .method = T("POST"), .url = self->url, .headers = headers, .body = lt_buf_text(form)};
    lt_aws_form_call sign = {
        .url = self->url, .service = T("sqs"), .region = self->region, .form = request.body};
    LT_TRY(lt_aws_form_sign(&sign, &keys, arena, headers, &request.header_count, err));
    LT_TRY(lt_http_send_patiently(self->client, &request, &policy, NULL, &response, NULL, err));
    if (response.status == 403)
        lt_aws_identity_distrust(self->identity, &keys);
    if (response.status != 200)
        return lt_aws_form_refused("SQS", &response, arena, err);
    if (lt_xml_read(lt_buf_text(&response.body), &limits, arena, root, err) != LT_OK)
        return lt_wrap(err, "the answer of SQS");
    return LT_OK;
}

static void begin_form(const lt_sqs *self, const char *action, lt_buf *form)
{
    lt_aws_form_add(form, "Action", lt_text_of(action));
    lt_aws_form_add(form, "Version", T("2012-11-05"));
    lt_aws_form_add(form, "QueueUrl", self->queue);
}

static void add_number(lt_buf *form, const char *name, int64_t value)
{
    LT_AUTO(lt_chars) text = lt_format("%lld", (long long)value);
    lt_aws_form_add(form, name, lt_text_of(text));
}

lt_status lt_sqs_receive(lt_sqs *self, int wait_s, int64_t hide_s, lt_arena *arena,
                         lt_sqs_messages *out, lt_err *err)
{
    LT_AUTO(lt_buf) form = {0};
    lt_xml *root = NULL;
    begin_form(self, "ReceiveMessage", &form);
    add_number(&form, "MaxNumberOfMessages", LT_SQS_AT_ONCE);
    add_number(&form, "WaitTimeSeconds", wait_s);
    add_number(&form, "VisibilityTimeout", hide_s);
    LT_TRY(call(self, &form, arena, &root, err));
    const lt_xml *one = lt_xml_find(lt_xml_find(root, T("ReceiveMessageResult")), T("Message"));
    for (; one; one = lt_xml_again(one)) {
        lt_sqs_message made = {.id = lt_xml_text(one, T("MessageId")),
                               .handle = lt_xml_text(one, T("ReceiptHandle")),
                               .body = lt_xml_text(one, T("Body"))};
        if (made.handle.len)
            lt_push_in(arena, out, made);
    }
    return LT_OK;
}

lt_status lt_sqs_delete(lt_sqs *self, const lt_text *handles, size_t count, lt_err *err)
{
    LT_AUTO(lt_buf) form = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_xml *root = NULL;
    begin_form(self, "DeleteMessageBatch", &form);
    for (size_t i = 0; i < count; i++) {
        LT_AUTO(lt_chars) id = lt_format("DeleteMessageBatchRequestEntry.%zu.Id", i + 1);
        LT_AUTO(lt_chars)
        handle = lt_format("DeleteMessageBatchRequestEntry.%zu.ReceiptHandle", i + 1);
        add_number(&form, id, (int64_t)i);
        lt_aws_form_add(&form, handle, handles[i]);
    }
    LT_TRY(call(self, &form, &arena, &root, err));
    const lt_xml *failed =
        lt_xml_find(lt_xml_find(root, T("DeleteMessageBatchResult")), T("BatchResultErrorEntry"));
    if (failed)
        return lt_fail(err, LT_FAILED, "SQS did not delete a message: %.*s",
                       LT_ARG(lt_xml_text(failed, T("Code"))));
    return LT_OK;
}
