/* url.h - web addresses: take apart, put together, resolve, show without secrets.
 *
 * RFC 3986 as it is used on the web: nothing is normalised but what resolving needs. Any thread may call. */
#pragma once
#include "base/buf.h"

enum { LT_URL_BYTES = 16 * 1024 }; /* longer ones are refused */

/* The parts of a reference, all borrowed from its text. An absent part is empty; has_... tells "?" from nothing. */
typedef struct lt_url {
    lt_text scheme;
    lt_text user; /* "name:password" before the '@' */
    lt_text host; /* without the brackets of an IPv6 address */
    lt_text port; /* digits */
    lt_text path;
    lt_text query;    /* behind '?' */
    lt_text fragment; /* behind '#' */
    bool has_authority, has_query, has_fragment, is_ipv6;
} lt_url;

/* Split a URL or a relative reference. False: white space or control characters, a bad port or IPv6 address, too long. */
LT_MUST_CHECK bool lt_url_split(lt_text text, lt_url *out);
/* The same for an absolute http or https URL with a host; LT_INVALID says what is wrong. */
LT_MUST_CHECK lt_status lt_url_read(lt_text text, lt_url *out, lt_err *err);
unsigned lt_url_port(const lt_url *url); /* its number, or the scheme's own; 0 if unknown */
bool lt_url_same_origin(const lt_url *a, const lt_url *b); /* scheme, host and port */
bool lt_url_is_loopback(const lt_url *url);                /* localhost, 127.x.y.z, ::1 */

/* The same of what a Host header says: "localhost:8080", "127.0.0.1", "[::1]:8080". */
bool lt_url_host_is_loopback(lt_text host);

/* Append what `ref` means on the page `base` (RFC 3986 section 5.2). False: either is no URL. */
LT_MUST_CHECK bool lt_url_resolve(lt_text base, lt_text ref, lt_buf *out);

/* Append `text` with every byte but A-Z a-z 0-9 - . _ ~ as %XX. */
void lt_url_encode(lt_text text, lt_buf *out);
/* Append `text` with %XX as bytes, and '+' as a space if `plus`. False at a broken escape. */
LT_MUST_CHECK bool lt_url_decode(lt_text text, bool plus, lt_buf *out);

/* Add a parameter to the URL in `url`, encoded, before its fragment. */
void lt_url_add_param(lt_buf *url, lt_text name, lt_text value);
/* The same, but all parameters of that name are taken out first. */
void lt_url_set_param(lt_buf *url, lt_text name, lt_text value);
/* Step through the raw query: gives name and value as written. Start with *rest = url.query, call until false. */
bool lt_url_next_param(lt_text *rest, lt_text *name, lt_text *value);

/* Append the URL as people may see it: passwords, and the values of parameters whose names speak of secrets, as "***". */
void lt_url_show(lt_text text, lt_buf *out);
/* Is this the name of a parameter or header whose value is never shown ("api_key", "Authorization", "X-Amz-Signature")? */
bool lt_name_is_secret(lt_text name);
