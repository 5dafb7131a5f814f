/* api_server.h - the real api-server as a child of the test, on a free port, serving a small table made for it. */
#pragma once
#include "support/test.h"

#include <sys/types.h>

typedef struct lt_test_api {
    pid_t pid;
    char url[64]; /* "http://127.0.0.1:34567" */
} lt_test_api;

/* Serve `file` as table `name` with further options (ends with NULL). Ends with the program if nobody stops it. */
lt_test_api lt_test_api_start(const char *name, const char *file, const char *const *options);
void lt_test_api_stop(
    lt_test_api *api); /* SIGTERM, and waits; fails the test unless it ended well */

/* A CSV file in `folder` with columns name,amount,day and `rows` rows ("n1",1.5,2026-01-01 ...). A heap path. */
char *lt_test_csv(const char *folder, int rows);
/* POST `path_and_query` ("/admin/faults?add=429:0.1"). */
void lt_test_api_post(const lt_test_api *api, const char *method, const char *path_and_query);
