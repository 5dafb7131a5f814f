/* Options: GNU habits, limits of values, errors that name the nearest option. */
#include "cli/opt.h"

#include "support/test.h"

#include <stdlib.h>

typedef struct all_opts {
    bool force, quick;
    const char *name, *format;
    int64_t threads, memory, wait;
    lt_strings vars;
} all_opts;

static const lt_opt table[] = {
    {.name = "force", .letter = 'f', LT_AT(all_opts, force), .help = "x"},
    {.name = "quick", .letter = 'k', LT_AT(all_opts, quick), .help = "x"},
    {.name = "name", .letter = 'n', .type = LT_OPT_TEXT, LT_AT(all_opts, name), .value = "NAME"},
    {.name = "format",
     .type = LT_OPT_CHOICE,
     LT_AT(all_opts, format),
     .choices = "table json csv",
     .preset = "table"},
    {.name = "threads",
     .type = LT_OPT_INT,
     LT_AT(all_opts, threads),
     .min = 1,
     .max = 64,
     .preset = "4",
     .env = "LEAT_TEST_THREADS"},
    {.name = "memory", .type = LT_OPT_SIZE, LT_AT(all_opts, memory)},
    {.name = "wait", .type = LT_OPT_LENGTH, LT_AT(all_opts, wait)},
    {.name = "var", .type = LT_OPT_LIST, LT_AT(all_opts, vars)},
    {.name = "secret-flag", .letter = 's', LT_AT(all_opts, force), .hidden = true},
};

typedef struct given {
    lt_arena arena;
    all_opts opts;
    lt_strings args;
    size_t used;
    lt_err err;
} given;

static void given_cleanup(given *g)
{
    lt_arena_cleanup(&g->arena);
}

static lt_opt_reader reader_of(given *g)
{
    return (lt_opt_reader){.sets = {{table, LT_COUNT(table), &g->opts}},
                           .set_count = 1,
                           .arena = &g->arena,
                           .command = "leat x"};
}

static lt_status read_until(given *g, const char *line, bool to_first_arg)
{
    lt_opt_reader reader = reader_of(g);
    lt_strings words = {0};
    lt_text rest = lt_text_of(line), word;
    while (lt_text_cut(&rest, ' ', &word))
        lt_push_in(&g->arena, &words, lt_arena_str(&g->arena, word));
    return lt_opts_read(&reader, words.len, words.items, to_first_arg, &g->used, &g->args, &g->err);
}

static lt_status read_line(given *g, const char *line)
{
    return read_until(g, line, false);
}

Test(opt, reads_every_type)
{
    LT_AUTO(given) g = {0};
    CHECK_OK(read_line(&g,
                       "--force --name=a=b --format json --threads 8 --memory 1.5GiB --wait 1h30m "
                       "--var a:1 --var=b:2"),
             g.err);
    CHECK(g.opts.force && !g.opts.quick);
    CHECK_STR(g.opts.name, "a=b");
    CHECK_STR(g.opts.format, "json");
    CHECK_INT(g.opts.threads, 8);
    CHECK_INT(g.opts.memory, 3 * 512 * 1024 * 1024);
    CHECK_INT(g.opts.wait, INT64_C(5400000000));
    CHECK_INT(g.opts.vars.len, 2);
    CHECK_STR(g.opts.vars.items[1], "b:2");
}

Test(opt, letters_stand_together_and_carry_values)
{
    LT_AUTO(given) g = {0};
    CHECK_OK(read_line(&g, "-fkneat"), g.err);
    CHECK(g.opts.force && g.opts.quick);
    CHECK_STR(g.opts.name, "eat");
    CHECK_OK(read_line(&g, "-n -f"), g.err);
    CHECK_STR(g.opts.name, "-f");
}

Test(opt, may_stand_behind_arguments_until_two_dashes)
{
    LT_AUTO(given) g = {0};
    CHECK_OK(read_line(&g, "a --force - b -- --quick --"), g.err);
    CHECK(g.opts.force && !g.opts.quick);
    CHECK_INT(g.args.len, 5);
    CHECK_STR(g.args.items[1], "-");
    CHECK_STR(g.args.items[3], "--quick");
    CHECK_STR(g.args.items[4], "--");
}

Test(opt, stops_in_front_of_the_first_argument_when_asked)
{
    LT_AUTO(given) g = {0};
    CHECK_OK(read_until(&g, "-f --name x store --quick", true), g.err);
    CHECK_INT(g.used, 3);
    CHECK_INT(g.args.len, 0);
    CHECK(!g.opts.quick);
}

static void check_refused(const char *line, const char *message, const char *hint)
{
    LT_AUTO(given) g = {0};
    CHECK_STATUS(read_line(&g, line), LT_INVALID, g.err);
    CHECK_STR(g.err.message, message);
    CHECK_STR(g.err.hint, hint);
}

Test(opt, says_what_is_wrong)
{
    check_refused("--frce", "'leat x' has no option '--frce'", "did you mean '--force'?");
    check_refused("--forc", "'leat x' has no option '--forc'", "did you mean '--force'?");
    check_refused("--zzzzzz", "'leat x' has no option '--zzzzzz'",
                  "'leat x --help' lists what there is");
    check_refused("--secret-flg", "'leat x' has no option '--secret-flg'",
                  "'leat x --help' lists what there is");
    check_refused("--=x", "'leat x' has no option '--'", "'leat x --help' lists what there is");
    check_refused("-fz", "'leat x' has no option '-z'", "'leat x --help' lists what there is");
    check_refused("--force=yes", "--force takes no value, but got 'yes'", "");
    check_refused("--name", "--name needs a value: --name NAME", "");
    check_refused("-n", "-n needs a value: -n NAME", "");
    check_refused("--memory", "--memory needs a value: --memory VALUE", "");
    check_refused("--format xml", "--format: 'xml' is not one of its values",
                  "choose one of: table json csv");
    check_refused("--threads 0", "--threads: 0 is not between 1 and 64", "");
    check_refused("--threads 65", "--threads: 65 is not between 1 and 64", "");
    check_refused("--threads many", "--threads: 'many' is not a whole number", "");
    check_refused("--memory 3XB", "--memory: '3XB' is not a size like 512MiB or 2GiB", "");
    check_refused("--wait soon", "--wait: 'soon' is not a length of time like 30s, 10m or 1h30m",
                  "");
}

Test(opt, presets_come_after_the_environment)
{
    LT_AUTO(given) g = {0};
    lt_opt_reader reader = reader_of(&g);
    (void)unsetenv("LEAT_TEST_THREADS");
    CHECK_OK(lt_opts_preset(&reader, 0, &g.err), g.err);
    CHECK_INT(g.opts.threads, 4);
    CHECK_STR(g.opts.format, "table");
    (void)setenv("LEAT_TEST_THREADS", "9", 1);
    CHECK_OK(lt_opts_preset(&reader, 0, &g.err), g.err);
    CHECK_INT(g.opts.threads, 9);
    (void)setenv("LEAT_TEST_THREADS", "none", 1);
    CHECK_STATUS(lt_opts_preset(&reader, 0, &g.err), LT_INVALID, g.err);
    CHECK_STR(g.err.message, "LEAT_TEST_THREADS: 'none' is not a whole number");
    (void)unsetenv("LEAT_TEST_THREADS");
}
