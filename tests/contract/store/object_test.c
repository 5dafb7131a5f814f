/* Objects and versions keep S3's rules in every back end. */
#include "contract/store/contract.h"

enum { LARGE = 300 * 1024 };

static void make_bucket(lt_store *store, lt_versioning versioning)
{
    lt_err err = {0};
    CHECK_OK(lt_bucket_create(store, T("raw"), versioning, &err), err);
}

static lt_text put(lt_store *store, lt_text key, lt_text value, lt_arena *arena)
{
    return lt_test_put(store, "raw", key, value, arena);
}

static void has(lt_store *store, lt_text key, lt_text value)
{
    lt_test_has(store, "raw", key, (lt_text){0}, value);
}

static void has_not(lt_store *store, lt_text key)
{
    lt_test_has_not(store, "raw", key, (lt_text){0});
}

static lt_object_info delete (lt_store *store, lt_text key, lt_text version_id, lt_arena *arena)
{
    lt_err err = {0};
    lt_object_info info = {0};
    CHECK_OK(lt_store_delete(store, T("raw"), key, version_id, NULL, arena, &info, &err), err);
    return info;
}

static void lists(lt_store *store, bool versions, const char *wanted)
{
    lt_list_request request = {.versions = versions};
    LT_AUTO(lt_chars) got = lt_test_list(store, "raw", &request);
    CHECK_STR(got, wanted);
}

/* ---------------------------------------------------------------- buckets */

static void check_buckets_are_made_listed_and_deleted(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_bucket_infos buckets = {0};
    lt_versioning versioning = LT_UNVERSIONED;
    CHECK_OK(lt_bucket_create(store, T("raw"), LT_VERSIONING_ENABLED, &err), err);
    CHECK_OK(lt_bucket_create(store, T("a.b-c"), LT_UNVERSIONED, &err), err);
    CHECK_STATUS(lt_bucket_create(store, T("raw"), LT_UNVERSIONED, &err), LT_CONFLICT, err);
    CHECK_HAS(err.message, "raw");
    CHECK_OK(lt_bucket_find(store, T("raw"), &versioning, &err), err);
    CHECK_INT(versioning, LT_VERSIONING_ENABLED);
    CHECK_OK(lt_bucket_list(store, &arena, &buckets, &err), err);
    CHECK_INT(buckets.len, 2);
    CHECK_TEXT(buckets.items[0].name, "a.b-c");
    CHECK(buckets.items[1].created_at_us > 0);
    CHECK_OK(lt_bucket_delete(store, T("a.b-c"), &err), err);
    CHECK_STATUS(lt_bucket_find(store, T("a.b-c"), &versioning, &err), LT_NOT_FOUND, err);
    CHECK_HAS(err.message, "a.b-c");
    CHECK_STATUS(lt_bucket_delete(store, T("a.b-c"), &err), LT_NOT_FOUND, err);
}
LT_CONTRACT(buckets_are_made_listed_and_deleted)

static void check_bucket_names_are_those_of_s3(lt_store *store)
{
    static const char *const bad[] = {
        "",     "ab",
        "Raw",  "a_b",
        "-ab",  "ab-",
        "a..b", "a/b",
        "../a", "1.2.3.4",
        "a b",  "\xc3\xa9t\xc3\xa9",
        ".ab",  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    lt_err err = {0};
    for (size_t i = 0; i < LT_COUNT(bad); i++)
        CHECK_STATUS(lt_bucket_create(store, lt_text_of(bad[i]), LT_UNVERSIONED, &err), LT_INVALID,
                     err);
    CHECK_STATUS(lt_bucket_create(store, T("abc\0d"), LT_UNVERSIONED, &err), LT_INVALID, err);
    CHECK_OK(lt_bucket_create(store, T("1.2.3.4.5"), LT_UNVERSIONED, &err), err);
}
LT_CONTRACT(bucket_names_are_those_of_s3)

static void check_versioning_never_goes_back(lt_store *store)
{
    lt_err err = {0};
    make_bucket(store, LT_UNVERSIONED);
    CHECK_OK(lt_bucket_set_versioning(store, T("raw"), LT_UNVERSIONED, &err), err);
    CHECK_OK(lt_bucket_set_versioning(store, T("raw"), LT_VERSIONING_SUSPENDED, &err), err);
    CHECK_OK(lt_bucket_set_versioning(store, T("raw"), LT_VERSIONING_ENABLED, &err), err);
    CHECK_STATUS(lt_bucket_set_versioning(store, T("raw"), LT_UNVERSIONED, &err), LT_INVALID, err);
}
LT_CONTRACT(versioning_never_goes_back)

static void check_a_bucket_with_a_marker_is_not_empty(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    make_bucket(store, LT_VERSIONING_ENABLED);
    lt_object_info marker = delete (store, T("k"), (lt_text){0}, &arena);
    CHECK_STATUS(lt_bucket_delete(store, T("raw"), &err), LT_CONFLICT, err);
    CHECK_HAS(err.message, "'k'");
    (void)delete (store, T("k"), marker.version_id, &arena);
    CHECK_OK(lt_bucket_delete(store, T("raw"), &err), err);
}
LT_CONTRACT(a_bucket_with_a_marker_is_not_empty)

/* ---------------------------------------------------------------- put and get */

static void check_put_says_what_it_made(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    make_bucket(store, LT_VERSIONING_ENABLED);
    lt_text_body body;
    lt_object_info made = {0}, found = {0};
    lt_put_options options = {.meta.content_type = T("text/plain")};
    CHECK_OK(lt_store_put(store, T("raw"), T("k"), lt_body_from_text(&body, T("hello")), &options,
                          &arena, &made, &err),
             err);
    CHECK_TEXT(made.key, "k");
    CHECK_TEXT(made.etag, "5d41402abc4b2a76b9719d911017c592");
    CHECK_TEXT(made.sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    CHECK_TEXT(made.meta.content_type, "text/plain");
    CHECK_INT(made.size_bytes, 5);
    CHECK(made.is_current && !made.is_marker && made.written_at_us > 0);
    CHECK(made.version_id.len > 8 && made.version_id.len <= LT_VERSION_ID_CHARS);
    CHECK_OK(lt_store_head(store, T("raw"), T("k"), made.version_id, &arena, &found, &err), err);
    CHECK(lt_text_eq(found.version_id, made.version_id) && lt_text_eq(found.etag, made.etag));
    put(store, T("empty"), T(""), NULL);
    has(store, T("empty"), T(""));
}
LT_CONTRACT(put_says_what_it_made)

static void check_bodies_of_every_size_come_back(lt_store *store)
{
    static const size_t sizes[] = {0,     1,      4095,       32767,          32768,  32769,
                                   65536, 262143, 256 * 1024, 256 * 1024 + 1, 1000003};
    lt_err err = {0};
    make_bucket(store, LT_UNVERSIONED);
    for (size_t i = 0; i < LT_COUNT(sizes); i++) {
        LT_AUTO(lt_chars) bytes = lt_test_bytes(sizes[i], (uint32_t)i);
        lt_text value = lt_text_at(bytes, sizes[i]);
        put(store, T("known"), value, NULL);
        has(store, T("known"), value);
        lt_text_body body;
        lt_body_from_text(&body, value)->size = -1;
        CHECK_OK(lt_store_put(store, T("raw"), T("unknown"), &body.body, NULL, NULL, NULL, &err),
                 err);
        has(store, T("unknown"), value);
    }
    CHECK_INT(lt_test_check(store), 0);
}
LT_CONTRACT(bodies_of_every_size_come_back)

static void check_a_body_that_lies_about_its_size_is_refused(lt_store *store)
{
    lt_err err = {0};
    make_bucket(store, LT_UNVERSIONED);
    LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, 1);
    static const int64_t lies[] = {0, 4, 6, LARGE - 1, LARGE + 1};
    for (size_t i = 0; i < LT_COUNT(lies); i++) {
        lt_text_body body;
        lt_body_from_text(&body, lt_text_at(bytes, i < 3 ? 5 : LARGE))->size = lies[i];
        CHECK_STATUS(lt_store_put(store, T("raw"), T("k"), &body.body, NULL, NULL, NULL, &err),
                     LT_INVALID, err);
    }
    has_not(store, T("k"));
}
LT_CONTRACT(a_body_that_lies_about_its_size_is_refused)

typedef struct failing_body {
    lt_body body;
    int reads; /* that go well */
} failing_body;

static lt_status fail_later(lt_body *body, char *out, size_t size, size_t *got, lt_err *err)
{
    failing_body *self = (failing_body *)body;
    if (self->reads-- == 0)
        return lt_fail(err, LT_CANCELLED, "the sender went away");
    memset(out, 'x', size);
    *got = size;
    return LT_OK;
}

static void check_a_body_that_fails_leaves_nothing(lt_store *store)
{
    lt_err err = {0};
    make_bucket(store, LT_UNVERSIONED);
    put(store, T("k"), T("old"), NULL);
    for (int reads = 0; reads < 3; reads++) {
        failing_body failing = {.body = {.read = fail_later, .size = -1}, .reads = reads};
        CHECK_STATUS(lt_store_put(store, T("raw"), T("k"), &failing.body, NULL, NULL, NULL, &err),
                     LT_CANCELLED, err);
        CHECK_STR(err.message, "the sender went away");
    }
    has(store, T("k"), T("old"));
    CHECK_INT(lt_test_check(store), 0);
}
LT_CONTRACT(a_body_that_fails_leaves_nothing)

static void check_get_says_what_is_missing(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) got = {.limit = 64};
    lt_object_info info;
    CHECK_STATUS(lt_store_get(store, T("raw"), T("k"), (lt_text){0}, 0, SIZE_MAX, &got, &err),
                 LT_NOT_FOUND, err);
    CHECK_HAS(err.message, "bucket 'raw'");
    make_bucket(store, LT_VERSIONING_ENABLED);
    CHECK_STATUS(lt_store_get(store, T("raw"), T("none"), (lt_text){0}, 0, SIZE_MAX, &got, &err),
                 LT_NOT_FOUND, err);
    CHECK_HAS(err.message, "raw/none");
    CHECK_STATUS(lt_store_head(store, T("raw"), T("none"), T("zzz"), &arena, &info, &err),
                 LT_NOT_FOUND, err);
    CHECK_HAS(err.message, "zzz");
    lt_text_body body;
    CHECK_STATUS(lt_store_put(store, T("rare"), T("k"), lt_body_from_text(&body, T("x")), NULL,
                              NULL, NULL, &err),
                 LT_NOT_FOUND, err);
}
LT_CONTRACT(get_says_what_is_missing)

static void check_ranges_are_cut_to_what_is_there(lt_store *store)
{
    lt_err err = {0};
    make_bucket(store, LT_UNVERSIONED);
    LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, 3);
    put(store, T("small"), T("0123456789"), NULL);
    put(store, T("large"), lt_text_at(bytes, LARGE), NULL);
    static const size_t ranges[][2] = {{0, 3},        {3, 4},        {9, 100},         {10, 1},
                                       {LARGE, 1},    {SIZE_MAX, 5}, {LARGE - 5, 100}, {100, 70000},
                                       {5, SIZE_MAX}, {0, 0}};
    for (size_t i = 0; i < LT_COUNT(ranges); i++) {
        LT_AUTO(lt_buf) small = {0};
        LT_AUTO(lt_buf) large = {0};
        CHECK_OK(lt_store_get(store, T("raw"), T("small"), (lt_text){0}, ranges[i][0], ranges[i][1],
                              &small, &err),
                 err);
        CHECK(lt_text_eq(lt_buf_text(&small),
                         lt_text_sub(T("0123456789"), ranges[i][0], ranges[i][1])));
        CHECK_OK(lt_store_get(store, T("raw"), T("large"), (lt_text){0}, ranges[i][0], ranges[i][1],
                              &large, &err),
                 err);
        CHECK(lt_text_eq(lt_buf_text(&large),
                         lt_text_sub(lt_text_at(bytes, LARGE), ranges[i][0], ranges[i][1])));
    }
}
LT_CONTRACT(ranges_are_cut_to_what_is_there)

static void check_get_keeps_the_limit_of_its_buffer(lt_store *store)
{
    lt_err err = {0};
    make_bucket(store, LT_UNVERSIONED);
    put(store, T("k"), T("0123456789"), NULL);
    LT_AUTO(lt_buf) got = {.limit = 12};
    lt_buf_add(&got, T("abc"));
    CHECK_STATUS(lt_store_get(store, T("raw"), T("k"), (lt_text){0}, 0, SIZE_MAX, &got, &err),
                 LT_TOO_BIG, err);
    CHECK_TEXT(lt_buf_text(&got), "abc");
    CHECK_OK(lt_store_get(store, T("raw"), T("k"), (lt_text){0}, 0, 9, &got, &err), err);
    CHECK_TEXT(lt_buf_text(&got), "abc012345678");
}
LT_CONTRACT(get_keeps_the_limit_of_its_buffer)

static void check_hostile_keys_are_taken_literally(lt_store *store)
{
    lt_err err = {0};
    make_bucket(store, LT_UNVERSIONED);
    LT_AUTO(lt_chars) most = lt_test_bytes(LT_KEY_BYTES + 1, 0);
    memset(most, 'k', LT_KEY_BYTES + 1);
    const lt_text keys[] = {T(".."),          T("../../etc/passwd"),
                            T("/"),           T("//"),
                            T("a"),           T("a/"),
                            T("a/b"),         T("a//b"),
                            T("a/./b"),       T("a/../b"),
                            T(" "),           T("%2F"),
                            T("\x01\n"),      T("'; DROP TABLE versions; --"),
                            T("%"),           T("_"),
                            T("A"),           T("\xc3\xa9"),
                            T("e\xcc\x81"),   T("\xf0\x9f\x98\x80"),
                            T("a=1/b=+ &?#"), lt_text_at(most, LT_KEY_BYTES)};
    for (size_t i = 0; i < LT_COUNT(keys); i++)
        put(store, keys[i], lt_text_at((const char *)&i, sizeof(i)), NULL);
    for (size_t i = 0; i < LT_COUNT(keys); i++)
        has(store, keys[i], lt_text_at((const char *)&i, sizeof(i)));
    const lt_text bad[] = {T(""),        lt_text_at(most, LT_KEY_BYTES + 1),
                           T("a\0b"),    T("\xff"),
                           T("a\xc3"),   T("\xed\xa0\x80"),
                           T("\xc0\xaf")};
    for (size_t i = 0; i < LT_COUNT(bad); i++) {
        lt_text_body body;
        CHECK_STATUS(lt_store_put(store, T("raw"), bad[i], lt_body_from_text(&body, T("x")), NULL,
                                  NULL, NULL, &err),
                     LT_INVALID, err);
        CHECK_STATUS(lt_store_delete(store, T("raw"), bad[i], (lt_text){0}, NULL, NULL, NULL, &err),
                     LT_INVALID, err);
    }
}
LT_CONTRACT(hostile_keys_are_taken_literally)

/* ---------------------------------------------------------------- versions */

static void check_an_unversioned_bucket_keeps_one(lt_store *store)
{
    LT_AUTO(lt_arena) arena = {0};
    make_bucket(store, LT_UNVERSIONED);
    CHECK_TEXT(put(store, T("k"), T("1"), &arena), "null");
    CHECK_TEXT(put(store, T("k"), T("22"), &arena), "null");
    lists(store, true, "k=20*");
    lt_test_has(store, "raw", T("k"), T("null"), T("22"));
    lt_object_info gone = delete (store, T("k"), (lt_text){0}, &arena);
    CHECK(!gone.is_marker);
    CHECK_TEXT(gone.version_id, "null");
    gone = delete (store, T("k"), (lt_text){0}, &arena);
    CHECK_INT(gone.version_id.len, 0);
    lists(store, true, "");
    has_not(store, T("k"));
}
LT_CONTRACT(an_unversioned_bucket_keeps_one)

static void check_an_enabled_bucket_keeps_all(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    make_bucket(store, LT_VERSIONING_ENABLED);
    lt_text first = put(store, T("k"), T("1"), &arena);
    lt_text second = put(store, T("k"), T("22"), &arena);
    CHECK(!lt_text_eq(first, second));
    lists(store, true, "k=2* k=1");
    lt_test_has(store, "raw", T("k"), first, T("1"));

    lt_object_info marker = delete (store, T("k"), (lt_text){0}, &arena), found;
    CHECK(marker.is_marker && marker.version_id.len);
    has_not(store, T("k"));
    CHECK_STATUS(lt_store_head(store, T("raw"), T("k"), (lt_text){0}, &arena, &found, &err),
                 LT_NOT_FOUND, err);
    CHECK_HAS(err.message, "delete marker");
    CHECK(found.is_marker && lt_text_eq(found.version_id, marker.version_id));
    CHECK_OK(lt_store_head(store, T("raw"), T("k"), marker.version_id, &arena, &found, &err), err);
    CHECK(found.is_marker);
    lt_test_has_not(store, "raw", T("k"), marker.version_id);
    lists(store, false, "");
    lists(store, true, "k=marker* k=2 k=1");

    (void)delete (store, T("k"), marker.version_id, &arena);
    has(store, T("k"), T("22"));
    (void)delete (store, T("k"), second, &arena);
    has(store, T("k"), T("1"));
    lists(store, true, "k=1*");
    (void)delete (store, T("k"), second, &arena); /* not there: fine */
    (void)delete (store, T("k"), first, &arena);
    lists(store, true, "");
}
LT_CONTRACT(an_enabled_bucket_keeps_all)

static void check_delete_markers_pile_up_in_an_enabled_bucket_only(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    make_bucket(store, LT_VERSIONING_ENABLED);
    for (int i = 0; i < 3; i++)
        (void)delete (store, T("k"), (lt_text){0}, &arena);
    lists(store, true, "k=marker* k=marker k=marker");
    CHECK_OK(lt_bucket_set_versioning(store, T("raw"), LT_VERSIONING_SUSPENDED, &err), err);
    for (int i = 0; i < 3; i++)
        CHECK_TEXT(delete (store, T("j"), (lt_text){0}, &arena).version_id, "null");
    lists(store, true, "j=marker0* k=marker* k=marker k=marker");
}
LT_CONTRACT(delete_markers_pile_up_in_an_enabled_bucket_only)

static void check_the_null_version_outlives_the_states(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    make_bucket(store, LT_UNVERSIONED);
    put(store, T("k"), T("1"), NULL);
    CHECK_OK(lt_bucket_set_versioning(store, T("raw"), LT_VERSIONING_ENABLED, &err), err);
    lt_text second = put(store, T("k"), T("22"), &arena);
    lists(store, true, "k=2* k=10");
    lt_test_has(store, "raw", T("k"), T("null"), T("1"));
    (void)delete (store, T("k"), second, &arena);
    has(store, T("k"), T("1"));
    lists(store, true, "k=10*");

    lt_text third = put(store, T("k"), T("333"), &arena);
    CHECK_OK(lt_bucket_set_versioning(store, T("raw"), LT_VERSIONING_SUSPENDED, &err), err);
    CHECK_TEXT(put(store, T("k"), T("4444"), &arena), "null");
    lists(store, true, "k=40* k=3");
    CHECK_TEXT(put(store, T("k"), T("55555"), &arena), "null");
    lists(store, true, "k=50* k=3");
    CHECK(delete (store, T("k"), (lt_text){0}, &arena).is_marker);
    CHECK(delete (store, T("k"), (lt_text){0}, &arena).is_marker);
    lists(store, true, "k=marker0* k=3");
    lt_test_has(store, "raw", T("k"), third, T("333"));
    CHECK_OK(lt_bucket_set_versioning(store, T("raw"), LT_VERSIONING_ENABLED, &err), err);
    put(store, T("k"), T("666666"), &arena);
    lists(store, true, "k=6* k=marker0 k=3");
    (void)delete (store, T("k"), T("null"), &arena);
    lists(store, true, "k=6* k=3");
    CHECK_INT(lt_test_check(store), 0);
}
LT_CONTRACT(the_null_version_outlives_the_states)

static void check_a_version_id_belongs_to_its_key(lt_store *store)
{
    LT_AUTO(lt_arena) arena = {0};
    make_bucket(store, LT_VERSIONING_ENABLED);
    lt_text id = put(store, T("a"), T("1"), &arena);
    put(store, T("b"), T("2"), &arena);
    lt_test_has_not(store, "raw", T("b"), id);
    lt_test_has_not(store, "raw", T("a"), T("null"));
    lt_test_has_not(store, "raw", T("a"), T("ffffffffffffffffffffffffffffffff"));
    (void)delete (store, T("b"), id, &arena);
    lists(store, true, "a=1* b=1*");
}
LT_CONTRACT(a_version_id_belongs_to_its_key)

static void check_restore_brings_back_what_was(lt_store *store)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_object_info info = {0};
    make_bucket(store, LT_VERSIONING_ENABLED);
    lt_text first = put(store, T("k"), T("1"), &arena);
    put(store, T("k"), T("22"), &arena);
    CHECK_OK(lt_store_restore(store, T("raw"), T("k"), first, &arena, &info, &err), err);
    CHECK(!lt_text_eq(info.version_id, first) && info.is_current);
    has(store, T("k"), T("1"));
    lists(store, true, "k=1* k=2 k=1");
    lt_object_info marker = delete (store, T("k"), (lt_text){0}, &arena);
    CHECK_STATUS(lt_store_restore(store, T("raw"), T("k"), marker.version_id, &arena, &info, &err),
                 LT_INVALID, err);
    CHECK_OK(lt_store_restore(store, T("raw"), T("k"), (lt_text){0}, NULL, NULL, &err), err);
    has(store, T("k"), T("1"));
    CHECK_OK(lt_store_restore(store, T("raw"), T("k"), (lt_text){0}, NULL, NULL, &err), err);
    lists(store, true, "k=1* k=marker k=1 k=2 k=1");
    CHECK_STATUS(lt_store_restore(store, T("raw"), T("none"), (lt_text){0}, NULL, NULL, &err),
                 LT_NOT_FOUND, err);
    CHECK_OK(lt_bucket_set_versioning(store, T("raw"), LT_VERSIONING_SUSPENDED, &err), err);
    CHECK_TEXT(put(store, T("k"), T("333"), &arena), "null");
    CHECK_OK(lt_store_restore(store, T("raw"), T("k"), first, &arena, &info, &err), err);
    CHECK_TEXT(info.version_id, "null");
    has(store, T("k"), T("1"));
    CHECK_OK(lt_bucket_create(store, T("flat"), LT_UNVERSIONED, &err), err);
    CHECK_STATUS(lt_store_restore(store, T("flat"), T("k"), (lt_text){0}, NULL, NULL, &err),
                 LT_INVALID, err);
}
LT_CONTRACT(restore_brings_back_what_was)

/* ---------------------------------------------------------------- conditions */

static lt_status put_when(lt_store *store, lt_text value, lt_when when, lt_err *err)
{
    lt_text_body body;
    lt_put_options options = {.when = &when};
    return lt_store_put(store, T("raw"), T("k"), lt_body_from_text(&body, value), &options, NULL,
                        NULL, err);
}

static void check_conditions_hold_or_nothing_happens(lt_store *store)
{
    lt_err err = {0};
    make_bucket(store, LT_VERSIONING_ENABLED);
    LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, 5);
    const lt_text one = T("c4ca4238a0b923820dcc509a6f75849b"); /* MD5 of "1" */
    CHECK_STATUS(put_when(store, T("1"), (lt_when){.etag = one}, &err), LT_NOT_FOUND, err);
    CHECK_OK(put_when(store, T("1"), (lt_when){.absent = true}, &err), err);
    CHECK_STATUS(put_when(store, T("2"), (lt_when){.absent = true}, &err), LT_CONFLICT, err);
    CHECK_STATUS(put_when(store, lt_text_at(bytes, LARGE), (lt_when){.absent = true}, &err),
                 LT_CONFLICT, err);
    CHECK_STATUS(put_when(store, T("2"), (lt_when){.etag = T("other")}, &err), LT_CONFLICT, err);
    CHECK_HAS(err.message, "raw/k");
    has(store, T("k"), T("1"));
    CHECK_OK(put_when(store, T("2"), (lt_when){.etag = one}, &err), err);
    CHECK_OK(put_when(store, T("1"), (lt_when){.etag = T("*")}, &err), err);
    lt_when when = {.etag = T("other")};
    CHECK_STATUS(lt_store_delete(store, T("raw"), T("k"), (lt_text){0},
                                 &(lt_delete_options){.when = &when}, NULL, NULL, &err),
                 LT_CONFLICT, err);
    when.etag = one;
    CHECK_OK(lt_store_delete(store, T("raw"), T("k"), (lt_text){0},
                             &(lt_delete_options){.when = &when}, NULL, NULL, &err),
             err);
    CHECK_STATUS(lt_store_delete(store, T("raw"), T("k"), (lt_text){0},
                                 &(lt_delete_options){.when = &when}, NULL, NULL, &err),
                 LT_NOT_FOUND, err);
    CHECK_STATUS(put_when(store, T("1"), (lt_when){.etag = one}, &err), LT_NOT_FOUND, err);
    CHECK_OK(put_when(store, T("3"), (lt_when){.absent = true}, &err),
             err); /* a marker is absence */
    CHECK_INT(lt_test_check(store), 0);
}
LT_CONTRACT(conditions_hold_or_nothing_happens)
