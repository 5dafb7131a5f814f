/* Values of a project as JSON of the manifest, and the configuration of a node over dbt's defaults. */
#include "dbt/artifacts/manifest_inner.h"

#include "base/time.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

typedef lt_json_writer writer;

void lt_manifest_key(writer *w, lt_jinja_value key)
{
    LT_AUTO(lt_buf) text = {.limit = 64 * LT_KIB};
    lt_jinja_str(key, &text);
    lt_json_key(w, lt_buf_text(&text));
}

/* Values of the project nest no deeper than YAML and Jinja allowed. */
/* As Python writes it: 4.0 stays a number with a point. */
static void write_float(lt_json_writer *w, lt_jinja_value value)
{
    LT_AUTO(lt_buf) text = {.limit = LT_KIB};
    if (!isfinite(value.as.f)) {
        lt_json_double(w, value.as.f);
        return;
    }
    lt_jinja_repr(value, &text);
    lt_json_raw(w, lt_buf_text(&text));
}

void lt_dbt_write_value(lt_json_writer *w, lt_jinja_value value)
{
    lt_jinja_value key, item;
    LT_AUTO(lt_buf) text = {0};
    switch (value.type) {
    case LT_JINJA_UNDEFINED:
    case LT_JINJA_NONE:
        lt_json_null(w);
        return;
    case LT_JINJA_BOOL:
        lt_json_bool(w, value.as.b);
        return;
    case LT_JINJA_INT:
        lt_json_int(w, value.as.i);
        return;
    case LT_JINJA_FLOAT:
        write_float(w, value);
        return;
    case LT_JINJA_STR:
        lt_json_string(w, lt_jinja_as_text(value));
        return;
    case LT_JINJA_LIST:
    case LT_JINJA_TUPLE:
        lt_json_begin(w, '[');
        for (size_t i = 0; i < lt_jinja_len(value); i++)
            lt_dbt_write_value(w, lt_jinja_at(value, i));
        lt_json_end(w);
        return;
    case LT_JINJA_DICT:
        lt_json_begin(w, '{');
        for (size_t at = 0; lt_jinja_next(value, &at, &key, &item);) {
            lt_manifest_key(w, key);
            lt_dbt_write_value(w, item);
        }
        lt_json_end(w);
        return;
    default:
        lt_jinja_str(value, &text);
        if (lt_jinja_is_long(value))
            lt_json_raw(w, lt_buf_text(&text));
        else
            lt_json_string(w, lt_buf_text(&text));
    }
}

void lt_manifest_value(writer *w, const char *key, lt_jinja_value value)
{
    lt_json_key(w, lt_text_of(key));
    lt_dbt_write_value(w, value);
}

void lt_manifest_null(writer *w, const char *key)
{
    lt_json_key(w, lt_text_of(key));
    lt_json_null(w);
}

void lt_manifest_text(writer *w, const char *key, lt_text text)
{
    if (text.len)
        lt_json_set(w, key, text);
    else
        lt_manifest_null(w, key);
}

void lt_manifest_texts(writer *w, const char *key, const lt_texts *texts)
{
    lt_json_key(w, lt_text_of(key));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < texts->len; i++)
        lt_json_string(w, texts->items[i]);
    lt_json_end(w);
}

void lt_manifest_container(writer *w, const char *key, lt_jinja_value value, char bracket)
{
    lt_json_key(w, lt_text_of(key));
    bool fits = bracket == '{' ? value.type == LT_JINJA_DICT : value.type == LT_JINJA_LIST;
    if (fits) {
        lt_dbt_write_value(w, value);
        return;
    }
    lt_json_begin(w, bracket);
    if (bracket == '[' && value.type == LT_JINJA_STR)
        lt_dbt_write_value(w, value);
    lt_json_end(w);
}

/* Some ten thousand times the same number: digits of an integer cost a tenth of those of a double. */
void lt_manifest_created(writer *w, const lt_dbt *dbt)
{
    char text[40];
    int len = snprintf(text, sizeof(text), "%" PRId64 ".%06" PRId64, dbt->loaded_at_us / 1000000,
                       dbt->loaded_at_us % 1000000);
    lt_json_key(w, T("created_at"));
    lt_json_raw(w, lt_text_at(text, (size_t)len));
}

static bool is_filled_in(lt_text key)
{
    return lt_text_eq(key, T("docs")) || lt_text_eq(key, T("contract")) ||
           lt_text_eq(key, T("snapshot_meta_column_names"));
}

void lt_manifest_over(writer *w, lt_jinja_value usual, lt_jinja_value value)
{
    lt_jinja_value key, item, own;
    lt_json_begin(w, '{');
    for (size_t at = 0; lt_jinja_next(usual, &at, &key, &item);) {
        lt_manifest_key(w, key);
        bool said = value.type == LT_JINJA_DICT && lt_jinja_find_value(value, key, &own);
        lt_dbt_write_value(w, said ? own : item);
    }
    lt_json_end(w);
}

/* `begin` of a microbatch model is a moment, as Python writes it; elsewhere a day stays one. */
static void write_setting(writer *w, const lt_dbt *dbt, const lt_dbt_node *node, lt_text key,
                          lt_jinja_value value)
{
    int64_t at_us;
    char text[LT_TIME_CHARS];
    LT_AUTO(lt_buf) said = {.limit = LT_KIB};
    if (lt_text_eq(key, T("begin")) && value.type != LT_JINJA_NONE) {
        lt_jinja_str(value, &said);
        bool is_moment = said.len > strlen("2020-01-01") || lt_dbt_builds_batches(dbt, node);
        if (is_moment && lt_time_read(lt_buf_text(&said), &at_us)) {
            lt_json_string(w, lt_text_sub(lt_text_of(lt_time_write(at_us, text)), 0, 19));
            return;
        }
    }
    lt_dbt_write_value(w, value);
}

void lt_manifest_config(writer *w, const lt_dbt *dbt, const lt_dbt_node *node)
{
    lt_jinja_value usual = dbt->defaults[node->kind], key, value, own, known;
    lt_json_begin(w, '{');
    for (size_t at = 0; lt_jinja_next(usual, &at, &key, &value);) {
        bool said = lt_jinja_find_value(node->config.all, key, &own) && own.type != LT_JINJA_NONE;
        lt_manifest_key(w, key);
        if (node->is_disabled && lt_text_eq(lt_jinja_as_text(key), T("enabled")))
            lt_dbt_write_value(w, lt_jinja_bool(false)); /* a test too, of what is disabled */
        else if (is_filled_in(lt_jinja_as_text(key)))
            lt_manifest_over(w, value, said ? own : value);
        else
            write_setting(w, dbt, node, lt_jinja_as_text(key), said ? own : value);
    }
    for (size_t at = 0; lt_jinja_next(node->config.all, &at, &key, &value);)
        if (!lt_jinja_find_value(usual, key, &known)) {
            lt_manifest_key(w, key);
            lt_dbt_write_value(w, value);
        }
    lt_json_end(w);
}
