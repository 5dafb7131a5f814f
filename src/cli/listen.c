/* Reads the address and the certificate of a command that serves. */
#include "cli/listen.h"

#include "base/fs.h"
#include "net/http_server.h"

enum { PEM_BYTES = 1024 * 1024 };

static lt_status read_address(lt_app *app, const char *text, lt_listen *out, lt_err *err)
{
    const char *colon = strrchr(text, ':');
    uint64_t port = 0;
    if (!colon || !lt_text_to_u64(lt_text_of(colon + 1), &port) || port > 65535) {
        lt_ignore(lt_fail(err, LT_INVALID, "'%s' is no address to listen on", text));
        return lt_hint(err, "write ADDRESS:PORT, for example 127.0.0.1:9000");
    }
    lt_text host = lt_text_at(text, (size_t)(colon - text));
    if (lt_text_starts(host, T("[")) && lt_text_ends(host, T("]")))
        host = lt_text_sub(host, 1, host.len - 2);
    out->host = host.len ? lt_arena_str(&app->arena, host) : "127.0.0.1";
    out->port = (unsigned)port;
    out->is_loopback =
        lt_text_starts(lt_text_of(out->host), T("127.")) || strcmp(out->host, "::1") == 0;
    return LT_OK;
}

static lt_status read_pem(lt_app *app, const char *path, const char **out, lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = PEM_BYTES};
    LT_TRY(lt_file_read(path, &text, err));
    *out = lt_arena_str(&app->arena, lt_buf_text(&text));
    return LT_OK;
}

lt_status lt_listen_read(lt_app *app, const char *address, const char *cert_file,
                         const char *key_file, lt_listen *out, lt_err *err)
{
    lt_listen made = {0};
    LT_TRY(read_address(app, address, &made, err));
    if (!cert_file != !key_file)
        return lt_fail(err, LT_INVALID, "--tls-cert and --tls-key belong together");
    if (cert_file) {
        LT_TRY(read_pem(app, cert_file, &made.tls_cert, err));
        LT_TRY(read_pem(app, key_file, &made.tls_key, err));
    }
    *out = made;
    return LT_OK;
}

lt_status lt_listen_hint(lt_status status, const lt_listen *at, const char *option, lt_err *err)
{
    bool v6 = strchr(at->host, ':') != NULL;
    if (status == LT_OK || err->reason != LT_HTTP_PORT_TAKEN)
        return status;
    return lt_hint(err, "choose another one: %s %s%s%s:%u; port 0 takes a free one", option,
                   v6 ? "[" : "", at->host, v6 ? "]" : "",
                   at->port < 65535 ? at->port + 1 : at->port - 1);
}
