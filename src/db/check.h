/* check.h - is a SQLite file whole? */
#pragma once
#include "base/err.h"

/* Reads all of it, beside whoever works with it. With `mend`, indexes that do not fit their tables are made anew from these;
 * *mended: they were. LT_CONFLICT: that is what is wrong, and it was not asked for. LT_IO: the file is damaged. */
LT_MUST_CHECK lt_status lt_db_check_file(const char *path, bool mend, bool *mended, lt_err *err);
