/* Web addresses are split, resolved, encoded and shown as RFC 3986 and common sense say. */
#include "net/url.h"

#include "support/test.h"

Test(url, splits_every_part)
{
    lt_url url;
    CHECK(lt_url_split(T("https://me:pw@example.org:8443/a/b?x=1&y#top"), &url));
    CHECK_TEXT(url.scheme, "https");
    CHECK_TEXT(url.user, "me:pw");
    CHECK_TEXT(url.host, "example.org");
    CHECK_TEXT(url.port, "8443");
    CHECK_TEXT(url.path, "/a/b");
    CHECK_TEXT(url.query, "x=1&y");
    CHECK_TEXT(url.fragment, "top");
    CHECK_INT(lt_url_port(&url), 8443);
    CHECK(lt_url_split(T("http://[::1]:80/"), &url));
    CHECK_TEXT(url.host, "::1");
    CHECK(url.is_ipv6 && lt_url_is_loopback(&url));
    CHECK(lt_url_split(T("?page=2"), &url) && url.has_query && url.path.len == 0);
}

Test(url, refuses_what_is_no_url)
{
    static const char *const bad[] = {"http://a b/",       "http://h/\n",   "http://h:99999/",
                                      "http://[::1/",      "http://[zz]/",  "http://h:8x/",
                                      "http://[1.2.3.4]/", "http://[::1]x/"};
    lt_url url;
    for (size_t i = 0; i < LT_COUNT(bad); i++)
        CHECK(!lt_url_split(lt_text_of(bad[i]), &url));
    lt_err err;
    CHECK_STATUS(lt_url_read(T("ftp://h/"), &url, &err), LT_INVALID, err);
    CHECK_HAS(err.message, "ftp://h/");
    CHECK_STATUS(lt_url_read(T("http:///x"), &url, &err), LT_INVALID, err);
    CHECK_HAS(err.message, "no host");
    CHECK_STATUS(lt_url_read(T("/only/a/path"), &url, &err), LT_INVALID, err);
    CHECK_STATUS(lt_url_read(T("http://u:secret@ho st/"), &url, &err), LT_INVALID, err);
    CHECK(!lt_has(err.message, "secret"));
}

Test(url, resolves_as_rfc_3986_section_5_4)
{
    static const char *const cases[][2] = {
        {"g:h", "g:h"},
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"#s", "http://a/b/c/d;p?q#s"},
        {"g#s", "http://a/b/c/g#s"},
        {";x", "http://a/b/c/;x"},
        {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../g", "http://a/g"},
        {"../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {"..g", "http://a/b/c/..g"},
        {"./g/.", "http://a/b/c/g/"},
        {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"},
        {"g;x=1/../y", "http://a/b/c/y"},
        {"g?y/../x", "http://a/b/c/g?y/../x"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        LT_AUTO(lt_buf) got = {0};
        CHECK(lt_url_resolve(T("http://a/b/c/d;p?q"), lt_text_of(cases[i][0]), &got));
        CHECK_STR(lt_buf_chars(&got), cases[i][1]);
    }
    LT_AUTO(lt_buf) got = {0};
    CHECK(lt_url_resolve(T("http://h"), T("x?y=1"), &got));
    CHECK_STR(lt_buf_chars(&got), "http://h/x?y=1");
    CHECK(!lt_url_resolve(T("/no/base"), T("x"), &got));
}

Test(url, encodes_and_decodes_any_byte)
{
    LT_AUTO(lt_buf) encoded = {0};
    LT_AUTO(lt_buf) decoded = {0};
    lt_text text = T("a b+c/\xc3\xa9%\x00~");
    lt_url_encode(text, &encoded);
    CHECK_STR(lt_buf_chars(&encoded), "a%20b%2Bc%2F%C3%A9%25%00~");
    CHECK(lt_url_decode(lt_buf_text(&encoded), true, &decoded));
    CHECK(lt_text_eq(lt_buf_text(&decoded), text));
    CHECK(!lt_url_decode(T("%4"), false, &decoded) && !lt_url_decode(T("%zz"), false, &decoded) &&
          !lt_url_decode(T("%"), false, &decoded));
}

Test(url, builds_queries_safely)
{
    LT_AUTO(lt_buf) url = {0};
    lt_buf_add_str(&url, "https://h/p?a=1#frag");
    lt_url_add_param(&url, T("q"), T("x&y=z #"));
    CHECK_STR(lt_buf_chars(&url), "https://h/p?a=1&q=x%26y%3Dz%20%23#frag");
    lt_url_set_param(&url, T("a"), T("2"));
    CHECK_STR(lt_buf_chars(&url), "https://h/p?q=x%26y%3Dz%20%23&a=2#frag");
    LT_AUTO(lt_buf) plain = {0};
    lt_buf_add_str(&plain, "https://h/p");
    lt_url_add_param(&plain, T("page"), T("1"));
    CHECK_STR(lt_buf_chars(&plain), "https://h/p?page=1");
}

Test(url, shows_no_secrets)
{
    LT_AUTO(lt_buf) shown = {0};
    lt_url_show(T("https://me:pw@h/p@q?api_key=abcd&page=2&X-Amz-Signature=ff#x"), &shown);
    CHECK_STR(lt_buf_chars(&shown), "https://***@h/p@q?api_key=***&page=2&X-Amz-Signature=***");
    CHECK(lt_name_is_secret(T("Authorization")) && lt_name_is_secret(T("x-api-key")) &&
          !lt_name_is_secret(T("page")) &&
          !lt_name_is_secret(T("a-very-long-name-that-is-no-secret-at-all")));
}
