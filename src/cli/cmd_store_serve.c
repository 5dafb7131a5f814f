/* leat store serve: the S3 endpoint of a store, until it is told to stop. */
#include "base/log.h"
#include "base/mask.h"
#include "base/proc.h"
#include "base/time.h"
#include "cli/listen.h"
#include "cli/store_address.h"
#include "conf/conf.h"
#include "secret/secret.h"
#include "web/s3/s3.h"

#include <stdlib.h>

enum { KEY_ID_CHARS = 20, SECRET_CHARS = 40 };

typedef struct serve_opts {
    const char *listen, *domain, *region, *tls_cert, *tls_key;
    bool own_buckets;
    int64_t day_us;
} serve_opts;

static const lt_opt serve_table[] = {
    {.name = "listen",
     .letter = 'l',
     .type = LT_OPT_TEXT,
     LT_AT(serve_opts, listen),
     .value = "ADDRESS:PORT",
     .preset = "127.0.0.1:9000",
     .help = "where to listen; port 0 takes a free one"},
    {.name = "domain",
     .type = LT_OPT_TEXT,
     LT_AT(serve_opts, domain),
     .value = "NAME",
     .help = "also take the bucket from the host's name: BUCKET.NAME"},
    {.name = "region",
     .type = LT_OPT_TEXT,
     LT_AT(serve_opts, region),
     .value = "NAME",
     .preset = "us-east-1",
     .help = "the region that clients are told"},
    {.name = "tls-cert",
     .type = LT_OPT_TEXT,
     LT_AT(serve_opts, tls_cert),
     .value = "FILE",
     .help = "serve https with this certificate (PEM, with its chain)"},
    {.name = "tls-key",
     .type = LT_OPT_TEXT,
     LT_AT(serve_opts, tls_key),
     .value = "FILE",
     .help = "the certificate's private key (PEM)"},
    {.name = "own-buckets",
     LT_AT(serve_opts, own_buckets),
     .help = "every access key may make buckets, which it then owns"},
    {.name = "lifecycle-day",
     .type = LT_OPT_LENGTH,
     LT_AT(serve_opts, day_us),
     .value = "LENGTH",
     .help = "how long a day of lifecycle rules takes, for tests",
     .hidden = true},
};

/* ---- the root key ---- */

static void make_up(char *out, size_t chars, const char *alphabet)
{
    uint32_t count = (uint32_t)strlen(alphabet);
    for (size_t i = 0; i < chars; i++)
        out[i] = alphabet[arc4random_uniform(count)];
    out[chars] = '\0';
}

static lt_status new_root(lt_app *app, lt_secrets *secrets, lt_s3_options *options, lt_err *err)
{
    char *id = lt_alloc(&app->arena, KEY_ID_CHARS + 1);
    char *secret = lt_alloc(&app->arena, SECRET_CHARS + 1);
    memcpy(id, "LEAT", 4);
    make_up(id + 4, KEY_ID_CHARS - 4, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
    make_up(secret, SECRET_CHARS, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
    LT_TRY(lt_secret_set(secrets, T("LEAT_ACCESS_KEY_ID"), lt_text_of(id), err));
    LT_TRY(lt_secret_set(secrets, T("LEAT_SECRET_ACCESS_KEY"), lt_text_of(secret), err));
    options->root_key_id = lt_text_of(id);
    options->root_secret = lt_text_of(secret);
    lt_out_printf(&app->out,
                  "made the root key; it is shown only this once:\n"
                  "  export AWS_ACCESS_KEY_ID=%s\n"
                  "  export AWS_SECRET_ACCESS_KEY=%s\n",
                  id, secret);
    return LT_OK;
}

static lt_status get_secret(lt_app *app, lt_secrets *secrets, const char *name, lt_text *out,
                            lt_err *err)
{
    lt_buf value = {.limit = 1024};
    lt_status status = lt_secret_get(secrets, lt_text_of(name), &value, err);
    if (status == LT_OK)
        *out = lt_arena_text(&app->arena, lt_buf_text(&value));
    lt_secret_wipe(&value);
    return status;
}

/* From the environment, else sealed in the home, else made now. */
static lt_status root_key(lt_app *app, const char *home, lt_s3_options *options, lt_err *err)
{
    static const char id_name[] = "LEAT_ACCESS_KEY_ID", secret_name[] = "LEAT_SECRET_ACCESS_KEY";
    const char *id = getenv(id_name), *secret = getenv(secret_name);
    LT_AUTO(lt_secrets_ref) secrets = NULL;
    if ((id && *id) != (secret && *secret)) {
        lt_ignore(lt_fail(err, LT_INVALID, "one of %s and %s is set, the other is not", id_name,
                          secret_name));
        return lt_hint(err, "set both, or none: then the root key is made and kept in the home");
    }
    LT_TRY(lt_secrets_open(home, &secrets, err));
    lt_status status = get_secret(app, secrets, id_name, &options->root_key_id, err);
    if (status == LT_OK)
        status = get_secret(app, secrets, secret_name, &options->root_secret, err);
    return status == LT_NOT_FOUND ? new_root(app, secrets, options, err) : status;
}

/* ---- options ---- */

static lt_status read_options(lt_app *app, const serve_opts *o, lt_s3_options *options,
                              bool *is_loopback, lt_err *err)
{
    lt_listen at;
    LT_TRY(lt_listen_read(app, o->listen, o->tls_cert, o->tls_key, &at, err));
    options->host = at.host;
    options->port = at.port;
    options->tls_cert = at.tls_cert;
    options->tls_key = at.tls_key;
    *is_loopback = at.is_loopback;
    options->domain = o->domain;
    options->region = o->region;
    options->own_buckets = o->own_buckets;
    options->day_us = o->day_us;
    options->log_requests = !app->globals.quiet;
    return LT_OK;
}

/* What leat.yml says, when there is one. */
static lt_status read_project(lt_app *app, lt_s3_options *options, lt_err *err)
{
    lt_err none = {0};
    const char *root;
    lt_project *project;
    if (lt_app_project(app, &root, &none) != LT_OK)
        return LT_OK;
    LT_TRY(lt_project_load(root, &(lt_project_options){.alone = true}, &app->arena, &project, err));
    const lt_conf_texts *prefixes = &project->store.versioned_prefixes;
    for (size_t i = 0; i < prefixes->len; i++)
        lt_push_in(&app->arena, &options->versioned_prefixes, prefixes->items[i].raw);
    return LT_OK;
}

static lt_status serve(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    (void)args;
    const char *home;
    bool is_loopback = false;
    lt_s3_options options = {0};
    LT_AUTO(lt_store_ref) store = NULL;
    LT_AUTO(lt_s3_ref) face = NULL;
    LT_TRY(read_options(app, opts, &options, &is_loopback, err));
    LT_TRY(lt_app_home(app, &home, err));
    LT_TRY(lt_app_store(app, &store, err));
    LT_TRY(read_project(app, &options, err));
    LT_TRY(root_key(app, home, &options, err));
    options.store = store;
    if (!is_loopback && !options.tls_cert)
        lt_log(LT_LOG_WARNING,
               "others on the network can read what goes through %s: use --tls-cert", options.host);
    lt_stop_on_signals();
    LT_TRY(lt_s3_start(&options, &face, err));
    lt_out_printf(&app->out, "listening on %s\n", lt_s3_url(face));
    LT_TRY(lt_out_flush(&app->out, err));
    while (!lt_stop_asked())
        lt_sleep_us(50 * 1000);
    return LT_OK;
}

const lt_cmd lt_cmd_store_serve = {
    .name = "serve",
    .help = "answer S3 clients: the store as an S3 endpoint",
    .about =
        "The root key is LEAT_ACCESS_KEY_ID and LEAT_SECRET_ACCESS_KEY from the environment; "
        "without "
        "these it is made at the first start, shown once, and kept sealed in the home. Others get "
        "keys of their own, with rights to buckets and prefixes: 'leat store key create'.\n"
        "It listens on this machine alone unless --listen says otherwise, and stops at Ctrl-C once "
        "the requests that run are done.",
    .examples = "leat store serve\ton http://127.0.0.1:9000\n"
                "leat store serve --listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem\tfor "
                "others\n",
    .opts = serve_table,
    .opt_count = LT_COUNT(serve_table),
    .opts_size = sizeof(serve_opts),
    .run = serve,
};
