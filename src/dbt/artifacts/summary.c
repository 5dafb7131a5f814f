/* graph_summary.json: who needs whom, as a small file. */
#include "dbt/artifacts/artifacts.h"

#include "base/fs.h"
#include "dbt/inner.h"

static lt_status write_file(const char *folder, const char *name, const lt_buf *text, lt_err *err)
{
    LT_AUTO(lt_chars) path = lt_path_join(folder, name);
    LT_TRY(lt_buf_check(text, name, err));
    LT_TRY(lt_folder_make(folder, 0755, err));
    return lt_file_write(path, lt_buf_text(text), 0644, err);
}

/* ---- the graph ---- */

static bool is_in_graph(const lt_dbt_node *node)
{
    return node->kind != LT_DBT_GROUP && node->kind != LT_DBT_OPERATION;
}

static void add_number(size_t number, lt_buf *out)
{
    char digits[24], *at = digits + sizeof(digits);
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    lt_buf_add(out, lt_text_at(at, (size_t)(digits + sizeof(digits) - at)));
}

/* Letter by letter: of tens of thousands of nodes this is less than half of what a writer with states takes, in each command. */
static void add_graph_node(const lt_dbt *dbt, const lt_dbt_nodes *children, size_t i, lt_buf *out)
{
    const lt_dbt_node *node = dbt->all.items[i];
    lt_buf_add_byte(out, '"');
    add_number(i, out);
    lt_buf_add(out, T("\":{\"name\":"));
    lt_json_quote(node->id, out);
    lt_buf_add(out, T(",\"type\":"));
    lt_json_quote(lt_text_of(lt_dbt_kind_name(node->kind)), out);
    for (size_t k = 0; k < children[i].len; k++) {
        lt_buf_add(out, k ? T(",") : T(",\"succ\":["));
        add_number(children[i].items[k]->index, out);
    }
    lt_buf_add(out, children[i].len ? T("]}") : T("}"));
}

lt_status lt_dbt_graph_summary_write(const lt_dbt *dbt, const lt_dbt_invocation *invocation,
                                     const char *folder, lt_err *err)
{
    LT_AUTO(lt_arena) scratch = {0};
    LT_AUTO(lt_buf) text = {.limit = LT_GIB};
    lt_json_writer w = {.out = &text};
    const lt_dbt_nodes *children = lt_dbt_children(dbt, &scratch);
    lt_json_begin(&w, '{');
    lt_json_set(&w, "_invocation_id", invocation->id);
    lt_json_key(&w, T("linked"));
    lt_json_begin(&w, '{');
    for (size_t i = 0; i < dbt->all.len; i++)
        if (is_in_graph(dbt->all.items[i])) {
            if (lt_json_has_items(&w))
                lt_buf_add_byte(&text, ',');
            add_graph_node(dbt, children, i, &text);
            lt_json_note_item(&w);
        }
    lt_json_end(&w);
    lt_json_end(&w);
    return write_file(folder, "graph_summary.json", &text, err);
}
