/* listen.h - where a server listens, and with which certificate: what commands that serve share. */
#pragma once
#include "cli/cmd.h"

typedef struct lt_listen {
    const char *host; /* without brackets; loopback when none was written */
    unsigned port;
    bool is_loopback;
    const char *tls_cert, *tls_key; /* PEM texts, or NULL */
} lt_listen;

/* "127.0.0.1:9000", "[::1]:9000"; ":9000" is loopback too. The files may be NULL, both or none. All in app->arena. LT_INVALID says what an
 * address looks like. */
LT_MUST_CHECK lt_status lt_listen_read(lt_app *app, const char *address, const char *cert_file,
                                       const char *key_file, lt_listen *out, lt_err *err);

/* What a start came to: when the port is taken, the hint names the option and what to write there. */
LT_MUST_CHECK lt_status lt_listen_hint(lt_status status, const lt_listen *at, const char *option,
                                       lt_err *err);
