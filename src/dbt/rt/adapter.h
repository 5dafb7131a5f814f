/* adapter.h - the adapter object's methods: what they are, and what the files that have them share. Inner to dbt/rt/. */
#pragma once
#include "dbt/rt/inner.h"

/* What dbt gives when a project is only parsed. */
typedef enum stub { STUB_REAL, STUB_NONE, STUB_LIST, STUB_FALSE, STUB_PAIR, STUB_TABLE } stub;

typedef struct lt_dbt_adapter_method {
    const char *name;
    lt_status (*run)(lt_dbt_exec *exec, lt_jinja_call *call, lt_jinja_value *out, lt_err *err);
    stub when_parsing;
} lt_dbt_adapter_method;

#define METHOD(name_)                                                                              \
    static lt_status name_(lt_dbt_exec *exec, lt_jinja_call *call, lt_jinja_value *out, lt_err *err)

/* Each ended by a NULL name, in the file of its name. */
extern const lt_dbt_adapter_method lt_dbt_adapter_statement_methods[],
    lt_dbt_adapter_relation_methods[], lt_dbt_adapter_column_methods[],
    lt_dbt_adapter_material_methods[], lt_dbt_adapter_constraint_methods[];

/* The columns that the macro get_columns_in_relation gives, a list. */
lt_status lt_dbt_adapter_columns(lt_dbt_exec *exec, lt_jinja_call *call, lt_jinja_value relation,
                                 lt_jinja_value *out, lt_err *err);
static inline lt_jinja_value lt_dbt_nothing(void) /* what a call for its effect prints */
{
    return lt_jinja_text(T(""));
}
