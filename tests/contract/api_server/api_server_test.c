/* The api-server keeps what its header promises: every way of paging gives every record once, and faults come on demand. */
#include "fmt/json.h"
#include "net/http_client.h"
#include "net/link_header.h"
#include "support/api_server.h"

typedef struct asker {
    lt_test_api api;
    lt_http_client *client;
    lt_http_response response;
    lt_arena arena;
    lt_err err;
} asker;

static asker start(int rows, const char *const *options)
{
    asker a = {0};
    LT_AUTO(lt_chars) csv = lt_test_csv(lt_test_folder(), rows);
    a.api = lt_test_api_start("t", csv, options);
    a.client = lt_http_client_new(&(lt_http_options){.encoding = LT_ENCODING_ASK});
    return a;
}

static void finish(asker *a)
{
    lt_http_response_cleanup(&a->response);
    lt_http_client_free(a->client);
    lt_arena_cleanup(&a->arena);
    lt_test_api_stop(&a->api);
}

static int ask(asker *a, const char *path, const lt_http_header *header)
{
    LT_AUTO(lt_chars) url = path[0] == '/' ? lt_format("%s%s", a->api.url, path) : lt_xstrdup(path);
    lt_http_request request = {
        .url = lt_text_of(url), .headers = header, .header_count = header != NULL};
    CHECK_OK(lt_http_send(a->client, &request, &a->response, &a->err), a->err);
    return a->response.status;
}

static const lt_json *ask_json(asker *a, const char *path)
{
    lt_json *root = NULL;
    CHECK_INT(ask(a, path, NULL), 200);
    CHECK_OK(lt_json_read(lt_buf_text(&a->response.body), path, NULL, &a->arena, &root, &a->err),
             a->err);
    return root;
}

static void check_ids(const lt_json *items, int64_t first, size_t count)
{
    CHECK_INT(items->count, count);
    for (size_t i = 0; i < items->count; i++)
        CHECK_INT(lt_json_i64_or(&items->items[i], "id", -1), first + (int64_t)i);
}

Test(api_server, pages_by_number_offset_and_cursor)
{
    asker a = start(25, NULL);
    const lt_json *page = ask_json(&a, "/v1/t?page=3&pageSize=10");
    check_ids(lt_json_find(page, "items"), 21, 5);
    CHECK_INT(lt_json_i64_or(page, "totalPages", 0), 3);
    CHECK_INT(lt_json_i64_or(page, "total", 0), 25);
    check_ids(lt_json_find(ask_json(&a, "/v1/t?page=4&pageSize=10"), "items"), 0, 0);
    check_ids(lt_json_find(ask_json(&a, "/v1/t?offset=20&limit=3"), "items"), 21, 3);
    page = ask_json(&a, "/v1/t?cursor=&limit=20");
    check_ids(lt_json_find(page, "items"), 1, 20);
    CHECK_TEXT(lt_json_text_or(page, "next_cursor", T("")), "c14");
    page = ask_json(&a, "/v1/t?cursor=c14&limit=20");
    check_ids(lt_json_find(page, "items"), 21, 5);
    CHECK_INT(lt_json_find(page, "next_cursor")->kind, LT_JSON_NULL);
    check_ids(ask_json(&a, "/v1/t/all"), 1, 25);
    CHECK_TEXT(lt_json_text_or(ask_json(&a, "/v1/t/7"), "name", T("")), "n7");
    CHECK_INT(ask(&a, "/v1/t?page=0", NULL), 400);
    CHECK_INT(ask(&a, "/v1/none", NULL), 404);
    finish(&a);
}

Test(api_server, links_to_the_next_page)
{
    asker a = start(5, NULL);
    const lt_json *page = ask_json(&a, "/v1/t/links?pageSize=3");
    check_ids(lt_json_find(lt_json_find(page, "data"), "rows"), 1, 3);
    lt_text target = {0};
    CHECK(lt_link_find(lt_http_header_find(&a.response, T("Link")), T("next"), &target));
    lt_text next = lt_json_text_or(lt_json_find(page, "links"), "next", T(""));
    CHECK(lt_text_eq(next, target));
    LT_AUTO(lt_chars) url = lt_text_dup(next);
    page = ask_json(&a, url);
    check_ids(lt_json_find(lt_json_find(page, "data"), "rows"), 4, 2);
    CHECK_INT(lt_json_find(lt_json_find(page, "links"), "next")->kind, LT_JSON_NULL);
    finish(&a);
}

Test(api_server, gives_only_changes_since_a_moment)
{
    asker a = start(30, (const char *const[]){"--start", "2026-01-01", "--period", "30d", NULL});
    const lt_json *page = ask_json(&a, "/v1/t?since=2026-01-29T00:00:00Z");
    check_ids(lt_json_find(page, "items"), 29, 2);
    CHECK_TEXT(lt_json_text_or(&lt_json_find(page, "items")->items[0], "updated_at", T("")),
               "2026-01-30T00:00:00.000000Z");
    lt_test_api_post(&a.api, "POST", "/admin/visible?table=t&rows=29");
    CHECK_INT(lt_json_i64_or(ask_json(&a, "/v1/t?since=2026-01-29T00:00:00Z"), "total", 0), 1);
    finish(&a);
}

Test(api_server, admits_only_who_has_a_token)
{
    asker a = start(
        1, (const char *const[]){"--token", "abcd", "--api-key", "efgh", "--basic", "me:pw", NULL});
    CHECK_INT(ask(&a, "/v1/t", NULL), 401);
    CHECK_INT(ask(&a, "/v1/t", &(lt_http_header){T("Authorization"), T("Bearer abcd"), true}), 200);
    CHECK_INT(ask(&a, "/v1/t", &(lt_http_header){T("Authorization"), T("Bearer abc"), true}), 401);
    CHECK_INT(ask(&a, "/v1/t", &(lt_http_header){T("Authorization"), T("Basic bWU6cHc="), true}),
              200);
    CHECK_INT(ask(&a, "/v1/t", &(lt_http_header){T("X-API-Key"), T("efgh"), true}), 200);
    CHECK_INT(ask(&a, "/v1/t?api_key=efgh", NULL), 200);
    finish(&a);
}

Test(api_server, limits_the_rate)
{
    asker a = start(1, (const char *const[]){"--rate", "10", NULL});
    CHECK_INT(ask(&a, "/v1/t", NULL), 200);
    CHECK_INT(ask(&a, "/v1/t", NULL), 429);
    CHECK_TEXT(lt_http_header_find(&a.response, T("Retry-After")), "6");
    finish(&a);
}

Test(api_server, fails_when_it_is_told_to)
{
    asker a =
        start(100, (const char *const[]){"--fault", "500:#1", "--fault", "404:page=3!", "--fault",
                                         "broken:#4", "--fault", "twice:#5", NULL});
    CHECK_INT(ask(&a, "/v1/t", NULL), 500);
    CHECK_INT(ask(&a, "/v1/t?page=3&pageSize=10", NULL), 404);
    CHECK_INT(ask(&a, "/v1/t?page=3&pageSize=10", NULL), 200);
    CHECK_INT(ask(&a, "/v1/t?page=3&pageSize=10", NULL), 200);
    CHECK_STATUS(lt_json_check(lt_buf_text(&a.response.body), NULL, &a.err), LT_INVALID, a.err);
    check_ids(lt_json_find(ask_json(&a, "/v1/t?page=3&pageSize=10"), "items"), 20, 11);
    lt_test_api_post(&a.api, "POST", "/admin/faults?add=503:%236%2B");
    CHECK_INT(ask(&a, "/v1/t", NULL), 503);
    lt_test_api_post(&a.api, "DELETE", "/admin/faults");
    CHECK_INT(ask(&a, "/v1/t", NULL), 200);
    finish(&a);
}
