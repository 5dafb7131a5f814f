/* Requests and messages: what goes out to web servers, chats and mailboxes. */
#include "base/time.h"
#include "net/http_client.h"
#include "net/smtp.h"
#include "notify/sns.h"
#include "run/inner.h"

#include <stdio.h>

/* ---- http ---- */

static bool fits_one(lt_text wanted, int status)
{
    int64_t number = 0;
    if (lt_text_to_i64(wanted, &number))
        return number == status;
    return wanted.len == 3 && wanted.ptr[0] == '0' + status / 100;
}

static bool is_expected(const lt_conf_http *http, int status)
{
    if (!http->expect.len)
        return status / 100 == 2;
    for (size_t i = 0; i < http->expect.len; i++)
        if (fits_one(http->expect.items[i].raw, status))
            return true;
    return false;
}

/* {"status": 200, "body": ...}: JSON as such, other text as text, too much of it not at all. */
static void write_answer(const lt_http_response *response, lt_buf *out)
{
    lt_err err;
    lt_json_writer writer = {.out = out};
    lt_text body = lt_buf_text(&response->body);
    lt_json_begin(&writer, '{');
    lt_json_set_int(&writer, "status", response->status);
    if (body.len && body.len < LT_OUTPUT_MAX / 2) {
        lt_json_key(&writer, T("body"));
        if (lt_json_check(body, NULL, &err) == LT_OK)
            lt_json_raw(&writer, lt_text_trim(body));
        else
            lt_json_string(&writer, body);
    }
    lt_json_end(&writer);
}

static lt_status render_headers(lt_work *work, const lt_conf_pairs *from, lt_http_headers *out,
                                lt_err *err)
{
    for (size_t i = 0; i < from->len; i++) {
        lt_http_header header = {.name = from->items[i].name};
        LT_TRY(lt_work_render(work, &from->items[i].value, &header.value, err));
        lt_push_in(work->arena, out, header);
    }
    return LT_OK;
}

lt_status lt_step_send(lt_work *work, const lt_conf_http *http, lt_buf *output, lt_err *err)
{
    lt_http_options options = {.body_limit = 16 * LT_MIB, .stop = work->cancelled};
    LT_AUTO(lt_http_client_ref) client = lt_http_client_new(&options);
    LT_AUTO(lt_http_response) response = {0};
    lt_http_request request = {0};
    lt_http_headers headers = {0};
    LT_TRY(lt_work_render(work, &http->url, &request.url, err));
    LT_TRY(lt_work_render(work, &http->method, &request.method, err));
    LT_TRY(lt_work_render(work, &http->body, &request.body, err));
    LT_TRY(render_headers(work, &http->headers, &headers, err));
    request.headers = headers.items;
    request.header_count = headers.len;
    LT_TRY(lt_http_send(client, &request, &response, err));
    lt_work_log(work, "%.*s %.*s: %d %s, %zu bytes", LT_ARG(request.method), LT_ARG(request.url),
                response.status, lt_http_status_name(response.status), response.body.len);
    if (output)
        write_answer(&response, output);
    if (is_expected(http, response.status))
        return LT_OK;
    bool passing = response.status == 408 || response.status == 429 || response.status >= 500;
    return lt_fail(err, passing ? LT_IO : LT_FAILED, "%.*s answered %d %s: %.*s",
                   LT_ARG(request.url), response.status, lt_http_status_name(response.status),
                   (int)LT_MIN(response.body.len, (size_t)200), lt_buf_chars(&response.body));
}

lt_status lt_step_http(lt_work *work, lt_err *err)
{
    LT_TRY(lt_step_send(work, &work->step->task->http, &work->output, err));
    return lt_buf_check(&work->output, "the answer", err);
}

/* ---- notify ---- */

static lt_status post_json(lt_work *work, const lt_conf_text *url, lt_text body, lt_err *err)
{
    lt_conf_text json = {.raw = T("application/json")};
    lt_conf_pair pair = {.name = T("Content-Type"), .value = json};
    lt_conf_http http = {.url = *url,
                         .method = {.raw = T("POST")},
                         .body = {.raw = body},
                         .headers = {.items = &pair, .len = 1}};
    return lt_step_send(work, &http, NULL, err);
}

static lt_text run_status(const lt_work *work)
{
    lt_jinja_value value = {0};
    if (work->scope.names.type == LT_JINJA_DICT)
        (void)lt_jinja_find(work->scope.names, T("run_status"), &value);
    return lt_jinja_as_text(value);
}

static lt_status post_webhook(lt_work *work, lt_text subject, lt_text message, lt_err *err)
{
    const executor *run = work->run;
    LT_AUTO(lt_buf) body = {0};
    lt_json_writer writer = {.out = &body};
    lt_json_begin(&writer, '{');
    lt_json_set(&writer, "project", run->workspace->project->name);
    lt_json_set(&writer, "pipeline", run->record->pipeline);
    lt_json_set_int(&writer, "run", run->record->id);
    lt_json_set(&writer, "task", work->step->task->name);
    lt_json_set(&writer, "status", run_status(work));
    lt_json_set(&writer, "subject", subject);
    lt_json_set(&writer, "message", message);
    lt_json_end(&writer);
    return post_json(work, &work->step->task->notify.webhook, lt_buf_text(&body), err);
}

static lt_status post_slack(lt_work *work, lt_text subject, lt_text message, lt_err *err)
{
    LT_AUTO(lt_buf) text = {0};
    LT_AUTO(lt_buf) body = {0};
    lt_json_writer writer = {.out = &body};
    lt_buf_printf(&text, "*%.*s*\n%.*s", LT_ARG(subject), LT_ARG(message));
    lt_json_begin(&writer, '{');
    lt_json_set(&writer, "text", lt_buf_text(&text));
    lt_json_end(&writer);
    return post_json(work, &work->step->task->notify.slack, lt_buf_text(&body), err);
}

static lt_status send_mail(lt_work *work, lt_text subject, lt_text message, lt_err *err)
{
    const lt_conf_email *email = &work->step->task->notify.email;
    lt_mail mail = {.subject = subject, .text = message, .stop = work->cancelled};
    LT_TRY(lt_work_render(work, &email->smtp, &mail.server, err));
    LT_TRY(lt_work_render(work, &email->username, &mail.username, err));
    LT_TRY(lt_work_render(work, &email->password, &mail.password, err));
    LT_TRY(lt_work_render(work, &email->from, &mail.from, err));
    for (size_t i = 0; i < email->to.len; i++) {
        lt_text to;
        LT_TRY(lt_work_render(work, &email->to.items[i], &to, err));
        lt_push_in(work->arena, &mail.to, to);
    }
    LT_TRY(lt_mail_send(&mail, err));
    lt_work_log(work, "mailed to %zu address%s by %.*s", mail.to.len, mail.to.len == 1 ? "" : "es",
                LT_ARG(mail.server));
    return LT_OK;
}

/* A second try of the same task is the same message to a FIFO topic. */
static lt_status publish_sns(lt_work *work, lt_text subject, lt_text message, lt_err *err)
{
    const lt_run_record *run = work->run->record;
    lt_text home = lt_text_sub(lt_state_home_id(work->run->workspace->state), 0, 32), id;
    lt_sns_message made = {.subject = subject,
                           .text = message,
                           .group = run->pipeline,
                           .once = lt_text_of(lt_arena_format(
                               work->arena, "%.*s-%lld-%.*s", LT_ARG(home), (long long)run->id,
                               LT_ARG(lt_text_sub(work->step->task->name, 0, 64)))),
                           .stop = work->cancelled};
    LT_TRY(lt_work_render(work, &work->step->task->notify.sns, &made.topic, err));
    LT_TRY(lt_sns_publish(&made, work->arena, &id, err));
    lt_work_log(work, "published to %.*s as %.*s", LT_ARG(made.topic), LT_ARG(id));
    return LT_OK;
}

/* All of them are tried; the first that fails is the error. */
lt_status lt_step_notify(lt_work *work, lt_err *err)
{
    const lt_conf_notify *notify = &work->step->task->notify;
    lt_text subject, message;
    lt_err other, *why = err;
    lt_status first = LT_OK;
    LT_TRY(lt_work_render(work, &notify->subject, &subject, err));
    LT_TRY(lt_work_render(work, &notify->message, &message, err));
    const struct {
        bool wanted;
        lt_status (*send)(lt_work *, lt_text, lt_text, lt_err *);
    } ways[] = {{notify->webhook.raw.ptr != NULL, post_webhook},
                {notify->slack.raw.ptr != NULL, post_slack},
                {notify->email.smtp.raw.ptr != NULL, send_mail},
                {notify->sns.raw.ptr != NULL, publish_sns}};
    for (size_t i = 0; i < LT_COUNT(ways); i++) {
        lt_status status = ways[i].wanted ? ways[i].send(work, subject, message, why) : LT_OK;
        first = first == LT_OK ? status : first;
        if (first != LT_OK)
            why = &other;
    }
    return first;
}
