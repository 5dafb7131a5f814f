/* AWS's query protocol: forms, signed with version 4. */
#include "net/aws_form.h"

#include "base/time.h"
#include "fmt/xml.h"
#include "net/aws_sign.h"
#include "net/url.h"

#define FORM_TYPE "application/x-www-form-urlencoded; charset=utf-8"

void lt_aws_form_add(lt_buf *form, const char *name, lt_text value)
{
    if (!value.len)
        return;
    lt_buf_printf(form, "%s%s=", form->len ? "&" : "", name);
    lt_url_encode(value, form);
}

lt_status lt_aws_form_sign(const lt_aws_form_call *call, const lt_aws_credentials *credentials,
                           lt_arena *arena, lt_http_header *headers, size_t *count, lt_err *err)
{
    char time[LT_AWS_TIME_CHARS], sum[LT_AWS_HEX_CHARS], key[LT_AWS_KEY_BYTES];
    LT_AUTO(lt_buf) authorization = {.limit = 16 * LT_KIB};
    lt_url parts;
    LT_TRY(lt_url_read(call->url, &parts, err));
    lt_text host = lt_text_of(lt_arena_format(arena, "%.*s%s%.*s", LT_ARG(parts.host),
                                              parts.port.len ? ":" : "", LT_ARG(parts.port)));
    lt_text at = lt_arena_text(arena, lt_text_of(lt_aws_time_write(lt_now_us(), time)));
    lt_aws_scope scope = {
        .date = lt_text_sub(at, 0, 8), .region = call->region, .service = call->service};
    lt_aws_header to_sign[] = {{T("host"), host},
                               {T("x-amz-date"), at},
                               {T("content-type"), T(FORM_TYPE)},
                               {T("x-amz-security-token"), credentials->token}};
    lt_aws_request request = {.method = T("POST"),
                              .path = parts.path,
                              .headers = to_sign,
                              .header_count = credentials->token.len ? 4 : 3,
                              .payload = lt_text_of(lt_aws_sha256(call->form, sum))};
    lt_aws_key_derive(credentials->secret, &scope, key);
    bool is_signed =
        lt_aws_authorize(&request, credentials->key_id, at, &scope, key, &authorization);
    explicit_bzero(key, sizeof(key));
    if (!is_signed)
        return lt_fail(err, LT_INVALID, "cannot sign a request to '%.*s'", LT_ARG(call->url));
    headers[0] = (lt_http_header){.name = T("Content-Type"), .value = T(FORM_TYPE)};
    headers[1] = (lt_http_header){.name = T("X-Amz-Date"), .value = at};
    headers[2] = (lt_http_header){.name = T("Authorization"),
                                  .value = lt_arena_text(arena, lt_buf_text(&authorization)),
                                  .secret = true};
    headers[3] = (lt_http_header){
        .name = T("X-Amz-Security-Token"), .value = credentials->token, .secret = true};
    *count = request.header_count; /* one each, but that the host is the connection's */
    return LT_OK;
}

/* <ErrorResponse><Error><Code>...</Code><Message>...</Message></Error></ErrorResponse> */
lt_status lt_aws_form_refused(const char *service, const lt_http_response *response,
                              lt_arena *arena, lt_err *err)
{
    lt_xml *root = NULL;
    lt_err unread;
    lt_text code = {0}, why = {0};
    if (lt_xml_read(lt_buf_text(&response->body), NULL, arena, &root, &unread) == LT_OK) {
        const lt_xml *error = lt_xml_find(root, T("Error"));
        code = lt_xml_text(error, T("Code"));
        why = lt_xml_text(error, T("Message"));
    }
    return lt_fail(err, response->status == 403 ? LT_DENIED : LT_FAILED,
                   "%s answered %d %s: %.*s: %.*s", service, response->status,
                   lt_http_status_name(response->status), LT_ARG(code), LT_ARG(why));
}
