/* Reading a YAML mapping into a struct by a table of settings, strictly. */
#include "conf/setting.h"

#include "base/size.h"
#include "base/time.h"
#include "base/vec.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* A scalar on its way into a struct. */
typedef struct value {
    lt_text text;
    const lt_yaml *node; /* where it is written; of a default: the mapping */
    bool is_default;
} value;

/* A vector of any item type, as LT_VEC lays it out. */
typedef struct any_vec {
    char *items;
    size_t len, cap;
} any_vec;

/* ---- places and messages ---- */

lt_conf_place lt_conf_place_of(const lt_conf_reader *reader, const lt_yaml *node)
{
    return (lt_conf_place){.file = reader->file, .line = node->line, .col = node->col};
}

static lt_status put_place(lt_conf_place place, lt_err *err)
{
    if (place.line && place.file)
        return lt_wrap(err, "%s:%u:%u", place.file, place.line, place.col);
    return err->status;
}

lt_status lt_conf_fail(lt_conf_place place, lt_err *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lt_ignore(lt_fail_args(err, LT_INVALID, format, args));
    va_end(args);
    return put_place(place, err);
}

lt_status lt_setting_fail(const lt_conf_reader *reader, const lt_yaml *node, lt_err *err,
                          const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lt_ignore(lt_fail_args(err, LT_INVALID, format, args));
    va_end(args);
    return put_place(lt_conf_place_of(reader, node), err);
}

static void describe_words(const lt_setting *setting, lt_buf *out)
{
    for (size_t i = 0; i < setting->word_count; i++)
        lt_buf_printf(out, "%s%s",
                      i == 0                         ? ""
                      : i + 1 == setting->word_count ? " or "
                                                     : ", ",
                      setting->words[i]);
}

static void describe_bounds(const lt_setting *setting, lt_buf *out)
{
    lt_buf_add_str(out, "a whole number");
    if (setting->max)
        lt_buf_printf(out, " from %" PRId64 " to %" PRId64, setting->min, setting->max);
}

void lt_setting_describe(const lt_setting *setting, lt_buf *out)
{
    static const char *const plain[] = {
        [LT_SET_NAME] = "a name in snake_case",
        [LT_SET_WORD] = "a text",
        [LT_SET_TEXT] = "a text",
        [LT_SET_TEXTS] = "a text or a list of texts",
        [LT_SET_LENGTH] = "a duration such as 10m",
        [LT_SET_SIZE] = "a size such as 512MB or 2GiB",
        [LT_SET_SWITCH] = "true, false or auto",
        [LT_SET_PATH] = "a JSON path such as $.items[*]",
        [LT_SET_PAIRS] = "a mapping of names to texts",
        [LT_SET_VALUES] = "a mapping of names to values",
        [LT_SET_NODE] = "a mapping",
        [LT_SET_GROUP] = "a mapping",
        [LT_SET_LIST] = "a list",
        [LT_SET_MAP] = "a mapping of names to mappings",
    };
    if (setting->wanted && setting->type != LT_SET_PAIRS) /* there it is about the keys */
        lt_buf_add_str(out, setting->wanted);
    else if (setting->type == LT_SET_CHOICE)
        describe_words(setting, out);
    else if (setting->type == LT_SET_INT)
        describe_bounds(setting, out);
    else
        lt_buf_add_str(out, plain[setting->type]);
}

/* "expected ..., got ..." */
static lt_status fail_type(const lt_conf_reader *reader, const lt_setting *setting,
                           const value *got, lt_err *err)
{
    LT_AUTO(lt_buf) wanted = {.limit = 512};
    lt_setting_describe(setting, &wanted);
    const lt_yaml *node = got->node;
    if (node->kind != LT_YAML_SCALAR || node->type == LT_YAML_NULL)
        return lt_setting_fail(reader, node, err, "'%s': expected %s, got %s", setting->name,
                               lt_buf_chars(&wanted), lt_yaml_name(node));
    return lt_setting_fail(reader, node, err, "'%s': expected %s, got '%.*s'", setting->name,
                           lt_buf_chars(&wanted), LT_ARG(got->text));
}

static lt_status fail_template(const lt_conf_reader *reader, const lt_setting *setting,
                               const lt_yaml *node, lt_err *err)
{
    lt_ignore(lt_setting_fail(reader, node, err, "'%s' cannot be a template", setting->name));
    return lt_hint(err, "it must be known before anything is rendered: write it out");
}

/* ---- single values ---- */

bool lt_conf_is_template(lt_text text)
{
    return lt_text_has(text, T("{{")) || lt_text_has(text, T("{%")) || lt_text_has(text, T("{#"));
}

bool lt_conf_is_snake_case(lt_text text)
{
    if (text.len == 0 || text.len > 63 || lt_is_digit(text.ptr[0]))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!(text.ptr[i] >= 'a' && text.ptr[i] <= 'z') && !lt_is_digit(text.ptr[i]) &&
            text.ptr[i] != '_')
            return false;
    return true;
}

static lt_conf_text text_of(const lt_conf_reader *reader, const value *from)
{
    if (from->is_default)
        return (lt_conf_text){.raw = from->text, .is_template = lt_conf_is_template(from->text)};
    return lt_conf_text_of(reader->file, from->node);
}

lt_conf_text lt_conf_text_of(const char *file, const lt_yaml *node)
{
    return (lt_conf_text){.raw = node->text,
                          .place = {.file = file, .line = node->line, .col = node->col},
                          .line = node->text_line,
                          .col = node->text_col,
                          .indent = node->text_indent,
                          .is_template = lt_conf_is_template(node->text)};
}

lt_conf_place lt_conf_place_in(const lt_conf_text *text, unsigned line, unsigned col)
{
    lt_conf_place place = text->place;
    if (!text->line || !line)
        return place;
    place.line = text->line + line - 1;
    place.col = (line == 1 ? text->col - 1 : text->indent) + col;
    return place;
}

/* "My Project-2" becomes "my_project_2". */
static void suggest_name(lt_text text, lt_err *err)
{
    LT_AUTO(lt_buf) made = {.limit = 64};
    for (size_t i = 0; i < text.len; i++) {
        char c = lt_lower(text.ptr[i]);
        lt_buf_add_byte(&made, lt_is_alpha(c) || lt_is_digit(c) ? c : '_');
    }
    if (lt_conf_is_snake_case(lt_buf_text(&made)))
        lt_ignore(lt_hint(err, "write it as %s", lt_buf_chars(&made)));
    else
        lt_ignore(lt_hint(err, "use a to z, 0 to 9 and _, not a digit in front, at most 63"));
}

static lt_status check_name(const lt_conf_reader *reader, const lt_yaml *node, const char *what,
                            lt_err *err)
{
    if (node->kind == LT_YAML_SCALAR && lt_conf_is_snake_case(node->text))
        return LT_OK;
    lt_ignore(lt_setting_fail(reader, node, err, "%s: '%.*s' is not a name in snake_case", what,
                              LT_ARG(node->text)));
    suggest_name(node->text, err);
    return LT_INVALID;
}

static lt_status read_word(const lt_conf_reader *reader, const lt_setting *setting,
                           const value *from, lt_text *out, lt_err *err)
{
    if (lt_conf_is_template(from->text))
        return fail_template(reader, setting, from->node, err);
    if ((setting->fits && !setting->fits(from->text)) || (!setting->fits && from->text.len == 0))
        return fail_type(reader, setting, from, err);
    *out = from->text;
    return LT_OK;
}

static lt_status read_text(const lt_conf_reader *reader, const lt_setting *setting,
                           const value *from, lt_conf_text *out, lt_err *err)
{
    lt_conf_text text = text_of(reader, from);
    if (setting->fits && !text.is_template && !setting->fits(text.raw))
        return fail_type(reader, setting, from, err);
    *out = text;
    return LT_OK;
}

static bool in_bounds(const lt_setting *setting, int64_t number)
{
    return setting->max == 0 ? number >= 0 : number >= setting->min && number <= setting->max;
}

static lt_status fail_bounds(const lt_conf_reader *reader, const lt_setting *setting,
                             const value *from, lt_err *err)
{
    if (setting->type == LT_SET_INT)
        return fail_type(reader, setting, from, err);
    char least[LT_TIME_CHARS], most[LT_TIME_CHARS];
    if (setting->type == LT_SET_LENGTH)
        return lt_setting_fail(reader, from->node, err, "'%s' must be from %s to %s, got '%.*s'",
                               setting->name, lt_length_write(setting->min, least),
                               lt_length_write(setting->max, most), LT_ARG(from->text));
    return lt_setting_fail(reader, from->node, err,
                           "'%s' must be at least %" PRId64 " MiB, got '%.*s'", setting->name,
                           setting->min / (int64_t)LT_MIB, LT_ARG(from->text));
}

/* `every: 15` is fifteen of what? Who reads it should not have to know. */
static lt_status fail_unit(const lt_conf_reader *reader, const lt_setting *setting,
                           const value *from, lt_err *err)
{
    lt_ignore(lt_setting_fail(reader, from->node, err, "'%s': '%.*s' has no unit", setting->name,
                              LT_ARG(from->text)));
    return lt_hint(err, "write %.*ss, %.*sm or %.*sh", LT_ARG(from->text), LT_ARG(from->text),
                   LT_ARG(from->text));
}

static lt_status read_number(const lt_conf_reader *reader, const lt_setting *setting,
                             const value *from, int64_t *out, lt_err *err)
{
    int64_t number = 0;
    if (setting->type == LT_SET_LENGTH && lt_text_to_i64(from->text, &number) && number > 0)
        return fail_unit(reader, setting, from, err);
    bool read = setting->type == LT_SET_INT      ? lt_text_to_i64(from->text, &number)
                : setting->type == LT_SET_LENGTH ? lt_length_read(from->text, &number)
                                                 : lt_size_read(from->text, &number);
    if (!read)
        return fail_type(reader, setting, from, err);
    if (!in_bounds(setting, number) && !(from->is_default && number == 0))
        return fail_bounds(reader, setting, from, err);
    *out = number;
    return LT_OK;
}

static lt_text word_at(const void *context, size_t i)
{
    return lt_text_of(((const lt_setting *)context)->words[i]);
}

static lt_status read_choice(const lt_conf_reader *reader, const lt_setting *setting,
                             const value *from, unsigned *out, lt_err *err)
{
    lt_text nearest;
    for (size_t i = 0; i < setting->word_count; i++) {
        if (!lt_text_eq(from->text, lt_text_of(setting->words[i])))
            continue;
        *out = (unsigned)i;
        return LT_OK;
    }
    lt_ignore(fail_type(reader, setting, from, err));
    if (lt_text_nearest(from->text, setting->word_count, word_at, setting, &nearest))
        lt_ignore(lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest)));
    return LT_INVALID;
}

static lt_status read_switch(const lt_conf_reader *reader, const lt_setting *setting,
                             const value *from, lt_conf_yes_no_auto *out, lt_err *err)
{
    if (lt_text_eq(from->text, T("true")))
        *out = LT_CONF_YES;
    else if (lt_text_eq(from->text, T("false")))
        *out = LT_CONF_NO;
    else if (lt_text_eq(from->text, T("auto")))
        *out = LT_CONF_AUTO;
    else
        return fail_type(reader, setting, from, err);
    return LT_OK;
}

static lt_status read_path(const lt_conf_reader *reader, const lt_setting *setting,
                           const value *from, lt_json_path *out, lt_err *err)
{
    if (lt_conf_is_template(from->text))
        return fail_template(reader, setting, from->node, err);
    if (lt_json_path_compile(from->text, reader->arena, out, err) == LT_OK)
        return LT_OK;
    return lt_wrap(err, "%s:%u:%u: '%s'", reader->file, from->node->line, from->node->col,
                   setting->name);
}

/* Render what must be known at load. */
static lt_status render_now(const lt_conf_reader *reader, const lt_setting *setting, value *from,
                            lt_err *err)
{
    if (!lt_conf_is_template(from->text))
        return LT_OK;
    if (!reader->options || !reader->options->render)
        return fail_template(reader, setting, from->node, err);
    lt_conf_text text = text_of(reader, from);
    LT_TRY(reader->options->render(reader->options->render_context, LT_CONF_AT_LOAD, &text,
                                   reader->arena, &from->text, err));
    from->text = lt_text_trim(from->text);
    return LT_OK;
}

static lt_status read_scalar(const lt_conf_reader *reader, const lt_setting *setting, value *from,
                             void *out, lt_err *err)
{
    switch (setting->type) {
    case LT_SET_NAME:
        LT_TRY(check_name(reader, from->node, setting->name, err));
        *(lt_text *)out = from->text;
        return LT_OK;
    case LT_SET_WORD:
        return read_word(reader, setting, from, out, err);
    case LT_SET_TEXT:
        return read_text(reader, setting, from, out, err);
    case LT_SET_PATH:
        return read_path(reader, setting, from, out, err);
    default:
        break;
    }
    LT_TRY(render_now(reader, setting, from, err));
    if (setting->type == LT_SET_CHOICE)
        return read_choice(reader, setting, from, out, err);
    if (setting->type == LT_SET_SWITCH)
        return read_switch(reader, setting, from, out, err);
    return read_number(reader, setting, from, out, err);
}

/* ---- collections ---- */

static bool is_text(const lt_yaml *node)
{
    return node->kind == LT_YAML_SCALAR && node->type != LT_YAML_NULL;
}

static value value_of(const lt_yaml *node)
{
    return (value){.text = node->text, .node = node};
}

static lt_status add_text(const lt_conf_reader *reader, const lt_setting *setting,
                          const lt_yaml *node, lt_conf_texts *out, lt_err *err)
{
    value from = value_of(node);
    lt_conf_text text = {0};
    if (!is_text(node) || node->text.len == 0)
        return fail_type(reader, setting, &from, err);
    if (lt_conf_is_template(node->text) && !setting->templates)
        return fail_template(reader, setting, node, err);
    LT_TRY(read_text(reader, setting, &from, &text, err));
    lt_push_in(reader->arena, out, text);
    return LT_OK;
}

static lt_status read_texts(const lt_conf_reader *reader, const lt_setting *setting,
                            const lt_yaml *node, lt_conf_texts *out, lt_err *err)
{
    if (node->kind != LT_YAML_SEQUENCE)
        return add_text(reader, setting, node, out, err);
    for (size_t i = 0; i < node->count; i++)
        LT_TRY(add_text(reader, setting, node->items[i], out, err));
    return LT_OK;
}

static lt_status fail_not_mapping(const lt_conf_reader *reader, const lt_setting *setting,
                                  const lt_yaml *node, lt_err *err)
{
    value from = value_of(node);
    return fail_type(reader, setting, &from, err);
}

static lt_status read_pairs(const lt_conf_reader *reader, const lt_setting *setting,
                            const lt_yaml *node, lt_conf_pairs *out, lt_err *err)
{
    if (node->kind != LT_YAML_MAPPING)
        return fail_not_mapping(reader, setting, node, err);
    for (size_t i = 0; i < node->count; i++) {
        const lt_yaml *key = node->keys[i], *item = node->items[i];
        if (setting->fits && !setting->fits(key->text))
            return lt_setting_fail(reader, key, err, "'%s': '%.*s' is not %s", setting->name,
                                   LT_ARG(key->text), setting->wanted);
        if (!is_text(item))
            return lt_setting_fail(reader, item, err, "'%s': expected a text for '%.*s', got %s",
                                   setting->name, LT_ARG(key->text), lt_yaml_name(item));
        value from = value_of(item);
        lt_conf_pair pair = {.name = key->text, .value = text_of(reader, &from)};
        lt_push_in(reader->arena, out, pair);
    }
    return LT_OK;
}

static lt_status read_values(const lt_conf_reader *reader, const lt_setting *setting,
                             const lt_yaml *node, lt_conf_values *out, lt_err *err)
{
    if (node->kind != LT_YAML_MAPPING)
        return fail_not_mapping(reader, setting, node, err);
    for (size_t i = 0; i < node->count; i++) {
        LT_TRY(check_name(reader, node->keys[i], setting->name, err));
        lt_conf_value one = {.name = node->keys[i]->text,
                             .place = lt_conf_place_of(reader, node->keys[i]),
                             .value = node->items[i]};
        lt_push_in(reader->arena, out, one);
    }
    return LT_OK;
}

static void *add_item(const lt_conf_reader *reader, const lt_setting_group *group, any_vec *vec)
{
    if (vec->len == vec->cap)
        vec->items = lt_vec_grow_in(reader->arena, vec->items, &vec->cap, group->size);
    return vec->items + group->size * vec->len++;
}

static lt_status read_list(const lt_conf_reader *reader, const lt_setting *setting,
                           const lt_yaml *node, any_vec *out, lt_err *err)
{
    if (node->kind != LT_YAML_SEQUENCE)
        return fail_not_mapping(reader, setting, node, err);
    for (size_t i = 0; i < node->count; i++) {
        void *item = add_item(reader, setting->group, out);
        LT_TRY(lt_setting_read(reader, setting->group, node->items[i], item, err));
    }
    return LT_OK;
}

/* The name of a group that stands in a map or list is its first member. */
static lt_status read_map(const lt_conf_reader *reader, const lt_setting *setting,
                          const lt_yaml *node, any_vec *out, lt_err *err)
{
    if (node->kind != LT_YAML_MAPPING)
        return fail_not_mapping(reader, setting, node, err);
    for (size_t i = 0; i < node->count; i++) {
        LT_TRY(check_name(reader, node->keys[i], setting->name, err));
        char *item = add_item(reader, setting->group, out);
        LT_TRY(lt_setting_read(reader, setting->group, node->items[i], item, err));
        *(lt_text *)(void *)item = node->keys[i]->text;
        *(lt_conf_place *)(void *)(item + setting->group->place_offset) =
            lt_conf_place_of(reader, node->keys[i]);
    }
    return LT_OK;
}

static bool is_collection(const lt_setting *setting)
{
    return setting->type == LT_SET_TEXTS || setting->type >= LT_SET_PAIRS;
}

/* `schedule: "0 6 * * *"` is `schedule: {cron: "0 6 * * *"}`. */
static lt_status read_short(const lt_conf_reader *reader, const lt_setting *setting,
                            const lt_yaml *node, void *out, lt_err *err)
{
    lt_yaml *key = LT_NEW(reader->arena, lt_yaml), *scalar = LT_NEW(reader->arena, lt_yaml);
    *scalar = *key = *node;
    key->text = lt_text_of(setting->short_for);
    key->type = LT_YAML_STRING;
    lt_yaml *mapping = LT_NEW(reader->arena, lt_yaml);
    *mapping = (lt_yaml){.kind = LT_YAML_MAPPING, .line = node->line, .col = node->col, .count = 1};
    mapping->keys = lt_alloc_array(reader->arena, 1, sizeof(*mapping->keys));
    mapping->items = lt_alloc_array(reader->arena, 1, sizeof(*mapping->items));
    mapping->keys[0] = key;
    mapping->items[0] = scalar;
    return lt_setting_read(reader, setting->group, mapping, out, err);
}

static lt_status read_collection(const lt_conf_reader *reader, const lt_setting *setting,
                                 const lt_yaml *node, void *out, lt_err *err)
{
    switch (setting->type) {
    case LT_SET_TEXTS:
        return read_texts(reader, setting, node, out, err);
    case LT_SET_PAIRS:
        return read_pairs(reader, setting, node, out, err);
    case LT_SET_VALUES:
        return read_values(reader, setting, node, out, err);
    case LT_SET_GROUP:
        if (setting->short_for && node->kind == LT_YAML_SCALAR)
            return read_short(reader, setting, node, out, err);
        return lt_setting_read(reader, setting->group, node, out, err);
    case LT_SET_LIST:
        return read_list(reader, setting, node, out, err);
    case LT_SET_MAP:
        return read_map(reader, setting, node, out, err);
    default:
        assert(setting->type == LT_SET_NODE);
        if (node->kind != LT_YAML_MAPPING && !setting->any)
            return fail_not_mapping(reader, setting, node, err);
        *(const lt_yaml **)out = node;
        return LT_OK;
    }
}

static lt_status read_setting(const lt_conf_reader *reader, const lt_setting *setting,
                              const lt_yaml *node, char *made, lt_err *err)
{
    void *out = made + setting->offset;
    if (is_collection(setting))
        return read_collection(reader, setting, node, out, err);
    value from = value_of(node);
    if (!is_text(node))
        return fail_type(reader, setting, &from, err);
    return read_scalar(reader, setting, &from, out, err);
}

/* ---- groups ---- */

bool lt_setting_is_for(const lt_setting *setting, int kind)
{
    return kind < 0 || setting->kinds == 0 || (setting->kinds >> kind & 1U);
}

static const lt_setting *find_setting(const lt_setting_group *group, lt_text name, int kind)
{
    for (size_t i = 0; i < group->count; i++)
        if (lt_setting_is_for(&group->settings[i], kind) &&
            lt_text_eq(name, lt_text_of(group->settings[i].name)))
            return &group->settings[i];
    return NULL;
}

const lt_setting *lt_setting_discriminator(const lt_setting_group *group)
{
    return group->discriminator ? find_setting(group, lt_text_of(group->discriminator), -1) : NULL;
}

typedef struct allowed {
    const lt_setting_group *group;
    int kind;
} allowed;

static lt_text allowed_at(const void *context, size_t i)
{
    const allowed *self = context;
    const lt_setting *setting = &self->group->settings[i];
    return lt_setting_is_for(setting, self->kind) ? lt_text_of(setting->name) : (lt_text){0};
}

/* "did you mean 'x'? allowed here: a, b, c" */
static void hint_allowed(const allowed *self, lt_text name, lt_err *err)
{
    LT_AUTO(lt_buf) hint = {.limit = 500};
    lt_text nearest;
    if (lt_text_nearest(name, self->group->count, allowed_at, self, &nearest) && nearest.len)
        lt_buf_printf(&hint, "did you mean '%.*s'? ", LT_ARG(nearest));
    lt_buf_add_str(&hint, "allowed here: ");
    const char *comma = "";
    for (size_t i = 0; i < self->group->count; i++) {
        lt_text one = allowed_at(self, i);
        if (one.len == 0)
            continue;
        lt_buf_printf(&hint, "%s%.*s", comma, LT_ARG(one));
        comma = ", ";
    }
    lt_ignore(lt_hint(err, "%s", lt_buf_chars(&hint)));
}

static lt_text collection_at(const void *context, size_t i)
{
    const allowed *self = context;
    return is_collection(&self->group->settings[i]) ? allowed_at(self, i) : (lt_text){0};
}

/* A mapping behind a word that takes none: `target:` where `targets:` was meant. */
static void hint_collection(const allowed *here, const lt_setting *setting, const lt_yaml *node,
                            lt_err *err)
{
    lt_text nearest;
    if (node->kind == LT_YAML_SCALAR || is_collection(setting) || err->hint[0])
        return;
    if (lt_text_nearest(lt_text_of(setting->name), here->group->count, collection_at, here,
                        &nearest))
        lt_ignore(lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest)));
}

static bool comes_later(const lt_setting_group *group, lt_text name)
{
    for (const char *const *later = group->later; later && *later; later++)
        if (lt_text_eq(name, lt_text_of(*later)))
            return true;
    return false;
}

static lt_status fail_unknown(const lt_conf_reader *reader, const allowed *here, const lt_yaml *key,
                              lt_err *err)
{
    const lt_setting_group *group = here->group;
    const lt_setting *discriminator = lt_setting_discriminator(group);
    if (comes_later(group, key->text))
        lt_ignore(lt_setting_fail(reader, key, err, "'%.*s' in %s is not supported yet",
                                  LT_ARG(key->text), group->name));
    else if (discriminator && find_setting(group, key->text, -1))
        lt_ignore(lt_setting_fail(reader, key, err, "'%.*s' is not there in %s with %s: %s",
                                  LT_ARG(key->text), group->name, discriminator->name,
                                  discriminator->words[here->kind]));
    else
        lt_ignore(lt_setting_fail(reader, key, err, "unknown key '%.*s' in %s", LT_ARG(key->text),
                                  group->name));
    hint_allowed(here, key->text, err);
    return LT_INVALID;
}

static lt_status find_kind(const lt_conf_reader *reader, const lt_setting_group *group,
                           const lt_yaml *node, int *kind, lt_err *err)
{
    const lt_setting *discriminator = lt_setting_discriminator(group);
    *kind = -1;
    if (!discriminator)
        return LT_OK;
    const lt_yaml *written = lt_yaml_find(node, lt_text_of(discriminator->name));
    unsigned index = 0;
    if (!written)
        return lt_setting_fail(reader, node, err, "'%s' is missing in %s", discriminator->name,
                               group->name);
    value from = value_of(written);
    if (!is_text(written))
        return fail_type(reader, discriminator, &from, err);
    if (lt_conf_is_template(from.text))
        return fail_template(reader, discriminator, written, err);
    LT_TRY(read_choice(reader, discriminator, &from, &index, err));
    *kind = (int)index;
    return LT_OK;
}

bool lt_setting_may_be_empty(const lt_setting *setting)
{
    return !setting->required && is_collection(setting) && setting->type != LT_SET_GROUP;
}

/* What is written in the file, in its order. */
static lt_status read_written(const lt_conf_reader *reader, const allowed *here,
                              const lt_yaml *node, char *made, lt_err *err)
{
    for (size_t i = 0; i < node->count; i++) {
        const lt_setting *setting = find_setting(here->group, node->keys[i]->text, here->kind);
        if (!setting)
            return fail_unknown(reader, here, node->keys[i], err);
        bool empty = node->items[i]->kind == LT_YAML_SCALAR && node->items[i]->type == LT_YAML_NULL;
        if (empty && lt_setting_may_be_empty(setting))
            continue; /* "tasks:" and nothing behind it */
        lt_status status = read_setting(reader, setting, node->items[i], made, err);
        if (status != LT_OK)
            hint_collection(here, setting, node->items[i], err);
        LT_TRY(status);
    }
    return LT_OK;
}

static lt_status use_fallback(const lt_conf_reader *reader, const lt_setting *setting,
                              const lt_yaml *node, char *made, lt_err *err)
{
    value from = {.text = lt_text_of(setting->fallback), .node = node, .is_default = true};
    return read_scalar(reader, setting, &from, made + setting->offset, err);
}

/* A group that is not written still has its defaults. */
static lt_status fill_missing(const lt_conf_reader *reader, const allowed *here,
                              const lt_yaml *node, char *made, lt_err *err)
{
    for (size_t i = 0; i < here->group->count; i++) {
        const lt_setting *setting = &here->group->settings[i];
        if (!lt_setting_is_for(setting, here->kind) ||
            lt_yaml_find(node, lt_text_of(setting->name)))
            continue;
        if (setting->required)
            return lt_setting_fail(reader, node, err, "'%s' is missing in %s", setting->name,
                                   here->group->name);
        if (setting->fallback)
            LT_TRY(use_fallback(reader, setting, node, made, err));
        if (setting->type == LT_SET_GROUP && !setting->group->discriminator) {
            allowed inner = {setting->group, -1};
            for (size_t j = 0; j < inner.group->count; j++)
                if (inner.group->settings[j].fallback)
                    LT_TRY(use_fallback(reader, &inner.group->settings[j], node,
                                        made + setting->offset, err));
        }
    }
    return LT_OK;
}

static lt_status check_alone(const lt_conf_reader *reader, const lt_setting_group *group,
                             const lt_yaml *node, lt_err *err)
{
    const char *first = NULL;
    for (size_t i = 0; i < LT_COUNT(group->alone) && group->alone[i]; i++) {
        const lt_yaml *written = lt_yaml_find(node, lt_text_of(group->alone[i]));
        if (written && first)
            return lt_setting_fail(reader, written, err, "'%s' and '%s' exclude each other in %s",
                                   first, group->alone[i], group->name);
        first = written ? group->alone[i] : first;
    }
    if (first || !group->one_of_them)
        return LT_OK;
    LT_AUTO(lt_buf) names = {.limit = 400};
    for (size_t i = 0; i < LT_COUNT(group->alone) && group->alone[i]; i++)
        lt_buf_printf(&names, "%s'%s'",
                      !i                                                        ? ""
                      : i + 1 == LT_COUNT(group->alone) || !group->alone[i + 1] ? " or "
                                                                                : ", ",
                      group->alone[i]);
    return lt_setting_fail(reader, node, err, "%s is missing in %s", lt_buf_chars(&names),
                           group->name);
}

/* "shell true" where a mapping belongs. */
static bool hint_colon(const allowed *here, const lt_yaml *node, lt_err *err)
{
    size_t space = lt_text_find_byte(node->text, ' ', 0);
    lt_text word = lt_text_sub(node->text, 0, space);
    if (node->kind != LT_YAML_SCALAR || space == SIZE_MAX ||
        !find_setting(here->group, word, here->kind))
        return false;
    lt_ignore(lt_hint(err, "is a colon missing? write '%.*s:%.*s'", LT_ARG(word),
                      LT_ARG(lt_text_sub(node->text, space, 60))));
    return true;
}

lt_status lt_setting_read(const lt_conf_reader *reader, const lt_setting_group *group,
                          const lt_yaml *node, void *made, lt_err *err)
{
    allowed here = {.group = group};
    if (node->kind != LT_YAML_MAPPING) {
        lt_ignore(lt_setting_fail(reader, node, err, "expected a mapping for %s, got %s",
                                  group->name, lt_yaml_name(node)));
        here.kind = -1;
        if (!hint_colon(&here, node, err))
            hint_allowed(&here, (lt_text){0}, err);
        return LT_INVALID;
    }
    LT_TRY(find_kind(reader, group, node, &here.kind, err));
    LT_TRY(read_written(reader, &here, node, made, err));
    LT_TRY(fill_missing(reader, &here, node, made, err));
    LT_TRY(check_alone(reader, group, node, err));
    if (group->place_offset != SIZE_MAX) {
        const lt_yaml *name = lt_yaml_find(node, T("name"));
        const lt_setting *setting = find_setting(group, T("name"), -1);
        bool named = name && setting && setting->type == LT_SET_NAME;
        *(lt_conf_place *)(void *)((char *)made + group->place_offset) =
            lt_conf_place_of(reader, named ? name : node);
    }
    return group->check ? group->check(reader, made, node, err) : LT_OK;
}

/* ---- rendering ---- */

lt_status lt_conf_render(const lt_conf_text *text, lt_conf_render_fn *render, void *context,
                         lt_arena *arena, lt_text *out, lt_err *err)
{
    if (!text->is_template) {
        *out = text->raw;
        return LT_OK;
    }
    if (!render)
        return lt_conf_fail(text->place, err, "a template cannot be used here");
    return render(context, LT_CONF_AT_USE, text, arena, out, err);
}
