/* Parameters of pipelines: their types, their default values, and what people give. */
#include "conf/tables.h"

#include "base/time.h"

static const char *const types[] = {"string", "int", "number", "bool", "date", "enum"};

const char *lt_conf_param_type_name(lt_conf_param_type type)
{
    return types[type];
}

static bool is_date(lt_text value)
{
    int64_t moment;
    return value.len == strlen("2026-11-22") && lt_time_read(value, &moment);
}

static lt_status fail_value(const lt_conf_param *param, lt_text value, lt_err *err)
{
    LT_AUTO(lt_buf) options = {.limit = 400};
    for (size_t i = 0; i < param->options.len; i++)
        lt_buf_printf(&options, "%s%.*s", i ? ", " : "", LT_ARG(param->options.items[i]));
    if (param->type == LT_PARAM_ENUM)
        return lt_fail(err, LT_INVALID, "the parameter '%.*s' is one of %s, not '%.*s'",
                       LT_ARG(param->name), lt_buf_chars(&options), LT_ARG(value));
    static const char *const wanted[] = {
        "a text", "a whole number", "a number", "true or false", "a date such as 2026-11-22", ""};
    return lt_fail(err, LT_INVALID, "the parameter '%.*s' is %s, not '%.*s'", LT_ARG(param->name),
                   wanted[param->type], LT_ARG(value));
}

static bool is_option(const lt_conf_param *param, lt_text value)
{
    for (size_t i = 0; i < param->options.len; i++)
        if (lt_text_eq(param->options.items[i], value))
            return true;
    return false;
}

lt_status lt_conf_param_read(const lt_conf_param *param, lt_text value, lt_buf *json, lt_err *err)
{
    int64_t whole;
    double real;
    bool truth = lt_text_eq(value, T("true"));
    bool fits = true, quoted = false;
    switch (param->type) {
    case LT_PARAM_INT:
        fits = lt_text_to_i64(value, &whole);
        break;
    case LT_PARAM_NUMBER:
        fits = lt_text_to_double(value, &real) && lt_json_check(value, NULL, err) == LT_OK;
        break;
    case LT_PARAM_BOOL:
        fits = truth || lt_text_eq(value, T("false"));
        break;
    case LT_PARAM_DATE:
        fits = is_date(value);
        quoted = true;
        break;
    case LT_PARAM_ENUM:
        fits = is_option(param, value);
        quoted = true;
        break;
    default:
        quoted = true;
        break;
    }
    if (!fits)
        return fail_value(param, value, err);
    if (quoted)
        lt_json_quote(value, json);
    else
        lt_buf_add(json, value);
    return LT_OK;
}

/* ---- from the file ---- */

static lt_conf_param_type type_of(const lt_yaml *value)
{
    switch (value->type) {
    case LT_YAML_BOOL:
        return LT_PARAM_BOOL;
    case LT_YAML_INT:
        return LT_PARAM_INT;
    case LT_YAML_FLOAT:
        return LT_PARAM_NUMBER;
    default:
        return LT_PARAM_STRING;
    }
}

static lt_status read_type(const lt_conf_reader *reader, const lt_yaml *node, lt_conf_param *param,
                           lt_err *err)
{
    const lt_yaml *type = lt_yaml_find(node, T("type"));
    if (!type)
        return lt_setting_fail(reader, node, err, "'type' is missing in the parameter '%.*s'",
                               LT_ARG(param->name));
    for (size_t i = 0; i < LT_COUNT(types); i++) {
        if (!lt_text_eq(type->text, lt_text_of(types[i])))
            continue;
        param->type = (lt_conf_param_type)i;
        return LT_OK;
    }
    return lt_setting_fail(reader, type, err,
                           "'type': expected string, int, number, bool, date or enum, got '%.*s'",
                           LT_ARG(type->text));
}

static lt_status read_options(const lt_conf_reader *reader, const lt_yaml *node,
                              lt_conf_param *param, lt_err *err)
{
    const lt_yaml *options = lt_yaml_find(node, T("options"));
    bool wanted = param->type == LT_PARAM_ENUM;
    if (wanted != (options != NULL))
        return lt_setting_fail(reader, options ? options : node, err,
                               "'options' belongs to a parameter of the type enum");
    if (!options)
        return LT_OK;
    if (options->kind != LT_YAML_SEQUENCE || !options->count)
        return lt_setting_fail(reader, options, err, "'options': expected a list of texts");
    for (size_t i = 0; i < options->count; i++)
        lt_push_in(reader->arena, &param->options, options->items[i]->text);
    return LT_OK;
}

static lt_status read_long(const lt_conf_reader *reader, const lt_yaml *node, lt_conf_param *param,
                           lt_err *err)
{
    static const char *const keys[] = {"type", "default", "help", "options"};
    for (size_t i = 0; i < node->count; i++) {
        bool known = false;
        for (size_t k = 0; k < LT_COUNT(keys); k++)
            known = known || lt_text_eq(node->keys[i]->text, lt_text_of(keys[k]));
        if (!known) {
            lt_ignore(lt_setting_fail(reader, node->keys[i], err,
                                      "unknown key '%.*s' in a parameter",
                                      LT_ARG(node->keys[i]->text)));
            return lt_hint(err, "allowed here: type, default, help, options");
        }
    }
    const lt_yaml *help = lt_yaml_find(node, T("help"));
    param->fallback = lt_yaml_find(node, T("default"));
    param->help = help ? help->text : (lt_text){0};
    LT_TRY(read_type(reader, node, param, err));
    return read_options(reader, node, param, err);
}

static lt_status read_param(const lt_conf_reader *reader, const lt_conf_value *value,
                            lt_conf_param *param, lt_err *err)
{
    LT_AUTO(lt_buf) json = {0};
    *param = (lt_conf_param){.name = value->name, .place = value->place};
    if (value->value->kind == LT_YAML_SEQUENCE)
        return lt_setting_fail(reader, value->value, err,
                               "a parameter is a single value, not a list");
    if (value->value->kind == LT_YAML_MAPPING) {
        LT_TRY(read_long(reader, value->value, param, err));
    } else {
        param->type = type_of(value->value);
        param->fallback = value->value;
    }
    const lt_yaml *fallback = param->fallback;
    if (!fallback || (fallback->kind == LT_YAML_SCALAR && fallback->type == LT_YAML_NULL &&
                      param->type == LT_PARAM_STRING))
        return LT_OK;
    if (fallback->kind != LT_YAML_SCALAR)
        return lt_setting_fail(reader, fallback, err, "a default value is a single value");
    if (lt_conf_param_read(param, fallback->text, &json, err) != LT_OK)
        return lt_wrap(err, "%s:%u:%u", reader->file, fallback->line, fallback->col);
    return LT_OK;
}

lt_status lt_conf_read_params(const lt_conf_reader *reader, const lt_conf_values *values,
                              lt_conf_params *out, lt_err *err)
{
    for (size_t i = 0; i < values->len; i++) {
        lt_conf_param param;
        LT_TRY(read_param(reader, &values->items[i], &param, err));
        lt_push_in(reader->arena, out, param);
    }
    return LT_OK;
}
