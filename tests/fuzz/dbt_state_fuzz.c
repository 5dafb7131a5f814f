/* Fuzz: any bytes as what another run left: manifest.json, and behind a line "---" run_results.json and sources.json. */
#include "dbt_fuzz.h"

static void select_by(const lt_dbt_state *state, const char *word)
{
    lt_err err = {0};
    lt_node_set set = {0};
    LT_AUTO(lt_arena) arena = {0};
    const lt_dbt_selecting selecting = {.dbt = fuzz_project_get()->dbt,
                                        .select = &word,
                                        .select_count = 1,
                                        .state = state,
                                        .kinds = UINT32_MAX};
    if (lt_dbt_select(&selecting, &arena, &set, NULL, &err) == LT_OK)
        lt_node_set_cleanup(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const files[] = {"manifest.json", "run_results.json", "sources.json"};
    static const char *const words[] = {
        "state:modified",         "state:new", "state:old",     "state:unmodified",
        "state:modified.configs", "result:*",  "result:error+", "source_status:fresher"};
    static const lt_text line = T("\n---\n");
    lt_err err = {0};
    lt_dbt_state state = {0};
    const char *root = fuzz_project_get()->root;
    lt_text rest = lt_text_at((const char *)data, size);
    for (size_t i = 0; i < LT_COUNT(files); i++) {
        size_t end = lt_text_find(rest, line, 0);
        fuzz_write(root, files[i], lt_text_sub(rest, 0, end));
        rest = end == SIZE_MAX ? T("") : lt_text_sub(rest, end + line.len, SIZE_MAX);
    }
    if (lt_dbt_state_read(root, root, &state, &err) != LT_OK)
        return 0;
    (void)lt_dbt_state_node(&state, T("model.shop.orders"));
    for (size_t i = 0; i < LT_COUNT(words); i++)
        select_by(&state, words[i]);
    lt_dbt_state_cleanup(&state);
    return 0;
}
