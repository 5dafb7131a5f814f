/* Hands out pages to workers and learns from what they bring. */
#include "source/pager.h"

void lt_pager_init(lt_pager *pager, const lt_conf_paginate *conf)
{
    *pager = (lt_pager){.conf = conf, .full = conf->size, .highest = -1, .told = -1, .total = -1};
    pager->numbered = conf->type == LT_CONF_PAGE_NUMBER || conf->type == LT_CONF_OFFSET;
    pager->next.limit = 64 * LT_KIB;
    pager->next_ready = true; /* the first page needs no address */
    (void)pthread_mutex_init(&pager->lock, NULL);
    (void)pthread_cond_init(&pager->changed, NULL);
}

void lt_pager_cleanup(lt_pager *pager)
{
    lt_buf_cleanup(&pager->next);
    (void)pthread_cond_destroy(&pager->changed);
    (void)pthread_mutex_destroy(&pager->lock);
}

/* All known pages have landed: is there perhaps one more? Some servers give their last page for every later one, so what they
 * say counts for more than a full page. The lock is held. */
static bool may_have_more(const lt_pager *pager)
{
    if (pager->told >= 0)
        return pager->highest + 1 < pager->told;
    if (pager->last_records == 0)
        return false;
    return pager->last_records >= pager->full;
}

static int64_t value_of(const lt_pager *pager, int64_t index)
{
    if (pager->conf->type == LT_CONF_OFFSET)
        return index * (pager->full > 0 ? pager->full : 1);
    return pager->conf->first_page + index;
}

/* True: *out is filled. The lock is held. */
static bool take_numbered(lt_pager *pager, lt_page_request *out)
{
    bool probe = false;
    if (pager->given > pager->last) {
        if (pager->in_flight > 0)
            return false;
        if (!may_have_more(pager)) {
            pager->over = true;
            return false;
        }
        pager->last = pager->given;
        probe = pager->total_known;
    }
    out->index = pager->given++;
    out->value = value_of(pager, out->index);
    out->probe = probe;
    out->counts = out->index == 0 || out->index >= pager->last;
    return true;
}

static bool take_chained(lt_pager *pager, lt_page_request *out)
{
    if (!pager->next_ready)
        return false;
    pager->next_ready = false;
    out->index = pager->given++;
    out->probe = out->counts = false;
    lt_buf_clear(&out->next);
    out->next.limit = pager->next.limit;
    lt_buf_add(&out->next, lt_buf_text(&pager->next));
    return true;
}

bool lt_pager_take(lt_pager *pager, lt_page_request *out)
{
    bool taken = false;
    (void)pthread_mutex_lock(&pager->lock);
    while (!pager->over) {
        bool waits_for_first = pager->numbered && pager->given > 0 && !pager->first_landed;
        if (!waits_for_first)
            taken = pager->numbered ? take_numbered(pager, out) : take_chained(pager, out);
        if (taken || pager->over)
            break;
        (void)pthread_cond_wait(&pager->changed, &pager->lock);
    }
    pager->in_flight += taken;
    if (pager->over)
        (void)pthread_cond_broadcast(&pager->changed);
    (void)pthread_mutex_unlock(&pager->lock);
    return taken;
}

/* -1: the page does not say. */
static int64_t pages_told(const lt_pager *pager, const lt_page_info *info)
{
    if (info->total >= 0 && pager->full > 0)
        return LT_MAX(info->total_pages, (info->total + pager->full - 1) / pager->full);
    return info->total_pages;
}

/* The first page says how many there are, and how many records a full one has: a server may give less than was asked for. */
static void learn_from_first(lt_pager *pager, const lt_page_info *info)
{
    bool complete = (info->total >= 0 && info->total <= info->records) ||
                    (info->total < 0 && info->total_pages >= 0 && info->total_pages <= 1);
    pager->first_landed = true;
    pager->total = info->total;
    pager->full = complete ? LT_MAX(pager->conf->size, info->records) : info->records;
    int64_t pages = pages_told(pager, info);
    pager->total_known = pages >= 0;
    pager->last = LT_MAX(pages - 1, 0);
}

/* Some servers give their last page for every later one when they say how many there are; else nothing would end it. */
static bool is_the_same_again(const lt_pager *pager, const lt_page_request *request,
                              const lt_page_info *info)
{
    return info->hash && info->hash == pager->hash && request->index == pager->highest + 1 &&
           info->records > 1 && pages_told(pager, info) < 0;
}

static lt_status land_numbered(lt_pager *pager, const lt_page_request *request,
                               const lt_page_info *info, lt_err *err)
{
    if (request->index == 0)
        learn_from_first(pager, info);
    if (is_the_same_again(pager, request, info)) {
        lt_ignore(lt_fail(err, LT_FAILED, "the page is the same as the one before, byte for byte"));
        return lt_hint(err, "does the server heed the page parameter? check paginate; or use "
                            "'type: single'");
    }
    if (request->index >= pager->highest) {
        pager->hash = info->hash;
        pager->highest = request->index;
        pager->last_records = info->missing ? 0 : info->records;
        pager->told = request->counts && !info->missing ? pages_told(pager, info) : -1;
    }
    int64_t most = pager->conf->max_pages;
    if (most > 0 && pager->last >= most) {
        lt_ignore(lt_fail(err, LT_FAILED, "there are more than %lld pages", (long long)most));
        return lt_hint(err, "if that is right, raise paginate.max_pages");
    }
    return LT_OK;
}

static lt_status land_chained(lt_pager *pager, const lt_page_request *request,
                              const lt_page_info *info, lt_err *err)
{
    pager->first_landed = true;
    if (info->next.len == 0) {
        pager->over = true;
        return LT_OK;
    }
    if (lt_text_eq(info->next, lt_buf_text(&request->next))) {
        lt_ignore(lt_fail(err, LT_FAILED, "the page names itself as the next one ('%.*s')",
                          LT_ARG(lt_text_sub(info->next, 0, 200))));
        return lt_hint(err, "check paginate.next, or tell the people who run the API");
    }
    if (pager->conf->max_pages > 0 && pager->given >= pager->conf->max_pages) {
        lt_ignore(lt_fail(err, LT_FAILED, "there are more than %lld pages",
                          (long long)pager->conf->max_pages));
        return lt_hint(err, "if that is right, raise paginate.max_pages");
    }
    lt_buf_clear(&pager->next);
    lt_buf_add(&pager->next, info->next);
    pager->next_ready = true;
    return lt_buf_check(&pager->next, "the address of the next page", err);
}

lt_status lt_pager_landed(lt_pager *pager, const lt_page_request *request, const lt_page_info *info,
                          lt_err *err)
{
    (void)pthread_mutex_lock(&pager->lock);
    pager->in_flight--;
    pager->pages += !info->missing;
    pager->records += info->records;
    lt_status status = LT_OK;
    if (pager->numbered)
        status = land_numbered(pager, request, info, err);
    else
        status = land_chained(pager, request, info, err);
    if (pager->conf->type == LT_CONF_SINGLE || status != LT_OK)
        pager->over = true;
    (void)pthread_cond_broadcast(&pager->changed);
    (void)pthread_mutex_unlock(&pager->lock);
    return status;
}

void lt_pager_stop(lt_pager *pager)
{
    (void)pthread_mutex_lock(&pager->lock);
    pager->over = true;
    (void)pthread_cond_broadcast(&pager->changed);
    (void)pthread_mutex_unlock(&pager->lock);
}
