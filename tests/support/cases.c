/* Cases that are text: reads them, runs them, shows every one that differs. */
#include "support/cases.h"
#include "support/test.h"

#include "base/fs.h"

void lt_cases_read(const char *file, lt_buf *out)
{
    lt_err err = {0};
    LT_AUTO(lt_chars) path = lt_format("%s/tests/cases/%s", LT_SOURCE_DIR, file);
    CHECK_OK(lt_file_read(path, out, &err), err);
}

static int hex(char c)
{
    const char digits[] = "0123456789abcdef";
    const char *found = memchr(digits, lt_lower(c), 16);
    return found ? (int)(found - digits) : -1;
}

/* "<hh>" and "<nl>" become bytes. */
static void decode(lt_text text, lt_buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        lt_text mark = lt_text_sub(text, i, 4);
        int high = -1, low = -1;
        if (mark.len == 4 && mark.ptr[0] == '<' && mark.ptr[3] == '>') {
            high = hex(mark.ptr[1]);
            low = hex(mark.ptr[2]);
        }
        bool line = lt_text_eq(mark, T("<nl>"));
        lt_buf_add_byte(out, line                    ? '\n'
                             : high >= 0 && low >= 0 ? (char)(unsigned char)(high * 16 + low)
                                                     : text.ptr[i]);
        if (line || (high >= 0 && low >= 0))
            i += 3;
    }
}

static size_t last_arrow(lt_text line)
{
    size_t found = SIZE_MAX;
    for (size_t at = 0; (at = lt_text_find(line, T("=>"), at)) != SIZE_MAX; at += 2)
        found = at;
    return found;
}

static bool run_line(const char *file, size_t number, lt_text line, lt_case_run *run)
{
    size_t arrow = last_arrow(line);
    LT_AUTO(lt_buf) input = {0}, expected = {0}, got = {0};
    CHECK(arrow != SIZE_MAX);
    decode(lt_text_trim(lt_text_sub(line, 0, arrow)), &input);
    decode(lt_text_trim(lt_text_sub(line, arrow + 2, line.len)), &expected);
    lt_case one = {.file = file,
                   .line = number,
                   .input = lt_text_at(lt_buf_chars(&input), input.len),
                   .expected = lt_buf_text(&expected)};
    run(&one, &got);
    if (lt_text_eq(lt_buf_text(&got), one.expected))
        return true;
    print_error("%s:%zu: %.*s gives\n  %s\nnot\n  %s\n", file, number, LT_ARG(one.input),
                lt_buf_chars(&got), lt_buf_chars(&expected));
    return false;
}

void lt_cases_run(const char *file, lt_case_run *run)
{
    LT_AUTO(lt_buf) all = {0};
    lt_cases_read(file, &all);
    lt_text rest = lt_buf_text(&all), line;
    size_t number = 0, ran = 0, failed = 0;
    while (lt_text_cut(&rest, '\n', &line)) {
        number++;
        if (lt_text_trim(line).len == 0 || line.ptr[0] == '#')
            continue;
        ran++;
        failed += !run_line(file, number, line, run);
    }
    CHECK(ran > 0);
    CHECK_INT(failed, 0);
}
