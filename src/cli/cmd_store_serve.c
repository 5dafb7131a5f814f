/* leat store serve: the S3 endpoint of a store, until it is told to stop. */
#include "base/proc.h"
#include "base/time.h"
#include "cli/store_face.h"

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

static lt_status serve(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const serve_opts *o = opts;
    lt_listen at;
    lt_s3_options options = {.domain = o->domain,
                             .region = o->region,
                             .own_buckets = o->own_buckets,
                             .day_us = o->day_us,
                             .log_requests = !app->globals.quiet};
    LT_AUTO(lt_app_face) face = {0};
    (void)args;
    LT_TRY(lt_listen_read(app, o->listen, o->tls_cert, o->tls_key, &at, err));
    lt_stop_on_signals();
    LT_TRY(lt_listen_hint(lt_app_face_start(app, &at, &options, &face, err), &at, "--listen", err));
    lt_out_printf(&app->out, "listening on %s\n", lt_s3_url(face.s3));
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
        "these it is made at the first start and kept sealed in the home: 'leat store key show'. "
        "Others get "
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
