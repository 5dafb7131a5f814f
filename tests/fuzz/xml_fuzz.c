/* Any bytes as XML: reading stays within its limits, and what was read can be written and read again. */
#include "fmt/xml.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) out = {0};
    lt_err err;
    lt_xml *root, *again;
    if (lt_xml_read(lt_text_at((const char *)data, size), NULL, &arena, &root, &err) != LT_OK)
        return 0;
    lt_xml_put(&out, root->name, root->text);
    if (lt_xml_read(lt_buf_text(&out), NULL, &arena, &again, &err) != LT_OK ||
        !lt_text_eq(root->name, again->name) || !lt_text_eq(root->text, again->text))
        abort();
    return 0;
}
