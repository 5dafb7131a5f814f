/* Models in Python from anybody: what is found in their text, without running it. */
#include "dbt/inner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) out = {.limit = LT_MIB};
    lt_ignore(
        lt_dbt_python_template("models/x.py", lt_text_at((const char *)data, size), &out, &err));
    return 0;
}
