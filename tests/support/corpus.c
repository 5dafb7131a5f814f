/* Feeds the committed inputs of a fuzzer to its entry point. */
#include "support/corpus.h"

#include "base/buf.h"
#include "base/fs.h"

#include <string.h>

enum { MOST_FILES = 100000 };

/* In memory of exactly its size, so that AddressSanitizer sees the first byte read behind it. */
static void feed(const char *path, lt_fuzz_entry *entry)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) content = {.limit = 16 * LT_MIB};
    CHECK_OK(lt_file_read(path, &content, &err), err);
    uint8_t *exact = lt_xmalloc(content.len ? content.len : 1);
    if (content.len)
        memcpy(exact, content.data, content.len);
    (void)entry(exact, content.len);
    lt_free(exact);
}

void lt_test_corpus(const char *name, lt_fuzz_entry *entry)
{
    lt_err err = {0};
    LT_AUTO(lt_path_list) files = {0};
    LT_AUTO(lt_chars) folder = lt_format("%s/tests/fuzz/corpus/%s", LT_SOURCE_DIR, name);
    CHECK_OK(lt_files_below(folder, "", MOST_FILES, &files, &err), err);
    CHECK(files.len > 0);
    for (size_t i = 0; i < files.len; i++) {
        LT_AUTO(lt_chars) path = lt_format("%s/%s", folder, files.items[i]);
        feed(path, entry);
    }
}
