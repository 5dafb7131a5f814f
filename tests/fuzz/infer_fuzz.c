/* Any JSON records, a line each: types are found without harm, do not depend on the order, and can be written and read. */
#include "source/infer.h"

#include <stdlib.h>

static void add_type(const lt_infer *infer, lt_buf *out)
{
    lt_type_write(&infer->record, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const lt_text names[] = {{"id", 2}};
    lt_text key = names[0];
    lt_texts keys = {.items = &key, .len = 1, .cap = 1};
    lt_infer_options options = {.keys = size % 2 ? &keys : NULL, .cursor_field = {"at", 2}};
    lt_infer all, parts[2];
    lt_err err;
    LT_AUTO(lt_buf) one = {.limit = 16 * LT_MIB};
    LT_AUTO(lt_arena) arena = {0};
    lt_text rest = lt_text_at((const char *)data, size), line;
    bool good = true;
    lt_infer_init(&all, &options);
    lt_infer_init(&parts[0], &options);
    lt_infer_init(&parts[1], &options);
    for (int64_t i = 1; good && lt_text_cut(&rest, '\n', &line); i++) {
        line = lt_text_trim(line);
        if (line.len == 0 || line.ptr[0] != '{' || lt_json_check(line, NULL, &err) != LT_OK)
            continue;
        good = lt_infer_record(&all, line, 1, i, &err) == LT_OK &&
               lt_infer_record(&parts[i % 2], line, 1, i, &err) == LT_OK;
    }
    good = good && lt_infer_merge(&parts[0], &parts[1], &err) == LT_OK;
    if (good) {
        lt_type read;
        bool fields = all.record.fields.len > 0;
        lt_infer_order(&parts[0]);
        add_type(&all, &one);
        if (fields && (!lt_type_read(&arena, lt_buf_text(&one), &read) ||
                       !lt_type_eq(&all.record, &parts[0].record)))
            abort();
    }
    lt_infer_cleanup(&all);
    lt_infer_cleanup(&parts[0]);
    lt_infer_cleanup(&parts[1]);
    return 0;
}
