/* Credentials from every place, against a server that speaks the services' protocols. */
#include "net/aws_credentials.h"

#include "base/fs.h"
#include "base/mask.h"
#include "base/time.h"
#include "net/http_server.h"
#include "support/test.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>

/* ---- an environment for the test alone ---- */

enum { VARIABLES = 16 };
static const char *home; /* of the test that runs */
static struct {
    const char *name;
    char value[600];
} variables[VARIABLES];

static const char *test_env(const char *name)
{
    for (size_t i = 0; i < VARIABLES; i++)
        if (variables[i].name && strcmp(variables[i].name, name) == 0)
            return variables[i].value;
    return NULL;
}

static void set(const char *name, const char *value)
{
    size_t i = 0;
    while (variables[i].name && strcmp(variables[i].name, name) != 0)
        i++;
    CHECK(i < VARIABLES);
    variables[i].name = name;
    (void)snprintf(variables[i].value, sizeof(variables[i].value), "%s", value);
}

/* Nothing is set but a home without files, and no instance is asked. */
static void begin(void)
{
    memset(variables, 0, sizeof(variables));
    home = lt_test_folder();
    set("HOME", home);
    set("AWS_EC2_METADATA_DISABLED", "true");
}

static void write_file(const char *name, const char *content)
{
    lt_err err = {0};
    LT_AUTO(lt_chars) path = lt_path_join(home, name);
    LT_AUTO(lt_chars) folder = lt_xstrndup(path, (size_t)(strrchr(path, '/') - path));
    CHECK_OK(lt_folder_make(folder, 0700, &err), err);
    CHECK_OK(lt_file_write(path, lt_text_of(content), 0600, &err), err);
}

/* ---- the services ---- */

typedef struct services {
    lt_http_server *server;
    char last[4096]; /* what was asked last: method, path, headers that matter, body */
    int64_t lives_s; /* of what is given */
    int answers;     /* how often credentials were given */
    int status;      /* refuse with this */
} services;

static void give(services *self, const lt_server_request *r, lt_server_reply *reply,
                 const char *token)
{
    char until[LT_TIME_CHARS];
    (void)lt_time_write(lt_now_us() + self->lives_s * 1000000, until);
    self->answers++;
    lt_server_reply_json(
        r, reply, 200,
        lt_text_of(lt_arena_format(r->arena,
                                   "{\"Code\": \"Success\", \"AccessKeyId\": \"AKID%d\", "
                                   "\"SecretAccessKey\": \"given-secret\", \"%s\": \"TOKEN\", "
                                   "\"Expiration\": \"%s\"}",
                                   self->answers, token, until)));
}

static void give_sts(services *self, const lt_server_request *r, lt_server_reply *reply)
{
    char until[LT_TIME_CHARS];
    (void)lt_time_write(lt_now_us() + self->lives_s * 1000000, until);
    self->answers++;
    bool web = lt_text_has(r->body, T("WithWebIdentity"));
    const char *name = web ? "AssumeRoleWithWebIdentity" : "AssumeRole";
    lt_buf_printf(&reply->body,
                  "<%sResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><%sResult>"
                  "<Credentials><AccessKeyId>ROLE%d</AccessKeyId><SecretAccessKey>role-secret"
                  "</SecretAccessKey><SessionToken>ROLETOKEN</SessionToken><Expiration>%s"
                  "</Expiration></Credentials></%sResult></%sResponse>",
                  name, name, self->answers, until, name, name);
}

static void serve_metadata(services *self, const lt_server_request *r, lt_server_reply *reply)
{
    bool has_token = lt_text_eq(lt_server_header(r, T("X-aws-ec2-metadata-token")), T("itoken"));
    if (lt_text_eq(r->path, T("/latest/api/token"))) {
        bool good = lt_text_eq(r->method, T("PUT")) &&
                    lt_server_header(r, T("X-aws-ec2-metadata-token-ttl-seconds")).len;
        reply->status = good ? 200 : 400;
        lt_buf_add_str(&reply->body, "itoken");
    } else if (!has_token) {
        reply->status = 401;
    } else if (lt_text_ends(r->path, T("security-credentials/"))) {
        lt_buf_add_str(&reply->body, "my-role\n");
    } else {
        give(self, r, reply, "Token");
    }
}

static void serve(void *context, const lt_server_request *r, lt_server_reply *reply)
{
    services *self = context;
    lt_text authorization = lt_server_header(r, T("Authorization"));
    (void)snprintf(self->last, sizeof(self->last), "%.*s %.*s auth=%.*s sso=%.*s body=%.*s",
                   LT_ARG(r->method), LT_ARG(r->target), LT_ARG(authorization),
                   LT_ARG(lt_server_header(r, T("x-amz-sso_bearer_token"))), LT_ARG(r->body));
    if (self->status) {
        reply->status = self->status;
        lt_buf_add_str(&reply->body, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not "
                                     "for you</Message></Error></ErrorResponse>");
    } else if (lt_text_starts(r->path, T("/latest/"))) {
        serve_metadata(self, r, reply);
    } else if (lt_text_starts(r->path, T("/federation/"))) {
        self->answers++;
        lt_server_reply_json(
            r, reply, 200,
            lt_text_of(lt_arena_format(r->arena,
                                       "{\"roleCredentials\": {\"accessKeyId\": \"SSO\", "
                                       "\"secretAccessKey\": \"sso-secret\", \"sessionToken\": "
                                       "\"t\", \"expiration\": %lld}}",
                                       (long long)(lt_now_us() / 1000 + 3600000))));
    } else if (lt_text_eq(r->path, T("/token"))) {
        bool good = lt_text_eq(r->body, T("{\"clientId\":\"client\",\"clientSecret\":\"hush\","
                                          "\"grantType\":\"refresh_token\",\"refreshToken\":"
                                          "\"again-1\"}"));
        lt_server_reply_json(r, reply, good ? 200 : 400,
                             T("{\"accessToken\": \"renewed-token\", \"expiresIn\": 3600, "
                               "\"refreshToken\": \"again-2\", \"tokenType\": \"Bearer\"}"));
    } else if (lt_text_eq(r->method, T("POST"))) {
        give_sts(self, r, reply);
    } else {
        give(self, r, reply, "Token");
    }
}

static void services_cleanup(services *self)
{
    lt_http_server_stop(self->server);
}

static void start(services *self)
{
    lt_err err = {0};
    lt_server_options options = {.handle = serve, .context = self, .threads = 1};
    self->lives_s = 3600;
    CHECK_OK(lt_http_server_start(&options, &self->server, &err), err);
}

static const char *url_of(const services *self)
{
    return lt_http_server_url(self->server);
}

/* ---- asking ---- */

static lt_status find_with(const lt_aws_identity_options *options, lt_arena *arena,
                           lt_aws_credentials *out, lt_err *err)
{
    lt_aws_identity_options with = options ? *options : (lt_aws_identity_options){0};
    LT_AUTO(lt_aws_identity_ref) identity = NULL;
    with.env = test_env;
    LT_TRY(lt_aws_identity_open(&with, &identity, err));
    return lt_aws_identity_get(identity, arena, out, err);
}

static void finds(const lt_aws_identity_options *options, const char *id, const char *secret,
                  const char *token, const char *provider)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_aws_credentials got = {0};
    CHECK_OK(find_with(options, &arena, &got, &err), err);
    CHECK_TEXT(got.key_id, id);
    CHECK_TEXT(got.secret, secret);
    CHECK_TEXT(got.token, token);
    CHECK_TEXT(got.provider, provider);
}

static void fails(const lt_aws_identity_options *options, lt_status wanted, const char *part)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_aws_credentials got = {0};
    CHECK_STATUS(find_with(options, &arena, &got, &err), wanted, err);
    CHECK_HAS(err.message, part);
}

/* ---- environment ---- */

Test(aws_credentials, come_from_the_environment_first)
{
    begin();
    write_file(".aws/credentials",
               "[default]\naws_access_key_id = F\naws_secret_access_key = FS\n");
    set("AWS_ACCESS_KEY_ID", "E");
    set("AWS_SECRET_ACCESS_KEY", "env-secret");
    set("AWS_SESSION_TOKEN", "T");
    finds(NULL, "E", "env-secret", "T", "environment");
    finds(&(lt_aws_identity_options){.profile = "default"}, "F", "FS", "", "profile");
}

Test(aws_credentials, half_of_a_pair_in_the_environment_is_told)
{
    begin();
    set("AWS_ACCESS_KEY_ID", "E");
    fails(NULL, LT_INVALID, "AWS_SECRET_ACCESS_KEY is not");
}

Test(aws_credentials, are_masked_from_then_on)
{
    begin();
    lt_mask_forget_all();
    LT_AUTO(lt_buf) shown = {0};
    set("AWS_ACCESS_KEY_ID", "E");
    set("AWS_SECRET_ACCESS_KEY", "very-secret-key");
    finds(NULL, "E", "very-secret-key", "", "environment");
    lt_mask(T("a very-secret-key b"), &shown);
    CHECK_STR(lt_buf_chars(&shown), "a *** b");
    lt_mask_forget_all();
}

Test(aws_credentials, that_nobody_has_are_told_with_every_place)
{
    begin();
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_aws_credentials got = {0};
    CHECK_STATUS(find_with(NULL, &arena, &got, &err), LT_DENIED, err);
    CHECK_HAS(err.message, "environment: AWS_ACCESS_KEY_ID is not set");
    CHECK_HAS(err.message, "web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set");
    CHECK_HAS(err.message, "profile: there is no profile 'default' in ");
    CHECK_HAS(err.message, "container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    CHECK_HAS(err.message, "instance: AWS_EC2_METADATA_DISABLED is set");
    CHECK_HAS(err.hint, "aws configure");
}

/* ---- profiles ---- */

Test(aws_credentials, come_from_a_profile_of_either_file)
{
    begin();
    write_file(".aws/credentials",
               "# mine\n[default]\naws_access_key_id=A\naws_secret_access_key = S "
               "# old\n\n[two]\naws_access_key_id = A2\r\n"
               "aws_secret_access_key = S2#x\r\naws_session_token = T2\r\n");
    write_file(".aws/config",
               "[profile three]\naws_access_key_id = A3\naws_secret_access_key = S3\n"
               "[default]\naws_access_key_id = not-this\n");
    finds(NULL, "A", "S", "", "profile");
    finds(&(lt_aws_identity_options){.profile = "two"}, "A2", "S2#x", "T2", "profile");
    set("AWS_PROFILE", "three");
    finds(NULL, "A3", "S3", "", "profile");
    fails(&(lt_aws_identity_options){.profile = "four"}, LT_INVALID, "no AWS profile 'four'");
    set("AWS_PROFILE", "five");
    fails(NULL, LT_INVALID, "no AWS profile 'five'");
}

Test(aws_credentials, come_from_other_files_when_told_so)
{
    begin();
    write_file("elsewhere", "[default]\naws_access_key_id=A\naws_secret_access_key=S\n");
    LT_AUTO(lt_chars) path = lt_path_join(home, "elsewhere");
    set("AWS_SHARED_CREDENTIALS_FILE", path);
    finds(NULL, "A", "S", "", "profile");
}

Test(aws_credentials, come_from_a_process)
{
    begin();
    write_file(
        ".aws/config",
        "[default]\ncredential_process = /bin/echo '{\"Version\": 1, \"AccessKeyId\": \"P\", "
        "\"SecretAccessKey\": \"PS\", \"SessionToken\": \"PT\"}'\n"
        "[profile bad]\ncredential_process = /bin/false\n"
        "[profile odd]\ncredential_process = /bin/echo 'x\n");
    finds(NULL, "P", "PS", "PT", "profile");
    fails(&(lt_aws_identity_options){.profile = "bad"}, LT_DENIED, "exit code 1");
    fails(&(lt_aws_identity_options){.profile = "odd"}, LT_INVALID, "a quote is open");
}

Test(aws_credentials, come_from_a_role_of_another_profile)
{
    begin();
    LT_AUTO(services) aws = {0};
    start(&aws);
    set("AWS_ENDPOINT_URL_STS", url_of(&aws));
    write_file(".aws/credentials", "[base]\naws_access_key_id=B\naws_secret_access_key=BS\n");
    write_file(".aws/config",
               "[profile r]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = base\n"
               "external_id = ext/1\nrole_session_name = me\nregion = eu-west-2\n"
               "[profile rr]\nrole_arn = arn:aws:iam::1:role/y\nsource_profile = r\n"
               "[profile loop]\nrole_arn = a\nsource_profile = pool\n"
               "[profile pool]\nrole_arn = b\nsource_profile = loop\n"
               "[profile mfa]\nrole_arn = a\nsource_profile = base\nmfa_serial = m\n"
               "[profile lone]\nrole_arn = a\n");
    finds(&(lt_aws_identity_options){.profile = "r"}, "ROLE1", "role-secret", "ROLETOKEN",
          "profile");
    CHECK_HAS(aws.last, "Credential=B/");
    CHECK_HAS(aws.last, "/eu-west-2/sts/aws4_request, SignedHeaders=content-type;host;x-amz-date,");
    CHECK_HAS(aws.last, "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3A"
                        "role%2Fx&RoleSessionName=me&ExternalId=ext%2F1");
    finds(&(lt_aws_identity_options){.profile = "rr"}, "ROLE3", "role-secret", "ROLETOKEN",
          "profile");
    CHECK_HAS(aws.last, "Credential=ROLE2/");
    fails(&(lt_aws_identity_options){.profile = "loop"}, LT_INVALID, "circle");
    fails(&(lt_aws_identity_options){.profile = "mfa"}, LT_INVALID, "MFA");
    fails(&(lt_aws_identity_options){.profile = "lone"}, LT_INVALID, "source_profile");
    aws.status = 403;
    fails(&(lt_aws_identity_options){.profile = "r"}, LT_DENIED,
          "STS answered 403 Forbidden: not "
          "for you");
}

Test(aws_credentials, come_from_a_web_identity)
{
    begin();
    LT_AUTO(services) aws = {0};
    start(&aws);
    write_file("token", "eyJ.web.token\n");
    LT_AUTO(lt_chars) path = lt_path_join(home, "token");
    set("AWS_ENDPOINT_URL_STS", url_of(&aws));
    set("AWS_WEB_IDENTITY_TOKEN_FILE", path);
    fails(NULL, LT_INVALID, "AWS_ROLE_ARN is not");
    set("AWS_ROLE_ARN", "arn:aws:iam::1:role/web");
    finds(NULL, "ROLE1", "role-secret", "ROLETOKEN", "web identity");
    CHECK_HAS(aws.last, "auth= ");
    CHECK_HAS(aws.last, "Action=AssumeRoleWithWebIdentity");
    CHECK_HAS(aws.last, "WebIdentityToken=eyJ.web.token");
    set("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token");
    fails(NULL, LT_INVALID, "/nowhere/token");
}

Test(aws_credentials, come_from_the_sso_cache)
{
    begin();
    LT_AUTO(services) aws = {0};
    start(&aws);
    set("AWS_ENDPOINT_URL_SSO", url_of(&aws));
    write_file(".aws/config", "[profile s]\nsso_session = my-sso\nsso_account_id = 123\n"
                              "sso_role_name = Data Team\n[sso-session my-sso]\n"
                              "sso_region = eu-west-1\nsso_start_url = https://x/start\n");
    fails(&(lt_aws_identity_options){.profile = "s"}, LT_DENIED, "there is no SSO session");
    /* SHA-1 of "my-sso" */
    const char *cached = ".aws/sso/cache/0ad374308c5a4e22f723adf10145eafad7c4031c.json";
    write_file(cached, "{\"accessToken\": \"sso-token\", \"expiresAt\": \"2020-01-01T00:00:00Z\"}");
    fails(&(lt_aws_identity_options){.profile = "s"}, LT_DENIED, "has expired");
    set("AWS_ENDPOINT_URL_SSO_OIDC", url_of(&aws));
    write_file(
        cached,
        "{\"startUrl\": \"https://x/start\", \"accessToken\": \"old\", \"expiresAt\": "
        "\"2020-01-01T00:00:00Z\", \"clientId\": \"client\", \"clientSecret\": \"hush\", "
        "\"registrationExpiresAt\": \"2120-01-01T00:00:00Z\", \"refreshToken\": \"again-1\"}");
    finds(&(lt_aws_identity_options){.profile = "s"}, "SSO", "sso-secret", "t", "profile");
    CHECK_HAS(aws.last, "sso=renewed-token");
    LT_AUTO(lt_buf) kept = {.limit = 4096};
    lt_err err = {0};
    LT_AUTO(lt_chars) kept_path = lt_path_join(home, cached);
    CHECK_OK(lt_file_read(kept_path, &kept, &err), err);
    CHECK_HAS(lt_buf_chars(&kept), "\"accessToken\":\"renewed-token\"");
    CHECK_HAS(lt_buf_chars(&kept), "\"refreshToken\":\"again-2\"");
    CHECK_HAS(lt_buf_chars(&kept), "\"startUrl\":\"https://x/start\"");
    finds(&(lt_aws_identity_options){.profile = "s"}, "SSO", "sso-secret", "t", "profile");
    CHECK_HAS(aws.last, "sso=renewed-token"); /* which holds for an hour */
    write_file(cached, "{\"accessToken\": \"sso-token\", \"expiresAt\": \"2120-01-01T00:00:00Z\"}");
    finds(&(lt_aws_identity_options){.profile = "s"}, "SSO", "sso-secret", "t", "profile");
    CHECK_HAS(aws.last, "GET /federation/credentials?role_name=Data%20Team&account_id=123");
    CHECK_HAS(aws.last, "sso=sso-token");
}

/* ---- machines ---- */

Test(aws_credentials, come_from_a_containers_agent)
{
    begin();
    LT_AUTO(services) aws = {0};
    start(&aws);
    lt_aws_identity_options options = {.container_host = url_of(&aws)};
    set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/x");
    finds(&options, "AKID1", "given-secret", "TOKEN", "container");
    CHECK_HAS(aws.last, "GET /v2/credentials/x auth= ");

    begin();
    LT_AUTO(lt_chars) full = lt_format("%s/full?a=b", url_of(&aws));
    LT_AUTO(lt_chars) token = lt_path_join(home, "agent-token");
    write_file("agent-token", "bearer-1\n");
    set("AWS_CONTAINER_CREDENTIALS_FULL_URI", full);
    set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "not-this");
    set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token);
    finds(NULL, "AKID2", "given-secret", "TOKEN", "container");
    CHECK_HAS(aws.last, "GET /full?a=b auth=bearer-1 ");
}

Test(aws_credentials, a_containers_token_goes_to_no_foreign_host_in_the_clear)
{
    begin();
    set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "token");
    static const char *const foreign[] = {"http://example.com/x", "http://169.254.169.254/x",
                                          "http://127.0.0.1.example.com/", "http://10.0.0.1/"};
    for (size_t i = 0; i < LT_COUNT(foreign); i++) {
        set("AWS_CONTAINER_CREDENTIALS_FULL_URI", foreign[i]);
        fails(NULL, LT_INVALID, "http is only for this machine");
    }
}

Test(aws_credentials, come_from_an_instance_by_version_2_alone)
{
    begin();
    LT_AUTO(services) aws = {0};
    start(&aws);
    set("AWS_EC2_METADATA_SERVICE_ENDPOINT", url_of(&aws));
    fails(NULL, LT_DENIED, "AWS_EC2_METADATA_DISABLED");
    CHECK_STR(aws.last, ""); /* nobody was asked */
    set("AWS_EC2_METADATA_DISABLED", "false");
    finds(NULL, "AKID1", "given-secret", "TOKEN", "instance");
    CHECK_HAS(aws.last, "GET /latest/meta-data/iam/security-credentials/my-role ");
}

Test(aws_credentials, a_machine_that_is_no_instance_costs_one_short_try)
{
    begin();
    set("AWS_EC2_METADATA_DISABLED", "");
    set("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1");
    int64_t before_us = lt_mono_us();
    fails(&(lt_aws_identity_options){.instance_timeout_ms = 300}, LT_DENIED,
          "instance: tried 1 time: PUT http://127.0.0.1:1/latest/api/token: cannot connect");
    CHECK(lt_mono_us() - before_us < 5000000);
}

/* ---- time ---- */

Test(aws_credentials, are_made_anew_before_they_expire)
{
    begin();
    LT_AUTO(services) aws = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_aws_identity_ref) identity = NULL;
    lt_err err = {0};
    lt_aws_credentials got;
    start(&aws);
    set("AWS_CONTAINER_CREDENTIALS_FULL_URI", url_of(&aws));
    CHECK_OK(lt_aws_identity_open(&(lt_aws_identity_options){.env = test_env}, &identity, &err),
             err);
    CHECK_OK(lt_aws_identity_get(identity, &arena, &got, &err), err);
    CHECK_OK(lt_aws_identity_get(identity, &arena, &got, &err), err);
    CHECK_INT(aws.answers, 1); /* they hold for an hour */

    lt_aws_identity_distrust(identity, &got); /* the server says no all the same */
    aws.lives_s = 60;
    lt_aws_credentials other;
    CHECK_OK(lt_aws_identity_get(identity, &arena, &other, &err), err);
    CHECK_TEXT(other.key_id, "AKID2");
    lt_aws_identity_distrust(identity, &got); /* said late, of the old ones: nothing to do */
    aws.status = 500;
    CHECK_OK(lt_aws_identity_get(identity, &arena, &other, &err), err); /* a minute is left */
    CHECK_TEXT(other.key_id, "AKID2");
    aws.status = 0;
    lt_aws_identity_distrust(identity, &other);
    CHECK_OK(lt_aws_identity_get(identity, &arena, &other, &err), err);
    CHECK_TEXT(other.key_id, "AKID3");
}

static void *ask_often(void *context)
{
    for (int i = 0; i < 200; i++) {
        lt_err err = {0};
        LT_AUTO(lt_arena) arena = {0};
        lt_aws_credentials got = {0};
        if (lt_aws_identity_get(context, &arena, &got, &err) != LT_OK || got.key_id.len < 5)
            return context;
        if (i % 20 == 0)
            lt_aws_identity_distrust(context, &got);
    }
    return NULL;
}

Test(aws_credentials, are_shared_by_threads)
{
    begin();
    LT_AUTO(services) aws = {0};
    LT_AUTO(lt_aws_identity_ref) identity = NULL;
    lt_err err = {0};
    pthread_t threads[4];
    start(&aws);
    set("AWS_CONTAINER_CREDENTIALS_FULL_URI", url_of(&aws));
    CHECK_OK(lt_aws_identity_open(&(lt_aws_identity_options){.env = test_env}, &identity, &err),
             err);
    for (size_t i = 0; i < LT_COUNT(threads); i++)
        CHECK(pthread_create(&threads[i], NULL, ask_often, identity) == 0);
    for (size_t i = 0; i < LT_COUNT(threads); i++) {
        void *wrong;
        CHECK(pthread_join(threads[i], &wrong) == 0);
        CHECK(!wrong);
    }
    CHECK(aws.answers > 1);
}

/* ---- settings ---- */

static void settings_are(const lt_aws_identity_options *options, const char *region,
                         const char *endpoint, bool path_style)
{
    lt_err err = {0};
    lt_aws_identity_options with = *options;
    LT_AUTO(lt_aws_identity_ref) identity = NULL;
    with.env = test_env;
    CHECK_OK(lt_aws_identity_open(&with, &identity, &err), err);
    CHECK_STR(lt_aws_identity_region(identity), region);
    CHECK_STR(lt_aws_identity_endpoint(identity, "s3"), endpoint);
    CHECK_INT(lt_aws_identity_wants_path_style(identity), path_style);
}

Test(aws_credentials, region_and_endpoint_are_found)
{
    begin();
    settings_are(&(lt_aws_identity_options){0}, "", "", false);
    write_file(".aws/config", "[default]\nregion = eu-west-2\n[profile p]\nregion=eu-west-3\n"
                              "endpoint_url = http://minio:9000\ns3 =\n  addressing_style = path\n"
                              "  other = x\noutput = json\n");
    settings_are(&(lt_aws_identity_options){0}, "eu-west-2", "", false);
    settings_are(&(lt_aws_identity_options){.profile = "p"}, "eu-west-3", "http://minio:9000",
                 true);
    set("AWS_DEFAULT_REGION", "us-west-1");
    settings_are(&(lt_aws_identity_options){0}, "us-west-1", "", false);
    set("AWS_REGION", "us-west-2");
    set("AWS_ENDPOINT_URL", "http://all");
    settings_are(&(lt_aws_identity_options){0}, "us-west-2", "http://all", false);
    set("AWS_ENDPOINT_URL_S3", "http://s3");
    settings_are(&(lt_aws_identity_options){.region = "mine"}, "mine", "http://s3", false);
    settings_are(&(lt_aws_identity_options){.profile = "p"}, "eu-west-3", "http://s3", true);
}

Test(aws_credentials, odd_lines_of_config_files_are_stepped_over)
{
    begin();
    write_file(".aws/config", "\xef\xbb\xbf\nnothing\n= x\n[\n[]\n[profile]\n[profile \"q t\"]\n"
                              "region = r1\n   nested = 1\n[services s]\nregion = no\n[default\n"
                              "region=r2\n");
    settings_are(&(lt_aws_identity_options){.profile = "q t"}, "r1", "", false);
    settings_are(&(lt_aws_identity_options){0}, "r2", "", false);
}

Test(aws_credentials, commands_are_split_as_a_shell_does)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    char **argv = NULL;
    CHECK_OK(lt_aws_split_command(T("  a\\ b 'c \"d' \"e \\\"f\" g''h  "), &arena, &argv, &err),
             err);
    CHECK_STR(argv[0], "a b");
    CHECK_STR(argv[1], "c \"d");
    CHECK_STR(argv[2], "e \"f");
    CHECK_STR(argv[3], "gh");
    CHECK(!argv[4]);
    CHECK_STATUS(lt_aws_split_command(T(" "), &arena, &argv, &err), LT_INVALID, err);
}
