/* Who may do what: every operation of the face against everybody who may not, over real requests. */
#include "base/time.h"
#include "net/aws_sign.h"
#include "store/access.h"
#include "store/bucket.h"
#include "support/store_help.h"
#include "support/test.h"
#include "web/s3/call.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct world {
    lt_store *store;
    lt_s3 *s3;
    unsigned port;
    char host[64];
    lt_arena arena;
} world;

static void open_world(world *self)
{
    lt_err err = {0};
    *self = (world){0};
    (void)setenv("LEAT_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", 1);
    self->store = lt_test_store(lt_test_folder());
    lt_s3_options options = {.store = self->store,
                             .root_key_id = T("ROOTROOTROOTROOT"),
                             .root_secret = T("rootsecretrootsecret")};
    CHECK_OK(lt_s3_start(&options, &self->s3, &err), err);
    const char *colon = strrchr(lt_s3_url(self->s3), ':');
    uint64_t port = 0;
    CHECK(lt_text_to_u64(lt_text_of(colon + 1), &port));
    self->port = (unsigned)port;
    (void)snprintf(self->host, sizeof(self->host), "127.0.0.1:%u", self->port);
    CHECK_OK(lt_bucket_create(self->store, T("vault"), LT_UNVERSIONED, &err), err);
    CHECK_OK(lt_bucket_create(self->store, T("other"), LT_UNVERSIONED, &err), err);
    (void)lt_test_put(self->store, "vault", T("k"), T("treasure"), NULL);
}

static void close_world(world *self)
{
    lt_s3_stop(self->s3);
    lt_store_close(self->store);
    lt_arena_cleanup(&self->arena);
}

static lt_access_key make_key(world *self, const char *id, unsigned access, const char *bucket,
                              const char *prefix)
{
    lt_err err = {0};
    lt_access_key wanted = {.id = lt_text_of(id),
                            .name = lt_text_of(id),
                            .secret = T("secretsecretsecretsecret")},
                  made;
    lt_right right = {access, lt_text_of(bucket), lt_text_of(prefix)};
    lt_push_in(&self->arena, &wanted.rights, right);
    CHECK_OK(lt_access_create(self->store, &wanted, &self->arena, &made, &err), err);
    made.secret = wanted.secret;
    return made;
}

/* ---- requests ---- */

typedef struct query {
    const char *method, *target;
    const char *extra; /* more header lines, unsigned unless x-amz-copy-source */
    const char *key_id, *secret;
    const char *signed_method; /* another one than is sent; NULL: the same */
    int64_t at_us;
    bool presigned;
    const char *copy_source;
} query;

static const char *talk(world *self, const char *request, size_t len, lt_buf *out)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)self->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    LT_AUTO(lt_fd) fd = socket(AF_INET, SOCK_STREAM, 0);
    char block[4096];
    CHECK(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    CHECK(send(fd, request, len, MSG_NOSIGNAL) == (ssize_t)len);
    lt_buf_clear(out);
    for (ssize_t got; (got = recv(fd, block, sizeof(block), 0)) > 0;)
        lt_buf_add(out, lt_text_at(block, (size_t)got));
    return lt_buf_chars(out);
}

static void sign(world *self, const query *q, const char *time, lt_buf *lines, lt_buf *target)
{
    lt_aws_header headers[4] = {{T("Host"), lt_text_of(self->host)}};
    size_t count = 1;
    lt_text full = lt_text_of(q->target);
    size_t mark = lt_text_find_byte(full, '?', 0);
    char key[LT_AWS_KEY_BYTES];
    lt_aws_scope scope = {lt_text_at(time, 8), T("us-east-1"), T("s3")};
    lt_aws_request request = {.method = lt_text_of(q->signed_method ? q->signed_method : q->method),
                              .path = lt_text_sub(full, 0, mark),
                              .query =
                                  mark == SIZE_MAX ? T("") : lt_text_sub(full, mark + 1, full.len),
                              .headers = headers,
                              .payload = T(LT_AWS_UNSIGNED_PAYLOAD)};
    lt_aws_key_derive(lt_text_of(q->secret), &scope, key);
    if (q->presigned) {
        lt_aws_presign presign = {
            .key_id = lt_text_of(q->key_id), .time = lt_text_of(time), .expires_s = 60};
        request.header_count = count;
        lt_buf_add(target, request.path);
        lt_buf_add_byte(target, '?');
        CHECK(lt_aws_presign_query(&request, &presign, &scope, key, target));
        return;
    }
    headers[count++] = (lt_aws_header){T("x-amz-date"), lt_text_of(time)};
    headers[count++] = (lt_aws_header){T("x-amz-content-sha256"), T(LT_AWS_UNSIGNED_PAYLOAD)};
    if (q->copy_source)
        headers[count++] = (lt_aws_header){T("x-amz-copy-source"), lt_text_of(q->copy_source)};
    request.header_count = count;
    lt_buf_add(target, full);
    lt_buf_printf(
        lines, "x-amz-date: %s\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\nAuthorization: ", time);
    CHECK(lt_aws_authorize(&request, lt_text_of(q->key_id), lt_text_of(time), &scope, key, lines));
    lt_buf_add(lines, T("\r\n"));
}

static const char *ask(world *self, const query *q, lt_buf *out)
{
    LT_AUTO(lt_buf) lines = {0};
    LT_AUTO(lt_buf) target = {0};
    LT_AUTO(lt_buf) request = {0};
    char time[LT_AWS_TIME_CHARS];
    (void)lt_aws_time_write(q->at_us ? q->at_us : lt_now_us(), time);
    if (q->key_id)
        sign(self, q, time, &lines, &target);
    else
        lt_buf_add_str(&target, q->target);
    lt_buf_printf(&request, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s%s", q->method,
                  lt_buf_chars(&target), self->host, lt_buf_chars(&lines),
                  q->extra ? q->extra : "");
    if (q->copy_source)
        lt_buf_printf(&request, "x-amz-copy-source: %s\r\n", q->copy_source);
    if (strcmp(q->method, "PUT") == 0 || strcmp(q->method, "POST") == 0)
        lt_buf_add(&request,
                   T("Content-Length: 58\r\n\r\n<Delete><Object><Key>k</Key></Object></Delete>     "
                     "       "));
    else
        lt_buf_add(&request, T("\r\n"));
    return talk(self, request.data, request.len, out);
}

/* Refused: an error that is one of not being allowed, and nothing of the treasure. DeleteObjects tells of each key. */
static void check_refused(const lt_s3_op *op, const char *who, const char *answer)
{
    bool refused = strncmp(answer, "HTTP/1.1 403 ", 13) == 0 ||
                   (op->run == lt_s3_delete_objects &&
                    lt_has(answer, "<Code>AccessDenied</Code>") && !lt_has(answer, "<Deleted>"));
    if (op->run == lt_s3_preflight ||
        op->run == lt_s3_post_object) /* these ask when they have read what is asked */
        refused = strncmp(answer, "HTTP/1.1 4", 10) == 0;
    if (refused && !lt_has(answer, "treasure"))
        return;
    print_message("%s: %s was answered: %.300s\n", who, op->name, answer);
    fail();
}

static void check_untouched(world *self)
{
    lt_err err = {0};
    lt_arena arena = {0};
    lt_text doc;
    lt_versioning versioning;
    static const char *const kinds[] = {"policy", "cors", "tagging", "notification", "owner"};
    lt_test_has(self->store, "vault", T("k"), T(""), T("treasure"));
    CHECK_OK(lt_bucket_find(self->store, T("vault"), &versioning, &err), err);
    CHECK_INT(versioning, LT_UNVERSIONED);
    for (size_t i = 0; i < LT_COUNT(kinds); i++)
        CHECK(lt_bucket_doc_get(self->store, T("vault"), lt_text_of(kinds[i]), &arena, &doc,
                                &err) == LT_NOT_FOUND);
    lt_list_request all = {0};
    LT_AUTO(lt_chars) listed = lt_test_list(self->store, "vault", &all);
    CHECK_STR(listed, "k=8");
    lt_arena_cleanup(&arena);
}

static const char *target_of(world *self, const lt_s3_op *op)
{
    static const char *const base[] = {"/", "/vault", "/vault/k"};
    if (op->run == lt_s3_create_bucket)
        return "/newbucket";
    const char *value = op->sub && strcmp(op->sub, "list-type") == 0 ? "2"
                        : op->sub && strcmp(op->sub, "uploadId") == 0
                            ? "0000000000000001b8bfca17ae44aa5f"
                            : "";
    return op->sub ? lt_arena_format(&self->arena, "%s?%s=%s%s", base[op->level], op->sub, value,
                                     op->with ? "&partNumber=1" : "")
                   : base[op->level];
}

static query query_of(world *self, const lt_s3_op *op)
{
    return (query){.method = op->method,
                   .target = target_of(self, op),
                   .copy_source = op->header ? "/other/x" : NULL};
}

#define EACH_OP(op) for (const lt_s3_op *op = lt_s3_ops; op < lt_s3_ops + lt_s3_op_count; op++)

Test(s3_access, nobody_is_let_in_without_a_key_or_with_a_wrong_one)
{
    world w;
    LT_AUTO(lt_buf) out = {0};
    open_world(&w);
    lt_access_key revoked = make_key(&w, "LEATREVOKED", LT_ACCESS_ALL, "", "");
    lt_err err = {0};
    CHECK_OK(lt_access_revoke(w.store, revoked.id, &err), err);
    EACH_OP(op)
    {
        query q = query_of(&w, op);
        check_refused(op, "nobody", ask(&w, &q, &out));
        q.key_id = "LEATNOBODY";
        q.secret = "rootsecretrootsecret";
        check_refused(op, "an unknown key", ask(&w, &q, &out));
        q.key_id = "ROOTROOTROOTROOT";
        q.secret = "rootsecretrootsecreT";
        check_refused(op, "a wrong secret", ask(&w, &q, &out));
        q.secret = "";
        check_refused(op, "an empty secret", ask(&w, &q, &out));
        q.key_id = "LEATREVOKED";
        q.secret = "secretsecretsecretsecret";
        check_refused(op, "a revoked key", ask(&w, &q, &out));
    }
    check_untouched(&w);
    close_world(&w);
}

Test(s3_access, right_signatures_do_not_hold_for_ever_nor_for_anything_else)
{
    world w;
    LT_AUTO(lt_buf) out = {0};
    open_world(&w);
    EACH_OP(op)
    {
        query q = query_of(&w, op);
        q.key_id = "ROOTROOTROOTROOT";
        q.secret = "rootsecretrootsecret";
        q.at_us = lt_now_us() - (int64_t)16 * 60 * 1000000;
        check_refused(op, "sixteen minutes late", ask(&w, &q, &out));
        q.at_us = lt_now_us() + (int64_t)16 * 60 * 1000000;
        check_refused(op, "sixteen minutes early", ask(&w, &q, &out));
        q.at_us = 0;
        q.signed_method = strcmp(op->method, "GET") == 0 ? "PUT" : "GET";
        check_refused(op, "signed for another method", ask(&w, &q, &out));
        q.signed_method = NULL;
        q.extra = "x-amz-meta-added: later\r\n";
        check_refused(op, "with an unsigned header", ask(&w, &q, &out));
        q.extra = NULL;
        if (op->header)
            continue; /* a presigned query does not carry that header signed */
        q.presigned = true;
        q.at_us = lt_now_us() - (int64_t)61 * 1000000;
        check_refused(op, "a presigned one that is over", ask(&w, &q, &out));
        q.at_us = 0;
        q.extra = "x-amz-copy-source: /other/x\r\n";
        check_refused(op, "presigned, with a header added", ask(&w, &q, &out));
    }
    check_untouched(&w);
    close_world(&w);
}

Test(s3_access, a_key_can_do_only_what_its_rights_say)
{
    world w;
    LT_AUTO(lt_buf) out = {0};
    open_world(&w);
    (void)make_key(&w, "LEATELSEWHERE", LT_ACCESS_ALL, "other", "");
    (void)make_key(&w, "LEATPREFIX", LT_ACCESS_ALL, "vault", "mine/");
    for (unsigned right = 1; right <= LT_ACCESS_ADMIN; right *= 2)
        (void)make_key(&w, lt_arena_format(&w.arena, "LEATWITHOUT%u", right),
                       LT_ACCESS_ALL & ~right, "vault", "");
    EACH_OP(op)
    {
        query q = query_of(&w, op);
        if (op->run == lt_s3_list_buckets)
            continue; /* shows each key its own */
        q.secret = "secretsecretsecretsecret";
        q.key_id = "LEATELSEWHERE";
        check_refused(op, "a key for another bucket", ask(&w, &q, &out));
        q.key_id = "LEATPREFIX";
        check_refused(op, "a key for another prefix", ask(&w, &q, &out));
        unsigned needed = op->run == lt_s3_delete_objects ? LT_ACCESS_DELETE : op->access;
        q.key_id = lt_arena_format(&w.arena, "LEATWITHOUT%u", needed);
        if (needed)
            check_refused(op, "a key with every right but this", ask(&w, &q, &out));
    }
    check_untouched(&w);
    close_world(&w);
}

/* Everything else refuses nothing for another reason than who asks: the same request of somebody who may is answered. */
static void check_let_in(const lt_s3_op *op, const char *who, const char *answer)
{
    if (op->run == lt_s3_preflight || op->run == lt_s3_post_object)
        return; /* no rule for the one, no form for the other */
    if (strncmp(answer, "HTTP/1.1 ", 9) == 0 && strncmp(answer, "HTTP/1.1 403 ", 13) != 0 &&
        strncmp(answer, "HTTP/1.1 5", 10) != 0 && !lt_has(answer, "<Code>AccessDenied</Code>"))
        return;
    print_message("%s: %s was answered: %.300s\n", who, op->name, answer);
    fail();
}

Test(s3_access, the_same_requests_of_the_root_are_answered)
{
    world w;
    LT_AUTO(lt_buf) out = {0};
    open_world(&w);
    EACH_OP(op)
    {
        query q = query_of(&w, op);
        q.key_id = "ROOTROOTROOTROOT";
        q.secret = "rootsecretrootsecret";
        check_let_in(op, "the root", ask(&w, &q, &out));
        q.presigned = !op->header;
        check_let_in(op, "the root, presigned", ask(&w, &q, &out));
    }
    close_world(&w);
}

Test(s3_access, the_one_right_that_an_operation_needs_is_enough)
{
    world w;
    LT_AUTO(lt_buf) out = {0};
    open_world(&w);
    for (unsigned right = 1; right <= LT_ACCESS_ADMIN; right *= 2)
        (void)make_key(&w, lt_arena_format(&w.arena, "LEATONLY%u", right), right, "", "");
    EACH_OP(op)
    {
        query q = query_of(&w, op);
        unsigned needed = op->run == lt_s3_delete_objects ? LT_ACCESS_DELETE : op->access;
        if (!needed || op->header)
            continue; /* the source of a copy asks for a right of its own */
        q.key_id = lt_arena_format(&w.arena, "LEATONLY%u", needed);
        q.secret = "secretsecretsecretsecret";
        check_let_in(op, "a key with this right alone", ask(&w, &q, &out));
    }
    close_world(&w);
}

Test(s3_access, a_key_with_the_right_is_let_in)
{
    world w;
    LT_AUTO(lt_buf) out = {0};
    open_world(&w);
    (void)make_key(&w, "LEATREADER", LT_ACCESS_READ, "vault", "");
    query q = {.method = "GET",
               .target = "/vault/k",
               .key_id = "LEATREADER",
               .secret = "secretsecretsecretsecret"};
    CHECK_HAS(ask(&w, &q, &out), "treasure");
    q.presigned = true;
    CHECK_HAS(ask(&w, &q, &out), "treasure");
    lt_err err = {0};
    CHECK_OK(lt_access_revoke(w.store, T("LEATREADER"), &err), err); /* counts at once */
    CHECK_HAS(ask(&w, &q, &out), "HTTP/1.1 403 ");
    close_world(&w);
}

Test(s3_access, a_copy_needs_the_right_to_read_its_source)
{
    world w;
    LT_AUTO(lt_buf) out = {0};
    open_world(&w);
    (void)make_key(&w, "LEATWRITER", LT_ACCESS_ALL, "other", "");
    query q = {.method = "PUT",
               .target = "/other/stolen",
               .copy_source = "/vault/k",
               .key_id = "LEATWRITER",
               .secret = "secretsecretsecretsecret"};
    CHECK_HAS(ask(&w, &q, &out), "HTTP/1.1 403 ");
    q.copy_source = "/other/../vault/k"; /* a key is not a path */
    CHECK_HAS(ask(&w, &q, &out), "HTTP/1.1 404 ");
    lt_test_has_not(w.store, "other", T("stolen"), T(""));
    close_world(&w);
}

Test(s3_access, two_ways_to_sign_at_once_are_refused)
{
    world w;
    LT_AUTO(lt_buf) out = {0};
    open_world(&w);
    query q = {.method = "GET",
               .target = "/vault/k?AWSAccessKeyId=x&Signature=y&Expires=1",
               .key_id = "ROOTROOTROOTROOT",
               .secret = "rootsecretrootsecret"};
    CHECK_HAS(ask(&w, &q, &out), "HTTP/1.1 400 ");
    q.target = "/vault/k";
    q.presigned = true;
    q.extra = "Authorization: AWS x:y\r\n";
    CHECK_HAS(ask(&w, &q, &out), "HTTP/1.1 400 ");
    close_world(&w);
}
