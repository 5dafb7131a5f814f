/* aws_providers.h - the places that credentials come from, one call each. For aws_credentials.c alone.
 *
 * LT_NOT_FOUND: the place is not set up here, and the message says by what. Anything else ends the search. */
#pragma once
#include "net/aws_credentials.h"
#include "net/http_client.h"

enum { LT_AWS_ROLE_DEPTH = 5 };

typedef struct lt_aws_search {
    lt_aws_getenv *env;
    const lt_aws_config *config;
    const char *region; /* of STS; may be empty */
    const char *container_host;
    int64_t instance_timeout_ms;
    lt_arena *arena; /* of this search */
    unsigned depth;  /* of roles that need roles */
} lt_aws_search;

typedef lt_status lt_aws_provide(lt_aws_search *search, lt_aws_credentials *out, lt_err *err);

lt_status lt_aws_from_environment(lt_aws_search *search, lt_aws_credentials *out, lt_err *err);
lt_status lt_aws_from_web_identity(lt_aws_search *search, lt_aws_credentials *out, lt_err *err);
lt_status lt_aws_from_container(lt_aws_search *search, lt_aws_credentials *out, lt_err *err);
lt_status lt_aws_from_instance(lt_aws_search *search, lt_aws_credentials *out, lt_err *err);
lt_status lt_aws_from_profile(lt_aws_search *search, lt_text profile, lt_aws_credentials *out,
                              lt_err *err);

/* ---- aws_sts.c ---- */

typedef struct lt_aws_role {
    lt_text arn, session_name, external_id, duration_s; /* but the first may be empty */
} lt_aws_role;
LT_MUST_CHECK lt_status lt_aws_assume_role(lt_aws_search *search, const lt_aws_role *role,
                                           const lt_aws_credentials *source,
                                           lt_aws_credentials *out, lt_err *err);
LT_MUST_CHECK lt_status lt_aws_assume_with_token(lt_aws_search *search, const lt_aws_role *role,
                                                 lt_text token, lt_aws_credentials *out,
                                                 lt_err *err);

/* The setting of the environment, or NULL when it is missing or empty. */
const char *lt_aws_env(const lt_aws_search *search, const char *name);
/* One small file, trimmed, in the arena. */
LT_MUST_CHECK lt_status lt_aws_read_token(lt_aws_search *search, lt_text path, lt_text *out,
                                          lt_err *err);
/* {"AccessKeyId": ..., "SecretAccessKey": ..., `token_name`: ..., `expiry_name`: ...} */
LT_MUST_CHECK lt_status lt_aws_read_json(lt_aws_search *search, lt_text json, const char *what,
                                         const char *token_name, lt_aws_credentials *out,
                                         lt_err *err);
/* A small HTTP request; LT_DENIED with what the service said unless the answer is 200. */
typedef struct lt_aws_ask {
    lt_text method; /* empty: GET */
    const char *url;
    const lt_http_header *headers;
    size_t header_count;
    lt_text body;
    int64_t timeout_ms;
    unsigned attempts;
    bool no_proxy;
    const char *what; /* for messages: "STS" */
} lt_aws_ask;
LT_MUST_CHECK lt_status lt_aws_ask_service(lt_aws_search *search, const lt_aws_ask *ask,
                                           lt_text *body, lt_err *err);
