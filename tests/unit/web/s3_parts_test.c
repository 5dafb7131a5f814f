/* Targets, ranges, copy sources, chunks, forms and policies of the S3 face, without a server. */
#include "fmt/xml.h"
#include "net/http_body.h"
#include "support/test.h"
#include "web/s3/call.h"
#include "web/s3/chunks.h"

#include <stdlib.h>

/* ---- targets ---- */

typedef struct asked {
    lt_arena arena;
    lt_s3 s3;
    lt_server_request http;
    lt_server_reply reply;
    lt_s3_call call;
    lt_err err;
} asked;

static void asked_cleanup(asked *self)
{
    lt_arena_cleanup(&self->arena);
    lt_buf_cleanup(&self->reply.body);
}

static lt_status ask(asked *self, const char *target, const char *host, const char *domain)
{
    *self = (asked){0};
    self->reply.fd = -1;
    self->http.arena = &self->arena;
    self->http.target = lt_text_of(target);
    self->call = (lt_s3_call){
        .s3 = &self->s3, .http = &self->http, .reply = &self->reply, .arena = &self->arena};
    return lt_s3_parse_target(&self->call, lt_text_of(target), lt_text_of(host), domain,
                              &self->err);
}

Test(s3_parse, keys_are_decoded_once_and_taken_as_they_are)
{
    static const struct {
        const char *target, *bucket, *key;
    } table[] = {
        {"/", "", ""},
        {"/b", "b", ""},
        {"/b/", "b", ""},
        {"/b/k", "b", "k"},
        {"/b/a//c", "b", "a//c"},
        {"/b/../c", "b", "../c"},
        {"/b/a%2Fc", "b", "a/c"},
        {"/b/a%252Fc", "b", "a%2Fc"},
        {"/b/a+c%20d", "b", "a+c d"},
        {"/b%2F..%2Fc/k", "b/../c", "k"}, /* no name of a bucket: the store refuses it */
        {"/b/%C3%A9?versions", "b", "\xc3\xa9"},
        {"/b/k?x=/y", "b", "k"},
    };
    for (size_t i = 0; i < LT_COUNT(table); i++) {
        LT_AUTO(asked) a;
        CHECK_OK(ask(&a, table[i].target, "localhost:9000", NULL), a.err);
        CHECK_TEXT(a.call.bucket, table[i].bucket);
        CHECK_TEXT(a.call.key, table[i].key);
    }
}

Test(s3_parse, what_is_no_target_is_refused_with_its_code)
{
    static const struct {
        const char *target;
        lt_s3_code code;
    } table[] = {
        {"", LT_S3_INVALID_URI},
        {"*", LT_S3_INVALID_URI},
        {"http://x/y", LT_S3_INVALID_URI},
        {"/b/%", LT_S3_INVALID_URI},
        {"/b/%zz", LT_S3_INVALID_URI},
        {"/b/a%00b", LT_S3_INVALID_URI},
        {"/b/%ff", LT_S3_INVALID_URI},
        {"/b?x=%", LT_S3_INVALID_URI},
        {"//k", LT_S3_INVALID_BUCKET_NAME},
        {"/b?a=1&a=2", LT_S3_INVALID_ARGUMENT},
        {"/b%00/k", LT_S3_INVALID_BUCKET_NAME},
    };
    for (size_t i = 0; i < LT_COUNT(table); i++) {
        LT_AUTO(asked) a;
        CHECK(ask(&a, table[i].target, "h", NULL) != LT_OK);
        CHECK_INT(a.call.code, table[i].code);
    }
    LT_AUTO(asked) a;
    LT_AUTO(lt_buf) target = {0};
    lt_buf_add(&target, T("/b/"));
    for (int i = 0; i < 1024; i++)
        lt_buf_add_byte(&target, 'k');
    CHECK_OK(ask(&a, lt_buf_chars(&target), "h", NULL), a.err);
    asked_cleanup(&a);
    lt_buf_add_byte(&target, 'k');
    CHECK(ask(&a, lt_buf_chars(&target), "h", NULL) != LT_OK);
    CHECK_INT(a.call.code, LT_S3_KEY_TOO_LONG);
}

Test(s3_parse, the_host_names_a_bucket_only_below_the_configured_domain)
{
    static const struct {
        const char *host, *domain, *bucket, *key;
    } table[] = {
        {"b.s3.test:9000", "s3.test", "b", "k/l"}, {"a.b.S3.TEST", "s3.test", "a.b", "k/l"},
        {"s3.test", "s3.test", "k", "l"},          {"b.s3.test", NULL, "k", "l"},
        {"xs3.test", "s3.test", "k", "l"},         {".s3.test", "s3.test", "k", "l"},
        {"127.0.0.1:9000", "s3.test", "k", "l"},
    };
    for (size_t i = 0; i < LT_COUNT(table); i++) {
        LT_AUTO(asked) a;
        CHECK_OK(ask(&a, "/k/l", table[i].host, table[i].domain), a.err);
        CHECK_TEXT(a.call.bucket, table[i].bucket);
        CHECK_TEXT(a.call.key, table[i].key);
    }
}

/* ---- the table ---- */

Test(s3_ops, every_operation_has_a_right_or_asks_by_itself)
{
    for (size_t i = 0; i < lt_s3_op_count; i++) {
        const lt_s3_op *op = &lt_s3_ops[i];
        bool asks = op->run == lt_s3_list_buckets || op->run == lt_s3_delete_objects ||
                    op->run == lt_s3_post_object || op->run == lt_s3_preflight;
        CHECK(asks == (op->access == 0));
        CHECK(op->access == 0 || lt_text_starts(lt_text_of(op->action), T("s3:")));
    }
}

/* ---- headers ---- */

Test(s3_auth, credentials_are_read_and_everything_else_is_refused)
{
    lt_s3_credential c;
    CHECK(lt_s3_credential_read(T("AWS4-HMAC-SHA256 "
                                  "Credential=a/b/20130524/us-east-1/s3/"
                                  "aws4_request,SignedHeaders=host;x-amz-date, Signature=00ff"),
                                &c));
    CHECK_TEXT(c.key_id, "a/b");
    CHECK_TEXT(c.scope.date, "20130524");
    CHECK_TEXT(c.scope.region, "us-east-1");
    CHECK_TEXT(c.signed_headers, "host;x-amz-date");
    CHECK_TEXT(c.signature, "00ff");
    static const char *const wrong[] = {
        "",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 ",
        "AWS4-HMAC-SHA256 Credential=a/20130524/us-east-1/s3/aws4_request, SignedHeaders=host",
        "AWS4-HMAC-SHA256 Credential=a/20130524/us-east-1/s3/aws4_request, SignedHeaders=host, "
        "Signature=",
        "AWS4-HMAC-SHA256 Credential=a/20130524/us-east-1/ec2/aws4_request, SignedHeaders=host, "
        "Signature=1",
        "AWS4-HMAC-SHA256 Credential=/20130524/us-east-1/s3/aws4_request, SignedHeaders=host, "
        "Signature=1",
        "AWS4-HMAC-SHA256 Credential=a/2013052/us-east-1/s3/aws4_request, SignedHeaders=host, "
        "Signature=1",
        "AWS4-HMAC-SHA256 Credential=20130524/us-east-1/s3/aws4_request, SignedHeaders=host, "
        "Signature=1",
        "AWS4-HMAC-SHA256 Credential=a/20130524/r/s3/aws4_request, SignedHeaders=host, "
        "Signature=1, Signature=2",
        "AWS4-HMAC-SHA256 Credential=a/20130524/r/s3/aws4_request, SignedHeaders=host, "
        "Signature=1, Extra=2",
        "AWS4-ECDSA-P256-SHA256 Credential=a/20130524/r/s3/aws4_request, SignedHeaders=host, "
        "Signature=1",
    };
    for (size_t i = 0; i < LT_COUNT(wrong); i++)
        CHECK(!lt_s3_credential_read(lt_text_of(wrong[i]), &c));
}

Test(s3_headers, ranges_of_one_part_are_read)
{
    static const struct {
        const char *text;
        int64_t size;
        lt_s3_range kind;
        int64_t offset, len;
    } table[] = {
        {"bytes=0-9", 100, LT_S3_ONE_RANGE, 0, 10},
        {"bytes=5-", 100, LT_S3_ONE_RANGE, 5, 95},
        {"bytes=-5", 100, LT_S3_ONE_RANGE, 95, 5},
        {"bytes=-500", 100, LT_S3_ONE_RANGE, 0, 100},
        {"bytes=90-1000", 100, LT_S3_ONE_RANGE, 90, 10},
        {"bytes=99-99", 100, LT_S3_ONE_RANGE, 99, 1},
        {"bytes=100-", 100, LT_S3_BAD_RANGE, 0, 0},
        {"bytes=-0", 100, LT_S3_BAD_RANGE, 0, 0},
        {"bytes=0-0", 0, LT_S3_BAD_RANGE, 0, 0},
        {"bytes=-1", 0, LT_S3_BAD_RANGE, 0, 0},
        {"", 100, LT_S3_NO_RANGE, 0, 0},
        {"bytes=9-5", 100, LT_S3_NO_RANGE, 0, 0},
        {"bytes=0-1,3-4", 100, LT_S3_NO_RANGE, 0, 0},
        {"bytes=a-b", 100, LT_S3_NO_RANGE, 0, 0},
        {"bytes=-", 100, LT_S3_NO_RANGE, 0, 0},
        {"items=0-1", 100, LT_S3_NO_RANGE, 0, 0},
        {"bytes=0-99999999999999999999", 100, LT_S3_NO_RANGE, 0, 0},
    };
    for (size_t i = 0; i < LT_COUNT(table); i++) {
        int64_t offset = 0, len = 0;
        CHECK_INT(lt_s3_range_read(lt_text_of(table[i].text), table[i].size, &offset, &len),
                  table[i].kind);
        CHECK_INT(offset, table[i].offset);
        CHECK_INT(len, table[i].len);
    }
}

Test(s3_headers, copy_sources_are_decoded_and_split_from_their_version)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_object_name name;
    CHECK(lt_s3_copy_source_read(T("/b/a%20b%2B%C3%A9?versionId=v1"), &arena, &name));
    CHECK_TEXT(name.bucket, "b");
    CHECK_TEXT(name.key, "a b+\xc3\xa9");
    CHECK_TEXT(name.version_id, "v1");
    CHECK(lt_s3_copy_source_read(T("b/what%3FversionId=x"), &arena, &name));
    CHECK_TEXT(name.key, "what?versionId=x");
    CHECK_TEXT(name.version_id, "");
    CHECK(lt_s3_copy_source_read(T("b%2Fk"), &arena, &name));
    CHECK_TEXT(name.key, "k");
    CHECK(!lt_s3_copy_source_read(T(""), &arena, &name));
    CHECK(!lt_s3_copy_source_read(T("b"), &arena, &name));
    CHECK(!lt_s3_copy_source_read(T("b/"), &arena, &name));
    CHECK(!lt_s3_copy_source_read(T("/"), &arena, &name));
    CHECK(!lt_s3_copy_source_read(T("b/k%"), &arena, &name));
    CHECK(!lt_s3_copy_source_read(T("b/k?versionId="), &arena, &name));
    CHECK(!lt_s3_copy_source_read(T("b/%00"), &arena, &name));
}

/* ---- chunks ---- */

typedef struct feed {
    lt_text left;
    size_t step;
} feed;

static lt_status read_feed(void *context, char *out, size_t size, size_t *got, lt_err *err)
{
    (void)err;
    feed *self = context;
    lt_text part = lt_text_sub(self->left, 0, LT_MIN(size, self->step));
    if (part.len)
        memcpy(out, part.ptr, part.len);
    self->left = lt_text_sub(self->left, part.len, self->left.len);
    *got = part.len;
    return LT_OK;
}

static lt_status decode(lt_text framed, lt_aws_chain *chain, bool trailer, size_t step, lt_buf *out,
                        lt_s3_chunks *chunks)
{
    feed source = {framed, step};
    lt_err err = {0};
    char block[1000];
    *chunks = (lt_s3_chunks){
        .read = read_feed, .context = &source, .chain = chain, .has_trailer = trailer};
    for (size_t got = 1; got > 0;) {
        lt_status status = lt_s3_chunks_read(chunks, block, sizeof(block), &got, &err);
        if (status != LT_OK)
            return status;
        lt_buf_add(out, lt_text_at(block, got));
    }
    return LT_OK;
}

/* The example of AWS's documentation, "Transferring Payload in Multiple Chunks". */
static lt_aws_chain example_chain(const char *seed)
{
    lt_aws_chain chain = {.time = T("20130524T000000Z"),
                          .scope = {T("20130524"), T("us-east-1"), T("s3")}};
    lt_aws_key_derive(T("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), &chain.scope, chain.key);
    memcpy(chain.previous, seed, LT_AWS_HEX_CHARS);
    return chain;
}

static void add_chunk(lt_buf *out, size_t size, const char *signature)
{
    lt_buf_printf(out, "%zx;chunk-signature=%s\r\n", size, signature);
    for (size_t i = 0; i < size; i++)
        lt_buf_add_byte(out, 'a');
    if (size)
        lt_buf_add(out, T("\r\n"));
}

static void build_example(lt_buf *out)
{
    add_chunk(out, 65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648");
    add_chunk(out, 1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497");
    add_chunk(out, 0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9");
    lt_buf_add(out, T("\r\n"));
}

static const char seed[] = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";

Test(s3_chunks, the_published_example_is_decoded_in_pieces_of_any_size)
{
    LT_AUTO(lt_buf) framed = {0};
    build_example(&framed);
    for (size_t step = 1; step < 200000; step = step * 7 + 3) {
        LT_AUTO(lt_buf) out = {0};
        LT_AUTO(lt_s3_chunks) chunks;
        lt_aws_chain chain = example_chain(seed);
        CHECK_INT(decode(lt_buf_text(&framed), &chain, false, step, &out, &chunks), LT_OK);
        CHECK_INT(out.len, 66560);
    }
}

Test(s3_chunks, a_changed_byte_anywhere_is_found_out)
{
    LT_AUTO(lt_buf) framed = {0};
    build_example(&framed);
    for (size_t at = 0; at < framed.len; at += at < 200 || at > framed.len - 300 ? 1 : 997) {
        LT_AUTO(lt_buf) out = {0};
        LT_AUTO(lt_s3_chunks) chunks;
        lt_aws_chain chain = example_chain(seed);
        char before = framed.data[at];
        framed.data[at] = (char)(before == 'x' ? 'y' : 'x');
        CHECK(decode(lt_buf_text(&framed), &chain, false, 5000, &out, &chunks) != LT_OK);
        framed.data[at] = before;
    }
}

Test(s3_chunks, a_body_that_is_cut_off_anywhere_is_an_error)
{
    LT_AUTO(lt_buf) framed = {0};
    build_example(&framed);
    for (size_t len = 0; len < framed.len; len += len < 200 || len > framed.len - 300 ? 1 : 997) {
        LT_AUTO(lt_buf) out = {0};
        LT_AUTO(lt_s3_chunks) chunks;
        lt_aws_chain chain = example_chain(seed);
        CHECK(decode(lt_text_at(framed.data, len), &chain, false, 5000, &out, &chunks) != LT_OK);
    }
}

Test(s3_chunks, signed_trailers_of_the_published_example_are_checked)
{
    static const char trailer[] =
        "x-amz-checksum-crc32c:sOO8/"
        "Q==\r\nx-amz-trailer-signature:"
        "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n";
    LT_AUTO(lt_buf) framed = {0};
    LT_AUTO(lt_buf) out = {0};
    LT_AUTO(lt_s3_chunks) chunks;
    add_chunk(&framed, 65536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2");
    add_chunk(&framed, 1024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7");
    add_chunk(&framed, 0, "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992");
    lt_buf_add(&framed, lt_text_of(trailer));
    lt_aws_chain chain =
        example_chain("106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e");
    CHECK_INT(decode(lt_buf_text(&framed), &chain, true, 5000, &out, &chunks), LT_OK);
    CHECK_STR(lt_buf_chars(&chunks.trailer), "x-amz-checksum-crc32c:sOO8/Q==\n");
    lt_s3_chunks_cleanup(&chunks);
    char *value = strstr(framed.data, "sOO8");
    *value = 'S';
    chain = example_chain("106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e");
    CHECK(decode(lt_buf_text(&framed), &chain, true, 5000, &out, &chunks) != LT_OK);
    CHECK_INT(chunks.fault, LT_S3_CHUNKS_SIGNATURE);
}

Test(s3_chunks, unsigned_chunks_with_a_trailer)
{
    static const struct {
        const char *framed;
        bool fine;
    } table[] = {
        {"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", true},
        {"0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", true},
        {"5\r\nhello\r\n0\r\n\r\n", true},
        {"5\r\nhello\r\n0\r\n", false},
        {"5\r\nhello\r\n0\r\n\r\nmore", false},
        {"5\r\nhell\r\n0\r\n\r\n", false},
        {"5\nhello\r\n0\r\n\r\n", false},
        {"5\r\nhelloo\r\n0\r\n\r\n", false},
        {"-5\r\nhello\r\n0\r\n\r\n", false},
        {"\r\nhello\r\n0\r\n\r\n", false},
        {"ffffffffffffffff\r\nhello\r\n0\r\n\r\n", false},
        {"0\r\nno colon\r\n\r\n", false},
        {"0\r\n:x\r\n\r\n", false},
        {"", false},
    };
    for (size_t i = 0; i < LT_COUNT(table); i++) {
        LT_AUTO(lt_buf) out = {0};
        LT_AUTO(lt_s3_chunks) chunks;
        bool fine = decode(lt_text_of(table[i].framed), NULL, true, 3, &out, &chunks) == LT_OK;
        CHECK(fine == table[i].fine);
    }
}

/* ---- policies ---- */

static lt_text one_value(void *context, lt_text key)
{
    return lt_text_eq(key, T("s3:prefix")) ? lt_text_of(context) : (lt_text){0};
}

static lt_s3_verdict verdict(const char *policy, const char *principal, const char *action,
                             const char *key, const char *prefix)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_err err = {0};
    lt_s3_verdict out = LT_S3_DENIED;
    lt_s3_question q = {.principal = lt_text_of(principal),
                        .principal_id = T("id"),
                        .principal_name = T("anna"),
                        .action = lt_text_of(action),
                        .bucket = T("b"),
                        .key = lt_text_of(key),
                        .value = one_value};
    char *copy = lt_arena_str(&arena, lt_text_of(prefix));
    q.context = prefix ? copy : NULL;
    CHECK_OK(lt_s3_policy_check(lt_text_of(policy), T("b"), &arena, &err), err);
    CHECK_OK(lt_s3_policy_ask(lt_text_of(policy), &q, &arena, &out, &err), err);
    return out;
}

#define STATEMENT(effect, principal, action, resource, more)                                       \
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"" effect                             \
    "\",\"Principal\":" principal ",\"Action\":" action ",\"Resource\":" resource more "}]}"

Test(s3_policy, allows_and_denies_by_principal_action_and_prefix)
{
    static const char open[] =
        STATEMENT("Allow", "\"*\"", "\"s3:GetObject\"", "\"arn:aws:s3:::b/public/*\"", "");
    CHECK_INT(verdict(open, "", "s3:GetObject", "public/x", NULL), LT_S3_ALLOWED);
    CHECK_INT(verdict(open, "", "s3:GetObject", "private/x", NULL), LT_S3_SILENT);
    CHECK_INT(verdict(open, "", "s3:GetObjectVersion", "public/x", NULL), LT_S3_SILENT);
    CHECK_INT(verdict(open, "", "s3:PutObject", "public/x", NULL), LT_S3_SILENT);
    CHECK_INT(verdict(open, "", "s3:ListBucket", "", NULL), LT_S3_SILENT);
    static const char some[] = STATEMENT(
        "Allow", "{\"AWS\":[\"LEATKEY\",\"arn:aws:iam::1:user/anna\"]}",
        "[\"s3:Get*\",\"s3:PutObject\"]", "[\"arn:aws:s3:::b\",\"arn:aws:s3:::b/*\"]", "");
    CHECK_INT(verdict(some, "LEATKEY", "s3:GetObject", "x", NULL), LT_S3_ALLOWED);
    CHECK_INT(verdict(some, "OTHER", "s3:PutObject", "x", NULL), LT_S3_ALLOWED); /* by name */
    CHECK_INT(verdict(some, "", "s3:GetObject", "x", NULL), LT_S3_SILENT);
    CHECK_INT(verdict(some, "LEATKEY", "s3:DeleteObject", "x", NULL), LT_S3_SILENT);
    static const char not [] =
        STATEMENT("Deny", "\"*\"", "\"s3:*\"", "\"arn:aws:s3:::b/secret/*\"", "");
    CHECK_INT(verdict(not, "LEATKEY", "s3:GetObject", "secret/x", NULL), LT_S3_DENIED);
    CHECK_INT(verdict(not, "LEATKEY", "s3:GetObject", "other", NULL), LT_S3_SILENT);
}

Test(s3_policy, conditions_hold_or_do_not)
{
    static const char like[] =
        STATEMENT("Allow", "\"*\"", "\"s3:ListBucket\"", "\"arn:aws:s3:::b\"",
                  ",\"Condition\":{\"StringLike\":{\"s3:prefix\":[\"a/*\",\"b\"]}}");
    CHECK_INT(verdict(like, "", "s3:ListBucket", "", "a/x"), LT_S3_ALLOWED);
    CHECK_INT(verdict(like, "", "s3:ListBucket", "", "b"), LT_S3_ALLOWED);
    CHECK_INT(verdict(like, "", "s3:ListBucket", "", "c"), LT_S3_SILENT);
    CHECK_INT(verdict(like, "", "s3:ListBucket", "", NULL), LT_S3_SILENT);
    static const char not [] =
        STATEMENT("Deny", "\"*\"", "\"s3:ListBucket\"", "\"arn:aws:s3:::b\"",
                  ",\"Condition\":{\"StringNotEquals\":{\"s3:prefix\":\"a\"}}");
    CHECK_INT(verdict(not, "", "s3:ListBucket", "", "a"), LT_S3_SILENT);
    CHECK_INT(verdict(not, "", "s3:ListBucket", "", "b"), LT_S3_DENIED);
    CHECK_INT(verdict(not, "", "s3:ListBucket", "", NULL), LT_S3_DENIED);
    static const char null[] = STATEMENT("Deny", "\"*\"", "\"s3:ListBucket\"", "\"arn:aws:s3:::b\"",
                                         ",\"Condition\":{\"Null\":{\"s3:prefix\":true}}");
    CHECK_INT(verdict(null, "", "s3:ListBucket", "", NULL), LT_S3_DENIED);
    CHECK_INT(verdict(null, "", "s3:ListBucket", "", "x"), LT_S3_SILENT);
}

Test(s3_policy, what_is_not_understood_is_refused)
{
    static const char *const wrong[] = {
        "",
        "[]",
        "{}",
        "{\"Statement\":[]}",
        "{\"Version\":\"2030-01-01\",\"Statement\":[]}",
        STATEMENT("Maybe", "\"*\"", "\"s3:*\"", "\"arn:aws:s3:::b\"", ""),
        STATEMENT("Allow", "\"me\"", "\"s3:*\"", "\"arn:aws:s3:::b\"", ""),
        STATEMENT("Allow", "{\"Service\":\"x\"}", "\"s3:*\"", "\"arn:aws:s3:::b\"", ""),
        STATEMENT("Allow", "\"*\"", "\"ec2:*\"", "\"arn:aws:s3:::b\"", ""),
        STATEMENT("Allow", "\"*\"", "\"s3:*\"", "\"arn:aws:s3:::other/*\"", ""),
        STATEMENT("Allow", "\"*\"", "\"s3:*\"", "\"b\"", ""),
        STATEMENT("Allow", "\"*\"", "\"s3:*\"", "\"arn:aws:s3:::b\"", ",\"Extra\":1"),
        STATEMENT("Allow", "\"*\"", "\"s3:*\"", "\"arn:aws:s3:::b\"",
                  ",\"Condition\":{\"DateGreaterThan\":{\"aws:CurrentTime\":\"x\"}}"),
        STATEMENT("Allow", "\"*\"", "\"s3:*\"", "\"arn:aws:s3:::b\"",
                  ",\"Condition\":{\"StringEquals\":{\"aws:PrincipalOrgID\":\"x\"}}"),
        STATEMENT("Allow", "\"*\"", "\"s3:*\"", "\"arn:aws:s3:::b\"",
                  ",\"NotAction\":\"s3:GetObject\""),
    };
    LT_AUTO(lt_arena) arena = {0};
    lt_err err = {0};
    for (size_t i = 0; i < LT_COUNT(wrong); i++)
        CHECK(lt_s3_policy_check(lt_text_of(wrong[i]), T("b"), &arena, &err) != LT_OK);
}

Test(s3_policy, patterns_match_in_linear_time)
{
    LT_AUTO(lt_buf) text = {0};
    CHECK(lt_s3_matches(T("*"), T("")));
    CHECK(lt_s3_matches(T("a*b?d"), T("axxbcd")));
    CHECK(!lt_s3_matches(T("a*b?d"), T("axxbd")));
    CHECK(lt_s3_matches(T("**a**"), T("xxa")));
    CHECK(!lt_s3_matches(T(""), T("x")));
    for (int i = 0; i < 20000; i++)
        lt_buf_add_byte(&text, 'a');
    CHECK(!lt_s3_matches(T("a*a*a*a*a*a*a*a*a*a*a*a*b"), lt_buf_text(&text)));
}

/* ---- forms ---- */

Test(s3_form, boundaries_are_found)
{
    CHECK_TEXT(lt_s3_boundary(T("multipart/form-data; boundary=abc")), "abc");
    CHECK_TEXT(lt_s3_boundary(T("Multipart/Form-Data;charset=x; Boundary=\"a b\"")), "a b");
    CHECK(!lt_s3_boundary(T("multipart/form-data")).ptr);
    CHECK(!lt_s3_boundary(T("multipart/mixed; boundary=abc")).ptr);
    CHECK(!lt_s3_boundary(T("")).ptr);
}
