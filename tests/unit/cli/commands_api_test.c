/* Each command has an operation of the API, or docs/server.md says why it has none; each operation stands there, too. */
#include "base/fs.h"
#include "cli/cmd.h"
#include "support/test.h"
#include "web/api/route.h"

#include <stdio.h>

static void read_page(lt_buf *page, lt_text *first, lt_text *second, lt_text *rest)
{
    lt_err err;
    LT_AUTO(lt_chars) path = lt_path_join(LT_SOURCE_DIR, "docs/server.md");
    CHECK(lt_file_read(path, page, &err) == LT_OK);
    lt_text all = lt_buf_text(page);
    size_t from = lt_text_find(all, T("## Commands and operations"), 0);
    size_t without = lt_text_find(all, T("Operations without a command"), from);
    size_t end = lt_text_find(all, T("\n## "), without);
    CHECK(from != SIZE_MAX && without != SIZE_MAX && end != SIZE_MAX);
    *first = lt_text_sub(all, from, without - from);
    *second = lt_text_sub(all, without, end - without);
    *rest = lt_text_sub(all, from, end - from);
}

/* A row of the table that names the command says more than its name. */
static bool has_row(lt_text table, const char *name)
{
    LT_AUTO(lt_chars) quoted = lt_format("`leat %s`", name);
    lt_text line, cell;
    while (lt_text_cut(&table, '\n', &line)) {
        if (!lt_text_starts(line, T("| `leat ")))
            continue;
        line = lt_text_sub(line, 1, line.len);
        if (!lt_text_cut(&line, '|', &cell) ||
            lt_text_find(cell, lt_text_of(quoted), 0) == SIZE_MAX)
            continue;
        return lt_text_find(line, T("`"), 0) != SIZE_MAX || lt_text_find(line, T("none: "), 0) == 1;
    }
    return false;
}

/* A command with parts has a row of its own, or each part has one. */
static void check_command(lt_text table, const lt_cmd *cmd)
{
    if (has_row(table, cmd->name) && !cmd->subs)
        return;
    bool whole = has_row(table, cmd->name) && !cmd->run;
    for (size_t i = 0; cmd->subs && cmd->subs[i] && !whole; i++) {
        LT_AUTO(lt_chars) name = lt_format("%s %s", cmd->name, cmd->subs[i]->name);
        if (!has_row(table, name))
            (void)fprintf(stderr, "'leat %s' is not in docs/server.md\n", name);
        CHECK(has_row(table, name));
    }
    if (!cmd->subs || cmd->run) {
        if (!has_row(table, cmd->name))
            (void)fprintf(stderr, "'leat %s' is not in docs/server.md\n", cmd->name);
        CHECK(has_row(table, cmd->name));
    }
}

Test(commands_api, every_command_has_an_operation_or_a_reason)
{
    LT_AUTO(lt_buf) page = {.limit = LT_MIB};
    lt_text table, others, all;
    read_page(&page, &table, &others, &all);
    size_t count = 0;
    for (; lt_commands[count]; count++)
        if (!lt_commands[count]->hidden)
            check_command(table, lt_commands[count]);
    CHECK(count > 30);
    CHECK(!has_row(table, "nothing"));
}

Test(commands_api, every_operation_is_named_and_every_name_is_one)
{
    LT_AUTO(lt_buf) page = {.limit = LT_MIB};
    lt_text table, others, all;
    read_page(&page, &table, &others, &all);
    for (size_t i = 0; i < lt_api_route_count; i++) {
        LT_AUTO(lt_chars) quoted = lt_format("`%s`", lt_api_routes[i].id);
        if (lt_text_find(all, lt_text_of(quoted), 0) == SIZE_MAX)
            (void)fprintf(stderr, "operation %s is not in docs/server.md\n", lt_api_routes[i].id);
        CHECK(lt_text_find(all, lt_text_of(quoted), 0) != SIZE_MAX);
    }
    lt_text rest = others, word;
    size_t names = 0;
    CHECK(lt_text_cut(&rest, ':', &word));
    for (size_t k = 0; k < 11; k++, names++) {
        bool known = false;
        CHECK(lt_text_cut(&rest, '`', &word) && lt_text_cut(&rest, '`', &word));
        for (size_t i = 0; i < lt_api_route_count; i++)
            known = known || lt_text_eq(word, lt_text_of(lt_api_routes[i].id));
        CHECK(known);
    }
}
