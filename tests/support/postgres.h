/* postgres.h - a PostgreSQL 15 for tests: one for each run of the test program, on a unix socket in a temporary folder.
 *
 * tests/support/postgres.sh starts it, and stops it when this process is gone, however it ended. */
#pragma once

/* The URL of the server, started by the first call. Skips the test when PostgreSQL is not installed. Borrowed. */
const char *lt_test_postgres(void);

/* A second server of its own, to be killed: the URL is a heap string, and *dir its folder. End it with
 * lt_test_postgres_stop(dir), which frees nothing. */
char *lt_test_postgres_own(char **dir);
void lt_test_postgres_stop(const char *dir);
/* The pid of the server (postmaster) in `dir`. */
int lt_test_postgres_pid(const char *dir);
