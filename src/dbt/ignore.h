/* ignore.h - .dbtignore: which files of a project are left out, in the words of .gitignore (https://git-scm.com/docs/gitignore). */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"

/* Read ROOT/.dbtignore into patterns; none when there is no such file. */
LT_MUST_CHECK lt_status lt_dbt_ignore_read(const char *root, lt_arena *arena, lt_texts *out,
                                           lt_err *err);
/* `path` is relative to the root; the last pattern that fits decides. A file below a folder that is left out is, too. */
bool lt_dbt_ignores(const lt_texts *patterns, lt_text path);
