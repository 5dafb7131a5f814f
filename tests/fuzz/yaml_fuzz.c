/* Fuzz: any bytes as YAML, in both dialects; what is read keeps the limits. */
#include "fmt/yaml.h"

#include <stdlib.h>

/* By recursion: the depth has a limit. */
static size_t count(const lt_yaml *node, uint32_t depth)
{
    size_t nodes = 1;
    if (depth > 20 || (node->kind == LT_YAML_SCALAR && !node->text.ptr))
        abort();
    for (size_t i = 0; i < node->count; i++)
        nodes += count(node->items[i], depth + 1) + (node->keys != NULL);
    return nodes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int yaml11 = 0; yaml11 < 2; yaml11++) {
        lt_err err = {0};
        LT_AUTO(lt_arena) arena = {0};
        lt_yaml *root;
        lt_yaml_options options = {.yaml11 = yaml11, .depth = 20, .node_limit = 2000};
        if (lt_yaml_read(lt_text_at((const char *)data, size), "f", &options, &arena, &root,
                         &err) == LT_OK &&
            (count(root, 1) != root->size || root->size > 2000))
            abort();
    }
    return 0;
}
