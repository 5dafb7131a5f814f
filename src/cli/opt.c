/* Reads words against tables of options. */
#include "cli/opt.h"

#include "base/size.h"
#include "base/time.h"

#include <assert.h>
#include <stdlib.h>

static bool takes_value(const lt_opt *opt)
{
    return opt->type != LT_OPT_FLAG;
}

static bool has_word(const char *words, lt_text word)
{
    lt_text rest = lt_text_of(words), part;
    while (lt_text_cut(&rest, ' ', &part))
        if (lt_text_eq(part, word))
            return true;
    return false;
}

static lt_status bad_value(const lt_opt *opt, const char *from, const char *value,
                           const char *wanted, lt_err *err)
{
    (void)opt;
    return lt_fail(err, LT_INVALID, "%s: '%s' is not %s", from, value, wanted);
}

static lt_status set_choice(const lt_opt *opt, const char *from, const char *value, void *at,
                            lt_err *err)
{
    if (!has_word(opt->choices, lt_text_of(value))) {
        lt_ignore(lt_fail(err, LT_INVALID, "%s: '%s' is not one of its values", from, value));
        return lt_hint(err, "choose one of: %s", opt->choices);
    }
    *(const char **)at = value;
    return LT_OK;
}

static lt_status set_int(const lt_opt *opt, const char *from, const char *value, void *at,
                         lt_err *err)
{
    int64_t number;
    bool any = !opt->min && !opt->max;
    if (!lt_text_to_i64(lt_text_of(value), &number))
        return bad_value(opt, from, value, "a whole number", err);
    if (!any && (number < opt->min || number > opt->max))
        return lt_fail(err, LT_INVALID, "%s: %lld is not between %lld and %lld", from,
                       (long long)number, (long long)opt->min, (long long)opt->max);
    *(int64_t *)at = number;
    return LT_OK;
}

static lt_status set_value(const lt_opt_reader *reader, const lt_opt *opt, void *values,
                           const char *from, const char *value, lt_err *err)
{
    static const size_t sizes[] = {sizeof(bool),      sizeof(char *),  sizeof(char *),
                                   sizeof(int64_t),   sizeof(int64_t), sizeof(int64_t),
                                   sizeof(lt_strings)};
    assert(opt->size == sizes[opt->type]);
    void *at = (char *)values + opt->offset;
    switch (opt->type) {
    case LT_OPT_FLAG:
        *(bool *)at = true;
        return LT_OK;
    case LT_OPT_TEXT:
        *(const char **)at = value;
        return LT_OK;
    case LT_OPT_CHOICE:
        return set_choice(opt, from, value, at, err);
    case LT_OPT_INT:
        return set_int(opt, from, value, at, err);
    case LT_OPT_SIZE:
        if (!lt_size_read(lt_text_of(value), at))
            return bad_value(opt, from, value, "a size like 512MiB or 2GiB", err);
        return LT_OK;
    case LT_OPT_LENGTH:
        if (opt->preset && strcmp(opt->preset, "never") == 0 && strcmp(value, "never") == 0)
            *(int64_t *)at = -1;
        else if (!lt_length_read(lt_text_of(value), at))
            return bad_value(opt, from, value, "a length of time like 30s, 10m or 1h30m", err);
        return LT_OK;
    case LT_OPT_LIST:
        lt_push_in(reader->arena, (lt_strings *)at, value);
        return LT_OK;
    }
    return LT_OK;
}

lt_status lt_opts_preset(const lt_opt_reader *reader, size_t set, lt_err *err)
{
    const lt_opt_set *table = &reader->sets[set];
    for (size_t i = 0; i < table->count; i++) {
        const lt_opt *opt = &table->opts[i];
        const char *from_env = opt->env ? getenv(opt->env) : NULL;
        if (from_env && *from_env)
            LT_TRY(set_value(reader, opt, table->values, opt->env, from_env, err));
        else if (opt->preset)
            LT_TRY(set_value(reader, opt, table->values, opt->name, opt->preset, err));
    }
    return LT_OK;
}

/* ---- finding ---- */

typedef struct found_opt {
    const lt_opt *opt;
    void *values;
} found_opt;

static bool find_name(const lt_opt_reader *reader, lt_text name, found_opt *found)
{
    for (size_t s = 0; s < reader->set_count; s++) {
        const lt_opt_set *set = &reader->sets[s];
        for (size_t i = 0; i < set->count; i++) {
            if (!lt_text_eq(lt_text_of(set->opts[i].name), name))
                continue;
            *found = (found_opt){&set->opts[i], set->values};
            return true;
        }
    }
    return false;
}

static bool find_letter(const lt_opt_reader *reader, char letter, found_opt *found)
{
    for (size_t s = 0; s < reader->set_count; s++) {
        const lt_opt_set *set = &reader->sets[s];
        for (size_t i = 0; i < set->count; i++) {
            if (set->opts[i].letter != letter)
                continue;
            *found = (found_opt){&set->opts[i], set->values};
            return true;
        }
    }
    return false;
}

static lt_text name_at(const void *context, size_t i)
{
    const lt_opt_reader *reader = context;
    const lt_opt_set *set = &reader->sets[0];
    if (i >= set->count) {
        i -= set->count;
        set++;
    }
    return set->opts[i].hidden ? (lt_text){0} : lt_text_of(set->opts[i].name);
}

static lt_status unknown_name(const lt_opt_reader *reader, lt_text name, lt_err *err)
{
    size_t count = reader->sets[0].count + (reader->set_count > 1 ? reader->sets[1].count : 0);
    lt_text nearest;
    lt_ignore(
        lt_fail(err, LT_INVALID, "'%s' has no option '--%.*s'", reader->command, LT_ARG(name)));
    if (name.len && lt_text_nearest(name, count, name_at, reader, &nearest) && nearest.len)
        return lt_hint(err, "did you mean '--%.*s'?", LT_ARG(nearest));
    return lt_hint(err, "'%s --help' lists what there is", reader->command);
}

/* ---- reading ---- */

typedef struct word_list {
    const char *const *words;
    size_t count, at;
} word_list;

static lt_status next_value(word_list *list, const char *from, const lt_opt *opt,
                            const char **value, lt_err *err)
{
    if (list->at == list->count)
        return lt_fail(err, LT_INVALID, "%s needs a value: %s %s", from, from,
                       opt->value ? opt->value : "VALUE");
    *value = list->words[list->at++];
    return LT_OK;
}

static lt_status read_long(const lt_opt_reader *reader, word_list *list, const char *word,
                           lt_err *err)
{
    found_opt found;
    lt_text rest = lt_text_of(word + 2), name;
    size_t equals = lt_text_find_byte(rest, '=', 0);
    name = lt_text_sub(rest, 0, equals);
    if (!find_name(reader, name, &found))
        return unknown_name(reader, name, err);
    const char *from = lt_arena_format(reader->arena, "--%.*s", LT_ARG(name));
    const char *value = equals == SIZE_MAX ? NULL : word + 2 + equals + 1;
    if (value && !takes_value(found.opt))
        return lt_fail(err, LT_INVALID, "%s takes no value, but got '%s'", from, value);
    if (!value && takes_value(found.opt))
        LT_TRY(next_value(list, from, found.opt, &value, err));
    return set_value(reader, found.opt, found.values, from, value, err);
}

/* "-abc": flags, or a letter with the rest as its value. */
static lt_status read_letters(const lt_opt_reader *reader, word_list *list, const char *word,
                              lt_err *err)
{
    for (const char *at = word + 1; *at; at++) {
        found_opt found;
        const char from[] = {'-', *at, '\0'};
        if (!find_letter(reader, *at, &found)) {
            lt_ignore(lt_fail(err, LT_INVALID, "'%s' has no option '%s'", reader->command, from));
            return lt_hint(err, "'%s --help' lists what there is", reader->command);
        }
        if (!takes_value(found.opt)) {
            LT_TRY(set_value(reader, found.opt, found.values, from, NULL, err));
            continue;
        }
        const char *value = at + 1;
        if (!*value)
            LT_TRY(next_value(list, from, found.opt, &value, err));
        return set_value(reader, found.opt, found.values, from, value, err);
    }
    return LT_OK;
}

lt_status lt_opts_read(const lt_opt_reader *reader, size_t count, const char *const *words,
                       bool to_first_arg, size_t *used, lt_strings *args, lt_err *err)
{
    word_list list = {.words = words, .count = count};
    bool options = true;
    while (list.at < count) {
        const char *word = words[list.at];
        bool is_option = options && word[0] == '-' && word[1];
        if (!is_option && to_first_arg)
            break;
        list.at++;
        if (!is_option)
            lt_push_in(reader->arena, args, word);
        else if (strcmp(word, "--") == 0)
            options = false;
        else if (word[1] == '-')
            LT_TRY(read_long(reader, &list, word, err));
        else
            LT_TRY(read_letters(reader, &list, word, err));
    }
    *used = list.at;
    return LT_OK;
}
