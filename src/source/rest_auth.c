/* Puts credentials on requests, and gets OAuth2 tokens (RFC 6749 section 4.4). */
#include "source/rest_auth.h"

#include "base/mask.h"
#include "net/url.h"

#include <sodium.h>

enum { SECRET_BYTES = 16 * 1024 };

/* A secret of the conf: must be set and not empty; masked from now on. */
static lt_status secret_text(lt_extraction *self, const lt_conf_text *text, const char *what,
                             lt_text *out, lt_err *err)
{
    LT_TRY(lt_extraction_render(self, text, out, err));
    if (out->len == 0 || out->len > SECRET_BYTES) {
        lt_ignore(lt_conf_fail(text->raw.ptr ? text->place : self->source->auth.place, err,
                               "%s is %s", what, out->len == 0 ? "empty" : "too long"));
        return lt_hint(err, "is the environment variable or secret set?");
    }
    return LT_OK;
}

static lt_text basic_value(lt_arena *arena, lt_text user, lt_text password)
{
    const char *pair = lt_arena_format(arena, "%.*s:%.*s", LT_ARG(user), LT_ARG(password));
    size_t size = sodium_base64_encoded_len(strlen(pair), sodium_base64_VARIANT_ORIGINAL);
    char *encoded = lt_alloc(arena, size);
    (void)sodium_bin2base64(encoded, size, (const unsigned char *)pair, strlen(pair),
                            sodium_base64_VARIANT_ORIGINAL);
    lt_mask_register(lt_text_of(encoded));
    return lt_text_of(lt_arena_format(arena, "Basic %s", encoded));
}

static lt_status open_bearer(lt_rest_auth *auth, lt_extraction *self, lt_err *err)
{
    lt_text token;
    LT_TRY(secret_text(self, &self->source->auth.token, "auth.token", &token, err));
    lt_mask_register(token);
    auth->header_name = T("Authorization");
    auth->header_value = lt_text_of(lt_arena_format(self->arena, "Bearer %.*s", LT_ARG(token)));
    return LT_OK;
}

static lt_status open_api_key(lt_rest_auth *auth, lt_extraction *self, lt_err *err)
{
    const lt_conf_auth *conf = &self->source->auth;
    bool in_header = conf->in == LT_CONF_IN_HEADER;
    LT_TRY(secret_text(self, &conf->name, "auth.name",
                       in_header ? &auth->header_name : &auth->query_name, err));
    lt_text *value = in_header ? &auth->header_value : &auth->query_value;
    LT_TRY(secret_text(self, &conf->value, "auth.value", value, err));
    lt_mask_register(*value);
    return LT_OK;
}

static lt_status open_basic(lt_rest_auth *auth, lt_extraction *self, lt_err *err)
{
    lt_text user, password;
    LT_TRY(secret_text(self, &self->source->auth.username, "auth.username", &user, err));
    LT_TRY(lt_extraction_render(self, &self->source->auth.password, &password, err));
    lt_mask_register(password);
    auth->header_name = T("Authorization");
    auth->header_value = basic_value(self->arena, user, password);
    return LT_OK;
}

static lt_status open_oauth2(lt_rest_auth *auth, lt_extraction *self, lt_err *err)
{
    const lt_conf_auth *conf = &self->source->auth;
    lt_text id, secret, scope;
    LT_TRY(secret_text(self, &conf->token_url, "auth.token_url", &auth->token_url, err));
    LT_TRY(secret_text(self, &conf->client_id, "auth.client_id", &id, err));
    LT_TRY(secret_text(self, &conf->client_secret, "auth.client_secret", &secret, err));
    LT_TRY(lt_extraction_render(self, &conf->scope, &scope, err));
    lt_mask_register(secret);
    LT_AUTO(lt_buf) body = {.limit = 256 * LT_KIB};
    lt_buf_add(&body, T("grant_type=client_credentials"));
    if (scope.len > 0) {
        lt_buf_add(&body, T("&scope="));
        lt_url_encode(scope, &body);
    }
    auth->token_body = lt_arena_text(self->arena, lt_buf_text(&body));
    LT_AUTO(lt_buf) user = {.limit = 64 * LT_KIB}; /* section 2.3.1: both form-encoded first */
    LT_AUTO(lt_buf) password = {.limit = 64 * LT_KIB};
    lt_url_encode(id, &user);
    lt_url_encode(secret, &password);
    auth->token_basic = basic_value(self->arena, lt_buf_text(&user), lt_buf_text(&password));
    return LT_OK;
}

lt_status lt_rest_auth_open(lt_rest_auth *auth, lt_extraction *self, lt_err *err)
{
    *auth = (lt_rest_auth){.source = self->source, .bearer = {.limit = SECRET_BYTES}};
    (void)pthread_mutex_init(&auth->lock, NULL);
    switch (self->source->auth.type) {
    case LT_CONF_AUTH_NONE:
        return LT_OK;
    case LT_CONF_AUTH_BEARER:
        return open_bearer(auth, self, err);
    case LT_CONF_AUTH_API_KEY:
        return open_api_key(auth, self, err);
    case LT_CONF_AUTH_BASIC:
        return open_basic(auth, self, err);
    case LT_CONF_AUTH_OAUTH2:
        return open_oauth2(auth, self, err);
    }
    return LT_OK;
}

void lt_rest_auth_cleanup(lt_rest_auth *auth)
{
    lt_buf_cleanup(&auth->bearer);
    (void)pthread_mutex_destroy(&auth->lock);
}

/* Take the token out of the answer. */
static lt_status read_token(lt_rest_auth *auth, const lt_http_response *response, lt_err *err)
{
    lt_arena arena = {0};
    lt_json *root = NULL;
    lt_status status = lt_json_read(lt_buf_text(&response->body), "answer of auth.token_url", NULL,
                                    &arena, &root, err);
    lt_text token = status == LT_OK ? lt_json_text_or(root, "access_token", T("")) : T("");
    if (status == LT_OK && token.len == 0)
        status = lt_conf_fail(auth->source->auth.place, err,
                              "the answer of auth.token_url holds no access_token");
    if (status == LT_OK) {
        lt_mask_register(token);
        lt_buf_clear(&auth->bearer);
        lt_buf_printf(&auth->bearer, "Bearer %.*s", LT_ARG(token));
        status = lt_buf_check(&auth->bearer, "the access token", err);
    }
    lt_arena_cleanup(&arena);
    return status;
}

/* Ask for a token; the lock is held, so that one is enough for all. */
static lt_status get_token(lt_rest_auth *auth, lt_http_client *client, const lt_retry *policy,
                           lt_err *err)
{
    LT_AUTO(lt_http_response) response = {0};
    lt_http_header headers[] = {{T("Authorization"), auth->token_basic, true},
                                {T("Content-Type"), T("application/x-www-form-urlencoded"), false},
                                {T("Accept"), T("application/json"), false}};
    lt_http_request request = {.method = T("POST"),
                               .url = auth->token_url,
                               .headers = headers,
                               .header_count = LT_COUNT(headers),
                               .body = auth->token_body};
    LT_TRY(lt_http_send_patiently(client, &request, policy, NULL, &response, NULL, err));
    if (response.status < 200 || response.status > 299) {
        lt_ignore(lt_conf_fail(auth->source->auth.place, err,
                               "auth.token_url answered %d %s to client_id and client_secret",
                               response.status, lt_http_status_name(response.status)));
        (void)lt_hint(err, "check client_id, client_secret and scope");
        return err->status = LT_DENIED;
    }
    LT_TRY(read_token(auth, &response, err));
    auth->generation++;
    return LT_OK;
}

lt_status lt_rest_auth_header(lt_rest_auth *auth, lt_http_client *client, const lt_retry *policy,
                              lt_arena *arena, lt_http_header *header, unsigned *generation,
                              lt_err *err)
{
    *header =
        (lt_http_header){.name = auth->header_name, .value = auth->header_value, .secret = true};
    *generation = 0;
    if (auth->source->auth.type != LT_CONF_AUTH_OAUTH2)
        return LT_OK;
    (void)pthread_mutex_lock(&auth->lock);
    lt_status status = LT_OK;
    if (auth->bearer.len == 0)
        status = get_token(auth, client, policy, err);
    if (status == LT_OK) {
        header->name = T("Authorization");
        header->value = lt_arena_text(arena, lt_buf_text(&auth->bearer));
        *generation = auth->generation;
    }
    (void)pthread_mutex_unlock(&auth->lock);
    return status;
}

bool lt_rest_auth_renew(lt_rest_auth *auth, unsigned generation)
{
    if (auth->source->auth.type != LT_CONF_AUTH_OAUTH2)
        return false;
    (void)pthread_mutex_lock(&auth->lock);
    if (auth->generation == generation)
        lt_buf_clear(&auth->bearer); /* the next who asks gets a new one */
    (void)pthread_mutex_unlock(&auth->lock);
    return true;
}

lt_status lt_rest_auth_refused(const lt_rest_auth *auth, int status, lt_text url, lt_err *err)
{
    static const char *const names[] = {[LT_CONF_AUTH_NONE] = "no auth",
                                        [LT_CONF_AUTH_BEARER] = "the bearer token",
                                        [LT_CONF_AUTH_API_KEY] = "the API key",
                                        [LT_CONF_AUTH_BASIC] = "username and password",
                                        [LT_CONF_AUTH_OAUTH2] = "the OAuth2 token"};
    LT_AUTO(lt_buf) shown = {.limit = 64 * LT_KIB};
    lt_url_show(lt_text_sub(url, 0, 400), &shown);
    lt_ignore(lt_conf_fail(
        auth->source->auth.place.line ? auth->source->auth.place : auth->source->place, err,
        "source '%.*s': GET %s: the server refused %s (%d %s)", LT_ARG(auth->source->name),
        lt_buf_chars(&shown), names[auth->source->auth.type], status, lt_http_status_name(status)));
    (void)lt_hint(
        err, auth->source->auth.type == LT_CONF_AUTH_NONE ? "the API wants credentials: set auth"
             : status == 403
                 ? "the credentials are known, but not allowed to read this: ask for the right"
                 : "check the secret's value and whether it has expired");
    return err->status = LT_DENIED;
}
