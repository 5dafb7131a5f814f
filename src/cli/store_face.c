/* Starts the S3 endpoint for commands, and keeps its root key. */
#include "cli/store_face.h"

#include "base/log.h"
#include "base/mask.h"
#include "cli/store_address.h"
#include "conf/conf.h"
#include "fmt/json.h"
#include "secret/secret.h"

#include <stdlib.h>

enum { KEY_ID_CHARS = 20, SECRET_CHARS = 40 };
static const char id_name[] = "LEAT_ACCESS_KEY_ID", secret_name[] = "LEAT_SECRET_ACCESS_KEY";

/* ---- the root key ---- */

static void make_up(char *out, size_t chars, const char *alphabet)
{
    uint32_t count = (uint32_t)strlen(alphabet);
    for (size_t i = 0; i < chars; i++)
        out[i] = alphabet[arc4random_uniform(count)];
    out[chars] = '\0';
}

static lt_status new_root(lt_app *app, lt_secrets *secrets, lt_root_key *out, lt_err *err)
{
    char *id = lt_alloc(&app->arena, KEY_ID_CHARS + 1);
    char *secret = lt_alloc(&app->arena, SECRET_CHARS + 1);
    memcpy(id, "LEAT", 4);
    make_up(id + 4, KEY_ID_CHARS - 4, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
    make_up(secret, SECRET_CHARS, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
    LT_TRY(lt_secret_set(secrets, T("LEAT_ACCESS_KEY_ID"), lt_text_of(id), err));
    LT_TRY(lt_secret_set(secrets, T("LEAT_SECRET_ACCESS_KEY"), lt_text_of(secret), err));
    *out = (lt_root_key){.id = lt_text_of(id), .secret = lt_text_of(secret), .is_new = true};
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

lt_status lt_app_root_key(lt_app *app, bool make, lt_root_key *out, lt_err *err)
{
    const char *id = getenv(id_name), *secret = getenv(secret_name), *home;
    LT_AUTO(lt_secrets_ref) secrets = NULL;
    lt_root_key found = {0};
    if ((id && *id) != (secret && *secret)) {
        lt_ignore(lt_fail(err, LT_INVALID, "one of %s and %s is set, the other is not", id_name,
                          secret_name));
        return lt_hint(err, "set both, or none: then the root key is made and kept in the home");
    }
    LT_TRY(lt_app_home(app, &home, err));
    LT_TRY(lt_secrets_open(home, &secrets, err));
    lt_status status = get_secret(app, secrets, id_name, &found.id, err);
    if (status == LT_OK)
        status = get_secret(app, secrets, secret_name, &found.secret, err);
    if (status == LT_NOT_FOUND && make)
        return new_root(app, secrets, out, err);
    if (status == LT_NOT_FOUND) {
        lt_ignore(lt_fail(err, LT_NOT_FOUND, "the store has no root key yet"));
        return lt_hint(err, "'leat store serve' and 'leat store presign' make it; or set %s and %s",
                       id_name, secret_name);
    }
    if (status == LT_OK)
        *out = found;
    return status;
}

void lt_app_key_show(lt_app *app, lt_text id, lt_text secret)
{
    if (!app->globals.json) {
        lt_out_printf(&app->out,
                      "  export AWS_ACCESS_KEY_ID=%.*s\n"
                      "  export AWS_SECRET_ACCESS_KEY=%.*s\n",
                      LT_ARG(id), LT_ARG(secret));
        return;
    }
    lt_json_writer writer = {.out = &app->out.buf};
    lt_json_begin(&writer, '{');
    lt_json_set(&writer, "id", id);
    lt_json_set(&writer, "secret", secret);
    lt_json_end(&writer);
    lt_out_str(&app->out, "\n");
}

/* ---- the endpoint ---- */

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

lt_status lt_app_face_start(lt_app *app, const lt_listen *at, lt_s3_options *options,
                            lt_app_face *out, lt_err *err)
{
    lt_root_key root;
    LT_TRY(lt_app_store(app, &out->store, err));
    LT_TRY(read_project(app, options, err));
    LT_TRY(lt_app_root_key(app, true, &root, err));
    options->store = out->store;
    options->host = at->host;
    options->port = at->port;
    options->tls_cert = at->tls_cert;
    options->tls_key = at->tls_key;
    options->root_key_id = root.id;
    options->root_secret = root.secret;
    if (!at->is_loopback && !at->tls_cert)
        lt_log(LT_LOG_WARNING,
               "others on the network can read what goes through %s: use --tls-cert", at->host);
    LT_TRY(lt_s3_start(options, &out->s3, err));
    if (root.is_new) {
        lt_out_str(&app->out, "made the root key; 'leat store key show' shows it again:\n");
        lt_app_key_show(app, root.id, root.secret);
    }
    return LT_OK;
}

void lt_app_face_stop(lt_app_face *face)
{
    lt_s3_stop(face->s3);
    lt_store_close(face->store);
    *face = (lt_app_face){0};
}
