/* Short ways to write to and ask a store in tests. */
#include "support/store_help.h"

#include "support/test.h"

#include <stdlib.h>

lt_store *lt_test_store(const char *folder)
{
    lt_err err = {0};
    lt_store *store = NULL;
    LT_AUTO(lt_chars) url = folder ? lt_format("local:%s/store", folder) : lt_xstrdup("mem:");
    CHECK_OK(lt_store_open(url, &store, &err), err);
    return store;
}

lt_text lt_test_put(lt_store *store, const char *bucket, lt_text key, lt_text value,
                    lt_arena *arena)
{
    lt_err err = {0};
    lt_text_body body;
    lt_object_info info = {0};
    CHECK_OK(lt_store_put(store, lt_text_of(bucket), key, lt_body_from_text(&body, value), NULL,
                          arena, arena ? &info : NULL, &err),
             err);
    return info.version_id;
}

void lt_test_has(lt_store *store, const char *bucket, lt_text key, lt_text version_id,
                 lt_text value)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) got = {0};
    CHECK_OK(lt_store_get(store, lt_text_of(bucket), key, version_id, 0, SIZE_MAX, &got, &err),
             err);
    CHECK_INT(got.len, value.len);
    CHECK(lt_text_eq(lt_buf_text(&got), value));
}

void lt_test_has_not(lt_store *store, const char *bucket, lt_text key, lt_text version_id)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) got = {0};
    CHECK_STATUS(lt_store_get(store, lt_text_of(bucket), key, version_id, 0, SIZE_MAX, &got, &err),
                 LT_NOT_FOUND, err);
    CHECK_INT(got.len, 0);
}

static void write_listing(const lt_listing *listing, bool versions, lt_buf *out)
{
    size_t i = 0, j = 0;
    while (i < listing->objects.len || j < listing->prefixes.len) {
        const lt_object_info *object = i < listing->objects.len ? &listing->objects.items[i] : NULL;
        const lt_text *prefix = j < listing->prefixes.len ? &listing->prefixes.items[j] : NULL;
        if (out->len)
            lt_buf_add_byte(out, ' ');
        if (prefix && (!object || lt_text_cmp(*prefix, object->key) < 0)) {
            lt_buf_printf(out, "%.*s|", LT_ARG(*prefix));
            j++;
            continue;
        }
        if (object->is_marker)
            lt_buf_printf(out, "%.*s=marker", LT_ARG(object->key));
        else
            lt_buf_printf(out, "%.*s=%lld", LT_ARG(object->key), (long long)object->size_bytes);
        if (versions && lt_text_eq(object->version_id, T("null")))
            lt_buf_add_byte(out, '0');
        if (versions && object->is_current)
            lt_buf_add_byte(out, '*');
        i++;
    }
}

char *lt_test_list(lt_store *store, const char *bucket, const lt_list_request *request)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) out = {0};
    lt_listing listing = {0};
    lt_list_request all = request ? *request : (lt_list_request){0};
    do {
        CHECK_OK(lt_store_list(store, lt_text_of(bucket), &all, &arena, &listing, &err), err);
        CHECK(!listing.more || listing.objects.len + listing.prefixes.len ==
                                   (all.limit && all.limit < 1000 ? all.limit : 1000));
        CHECK(listing.more == (listing.next_key.len > 0));
        write_listing(&listing, all.versions, &out);
        all.after_key = listing.next_key;
        all.after_version = listing.next_version;
    } while (listing.more);
    return out.data ? lt_buf_take(&out) : lt_xstrdup("");
}

void lt_test_master_key(bool there)
{
    if (there)
        (void)setenv("LEAT_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", 1);
    else
        (void)unsetenv("LEAT_KEY");
}

char *lt_test_bytes(size_t size, uint32_t seed)
{
    char *bytes = lt_xmalloc(size + 1);
    uint32_t state = seed * 2654435761U + 1;
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525U + 1013904223U;
        bytes[i] = (char)(1 + (state >> 24) % 255);
    }
    bytes[size] = '\0';
    return bytes;
}

int64_t lt_test_check(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_check_report report = {0};
    CHECK_OK(lt_store_check(store, false, &arena, &report, &err), err);
    for (size_t i = 0; i < report.problems.len; i++)
        print_error("check: %.*s\n", LT_ARG(report.problems.items[i]));
    CHECK_INT(report.damaged, 0);
    CHECK_INT(report.missing, 0);
    CHECK_INT(report.problems.len, 0);
    return report.orphans;
}
