/* The search for credentials, and keeping them fresh. */
#include "net/aws_credentials.h"

#include "base/time.h"
#include "net/aws_providers.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static const int64_t EARLY_US = (int64_t)300 * 1000000;
static const int64_t PAUSE_US =
    (int64_t)30 * 1000000; /* between tries while the old ones still hold */

struct lt_aws_identity {
    lt_aws_identity_options options;
    lt_aws_getenv *env;
    lt_arena arena; /* of what does not change: config files, region */
    const lt_aws_config *config;
    lt_text profile;
    bool profile_is_given; /* by the caller */
    const char *region;

    pthread_mutex_t lock; /* of what follows */
    lt_arena fresh;       /* of the credentials */
    lt_aws_credentials credentials;
    bool has_any, distrusted;
    int64_t try_again_at_us;
};

static const char *env_of(const lt_aws_identity *self, const char *name)
{
    const char *value = self->env(name);
    return value && *value ? value : NULL;
}

static const char *find_region(lt_aws_identity *self)
{
    static const char *const names[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};
    if (self->options.region && *self->options.region)
        return lt_arena_str(&self->arena, lt_text_of(self->options.region));
    for (size_t i = 0; i < LT_COUNT(names) && !self->profile_is_given; i++)
        if (env_of(self, names[i]))
            return lt_arena_str(&self->arena, lt_text_of(env_of(self, names[i])));
    lt_text of_profile = lt_aws_config_find(self->config, self->profile, "region");
    if (of_profile.len)
        return lt_arena_str(&self->arena, of_profile);
    for (size_t i = 0; i < LT_COUNT(names); i++)
        if (env_of(self, names[i]))
            return lt_arena_str(&self->arena, lt_text_of(env_of(self, names[i])));
    return "";
}

static lt_status find_profile(lt_aws_identity *self, lt_err *err)
{
    const char *given = self->options.profile, *named = env_of(self, "AWS_PROFILE");
    self->profile_is_given = given && *given;
    const char *name = self->profile_is_given ? given : named ? named : "default";
    self->profile = lt_arena_text(&self->arena, lt_text_of(name));
    if (!lt_aws_config_has_profile(self->config, self->profile) &&
        (self->profile_is_given || named))
        return lt_fail(err, LT_INVALID, "there is no AWS profile '%s' in %s", name,
                       lt_aws_config_names(self->config));
    return LT_OK;
}

lt_status lt_aws_identity_open(const lt_aws_identity_options *options, lt_aws_identity **out,
                               lt_err *err)
{
    LT_AUTO(lt_aws_identity_ref) self = lt_xcalloc(1, sizeof(*self));
    lt_aws_config *config;
    (void)pthread_mutex_init(&self->lock, NULL);
    if (options)
        self->options = *options;
    self->env = self->options.env ? self->options.env : (lt_aws_getenv *)getenv;
    LT_TRY(lt_aws_config_read(self->env, &self->arena, &config, err));
    self->config = config;
    LT_TRY(find_profile(self, err));
    self->region = find_region(self);
    *out = LT_TAKE(self);
    return LT_OK;
}

void lt_aws_identity_close(lt_aws_identity *self)
{
    if (!self)
        return;
    (void)pthread_mutex_destroy(&self->lock);
    lt_arena_cleanup(&self->fresh);
    lt_arena_cleanup(&self->arena);
    lt_free(self);
}

/* ---- the search ---- */

static lt_status from_own_profile(lt_aws_search *search, lt_aws_credentials *out, lt_err *err);

/* The chain; `for_named` says whether the provider is asked when the caller has named a profile. */
static const struct place {
    const char *name;
    lt_aws_provide *provide;
    bool for_named;
} places[] = {
    {"environment", lt_aws_from_environment, false},
    {"web identity", lt_aws_from_web_identity, false},
    {"profile", from_own_profile, true},
    {"container", lt_aws_from_container, true},
    {"instance", lt_aws_from_instance, true},
};

/* A search that knows its identity's profile. */
typedef struct own_search {
    lt_aws_search search;
    lt_text profile;
} own_search;

static lt_status from_own_profile(lt_aws_search *search, lt_aws_credentials *out, lt_err *err)
{
    return lt_aws_from_profile(search, ((own_search *)search)->profile, out, err);
}

static const char where_keys_go[] = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or make a "
                                    "profile with 'aws configure'";

static lt_status nobody(const lt_buf *tried, lt_err *err)
{
    lt_ignore(lt_fail(err, LT_DENIED, "no AWS credentials: %s", lt_buf_chars(tried)));
    return lt_hint(err, "%s", where_keys_go);
}

static lt_status find_credentials(lt_aws_identity *self, lt_arena *arena, lt_aws_credentials *out,
                                  lt_err *err)
{
    int64_t timeout_ms = self->options.instance_timeout_ms;
    own_search own = {.profile = self->profile,
                      .search = {.env = self->env,
                                 .config = self->config,
                                 .region = self->region,
                                 .container_host = self->options.container_host,
                                 .instance_timeout_ms = timeout_ms ? timeout_ms : 1000,
                                 .arena = arena}};
    LT_AUTO(lt_buf) tried = {.limit = 4 * LT_KIB};
    for (size_t i = 0; i < LT_COUNT(places); i++) {
        if (self->profile_is_given && !places[i].for_named)
            continue;
        lt_status status = places[i].provide(&own.search, out, err);
        if (status == LT_OK) {
            out->provider = lt_text_of(places[i].name);
            return LT_OK;
        }
        if (status != LT_NOT_FOUND) {
            lt_ignore(lt_wrap(err, "AWS credentials (%s)%s%s%s", places[i].name,
                              tried.len ? " [before: " : "", lt_buf_chars(&tried),
                              tried.len ? "]" : ""));
            if (!err->hint[0])
                lt_hint(err, "%s", where_keys_go);
            return status;
        }
        lt_buf_printf(&tried, "%s%s: %s", tried.len ? "; " : "", places[i].name, err->message);
    }
    return nobody(&tried, err);
}

/* ---- fresh ones ---- */

static lt_aws_credentials copy_in(lt_arena *arena, const lt_aws_credentials *from)
{
    return (lt_aws_credentials){.key_id = lt_arena_text(arena, from->key_id),
                                .secret = lt_arena_text(arena, from->secret),
                                .token = lt_arena_text(arena, from->token),
                                .provider = lt_arena_text(arena, from->provider),
                                .expires_at_us = from->expires_at_us};
}

static lt_status renew(lt_aws_identity *self, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_aws_credentials found = {0};
    LT_TRY(find_credentials(self, &arena, &found, err));
    lt_arena_cleanup(&self->fresh);
    self->credentials = copy_in(&self->fresh, &found);
    self->has_any = true;
    self->distrusted = false;
    return LT_OK;
}

static lt_status need_fresh(lt_aws_identity *self, lt_err *err)
{
    int64_t now_us = lt_now_us(), until_us = self->credentials.expires_at_us;
    bool early = until_us && until_us - EARLY_US < now_us;
    bool hold = self->has_any && !self->distrusted && (!until_us || until_us > now_us);
    if (hold && (!early || now_us < self->try_again_at_us))
        return LT_OK;
    lt_status status = renew(self, err);
    if (status == LT_OK || !hold)
        return status;
    self->try_again_at_us = now_us + PAUSE_US;
    return LT_OK;
}

lt_status lt_aws_identity_get(lt_aws_identity *self, lt_arena *arena, lt_aws_credentials *out,
                              lt_err *err)
{
    (void)pthread_mutex_lock(&self->lock);
    lt_status status = need_fresh(self, err);
    if (status == LT_OK)
        *out = copy_in(arena, &self->credentials);
    (void)pthread_mutex_unlock(&self->lock);
    return status;
}

void lt_aws_identity_distrust(lt_aws_identity *self, const lt_aws_credentials *refused)
{
    (void)pthread_mutex_lock(&self->lock);
    if (lt_text_eq(self->credentials.key_id, refused->key_id) &&
        lt_text_eq(self->credentials.token, refused->token))
        self->distrusted = true;
    (void)pthread_mutex_unlock(&self->lock);
}

/* ---- settings ---- */

const char *lt_aws_identity_region(const lt_aws_identity *self)
{
    return self->region;
}

const char *lt_aws_identity_endpoint(const lt_aws_identity *self, const char *service)
{
    char name[64];
    int at = snprintf(name, sizeof(name), "AWS_ENDPOINT_URL_%s", service);
    for (int i = 0; i < at && i < (int)sizeof(name) - 1; i++)
        name[i] = lt_upper(name[i]);
    if (env_of(self, name))
        return env_of(self, name);
    if (env_of(self, "AWS_ENDPOINT_URL"))
        return env_of(self, "AWS_ENDPOINT_URL");
    lt_text given = lt_aws_config_find(self->config, self->profile, "endpoint_url");
    return given.len ? given.ptr : ""; /* the arena has put a NUL behind */
}

bool lt_aws_identity_wants_path_style(const lt_aws_identity *self)
{
    return lt_text_eq(
        lt_aws_config_find_nested(self->config, self->profile, "s3", "addressing_style"),
        T("path"));
}
