/* YAML is read with places, and cannot blow up. */
#include "fmt/json.h"
#include "fmt/yaml.h"
#include "support/cases.h"
#include "support/test.h"

static void dump_scalar(const lt_yaml *node, lt_buf *out)
{
    switch (node->type) {
    case LT_YAML_STRING:
        lt_json_quote(node->text, out);
        return;
    case LT_YAML_NULL:
        lt_buf_add_str(out, "null");
        return;
    case LT_YAML_BOOL:
        lt_buf_add_str(out, node->truth ? "true" : "false");
        return;
    case LT_YAML_INT:
        if (node->huge)
            lt_buf_printf(out, "~%.15g", node->real);
        else
            lt_buf_printf(out, "%lld", (long long)node->integer);
        return;
    case LT_YAML_FLOAT:
        lt_buf_printf(out, "%.15gf",
                      node->real == node->real ? node->real : (double)__builtin_nan(""));
        return;
    case LT_YAML_TIME:
        lt_buf_printf(out, "@%.*s", LT_ARG(node->text));
        return;
    }
}

/* By recursion: the depth has a limit of 64. */
static void dump(const lt_yaml *node, lt_buf *out)
{
    if (node->kind == LT_YAML_SCALAR) {
        dump_scalar(node, out);
        return;
    }
    lt_buf_add_byte(out, node->keys ? '{' : '[');
    for (size_t i = 0; i < node->count; i++) {
        if (i)
            lt_buf_add_byte(out, ',');
        if (node->keys) {
            lt_json_quote(node->keys[i]->text, out);
            lt_buf_add_byte(out, ':');
        }
        dump(node->items[i], out);
    }
    lt_buf_add_byte(out, node->keys ? '}' : ']');
}

static void read_and_dump(const lt_case *one, bool yaml11, lt_buf *out)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_yaml *root;
    lt_yaml_options options = {.yaml11 = yaml11};
    if (lt_yaml_read(one->input, "f", &options, &arena, &root, &err) == LT_OK)
        dump(root, out);
    else
        lt_buf_add_str(out, err.message);
}

static void read_core(const lt_case *one, lt_buf *out)
{
    read_and_dump(one, false, out);
}

static void read_yaml11(const lt_case *one, lt_buf *out)
{
    read_and_dump(one, true, out);
}

Test(yaml, reads_the_core_schema)
{
    lt_cases_run("yaml/core.txt", read_core);
}

Test(yaml, reads_what_dbt_writes)
{
    lt_cases_run("yaml/yaml11.txt", read_yaml11);
}

Test(yaml, every_node_has_its_place_and_style)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_yaml *root;
    CHECK_OK(lt_yaml_read(T("a: 'x'\n\xC3\xA9:\n  - \"y\"\n  - |\n    z\n  - >\n    z\n"), NULL,
                          NULL, &arena, &root, &err),
             err);
    const lt_yaml *list = root->items[1];
    CHECK_INT(root->items[0]->style, LT_YAML_SINGLE_QUOTED);
    CHECK_INT(root->items[0]->col, 4);
    CHECK_INT(root->keys[1]->line, 2);
    CHECK_INT(list->items[0]->style, LT_YAML_DOUBLE_QUOTED);
    CHECK_INT(list->items[0]->line, 3);
    CHECK_INT(list->items[0]->col, 5);
    CHECK_INT(list->items[1]->style, LT_YAML_LITERAL);
    CHECK_INT(list->items[2]->style, LT_YAML_FOLDED);
    CHECK_INT(root->size, 8);
    CHECK_INT(root->height, 3);
    CHECK(lt_yaml_find(root, T("a")) == root->items[0]);
    CHECK(!lt_yaml_find(root, T("b")));
    CHECK(!lt_yaml_find(list, T("b")));
    CHECK(!lt_yaml_find(NULL, T("b")));
    CHECK_STATUS(lt_yaml_fail(list->items[0], "x.yml", &err, "no %s", "y"), LT_INVALID, err);
    CHECK_STR(err.message, "x.yml:3:5: no y");
    CHECK_STATUS(lt_yaml_fail(list->items[0], NULL, &err, "no"), LT_INVALID, err);
    CHECK_STR(err.message, "3:5: no");
    CHECK_STR(lt_yaml_name(root), "a mapping");
    CHECK_STR(lt_yaml_name(list), "a list");
    CHECK_STR(lt_yaml_name(list->items[0]), "a text");
}

static void check_text_place(const char *text, unsigned line, unsigned col, unsigned indent)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_err err = {0};
    lt_yaml *root;
    CHECK_OK(lt_yaml_read(lt_text_of(text), "f", NULL, &arena, &root, &err), err);
    const lt_yaml *node = lt_yaml_find(root, T("k"));
    CHECK_INT(node->text_line, line);
    CHECK_INT(node->text_col, col);
    CHECK_INT(node->text_indent, indent);
}

Test(yaml, a_text_that_stands_in_the_file_as_it_is_has_a_place)
{
    check_text_place("a: 1\nk: plain\n", 2, 4, 0);
    check_text_place("k: 'quoted'\n", 1, 5, 0);
    check_text_place("k:   \"quoted\"\n", 1, 7, 0);
    check_text_place("k: |\n    two\n      lines\n", 2, 5, 4);
    check_text_place("k: |-\r\n  two\r\n  lines\r\n", 0, 0, 0);
    check_text_place("k: |2\n    two\n  lines\n", 2, 3, 2);
    check_text_place("k: 'it''s'\n", 0, 0, 0);
    check_text_place("k: \"a\\nb\"\n", 0, 0, 0);
    check_text_place("k: >\n  two\n  lines\n", 0, 0, 0);
    check_text_place("k: two\n  lines\n", 0, 0, 0);
    check_text_place("k: |\n\n  late\n", 0, 0, 0);
    check_text_place("k:\n", 0, 0, 0);
}

Test(yaml, a_template_without_quotes_is_explained)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_yaml *root = NULL;
    CHECK_STATUS(lt_yaml_read(T("a: {{ x }}"), "f", NULL, &arena, &root, &err), LT_INVALID, err);
    CHECK_HAS(err.hint, "must stand in quotes");
    CHECK(root == NULL);
    CHECK_STATUS(lt_yaml_read(T("x: 1\na: {{ x }}/b\n"), "f", NULL, &arena, &root, &err),
                 LT_INVALID, err);
    CHECK_HAS(err.hint, "must stand in quotes");
    lt_err other = {0};
    CHECK_STATUS(lt_yaml_read(T("x: \"{{ y }}\"\na: @x\n"), "f", NULL, &arena, &root, &other),
                 LT_INVALID, other);
    CHECK_STR(other.hint, "");
}

Test(yaml, a_billion_laughs_are_refused)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) text = {0};
    lt_yaml *root;
    lt_buf_add_str(&text, "l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 20; i++) {
        lt_buf_printf(&text, "l%d: &l%d [", i, i);
        for (int j = 0; j < 10; j++)
            lt_buf_printf(&text, "%s*l%d", j ? ", " : "", i - 1);
        lt_buf_add_str(&text, "]\n");
    }
    CHECK_STATUS(lt_yaml_read(lt_buf_text(&text), "f", NULL, &arena, &root, &err), LT_TOO_BIG, err);
    CHECK_HAS(err.message, "more than 1000000 YAML values, aliases written out");
    CHECK(arena.used_bytes < LT_MIB);
}

Test(yaml, a_long_text_counts_wherever_an_alias_writes_it_out)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) text = {0};
    lt_yaml *root;
    lt_buf_add_str(&text, "a: &a ");
    for (int i = 0; i < 100000; i++)
        lt_buf_add_byte(&text, 'x');
    lt_buf_add_str(&text, "\nl: [*a");
    CHECK_OK(lt_yaml_read(lt_text_of("a: &a x\nl: [*a, *a]"), "f", NULL, &arena, &root, &err), err);
    for (int i = 0; i < 3000; i++)
        lt_buf_add_str(&text, ", *a");
    lt_buf_add_str(&text, "]\n");
    CHECK_STATUS(lt_yaml_read(lt_buf_text(&text), "f", NULL, &arena, &root, &err), LT_TOO_BIG, err);
}

Test(yaml, merged_merges_are_counted)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) text = {0};
    lt_yaml *root;
    lt_yaml_options options = {.yaml11 = true, .node_limit = 5000};
    lt_buf_add_str(&text, "a: &a {");
    for (int i = 0; i < 1000; i++)
        lt_buf_printf(&text, "k%d: 1, ", i);
    lt_buf_add_str(&text, "}\nb: {<<: *a, <<: *a, <<: *a, <<: *a}\n");
    CHECK_STATUS(lt_yaml_read(lt_buf_text(&text), "f", &options, &arena, &root, &err), LT_TOO_BIG,
                 err);
}

Test(yaml, depth_and_nodes_have_limits)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) deep = {0};
    lt_yaml *root;
    lt_yaml_options three = {.depth = 3}, four = {.node_limit = 4};
    CHECK_OK(lt_yaml_read(T("[[1]]"), "f", &three, &arena, &root, &err), err);
    CHECK_STATUS(lt_yaml_read(T("[[[1]]]"), "f", &three, &arena, &root, &err), LT_TOO_BIG, err);
    CHECK_STR(err.message, "f:1:4: nested deeper than 3 levels");
    CHECK_STATUS(lt_yaml_read(T("[[[[]]]]"), "f", &three, &arena, &root, &err), LT_TOO_BIG, err);
    CHECK_OK(lt_yaml_read(T("[&a [1], *a]"), "f", &three, &arena, &root, &err), err);
    CHECK_STATUS(lt_yaml_read(T("[&a [1], [*a]]"), "f", &three, &arena, &root, &err), LT_TOO_BIG,
                 err);
    CHECK_OK(lt_yaml_read(T("[1, 2, 3]"), "f", &four, &arena, &root, &err), err);
    CHECK_STATUS(lt_yaml_read(T("[1, 2, 3, 4]"), "f", &four, &arena, &root, &err), LT_TOO_BIG, err);
    CHECK_STR(err.message, "f:1:11: more than 4 YAML values");
    for (int i = 0; i < 100000; i++)
        lt_buf_add_byte(&deep, '[');
    CHECK(lt_yaml_read(lt_buf_text(&deep), "f", NULL, &arena, &root, &err) != LT_OK);
}

Test(yaml, keys_that_stand_twice_are_told_but_not_merged_ones)
{
    lt_err err = {0};
    lt_yaml *root = NULL;
    lt_yaml_doubles twice = {0};
    LT_AUTO(lt_arena) arena = {0};
    const lt_yaml_options options = {.yaml11 = true, .doubles = &twice};
    lt_text text = T("a: 1\nb: {c: 1, c: 2, c: 3}\nd: &x {e: 1}\nf: {<<: *x, e: 2}\na: 2\n");
    CHECK(lt_yaml_read(text, "t.yml", &options, &arena, &root, &err) == LT_OK);
    CHECK(twice.len == 3);
    CHECK(lt_text_eq(twice.items[0].key, T("c")) && twice.items[0].line == 2 &&
          twice.items[0].col == 11);
    CHECK(lt_text_eq(twice.items[2].key, T("a")) && twice.items[2].line == 5);
    CHECK(lt_text_eq(lt_yaml_find(root, T("a"))->text, T("2")));
}
