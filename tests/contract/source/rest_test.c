/* REST extracts against the real api-server: every way of paging, every way in, every fault; each record exactly once. */
#include "base/mask.h"
#include "net/http_server.h"
#include "support/api_server.h"
#include "support/extract.h"

#include <stdio.h>

enum { ROWS = 137 };

typedef struct world {
    lt_test_api api;
    lt_test_extract *extract;
} world;

/* A source file for table t of the api: `source` and `resource` are more lines of it. */
static char *yaml(const lt_test_api *api, const char *source, const char *resource)
{
    return lt_format("name: shop\nkind: rest\nbase_url: %s/v1\n%s\nresources:\n  - name: t\n%s\n",
                     api->url, source, resource);
}

static world start(const char *const *options, const char *source, const char *resource)
{
    world w = {0};
    LT_AUTO(lt_chars) csv = lt_test_csv(lt_test_folder(), ROWS);
    w.api = lt_test_api_start("t", csv, options);
    LT_AUTO(lt_chars) text = yaml(&w.api, source, resource);
    w.extract = lt_test_extract_begin(text);
    return w;
}

static void finish(world *w)
{
    lt_test_extract_end(w->extract);
    lt_test_api_stop(&w->api);
}

static void check_whole(world *w, int rows)
{
    char wanted[64];
    (void)snprintf(wanted, sizeof(wanted), "%d/%d/%d", rows, rows, rows * (rows + 1) / 2);
    CHECK_STR(lt_test_extract_ask(w->extract,
                                  "SELECT count(*) || '/' || count(DISTINCT id) || '/' || sum(id) "
                                  "FROM {data}"),
              wanted);
}

static void extracts_whole(const char *const *options, const char *source, const char *resource)
{
    world w = start(options, source, resource);
    CHECK_OK(lt_test_extract_run(w.extract, "r1"), w.extract->err);
    CHECK(w.extract->result.committed);
    check_whole(&w, ROWS);
    finish(&w);
}

#define BY_NUMBER                                                                                  \
    "    path: /t\n    records: $.items[*]\n    key: [id]\n    paginate: {type: page_number, "     \
    "page_param: page, "                                                                           \
    "size_param: pageSize, size: 10, total: $.total}\n"
#define WITH_CURSOR BY_NUMBER "    cursor: {field: updated_at, param: since}\n"

Test(rest, reads_numbered_pages_in_parallel)
{
    extracts_whole(NULL, "", BY_NUMBER);
}

Test(rest, reads_numbered_pages_without_a_total)
{
    extracts_whole(
        NULL, "",
        "    path: /t\n    records: $.items\n    paginate: {type: page_number, page_param: "
        "page, size_param: pageSize, size: 10}");
}

Test(rest, reads_numbered_pages_by_their_count)
{
    extracts_whole(
        NULL, "",
        "    path: /t\n    records: $.items\n    paginate: {type: page_number, page_param: "
        "page, size_param: pageSize, size: 137, total_pages: $.totalPages}");
}

Test(rest, notices_that_the_server_gives_smaller_pages)
{
    const char *const options[] = {"--page-size", "7", NULL};
    extracts_whole(options, "", BY_NUMBER);
    extracts_whole(
        options, "",
        "    path: /t\n    records: $.items\n    paginate: {type: offset, size: 50, total: "
        "$.total}");
    extracts_whole(options, "",
                   "    path: /t\n    records: $.items\n    paginate: {type: offset, size: 50}");
}

Test(rest, reads_by_cursor_links_and_in_one_piece)
{
    extracts_whole(
        NULL, "",
        "    path: /t\n    records: $.items\n    params: {cursor: ''}\n    paginate: {type: "
        "cursor, size_param: limit, size: 10, next: $.next_cursor}");
    extracts_whole(
        NULL, "",
        "    path: /t/links\n    records: $.data.rows[*]\n    paginate: {type: next_link, "
        "size_param: pageSize, size: 10, next: $.links.next}");
    extracts_whole(NULL, "",
                   "    path: /t/links?pageSize=10\n    records: $.data.rows\n    paginate: {type: "
                   "link_header}");
    extracts_whole(NULL, "", "    path: /t/all");
}

Test(rest, gets_in_with_every_kind_of_credentials)
{
    const char *const options[] = {"--token", "sesame",    "--api-key", "sesame",
                                   "--basic", "me:sesame", NULL};
    extracts_whole(options, "auth: {type: bearer, token: '{{ secret }}'}", BY_NUMBER);
    extracts_whole(options,
                   "auth: {type: api_key, in: header, name: X-API-Key, value: '{{ secret }}'}",
                   BY_NUMBER);
    extracts_whole(options,
                   "auth: {type: api_key, in: query, name: api_key, value: '{{ secret }}'}",
                   BY_NUMBER);
    extracts_whole(options, "auth: {type: basic, username: me, password: '{{ secret }}'}",
                   BY_NUMBER);
}

/* The token is good for five requests only: it must be renewed while pages are read. */
Test(rest, renews_an_oauth2_token)
{
    world w = start((const char *const[]){"--oauth2", "id:sesame", "--oauth2-uses", "5", NULL}, "",
                    BY_NUMBER);
    LT_AUTO(lt_chars)
    auth = lt_format("parallel: 1\nauth: {type: oauth2, token_url: %s/oauth/token, client_id: id, "
                     "client_secret: '{{ secret }}'}",
                     w.api.url);
    LT_AUTO(lt_chars) text = yaml(&w.api, auth, BY_NUMBER);
    lt_test_extract_conf(w.extract, text);
    CHECK_OK(lt_test_extract_run(w.extract, "r1"), w.extract->err);
    check_whole(&w, ROWS);
    finish(&w);
}

Test(rest, says_what_to_do_when_the_token_is_refused)
{
    world w = start((const char *const[]){"--token", "other", NULL},
                    "auth: {type: bearer, token: '{{ secret }}'}", BY_NUMBER);
    CHECK_STATUS(lt_test_extract_run(w.extract, "r1"), LT_DENIED, w.extract->err);
    CHECK_HAS(w.extract->err.message, "sources/test.yml:4:");
    CHECK_HAS(w.extract->err.message, "refused the bearer token (401 Unauthorized)");
    CHECK_HAS(w.extract->err.hint, "expired");
    CHECK(!lt_has(w.extract->err.message, "sesame"));
    finish(&w);
}

Test(rest, a_token_refused_half_way_lands_nothing)
{
    world w = start((const char *const[]){"--token", "sesame", "--fault", "refuse:#9+", NULL},
                    "auth: {type: bearer, token: '{{ secret }}'}", BY_NUMBER);
    CHECK_STATUS(lt_test_extract_run(w.extract, "r1"), LT_DENIED, w.extract->err);
    lt_dataset_infos datasets = {0};
    CHECK_OK(lt_dataset_list(w.extract->store, &w.extract->arena, &datasets, &w.extract->err),
             w.extract->err);
    CHECK_INT(datasets.len, 0);
    finish(&w);
}

Test(rest, lands_with_types_and_a_record_of_the_cursor)
{
    world w = start(NULL, "", WITH_CURSOR);
    CHECK_OK(lt_test_extract_run(w.extract, "r1"), w.extract->err);
    CHECK_STR(lt_test_extract_types(w.extract),
              "id BIGINT, name VARCHAR, amount DOUBLE, day DATE, updated_at "
              "TIMESTAMP WITH TIME ZONE");
    CHECK_HAS(w.extract->result.commit.record_json.ptr,
              "\"cursor\":{\"field\":\"updated_at\",\"value\":\"2026-01-31T00:00:00.000000Z\"}");
    CHECK_TEXT(w.extract->result.prefix, "domain=shop/dataset=t/");
    CHECK_INT(w.extract->result.commit.mode, LT_COMMIT_APPEND);
    finish(&w);
}

Test(rest, reads_on_from_the_cursor)
{
    world w = start(NULL, "", WITH_CURSOR);
    lt_test_api_post(&w.api, "POST", "/admin/visible?table=t&rows=100");
    CHECK_OK(lt_test_extract_run(w.extract, "r1"), w.extract->err);
    check_whole(&w, 100);
    CHECK_OK(lt_test_extract_run(w.extract, "r2"), w.extract->err);
    CHECK(!w.extract->result.committed);
    CHECK_INT(w.extract->result.rows, 0);
    lt_test_api_post(&w.api, "POST", "/admin/visible?table=t&rows=137");
    CHECK_OK(lt_test_extract_run(w.extract, "r3"), w.extract->err);
    CHECK_INT(w.extract->result.rows, 37);
    CHECK_INT(w.extract->result.commit.sequence, 2);
    check_whole(&w, ROWS);
    finish(&w);
}

Test(rest, an_overlap_reads_late_records_again)
{
    world w = start((const char *const[]){"--period", "137d", NULL}, "",
                    BY_NUMBER "    cursor: {field: updated_at, param: since, overlap: 10d}\n");
    CHECK_OK(lt_test_extract_run(w.extract, "r1"), w.extract->err);
    CHECK_OK(lt_test_extract_run(w.extract, "r2"), w.extract->err);
    CHECK_INT(w.extract->result.rows, 10);
    CHECK_TEXT(w.extract->result.cursor, "\"2026-05-18T00:00:00.000000Z\"");
    finish(&w);
}

Test(rest, a_run_that_committed_before_it_died_does_not_append_twice)
{
    world w = start(NULL, "", WITH_CURSOR);
    CHECK_OK(lt_test_extract_run(w.extract, "r1"), w.extract->err);
    CHECK_OK(lt_test_extract_run(w.extract, "r1"), w.extract->err);
    CHECK(w.extract->result.was_done);
    CHECK_INT(w.extract->result.rows, ROWS);
    CHECK_INT(w.extract->result.commit.sequence, 1);
    finish(&w);
}

Test(rest, a_full_read_replaces)
{
    world w = start(NULL, "", BY_NUMBER);
    CHECK_OK(lt_test_extract_run(w.extract, "r1"), w.extract->err);
    lt_test_api_post(&w.api, "POST", "/admin/visible?table=t&rows=50");
    CHECK_OK(lt_test_extract_run(w.extract, "r2"), w.extract->err);
    check_whole(&w, 50);
    finish(&w);
}

/* ---- faults ---- */

static void survives(const char *fault)
{
    extracts_whole((const char *const[]){"--fault", fault, "--slow", "30", NULL}, "retries: 8",
                   BY_NUMBER);
}

Test(rest_fault, every_record_comes_once_whatever_the_server_does)
{
    static const char *const faults[] = {"429:0.2",     "500:0.2",   "502:#3",     "503:#1",
                                         "404:page=5!", "slow:0.2",  "hangup:0.1", "truncate:0.15",
                                         "broken:0.15", "twice:0.5", "grow:#6"};
    for (size_t i = 0; i < LT_COUNT(faults); i++)
        survives(faults[i]);
}

Test(rest_fault, all_of_them_at_once)
{
    extracts_whole((const char *const[]){"--fault", "429:0.05", "--fault", "500:0.05", "--fault",
                                         "broken:0.05", "--fault", "twice:0.3", "--fault",
                                         "grow:#5", "--fault", "404:page=4!", NULL},
                   "retries: 8", BY_NUMBER);
}

Test(rest_fault, records_that_go_away_are_said)
{
    world w = start((const char *const[]){"--fault", "shrink:#4", NULL}, "parallel: 1", BY_NUMBER);
    CHECK_OK(lt_test_extract_run(w.extract, "r1"), w.extract->err);
    check_whole(&w, ROWS - ROWS / 10);
    CHECK_HAS(w.extract->result.note.ptr, "spoke of 137 records, and 124 came");
    finish(&w);
}

/* The extract fails with `status` and a message that has `part`; nothing lands. */
static void fails(const char *fault, lt_status status, const char *part)
{
    bool never = lt_has(fault, "never");
    world w = start((const char *const[]){"--fault", fault, NULL},
                    never ? "retries: 0\ntimeout: 1s" : "retries: 2", BY_NUMBER);
    CHECK_STATUS(lt_test_extract_run(w.extract, "r1"), status, w.extract->err);
    CHECK_HAS(w.extract->err.message, part);
    CHECK_HAS(w.extract->err.message, "shop.t: ");
    lt_dataset_infos datasets = {0};
    CHECK_OK(lt_dataset_list(w.extract->store, &w.extract->arena, &datasets, &w.extract->err),
             w.extract->err);
    CHECK_INT(datasets.len, 0);
    finish(&w);
}

Test(rest_fault, broken_json_names_page_and_byte)
{
    fails("broken:page=4", LT_FAILED, "broken JSON at byte");
    fails("broken:page=4", LT_FAILED, "page=4");
}

Test(rest_fault, a_page_of_another_shape_says_what_is_there)
{
    fails("shape:page=4", LT_FAILED, "(page 4):1:1014: there is no $.items in the page");
}

Test(rest_fault, a_page_that_stays_away_is_an_error)
{
    fails("404:page=4", LT_FAILED, "404 Not Found");
    fails("404:page=1", LT_FAILED, "404 Not Found");
    fails("503:#1+", LT_IO, "503 Service Unavailable, 3 times");
}

Test(rest_fault, a_server_that_never_answers_is_given_up)
{
    fails("never:page=2", LT_IO, "timed out");
}

Test(rest_fault, stopping_lands_nothing)
{
    world w = start(NULL, "", BY_NUMBER);
    atomic_store(&w.extract->stop, true);
    CHECK_STATUS(lt_test_extract_run(w.extract, "r1"), LT_CANCELLED, w.extract->err);
    finish(&w);
}

/* ---- contracts ---- */

Test(rest_contract, types_freeze_names_column_types_page_and_record)
{
    world w =
        start(NULL, "",
              "    path: /t\n    records: $.items\n    contract: {types: freeze}\n    paginate: "
              "{type: page_number, size_param: pageSize, size: 10, total: $.total}");
    CHECK_OK(lt_test_extract_run(w.extract, "r1"), w.extract->err);
    lt_test_api_post(&w.api, "POST", "/admin/faults?add=type:page%3D3");
    CHECK_STATUS(lt_test_extract_run(w.extract, "r2"), LT_FAILED, w.extract->err);
    CHECK_HAS(w.extract->err.message,
              "(page 3), record 1: the column 'id' was BIGINT and would become JSON");
    check_whole(&w, ROWS);
    finish(&w);
}
