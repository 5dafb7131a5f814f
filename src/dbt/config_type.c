/* What values dbt takes for its own configuration keys: a node with another one is refused, as dbt refuses it. */
#include "dbt/inner.h"

#include "base/time.h"

enum {
    TEXT = 1,
    BOOL = 2,
    INT = 4,
    DICT = 8,
    NONE = 16,
    TEXTS = 32, /* a list of texts */
};

#define KIND(name) (1u << LT_DBT_##name)
#define TESTS (KIND(GENERIC_TEST) | KIND(SINGULAR_TEST))
#define BUILT (KIND(MODEL) | KIND(SEED) | KIND(SNAPSHOT) | KIND(ANALYSIS) | KIND(OPERATION))
#define ALL (BUILT | TESTS)
#define SEMANTIC (KIND(EXPOSURE) | KIND(METRIC) | KIND(SEMANTIC_MODEL) | KIND(SAVED_QUERY))

static const char *const on_change[] = {"apply", "continue", "fail", NULL};
static const char *const accesses[] = {"private", "protected", "public", NULL};
static const char *const seed[] = {"seed", NULL};
static const char *const snapshot[] = {"snapshot", NULL};
static const char *const test[] = {"test", NULL};
static const char *const severities[] = {"error", "warn", NULL};

static const struct {
    lt_text key;
    unsigned kinds, types;
    const char *const *words; /* of a text; NULL: any */
} keys[] = {
    {T("enabled"), ALL | KIND(SOURCE) | SEMANTIC, BOOL, NULL},
    {T("alias"), ALL, TEXT | NONE, NULL},
    {T("schema"), ALL, TEXT | NONE, NULL},
    {T("database"), ALL, TEXT | NONE, NULL},
    {T("tags"), ALL, TEXT | TEXTS, NULL},
    {T("meta"), ALL | SEMANTIC, DICT, NULL},
    {T("group"), ALL, TEXT | NONE, NULL},
    {T("materialized"), KIND(SEED), TEXT, seed},
    {T("materialized"), KIND(SNAPSHOT), TEXT, snapshot},
    {T("materialized"), TESTS, TEXT, test},
    {T("materialized"), ALL, TEXT, NULL},
    {T("incremental_strategy"), BUILT, TEXT | NONE, NULL},
    {T("persist_docs"), BUILT, DICT, NULL},
    {T("quoting"), BUILT, DICT, NULL},
    {T("column_types"), BUILT, DICT, NULL},
    {T("full_refresh"), BUILT, BOOL | NONE, NULL},
    {T("unique_key"), BUILT, TEXT | TEXTS | NONE, NULL},
    {T("on_schema_change"), BUILT, TEXT | NONE, NULL},
    {T("on_configuration_change"), BUILT, TEXT, on_change},
    {T("grants"), BUILT, DICT, NULL},
    {T("docs"), BUILT, DICT, NULL},
    {T("contract"), BUILT, DICT, NULL},
    {T("access"), KIND(MODEL), TEXT, accesses},
    {T("delimiter"), KIND(SEED), TEXT, NULL},
    {T("quote_columns"), KIND(SEED), BOOL | NONE, NULL},
    {T("strategy"), KIND(SNAPSHOT), TEXT | NONE, NULL},
    {T("updated_at"), KIND(SNAPSHOT), TEXT | NONE, NULL},
    {T("check_cols"), KIND(SNAPSHOT), TEXT | TEXTS | NONE, NULL},
    {T("severity"), TESTS, TEXT, severities},
    {T("store_failures"), TESTS, BOOL | NONE, NULL},
    {T("where"), TESTS, TEXT | NONE, NULL},
    {T("limit"), TESTS, INT | NONE, NULL},
    {T("fail_calc"), TESTS, TEXT, NULL},
    {T("warn_if"), TESTS, TEXT, NULL},
    {T("error_if"), TESTS, TEXT, NULL},
};

/* The names of colors that CSS has. */
static const char colors[] =
    " aliceblue antiquewhite aqua aquamarine azure beige bisque black blanchedalmond blue"
    " blueviolet brown burlywood cadetblue chartreuse chocolate coral cornflowerblue"
    " cornsilk crimson cyan darkblue darkcyan darkgoldenrod darkgray darkgreen darkkhaki"
    " darkmagenta darkolivegreen darkorange darkorchid darkred darksalmon darkseagreen"
    " darkslateblue darkslategray darkturquoise darkviolet deeppink deepskyblue dimgray"
    " dodgerblue firebrick floralwhite forestgreen fuchsia gainsboro ghostwhite gold"
    " goldenrod gray green greenyellow honeydew hotpink indianred indigo ivory khaki"
    " lavender lavenderblush lawngreen lemonchiffon lightblue lightcoral lightcyan"
    " lightgoldenrodyellow lightgray lightgreen lightpink lightsalmon lightseagreen"
    " lightskyblue lightslategray lightsteelblue lightyellow lime limegreen linen magenta"
    " maroon mediumaquamarine mediumblue mediumorchid mediumpurple mediumseagreen"
    " mediumslateblue mediumspringgreen mediumturquoise mediumvioletred midnightblue"
    " mintcream mistyrose moccasin navajowhite navy oldlace olive olivedrab orange"
    " orangered orchid palegoldenrod palegreen paleturquoise palevioletred papayawhip"
    " peachpuff peru pink plum powderblue purple rebeccapurple red rosybrown royalblue"
    " saddlebrown salmon sandybrown seagreen seashell sienna silver skyblue slateblue"
    " slategray snow springgreen steelblue tan teal thistle tomato turquoise violet wheat"
    " white whitesmoke yellow yellowgreen ";

static bool is_color(lt_text name)
{
    LT_AUTO(lt_chars) word = lt_format(" %.*s ", LT_ARG(name));
    return !lt_text_has(name, T(" ")) && strcasestr(colors, word) != NULL;
}

static bool is_texts(lt_jinja_value value)
{
    if (value.type != LT_JINJA_LIST && value.type != LT_JINJA_TUPLE && value.type != LT_JINJA_SET)
        return false;
    for (size_t i = 0; i < lt_jinja_len(value); i++)
        if (lt_jinja_at(value, i).type != LT_JINJA_STR)
            return false;
    return true;
}

static bool fits(unsigned types, lt_jinja_value value)
{
    switch (value.type) {
    case LT_JINJA_UNDEFINED:
        return true; /* as if it was not said */
    case LT_JINJA_NONE:
        return types & NONE;
    case LT_JINJA_BOOL:
        return types & BOOL;
    case LT_JINJA_INT:
        return types & INT;
    case LT_JINJA_STR:
        return types & TEXT;
    case LT_JINJA_DICT:
        return types & DICT;
    default:
        return (types & TEXTS) && is_texts(value);
    }
}

static bool has_word(const char *const *words, lt_text value)
{
    for (size_t i = 0; words[i]; i++)
        if (lt_text_eq_nocase(lt_text_of(words[i]), value))
            return true;
    return false;
}

static void say_types(unsigned types, lt_buf *out)
{
    static const struct {
        unsigned type;
        const char *name;
    } names[] = {{BOOL, "true or false"}, {INT, "a whole number"},    {TEXT, "a text"},
                 {DICT, "a mapping"},     {TEXTS, "a list of texts"}, {NONE, "none"}};
    for (size_t i = 0; i < LT_COUNT(names); i++)
        if (types & names[i].type)
            lt_buf_printf(out, "%s%s", out->len ? " or " : "", names[i].name);
}

static lt_status wrong(const lt_dbt_node *node, lt_text key, lt_jinja_value value, lt_err *err)
{
    LT_AUTO(lt_buf) shown = {.limit = LT_KIB};
    lt_jinja_str(value, &shown);
    return lt_fail(err, LT_INVALID, "%.*s: '%s' is not a value of the configuration '%.*s'",
                   LT_ARG(node->path), lt_buf_chars(&shown), LT_ARG(key));
}

static lt_status check_one(const lt_dbt_node *node, size_t i, lt_jinja_value value, lt_err *err)
{
    LT_AUTO(lt_buf) hint = {.limit = LT_KIB};
    if (!fits(keys[i].types, value)) {
        lt_ignore(wrong(node, keys[i].key, value, err));
        say_types(keys[i].types, &hint);
        return lt_hint(err, "it must be %s", lt_buf_chars(&hint));
    }
    if (!keys[i].words || value.type != LT_JINJA_STR ||
        has_word(keys[i].words, lt_jinja_as_text(value)))
        return LT_OK;
    lt_ignore(wrong(node, keys[i].key, value, err));
    for (size_t k = 0; keys[i].words[k]; k++)
        lt_buf_printf(&hint, "%s'%s'", k ? ", " : "", keys[i].words[k]);
    return lt_hint(err, "it may be %s", lt_buf_chars(&hint));
}

/* The keys of `contract` and `docs` that are switches. */
static lt_status check_switch(const lt_dbt_node *node, const char *key, const char *inner,
                              lt_err *err)
{
    lt_jinja_value all = lt_dbt_at(node->config.all, key), value = lt_dbt_at(all, inner);
    if (value.type == LT_JINJA_UNDEFINED || value.type == LT_JINJA_BOOL)
        return LT_OK;
    LT_AUTO(lt_chars) name = lt_format("%s: {%s}", key, inner);
    lt_ignore(wrong(node, lt_text_of(name), value, err));
    return lt_hint(err, "it must be true or false");
}

/* dbt shows the color of a node in its docs: a name of CSS, or three or six hexadecimal digits. */
static lt_status check_color(const lt_dbt_node *node, lt_err *err)
{
    lt_jinja_value value = lt_dbt_at(lt_dbt_at(node->config.all, "docs"), "node_color");
    lt_text color = lt_jinja_as_text(value);
    bool holds = true;
    if (!lt_dbt_is_set(value))
        return LT_OK;
    if (!lt_text_starts(color, T("#"))) {
        holds = is_color(color);
    } else {
        holds = color.len == 4 || color.len == 7;
        for (size_t i = 1; i < color.len; i++)
            holds &= strchr("0123456789abcdefABCDEF", color.ptr[i]) != NULL;
    }
    if (holds)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID, "%.*s: Invalid color name for docs.node_color: %.*s",
                      LT_ARG(node->path), LT_ARG(color)));
    return lt_hint(err, "It is neither a valid HTML color name nor a valid HEX code");
}

lt_status lt_dbt_config_check_types(const lt_dbt_node *node, lt_err *err)
{
    unsigned kind = 1u << node->kind;
    lt_jinja_value value;
    for (size_t i = 0; i < LT_COUNT(keys); i++)
        if ((keys[i].kinds & kind) && lt_jinja_find(node->config.all, keys[i].key, &value))
            LT_TRY(check_one(node, i, value, err));
    if (!(kind & ALL))
        return LT_OK;
    LT_TRY(check_switch(node, "contract", "enforced", err));
    LT_TRY(check_switch(node, "docs", "show", err));
    return check_color(node, err);
}

/* ---- microbatch ---- */

bool lt_dbt_has_core_batches(const lt_dbt *dbt)
{
    lt_jinja_value flags = lt_dbt_at(dbt->root->project, "flags");
    return !lt_map_find(&dbt->root->macros, T("get_incremental_microbatch_sql")) ||
           lt_jinja_truth(
               lt_dbt_at(flags, "require_batched_execution_for_custom_microbatch_strategy"));
}

static lt_status bad_batches(const lt_dbt_node *node, const char *what, lt_jinja_value value,
                             lt_err *err)
{
    LT_AUTO(lt_buf) shown = {.limit = LT_KIB};
    lt_jinja_repr(value, &shown);
    return lt_fail(err, LT_INVALID, "%.*s: Microbatch model '%.*s' must provide %s, but got: %s",
                   LT_ARG(node->path), LT_ARG(node->name), what, lt_buf_chars(&shown));
}

static bool is_batch_size(lt_jinja_value value)
{
    static const lt_text sizes[] = {T("hour"), T("day"), T("month"), T("year")};
    for (size_t i = 0; i < LT_COUNT(sizes); i++)
        if (lt_text_eq_nocase(lt_jinja_as_text(value), sizes[i]))
            return true;
    return false;
}

static bool is_moment(lt_jinja_value value)
{
    int64_t at_us;
    return value.type == LT_JINJA_STR ? lt_time_read(lt_jinja_as_text(value), &at_us)
                                      : lt_dbt_moment_of(value, &at_us);
}

bool lt_dbt_builds_batches(const lt_dbt *dbt, const lt_dbt_node *node)
{
    return node->kind == LT_DBT_MODEL && lt_text_eq(node->config.materialized, T("incremental")) &&
           lt_text_eq(node->config.incremental_strategy, T("microbatch")) &&
           lt_dbt_has_core_batches(dbt);
}

lt_status lt_dbt_microbatch_check(const lt_dbt *dbt, const lt_dbt_node *node, lt_err *err)
{
    static const char *const wanted[] = {"event_time", "begin", "batch_size", "lookback",
                                         "concurrent_batches"};
    lt_jinja_value said[LT_COUNT(wanted)];
    if (!lt_dbt_builds_batches(dbt, node))
        return LT_OK;
    for (size_t i = 0; i < LT_COUNT(wanted); i++) {
        said[i] = lt_dbt_config_get(dbt, node, lt_text_of(wanted[i]));
        if (!lt_dbt_is_set(said[i]))
            said[i] = lt_jinja_none();
    }
    if (said[0].type != LT_JINJA_STR)
        return bad_batches(node, "an 'event_time' config of type string, the name of a column",
                           said[0], err);
    if (!is_moment(said[1]))
        return bad_batches(node, "a 'begin' config of valid datetime (ISO format)", said[1], err);
    if (!is_batch_size(said[2]))
        return bad_batches(node, "a 'batch_size' config that is hour, day, month or year", said[2],
                           err);
    if (said[3].type != LT_JINJA_INT && said[3].type != LT_JINJA_NONE)
        return bad_batches(node, "the optional 'lookback' config as type int", said[3], err);
    if (said[4].type != LT_JINJA_BOOL && said[4].type != LT_JINJA_NONE)
        return bad_batches(node, "the optional 'concurrent_batches' config as type bool", said[4],
                           err);
    return LT_OK;
}
