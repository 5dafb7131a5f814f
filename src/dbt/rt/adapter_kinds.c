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

lt_status lt_dbt_parse_index(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "raw_index", args, err));
    *out = lt_jinja_none();
    if (lt_dbt_is_none(args[0]))
        return LT_OK;
    if (args[0].type != LT_JINJA_DICT)
        return lt_fail(err, LT_INVALID,
                       "Invalid index config: expected a dictionary with a minimum of the "
                       "\"columns\" key, got: %.*s",
                       LT_ARG(lt_dbt_str(call->heap, args[0])));
    index_object *index = LT_NEW(&call->heap->arena, index_object);
    *index = (index_object){.object.class = &index_class,
                            .columns = lt_dbt_get(args[0], "columns"),
                            .unique = lt_jinja_truth(lt_dbt_get(args[0], "unique")),
                            .type = lt_jinja_as_text(lt_dbt_get(args[0], "type"))};
    if (index->columns.type != LT_JINJA_LIST || !lt_jinja_len(index->columns))
        return lt_fail(err, LT_INVALID,
                       "Could not parse index config: 'columns' must be a list of "
                       "column names");
    *out = lt_jinja_object_value(&index->object);
    return LT_OK;
}
