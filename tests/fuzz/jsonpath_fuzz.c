/* Fuzz: the first line is a path, the rest a page. */
#include "fmt/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_json_path path;
    lt_text page = lt_text_at((const char *)data, size), source;
    if (!lt_text_cut(&page, '\n', &source) ||
        lt_json_path_compile(source, &arena, &path, &err) != LT_OK)
        return 0;
    for (int each = 0; each < 2; each++) {
        lt_json_walk walk;
        lt_json_token token = {0};
        lt_status status;
        lt_json_walk_open(&walk, &path, each, page, NULL);
        while ((status = lt_json_walk_next(&walk, &token, &err)) == LT_OK &&
               token.kind != LT_JSON_END)
            if (lt_json_check(token.raw, NULL, &err) == LT_INVALID)
                abort(); /* what is given is always JSON */
        if (status == LT_OK && lt_json_check(page, NULL, &err) == LT_INVALID)
            abort(); /* and the walk saw the whole page */
        if (status == LT_OK)
            lt_ignore(lt_json_walk_check(&walk, &err));
    }
    return 0;
}
