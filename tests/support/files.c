/* Small files for tests. */
#include "support/files.h"
#include "base/buf.h"
#include "base/fs.h"
#include "support/test.h"

void lt_test_write(const char *folder, const char *path, const char *content)
{
    lt_err err = {0};
    LT_AUTO(lt_chars) full = lt_path_join(folder, path);
    LT_AUTO(lt_chars) parent = lt_xstrndup(full, (size_t)(strrchr(full, '/') - full));
    CHECK_OK(lt_folder_make(parent, 0750, &err), err);
    CHECK_OK(lt_file_write(full, lt_text_of(content), 0640, &err), err);
}
