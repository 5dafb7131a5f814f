/* Roles, by the Security Token Service. */
#include "base/mask.h"
#include "base/time.h"
#include "fmt/xml.h"
#include "net/aws_form.h"
#include "net/aws_providers.h"

#include <stdio.h>

static const char *sts_url(const lt_aws_search *search, lt_arena *arena)
{
    const char *given = lt_aws_env(search, "AWS_ENDPOINT_URL_STS");
    if (!given)
        given = lt_aws_env(search, "AWS_ENDPOINT_URL");
    if (given)
        return lt_arena_format(arena, "%s/", given);
    bool china = strncmp(search->region, "cn-", 3) == 0;
    return lt_arena_format(arena, "https://sts.%s.amazonaws.com%s/",
                           *search->region ? search->region : "us-east-1", china ? ".cn" : "");
}

/* A session's name is 2 to 64 of these characters; ours says when. */
static lt_text session_name(const lt_aws_role *role, lt_arena *arena)
{
    if (role->session_name.len)
        return role->session_name;
    return lt_text_of(lt_arena_format(arena, "leat-%lld", (long long)(lt_now_us() / 1000000)));
}

/* <AssumeRoleResponse><AssumeRoleResult><Credentials>...: the names differ by the action. */
static lt_status read_answer(lt_aws_search *search, lt_text body, lt_aws_credentials *out,
                             lt_err *err)
{
    lt_xml *root;
    if (lt_xml_read(body, NULL, search->arena, &root, err) != LT_OK)
        return lt_wrap(err, "the answer of STS");
    const lt_xml *credentials = lt_xml_find(root->first, T("Credentials"));
    lt_aws_credentials made = {.key_id = lt_xml_text(credentials, T("AccessKeyId")),
                               .secret = lt_xml_text(credentials, T("SecretAccessKey")),
                               .token = lt_xml_text(credentials, T("SessionToken"))};
    lt_text expires = lt_xml_text(credentials, T("Expiration"));
    if (!made.key_id.len || !made.secret.len || !made.token.len ||
        !lt_time_read(expires, &made.expires_at_us))
        return lt_fail(err, LT_IO, "the answer of STS has no credentials");
    lt_mask_register(made.secret);
    lt_mask_register(made.token);
    *out = made;
    return LT_OK;
}

static lt_status ask(lt_aws_search *search, const char *url, const lt_http_header *headers,
                     size_t count, const lt_buf *form, lt_aws_credentials *out, lt_err *err)
{
    lt_aws_ask ask = {.method = T("POST"),
                      .url = url,
                      .headers = headers,
                      .header_count = count,
                      .body = lt_buf_text(form),
                      .timeout_ms = 20 * 1000,
                      .attempts = 3,
                      .what = "STS"};
    lt_text answer;
    LT_TRY(lt_aws_ask_service(search, &ask, &answer, err));
    return read_answer(search, answer, out, err);
}

static lt_status ask_signed(lt_aws_search *search, const lt_buf *form,
                            const lt_aws_credentials *source, lt_aws_credentials *out, lt_err *err)
{
    const char *url = sts_url(search, search->arena);
    lt_http_header headers[LT_AWS_FORM_HEADERS];
    size_t count = 0;
    lt_aws_form_call call = {.url = lt_text_of(url),
                             .service = T("sts"),
                             .region = lt_text_of(*search->region ? search->region : "us-east-1"),
                             .form = lt_buf_text(form)};
    LT_TRY(lt_aws_form_sign(&call, source, search->arena, headers, &count, err));
    return ask(search, url, headers, count, form, out, err);
}

static void begin_form(lt_aws_search *search, const char *action, const lt_aws_role *role,
                       lt_buf *form)
{
    lt_aws_form_add(form, "Action", lt_text_of(action));
    lt_aws_form_add(form, "Version", T("2011-06-15"));
    lt_aws_form_add(form, "RoleArn", role->arn);
    lt_aws_form_add(form, "RoleSessionName", session_name(role, search->arena));
    lt_aws_form_add(form, "DurationSeconds", role->duration_s);
}

lt_status lt_aws_assume_role(lt_aws_search *search, const lt_aws_role *role,
                             const lt_aws_credentials *source, lt_aws_credentials *out, lt_err *err)
{
    LT_AUTO(lt_buf) form = {.limit = 64 * LT_KIB};
    begin_form(search, "AssumeRole", role, &form);
    lt_aws_form_add(&form, "ExternalId", role->external_id);
    if (ask_signed(search, &form, source, out, err) == LT_OK)
        return LT_OK;
    return lt_wrap(err, "cannot assume the role %.*s", LT_ARG(role->arn));
}

lt_status lt_aws_assume_with_token(lt_aws_search *search, const lt_aws_role *role, lt_text token,
                                   lt_aws_credentials *out, lt_err *err)
{
    LT_AUTO(lt_buf) form = {.limit = 64 * LT_KIB};
    const lt_http_header headers[] = {
        {.name = T("Content-Type"),
         .value = T("application/x-www-form-urlencoded; charset=utf-8")}};
    begin_form(search, "AssumeRoleWithWebIdentity", role, &form);
    lt_aws_form_add(&form, "WebIdentityToken", token);
    if (ask(search, sts_url(search, search->arena), headers, 1, &form, out, err) == LT_OK)
        return LT_OK;
    return lt_wrap(err, "cannot assume the role %.*s with a web identity", LT_ARG(role->arn));
}
