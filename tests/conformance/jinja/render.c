/* Render templates for a comparison with Jinja 2 itself: read them from standard input, answer on standard output.
 *
 * The first message is a Python literal, the dict of variables; each one behind it a template. A message is its length (4 bytes, of this
 * machine) and its bytes. An answer is one byte, 'O' (output), 'C' (does not compile) or 'R' (fails when it is rendered), and a message. */
#include "jinja/jinja.h"

#include <stdio.h>

enum { MAX_MESSAGE = LT_MIB };

static bool read_message(lt_buf *in)
{
    uint32_t len;
    char block[4096];
    lt_buf_clear(in);
    if (fread(&len, sizeof(len), 1, stdin) != 1 || len > MAX_MESSAGE)
        return false;
    while (in->len < len) {
        size_t got = fread(block, 1, LT_MIN(sizeof(block), len - in->len), stdin);
        if (!got)
            return false;
        lt_buf_add(in, lt_text_at(block, got));
    }
    return true;
}

static void answer(char kind, lt_text text)
{
    uint32_t len = (uint32_t)text.len;
    (void)fwrite(&kind, 1, 1, stdout);
    (void)fwrite(&len, sizeof(len), 1, stdout);
    (void)fwrite(text.ptr, 1, text.len, stdout);
    (void)fflush(stdout);
}

static void render(lt_text variables, lt_text source)
{
    lt_jinja_env env = {.max_steps = 2000000};
    lt_jinja_heap heap = {0};
    lt_jinja_context context = {0};
    lt_err err = {0};
    char kind = 'C';
    LT_AUTO(lt_jinja_template_ref) compiled = NULL;
    LT_AUTO(lt_buf) out = {.limit = LT_MIB};
    lt_status status = lt_jinja_literal(&heap, variables, &context.vars, &err);
    if (status == LT_OK)
        status = lt_jinja_compile(&env, T("t"), source, &compiled, NULL, &err);
    if (status == LT_OK) {
        kind = 'R';
        status = lt_jinja_render_text(compiled, &context, &heap, &out, NULL, &err);
    }
    if (status == LT_OK)
        answer('O', lt_buf_text(&out));
    else
        answer(kind, lt_text_of(err.message));
    lt_jinja_heap_cleanup(&heap);
}

int main(void)
{
    LT_AUTO(lt_buf) variables = {0};
    LT_AUTO(lt_buf) source = {0};
    if (!read_message(&variables))
        return 2;
    while (read_message(&source))
        render(lt_buf_text(&variables), lt_buf_text(&source));
    return 0;
}
