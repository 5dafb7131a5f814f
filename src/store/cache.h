/* cache.h - contents as files on this machine, for engines that read paths: <folder>/<sha256>, made once, bounded. */
#pragma once
#include "store/store_ops.h"

/* Paths for the files of a view, in its order. Where paths[i] is not empty it is left as it is. */
LT_MUST_CHECK lt_status lt_cache_files(lt_store *store, lt_text bucket, const lt_data_files *files,
                                       const char *folder, lt_arena *arena, lt_text *paths,
                                       lt_err *err);
