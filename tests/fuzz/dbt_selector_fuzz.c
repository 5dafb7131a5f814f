/* Fuzz: 'c': words of --select, one a line, the last one of --exclude; else selectors.yml, each selector of which is run. */
#include "dbt_fuzz.h"

static void view_with_nodes(lt_dbt *view)
{
    const lt_dbt *base = fuzz_project_get()->dbt;
    fuzz_view_init(view);
    view->all = base->all;
    view->runnable = base->runnable;
    view->parsed = base->parsed;
}

static void run(lt_dbt_selecting *selecting)
{
    lt_err err = {0};
    lt_node_set set = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_texts unmatched = {0};
    selecting->kinds = UINT32_MAX;
    if (lt_dbt_select(selecting, &arena, &set, &unmatched, &err) == LT_OK)
        lt_node_set_cleanup(&set);
}

static void run_words(lt_dbt *view, lt_text text)
{
    enum { MOST = 20 };
    const char *words[MOST];
    size_t count = 0;
    lt_text line;
    while (count < MOST && lt_text_cut(&text, '\n', &line))
        words[count++] = lt_arena_str(&view->arena, line);
    lt_dbt_selecting selecting = {.dbt = view, .select = words, .select_count = count};
    run(&selecting);
    if (count > 1) {
        selecting.select_count = 1;
        selecting.exclude = words + count - 1;
        selecting.exclude_count = 1;
        run(&selecting);
    }
}

static void run_file(lt_dbt *view, lt_text text)
{
    lt_err err = {0};
    lt_jinja_value name, value;
    fuzz_write(view->settings.root, "selectors.yml", text);
    if (lt_dbt_selectors_read(view, &err) != LT_OK || view->selectors.type != LT_JINJA_DICT)
        return;
    for (size_t at = 0; lt_jinja_next(view->selectors, &at, &name, &value);) {
        lt_dbt_selecting selecting = {
            .dbt = view, .selector = lt_arena_str(&view->arena, lt_jinja_as_text(name))};
        run(&selecting);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lt_dbt view;
    if (size == 0)
        return 0;
    lt_text text = lt_text_at((const char *)data + 1, size - 1);
    view_with_nodes(&view);
    if (data[0] == 'c')
        run_words(&view, text);
    else
        run_file(&view, text);
    fuzz_view_cleanup(&view);
    return 0;
}
