/* smtp.h - send a mail: one message, plain text, over SMTP. libcurl is the transport.
 *
 * smtp:// uses STARTTLS where the server offers it, smtps:// TLS from the beginning; certificates are verified. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"

#include <stdatomic.h>

typedef struct lt_mail {
    lt_text server;             /* "smtp://host:25", "smtps://host:465" */
    lt_text username, password; /* empty: none */
    lt_text from;
    lt_texts to;
    lt_text subject, text;   /* UTF-8 */
    const atomic_bool *stop; /* borrowed; may be NULL */
} lt_mail;

/* LT_INVALID: an address or the server is none; LT_IO: not reached, or refused for now; LT_DENIED: login or certificate; LT_FAILED:
 * refused for good. */
LT_MUST_CHECK lt_status lt_mail_send(const lt_mail *mail, lt_err *err);
/* The message as it is sent, with CRLF line ends; `now_us` is its date. */
void lt_mail_write(const lt_mail *mail, int64_t now_us, lt_buf *out);
