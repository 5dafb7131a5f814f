/* Keeps the greatest cursor value and writes where to read on. */
#include "source/watermark.h"

#include "base/time.h"

#include <stdio.h>

void lt_mark_cleanup(lt_mark *mark)
{
    lt_buf_cleanup(&mark->raw);
    *mark = (lt_mark){0};
}

/* The inside of a string token; escapes are resolved only where there are any. */
static lt_text string_inside(lt_text raw, lt_buf *scratch)
{
    if (lt_text_find_byte(raw, '\\', 0) == SIZE_MAX)
        return lt_text_sub(raw, 1, raw.len - 2);
    lt_json_unescape(raw, scratch);
    return lt_buf_text(scratch);
}

static bool read_value(lt_text raw, lt_mark *out)
{
    if (raw.ptr[0] != '"') {
        out->kind = LT_MARK_NUMBER;
        return lt_json_to_double(raw, &out->number);
    }
    LT_AUTO(lt_buf) scratch = {.limit = 64 * LT_KIB};
    bool is_time = lt_time_read(string_inside(raw, &scratch), &out->moment_us);
    out->kind = is_time ? LT_MARK_TIME : LT_MARK_TEXT;
    return true;
}

static bool is_greater(const lt_mark *value, lt_text raw, const lt_mark *than)
{
    int64_t a, b;
    if (value->kind == LT_MARK_TIME)
        return value->moment_us > than->moment_us;
    if (value->kind == LT_MARK_TEXT)
        return lt_text_cmp(raw, lt_buf_text(&than->raw)) > 0;
    if (lt_json_to_i64(raw, &a) && lt_json_to_i64(lt_buf_text(&than->raw), &b))
        return a > b; /* exact, also beyond 2^53 */
    return value->number > than->number;
}

lt_status lt_mark_feed(lt_mark *mark, lt_text raw, lt_err *err)
{
    lt_mark value = {0};
    if (lt_text_eq(raw, lt_buf_text(&mark->raw)) || lt_text_eq(raw, T("null")))
        return LT_OK;
    if (raw.len == 0 || raw.len > 4096 || strchr("{[tf", raw.ptr[0]) || !read_value(raw, &value))
        return lt_fail(err, LT_FAILED,
                       "holds %.*s, which is no number, moment or text to read on from",
                       LT_ARG(lt_text_sub(raw, 0, 60)));
    if (mark->kind != LT_MARK_NONE && mark->kind != value.kind)
        return lt_fail(err, LT_FAILED, "holds %.*s, which cannot be compared with %.*s",
                       LT_ARG(lt_text_sub(raw, 0, 60)), LT_ARG(lt_buf_text(&mark->raw)));
    if (mark->kind == LT_MARK_NONE || is_greater(&value, raw, mark)) {
        lt_buf_clear(&mark->raw);
        lt_buf_add(&mark->raw, raw);
        mark->kind = value.kind;
        mark->number = value.number;
        mark->moment_us = value.moment_us;
    }
    return LT_OK;
}

lt_status lt_mark_merge(lt_mark *into, const lt_mark *from, lt_err *err)
{
    return from->kind == LT_MARK_NONE ? LT_OK : lt_mark_feed(into, lt_buf_text(&from->raw), err);
}

/* ---- asking again ---- */

static lt_text write_moment(int64_t moment_us, lt_conf_cursor_format format, lt_arena *arena)
{
    char text[LT_TIME_CHARS];
    const char *written = lt_time_write(moment_us, text);
    switch (format) {
    case LT_CONF_DATE:
        return lt_arena_text(arena, lt_text_sub(lt_text_of(written), 0, 10));
    case LT_CONF_ISO:
        return lt_text_of(lt_arena_format(arena, "%.19sZ", written));
    case LT_CONF_UNIX:
        return lt_text_of(
            lt_arena_format(arena, "%lld", (long long)lt_divide_down(moment_us, 1000000)));
    case LT_CONF_UNIX_MS:
        return lt_text_of(
            lt_arena_format(arena, "%lld", (long long)lt_divide_down(moment_us, 1000)));
    case LT_CONF_AS_IS:
        break;
    }
    return lt_arena_text(arena, lt_text_of(written));
}

/* A moment as it was written, minus the overlap: a date stays a date. */
static lt_text earlier(lt_text value, int64_t moment_us, const lt_conf_cursor *cursor,
                       lt_arena *arena)
{
    if (cursor->format != LT_CONF_AS_IS)
        return write_moment(moment_us - cursor->overlap_us, cursor->format, arena);
    if (cursor->overlap_us == 0)
        return lt_arena_text(arena, value);
    return write_moment(moment_us - cursor->overlap_us,
                        value.len == 10 ? LT_CONF_DATE : LT_CONF_AS_IS, arena);
}

/* A number is a moment when the conf says so (unix, unix_ms); else a counter, from which an overlap takes nothing away. */
static lt_status ask_number(lt_text raw, const lt_conf_cursor *cursor, lt_arena *arena,
                            lt_text *out, lt_err *err)
{
    double number = 0;
    bool seconds = cursor->format == LT_CONF_UNIX, millis = cursor->format == LT_CONF_UNIX_MS;
    if (!seconds && !millis && cursor->overlap_us > 0) {
        lt_ignore(
            lt_conf_fail(cursor->place, err,
                         "the cursor '%.*s' holds numbers, so an overlap in time needs a format",
                         LT_ARG(cursor->field)));
        return lt_hint(err, "set format: unix or unix_ms, or leave the overlap out");
    }
    if ((!seconds && !millis) || cursor->overlap_us == 0) {
        *out = lt_arena_text(arena, raw);
        return LT_OK;
    }
    if (!lt_json_to_double(raw, &number) || number < -1e13 || number > 1e13)
        return lt_conf_fail(cursor->place, err,
                            "the cursor '%.*s' stopped at %.*s, which is no moment",
                            LT_ARG(cursor->field), LT_ARG(raw));
    int64_t moment_us = (int64_t)(number * (seconds ? 1e6 : 1e3));
    *out = write_moment(moment_us - cursor->overlap_us, cursor->format, arena);
    return LT_OK;
}

lt_status lt_mark_ask(lt_text raw, const lt_conf_cursor *cursor, lt_arena *arena, lt_text *out,
                      lt_err *err)
{
    int64_t moment_us;
    if (raw.len == 0 || raw.ptr[0] != '"')
        return ask_number(raw, cursor, arena, out, err);
    lt_text value = lt_json_string_in(arena, raw);
    if (lt_time_read(value, &moment_us)) {
        *out = earlier(value, moment_us, cursor, arena);
        return LT_OK;
    }
    if (cursor->overlap_us > 0)
        return lt_conf_fail(cursor->place, err,
                            "the cursor '%.*s' stopped at '%.*s', which is no moment: no overlap",
                            LT_ARG(cursor->field), LT_ARG(value));
    *out = value;
    return LT_OK;
}
