/* arrow_build.h - making Arrow schemas and arrays whose memory is ours. For back ends. */
#pragma once
#include "engine/arrow.h"

/* A field with room for `children` (zeroed, to be made likewise). `name` and `format` are copied; `extension` (may be NULL) is
 * its ARROW:extension:name. Release with schema->release(schema). */
void lt_arrow_field(struct ArrowSchema *out, const char *format, lt_text name,
                    const char *extension, size_t children);

/* An array of `rows` with `buffers` (all NULL) and zeroed children. Its release frees each buffer with lt_free(). */
void lt_arrow_array(struct ArrowArray *out, size_t rows, size_t buffers, size_t children);
/* Memory of lt_xmalloc() as buffer number `i`, owned by the array from now on; NULL is none. */
void lt_arrow_give(struct ArrowArray *array, size_t i, void *buffer);
