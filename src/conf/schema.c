/* JSON Schemas (draft 2020-12) of the three files, from the tables that also read them: for editors. */
#include "conf/setting.h"

#include "base/vec.h"

static void write_group(lt_json_writer *w, const lt_setting_group *group);

static void write_type(lt_json_writer *w, const char *type)
{
    lt_json_set(w, "type", lt_text_of(type));
}

static void begin_of_type(lt_json_writer *w, const char *type)
{
    lt_json_begin(w, '{');
    write_type(w, type);
}

/* A template stands for what is rendered when the project is loaded. */
static void write_or_template(lt_json_writer *w)
{
    begin_of_type(w, "string");
    lt_json_set(w, "pattern", T("\\{[{%]"));
    lt_json_end(w);
}

static void write_any_scalar(lt_json_writer *w)
{
    lt_json_key(w, T("type"));
    lt_json_begin(w, '[');
    lt_json_string(w, T("string"));
    lt_json_string(w, T("number"));
    lt_json_string(w, T("boolean"));
    lt_json_end(w);
}

static void write_words(lt_json_writer *w, const lt_setting *setting)
{
    lt_json_key(w, T("enum"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < setting->word_count; i++)
        lt_json_string(w, lt_text_of(setting->words[i]));
    lt_json_end(w);
}

static void write_number(lt_json_writer *w, const lt_setting *setting)
{
    lt_json_key(w, T("anyOf"));
    lt_json_begin(w, '[');
    begin_of_type(w, setting->type == LT_SET_INT ? "integer" : "number");
    if (setting->type == LT_SET_INT) {
        lt_json_set_int(w, "minimum", setting->min);
        if (setting->max)
            lt_json_set_int(w, "maximum", setting->max);
    }
    lt_json_end(w);
    if (setting->type == LT_SET_LENGTH) {
        begin_of_type(w, "string");
        lt_json_set(w, "pattern", T("^([0-9.]+(ms|s|m|h|d|w))+$"));
        lt_json_end(w);
    }
    if (setting->type == LT_SET_SIZE) {
        begin_of_type(w, "string");
        lt_json_set(w, "pattern", T("^[0-9.]+ *([kKMGT]i?[bB]?|[bB])?$"));
        lt_json_end(w);
    }
    write_or_template(w);
    lt_json_end(w);
}

static void write_choice(lt_json_writer *w, const lt_setting *setting)
{
    lt_json_key(w, T("anyOf"));
    lt_json_begin(w, '[');
    lt_json_begin(w, '{');
    if (setting->type == LT_SET_CHOICE) {
        write_words(w, setting);
    } else {
        lt_json_key(w, T("enum"));
        lt_json_raw(w, T("[true, false, \"auto\"]"));
    }
    lt_json_end(w);
    write_or_template(w);
    lt_json_end(w);
}

static void write_object(lt_json_writer *w, const lt_setting *setting)
{
    if (!lt_setting_may_be_empty(setting)) {
        write_type(w, "object");
        return;
    }
    lt_json_key(w, T("type"));
    lt_json_raw(w, T("[\"object\", \"null\"]"));
}

static void write_texts(lt_json_writer *w)
{
    lt_json_key(w, T("anyOf"));
    lt_json_begin(w, '[');
    begin_of_type(w, "null");
    lt_json_end(w);
    begin_of_type(w, "string");
    lt_json_end(w);
    begin_of_type(w, "array");
    lt_json_key(w, T("items"));
    begin_of_type(w, "string");
    lt_json_end(w);
    lt_json_end(w);
    lt_json_end(w);
}

static void write_names(lt_json_writer *w)
{
    lt_json_key(w, T("propertyNames"));
    lt_json_begin(w, '{');
    lt_json_set(w, "pattern", T("^[a-z_][a-z0-9_]{0,62}$"));
    lt_json_end(w);
}

static void write_items(lt_json_writer *w, const char *keyword, const lt_setting_group *group)
{
    lt_json_key(w, lt_text_of(keyword));
    lt_json_begin(w, '{');
    write_group(w, group);
    lt_json_end(w);
}

static void write_scalar(lt_json_writer *w, const lt_setting *setting)
{
    switch (setting->type) {
    case LT_SET_NAME:
        write_type(w, "string");
        lt_json_set(w, "pattern", T("^[a-z_][a-z0-9_]{0,62}$"));
        return;
    case LT_SET_PATH:
        write_type(w, "string");
        lt_json_set(w, "pattern", T("^\\$"));
        return;
    case LT_SET_CHOICE:
    case LT_SET_SWITCH:
        write_choice(w, setting);
        return;
    case LT_SET_INT:
    case LT_SET_LENGTH:
    case LT_SET_SIZE:
        write_number(w, setting);
        return;
    default:
        write_any_scalar(w);
        return;
    }
}

static void write_short(lt_json_writer *w, const lt_setting *setting)
{
    lt_json_key(w, T("anyOf"));
    lt_json_begin(w, '[');
    begin_of_type(w, "string");
    lt_json_end(w);
    lt_json_begin(w, '{');
    write_group(w, setting->group);
    lt_json_end(w);
    lt_json_end(w);
}

static void write_collection(lt_json_writer *w, const lt_setting *setting)
{
    switch (setting->type) {
    case LT_SET_TEXTS:
        write_texts(w);
        return;
    case LT_SET_GROUP:
        if (setting->short_for)
            write_short(w, setting);
        else
            write_group(w, setting->group);
        return;
    case LT_SET_LIST:
        write_type(w, "array");
        lt_json_set_int(w, "minItems", 1);
        write_items(w, "items", setting->group);
        return;
    case LT_SET_MAP:
        write_object(w, setting);
        write_names(w);
        write_items(w, "additionalProperties", setting->group);
        return;
    case LT_SET_PAIRS:
        write_object(w, setting);
        lt_json_key(w, T("additionalProperties"));
        lt_json_begin(w, '{');
        write_any_scalar(w);
        lt_json_end(w);
        return;
    default:
        if (setting->any)
            return;
        write_object(w, setting);
        if (setting->type == LT_SET_VALUES)
            write_names(w);
        return;
    }
}

static void write_default(lt_json_writer *w, const lt_setting *setting)
{
    int64_t number;
    if (!setting->fallback)
        return;
    lt_json_key(w, T("default"));
    if (setting->type == LT_SET_INT && lt_text_to_i64(lt_text_of(setting->fallback), &number))
        lt_json_int(w, number);
    else
        lt_json_string(w, lt_text_of(setting->fallback));
}

static void write_setting(lt_json_writer *w, const lt_setting *setting)
{
    lt_json_key(w, lt_text_of(setting->name));
    lt_json_begin(w, '{');
    lt_json_set(w, "description", lt_text_of(setting->help));
    if (setting->type == LT_SET_TEXTS || setting->type >= LT_SET_PAIRS)
        write_collection(w, setting);
    else
        write_scalar(w, setting);
    write_default(w, setting);
    lt_json_end(w);
}

/* The discriminator has one value in each variant. */
static void write_const(lt_json_writer *w, const lt_setting *setting, int kind)
{
    lt_json_key(w, lt_text_of(setting->name));
    lt_json_begin(w, '{');
    lt_json_set(w, "description", lt_text_of(setting->help));
    lt_json_set(w, "const", lt_text_of(setting->words[kind]));
    lt_json_end(w);
}

static void write_required(lt_json_writer *w, const lt_setting_group *group, int kind)
{
    lt_json_key(w, T("required"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < group->count; i++)
        if (group->settings[i].required && lt_setting_is_for(&group->settings[i], kind))
            lt_json_string(w, lt_text_of(group->settings[i].name));
    lt_json_end(w);
}

/* {"required": ["a", "b"]}: both are there */
static void write_both(lt_json_writer *w, const char *const *names, size_t count)
{
    lt_json_begin(w, '{');
    lt_json_key(w, T("required"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < count; i++)
        lt_json_string(w, lt_text_of(names[i]));
    lt_json_end(w);
    lt_json_end(w);
}

static void write_alone(lt_json_writer *w, const lt_setting_group *group)
{
    if (!group->alone[0])
        return;
    if (!group->one_of_them && !group->alone[2]) {
        lt_json_key(w, T("not"));
        write_both(w, group->alone, 2);
        return;
    }
    lt_json_key(w, T("oneOf"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < LT_COUNT(group->alone) && group->alone[i]; i++)
        write_both(w, &group->alone[i], 1);
    lt_json_end(w);
}

static void write_variant(lt_json_writer *w, const lt_setting_group *group, int kind)
{
    const lt_setting *discriminator = lt_setting_discriminator(group);
    write_type(w, "object");
    lt_json_key(w, T("properties"));
    lt_json_begin(w, '{');
    for (size_t i = 0; i < group->count; i++) {
        const lt_setting *setting = &group->settings[i];
        if (setting == discriminator)
            write_const(w, setting, kind);
        else if (lt_setting_is_for(setting, kind))
            write_setting(w, setting);
    }
    lt_json_end(w);
    write_required(w, group, kind);
    lt_json_set_bool(w, "additionalProperties", false);
    write_alone(w, group);
}

/* By recursion: as deep as the tables are. */
static void write_group(lt_json_writer *w, const lt_setting_group *group)
{
    const lt_setting *discriminator = lt_setting_discriminator(group);
    if (!discriminator) {
        write_variant(w, group, -1);
        return;
    }
    lt_json_key(w, T("oneOf"));
    lt_json_begin(w, '[');
    for (size_t kind = 0; kind < discriminator->word_count; kind++) {
        lt_json_begin(w, '{');
        write_variant(w, group, (int)kind);
        lt_json_end(w);
    }
    lt_json_end(w);
}

static const lt_setting_group *const groups[] = {
    [LT_CONF_PROJECT_FILE] = &lt_conf_project_group,
    [LT_CONF_SOURCE_FILE] = &lt_conf_source_group,
    [LT_CONF_PIPELINE_FILE] = &lt_conf_pipeline_group,
    [LT_CONF_CALENDAR_FILE] = &lt_conf_calendar_group,
};

const char *lt_conf_kind_name(lt_conf_kind kind)
{
    static const char *const names[] = {"leat", "source", "pipeline", "calendar"};
    return names[kind];
}

void lt_conf_schema(lt_conf_kind kind, lt_buf *out)
{
    lt_json_writer w = {.out = out, .indent = 2};
    lt_json_begin(&w, '{');
    lt_json_set(&w, "$schema", T("https://json-schema.org/draft/2020-12/schema"));
    lt_json_set(&w, "title", lt_text_of(groups[kind]->name));
    lt_json_set(&w, "description", lt_text_of(groups[kind]->help));
    write_group(&w, groups[kind]);
    lt_json_end(&w);
    lt_buf_add_byte(out, '\n');
}

/* ---- the reference ---- */

static void write_default_cell(const lt_setting *setting, lt_buf *out)
{
    if (setting->required)
        lt_buf_add_str(out, "**required**");
    else if (setting->shown)
        lt_buf_add_str(out, setting->shown);
    else if (setting->fallback)
        lt_buf_printf(out, "`%s`", setting->fallback);
}

/* "with type: bearer, basic" */
static void write_kinds(const lt_setting_group *group, const lt_setting *setting, lt_buf *out)
{
    const lt_setting *discriminator = lt_setting_discriminator(group);
    const char *between = "";
    if (!discriminator || setting->kinds == 0)
        return;
    lt_buf_printf(out, " (with `%s`: ", discriminator->name);
    for (size_t i = 0; i < discriminator->word_count; i++) {
        if (!lt_setting_is_for(setting, (int)i))
            continue;
        lt_buf_printf(out, "%s%s", between, discriminator->words[i]);
        between = ", ";
    }
    lt_buf_add_byte(out, ')');
}

static void write_row(const lt_setting_group *group, const lt_setting *setting, const char *path,
                      lt_buf *out)
{
    lt_buf_printf(out, "| `%s%s` | ", path, setting->name);
    lt_setting_describe(setting, out);
    lt_buf_add_str(out, " | ");
    write_default_cell(setting, out);
    lt_buf_printf(out, " | %s", setting->help);
    write_kinds(group, setting, out);
    lt_buf_add_str(out, " |\n");
}

/* By recursion: as deep as the tables are. */
static void write_rows(const lt_setting_group *group, const char *path, lt_buf *out)
{
    static const char *const behind[] = {
        [LT_SET_GROUP] = ".", [LT_SET_LIST] = "[].", [LT_SET_MAP] = ".NAME."};
    for (size_t i = 0; i < group->count; i++) {
        const lt_setting *setting = &group->settings[i];
        write_row(group, setting, path, out);
        if (!setting->group)
            continue;
        LT_AUTO(lt_chars) inner = lt_format("%s%s%s", path, setting->name, behind[setting->type]);
        write_rows(setting->group, inner, out);
    }
}

/* Of a source: one table for each kind, since the resources differ. */
static void write_kinds_apart(const lt_setting_group *group, lt_buf *out)
{
    const lt_setting *discriminator = lt_setting_discriminator(group);
    for (size_t kind = 0; kind < discriminator->word_count; kind++) {
        lt_setting some[64];
        lt_setting_group one = *group;
        one.settings = some;
        one.count = 0;
        for (size_t i = 0; i < group->count && one.count < LT_COUNT(some); i++)
            if (lt_setting_is_for(&group->settings[i], (int)kind)) {
                some[one.count] = group->settings[i];
                some[one.count++].kinds = 0;
            }
        lt_buf_printf(
            out, "\n### %s: %s\n\n| setting | value | default | what it is |\n|---|---|---|---|\n",
            discriminator->name, discriminator->words[kind]);
        write_rows(&one, "", out);
    }
}

void lt_conf_reference(lt_buf *out)
{
    static const char *const titles[] = {"leat.yml", "sources/NAME.yml", "pipelines/NAME.yml",
                                         "calendars/NAME.yml"};
    lt_buf_add_str(out, "# Settings\n\nEvery key of the files that people write. Unknown and "
                        "duplicate keys are errors.\n"
                        "Names are snake_case. Templates (`{{ ... }}`) stand in values only: those "
                        "of texts are rendered "
                        "when the value is used,\nthose of numbers, durations, sizes and fixed "
                        "words when the project is "
                        "loaded (with `env_var` and `var` only).\n");
    for (size_t kind = 0; kind < LT_CONF_KINDS; kind++) {
        lt_buf_printf(out, "\n## %s\n\n%s\n", titles[kind], groups[kind]->help);
        if (lt_setting_discriminator(groups[kind])) {
            write_kinds_apart(groups[kind], out);
            continue;
        }
        lt_buf_add_str(out, "\n| setting | value | default | what it is |\n|---|---|---|---|\n");
        write_rows(groups[kind], "", out);
    }
}
