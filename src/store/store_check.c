/* What the arguments of the store's calls must be, for every back end. */
#include "store/store_ops.h"

enum { HEADER_BYTES = 2048, TAG_BYTES = 1024 };

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || lt_is_digit(c);
}

/* Four numbers with dots between: hosts, not buckets. */
static bool is_address(lt_text name)
{
    size_t dots = 0;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] != '.' && !lt_is_digit(name.ptr[i]))
            return false;
        dots += name.ptr[i] == '.';
    }
    return dots == 3;
}

lt_status lt_arg_bucket(lt_text name, lt_err *err)
{
    bool good = name.len >= 3 && name.len <= 63 && is_name_char(name.ptr[0]) &&
                is_name_char(name.ptr[name.len - 1]) && !is_address(name);
    for (size_t i = 1; good && i + 1 < name.len; i++) {
        char c = name.ptr[i], before = name.ptr[i - 1];
        good = is_name_char(c) || c == '-' || (c == '.' && before != '.');
    }
    if (good)
        return LT_OK;
    lt_ignore(
        lt_store_fail(err, LT_WHY_BAD_BUCKET_NAME, "'%.*s' is no name for a bucket", LT_ARG(name)));
    return lt_hint(err, "3 to 63 of a-z, 0-9, '-' and single '.', with a letter or digit at both "
                        "ends, and no IP address");
}

/* Text that may stand in the index: UTF-8 without NUL. */
lt_status lt_arg_text(lt_text text, size_t most, const char *what, lt_err *err)
{
    if (text.len > most)
        return lt_store_fail(err, LT_WHY_BAD_ARGUMENT, "the %s is longer than %zu bytes", what,
                             most);
    if (text.len && memchr(text.ptr, '\0', text.len))
        return lt_store_fail(err, LT_WHY_BAD_ARGUMENT, "the %s has a NUL byte in it", what);
    if (lt_utf8_valid_len(text) != text.len)
        return lt_store_fail(err, LT_WHY_BAD_ARGUMENT, "the %s is not UTF-8", what);
    return LT_OK;
}

lt_status lt_arg_key(lt_text key, lt_err *err)
{
    if (!key.len)
        return lt_store_fail(err, LT_WHY_BAD_KEY, "the key is empty");
    if (key.len > LT_KEY_BYTES)
        return lt_store_fail(err, LT_WHY_KEY_TOO_LONG, "the key is longer than %d bytes",
                             LT_KEY_BYTES);
    return lt_arg_text(key, LT_KEY_BYTES, "key", err);
}

lt_status lt_arg_object(lt_object_name name, lt_err *err)
{
    LT_TRY(lt_arg_bucket(name.bucket, err));
    LT_TRY(lt_arg_key(name.key, err));
    return lt_arg_text(name.version_id, LT_KEY_BYTES, "version id", err);
}

/* ---------------------------------------------------------------- metadata and tags */

static bool has_control(lt_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
            return true;
    return false;
}

static lt_status check_header(lt_text value, const char *what, lt_err *err)
{
    LT_TRY(lt_arg_text(value, HEADER_BYTES, what, err));
    if (has_control(value))
        return lt_store_fail(err, LT_WHY_BAD_ARGUMENT, "the %s has a control character in it",
                             what);
    return LT_OK;
}

/* A token of HTTP, since it becomes the name of a header; in lower case. */
static bool is_user_name(lt_text name)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < name.len; i++)
        if (!is_name_char(name.ptr[i]) &&
            !memchr(others, (unsigned char)name.ptr[i], sizeof(others) - 1))
            return false;
    return name.len > 0;
}

static lt_status check_user(const lt_pairs *user, lt_err *err)
{
    size_t bytes = 0;
    for (size_t i = 0; i < user->len; i++) {
        const lt_pair *pair = &user->items[i];
        bytes += pair->name.len + pair->value.len;
        if (bytes > LT_USER_META_BYTES)
            return lt_store_fail(err, LT_WHY_METADATA_TOO_LARGE,
                                 "the user metadata is larger than %d bytes", LT_USER_META_BYTES);
        if (!is_user_name(pair->name))
            return lt_store_fail(err, LT_WHY_BAD_ARGUMENT, "'%.*s' is no name of user metadata",
                                 LT_ARG(pair->name));
        LT_TRY(check_header(pair->value, "user metadata", err));
    }
    return LT_OK;
}

lt_status lt_arg_meta(lt_object_meta *meta, lt_err *err)
{
    const struct {
        lt_text value;
        const char *what;
    } headers[] = {{meta->content_type, "content type"},
                   {meta->cache_control, "cache control"},
                   {meta->content_disposition, "content disposition"},
                   {meta->content_encoding, "content encoding"},
                   {meta->content_language, "content language"},
                   {meta->expires, "expiry"},
                   {meta->website_redirect, "redirect"},
                   {meta->storage_class, "storage class"}};
    for (size_t i = 0; i < LT_COUNT(headers); i++)
        LT_TRY(check_header(headers[i].value, headers[i].what, err));
    LT_TRY(check_user(&meta->user, err));
    if (!meta->content_type.len)
        meta->content_type = T("application/octet-stream");
    if (lt_text_eq(meta->storage_class, T("STANDARD")))
        meta->storage_class = (lt_text){0};
    return LT_OK;
}

static size_t count_chars(lt_text text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return count;
}

static lt_status check_tag(const lt_pairs *tags, size_t at, lt_err *err)
{
    const lt_pair *tag = &tags->items[at];
    LT_TRY(lt_arg_text(tag->name, TAG_BYTES, "name of a tag", err));
    LT_TRY(lt_arg_text(tag->value, TAG_BYTES, "value of a tag", err));
    if (!tag->name.len || count_chars(tag->name) > LT_TAG_NAME_CHARS)
        return lt_store_fail(err, LT_WHY_BAD_TAG, "the name of a tag has 1 to %d characters",
                             LT_TAG_NAME_CHARS);
    if (count_chars(tag->value) > LT_TAG_VALUE_CHARS)
        return lt_store_fail(err, LT_WHY_BAD_TAG, "the value of the tag '%.*s' is longer than %d",
                             LT_ARG(tag->name), LT_TAG_VALUE_CHARS);
    for (size_t i = 0; i < at; i++)
        if (lt_text_eq(tags->items[i].name, tag->name))
            return lt_store_fail(err, LT_WHY_BAD_TAG, "the tag '%.*s' is given twice",
                                 LT_ARG(tag->name));
    return LT_OK;
}

lt_status lt_arg_tags(const lt_pairs *tags, lt_err *err)
{
    if (tags->len > LT_TAGS)
        return lt_store_fail(err, LT_WHY_BAD_TAG, "an object has at most %d tags", LT_TAGS);
    for (size_t i = 0; i < tags->len; i++)
        LT_TRY(check_tag(tags, i, err));
    return LT_OK;
}

lt_status lt_arg_sum_kind(lt_sum_kind kind, lt_err *err)
{
    if (kind < LT_SUM_COUNT)
        return LT_OK;
    return lt_store_fail(err, LT_WHY_BAD_ARGUMENT, "%d is no kind of checksum", (int)kind);
}

lt_status lt_not_made(const lt_store *store, const char *what, lt_err *err)
{
    return lt_store_fail(err, LT_WHY_NOT_MADE, "%s has no %s", store->ops->called, what);
}
