/* files.h - small files for tests. */
#pragma once
#include "base/base.h"

/* Write `folder`/`path`, making the folders on the way; a failure fails the test. */
void lt_test_write(const char *folder, const char *path, const char *content);
