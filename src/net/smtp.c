/* Mails: their text (RFC 5322, RFC 2047, RFC 2045), and their way through libcurl. */
#include "net/smtp.h"

#include "base/buf.h"
#include "base/proc.h"
#include "base/time.h"
#include "net/http_retry.h"

#include <curl/curl.h>
#include <stdlib.h>

enum { TIMEOUT_S = 60 };

/* ---- the message ---- */

static void add_base64(lt_text text, size_t line, lt_buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t column = 0;
    for (size_t i = 0; i < text.len; i += 3) {
        uint32_t bits = 0;
        size_t have = LT_MIN(text.len - i, (size_t)3);
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (k < have ? (unsigned char)text.ptr[i + k] : 0U);
        for (size_t k = 0; k < 4; k++)
            lt_buf_add_byte(out, k <= have ? digits[bits >> (18 - 6 * k) & 63] : '=');
        column += 4;
        if (line && column >= line) {
            lt_buf_add_str(out, "\r\n");
            column = 0;
        }
    }
    if (line && column)
        lt_buf_add_str(out, "\r\n");
}

/* One line, whatever is in it: 45 bytes of UTF-8 are one encoded word. */
static void add_header_text(lt_text text, lt_buf *out)
{
    const char *between = "";
    while (text.len) {
        size_t part = LT_MIN(text.len, (size_t)45);
        while (part < text.len && part > 1 && ((unsigned char)text.ptr[part] & 0xC0) == 0x80)
            part--;
        lt_buf_printf(out, "%s=?UTF-8?B?", between);
        add_base64(lt_text_sub(text, 0, part), 0, out);
        lt_buf_add_str(out, "?=");
        text = lt_text_sub(text, part, SIZE_MAX);
        between = "\r\n ";
    }
}

void lt_mail_write(const lt_mail *mail, int64_t now_us, lt_buf *out)
{
    char date[LT_HTTP_DATE_CHARS];
    lt_text day = lt_text_of(lt_http_date_write(now_us, date));
    lt_buf_printf(out, "Date: %.*s+0000\r\nFrom: <%.*s>\r\nTo: ", (int)day.len - 3, day.ptr,
                  LT_ARG(mail->from));
    for (size_t i = 0; i < mail->to.len; i++)
        lt_buf_printf(out, "%s<%.*s>", i ? ",\r\n " : "", LT_ARG(mail->to.items[i]));
    lt_buf_add_str(out, "\r\nSubject: ");
    add_header_text(mail->subject, out);
    lt_buf_printf(out, "\r\nMessage-ID: <%08x%08x%08x@leat>\r\n", arc4random(), arc4random(),
                  arc4random());
    lt_buf_add_str(out, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                        "Content-Transfer-Encoding: base64\r\n\r\n");
    add_base64(mail->text, 76, out);
}

/* ---- checking ---- */

/* An address goes into a command of the protocol: nothing in it may end that. */
static bool is_address(lt_text text)
{
    size_t at = lt_text_find_byte(text, '@', 0);
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 127 || text.ptr[i] == '<' ||
            text.ptr[i] == '>')
            return false;
    return at != SIZE_MAX && at > 0 && at + 1 < text.len && text.len <= 254;
}

static lt_status check(const lt_mail *mail, lt_err *err)
{
    if (!lt_text_starts(mail->server, T("smtp://")) && !lt_text_starts(mail->server, T("smtps://")))
        return lt_fail(err, LT_INVALID, "a mail server is smtp://host or smtps://host, not '%.*s'",
                       LT_ARG(mail->server));
    if (!is_address(mail->from))
        return lt_fail(err, LT_INVALID, "'%.*s' is no mail address", LT_ARG(mail->from));
    for (size_t i = 0; i < mail->to.len; i++)
        if (!is_address(mail->to.items[i]))
            return lt_fail(err, LT_INVALID, "'%.*s' is no mail address", LT_ARG(mail->to.items[i]));
    return mail->to.len ? LT_OK : lt_fail(err, LT_INVALID, "a mail without receivers");
}

/* ---- sending ---- */

typedef struct sending {
    const lt_mail *mail;
    lt_text left; /* of the message */
    char trouble[CURL_ERROR_SIZE];
} sending;

static size_t give_more(char *out, size_t size, size_t count, void *context)
{
    sending *self = context;
    size_t part = LT_MIN(size * count, self->left.len);
    memcpy(out, self->left.ptr, part);
    self->left = lt_text_sub(self->left, part, SIZE_MAX);
    return part;
}

static int ask_stop(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const sending *self = context;
    (void)a, (void)b, (void)c, (void)d;
    return lt_stop_asked() || (self->mail->stop && *self->mail->stop);
}

static void set_up(CURL *curl, sending *self, struct curl_slist *to)
{
    const lt_mail *mail = self->mail;
    LT_AUTO(lt_chars) server = lt_text_dup(mail->server);
    LT_AUTO(lt_chars) from = lt_format("<%.*s>", LT_ARG(mail->from));
    LT_AUTO(lt_chars) username = lt_text_dup(mail->username);
    LT_AUTO(lt_chars) password = lt_text_dup(mail->password);
    (void)curl_easy_setopt(curl, CURLOPT_URL, server);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    (void)curl_easy_setopt(curl, CURLOPT_USE_SSL, (long)CURLUSESSL_TRY);
    (void)curl_easy_setopt(curl, CURLOPT_MAIL_FROM, from);
    (void)curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
    if (mail->username.len) {
        (void)curl_easy_setopt(curl, CURLOPT_USE_SSL,
                               (long)CURLUSESSL_ALL); /* no password in the clear */
        (void)curl_easy_setopt(curl, CURLOPT_USERNAME, username);
        (void)curl_easy_setopt(curl, CURLOPT_PASSWORD, password);
    }
    (void)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_more);
    (void)curl_easy_setopt(curl, CURLOPT_READDATA, self);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, ask_stop);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, self);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, self->trouble);
}

static lt_status fail(CURL *curl, CURLcode code, const sending *self, lt_err *err)
{
    long answer = 0;
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer);
    lt_status status = code == CURLE_ABORTED_BY_CALLBACK ? LT_CANCELLED
                       : code == CURLE_LOGIN_DENIED || code == CURLE_PEER_FAILED_VERIFICATION ||
                               code == CURLE_USE_SSL_FAILED
                           ? LT_DENIED
                       : answer >= 500 ? LT_FAILED
                                       : LT_IO;
    return lt_fail(err, status, "the mail could not be sent by %.*s: %s",
                   LT_ARG(self->mail->server),
                   self->trouble[0] ? self->trouble : curl_easy_strerror(code));
}

lt_status lt_mail_send(const lt_mail *mail, lt_err *err)
{
    LT_AUTO(lt_buf) message = {.limit = 4 * LT_MIB};
    struct curl_slist *to = NULL;
    LT_TRY(check(mail, err));
    lt_mail_write(mail, lt_now_us(), &message);
    LT_TRY(lt_buf_check(&message, "the mail", err));
    sending self = {.mail = mail, .left = lt_buf_text(&message)};
    CURL *curl = curl_easy_init();
    if (!curl)
        return lt_fail(err, LT_IO, "cannot set up a connection for mail");
    for (size_t i = 0; i < mail->to.len; i++) {
        LT_AUTO(lt_chars) address = lt_format("<%.*s>", LT_ARG(mail->to.items[i]));
        to = curl_slist_append(to, address);
    }
    set_up(curl, &self, to);
    CURLcode code = curl_easy_perform(curl);
    lt_status status = code == CURLE_OK ? LT_OK : fail(curl, code, &self, err);
    curl_slist_free_all(to);
    curl_easy_cleanup(curl);
    return status;
}
