/* adapter_kinds.h - what the adapters' own files share. Inner to dbt/rt/. */
#pragma once
#include "dbt/rt/inner.h"

/* adapter.parse_index(): an object with columns, unique, type and render(relation). */
lt_status lt_dbt_parse_index(lt_jinja_call *call, lt_jinja_value *out, lt_err *err);
void lt_dbt_rt_md5(lt_text text, char out[33]);
