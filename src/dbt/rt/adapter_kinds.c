/* The adapters that there are, and indexes, which both have. */
#include "dbt/rt/adapter_kinds.h"

#include "base/time.h"

#include <openssl/evp.h>
#include <stdio.h>

static const lt_dbt_adapter *const adapters[] = {&lt_dbt_adapter_duckdb, &lt_dbt_adapter_postgres};

const lt_dbt_adapter *lt_dbt_adapter_find(lt_text kind)
{
    for (size_t i = 0; i < LT_COUNT(adapters); i++)
        if (lt_text_eq(adapters[i]->kind, kind))
            return adapters[i];
    return NULL;
}

const lt_dbt_adapter *lt_dbt_adapter_at(uint8_t id)
{
    return adapters[id < LT_COUNT(adapters) ? id : 0];
}

bool lt_dbt_adapter_is_known(lt_text kind)
{
    return lt_dbt_adapter_find(kind) != NULL;
}

/* ---- indexes ---- */

typedef struct index_object {
    lt_jinja_object object;
    lt_jinja_value columns;
    bool unique;
    lt_text type;
} index_object;

static lt_status index_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                            lt_jinja_value *out, bool *found, lt_err *err)
{
    const index_object *index = (const index_object *)self;
    (void)render;
    (void)err;
    *found = true;
    if (lt_text_eq(name, T("columns")))
        *out = index->columns;
    else if (lt_text_eq(name, T("unique")))
        *out = lt_jinja_bool(index->unique);
    else if (lt_text_eq(name, T("type")))
        *out = index->type.ptr ? lt_jinja_text(index->type) : lt_jinja_none();
    else
        *found = false;
    return LT_OK;
}

void lt_dbt_rt_md5(lt_text text, char out[33])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    (void)EVP_Digest(text.ptr ? text.ptr : "", text.len, digest, &len, EVP_md5(), NULL);
    for (unsigned i = 0; i < len && i < 16; i++)
        (void)snprintf(out + (size_t)(2 * i), 3, "%02x", digest[i]);
}

/* A name that is new each time: the index of the table that is replaced still has its own. */
static lt_status index_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                              lt_err *err)
{
    const index_object *index = (const index_object *)call->self.as.object;
    lt_jinja_value args[1];
    LT_AUTO(lt_buf) text = {0};
    char hash[33], now[LT_TIME_CHARS];
    *found = lt_text_eq(name, T("render"));
    if (!*found)
        return LT_OK;
    LT_TRY(lt_jinja_bind(call, "relation", args, err));
    const lt_dbt_relation *relation = lt_dbt_relation_in(args[0]);
    for (size_t i = 0; i < lt_jinja_len(index->columns); i++) {
        lt_jinja_str(lt_jinja_at(index->columns, i), &text);
        lt_buf_add_byte(&text, '_');
    }
    if (relation)
        lt_dbt_relation_render(relation, &text);
    lt_buf_printf(&text, "_%d_%.*s_%s", index->unique, LT_ARG(index->type),
                  lt_time_write(lt_now_us(), now));
    lt_dbt_rt_md5(lt_buf_text(&text), hash);
    *out = lt_jinja_text_copy(call->heap, lt_text_of(hash));
    return LT_OK;
}

static const lt_jinja_class index_class = {
    .name = "IndexConfig", .attr = index_attr, .method = index_method};

static lt_status index_wrong_type(const char *path, lt_jinja_value value, const char *type,
                                  lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = LT_KIB};
    lt_jinja_repr(value, &text);
    return lt_fail(err, LT_INVALID,
                   "Could not parse index config: at path [%s]: %.*s is not %s%s%s", path,
                   LT_ARG(lt_buf_text(&text)), type ? "of type '" : "",
                   type ? type : "valid under any of the given schemas", type ? "'" : "");
}

/* What dbt-postgres asks of an index, in its words: columns, a list of texts; unique, a boolean; type, a text. */
static lt_status check_index(lt_jinja_value raw, lt_err *err)
{
    lt_jinja_value key, value;
    if (raw.type != LT_JINJA_DICT)
        return index_wrong_type("", raw, "object", err);
    for (size_t at = 0; lt_jinja_next(raw, &at, &key, &value);) {
        lt_text name = lt_jinja_as_text(key);
        if (lt_text_eq(name, T("columns")) && value.type != LT_JINJA_LIST)
            return index_wrong_type("'columns'", value, "array", err);
        if (lt_text_eq(name, T("unique")) && value.type != LT_JINJA_BOOL)
            return index_wrong_type("'unique'", value, "boolean", err);
        if (lt_text_eq(name, T("type")) && value.type != LT_JINJA_STR &&
            value.type != LT_JINJA_NONE)
            return index_wrong_type("'type'", value, NULL, err);
        if (!lt_text_eq(name, T("columns")) && !lt_text_eq(name, T("unique")) &&
            !lt_text_eq(name, T("type")))
            return lt_fail(
                err, LT_INVALID,
                "Could not parse index config: at path []: Additional properties are not "
                "allowed ('%.*s' was unexpected)",
                LT_ARG(name));
    }
    return LT_OK;
}

static lt_status check_index_columns(lt_jinja_value columns, lt_err *err)
{
    char path[40];
    if (columns.type != LT_JINJA_LIST)
        return lt_fail(
            err, LT_INVALID,
            "Could not parse index config: at path []: 'columns' is a required property");
    for (size_t i = 0; i < lt_jinja_len(columns); i++) {
        lt_jinja_value column = lt_jinja_at(columns, i);
        (void)snprintf(path, sizeof(path), "'columns'][%zu", i);
        if (column.type != LT_JINJA_STR)
            return index_wrong_type(path, column, "string", err);
    }
    return LT_OK;
}

lt_status lt_dbt_parse_index(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "raw_index", args, err));
    *out = lt_jinja_none();
    if (lt_dbt_is_none(args[0]))
        return LT_OK;
    LT_TRY(check_index(args[0], err));
    LT_TRY(check_index_columns(lt_dbt_get(args[0], "columns"), err));
    index_object *index = LT_NEW(&call->heap->arena, index_object);
    *index = (index_object){.object.class = &index_class,
                            .columns = lt_dbt_get(args[0], "columns"),
                            .unique = lt_jinja_truth(lt_dbt_get(args[0], "unique")),
                            .type = lt_jinja_as_text(lt_dbt_get(args[0], "type"))};
    *out = lt_jinja_object_value(&index->object);
    return LT_OK;
}
