/* Mails as they are sent, and what is refused before. */
#include "base/buf.h"
#include "net/smtp.h"
#include "support/test.h"

static lt_mail mail_to(lt_arena *arena, const char *to)
{
    lt_mail mail = {.server = T("smtp://127.0.0.1:1"),
                    .from = T("a@example.org"),
                    .subject = T("Zahlen f\xc3\xbcr heute\nBcc: x@y.z"),
                    .text = T("Gr\xc3\xbc\xc3\x9f"
                              "e\n")};
    lt_push_in(arena, &mail.to, lt_text_of(to));
    return mail;
}

Test(smtp, a_mail_is_ascii_and_its_subject_is_one_header)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) out = {0};
    lt_mail mail = mail_to(&arena, "b@example.org");
    lt_mail_write(&mail, 0, &out);
    CHECK_HAS(lt_buf_chars(&out), "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n");
    CHECK_HAS(lt_buf_chars(&out),
              "Subject: =?UTF-8?B?WmFobGVuIGbDvHIgaGV1dGUKQmNjOiB4QHkueg==?=\r\n");
    CHECK_HAS(lt_buf_chars(&out), "\r\n\r\nR3LDvMOfZQo=\r\n");
    CHECK(!lt_has(lt_buf_chars(&out), "\nBcc"));
    for (size_t i = 0; i < out.len; i++)
        CHECK((unsigned char)out.data[i] < 128);
}

Test(smtp, what_is_no_address_or_no_server_is_refused)
{
    static const char *const wrong[] = {"", "x", "@x", "x@", "a b@c", "a@b>\r\nDATA", "a@b\n"};
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    for (size_t i = 0; i < LT_COUNT(wrong); i++) {
        lt_mail mail = mail_to(&arena, wrong[i]);
        CHECK_STATUS(lt_mail_send(&mail, &err), LT_INVALID, err);
    }
    lt_mail mail = mail_to(&arena, "b@example.org");
    mail.server = T("http://x");
    CHECK_STATUS(lt_mail_send(&mail, &err), LT_INVALID, err);
    mail.server = T("smtp://127.0.0.1:1");
    CHECK_STATUS(lt_mail_send(&mail, &err), LT_IO, err);
}
