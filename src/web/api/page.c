/* The page: one file with nothing from elsewhere; its policy allows its own script and style, and nothing else. */
#include "web/api/parts.h"

#include "base/embed.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

/* 'sha256-...' of what stands between the two. */
static void add_hash(lt_text page, lt_text open, lt_text close, lt_buf *out)
{
    unsigned char digest[SHA256_DIGEST_LENGTH], text[64];
    size_t from = lt_text_find(page, open, 0) + open.len;
    size_t to = lt_text_find(page, close, from);
    lt_text inner = lt_text_sub(page, from, to - from);
    (void)SHA256((const unsigned char *)inner.ptr, inner.len, digest);
    (void)EVP_EncodeBlock(text, digest, sizeof(digest));
    lt_buf_printf(out, "'sha256-%s'", (const char *)text);
}

lt_status lt_api_get_page(lt_api_call *call, lt_err *err)
{
    const lt_embedded *file = lt_embedded_find("ui/index.html");
    lt_text page = lt_text_at((const char *)file->data, file->len);
    LT_AUTO(lt_buf) policy = {.limit = LT_KIB};
    (void)err;
    lt_buf_add_str(&policy, "default-src 'none'; connect-src 'self'; script-src ");
    add_hash(page, T("<script>"), T("</script>"), &policy);
    lt_buf_add_str(&policy, "; style-src ");
    add_hash(page, T("<style>"), T("</style>"), &policy);
    lt_buf_add_str(&policy,
                   "; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'");
    lt_server_reply_header(call->request, call->reply, T("Content-Security-Policy"),
                           lt_buf_text(&policy));
    lt_server_reply_header(call->request, call->reply, T("Content-Type"),
                           T("text/html; charset=utf-8"));
    lt_server_reply_header(call->request, call->reply, T("Cache-Control"), T("no-cache"));
    lt_buf_add(call->json.out, page);
    call->reply->compress = true;
    return LT_OK;
}
