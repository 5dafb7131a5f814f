/* Pages of a listing, joined, are the whole listing, whatever their size. */
#include "contract/store/contract.h"

#include "base/vec.h"

#include <stdlib.h>

static const char *const names[] = {"a",          "a/",
                                    "a/b",        "a/b/c",
                                    "a/b/d",      "a//x",
                                    "a!",         "ab",
                                    "b/1",        "b/2",
                                    "b/3/x",      "b/3/y",
                                    "b0",         "c/",
                                    "c/c/",       "d",
                                    "d--",        "d--e--f",
                                    "e--g",       "\xc3\xa9/x",
                                    "\xc3\xa9/y", "\xf0\x9f\x98\x80/1",
                                    "zz",         "zz/z",
                                    "~"};

/* Every kind of history: null versions, old versions, markers on top and below, keys with nothing but markers. */
static void fill(lt_store *store)
{
    lt_err err = {0};
    CHECK_OK(lt_bucket_create(store, T("raw"), LT_UNVERSIONED, &err), err);
    for (size_t i = 0; i < LT_COUNT(names); i += 2)
        lt_test_put(store, "raw", lt_text_of(names[i]), T("null"), NULL);
    CHECK_OK(lt_bucket_set_versioning(store, T("raw"), LT_VERSIONING_ENABLED, &err), err);
    for (size_t i = 0; i < LT_COUNT(names); i++)
        for (size_t j = 0; j < i % 4; j++) {
            lt_text key = lt_text_of(names[i]);
            if ((i + j) % 3 == 0)
                CHECK_OK(
                    lt_store_delete(store, T("raw"), key, (lt_text){0}, NULL, NULL, NULL, &err),
                    err);
            else
                lt_test_put(store, "raw", key, lt_text_sub(T("versions"), 0, j + 1), NULL);
        }
    CHECK_OK(lt_bucket_set_versioning(store, T("raw"), LT_VERSIONING_SUSPENDED, &err), err);
    for (size_t i = 0; i < LT_COUNT(names); i += 5)
        CHECK_OK(lt_store_delete(store, T("raw"), lt_text_of(names[i]), (lt_text){0}, NULL, NULL,
                                 NULL, &err),
                 err);
}

/* The listing by its definition, from the plain list of all versions. */
static char *by_definition(lt_store *store, const lt_list_request *request)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) out = {0};
    lt_listing all = {0};
    lt_list_request plain = {.versions = true};
    CHECK_OK(lt_store_list(store, T("raw"), &plain, &arena, &all, &err), err);
    CHECK(!all.more);
    lt_text last = {0};
    for (size_t i = 0; i < all.objects.len; i++) {
        const lt_object_info *object = &all.objects.items[i];
        lt_text key = object->key;
        if (!lt_text_starts(key, request->prefix) ||
            (!request->versions && (object->is_marker || !object->is_current)))
            continue;
        size_t at = request->delimiter.len
                        ? lt_text_find(key, request->delimiter, request->prefix.len)
                        : SIZE_MAX;
        lt_text group =
            at == SIZE_MAX ? (lt_text){0} : lt_text_sub(key, 0, at + request->delimiter.len);
        if (group.len && lt_text_eq(group, last))
            continue;
        last = group;
        lt_buf_add_str(&out, out.len ? " " : "");
        if (group.len)
            lt_buf_printf(&out, "%.*s|", LT_ARG(group));
        else if (object->is_marker)
            lt_buf_printf(&out, "%.*s=marker", LT_ARG(key));
        else
            lt_buf_printf(&out, "%.*s=%lld", LT_ARG(key), (long long)object->size_bytes);
        if (!group.len && request->versions)
            lt_buf_printf(&out, "%s%s", lt_text_eq(object->version_id, T("null")) ? "0" : "",
                          object->is_current ? "*" : "");
    }
    return out.data ? lt_buf_take(&out) : lt_xstrdup("");
}

static void check_pages_of_every_size_are_the_whole(lt_store *store)
{
    static const char *const prefixes[] = {"",    "a",  "a/",       "a/b",  "b/",
                                           "d--", "zz", "\xc3\xa9", "none", "~"};
    static const char *const delimiters[] = {"", "/", "--", "b"};
    fill(store);
    for (size_t i = 0; i < LT_COUNT(prefixes); i++)
        for (size_t j = 0; j < LT_COUNT(delimiters); j++)
            for (int versions = 0; versions < 2; versions++) {
                lt_list_request request = {.prefix = lt_text_of(prefixes[i]),
                                           .delimiter = lt_text_of(delimiters[j]),
                                           .versions = versions};
                LT_AUTO(lt_chars) whole = by_definition(store, &request);
                for (request.limit = 0; request.limit < 70;
                     request.limit += request.limit < 12 ? 1 : 19) {
                    LT_AUTO(lt_chars) pages = lt_test_list(store, "raw", &request);
                    CHECK_STR(pages, whole);
                }
            }
}
LT_CONTRACT(pages_of_every_size_are_the_whole)

static void check_versions_are_listed_newest_first(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_listing all = {0};
    lt_list_request plain = {.versions = true};
    fill(store);
    CHECK_OK(lt_store_list(store, T("raw"), &plain, &arena, &all, &err), err);
    for (size_t i = 0; i < all.objects.len; i++) {
        const lt_object_info *object = &all.objects.items[i];
        const lt_object_info *before = i ? &all.objects.items[i - 1] : NULL;
        bool same_key = before && lt_text_eq(before->key, object->key);
        CHECK(!before || lt_text_cmp(before->key, object->key) <= 0);
        CHECK(object->is_current == !same_key);
        CHECK(!same_key || before->written_at_us >= object->written_at_us);
    }
}
LT_CONTRACT(versions_are_listed_newest_first)

static lt_listing page_after(lt_store *store, lt_list_request request, lt_arena *arena)
{
    lt_err err = {0};
    lt_listing out = {0};
    CHECK_OK(lt_store_list(store, T("raw"), &request, arena, &out, &err), err);
    return out;
}

static void check_a_start_may_be_anything(lt_store *store)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_err err = {0};
    CHECK_OK(lt_bucket_create(store, T("raw"), LT_VERSIONING_ENABLED, &err), err);
    lt_text first = lt_test_put(store, "raw", T("k"), T("1"), &arena);
    lt_text second = lt_test_put(store, "raw", T("k"), T("2"), &arena);
    lt_test_put(store, "raw", T("m/1"), T("3"), NULL);
    lt_test_put(store, "raw", T("m/2"), T("4"), NULL);

    /* a key that is not there; a key alone means all of its versions; a key behind the prefix */
    CHECK_INT(page_after(store, (lt_list_request){.after_key = T("j")}, &arena).objects.len, 3);
    CHECK_INT(page_after(store, (lt_list_request){.after_key = T("k"), .versions = true}, &arena)
                  .objects.len,
              2);
    CHECK_INT(page_after(store, (lt_list_request){.after_key = T("z"), .prefix = T("m")}, &arena)
                  .objects.len,
              0);
    CHECK_INT(page_after(store, (lt_list_request){.after_key = T("a"), .prefix = T("m")}, &arena)
                  .objects.len,
              2);
    /* a key within a group shows the group again, the group itself does not */
    CHECK_INT(
        page_after(store, (lt_list_request){.after_key = T("m/1"), .delimiter = T("/")}, &arena)
            .prefixes.len,
        1);
    CHECK_INT(
        page_after(store, (lt_list_request){.after_key = T("m/"), .delimiter = T("/")}, &arena)
            .prefixes.len,
        0);
    /* a version that was deleted between two pages loses none of the older ones */
    lt_list_request within = {.after_key = T("k"), .after_version = second, .versions = true};
    CHECK_INT(page_after(store, within, &arena).objects.len, 3);
    CHECK_OK(lt_store_delete(store, T("raw"), T("k"), second, NULL, NULL, NULL, &err), err);
    CHECK_INT(page_after(store, within, &arena).objects.len, 3);
    within.after_version = T("null");
    CHECK_INT(page_after(store, within, &arena).objects.len, 3);
    within.after_version = first;
    CHECK_INT(page_after(store, within, &arena).objects.len, 2);

    lt_listing out;
    lt_list_request wrong = {.after_version = first, .versions = true};
    CHECK_STATUS(lt_store_list(store, T("raw"), &wrong, &arena, &out, &err), LT_INVALID, err);
    wrong = (lt_list_request){.prefix = T("\xff")};
    CHECK_STATUS(lt_store_list(store, T("raw"), &wrong, &arena, &out, &err), LT_INVALID, err);
    wrong = (lt_list_request){0};
    CHECK_STATUS(lt_store_list(store, T("none"), &wrong, &arena, &out, &err), LT_NOT_FOUND, err);
}
LT_CONTRACT(a_start_may_be_anything)
