/* Requests over libcurl: handles kept alive, redirects done by hand, errors that people can act on. */
#include "net/http_client.h"

#include "base/proc.h"
#include "net/url.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>

enum { HEADERS_LIMIT = 256 * 1024, REDIRECT_BODY_LIMIT = 1024 * 1024 };

struct lt_http_client {
    lt_http_options options;
    pthread_mutex_t lock;
    LT_VEC(CURL *)
    idle; /* handles that nobody uses; the last one is the warmest */
};

/* One request on its way. */
typedef struct transfer {
    lt_http_client *client;
    lt_http_response *response;
    size_t header_bytes;
    bool headers_too_big;
    char reason[CURL_ERROR_SIZE]; /* what curl says of a failure */
} transfer;

static void start_curl(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        abort();
}

static int64_t or_default(int64_t value, int64_t fallback)
{
    return value > 0 ? value : fallback;
}

lt_http_client *lt_http_client_new(const lt_http_options *options)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, start_curl);
    lt_http_client *client = lt_xcalloc(1, sizeof(*client));
    lt_http_options *o = &client->options;
    if (options)
        *o = *options;
    o->connect_timeout_ms = or_default(o->connect_timeout_ms, 10 * 1000);
    o->total_timeout_ms = or_default(o->total_timeout_ms, 300 * 1000);
    o->quiet_timeout_ms = or_default(o->quiet_timeout_ms, 60 * 1000);
    o->redirect_limit = o->redirect_limit ? o->redirect_limit : 5;
    o->body_limit = o->body_limit ? o->body_limit : LT_BUF_LIMIT;
    o->user_agent = o->user_agent ? o->user_agent : "leat/" LT_VERSION;
    (void)pthread_mutex_init(&client->lock, NULL);
    return client;
}

void lt_http_client_free(lt_http_client *client)
{
    if (!client)
        return;
    for (size_t i = 0; i < client->idle.len; i++)
        curl_easy_cleanup(client->idle.items[i]);
    lt_vec_free(&client->idle);
    (void)pthread_mutex_destroy(&client->lock);
    lt_free(client);
}

const lt_http_options *lt_http_client_options(const lt_http_client *client)
{
    return &client->options;
}

static CURL *take_handle(lt_http_client *client)
{
    CURL *handle = NULL;
    (void)pthread_mutex_lock(&client->lock);
    if (client->idle.len > 0)
        handle = client->idle.items[--client->idle.len];
    (void)pthread_mutex_unlock(&client->lock);
    if (!handle)
        handle = curl_easy_init();
    if (!handle)
        abort(); /* out of memory */
    return handle;
}

static void give_back(lt_http_client *client, CURL *handle)
{
    curl_easy_reset(handle); /* keeps its connections */
    (void)pthread_mutex_lock(&client->lock);
    lt_push(&client->idle, handle);
    (void)pthread_mutex_unlock(&client->lock);
}

void lt_http_response_clear(lt_http_response *response)
{
    lt_buf_clear(&response->body);
    lt_arena_cleanup(&response->arena);
    response->headers = (lt_http_headers){0};
    response->url = (lt_text){0};
    response->status = 0;
    response->wire_bytes = 0;
}

void lt_http_response_cleanup(lt_http_response *response)
{
    lt_http_response_clear(response);
    lt_buf_cleanup(&response->body);
}

static lt_text find_header(const lt_http_response *response, lt_text name, bool last)
{
    lt_text found = {0};
    for (size_t i = 0; i < response->headers.len; i++) {
        const lt_http_header *header = &response->headers.items[i];
        if (lt_text_eq_nocase(header->name, name) && (last || !found.ptr))
            found = header->value;
    }
    return found;
}

lt_text lt_http_header_find(const lt_http_response *response, lt_text name)
{
    return find_header(response, name, false);
}

lt_text lt_http_header_find_last(const lt_http_response *response, lt_text name)
{
    return find_header(response, name, true);
}

/* ---- what curl calls ---- */

static size_t on_body(char *data, size_t one, size_t len, void *context)
{
    (void)one;
    transfer *self = context;
    lt_buf_add(&self->response->body, lt_text_at(data, len));
    return self->response->body.overflow ? 0 : len; /* 0 of more ends the transfer */
}

/* One header line, or the status line, which starts over (after 100 Continue and the like). */
static size_t on_header(char *data, size_t one, size_t len, void *context)
{
    (void)one;
    transfer *self = context;
    lt_http_response *response = self->response;
    lt_text line = lt_text_trim(lt_text_at(data, len));
    self->header_bytes += len;
    if (self->header_bytes > HEADERS_LIMIT) {
        self->headers_too_big = true;
        return 0;
    }
    if (lt_text_starts(line, T("HTTP/"))) {
        response->headers.len = 0;
        return len;
    }
    size_t colon = lt_text_find_byte(line, ':', 0);
    if (colon == SIZE_MAX)
        return len;
    line = lt_arena_text(&response->arena, line);
    lt_http_header header = {.name = lt_text_trim(lt_text_sub(line, 0, colon)),
                             .value = lt_text_trim(lt_text_sub(line, colon + 1, line.len))};
    lt_push_in(&response->arena, &response->headers, header);
    return len;
}

static bool stop_asked(const lt_http_client *client)
{
    return (lt_stop_asked() && !client->options.outlives_stop) ||
           (client->options.stop && atomic_load(client->options.stop));
}

static int on_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    (void)down_total, (void)down, (void)up_total, (void)up;
    const transfer *self = context;
    return stop_asked(self->client);
}

/* ---- options ---- */

/* gzip and deflate, and zstd where this libcurl was built with it. */
static const char *encodings(const lt_http_client *client, const lt_url *url)
{
    lt_http_encoding wanted = client->options.encoding;
    if (wanted == LT_ENCODING_NONE || (wanted == LT_ENCODING_AUTO && lt_url_is_loopback(url)))
        return NULL;
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    return info->features & CURL_VERSION_ZSTD ? "zstd, gzip, deflate" : "gzip, deflate";
}

static void set_limits(CURL *curl, const lt_http_options *o)
{
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)o->connect_timeout_ms);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)o->total_timeout_ms);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME,
                           (long)((o->quiet_timeout_ms + 999) / 1000));
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, (long)o->give_redirects);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    (void)curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 256L * 1024L);
    (void)curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 512L * 1024L);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, o->user_agent);
    if (o->ca_file)
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, o->ca_file);
}

static void set_callbacks(CURL *curl, transfer *self)
{
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, self);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, self);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, self->reason);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, self);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
}

static void set_method(CURL *curl, const lt_http_request *request, const char *method)
{
    if (strcmp(method, "HEAD") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
        return;
    }
    if (request->body.len > 0 || strcmp(method, "POST") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
                               request->body.ptr ? request->body.ptr : "");
    }
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
}

static bool is_token(lt_text text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!lt_is_alpha(c) && !lt_is_digit(c) && (c == 0 || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return text.len > 0;
}

static bool is_header_value(lt_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (((unsigned char)text.ptr[i] < ' ' && text.ptr[i] != '\t') || text.ptr[i] == 0x7f)
            return false;
    return true;
}

LT_OWNED(header_list, struct curl_slist *, curl_slist_free_all)

static void add_line(struct curl_slist **list, const char *line)
{
    struct curl_slist *grown = curl_slist_append(*list, line);
    if (!grown)
        abort(); /* out of memory */
    *list = grown;
}

/* The request's headers for curl; without the secret ones when `foreign`. */
static lt_status make_headers(const lt_http_request *request, bool foreign,
                              struct curl_slist **list, lt_err *err)
{
    for (size_t i = 0; i < request->header_count; i++) {
        const lt_http_header *header = &request->headers[i];
        if (foreign && (header->secret || lt_name_is_secret(header->name)))
            continue;
        if (!is_token(header->name) || !is_header_value(header->value)) {
            lt_ignore(lt_fail(err, LT_INVALID, "header '%.*s' holds a character that HTTP forbids",
                              LT_ARG(header->name)));
            return lt_hint(err, "look for a line break in the value, for example at a token's end");
        }
        LT_AUTO(lt_chars)
        line = header->value.len > 0 /* curl drops a header for "name:" */
                   ? lt_format("%.*s: %.*s", LT_ARG(header->name), LT_ARG(header->value))
                   : lt_format("%.*s;", LT_ARG(header->name));
        add_line(list, line);
    }
    add_line(list, "Expect:"); /* no waiting for 100 Continue */
    return LT_OK;
}

/* ---- errors ---- */

static const struct curl_case {
    CURLcode code;
    lt_status status;
    const char *text, *hint;
} curl_cases[] = {
    {CURLE_COULDNT_RESOLVE_HOST, LT_IO, "the host has no address",
     "check the host name, and this machine's network and DNS"},
    {CURLE_COULDNT_RESOLVE_PROXY, LT_IO, "the proxy has no address",
     "check http_proxy and https_proxy"},
    {CURLE_COULDNT_CONNECT, LT_IO, "cannot connect",
     "check that the server runs and that host and port are right"},
    {CURLE_SSL_CACERT_BADFILE, LT_INVALID, "the file of certificates cannot be read",
     "check ca_file"},
    {CURLE_SSL_CONNECT_ERROR, LT_IO, "TLS could not be set up", "check that the port speaks https"},
    {CURLE_GOT_NOTHING, LT_IO, "the server closed the connection without an answer", ""},
    {CURLE_PARTIAL_FILE, LT_IO, "the answer ended early", ""},
    {CURLE_SEND_ERROR, LT_IO, "the connection broke while sending", ""},
    {CURLE_RECV_ERROR, LT_IO, "the connection broke", ""},
    {CURLE_WEIRD_SERVER_REPLY, LT_IO, "the answer is not HTTP",
     "check the port and whether it wants https"},
    {CURLE_UNSUPPORTED_PROTOCOL, LT_IO, "the answer is not HTTP",
     "check the port and whether it wants https"},
    {CURLE_BAD_CONTENT_ENCODING, LT_IO, "the compressed body is damaged", ""},
    {CURLE_ABORTED_BY_CALLBACK, LT_CANCELLED, "stopped", ""},
};

static const char *method_of(const lt_http_request *request, char out[16])
{
    lt_text method = request->method.len > 0 ? request->method : T("GET");
    size_t len = LT_MIN(method.len, (size_t)15);
    memcpy(out, method.ptr, len);
    out[len] = 0;
    return out;
}

/* Put "GET https://host/path: " in front. */
static lt_status name_request(const char *method, lt_text url, lt_err *err)
{
    LT_AUTO(lt_buf) shown = {.limit = 2 * (size_t)LT_URL_BYTES};
    lt_url_show(lt_text_sub(url, 0, 400), &shown);
    return lt_wrap(err, "%s %s", method, lt_buf_chars(&shown));
}

/* What OpenSSL says of a certificate, and what helps; the first that the reason holds. */
static const struct {
    const char *reason, *hint;
} certificate_cases[] = {
    {"expired", "its people must renew it; or this machine's clock is wrong"},
    {"not yet valid", "this machine's clock is wrong, or the certificate is too new"},
    {"no alternative certificate subject name", "it is made for another host: check base_url"},
    {"does not match", "it is made for another host: check base_url"},
    {"self-signed", "trust it with `ca_file` of the source, when it is known to be right"},
    {"local issuer",
     "trust its authority with `ca_file` of the source, or install ca-certificates"},
    {"",
     "check the host name, this machine's clock and its certificates (package ca-certificates)"},
};

static lt_status not_trusted(const char *reason, lt_err *err)
{
    size_t i = 0;
    lt_text known = lt_text_of(reason);
    while (!strstr(reason, certificate_cases[i].reason))
        i++;
    lt_ignore(lt_fail(err, LT_DENIED, "the server's certificate is not trusted%s%.*s",
                      known.len ? ": " : "", LT_ARG(known)));
    return lt_hint(err, "%s", certificate_cases[i].hint);
}

static lt_status curl_failed(CURLcode code, const transfer *self, lt_err *err)
{
    const lt_http_options *o = &self->client->options;
    if (self->response->body.overflow)
        return lt_fail(err, LT_TOO_BIG, "the decoded answer is larger than %zu bytes",
                       self->response->body.limit);
    if (self->headers_too_big)
        return lt_fail(err, LT_TOO_BIG, "the answer's headers are larger than %d bytes",
                       HEADERS_LIMIT);
    if (code == CURLE_OPERATION_TIMEDOUT) {
        lt_ignore(lt_fail(
            err, LT_IO, "timed out (connect %lld s, no byte for %lld s, or %lld s in all)",
            (long long)o->connect_timeout_ms / 1000, (long long)(o->quiet_timeout_ms + 999) / 1000,
            (long long)o->total_timeout_ms / 1000));
        return lt_hint(err, "check that the server answers, or give it longer");
    }
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        return not_trusted(self->reason, err);
    if (strstr(self->reason, "CONNECT")) { /* "CONNECT tunnel failed, response 407" */
        lt_ignore(lt_fail(err, LT_IO, "the proxy does not let us through: %s", self->reason));
        return lt_hint(err, "check https_proxy, with user and password where it wants them, and "
                            "no_proxy");
    }
    for (size_t i = 0; i < LT_COUNT(curl_cases); i++)
        if (curl_cases[i].code == code) {
            bool where = code == CURLE_COULDNT_CONNECT && self->reason[0];
            lt_ignore(lt_fail(err, curl_cases[i].status, "%s%s%s", curl_cases[i].text,
                              where ? ": " : "", where ? self->reason : ""));
            return lt_hint(err, "%s", curl_cases[i].hint);
        }
    return lt_fail(err, LT_IO, "%s", curl_easy_strerror(code));
}

/* ---- one exchange, then the redirects ---- */

static lt_status perform(CURL *curl, transfer *self, const lt_http_request *request,
                         const char *method, const char *url, bool foreign, lt_err *err)
{
    lt_url parts;
    LT_TRY(lt_url_read(lt_text_of(url), &parts, err));
    LT_AUTO(header_list) headers = NULL;
    LT_TRY(make_headers(request, foreign, &headers, err));
    curl_easy_reset(curl);
    set_limits(curl, &self->client->options);
    set_callbacks(curl, self);
    set_method(curl, request, method);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, encodings(self->client, &parts));
    if (lt_url_is_loopback(&parts) || self->client->options.no_proxy)
        (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    else if (strncmp(url, "http:", 5) == 0 && !getenv("http_proxy") && getenv("HTTP_PROXY"))
        (void)curl_easy_setopt(curl, CURLOPT_PROXY,
                               getenv("HTTP_PROXY")); /* curl fears CGI; we need not */

    CURLcode code = stop_asked(self->client) ? CURLE_ABORTED_BY_CALLBACK : curl_easy_perform(curl);
    if (code != CURLE_OK) {
        lt_ignore(curl_failed(code, self, err));
        return name_request(method, lt_text_of(url), err);
    }
    long status = 0;
    curl_off_t wire = 0;
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(curl, CURLINFO_SIZE_DOWNLOAD_T, &wire);
    self->response->status = (int)status;
    self->response->wire_bytes = wire;
    return LT_OK;
}

static bool is_redirect(const lt_http_response *response)
{
    int s = response->status;
    return (s == 301 || s == 302 || s == 303 || s == 307 || s == 308) &&
           lt_http_header_find(response, T("Location")).len > 0;
}

/* A URL that the server gave is wrong: nothing that the user has written. */
static lt_status theirs(lt_err *err, const char *what)
{
    lt_ignore(lt_wrap(err, "%s", what));
    lt_ignore(lt_hint(err, "tell the people who run the server"));
    return err->status = LT_FAILED;
}

/* Where the response sends us; checked to be as safe as where we were. */
static lt_status next_url(const lt_http_response *response, const char *from, char **to,
                          lt_err *err)
{
    LT_AUTO(lt_buf) made = {.limit = 4 * (size_t)LT_URL_BYTES};
    lt_text location = lt_http_header_find(response, T("Location"));
    lt_url here, there;
    LT_TRY(lt_url_read(lt_text_of(from), &here, err));
    if (!lt_url_resolve(lt_text_of(from), location, &made))
        return lt_fail(err, LT_FAILED, "redirected to '%.*s', which is no URL", LT_ARG(location));
    LT_TRY(lt_buf_check(&made, "the URL of the redirect", err));
    if (lt_url_read(lt_buf_text(&made), &there, err) != LT_OK)
        return theirs(err, "redirected");
    if (lt_text_eq_nocase(here.scheme, T("https")) && !lt_text_eq_nocase(there.scheme, T("https")))
        return lt_fail(err, LT_FAILED, "redirected from https to http, which is not followed");
    *to = lt_buf_take(&made);
    return LT_OK;
}

/* 303 always turns into a GET; 301 and 302 do for POST, as every client does. */
static void follow_method(int status, char method[16], lt_http_request *request)
{
    bool post = strcmp(method, "POST") == 0;
    if ((status == 303 && strcmp(method, "HEAD") != 0) ||
        ((status == 301 || status == 302) && post)) {
        memcpy(method, "GET", 4);
        request->body = (lt_text){0};
    }
}

static bool same_origin(const char *a, const char *b)
{
    lt_url left, right;
    return lt_url_split(lt_text_of(a), &left) && lt_url_split(lt_text_of(b), &right) &&
           lt_url_same_origin(&left, &right);
}

static lt_status send_and_follow(CURL *curl, transfer *self, const lt_http_request *original,
                                 lt_err *err)
{
    lt_http_request request = *original;
    char method[16];
    (void)method_of(original, method);
    LT_AUTO(lt_chars) first = lt_text_dup(original->url);
    LT_AUTO(lt_chars) url = lt_text_dup(original->url);
    bool foreign = false; /* for good: coming back does not make the way there trusted */
    unsigned limit = self->client->options.redirect_limit;
    for (unsigned hops = 0;; hops++) {
        lt_http_response_clear(self->response);
        self->response->body.limit = self->client->options.body_limit;
        self->header_bytes = 0;
        LT_TRY(perform(curl, self, &request, method, url, foreign, err));
        if (self->client->options.give_redirects || !is_redirect(self->response)) {
            self->response->url = lt_arena_text(&self->response->arena, lt_text_of(url));
            return LT_OK;
        }
        if (hops == limit) {
            lt_ignore(lt_fail(err, LT_FAILED, "redirected more than %u times", limit));
            return name_request(method, original->url, err);
        }
        char *next = NULL;
        if (next_url(self->response, url, &next, err) != LT_OK)
            return name_request(method, lt_text_of(url), err);
        lt_free(url);
        url = next;
        foreign = foreign || !same_origin(first, url);
        follow_method(self->response->status, method, &request);
    }
}

lt_status lt_http_send(lt_http_client *client, const lt_http_request *request,
                       lt_http_response *response, lt_err *err)
{
    lt_url url;
    LT_TRY(lt_url_read(request->url, &url, err));
    if (request->method.len > 15 || (request->method.len > 0 && !is_token(request->method)))
        return lt_fail(err, LT_INVALID, "'%.*s' is not an HTTP method", LT_ARG(request->method));
    transfer self = {.client = client, .response = response};
    CURL *curl = take_handle(client);
    lt_status status = send_and_follow(curl, &self, request, err);
    give_back(client, curl);
    return status;
}

const char *lt_http_status_name(int status)
{
    static const struct {
        int status;
        const char *name;
    } names[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };
    for (size_t i = 0; i < LT_COUNT(names); i++)
        if (names[i].status == status)
            return names[i].name;
    return "";
}
