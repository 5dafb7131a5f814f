/* Opens the store of a project, reads addresses, walks listings. */
#include "cli/store_address.h"

#include "conf/conf.h"

static lt_status find_urls(lt_app *app, const char *home, const char **url, const char **s3_url,
                           lt_err *err)
{
    lt_err not_here = {0};
    const char *root;
    lt_project *project;
    *url = lt_arena_format(&app->arena, "local:%s/store", home);
    *s3_url = "s3://";
    if (lt_app_project(app, &root, &not_here) != LT_OK)
        return LT_OK; /* --home without a project */
    LT_TRY(lt_project_load(root, &(lt_project_options){.alone = true}, &app->arena, &project, err));
    *url = lt_conf_store_url(&project->store, home, &app->arena);
    if (!lt_text_starts(project->store.url, T("s3://")))
        return LT_OK;
    lt_conf_store service = project->store;
    service.url = T("s3://");
    *s3_url = lt_conf_store_url(&service, home, &app->arena);
    return LT_OK;
}

lt_status lt_app_store(lt_app *app, lt_store **out, lt_err *err)
{
    const char *home, *url, *s3_url;
    LT_TRY(lt_app_home(app, &home, err));
    LT_TRY(find_urls(app, home, &url, &s3_url, err));
    return lt_store_open(url, out, err);
}

lt_status lt_app_s3(lt_app *app, lt_store **out, lt_err *err)
{
    const char *url, *s3_url;
    LT_TRY(find_urls(app, "", &url, &s3_url, err));
    return lt_store_open(s3_url, out, err);
}

bool lt_address_is_s3(const char *text)
{
    return lt_text_starts(lt_text_of(text), T("s3://"));
}

lt_status lt_address_read(const char *text, bool needs_key, lt_address *out, lt_err *err)
{
    lt_text rest = lt_text_of(text), bucket;
    if (lt_text_starts(rest, T("store://")))
        rest = lt_text_sub(rest, strlen("store://"), SIZE_MAX);
    else if (lt_address_is_s3(text))
        rest = lt_text_sub(rest, strlen("s3://"), SIZE_MAX);
    bool has_key = lt_text_cut(&rest, '/', &bucket) && rest.len;
    if (bucket.len && (has_key || !needs_key)) {
        *out = (lt_address){bucket, rest};
        return LT_OK;
    }
    lt_ignore(lt_fail(err, LT_INVALID, "'%s' names no %s", text, bucket.len ? "object" : "bucket"));
    return lt_hint(err, "write %s", needs_key ? "BUCKET/KEY" : "BUCKET or BUCKET/PREFIX");
}

lt_status lt_app_store_at(lt_app *app, const char *text, bool needs_key, lt_store **out,
                          lt_address *at, lt_err *err)
{
    LT_TRY(lt_address_read(text, needs_key, at, err));
    return lt_address_is_s3(text) ? lt_app_s3(app, out, err) : lt_app_store(app, out, err);
}

static lt_status visit_page(const lt_listing *page, lt_object_visit *visit, void *context,
                            lt_err *err)
{
    for (size_t i = 0; i < page->prefixes.len; i++) {
        lt_object_info folder = {.key = page->prefixes.items[i]};
        LT_TRY(visit(context, &folder, true, err));
    }
    for (size_t i = 0; i < page->objects.len; i++)
        LT_TRY(visit(context, &page->objects.items[i], false, err));
    return LT_OK;
}

lt_status lt_store_walk(lt_store *store, lt_text bucket, const lt_list_request *request,
                        lt_object_visit *visit, void *context, lt_err *err)
{
    lt_arena pages[2] = {{0}, {0}}; /* the place to go on from lives in the page before */
    lt_list_request next = *request;
    lt_status status = LT_OK;
    bool more = true;
    for (size_t i = 0; more && status == LT_OK; i ^= 1) {
        lt_listing page = {0};
        lt_arena_cleanup(&pages[i]);
        status = lt_store_list(store, bucket, &next, &pages[i], &page, err);
        if (status == LT_OK)
            status = visit_page(&page, visit, context, err);
        next.after_key = page.next_key;
        next.after_version = page.next_version;
        more = page.more;
    }
    lt_arena_cleanup(&pages[0]);
    lt_arena_cleanup(&pages[1]);
    return status;
}
