/* The fuzzer's corpus runs here too, so that what it once found stays fixed. */
static int jinja_fuzz_once(const unsigned char *data, __SIZE_TYPE__ size);
#define LLVMFuzzerTestOneInput jinja_fuzz_once
#include "fuzz/jinja_fuzz.c"

#include "base/fs.h"
#include "support/test.h"

Test(jinja_fuzz, corpus_does_no_harm)
{
    lt_err err = {0};
    lt_path_list files = {0};
    const char *folder = LT_SOURCE_DIR "/tests/fuzz/corpus/jinja";
    CHECK_OK(lt_files_below(folder, "", 10000, &files, &err), err);
    CHECK(files.len > 20);
    for (size_t i = 0; i < files.len; i++) {
        LT_AUTO(lt_buf) bytes = {0};
        LT_AUTO(lt_chars) path = lt_path_join(folder, files.items[i]);
        CHECK_OK(lt_file_read(path, &bytes, &err), err);
        CHECK_INT(jinja_fuzz_once((const unsigned char *)bytes.data, bytes.len), 0);
    }
    lt_path_list_cleanup(&files);
}
