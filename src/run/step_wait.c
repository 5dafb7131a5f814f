/* Waiting for a moment, an object, a condition: looks, says what it saw, and is called again later. */
#include "base/time.h"
#include "run/inner.h"

#include <stdio.h>

/* What one look has found. */
typedef struct look {
    bool is_there;
    lt_buf output; /* members of the output, without braces */
    char detail[400];
} look;

/* ---- moments ---- */

/* "06:00" of the day on which the run believes to be. */
static bool time_of_day(lt_text text, int64_t clock_us, int64_t *moment)
{
    static const int64_t DAY_US = 86400000000LL, MINUTE_US = 60000000LL;
    int64_t hour, minute;
    if (text.len != 5 || text.ptr[2] != ':' || !lt_text_to_i64(lt_text_sub(text, 0, 2), &hour) ||
        !lt_text_to_i64(lt_text_sub(text, 3, 2), &minute) || hour > 23 || minute > 59 || hour < 0 ||
        minute < 0)
        return false;
    *moment = lt_divide_down(clock_us, DAY_US) * DAY_US + (hour * 60 + minute) * MINUTE_US;
    return true;
}

static lt_status until_moment(lt_work *work, const lt_conf_wait *wait, int64_t *moment, lt_err *err)
{
    lt_text text;
    if (!wait->until.raw.ptr) {
        *moment = work->task->record.started_at_us + wait->for_us;
        return LT_OK;
    }
    LT_TRY(lt_work_render(work, &wait->until, &text, err));
    if (lt_time_read(text, moment) || time_of_day(text, work->run->record->clock_us, moment))
        return LT_OK;
    return lt_conf_fail(wait->until.place, err,
                        "'until': '%.*s' is neither a moment nor a time of day such as 06:00",
                        LT_ARG(text));
}

static lt_status wait_for_time(lt_work *work, const lt_conf_wait *wait, lt_err *err)
{
    int64_t moment = 0;
    LT_TRY(until_moment(work, wait, &moment, err));
    if (lt_now_us() >= moment)
        return LT_OK;
    work->parks = true;
    work->wake_at_us = moment;
    work->waiting = (lt_waiting){.kind = T("time")};
    return LT_OK;
}

/* ---- objects ---- */

static size_t fixed_prefix(lt_text pattern)
{
    for (size_t i = 0; i < pattern.len; i++)
        if (memchr("*?[\\", pattern.ptr[i], 4))
            return i;
    return pattern.len;
}

static lt_status count_objects(lt_work *work, lt_text bucket, lt_text pattern, look *out,
                               lt_err *err)
{
    lt_list_request request = {.prefix = lt_text_sub(pattern, 0, fixed_prefix(pattern))};
    int64_t count = 0, size = 0;
    lt_text first = {0};
    lt_store *store = work->run->workspace->store;
    LT_AUTO(lt_store_ref) other = NULL;
    if (lt_text_starts(bucket, T("s3://"))) { /* any bucket on S3 */
        LT_TRY(lt_store_open("s3://", &other, err));
        store = other;
        bucket = lt_text_sub(bucket, strlen("s3://"), SIZE_MAX);
    }
    for (bool more = true; more;) {
        lt_listing listing = {0};
        LT_TRY(lt_store_list(store, bucket, &request, work->arena, &listing, err));
        for (size_t i = 0; i < listing.objects.len; i++) {
            const lt_object_info *object = &listing.objects.items[i];
            if (!lt_text_fits(object->key, pattern))
                continue;
            first = count++ ? first : object->key;
            size = count == 1 ? object->size_bytes : size;
        }
        more = listing.more;
        request.after_key = listing.next_key;
    }
    (void)snprintf(out->detail, sizeof(out->detail), "not there");
    out->is_there = count > 0;
    if (!count)
        return LT_OK;
    lt_buf_add_str(&out->output, "\"key\":");
    lt_json_quote(first, &out->output);
    lt_buf_printf(&out->output, ",\"size\":%lld,\"count\":%lld", (long long)size, (long long)count);
    return LT_OK;
}

static lt_status look_for_object(lt_work *work, const lt_conf_wait *wait, look *out, lt_err *err)
{
    lt_text bucket, key;
    LT_TRY(lt_work_render(work, &wait->object.bucket, &bucket, err));
    LT_TRY(lt_work_render(work, &wait->object.key, &key, err));
    work->waiting = (lt_waiting){
        .kind = T("object"),
        .what = lt_text_of(lt_arena_format(work->arena, "%.*s/%.*s", LT_ARG(bucket), LT_ARG(key)))};
    lt_status status = count_objects(work, bucket, key, out, err);
    if (status != LT_NOT_FOUND)
        return status;
    (void)snprintf(out->detail, sizeof(out->detail), "%.*s", LT_ARG(lt_conf_say(err, work->arena)));
    return LT_OK;
}

/* ---- conditions ---- */

static bool is_true(lt_text value)
{
    double number;
    if (lt_text_to_double(value, &number))
        return number != 0;
    return lt_text_eq_nocase(value, T("t")) || lt_text_eq_nocase(value, T("true"));
}

static lt_status look_at_sql(lt_work *work, const lt_conf_wait *wait, look *out, lt_err *err)
{
    lt_session *session = NULL;
    lt_text sql;
    lt_table table;
    bool more;
    work->waiting = (lt_waiting){.kind = T("sql")};
    LT_TRY(lt_work_render(work, &wait->sql, &sql, err));
    LT_TRY(lt_work_session(work, &session, err));
    LT_TRY(lt_query_table(session, sql, NULL, 0, 1, &more, work->arena, &table, err));
    lt_text value =
        table.row_count && table.column_count ? lt_table_cell(&table, 0, 0) : (lt_text){0};
    out->is_there = is_true(value);
    (void)snprintf(out->detail, sizeof(out->detail), "it gave %.*s",
                   LT_ARG(value.ptr ? lt_text_sub(value, 0, 200) : T("nothing")));
    lt_buf_add_str(&out->output, "\"value\":");
    lt_json_quote(value, &out->output);
    return LT_OK;
}

/* A server that cannot be reached is waited for too. */
static lt_status look_at_http(lt_work *work, const lt_conf_wait *wait, look *out, lt_err *err)
{
    LT_AUTO(lt_buf) answer = {.limit = LT_OUTPUT_MAX};
    lt_text url;
    LT_TRY(lt_work_render(work, &wait->http.url, &url, err));
    work->waiting = (lt_waiting){.kind = T("http"), .what = url};
    lt_status status = lt_step_send(work, &wait->http, &answer, err);
    if (status != LT_OK && status != LT_IO && status != LT_FAILED)
        return status;
    out->is_there = status == LT_OK;
    if (status != LT_OK)
        (void)snprintf(out->detail, sizeof(out->detail), "%.290s", err->message);
    lt_text text = lt_buf_text(&answer);
    if (text.len > 2)
        lt_buf_add(&out->output, lt_text_sub(text, 1, text.len - 2));
    return LT_OK;
}

/* ---- looking again ---- */

/* Half as long again each time, up to the most. */
static int64_t next_look_us(const lt_conf_wait *wait, int64_t looks)
{
    int64_t pause = wait->every_us, most = LT_MAX(wait->at_most_every_us, wait->every_us);
    for (int64_t i = 0; i < looks && pause < most; i++)
        pause += pause / 2;
    return LT_MIN(pause, most);
}

static lt_status finish(lt_work *work, const lt_conf_wait *wait, look *seen, bool late)
{
    const char *comma = seen->output.len ? "," : "";
    lt_buf_add_byte(&work->output, '{');
    if (seen->output.len)
        lt_buf_add(&work->output, lt_buf_text(&seen->output));
    if (wait->deadline_us)
        lt_buf_printf(&work->output, "%s\"late\":%s", comma, late ? "true" : "false");
    lt_buf_add_byte(&work->output, '}');
    return LT_OK;
}

static lt_status pass_deadline(lt_work *work, const lt_conf_wait *wait, look *seen, lt_err *err)
{
    char length[LT_TIME_CHARS];
    if (wait->fail != LT_CONF_YES) {
        lt_work_log(work, "the deadline has passed: it goes on without");
        return finish(work, wait, seen, true);
    }
    lt_ignore(lt_fail(err, LT_FAILED, "waited %s for %.*s%s: %s",
                      lt_length_write(wait->deadline_us, length),
                      LT_ARG(work->waiting.what.len ? work->waiting.what : work->waiting.kind),
                      work->waiting.what.len ? "" : " to become true", seen->detail));
    return lt_hint(err, "'fail: false' goes on all the same; 'deadline' gives it more time");
}

static lt_status look_once(lt_work *work, const lt_conf_wait *wait, look *seen, lt_err *err)
{
    LT_TRY(wait->object.bucket.raw.ptr ? look_for_object(work, wait, seen, err)
           : wait->sql.raw.ptr         ? look_at_sql(work, wait, seen, err)
                                       : look_at_http(work, wait, seen, err));
    int64_t now = lt_now_us();
    int64_t deadline = wait->deadline_us ? work->task->record.started_at_us + wait->deadline_us : 0;
    if (seen->is_there)
        return finish(work, wait, seen, false);
    if (deadline && now >= deadline)
        return pass_deadline(work, wait, seen, err);
    int64_t next = now + next_look_us(wait, work->task->looks++);
    work->parks = true;
    work->wake_at_us = deadline ? LT_MIN(next, deadline) : next;
    work->waiting.deadline_us = deadline;
    work->waiting.detail = lt_arena_text(work->arena, lt_text_of(seen->detail));
    return LT_OK;
}

lt_status lt_step_wait(lt_work *work, lt_err *err)
{
    const lt_conf_wait *wait = &work->step->task->wait;
    look seen = {.output = {.limit = LT_OUTPUT_MAX}};
    bool condition = wait->object.bucket.raw.ptr || wait->sql.raw.ptr || wait->http.url.raw.ptr;
    if (!condition)
        return wait_for_time(work, wait, err);
    lt_status status = look_once(work, wait, &seen, err);
    lt_buf_cleanup(&seen.output);
    return status;
}
