/* version.h - which leat this is: LT_VERSION ("0.1.0") and LT_COMMIT (12 hex digits of the git commit, or "unknown").
 *
 * LT_COMMIT is written when the build is configured, and again after each commit; so include this only where it is printed. */
#pragma once
#include "lt_commit.h"

#ifndef LT_VERSION
#error "LT_VERSION comes from CMakeLists.txt"
#endif
