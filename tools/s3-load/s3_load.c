/* Loads an S3 endpoint from many connections at once and says how much went through: for bench/, not installed.
 *
 * usage: s3-load HOST PORT KEY SECRET VERB BUCKET CLIENTS SECONDS SIZE [MOST]
 * VERB: put, get, list; get-seeded and list-seeded ask at random in a bucket that store-bench has filled with MOST keys; mb makes the bucket.
 * Each client has one connection and sends signed requests one after the other, for so many seconds or, if MOST is given, at most so many
 * in all. Prints one line of JSON: {"requests": N, "seconds": S, "bytes": B, "p50_ms": ..., "p99_ms": ...}. */
#include "base/time.h"
#include "net/aws_sign.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LATENCIES = 1 << 16, BLOCK = 1 << 18, PAYLOAD = 1 << 20 };

typedef enum verb { PUT, GET, LIST, GET_SEEDED, LIST_SEEDED, MAKE_BUCKET, VERBS } verb;

typedef struct load {
    const char *host, *key_id, *secret, *bucket;
    verb verb;
    uint16_t port;
    int64_t seconds, most;
    size_t size;
    char *payload;
    _Atomic int64_t started, done, bytes;
    _Atomic uint32_t measured;
    uint32_t latency_us[LATENCIES];
    int64_t end_us;
} load;

static load all;

LT_NORETURN static void die(const char *what)
{
    (void)fprintf(stderr, "s3-load: %s\n", what);
    exit(1);
}

static int dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(all.port)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (inet_pton(AF_INET, all.host, &to.sin_addr) != 1 ||
        connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        die("cannot connect");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static void send_all(int fd, lt_text text, int flags)
{
    while (text.len) {
        ssize_t sent = send(fd, text.ptr, text.len, MSG_NOSIGNAL | flags);
        if (sent <= 0)
            die("the connection was closed while sending");
        text = lt_text_sub(text, (size_t)sent, text.len);
    }
}

/* Never the same bytes: what a store has already it need not write. */
static void send_body(int fd)
{
    char first[16];
    size_t sent = LT_MIN(sizeof(first), all.size);
    arc4random_buf(first, sizeof(first));
    send_all(fd, lt_text_at(first, sent), sent < all.size ? MSG_MORE : 0);
    for (size_t len; sent < all.size; sent += len) {
        len = LT_MIN(all.size - sent, (size_t)PAYLOAD);
        send_all(fd, lt_text_at(all.payload, len), 0);
    }
    atomic_fetch_add(&all.bytes, (int64_t)all.size);
}

static verb verb_of(const char *name)
{
    static const char *const names[] = {"put", "get", "list", "get-seeded", "list-seeded", "mb"};
    for (size_t i = 0; i < VERBS; i++)
        if (strcmp(name, names[i]) == 0)
            return (verb)i;
    die("there is no such verb");
}

/* What is asked for: the path, and the query. Seeded keys are store-bench's. */
static void write_target(int64_t number, lt_buf *path, lt_buf *query)
{
    uint32_t at = arc4random_uniform((uint32_t)LT_MAX(all.most, 1));
    lt_buf_printf(path, "/%s", all.bucket);
    if (all.verb == PUT || all.verb == GET)
        lt_buf_printf(path, "/load/%08lld", (long long)number);
    else if (all.verb == GET_SEEDED)
        lt_buf_printf(path, "/p%06u/k%09u", at / 1000, at);
    else if (all.verb == LIST)
        lt_buf_add(query, T("list-type=2&max-keys=1000"));
    else if (all.verb == LIST_SEEDED)
        lt_buf_printf(query, "list-type=2&max-keys=1000&start-after=p%06u", at / 2000);
}

static void write_request(lt_buf *out, int64_t number)
{
    char time[LT_AWS_TIME_CHARS], key[LT_AWS_KEY_BYTES], host[64];
    LT_AUTO(lt_buf) path = {0};
    LT_AUTO(lt_buf) query = {0};
    bool put = all.verb == PUT || all.verb == MAKE_BUCKET;
    (void)snprintf(host, sizeof(host), "%s:%u", all.host, all.port);
    (void)lt_aws_time_write(lt_now_us(), time);
    write_target(number, &path, &query);
    lt_aws_header headers[] = {{T("Host"), lt_text_of(host)},
                               {T("x-amz-date"), lt_text_of(time)},
                               {T("x-amz-content-sha256"), T(LT_AWS_UNSIGNED_PAYLOAD)}};
    lt_aws_scope scope = {lt_text_at(time, 8), T("us-east-1"), T("s3")};
    lt_aws_request request = {.method = put ? T("PUT") : T("GET"),
                              .path = lt_buf_text(&path),
                              .query = lt_buf_text(&query),
                              .headers = headers,
                              .header_count = LT_COUNT(headers),
                              .payload = T(LT_AWS_UNSIGNED_PAYLOAD)};
    static lt_aws_key_cache *cache;
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    (void)pthread_mutex_lock(&lock);
    cache = cache ? cache : lt_aws_key_cache_new();
    (void)pthread_mutex_unlock(&lock);
    lt_aws_key_get(cache, lt_text_of(all.secret), &scope, key);
    lt_buf_clear(out);
    lt_buf_printf(out,
                  "%.*s %s%s%s HTTP/1.1\r\nHost: %s\r\nx-amz-date: %s\r\nx-amz-content-sha256: "
                  "UNSIGNED-PAYLOAD\r\nAuthorization: ",
                  LT_ARG(request.method), lt_buf_chars(&path), query.len ? "?" : "",
                  lt_buf_chars(&query), host, time);
    if (!lt_aws_authorize(&request, lt_text_of(all.key_id), lt_text_of(time), &scope, key, out))
        die("cannot sign");
    if (put)
        lt_buf_printf(out, "\r\nContent-Length: %zu", all.size);
    lt_buf_add(out, T("\r\n\r\n"));
}

/* One answer: its head, then as many bytes as it announces. False: the server closes the connection behind it. */
static bool read_answer(int fd, char *block)
{
    size_t have = 0;
    const char *end = NULL;
    while (!end) {
        ssize_t got = recv(fd, block + have, BLOCK - 1 - have, 0);
        if (got <= 0)
            die("the connection was closed before the answer");
        have += (size_t)got;
        block[have] = '\0';
        end = strstr(block, "\r\n\r\n");
    }
    bool stays = strncmp(block, "HTTP/1.1", 8) == 0 && !strcasestr(block, "\r\nconnection: close");
    bool is_there = all.verb == MAKE_BUCKET && strncmp(block + 8, " 409", 4) == 0;
    if (strncmp(block + 8, " 200", 4) != 0 && !is_there) {
        (void)fprintf(stderr, "%.300s\n", block);
        die("an answer is not 200");
    }
    const char *length = strcasestr(block, "\r\ncontent-length:");
    if (!length)
        die("an answer has no length");
    size_t left = (size_t)strtoull(length + strlen("\r\ncontent-length:"), NULL, 10);
    size_t body = have - (size_t)(end + 4 - block);
    atomic_fetch_add(&all.bytes, (int64_t)left);
    left -= LT_MIN(left, body);
    while (left > 0) {
        ssize_t got = recv(fd, block, LT_MIN(left, (size_t)BLOCK), 0);
        if (got <= 0)
            die("the connection was closed in an answer");
        left -= (size_t)got;
    }
    return stays;
}

static void *run(void *unused)
{
    (void)unused;
    LT_AUTO(lt_buf) request = {0};
    char *block = lt_xmalloc(BLOCK);
    bool put = all.verb == PUT || all.verb == MAKE_BUCKET;
    int fd = dial();
    while (lt_mono_us() < all.end_us) {
        int64_t number = atomic_fetch_add(&all.started, 1);
        if (all.most && number >= all.most && put)
            break;
        write_request(&request, all.most ? number % all.most : number);
        int64_t start_us = lt_mono_us();
        send_all(fd, lt_buf_text(&request), put && all.size ? MSG_MORE : 0);
        if (put)
            send_body(fd);
        if (!read_answer(fd, block)) {
            lt_fd_close(fd);
            fd = dial();
        }
        uint32_t slot = atomic_fetch_add(&all.measured, 1);
        all.latency_us[slot % LATENCIES] = (uint32_t)(lt_mono_us() - start_us);
        atomic_fetch_add(&all.done, 1);
    }
    lt_fd_close(fd);
    lt_free(block);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double ms_of(size_t at)
{
    return (double)all.latency_us[at] / 1000;
}

static int64_t number_of(const char *text)
{
    int64_t number = 0;
    if (!lt_text_to_i64(lt_text_of(text), &number) || number < 0)
        die("a number is wrong");
    return number;
}

int main(int argc, char **argv)
{
    if (argc < 10)
        die("usage: s3-load HOST PORT KEY SECRET VERB BUCKET CLIENTS SECONDS SIZE [MOST]");
    all.host = argv[1];
    all.port = (uint16_t)number_of(argv[2]);
    all.key_id = argv[3];
    all.secret = argv[4];
    all.verb = verb_of(argv[5]);
    all.bucket = argv[6];
    size_t clients = (size_t)number_of(argv[7]);
    all.seconds = number_of(argv[8]);
    all.size = (size_t)number_of(argv[9]);
    all.most = argc > 10 ? number_of(argv[10]) : 0;
    all.payload = lt_xcalloc(1, PAYLOAD);
    arc4random_buf(all.payload, PAYLOAD);
    int64_t start_us = lt_mono_us();
    all.end_us = start_us + all.seconds * 1000000;
    pthread_t *threads = lt_xcalloc(clients, sizeof(*threads));
    for (size_t i = 0; i < clients; i++)
        if (pthread_create(&threads[i], NULL, run, NULL) != 0)
            die("no thread to be had");
    for (size_t i = 0; i < clients; i++)
        (void)pthread_join(threads[i], NULL);
    double seconds = (double)(lt_mono_us() - start_us) / 1e6;
    size_t count = LT_MIN((size_t)atomic_load(&all.measured), (size_t)LATENCIES);
    qsort(all.latency_us, count, sizeof(all.latency_us[0]), compare);
    printf("{\"requests\": %lld, \"seconds\": %.3f, \"bytes\": %lld, \"p50_ms\": %.3f, \"p99_ms\": "
           "%.3f}\n",
           (long long)atomic_load(&all.done), seconds, (long long)atomic_load(&all.bytes),
           count ? ms_of(count / 2) : 0, count ? ms_of(count * 99 / 100) : 0);
    lt_free(threads);
    lt_free(all.payload);
    return 0;
}
