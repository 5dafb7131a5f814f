/* Arrow schemas and arrays on our heap. */
#include "engine/arrow_build.h"

static void free_schema(struct ArrowSchema *schema)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (schema->children[i]->release)
            schema->children[i]->release(schema->children[i]);
        lt_free(schema->children[i]);
    }
    lt_free(schema->children);
    lt_free(schema->private_data); /* format, name and metadata are parts of it */
    schema->release = NULL;
}

static char *put_counted(char *at, const char *text)
{
    int32_t len = (int32_t)strlen(text);
    memcpy(at, &len, sizeof(len));
    memcpy(at + sizeof(len), text, (size_t)len);
    return at + sizeof(len) + len;
}

/* The metadata layout of the C data interface: a count, then keys and values with their lengths, in native order. */
static void put_extension(char *at, const char *extension)
{
    int32_t count = 2;
    memcpy(at, &count, sizeof(count));
    at = put_counted(at + sizeof(count), "ARROW:extension:name");
    at = put_counted(at, extension);
    at = put_counted(at, "ARROW:extension:metadata");
    (void)put_counted(at, "");
}

void lt_arrow_field(struct ArrowSchema *out, const char *format, lt_text name,
                    const char *extension, size_t children)
{
    enum { METADATA_REST = 128 }; /* keys, counts */
    size_t format_len = strlen(format) + 1;
    size_t metadata_len = extension ? strlen(extension) + METADATA_REST : 0;
    char *memory = lt_xcalloc(1, metadata_len + format_len + name.len + 1);
    char *format_at = memory + metadata_len, *name_at = format_at + format_len;
    if (extension)
        put_extension(memory, extension);
    memcpy(format_at, format, format_len);
    if (name.len)
        memcpy(name_at, name.ptr, name.len);
    *out = (struct ArrowSchema){.format = format_at,
                                .name = name_at,
                                .metadata = extension ? memory : NULL,
                                .flags = ARROW_FLAG_NULLABLE,
                                .n_children = (int64_t)children,
                                .release = free_schema,
                                .private_data = memory};
    if (!children)
        return;
    out->children = lt_xcalloc(children, sizeof(*out->children));
    for (size_t i = 0; i < children; i++)
        out->children[i] = lt_xcalloc(1, sizeof(**out->children));
}

static void free_array(struct ArrowArray *array)
{
    void **buffers = array->private_data;
    for (int64_t i = 0; i < array->n_children; i++) {
        if (array->children[i]->release)
            array->children[i]->release(array->children[i]);
        lt_free(array->children[i]);
    }
    for (int64_t i = 0; i < array->n_buffers; i++)
        lt_free(buffers[i]);
    lt_free(array->children);
    lt_free(buffers);
    array->release = NULL;
}

void lt_arrow_array(struct ArrowArray *out, size_t rows, size_t buffers, size_t children)
{
    const void **list = lt_xcalloc(buffers + 1, sizeof(*list));
    *out = (struct ArrowArray){.length = (int64_t)rows,
                               .n_buffers = (int64_t)buffers,
                               .n_children = (int64_t)children,
                               .buffers = list,
                               .release = free_array,
                               .private_data = list};
    if (!children)
        return;
    out->children = lt_xcalloc(children, sizeof(*out->children));
    for (size_t i = 0; i < children; i++)
        out->children[i] = lt_xcalloc(1, sizeof(**out->children));
}

void lt_arrow_give(struct ArrowArray *array, size_t i, void *buffer)
{
    array->buffers[i] = buffer;
}
