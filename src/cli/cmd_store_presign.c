/* leat store presign: a URL that lets whoever has it read or write one object for a while. */
#include "cli/store_address.h"
#include "cli/store_face.h"

#include "base/log.h"
#include "base/mask.h"
#include "base/time.h"
#include "net/aws_sign.h"
#include "net/url.h"
#include "store/presign.h"

typedef struct presign_opts {
    int64_t expires_us;
    const char *method, *version, *endpoint;
} presign_opts;

static const lt_opt presign_table[] = {
    {.name = "expires",
     .type = LT_OPT_LENGTH,
     LT_AT(presign_opts, expires_us),
     .value = "LENGTH",
     .preset = "1h",
     .help = "how long it holds: at most 7d"},
    {.name = "method",
     .type = LT_OPT_CHOICE,
     LT_AT(presign_opts, method),
     .value = "METHOD",
     .choices = "GET PUT HEAD DELETE",
     .preset = "GET",
     .help = "what it allows"},
    {.name = "version-id",
     .type = LT_OPT_TEXT,
     LT_AT(presign_opts, version),
     .value = "ID",
     .help = "this version; else the current one at that time"},
    {.name = "endpoint",
     .type = LT_OPT_TEXT,
     LT_AT(presign_opts, endpoint),
     .value = "URL",
     .preset = "http://127.0.0.1:9000",
     .help = "where 'leat store serve' can be reached; for a store on this machine"},
};

static lt_status sign(const presign_opts *o, const lt_address *at, lt_text id, lt_text secret,
                      lt_buf *url, lt_err *err)
{
    LT_AUTO(lt_buf) path = {.limit = LT_URL_BYTES};
    LT_AUTO(lt_buf) query = {.limit = LT_URL_BYTES};
    char time[LT_AWS_TIME_CHARS], key[LT_AWS_KEY_BYTES];
    lt_url parts;
    LT_TRY(lt_url_read(lt_text_of(o->endpoint), &parts, err));
    lt_buf_printf(&path, "/%.*s/", LT_ARG(at->bucket));
    lt_aws_encode(at->key, true, &path);
    if (o->version) {
        lt_buf_add_str(&query, "versionId=");
        lt_url_encode(lt_text_of(o->version), &query);
    }
    LT_AUTO(lt_chars)
    host =
        lt_format("%.*s%s%.*s", LT_ARG(parts.host), parts.port.len ? ":" : "", LT_ARG(parts.port));
    lt_aws_header header = {T("host"), lt_text_of(host)};
    lt_aws_request request = {.method = lt_text_of(o->method),
                              .path = lt_buf_text(&path),
                              .query = lt_buf_text(&query),
                              .headers = &header,
                              .header_count = 1};
    lt_text now = lt_text_of(lt_aws_time_write(lt_now_us(), time));
    lt_aws_scope scope = {lt_text_sub(now, 0, 8), T("us-east-1"), T("s3")};
    lt_aws_presign presign = {.key_id = id, .time = now, .expires_s = o->expires_us / 1000000};
    lt_aws_key_derive(secret, &scope, key);
    lt_buf_printf(url, "%.*s://%s%s?", LT_ARG(parts.scheme), host, path.data);
    if (!lt_aws_presign_query(&request, &presign, &scope, key, url))
        return lt_fail(err, LT_INVALID, "'%.*s' is too long for a URL", LT_ARG(at->key));
    return lt_buf_check(url, "the URL", err);
}

static lt_status presign_local(lt_app *app, const presign_opts *o, const lt_address *at,
                               lt_buf *url, lt_err *err)
{
    lt_root_key root;
    LT_TRY(lt_app_root_key(app, true, &root, err));
    if (root.is_new)
        lt_log(LT_LOG_INFO,
               "made the root key of the S3 endpoint; 'leat store key show' shows it. A "
               "'leat store serve' that has LEAT_ACCESS_KEY_ID of its own does not "
               "know it");
    lt_mask_register(root.secret);
    return sign(o, at, root.id, root.secret, url, err);
}

/* A URL may come before what it is for; more often the name is wrong. */
static void warn_of_missing(lt_app *app, lt_store *store, lt_object_name name)
{
    lt_object_info info;
    lt_err missing = {0};
    if (lt_store_head(store, name.bucket, name.key, name.version_id, &app->arena, &info,
                      &missing) == LT_NOT_FOUND)
        lt_log(LT_LOG_WARNING, "%s: whoever uses the URL now is told so", missing.message);
}

static lt_status presign(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const presign_opts *o = opts;
    lt_address at;
    LT_AUTO(lt_store_ref) store = NULL;
    LT_AUTO(lt_buf) url = {.limit = 2 * (size_t)LT_URL_BYTES};
    int64_t expires_s = o->expires_us / 1000000;
    if (expires_s < 1 || expires_s > 604800)
        return lt_fail(err, LT_INVALID, "a presigned URL lives for 1 second to 7 days");
    LT_TRY(lt_app_store_at(app, args->items[0], true, &store, &at, err));
    lt_object_name name = {at.bucket, at.key, lt_text_of(o->version)};
    if (lt_store_can_presign(store))
        LT_TRY(lt_store_presign(store, name, o->method, expires_s, &url, err));
    else
        LT_TRY(presign_local(app, o, &at, &url, err));
    if (strcmp(o->method, "PUT") != 0)
        warn_of_missing(app, store, name);
    if (app->globals.json)
        lt_out_printf(&app->out, "{\"url\": \"%s\"}\n", url.data);
    else
        lt_out_printf(&app->out, "%s\n", url.data);
    return LT_OK;
}

const lt_cmd lt_cmd_store_presign = {
    .name = "presign",
    .help = "make a URL that lets others read or write one object for a while",
    .args = "BUCKET/KEY",
    .about = "For a store on this machine the URL is that of its S3 endpoint ('leat store serve'), "
             "signed with the root key.",
    .examples = "leat store presign --expires 1d raw/in/a.csv\t\n"
                "leat store presign --method PUT s3://lake/drop/here.csv\tsomebody may upload\n",
    .opts = presign_table,
    .opt_count = LT_COUNT(presign_table),
    .opts_size = sizeof(presign_opts),
    .run = presign};
