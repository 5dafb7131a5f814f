/* Credentials from the environment, the profile files, a container's agent, an instance's metadata. */
#include "net/aws_providers.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/mask.h"
#include "base/proc.h"
#include "base/time.h"
#include "fmt/json.h"
#include "fmt/xml.h"
#include "net/http_retry.h"
#include "net/url.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOKEN_BYTES = 64 * 1024, ANSWER_BYTES = 1024 * 1024 };
#define SSO_MARGIN_US ((int64_t)5 * 60 * 1000000) /* before its end a session is renewed */

const char *lt_aws_env(const lt_aws_search *search, const char *name)
{
    const char *value = search->env(name);
    return value && *value ? value : NULL;
}

lt_status lt_aws_read_token(lt_aws_search *search, lt_text path, lt_text *out, lt_err *err)
{
    LT_AUTO(lt_buf) content = {.limit = TOKEN_BYTES};
    LT_AUTO(lt_chars) name = lt_text_dup(path);
    LT_TRY(lt_file_read(name, &content, err));
    *out = lt_arena_text(search->arena, lt_text_trim(lt_buf_text(&content)));
    lt_mask_register(*out);
    if (!out->len)
        return lt_fail(err, LT_INVALID, "'%s' is empty", name);
    return LT_OK;
}

/* ---- services ---- */

/* What an AWS service says in its error: JSON or XML, else nothing. */
static lt_text said(lt_aws_search *search, lt_text body)
{
    lt_err ignored;
    lt_json *json;
    lt_xml *xml;
    lt_json_options options = {.node_limit = 10000, .last_key_wins = true};
    if (lt_text_starts(body, T("<"))) {
        if (lt_xml_read(body, NULL, search->arena, &xml, &ignored) != LT_OK)
            return (lt_text){0};
        const lt_xml *error = lt_xml_find(xml, T("Error"));
        return lt_xml_text(error ? error : xml, T("Message"));
    }
    if (!lt_text_starts(body, T("{")) ||
        lt_json_read(body, NULL, &options, search->arena, &json, &ignored) != LT_OK)
        return (lt_text){0};
    lt_text message = lt_json_text_or(json, "message", (lt_text){0});
    return message.len ? message : lt_json_text_or(json, "Message", (lt_text){0});
}

lt_status lt_aws_ask_service(lt_aws_search *search, const lt_aws_ask *ask, lt_text *body,
                             lt_err *err)
{
    lt_http_options options = {.connect_timeout_ms = ask->timeout_ms,
                               .total_timeout_ms = ask->timeout_ms,
                               .body_limit = ANSWER_BYTES,
                               .encoding = LT_ENCODING_NONE,
                               .give_redirects = true,
                               .no_proxy = ask->no_proxy};
    LT_AUTO(lt_http_client_ref) client = lt_http_client_new(&options);
    LT_AUTO(lt_http_response) response = {0};
    lt_retry policy = {.attempts = ask->attempts ? ask->attempts : 1, .base_us = 200 * 1000};
    lt_http_request request = {.method = ask->method,
                               .url = lt_text_of(ask->url),
                               .headers = ask->headers,
                               .header_count = ask->header_count,
                               .body = ask->body};
    LT_TRY(lt_http_send_patiently(client, &request, &policy, NULL, &response, NULL, err));
    *body = lt_arena_text(search->arena, lt_buf_text(&response.body));
    if (response.status == 200)
        return LT_OK;
    lt_text why = said(search, *body);
    return lt_fail(err, LT_DENIED, "%s answered %d %s%s%.*s", ask->what, response.status,
                   lt_http_status_name(response.status), why.len ? ": " : "", LT_ARG(why));
}

lt_status lt_aws_read_json(lt_aws_search *search, lt_text json, const char *what,
                           const char *token_name, lt_aws_credentials *out, lt_err *err)
{
    lt_json_options options = {.node_limit = 10000, .last_key_wins = true};
    lt_json *root;
    if (lt_json_read(json, NULL, &options, search->arena, &root, err) != LT_OK)
        return lt_wrap(err, "the answer of %s", what);
    lt_aws_credentials made = {.key_id = lt_json_text_or(root, "AccessKeyId", (lt_text){0}),
                               .secret = lt_json_text_or(root, "SecretAccessKey", (lt_text){0}),
                               .token = lt_json_text_or(root, token_name, (lt_text){0})};
    lt_text expires = lt_json_text_or(root, "Expiration", (lt_text){0});
    if (!made.key_id.len || !made.secret.len)
        return lt_fail(err, LT_DENIED, "the answer of %s has no AccessKeyId and SecretAccessKey",
                       what);
    if (expires.len && !lt_time_read(expires, &made.expires_at_us))
        return lt_fail(err, LT_DENIED, "the answer of %s has a wrong Expiration: '%.*s'", what,
                       LT_ARG(expires));
    lt_mask_register(made.secret);
    lt_mask_register(made.token);
    *out = made;
    return LT_OK;
}

/* ---- the environment ---- */

lt_status lt_aws_from_environment(lt_aws_search *search, lt_aws_credentials *out, lt_err *err)
{
    const char *id = lt_aws_env(search, "AWS_ACCESS_KEY_ID");
    const char *secret = lt_aws_env(search, "AWS_SECRET_ACCESS_KEY");
    if (!id && !secret)
        return lt_fail(err, LT_NOT_FOUND, "AWS_ACCESS_KEY_ID is not set");
    if (!id || !secret)
        return lt_fail(err, LT_INVALID, "%s is set and %s is not",
                       id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                       id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    *out = (lt_aws_credentials){.key_id = lt_text_of(id),
                                .secret = lt_text_of(secret),
                                .token = lt_text_of(lt_aws_env(search, "AWS_SESSION_TOKEN"))};
    lt_mask_register(out->secret);
    lt_mask_register(out->token);
    return LT_OK;
}

lt_status lt_aws_from_web_identity(lt_aws_search *search, lt_aws_credentials *out, lt_err *err)
{
    const char *file = lt_aws_env(search, "AWS_WEB_IDENTITY_TOKEN_FILE");
    const char *role_arn = lt_aws_env(search, "AWS_ROLE_ARN");
    lt_text token;
    if (!file)
        return lt_fail(err, LT_NOT_FOUND, "AWS_WEB_IDENTITY_TOKEN_FILE is not set");
    if (!role_arn)
        return lt_fail(err, LT_INVALID,
                       "AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN is not");
    lt_aws_role role = {.arn = lt_text_of(role_arn),
                        .session_name = lt_text_of(lt_aws_env(search, "AWS_ROLE_SESSION_NAME"))};
    if (lt_aws_read_token(search, lt_text_of(file), &token, err) != LT_OK)
        return err->status == LT_NOT_FOUND ? err->status = LT_INVALID : err->status;
    return lt_aws_assume_with_token(search, &role, token, out, err);
}

/* ---- containers ---- */

/* Without TLS only to this machine and the agents' own addresses, so that the token goes to nobody else. */
static bool is_agent(const lt_url *url)
{
    static const char *const agents[] = {"169.254.170.2", "169.254.170.23", "fd00:ec2::23"};
    if (lt_text_eq_nocase(url->scheme, T("https")) || lt_url_is_loopback(url))
        return true;
    for (size_t i = 0; i < LT_COUNT(agents); i++)
        if (lt_text_eq(url->host, lt_text_of(agents[i])))
            return true;
    return false;
}

static lt_status container_url(lt_aws_search *search, const char **out, lt_err *err)
{
    const char *relative = lt_aws_env(search, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = lt_aws_env(search, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    lt_url url;
    if (relative) {
        const char *host = search->container_host ? search->container_host : "http://169.254.170.2";
        *out =
            lt_arena_format(search->arena, "%s%s%s", host, *relative == '/' ? "" : "/", relative);
        return LT_OK;
    }
    if (!full)
        return lt_fail(err, LT_NOT_FOUND,
                       "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI are not set");
    if (lt_url_read(lt_text_of(full), &url, err) != LT_OK)
        return lt_wrap(err, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (!is_agent(&url))
        return lt_fail(err, LT_INVALID,
                       "AWS_CONTAINER_CREDENTIALS_FULL_URI: http is only for this machine and the "
                       "addresses of ECS and EKS, not for '%.*s'",
                       LT_ARG(url.host));
    *out = full;
    return LT_OK;
}

lt_status lt_aws_from_container(lt_aws_search *search, lt_aws_credentials *out, lt_err *err)
{
    const char *url = NULL;
    lt_text token = lt_text_of(lt_aws_env(search, "AWS_CONTAINER_AUTHORIZATION_TOKEN")), answer;
    const char *file = lt_aws_env(search, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    LT_TRY(container_url(search, &url, err));
    if (file && lt_aws_read_token(search, lt_text_of(file), &token, err) != LT_OK)
        return err->status == LT_NOT_FOUND ? err->status = LT_INVALID : err->status;
    lt_mask_register(token);
    const lt_http_header headers[] = {{T("Authorization"), token, true}};
    lt_aws_ask ask = {.url = url,
                      .headers = headers,
                      .header_count = token.len ? 1 : 0,
                      .timeout_ms = 5000,
                      .attempts = 3,
                      .no_proxy = true,
                      .what = "the container's agent"};
    LT_TRY(lt_aws_ask_service(search, &ask, &answer, err));
    return lt_aws_read_json(search, answer, ask.what, "Token", out, err);
}

/* ---- instances: "Use IMDSv2" of the EC2 user guide ---- */

static lt_status ask_instance(lt_aws_search *search, const char *path, lt_text token,
                              lt_text *answer, lt_err *err)
{
    const char *base = lt_aws_env(search, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
    const char *host = base ? base : "http://169.254.169.254";
    size_t end = strlen(host);
    while (end && host[end - 1] == '/')
        end--;
    const lt_http_header headers[] = {{.name = token.len
                                                   ? T("X-aws-ec2-metadata-token")
                                                   : T("X-aws-ec2-metadata-token-ttl-seconds"),
                                       .value = token.len ? token : T("21600"),
                                       .secret = true},
                                      {.name = T("Content-Length"), .value = T("0")}};
    lt_aws_ask ask = {.method = token.len ? T("GET") : T("PUT"),
                      .url = lt_arena_format(search->arena, "%.*s%s", (int)end, host, path),
                      .headers = headers,
                      .header_count = token.len ? 1 : 2,
                      .timeout_ms = search->instance_timeout_ms,
                      .no_proxy = true,
                      .what = "the instance's metadata service"};
    return lt_aws_ask_service(search, &ask, answer, err);
}

lt_status lt_aws_from_instance(lt_aws_search *search, lt_aws_credentials *out, lt_err *err)
{
    static const char roles[] = "/latest/meta-data/iam/security-credentials/";
    const char *off = lt_aws_env(search, "AWS_EC2_METADATA_DISABLED");
    lt_text token, role, answer;
    if (off && lt_text_eq_nocase(lt_text_of(off), T("true")))
        return lt_fail(err, LT_NOT_FOUND, "AWS_EC2_METADATA_DISABLED is set");
    if (ask_instance(search, "/latest/api/token", (lt_text){0}, &token, err) != LT_OK)
        return err->status == LT_IO ? err->status = LT_NOT_FOUND : err->status; /* no EC2 here */
    token = lt_text_trim(token);
    lt_mask_register(token);
    if (!token.len)
        return lt_fail(err, LT_DENIED, "the instance's metadata service gave an empty token");
    LT_TRY(ask_instance(search, roles, token, &role, err));
    size_t end = lt_text_find_byte(role, '\n', 0);
    role = lt_text_trim(lt_text_sub(role, 0, end));
    if (!role.len)
        return lt_fail(err, LT_NOT_FOUND, "the instance has no role");
    LT_AUTO(lt_buf) path = {.limit = LT_KIB};
    lt_buf_add_str(&path, roles);
    lt_url_encode(role, &path);
    LT_TRY(lt_buf_check(&path, "the name of the instance's role", err));
    LT_TRY(ask_instance(search, path.data, token, &answer, err));
    return lt_aws_read_json(search, answer, "the instance's metadata service", "Token", out, err);
}

/* ---- profiles ---- */

static lt_text setting(const lt_aws_search *search, lt_text profile, const char *name)
{
    return lt_aws_config_find(search->config, profile, name);
}

static lt_status from_keys(lt_aws_search *search, lt_text profile, lt_aws_credentials *out,
                           lt_err *err)
{
    lt_text id = setting(search, profile, "aws_access_key_id");
    lt_text secret = setting(search, profile, "aws_secret_access_key");
    if (!id.len != !secret.len)
        return lt_fail(err, LT_INVALID, "it has aws_%s and no aws_%s",
                       id.len ? "access_key_id" : "secret_access_key",
                       id.len ? "secret_access_key" : "access_key_id");
    *out = (lt_aws_credentials){
        .key_id = id, .secret = secret, .token = setting(search, profile, "aws_session_token")};
    lt_mask_register(secret);
    lt_mask_register(out->token);
    return LT_OK;
}

static lt_status from_process(lt_aws_search *search, lt_text command, lt_aws_credentials *out,
                              lt_err *err)
{
    LT_AUTO(lt_buf) answer = {.limit = ANSWER_BYTES};
    char **argv;
    int code;
    if (lt_aws_split_command(command, search->arena, &argv, err) != LT_OK ||
        lt_proc_run(argv, &answer, &code, err) != LT_OK)
        return lt_wrap(err, "credential_process");
    if (code != 0)
        return lt_fail(err, LT_DENIED, "credential_process '%s' ended with exit code %d", argv[0],
                       code);
    return lt_aws_read_json(search, lt_buf_text(&answer), "credential_process", "SessionToken", out,
                            err);
}

/* The file that `aws sso login` leaves is named after the session, or the start URL. */
static const char *sso_cache_path(lt_aws_search *search, lt_text name)
{
    unsigned char sum[SHA_DIGEST_LENGTH];
    char hex[2 * SHA_DIGEST_LENGTH + 1];
    (void)SHA1((const unsigned char *)name.ptr, name.len, sum);
    for (size_t i = 0; i < sizeof(sum); i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", sum[i]);
    const char *home = search->env("HOME");
    return lt_arena_format(search->arena, "%s/.aws/sso/cache/%s.json", home ? home : "", hex);
}

/* Over, or nearly. */
static bool is_over(const lt_json *root, const char *member)
{
    int64_t until_us = 0;
    return !lt_time_read(lt_json_text_or(root, member, (lt_text){0}), &until_us) ||
           until_us <= lt_now_us() + SSO_MARGIN_US;
}

/* As the aws tools write it, so that they go on from it; what we know nothing of stays. */
static void keep_session(const char *path, const lt_json *old, const lt_json *answer)
{
    char time[LT_TIME_CHARS];
    LT_AUTO(lt_buf) out = {.limit = TOKEN_BYTES};
    LT_AUTO(lt_buf) expires = {.limit = LT_TIME_CHARS};
    lt_json_writer writer = {.out = &out};
    lt_err err;
    lt_text token = lt_json_text_or(answer, "accessToken", (lt_text){0});
    lt_text next = lt_json_text_or(answer, "refreshToken", (lt_text){0});
    int64_t until_us = lt_now_us() + lt_json_i64_or(answer, "expiresIn", 0) * 1000000;
    lt_buf_printf(&expires, "%.19sZ", lt_time_write(until_us, time)); /* whole seconds */
    lt_json_begin(&writer, '{');
    for (size_t i = 0; i < old->count; i++) {
        const lt_json *member = &old->items[i];
        lt_json_key(&writer, member->key);
        if (lt_text_eq(member->key, T("accessToken")))
            lt_json_string(&writer, token);
        else if (lt_text_eq(member->key, T("expiresAt")))
            lt_json_string(&writer, lt_buf_text(&expires));
        else if (lt_text_eq(member->key, T("refreshToken")) && next.len)
            lt_json_string(&writer, next);
        else
            lt_json_tree(&writer, member);
    }
    lt_json_end(&writer);
    if (lt_file_write_durably(path, lt_buf_text(&out), 0600, &err) != LT_OK)
        lt_log(LT_LOG_WARNING, "the renewed SSO session could not be kept: %s", err.message);
}

/* CreateToken of SSO's OIDC, as the aws tools do it. The session was made by `aws sso login` with an sso-session. */
static lt_status renew_sso(lt_aws_search *search, lt_text region, const char *path,
                           const lt_json *old, lt_text *token, lt_err *err)
{
    const char *given = lt_aws_env(search, "AWS_ENDPOINT_URL_SSO_OIDC");
    const char *base =
        given ? given
              : lt_arena_format(search->arena, "https://oidc.%.*s.amazonaws.com", LT_ARG(region));
    lt_text refresh = lt_json_text_or(old, "refreshToken", (lt_text){0});
    lt_text secret = lt_json_text_or(old, "clientSecret", (lt_text){0});
    lt_mask_register(refresh);
    lt_mask_register(secret);
    if (!refresh.len || !secret.len || is_over(old, "registrationExpiresAt"))
        return lt_fail(err, LT_DENIED, "the SSO session cannot be renewed");
    LT_AUTO(lt_buf) body = {.limit = TOKEN_BYTES};
    lt_json_writer writer = {.out = &body};
    lt_json_begin(&writer, '{');
    lt_json_set(&writer, "clientId", lt_json_text_or(old, "clientId", (lt_text){0}));
    lt_json_set(&writer, "clientSecret", secret);
    lt_json_set(&writer, "grantType", T("refresh_token"));
    lt_json_set(&writer, "refreshToken", refresh);
    lt_json_end(&writer);
    LT_TRY(lt_buf_check(&body, "the request to SSO", err));
    const lt_http_header headers[] = {{T("Content-Type"), T("application/json"), false}};
    lt_aws_ask ask = {.method = T("POST"),
                      .url = lt_arena_format(search->arena, "%s/token", base),
                      .headers = headers,
                      .header_count = 1,
                      .body = lt_buf_text(&body),
                      .timeout_ms = 20 * 1000,
                      .attempts = 1, /* a refresh token may be good only once */
                      .what = "SSO"};
    lt_text answer;
    lt_json *root;
    LT_TRY(lt_aws_ask_service(search, &ask, &answer, err));
    if (lt_json_read(answer, NULL, NULL, search->arena, &root, err) != LT_OK)
        return lt_wrap(err, "the answer of SSO");
    lt_text made = lt_json_text_or(root, "accessToken", (lt_text){0});
    lt_mask_register(made);
    lt_mask_register(lt_json_text_or(root, "refreshToken", (lt_text){0}));
    if (!made.len)
        return lt_fail(err, LT_DENIED, "the answer of SSO has no token");
    keep_session(path, old, root);
    *token = made;
    return LT_OK;
}

static lt_status sso_token(lt_aws_search *search, lt_text profile, lt_text cached_as,
                           lt_text region, lt_text *token, lt_err *err)
{
    LT_AUTO(lt_buf) content = {.limit = TOKEN_BYTES};
    lt_json_options options = {.node_limit = 10000, .last_key_wins = true};
    lt_json *root = NULL;
    int64_t until_us = 0;
    const char *path = sso_cache_path(search, cached_as);
    lt_status status = lt_file_read(path, &content, err);
    if (status == LT_OK)
        status = lt_json_read(lt_buf_text(&content), path, &options, search->arena, &root, err);
    if (status != LT_OK && status != LT_NOT_FOUND)
        return status;
    *token = lt_json_text_or(root, "accessToken", (lt_text){0});
    lt_mask_register(*token);
    if (token->len && !is_over(root, "expiresAt"))
        return LT_OK;
    if (root && renew_sso(search, region, path, root, token, err) == LT_OK)
        return LT_OK;
    if (token->len && lt_time_read(lt_json_text_or(root, "expiresAt", (lt_text){0}), &until_us) &&
        until_us > lt_now_us())
        return LT_OK; /* it still holds */
    lt_ignore(lt_fail(err, LT_DENIED, "%s%s",
                      root ? "the SSO session has expired: " : "there is no SSO session",
                      root ? lt_arena_str(search->arena, lt_text_of(err->message)) : ""));
    return lt_hint(err, "aws sso login --profile %.*s", LT_ARG(profile));
}

/* GetRoleCredentials of the SSO portal. */
static lt_status ask_sso(lt_aws_search *search, lt_text profile, lt_text region, lt_text token,
                         lt_aws_credentials *out, lt_err *err)
{
    const char *given = lt_aws_env(search, "AWS_ENDPOINT_URL_SSO");
    const char *base = given
                           ? given
                           : lt_arena_format(search->arena, "https://portal.sso.%.*s.amazonaws.com",
                                             LT_ARG(region));
    LT_AUTO(lt_buf) url = {.limit = LT_URL_BYTES};
    lt_buf_printf(&url, "%s/federation/credentials", base);
    lt_url_add_param(&url, T("role_name"), setting(search, profile, "sso_role_name"));
    lt_url_add_param(&url, T("account_id"), setting(search, profile, "sso_account_id"));
    LT_TRY(lt_buf_check(&url, "the URL of SSO", err));
    const lt_http_header headers[] = {{T("x-amz-sso_bearer_token"), token, true}};
    lt_aws_ask ask = {.url = url.data,
                      .headers = headers,
                      .header_count = 1,
                      .timeout_ms = 20 * 1000,
                      .attempts = 3,
                      .what = "SSO"};
    lt_text answer;
    lt_json *root;
    LT_TRY(lt_aws_ask_service(search, &ask, &answer, err));
    if (lt_json_read(answer, NULL, NULL, search->arena, &root, err) != LT_OK)
        return lt_wrap(err, "the answer of SSO");
    const lt_json *role = lt_json_find(root, "roleCredentials");
    *out = (lt_aws_credentials){.key_id = lt_json_text_or(role, "accessKeyId", (lt_text){0}),
                                .secret = lt_json_text_or(role, "secretAccessKey", (lt_text){0}),
                                .token = lt_json_text_or(role, "sessionToken", (lt_text){0}),
                                .expires_at_us = lt_json_i64_or(role, "expiration", 0) * 1000};
    lt_mask_register(out->secret);
    lt_mask_register(out->token);
    if (!out->key_id.len || !out->secret.len)
        return lt_fail(err, LT_DENIED, "the answer of SSO has no credentials");
    return LT_OK;
}

static lt_status from_sso(lt_aws_search *search, lt_text profile, lt_aws_credentials *out,
                          lt_err *err)
{
    lt_text session = setting(search, profile, "sso_session"), token;
    lt_text region = session.len ? lt_aws_config_find_session(search->config, session, "sso_region")
                                 : setting(search, profile, "sso_region");
    lt_text cached_as = session.len ? session : setting(search, profile, "sso_start_url");
    if (!region.len || !cached_as.len || !setting(search, profile, "sso_role_name").len)
        return lt_fail(err, LT_INVALID,
                       "SSO needs sso_account_id, sso_role_name, and sso_session or sso_start_url "
                       "with sso_region");
    LT_TRY(sso_token(search, profile, cached_as, region, &token, err));
    return ask_sso(search, profile, region, token, out, err);
}

static lt_status role_source(lt_aws_search *search, lt_text profile, lt_aws_credentials *out,
                             lt_err *err)
{
    static const struct {
        const char *name;
        lt_aws_provide *provide;
    } sources[] = {{"Environment", lt_aws_from_environment},
                   {"Ec2InstanceMetadata", lt_aws_from_instance},
                   {"EcsContainer", lt_aws_from_container}};
    lt_text from = setting(search, profile, "source_profile");
    lt_text kind = setting(search, profile, "credential_source");
    if (from.len && lt_text_eq(from, profile)) /* its own keys */
        return from_keys(search, profile, out, err);
    if (from.len)
        return lt_aws_from_profile(search, from, out, err);
    for (size_t i = 0; i < LT_COUNT(sources); i++)
        if (lt_text_eq(kind, lt_text_of(sources[i].name)))
            return sources[i].provide(search, out, err);
    if (kind.len)
        return lt_fail(err, LT_INVALID,
                       "credential_source '%.*s' is none of Environment, Ec2InstanceMetadata, "
                       "EcsContainer",
                       LT_ARG(kind));
    return lt_fail(err, LT_INVALID, "role_arn needs source_profile or credential_source");
}

static lt_status from_role(lt_aws_search *search, lt_text profile, lt_aws_credentials *out,
                           lt_err *err)
{
    lt_aws_role role = {.arn = setting(search, profile, "role_arn"),
                        .session_name = setting(search, profile, "role_session_name"),
                        .external_id = setting(search, profile, "external_id"),
                        .duration_s = setting(search, profile, "duration_seconds")};
    lt_text file = setting(search, profile, "web_identity_token_file"), token;
    lt_aws_credentials source;
    if (setting(search, profile, "mfa_serial").len) {
        lt_ignore(
            lt_fail(err, LT_INVALID, "its role needs an MFA code, which cannot be given here"));
        return lt_hint(err,
                       "make a session with the aws cli and put its keys into the environment");
    }
    if (file.len) {
        LT_TRY(lt_aws_read_token(search, file, &token, err));
        return lt_aws_assume_with_token(search, &role, token, out, err);
    }
    if (++search->depth > LT_AWS_ROLE_DEPTH)
        return lt_fail(err, LT_INVALID, "source_profile goes round in a circle, or is too deep");
    LT_TRY(role_source(search, profile, &source, err));
    return lt_aws_assume_role(search, &role, &source, out, err);
}

static lt_status provide_profile(lt_aws_search *search, lt_text profile, lt_aws_credentials *out,
                                 lt_err *err)
{
    lt_text command = setting(search, profile, "credential_process");
    if (setting(search, profile, "role_arn").len)
        return from_role(search, profile, out, err);
    if (setting(search, profile, "sso_account_id").len ||
        setting(search, profile, "sso_session").len)
        return from_sso(search, profile, out, err);
    if (setting(search, profile, "aws_access_key_id").len ||
        setting(search, profile, "aws_secret_access_key").len)
        return from_keys(search, profile, out, err);
    if (command.len)
        return from_process(search, command, out, err);
    return lt_fail(err, LT_NOT_FOUND, "it has no keys, role, SSO or credential_process");
}

lt_status lt_aws_from_profile(lt_aws_search *search, lt_text profile, lt_aws_credentials *out,
                              lt_err *err)
{
    if (!lt_aws_config_has_profile(search->config, profile))
        return lt_fail(err, LT_NOT_FOUND, "there is no profile '%.*s' in %s", LT_ARG(profile),
                       lt_aws_config_names(search->config));
    unsigned depth = search->depth;
    lt_status status = provide_profile(search, profile, out, err);
    search->depth = depth;
    return status == LT_OK ? LT_OK : lt_wrap(err, "profile '%.*s'", LT_ARG(profile));
}
