/* Warnings of `leat dbt` as dbt words them; deprecations are said once, counted, and summed up. */
#include "cli/dbt/work.h"

static const char title[] = "Deprecated functionality";

/* ---- lines of the printer's width, as Python's textwrap.fill() makes them ---- */

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static size_t chars_of(lt_text text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += (text.ptr[i] & 0xc0) != 0x80;
    return count;
}

/* The word or the blanks that `rest` begins with. */
static lt_text cut_run(lt_text *rest)
{
    size_t len = 0;
    bool blank = is_blank(rest->ptr[0]);
    while (len < rest->len && is_blank(rest->ptr[len]) == blank)
        len++;
    lt_text run = lt_text_sub(*rest, 0, len);
    *rest = lt_text_sub(*rest, len, SIZE_MAX);
    return run;
}

/* As many characters of a word as fit into what is left of a line. */
static lt_text cut_chars(lt_text *word, size_t room)
{
    size_t len = 0;
    for (size_t seen = 0; len < word->len; len++)
        if ((word->ptr[len] & 0xc0) != 0x80 && seen++ == room)
            break;
    lt_text head = lt_text_sub(*word, 0, len);
    *word = lt_text_sub(*word, len, SIZE_MAX);
    return head;
}

static void wrap_chunk(lt_text rest, size_t width, lt_buf *out)
{
    size_t used = 0, blanks = 0;
    while (rest.len) {
        lt_text run = cut_run(&rest);
        size_t count = chars_of(run);
        if (is_blank(run.ptr[0])) {
            blanks = used ? count : 0;
            continue;
        }
        while (used && count > width && used + blanks < width) { /* a word longer than a line */
            lt_buf_printf(out, "%*s", (int)blanks, "");
            lt_buf_add(out, cut_chars(&run, width - used - blanks));
            used = width;
            count = chars_of(run);
        }
        if (used && used + blanks + count > width) {
            lt_buf_add_byte(out, '\n');
            used = blanks = 0;
        }
        for (; count > width; count = chars_of(run)) {
            lt_buf_add(out, cut_chars(&run, width));
            lt_buf_add_byte(out, '\n');
        }
        lt_buf_printf(out, "%*s%.*s", (int)blanks, "", LT_ARG(run));
        used += blanks + count;
        blanks = 0;
    }
}

/* An empty line between two parts becomes the end of one. */
static void wrap(lt_text text, size_t width, lt_buf *out)
{
    for (bool first = true; text.len || first; first = false) {
        size_t end = LT_MIN(lt_text_find(text, T("\n\n"), 0), text.len);
        if (!first)
            lt_buf_add_byte(out, '\n');
        wrap_chunk(lt_text_sub(text, 0, end), width, out);
        text = lt_text_sub(text, LT_MIN(end + 2, text.len), SIZE_MAX);
    }
}

/* ---- one ---- */

static bool names_events(const dbt_work *work)
{
    lt_jinja_value said;
    return work->flags->project.type == LT_JINJA_DICT &&
           lt_jinja_find(work->flags->project, T("require_event_names_in_deprecations"), &said) &&
           lt_jinja_truth(said);
}

/* All behind the colored word. */
static void word(const dbt_work *work, const lt_dbt_event_facts *event, lt_text text, lt_buf *out)
{
    LT_AUTO(lt_buf) whole = {.limit = 128 * LT_KIB};
    LT_AUTO(lt_buf) wrapped = {.limit = 256 * LT_KIB};
    static const char tag[] = "[WARNING";
    bool flagged = names_events(work) && event->wording != LT_DBT_NAMELESS;
    bool named = event->wording == LT_DBT_NAMED || flagged;
    bool titled = event->wording >= LT_DBT_DEPRECATES_PLAINLY || flagged;
    lt_buf_add_str(&whole, tag);
    lt_buf_add_byte(&whole, ']');
    if (named)
        lt_buf_printf(&whole, "[%s]", event->name);
    lt_buf_printf(&whole, ": %s%s%.*s", titled ? title : "", titled ? "\n\n" : "", LT_ARG(text));
    if (event->wording == LT_DBT_DEPRECATES_PLAINLY)
        lt_buf_add(&wrapped, lt_buf_text(&whole));
    else
        wrap(lt_buf_text(&whole), (size_t)LT_MAX(work->flags->printer_width, (int64_t)20),
             &wrapped);
    lt_buf_add(out, lt_text_sub(lt_buf_text(&wrapped), strlen(tag), SIZE_MAX));
}

static void say(dbt_work *work, const lt_dbt_event_facts *event, lt_text text)
{
    LT_AUTO(lt_buf) worded = {.limit = 256 * LT_KIB};
    if (event->wording == LT_DBT_PLAINLY) {
        dbt_say(&work->log, LT_LOG_WARNING, event->code, event->name, "%.*s", LT_ARG(text));
        return;
    }
    if (event->wording == LT_DBT_WARNS)
        lt_buf_printf(&worded, "]: %.*s", LT_ARG(text));
    else
        word(work, event, text, &worded);
    dbt_say(&work->log, LT_LOG_WARNING, event->code, event->name, "[%sWARNING%s%.*s", DBT_YELLOW,
            DBT_PLAIN, LT_ARG(lt_buf_text(&worded)));
}

/* True: it has been said. */
static bool count(dbt_work *work, lt_dbt_event event)
{
    (void)pthread_mutex_lock(&work->counting);
    unsigned before = work->counted[event]++;
    if (!before)
        work->first_counted[work->counted_events++] = event;
    (void)pthread_mutex_unlock(&work->counting);
    return before && work->flags->show_all_deprecations != 1;
}

static lt_status warn(dbt_work *work, lt_dbt_event event, lt_text text, lt_err *err)
{
    const lt_dbt_event_facts *facts = lt_dbt_event_facts_of(event);
    if (dbt_warn_is_error(&work->warnings, facts)) {
        lt_ignore(lt_fail(err, LT_INVALID, "%.*s", LT_ARG(text)));
        return lt_hint(err,
                       "this is a warning (%s) that --warn-error or --warn-error-options made an "
                       "error",
                       facts->name);
    }
    bool known = facts->counts && count(work, event);
    if (!known && !dbt_warn_is_silent(&work->warnings, facts))
        say(work, facts, text);
    return LT_OK;
}

lt_status dbt_work_warn(dbt_work *work, lt_dbt_event event, lt_err *err, const char *format, ...)
{
    LT_AUTO(lt_buf) text = {.limit = 64 * LT_KIB};
    va_list args;
    va_start(args, format);
    lt_buf_vprintf(&text, format, args);
    va_end(args);
    return warn(work, event, lt_buf_text(&text), err);
}

lt_status dbt_work_say_warnings(dbt_work *work, size_t first, lt_err *err)
{
    const lt_dbt_warning_list *warnings = lt_dbt_warnings(work->dbt);
    for (size_t i = first; i < warnings->len; i++)
        LT_TRY(warn(work, warnings->items[i].event, warnings->items[i].text, err));
    return LT_OK;
}

/* ---- all ---- */

lt_status dbt_work_summary(dbt_work *work, lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = 64 * LT_KIB};
    if (!work->counted_events)
        return LT_OK;
    lt_buf_add_str(&text, "Summary of encountered deprecations:");
    for (size_t i = 0; i < work->counted_events; i++) {
        lt_dbt_event event = work->first_counted[i];
        unsigned times = work->counted[event];
        lt_buf_printf(&text, "\n\n- %s: %u occurrence%s", lt_dbt_event_facts_of(event)->name, times,
                      times == 1 ? "" : "s");
    }
    if (work->flags->show_all_deprecations != 1)
        lt_buf_add_str(
            &text, "\n\nTo see all deprecation instances instead of just the first occurrence of "
                   "each, run command again with the `--show-all-deprecations` flag. You may also "
                   "need to run with `--no-partial-parse` as some deprecations are only "
                   "encountered during parsing.");
    return warn(work, LT_DBT_SUMMARY, lt_buf_text(&text), err);
}
