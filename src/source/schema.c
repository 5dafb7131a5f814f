/* Schemas of datasets: read, written, and changed within the contract. */
#include "source/schema.h"

#include "source/name.h"

lt_status lt_schema_read(lt_text json, lt_arena *arena, lt_schema *out, lt_err *err)
{
    lt_schema schema = {0};
    lt_json *root = NULL;
    if (json.len > 0)
        LT_TRY(lt_json_read(json, "schema of the dataset", NULL, arena, &root, err));
    for (size_t i = 0; root && i < root->count; i++) {
        const lt_json *item = &root->items[i];
        lt_schema_column column = {.name = lt_json_text_or(item, "name", (lt_text){0}),
                                   .null_only = lt_json_bool_or(item, "null_only", false)};
        column.key = lt_json_text_or(item, "key", column.name);
        lt_text type = lt_json_text_or(item, "type", (lt_text){0});
        if (column.name.len == 0 || !lt_type_read(arena, type, &column.type))
            return lt_fail(err, LT_INVALID,
                           "the schema of the dataset has a column '%.*s' of type '%.*s'",
                           LT_ARG(column.name), LT_ARG(type));
        if (column.null_only)
            column.type = (lt_type){0};
        lt_push_in(arena, &schema.columns, column);
    }
    *out = schema;
    return LT_OK;
}

void lt_schema_write(const lt_schema *schema, lt_buf *out)
{
    lt_json_writer w = {.out = out};
    lt_json_begin(&w, '[');
    for (size_t i = 0; i < schema->columns.len; i++) {
        const lt_schema_column *column = &schema->columns.items[i];
        LT_AUTO(lt_buf) type = {.limit = LT_MIB};
        lt_type_write(&column->type, &type);
        lt_json_begin(&w, '{');
        lt_json_set(&w, "name", column->name);
        lt_json_set(&w, "type", lt_buf_text(&type));
        if (!lt_text_eq(column->key, column->name))
            lt_json_set(&w, "key", column->key);
        if (column->null_only)
            lt_json_set_bool(&w, "null_only", true);
        lt_json_end(&w);
    }
    lt_json_end(&w);
}

void lt_schema_record(const lt_schema *schema, lt_arena *arena, lt_type *out)
{
    *out = (lt_type){.kind = LT_TYPE_STRUCT};
    for (size_t i = 0; i < schema->columns.len; i++) {
        const lt_schema_column *column = &schema->columns.items[i];
        lt_field *field = lt_type_add_field(arena, out, column->key, (lt_text){0});
        (void)lt_type_merge(arena, &field->type, &column->type);
    }
}

lt_schema_column *lt_schema_find(const lt_schema *schema, lt_text name)
{
    for (size_t i = 0; i < schema->columns.len; i++)
        if (lt_text_eq(schema->columns.items[i].name, name))
            return &schema->columns.items[i];
    return NULL;
}

lt_schema_column *lt_schema_find_key(const lt_schema *schema, lt_text key)
{
    for (size_t i = 0; i < schema->columns.len; i++)
        if (lt_text_eq(schema->columns.items[i].key, key))
            return &schema->columns.items[i];
    return NULL;
}

/* ---- planning ---- */

/* With frozen types: may values of type `found` come into a column of type `known` without changing it? */
static bool fits(lt_arena *arena, const lt_type *known, const lt_type *found)
{
    lt_type merged = {0};
    (void)lt_type_merge(arena, &merged, known);
    if (lt_type_merge(arena, &merged, found))
        return false;
    bool wording =
        known->kind == LT_TYPE_TEXT && found->kind != LT_TYPE_TEXT; /* text takes anything */
    bool texts = found->kind == LT_TYPE_NULL || found->kind == LT_TYPE_DATE ||
                 found->kind == LT_TYPE_TIMESTAMP || found->kind == LT_TYPE_TIMESTAMPTZ;
    return !wording || texts;
}

static lt_status type_moved(const lt_schema_column *column, const lt_type *found, lt_err *err)
{
    LT_AUTO(lt_buf) old = {.limit = LT_MIB};
    LT_AUTO(lt_buf) new = {.limit = LT_MIB};
    lt_type_write(&column->type, &old);
    lt_type_write(found, &new);
    lt_ignore(lt_fail(err, LT_FAILED,
                      "the column '%.*s' is %s and now holds %s, and the contract freezes types",
                      LT_ARG(column->name), lt_buf_chars(&old), lt_buf_chars(&new)));
    return lt_hint(
        err, "set contract: {types: evolve} to widen it, or discard to make such values null");
}

static lt_status meet_known(lt_schema_column *column, const lt_field *field, lt_conf_rule rule,
                            lt_arena *arena, lt_err *err)
{
    column->found = field->type;
    column->non_null = field->non_null;
    column->present = field->type.kind != LT_TYPE_NULL;
    if (column->null_only && column->present) {
        column->null_only = false;
        (void)lt_type_merge(arena, &column->type, &field->type);
        return LT_OK;
    }
    if (rule == LT_CONF_EVOLVE || fits(arena, &column->type, &field->type)) {
        (void)lt_type_merge(arena, &column->type, &field->type);
        return LT_OK;
    }
    if (rule == LT_CONF_FREEZE)
        return type_moved(column, &field->type, err);
    column->to_null = true;
    return LT_OK;
}

static lt_status meet_new(lt_schema *after, const lt_field *field, lt_conf_rule rule,
                          lt_texts *taken, lt_arena *arena, lt_err *err)
{
    if (rule == LT_CONF_DISCARD) {
        lt_push_in(arena, &after->left_out, lt_arena_text(arena, field->key));
        after->left_out_values += field->non_null;
        return LT_OK;
    }
    if (rule == LT_CONF_FREEZE) {
        lt_ignore(lt_fail(err, LT_FAILED,
                          "the column '%.*s' is new, and the contract freezes columns",
                          LT_ARG(field->key)));
        return lt_hint(err,
                       "set contract: {columns: evolve} to add it, or discard to leave it out");
    }
    lt_schema_column column = {.key = lt_arena_text(arena, field->key),
                               .is_new = true,
                               .found = field->type,
                               .non_null = field->non_null,
                               .present = field->type.kind != LT_TYPE_NULL,
                               .null_only = field->type.kind == LT_TYPE_NULL};
    column.name = lt_name_choose(arena, field->key, taken);
    (void)lt_type_merge(arena, &column.type, &field->type);
    lt_push_in(arena, taken, column.name);
    lt_push_in(arena, &after->columns, column);
    return LT_OK;
}

lt_status lt_schema_plan(const lt_schema *before, const lt_type *found,
                         const lt_conf_contract *contract, lt_arena *arena, lt_schema *after,
                         lt_err *err)
{
    lt_schema plan = {0};
    lt_texts taken = {0};
    for (size_t i = 0; i < before->columns.len; i++) {
        lt_schema_column column = {.key = before->columns.items[i].key,
                                   .name = before->columns.items[i].name,
                                   .null_only = before->columns.items[i].null_only};
        (void)lt_type_merge(arena, &column.type, &before->columns.items[i].type);
        lt_push_in(arena, &taken, column.name);
        lt_push_in(arena, &plan.columns, column);
    }
    /* The first extract sets what is frozen afterwards. */
    lt_conf_rule columns = before->columns.len > 0 ? contract->columns : LT_CONF_EVOLVE;
    for (size_t i = 0; i < found->fields.len; i++) {
        const lt_field *field = found->fields.items[i];
        lt_schema_column *known = lt_schema_find_key(&plan, field->key);
        if (known)
            LT_TRY(meet_known(known, field, contract->types, arena, err));
        else
            LT_TRY(meet_new(&plan, field, columns, &taken, arena, err));
    }
    *after = plan;
    return LT_OK;
}
