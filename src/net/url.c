/* Web addresses: splitting, resolving, percent-encoding, masking. */
#include "net/url.h"

static bool has_bad_byte(lt_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 0x7f)
            return true;
    return false;
}

/* The length of the leading "scheme" when a ':' follows it, else 0. */
static size_t scheme_len(lt_text text)
{
    if (text.len == 0 || !lt_is_alpha(text.ptr[0]))
        return 0;
    for (size_t i = 1; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == ':')
            return i;
        if (!lt_is_alpha(c) && !lt_is_digit(c) && c != '+' && c != '-' && c != '.')
            return 0;
    }
    return 0;
}

/* The offset of the first of `stops` at or after `from`, or the length. */
static size_t find_any(lt_text text, size_t from, const char *stops)
{
    for (size_t i = from; i < text.len; i++)
        if (strchr(stops, text.ptr[i]))
            return i;
    return text.len;
}

static bool ipv6_is_plausible(lt_text host)
{
    bool colon = false;
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        bool hex = lt_is_digit(c) || (lt_lower(c) >= 'a' && lt_lower(c) <= 'f');
        if (!hex && c != ':' && c != '.')
            return false;
        colon = colon || c == ':';
    }
    return colon;
}

static bool port_is_good(lt_text port)
{
    uint64_t number = 0;
    return port.len == 0 || (lt_text_to_u64(port, &number) && number <= 65535);
}

static bool split_authority(lt_text text, lt_url *out)
{
    for (size_t i = text.len; i-- > 0;)
        if (text.ptr[i] == '@') {
            out->user = lt_text_sub(text, 0, i);
            text = lt_text_sub(text, i + 1, text.len);
            break;
        }
    size_t end;
    if (text.len > 0 && text.ptr[0] == '[') {
        end = lt_text_find_byte(text, ']', 0);
        if (end == SIZE_MAX)
            return false;
        out->host = lt_text_sub(text, 1, end - 1);
        out->is_ipv6 = true;
        if (!ipv6_is_plausible(out->host))
            return false;
        end++;
    } else {
        end = find_any(text, 0, ":");
        out->host = lt_text_sub(text, 0, end);
    }
    if (end == text.len)
        return true;
    if (text.ptr[end] != ':')
        return false;
    out->port = lt_text_sub(text, end + 1, text.len);
    return port_is_good(out->port);
}

bool lt_url_split(lt_text text, lt_url *out)
{
    lt_url url = {0};
    if (text.len > LT_URL_BYTES || has_bad_byte(text))
        return false;
    size_t at = scheme_len(text);
    url.scheme = lt_text_sub(text, 0, at);
    at += at > 0;
    if (lt_text_starts(lt_text_sub(text, at, 2), T("//"))) {
        size_t end = find_any(text, at + 2, "/?#");
        url.has_authority = true;
        if (!split_authority(lt_text_sub(text, at + 2, end - at - 2), &url))
            return false;
        at = end;
    }
    size_t end = find_any(text, at, "?#");
    url.path = lt_text_sub(text, at, end - at);
    at = end;
    if (at < text.len && text.ptr[at] == '?') {
        end = find_any(text, at, "#");
        url.has_query = true;
        url.query = lt_text_sub(text, at + 1, end - at - 1);
        at = end;
    }
    if (at < text.len) {
        url.has_fragment = true;
        url.fragment = lt_text_sub(text, at + 1, text.len);
    }
    *out = url;
    return true;
}

lt_status lt_url_read(lt_text text, lt_url *out, lt_err *err)
{
    lt_url url;
    LT_AUTO(lt_buf) shown = {.limit = 4 * LT_KIB};
    lt_url_show(lt_text_sub(text, 0, 300), &shown);
    if (!lt_url_split(text, &url))
        return lt_fail(err, LT_INVALID, "'%s' is not a URL", lt_buf_chars(&shown));
    if (!lt_text_eq_nocase(url.scheme, T("http")) && !lt_text_eq_nocase(url.scheme, T("https"))) {
        lt_ignore(
            lt_fail(err, LT_INVALID, "'%s' is not an http or https URL", lt_buf_chars(&shown)));
        return lt_hint(err, "write it whole: https://host/path");
    }
    if (url.host.len == 0)
        return lt_fail(err, LT_INVALID, "'%s' names no host", lt_buf_chars(&shown));
    *out = url;
    return LT_OK;
}

unsigned lt_url_port(const lt_url *url)
{
    uint64_t number = 0;
    if (url->port.len > 0 && lt_text_to_u64(url->port, &number))
        return (unsigned)number;
    if (lt_text_eq_nocase(url->scheme, T("http")))
        return 80;
    return lt_text_eq_nocase(url->scheme, T("https")) ? 443 : 0;
}

bool lt_url_same_origin(const lt_url *a, const lt_url *b)
{
    return lt_text_eq_nocase(a->scheme, b->scheme) && lt_text_eq_nocase(a->host, b->host) &&
           lt_url_port(a) == lt_url_port(b);
}

bool lt_url_is_loopback(const lt_url *url)
{
    if (lt_text_eq_nocase(url->host, T("localhost")) || lt_text_eq(url->host, T("::1")))
        return true;
    if (!lt_text_starts(url->host, T("127.")))
        return false;
    for (size_t i = 0; i < url->host.len; i++) /* not 127.example.org */
        if (!lt_is_digit(url->host.ptr[i]) && url->host.ptr[i] != '.')
            return false;
    return true;
}

bool lt_url_host_is_loopback(lt_text host)
{
    LT_AUTO(lt_buf) text = {.limit = 400};
    lt_url url;
    lt_err err;
    lt_buf_printf(&text, "http://%.*s/", LT_ARG(host));
    return !text.overflow && lt_url_read(lt_buf_text(&text), &url, &err) == LT_OK &&
           lt_url_is_loopback(&url);
}

/* Cut the last segment off what `out` holds behind `start`, with its slash. */
static void drop_segment(lt_buf *out, size_t start)
{
    size_t len = out->len;
    while (len > start && out->data[len - 1] != '/')
        len--;
    lt_buf_cut(out, len > start ? len - 1 : start);
}

/* RFC 3986 section 5.2.4, for a path that starts with '/' or is empty. */
static void add_without_dots(lt_text path, lt_buf *out)
{
    size_t start = out->len;
    while (path.len > 0) {
        size_t end = find_any(path, path.ptr[0] == '/', "/");
        lt_text segment = lt_text_sub(path, 0, end);
        bool last = end == path.len;
        path = lt_text_sub(path, end, path.len);
        lt_text name = lt_text_starts(segment, T("/")) ? lt_text_sub(segment, 1, end) : segment;
        bool up = lt_text_eq(name, T(".."));
        if (up)
            drop_segment(out, start);
        if (!up && !lt_text_eq(name, T(".")))
            lt_buf_add(out, segment);
        else if (last)
            lt_buf_add_byte(out, '/');
    }
}

/* The path of `ref` seen from the page `base` (5.2.3), dots and all. */
static void add_merged_path(const lt_url *base, lt_text ref_path, lt_buf *out)
{
    size_t keep = base->path.len;
    while (keep > 0 && base->path.ptr[keep - 1] != '/')
        keep--;
    if (keep > 0)
        lt_buf_add(out, lt_text_sub(base->path, 0, keep));
    else if (base->has_authority)
        lt_buf_add_byte(out, '/');
    lt_buf_add(out, ref_path);
}

static void add_authority(const lt_url *url, lt_buf *out)
{
    lt_buf_add(out, T("//"));
    if (url->user.len > 0)
        lt_buf_printf(out, "%.*s@", LT_ARG(url->user));
    lt_buf_printf(out, url->is_ipv6 ? "[%.*s]" : "%.*s", LT_ARG(url->host));
    if (url->port.len > 0)
        lt_buf_printf(out, ":%.*s", LT_ARG(url->port));
}

bool lt_url_resolve(lt_text base_text, lt_text ref_text, lt_buf *out)
{
    lt_url base, ref;
    if (!lt_url_split(base_text, &base) || base.scheme.len == 0 || !lt_url_split(ref_text, &ref))
        return false;
    if (ref.scheme.len > 0) {
        lt_buf_add(out, ref_text);
        return true;
    }
    const lt_url *authority = ref.has_authority ? &ref : &base;
    bool same_page = !ref.has_authority && ref.path.len == 0;
    const lt_url *query = same_page && !ref.has_query ? &base : &ref;

    lt_buf_printf(out, "%.*s:", LT_ARG(base.scheme));
    if (authority->has_authority)
        add_authority(authority, out);
    LT_AUTO(lt_buf) path = {.limit = 3 * (size_t)LT_URL_BYTES};
    if (same_page)
        lt_buf_add(&path, base.path);
    else if (ref.has_authority || lt_text_starts(ref.path, T("/")))
        lt_buf_add(&path, ref.path);
    else
        add_merged_path(&base, ref.path, &path);
    LT_AUTO(lt_buf) clean = {.limit = path.limit};
    if (same_page)
        lt_buf_add(&clean, lt_buf_text(&path));
    else
        add_without_dots(lt_buf_text(&path), &clean);
    if (!authority->has_authority && lt_text_starts(lt_buf_text(&clean), T("//")))
        lt_buf_add(out, T("/.")); /* else the path would be read as an authority */
    lt_buf_add(out, lt_buf_text(&clean));
    if (query->has_query)
        lt_buf_printf(out, "?%.*s", LT_ARG(query->query));
    if (ref.has_fragment)
        lt_buf_printf(out, "#%.*s", LT_ARG(ref.fragment));
    return true;
}

void lt_url_encode(lt_text text, lt_buf *out)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (lt_is_alpha((char)c) || lt_is_digit((char)c) || (c != 0 && strchr("-._~", c))) {
            lt_buf_add_byte(out, (char)c);
            continue;
        }
        lt_buf_add(out, lt_text_at((char[]){'%', hex[c >> 4], hex[c & 15]}, 3));
    }
}

bool lt_url_decode(lt_text text, bool plus, lt_buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '+' && plus) {
            c = ' ';
        } else if (c == '%') {
            int high = i + 2 < text.len ? lt_hex_value(text.ptr[i + 1]) : -1;
            int low = i + 2 < text.len ? lt_hex_value(text.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        lt_buf_add_byte(out, c);
    }
    return true;
}

bool lt_url_next_param(lt_text *rest, lt_text *name, lt_text *value)
{
    lt_text part;
    while (lt_text_cut(rest, '&', &part)) {
        if (part.len == 0)
            continue;
        size_t equals = lt_text_find_byte(part, '=', 0);
        *name = lt_text_sub(part, 0, equals);
        *value = equals == SIZE_MAX ? (lt_text){0} : lt_text_sub(part, equals + 1, part.len);
        return true;
    }
    return false;
}

/* Copy the URL so far without fragment and, if `drop` is given, without its parameters of that name; then add the new one. */
static void rebuild(lt_buf *url, const lt_text *drop, lt_text name, lt_text value)
{
    lt_text old = lt_buf_text(url);
    size_t hash = find_any(old, 0, "#");
    size_t mark = find_any(lt_text_sub(old, 0, hash), 0, "?");
    LT_AUTO(lt_buf) made = {.limit = url->limit};
    lt_buf_add(&made, lt_text_sub(old, 0, mark));
    char sep = '?';
    lt_text rest = mark < hash ? lt_text_sub(old, mark + 1, hash - mark - 1) : (lt_text){0};
    for (lt_text part; lt_text_cut(&rest, '&', &part);) {
        LT_AUTO(lt_buf) decoded = {.limit = LT_URL_BYTES};
        bool readable =
            lt_url_decode(lt_text_sub(part, 0, lt_text_find_byte(part, '=', 0)), true, &decoded);
        if (part.len == 0 || (drop && readable && lt_text_eq(lt_buf_text(&decoded), *drop)))
            continue;
        lt_buf_add_byte(&made, sep);
        lt_buf_add(&made, part);
        sep = '&';
    }
    lt_buf_add_byte(&made, sep);
    lt_url_encode(name, &made);
    lt_buf_add_byte(&made, '=');
    lt_url_encode(value, &made);
    lt_buf_add(&made, lt_text_sub(old, hash, old.len));
    lt_buf_clear(url);
    lt_buf_add(url, lt_buf_text(&made));
    url->overflow = url->overflow || made.overflow;
}

void lt_url_add_param(lt_buf *url, lt_text name, lt_text value)
{
    rebuild(url, NULL, name, value);
}

void lt_url_set_param(lt_buf *url, lt_text name, lt_text value)
{
    rebuild(url, &name, name, value);
}

/* Names are compared without '-' and '_', in lower case. */
static const char *const secret_names[] = {
    "authorization",
    "proxyauthorization",
    "cookie",
    "setcookie",
    "token",
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "apikey",
    "xapikey",
    "key",
    "appkey",
    "subscriptionkey",
    "secret",
    "clientsecret",
    "password",
    "passwd",
    "pwd",
    "sig",
    "signature",
    "xamzsignature",
    "xamzcredential",
    "xamzsecuritytoken",
    "auth",
    "code",
    "authtoken",
    "xauthtoken",
    "xaccesstoken",
};

bool lt_name_is_secret(lt_text name)
{
    char plain[32];
    size_t len = 0;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '-' || name.ptr[i] == '_')
            continue;
        if (len == sizeof(plain))
            return false;
        plain[len++] = lt_lower(name.ptr[i]);
    }
    for (size_t i = 0; i < LT_COUNT(secret_names); i++)
        if (lt_text_eq(lt_text_at(plain, len), lt_text_of(secret_names[i])))
            return true;
    return false;
}

void lt_url_show(lt_text text, lt_buf *out)
{
    size_t hash = find_any(text, 0, "#");
    size_t mark = find_any(lt_text_sub(text, 0, hash), 0, "?");
    lt_text front = lt_text_sub(text, 0, mark);
    size_t slashes = lt_text_find(front, T("//"), 0);
    size_t host = slashes == SIZE_MAX ? 0 : slashes + 2;
    size_t end = find_any(front, host, "/");
    for (size_t i = end; slashes != SIZE_MAX && i-- > host;)
        if (front.ptr[i] == '@') {
            lt_buf_add(out, lt_text_sub(front, 0, host));
            lt_buf_add(out, T("***"));
            front = lt_text_sub(front, i, front.len);
            break;
        }
    lt_buf_add(out, front);
    char sep = '?';
    lt_text rest = mark < hash ? lt_text_sub(text, mark + 1, hash - mark - 1) : (lt_text){0};
    for (lt_text name, value; lt_url_next_param(&rest, &name, &value);) {
        lt_buf_add_byte(out, sep);
        lt_buf_add(out, name);
        lt_buf_printf(out, "=%.*s", LT_ARG(lt_name_is_secret(name) ? T("***") : value));
        sep = '&';
    }
}
