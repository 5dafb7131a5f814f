/* embed.h - the text files that are compiled into the program: sql/, macros/, templates/ and ui/ of the source tree.
 *
 * The build writes their bytes into a C file (tools/embed); nothing is read from disk at run time.
 * Threads: everything here is constant; any number may read. */
#pragma once
#include <stddef.h>

/* One file. All of it lives as long as the program. */
typedef struct lt_embedded {
    const char *path;          /* from the source tree's root: "sql/duckdb/columns.sql" */
    const unsigned char *data; /* `len` bytes, then one NUL that is not counted */
    size_t len;
} lt_embedded;

/* The file at `path`, or NULL. */
const lt_embedded *lt_embedded_find(const char *path);

/* The file number `i`, in byte order of the paths; NULL after the last. To list a folder: walk and compare prefixes. */
const lt_embedded *lt_embedded_at(size_t i);
