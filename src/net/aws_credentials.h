/* aws_credentials.h - who we are at AWS: keys from wherever the AWS tools find them, made anew before they expire.
 *
 * Asked in this order, until one has keys (as the AWS SDKs do):
 *   environment   AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; not when a profile is named by the caller
 *   web identity  AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN, by STS AssumeRoleWithWebIdentity; not when a profile is named
 *   profile       the named one, AWS_PROFILE or "default": role_arn (source_profile, credential_source or
 *                 web_identity_token_file), SSO (the token that `aws sso login` has left, renewed), keys, credential_process
 *   container     AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or ..._FULL_URI: ECS, EKS Pod Identity
 *   instance      EC2's metadata service, version 2 only; not with AWS_EC2_METADATA_DISABLED=true
 * A provider that is set up and fails ends the search: its error is told, with those of the ones before it.
 * Not there: roles that need an MFA code, IMDSv1.
 *
 * Secrets are registered with lt_mask_register(). Threads: any number may share one. */
#pragma once
#include "net/aws_config.h"

typedef struct lt_aws_identity lt_aws_identity;

/* What is NULL is the default. Borrowed while the identity lives. */
typedef struct lt_aws_identity_options {
    const char *profile;
    const char *region;
    lt_aws_getenv *env;
    /* For tests: where these addresses are instead ("http://127.0.0.1:4567"). Else as AWS has it, or as the variables say:
     * AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL_SSO, AWS_ENDPOINT_URL_SSO_OIDC, AWS_EC2_METADATA_SERVICE_ENDPOINT. */
    const char *container_host;
    int64_t instance_timeout_ms; /* [1 s] for each of its requests */
} lt_aws_identity_options;

/* Nothing is asked yet. LT_INVALID: the config files cannot be read, or have no such profile. */
LT_MUST_CHECK lt_status lt_aws_identity_open(const lt_aws_identity_options *options,
                                             lt_aws_identity **out, lt_err *err);
void lt_aws_identity_close(lt_aws_identity *self); /* NULL is fine */
LT_OWNED(lt_aws_identity_ref, lt_aws_identity *, lt_aws_identity_close)

typedef struct lt_aws_credentials {
    lt_text key_id, secret;
    lt_text token;         /* of temporary ones; else empty */
    int64_t expires_at_us; /* 0: never */
    lt_text provider;      /* "environment", "profile 'x'", ... */
} lt_aws_credentials;

/* The credentials of this moment, in `arena`. Those that expire within 5 minutes are made anew first; when that fails, the old ones are
 * given as long as they hold. LT_DENIED: nobody has any, or AWS refused. LT_IO: trying again may help. */
LT_MUST_CHECK lt_status lt_aws_identity_get(lt_aws_identity *self, lt_arena *arena,
                                            lt_aws_credentials *out, lt_err *err);
/* A server says that these have expired: the next call makes new ones, unless that has happened meanwhile. */
void lt_aws_identity_distrust(lt_aws_identity *self, const lt_aws_credentials *refused);

/* The region: the options, AWS_REGION, AWS_DEFAULT_REGION, the profile; "" when nobody says. Borrowed. */
const char *lt_aws_identity_region(const lt_aws_identity *self);
/* The endpoint that is set for a service ("s3"): AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the profile's endpoint_url; "" for AWS's own. */
const char *lt_aws_identity_endpoint(const lt_aws_identity *self, const char *service);
/* Of the profile: `s3 = addressing_style = path`. */
bool lt_aws_identity_wants_path_style(const lt_aws_identity *self);
