/* cli/dbt/rows.h - rows that `leat dbt show` and `seed --show` show: a list of dicts, as lt_dbt_query_rows() gives it. */
#pragma once
#include "fmt/json.h"
#include "jinja/jinja.h"

/* With their types: numbers, booleans, null; moments are texts. */
void dbt_rows_json(lt_jinja_value rows, lt_json_writer *w);
/* "| id | name |", a rule, and a line for each row: numbers to the right. No newline at the end. */
void dbt_rows_table(lt_jinja_value rows, lt_buf *out);
