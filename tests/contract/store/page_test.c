/* Whatever the page size: the pages of a listing, one behind the other, are the whole listing. */
#include "contract/store/contract.h"

#include <stdlib.h>

enum { STEPS = 120, NAMES = 12 };

static const char *const names[NAMES] = {"a",    "a/",   "a/b",  "a/b/c", "a/b--c",     "b",
                                         "b--x", "b--y", "c/d/", "c/d/e", "\xc3\xa9/x", "z"};

/* Puts, deletes and changes of versioning, the same each time. */
static void make_history(lt_store *store, uint32_t seed)
{
    lt_err err = {0};
    uint32_t state = seed;
    CHECK_OK(lt_bucket_create(store, T("raw"), LT_UNVERSIONED, &err), err);
    for (int i = 0; i < STEPS; i++) {
        state = state * 1664525U + 1013904223U;
        lt_text key = lt_text_of(names[(state >> 8) % NAMES]);
        uint32_t what = (state >> 16) % 10;
        if (i == STEPS / 4 || i == STEPS * 3 / 4)
            CHECK_OK(lt_bucket_set_versioning(store, T("raw"), LT_VERSIONING_ENABLED, &err), err);
        if (i == STEPS / 2)
            CHECK_OK(lt_bucket_set_versioning(store, T("raw"), LT_VERSIONING_SUSPENDED, &err), err);
        if (what < 6)
            lt_test_put(store, "raw", key, lt_text_at("0123456789", what), NULL);
        else
            CHECK_OK(lt_store_delete(store, T("raw"), key, T(""), NULL, NULL, NULL, &err), err);
    }
}

static void same_in_pages(lt_store *store, lt_list_request request)
{
    request.limit = 0;
    LT_AUTO(lt_chars) whole = lt_test_list(store, "raw", &request);
    for (request.limit = 1; request.limit <= STEPS + 1; request.limit++) {
        LT_AUTO(lt_chars) paged = lt_test_list(store, "raw", &request);
        CHECK_STR(paged, whole);
    }
}

static void check_pages_make_the_whole_listing(lt_store *store)
{
    static const struct {
        const char *prefix, *delimiter;
    } cases[] = {{"", ""},   {"", "/"},  {"a", "/"},  {"a/", "/"}, {"a/b", "/"},
                 {"", "--"}, {"b", "-"}, {"c/", "/"}, {"", "b"},   {"\xc3\xa9", "/"}};
    make_history(store, 7);
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        lt_list_request request = {.prefix = lt_text_of(cases[i].prefix),
                                   .delimiter = lt_text_of(cases[i].delimiter)};
        same_in_pages(store, request);
        request.versions = true;
        same_in_pages(store, request);
    }
}
LT_CONTRACT(pages_make_the_whole_listing)

/* A key alone as the marker: on behind all of its versions; with a version: on behind that one. */
static void check_markers_start_where_they_say(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_listing all = {0};
    lt_list_request request = {.versions = true};
    make_history(store, 11);
    CHECK_OK(lt_store_list(store, T("raw"), &request, &arena, &all, &err), err);
    CHECK(all.objects.len > 40);
    for (size_t i = 0; i < all.objects.len; i++) {
        const lt_object_info *at = &all.objects.items[i];
        lt_listing rest = {0};
        lt_list_request from = {
            .versions = true, .after_key = at->key, .after_version = at->version_id};
        CHECK_OK(lt_store_list(store, T("raw"), &from, &arena, &rest, &err), err);
        CHECK_INT(rest.objects.len, all.objects.len - i - 1);
        for (size_t j = 0; j < rest.objects.len; j++)
            CHECK(lt_text_eq(rest.objects.items[j].version_id,
                             all.objects.items[i + 1 + j].version_id));
        size_t behind = i + 1;
        while (behind < all.objects.len && lt_text_eq(all.objects.items[behind].key, at->key))
            behind++;
        from.after_version = (lt_text){0};
        rest = (lt_listing){0};
        CHECK_OK(lt_store_list(store, T("raw"), &from, &arena, &rest, &err), err);
        CHECK_INT(rest.objects.len, all.objects.len - behind);
    }
}
LT_CONTRACT(markers_start_where_they_say)
