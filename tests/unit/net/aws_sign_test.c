/* Signatures against the examples that AWS has published, and what must not change them. */
#include "net/aws_sign.h"
#include "support/test.h"

#include <stdio.h>

/* Of the S3 API reference: "Examples: Signature Calculations in AWS Signature Version 4", 2013-05-24. */
#define KEY_ID "AKIAIOSFODNN7EXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
static const lt_aws_scope scope = {
    .date = {"20130524", 8}, .region = {"us-east-1", 9}, .service = {"s3", 2}};
static const lt_text moment = {"20130524T000000Z", 16};

static void check_signature(const lt_aws_request *request, const char *wanted)
{
    char key[LT_AWS_KEY_BYTES], got[LT_AWS_HEX_CHARS];
    lt_aws_key_derive(T(SECRET), &scope, key);
    CHECK(lt_aws_signature(request, T(""), moment, &scope, key, got));
    CHECK_STR(got, wanted);
}

static const lt_aws_header simple[] = {
    {{"x-amz-date", 10}, {"20130524T000000Z", 16}},
    {{"Host", 4}, {"examplebucket.s3.amazonaws.com", 30}},
    {{"x-amz-content-sha256", 20}, {LT_AWS_EMPTY_SHA256, 64}},
    {{"Range", 5}, {"bytes=0-9", 9}},
};

Test(aws_sign, get_object_is_signed_as_published)
{
    lt_aws_request request = {.method = T("GET"),
                              .path = T("/test.txt"),
                              .headers = simple,
                              .header_count = 4,
                              .payload = T(LT_AWS_EMPTY_SHA256)};
    check_signature(&request, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

Test(aws_sign, put_object_is_signed_as_published)
{
    char sum[LT_AWS_HEX_CHARS];
    lt_text payload = lt_text_of(lt_aws_sha256(T("Welcome to Amazon S3."), sum));
    const lt_aws_header headers[] = {
        {T("Date"), T("Fri, 24 May 2013 00:00:00 GMT")},
        {T("Host"), T("examplebucket.s3.amazonaws.com")},
        {T("x-amz-date"), moment},
        {T("x-amz-storage-class"), T("REDUCED_REDUNDANCY")},
        {T("x-amz-content-sha256"), payload},
    };
    lt_aws_request request = {.method = T("PUT"),
                              .path = T("/test%24file.text"),
                              .headers = headers,
                              .header_count = LT_COUNT(headers),
                              .payload = payload};
    const char *wanted = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd";
    check_signature(&request, wanted);
    request.path = T("/test$file.text"); /* the same key, escaped by nobody */
    check_signature(&request, wanted);
}

Test(aws_sign, a_parameter_without_value_is_signed_as_published)
{
    lt_aws_request request = {.method = T("GET"),
                              .path = T("/"),
                              .query = T("lifecycle"),
                              .headers = simple,
                              .header_count = 3,
                              .payload = T(LT_AWS_EMPTY_SHA256)};
    const char *wanted = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543";
    check_signature(&request, wanted);
    request.query = T("lifecycle=");
    check_signature(&request, wanted);
}

Test(aws_sign, a_listing_is_signed_as_published_whatever_the_order)
{
    lt_aws_request request = {.method = T("GET"),
                              .path = T("/"),
                              .query = T("max-keys=2&prefix=J"),
                              .headers = simple,
                              .header_count = 3,
                              .payload = T(LT_AWS_EMPTY_SHA256)};
    const char *wanted = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";
    check_signature(&request, wanted);
    request.query = T("&prefix=%4a&&max%2Dkeys=2");
    check_signature(&request, wanted);
}

Test(aws_sign, a_presigned_url_is_the_published_one)
{
    static const char wanted[] =
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-"
        "east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-"
        "SignedHeaders=host&X-Amz-Signature="
        "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    LT_AUTO(lt_buf) query = {0};
    char key[LT_AWS_KEY_BYTES], again[LT_AWS_HEX_CHARS];
    lt_aws_request request = {
        .method = T("GET"), .path = T("/test.txt"), .headers = &simple[1], .header_count = 1};
    lt_aws_presign presign = {.key_id = T(KEY_ID), .time = moment, .expires_s = 86400};
    lt_aws_key_derive(T(SECRET), &scope, key);
    CHECK(lt_aws_presign_query(&request, &presign, &scope, key, &query));
    CHECK_STR(lt_buf_chars(&query), wanted);

    request.query = lt_buf_text(&query); /* as a server checks it */
    request.payload = T(LT_AWS_UNSIGNED_PAYLOAD);
    CHECK(lt_aws_signature(&request, T("X-Amz-Signature"), moment, &scope, key, again));
    CHECK_HAS(wanted, again);
}

Test(aws_sign, authorization_names_key_scope_and_headers)
{
    LT_AUTO(lt_buf) value = {0};
    char key[LT_AWS_KEY_BYTES];
    lt_aws_request request = {.method = T("GET"),
                              .path = T("/test.txt"),
                              .headers = simple,
                              .header_count = 4,
                              .payload = T(LT_AWS_EMPTY_SHA256)};
    lt_aws_key_derive(T(SECRET), &scope, key);
    CHECK(lt_aws_authorize(&request, T(KEY_ID), moment, &scope, key, &value));
    CHECK_STR(
        lt_buf_chars(&value),
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

/* "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks". */
static void begin_chain(lt_aws_chain *chain, const char *seed)
{
    *chain = (lt_aws_chain){.time = moment, .scope = scope};
    lt_aws_key_derive(T(SECRET), &scope, chain->key);
    memcpy(chain->previous, seed, LT_AWS_HEX_CHARS);
}

static void check_chunk(lt_aws_chain *chain, size_t bytes, const char *wanted)
{
    char body[65536], sum[LT_AWS_HEX_CHARS], got[LT_AWS_HEX_CHARS];
    memset(body, 'a', sizeof(body));
    lt_text hex = lt_text_of(lt_aws_sha256(lt_text_at(body, bytes), sum));
    CHECK_STR(lt_aws_chain_chunk(chain, hex, got), wanted);
}

Test(aws_sign, chunks_are_chained_as_published)
{
    const char *seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
    const lt_aws_header headers[] = {
        {T("Host"), T("s3.amazonaws.com")},
        {T("x-amz-date"), moment},
        {T("x-amz-storage-class"), T("REDUCED_REDUNDANCY")},
        {T("x-amz-content-sha256"), T("STREAMING-AWS4-HMAC-SHA256-PAYLOAD")},
        {T("Content-Encoding"), T("aws-chunked")},
        {T("x-amz-decoded-content-length"), T("66560")},
        {T("Content-Length"), T("66824")},
    };
    lt_aws_request request = {.method = T("PUT"),
                              .path = T("/examplebucket/chunkObject.txt"),
                              .headers = headers,
                              .header_count = LT_COUNT(headers),
                              .payload = T("STREAMING-AWS4-HMAC-SHA256-PAYLOAD")};
    lt_aws_chain chain;
    check_signature(&request, seed);
    begin_chain(&chain, seed);
    check_chunk(&chain, 65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648");
    check_chunk(&chain, 1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497");
    check_chunk(&chain, 0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9");
}

Test(aws_sign, trailers_are_chained_as_published)
{
    lt_aws_chain chain;
    char got[LT_AWS_HEX_CHARS];
    begin_chain(&chain, "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e");
    check_chunk(&chain, 65536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2");
    check_chunk(&chain, 1024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7");
    check_chunk(&chain, 0, "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992");
    CHECK_STR(lt_aws_chain_trailer(&chain, T("x-amz-checksum-crc32c:sOO8/Q==\n"), got),
              "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435");
}

/* "Signing and Authenticating REST Requests": the query string example. */
Test(aws_sign, version_2_urls_are_signed_as_published)
{
    char got[LT_AWS_SIG2_CHARS];
    lt_aws_request_v2 request = {
        .method = T("GET"), .path = T("/johnsmith/photos/puppy.jpg"), .expires = T("1175139620")};
    CHECK(lt_aws_signature_v2(&request, T(SECRET), got));
    CHECK_STR(got, "NpgCjnDzrM+WFzoENXmpNDUsSn8=");
    request.bucket = T("johnsmith"); /* the same in the host's name */
    request.path = T("/photos/puppy.jpg");
    request.query = T("AWSAccessKeyId=" KEY_ID "&Expires=1175139620&prefix=x");
    CHECK(lt_aws_signature_v2(&request, T(SECRET), got));
    CHECK_STR(got, "NpgCjnDzrM+WFzoENXmpNDUsSn8=");
}

static void check_v2(const lt_aws_request_v2 *request, const char *string_to_sign_sum)
{
    char got[LT_AWS_SIG2_CHARS];
    CHECK(lt_aws_signature_v2(request, T("secret"), got));
    CHECK_STR(got, string_to_sign_sum);
}

/* Wanted: Python's hmac over "PUT\n\ntext/plain\n9\nx-amz-acl:private\nx-amz-meta-a:1,2\n/b/k%20k?partNumber=1&
 * response-content-type=text/html&uploadId=a b&versions". */
Test(aws_sign, version_2_takes_subresources_and_amz_headers)
{
    const lt_aws_header headers[] = {{T("X-Amz-Meta-A"), T("1")},
                                     {T("Content-Type"), T("text/plain")},
                                     {T("x-amz-acl"), T(" private ")},
                                     {T("x-amz-meta-a"), T("2")},
                                     {T("Accept"), T("*/*")}};
    lt_aws_request_v2 request = {
        .method = T("PUT"),
        .path = T("/b/k%20k"),
        .query = T("versions&uploadId=a%20b&x=1&response-content-type=text%2Fhtml&partNumber=1"),
        .expires = T("9"),
        .headers = headers,
        .header_count = LT_COUNT(headers)};
    check_v2(&request, "VKoxHmNRL+rXY4C/JrYDKReA8cc=");
}

/* ---- canonical forms ---- */

static void check_path(const char *raw, const char *wanted)
{
    LT_AUTO(lt_buf) out = {0};
    CHECK(lt_aws_canonical_path(lt_text_of(raw), &out));
    CHECK_STR(lt_buf_chars(&out), wanted);
}

Test(aws_sign, paths_are_encoded_once_and_dots_stay)
{
    check_path("", "/");
    check_path("/", "/");
    check_path("/b/a/../x/./y//z/", "/b/a/../x/./y//z/");
    check_path("/b/day=1/a+b~c", "/b/day%3D1/a%2Bb~c");
    check_path("/b/day%3d1/a%2bb%7Ec", "/b/day%3D1/a%2Bb~c");
    check_path("/b/%25%20%C3%A9", "/b/%25%20%C3%A9");
    check_path("/b/a%2Fb", "/b/a/b");
    check_path("/b/\xc3\xa9", "/b/%C3%A9");
}

static void check_query(const char *raw, const char *wanted)
{
    LT_AUTO(lt_buf) out = {0};
    CHECK(lt_aws_canonical_query(lt_text_of(raw), T("Gone"), &out));
    CHECK_STR(lt_buf_chars(&out), wanted);
}

Test(aws_sign, queries_are_sorted_by_what_is_encoded)
{
    check_query("", "");
    check_query("versioning", "versioning=");
    check_query("b=2&a=1&B=3", "B=3&a=1&b=2");
    check_query("a=2&a=1&a=10", "a=1&a=10&a=2");
    check_query("prefix=a/b&delimiter=/", "delimiter=%2F&prefix=a%2Fb");
    check_query("a=x+y&Gone=1&z=%2B", "a=x%20y&z=%2B");
    check_query("a=b=c&&", "a=b%3Dc");
    check_query("k%C3%A9=1&k=2", "k=2&k%C3%A9=1");
}

Test(aws_sign, broken_escapes_and_floods_are_refused)
{
    LT_AUTO(lt_buf) out = {0};
    LT_AUTO(lt_buf) flood = {0};
    CHECK(!lt_aws_canonical_path(T("/a%2"), &out));
    CHECK(!lt_aws_canonical_query(T("a=%zz"), T(""), &out));
    for (int i = 0; i <= LT_AWS_PARAMS; i++)
        lt_buf_add_str(&flood, "a&");
    CHECK(!lt_aws_canonical_query(lt_buf_text(&flood), T(""), &out));
}

Test(aws_sign, headers_are_sorted_lowered_shrunk_and_joined)
{
    LT_AUTO(lt_buf) lines = {0};
    LT_AUTO(lt_buf) names = {0};
    const lt_aws_header headers[] = {
        {T("X-Two"), T("  b  c ")}, {T("Host"), T("h")}, {T("x-two"), T("a")}, {T("Empty"), T("")}};
    lt_aws_canonical_headers(headers, LT_COUNT(headers), &lines, &names);
    CHECK_STR(lt_buf_chars(&lines), "empty:\nhost:h\nx-two:b c,a\n");
    CHECK_STR(lt_buf_chars(&names), "empty;host;x-two");
}

Test(aws_sign, moments_are_written_and_read)
{
    char text[LT_AWS_TIME_CHARS];
    int64_t at_us = 0;
    CHECK_STR(lt_aws_time_write(1369353600 * 1000000LL, text), "20130524T000000Z");
    CHECK(lt_aws_time_read(T("20130524T000001Z"), &at_us));
    CHECK_INT(at_us, 1369353601 * 1000000LL);
    CHECK(!lt_aws_time_read(T("20130524T000001"), &at_us));
    CHECK(!lt_aws_time_read(T("2013-5-24T00:01Z"), &at_us));
    CHECK(!lt_aws_time_read(T("20131324T000000Z"), &at_us));
}

Test(aws_sign, cached_keys_are_the_derived_ones)
{
    LT_AUTO(lt_aws_key_cache_ref) cache = lt_aws_key_cache_new();
    char wanted[LT_AWS_KEY_BYTES], got[LT_AWS_KEY_BYTES];
    char dates[200][16];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 200; i++) { /* more than there are slots */
            lt_text secret = i % 2 ? T("one") : T("two");
            (void)snprintf(dates[i], sizeof(dates[i]), "2026%04d", i / 2);
            lt_aws_scope of = {lt_text_of(dates[i]), T("r"), T("s3")};
            lt_aws_key_derive(secret, &of, wanted);
            lt_aws_key_get(cache, secret, &of, got);
            CHECK(memcmp(got, wanted, sizeof(got)) == 0);
            lt_aws_key_get(cache, secret, &of, got);
            CHECK(memcmp(got, wanted, sizeof(got)) == 0);
        }
    LT_AUTO(lt_chars) lengthy = lt_format("%0500d", 7);
    lt_aws_key_derive(lt_text_of(lengthy), &scope, wanted);
    lt_aws_key_get(cache, lt_text_of(lengthy), &scope, got);
    CHECK(memcmp(got, wanted, sizeof(got)) == 0);
}

Test(aws_sign, comparing_sees_every_difference)
{
    CHECK(lt_aws_same(T("abc"), T("abc")));
    CHECK(!lt_aws_same(T("abc"), T("abd")));
    CHECK(!lt_aws_same(T("abc"), T("ab")));
    CHECK(lt_aws_same(T(""), (lt_text){0}));
}
