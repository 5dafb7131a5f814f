/* Fuzz: any bytes as JSON. What is read can be written, and reads back to the same bytes. */
#include "fmt/json.h"

#include <stdlib.h>

static void must(bool fact)
{
    if (!fact)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) once = {0}, twice = {0};
    lt_json *root, *again;
    lt_text text = lt_text_at((const char *)data, size);
    lt_status checked = lt_json_check(text, NULL, &err);
    lt_json_options options = {.last_key_wins = true, .node_limit = 100000};
    lt_status read = lt_json_read(text, NULL, &options, &arena, &root, &err);
    must(read == checked || read == LT_TOO_BIG);
    if (read != LT_OK)
        return 0;
    lt_json_writer first = {.out = &once, .indent = (unsigned)(size % 3)},
                   second = {.out = &twice, .indent = (unsigned)(size % 3)};
    lt_json_tree(&first, root);
    must(lt_json_read(lt_buf_text(&once), NULL, NULL, &arena, &again, &err) == LT_OK);
    lt_json_tree(&second, again);
    must(lt_text_eq(lt_buf_text(&once), lt_buf_text(&twice)));
    return 0;
}
